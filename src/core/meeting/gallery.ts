import type { MeetingEvent } from '../../protocol/schema.ts'
import { Attendance } from './attendance.ts'
import type { FrameLog } from './frame-log.ts'
import { BatchCache, type WarmCaches } from '../log/batches.ts'
import type { Cursor, Log, Read } from '../log/log.ts'
import { Ring } from '../ground/ring.ts'

interface Pending {
  readonly at: number
  readonly events: readonly MeetingEvent[]
}

/** The frames of a meeting as spectators see them: the same log, delayed by a fixed time. */
export class Gallery implements Log {
  readonly number: number
  readonly #log: FrameLog
  readonly #delayMs: number
  readonly #batches: BatchCache
  /** Frames not yet shown, as far back as the log keeps them. */
  readonly #pending: Ring<Pending> = new Ring(1)
  /** The members as of the last frame shown. */
  readonly attendance: Attendance = new Attendance()

  constructor(log: FrameLog, delayMs: number, warm: WarmCaches) {
    this.number = log.number
    this.#log = log
    this.#batches = new BatchCache(log, warm)
    this.#delayMs = delayMs
  }

  /** The first frame not yet shown. */
  get next(): number {
    return this.#pending.first
  }

  /** When the next frame is to be shown, in monotonic milliseconds; `Infinity` for none. */
  get due(): number {
    return this.#pending.size === 0 ? Infinity : this.#pending.get(this.next).at + this.#delayMs
  }

  /** Adds the next sealed frame. */
  sealed(events: readonly MeetingEvent[], now: number): void {
    this.#pending.push({ at: now, events })
    // Frames that the log has dropped cannot be shown any more; only their events are applied.
    while (this.next < this.#log.first) this.#show()
  }

  /** Shows the frames whose delay has passed. */
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
