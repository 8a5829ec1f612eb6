import { encodeBatch } from '../../protocol/binary.ts'
import { Reader, Writer } from '../../protocol/bytes.ts'
import { EMPTY_FRAME, joinFrames } from '../../protocol/frames.ts'
import { nowhere, schema } from '../../protocol/schema.ts'
import { type Ledger, Payer } from '../ground/budget.ts'
import { fixedLimits } from '../ground/config.ts'
import { weights } from '../ground/weights.ts'
import { costs, type Work } from '../ground/work.ts'
import { Encoded, jsonWork } from '../log/encoded.ts'
import { BatchCache, Gap, type WarmCaches } from '../log/batches.ts'
import type { Cursor, Log, Read } from '../log/log.ts'
import { Ring } from '../ground/ring.ts'
import type { Trace } from './lineage.ts'

const scratch: Writer = new Writer(4_096)

/** What keeping a frame costs. It bounds the number of empty frames too. */
function weigh(frame: Uint8Array): number {
  return weights.emptyFrame + (frame === EMPTY_FRAME ? 0 : weights.bytes + frame.length)
}

/** What a client reckons for each piece of frames that it keeps; there are no more pieces than frames. */
const KEPT = 32

/** Number of entries of an encoded frame. */
function entriesOf(frame: Uint8Array): number {
  const [head = 0] = frame
  return (head < 0x80 ? head : new Reader(frame).uint()) / 2
}

/**
 * The log of a meeting, which pays for all that the meeting holds: sealed frames in their wire form, from number 1 on
 * or, where it follows the log of another node, from the first that is kept there. The oldest are dropped first.
 */
export class FrameLog extends Payer implements Log {
  readonly number: number
  #ring: Ring<Uint8Array>
  /** The last stable frame at the time each frame was sealed. */
  #marks: Ring<number>
  readonly #maxBytes: number
  readonly #pageBytes: number
  readonly #work: Work
  readonly #batches: BatchCache
  /** Null where no other node could go on. */
  trace: Trace | null = null
  /** Called whenever somebody has read; null where nobody needs to know. */
  passed: (() => void) | null = null
  #bytes = 0
  /** Bytes of all frames so far, and a little for each. */
  grown = 0
  /** Number of entries in all its frames. */
  #entries = 0
  /** Whether no frames come for now, and how often that has changed. */
  #isPaused = false
  #turns = 0

  constructor(
    number: number,
    maxBytes: number,
    ledger: Ledger,
    work: Work,
    warm: WarmCaches,
    pageBytes: number = fixedLimits.pageBytes,
    first = 1,
  ) {
    super(ledger)
    this.#ring = new Ring(first)
    this.#marks = new Ring(first)
    this.#pageBytes = pageBytes
    this.number = number
    this.#maxBytes = maxBytes
    this.#work = work
    this.#batches = new BatchCache(this, warm)
    this.hold(weights.meeting)
  }

  /** The oldest frame kept. */
  get first(): number {
    return this.#ring.first
  }

  /** The number the next frame will get. */
  get next(): number {
    return this.#ring.next
  }

  /** Bytes of the ring. */
  get bytes(): number {
    return this.#bytes
  }

  /** The last stable frame when frame `number` was sealed; 0 when that frame is not kept. */
  stableAt(number: number): number {
    return number < this.first || number >= this.next ? 0 : this.#marks.get(number)
  }

  /** No frames come for now, or they do again. False: it is so already. */
  pause(isPaused: boolean): boolean {
    if (isPaused === this.#isPaused) return false
    this.#isPaused = isPaused
    this.#turns++
    return true
  }

  /** A cursor begins to read: whoever joins takes it that frames come. */
  begin(cursor: Cursor): void {
    cursor.told = this.#isPaused ? this.#turns - 1 : this.#turns
  }

  /** Appends a frame. `stable`: the last stable frame at this moment. `chain`: see `Trace`. */
  append(frame: Uint8Array, stable: number, chain?: number): void {
    this.#batches.clear()
    // Another node may say what cannot be.
    const head = this.next - 1
    this.#marks.push(Math.max(this.stableAt(head), Math.min(stable, head)))
    this.#ring.push(frame)
    this.trace?.push(frame, chain)
    this.#entries += entriesOf(frame)
    this.grown += frame.length + KEPT
    this.#keep(weigh(frame))
    if (this.#bytes > this.#maxBytes) this.#trimTo(this.#maxBytes)
  }

  /** The next frame to come is this one: those before it can be had no more. `chain`: of those. */
  skipTo(first: number, chain: number): void {
    this.trace?.skipTo(first, chain)
    this.#batches.clear()
    this.#keep(-this.#bytes)
    this.#entries = 0
    this.#ring = new Ring(first)
    this.#marks = new Ring(first)
  }

  /** These frames begin a new world, in which nobody has acknowledged them. */
  unsettle(): void {
    this.#batches.clear()
    this.#marks = new Ring(this.first)
    for (let frame = this.first; frame < this.next; frame++) this.#marks.push(0)
  }

  /** Drops the oldest frames until the ring has at most `bytes`; the last one stays. */
  #trimTo(bytes: number): void {
    while (this.#bytes > bytes && this.#ring.size > 1) {
      this.#marks.shift()
      this.trace?.shift()
      const frame = this.#ring.shift()
      this.#entries -= entriesOf(frame)
      this.#keep(-weigh(frame))
    }
  }

  /** Drops the cached batches, then the oldest frames; the last one stays. */
  shrinkTo(bytes: number): void {
    this.#batches.clear()
    this.#trimTo(this.#bytes - (this.held - bytes))
  }

  #keep(bytes: number): void {
    this.#bytes += bytes
    this.hold(bytes)
  }

  /** The meeting has ended and pays for nothing any more. */
  release(): void {
    this.#batches.clear()
    this.#keep(-this.#bytes)
    this.hold(-weights.meeting)
  }

  /** The frames `from` … `to` − 1 that are still kept, with their numbers. */
  *history(from: number, to: number): Generator<readonly [number: number, frame: Uint8Array]> {
    for (let frame = Math.max(from, this.first); frame < Math.min(to, this.next); frame++)
      yield [frame, this.#ring.get(frame)]
  }

  /** Estimates the work of reading from a frame to the end. */
  workFrom(frame: number, text: boolean): number {
    const frames = this.next - Math.max(frame, this.first)
    if (frames <= 0) return 0
    const bytes = Math.max(0, this.#bytes / this.#ring.size - weights.emptyFrame - weights.bytes)
    const entries = this.#entries / this.#ring.size
    return frames * (costs.walked + bytes * costs.reread + (text ? jsonWork(entries, bytes) : 0))
  }

  isCurrent(cursor: Cursor): boolean {
    return cursor.position === this.next && cursor.told === this.#turns
  }

  read(cursor: Cursor): Read {
    return this.readTo(cursor, this.next, this.#batches)
  }

  /** Like {@link read}, but only up to `end`, the number after the last frame to show. */
  readTo(cursor: Cursor, end: number, batches: BatchCache): Read {
    this.passed?.()
    const from = cursor.position
    if (from < this.first) {
      cursor.position = this.first
      return new Gap(this.number, from, this.first, nowhere, 'NO_SNAPSHOT')
    }
    if (from === end) {
      cursor.told = this.#turns
      return Encoded.of({ type: 'paused', log: this.number, paused: this.#isPaused })
    }
    const known = batches.get(from)
    if (known !== undefined) {
      cursor.position = known.to
      return known.batch
    }
    let to = from
    for (let bytes = 0; to < end && bytes < this.#pageBytes; to++) bytes += this.#ring.get(to).length + 1
    const batch = this.#batch(from, to)
    batches.set(from, batch, to)
    cursor.position = to
    return batch
  }

  #batch(from: number, to: number): Encoded {
    scratch.reset()
    joinFrames(scratch, this.#frames(from, to))
    this.#work.done += (to - from) * costs.walked + scratch.length * costs.byte
    const stable = this.stableAt(to - 1)
    const isNews = stable > this.stableAt(from - 1)
    const head = [this.number, from, to - from, scratch.length]
    let entries = 0
    for (const frame of this.#frames(from, to)) entries += entriesOf(frame)
    const { trace } = this
    const tail = trace !== null ? [stable, trace.tagOf(to - 1, stable)] : isNews ? [stable] : []
    return new Encoded(encodeBatch(schema.frames.code, head, scratch, tail), entries)
  }

  *#frames(from: number, to: number): Generator<Uint8Array> {
    for (let frame = from; frame < to; frame++) yield this.#ring.get(frame)
  }
}
