import type { ErrorCode } from '../../protocol/errors.ts'
import { EMPTY_FRAME } from '../../protocol/frames.ts'
import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { MeetingEvent, MessageOf } from '../../protocol/schema.ts'
import type { Downstream } from '../down/downstream.ts'
import type { Budget } from '../ground/budget.ts'
import type { Limits } from '../ground/config.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import { Cursor, LANE, type Outlet } from '../log/log.ts'
import type { SealedFrame } from '../ports.ts'
import { shorten } from '../session/session.ts'
import { Attendance } from './attendance.ts'
import { FrameLog } from './frame-log.ts'
import { Gallery } from './gallery.ts'
import { openFrame } from './sealed.ts'
import type { Seat } from './seat.ts'

/** What a room is, wherever it is served. */
export interface RoomFacts {
  readonly name: string
  /** Random number of this history of frames; frame numbers count within it. */
  readonly world: number
  /** Who seals here, (term, incarnation): of two, the higher one came later. */
  readonly term: number
  readonly incarnation: number
  /** Eight random bytes for its members. */
  readonly seed: Uint8Array
  /** Frames a second; 0: sealed whenever there is something. */
  readonly frameRate: number
  /** Bytes of the largest input. */
  readonly inputBytes: number
  /** Spectators see frames so many milliseconds after they were sealed. */
  readonly spectatorDelayMs: number
}

/** The next frame of a room. */
export interface NextFrame {
  readonly bytes: Uint8Array
  readonly events: readonly MeetingEvent[]
  /** How many inputs it holds. */
  readonly inputs: number
  /** The last stable frame as this one is sealed. */
  readonly stable: number
}

/** What a room needs of its node. */
export interface RoomHost {
  readonly limits: Limits
  readonly timers: Timers
  readonly downstream: Downstream
  readonly budget: Budget
}

/** What whoever seals tells a session about its seat. */
export interface Placing {
  /** When frame `startFrame` is due, in monotonic milliseconds. */
  readonly start: number
  readonly startFrame: number
  readonly members: MessageOf<'joined'>['members']
}

/**
 * A log of frames and its readers: members, spectators, whoever catches up. It is fed by {@link append} and knows
 * nothing of who seals, so that it serves frames of another node as it serves those of an owner here.
 */
export class Room {
  readonly facts: RoomFacts
  readonly log: FrameLog
  /** Who is in it at the last frame. */
  readonly attendance: Attendance = new Attendance()
  readonly #host: RoomHost
  /** What spectators see, where that is later than the members. */
  readonly #gallery: Gallery | null
  readonly #readers: Map<Cursor, Seat> = new Map()
  readonly #showing: Timer
  readonly #interval: number
  /** The last frame with something in it; 0 for none. */
  lastFull = 0
  /** When the last frame with an input came, and when readers were last told of frames. */
  #lastInput: number
  #lastTold = -Infinity

  constructor(host: RoomHost, number: number, logBytes: number, facts: RoomFacts, now: number) {
    this.#host = host
    this.facts = facts
    this.log = new FrameLog(number, logBytes, host.budget, host.limits.pageBytes)
    this.#gallery = facts.spectatorDelayMs === 0 ? null : new Gallery(this.log, facts.spectatorDelayMs)
    this.#showing = new Timer('reveal', (at) => this.#show(at))
    this.#interval = facts.frameRate === 0 ? 0 : 1000 / facts.frameRate
    this.#lastInput = now
  }

  /** Whether nobody reads it. */
  get isDeserted(): boolean {
    return this.#readers.size === 0
  }

  get spectators(): number {
    let count = 0
    for (const { slot } of this.#readers.values()) if (slot === SYSTEM_SLOT) count++
    return count
  }

  /** Frames `from` … `to` − 1, as far as they are kept. */
  *history(from: number, to: number): Generator<SealedFrame> {
    for (const [number, frame] of this.log.history(from, to)) yield openFrame(number, frame)
  }

  /** Takes the next frame. Readers are told of it by {@link tell}. */
  append({ bytes, events, inputs, stable }: NextFrame, now: number): void {
    this.log.append(bytes, stable)
    this.attendance.apply(events)
    this.#gallery?.sealed(events, now)
    if (inputs > 0) this.#lastInput = now
    if (bytes === EMPTY_FRAME) return
    this.lastFull = this.log.next - 1
    this.#lastTold = -Infinity
  }

  /** Tells the readers of what was appended, unless it belongs to a quiet run that can go out together. */
  tell(now: number): void {
    const { quietMs, coalesceMs } = this.#host.limits
    const isQuiet = now - this.#lastInput > quietMs && now - this.#lastTold < coalesceMs - this.#interval
    if (isQuiet) return
    this.#lastTold = now
    this.#show(now)
  }

  #show(now: number): void {
    this.#gallery?.reveal(now)
    for (const cursor of this.#readers.keys()) {
      if (this.#gallery === null || !cursor.log.isCurrent(cursor)) this.#host.downstream.mark(cursor)
    }
    this.#showLater()
  }

  /** Without a clock nothing else would show a frame to those who see it later. */
  #showLater(): void {
    if (this.#gallery === null || this.#interval !== 0 || this.#gallery.due === Infinity) return
    this.#host.timers.set(this.#showing, this.#gallery.due)
  }

  /** Places the cursor of a seat where its client says it stands, and answers the JOIN. */
  place(seat: Seat, message: MessageOf<'join'>, placing: Placing, now: number): MessageOf<'joined'> {
    const { log, facts } = this
    const gallery = seat.slot === SYSTEM_SLOT ? this.#gallery : null
    gallery?.reveal(now)
    const found = this.#find(message)
    const view = gallery ?? log
    const isOfLog = found === 'recovered' || found === 'NO_SNAPSHOT'
    const cursor = new Cursor(view, seat.session.outlet as Outlet, LANE.frames, isOfLog ? message.next : 1)
    seat.cursor = cursor
    this.#readers.set(cursor, seat)
    if (!view.isCurrent(cursor)) this.#host.downstream.mark(cursor)
    this.#showLater()
    return {
      type: 'joined',
      call: message.call,
      meeting: facts.name,
      log: log.number,
      world: facts.world,
      term: facts.term,
      incarnation: facts.incarnation,
      slot: seat.slot,
      seed: facts.seed,
      rate: facts.frameRate,
      start: Math.round(placing.start * 1000),
      startFrame: placing.startFrame,
      head: view.next - 1,
      next: Math.max(cursor.position, log.first),
      seq: seat.last,
      stable: log.stableAt(view.next - 1),
      recovered: found === 'recovered',
      reason: found === 'recovered' ? '' : found,
      maxInput: facts.inputBytes,
      members: gallery?.attendance.list ?? placing.members,
    }
  }

  /** What the position that a client holds is worth here; '' where it holds none. */
  #find({ world, next }: MessageOf<'join'>): 'recovered' | ErrorCode | '' {
    if (world !== 0 && world !== this.facts.world) return 'NEW_EPOCH'
    if (world === 0 || next === 0) return ''
    // Whoever holds a frame that this world does not have yet made it up.
    if (next > this.log.next) return 'PROTOCOL'
    return next < this.log.first ? 'NO_SNAPSHOT' : 'recovered'
  }

  /** The cursor of a seat stops reading. */
  unplace(seat: Seat): void {
    if (seat.cursor === null) return
    seat.cursor.live = false
    this.#readers.delete(seat.cursor)
    seat.cursor = null
  }

  /** Takes a seat from its session, and tells the client why. */
  end(seat: Seat, message: string): void {
    this.unplace(seat)
    const { number } = this.log
    seat.session.seats.delete(number)
    this.#host.downstream.send(seat.session, {
      type: 'ended',
      log: number,
      error: 'CLOSED',
      message: shorten(message),
    })
  }

  /** Ends it for all who read it. */
  close(message: string): void {
    this.#host.timers.clear(this.#showing)
    for (const seat of this.#readers.values()) this.end(seat, message)
    this.log.release()
  }
}
