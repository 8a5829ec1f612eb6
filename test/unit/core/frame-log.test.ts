import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { weights } from '../../../src/core/ground/weights.ts'
import { costs, Work } from '../../../src/core/ground/work.ts'
import { WarmCaches } from '../../../src/core/log/batches.ts'
import { Encoded } from '../../../src/core/log/encoded.ts'
import { FrameLog } from '../../../src/core/meeting/frame-log.ts'
import { Cursor, type Outlet } from '../../../src/core/log/log.ts'
import { Writer } from '../../../src/protocol/bytes.ts'
import { EMPTY_FRAME, writeEntry } from '../../../src/protocol/frames.ts'
import { binaryCodec, type ServerMessage, nowhere } from '../../../src/protocol/index.ts'
import { bytes, framesOf } from './harness.ts'
import { endless } from './payers.ts'

function frame(size: number, seq: number): Uint8Array {
  const w = new Writer()
  w.uint(2)
  writeEntry(w, 0, seq, bytes(size))
  return w.finish()
}

const logOf = (number: number, bytes: number, work = new Work(), page?: number): FrameLog =>
  new FrameLog(number, bytes, endless().ledgers.meeting, work, new WarmCaches(), page)

const cursorAt = (log: FrameLog, position: number): Cursor => new Cursor(log, {} as Outlet, [], position)

function read(log: FrameLog, cursor: Cursor): ServerMessage {
  const batch = log.read(cursor)
  if (!(batch instanceof Encoded)) throw new Error(`a batch, not ${batch}`)
  return binaryCodec.decode(batch.binary, 'server')[0] as ServerMessage
}

const sizeOf = (each: Uint8Array): number =>
  weights.emptyFrame + (each === EMPTY_FRAME ? 0 : weights.bytes + each.length)

const pages = (page: number): number[] => {
  const log = logOf(1, 1_000_000, new Work(), page)
  for (let n = 0; n < 6; n++) log.append(new Uint8Array(99), 0)
  const cursor = cursorAt(log, 1)
  const counts: number[] = []
  while (!log.isCurrent(cursor)) {
    const before = cursor.position
    log.read(cursor)
    counts.push(cursor.position - before)
  }
  return counts
}

describe('The log of frames', () => {
  it('gives a cursor everything from its place on, and then is current', () => {
    const log = logOf(9, 1_000_000)
    for (let seq = 1; seq <= 5; seq++) log.append(frame(10, seq), 0)
    const cursor = cursorAt(log, 3)
    expect(log.isCurrent(cursor)).toBe(false)
    const message = read(log, cursor)
    expect(message).toMatchObject({ type: 'frames', log: 9, first: 3, count: 3 })
    expect(framesOf([message]).map(({ number, inputs }) => [number, inputs[0]?.seq])).toEqual([
      [3, 3],
      [4, 4],
      [5, 5],
    ])
    expect(log.isCurrent(cursor)).toBe(true)
    expect(cursor.position).toBe(6)
  })

  it('says runs of empty frames in a byte or two', () => {
    const log = logOf(1, 1_000_000)
    for (let n = 0; n < 60; n++) log.append(EMPTY_FRAME, 0)
    log.append(frame(1, 1), 0)
    for (let n = 0; n < 500; n++) log.append(EMPTY_FRAME, 0)
    const message = read(log, cursorAt(log, 1))
    expect(message).toMatchObject({ first: 1, count: 561 })
    expect(message.type === 'frames' && message.frames.length).toBeLessThan(12)
    expect(framesOf([message]).filter(({ inputs }) => inputs.length > 0)).toMatchObject([{ number: 61 }])
  })

  it('goes page by page of 32 KiB or one frame more', () => {
    const log = logOf(1, 10_000_000)
    for (let seq = 1; seq <= 20; seq++) log.append(frame(10_000, seq), 0)
    const cursor = cursorAt(log, 1)
    const pages: ServerMessage[] = []
    while (!log.isCurrent(cursor)) pages.push(read(log, cursor))
    expect(pages.map((page) => page.type === 'frames' && page.count)).toEqual([4, 4, 4, 4, 4])
    expect(framesOf(pages).map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
  })

  it('gives cursors at the same place the same batch, until it grows', () => {
    const log = logOf(1, 1_000_000)
    log.append(frame(10, 1), 0)
    log.append(frame(10, 2), 0)
    const one = log.read(cursorAt(log, 1))
    expect(log.read(cursorAt(log, 1))).toBe(one)
    const other = log.read(cursorAt(log, 2))
    expect(other).not.toBe(one)
    expect(log.read(cursorAt(log, 2))).toBe(other)
    log.append(frame(10, 3), 0)
    expect(log.read(cursorAt(log, 1))).not.toBe(one)
  })

  it('drops the oldest over its bytes, empty frames counted too, but never the newest', () => {
    const log = logOf(1, 1_000)
    for (let seq = 1; seq <= 50; seq++) log.append(frame(84, seq), 0)
    expect(log.bytes).toBeLessThanOrEqual(1_000)
    expect(log.first).toBeGreaterThan(1)
    for (let n = 0; n < 1_000; n++) log.append(EMPTY_FRAME, 0)
    expect(log.next - log.first).toBe(41)
    log.append(frame(5_000, 51), 0)
    expect([log.first, log.next]).toEqual([1051, 1052])
  })

  it('tells a cursor that fell off what it missed, and goes on behind it', () => {
    const log = logOf(4, 500)
    for (let seq = 1; seq <= 20; seq++) log.append(frame(50, seq), 0)
    const cursor = cursorAt(log, 2)
    expect(read(log, cursor)).toEqual({
      type: 'gap',
      log: 4,
      from: 2,
      to: log.first,
      position: nowhere,
      reason: 'NO_SNAPSHOT',
    })
    expect(read(log, cursor)).toMatchObject({ type: 'frames', first: log.first })
  })

  it('ends a page with the frame that fills it, each with the byte that says its length', () => {
    expect([1, 299, 300, 301].map(pages)).toEqual([
      [1, 1, 1, 1, 1, 1],
      [3, 3],
      [3, 3],
      [4, 2],
    ])
  })

  it('pays for what it holds, whatever comes, is dropped and given up', () => {
    const step = fc.record({
      what: fc.constantFrom('append', 'append', 'append', 'empty', 'shrink', 'other'),
      n: fc.nat(400),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const most = 3_000
        const log = logOf(1, most)
        const model: { frame: Uint8Array; stable: number }[] = []
        let first = 1
        /** What the meeting holds besides: inputs that wait, for example. */
        let other = 0
        const held = (): number => model.slice(first - 1).reduce((sum, each) => sum + sizeOf(each.frame), 0)
        const trimTo = (bytes: number): void => {
          while (held() > bytes && model.length - first >= 1) first++
        }
        for (const { what, n } of steps) {
          if (what === 'append' || what === 'empty') {
            const each = { frame: what === 'append' ? new Uint8Array(n) : EMPTY_FRAME, stable: model.length }
            model.push(each)
            log.append(each.frame, each.stable)
            trimTo(most)
          } else if (what === 'other') {
            other += n
            log.hold(n)
          } else if (model.length > 0) {
            const to = log.held - n * 5
            log.shrinkTo(to)
            trimTo(to - other - weights.meeting)
          }
          expect([log.bytes, log.held]).toEqual([held(), held() + other + weights.meeting])
          expect([log.first, log.next]).toEqual([first, model.length + 1])
          const marks = Array.from({ length: model.length + 2 }, (_, number) => log.stableAt(number))
          const truth = marks.map((_, number) => (number < first ? 0 : (model[number - 1]?.stable ?? 0)))
          expect(marks).toEqual(truth)
        }
        log.hold(-other)
        log.release()
        expect([log.bytes, log.held]).toEqual([0, 0])
      }),
    )
  })

  it('marks as stable what comes before a frame, and what was marked before, whatever another node says', () => {
    const log = logOf(1, 1_000_000)
    for (const stable of [5, 0, 1, Number.MAX_SAFE_INTEGER, 2]) log.append(frame(1, 1), stable)
    expect([1, 2, 3, 4, 5].map((number) => log.stableAt(number))).toEqual([0, 0, 1, 3, 3])
  })

  it('gives up cached batches first', () => {
    const log = logOf(1, 1_000_000)
    for (let n = 0; n < 10; n++) log.append(frame(100, n), 0)
    const bare = log.held
    read(log, cursorAt(log, 1))
    expect(log.held).toBeGreaterThan(bare)
    log.shrinkTo(bare)
    expect([log.held, log.first]).toEqual([bare, 1])
  })

  it('tells the work of reading in advance, and counts it as it is done', () => {
    const work = new Work()
    const log = logOf(1, 10_000, work)
    expect([log.workFrom(1, false), log.workFrom(5, false)]).toEqual([0, 0])
    for (let n = 0; n < 4; n++) log.append(new Uint8Array(1_000), 0)
    const each = costs.walked + 1_000 * costs.reread
    expect([1, 3, 4, 5, 9].map((from) => log.workFrom(from, false))).toEqual([4 * each, 2 * each, each, 0, 0])
    for (let n = 0; n < 4; n++) log.append(EMPTY_FRAME, 0)
    // On average; an array of its own is taken off for each.
    const average = (4 * 1_000 - 4 * weights.bytes) / 8
    expect(log.workFrom(5, false)).toBe(4 * (costs.walked + average * costs.reread))
    const before = work.done
    const batch = log.read(cursorAt(log, 1))
    const size = batch instanceof Encoded ? batch.binary.length : 0
    const body = work.done - before - 8 * costs.walked
    // A batch is its frames and a head of a few bytes.
    expect(body).toBeGreaterThan((size - 12) * costs.byte)
    expect(body).toBeLessThan(size * costs.byte)
    log.read(cursorAt(log, 1))
    expect(work.done - before - 8 * costs.walked).toBe(body)
    for (let n = 0; n < 60; n++) log.append(new Uint8Array(1_000), 0)
    // Of what was dropped there is nothing to read.
    expect(log.workFrom(1, false)).toBe(log.workFrom(log.first, false))
  })

  it('delivers to any cursor, read at any time, each frame once and in order or in a gap', () => {
    const steps = fc.array(fc.oneof(fc.nat(3_000), fc.constant(-1)), { maxLength: 100, size: 'max' })
    fc.assert(
      fc.property(steps, (sizes) => {
        const log = logOf(1, 8_000)
        const cursor = cursorAt(log, 1)
        let next = 1
        const follow = (): void => {
          const message = read(log, cursor)
          if (message.type === 'gap') {
            expect(message.from).toBe(next)
            expect(message.to).toBeGreaterThan(next)
            next = message.to
          } else {
            for (const { number, inputs } of framesOf([message])) {
              expect(number).toBe(next++)
              if (inputs.length > 0) expect(inputs[0]?.seq).toBe(number)
            }
          }
        }
        for (const size of sizes) {
          if (size >= 0) log.append(size === 0 ? EMPTY_FRAME : frame(size, log.next), 0)
          else if (!log.isCurrent(cursor)) follow()
        }
        while (!log.isCurrent(cursor)) follow()
        expect(next).toBe(log.next)
      }),
      { numRuns: 100 },
    )
  })
})

describe('A log of frames that stands still for a while', () => {
  const reads = (log: FrameLog, cursor: Cursor): unknown[] => {
    const all: unknown[] = []
    while (!log.isCurrent(cursor)) {
      const message = read(log, cursor)
      all.push(message.type === 'paused' ? message.paused : message.type)
    }
    return all
  }

  it('tells each reader so, behind the frames before it, and again when it goes on', () => {
    const log = logOf(4, 100_000)
    const cursor = cursorAt(log, 1)
    log.begin(cursor)
    log.append(frame(10, 1), 0)
    expect(log.pause(true)).toBe(true)
    expect(log.pause(true)).toBe(false)
    expect(reads(log, cursor)).toEqual(['frames', true])
    expect(log.pause(false)).toBe(true)
    log.append(frame(10, 2), 0)
    expect(reads(log, cursor)).toEqual(['frames', false])
  })

  it('tells whoever begins to read meanwhile, and nobody who comes later', () => {
    const log = logOf(4, 100_000)
    log.append(frame(10, 1), 0)
    log.pause(true)
    const [early, late] = [cursorAt(log, 1), cursorAt(log, 2)]
    log.begin(early)
    expect(reads(log, early)).toEqual(['frames', true])
    log.pause(false)
    log.begin(late)
    expect(reads(log, late)).toEqual([])
  })

  it('tells a slow reader how it stands, once', () => {
    const log = logOf(4, 100_000)
    const cursor = cursorAt(log, 1)
    log.begin(cursor)
    for (const isPaused of [true, false, true]) log.pause(isPaused)
    expect(reads(log, cursor)).toEqual([true])
  })
})
