import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Budget } from '../../../src/core/ground/budget.ts'
import { defaultLimits, type NodeLimits } from '../../../src/core/ground/config.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import { Encoded } from '../../../src/core/log/encoded.ts'
import { type Cursor, Outlet } from '../../../src/core/log/log.ts'
import { SessionLog } from '../../../src/core/session/session-log.ts'
import { encodeMessage } from '../../../src/protocol/binary.ts'
import { RecordingTransport } from './harness.ts'
import { endless, Purse } from './payers.ts'

const entry = (size: number): Uint8Array => new Uint8Array(size)
/** What an entry weighs besides its bytes. */
const EACH = weights.bytes + weights.place

function read(log: SessionLog, cursor: Cursor): Uint8Array {
  const found = log.read(cursor)
  if (!(found instanceof Encoded)) throw new Error(`an entry, not ${found}`)
  return found.binary
}

function make(limits: Partial<NodeLimits> = {}): {
  log: SessionLog
  budget: Budget
  relieved: () => number
  attach: (received: number) => { before: number; cursor: Cursor }
} {
  const budget = endless()
  let count = 0
  const log = new SessionLog({ ...defaultLimits, ...limits }, new Purse(budget), () => count++)
  return {
    log,
    budget,
    relieved: () => count,
    attach: (received) => {
      const before = log.attach(new Outlet(new RecordingTransport(() => 0), false, 0), received)
      return { before, cursor: log.cursor as Cursor }
    },
  }
}

describe('The log of a session', () => {
  it('gives its cursor each entry once, and the next one what was not acknowledged', () => {
    const { log, budget, attach } = make()
    const entries = [1, 2, 3, 4].map(entry)
    const { cursor } = attach(0)
    for (const each of entries) log.append(each)
    expect([read(log, cursor), read(log, cursor), read(log, cursor)]).toEqual(entries.slice(0, 3))
    log.acknowledge(2)
    expect(budget.used).toBe(7 + 2 * EACH)
    const again = attach(2)
    expect([again.before, read(log, again.cursor), read(log, again.cursor)]).toEqual([
      2,
      entries[2],
      entries[3],
    ])
    expect(log.isCurrent(again.cursor)).toBe(true)
    log.release()
    expect(budget.used).toBe(0)
  })

  it('gives another node an answer to no call in the place of what is about meetings here', () => {
    const { log } = make()
    const nothing = encodeMessage({ type: 'done', call: 0, value: 0 })
    const done = encodeMessage({ type: 'done', call: 3, value: 0 })
    log.append(encodeMessage({ type: 'charter', log: 5, first: 1, bytes: new Uint8Array(40_000), tag: 1 }))
    log.append(done)
    log.append(encodeMessage({ type: 'ended', log: 5, error: 'CLOSED', message: '' }))
    expect(log.stateFor(() => undefined).entries).toEqual([nothing, done, nothing])
  })

  it('believes no acknowledgement of what it has not offered', () => {
    const { log, budget, attach } = make()
    const { cursor } = attach(0)
    for (const size of [1, 2]) log.append(entry(size))
    log.acknowledge(2)
    expect(budget.used).toBe(3 + 2 * EACH)
    log.read(cursor)
    log.acknowledge(2)
    expect(budget.used).toBe(2 + EACH)
  })

  it('says where its cursor fell off, and how far a later one is from what it asked for', () => {
    const { log, attach } = make({ sessionLogEntries: 3 })
    const { cursor } = attach(0)
    expect([1, 2, 3, 4, 5].map((size) => log.append(entry(size)))).toEqual([true, true, true, false, false])
    expect(log.read(cursor)).toBe('disconnect')
    expect(attach(0).before).toBe(2)
    expect(attach(4).before).toBe(4)
    // What a client has not received yet it cannot have received.
    expect(attach(9).before).toBe(5)
  })

  it('is behind from a quarter of its limits on, and says once that it is not any more', () => {
    const { log, relieved, attach } = make({ sessionLogEntries: 8 })
    const { cursor } = attach(0)
    for (let n = 0; n < 3; n++) log.append(entry(1))
    expect(log.isBehind).toBe(true)
    log.read(cursor)
    expect([log.isBehind, relieved()]).toEqual([false, 1])
    log.read(cursor)
    expect(relieved()).toBe(1)
  })

  it('is behind from a quarter of its bytes on, to the byte', () => {
    const quarter = 2 * (EACH + 100)
    const { log, relieved, attach } = make({ sessionLogBytes: 4 * quarter })
    const { cursor } = attach(0)
    for (let n = 0; n < 2; n++) log.append(entry(100))
    expect(log.isBehind).toBe(false)
    log.append(entry(0))
    expect([log.isBehind, relieved()]).toEqual([true, 0])
    read(log, cursor)
    expect([log.isBehind, relieved()]).toEqual([false, 1])
  })

  it('gives up its oldest entries when its user has to: those that were read first cost nobody anything', () => {
    const { log, budget, attach } = make()
    const { cursor } = attach(0)
    for (let n = 0; n < 4; n++) log.append(entry(84))
    const each = EACH + 84
    for (let n = 0; n < 2; n++) read(log, cursor)
    expect([log.shrinkBy(0), budget.used]).toEqual([true, 4 * each])
    expect([log.shrinkBy(1), budget.used]).toEqual([true, 3 * each])
    expect([log.shrinkBy(each), budget.used]).toEqual([true, 2 * each])
    expect([log.shrinkBy(each + 1), budget.used]).toEqual([false, 0])
    expect([log.shrinkBy(1_000), budget.used, log.isBehind]).toEqual([false, 0, false])
    // A session that never had a connection has nobody who could miss anything.
    const { log: unread } = make()
    unread.append(entry(1))
    expect(unread.shrinkBy(1)).toBe(true)
  })

  it('holds what it counts, within its limits, whatever happens in which order', () => {
    const step = fc.record({
      what: fc.constantFrom('append', 'append', 'append', 'read', 'acknowledge', 'attach', 'shrink'),
      n: fc.nat(40),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const limits = { sessionLogEntries: 12, sessionLogBytes: 200 + 5 * EACH }
        const { log, budget, relieved, attach } = make(limits)
        let { cursor } = attach(0)
        const all: Uint8Array[] = []
        /** How many of the first entries it no longer has. */
        let gone = 0
        let relief = 0
        const held = (from = gone): number =>
          all.slice(from).reduce((sum, { length }) => sum + length + EACH, 0)
        const unsent = (): number => Math.max(gone, cursor.position - 1)
        const isBehind = (): boolean =>
          held(unsent()) > limits.sessionLogBytes / 4 || all.length - unsent() > limits.sessionLogEntries / 4
        for (const { what, n } of steps) {
          if (what === 'append') {
            const each = entry(n)
            all.push(each)
            while (held() > limits.sessionLogBytes || all.length - gone > limits.sessionLogEntries) gone++
            expect(log.append(each)).toBe(gone < cursor.position)
          } else if (what === 'read' && !log.isCurrent(cursor)) {
            if (cursor.position <= gone) {
              expect(log.read(cursor)).toBe('disconnect')
              ;({ cursor } = attach(log.last))
              continue
            }
            const before = isBehind()
            expect(read(log, cursor)).toBe(all[cursor.position - 2])
            if (before && !isBehind()) relief++
          } else if (what === 'acknowledge') {
            log.acknowledge(n)
            while (gone < n && gone < unsent() && gone < all.length) gone++
          } else if (what === 'attach') {
            const { before, cursor: next } = attach(n)
            expect(before).toBe(Math.max(gone, Math.min(n, all.length)))
            cursor = next
          } else if (what === 'shrink') {
            const most = held() - n * 10
            while (gone < all.length && held() > most) gone++
            expect(log.shrinkBy(n * 10)).toBe(gone < cursor.position)
          }
          expect([budget.used, log.isBehind, relieved()]).toEqual([held(), isBehind(), relief])
        }
        if (cursor.position <= gone) ({ cursor } = attach(gone))
        let rest = 0
        const unread = all.slice(cursor.position - 1)
        for (; !log.isCurrent(cursor); rest++) expect(read(log, cursor)).toBe(unread[rest])
        expect([rest, log.isBehind]).toEqual([unread.length, false])
        log.acknowledge(log.last)
        expect(budget.used).toBe(0)
      }),
    )
  })
})
