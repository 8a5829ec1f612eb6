import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultLimits, fixedLimits } from '../../../src/core/ground/config.ts'
import { costs, Work } from '../../../src/core/ground/work.ts'
import { Account, ratesOf } from '../../../src/core/session/account.ts'
import { Session } from '../../../src/core/session/session.ts'
import { Compacted } from '../../../src/core/topic/compacted.ts'
import { Publication } from '../../../src/core/topic/publication.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'
import { Upstream } from '../../../src/core/up/upstream.ts'
import { nowhere } from '../../../src/protocol/index.ts'
import { bytes, grant, Harness, type Peer, publicationsOf, text, wish } from './harness.ts'
import { endless, userOf } from './payers.ts'
import { append, cursorAt, drain, publishers, topicOf, trim } from './topic-rig.ts'

const KEYS = 2_000

it('The time that hooks may take over what other nodes send is over after a few milliseconds, until the next sweep', () => {
  let ofHooks = 7e9
  const work = new Work(() => ofHooks)
  const taken: boolean[] = []
  for (const more of [0, 3.9e6, 0.1e6, 50e6]) {
    if (more === 0) work.begin()
    ofHooks += more
    taken.push(work.isTaken)
  }
  work.begin()
  expect([...taken, work.isTaken]).toEqual([false, false, true, true, false])
  work.done += 1e9
  expect(work.isTaken).toBe(false)
})

const keyed = (work: Work, pageBytes = 1_000): Topic =>
  topicOf(
    Array.from({ length: KEYS }, (_, n) => ({ number: n + 1, key: `key${n}` })),
    { work, pageBytes },
  )

/** Work of a call. */
function workOf(work: Work, run: () => void): number {
  const before = work.done
  run()
  return work.done - before
}

/** What reading all keys once must cost: each looked at and encoded, and its bytes. */
const once = KEYS * (costs.walked + costs.encoded + 40)

describe('Reading the latest values', () => {
  it('looks at each entry once, however many pages it takes', () => {
    const work = new Work()
    const topic = keyed(work)
    const cursor = cursorAt(topic, 0, { conflate: true, values: true })
    let messages = 0
    const cost = workOf(work, () => (messages = drain(topic, cursor).length))
    expect(messages).toBeGreaterThan(50)
    expect(cost).toBeLessThan(once)
  })

  it('goes on where it stopped, although what it stopped at was replaced', () => {
    const work = new Work()
    const topic = keyed(work)
    const cursor = cursorAt(topic, 0, { conflate: true, values: true })
    const read: number[] = []
    let number = KEYS
    let rounds = 0
    const cost = workOf(work, () => {
      while (!topic.isCurrent(cursor)) {
        const batch = topic.read(cursor)
        if (typeof batch === 'string') continue
        rounds++
        // Replaces what stands at the cursor, and what was just read.
        const [at] = [...topic.from(cursor.position)]
        if (at !== undefined && rounds < 40) {
          append(topic, { number: ++number, key: at.key })
          append(topic, { number: ++number, key: 'key0' })
        }
        read.push(rounds)
      }
    })
    expect(rounds).toBeGreaterThan(50)
    expect(cost).toBeLessThan(2 * once)
  })

  it('costs the second reader nothing but its writes, whenever the two began', () => {
    const work = new Work()
    const topic = keyed(work)
    const first = cursorAt(topic, 0, { conflate: true, values: true })
    const batches = [topic.read(first)]
    append(topic, { number: KEYS + 1, key: 'key7' })
    topic.read(first)
    const second = cursorAt(topic, 0, { conflate: true, values: true })
    const third = cursorAt(topic, 0, { conflate: true, values: true })
    third.values = 1
    const shared = [topic.read(second), topic.read(third)]
    expect(shared[0]).toBe(shared[1])
    expect(batches[0]).not.toBe(shared[0])
    expect(workOf(work, () => drain(topic, second))).toBeGreaterThan(0)
    expect(workOf(work, () => drain(topic, third))).toBe(0)
  })

  it('is not shared where a removal is for one reader and not for the other', () => {
    const topic = topicOf([
      { number: 1, key: 'a' },
      { number: 2, key: 'b', tombstone: true },
      { number: 3, key: 'c' },
    ])
    const old = cursorAt(topic, 1, { conflate: true, values: true })
    old.values = 2
    const fresh = cursorAt(topic, 0, { conflate: true, values: true })
    const numbers = (of: typeof old): number[] => publicationsOf(drain(topic, of)).map(({ number }) => number)
    expect(numbers(old)).toEqual([1, 2, 3])
    expect(numbers(fresh)).toEqual([1, 3])
    const again = cursorAt(topic, 1, { conflate: true, values: true })
    again.values = 2
    expect(numbers(again)).toEqual([1, 2, 3])
  })

  it('of two keys looks at two keys', () => {
    const work = new Work()
    const topic = keyed(work)
    const keys = new Set(['key5', 'key1500'])
    const cursor = cursorAt(topic, 0, { conflate: true, values: true, keys })
    const cost = workOf(work, () => expect(publicationsOf(drain(topic, cursor))).toHaveLength(2))
    expect(cost).toBeLessThan(3 * costs.encoded)
  })
})

describe('Reading the ring', () => {
  it('by keys looks at no entry where none of them has changed', () => {
    const work = new Work()
    const topic = topicOf(
      Array.from({ length: KEYS }, (_, n) => ({ number: n + 1, key: `key${n}` })),
      { work, keep: KEYS },
    )
    const cursor = cursorAt(topic, 20, { keys: new Set(['key3', 'none']) })
    expect(workOf(work, () => expect(drain(topic, cursor)).toEqual([]))).toBe(2 * costs.looked)
  })

  it('by keys still gets what came too late to be a latest value, what was forgotten, and holes', () => {
    const topic = topicOf([
      { number: 1, key: 'a', stamp: 100 },
      { number: 2, key: 'x', stamp: 101 },
    ])
    append(topic, { publisher: 2, number: 1, key: 'a', stamp: 50 })
    const late = cursorAt(topic, 2, { keys: new Set(['a']) })
    expect(publicationsOf(drain(topic, late)).map(({ number }) => number)).toEqual([1])

    append(topic, { number: 3, key: 'a', stamp: 200, tombstone: true })
    topic.forgetRemoval()
    const forgotten = cursorAt(topic, 4, { keys: new Set(['a']) })
    expect(publicationsOf(drain(topic, forgotten)).map(({ number }) => number)).toEqual([3])

    append(topic, { number: 9, key: 'x', stamp: 300 })
    const holed = cursorAt(topic, 5, { keys: new Set(['a']) })
    expect(drain(topic, holed).map(({ type }) => type)).toEqual(['gap'])
  })

  it('by keys looks at a page of it at a time', () => {
    const count = fixedLimits.pageEntries + 100
    const work = new Work()
    const topic = topicOf(
      Array.from({ length: count }, (_, n) => ({ number: n + 1, key: `key${n}` })),
      { work, keep: count },
    )
    const cursor = cursorAt(topic, 2, { keys: new Set([`key${count - 1}`]) })
    expect(workOf(work, () => expect(topic.read(cursor)).toBe('nothing'))).toBe(
      fixedLimits.pageEntries * costs.walked + costs.looked,
    )
    expect(publicationsOf(drain(topic, cursor))).toHaveLength(1)
  })

  it('says for every position what each publisher had said before it, without walking there', () => {
    const given = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 600, maxLength: 1_600 })
    fc.assert(
      fc.property(given, fc.integer({ min: 1, max: 900 }), (sources, keep) => {
        const topic = topicOf([], { keep })
        const numbers = new Map<number, number>()
        /** By position: the numbers before it. */
        const truth: Map<number, number>[] = [new Map(), new Map()]
        for (const publisher of sources) {
          const number = (numbers.get(publisher) ?? 0) + 1
          append(topic, { publisher, number })
          numbers.set(publisher, number)
          truth.push(new Map(numbers))
        }
        trim(topic)
        for (let at = topic.first; at <= topic.next; at++) {
          const said = topic.positionAt(at).numbers.filter(([, number]) => number > 0)
          expect(new Map(said)).toEqual(truth[at])
        }
      }),
      { numRuns: 15 },
    )
  })
})

describe('The compacted log', () => {
  it('finds every place as if all were walked', () => {
    const step = fc.oneof(
      fc.record({ key: fc.integer({ min: 0, max: 30 }), tombstone: fc.boolean(), late: fc.boolean() }),
      fc.constant('forget' as const),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const compacted = new Compacted()
        const model = new Map<string, Publication>()
        let position = 0
        for (const each of steps) {
          if (each === 'forget') {
            const oldest = [...model.values()].filter(({ tombstone }) => tombstone)[0] ?? null
            expect(compacted.forget()).toBe(oldest)
            if (oldest !== null) model.delete(oldest.key)
            continue
          }
          const key = `${each.key}`
          const stamp = each.late ? 0 : ++position
          const entry = new Publication(
            ++position,
            publishers.own,
            position,
            stamp,
            key,
            each.tombstone,
            text(''),
            0,
            0,
          )
          const replaced = compacted.put(entry)
          const before = model.get(key)
          if (before !== undefined && before.stamp > stamp) {
            expect([replaced, entry.slot]).toEqual([null, -1])
            continue
          }
          expect(replaced).toBe(before ?? null)
          model.delete(key)
          model.set(key, entry)
        }
        const latest = [...model.values()]
        expect(compacted.latest()).toEqual(latest.filter(({ tombstone }) => !tombstone))
        expect(compacted.slots).toBeLessThanOrEqual(2 * latest.length + 50)
        for (let from = 0; from <= position + 1; from++) {
          const seen: Publication[] = []
          for (let slot = compacted.slotOf(from); slot < compacted.slots; slot++) {
            const entry = compacted.at(slot)
            if (entry !== null) seen.push(entry)
          }
          expect(seen).toEqual(latest.filter((entry) => entry.position >= from))
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('A publication that overflows the ring', () => {
  it('is given at once to who reads that topic, and to nobody else', () => {
    const h = new Harness({ topicPendingEntries: 4, burstFactor: 1 })
    h.node.defineTopics('*', { entries: 1, bytes: 100_000, ageMs: 1e9 })
    const [reader, other] = [h.connect('ann'), h.connect('bob')]
    h.listen(reader, 't')
    h.node.push('bob', 'news', text('x'))
    for (let n = 0; n < 20; n++) h.publish('t', `${n}`)
    expect(publicationsOf(reader.take()).length).toBeGreaterThan(10)
    expect(other.take()).toEqual([])
    h.settle()
    expect([publicationsOf(reader.take()).length > 0, other.take().length]).toEqual([true, 1])
  })

  it('is given up to the credit of a reader that is far behind, who loses nothing it could have taken', () => {
    const h = new Harness({ topicPendingEntries: 4 })
    h.node.defineTopics('*', { entries: 500, bytes: 10_000_000, ageMs: 1e9 })
    for (let n = 0; n < 500; n++) h.publish('t', 'x'.repeat(1_000))
    h.settle()
    const ann = h.connect('ann')
    ann.subscribe('t', { history: 500 })
    h.sweep()
    for (let n = 0; n < 600; n++) h.publish('t', 'y')
    h.settle()
    const messages = ann.take()
    expect(messages.filter(({ type }) => type === 'gap')).toEqual([])
    expect(publicationsOf(messages)).toHaveLength(1_100)
  })
})

/** Sends one message after the other, each read to its end, until one is refused. Returns how many were not. */
function untilRefused(h: Harness, peer: Peer, send: () => void): number {
  for (let count = 0; ; count++) {
    send()
    h.settle()
    const failed = peer.take().find((message) => message.type === 'failed')
    if (failed === undefined && count < 1_000) continue
    expect(failed).toMatchObject({ error: 'RATE' })
    return count
  }
}

describe('A user pays for the work that messages cause', () => {
  const limits = { joinsPerUserPerSecond: 1_000, subscribesPerUserPerSecond: 1_000 }

  it('when a topic of many keys is read again and again', () => {
    const h = new Harness({ ...limits, workMsPerUserPerSecond: 10, userBurstSeconds: 2 })
    for (let n = 0; n < 2_000; n++) h.publish('k', 'x', `key${n}`)
    h.settle()
    const [mallory, tab, ann] = [h.connect('mallory'), h.connect('mallory'), h.connect('ann')]
    const count = untilRefused(h, mallory, () => mallory.subscribe('k'))
    // About 0.9 ms each, of 20.
    expect(count).toBeGreaterThan(15)
    expect(count).toBeLessThan(40)
    tab.subscribe('k')
    ann.subscribe('k')
    h.settle()
    expect([tab.take()[0]?.type, ann.take()[0]?.type]).toEqual(['failed', 'subscribed'])
    // What asks for nothing to read is not refused: a session in debt must still be able to renew its token.
    tab.publish('u', text('x'))
    h.settle()
    expect(tab.take()[0]?.type).toBe('done')
    h.advance(1_000)
    expect(untilRefused(h, mallory, () => mallory.subscribe('k'))).toBeGreaterThan(8)
  })

  it('when a whole meeting is read again and again', () => {
    const h = new Harness({ ...limits, workMsPerUserPerSecond: 10, userBurstSeconds: 2 })
    h.node.openMeeting('m', { frameRate: 0, inputBytes: 4_096, inputBurst: 1_000 }, h.now)
    const mallory = h.connect('mallory')
    const { log, world } = h.seat(mallory, 'm')
    for (let seq = 1; seq <= 250; seq++) {
      mallory.send({ type: 'input', log, seq, after: 0, seen: 0, data: bytes(4_000) })
      h.settle()
    }
    mallory.take()
    const count = untilRefused(h, mallory, () => mallory.join('m', { world }))
    // About 4 ms each, of 20.
    expect(count).toBeGreaterThan(3)
    expect(count).toBeLessThan(10)
  })

  it('but not for what every message may cost, nor for many small topics', () => {
    const h = new Harness({ ...limits, workMsPerUserPerSecond: 1, userBurstSeconds: 1 })
    for (let n = 0; n < 500; n++) {
      for (let each = 0; each < 50; each++) h.publish(`t${n}`, 'x')
      h.settle()
    }
    const ann = h.connect('ann')
    const topics = Array.from({ length: 500 }, (_, n) => wish(`t${n}`, { history: 50 }))
    ann.send({ type: 'subscribe', call: ann.call(), topics })
    h.settle()
    for (let n = 0; n < 100; n++) ann.publish('u', text('x'))
    h.settle()
    expect(ann.take().filter(({ type }) => type === 'failed')).toEqual([])
  })
})

describe('A sweep', () => {
  it('serves others although one SUBSCRIBE names a large topic a thousand times', () => {
    const h = new Harness()
    for (let n = 0; n < 5_000; n++) h.publish('k', 'x', `key${n}`)
    h.settle()
    const mallory = h.connect('mallory')
    const ann = h.connect('ann')
    h.listen(ann, 'small')
    for (let n = 0; n < 10; n++) {
      const topics = Array.from({ length: 1_000 }, () => wish('k', { conflate: true }))
      mallory.send({ type: 'subscribe', call: mallory.call(), topics })
    }
    h.sweep()
    h.publish('small', 'x')
    h.sweep()
    expect(ann.take().map(({ type }) => type)).toContain('publications')
  })

  it('writes to as many connections as its work allows; the others come first in the next', () => {
    const h = new Harness({ sweepWork: 10 * costs.write })
    const peers = Array.from({ length: 30 }, (_, n) => h.connect(`user${n}`))
    for (const peer of peers) h.listen(peer, 't')
    h.publish('t', 'x')
    const counts = [1, 2, 3, 4].map(() => {
      h.sweep()
      return peers.filter((peer) => peer.take().length > 0).length
    })
    expect(counts[0]).toBeGreaterThan(3)
    expect(counts[0]).toBeLessThanOrEqual(10)
    expect(counts.reduce((sum, count) => sum + count)).toBe(30)
  })

  it('stops a write whose cursors cost more than they bring', () => {
    const h = new Harness({ writeWork: 100 * costs.encoded })
    const ann = h.connect('ann')
    for (let n = 0; n < 300; n++) h.publish(`t${n}`, 'x')
    h.settle()
    const topics = Array.from({ length: 300 }, (_, n) => wish(`t${n}`))
    ann.send({ type: 'subscribe', call: ann.call(), topics })
    h.settle()
    ann.take()
    for (let n = 0; n < 300; n++) h.publish(`t${n}`, 'y')
    const before = ann.transport.packets.length
    h.settle()
    expect(publicationsOf(ann.take())).toHaveLength(300)
    expect(ann.transport.packets.length - before).toBeGreaterThanOrEqual(3)
  })
})

function make(): { upstream: Upstream; work: Work; session: (user: string, count: number) => Session } {
  const limits = { ...fixedLimits, ...defaultLimits }
  const work = new Work()
  const upstream = new Upstream(limits, work)
  const host = {
    limits,
    budget: endless(),
    slow: () => {},
    expired: () => {},
    caughtUp: () => {},
    counted: () => {},
    sendOn: () => {},
  }
  const session = (user: string, count: number): Session => {
    const made = new Session(
      user,
      grant(user),
      userOf(new Account(ratesOf(limits), 'ann'), host.budget),
      host,
    )
    for (let n = 1; n <= count; n++)
      upstream.accept(made, { type: 'input', log: 1, seq: n, after: 0, seen: 0, data: bytes(100) })
    return made
  }
  return { upstream, work, session }
}

describe('The round robin of upstream queues', () => {
  it('lets a session wait that has caused much work', () => {
    const { upstream, work, session } = make()
    session('dear', 10)
    session('cheap', 200)
    const order: string[] = []
    upstream.sweep((from) => {
      order.push(from.user)
      if (from.user === 'dear') work.done += 200_000
    })
    // Each message of the dear one takes three or four turns of 16 KiB, in each of which the cheap one sends 31.
    expect(order.indexOf('dear', 1)).toBeGreaterThan(70)
  })

  it('remembers the debt of a session whose queue has emptied', () => {
    const { upstream, work, session } = make()
    const dear = session('dear', 1)
    upstream.sweep(() => {
      work.done += 1_000_000
    })
    session('cheap', 250)
    upstream.accept(dear, { type: 'leave', call: 1, log: 1 })
    const order: string[] = []
    upstream.sweep((from) => order.push(from.user))
    expect(order.indexOf('dear')).toBeGreaterThan(200)
  })

  it('ends a sweep when its work is done', () => {
    const { upstream, work, session } = make()
    session('dear', 100)
    let count = 0
    const deliver = (): void => {
      count++
      work.done += fixedLimits.sweepWork / 4
    }
    expect(upstream.sweep(deliver)).toBe(true)
    expect(count).toBe(4)
  })
})

it('A position in a topic needs no walk', () => {
  const h = new Harness()
  h.node.defineTopics('*', { entries: 5_000, bytes: 10_000_000, ageMs: 1e9 })
  for (let n = 0; n < 5_000; n++) h.publish('t', `${n}`)
  h.settle()
  const ann = h.connect('ann')
  const { position } = h.listen(ann, 't', { since: nowhere, history: 2_500 })
  expect(position).toMatchObject({ at: 2_501, numbers: [[7, 2_500]] })
})

describe('What is due at the same time', () => {
  it('is done a few in each sweep where hooks take long over it, and others get their turns between', () => {
    const h = new Harness()
    const ended: number[] = []
    let sweeps = 0
    const logic = {
      close: () => {
        h.hookTime += 5e6
        ended.push(sweeps)
      },
    }
    const business = { kind: 'k', metadata: {}, logic }
    for (let n = 0; n < 7; n++) h.node.openMeeting(`m${n}`, { ttlMs: 1_000 }, h.now, business)
    const ann = h.connect('ann')
    h.settle()
    h.now += 1_000
    ann.request('ping')
    const asked: number[] = []
    for (; sweeps < 5; sweeps++) {
      h.node.sweep(h.now)
      asked.push(h.application.requests.length)
    }
    expect(ended).toEqual([0, 0, 1, 1, 2, 2, 3])
    expect(asked).toEqual([1, 1, 1, 1, 1])
    expect(h.node.meetingCount).toBe(0)
  })

  it('is sealed a few in each sweep where hooks take long over it, in meetings without a frame rate', () => {
    const h = new Harness()
    const sealed: number[] = []
    let sweeps = 0
    const logic = {
      frame: ({ inputs }: { readonly inputs: readonly unknown[] }) => {
        if (inputs.length === 0) return
        h.hookTime += 3e6
        sealed.push(sweeps)
      },
    }
    const business = { kind: 'k', metadata: {}, logic }
    const eve = h.connect('eve')
    const logs = Array.from({ length: 7 }, (_, n) => {
      h.node.openMeeting(`m${n}`, { frameRate: 0 }, h.now, business)
      return h.seat(eve, `m${n}`).log
    })
    h.settle()
    for (const log of logs) eve.input(log, 1)
    for (; sweeps < 5; sweeps++) h.node.sweep(h.now)
    expect(sealed).toEqual([0, 0, 1, 1, 2, 2, 3])
  })

  it('is done a few in each sweep where many sessions end that have many seats', () => {
    const h = new Harness({ sessionKeepMs: 1_000 })
    const seats = 50
    for (let n = 0; n < seats; n++) h.node.openMeeting(`m${n}`, { frameRate: 0, ttlMs: 60_000 }, h.now)
    const peers = Array.from({ length: 40 }, (_, n) => h.connect(`u${n}`))
    for (const peer of peers) for (let n = 0; n < seats; n++) peer.join(`m${n}`)
    h.settle()
    for (const peer of peers) peer.hangUp()
    h.settle()
    h.now += 1_000
    const left: number[] = []
    for (let n = 0; n < 4; n++) {
      h.node.sweep(h.now)
      left.push(h.node.sessions)
    }
    const each = Math.ceil(fixedLimits.sweepWork / (seats * costs.left))
    expect(left.slice(0, 3)).toEqual([40 - each, 40 - 2 * each, Math.max(0, 40 - 3 * each)])
  })
})
