import { describe, expect, it } from 'vitest'
import { costs, Work } from '../../../src/core/ground/work.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import { binaryCodec, jsonCodec } from '../../../src/protocol/index.ts'
import { subscribe } from '../../../src/testing/messages.ts'
import type { Outlet } from '../../../src/core/log/log.ts'
import { bytes, Harness, type Peer, publicationsOf, text, wish } from './harness.ts'
import { encodeDiffusion } from '../../../src/core/topic/diffusion.ts'
import { cursorAt, drain, topicOf } from './topic-rig.ts'

/* What users try who have read the code: each of these worked once. */

const times = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))

const lanesOf = ({ sessionLane, frameLane, topicLane }: Outlet): number[] =>
  [sessionLane, frameLane, topicLane].map(({ length }) => length)

/** Positions weigh forty times what they are on the wire. */
const heavy = wish('t', { since: { epoch: 1, at: 1, numbers: times(64, () => [1, 1] as const) } })

describe('A connection that waits keeps nothing of', () => {
  it('topics and meetings that its session no longer reads', () => {
    const h = new Harness()
    h.publish('t', 'x')
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const [peer, other] = [h.connect('ann', { window: 1 }), h.connect('bob')]
    const { log } = h.seat(other, 'm')
    other.input(log, 1)
    h.settle()
    for (let n = 0; n < 20; n++) {
      peer.subscribe('t', { history: 1 })
      peer.join('m', { spectator: true })
    }
    h.settle()
    expect(lanesOf(peer.connection)).toEqual([1, 1, 1])
    h.node.closeMeeting('m', h.now)
    const topic = peer.connection.session?.subscriptions.keys().next().value ?? 0
    peer.send({ type: 'unsubscribe', call: 100, logs: [{ log: topic }] })
    h.settle()
    // It may yet read the last frames of the meeting.
    expect(lanesOf(peer.connection)).toEqual([1, 1, 0])
    h.advance(5_000)
    expect(lanesOf(peer.connection)).toEqual([1, 0, 0])
  })
})

describe('A full node', () => {
  it('takes no message from a user who holds too much of it, but a few that may give something back', () => {
    const h = new Harness({ logBytes: 10_000_000 })
    const peers = times(20, (n) => h.connect(`u${n % 2}`, { window: 1 }))
    // Answers that nobody takes hold the upstream queues.
    for (const peer of peers) for (let n = 0; n < 520; n++) peer.publish('*', text(''))
    h.settle()
    for (let round = 0; round < 3; round++)
      for (const peer of peers)
        if (peer.closed === null) peer.send(subscribe(1_000 + round, ...times(100, () => heavy)))
    h.settle()
    expect(h.node.logs.bytes).toBeLessThan(12_000_000)
  })

  it('gives up connections of the user who holds most where what it holds cannot be cut', () => {
    const h = new Harness({ logBytes: 1_000_000 })
    const greedy = times(3, () => h.connect('eve'))
    for (let n = 0; h.node.logs.bytes < 950_000; n++) {
      const keys = times(200, (key) => ({ key: `${n}.${key}`.padEnd(200, 'x') }))
      greedy[n % 3]?.subscribe(`t${n}`, { keys })
      h.settle()
      for (const peer of greedy) peer.ack(0, peer.connection.session?.log.last ?? 0)
    }
    const honest = times(40, (n) => h.connect(`u${n}`))
    for (let second = 0; second < 3; second++) {
      h.advance(1_000)
      honest[0]?.send({ type: 'ping', time: 0 })
      h.settle()
    }
    expect(h.node.logs.bytes).toBeLessThan(1_000_000)
    expect(greedy.map(({ closed }) => closed)).toEqual([4450, null, null])
    // Nobody who is gone is kept where there is no room.
    expect(h.node.presence('eve')).toEqual({ sessions: 3, connected: 2 })
    for (const peer of greedy) peer.hangUp()
    while (h.node.logs.bytes < 1_000_000) h.connect(`more ${h.node.sessions}`)
    h.settle()
    h.advance(1_000)
    expect(h.node.presence('eve').sessions).toBeLessThan(3)
    expect(honest.filter(({ closed }) => closed !== null)).toEqual([])
  })

  it('gives up connections of the user who has made most, where all of it is read', () => {
    const h = new Harness({ logBytes: 400_000 })
    const eve = h.connect('eve')
    const honest = times(20, (n) => h.connect(`u${n}`))
    for (let n = 0; n < 300 && h.node.logs.bytes < 395_000; n++) {
      h.listen(eve, `t${n}`)
      eve.publish(`t${n}`, text('x'))
      h.settle()
      eve.ack(0, eve.connection.session?.log.last ?? 0)
    }
    for (let second = 0; second < 6; second++) {
      while (h.node.logs.bytes < h.node.logs.limit && eve.closed === null)
        honest.push(h.connect(`v${honest.length}`))
      h.advance(1_000)
      honest[0]?.send({ type: 'ping', time: 0 })
      h.settle()
    }
    expect(h.node.logs.bytes).toBeLessThan(0.95 * h.node.logs.limit)
    expect(eve.closed).toBe(4450)
    expect(honest.filter(({ closed }) => closed !== null)).toEqual([])
  })

  it('keeps few PONGs for a user who holds too much of it and takes none', () => {
    const h = new Harness({ logBytes: 200_000 })
    const eve = h.connect('eve', { window: 1 })
    for (let n = 0; h.node.logs.bytes < 185_000; n++) h.connect(`u${n}`)
    eve.send(...times(1_000, () => ({ type: 'ping', time: 0 }) as const))
    expect(h.node.logs.bytes).toBeLessThan(220_000)
    expect(eve.closed).toBe(4450)
  })

  it('still takes an UNSUBSCRIBE', () => {
    const h = new Harness({ logBytes: 60_000 })
    const ann = h.connect('ann')
    const { log } = h.listen(ann, 't')
    h.node.push('ann', 'p', bytes(30_000))
    for (let n = 0; h.node.logs.bytes < h.node.logs.limit; n++) h.listen(ann, `t${n}`)
    ann.send({ type: 'unsubscribe', call: 1_000, logs: [{ log }] })
    h.settle()
    expect(ann.takeOf('done')).toHaveLength(1)
  })
})

describe('A subscription', () => {
  it('is paid with all the keys that it names, and with their length', () => {
    const h = new Harness()
    const ann = h.connect('ann')
    const before = h.node.logs.of.user
    h.listen(ann, 't', { keys: times(100, (n) => ({ key: `${n}`.padEnd(250, 'x') })) })
    ann.ack(0, 1)
    expect(h.node.logs.of.user - before).toBe(weights.subscription + 100 * (weights.key + 250))
  })

  it('to many keys costs next to nothing where others are published', () => {
    const work = new Work()
    const keys = new Set(times(200, (n) => `k${n}`))
    const topic = topicOf(
      times(300, (n) => ({ number: n + 1, key: `k${n}` })),
      { work },
    )
    for (const conflate of [false, true]) {
      const cursor = cursorAt(topic, 300, { keys, conflate })
      const before = work.done
      expect(drain(topic, cursor)).toEqual([])
      expect(work.done - before).toBe(costs.walked)
    }
  })

  it('does not walk through the readers of a topic in which nothing has changed', () => {
    const h = new Harness()
    for (let n = 0; n < 3; n++) h.publish('t', `${n}`)
    const readers = times(50, (n) => h.connect(`u${n}`))
    for (const reader of readers) h.listen(reader, 't', { policy: 2 })
    let looked = 0
    for (const { connection } of readers) {
      const [cursor] = connection.session?.subscriptions.values() ?? []
      const { position } = cursor as unknown as { position: number }
      Object.defineProperty(cursor, 'position', { get: () => (looked++, position), set: () => {} })
    }
    h.connect('ann').send(subscribe(1, ...times(100, () => 't')))
    h.settle()
    expect(looked).toBe(0)
  })
})

describe('A sweep', () => {
  it('forgets so many topics that were only subscribed to, and the next ones the rest', () => {
    const h = new Harness({ agingTopics: 100 })
    const ann = h.connect('ann')
    for (let n = 0; n < 1_000; n++) h.listen(ann, `t${n}`)
    ann.hangUp()
    let most = 0
    const end = h.now + 70_000
    while (h.node.topics > 0 && h.now < end) {
      h.now = Math.max(h.now, h.node.deadline(h.now))
      const before = h.node.topics
      h.sweep()
      most = Math.max(most, before - h.node.topics)
    }
    expect([h.node.topics, most]).toEqual([0, 100])
    expect(h.now).toBeLessThan(end - 5_000)
  })

  it('fires so many timers that are due together, and the next ones the rest', () => {
    const h = new Harness({ sweepTimers: 20 })
    const peers = times(50, (n) => h.connect(`u${n}`))
    h.stall(8_000)
    const pinged = (): number => {
      h.sweep()
      return peers.filter((peer) => peer.takeOf('ping').length > 0).length
    }
    expect([pinged(), pinged(), pinged(), pinged()]).toEqual([20, 20, 10, 0])
  })

  it('closes so many connections that are too slow together, and the next ones the rest', () => {
    const h = new Harness({ sweepClosings: 20, topicPendingEntries: 2, burstFactor: 1 })
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    const peers = times(50, (n) => h.connect(`u${n}`))
    for (const peer of peers) {
      h.listen(peer, 't', { policy: 2 })
      peer.transport.accepts = false
    }
    for (let n = 0; n < 10; n++) h.publish('t', 'x')
    h.sweep()
    const closed = (): number => peers.filter((peer) => peer.closed === 4450).length
    const seen = [closed()]
    while (h.node.deadline(h.now) <= h.now && seen.length < 5) {
      h.sweep()
      seen.push(closed())
    }
    expect(seen.slice(0, 3)).toEqual([20, 40, 50])
  })

  it('seals so much of what members of a meeting without a clock have sent at once, and the next ones the rest', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 0, capacity: 100, inputBurst: 100, frameBytes: 1_000 }, h.now)
    const peers = times(50, (n) => h.connect(`u${n}`))
    const logs = peers.map((peer) => h.seat(peer, 'm').log)
    h.settle()
    for (const [n, peer] of peers.entries())
      for (let seq = 1; seq <= 100; seq++) peer.input(logs[n] as number, seq, bytes(100))
    const before = h.node.meeting('m')?.frame ?? 0
    h.sweep()
    const sealed = (h.node.meeting('m')?.frame ?? 0) - before
    expect(sealed).toBeGreaterThan(1)
    expect(sealed).toBeLessThan(100)
    h.settle()
    expect(h.node.stats.inputsFramed).toBe(5_000)
  })

  it('answers so many JOINs that have waited for one meeting, and the next ones the rest', () => {
    const h = new Harness({ sweepWork: 10 * costs.seat })
    h.node.openOnDemand(true)
    const peers = times(50, (n) => h.connect(`u${n}`))
    for (const peer of peers) {
      peer.join('m', { spectator: true })
      peer.publish('*', text(''))
    }
    h.settle()
    const [missing] = h.application.missing
    h.node.openMeeting('m', {}, h.now)
    h.node.handleMissing(missing as NonNullable<typeof missing>, h.now)
    const joined = (): number => h.node.meeting('m')?.spectators ?? 0
    expect(joined()).toBe(0)
    const gone = [peers[48], peers[49]]
    for (const peer of gone) peer?.hangUp(true)
    const seen: number[] = []
    while (h.node.deadline(h.now) <= h.now && seen.length < 50) {
      const before = joined()
      h.sweep()
      seen.push(joined() - before)
    }
    expect(joined()).toBe(48)
    expect(Math.max(...seen)).toBeLessThanOrEqual(10)
    // What stood behind a JOIN comes after it.
    for (const peer of peers.slice(0, 48))
      expect(peer.take().map(({ type }) => type)).toEqual(['joined', 'failed'])
    for (const peer of peers) peer.hangUp(true)
    h.settle()
    expect(h.node.logs.of.user).toBe(0)
  })

  it('writes so much JSON, which costs more to make than to send, and the next ones the rest', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 100_000, bytes: 1e8, ageMs: 1e9 })
    for (let n = 0; n < 10_000; n++) {
      h.publish('t', 'x')
      if (n % 500 === 0) h.settle()
    }
    h.settle()
    const written = (json: boolean): number => {
      const hello = { window: 1 }
      const peers = times(20, (n) => h.connect(`u${n}`, hello, ...(json ? [jsonCodec] : [])))
      for (const [n, peer] of peers.entries()) peer.subscribe('t', { history: 9_000 - n * 100 })
      h.settle()
      for (const peer of peers) {
        peer.take()
        peer.ack(peer.connection.sent)
      }
      h.sweep()
      const count = peers.filter((peer: Peer) => peer.takeOf('publications').length > 0).length
      for (const peer of peers) peer.hangUp(true)
      h.settle()
      return count
    }
    expect(written(false)).toBeGreaterThan(10)
    expect(written(true)).toBeLessThan(10)
  })
})

/** How many JOINs of one meeting's whole ring are refused. */
function refusals(json: boolean): number {
  const h = new Harness({ workMsPerUserPerSecond: 5 })
  h.node.openMeeting('m', { frameRate: 0, inputBurst: 10_000, inputsPerFrame: 1_000 }, h.now)
  const bot = h.node.addBot('m', 'bot')
  if (typeof bot === 'string') throw new Error(bot)
  for (let frame = 0; frame < 100; frame++) {
    for (let n = 0; n < 250; n++) bot.send(text('x'))
    h.settle()
  }
  const peer = json ? h.connect('ann', {}, jsonCodec) : h.connect('ann')
  for (let n = 0; n < 10; n++) {
    peer.join('m')
    h.settle()
  }
  return peer.takeOf('failed').filter(({ error }) => error === 'RATE').length
}

it('Who reads much in JSON pays for that as well', () => {
  expect([refusals(false), refusals(true)]).toEqual([0, 9])
})

describe('The door', () => {
  it('stays open where tokens of others were not verified in time, and wait for their turn no more', () => {
    const h = new Harness({ verifications: 1 })
    h.slowTokens = true
    const address = '192.0.2.1'
    const early = h.open(binaryCodec, address)
    h.advance(100)
    h.open(binaryCodec, address).hello('eve')
    early.hello('eve')
    h.advance(4_950)
    expect(early.closed).toBe(4455)
    h.authenticate(true)
    h.settle()
    const ann = h.open(binaryCodec, '192.0.2.2')
    ann.hello('ann')
    h.authenticate(true)
    h.settle()
    expect(ann.take()).toMatchObject([{ type: 'welcome' }])
  })

  it('lets a newcomer take the place of one that has sent no HELLO for long, whatever else it sends', () => {
    const h = new Harness({ handshakes: 2 })
    const silent = [1, 2].map((n) => h.open(binaryCodec, `192.0.2.${n}`))
    for (let second = 0; second < 3; second++) {
      h.advance(500)
      // A message from a later version of the protocol.
      for (const peer of silent) peer.raw(Uint8Array.of(0x3f, 0))
    }
    const ann = h.open(binaryCodec, '192.0.2.3')
    ann.hello('ann')
    h.settle()
    expect(ann.take()).toMatchObject([{ type: 'welcome' }])
  })

  it('counts nothing for a connection that was closed by what had waited for its WELCOME', () => {
    const h = new Harness({ logBytes: 200_000 })
    const first = h.connect('eve')
    for (let n = 0; h.node.logs.bytes < 150_000; n++) h.connect(`u${n}`)
    first.hangUp()
    h.node.push('eve', 'p', bytes(30_000))
    h.node.push('eve', 'p', bytes(30_000))
    const before = h.node.logs.bytes
    h.slowTokens = true
    for (let n = 0; n < 5; n++) {
      const eve = h.open(binaryCodec, '', first.follower)
      eve.hello('eve')
      eve.send(...times(200, () => ({ type: 'ping', time: 0 }) as const))
      h.authenticate(true)
      expect(eve.closed).toBe(4450)
    }
    expect(h.node.logs.bytes).toBe(before)
  })
})

describe('A business that publishes what its users ask it to', () => {
  const limits = { sweepWork: 20 * costs.write, topicPendingEntries: 10, crowdedRounds: 3 }

  it('does not write to all readers of a topic in one go, and nobody misses anything', () => {
    const h = new Harness({ ...limits, crowdedRounds: 100 })
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    const readers = times(60, (n) => h.connect(`u${n}`))
    for (const reader of readers) h.listen(reader, 't')
    const written = (): number => readers.reduce((sum, { transport }) => sum + transport.packets.length, 0)
    for (let n = 0; n < 100; n++) {
      const before = written()
      h.publish('t', `${n}`)
      expect(written()).toBe(before)
      if (n % 5 === 4) h.sweep()
    }
    h.settle()
    for (const reader of readers) expect(publicationsOf(reader.take())).toHaveLength(100)
  })

  it('writes to them where it publishes many times the room without a pause', () => {
    const h = new Harness({ ...limits, burstFactor: 4 })
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    const reader = h.connect('ann')
    h.listen(reader, 't')
    for (let n = 0; n < 100; n++) h.publish('t', `${n}`)
    expect(publicationsOf(reader.take()).length).toBeGreaterThanOrEqual(40)
    expect(h.node.topic('t')?.kept).toBeLessThan(60)
    h.settle()
    expect(h.node.topic('t')?.kept).toBe(0)
  })
})

describe('A packet', () => {
  it('is handled no further than to the message for which its connection is closed', () => {
    const h = new Harness({ upstreamMessages: 2 })
    const eve = h.connect('eve', { window: 1 })
    // Answers that nobody takes hold the upstream queue.
    for (let n = 0; n < 520; n++) {
      eve.publish('*', text(''))
      h.settle()
    }
    const { log } = eve.connection.session as NonNullable<typeof eve.connection.session>
    const before = log.last
    const topics = times(1_000, () => wish('t'))
    eve.send(...times(6, (n) => ({ type: 'subscribe', call: 10_000 + n, topics }) as const))
    // Two wait, two overrun what is kept of answers.
    expect(log.last - before).toBe(2_000)
    h.settle()
    expect(eve.closed).toBe(4450)
  })
})

describe('A session in debt', () => {
  it('pays in no more rounds than a sweep has work', () => {
    const h = new Harness()
    for (let n = 0; n < 100; n++) h.publish('t', 'x'.repeat(10_000), `k${n}`)
    h.settle()
    const eve = h.connect('eve', {}, jsonCodec)
    const conflated = wish('t', { conflate: true })
    eve.send(subscribe(1, ...times(1_000, () => conflated)), { type: 'cancel', call: 1 })
    h.sweep()
    const { upstream } = eve.connection.session as { upstream: { deficit: number } }
    expect(upstream.deficit).toBeGreaterThan(-4_000_000)
  })
})

describe('What users publish while the bus has yet to carry much', () => {
  it('waits beyond the first ones, to topics that are there and others, and nothing else does', () => {
    const h = new Harness()
    const [eve, bob] = [h.connect('eve'), h.connect('bob')]
    eve.publish('t', text('1'), { call: 0 })
    h.sweep()
    h.bus.crowded = true
    for (let n = 0; n < 16; n++) eve.publish('first', text('2'), { call: 0 })
    h.sweep()
    expect(h.node.topic('first')?.kept).toBe(16)
    for (const topic of ['t', 'new']) eve.publish(topic, text('2'), { call: 0 })
    bob.request('echo', text('?'))
    h.publish('t', 'of the business')
    for (let n = 0; n < 3; n++) h.sweep()
    expect([h.node.topic('t')?.kept, h.node.topic('new'), h.application.requests.length]).toEqual([
      2,
      undefined,
      1,
    ])
    h.bus.crowded = false
    h.sweep()
    expect([h.node.topic('t')?.kept, h.node.topic('new')?.kept]).toEqual([3, 1])
  })
})

describe('A user who publishes much to a topic with many readers', () => {
  const limits = { sweepWork: 20 * costs.write, topicPendingEntries: 10, crowdedRounds: 3 }
  const crowd = (): { h: Harness; readers: Peer[]; eve: Peer; written: () => number } => {
    const h = new Harness(limits)
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    const readers = times(60, (n) => h.connect(`u${n}`))
    for (const reader of readers) h.listen(reader, 't')
    const eve = h.connect('eve')
    const written = (): number => readers.reduce((sum, { transport }) => sum + transport.packets.length, 0)
    return { h, readers, eve, written }
  }
  const entries = times(50, (n) => `${n}`)
  const publish = (eve: Peer): void => {
    for (const entry of entries) eve.publish('t', text(entry), { call: 0 })
  }

  it('waits until they have what there is: no sweep writes to more of them than it may, and all get everything', () => {
    const { h, readers, eve, written } = crowd()
    const bob = h.connect('bob')
    publish(eve)
    let most = 0
    let isAnswered = false
    while (h.node.deadline(h.now) <= h.now) {
      const before = written()
      h.sweep()
      most = Math.max(most, written() - before)
      if (!isAnswered) bob.publish('elsewhere', text('x'))
      isAnswered ||= bob.takeOf('done').length > 0
    }
    expect(most).toBeLessThanOrEqual(20)
    expect(isAnswered).toBe(true)
    for (const reader of readers) expect(reader.takeTexts()).toEqual(entries)
  })

  it('keeps nobody else from publishing there, nor from what they send behind it', () => {
    const { h, readers, eve } = crowd()
    publish(eve)
    h.sweep()
    const bob = h.connect('bob')
    bob.publish('t', text('from bob'))
    bob.publish('elsewhere', text('x'))
    h.sweep()
    h.sweep()
    expect(bob.takeOf('done')).toHaveLength(2)
    h.settle()
    expect(new Set(readers[0]?.takeTexts())).toEqual(new Set([...entries, 'from bob']))
  })

  it('and leaves at once has all of it published, and makes nobody wait either', () => {
    const { h, readers, eve, written } = crowd()
    publish(eve)
    const before = written()
    eve.hangUp(true)
    expect(written()).toBe(before)
    h.settle()
    for (const reader of readers) expect(reader.takeTexts()).toEqual(entries)
  })

  it('waits for so many rounds of writes at most, where others always have something to read', () => {
    const { h, readers, eve } = crowd()
    for (const reader of readers) h.listen(reader, 'busy')
    publish(eve)
    let sweeps = 0
    for (; h.node.topic('t')?.publications !== entries.length && sweeps < 1_000; sweeps++) {
      h.publish('busy', 'x')
      h.sweep()
    }
    expect(sweeps).toBeLessThan(600)
  })
  it('on another node is no more to the readers of this one', () => {
    const { h, readers, written } = crowd()
    const far = topicOf(
      entries.map((entry, at) => ({ number: at + 1, stamp: 1_000 + at, data: text(entry) })),
    )
    const before = written()
    h.hear('t', encodeDiffusion(far.from(1)))
    expect(written()).toBe(before)
    h.settle()
    for (const reader of readers) expect(reader.takeTexts()).toEqual(entries)
    for (let n = 0; n < 40; n++) {
      const more = topicOf([{ number: 100 + n, stamp: 5_000 + n, data: bytes(500) }])
      // Nobody takes anything any more, and nothing is kept for them.
      for (const reader of readers) reader.transport.accepts = false
      h.hear('t', encodeDiffusion(more.from(1)))
      h.settle()
    }
    expect(h.node.topic('t')?.kept).toBeLessThanOrEqual(10)
  })
})

describe('PONGs', () => {
  it('are work like all that is turned into JSON: a flush ends with it', () => {
    const h = new Harness({ sweepWork: 4_000_000 })
    const peers = times(8, (n) => h.connect(`u${n}`, {}, jsonCodec))
    for (const peer of peers) peer.take()
    for (const peer of peers) peer.send(...times(1_000, (time) => ({ type: 'ping', time }) as const))
    const answered = times(4, () => {
      h.sweep()
      return peers.filter((peer) => peer.take().length === 1_000).length
    })
    expect(answered).toEqual([2, 2, 2, 2])
  })
})

describe('What goes down to the readers of a topic, who are many,', () => {
  const LIMITS = { sweepWork: 100_000, writeWork: 100_000 }
  const rig = (readers: number) => {
    const h = new Harness(LIMITS)
    const crowd = times(readers, (n) => h.connect(`u${n}`))
    for (const peer of crowd) h.listen(peer, 't')
    for (const peer of crowd) peer.take()
    return { h, crowd }
  }
  /** Sweeps until the peer has something, while the business publishes. */
  const waitFor = (h: Harness, peer: Peer): number => {
    for (let sweeps = 1; sweeps < 100; sweeps++) {
      h.publish('t', `${sweeps}`)
      h.sweep()
      if (peer.take().length > 0) return sweeps
    }
    return Infinity
  }

  it('does not hold up the frames, answers and pushes of others', () => {
    const { h } = rig(400)
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const ann = h.connect('ann')
    const { log } = h.seat(ann, 'm')
    waitFor(h, h.open())
    ann.input(log, 1)
    expect(waitFor(h, ann)).toBe(1)
    h.node.push('ann', 'p', text('x'))
    expect(waitFor(h, ann)).toBe(1)
    ann.send({ type: 'ping', time: 1 })
    expect(waitFor(h, ann)).toBe(1)
  })

  it('does not hold up the frames of those who read it either', () => {
    const { h, crowd } = rig(400)
    const [ann] = crowd as [Peer]
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const { log } = h.seat(ann, 'm')
    waitFor(h, h.open())
    for (let seq = 1; seq < 20; seq++) {
      ann.take()
      ann.input(log, seq)
      h.publish('t', 'x')
      h.sweep()
      expect(ann.take().filter(({ type }) => type === 'frames')).toHaveLength(1)
    }
  })

  it('gets a part of each sweep, though frames alone could fill it', () => {
    const { h, crowd } = rig(40)
    h.node.openMeeting('m', { frameRate: 0, capacity: 255, frameBytes: 16_384, inputBytes: 4_096 }, h.now)
    const members = times(200, (n) => h.connect(`m${n}`))
    const logs = members.map((peer) => h.seat(peer, 'm').log)
    let sweeps = 0
    for (; crowd.some((peer) => peer.takeTexts().length === 0) && sweeps < 100; sweeps++) {
      members.forEach(
        (peer, n) => n % 50 === sweeps % 50 && peer.input(logs[n] as number, sweeps + 1, bytes(1_000)),
      )
      h.publish('t', 'x')
      h.sweep()
      if (sweeps === 0) for (const peer of crowd) peer.takeTexts()
    }
    // One write is larger than the part, so it comes in every other sweep at least.
    expect(sweeps).toBeLessThan(20)
  })
})
