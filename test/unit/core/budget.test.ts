import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Budget, type Ringed } from '../../../src/core/ground/budget.ts'
import { bytes, Harness, text } from './harness.ts'

class FakeRing implements Ringed {
  bytes: number
  readonly #budget: Budget

  constructor(size: number, budget: Budget) {
    this.bytes = size
    this.#budget = budget
    budget.add(size)
  }

  trimTo(size: number): void {
    this.#budget.add(size - this.bytes)
    this.bytes = size
  }
}

describe('The budget of all logs', () => {
  it('cuts the largest rings to one size, and no other', () => {
    const budget = new Budget(100)
    const rings = [10, 50, 60].map((size) => new FakeRing(size, budget))
    budget.enforce(() => rings, 0)
    expect(rings.map((ring) => ring.bytes)).toEqual([10, 40, 40])
    expect(budget).toMatchObject({ used: 90, isFull: false, cuts: 2 })
  })

  it('leaves at most nine tenths where rings can make room, whatever their sizes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1_000), { maxLength: 30 }),
        fc.integer({ min: 1, max: 5_000 }),
        (sizes, limit) => {
          const budget = new Budget(limit)
          const rings = sizes.map((size) => new FakeRing(size, budget))
          budget.enforce(() => rings, 0)
          const sum = rings.reduce((total, ring) => total + ring.bytes, 0)
          expect(budget.used).toBeCloseTo(sum)
          const before = sizes.reduce((total, size) => total + size, 0)
          expect(sum).toBeCloseTo(before < limit ? before : Math.min(before, limit * 0.9))
          const cut = Math.max(0, ...rings.map((ring) => ring.bytes))
          for (const [at, ring] of rings.entries())
            expect(ring.bytes).toBeCloseTo(Math.min(sizes[at] as number, cut))
        },
      ),
    )
  })

  it('takes the removal of a key in any case: it makes room', () => {
    const h = new Harness({ logBytes: 20_000 })
    const publish = (key: string, tombstone: boolean): unknown =>
      h.node.publish('t', tombstone ? text('') : bytes(500), key, tombstone, h.now)
    let keys = 0
    for (let answer: unknown = 0; typeof answer === 'number'; keys++) {
      answer = publish(`k${keys}`, false)
      h.settle()
      h.advance(10)
    }
    expect(publish('unknown', true)).toBe('LIMIT')
    for (let key = 0; key < 10; key++) expect(publish(`k${key}`, true)).toEqual(expect.any(Number))
    h.advance(3_000)
    expect(publish('k0', false)).toEqual(expect.any(Number))
  })

  it('does not try again at once where rings could make no room', () => {
    const budget = new Budget(10)
    budget.add(20)
    let asked = 0
    const rings = (): Ringed[] => (asked++, [])
    for (const now of [0, 500, 999, 1_000]) budget.enforce(rings, now)
    expect(asked).toBe(2)
  })
})

describe('A node whose logs have too many bytes', () => {
  it('cuts the largest topic; its reader who stopped is told by a GAP', () => {
    const h = new Harness({ logBytes: 20_000 })
    h.node.defineTopics('*', { entries: 1_000, bytes: 1_000_000, ageMs: 1e9 })
    const slow = h.connect('ann', { window: 100 })
    h.listen(slow, 'large')
    h.publish('small', 'x')
    for (let n = 0; n < 40; n++) {
      h.node.publish('large', bytes(1_000), '', false, h.now)
      h.settle()
    }
    expect(h.node.logs.bytes).toBeLessThan(20_000)
    expect(h.node.logs.cuts).toBeGreaterThan(0)
    expect(h.node.topicHistory('small', 10)).toHaveLength(1)
    slow.take()
    slow.ack(slow.received)
    h.settle()
    expect(slow.takeOf('gap')).toMatchObject([{ reason: 'SLOW' }])
  })

  it('refuses what needs more room with LIMIT where rings cannot make any, until there is room', () => {
    const h = new Harness({ logBytes: 10_000 })
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    for (let n = 0; n < 12; n++) {
      h.node.publish('t', bytes(1_000), `k${n}`, false, h.now)
      h.settle()
    }
    expect(h.publish('t', 'x', 'another')).toBe('LIMIT')
    expect(h.publish('other', 'x')).toBe('LIMIT')
    expect(h.node.openMeeting('m', {}, h.now)).toBe('LIMIT')
    expect(h.node.stats.publicationsRefused.get('LIMIT')).toBeGreaterThan(0)
    const peer = h.connect('ann')
    peer.subscribe('new')
    h.settle()
    expect(peer.takeOf('failed')).toMatchObject([{ error: 'LIMIT' }])
    h.advance(3_700_000)
    expect(h.node.logs.bytes).toBe(0)
    expect(h.node.openMeeting('m', {}, h.now)).toMatchObject({ name: 'm' })
  })

  it('counts nothing any more once sessions, meetings and topics are gone', () => {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    const peer = h.connect('ann')
    h.seat(peer, 'm')
    h.listen(peer, 't')
    for (let n = 0; n < 20; n++) {
      h.publish('t', `value ${n}`, `k${n % 3}`)
      h.node.push('ann', 'p', text('x'.repeat(100)))
      h.advance(50)
    }
    expect(h.node.logs.bytes).toBeGreaterThan(2_000)
    peer.hangUp(true)
    h.node.closeMeeting('m')
    h.advance(3_700_000)
    expect(h.node).toMatchObject({ sessions: 0, topics: 0, meetingCount: 0 })
    expect(h.node.logs.bytes).toBe(0)
  })
})
