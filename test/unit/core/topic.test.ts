import { describe, expect, it } from 'vitest'
import { costs, Work } from '../../../src/core/ground/work.ts'
import { Encoded } from '../../../src/core/log/encoded.ts'
import { policies } from '../../../src/core/topic/cursor.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'
import type { ServerMessage } from '../../../src/protocol/index.ts'
import { bytes, publicationsOf, text, textOf } from './harness.ts'
import { append, cursorAt, drain, EPOCH, type Given, LOG, read, topicOf, trim } from './topic-rig.ts'

const entry = (number: number, parts: Partial<Given> = {}): Given => ({ number, ...parts })

const texts = (messages: readonly ServerMessage[]): string[] =>
  publicationsOf(messages).map(({ data }) => textOf(data))

const standing = (at: number, numbers: [number, number][] = []): object => ({ epoch: EPOCH, at, numbers })

/** Five entries of which only the last is kept. */
const fallen = (): Topic => {
  const topic = topicOf(
    [1, 2, 3, 4, 5].map((n) => entry(n, { key: n % 2 === 1 ? 'odd' : 'even' })),
    { keep: 1 },
  )
  trim(topic)
  return topic
}

const values = (topic: Topic): string[] => texts(drain(topic, cursorAt(topic, 0, { values: true })))

describe('The log of a topic', () => {
  it('keeps what retention allows: entries, bytes, age', () => {
    const entries = Array.from({ length: 20 }, (_, n) => entry(n + 1, { data: bytes(68) }))
    const byEntries = topicOf(entries, { keep: 5 })
    trim(byEntries)
    expect([byEntries.first, byEntries.next, byEntries.size]).toEqual([16, 21, 5])
    const byBytes = topicOf(entries)
    // The newest is the latest value of the key '', which is given up last.
    byBytes.shrinkTo(byBytes.held - 16 * 448)
    expect([byBytes.size, byBytes.bytes]).toEqual([4, 400])
    const byAge = topicOf()
    entries.forEach((each, n) => append(byAge, each, n * 100_000))
    trim(byAge, 2_050_000)
    expect(byAge.first).toBe(12)
  })

  it('keeps nothing where retention is nothing, except what no sweep has carried on', () => {
    const topic = topicOf(
      [1, 2, 3, 4].map((n) => entry(n)),
      { keep: 0 },
    )
    topic.carried = 3
    topic.trim(1)
    expect([topic.first, topic.size]).toEqual([3, 2])
    trim(topic)
    expect([topic.first, topic.next, topic.size, topic.bytes]).toEqual([5, 5, 0, 0])
    append(topic, entry(5))
    expect(texts(drain(topic, cursorAt(topic, 5)))).toEqual(['5'])
  })

  it('gives plain cursors at the same place the same batch, until it grows', () => {
    const topic = topicOf([entry(1), entry(2)])
    const batch = topic.read(cursorAt(topic, 1))
    expect(batch).toBeInstanceOf(Encoded)
    expect(topic.read(cursorAt(topic, 1))).toBe(batch)
    expect(topic.read(cursorAt(topic, 2))).not.toBe(batch)
    append(topic, entry(3))
    expect(topic.read(cursorAt(topic, 1))).not.toBe(batch)
  })

  it('gives conflating cursors at the same place the same batch, another than plain ones get', () => {
    const topic = topicOf([entry(1, { key: 'a' }), entry(2, { key: 'a' })])
    const batch = topic.read(cursorAt(topic, 1, { conflate: true }))
    expect(topic.read(cursorAt(topic, 1, { conflate: true }))).toBe(batch)
    expect(topic.read(cursorAt(topic, 1))).not.toBe(batch)
    const keys = new Set(['a'])
    expect(topic.read(cursorAt(topic, 1, { conflate: true, keys }))).not.toBe(batch)
  })

  it('goes page by page, of the limit’s bytes or one entry more', () => {
    const topic = topicOf(
      Array.from({ length: 12 }, (_, n) => entry(n + 1, { data: bytes(10_000), key: `${n}` })),
    )
    for (const conflate of [false, true]) {
      const pages = drain(topic, cursorAt(topic, 1, { conflate }))
      expect(pages.map((page) => publicationsOf([page]).length)).toEqual([4, 4, 4])
      expect(publicationsOf(pages).map(({ number }) => number)).toEqual(
        Array.from({ length: 12 }, (_, n) => n + 1),
      )
    }
  })

  describe('to a cursor that fell off the ring', () => {
    it('skips with a gap that says where it stands now', () => {
      const topic = fallen()
      const [gap, rest] = drain(topic, cursorAt(topic, 2))
      expect(gap).toEqual({
        type: 'gap',
        log: LOG,
        from: 2,
        to: 5,
        position: standing(5, [[1, 4]]),
        reason: 'SLOW',
      })
      expect(texts([rest as ServerMessage])).toEqual(['5'])
    })

    it('tells one whose policy is to conflate, gives the latest values of what it missed, and then goes on', () => {
      const topic = topicOf(
        [1, 2, 3, 4, 5, 6].map((n) => entry(n, { key: 'abca'.charAt((n - 1) % 4) })),
        { keep: 2 },
      )
      trim(topic)
      append(topic, entry(7, { key: 'c' }))
      const cursor = cursorAt(topic, 2, { policy: policies.conflate })
      const messages = drain(topic, cursor)
      // Of 2 … 4 nothing is the latest any more, so it is only told where it stands. What the ring has comes in full.
      expect(messages[0]).toEqual({
        type: 'gap',
        log: LOG,
        from: 2,
        to: 5,
        position: standing(2),
        reason: 'SLOW',
      })
      expect(messages.slice(1).map((message) => texts([message]))).toEqual([[], ['5', '6', '7']])
      expect(publicationsOf(messages).map(({ at }) => at)).toEqual([5, 6, 7])
    })

    it('tells it of each stretch once, and gives it the latest values of each', () => {
      const topic = topicOf([], { keep: 1, pageBytes: 1 })
      for (let n = 1; n <= 4; n++) append(topic, entry(n, { key: `k${n}` }))
      trim(topic)
      const cursor = cursorAt(topic, 1, { policy: policies.conflate })
      expect(topic.read(cursor)).toMatchObject({ reason: 'SLOW' })
      expect(texts([read(topic, cursor) as ServerMessage])).toEqual(['1'])
      for (let n = 5; n <= 8; n++) append(topic, entry(n, { key: `k${n}` }))
      trim(topic)
      const rest = drain(topic, cursor)
      expect(
        rest.map((message) => (message.type === 'gap' ? [message.from, message.to] : texts([message]))),
      ).toEqual([['2'], ['3'], [4, 8], ['4'], ['5'], ['6'], ['7'], ['8']])
    })

    it('says to disconnect where that is its policy', () => {
      const topic = fallen()
      expect(topic.read(cursorAt(topic, 2, { policy: policies.disconnect }))).toBe('disconnect')
    })

    it('never gives a gap where it conflates', () => {
      const topic = fallen()
      expect(texts(drain(topic, cursorAt(topic, 1, { conflate: true })))).toEqual(['4', '5'])
    })

    it('says nothing to one that wants only keys of which nothing was dropped, whatever its policy', () => {
      const topic = topicOf([entry(1, { key: 'a' }), entry(2, { key: 'b' }), entry(3, { key: 'c' })], {
        keep: 1,
      })
      trim(topic)
      for (const policy of Object.values(policies)) {
        expect(drain(topic, cursorAt(topic, 2, { policy, keys: new Set(['a', 'x']) }))).toEqual([])
        expect(texts(drain(topic, cursorAt(topic, 2, { policy, keys: new Set(['a', 'c']) })))).toEqual(['3'])
      }
      expect(drain(topic, cursorAt(topic, 2, { keys: new Set(['b']) }))).toMatchObject([{ reason: 'SLOW' }])
    })
  })

  it('gives a filtered cursor only its keys, and nothing where none of them changed', () => {
    const topic = topicOf([entry(1, { key: 'a' }), entry(2, { key: 'b' }), entry(3), entry(4, { key: 'c' })])
    expect(texts(drain(topic, cursorAt(topic, 1, { keys: new Set(['a', 'c']) })))).toEqual(['1', '4'])
    expect(topic.read(cursorAt(topic, 2, { keys: new Set(['a']) }))).toBe('nothing')
    expect(topic.read(cursorAt(topic, 2, { keys: new Set(['a']), conflate: true }))).toBe('nothing')
    expect(texts(drain(topic, cursorAt(topic, 1, { keys: new Set(['b']), conflate: true })))).toEqual(['2'])
  })

  it('tells every reader of a hole, once each, and goes on behind it', () => {
    const topic = topicOf([entry(1), entry(2), entry(5), entry(6)])
    for (const keys of [null, new Set([''])]) {
      const [before, gap, after] = drain(topic, cursorAt(topic, 1, { keys }))
      expect(texts([before as ServerMessage])).toEqual(['1', '2'])
      expect(gap).toEqual({
        type: 'gap',
        log: LOG,
        from: 3,
        to: 3,
        position: standing(3, [[1, 4]]),
        reason: 'BUS',
      })
      expect(texts([after as ServerMessage])).toEqual(['5', '6'])
    }
    expect(drain(topic, cursorAt(topic, 3)).map(({ type }) => type)).toEqual(['gap', 'publications'])
    expect(drain(topic, cursorAt(topic, 4)).map(({ type }) => type)).toEqual(['publications'])
  })

  it('takes the first entry of a publisher as its beginning, not as a hole', () => {
    const topic = topicOf([entry(1), entry(40, { publisher: 2, stamp: 15 })])
    expect(drain(topic, cursorAt(topic, 1)).map(({ type }) => type)).toEqual(['publications'])
    expect(topic.positionAt(3)).toEqual(
      standing(3, [
        [1, 1],
        [2, 40],
      ]),
    )
  })

  it('says for each position what came before it, holes not counted as had', () => {
    const topic = topicOf(
      [
        entry(1),
        entry(40, { publisher: 2, stamp: 15 }),
        entry(2),
        entry(45, { publisher: 2, stamp: 25 }),
        entry(3),
      ],
      { keep: 4 },
    )
    trim(topic)
    const numbers = (position: number): unknown => topic.positionAt(position).numbers
    expect([2, 3, 4, 5, 6].map(numbers)).toEqual(
      [
        [1, 39],
        [1, 40],
        [2, 40],
        [2, 45],
        [3, 45],
      ].map(([one, two]) => [
        [1, one],
        [2, two],
      ]),
    )
  })

  it('remembers as many publishers as a position can hold, the latest ones', () => {
    const topic = topicOf()
    for (let publisher = 1; publisher <= 100; publisher++)
      append(topic, { publisher, number: 5, stamp: publisher })
    const { numbers } = topic.positionAt(topic.next)
    expect(numbers.map(([publisher]) => publisher)).toEqual(Array.from({ length: 64 }, (_, n) => n + 37))
  })
})

describe('The compacted log of a topic', () => {
  it('holds the latest entry of each key in order of position; one without a key has one of its own', () => {
    const topic = topicOf([
      entry(1, { key: 'a' }),
      entry(2, { key: 'b' }),
      entry(3),
      entry(4, { key: 'a' }),
      entry(5),
    ])
    expect(values(topic)).toEqual(['2', '4', '5'])
    expect(topic.keyCount).toBe(2)
    expect([topic.hasKey('a'), topic.hasKey('b'), topic.hasKey('c')]).toEqual([true, true, false])
  })

  it('takes the highest stamp for the latest, whatever the order of arrival', () => {
    const early = entry(1, { key: 'a', stamp: 100 })
    const late = entry(1, { key: 'a', stamp: 200, publisher: 2, data: text('late') })
    expect(values(topicOf([early, late]))).toEqual(['late'])
    expect(values(topicOf([late, early]))).toEqual(['late'])
  })

  it('breaks a tie of stamps by the publisher, so that all nodes agree', () => {
    const one = entry(1, { key: 'a', stamp: 100, data: text('one') })
    const two = entry(1, { key: 'a', stamp: 100, publisher: 2, data: text('two') })
    expect(values(topicOf([one, two]))).toEqual(['two'])
    expect(values(topicOf([two, one]))).toEqual(['two'])
  })

  it('outlives the ring', () => {
    const topic = topicOf(
      [1, 2, 3, 4].map((n) => entry(n, { key: `k${n % 2}` })),
      { keep: 0 },
    )
    trim(topic)
    expect(topic.size).toBe(0)
    expect(values(topic)).toEqual(['3', '4'])
  })

  it('tells of a removal, but not those who hold nothing yet', () => {
    const topic = topicOf([
      entry(1, { key: 'a' }),
      entry(2, { key: 'b' }),
      entry(3, { key: 'a', tombstone: true }),
    ])
    expect(values(topic)).toEqual(['2'])
    expect(publicationsOf(drain(topic, cursorAt(topic, 3, { conflate: true })))).toMatchObject([
      { key: 'a', tombstone: true, number: 3 },
    ])
  })

  it('costs a conflating reader only what changed, not what is there', () => {
    const count = 2_000
    const work = new Work()
    const given = Array.from({ length: count }, (_, n) => entry(n + 1, { key: `k${n + 1}` }))
    const topic = topicOf(given, { work })
    const from = topic.next
    append(topic, entry(count + 1, { key: 'k5' }))
    append(topic, entry(count + 2, { key: 'k9' }))
    append(topic, entry(count + 3, { key: 'k5' }))
    for (const keys of [null, new Set(['k5', 'k9'])]) {
      const cursor = cursorAt(topic, from, { conflate: true, keys })
      const before = work.done
      const read = publicationsOf(drain(topic, cursor)).map(({ number }) => number)
      expect(read).toEqual([count + 2, count + 3])
      expect(work.done - before).toBeLessThan(3 * costs.encoded)
    }
  })

  it('forgets removed keys for room, the oldest removal first, and says when there is none', () => {
    const topic = topicOf([
      entry(1, { key: 'a', tombstone: true }),
      entry(2, { key: 'b' }),
      entry(3, { key: 'c', tombstone: true }),
      entry(4, { key: 'a', tombstone: true }),
    ])
    expect(topic.forgetRemoval()).toBe(true)
    expect([topic.hasKey('a'), topic.hasKey('c'), topic.keyCount]).toEqual([true, false, 2])
    expect(topic.forgetRemoval()).toBe(true)
    expect(topic.forgetRemoval()).toBe(false)
    expect(values(topic)).toEqual(['2'])
  })

  it('lets a live conflating reader begin anew when a removal it has not heard of is forgotten', () => {
    const topic = topicOf([entry(1, { key: 'a' }), entry(2, { key: 'b' })])
    const behind = cursorAt(topic, topic.next, { conflate: true })
    const other = cursorAt(topic, topic.next, { conflate: true, keys: new Set(['b', 'c']) })
    append(topic, entry(3, { key: 'a', tombstone: true }))
    const current = cursorAt(topic, topic.next, { conflate: true })
    topic.forgetRemoval()
    append(topic, entry(4, { key: 'c' }))
    const [gap, ...rest] = drain(topic, behind)
    expect(gap).toEqual({ type: 'gap', log: LOG, from: 3, to: 3, position: standing(0), reason: 'RETENTION' })
    expect(texts(rest)).toEqual(['2', '4'])
    expect(texts(drain(topic, current))).toEqual(['4'])
    // It does not read the key that was removed.
    expect(texts(drain(topic, other))).toEqual(['4'])
  })
})
