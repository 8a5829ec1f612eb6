import type { MeetingEvent } from '../../protocol/schema.ts'
import { Attendance } from './attendance.ts'
import type { FrameLog } from './frame-log.ts'
import { BatchCache } from '../log/batches.ts'
import type { Cursor, Log, Read } from '../log/log.ts'
import { Ring } from '../ground/ring.ts'

interface Pending {
  readonly at: number
  readonly events: readonly MeetingEvent[]
}

/** The frames of a meeting as its spectators may see them: the same log, up to what is older than the delay. */
export class Gallery implements Log {
  readonly number: number
  readonly #log: FrameLog
  readonly #delayMs: number
  readonly #batches: BatchCache = new BatchCache()
  /** Frames not shown yet, as far back as the log keeps them. */
  readonly #pending: Ring<Pending> = new Ring(1)
  /** Who is in the meeting at the last frame shown. */
  readonly attendance: Attendance = new Attendance()

  constructor(log: FrameLog, delayMs: number) {
    this.number = log.number
    this.#log = log
    this.#delayMs = delayMs
  }

  /** The first frame not shown yet. */
  get next(): number {
    return this.#pending.first
  }

  /** When that one is due, in monotonic milliseconds. */
  get due(): number {
    return this.#pending.size === 0 ? Infinity : this.#pending.get(this.next).at + this.#delayMs
  }

  /** The next frame was sealed. */
  sealed(events: readonly MeetingEvent[], now: number): void {
    this.#pending.push({ at: now, events })
    // What the log has dropped is not shown any more, only what came of it.
    while (this.next < this.#log.first) this.#show()
  }

  /** Shows what has come of age. */
  reveal(now: number): void {
    while (this.due <= now) this.#show()
  }

  #show(): void {
    this.#batches.clear()
    this.attendance.apply(this.#pending.shift().events)
  }

  isCurrent(cursor: Cursor): boolean {
    return cursor.position >= this.next
  }

  read(cursor: Cursor): Read {
    return this.#log.readTo(cursor, this.next, this.#batches)
  }
}
