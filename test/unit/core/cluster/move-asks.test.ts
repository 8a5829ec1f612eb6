import { describe, expect, it } from 'vitest'
import { Moves } from '../../../../src/core/cluster/moves.ts'
import type { Limits, MoveOptions } from '../../../../src/core/ground/config.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import { SYSTEM_SLOT } from '../../../../src/protocol/limits.ts'
import { connect, disconnect, Parts } from './parts.ts'

/** Logs of meetings: those of this node, of node 2, and of node 3. */
const owners: Readonly<Record<number, number>> = { 1: 0, 21: 2, 22: 2, 31: 3, 32: 3, 33: 3 }

/** The moves of a node alone; whom it asks to move, and when, is noted. */
class Desk extends Parts {
  readonly asked: string[] = []
  readonly unreachable: Set<number> = new Set()
  isBroken = false
  /** What is drawn, of 256. */
  drawn = 0
  readonly moves: Moves
  /** How often it was looked where a session belongs. */
  looks = 0

  constructor(limits: Partial<Limits> = {}, moves: MoveOptions['moves'] | null = 'members') {
    super({ moveMs: 1_000, moveAgainMs: 20_000, moveTries: 3, ...limits })
    const entropy = (): Uint8Array => {
      if (this.isBroken) throw new Error('no entropy')
      return Uint8Array.of(this.drawn)
    }
    const cluster = { address: '', health: '', moves: moves ?? undefined }
    const config = { id: 'n', incarnation: 1, wallOffset: 0, entropy, limits: this.limits, cluster }
    this.moves = new Moves({
      config,
      timers: this.timers,
      stats: this.stats,
      tell: ({ user }, { url, moves: row }) => this.asked.push(`${this.now} ${user} ${url} ${row}`),
      ownerOf: (log) => {
        this.looks++
        return owners[log] ?? 0
      },
      urlOf: (_, node) => (this.unreachable.has(node) ? '' : `n${node}`),
    })
  }

  /** A session with seats in these meetings. */
  seated(user: string, logs: readonly number[], slot = 1): Session {
    const session = this.session(user)
    for (const log of logs) session.seats.set(log, { slot, detach: () => true } as never)
    this.moves.seated(session, this.now)
    return session
  }

  pass(ms: number): string[] {
    const end = this.now + ms
    while (this.timers.next <= end) {
      this.now = Math.max(this.now, this.timers.next)
      this.timers.run(this.now)
    }
    this.now = end
    return this.asked.splice(0)
  }

  get counts(): Record<string, number> {
    return Object.fromEntries(this.stats.moves)
  }
}

describe('A session whose meetings are on another node', () => {
  it('is asked to move there after a while, and more and more rarely, so many times', () => {
    const desk = new Desk()
    desk.seated('ann', [21])
    expect([desk.pass(999), desk.pass(1)]).toEqual([[], ['2000 ann n2 1']])
    expect(desk.pass(1_000_000)).toEqual(['22000 ann n2 2', '62000 ann n2 3'])
    expect([desk.counts, desk.timers.size]).toEqual([{ asked: 3 }, 0])
  })

  it('waits up to as long again, as chance will have it', () => {
    for (const [drawn, at] of [
      [128, 2_500],
      [255, 2_996],
    ] as const) {
      const desk = new Desk()
      desk.drawn = drawn
      desk.seated('ann', [21])
      expect(desk.pass(5_000).map((each) => Math.round(Number(each.split(' ')[0])))).toEqual([at])
    }
    const broken = new Desk()
    broken.isBroken = true
    broken.seated('ann', [21])
    expect(broken.pass(5_000)).toEqual(['2000 ann n2 1'])
  })

  it('goes where most of them are, and stays where as many are here', () => {
    const desk = new Desk()
    desk.seated('ann', [21, 31, 32])
    desk.seated('bob', [1, 21])
    desk.seated('cid', [1, 21, 22])
    desk.seated('dan', [21, 22, 31, 32])
    expect(desk.pass(1_000)).toEqual(['2000 ann n3 1', '2000 cid n2 1', '2000 dan n2 1'])
  })

  it('is looked at once, however many seats it takes meanwhile', () => {
    const desk = new Desk()
    const ann = desk.seated('ann', [21])
    desk.now += 600
    desk.moves.seated(ann, desk.now)
    expect(desk.pass(400)).toEqual(['2000 ann n2 1'])
    expect(desk.pass(1_000)).toEqual([])
    desk.moves.seated(ann, desk.now)
    expect(desk.pass(20_000)).toEqual(['22000 ann n2 2'])
  })

  it('is let alone when it has ended, lost its connection, or is where it belongs by then', () => {
    const desk = new Desk()
    const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((user) => desk.seated(user, [21])) as [
      Session,
      Session,
      Session,
    ]
    desk.moves.drop(ann)
    desk.moves.drop(ann)
    disconnect(bob)
    cid.seats.clear()
    expect([desk.pass(1_000), desk.timers.size]).toEqual([[], 0])
    connect(bob)
    desk.moves.seated(bob, desk.now)
    expect(desk.pass(1_000)).toEqual(['3000 bob n2 1'])
    // It begins anew after it was where it belongs.
    bob.seats.clear()
    desk.moves.seated(bob, desk.now)
    expect(desk.timers.size).toBe(0)
    bob.seats.set(31, { slot: 1 } as never)
    desk.moves.seated(bob, desk.now)
    expect(desk.pass(1_000)).toEqual(['4000 bob n3 1'])
  })

  it('is asked later where the other node cannot be reached, and that counts as no try', () => {
    const desk = new Desk()
    desk.unreachable.add(2)
    const ann = desk.seated('ann', [21])
    expect([desk.pass(1_000), desk.counts]).toEqual([[], {}])
    desk.unreachable.clear()
    expect([desk.pass(19_999), desk.pass(1)]).toEqual([[], ['22000 ann n2 1']])
    expect([desk.moves.ask(ann, 3), desk.moves.ask(ann, 3, 4), desk.asked]).toEqual([
      true,
      true,
      ['22000 ann n3 1', '22000 ann n3 4'],
    ])
    disconnect(ann)
    expect([desk.moves.ask(ann, 3), desk.asked.length]).toEqual([false, 2])
  })

  it('takes its turn where many are to move: so many a second', () => {
    const desk = new Desk({ movesPerSecond: 2 })
    for (const user of ['ann', 'bob', 'cid', 'dan']) desk.seated(user, [21])
    expect(desk.pass(1_000).map((each) => each.slice(5))).toEqual(['ann n2 1', 'bob n2 1'])
    expect([desk.pass(499), desk.pass(1), desk.pass(499), desk.pass(1)].map(({ length }) => length)).toEqual([
      0, 1, 0, 1,
    ])
  })

  it('is looked at twice until it is asked, however many are to move before it', () => {
    const desk = new Desk({ movesPerSecond: 10, moveTries: 1 })
    for (let n = 0; n < 1_000; n++) desk.seated(`u${n}`, [21])
    const { looks } = desk
    const asked = [1, 2, 3].map(() => desk.pass(10_000).length)
    // Those who have come first go first, as many a second as may.
    expect(asked).toEqual([100, 100, 100])
    expect(desk.pass(70_000)).toHaveLength(700)
    // Once when it may move, once when it is its turn, and once more when it has not moved.
    expect(desk.looks - looks).toBeLessThanOrEqual(3_000)
  })

  it('takes no turn where it cannot be told where to go', () => {
    const desk = new Desk({ movesPerSecond: 2, moveTries: 1 })
    desk.unreachable.add(3)
    for (let n = 0; n < 100; n++) desk.seated(`u${n}`, [31])
    desk.seated('ann', [21])
    expect(desk.pass(1_000)).toEqual(['2000 ann n2 1'])
    const { looks } = desk
    desk.pass(19_000)
    expect(desk.looks).toBe(looks)
    // And each later, where it can be.
    desk.unreachable.clear()
    expect(desk.pass(60_000)).toHaveLength(100)
  })
})

describe('A session that was moved here', () => {
  it('has arrived, where it belongs here', () => {
    const desk = new Desk()
    const ann = desk.session('ann')
    ann.moves = 2
    ann.seats.set(1, { slot: 1 } as never)
    desk.moves.seated(ann, desk.now)
    expect([desk.pass(999), desk.counts]).toEqual([[], {}])
    desk.pass(1)
    expect([desk.counts, ann.moves, desk.timers.size]).toEqual([{ arrived: 1 }, 0, 0])
    desk.moves.seated(ann, desk.now)
    desk.pass(5_000)
    expect(desk.counts).toEqual({ arrived: 1 })
  })

  it('was led astray, where it does not: it is asked later, as one that was asked so often', () => {
    const desk = new Desk()
    const ann = desk.session('ann')
    ann.moves = 2
    ann.seats.set(21, { slot: 1 } as never)
    desk.moves.seated(ann, desk.now)
    expect([desk.pass(1_000), desk.counts, ann.moves]).toEqual([[], { wrong: 1 }, 0])
    expect([desk.pass(39_999), desk.pass(1)]).toEqual([[], ['42000 ann n2 3']])
    expect([desk.pass(1_000_000), desk.counts]).toEqual([[], { wrong: 1, asked: 1 }])
  })
})

describe('Who is moved', () => {
  it('are members, or spectators as well, or nobody', () => {
    const movedBy = (moves: MoveOptions['moves'] | null): string[] => {
      const desk = new Desk({}, moves)
      desk.seated('ann', [21])
      desk.seated('eve', [21, 22], SYSTEM_SLOT)
      return desk.pass(1_000).map((each) => each.split(' ')[1] as string)
    }
    expect([movedBy('members'), movedBy('all'), movedBy(null)]).toEqual([['ann'], ['ann', 'eve'], []])
  })
})
