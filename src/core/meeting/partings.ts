import { Timer, type Timers } from '../ground/timers.ts'
import type { Cursor } from '../log/log.ts'
import type { Seat } from './seat.ts'

/** A seat that has ended, whose reader has yet to get the frames before `upTo`. */
interface Parting {
  readonly seat: Seat
  readonly upTo: number
  readonly message: string
  /** When it is told at the latest; null before it was looked at. */
  until: number | null
}

/** Readers of a room whose seats have ended: each is told so once it has its last frame. */
export class Partings {
  readonly #timers: Timers
  readonly #partingMs: number
  readonly #delayOf: (cursor: Cursor) => number
  readonly #end: (seat: Seat, message: string) => void
  readonly #partings: Map<Cursor, Parting> = new Map()
  readonly #timer: Timer

  /**
   * `partingMs`: how long a reader may take; `delayOf`: by how many milliseconds what it gets is delayed. `end`: tells a
   * reader that its seat has ended.
   */
  constructor(
    timers: Timers,
    partingMs: number,
    delayOf: (cursor: Cursor) => number,
    end: (seat: Seat, message: string) => void,
  ) {
    this.#timers = timers
    this.#partingMs = partingMs
    this.#delayOf = delayOf
    this.#end = end
    this.#timer = new Timer('parting', (now) => this.#look(now))
  }

  get size(): number {
    return this.#partings.size
  }

  has(cursor: Cursor): boolean {
    return this.#partings.has(cursor)
  }

  /** The reader of a seat, which has a cursor, is told of its end once it has read the frames before `upTo`. */
  add(seat: Seat, upTo: number, message: string): void {
    const cursor = seat.cursor as Cursor
    this.#partings.set(cursor, { seat, upTo, message, until: null })
    const { name, slot, session } = seat
    session.part(cursor, { name, slot, end: () => this.#finish(cursor, seat, message) })
    this.look()
  }

  /** Somebody has read on: looks in the next sweep. */
  look(): void {
    if (this.#partings.size > 0) this.#timers.set(this.#timer, 0)
  }

  /** A session takes another seat: what it had here comes first. */
  settle({ session }: Seat): void {
    for (const [cursor, { seat, message }] of this.#partings)
      if (seat.session === session) this.#finish(cursor, seat, message)
  }

  #look(now: number): void {
    let next = Infinity
    for (const [cursor, parting] of this.#partings) {
      const { seat, upTo, message } = parting
      parting.until ??= now + this.#partingMs + this.#delayOf(cursor)
      const isLost = cursor.outlet.outflow !== 'open'
      if (isLost || cursor.position >= upTo || now >= parting.until) this.#finish(cursor, seat, message)
      else next = Math.min(next, parting.until)
    }
    if (next < Infinity) this.#timers.set(this.#timer, next)
  }

  #finish(cursor: Cursor, seat: Seat, message: string): void {
    this.#partings.delete(cursor)
    seat.session.parted(cursor)
    this.#end(seat, message)
  }
}
