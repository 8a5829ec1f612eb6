import type { ErrorCode } from '../../protocol/errors.ts'
import { EMPTY_FRAME } from '../../protocol/frames.ts'
import { limits as wire, SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MeetingEvent, MessageOf } from '../../protocol/schema.ts'
import type { Downstream } from '../down/downstream.ts'
import type { Budget } from '../ground/budget.ts'
import type { Limits } from '../ground/config.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import { costs, type Work } from '../ground/work.ts'
import { Cursor, type Outlet } from '../log/log.ts'
import type { SealedFrame } from '../ports.ts'
import { shorten } from '../session/told.ts'
import { Attendance, type Attendee } from './attendance.ts'
import { FrameLog } from './frame-log.ts'
import { Gallery } from './gallery.ts'
import { type Lineage, Trace } from './lineage.ts'
import { Partings } from './partings.ts'
import { type Fence, partingOf, type Reign, reignOf, withReign } from './reigns.ts'
import { openFrame } from './sealed.ts'
import type { Seat } from './seat.ts'

/** The facts of a room, the same on every node that serves it. */
export interface RoomFacts {
  readonly name: string
  /** Random number of this history of frames; frame numbers are unique within it. */
  readonly world: number
  /** The fence of the owner that seals, the last of the reigns. */
  readonly term: number
  readonly incarnation: number
  /** Who has sealed which frames, oldest first; none where no other node could go on. */
  readonly reigns: readonly Reign[]
  /** How many times the room was handed over to another node since it was opened. */
  readonly hop: number
  /** Eight random bytes for its members. */
  readonly seed: Uint8Array
  /** Frames a second; 0: a frame is sealed whenever there is something to seal. */
  readonly frameRate: number
  /** Bytes of the largest input. */
  readonly inputBytes: number
  /** Delay after which spectators see a sealed frame, in milliseconds. */
  readonly spectatorDelayMs: number
}

/** The next frame of a room. */
export interface NextFrame {
  readonly bytes: Uint8Array
  readonly events: readonly MeetingEvent[]
  /** Number of inputs in the frame. */
  readonly inputs: number
  /** The last stable frame when this one is sealed. */
  readonly stable: number
  /** See `Trace`: behind this one, where its owner has told. */
  readonly chain?: number | undefined
}

/** What a room needs of the rest of the node. */
export interface RoomHost {
  readonly limits: Limits
  readonly timers: Timers
  readonly downstream: Downstream
  readonly budget: Budget
  readonly work: Work
  /** Null for a node alone, and where the cluster has no secret. */
  readonly lineage?: Lineage | null
}

/** Where a room begins that follows the log of another node. */
export interface Beginning {
  /** The first frame to come. */
  readonly first: number
  /** The last frame sealed so far: what happened up to it is history, and has led to these members. */
  readonly head: number
  readonly members: readonly Attendee[]
  /** The first frame that delayed spectators may not see yet, and the members before it. */
  readonly hidden: number
  readonly shown: readonly Attendee[]
  /** See `Lineage`: of the frames before the first. */
  readonly chain: number
}

/** Another node that follows the log. */
export interface Follower {
  /** Number of its readers, and how many of them are spectators. */
  readonly readers: number
  readonly spectators: number
  /** Which users these are; none where they are many, or not known. */
  readonly watchers: readonly string[]
  /** Readers may be told of new frames. */
  tell(): void
  /** The room has ended. */
  close(message: string, now: number): void
}

/** What the owner tells a session that takes a seat. */
export interface Placing {
  /** When frame `startFrame` is due, in monotonic milliseconds. */
  readonly start: number
  readonly startFrame: number
  readonly members: readonly Attendee[]
  /** Whether the seat is the one that the client had, in this session or an earlier one. */
  readonly continued: boolean
  /** The seqs of the member's inputs that have been taken and are in no frame yet. */
  readonly waiting: readonly number[]
}

/**
 * A log of frames and its readers: members and spectators, live or catching up. Frames come in through {@link append};
 * the room does not know who seals them, so it can serve a meeting that another node owns.
 */
export class Room {
  facts: RoomFacts
  readonly log: FrameLog
  /** The members as of the last frame. */
  readonly attendance: Attendance = new Attendance()
  readonly #host: RoomHost
  /** The delayed view of spectators; null without a delay. */
  readonly #gallery: Gallery | null
  readonly #readers: Map<Cursor, Seat> = new Map()
  /** Of the readers; null until they are counted anew. */
  #spectators: number | null = null
  readonly followers: Set<Follower> = new Set()
  /** Null before the first of them: a room that nobody leaves in that way needs none. */
  #partings: Partings | null = null
  /** Nothing more is appended, and readers are left that have yet to get what there is. */
  #isEnding = false
  readonly #showing: Timer
  readonly #interval: number
  /** The last non-empty frame; 0 for none. */
  lastFull = 0
  /** When the last frame with an input was appended, and when readers were last told of frames. */
  #lastInput: number
  #lastTold = -Infinity
  /** The last frame that is history: its events have led to the members with whom the room began. */
  #history = 0
  /** The first frame that delayed spectators were not shown when the room began. */
  #hidden = 1

  /** `beginning`: where another node seals. */
  constructor(
    host: RoomHost,
    number: number,
    logBytes: number,
    facts: RoomFacts,
    now: number,
    beginning: Beginning | null = null,
  ) {
    this.#host = host
    this.facts = facts
    const { limits, budget, work, downstream } = host
    const { caches } = downstream
    const { ledgers } = budget
    const first = beginning?.first ?? 1
    this.log = new FrameLog(number, logBytes, ledgers.meeting, work, caches, limits.pageBytes, first)
    if (host.lineage) this.log.trace = new Trace(host.lineage, () => this.facts, first, beginning?.chain ?? 0)
    const { spectatorDelayMs } = facts
    this.#gallery = spectatorDelayMs === 0 ? null : new Gallery(this.log, spectatorDelayMs, caches)
    this.#showing = new Timer('reveal', (at) => this.#show(at))
    this.#interval = facts.frameRate === 0 ? 0 : 1000 / facts.frameRate
    this.#lastInput = now
    if (beginning !== null) this.#begin(beginning)
  }

  #begin({ head, members, hidden, shown }: Beginning): void {
    this.#history = head
    this.#hidden = hidden
    this.attendance.set(members)
    this.#gallery?.attendance.set(shown)
  }

  /** Goes on from the first frame that the other node still keeps, where that is beyond the next one. */
  restart(beginning: Beginning, now: number): void {
    this.log.skipTo(beginning.first, beginning.chain)
    this.#gallery?.restart()
    this.#begin(beginning)
    this.#show(now)
  }

  /**
   * The owner has ended, and others may go on behind the frames that have come: what it has told of later ones is void.
   * Who came before the first frame kept, and whom the frames do not name, is taken to have been there.
   */
  settle(): void {
    const { first, next } = this.log
    if (this.#history < next) return
    this.#history = next - 1
    if (first === 1) this.attendance.set([])
    for (const { events } of this.history(first, next)) this.attendance.apply(events)
    if (this.#hidden <= next) return
    this.#hidden = next
    this.#gallery?.attendance.set(this.attendance.list)
  }

  /** Where a room on another node begins that follows this one. */
  get beginning(): Beginning {
    const { log, attendance } = this
    const { next, attendance: shown } = this.#gallery ?? { next: log.next, attendance: { list: [] } }
    return {
      first: log.first,
      head: log.next - 1,
      members: attendance.list,
      hidden: next,
      shown: shown.list,
      chain: log.trace?.behind(log.first - 1) ?? 0,
    }
  }

  /** The seats of those who read here. */
  *seats(): Iterable<Seat> {
    for (const [cursor, seat] of this.#readers) if (!this.#partings?.has(cursor)) yield seat
  }

  /** The fence of the last frame; of the first one to come where there is none yet. */
  get lastFence(): Fence {
    return reignOf(this.facts.reigns, this.log.next - 1)
  }

  /** Number of readers on this node. */
  get readers(): number {
    return this.#readers.size
  }

  /** Whether the room has no readers, here or on another node. */
  get isDeserted(): boolean {
    if (this.#readers.size > 0) return false
    for (const { readers } of this.followers) if (readers > 0) return false
    return true
  }

  get spectators(): number {
    let count = (this.#spectators ??= this.#countSpectators())
    for (const { spectators } of this.followers) count += spectators
    return count
  }

  #countSpectators(): number {
    let count = 0
    for (const { slot } of this.#readers.values()) if (slot === SYSTEM_SLOT) count++
    return count
  }

  /** The frames `from` … `to` − 1 that are still kept. */
  *history(from: number, to: number): Generator<SealedFrame> {
    for (const [number, frame] of this.log.history(from, to)) yield openFrame(number, frame)
  }

  /** Appends the next frame. Readers are told by {@link tell}. */
  append({ bytes, events, inputs, stable, chain }: NextFrame, now: number): void {
    const number = this.log.next
    this.log.append(bytes, stable, chain)
    this.log.pause(false)
    if (number > this.#history) this.attendance.apply(events)
    for (const event of events) if (event.type === 'epoch') this.reign({ ...event, from: number })
    if (number < this.#hidden) this.#gallery?.sealed([], -Infinity)
    else this.#gallery?.sealed(events, now)
    if (inputs > 0) this.#lastInput = now
    if (bytes === EMPTY_FRAME) return
    this.lastFull = this.log.next - 1
    this.#lastTold = -Infinity
  }

  /** No frames come for now, or they do again: readers are told, but for delayed spectators. */
  pause(isPaused: boolean, now: number): void {
    if (this.log.pause(isPaused)) this.#show(now)
  }

  /** Another owner seals from a frame on. */
  reign({ term, incarnation, from }: Reign): void {
    const reigns = withReign(this.facts.reigns, { term, incarnation, from })
    if (reigns !== this.facts.reigns) this.facts = { ...this.facts, term, incarnation, reigns }
  }

  /**
   * Marks the readers for the appended frames, unless these belong to a quiet run that can go out together later.
   * `isGathered`: they have come together, from a node where they have waited for one another.
   */
  tell(now: number, isGathered = false): void {
    const { quietMs, coalesceMs } = this.#host.limits
    const isQuiet = now - this.#lastInput > quietMs && now - this.#lastTold < coalesceMs - this.#interval
    if (isQuiet && !isGathered) return
    this.#lastTold = now
    this.#show(now)
  }

  #show(now: number): void {
    this.#gallery?.reveal(now)
    for (const cursor of this.#readers.keys()) {
      if (this.#gallery === null || !cursor.log.isCurrent(cursor)) this.#host.downstream.mark(cursor)
    }
    for (const follower of this.followers) follower.tell()
    this.#showLater()
  }

  /**
   * Sets the timer for delayed spectators: without a frame rate, no later frame may come to trigger showing this one.
   */
  #showLater(): void {
    if (this.#gallery === null || (this.#interval !== 0 && !this.#isEnding)) return
    const { timers } = this.#host
    if (this.isDeserted || this.#gallery.due === Infinity) timers.clear(this.#showing)
    else timers.set(this.#showing, this.#gallery.due)
  }

  /** Places the cursor of a seat at the position in the client's JOIN, and returns the answer. */
  place(seat: Seat, message: MessageOf<'join'>, placing: Placing, now: number): MessageOf<'joined'> {
    const { log, facts } = this
    this.#partings?.settle(seat)
    const gallery = seat.slot === SYSTEM_SLOT ? this.#gallery : null
    gallery?.reveal(now)
    const [found, kept] = this.#find(message)
    const view = gallery ?? log
    // Without a world, a next frame asks for what is yet to come.
    const position = message.world === 0 && message.next !== 0 ? view.next : kept
    const outlet = seat.session.outlet as Outlet
    const cursor = new Cursor(view, outlet, outlet.frameLane, position)
    log.begin(cursor)
    seat.cursor = cursor
    this.#readers.set(cursor, seat)
    this.#spectators = null
    if (!view.isCurrent(cursor)) this.#host.downstream.mark(cursor)
    this.#host.work.done += costs.seat + log.workFrom(cursor.position, cursor.outlet.text)
    this.#showLater()
    // What is undone is told from its first frame on, also where the frames in its place are no longer kept.
    const next = found === 'REWOUND' ? position : Math.max(position, log.first)
    const held = reignOf(facts.reigns, next - 1)
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
      next,
      seq: seat.last,
      stable: log.stableAt(view.next - 1),
      recovered: found === 'recovered',
      reason: found === 'recovered' ? '' : found,
      maxInput: facts.inputBytes,
      members: gallery?.attendance.list ?? placing.members,
      continued: placing.continued,
      waiting: placing.waiting.slice(-wire.batch).map((seq) => ({ seq })),
      elected: seat.member === null || held.term === 0 ? 0 : seat.elector.elected,
      heldTerm: held.term,
      heldIncarnation: held.incarnation,
    }
  }

  /**
   * Whether the client's position can be resumed: 'recovered', or the reason why not; '' when it names none. And where
   * it begins to read.
   */
  #find({ world, next, held: [held] }: MessageOf<'join'>): readonly ['recovered' | ErrorCode | '', number] {
    const { facts, log } = this
    if (world !== 0 && world !== facts.world) return ['NEW_EPOCH', 1]
    if (world === 0 || next === 0) return ['', 1]
    const common =
      held === undefined || facts.reigns.length === 0 ? next : partingOf(facts.reigns, { ...held, next })
    // A position beyond the next frame was never given out.
    if (common > log.next) return ['PROTOCOL', 1]
    if (common < next) return ['REWOUND', common]
    return [next < log.first ? 'NO_SNAPSHOT' : 'recovered', next]
  }

  /** The cursor of a seat stops reading. */
  unplace(seat: Seat): void {
    this.#host.work.done += costs.left
    if (seat.cursor === null) return
    seat.cursor.outlet.unmark(seat.cursor)
    this.#readers.delete(seat.cursor)
    this.#spectators = null
    seat.cursor = null
    if (this.isDeserted) this.#showLater()
  }

  /** Sends data to a seat alone. */
  direct(seat: Seat, data: Payload): void {
    this.#host.downstream.send(seat.session, { type: 'direct', log: this.log.number, data })
  }

  /** Ends a seat from this side, and tells the client why, after the frames before `upTo`. */
  end(seat: Seat, message: string, upTo = 0): void {
    seat.session.stand(this.log.number)
    if (seat.cursor === null || seat.cursor.position >= upTo) return this.#tellEnd(seat, message)
    const partings = (this.#partings ??= new Partings(
      this.#host.timers,
      this.#host.limits.partingMs,
      ({ log }) => (log === this.#gallery ? this.facts.spectatorDelayMs : 0),
      (each, words) => this.#tellEnd(each, words),
    ))
    this.log.passed ??= () => partings.look()
    partings.add(seat, upTo, message)
  }

  #tellEnd(seat: Seat, message: string): void {
    this.unplace(seat)
    this.#host.downstream.send(seat.session, {
      type: 'ended',
      log: this.log.number,
      error: 'CLOSED',
      message: shorten(message),
    })
    if (this.#partings !== null && this.#partings.size > 0) return
    this.log.passed = null
    if (this.#isEnding && this.#readers.size === 0) this.#release()
  }

  /** Ends the room for all its readers, who get what there is first; the meeting pays for it until then. */
  close(message: string, now: number): void {
    this.#host.budget.enter(this.log)
    // Empty frames that were gathered for one packet.
    this.#show(now)
    for (const follower of this.followers) follower.close(message, now)
    this.followers.clear()
    for (const seat of Array.from(this.seats())) this.end(seat, message, this.log.next)
    this.#isEnding = this.#readers.size > 0
    if (this.#isEnding) this.#showLater()
    else this.#release()
  }

  #release(): void {
    const { timers, budget } = this.#host
    this.#isEnding = false
    timers.clear(this.#showing)
    this.#gallery?.release()
    this.log.release()
    budget.leave(this.log)
  }
}
