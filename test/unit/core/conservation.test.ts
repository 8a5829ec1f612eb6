import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { text } from './harness.ts'
import { Harness, type Peer } from './harness.ts'

/*
 * Whatever clients and business do, in any order: when all of it has ended, every account of the node is back at zero.
 */

/** All accounts of a node that something is added to and taken from. */
function accountsOf({ node }: Harness) {
  const { connections, sessions, meetingCount, topics, timers, admission, waiting, logs } = node
  return {
    connections,
    sessions,
    meetingCount,
    topics,
    timers,
    ...admission,
    ...waiting,
    logBytes: logs.bytes,
  }
}

const nothing: ReturnType<typeof accountsOf> = {
  connections: 0,
  sessions: 0,
  meetingCount: 0,
  topics: 0,
  timers: 0,
  newcomers: 0,
  addresses: 1,
  upstreamBytes: 0,
  unacknowledgedBytes: 0,
  stalled: 0,
  logBytes: 0,
}

const meetings = ['m0', 'm1', 'm2']
const topics = ['t0', 't1', 't2']
const users = ['ann', 'bob', 'eve']

/** What can be done, by name, to the `at`th of the peers that are there. */
const acts: { readonly [name: string]: (h: Harness, peers: Peer[], at: number) => void } = {
  connect: (h, peers, at) => {
    const peer = h.open(undefined, `10.0.0.${at % 3}`)
    peer.hello(users[at % 3] as string, { window: at % 2 === 0 ? 0 : 2_000 })
    peers.push(peer)
  },
  silence: (h, _peers, at) => void h.open(undefined, `10.0.0.${at % 3}`),
  resume: (h, peers, at) => {
    const of = peers[at % peers.length]
    if (of === undefined) return
    const peer = h.open(undefined, '10.0.0.1', of.follower)
    peer.hello(users[at % 3] as string, { session: of.session })
    peers.push(peer)
  },
  hangUp: (_h, peers, at) => peers.splice(at % Math.max(1, peers.length), 1)[0]?.hangUp(at % 2 === 0),
  stall: (_h, peers, at) => {
    const peer = peers[at % peers.length]
    if (peer !== undefined) peer.transport.accepts = false
  },
  drain: (_h, peers, at) => peers[at % peers.length]?.drain(),
  join: (_h, peers, at) =>
    peers[at % peers.length]?.join(meetings[at % 3] as string, { spectator: at % 5 === 0 }),
  input: (_h, peers, at) => peers[at % peers.length]?.input(1 + (at % 4), 1 + at),
  leave: (_h, peers, at) => {
    const peer = peers[at % peers.length]
    peer?.send({ type: 'leave', call: peer.call(), log: 1 + (at % 4) })
  },
  subscribe: (_h, peers, at) => {
    const parts = { maxHz: at % 2, conflate: at % 3 === 0, history: at % 4 }
    peers[at % peers.length]?.subscribe(topics[at % 3] as string, parts)
  },
  unsubscribe: (_h, peers, at) => {
    const peer = peers[at % peers.length]
    peer?.send({ type: 'unsubscribe', call: peer.call(), logs: [{ log: 1 + (at % 6) }] })
  },
  publish: (h, _peers, at) =>
    void h.publish(topics[at % 3] as string, 'x'.repeat(at), `k${at % 4}`, at % 5 === 0),
  clientPublish: (_h, peers, at) => peers[at % peers.length]?.publish(topics[at % 3] as string, text('x')),
  request: (_h, peers, at) => peers[at % peers.length]?.request('r'),
  cancel: (_h, peers, at) => peers[at % peers.length]?.send({ type: 'cancel', call: 1 + (at % 8) }),
  reply: (h) => {
    const call = h.application.requests.shift()
    if (call !== undefined) h.node.handleReply(call, { ok: true, value: text('r') }, h.now)
  },
  push: (h, _peers, at) => void h.node.push(users[at % 3] as string, 'p', text('x'.repeat(100))),
  open: (h, _peers, at) =>
    void h.node.openMeeting(meetings[at % 3] as string, { frameRate: (at % 2) * 10 }, h.now),
  close: (h, _peers, at) => h.node.closeMeeting(meetings[at % 3] as string, h.now),
  bot: (h, _peers, at) => void h.node.addBot(meetings[at % 3] as string, 'bot'),
  kick: (h, _peers, at) => void h.node.kick(meetings[at % 3] as string, at % 3, ''),
  disconnect: (h, _peers, at) => void h.node.disconnect(users[at % 3] as string, '', at % 2 === 0, h.now),
  revoke: (h, _peers, at) => void h.node.revoke({ user: users[at % 3] as string }, h.now, h.now),
  settle: (h) => h.settle(),
  wait: (h, _peers, at) => h.advance(at * 100),
}

/** Everything ends: clients leave for good, meetings are closed, keys removed. Then time passes. */
function endAll(h: Harness, peers: readonly Peer[]): void {
  h.settle()
  for (const peer of peers) {
    peer.drain()
    h.settle()
    if (peer.closed === null) peer.hangUp(true)
  }
  for (const name of meetings) h.node.closeMeeting(name, h.now)
  for (const topic of topics) for (const { key } of h.node.topicLatest(topic)) h.publish(topic, '', key, true)
  h.advance(48 * 3_600_000)
  // Addresses are forgotten when another one comes or goes.
  h.open(undefined, 'the last one').hangUp(true)
  h.advance(60_000)
}

describe('When everything has ended,', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...Object.keys(acts)), fc.nat(59)), { maxLength: 80 })

  it('every account of the node is back at zero, whatever was done and in whatever order', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const h = new Harness({
          sessionLogBytes: 2_000,
          meetingLogBytes: 2_000,
          topicKeys: 3,
          upstreamMessages: 20,
        })
        h.node.defineTopics('t1', { entries: 5, bytes: 1_000, ageMs: 1_000 })
        const peers: Peer[] = []
        for (const [act, at] of list) acts[act]?.(h, peers, at)
        endAll(h, peers)
        const { stats } = h.node
        expect(accountsOf(h)).toEqual(nothing)
        expect(stats.connectionsClosed).toBe(stats.connectionsOpened)
        expect(stats.sessionsEnded).toBe(stats.sessionsOpened)
        expect(stats.requestsEnded).toBe(stats.requestsStarted)
      }),
      { numRuns: 150 },
    )
  })

  it('the node does it all again as well as the first time', () => {
    const h = new Harness()
    const rounds: string[] = []
    for (let round = 0; round < 3; round++) {
      const [ann, bob] = [h.connect('ann'), h.connect('bob')] as [Peer, Peer]
      h.node.openMeeting('m0', { frameRate: 10, capacity: 2 }, h.now)
      const { log, slot } = h.seat(ann, 'm0')
      h.seat(bob, 'm0')
      h.listen(ann, 't0')
      for (let seq = 1; seq <= 5; seq++) ann.input(log, seq)
      h.publish('t0', 'x', 'k')
      h.advance(1_000)
      rounds.push([slot, ...ann.take().map(({ type }) => type)].join())
      endAll(h, [ann, bob])
      expect(accountsOf(h)).toEqual(nothing)
    }
    expect(new Set(rounds).size).toBe(1)
  })
})
