import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Topic } from '../../../src/core/topic/topic.ts'
import type { TopicCursor } from '../../../src/core/topic/cursor.ts'
import { bytes, publicationsOf, text, textOf } from './harness.ts'
import { append, cursorAt, drain, read, topicOf, trim } from './topic-rig.ts'

const keysOf = (topic: Topic): string[] => topic.latest().map(({ key }) => key)

/** A topic whose ring is empty and whose latest values are of these keys. */
function valuesOf(keys: readonly string[]): Topic {
  const topic = topicOf(
    keys.map((key, n) => ({ number: n + 1, key, data: text(`${key} is ${n + 1}`) })),
    { keep: 0 },
  )
  trim(topic)
  return topic
}

/** Cuts so much that `count` latest values are dropped. */
function dropValues(topic: Topic, count: number): void {
  const [first] = topic.latest()
  topic.shrinkTo(topic.held - count * (first?.weight ?? 0))
}

/** A reader that holds values by key, as a client does. */
class Holder {
  readonly held: Map<string, string> = new Map()
  readonly cursor: TopicCursor
  /** How often it was told to begin again. */
  anew = 0
  readonly #topic: Topic

  constructor(topic: Topic) {
    this.#topic = topic
    this.cursor = cursorAt(topic, 0, { conflate: true, values: true })
  }

  read(): void {
    if (this.#topic.isCurrent(this.cursor)) return
    const message = read(this.#topic, this.cursor)
    if (typeof message === 'string') return
    if (message.type === 'gap') {
      this.anew++
      this.held.clear()
    }
    for (const { key, tombstone, data } of publicationsOf([message]))
      if (tombstone) this.held.delete(key)
      else this.held.set(key, textOf(data))
  }

  drain(): void {
    for (let reads = 0; !this.#topic.isCurrent(this.cursor); reads++) {
      if (reads > 10_000) throw new Error('never current')
      this.read()
    }
  }
}

describe('A topic that has to give up memory', () => {
  it('drops batches and its ring first, and keeps the latest values', () => {
    const topic = topicOf(
      [1, 2, 3, 4, 5, 6].map((number) => ({ number, key: `k${number % 2}`, data: bytes(100) })),
    )
    drain(topic, cursorAt(topic, 1))
    const { held } = topic
    topic.shrinkTo(held - 1)
    const all = topic.held
    expect([all < held, topic.size]).toEqual([true, 6])
    const [value] = topic.latest()
    topic.shrinkTo(all - 4 * (value?.weight ?? 0))
    expect([topic.size, keysOf(topic)]).toEqual([2, ['k1', 'k0']])
  })

  it('then drops latest values, oldest change first, and counts them no more', () => {
    const topic = valuesOf(['a', 'b', 'a', 'c', 'd'])
    expect(keysOf(topic)).toEqual(['b', 'a', 'c', 'd'])
    dropValues(topic, 2)
    expect(keysOf(topic)).toEqual(['c', 'd'])
    topic.shrinkTo(0)
    expect([keysOf(topic), topic.keyCount]).toEqual([[], 0])
    const empty = topic.held
    append(topic, { number: 6, key: 'a' })
    topic.shrinkTo(0)
    expect(topic.held).toBe(empty)
  })

  it('leaves a reader that has kept up with the values that it holds, and gives a new one what is kept', () => {
    const topic = valuesOf(['a', 'b', 'c'])
    const old = new Holder(topic)
    old.drain()
    dropValues(topic, 1)
    append(topic, { number: 4, key: 'd', data: text('d is 4') })
    old.drain()
    expect([old.anew, [...old.held.keys()]]).toEqual([0, ['a', 'b', 'c', 'd']])
    const late = new Holder(topic)
    late.drain()
    expect([late.anew, [...late.held.keys()]]).toEqual([0, ['b', 'c', 'd']])
  })

  it('lets a reader begin again that had not yet read a value which is dropped', () => {
    const topic = valuesOf(['a', 'b', 'c'])
    const reader = new Holder(topic)
    reader.drain()
    append(topic, { number: 4, key: 'a', data: text('a is 4') })
    append(topic, { number: 5, key: 'e', data: text('e is 5') })
    trim(topic)
    dropValues(topic, 3)
    expect(keysOf(topic)).toEqual(['e'])
    reader.drain()
    expect([reader.anew, [...reader.held]]).toEqual([1, [['e', 'e is 5']]])
  })

  it('leaves no reader with an outdated value, whatever is dropped when, and holds what it counts', () => {
    const step = fc.record({
      what: fc.constantFrom('put', 'put', 'put', 'remove', 'cut', 'read', 'trim', 'forget'),
      n: fc.nat(7),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const topic = topicOf([], { keep: 2, pageBytes: 64 })
        const empty = topic.held
        const truth = new Map<string, string>()
        const readers: Holder[] = []
        let number = 0
        for (const { what, n } of steps) {
          const key = `k${n}`
          if (what === 'put' || what === 'remove') {
            const value = what === 'put' ? `${++number}` : ''
            if (what === 'put') truth.set(key, value)
            else {
              number++
              truth.delete(key)
            }
            append(topic, { number, key, data: text(value), tombstone: what === 'remove' })
          } else if (what === 'cut') topic.shrinkTo(topic.held - n * 400)
          else if (what === 'read' && !topic.isEmpty) {
            if (readers.length < 3) readers.push(new Holder(topic))
            readers[n % readers.length]?.read()
          } else if (what === 'trim') trim(topic)
          else if (what === 'forget') topic.forgetRemoval()
        }
        for (const reader of readers) {
          reader.drain()
          for (const [key, value] of reader.held) expect(truth.get(key)).toBe(value)
          for (const { key, data } of topic.latest()) expect(reader.held.get(key)).toBe(textOf(data))
        }
        topic.shrinkTo(0)
        topic.release()
        expect([topic.held, empty > 0]).toEqual([0, true])
      }),
      { numRuns: 500 },
    )
  })
})
