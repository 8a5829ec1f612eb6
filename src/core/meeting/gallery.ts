import type { MeetingEvent } from '../../protocol/schema.ts'
import { Attendance } from './attendance.ts'
import type { FrameLog } from './frame-log.ts'
import { BatchCache, type WarmCaches } from '../log/batches.ts'
import type { Cursor, Log, Read } from '../log/log.ts'
import { weights } from '../ground/weights.ts'
import { Ring } from '../ground/ring.ts'

function weighPending(events: readonly MeetingEvent[]): number {
  return weights.place + weights.event * events.length
}

/** The frames of a meeting as spectators see them: the same log, delayed by a fixed time. */
export class Gallery implements Log {
  readonly number: number
  readonly #log: FrameLog
  readonly #delayMs: number
  readonly #batches: BatchCache
  /**
   * When each frame was sealed that is not yet shown, as far back as the log keeps them; in whole milliseconds, which
   * take no more than a place in the ring.
   */
  #pending: Ring<number>
  /** The events of these frames, for which the meeting pays. */
  readonly #events: Map<number, readonly MeetingEvent[]> = new Map()
  /** The members as of the last frame shown. */
  readonly attendance: Attendance = new Attendance()

  constructor(log: FrameLog, delayMs: number, warm: WarmCaches) {
    this.#pending = new Ring(log.next)
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
    return this.#pending.size === 0 ? Infinity : this.#pending.get(this.next) + this.#delayMs
  }

  /** Adds the next sealed frame; `-Infinity`: it was shown long ago. */
  sealed(events: readonly MeetingEvent[], now: number): void {
    const frame = this.#pending.push(Math.ceil(now))
    if (events.length > 0) this.#events.set(frame, events)
    this.#log.hold(weighPending(events))
    // Frames that the log has dropped cannot be shown any more; only their events are applied.
    while (this.next < this.#log.first) this.#show()
  }

  /** Shows the frames whose delay has passed. */
  reveal(now: number): void {
    while (this.due <= now) this.#show()
  }

  #show(): void {
    this.#batches.clear()
    const events = this.#events.get(this.next) ?? []
    this.#events.delete(this.next)
    this.#pending.shift()
    this.#log.hold(-weighPending(events))
    this.attendance.apply(events)
  }

  /** The log begins anew, at its next frame: those before it can be shown no more. */
  restart(): void {
    this.release()
    this.#batches.clear()
    this.#pending = new Ring(this.#log.next)
  }

  /** The meeting has ended. */
  release(): void {
    while (this.#pending.size > 0) this.#show()
  }

  isCurrent(cursor: Cursor): boolean {
    return cursor.position >= this.next
  }

  read(cursor: Cursor): Read {
    return this.#log.readTo(cursor, this.next, this.#batches)
  }
}
