import { describe, expect, it } from 'vitest'
import { Balance } from '../../../src/core/balance.ts'
import type { Limits } from '../../../src/core/ground/config.ts'
import type { Session } from '../../../src/core/session/session.ts'
import { Parts } from './cluster/parts.ts'

interface Line {
  readonly session: Session | null
}

/** A node with clients and two other nodes; whom it asks to move where is noted. */
class Desk extends Parts {
  readonly asked: string[] = []
  readonly lines: Line[] = []
  readonly silent: Set<number> = new Set()
  readonly peers: { incarnation: number; isDraining: boolean; load: { connections: number } | null }[]
  readonly connections = { draining: false, size: 0, all: () => this.lines }
  isReachable = true
  readonly balance: Balance

  /** `held`: the connections of the others, which are nodes 2, 3 and so on; null: it has not told. */
  constructor(own: number, held: readonly (number | null)[], limits: Partial<Limits> = {}) {
    super({ balanceMs: 1_000, balanceLeast: 10, balancePart: 0.05, movesPerSecond: 50, ...limits })
    this.peers = held.map((connections, at) => ({
      incarnation: 2 + at,
      isDraining: false,
      load: connections === null ? null : { connections },
    }))
    for (let n = 0; n < own; n++) this.enter({})
    const { timers, peers, silent } = this
    this.balance = new Balance({
      limits: this.limits,
      timers,
      connections: this.connections as never,
      requests: { of: (session: { readonly requests: number }) => session.requests } as never,
      cluster: { peers, isSilent: (node: number) => silent.has(node) } as never,
      moves: { ask: (session: { readonly name: string }, node: number) => this.#ask(session, node) } as never,
    })
    this.balance.begin(this.now)
  }

  #ask({ name }: { readonly name: string }, node: number): boolean {
    if (this.isReachable) this.asked.push(`${name} to ${node}`)
    return this.isReachable
  }

  enter(parts: object): void {
    const name = `c${this.lines.length}`
    const free = { name, seats: new Map(), requests: 0, upstream: { size: 0 }, log: { isOffered: true } }
    this.lines.push({ session: { ...free, ...parts } as never })
    this.connections.size = this.lines.length
  }

  /** A second passes. */
  pass(): string[] {
    this.now += 1_000
    this.timers.run(this.now)
    return this.asked.splice(0)
  }
}

describe('A node that has more connections than the others', () => {
  it('asks clients to move to the one with fewest, each second its share of half of what is missing there', () => {
    const desk = new Desk(100, [100, 10])
    const first = desk.pass()
    expect([first.length, first[0], first.at(-1)]).toEqual([15, 'c0 to 3', 'c14 to 3'])
    desk.lines.splice(0, 15)
    desk.connections.size = 85
    desk.peers.forEach(
      ({ load }, at) => ((load as { connections: number }).connections = [85, 40][at] as number),
    )
    expect(desk.pass().length).toBe(8)
  })

  it('leaves everybody where they are while it has hardly more than the mean, or fewer', () => {
    expect(new Desk(30, [14, 14]).pass().length).toBe(3)
    expect(new Desk(29, [15, 15]).pass()).toEqual([])
    expect(new Desk(1_050, [1_000, 1_000]).pass()).toEqual([])
    expect(new Desk(10, [1_000, 0]).pass()).toEqual([])
    expect(new Desk(1_000, []).pass()).toEqual([])
  })

  it('shares what is missing with the others that have more than the mean, and the first that has fewest gets it', () => {
    // The mean is 52, and 42 are missing: of two that have more, each sends half of its half.
    expect(new Desk(100, [96, 10, 2]).pass().length).toBe(13)
    // Those with the mean have none too many.
    expect(new Desk(100, [50, 0, 50]).pass().length).toBe(25)
    expect(new Desk(90, [10, 10, 10]).pass()[0]).toBe('c0 to 2')
  })

  it('asks no more in a second than may be moved', () => {
    const desk = new Desk(1_000, [0], { movesPerSecond: 7 })
    expect(desk.pass().length).toBe(7)
  })

  it('asks once, and only those whom no meeting keeps and who wait for nothing', () => {
    const desk = new Desk(0, [0])
    desk.lines.push({ session: null })
    desk.enter({ seats: new Map([[1, {}]]) })
    desk.enter({ requests: 1 })
    desk.enter({ upstream: { size: 1 } })
    desk.enter({ log: { isOffered: false } })
    for (let n = 0; n < 3; n++) desk.enter({})
    desk.connections.size = 100
    expect([desk.pass(), desk.pass()]).toEqual([['c5 to 2', 'c6 to 2', 'c7 to 2'], []])
  })

  it('counts only nodes that are heard, have told of their load, and do not drain', () => {
    const desk = new Desk(100, [0, null])
    desk.silent.add(2)
    expect(desk.pass()).toEqual([])
    desk.silent.clear()
    for (const peer of desk.peers) peer.isDraining = true
    expect(desk.pass()).toEqual([])
    for (const peer of desk.peers) peer.isDraining = false
    desk.isReachable = false
    expect(desk.pass()).toEqual([])
    desk.isReachable = true
    expect(desk.pass().length).toBe(25)
  })

  it('stops when it drains itself', () => {
    const desk = new Desk(100, [0])
    desk.connections.draining = true
    expect([desk.pass(), desk.timers.size]).toEqual([[], 0])
  })
})
