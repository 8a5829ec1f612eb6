import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Budget, Estate, type Payer } from '../../../src/core/ground/budget.ts'
import { bytes, framesOf, Harness, type Peer, publicationsOf, text } from './harness.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import { Purse } from './payers.ts'

function budgetOf(
  limit: number,
  sizes: readonly number[],
): { readonly budget: Budget; readonly payers: readonly Payer[] } {
  const payers: Payer[] = []
  const budget = new Budget(limit)
  for (const size of sizes) payers.push(new Purse(budget, size))
  for (const payer of payers) budget.enter(payer)
  return { budget, payers }
}

/** A payer that never gives up its last bytes. */
class Stingy extends Purse {
  readonly floor: number

  constructor(budget: Budget, floor: number) {
    super(budget)
    this.floor = floor
  }

  override shrinkTo(bytes: number): void {
    super.shrinkTo(Math.max(bytes, Math.min(this.held, this.floor)))
  }
}

/** A payer that nobody reads. */
class Idle extends Purse {
  override get isIdle(): boolean {
    return true
  }
}

/** The size to which the largest must be cut so that at most `target` is left: it is found by halving. */
function commonSize(payers: readonly { readonly held: number }[], target: number): number {
  let low = 0
  let high = Math.max(0, ...payers.map(({ held }) => held))
  for (let step = 0; step < 80; step++) {
    const middle = (low + high) / 2
    if (payers.reduce((sum, { held }) => sum + Math.min(held, middle), 0) <= target) low = middle
    else high = middle
  }
  return low
}

describe('The budget of a node', () => {
  it('cuts the largest payers to one size, and no other', () => {
    const { budget, payers } = budgetOf(100, [10, 50, 60])
    budget.enforce(0)
    expect(payers.map(({ held }) => held)).toEqual([10, 40, 40])
    expect(budget).toMatchObject({ used: 90, isFull: false, cuts: 2 })
  })

  it('looks for that size at 10,000 holders in each sweep; until then, an equal part may be held', () => {
    const sizes = Array.from({ length: 25_000 }, (_, n) => (n % 5 === 0 ? 60 : 10))
    // Nine tenths are 414,000, of which an equal part is 16.56, and the common size 42.8.
    const { budget, payers } = budgetOf(460_000, sizes)
    expect([budget.admits(15, 1.5), budget.admits(15, 1.6)]).toEqual([true, false])
    let sweeps = 0
    for (; budget.cuts === 0 && sweeps < 100; sweeps++) {
      budget.enforce(0)
      expect(budget.hasWork).toBe(true)
    }
    expect(sweeps).toBe(3)
    expect([budget.admits(32, 10.8), budget.admits(32, 10.9)]).toEqual([true, false])
    while (budget.hasWork) budget.enforce(0)
    expect(new Set(payers.map(({ held }) => held))).toEqual(new Set([10, 42.8]))
    expect(budget.used).toBeCloseTo(414_000)
  })

  it('leaves at most nine tenths, whatever the sizes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1_000), { maxLength: 30 }),
        fc.integer({ min: 1, max: 5_000 }),
        (sizes, limit) => {
          const { budget, payers } = budgetOf(limit, sizes)
          budget.enforce(0)
          const sum = payers.reduce((total, { held }) => total + held, 0)
          expect(budget.used).toBeCloseTo(sum)
          const before = sizes.reduce((total, size) => total + size, 0)
          expect(sum).toBeCloseTo(before < limit * 0.95 ? before : Math.min(before, limit * 0.9))
          const cut = Math.max(0, ...payers.map(({ held }) => held))
          for (const [at, { held }] of payers.entries())
            expect(held).toBeCloseTo(Math.min(sizes[at] as number, cut))
        },
      ),
    )
  })

  it('admits what one cut can make up for while there is room, and else what stays below the common size', () => {
    const empty = new Budget(100)
    expect([empty.admits(0, 110), empty.admits(0, 111)]).toEqual([true, false])
    const roomy = budgetOf(100, [10, 40]).budget
    expect([roomy.admits(40, 60), roomy.admits(40, 61), roomy.admits(0, 61)]).toEqual([true, false, false])

    const { budget, payers } = budgetOf(100, [10, 40, 49])
    expect(budget.admits(49, 11)).toBe(true)
    payers[0]?.hold(1)
    // 11 + 39.5 + 39.5 are nine tenths.
    expect([
      budget.admits(11, 28.5),
      budget.admits(11, 29),
      budget.admits(0, 39),
      budget.admits(39, 1),
    ]).toEqual([true, false, true, false])
    budget.enforce(0)
    expect([budget.admits(40, 20), budget.admits(40, 1_000)]).toEqual([true, false])
  })

  it('adds up what users, topics and meetings hold', () => {
    const budget = new Budget(1_000)
    const payers = [
      new Purse(budget, 1, 'user'),
      new Purse(budget, 20, 'topic'),
      new Purse(budget, 300, 'meeting'),
    ]
    expect(budget.holdings).toEqual({
      bytes: 321,
      of: { user: 1, topic: 20, meeting: 300 },
      limit: 1_000,
      cuts: 0,
      valuesDropped: 0,
    })
    for (const payer of payers) payer.hold(-payer.held)
    expect(budget).toMatchObject({ used: 0, holdings: { of: { user: 0, topic: 0, meeting: 0 } } })
  })

  it('cuts from 95 % of its limit on, and nobody who holds the common size already', () => {
    const below = budgetOf(100, [10, 40, 44])
    below.budget.enforce(0)
    expect(below.budget).toMatchObject({ used: 94, cuts: 0 })
    const { budget, payers } = budgetOf(100, [10, 40, 45])
    budget.enforce(0)
    expect(payers.map(({ held }) => held)).toEqual([10, 40, 40])
    expect(budget).toMatchObject({ used: 90, cuts: 1 })
  })

  it('does what its description says, whatever comes and goes', () => {
    const step = fc.record({
      what: fc.constantFrom('hold', 'hold', 'hold', 'give', 'admit', 'admit', 'enforce', 'wait'),
      who: fc.nat(4),
      bytes: fc.nat(60),
    })
    const floors = fc.array(fc.constantFrom(0, 0, 0, 10, 50), { minLength: 5, maxLength: 5 })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), floors, (steps, least) => {
        const payers: Stingy[] = []
        const budget = new Budget(200)
        for (const floor of least) payers.push(new Stingy(budget, floor))
        for (const payer of payers) budget.enter(payer)
        /** As the budget adds it up: in another order, the last digits differ. */
        const used = (): number => {
          expect(budget.used).toBeCloseTo(
            payers.reduce((sum, { held }) => sum + held, 0),
            6,
          )
          return budget.used
        }
        let now = 0
        let notBefore = 0
        let cuts = 0
        /** The common size, as it was when it was needed first since the node was last below 95 %. */
        let share: number | null = null
        for (const { what, who, bytes } of steps) {
          const payer = payers[who] as Stingy
          if (what === 'hold') payer.hold(bytes)
          else if (what === 'give') payer.hold(-Math.min(bytes, payer.held))
          else if (what === 'wait') now += bytes * 30
          else if (what === 'admit') {
            if (used() >= 200) share ??= commonSize(payers, 180)
            const most =
              used() >= 200 ? (share ?? 0) : Math.max(180 / payers.length, payer.held + 220 - used())
            expect(budget.admits(payer.held, bytes)).toBe(payer.held + bytes <= most + 1e-9)
          } else {
            const before = payers.map(({ held }) => held)
            const usedBefore = used()
            budget.enforce(now)
            if (usedBefore < 190) share = null
            else if (now >= notBefore) {
              share = commonSize(
                before.map((held) => ({ held })),
                180,
              )
              const size = share
              before.forEach((held, at) => {
                const { held: left, floor } = payers[at] as Stingy
                expect(left).toBeCloseTo(held <= size ? held : Math.max(size, Math.min(held, floor)), 6)
                if (held > size) cuts++
              })
              if (used() < 190) share = null
              else notBefore = now + 1_000
            } else expect(payers.map(({ held }) => held)).toEqual(before)
          }
          expect([budget.used, budget.isFull, budget.cuts]).toEqual([used(), used() >= 200, cuts])
        }
      }),
      { numRuns: 200 },
    )
  })

  it('does not cut again at once where payers could give up nothing', () => {
    let asked = 0
    const budget = new Budget(10)
    class Miser extends Purse {
      override shrinkTo(): void {
        asked++
      }
    }
    const miser = new Miser(budget, 20)
    budget.enter(miser)
    expect(budget.deadline).toBeLessThan(0)
    for (const now of [0, 500, 999, 1_000]) budget.enforce(now)
    expect([asked, budget.deadline]).toEqual([2, 2_000])
    miser.hold(-11)
    expect(budget.deadline).toBe(Infinity)
  })
})

describe('An estate', () => {
  it('counts as one: many small payers leave the others what they have', () => {
    const budget = new Budget(1_000)
    const estate = new Estate()
    const many = Array.from({ length: 90 }, () => new Purse(budget, 10))
    const one = new Purse(budget, 100)
    for (const purse of many) budget.enter(purse, estate)
    budget.enter(one)
    expect([budget.admits(100, 700), estate.held, many[0]?.total, one.total]).toEqual([true, 900, 900, 100])
    one.hold(10)
    expect([budget.admits(110, 600), budget.admits(900, 1)]).toEqual([true, false])
    budget.enforce(0)
    expect(one.held).toBe(110)
    expect(estate.held).toBeCloseTo(790)
  })

  it('is gone with the last of its payers; one that leaves it takes along what it holds', () => {
    const budget = new Budget(100)
    const estate = new Estate()
    const [a, b] = [new Purse(budget, 60), new Purse(budget, 50)]
    budget.enter(a, estate)
    budget.enter(b, estate)
    budget.leave(a)
    budget.enter(a)
    expect([estate.held, estate.parts, a.total, b.total]).toEqual([50, 1, 60, 50])
    budget.leave(b)
    b.hold(-50)
    expect([estate.held, estate.parts]).toEqual([0, 0])
  })

  it('has one part of what is left, until the last of its payers has left it', () => {
    const budget = new Budget(100)
    const estate = new Estate()
    const [a, b] = [new Purse(budget), new Purse(budget)]
    budget.enter(new Purse(budget, 66))
    budget.enter(a, estate)
    budget.enter(b, estate)
    // An equal part of nine tenths; more than what is free, so no cut of one sweep can make up for it.
    const parts = (): boolean[] => [budget.admits(0, 45), budget.admits(0, 46), budget.admits(0, 90)]
    expect(parts()).toEqual([true, false, false])
    budget.leave(a)
    expect(parts()).toEqual([true, false, false])
    budget.leave(b)
    expect(parts()).toEqual([true, true, true])
  })

  it.each<[string, number, readonly number[]]>([
    ['nothing, where it holds no more', 210, [10, 40, 60, 50, 50]],
    ['what nobody reads, the oldest first, and of the last no more than has to be', 150, [10, 0, 60, 30, 50]],
    ['what others read as well, the largest to one size', 90, [10, 0, 40, 0, 40]],
    ['everything', 0, [0, 0, 0, 0, 0]],
  ])('gives up %s', (_, most, left) => {
    const budget = new Budget(1_000)
    const estate = new Estate()
    const payers = [
      new Purse(budget, 10),
      new Idle(budget, 40),
      new Purse(budget, 60),
      new Idle(budget, 50),
      new Purse(budget, 50),
    ]
    for (const payer of payers) budget.enter(payer, estate)
    estate.shrinkTo(most)
    expect(payers.map(({ held }) => held)).toEqual(left)
    expect(estate.held).toBe(left.reduce((sum, held) => sum + held, 0))
  })

  it('of more payers than are looked at in a sweep is cut all the same', () => {
    const budget = new Budget(1_000_000)
    const estate = new Estate()
    for (let n = 0; n < 12_000; n++) budget.enter(new Purse(budget, n < 6_000 ? 1 : 3), estate)
    estate.shrinkTo(18_000)
    expect(estate.held).toBe(18_000)
  })

  it('has its owner give something up where it holds most and nothing of it can be cut, as long as the node is full', () => {
    for (const [sizes, order] of [
      [[60, 50], ['0']],
      [[50, 60], ['1']],
      // Not full any more.
      [[50, 46], []],
    ] as const) {
      const budget = new Budget(100)
      const asked: string[] = []
      for (const [at, size] of sizes.entries()) {
        const estate = new Estate()
        const purse = new Stingy(budget, size)
        purse.hold(size)
        budget.enter(purse, estate)
        estate.owner = { giveUp: (now) => void asked.push(`${at}${now === 7 ? '' : '!'}`) }
      }
      budget.enforce(7)
      expect(asked).toEqual(order)
    }
  })

  it('without a session of its user gives up nothing that cannot be cut', () => {
    const budget = new Budget(100)
    const [estate, purse] = [new Estate(), new Stingy(budget, 120)]
    purse.hold(120)
    budget.enter(purse, estate)
    budget.enforce(0)
    expect([estate.held, budget.deadline]).toEqual([120, 1_000])
  })

  it('of very many payers is cut in one sweep, those behind it in the next ones', () => {
    const budget = new Budget(10_000)
    const estates = Array.from({ length: 3 }, () => new Estate())
    for (const estate of estates) for (let n = 0; n < 4_000; n++) budget.enter(new Purse(budget, 1), estate)
    const cut = (): number => estates.filter(({ held }) => held === 3_000).length
    const seen = Array.from({ length: 4 }, () => {
      budget.enforce(0)
      return [cut(), budget.hasWork]
    })
    expect(seen).toEqual([
      [1, true],
      [2, true],
      [3, false],
      [3, false],
    ])
  })
})

/** A full node in which each of ten users has made very many topics. */
function full(): { readonly h: Harness; readonly peers: readonly Peer[] } {
  const h = new Harness({ logBytes: 1_000_000 })
  for (let n = 0; n < 20; n++) h.publish('news', 'x'.repeat(1_000))
  const peers = Array.from({ length: 10 }, (_, n) => h.connect(`u${n}`))
  for (let n = 0; n < 200; n++) {
    for (const [at, peer] of peers.entries()) peer.publish(`t.${at}.${100 + n}`, text('x'))
    h.settle()
  }
  return { h, peers }
}

describe('A user who makes very many topics', () => {
  it('takes from nobody else, however small each of them is: not the history, not the way in', () => {
    const { h } = full()
    expect(h.node.logs.cuts).toBeGreaterThan(0)
    expect(h.node.logs.bytes).toBeLessThanOrEqual(1_000_000)
    expect(h.node.topicHistory('news', 100)).toHaveLength(20)
    const honest = h.connect('honest')
    h.listen(honest, 'mine')
    for (let n = 0; n < 20; n++) {
      honest.publish(`mine.${n}`, text('x'))
      h.settle()
      h.advance(100)
    }
    expect(honest.takeOf('done')).toHaveLength(20)
  })

  it('loses those first that nobody reads, the oldest first, and may make them anew', () => {
    const { h, peers } = full()
    expect([h.node.topic('t.0.100'), h.node.topic('t.0.299')?.name]).toEqual([undefined, 't.0.299'])
    const [peer] = peers as [Peer]
    h.listen(peer, 't.0.299')
    for (let n = 0; n < 400; n++) {
      peer.publish(`again.${n}`, text('x'))
      h.settle()
    }
    expect(h.node.topic('t.0.299')?.subscribers).toBe(1)
    for (const each of peers) each.hangUp(true)
    h.advance(4_000_000)
    expect([h.node.topics, h.node.logs.bytes]).toEqual([0, 0])
    const again = h.connect('u0')
    for (let n = 0; n < 100; n++) h.listen(again, `new.${n}`)
    expect(h.node.topics).toBe(100)
  })

  it('takes nothing from those who read or publish to one of them', () => {
    const { h, peers } = full()
    const [squatter] = peers as [Peer]
    const bob = h.connect('bob')
    squatter.publish('lobby', text('x'))
    h.settle()
    h.listen(bob, 'lobby')
    for (let n = 0; n < 30; n++) {
      bob.publish('lobby', text('y'.repeat(500)))
      for (let more = 0; more < 10; more++) squatter.publish(`junk.${n}.${more}`, text('x'))
      h.advance(100)
      h.settle()
    }
    expect(bob.takeOf('done')).toHaveLength(30)
    expect(h.node.topicHistory('lobby', 100)).toHaveLength(31)
  })

  it('loses nothing of the others where somebody else fills some of them, on this node or on another', () => {
    for (const isHere of [true, false]) {
      const h = new Harness({ logBytes: 1_000_000 })
      const [ann, bob] = [h.connect('ann'), h.connect('bob')]
      for (let n = 0; n < 20; n++) ann.publish(`own.${n}`, text('x'), { key: 'k' })
      for (let n = 0; n < 20; n++) h.listen(ann, `chat.${n}`)
      const other = new Harness({}, { incarnation: 8 })
      for (let n = 0; n < 400; n++) {
        const [topic, key] = [`chat.${n % 20}`, `k${Math.floor(n / 20)}`]
        if (isHere) bob.publish(topic, text('x'.repeat(8_000)), { key })
        else other.publish(topic, 'x'.repeat(8_000), key)
        other.settle()
        for (const { bytes: packet } of other.bus.published.splice(0)) h.hear(topic, packet)
        h.settle()
        h.advance(10)
      }
      expect(h.node.logs.valuesDropped).toBeGreaterThan(0)
      expect(h.node.logs.bytes).toBeLessThanOrEqual(1_000_000)
      const left = Array.from({ length: 20 }, (_, n) => h.node.topicLatest(`own.${n}`).length)
      expect(left).toEqual(left.map(() => 1))
    }
  })

  it('has nobody else lose what they publish to one of them, whoever fills the others', () => {
    const h = new Harness({ logBytes: 1_000_000 })
    const [eve, bob, ann] = [h.connect('eve'), h.connect('bob'), h.connect('ann')]
    for (let n = 0; n < 40; n++) h.listen(eve, `chat.${n}`)
    for (let n = 0; n < 40; n++) (n < 20 ? ann : bob).publish(`chat.${n}`, text('x'), { key: 'k' })
    h.settle()
    eve.hangUp(true)
    for (let n = 0; n < 400; n++) {
      const [topic, key] = [`chat.${20 + (n % 20)}`, `k${Math.floor(n / 20)}`]
      bob.publish(topic, text('x'.repeat(8_000)), { key })
      h.settle()
      h.advance(10)
    }
    expect(h.node.logs.valuesDropped).toBeGreaterThan(0)
    const left = Array.from({ length: 20 }, (_, n) => h.node.topicLatest(`chat.${n}`).length)
    expect(left).toEqual(left.map(() => 1))
  })

  it('has one share of a full node, whoever has made the topics and however often the user comes anew', () => {
    const h = new Harness({ logBytes: 1_000_000, heartbeatMs: 1e7 })
    const [eve, ann] = [h.connect('eve'), h.connect('ann')]
    for (let n = 0; n < 40; n++) h.listen(eve, `chat.${n}`)
    for (let n = 0; n < 20; n++) ann.publish(`own.${n}`, text('x'.repeat(8_000)), { key: 'k' })
    for (let n = 0; n < 40; n++) {
      const bob = h.connect('bob')
      for (let key = 0; key < 10; key++) bob.publish(`chat.${n}`, text('x'.repeat(8_000)), { key: `k${key}` })
      h.settle()
      bob.hangUp(true)
      // All rates are full again, and others come and go: whoever is away is forgotten, if nothing is there because of them.
      h.advance(60_000)
      for (let other = 0; other < 3; other++) h.connect(`other.${n}.${other}`).hangUp(true)
      h.settle()
    }
    expect(h.node.logs.valuesDropped).toBeGreaterThan(0)
    const left = Array.from({ length: 20 }, (_, n) => h.node.topicLatest(`own.${n}`).length)
    expect(left).toEqual(left.map(() => 1))
  })

  it('does not keep one to which the business publishes', () => {
    const h = new Harness({ topicsPerUser: 1 })
    const ann = h.connect('ann')
    h.listen(ann, 'news')
    h.publish('news', 'x')
    h.listen(ann, 'mine')
    ann.subscribe('another')
    h.settle()
    expect(ann.takeOf('failed')).toMatchObject([{ error: 'LIMIT' }])
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

  it('refuses with LIMIT what needs more room where it is full of what cannot be cut, until there is room', () => {
    const h = new Harness({ logBytes: 20 * weights.session })
    const peers = Array.from({ length: 20 }, (_, n) => h.connect(`u${n}`))
    expect(h.publish('t', 'x'.repeat(10_000))).toBe('LIMIT')
    expect(h.node.openMeeting('m', {}, h.now)).toBe('LIMIT')
    expect(h.node.stats.publicationsRefused.get('LIMIT')).toBeGreaterThan(0)
    peers[0]?.subscribe('new')
    h.settle()
    expect(peers[0]?.takeOf('failed')).toMatchObject([{ error: 'LIMIT' }])
    peers[1]?.request('r', text('x'.repeat(1_000)))
    h.settle()
    expect(peers[1]?.takeOf('failed')).toMatchObject([{ error: 'BUSY' }])
    const late = h.open()
    late.hello('late')
    h.settle()
    expect(late.takeOf('goodbye')).toMatchObject([{ code: 4455 }])
    expect(h.node.sessions).toBe(20)
    for (const peer of peers) peer.hangUp(true)
    h.settle()
    expect(h.node.logs.bytes).toBe(0)
    expect(h.node.openMeeting('m', {}, h.now)).toMatchObject({ name: 'm' })
  })

  it('takes the removal of a key in any case where it makes room', () => {
    const h = new Harness({ logBytes: 40 * weights.session })
    h.publish('t', 'x'.repeat(100), 'held')
    h.settle()
    for (let n = 0; h.node.logs.bytes < h.node.logs.limit; n++) h.connect(`u${n}`)
    const removal = (key: string): unknown => h.publish('t', '', key, true)
    for (let n = 0; n < 100; n++) removal(`unknown ${n}`)
    expect([removal('unknown'), h.publish('t', 'x'.repeat(3_000), 'held')]).toEqual(['LIMIT', 'LIMIT'])
    expect(removal('held')).toEqual(expect.any(Number))
  })

  it('is not outgrown by removals: they pay like values', () => {
    const h = new Harness({ logBytes: 200_000 })
    for (let n = 0; n < 20_000; n++) {
      h.node.publish('t', bytes(1_000), `k${n % 5_000}`, n >= 5_000, h.now)
      if (n % 10 === 0) h.settle()
    }
    h.settle()
    expect(h.node.logs.bytes).toBeLessThanOrEqual(200_000)
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
    h.node.closeMeeting('m', h.now)
    h.advance(3_700_000)
    expect(h.node).toMatchObject({ sessions: 0, topics: 0, meetingCount: 0 })
    expect(h.node.logs.bytes).toBe(0)
  })
})

/** An honest topic with some history and an honest meeting with some frames, both small. */
function honest(h: Harness): { readonly check: () => void } {
  h.node.openMeeting('battle', { frameRate: 20 }, h.now)
  const member = h.connect('honest')
  const { log } = h.seat(member, 'battle')
  for (let n = 1; n <= 10; n++) {
    h.publish('news', `item ${n}`)
    member.input(log, n, text(`move ${n}`))
    h.advance(50)
    member.ack(member.received)
  }
  const latest = h.publish('prices', '1', 'a')
  expect(latest).toEqual(expect.any(Number))
  h.settle()
  return {
    check: () => {
      expect(h.node.topicHistory('news', 100)).toHaveLength(10)
      expect(h.node.topicLatest('prices')).toHaveLength(1)
      const joiner = h.connect('joiner')
      joiner.join('battle', { spectator: true })
      joiner.subscribe('news', { history: 10 })
      h.settle()
      const taken = joiner.take()
      expect(framesOf(taken).filter(({ inputs }) => inputs.length > 0)).toHaveLength(10)
      expect(publicationsOf(taken)).toHaveLength(10)
      expect(taken.filter(({ type }) => type === 'gap' || type === 'failed')).toEqual([])
      expect(h.publish('news', 'one more')).toEqual(expect.any(Number))
      expect(h.publish('new.topic', 'x')).toEqual(expect.any(Number))
      expect(h.node.openMeeting('new.meeting', {}, h.now)).toMatchObject({ name: 'new.meeting' })
      h.settle()
    },
  }
}

describe('What a full node costs, its largest payer pays:', () => {
  const LIMIT = 1_000_000

  it('one writer of one topic with very many keys loses its own values, oldest change first', () => {
    const h = new Harness({ logBytes: LIMIT })
    const { check } = honest(h)
    const writer = h.connect('eve')
    for (let n = 0; n < 2_048; n++) {
      writer.publish('dump', bytes(1_000), { key: `k${n}`, call: 0 })
      h.settle()
      h.advance(1)
    }
    check()
    expect(h.node.logs.bytes).toBeLessThanOrEqual(LIMIT)
    const kept = h.node.topicLatest('dump').map(({ key }) => key)
    expect(kept.length).toBeGreaterThan(300)
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => `k${2_048 - kept.length + n}`))
    expect(h.node.logs.valuesDropped).toBe(2_048 - kept.length)
  })

  it('fifty users who read only, and acknowledge nothing, lose entries of their session logs', () => {
    const h = new Harness({ logBytes: LIMIT })
    const { check } = honest(h)
    const users = Array.from({ length: 50 }, (_, n) => h.connect(`u${n}`))
    for (let n = 0; n < 1_000; n++) {
      for (const user of users) {
        if (user.closed !== null) continue
        user.subscribe(`news.${'x'.repeat(200)}`)
        user.ack(user.received)
      }
      h.settle()
      h.advance(1)
    }
    check()
    expect(h.node.logs.bytes).toBeLessThanOrEqual(LIMIT)
    expect(h.node.logs.cuts).toBeGreaterThan(0)
  })
})
