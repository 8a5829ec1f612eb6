import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MessageOf, Position, ServerMessage } from '../../../src/protocol/index.ts'
import { Harness, type Peer, publicationsOf, textOf, wish } from './harness.ts'

type Asked = MessageOf<'subscribe'>['topics'][number]

/** A reader as the client is one: it holds a position, follows gaps, and comes back with what it holds. */
class Reader {
  readonly #h: Harness
  readonly #asked: Partial<Asked>
  peer: Peer
  position: Position | null = null
  /** Values by key, as a conflating reader holds them. */
  readonly held: Map<string, string> = new Map()
  /** What it was given, and the ranges it was told it would not get. */
  readonly taken: number[] = []
  readonly missed: { from: number; to: number }[] = []
  readonly answers: MessageOf<'subscribed'>[] = []
  anew = 0

  constructor(h: Harness, asked: Partial<Asked>) {
    this.#h = h
    this.#asked = asked
    this.peer = h.connect('ann')
    this.#ask()
  }

  #ask(): void {
    const since = this.position === null ? {} : { since: this.position }
    this.peer.send({
      type: 'subscribe',
      call: this.peer.call(),
      topics: [wish('t', { ...this.#asked, ...since })],
    })
  }

  lose(): void {
    this.listen()
    this.peer.hangUp()
  }

  comeBack(): MessageOf<'subscribed'> {
    const { session } = this.peer
    this.peer = this.#h.connect('ann', { session, received: 1_000_000 })
    this.#ask()
    this.#h.settle()
    this.listen()
    return this.answers.at(-1) as MessageOf<'subscribed'>
  }

  listen(): void {
    for (const message of this.peer.take()) this.#hear(message)
  }

  #hear(message: ServerMessage): void {
    if (message.type === 'subscribed') {
      this.answers.push(message)
      this.position = message.position
      if (!message.recovered) this.held.clear()
    } else if (message.type === 'gap') {
      const { position, from, to, reason } = message
      if (position.at === 0) {
        this.anew++
        this.held.clear()
        this.position = position
      } else this.position = { ...(this.position as Position), at: position.at }
      if (reason === 'SLOW') this.missed.push({ from, to })
    } else if (message.type === 'publications') {
      this.position = { ...(this.position as Position), at: message.at }
      for (const { at, key, tombstone, data } of publicationsOf([message])) {
        expect(at, 'nothing twice, and in order').toBeGreaterThanOrEqual(this.position?.at ?? 0)
        this.position = { ...this.position, at: at + 1 }
        this.taken.push(at)
        if (tombstone) this.held.delete(key)
        else this.held.set(key, textOf(data))
      }
    }
  }
}

/** Publishes 1…n, one a sweep. */
function feed(h: Harness, to: number, from = 1): void {
  for (let n = from; n <= to; n++) {
    h.publish('t', `${n}`)
    h.settle()
  }
}

describe('A position names the log it is of', () => {
  it('so that a reader of an empty topic is told when the node was started anew meanwhile', () => {
    const before = new Harness({}, { incarnation: 7 })
    const { position } = before.listen(before.connect('ann'), 't')
    feed(before, 3)
    const after = new Harness({}, { incarnation: 9_000_000 })
    after.publish('t', 'after')
    after.settle()
    expect(after.listen(after.connect('ann'), 't', { since: position })).toMatchObject({
      recovered: false,
      reason: 'NEW_EPOCH',
    })
  })

  it('so that a reader of an empty topic is told when the topic was forgotten meanwhile', () => {
    const h = new Harness({ topicIdleMs: 5_000, sessionKeepMs: 60_000 })
    const reader = new Reader(h, {})
    h.settle()
    reader.lose()
    feed(h, 3)
    h.advance(10_000)
    expect(h.node.topics).toBe(0)
    h.publish('t', 'after')
    h.settle()
    expect(reader.comeBack()).toMatchObject({ recovered: false, reason: 'NEW_EPOCH' })
  })

  it('and an empty topic waits as long as a session for its readers to come back to the same log', () => {
    const h = new Harness({ sessionKeepMs: 20_000 })
    const reader = new Reader(h, {})
    h.settle()
    reader.lose()
    h.advance(19_000)
    expect(reader.comeBack()).toMatchObject({ recovered: true, reason: '' })
    feed(h, 2)
    reader.listen()
    expect(reader.taken).toEqual([1, 2])
    expect(h.node.topics).toBe(1)
  })

  it('which is forgotten afterwards, and nothing of it stays', () => {
    const h = new Harness({ sessionKeepMs: 20_000 })
    const reader = new Reader(h, {})
    h.settle()
    reader.lose()
    h.advance(22_000)
    expect([h.node.topics, h.node.deadline(h.now)]).toEqual([0, Infinity])
    expect(reader.comeBack()).toMatchObject({ recovered: false, reason: 'NEW_EPOCH' })
  })

  it('or at once where there is no room for another topic, the one left longest ago first', () => {
    const h = new Harness({ topics: 2 })
    const peer = h.connect('ann')
    const [one, two] = ['a', 'b'].map((topic) => h.listen(peer, topic).position)
    peer.hangUp()
    const again = h.connect('ann')
    h.listen(again, 'c')
    expect(h.listen(again, 'b', { since: two as Position }).recovered).toBe(true)
    again.subscribe('a', { since: one as Position })
    h.settle()
    expect(again.takeOf('failed')).toMatchObject([{ error: 'LIMIT' }])
  })

  it('and one with entries is not forgotten for having been quiet when its last reader loses its connection', () => {
    const h = new Harness({ topicIdleMs: 5_000 })
    const reader = new Reader(h, {})
    h.settle()
    feed(h, 1)
    for (let n = 0; n < 4; n++) {
      h.advance(4_000)
      reader.peer.send({ type: 'pong', echo: 0, time: 0, lateness: 0 })
    }
    reader.lose()
    h.advance(3_000)
    expect(reader.comeBack()).toMatchObject({ recovered: true })
  })

  it('and a topic that is made again begins behind all it ever gave out, in another epoch', () => {
    const h = new Harness({ topicIdleMs: 5_000 })
    const reader = new Reader(h, {})
    h.settle()
    feed(h, 3)
    reader.lose()
    h.advance(10_000)
    expect(h.node.topics).toBe(0)
    feed(h, 5)
    expect(reader.comeBack()).toMatchObject({ recovered: false, reason: 'NEW_EPOCH' })
    expect(reader.taken).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(h.node.topic('t')).toMatchObject({ publications: 5, kept: 5 })
  })

  it('and one that lies beyond the head, which nobody can hold, is told PROTOCOL, as in a meeting', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    const { position } = h.listen(peer, 't')
    const beyond = { recovered: false, reason: 'PROTOCOL', position }
    expect(h.listen(peer, 't', { since: { ...position, at: position.at + 1 } })).toMatchObject(beyond)
    expect(h.listen(peer, 't', { since: position })).toMatchObject({ recovered: true, reason: '', position })
  })

  it('and comes back with pairs of publishers that the node does not know', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    const { position } = h.listen(peer, 't')
    const since = { ...position, numbers: [[12_345, 6]] as [number, number][] }
    expect(h.listen(peer, 't', { since })).toMatchObject({ recovered: true, position: since })
  })

  it('and one with `at` 0 goes on from the first entry, where that is kept', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 3, bytes: 10_000, ageMs: 60_000 })
    const peer = h.connect('ann')
    feed(h, 3)
    const since = { epoch: h.listen(peer, 't').position.epoch, at: 0, numbers: [] }
    h.settle()
    peer.take()
    peer.subscribe('t', { since })
    h.settle()
    const messages = peer.take()
    expect(messages[0]).toMatchObject({ recovered: true, reason: '' })
    expect(publicationsOf(messages)).toHaveLength(3)
    feed(h, 1)
    h.settle()
    expect(h.listen(peer, 't', { since })).toMatchObject({ recovered: false, reason: 'RETENTION' })
  })
})

const keep = (entries: number): Harness => {
  const h = new Harness()
  h.node.defineTopics('*', { entries, bytes: 100_000, ageMs: 60_000 })
  return h
}

describe('A reader that has lost nothing is told so', () => {
  it('where it reads some keys only and others have pushed everything out of the ring', () => {
    const h = keep(2)
    h.publish('t', '1', 'a')
    const reader = new Reader(h, { keys: [{ key: 'a' }] })
    h.settle()
    reader.lose()
    for (let n = 2; n <= 9; n++) h.publish('t', `${n}`, 'b')
    h.settle()
    expect(reader.comeBack()).toMatchObject({ recovered: true, reason: '' })
    reader.lose()
    h.publish('t', '10', 'a')
    for (let n = 11; n <= 19; n++) h.publish('t', `${n}`, 'b')
    h.settle()
    expect(reader.comeBack()).toMatchObject({ recovered: false, reason: 'RETENTION' })
    expect(reader.held).toEqual(new Map([['a', '10']]))
  })

  it('where a key it reads was never published, or was removed and forgotten before it came', () => {
    const h = new Harness({ topicKeys: 2 })
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    h.publish('t', '1', 'gone')
    h.publish('t', '', 'gone', true)
    h.publish('t', '2', 'a')
    h.publish('t', '3', 'b')
    h.settle()
    const reader = new Reader(h, { keys: [{ key: 'gone' }, { key: 'never' }] })
    h.settle()
    h.publish('t', '4', 'a')
    h.settle()
    reader.lose()
    expect(reader.comeBack()).toMatchObject({ recovered: true })
  })

  it('where it conflates and other publishers have overwritten all it had', () => {
    const h = keep(0)
    h.publish('t', '1', 'a')
    const reader = new Reader(h, { conflate: true })
    h.settle()
    reader.lose()
    const other = new Harness({}, { incarnation: 8, wallOffset: 1_000 })
    other.publish('t', 'theirs', 'a')
    other.settle()
    for (const { bytes } of other.bus.published) h.hear('t', bytes)
    h.settle()
    expect(reader.comeBack()).toMatchObject({ recovered: true })
    expect(reader.held).toEqual(new Map([['a', 'theirs']]))
  })

  it('where it conflates some keys, and the removal of another was forgotten', () => {
    const h = new Harness({ topicKeys: 2 })
    for (const key of ['a', 'b']) h.publish('t', '1', key)
    const all = new Reader(h, { conflate: true })
    const some = new Reader(h, { conflate: true, keys: [{ key: 'a' }] })
    h.settle()
    for (const reader of [all, some]) reader.lose()
    h.publish('t', '', 'b', true)
    h.publish('t', '2', 'c')
    h.settle()
    expect(some.comeBack()).toMatchObject({ recovered: true })
    expect(all.comeBack()).toMatchObject({ recovered: false, reason: 'RETENTION' })
    expect(all.held).toEqual(
      new Map([
        ['a', '1'],
        ['c', '2'],
      ]),
    )
  })
})

/** 50 resting keys and 51 removed ones, of which one is forgotten, for pages of three or four values. */
function crowded(): Harness {
  const h = new Harness({ topicKeys: 100, pageBytes: 128 })
  h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
  for (let n = 0; n < 50; n++) h.publish('t', `${n}`, `resting${n}`)
  for (let n = 0; n < 51; n++) {
    h.publish('t', `${n}`, `removed${n}`)
    h.publish('t', '', `removed${n}`, true)
  }
  h.settle()
  return h
}

describe('A conflating reader of more values than one page', () => {
  it('gets all of them without beginning anew, though a removal was forgotten before it came', () => {
    const h = crowded()
    for (const parts of [{ conflate: true }, {}, { conflate: true, maxHz: 10 }, { policy: 1 }]) {
      const reader = new Reader(h, parts)
      h.advance(500)
      reader.listen()
      expect([reader.held.size, reader.anew]).toEqual([50, 0])
    }
  })

  it('begins anew once where it fell behind a forgotten removal, and then gets all', () => {
    const h = crowded()
    const reader = new Reader(h, { conflate: true })
    h.settle()
    reader.peer.transport.accepts = false
    h.publish('t', 'new', 'resting0')
    h.settle()
    h.publish('t', '', 'resting1', true)
    for (let n = 0; n < 51; n++) h.publish('t', 'late', `late${n}`)
    h.settle()
    reader.peer.drain()
    h.settle()
    reader.listen()
    expect([reader.anew, reader.held.size, reader.held.has('resting1')]).toEqual([1, 100, false])
  })

  it('begins anew each time that a removal is forgotten which it has not heard of, also of the same key', () => {
    const h = new Harness({ topicKeys: 1, pageBytes: 40 })
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    h.publish('t', 'first', 'a')
    const reader = new Reader(h, { conflate: true })
    h.settle()
    for (const time of [1, 2, 3]) {
      reader.peer.transport.accepts = false
      // What is taken before the transport says that it is full.
      h.publish('t', `full ${time}`, 'a')
      h.settle()
      h.publish('t', '', 'a', true)
      h.publish('t', `${time}`, 'b')
      h.publish('t', '', 'b', true)
      h.publish('t', `${time}`, 'a')
      reader.peer.drain()
      h.settle()
      reader.listen()
      expect([reader.anew, reader.held]).toEqual([time, new Map([['a', `${time}`]])])
    }
  })

  it('begins anew where a key that it was given is removed and forgotten between two pages', () => {
    const h = crowded()
    const reader = new Reader(h, { conflate: true })
    reader.peer.transport.accepts = false
    h.settle()
    h.publish('t', '', 'resting0', true)
    for (let n = 0; n < 51; n++) h.publish('t', 'late', `late${n}`)
    reader.peer.drain()
    h.settle()
    reader.listen()
    expect([reader.anew, reader.held.size, reader.held.has('resting0')]).toEqual([1, 100, false])
  })
})

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ key: fc.nat(6), tombstone: fc.integer({ min: 0, max: 3 }).map((n) => n === 0) }),
  },
  { weight: 4, arbitrary: fc.constant('settle' as const) },
  { weight: 2, arbitrary: fc.record({ lose: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ back: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ stall: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ drain: fc.nat(5) }) },
)

const asked: readonly Partial<Asked>[] = [
  {},
  { keys: [{ key: 'k1' }, { key: 'k9' }] },
  { policy: 1 },
  { conflate: true },
  { conflate: true, keys: [{ key: 'k0' }, { key: 'k2' }, { key: 'k8' }] },
  { policy: 1, keys: [{ key: 'k3' }] },
]

/** What was published and what the node has forgotten, told from outside: positions are numbers, with one publisher. */
class Model {
  readonly #room: number
  readonly published: { readonly key: string; readonly tombstone: boolean }[] = []
  /** Latest entry of each key, oldest first. */
  readonly keys: Map<string, { readonly at: number; readonly tombstone: boolean }> = new Map()
  /** Last removal of each key that was forgotten. */
  readonly forgotten: Map<string, number> = new Map()
  /** Keys in the order in which they were forgotten; one that came again may be forgotten again. */
  readonly forgettings: string[] = []

  constructor(room: number) {
    this.#room = room
  }

  publish(key: string, tombstone: boolean): boolean {
    if (!this.keys.has(key) && this.keys.size >= this.#room) {
      const oldest = [...this.keys].find(([, entry]) => entry.tombstone)
      if (oldest === undefined) return false
      this.keys.delete(oldest[0])
      this.forgotten.set(oldest[0], oldest[1].at)
      this.forgettings.push(oldest[0])
    }
    this.published.push({ key, tombstone })
    this.keys.delete(key)
    this.keys.set(key, { at: this.published.length, tombstone })
    return true
  }
}

function wants({ keys }: Partial<Asked>, key: string): boolean {
  return keys === undefined || keys.some((wanted) => wanted.key === key)
}

describe('Whatever happens', () => {
  it('recovered is the truth, both ways; what is missing was told; values end as the latest', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.nat(3), (steps, kept) => {
        const h = new Harness({ topicKeys: 4, pageBytes: 40, topicPendingEntries: 4, sessionsPerUser: 100 })
        h.node.defineTopics('*', { entries: kept, bytes: 100_000, ageMs: 1e9 })
        const model = new Model(4)
        const readers = asked.map((parts) => new Reader(h, parts))
        h.settle()
        for (const reader of readers) reader.listen()
        const away = new Set<Reader>()
        const comeBack = (reader: Reader, parts: Partial<Asked>): void => {
          h.settle()
          const { at } = reader.position as Position
          const oldest = h.node.topicHistory('t', 1e9)[0]?.position ?? model.published.length + 1
          const isDropped = model.published.some(
            ({ key }, index) => index + 1 >= at && index + 1 < oldest && wants(parts, key),
          )
          // A key that came again after it was forgotten has lost nothing, but for a reader of all that is not known.
          const isForgotten = [...model.forgotten].some(
            ([key, removedAt]) =>
              at > 0 &&
              removedAt >= at &&
              wants(parts, key) &&
              (parts.keys === undefined || !model.keys.has(key)),
          )
          const before = reader.anew
          const { recovered } = reader.comeBack()
          expect(recovered).toBe(!(parts.conflate === true ? isForgotten : isDropped))
          expect(reader.anew).toBe(before)
          if (recovered) return
          reader.taken.length = 0
          reader.missed.length = 0
          reader.anew = 0
        }
        let serial = 0
        for (const each of steps) {
          if (each === 'settle') h.settle()
          else if ('key' in each) {
            const taken = model.publish(`k${each.key}`, each.tombstone)
            expect(h.publish('t', `${++serial}`, `k${each.key}`, each.tombstone) !== 'LIMIT').toBe(taken)
          } else {
            const at = Object.values(each)[0] as number
            const reader = readers[at] as Reader
            if ('lose' in each && !away.has(reader)) {
              h.settle()
              reader.lose()
              away.add(reader)
            } else if ('back' in each && away.delete(reader)) comeBack(reader, asked[at] as Partial<Asked>)
            else if ('stall' in each && !away.has(reader)) reader.peer.transport.accepts = false
            else if ('drain' in each && !away.has(reader)) reader.peer.drain()
          }
        }
        readers.forEach((reader, at) => {
          if (away.has(reader)) comeBack(reader, asked[at] as Partial<Asked>)
          else reader.peer.drain()
        })
        h.settle()
        const latest = new Map(h.node.topicLatest('t').map(({ key, data }) => [key, textOf(data)]))
        readers.forEach((reader, at) => {
          reader.listen()
          const parts = asked[at] as Partial<Asked>
          // A removal that is forgotten is reason enough once: whoever begins anew begins behind it.
          expect(reader.anew).toBeLessThanOrEqual(model.forgettings.filter((key) => wants(parts, key)).length)
          if (parts.conflate === true || parts.policy === 1)
            expect(reader.held).toEqual(new Map([...latest].filter(([key]) => wants(parts, key))))
          if (parts.conflate === true || reader.anew > 0) return
          // From the first that it was given on, everything it wants was taken or told.
          const first = Math.min(...reader.taken, ...reader.missed.map(({ from }) => from))
          model.published.forEach(({ key }, index) => {
            const position = index + 1
            if (position < first || !wants(parts, key) || reader.taken.includes(position)) return
            expect(reader.missed.some(({ from, to }) => from <= position && position < to)).toBe(true)
          })
        })
      }),
      { numRuns: 300 },
    )
  })
})
