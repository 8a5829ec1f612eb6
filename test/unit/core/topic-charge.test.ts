import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixedLimits, type Retention } from '../../../src/core/ground/config.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import { costs, Work } from '../../../src/core/ground/work.ts'
import { type Publication, weigh } from '../../../src/core/topic/publication.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'
import { bytes, publicationsOf } from './harness.ts'
import { endless } from './payers.ts'
import { append, cursorAt, drain, read, topicOf, trim } from './topic-rig.ts'

const keys = ['', 'a', 'b', 'c', 'd'] as const

/** What a topic without cached batches must be charged: itself, and each entry of the ring or the latest values once. */
function owed(topic: Topic, removals: Iterable<Publication>): number {
  const entries = new Set([...topic.from(topic.first), ...topic.latest(), ...removals])
  const sum = [...entries].reduce((total, { weight }) => total + weight, 0)
  return weights.topic + topic.name.length + weights.entries + sum
}

const left = (topic: Topic, now = 30): number => {
  trim(topic, now)
  return topic.size
}

const topicWith = (retention: Partial<Retention>): Topic => {
  const topic = topicOf([], { retention: { ageMs: 1_000, ...retention } })
  for (let n = 1; n <= 3; n++) append(topic, { number: n, data: bytes(68) }, n * 10)
  return topic
}

describe('What a topic holds', () => {
  it('weighs a publication with its payload, and its key where it has one', () => {
    expect(weigh('', 0)).toBe(weights.publication)
    expect(weigh('', 10)).toBe(weights.publication + 10)
    expect(weigh('key', 10)).toBe(weights.publication + weights.key + 3 + 10)
    const topic = topicOf([{ number: 1, key: 'key', data: bytes(10) }])
    const [entry] = topic.latest()
    expect([entry?.weight, entry?.size, topic.bytes]).toEqual([weigh('key', 10), 10 + 3 + 32, 45])
  })

  it('is what it is charged for, whatever comes, is replaced, forgotten and dropped', () => {
    const step = fc.record({
      what: fc.constantFrom('put', 'put', 'put', 'remove', 'late', 'trim', 'cut', 'forget'),
      key: fc.nat(keys.length - 1),
      size: fc.nat(50),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(6), (steps, keep) => {
        const topic = topicOf([], { keep })
        let number = 0
        /** The removals that are kept, oldest first. */
        let removals: Publication[] = []
        for (const { what, key: at, size } of steps) {
          const key = keys[at] as string
          if (what === 'put' || what === 'remove' || what === 'late') {
            const tombstone = what === 'remove' && key !== ''
            // One that is late has a stamp below all others.
            const stamp = what === 'late' ? 0 : 1_000 + number
            const isLatest =
              what !== 'late' || (!topic.hasKey(key) && topic.latest().every((e) => e.key !== key))
            append(topic, { number: ++number, key, tombstone, stamp, data: bytes(size) })
            const entry = topic.history(1)[0] as Publication
            if (isLatest) removals = removals.filter((each) => each.key !== key)
            if (tombstone) removals.push(entry)
          } else if (what === 'trim') trim(topic)
          else if (what === 'forget') {
            expect(topic.forgetRemoval()).toBe(removals.length > 0)
            removals.shift()
          } else if (!topic.isEmpty) {
            topic.shrinkTo(topic.held - size * 20)
            removals = removals.filter(({ slot }) => slot >= 0)
          }
          if (topic.isEmpty) continue
          expect([what, topic.held]).toEqual([what, owed(topic, removals)])
          expect(topic.bytes).toBe(
            [...topic.from(topic.first)].reduce((sum, { size: each }) => sum + each, 0),
          )
        }
        topic.release()
        expect(topic.held).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  it('is dropped beyond the retention: entries, bytes and age, each to the exact number', () => {
    expect(left(topicWith({ entries: 3 }))).toBe(3)
    expect(left(topicWith({ entries: 2 }))).toBe(2)
    expect([300, 299, 200, 199, 99].map((most) => left(topicWith({ bytes: most })))).toEqual([3, 2, 2, 1, 0])
    expect([1_010, 1_011, 1_020, 1_021, 1_030, 1_031].map((now) => left(topicWith({}), now))).toEqual([
      3, 2, 2, 1, 1, 0,
    ])
    expect(left(topicOf())).toBe(0)
  })

  it('counts the latest values that it gave up, not removals', () => {
    const budget = endless()
    const topic = topicOf(
      ['a', 'b', 'c', 'b'].map((key, n) => ({ number: n + 1, key, tombstone: n === 3 })),
      { keep: 0, budget },
    )
    trim(topic)
    topic.shrinkTo(0)
    expect(budget.valuesDropped).toBe(2)
  })
})

// What is written besides the body of the batch: its length, type, log and first position.
const body = (of: number): number => of - 6

/** What an entry of `given` costs: it is encoded, and its bytes are read anew. */
const each = (topic: Topic, count: number): number =>
  costs.encoded +
  ((topic.held - weights.topic - topic.name.length - weights.entries) / count - weights.publication) *
    costs.reread

describe('The work of reading a topic', () => {
  const given = Array.from({ length: 10 }, (_, n) => ({ number: n + 1, key: `k${n % 4}`, data: bytes(100) }))
  it('is told in advance: what the reader will be given, at what its entries weigh', () => {
    const topic = topicOf(given)
    const work = (...args: Parameters<typeof cursorAt> extends [Topic, ...infer R] ? R : never): number =>
      topic.workOf(cursorAt(topic, ...args))
    const one = each(topic, 10)
    expect(one).toBeGreaterThan(costs.encoded)
    expect(work(1)).toBeCloseTo(10 * one)
    expect(work(8)).toBeCloseTo(3 * one)
    expect(work(11)).toBe(0)
    // Latest values: never more than there are slots, nor than keys that it asks for.
    expect(work(1, { keys: new Set(['k1']) })).toBeCloseTo(10 * one)
    expect(work(0, { conflate: true, values: true, keys: new Set(['k1', 'k2']) })).toBeCloseTo(2 * one)
    expect(work(9, { conflate: true })).toBeCloseTo(2 * one)
    expect(work(0, { values: true, keys: new Set(['k1']) })).toBeCloseTo(one)
    topic.shrinkTo(topic.held - 3 * (topic.latest()[0]?.weight ?? 0))
    // A plain reader that fell off the ring gets only what is left of it.
    expect(work(1)).toBeCloseTo((topic.next - topic.first) * each(topic, Math.max(topic.size, 10)))
  })

  it('is counted as it is done', () => {
    const work = new Work()
    const topic = topicOf(given, { work })
    const cost = (run: () => unknown): number => {
      const before = work.done
      run()
      return work.done - before
    }
    let encoded = 0
    const size = (): number => {
      const result = topic.read(cursorAt(topic, 1))
      return typeof result === 'string' ? 0 : result.binary.length
    }
    expect(cost(() => (encoded = size()))).toBeGreaterThanOrEqual(
      10 * (costs.walked + costs.encoded) + 10 * 100,
    )
    expect(cost(size)).toBe(0)
    append(topic, { number: 11, key: 'k0', data: bytes(100) })
    const again = cost(() => (encoded = size()))
    expect(Math.abs(again - 11 * (costs.walked + costs.encoded) - body(encoded) * costs.byte)).toBeLessThan(6)
    const slots = 11
    const latest = cost(() => topic.read(cursorAt(topic, 0, { conflate: true, values: true })))
    expect(latest).toBeGreaterThanOrEqual(4 * (costs.encoded + 100 * costs.byte) + 4 * costs.walked)
    expect(latest).toBeLessThan(4 * (costs.encoded + 120 * costs.byte) + slots * costs.walked)
    const two = cost(() =>
      topic.read(cursorAt(topic, 0, { conflate: true, values: true, keys: new Set(['k1', 'none']) })),
    )
    expect(two).toBeGreaterThanOrEqual(costs.encoded + 100 * costs.byte + 2 * costs.looked)
    expect(two).toBeLessThan(costs.encoded + 120 * costs.byte + 2 * costs.looked + 1)
    const end = cost(() =>
      topic.read(cursorAt(topic, 0, { conflate: true, values: true, keys: new Set(['none']) })),
    )
    expect(end).toBe(costs.looked)
  })
})

const counts = (topic: Topic, cursor: ReturnType<typeof cursorAt>): number[] =>
  drain(topic, cursor).map((message) => publicationsOf([message]).length)

/** Entries of 100 bytes as pages count them. */
const entry = (
  number: number,
  key = '',
): { number: number; key: string; data: ReturnType<typeof bytes> } => ({
  number,
  key,
  data: bytes(68 - key.length),
})

describe('A page of a topic', () => {
  it('ends with the entry that fills it, of the ring, of the latest values and of some keys alike', () => {
    for (const [pageBytes, expected] of [
      [300, [3, 3, 1]],
      [299, [3, 3, 1]],
      [301, [4, 3]],
      [1, [1, 1, 1, 1, 1, 1, 1]],
    ] as const) {
      const plain = topicOf(
        [1, 2, 3, 4, 5, 6, 7].map((n) => entry(n)),
        { pageBytes },
      )
      expect(counts(plain, cursorAt(plain, 1))).toEqual(expected)
      const names = [1, 2, 3, 4, 5, 6, 7].map((n) => `k${n}`)
      const keyed = topicOf(
        names.map((key, n) => entry(n + 1, key)),
        { pageBytes },
      )
      expect(counts(keyed, cursorAt(keyed, 0, { conflate: true, values: true }))).toEqual(expected)
      const some = cursorAt(keyed, 0, { conflate: true, values: true, keys: new Set(names.toReversed()) })
      expect(counts(keyed, some)).toEqual(expected)
    }
  })

  it('of the latest values ends after as many entries as one page may look at', () => {
    const count = fixedLimits.pageEntries + 3
    const topic = topicOf(
      Array.from({ length: count }, (_, n) => ({ number: n + 1, key: `k${n}`, data: bytes(0) })),
      { keep: 1, pageBytes: 10_000_000 },
    )
    expect(counts(topic, cursorAt(topic, 0, { conflate: true, values: true }))).toEqual([
      fixedLimits.pageEntries,
      3,
    ])
  })

  it('of some keys leaves out removals from before the reader began, and has those from then on', () => {
    const topic = topicOf([entry(1, 'a'), entry(2, 'b'), { ...entry(3, 'a'), tombstone: true }])
    const all = new Set(['a', 'b', 'c'])
    const fresh = cursorAt(topic, 0, { conflate: true, values: true, keys: all })
    expect(publicationsOf(drain(topic, fresh)).map(({ key }) => key)).toEqual(['b'])
    const early = cursorAt(topic, 1, { conflate: true, values: true, keys: all })
    early.values = 3
    expect(publicationsOf(drain(topic, early)).map(({ key }) => key)).toEqual(['b', 'a'])
    // One that stands behind an entry is not given it again.
    expect(
      [1, 2, 3, 4].map((at) =>
        publicationsOf(drain(topic, cursorAt(topic, at, { conflate: true, keys: all }))).map(
          ({ key }) => key,
        ),
      ),
    ).toEqual([['b', 'a'], ['b', 'a'], ['a'], []])
  })

  it('with a removal is shared by those who began at one position, and by nobody else', () => {
    const topic = topicOf([entry(1, 'a'), { ...entry(2, 'b'), tombstone: true }, entry(3, 'c')])
    const readerOf = (began: number): ReturnType<typeof cursorAt> => {
      const cursor = cursorAt(topic, 1, { conflate: true, values: true })
      cursor.values = began
      return cursor
    }
    const first = topic.read(readerOf(2))
    const second = topic.read(readerOf(2))
    expect(second).toBe(first)
    const numbersOf = (began: number): number[] =>
      publicationsOf(drain(topic, readerOf(began))).map(({ number }) => number)
    expect([numbersOf(3), numbersOf(2), numbersOf(3)]).toEqual([
      [1, 3],
      [1, 2, 3],
      [1, 3],
    ])
    // Without a removal all share it, whenever they began.
    const plain = topicOf([entry(1, 'a'), entry(2, 'b')])
    const [one, other] = [0, 1].map((began) => {
      const cursor = cursorAt(plain, 1, { conflate: true, values: true })
      cursor.values = began
      return plain.read(cursor)
    })
    expect(other).toBe(one)
  })

  it('tells a reader of some keys, which has missed a stretch, only the values from that stretch', () => {
    const topic = topicOf([entry(1, 'a'), entry(2, 'b'), entry(3, 'c'), entry(4, 'a'), entry(5, 'b')], {
      keep: 2,
    })
    const reader = cursorAt(topic, 1, { policy: 1, keys: new Set(['a', 'b', 'c']) })
    trim(topic)
    expect(read(topic, reader)).toMatchObject({ type: 'gap', from: 1, to: 4 })
    const [stretch, rest] = [read(topic, reader), read(topic, reader)]
    expect(
      [stretch, rest].map((message) => publicationsOf([message as never]).map(({ number }) => number)),
    ).toEqual([[3], [4, 5]])
  })
})
