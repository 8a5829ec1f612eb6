import { describe, expect, it } from 'vitest'
import { MemoryBus } from '../../../src/bus/memory.ts'
import { busListener } from '../../../src/core/index.ts'
import { decodeDiffusion } from '../../../src/core/topic/diffusion.ts'
import { ladder, rungOf } from '../../../src/core/topic/groups.ts'
import type { Publication } from '../../../src/core/topic/publication.ts'
import type { Position } from '../../../src/protocol/index.ts'
import { MAX_SIGNED } from '../../../src/protocol/limits.ts'
import {
  bytes,
  grant,
  Harness,
  type Peer,
  positionAfter,
  publicationsOf,
  text,
  textOf,
  wish,
} from './harness.ts'

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, n) => `${n + from}`)

/** Publishes 1…n, one a sweep. */
function feed(h: Harness, topic: string, to: number, from = 1): void {
  for (let n = from; n <= to; n++) {
    h.publish(topic, `${n}`)
    h.settle()
  }
}

/** What a node publishes to `t` whose clock says `now`, in milliseconds since 1970, and its incarnation. */
function saidAt(now: number, incarnation: number): [packet: Uint8Array, from: number] {
  const other = new Harness({}, { incarnation, wallOffset: now - 10_000 })
  other.publish('t', `${incarnation}`, 'k')
  other.settle()
  return [other.bus.published[0]?.bytes ?? new Uint8Array(), incarnation]
}

describe('The ladder', () => {
  it('rounds a wish down to a rung; none, and more than it has, is no limit', () => {
    expect([0, 1, 2, 3, 5, 9, 10, 19, 20, 29, 30, 59, 60, 61, 1_000].map(rungOf)).toEqual([
      0, 1, 2, 2, 5, 5, 10, 10, 20, 20, 30, 30, 60, 0, 0,
    ])
    expect([...ladder]).toEqual([1, 2, 5, 10, 20, 30, 60])
  })

  it('flushes all subscribers of a rung at once, at multiples of its interval, with one shared packet', () => {
    const h = new Harness()
    const peers = Array.from({ length: 4 }, (_, n) => {
      const peer = h.connect(`u${n}`)
      h.advance(17)
      h.listen(peer, 't', { maxHz: n % 2 === 0 ? 5 : 9 })
      peer.transport.writes.length = 0
      return peer
    })
    for (let n = 1; n <= 200; n++) {
      h.publish('t', `${n}`)
      h.advance(13)
    }
    h.advance(1_000)
    const [first, ...others] = peers as [Peer, ...Peer[]]
    expect(first.transport.writes.length).toBeGreaterThan(10)
    for (const { at } of first.transport.writes) expect(at % 200).toBeCloseTo(0, 6)
    for (const peer of others) {
      expect(peer.transport.writes).toEqual(first.transport.writes)
      expect(peer.transport.packets.at(-1)).toBe(first.transport.packets.at(-1))
    }
    expect(first.takeTexts()).toEqual(numbers(1, 200))
  })

  it.each(ladder)('never gives more than %i batches in a second', (hz) => {
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't', { maxHz: hz })
    peer.transport.writes.length = 0
    for (let n = 1; n <= 600; n++) {
      h.publish('t', `${n}`)
      h.advance(7)
    }
    const times = peer.transport.writes.map(({ at }) => at)
    times.slice(1).forEach((at, n) => expect(at - (times[n] ?? 0)).toBeGreaterThan(1_000 / hz - 0.001))
    expect(times.length).toBeGreaterThanOrEqual(Math.floor(4 * hz * 0.9))
  })

  it('keeps a conflating reader to its rung however fast the feed is', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't', { maxHz: 2, conflate: true })
    peer.transport.writes.length = 0
    for (let n = 1; n <= 20_000; n++) {
      h.publish('t', `${n}`, `k${n % 5}`)
      if (n % 2_000 === 0) h.advance(100)
    }
    h.advance(1_000)
    expect(peer.transport.writes.length).toBeLessThanOrEqual(4)
    const messages = peer.take()
    expect(messages.every(({ type }) => type === 'publications')).toBe(true)
    expect(
      publicationsOf(messages)
        .slice(-5)
        .map(({ data }) => textOf(data)),
    ).toEqual(numbers(19_996, 20_000))
  })

  it('loses nothing for a throttled reader where another subscribes in the moment of its flush', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    const [reader, other] = [h.connect('r'), h.connect('o')]
    h.listen(reader, 't', { maxHz: 1 })
    h.advance(500)
    h.publish('t', '1')
    h.settle()
    h.advance(499)
    other.subscribe('t')
    h.stall(1)
    h.sweep()
    expect(reader.takeTexts()).toEqual(['1'])
  })

  it('loses nothing for a throttled reader between its flushes, though retention keeps nothing', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    const peer = h.connect('ann')
    h.listen(peer, 't', { maxHz: 1 })
    for (let n = 1; n <= 300; n++) {
      h.publish('t', `${n}`)
      h.advance(11)
    }
    h.advance(1_000)
    expect(peer.takeTexts()).toEqual(numbers(1, 300))
  })
})

describe('A subscription', () => {
  it('begins now, where the topic has no keys, and gets everything from then on', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    feed(h, 't', 3)
    expect(h.listen(peer, 't')).toMatchObject({
      keyed: false,
      recovered: false,
      reason: '',
      position: { epoch: 8, at: 4, numbers: [[7, 3]] },
    })
    feed(h, 't', 6, 4)
    expect(peer.takeTexts()).toEqual(['4', '5', '6'])
    expect(h.node.subscribers('t')).toBe(1)
  })

  it('gets the latest values first, where the topic has keys, it conflates or it names keys', () => {
    const h = new Harness()
    const first = (topic: string, parts: Parameters<typeof wish>[1] = {}): string[] => {
      const peer = h.connect('ann')
      peer.subscribe(topic, parts)
      h.settle()
      const messages = peer.take()
      expect(messages[0]).toMatchObject({ type: 'subscribed', position: { at: 0, numbers: [] } })
      return publicationsOf(messages).map(({ key, data }) => `${key}=${textOf(data)}`)
    }
    for (const [key, value] of [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ] as const)
      h.publish('keyed', value, key)
    h.publish('plain', '1')
    h.publish('plain', '2')
    h.settle()
    expect(first('keyed')).toEqual(['b=2', 'a=3'])
    expect(first('keyed', { conflate: true })).toEqual(['b=2', 'a=3'])
    expect(first('keyed', { keys: [{ key: 'b' }] })).toEqual(['b=2'])
    expect(first('plain', { conflate: true })).toEqual(['=2'])
    expect(first('keyed', { conflate: true, history: 2 })).toEqual(['b=2', 'a=3'])
    expect(first('keyed', { keys: [{ key: 'b' }], history: 2 })).toEqual(['b=2'])
  })

  it('gets the history that it asks for, also where somebody has published with a key', () => {
    const h = new Harness()
    for (const data of ['1', '2', '3']) h.publish('t', data)
    h.publish('t', 'with a key', 'k')
    h.node.publish('t', text(''), 'k', true, h.now)
    h.publish('t', '4')
    h.settle()
    const peer = h.connect('ann')
    peer.subscribe('t', { history: 4 })
    h.settle()
    const messages = peer.take()
    expect(messages[0]).toMatchObject({ type: 'subscribed', keyed: true, position: { at: 3 } })
    expect(publicationsOf(messages).map(({ data }) => textOf(data))).toEqual(['3', 'with a key', '', '4'])
    // In the place of a position that does not go on come the latest values.
    const since = { epoch: 1, at: 5, numbers: [] }
    h.publish('t', 'with a key', 'k')
    h.settle()
    expect(h.listen(h.connect('bob'), 't', { history: 4, since })).toMatchObject({ position: { at: 0 } })
  })

  it('goes on where it was after a loss', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    const subscribed = h.listen(peer, 't')
    feed(h, 't', 3)
    const since = positionAfter(subscribed, peer.take())
    expect(since).toEqual({ epoch: 8, at: 4, numbers: [[7, 3]] })
    peer.hangUp()
    feed(h, 't', 8, 4)
    const again = h.connect('ann', { session: peer.session, received: 1 })
    again.subscribe('t', { since })
    h.settle()
    const messages = again.take()
    expect(messages[0]).toMatchObject({ recovered: true, reason: '', position: since })
    expect(publicationsOf(messages).map(({ data }) => textOf(data))).toEqual(['4', '5', '6', '7', '8'])
  })

  it('that cannot go on says why, and begins with the oldest kept, or with the latest values', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 2, bytes: 10_000, ageMs: 60_000 })
    const peer = h.connect('ann')
    feed(h, 't', 9)
    const resumed = (topic: string, at: number, conflate = false): [unknown, string[]] => {
      const log = topic === 't' ? 1 : 2
      const since = { epoch: h.node.incarnation + log, at, numbers: [] }
      peer.subscribe(topic, { since, conflate })
      h.settle()
      const messages = peer.take()
      const subscribed = messages.find(({ type }) => type === 'subscribed')
      if (subscribed?.type !== 'subscribed') throw new Error('not subscribed')
      expect(subscribed.recovered).toBe(subscribed.reason === '')
      return [subscribed.reason, publicationsOf(messages).map(({ data }) => textOf(data))]
    }
    expect(resumed('t', 5)).toEqual(['RETENTION', ['8', '9']])
    expect(resumed('t', 99)).toEqual(['PROTOCOL', ['8', '9']])
    expect(resumed('t', 8)).toEqual(['', ['8', '9']])
    expect(resumed('t', 5, true)).toEqual(['', ['9']])
    for (let n = 1; n <= 6; n++) h.publish('keyed', `${n}`, `k${n % 3}`)
    h.settle()
    expect(resumed('keyed', 2)).toEqual(['RETENTION', ['4', '5', '6']])
  })

  it('is one per session and topic: a second takes the place of the first', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't')
    const { log } = h.listen(peer, 't', { conflate: true })
    h.publish('t', '1')
    h.publish('t', '2')
    h.settle()
    expect(peer.takeTexts()).toEqual(['2'])
    expect(h.node.subscribers('t')).toBe(1)
    expect(h.bus.interest).toEqual(['+t'])
    peer.send({ type: 'unsubscribe', call: peer.call(), logs: [{ log }] })
    h.settle()
    expect([h.node.subscribers('t'), h.node.topics > 0]).toEqual([0, true])
  })

  it('ends when it says so, and asking again does no harm', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    const { log } = h.listen(peer, 't')
    for (let n = 0; n < 2; n++)
      peer.send({ type: 'unsubscribe', call: peer.call(), logs: [{ log }, { log: 999 }] })
    h.publish('t', '1')
    h.settle()
    expect(peer.take()).toMatchObject([{ type: 'done', value: 0 }, { type: 'done' }])
    expect(h.bus.interest).toEqual(['+t', '-t'])
  })

  it('to a topic nobody published to leaves nothing behind, once its reader cannot come back any more', () => {
    const h = new Harness({ sessionKeepMs: 10_000 })
    const peer = h.connect('ann')
    const { log } = h.listen(peer, 't')
    expect(h.node.topics).toBe(1)
    peer.send({ type: 'unsubscribe', call: peer.call(), logs: [{ log }] })
    h.listen(peer, 'u')
    peer.hangUp()
    expect([h.node.topics, h.bus.interest]).toEqual([2, ['+t', '-t', '+u', '-u']])
    h.advance(12_000)
    expect(h.node.topics).toBe(0)
  })

  it('over the limit of a session is refused and leaves nothing behind; replacing one is not another', () => {
    const h = new Harness({ subscriptionsPerSession: 2 })
    const peer = h.connect('ann')
    h.listen(peer, 'a')
    h.listen(peer, 'b')
    for (const topic of ['c', 'd', 'e']) peer.subscribe(topic)
    h.settle()
    expect(peer.takeOf('failed')).toMatchObject([{ error: 'LIMIT' }, { error: 'LIMIT' }, { error: 'LIMIT' }])
    expect(h.node.topics).toBe(2)
    expect(h.listen(peer, 'b', { maxHz: 1 })).toMatchObject({ topic: 'b' })
  })

  it('is answered topic by topic, each for itself', () => {
    const h = new Harness({ topics: 2 })
    h.application.grants.set('ann', grant('ann', { read: ['a.*', 'b'] }))
    const peer = h.connect('ann')
    const call = peer.call()
    const topics = ['a.x', 'a..x', 'c', 'b', 'a.y'].map((topic) => wish(topic))
    peer.send({ type: 'subscribe', call, topics: [...topics, wish('a.x', { policy: 3 })] })
    h.settle()
    const answers = peer.take()
    expect(
      answers.map((message) =>
        message.type === 'failed' ? [message.index, message.error] : 'index' in message && message.index,
      ),
    ).toEqual([0, [1, 'BAD_TOPIC'], [2, 'FORBIDDEN'], 3, [4, 'LIMIT'], [5, 'UNSUPPORTED']])
    expect(answers[1]).toMatchObject({
      message: 'the name of the topic: the dot at character 2 has no segment behind it',
    })
    peer.send({
      type: 'publish',
      call: peer.call(),
      topic: 'a b',
      key: '',
      tombstone: false,
      data: text('x'),
    })
    h.settle()
    expect(peer.take()).toMatchObject([
      { error: 'BAD_TOPIC', message: 'the name of the topic: a space at character 2 is not allowed' },
    ])
  })

  it('with policy disconnect is closed with 4450 when it falls off the ring, although it takes nothing', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 1, bytes: 1_000, ageMs: 1_000 })
    const peer = h.connect('ann')
    h.listen(peer, 't', { policy: 2 })
    peer.transport.accepts = false
    feed(h, 't', 2)
    expect([peer.takeTexts(), peer.closed]).toEqual([['1'], null])
    feed(h, 't', 3, 3)
    expect(peer.closed).toBe(4450)
    h.advance(60_000)
    expect(h.node.subscribers('t')).toBe(0)
  })

  it('with policy skip gets a GAP in the place of what it missed', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 2, bytes: 1_000, ageMs: 1_000 })
    const peer = h.connect('ann')
    h.listen(peer, 't')
    peer.transport.accepts = false
    feed(h, 't', 9)
    expect(peer.takeTexts()).toEqual(['1'])
    peer.drain()
    h.settle()
    const [gap, ...rest] = peer.take()
    expect(gap).toMatchObject({
      type: 'gap',
      from: 2,
      to: 8,
      position: { at: 8, numbers: [[7, 7]] },
      reason: 'SLOW',
    })
    expect(publicationsOf(rest).map(({ data }) => textOf(data))).toEqual(['8', '9'])
  })
})

const granted = (parts: Parameters<typeof grant>[1]): { h: Harness; peer: Peer } => {
  const h = new Harness()
  h.application.grants.set('ann', grant('ann', { meetings: [], read: [], write: [], ...parts }))
  for (const name of ['beast', 'beast.1', 'beast.1.x', 'other']) h.node.openMeeting(name, {}, h.now)
  return { h, peer: h.connect('ann') }
}

const answers = (h: Harness, peer: Peer): string[] => {
  h.settle()
  return peer.take().flatMap((message) => {
    if (message.type === 'failed') return [message.error]
    return message.type === 'joined' || message.type === 'subscribed' || message.type === 'done' ? ['ok'] : []
  })
}

describe('Rights', () => {
  it('to join are by name or pattern, and are asked before whether the meeting exists', () => {
    const { h, peer } = granted({ meetings: [{ name: 'beast.*', role: 'member' }] })
    for (const name of ['beast.1', 'beast.1.x', 'beast', 'other', 'hidden', 'beast.9']) peer.join(name)
    expect(answers(h, peer)).toEqual(['ok', 'ok', 'FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN', 'NOT_FOUND'])
  })

  it('of a spectator do not make a member; those of a member make a spectator', () => {
    const { h, peer } = granted({
      meetings: [
        { name: 'beast', role: 'spectator' },
        { name: 'other', role: 'member' },
      ],
    })
    peer.join('beast')
    peer.join('beast', { spectator: true })
    peer.join('other', { spectator: true })
    expect(answers(h, peer)).toEqual(['FORBIDDEN', 'ok', 'ok'])
  })

  it('to read and to write are apart, each by name or pattern', () => {
    const { h, peer } = granted({ read: ['stock.*'], write: ['chat', 'log.ann.*'] })
    for (const topic of ['stock.1', 'stock', 'stocks.1', 'chat']) peer.subscribe(topic)
    expect(answers(h, peer)).toEqual(['ok', 'FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN'])
    for (const topic of ['chat', 'log.ann.x', 'log.bob.x', 'stock.1']) peer.publish(topic, text('1'))
    expect(answers(h, peer)).toEqual(['ok', 'ok', 'FORBIDDEN', 'FORBIDDEN'])
  })

  it('to everything are a star', () => {
    const { h, peer } = granted({ read: ['*'], write: ['*'], meetings: [{ name: '*', role: 'member' }] })
    peer.join('other')
    peer.subscribe('any.thing')
    peer.publish('any.thing', text('1'))
    expect(answers(h, peer)).toEqual(['ok', 'ok', 'ok'])
  })

  it('are asked for a name that is one: BAD_TOPIC comes first', () => {
    const { h, peer } = granted({ write: ['chat'] })
    for (const topic of ['a b', 'a..b', '*', 'chat.>']) peer.publish(topic, text('1'))
    expect(answers(h, peer)).toEqual(['BAD_TOPIC', 'BAD_TOPIC', 'BAD_TOPIC', 'BAD_TOPIC'])
    expect(h.bus.published).toEqual([])
    expect(h.node.topics).toBe(0)
  })
})

/** A topic that has had 10,000 publications, on a node that is an hour old, and a reader of it. */
const busy = (): { h: Harness; peer: Peer } => {
  const h = new Harness()
  for (let n = 0; n < 200; n++) h.node.publish(`other${n}`, text(''), '', false, h.now)
  h.stall(3_600_000)
  const peer = h.connect('ann')
  for (let n = 0; n < 10_000; n++) h.publish('t', 'x')
  h.settle()
  h.listen(peer, 't')
  return { h, peer }
}
const sizeOf = (peer: Peer): number => {
  const size = peer.transport.packets.at(-1)?.bytes.length ?? 0
  expect(publicationsOf(peer.take()).length).toBeGreaterThan(0)
  return size
}

describe('The head of a publication', () => {
  it('is at most twelve bytes where it comes alone', () => {
    const { h, peer } = busy()
    h.publish('t', 'x'.repeat(110))
    h.settle()
    expect(sizeOf(peer) - 110).toBeLessThanOrEqual(12)
  })

  it('is at most four bytes where it continues a batch', () => {
    const { h, peer } = busy()
    for (const count of [1, 11]) {
      for (let n = 0; n < count; n++) {
        h.publish('t', 'x'.repeat(110))
        h.stall(3)
      }
      h.settle()
      if (count === 1) peer.take()
    }
    const sizes = peer.transport.packets.slice(-2).map((packet) => packet.bytes.length)
    expect(((sizes[1] as number) - (sizes[0] as number)) / 10 - 110).toBeLessThanOrEqual(4)
  })
})

describe('Publishing', () => {
  it('is done when the node has it; with call 0 only a refusal is answered', () => {
    const h = new Harness()
    h.application.grants.set('ann', grant('ann', { write: ['a'] }))
    const peer = h.connect('ann')
    peer.publish('a', text('1'))
    peer.publish('a', text('2'), { call: 0 })
    peer.publish('b', text('3'), { call: 0 })
    h.settle()
    expect(peer.take()).toMatchObject([
      { type: 'done', call: 1, value: 0 },
      { type: 'failed', call: 0, error: 'FORBIDDEN' },
    ])
  })

  it('keeps no view of a client’s packet', () => {
    const h = new Harness()
    const [writer, reader] = [h.connect('w'), h.connect('r')]
    h.listen(reader, 't')
    const packet = writer.codec.encode([
      { type: 'publish', call: 1, topic: 't', key: '', tombstone: false, data: text('clean') },
    ])
    writer.raw(packet)
    h.node.sweep(h.now)
    packet.fill(0)
    expect(reader.takeTexts()).toEqual(['clean'])
    expect(h.listen(reader, 't', { conflate: true })).toMatchObject({ type: 'subscribed' })
  })

  it('is refused for a bad name, a payload too large, too many topics and too many keys, and counted', () => {
    const h = new Harness({ topics: 1, topicKeys: 2 })
    expect(h.publish('a b', '1')).toBe('BAD_TOPIC')
    expect(h.node.publish('t', bytes(32_769), '', false, h.now)).toBe('TOO_LARGE')
    expect(h.node.publish('t', bytes(32_768), '', false, h.now)).toBe(0)
    expect(h.publish('u', '1')).toBe('LIMIT')
    expect([h.publish('t', '1', 'a'), h.publish('t', '1', 'b'), h.publish('t', '1', 'c')]).toEqual([
      0,
      0,
      'LIMIT',
    ])
    expect(h.publish('t', '2', 'a')).toBe(0)
    expect(h.publish('t', '', 'a', true)).toBe(0)
    expect(h.publish('t', '1', 'c')).toBe(0)
    expect(h.publish('t', '1', 'a')).toBe('LIMIT')
    expect([...h.node.stats.publicationsRefused]).toEqual([
      ['BAD_TOPIC', 1],
      ['TOO_LARGE', 1],
      ['LIMIT', 3],
    ])
  })

  it('stamps each entry with a time that rises, also where the clock stands still', () => {
    const h = new Harness({}, { wallOffset: 1_700_000_000_000 })
    const peer = h.connect('ann')
    h.listen(peer, 't')
    for (let n = 0; n < 3; n++) h.publish('t', `${n}`)
    h.advance(5)
    h.publish('t', '3')
    h.settle()
    const stamps = h.node
      .topicHistory('t', 9)
      .map(({ stamp }) => stamp - (1_700_000_000_000 + 10_000) * 1_000)
    expect(stamps).toEqual([0, 1, 2, 5_000])
    // The wire has milliseconds, since the node's clock was at 0.
    expect(publicationsOf(peer.take()).map(({ time }) => time)).toEqual([10_000, 10_000, 10_000, 10_005])
  })

  it('to a topic without retention keeps no ring between sweeps', () => {
    const h = new Harness()
    h.node.defineTopics('quick.*', { entries: 0, bytes: 0, ageMs: 0 })
    const peer = h.connect('ann')
    const { position } = h.listen(peer, 'quick.t')
    feed(h, 'quick.t', 3)
    expect(peer.takeTexts()).toEqual(['1', '2', '3'])
    peer.subscribe('quick.t', { since: position })
    h.settle()
    const messages = peer.take()
    expect(messages[0]).toMatchObject({ recovered: false, reason: 'RETENTION' })
    expect(publicationsOf(messages)).toEqual([])
  })

  it('to a topic that fell quiet drops what grows too old', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 100, bytes: 10_000, ageMs: 5_000 })
    const peer = h.connect('ann')
    feed(h, 't', 3)
    const since: Position = { epoch: 8, at: 2, numbers: [[7, 1]] }
    const reasonNow = (): string => {
      peer.send({ type: 'ping', time: 0 })
      return h.listen(peer, 't', { since }).reason
    }
    expect(reasonNow()).toBe('')
    h.advance(4_000)
    expect(reasonNow()).toBe('')
    h.advance(3_000)
    expect(reasonNow()).toBe('RETENTION')
    peer.hangUp(true)
    h.advance(10_000)
    expect(h.node.topics).toBe(1)
  })

  it('that nobody reads is forgotten when nothing came for long, and nothing of it stays', () => {
    const h = new Harness({ topicIdleMs: 60_000 })
    const peer = h.connect('ann')
    h.listen(peer, 't')
    feed(h, 't', 3)
    peer.hangUp(true)
    h.advance(30_000)
    h.publish('t', 'latest', 'a')
    h.advance(50_000)
    expect(h.node.topicLatest('t')).toHaveLength(2)
    h.advance(20_000)
    expect([h.node.topics, h.node.logs.bytes]).toEqual([0, 0])
    expect(h.node.deadline(h.now)).toBe(Infinity)
  })

  it('that keeps what is old is there for as long, though nobody reads it meanwhile', () => {
    const h = new Harness({ topicIdleMs: 5_000 })
    const day = 86_400_000
    h.node.defineTopics('chat.*', { entries: 50, bytes: 65_536, ageMs: day })
    feed(h, 'chat.cats', 60)
    feed(h, 'other', 1)
    h.advance(day - 60_000)
    expect([h.node.topics, h.node.topicHistory('chat.cats', 100)?.length]).toEqual([1, 50])
    h.advance(120_000)
    expect([h.node.topics, h.node.logs.bytes]).toEqual([0, 0])
  })

  it('that somebody reads is not forgotten', () => {
    const h = new Harness({ topicIdleMs: 5_000 })
    const peer = h.connect('ann')
    h.listen(peer, 't', { conflate: true })
    feed(h, 't', 1)
    h.advance(12_000)
    expect(h.node.topics).toBe(1)
  })

  it('of a long retention still makes one write and one message on the bus per sweep', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 3_000, bytes: 10_000_000, ageMs: 600_000 })
    const peer = h.connect('ann')
    h.listen(peer, 't')
    for (let n = 0; n < 300; n++) {
      for (let m = 0; m < 20; m++) h.publish('t', 'x')
      h.settle()
    }
    peer.transport.writes.length = 0
    h.bus.published.length = 0
    for (let n = 0; n < 20; n++) h.publish('t', 'x')
    h.settle()
    expect([peer.transport.writes.length, h.bus.published.length]).toEqual([1, 1])
  })
})

/** What a node of another incarnation says, one packet per list of texts. */
function foreign(...batches: readonly string[][]): Uint8Array[] {
  const h = new Harness({}, { incarnation: 8 })
  for (const batch of batches) {
    for (const value of batch) h.publish('t', value)
    h.settle()
  }
  return h.bus.published.map((message) => message.bytes)
}

const numbersIn = (published: readonly { readonly bytes: Uint8Array }[]): (number[] | undefined)[] =>
  published.map(({ bytes: packet }) => decodeDiffusion(packet)?.map(({ number }) => number))

const named = (peer: Peer): unknown[] =>
  peer.take().flatMap((message) => (message.type === 'publishers' ? [message] : []))

describe('On the bus', () => {
  it('is one message per topic and sweep, whatever the number of subscribers', () => {
    const h = new Harness()
    for (let n = 0; n < 20; n++) h.listen(h.connect(`u${n}`), 't')
    expect(h.bus.interest).toEqual(['+t'])
    for (let n = 0; n < 10; n++) h.publish('t', `${n}`)
    h.publish('u', 'x')
    h.settle()
    expect(h.bus.published.map(({ topic }) => topic)).toEqual(['t', 'u'])
    h.advance(1_000)
    expect(h.bus.published).toHaveLength(2)
  })

  it('comes what others published, each entry once', () => {
    const [one, two] = foreign(['1', '2'], ['3']) as [Uint8Array, Uint8Array]
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't')
    for (const packet of [one, one, two, one]) h.hear('t', packet)
    h.settle()
    const messages = peer.take()
    expect(messages[0]).toEqual({ type: 'publishers', first: 1, publishers: [{ publisher: 8 }] })
    expect(publicationsOf(messages).map(({ publisher, number }) => [publisher, number])).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ])
  })

  it('is nothing where no other node listens; who listens later gets what is published from then on', () => {
    const h = new Harness()
    h.bus.heard = false
    for (const value of ['1', '2']) {
      h.publish('t', value)
      h.settle()
    }
    expect(h.bus.published).toEqual([])
    h.publish('t', '3')
    h.bus.heard = true
    h.settle()
    expect(numbersIn(h.bus.published)).toEqual([[3]])
  })

  it('is given what this node published though retention keeps nothing, and more than the ring has room for', () => {
    const h = new Harness({ topicPendingEntries: 4 })
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    const peer = h.connect('ann')
    h.listen(peer, 't', { conflate: true })
    for (let n = 1; n <= 10; n++) h.publish('t', `${n}`)
    // Whoever subscribes before the sweep has the ring trimmed.
    h.connect('bob').subscribe('t')
    h.settle()
    expect(numbersIn(h.bus.published).flat()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('names each publisher once per connection, before its first publication there', () => {
    const h = new Harness()
    const [early, late] = [h.connect('a'), h.connect('b')]
    h.listen(early, 't')
    for (const incarnation of [8, 9]) {
      const other = new Harness({}, { incarnation })
      other.publish('t', `${incarnation}`)
      other.settle()
      for (const message of other.bus.published) h.hear('t', message.bytes, incarnation)
      h.settle()
    }
    expect(named(early)).toEqual([
      { type: 'publishers', first: 1, publishers: [{ publisher: 8 }] },
      { type: 'publishers', first: 2, publishers: [{ publisher: 9 }] },
    ])
    late.subscribe('t', { history: 9 })
    h.publish('t', '1')
    h.settle()
    expect(named(late)).toEqual([
      { type: 'publishers', first: 1, publishers: [{ publisher: 8 }, { publisher: 9 }] },
    ])
    expect(named(early)).toEqual([])
  })

  it('is never echoed: what came from there is not published again', () => {
    const [one] = foreign(['1']) as [Uint8Array]
    const h = new Harness()
    h.listen(h.connect('ann'), 't')
    h.hear('t', one)
    h.publish('t', 'own')
    h.settle()
    expect(h.bus.published).toHaveLength(1)
    h.hear('t', h.bus.published[0]?.bytes ?? one, h.node.incarnation)
    h.settle()
    expect([h.bus.published.length, h.node.stats.publications]).toEqual([1, 2])
  })

  it('a hole is told to every reader as GAP BUS', () => {
    const [one, , three] = foreign(['1'], ['2'], ['3']) as [Uint8Array, Uint8Array, Uint8Array]
    const h = new Harness()
    const peers = [h.connect('a'), h.connect('b')]
    for (const peer of peers) h.listen(peer, 't')
    h.hear('t', one)
    h.hear('t', three)
    h.settle()
    for (const peer of peers) {
      const messages = peer.take().filter(({ type }) => type !== 'publishers')
      expect(messages.map(({ type }) => type)).toEqual(['publications', 'gap', 'publications'])
      expect(messages[1]).toMatchObject({
        from: 2,
        to: 2,
        position: { at: 2, numbers: [[8, 2]] },
        reason: 'BUS',
      })
    }
  })

  it('what nobody of this cluster can have said is dropped and counted', () => {
    const [one] = foreign(['1', '2']) as [Uint8Array]
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't')
    const strange = [new Uint8Array(), Uint8Array.of(200, 1, 2), one.slice(0, -1), Uint8Array.of(...one, 0)]
    for (const packet of strange) h.hear('t', packet)
    h.settle()
    expect([h.node.stats.strangers, peer.take().length]).toEqual([4, 0])
    h.hear('unknown', one)
    expect(h.node.topics).toBe(1)
  })

  it('a stamp that is ahead is followed: what is published then counts as later', () => {
    const ahead = new Harness({}, { incarnation: 8, wallOffset: 1_000 })
    ahead.publish('t', 'early', 'k')
    ahead.settle()
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't', { conflate: true })
    h.hear('t', ahead.bus.published[0]?.bytes ?? new Uint8Array())
    h.publish('t', 'late', 'k')
    h.settle()
    expect(peer.takeTexts()).toEqual(['late'])
  })

  it('a stamp more than a second ahead is refused on every node, so they go on and agree', () => {
    const last = Math.floor(MAX_SIGNED / 1_000)
    const packets = [saidAt(last, 8), saidAt(11_001, 9), saidAt(11_000, 10), saidAt(10_500, 11)]
    const nodes = [packets, [...packets].reverse()].map((order) => {
      const h = new Harness()
      const peer = h.connect('ann')
      h.listen(peer, 't')
      for (const [packet, from] of order) h.hear('t', packet, from)
      h.publish('t', 'own', 'other')
      h.settle()
      expect(h.node.stats.publicationsRefused.get('PROTOCOL')).toBe(2)
      const publications = publicationsOf(peer.take())
      expect(publications.map(({ data }) => textOf(data)).sort()).toEqual(['10', '11', 'own'])
      expect(publications.find(({ data }) => textOf(data) === 'own')?.time).toBe(11_000)
      const [kept] = h.node.topicLatest('t').filter(({ key }) => key === 'k')
      return textOf((kept as Publication).data)
    })
    expect(nodes).toEqual(['10', '10'])
  })

  it('a node whose clock was ahead for a while is heard again as soon as it is right', () => {
    const other = new Harness({}, { incarnation: 8 })
    const h = new Harness()
    const [there, here] = [other.connect('bob'), h.connect('ann')]
    other.listen(there, 't', { conflate: true })
    h.listen(here, 't', { conflate: true })
    const seen: unknown[] = []
    for (const offset of [0, 3_600_000, 0]) {
      other.node.handleWallClock(offset)
      other.publish('t', `${offset} ${seen.length}`, 'k')
      other.settle()
      h.hear('t', other.bus.published.at(-1)?.bytes ?? new Uint8Array())
      h.settle()
      seen.push([there.takeTexts(), here.takeTexts()])
    }
    expect(seen).toEqual([
      [['0 0'], ['0 0']],
      [['3600000 1'], []],
      [['0 2'], ['0 2']],
    ])
    // What another node says afterwards counts as well, though it is before the one from the wrong clock.
    other.node.handleWallClock(3_600_000)
    other.publish('t', 'ahead', 'k')
    other.node.handleWallClock(0)
    h.publish('t', 'right', 'k')
    h.settle()
    other.hear('t', h.bus.published.at(-1)?.bytes ?? new Uint8Array(), 7)
    other.settle()
    expect(textOf((other.node.topicLatest('t')[0] as Publication).data)).toBe('right')
  })

  it('what a refused stamp leaves out is a hole that readers are told of', () => {
    const other = new Harness({}, { incarnation: 8 })
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't')
    for (const [offset, wait] of [
      [0, 0],
      [5_000, 0],
      [0, 6_000],
    ] as const) {
      other.node.handleWallClock(offset)
      for (const each of [other, h]) each.advance(wait)
      other.publish('t', `${offset}`)
      other.settle()
      h.hear('t', other.bus.published.at(-1)?.bytes ?? new Uint8Array())
    }
    h.settle()
    const types = peer.take().map(({ type }) => type)
    expect(types.filter((type) => type !== 'publishers' && type !== 'ping')).toEqual([
      'publications',
      'gap',
      'publications',
    ])
  })

  it('a removal without a key, a subject of nothing and a message to this node alone are strange', () => {
    const [one] = foreign(['1']) as [Uint8Array]
    const h = new Harness()
    h.listen(h.connect('ann'), 't')
    h.hear('t', Uint8Array.of(4, 1, 0))
    h.node.inlet.message('t', one, 8, h.now)
    h.node.inlet.sent(one, 8, h.now)
    expect([h.node.stats.strangers, h.node.stats.publications]).toEqual([3, 0])
  })

  it('a topic’s interest lasts while it has a subscriber', () => {
    const h = new Harness()
    const [a, b] = [h.connect('a'), h.connect('b')]
    h.listen(a, 't')
    h.listen(b, 't', { maxHz: 5 })
    a.hangUp()
    expect(h.bus.interest).toEqual(['+t'])
    b.hangUp()
    h.listen(h.connect('c'), 't')
    expect(h.bus.interest).toEqual(['+t', '-t', '+t'])
  })

  it('two nodes show their readers the same latest values', () => {
    const nodes = [new Harness({}, { incarnation: 1 }), new Harness({}, { incarnation: 2 })] as const
    const memory = new MemoryBus(() => {})
    const peers = nodes.map((h) => {
      const port = memory.connect(
        h.node.incarnation,
        busListener((call) => call(h.node, h.now)),
      )
      h.bus.publish = (subject, packet) => port.publish(subject, packet)
      h.bus.subscribe = (subject) => port.subscribe(subject)
      const peer = h.connect('ann')
      h.listen(peer, 't', { conflate: true })
      return peer
    })
    nodes.forEach((h, n) => {
      for (let value = 0; value < 10; value++) h.publish('t', `${n}.${value}`, `k${value % 4}`)
    })
    for (const h of nodes) h.settle()
    memory.deliver()
    for (const h of nodes) h.settle()
    const [one, two] = peers.map((peer) => {
      const latest: Record<string, string> = {}
      for (const { key, data } of publicationsOf(peer.take())) latest[key] = textOf(data)
      return latest
    })
    expect(one).toEqual(two)
    expect(Object.keys(one ?? {})).toHaveLength(4)
  })
})
