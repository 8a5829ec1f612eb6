import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Budget } from '../../../src/core/ground/budget.ts'
import { Encoded } from '../../../src/core/log/encoded.ts'
import type { Retention } from '../../../src/core/ground/config.ts'
import type { Outlet } from '../../../src/core/log/log.ts'
import { policies, TopicCursor, type Wish, wishOf } from '../../../src/core/topic/cursor.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'
import { TopicLog } from '../../../src/core/topic/topic-log.ts'
import { binaryCodec, type PublicationEntry, type ServerMessage } from '../../../src/protocol/index.ts'
import { bytes, publicationsOf, text, textOf } from './harness.ts'

const generous: Retention = { entries: 1_000, bytes: 10_000_000, ageMs: 1_000_000 }
const nothing: Retention = { entries: 0, bytes: 0, ageMs: 0 }

/** A publication; its stamp follows its number unless given. */
function entry(number: number, parts: Partial<PublicationEntry> = {}): PublicationEntry {
  return {
    publisher: 1,
    number,
    stamp: number * 10,
    key: '',
    tombstone: false,
    data: text(`${number}`),
    ...parts,
  }
}

function logOf(...entries: PublicationEntry[]): TopicLog {
  const log = new TopicLog(7, new Budget(Infinity))
  for (const each of entries) log.append(each, 0)
  return log
}

function cursorAt(
  log: TopicLog,
  position: number,
  { conflate = false, policy = 0, keys = null, values = false }: Partial<Wish> & { values?: boolean } = {},
): TopicCursor {
  return new TopicCursor(log as Topic, {} as Outlet, position, wishOf(conflate, policy, keys), values)
}

/** Reads until current. */
function drain(log: TopicLog, cursor: TopicCursor): ServerMessage[] {
  const messages: ServerMessage[] = []
  for (let reads = 0; !log.isCurrent(cursor); reads++) {
    if (reads > 10_000) throw new Error('never current')
    const read = log.read(cursor)
    if (read === 'disconnect') throw new Error('disconnected')
    if (read !== 'nothing') messages.push(...(binaryCodec.decode(read.binary, 'server') as ServerMessage[]))
  }
  return messages
}

const texts = (messages: readonly ServerMessage[]): string[] =>
  publicationsOf(messages).map(({ data }) => textOf(data))

const fallen = (): TopicLog => {
  const log = logOf(...[1, 2, 3, 4, 5].map((n) => entry(n, { key: n % 2 === 1 ? 'odd' : 'even' })))
  log.trim({ ...generous, entries: 1 }, log.next, 0)
  return log
}

const values = (log: TopicLog): string[] => texts(drain(log, cursorAt(log, 0, { values: true })))

const twoPublishers = (): TopicLog =>
  logOf(
    entry(1, { key: 'a' }),
    entry(1, { publisher: 2, key: 'b', stamp: 15 }),
    entry(2, { key: 'a' }),
    entry(2, { publisher: 2, key: 'b', stamp: 25 }),
  )

describe('The log of a topic', () => {
  it('keeps what retention allows: entries, bytes, age', () => {
    const entries = Array.from({ length: 20 }, (_, n) => entry(n + 1, { data: bytes(68) }))
    const byEntries = logOf(...entries)
    byEntries.trim({ ...generous, entries: 5 }, byEntries.next, 0)
    expect([byEntries.first, byEntries.next, byEntries.size]).toEqual([16, 21, 5])
    const byBytes = logOf(...entries)
    byBytes.trim({ ...generous, bytes: 450 }, byBytes.next, 0)
    expect([byBytes.size, byBytes.bytes]).toEqual([4, 400])
    const byAge = new TopicLog(1, new Budget(Infinity))
    entries.forEach((each, n) => byAge.append(each, n * 10))
    byAge.trim({ ...generous, ageMs: 95 }, byAge.next, 200)
    expect(byAge.first).toBe(12)
  })

  it('keeps nothing where retention is nothing, except what somebody waits for', () => {
    const log = logOf(...[1, 2, 3, 4].map((n) => entry(n)))
    log.trim(nothing, 3, 1)
    expect([log.first, log.size]).toEqual([3, 2])
    log.trim(nothing, log.next, 1)
    expect([log.first, log.next, log.size, log.bytes]).toEqual([5, 5, 0, 0])
    log.append(entry(5), 1)
    expect(texts(drain(log, cursorAt(log, 5)))).toEqual(['5'])
  })

  it('gives plain cursors at the same place the same batch, until it grows', () => {
    const log = logOf(entry(1), entry(2))
    const batch = log.read(cursorAt(log, 1))
    expect(batch).toBeInstanceOf(Encoded)
    expect(log.read(cursorAt(log, 1))).toBe(batch)
    expect(log.read(cursorAt(log, 2))).not.toBe(batch)
    log.append(entry(3), 0)
    expect(log.read(cursorAt(log, 1))).not.toBe(batch)
  })

  it('gives conflating cursors at the same place the same batch, another than plain ones get', () => {
    const log = logOf(entry(1, { key: 'a' }), entry(2, { key: 'a' }))
    const batch = log.read(cursorAt(log, 1, { conflate: true }))
    expect(log.read(cursorAt(log, 1, { conflate: true }))).toBe(batch)
    expect(log.read(cursorAt(log, 1))).not.toBe(batch)
    const keys = new Set(['a'])
    expect(log.read(cursorAt(log, 1, { conflate: true, keys }))).not.toBe(batch)
  })

  it('goes page by page of 32 KiB or one entry more', () => {
    const log = logOf(
      ...Array.from({ length: 12 }, (_, n) => entry(n + 1, { data: bytes(10_000), key: `${n}` })),
    )
    for (const conflate of [false, true]) {
      const pages = drain(log, cursorAt(log, 1, { conflate }))
      expect(pages.map((page) => page.type === 'publications' && page.count)).toEqual([4, 4, 4])
      expect(publicationsOf(pages).map(({ number }) => number)).toEqual(
        Array.from({ length: 12 }, (_, n) => n + 1),
      )
    }
  })

  describe('to a cursor that fell off the ring', () => {
    it('skips with a gap that says where it stands now', () => {
      const log = fallen()
      const [gap, rest] = drain(log, cursorAt(log, 2))
      expect(gap).toEqual({ type: 'gap', log: 7, from: 2, to: 5, position: [[1, 4]], reason: 'SLOW' })
      expect(texts([rest as ServerMessage])).toEqual(['5'])
    })

    it('gives the latest values where that is its policy', () => {
      const log = fallen()
      expect(texts(drain(log, cursorAt(log, 2, { policy: policies.conflate })))).toEqual(['4', '5'])
    })

    it('says to disconnect where that is its policy', () => {
      const log = fallen()
      expect(log.read(cursorAt(log, 2, { policy: policies.disconnect }))).toBe('disconnect')
    })

    it('never gives a gap where it conflates', () => {
      const log = fallen()
      expect(texts(drain(log, cursorAt(log, 1, { conflate: true })))).toEqual(['4', '5'])
    })
  })

  it('gives a filtered cursor only its keys, and nothing where none of them changed', () => {
    const log = logOf(entry(1, { key: 'a' }), entry(2, { key: 'b' }), entry(3), entry(4, { key: 'c' }))
    expect(texts(drain(log, cursorAt(log, 1, { keys: new Set(['a', 'c']) })))).toEqual(['1', '4'])
    expect(log.read(cursorAt(log, 2, { keys: new Set(['a']) }))).toBe('nothing')
    expect(log.read(cursorAt(log, 2, { keys: new Set(['a']), conflate: true }))).toBe('nothing')
    expect(texts(drain(log, cursorAt(log, 1, { keys: new Set(['b']), conflate: true })))).toEqual(['2'])
  })

  it('tells every reader of a hole, once each, and goes on behind it', () => {
    const log = logOf(entry(1), entry(2), entry(5), entry(6))
    for (const keys of [null, new Set([''])]) {
      const [before, gap, after] = drain(log, cursorAt(log, 1, { keys }))
      expect(texts([before as ServerMessage])).toEqual(['1', '2'])
      expect(gap).toEqual({ type: 'gap', log: 7, from: 3, to: 3, position: [[1, 4]], reason: 'BUS' })
      expect(texts([after as ServerMessage])).toEqual(['5', '6'])
    }
    expect(drain(log, cursorAt(log, 3)).map(({ type }) => type)).toEqual(['gap', 'publications'])
    expect(drain(log, cursorAt(log, 4)).map(({ type }) => type)).toEqual(['publications'])
  })

  it('takes the first entry of a publisher as its beginning, not as a hole', () => {
    const log = logOf(entry(1), entry(40, { publisher: 2, stamp: 15 }))
    expect(drain(log, cursorAt(log, 1)).map(({ type }) => type)).toEqual(['publications'])
    expect(log.position).toEqual([
      [1, 1],
      [2, 40],
    ])
  })

  describe('compacted', () => {
    it('holds the latest entry of each key in order of position; one without a key has one of its own', () => {
      const log = logOf(
        entry(1, { key: 'a' }),
        entry(2, { key: 'b' }),
        entry(3),
        entry(4, { key: 'a' }),
        entry(5),
      )
      expect(values(log)).toEqual(['2', '4', '5'])
      expect(log.keyCount).toBe(2)
      expect([log.hasKey('a'), log.hasKey('b'), log.hasKey('c')]).toEqual([true, true, false])
    })

    it('takes the highest stamp for the latest, whatever the order of arrival', () => {
      const early = entry(1, { key: 'a', stamp: 100 })
      const late = entry(1, { key: 'a', stamp: 200, publisher: 2, data: text('late') })
      expect(values(logOf(early, late))).toEqual(['late'])
      expect(values(logOf(late, early))).toEqual(['late'])
    })

    it('breaks a tie of stamps by the publisher, so that all nodes agree', () => {
      const one = entry(1, { key: 'a', stamp: 100, data: text('one') })
      const two = entry(1, { key: 'a', stamp: 100, publisher: 2, data: text('two') })
      expect(values(logOf(one, two))).toEqual(['two'])
      expect(values(logOf(two, one))).toEqual(['two'])
    })

    it('outlives the ring', () => {
      const log = logOf(...[1, 2, 3, 4].map((n) => entry(n, { key: `k${n % 2}` })))
      log.trim(nothing, log.next, 1)
      expect(log.size).toBe(0)
      expect(values(log)).toEqual(['3', '4'])
    })

    it('tells of a removal, but not those who hold nothing yet', () => {
      const log = logOf(
        entry(1, { key: 'a' }),
        entry(2, { key: 'b' }),
        entry(3, { key: 'a', tombstone: true }),
      )
      expect(values(log)).toEqual(['2'])
      expect(publicationsOf(drain(log, cursorAt(log, 3, { conflate: true })))).toMatchObject([
        { key: 'a', tombstone: true, number: 3 },
      ])
    })

    it('costs a conflating reader only what changed, not what is there', () => {
      const log = new TopicLog(1, new Budget(Infinity))
      let walked = 0
      const count = 2_000
      for (let n = 1; n <= count; n++) {
        const each = entry(n, { data: text('x') })
        // The log copies the fields it is given; its walk looks at nothing but its own links and keys.
        log.append({ ...each, key: `k${n}` }, 0)
      }
      const cursor = cursorAt(log, log.next, { conflate: true })
      log.append(entry(count + 1, { key: 'k5' }), 0)
      log.append(entry(count + 2, { key: 'k9' }), 0)
      log.append(entry(count + 3, { key: 'k5' }), 0)
      // A key filter is asked once for each entry walked.
      const keys = {
        has: (): boolean => {
          walked++
          return true
        },
      } as unknown as ReadonlySet<string>
      const filtered = cursorAt(log, cursor.position, { conflate: true, keys })
      expect(publicationsOf(drain(log, filtered)).map(({ number }) => number)).toEqual([count + 2, count + 3])
      expect(walked).toBe(2)
    })

    it('forgets removed keys for room, oldest first, and says when there is none', () => {
      const log = logOf(
        entry(1, { key: 'a', tombstone: true }),
        entry(2, { key: 'b' }),
        entry(3, { key: 'c', tombstone: true }),
      )
      expect(log.dropTombstone()).toBe(true)
      expect([log.hasKey('a'), log.hasKey('c'), log.keyCount]).toEqual([false, true, 2])
      expect(log.dropTombstone()).toBe(true)
      expect(log.dropTombstone()).toBe(false)
      expect(values(log)).toEqual(['2'])
    })

    it('lets a live conflating reader begin anew when a removal it has not heard of is forgotten', () => {
      const log = logOf(entry(1, { key: 'a' }), entry(2, { key: 'b' }))
      const behind = cursorAt(log, log.next, { conflate: true })
      log.append(entry(3, { key: 'a', tombstone: true }), 0)
      const current = cursorAt(log, log.next, { conflate: true })
      log.dropTombstone()
      log.append(entry(4, { key: 'c' }), 0)
      const [gap, ...rest] = drain(log, behind)
      expect(gap).toEqual({ type: 'gap', log: 7, from: 3, to: 3, position: [], reason: 'RETENTION' })
      expect(texts(rest)).toEqual(['2', '4'])
      expect(texts(drain(log, current))).toEqual(['4'])
    })
  })

  describe('resumed', () => {
    it('goes on at the oldest entry that is lacking', () => {
      expect(
        twoPublishers().resume(
          [
            [1, 2],
            [2, 1],
          ],
          false,
        ),
      ).toEqual({
        start: 4,
        position: [
          [1, 2],
          [2, 1],
        ],
        reason: '',
      })
      expect(
        twoPublishers().resume(
          [
            [1, 1],
            [2, 2],
          ],
          false,
        ),
      ).toMatchObject({ start: 3, reason: '' })
      expect(
        twoPublishers().resume(
          [
            [1, 2],
            [2, 2],
          ],
          false,
        ),
      ).toMatchObject({ start: 5, reason: '' })
      expect(twoPublishers().resume([], false)).toMatchObject({ start: 1, reason: '' })
    })

    it('says RETENTION where what is lacking was dropped, and gives the oldest kept', () => {
      const trimmed = twoPublishers()
      trimmed.trim({ ...generous, entries: 2 }, trimmed.next, 0)
      expect(trimmed.resume([[1, 1]], false)).toEqual({
        start: 3,
        position: [
          [1, 1],
          [2, 1],
        ],
        reason: 'RETENTION',
      })
      expect(
        trimmed.resume(
          [
            [1, 1],
            [2, 1],
          ],
          false,
        ),
      ).toMatchObject({ start: 3, reason: '' })
    })

    it('says NEW_EPOCH where it holds what this log never had', () => {
      expect(
        twoPublishers().resume(
          [
            [1, 3],
            [2, 2],
          ],
          false,
        ),
      ).toMatchObject({ reason: 'NEW_EPOCH' })
      expect(
        twoPublishers().resume(
          [
            [1, 2],
            [2, 2],
            [99, 1],
          ],
          false,
        ),
      ).toMatchObject({ reason: 'NEW_EPOCH' })
      expect(twoPublishers().resume([[99, 1]], true)).toMatchObject({ reason: 'NEW_EPOCH' })
    })

    it('needs no ring where it conflates, only the latest values', () => {
      const trimmed = twoPublishers()
      trimmed.trim(nothing, trimmed.next, 1)
      expect(trimmed.resume([[1, 1]], true)).toEqual({ start: 3, position: [[1, 1]], reason: '' })
      const cursor = cursorAt(trimmed, 3, { conflate: true })
      expect(texts(drain(trimmed, cursor))).toEqual(['2', '2'])
      expect(
        trimmed.resume(
          [
            [1, 2],
            [2, 2],
          ],
          true,
        ),
      ).toMatchObject({ start: trimmed.next, reason: '' })
    })

    it('says RETENTION to a conflating reader that may have missed a removal that is forgotten', () => {
      const removed = logOf(
        entry(1, { key: 'a' }),
        entry(2, { key: 'a', tombstone: true }),
        entry(3, { key: 'b' }),
      )
      removed.dropTombstone()
      expect(removed.resume([[1, 1]], true)).toMatchObject({ reason: 'RETENTION' })
      expect(removed.resume([[1, 2]], true)).toMatchObject({ reason: '', start: 3 })
    })
  })

  it('remembers as many publishers as a position can hold, the latest ones', () => {
    const log = new TopicLog(1, new Budget(Infinity))
    for (let publisher = 1; publisher <= 100; publisher++)
      log.append(entry(5, { publisher, stamp: publisher }), 0)
    expect(log.publishers).toBe(64)
    expect(log.position.map(([publisher]) => publisher)).toEqual(Array.from({ length: 64 }, (_, n) => n + 37))
  })

  it('a conflating reader, read at any time, ends with exactly the latest map', () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          publisher: fc.integer({ min: 1, max: 3 }),
          key: fc.nat(8),
          tombstone: fc.boolean(),
          delay: fc.integer({ min: 1, max: 40 }),
        }),
      },
      { weight: 4, arbitrary: fc.constant('read' as const) },
      { weight: 1, arbitrary: fc.constant('forget' as const) },
      { weight: 1, arbitrary: fc.constant('trim' as const) },
      { weight: 1, arbitrary: fc.constant('resume' as const) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const log = new TopicLog(1, new Budget(Infinity))
        let cursor = cursorAt(log, 0, { conflate: true, values: true })
        let held = new Map<string, string>()
        let position = new Map<number, number>()
        const numbers = [0, 0, 0, 0]
        const stamps = [0, 0, 0, 0]
        const read = (): void => {
          for (const message of drain(log, cursor)) {
            if (message.type === 'gap') {
              expect(message.reason).toBe('RETENTION')
              held = new Map()
              position = new Map()
            }
            for (const { publisher, number, key, tombstone, data } of publicationsOf([message])) {
              if (number <= (position.get(publisher) ?? 0)) continue
              position.set(publisher, number)
              if (tombstone) held.delete(key)
              else held.set(key, textOf(data))
            }
          }
        }
        for (const each of steps) {
          if (each === 'read') read()
          else if (each === 'forget') log.dropTombstone()
          else if (each === 'trim') log.trim(nothing, log.next, 1)
          else if (each === 'resume') {
            const { start, position: since, reason } = log.resume([...position], true)
            if (reason !== '') held = new Map()
            position = new Map(reason === '' ? since : [])
            cursor = cursorAt(log, reason === '' ? start : 0, { conflate: true, values: reason !== '' })
          } else {
            const { publisher, key, tombstone, delay } = each
            const number = (numbers[publisher] = (numbers[publisher] ?? 0) + 1)
            const stamp = (stamps[publisher] = (stamps[publisher] ?? 0) + delay)
            const name = `k${key}`
            const value = `${publisher}:${number}`
            log.append({ publisher, number, stamp, key: name, tombstone, data: text(value) }, 0)
          }
        }
        read()
        const latest = new Map(
          publicationsOf(drain(log, cursorAt(log, 0, { values: true }))).map(({ key, data }) => [
            key,
            textOf(data),
          ]),
        )
        expect(held).toEqual(latest)
      }),
      { numRuns: 300 },
    )
  })
})
