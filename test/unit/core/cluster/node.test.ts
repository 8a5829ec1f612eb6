import { describe, expect, it } from 'vitest'
import type { ClaimEnding } from '../../../../src/core/cluster/claims.ts'
import { clusterLimits } from '../../../../src/core/cluster/cluster-limits.ts'
import { Cluster } from '../../../../src/core/cluster/cluster.ts'
import { type ClusterMessage, decodeCluster, encodeCluster } from '../../../../src/core/cluster/messages.ts'
import { Stats } from '../../../../src/core/ground/stats.ts'
import { Timers } from '../../../../src/core/ground/timers.ts'
import { load } from './rig.ts'

const SELF = 1
const { heartbeatMs, suspectMs, leaseMs, settleMs, claimMs, tellMs } = clusterLimits

/** Node 1, whose name is `one`; what it says and what its ports are told. */
class Desk {
  readonly timers: Timers = new Timers()
  readonly stats: Stats = new Stats()
  /** To a node; to all as 0. */
  readonly sent: { readonly to: number; readonly message: ClusterMessage }[] = []
  readonly told: string[] = []
  readonly endings: string[] = []
  readonly cluster: Cluster
  now = 1_000

  constructor() {
    const keep = (to: number, bytes: Uint8Array): void => {
      this.sent.push({ to, message: decodeCluster(bytes) as ClusterMessage })
    }
    this.cluster = new Cluster(
      { incarnation: SELF, id: 'one', address: 'ws://one', health: 'http://one', load },
      this.timers,
      {
        broadcast: (bytes) => keep(0, bytes),
        send: keep,
        met: ({ node, health }) => this.told.push(`met ${node} at ${health}`),
        viewed: (ended) => this.told.push(`viewed ${ended.join(' ')}`),
        heard: (node) => this.told.push(`heard ${node}`),
        probe: ({ node, health }) => this.told.push(`probe ${node} at ${health}`),
      },
      this.stats,
    )
    this.cluster.up(this.now)
  }

  /** With nodes 2 and 3 in its view, all of which have told that they own nothing. */
  settled(): this {
    for (const node of [2, 3]) this.beat(node)
    this.pass(tellMs)
    for (const node of [2, 3]) {
      this.beat(node)
      this.holds(node)
    }
    this.sent.splice(0)
    this.told.splice(0)
    return this
  }

  handle(from: number, message: ClusterMessage): void {
    this.cluster.handle(from, encodeCluster(message), this.now)
    this.timers.run(this.now)
  }

  beat(from: number, parts: Partial<ClusterMessage & { type: 'heartbeat' }> = {}): void {
    this.handle(from, {
      type: 'heartbeat',
      view: this.cluster.view,
      id: `n${from}`,
      address: '',
      health: `http://${from}`,
      isSettled: true,
      leaves: false,
      isDraining: false,
      load,
      ...parts,
    })
  }

  holds(from: number, parts: Partial<ClusterMessage & { type: 'holds' }> = {}): void {
    this.handle(from, {
      type: 'holds',
      view: this.cluster.view,
      round: 1,
      echo: this.#round(),
      seq: 1,
      isFirst: true,
      isLast: true,
      claimed: 0,
      term: 0,
      holdings: [],
      ...parts,
    })
  }

  /** The round of its view, as it said last. */
  #round(): number {
    return this.#last('holds')?.round ?? this.#known
  }

  #known = 0

  #last<T extends ClusterMessage['type']>(type: T): Extract<ClusterMessage, { type: T }> | undefined {
    const found = this.sent.findLast(({ message }) => message.type === type)?.message
    if (found?.type === 'holds') this.#known = found.round
    return found as never
  }

  /** Moves the clock, beating with the others of these nodes. */
  pass(ms: number, ...alive: number[]): void {
    const end = this.now + ms
    while (this.timers.next <= end) {
      this.now = Math.max(this.now, this.timers.next)
      this.timers.run(this.now)
      for (const node of alive) this.beat(node)
    }
    this.now = end
  }

  /** The n-th name that falls to a node. */
  name(node: number, n = 0): string {
    for (let at = 0, found = 0; ; at++)
      if (this.cluster.nodes.registrarOf(`m${at}`) === node && found++ === n) return `m${at}`
  }

  claim(name: string): void {
    this.cluster.claim(name, this.now, this.#ended(name))
  }

  find(name: string): void {
    this.cluster.find(name, this.now, this.#ended(name))
  }

  #ended(name: string): (ending: ClaimEnding) => void {
    return (ending) =>
      this.endings.push(
        `${name} ${ending.by}${ending.by === 'grant' ? ` ${ending.term}` : ending.by === 'taken' ? ` ${ending.owner}` : ''}`,
      )
  }

  /** What was sent since this was last asked, without heartbeats. */
  news(): string[] {
    this.#last('holds')
    return this.sent
      .splice(0)
      .filter(({ message }) => message.type !== 'heartbeat')
      .map(({ to, message }) => {
        const { type } = message
        if (type === 'holds')
          return `${to} holds${message.isFirst ? ' all' : ''} ${message.holdings.map(({ name, owns }) => `${owns ? '+' : '-'}${name}`).join(' ')}`
        if (type === 'claim') return `${to} claim #${message.id} ${message.name} ${message.opens}`
        if (type === 'introduction')
          return `${to} introduction ${message.living.map(({ node }) => node).join(' ')} without ${message.ended.join(' ')}`
        if (type === 'grant') return `${to} grant #${message.id} ${message.term}`
        return type === 'taken' ? `${to} taken #${message.id} ${message.owner}` : `${to} ${type}`
      })
  }

  heard(): string[] {
    return this.told.splice(0)
  }
}

describe('A node of a cluster', () => {
  it('beats, and settles alone when nobody has been heard for a while', () => {
    const desk = new Desk()
    expect(desk.sent.map(({ to, message }) => [to, message.type])).toEqual([[0, 'heartbeat']])
    expect(desk.sent[0]?.message).toMatchObject({ id: 'one', isSettled: false, leaves: false })
    desk.pass(settleMs - 1)
    expect(desk.cluster.isSettled).toBe(false)
    desk.pass(1)
    expect(desk.cluster.isSettled).toBe(true)
    expect(desk.sent).toHaveLength(1 + Math.floor(settleMs / heartbeatMs))
  })

  it('settles with the first settled node that has the same view', () => {
    const desk = new Desk()
    const view = desk.cluster.view
    desk.beat(2, { view, isSettled: true })
    expect(desk.cluster.isSettled).toBe(false)
    desk.beat(2, { isSettled: false })
    expect(desk.cluster.isSettled).toBe(false)
    desk.beat(2)
    expect(desk.cluster.isSettled).toBe(true)
    expect(desk.timers.counts.get('settling')).toBeUndefined()
  })

  it('tells of each node once that it is met, and where it is reached whenever that is news', () => {
    const desk = new Desk()
    desk.beat(2)
    expect(desk.heard()).toEqual(['viewed ', 'heard 2', 'met 2 at http://2'])
    desk.beat(2)
    expect(desk.heard()).toEqual([])
    desk.beat(2, { health: 'http://other' })
    expect(desk.heard()).toEqual(['met 2 at http://other'])
    expect(desk.cluster.peer(2)).toMatchObject({ id: 'n2', health: 'http://other', load })
  })

  it('knows of others what it is told, but believes a node more of itself', () => {
    const desk = new Desk()
    const introduced = (node: number, id: string, health: string): ClusterMessage => ({
      type: 'introduction',
      isSettled: false,
      living: [
        { node, id, address: '', health },
        { node: SELF, id: 'liar', address: '', health: 'http://liar' },
      ],
      ended: [],
    })
    desk.handle(2, introduced(3, 'three', 'http://three'))
    expect(desk.heard()).toEqual(['viewed ', 'heard 2', 'viewed ', 'heard 3', 'met 3 at http://three'])
    desk.handle(2, introduced(3, 'another', 'http://another'))
    expect([desk.heard(), desk.cluster.peer(3)?.id, desk.cluster.peer(SELF)]).toEqual([
      [],
      'three',
      undefined,
    ])
  })

  it('tells a node with another view whom it knows, once in a beat for the same two views', () => {
    const desk = new Desk().settled()
    desk.beat(2, { view: 77 })
    desk.beat(2, { view: 77 })
    expect(desk.news()).toEqual(['2 introduction 2 3 1 without '])
    desk.beat(2, { view: 78 })
    desk.beat(3, { view: 77 })
    expect(desk.news()).toEqual(['2 introduction 2 3 1 without ', '3 introduction 2 3 1 without '])
    desk.pass(heartbeatMs)
    desk.beat(2, { view: 78 })
    expect(desk.news().filter((each) => each.includes('introduction'))).toHaveLength(1)
  })

  it('takes what is no message for a stranger’s, and hears neither itself nor who has ended', () => {
    const desk = new Desk().settled()
    desk.cluster.handle(2, Uint8Array.of(1, 2, 3), desk.now)
    expect(desk.stats.strangers).toBe(1)
    desk.beat(SELF, { leaves: true })
    desk.cluster.gone(3, desk.now)
    desk.cluster.gone(3, desk.now)
    desk.cluster.gone(9, desk.now)
    desk.cluster.gone(SELF, desk.now)
    desk.beat(3)
    expect([desk.heard(), desk.cluster.peers.map(({ incarnation }) => incarnation)]).toEqual([
      ['viewed 3'],
      [2],
    ])
    desk.beat(2, { leaves: true })
    expect([desk.heard(), desk.cluster.peers]).toEqual([['viewed 2'], []])
  })

  it('hears from others who has ended', () => {
    const desk = new Desk().settled()
    desk.handle(2, { type: 'introduction', isSettled: true, living: [], ended: [3, 9] })
    expect([desk.heard(), desk.cluster.peers.map(({ incarnation }) => incarnation)]).toEqual([
      ['viewed 3'],
      [2],
    ])
  })
})

describe('A node that falls silent', () => {
  it('is looked for with each beat, and is silent after a lease', () => {
    const desk = new Desk().settled()
    const since = desk.now
    desk.pass(suspectMs - 1, 2)
    expect(desk.heard()).toEqual([])
    desk.pass(since + leaseMs - 1 - desk.now, 2)
    expect(new Set(desk.heard())).toEqual(new Set(['probe 3 at http://3']))
    expect([desk.cluster.isSilent(3, desk.now), desk.cluster.census(desk.now)]).toEqual([
      false,
      { alive: 2, silent: 0 },
    ])
    desk.pass(1, 2)
    expect([desk.cluster.isSilent(3, desk.now), desk.cluster.census(desk.now)]).toEqual([
      true,
      { alive: 1, silent: 1 },
    ])
    expect([desk.cluster.isSilent(2, desk.now), desk.cluster.isSilent(99, desk.now)]).toEqual([false, true])
    desk.heard()
    desk.beat(3)
    desk.beat(3)
    expect([desk.heard(), desk.cluster.isSilent(3, desk.now)]).toEqual([['heard 3'], false])
  })

  it('is not silent where this node could not hear it: it stood still, or had no bus', () => {
    const desk = new Desk().settled()
    desk.now += leaseMs
    desk.beat(2)
    expect(desk.cluster.isSilent(3, desk.now)).toBe(false)
    desk.cluster.down(desk.now)
    desk.now += suspectMs - 1
    desk.cluster.up(desk.now)
    expect(desk.cluster.isSilent(3, desk.now + leaseMs - 1)).toBe(false)
    expect(desk.cluster.isSilent(3, desk.now + leaseMs)).toBe(true)
  })

  it('has ended once another one has its name, or this one has, but not before its lease is over', () => {
    const ended = (parts: { id?: string; name?: string }): string[] => {
      const desk = new Desk().settled()
      desk.beat(3, { id: parts.name ?? 'n3' })
      desk.heard()
      if (parts.id !== undefined) desk.beat(2, { id: parts.id })
      const beatOther = (): void => {
        const end = desk.now + leaseMs + heartbeatMs
        while (desk.now < end) {
          desk.pass(heartbeatMs)
          desk.beat(2, parts.id === undefined ? {} : { id: parts.id })
        }
      }
      beatOther()
      return desk.heard().filter((each) => each.startsWith('viewed'))
    }
    expect(ended({})).toEqual([])
    expect(ended({ id: 'n3' })).toEqual(['viewed 3'])
    expect(ended({ name: 'one' })).toEqual(['viewed 3'])
    expect(ended({ id: '', name: '' })).toEqual([])
  })
})

describe('A name in a cluster', () => {
  it('that falls to this node is granted once all have told what they own', () => {
    const desk = new Desk().settled()
    const name = desk.name(SELF)
    desk.claim(name)
    expect([desk.endings, desk.cluster.remembered]).toEqual([[`${name} grant 1`], 1])
    expect(() => desk.claim(name)).toThrow('is open here')
    desk.handle(2, { type: 'claim', view: desk.cluster.view, echo: 2, id: 1, opens: true, name })
    desk.cluster.closed(name)
    desk.handle(2, { type: 'claim', view: desk.cluster.view, echo: 2, id: 2, opens: true, name })
    expect(desk.news()).toEqual(['2 taken #1 1', '2 grant #2 2'])
    expect([...desk.stats.claims]).toEqual([['grant', 1]])
  })

  it('that falls to another is claimed there, and what became of it is told', () => {
    const desk = new Desk().settled()
    const [a, b] = [desk.name(2), desk.name(2, 1)]
    desk.claim(a)
    expect([desk.news(), desk.cluster.isClaiming(a)]).toEqual([[`2 claim #1 ${a} true`], true])
    expect(() => desk.claim(a)).toThrow('is being opened')
    desk.handle(2, { type: 'grant', id: 1, term: 9 })
    expect([desk.endings, desk.cluster.nextTerm(), desk.cluster.nextTerm(5)]).toEqual([
      [`${a} grant 9`],
      10,
      11,
    ])
    desk.claim(b)
    desk.handle(2, { type: 'taken', id: 2, owner: 3, term: 0 })
    expect(desk.endings.at(-1)).toBe(`${b} taken 3`)
    expect([...desk.stats.claims]).toEqual([
      ['grant', 1],
      ['taken', 1],
    ])
  })

  it('has fences above all that this node has had, whoever grants them', () => {
    const desk = new Desk().settled()
    for (let n = 0; n < 5; n++) desk.cluster.nextTerm()
    const [own, other] = [desk.name(SELF), desk.name(2)]
    desk.claim(own)
    desk.claim(other)
    desk.handle(2, { type: 'grant', id: 2, term: 2 })
    expect(desk.endings).toEqual([`${own} grant 6`, `${other} grant 7`])
  })

  it('that nobody answers for is late, and the node that was asked is told that it is not wanted', () => {
    const desk = new Desk().settled()
    const name = desk.name(2)
    desk.claim(name)
    desk.find(desk.name(2, 1))
    desk.pass(claimMs - 1, 2, 3)
    expect(desk.endings).toEqual([])
    desk.news()
    desk.pass(1, 2, 3)
    expect(desk.endings).toEqual([`${name} late`, `${desk.name(2, 1)} late`])
    // What it told before is not confirmed, so this goes with the next beat.
    desk.pass(heartbeatMs, 2, 3)
    expect(desk.news().some((each) => each.startsWith('2 holds') && each.includes(`-${name}`))).toBe(true)
    expect([[...desk.stats.claims], [...desk.stats.searches]]).toEqual([[['late', 1]], [['late', 1]]])
  })

  it('is given back at its registrar when this node is that, and gives up the claim', () => {
    const desk = new Desk()
    for (const node of [2, 3]) desk.beat(node)
    desk.beat(2)
    const name = desk.name(SELF)
    desk.claim(name)
    desk.pass(claimMs, 2, 3)
    expect(desk.endings).toEqual([`${name} late`])
    desk.news()
    for (const node of [2, 3]) desk.holds(node, { echo: 3 })
    for (const node of [2, 3]) desk.holds(node, { echo: 2 })
    expect(desk.cluster.remembered).toBe(0)
  })

  it('is looked for, and is somewhere, nowhere, or nobody has said so in time', () => {
    const desk = new Desk().settled()
    for (const [n, owner] of [3, 0].entries()) {
      desk.find(desk.name(2, n))
      desk.handle(2, { type: 'taken', id: n + 1, owner, term: 0 })
    }
    expect([...desk.stats.searches]).toEqual([
      ['found', 1],
      ['nowhere', 1],
    ])
    expect(desk.endings).toEqual([`${desk.name(2)} taken 3`, `${desk.name(2, 1)} taken 0`])
  })

  it('is claimed only when the bus carries messages and the registrar has said in which round it is', () => {
    const desk = new Desk()
    desk.beat(2)
    desk.beat(2)
    desk.news()
    const name = desk.name(2)
    desk.claim(name)
    expect(desk.news()).toEqual([])
    desk.holds(2, { round: 4 })
    expect(desk.sent.filter(({ message }) => message.type === 'claim')).toMatchObject([
      { to: 2, message: { echo: 4 } },
    ])
    desk.cluster.down(desk.now)
    desk.sent.splice(0)
    desk.claim(desk.name(SELF))
    desk.claim(desk.name(2, 1))
    expect([desk.sent, desk.timers.counts.get('beat')]).toEqual([[], undefined])
    desk.cluster.up(desk.now)
    const claims = desk.news().filter((each) => each.includes('claim'))
    expect(claims.map((each) => each.replace(/#\d+ /, ''))).toEqual([`2 claim ${desk.name(2, 1)} true`])
  })

  it('waits longer where this node has only just started', () => {
    const desk = new Desk()
    desk.claim('m0')
    desk.pass(settleMs - 1)
    expect(desk.endings).toEqual([])
    desk.pass(1)
    expect(desk.endings).toEqual(['m0 grant 1'])
    const cut = new Desk()
    cut.cluster.down(cut.now)
    cut.claim('m0')
    cut.pass(settleMs + claimMs - 1)
    expect(cut.endings).toEqual([])
    cut.pass(1)
    expect(cut.endings).toEqual(['m0 late'])
  })

  it('is not granted by what was said in another view or round', () => {
    const desk = new Desk().settled()
    const name = desk.name(SELF)
    const claim = { type: 'claim', id: 1, opens: true, name } as const
    desk.handle(2, { ...claim, view: 5, echo: 2 })
    desk.handle(2, { ...claim, view: desk.cluster.view, echo: 1 })
    desk.handle(2, { ...claim, view: desk.cluster.view, echo: 2, name: desk.name(3) })
    expect(desk.news()).toEqual(['2 introduction 2 3 1 without '])
    desk.handle(2, { ...claim, view: desk.cluster.view, echo: 2 })
    expect(desk.news()).toEqual(['2 grant #1 1'])
  })

  it('is let go of by a node that leaves, which ends what it waits for', () => {
    const desk = new Desk().settled()
    desk.claim(desk.name(2))
    desk.cluster.leave(desk.now)
    expect(desk.endings).toEqual([`${desk.name(2)} late`])
    expect(desk.sent.at(-1)?.message).toMatchObject({ type: 'heartbeat', leaves: true })
    // Only the deadline of what was claimed stands.
    expect([...desk.timers.counts]).toEqual([['claim', 1]])
  })
})
