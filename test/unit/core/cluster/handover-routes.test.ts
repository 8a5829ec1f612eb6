import { afterEach, describe, expect, it, vi } from 'vitest'
import { Giving } from '../../../../src/core/cluster/giving.ts'
import { encodeHandover, type HandoverMessage } from '../../../../src/core/cluster/handover-messages.ts'
import { Handover } from '../../../../src/core/cluster/handover.ts'
import type { Replica } from '../../../../src/core/cluster/replica.ts'
import { Taking } from '../../../../src/core/cluster/taking.ts'
import { ownerOn, Parts } from './parts.ts'

const subject = { name: 'm', world: 7, hop: 1 }

/** A hand-over whose two sides only note what reaches them. */
class Desk extends Parts {
  readonly called: string[] = []
  readonly busy: Record<'giving' | 'taking', boolean> = { giving: false, taking: false }
  awaits = false
  readonly handover: Handover

  constructor() {
    super({ handoverBeatMs: 50 })
    const nameOf = (given: unknown): string =>
      typeof given === 'number'
        ? `${given}`
        : typeof given === 'string'
          ? given
          : (given as { name: string }).name
    const note =
      (name: string) =>
      (...given: unknown[]): void =>
        void this.called.push([name, ...given.map(nameOf)].join(' '))
    for (const method of [
      'begin',
      'beat',
      'ready',
      'declined',
      'settled',
      'broken',
      'gone',
      'advanced',
      'ended',
      'sweep',
      'taken',
    ] as const)
      vi.spyOn(Giving.prototype, method).mockImplementation(note(`giving.${method}`))
    for (const method of ['beat', 'offered', 'yielded', 'broken', 'gone', 'advanced', 'ended'] as const)
      vi.spyOn(Taking.prototype, method).mockImplementation(note(`taking.${method}`))
    vi.spyOn(Giving.prototype, 'astray').mockImplementation((node) => node === 3)
    vi.spyOn(Taking.prototype, 'await').mockImplementation(() => this.awaits)
    vi.spyOn(Giving.prototype, 'isBusy', 'get').mockImplementation(() => this.busy.giving)
    vi.spyOn(Taking.prototype, 'isBusy', 'get').mockImplementation(() => this.busy.taking)
    vi.spyOn(Giving.prototype, 'passedTo').mockImplementation(() => 4)
    vi.spyOn(Giving.prototype, 'heirOf').mockImplementation((_, asker) => asker + 1)
    vi.spyOn(Giving.prototype, 'retired').mockImplementation((name, node) => ({ name, node }) as never)
    vi.spyOn(Giving.prototype, 'progress', 'get').mockImplementation(() => ({
      waiting: 1,
      moving: 2,
      staying: 3,
    }))
    vi.spyOn(Taking.prototype, 'isTaking').mockImplementation((name) => name === 'm')
    const { limits, stats, timers } = this
    this.handover = new Handover({ limits, stats, timers } as never)
  }

  hear(message: HandoverMessage): string[] {
    this.handover.message(5, encodeHandover(message), this.now)
    return this.heard()
  }

  heard(): string[] {
    return this.called.splice(0)
  }
}

afterEach(() => vi.restoreAllMocks())

describe('A hand-over', () => {
  it('hears each message on the side that it is for', () => {
    const desk = new Desk()
    const state = ownerOn(desk).state(0)
    expect(desk.hear({ type: 'offer', ...subject, head: 0, holders: [], kind: '', metadata: '{}' })).toEqual([
      'taking.offered 5 m 1000',
    ])
    const lists = { holders: [], branches: [], places: [] }
    const given = { last: 0, kind: '', metadata: '{}', business: null, state, ...lists }
    expect(desk.hear({ type: 'yield', ...subject, ...given })).toEqual(['taking.yielded 5 m 1000'])
    expect(desk.hear({ type: 'ready', ...subject })).toEqual(['giving.ready 5 m 1000'])
    expect(desk.hear({ type: 'declined', ...subject })).toEqual(['giving.declined 5 m 1000'])
    expect(desk.hear({ type: 'settled', name: 'm' })).toEqual(['giving.settled 5 m'])
    desk.handover.message(5, Uint8Array.of(1, 2), desk.now)
    expect([desk.heard(), desk.stats.strangers]).toEqual([[], 1])
  })

  it('is not even read where a message has more bytes than one may have', () => {
    const desk = new Desk()
    const offer = (length: number): HandoverMessage => ({
      type: 'offer',
      ...subject,
      head: 0,
      holders: [],
      kind: '',
      metadata: 'x'.repeat(length),
    })
    const { handoverBytes: most } = desk.limits
    const fits = most - (encodeHandover(offer(most)).length - most)
    expect(desk.hear(offer(fits))).toHaveLength(1)
    expect([desk.hear(offer(fits + 1)), desk.stats.strangers]).toEqual([[], 1])
  })

  it('tells both sides of links, nodes and replicas', () => {
    const desk = new Desk()
    const replica = { name: 'm' } as Replica
    desk.handover.broken(5, desk.now)
    desk.handover.gone(5)
    desk.handover.advanced(replica, desk.now)
    desk.handover.ended(replica)
    desk.handover.sweep(desk.now)
    expect(desk.heard()).toEqual([
      'giving.broken 5',
      'taking.broken 5',
      'giving.gone 5',
      'taking.gone 5',
      'giving.advanced m',
      'taking.advanced m 1000',
      'giving.ended m',
      'taking.ended m',
      'giving.sweep 1000',
    ])
  })

  it('knows of a meeting what either side knows', () => {
    const desk = new Desk()
    const { handover } = desk
    expect([
      handover.passedTo('m'),
      handover.heirOf('m', 7),
      handover.isTaking('m'),
      handover.isTaking('n'),
    ]).toEqual([4, 8, true, false])
    expect([handover.astray(3, {} as never), handover.astray(4, {} as never)]).toEqual([true, false])
    desk.awaits = true
    expect(handover.astray(4, {} as never)).toBe(true)
    expect([handover.retired('m', 4), handover.progress]).toEqual([
      { name: 'm', node: 4 },
      { waiting: 1, moving: 2, staying: 3 },
    ])
  })

  it('looks again at both sides as long as one of them is busy', () => {
    const desk = new Desk()
    desk.handover.begin(desk.now)
    expect([desk.heard(), desk.timers.size]).toEqual([['giving.begin 1000'], 0])
    for (const side of ['giving', 'taking'] as const) {
      desk.busy[side] = true
      desk.handover.broken(5, desk.now)
      expect(desk.timers.next).toBe(desk.now + 50)
      desk.heard()
      desk.now += 20
      desk.handover.begin(desk.now)
      desk.hear({ type: 'ready', ...subject })
      // It is not put off.
      expect(desk.timers.next).toBe(desk.now + 30)
      desk.now += 30
      desk.timers.run(desk.now)
      expect([desk.heard(), desk.timers.next]).toEqual([
        [`giving.beat ${desk.now}`, `taking.beat ${desk.now}`],
        desk.now + 50,
      ])
      desk.busy[side] = false
      desk.now += 50
      desk.timers.run(desk.now)
      expect(desk.timers.size).toBe(0)
    }
    desk.busy.taking = true
    desk.hear({ type: 'ready', ...subject })
    expect(desk.timers.size).toBe(1)
  })
})
