import { describe, expect, it } from 'vitest'
import { Draining } from '../../../src/core/draining.ts'
import type { Limits } from '../../../src/core/ground/config.ts'
import type { Session } from '../../../src/core/session/session.ts'
import { Parts } from './cluster/parts.ts'

interface Client {
  readonly name: string
  /** How many times it was asked to move. */
  asked: number
  requests: number
  upstream: number
  /** Whether what the node has said to it is on its way. */
  isOffered: boolean
  meeting: string | null
}

interface Line {
  readonly session: Session
  readonly client: Client
  phase: { readonly name: 'live' | 'closed' }
}

/** A node that drains, around which everything is a number; what it does is noted. */
class Desk extends Parts {
  readonly did: string[] = []
  clients: Client[] = []
  readonly open: Set<string> = new Set()
  readonly peers: { incarnation: number; isDraining: boolean }[] = [{ incarnation: 2, isDraining: false }]
  isSilent = false
  progress = { waiting: 0, moving: 0, staying: 0 }
  readonly connections = {
    draining: false,
    all: () => this.#connections(),
    sendAway: ({ client }: { readonly client: Client }) => this.#close(client),
  }
  readonly draining: Draining
  /** How many were closed in this step. */
  #closed = 0
  readonly #lines: Map<Client, Line> = new Map()

  #note(): void {
    if (this.#closed > 0) this.did.push(`moves ${this.#closed}`)
    this.#closed = 0
  }

  /** `asks`: whether clients can be asked to move. */
  constructor(limits: Partial<Limits> = {}, isAlone = false, asks = false) {
    super({
      drainClosingsMs: 10_000,
      drainPerSecond: 20,
      drainBeatMs: 100,
      handoverAgainMs: 1_000,
      ...limits,
    })
    Object.defineProperty(this.connections, 'size', { get: () => this.clients.length })
    const handover = {
      begin: (now: number) => this.did.push(`hands over ${now}`),
    }
    Object.defineProperty(handover, 'progress', { get: () => this.progress })
    const { limits: all, timers } = this
    this.draining = new Draining({
      limits: all,
      timers,
      connections: this.connections as never,
      meetings: {
        size: 7,
        get: (name: string) => (this.open.has(name) ? {} : undefined),
        sealRest: () => {},
      } as never,
      downstream: { flush: () => {} } as never,
      requests: { size: 3, of: (session: unknown) => (session as Client).requests } as never,
      cluster: isAlone
        ? null
        : ({
            peers: this.peers,
            drain: () => this.did.push('drains'),
            isSilent: () => this.isSilent,
          } as never),
      sessions: { size: 0, all: () => [] } as never,
      moves: asks ? ({ ownerFor: () => 0, ask: (session: unknown) => this.#ask(session) } as never) : null,
      passing: null,
      handover: isAlone ? null : (handover as never),
    })
  }

  *#connections(): Generator<Line> {
    for (const client of Array.from(this.clients)) {
      const seats = new Map(client.meeting === null ? [] : [[1, { name: client.meeting }]])
      const { requests, upstream, isOffered } = client
      const session = { requests, upstream: { size: upstream }, log: { isOffered }, seats, client }
      let line = this.#lines.get(client)
      if (line === undefined)
        this.#lines.set(client, (line = { session, client, phase: { name: 'live' } } as never))
      yield Object.assign(line, { session })
    }
  }

  #ask(session: unknown): boolean {
    ;(session as { readonly client: Client }).client.asked++
    return true
  }

  #end(client: Client): void {
    this.clients = this.clients.filter((each) => each !== client)
    const line = this.#lines.get(client)
    if (line !== undefined) line.phase = { name: 'closed' }
  }

  #close(client: Client): void {
    this.#end(client)
    this.#closed++
  }

  /** The first of those that were asked move, but for some. */
  move(count: number, stays: readonly Client[] = []): void {
    const moving = this.clients.filter((client) => client.asked > 0 && !stays.includes(client))
    for (const client of moving.slice(0, count)) this.#end(client)
  }

  get asked(): number {
    return this.clients.filter(({ asked }) => asked > 0).length
  }

  crowd(count: number, parts: Partial<Client> = {}): void {
    for (let n = 0; n < count; n++)
      this.clients.push({
        name: `c${n}`,
        asked: 0,
        requests: 0,
        upstream: 0,
        isOffered: true,
        meeting: null,
        ...parts,
      })
  }

  begin(deadlineIn = 25_000): string[] {
    this.draining.begin(this.now, this.now + deadlineIn)
    return this.heard()
  }

  pass(ms: number): string[] {
    const end = this.now + ms
    while (this.timers.next <= end) {
      this.now = this.timers.next
      this.timers.run(this.now)
      this.#note()
    }
    this.now = end
    return this.heard()
  }

  heard(): string[] {
    this.#note()
    return this.did.splice(0)
  }
}

describe('A node that drains', () => {
  it('takes nothing new, hands its meetings over, and moves its connections in equal parts', () => {
    const desk = new Desk()
    desk.crowd(1_000)
    expect([desk.begin(), desk.connections.draining]).toEqual([
      ['drains', 'hands over 1000', 'moves 10'],
      true,
    ])
    expect(desk.pass(200)).toEqual(['moves 10', 'moves 10'])
    expect([desk.pass(9_600).length, desk.clients.length]).toEqual([96, 10])
    expect([desk.pass(100), desk.pass(100_000), desk.timers.size]).toEqual([['moves 10'], [], 0])
  })

  it('is done in most of the time that is left until its deadline', () => {
    const desk = new Desk()
    desk.crowd(100)
    desk.begin(1_000)
    desk.pass(699)
    expect(desk.clients.length).toBeGreaterThan(0)
    desk.pass(101)
    expect(desk.clients).toEqual([])
  })

  it('moves so many a second at least', () => {
    const desk = new Desk()
    desk.crowd(10)
    expect([desk.begin(), desk.pass(100)]).toEqual([['drains', 'hands over 1000', 'moves 2'], ['moves 2']])
  })

  it('moves the more at once that could not be moved before, up to those of a second', () => {
    const desk = new Desk()
    desk.crowd(60, { requests: 1 })
    expect(desk.begin()).toEqual(['drains', 'hands over 1000'])
    expect(desk.pass(5_000)).toEqual([])
    for (const client of desk.clients) client.requests = 0
    expect(desk.pass(100)).toEqual(['moves 20'])
    expect(desk.pass(100)).toEqual(['moves 2'])
  })

  it('moves last whoever waits for an answer, has sent more, or is in a meeting that is still here', () => {
    const desk = new Desk({ drainPerSecond: 1_000, drainFirstMs: 0 })
    desk.open.add('m')
    desk.progress = { waiting: 1, moving: 0, staying: 0 }
    desk.crowd(1)
    desk.crowd(1, { requests: 1 })
    desk.crowd(1, { upstream: 1 })
    desk.crowd(1, { isOffered: false })
    desk.crowd(1, { meeting: 'm' })
    desk.crowd(1, { meeting: 'gone' })
    expect([desk.begin().at(-1), desk.clients.map(({ meeting }) => meeting)]).toEqual([
      'moves 2',
      [null, null, null, 'm'],
    ])
    desk.progress = { waiting: 0, moving: 1, staying: 0 }
    expect([desk.pass(100), desk.clients.length]).toEqual([[], 4])
    // What stays ends with the node: nobody waits for it.
    desk.progress = { waiting: 0, moving: 0, staying: 1 }
    expect([desk.pass(100), desk.clients.length]).toEqual([['moves 1'], 3])
  })

  it('hands its meetings over first, for a while', () => {
    const desk = new Desk({ drainPerSecond: 10, drainFirstMs: 2_000 })
    desk.crowd(2)
    desk.progress = { waiting: 1, moving: 0, staying: 0 }
    desk.begin()
    expect([desk.pass(1_900), desk.pass(100)]).toEqual([[], ['moves 1']])
    const sooner = new Desk({ drainPerSecond: 10, drainFirstMs: 2_000 })
    sooner.crowd(2)
    sooner.progress = { waiting: 0, moving: 1, staying: 0 }
    sooner.begin()
    expect(sooner.pass(500)).toEqual([])
    sooner.progress = { waiting: 0, moving: 0, staying: 1 }
    expect(sooner.pass(100)).toEqual(['moves 1'])
  })

  it('goes on as long as it has a meeting to hand over', () => {
    const desk = new Desk()
    desk.progress = { waiting: 0, moving: 1, staying: 0 }
    desk.begin()
    expect([desk.pass(500), desk.timers.size]).toEqual([[], 1])
    desk.progress = { waiting: 0, moving: 0, staying: 1 }
    desk.pass(100)
    expect(desk.timers.size).toBe(0)
  })

  it('closes everybody at its deadline, and no earlier', () => {
    const desk = new Desk()
    desk.crowd(3, { requests: 1 })
    desk.begin(1_050)
    expect([desk.pass(1_049), desk.pass(1)]).toEqual([[], ['moves 3']])
    expect(desk.timers.size).toBe(0)
  })

  it('keeps the earlier of two deadlines', () => {
    const desk = new Desk()
    desk.crowd(3, { requests: 1 })
    desk.begin(1_000)
    desk.begin(5_000)
    expect(desk.pass(1_000)).toEqual(['moves 3'])
    const sooner = new Desk()
    sooner.crowd(3, { requests: 1 })
    sooner.begin(5_000)
    sooner.begin(1_000)
    expect(sooner.pass(1_000)).toEqual(['moves 3'])
  })

  it('tells how far it is, and after its end that what is here ends with it', () => {
    const desk = new Desk()
    desk.crowd(2, { requests: 1 })
    desk.progress = { waiting: 2, moving: 1, staying: 4 }
    desk.begin(1_000)
    expect(desk.draining.progress).toEqual({
      meetings: 3,
      staying: 4,
      connections: 2,
      requests: 3,
      sessions: 0,
    })
    desk.pass(1_000)
    expect(desk.draining.progress).toEqual({
      meetings: 0,
      staying: 7,
      connections: 0,
      requests: 3,
      sessions: 0,
    })
  })
})

describe('A node that drains and asks its clients to move', () => {
  /** Time passes, and so many move in each tenth of a second, those first that were asked first; but for some. */
  function pass(desk: Desk, ms: number, perStep: number, stays: readonly Client[] = []): number {
    let closed = 0
    for (let at = 0; at < ms; at += 100) {
      for (const each of desk.pass(100)) closed += Number(each.slice('moves '.length))
      desk.move(perStep, stays)
    }
    return closed
  }

  it('asks no more than are likely to be on their way, and the next as these have moved', () => {
    const desk = new Desk({ drainMs: 6_000, drainLagMs: 600 }, false, true)
    desk.crowd(1_200)
    desk.begin()
    expect(desk.asked).toBe(20)
    desk.pass(1_400)
    expect(desk.asked).toBe(120)
    desk.move(50)
    desk.pass(400)
    expect(desk.asked).toBe(120)
    // Those who do not move keep nobody waiting for ever.
    desk.pass(5_000)
    expect(desk.asked).toBeGreaterThan(200)
  })

  it('closes nobody who is on the way, however long all of them take', () => {
    const desk = new Desk({ drainMs: 6_000, drainLagMs: 600 }, false, true)
    desk.crowd(600)
    desk.begin(120_000)
    expect([pass(desk, 60_000, 1), desk.clients]).toEqual([0, []])
  })

  it('closes those that do not move once they were asked twice, though others do', () => {
    const desk = new Desk({ drainMs: 6_000, drainLagMs: 600, drainMoveMs: 1_500 }, false, true)
    desk.crowd(60)
    const stays = desk.clients.slice(0, 10)
    desk.begin()
    expect([pass(desk, 2_900, 60, stays), pass(desk, 4_000, 60, stays)]).toEqual([0, 10])
    expect([desk.clients, stays.map(({ asked }) => asked)]).toEqual([[], Array(10).fill(2)])
  })
})

describe('A node that drains and has nowhere to go', () => {
  it('closes everybody at once: alone, or with nodes that drain or are silent', () => {
    const alone = new Desk({}, true)
    alone.crowd(3, { requests: 1 })
    expect([alone.begin(), alone.draining.progress.staying]).toEqual([['moves 3'], 7])
    for (const befall of [
      (desk: Desk) => (desk.isSilent = true),
      (desk: Desk) => desk.peers.forEach((peer) => (peer.isDraining = true)),
      (desk: Desk) => (desk.peers.length = 0),
    ]) {
      const desk = new Desk()
      desk.crowd(3, { requests: 1 })
      befall(desk)
      expect(desk.begin()).toEqual(['drains', 'moves 3'])
    }
  })

  it('waits a while when the others are gone, because they may stop together, and no longer', () => {
    const desk = new Desk({ handoverAgainMs: 1_000 })
    desk.crowd(3, { requests: 1 })
    desk.begin()
    desk.isSilent = true
    expect(desk.pass(600)).toEqual([])
    desk.isSilent = false
    expect(desk.pass(600)).toEqual([])
    desk.isSilent = true
    expect([desk.pass(1_000), desk.pass(100)]).toEqual([[], ['moves 3']])
  })
})
