import { Writer } from '../protocol/bytes.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import { EMPTY_FRAME, eventEntry, type FrameEntry, writeEntry } from '../protocol/frames.ts'
import { SYSTEM_SLOT } from '../protocol/limits.ts'
import type { MeetingEvent, MessageOf } from '../protocol/schema.ts'
import type { Payload } from '../protocol/payload.ts'
import type { MeetingOptions } from './config.ts'
import type { Downstream } from './downstream.ts'
import { FrameLog } from './frame-log.ts'
import { Cursor } from './log.ts'
import type { Seat, Session } from './session.ts'
import type { Stats } from './stats.ts'
import { Timer, type Timers } from './timers.ts'

/** After a stall at most so many late frames are sealed at once; the time of the rest is lost, and a SLIP event says so. */
const LATE_FRAMES = 5
/** After this long without input, runs of empty frames are sent together, one packet per `COALESCE_MS`. */
const QUIET_MS = 2_000
const COALESCE_MS = 250
/** Phases of equal-rate meetings by the golden ratio: any number of them stays evenly spread. */
const SPREAD = (Math.sqrt(5) - 1) / 2

const scratch: Writer = new Writer(4_096)

interface Member {
  readonly slot: number
  readonly session: Session
  /** Highest seq answered: accepted or refused. */
  seq: number
  /** Token bucket. */
  tokens: number
  tokensAt: number
  /** Inputs accepted and not yet in a frame. */
  waiting: number
  away: boolean
  /** Set once it is on its way out, behind its own inputs. */
  leaving: string | null
}

interface Input {
  readonly member: Member
  readonly seq: number
  readonly data: Payload
}

/** What a meeting needs of its node. */
export interface MeetingHost {
  readonly timers: Timers
  readonly downstream: Downstream
  readonly stats: Stats
  /** This meeting has something to seal and no clock: seal it at the end of the sweep. */
  sealSoon(meeting: Meeting): void
  /** Nobody was in it for its TTL. */
  expired(meeting: Meeting): void
}

export interface MeetingInfo {
  readonly name: string
  readonly frameRate: number
  readonly capacity: number
  readonly members: readonly { readonly slot: number; readonly user: string; readonly away: boolean }[]
  readonly spectators: number
  /** The last frame sealed; 0 before the first. */
  readonly frame: number
}

/** One room: a log of frames with one writer, sealed by a clock. It forwards inputs and knows nothing of their meaning. */
export class Meeting {
  readonly name: string
  readonly epoch: number
  readonly seed: Uint8Array
  readonly options: MeetingOptions
  readonly log: FrameLog
  closed = false

  readonly #host: MeetingHost
  readonly #interval: number
  readonly #clock: Timer
  readonly #ttl: Timer
  readonly #members: Map<number, Member> = new Map()
  /** Last seq of each slot, so that (slot, seq) names one input in an epoch, whoever held the slot. */
  readonly #seqs: number[] = []
  readonly #cursors: Set<Cursor & { readonly log: FrameLog }> = new Set()
  #config = ''
  /** What the next frames will hold: events first, then inputs in order of arrival. */
  #events: MeetingEvent[] = []
  #inputs: Input[] = []
  /** Frame `#startFrame` is due at `#start`; later ones at equal intervals. */
  #start = 0
  #startFrame = 1
  #running = false
  #unsealed = false
  #stoppedAt = 0
  #lastInput = 0
  #lastMark = 0

  constructor(
    host: MeetingHost,
    name: string,
    number: number,
    options: MeetingOptions,
    logBytes: number,
    identity: { epoch: number; seed: Uint8Array },
    now: number,
  ) {
    this.#host = host
    this.name = name
    this.epoch = identity.epoch
    this.seed = identity.seed
    this.options = options
    this.log = new FrameLog(number, logBytes)
    this.#interval = options.frameRate === 0 ? 0 : 1000 / options.frameRate
    this.#clock = new Timer((at) => this.#tick(at))
    this.#ttl = new Timer(() => host.expired(this))
    this.#stoppedAt = now
    host.timers.set(this.#ttl, now + options.ttlMs)
  }

  get info(): MeetingInfo {
    return {
      name: this.name,
      frameRate: this.options.frameRate,
      capacity: this.options.capacity,
      members: [...this.#members.values()].map(({ slot, session, away }) => ({
        slot,
        user: session.user,
        away,
      })),
      spectators: [...this.#cursors].filter(
        ({ session }) => session.seats.get(this.log.number)?.slot === SYSTEM_SLOT,
      ).length,
      frame: this.log.next - 1,
    }
  }

  /** Inputs accepted and not yet in a frame. */
  get waiting(): number {
    return this.#inputs.length
  }

  /** Seats a session or, where it has a seat, places its cursor anew. */
  join(session: Session, message: MessageOf<'join'>, now: number): MessageOf<'joined'> | ErrorCode {
    if (message.config !== '') {
      if (this.#config === '') this.#config = message.config
      else if (this.#config !== message.config) return 'CONFIG_MISMATCH'
    }
    let seat = session.seats.get(this.log.number)
    if (seat === undefined) {
      const slot = message.spectator ? SYSTEM_SLOT : this.#freeSlot()
      if (slot === -1) return 'FULL'
      this.#run(now)
      seat = { meeting: this, slot, cursor: null }
      session.seats.set(this.log.number, seat)
      if (!message.spectator) this.#seat(session, slot, now)
    } else {
      this.#run(now)
      this.#unread(seat)
    }
    const member = this.#members.get(seat.slot)
    if (member?.away === true) {
      member.away = false
      this.#happen({ type: 'back', slot: member.slot })
    }
    return this.#place(seat, session, message, member)
  }

  #seat(session: Session, slot: number, now: number): void {
    const { inputBurst } = this.options
    const seq = this.#seqs[slot] ?? 0
    this.#members.set(slot, {
      slot,
      session,
      seq,
      tokens: inputBurst,
      tokensAt: now,
      waiting: 0,
      away: false,
      leaving: null,
    })
    this.#happen({ type: 'join', slot, user: session.user })
  }

  #freeSlot(): number {
    if (this.#members.size >= this.options.capacity) return -1
    let slot = 0
    while (this.#members.has(slot)) slot++
    return slot
  }

  #place(
    seat: Seat,
    session: Session,
    message: MessageOf<'join'>,
    member: Member | undefined,
  ): MessageOf<'joined'> {
    const { log } = this
    const asked = message.epoch !== 0
    const known = asked && message.epoch === this.epoch && message.next >= 1 && message.next <= log.next
    const recovered = known && message.next >= log.first
    const cursor = new Cursor(log, session, known ? message.next : 1) as Cursor & { readonly log: FrameLog }
    seat.cursor = cursor
    this.#cursors.add(cursor)
    if (!log.isCurrent(cursor)) this.#host.downstream.markFrames(cursor)
    return {
      type: 'joined',
      call: message.call,
      meeting: this.name,
      log: log.number,
      epoch: this.epoch,
      slot: seat.slot,
      seed: this.seed,
      rate: this.options.frameRate,
      start: Math.round(this.#start * 1000),
      startFrame: this.#startFrame,
      head: log.next - 1,
      next: Math.max(cursor.position, log.first),
      seq: member?.seq ?? 0,
      snapshot: 0,
      recovered,
      reason: !asked || recovered ? '' : known ? 'NO_SNAPSHOT' : 'NEW_EPOCH',
      maxInput: this.options.inputBytes,
      members: [...this.#members.values()].map(({ slot, session, away }) => ({
        slot,
        user: session.user,
        away,
      })),
    }
  }

  /** The seat's cursor stops reading. */
  #unread(seat: Seat): void {
    if (seat.cursor === null) return
    seat.cursor.live = false
    this.#cursors.delete(seat.cursor)
    seat.cursor = null
    // The end of the sweep notices that nobody is left.
    if (this.#cursors.size === 0) this.#sealSoon()
  }

  /** The session lost its connection: a member keeps its slot and is away, a spectator is gone. */
  detach(session: Session, seat: Seat): void {
    this.#unread(seat)
    const member = this.#members.get(seat.slot)
    if (member === undefined) session.seats.delete(this.log.number)
    else if (!member.away) {
      member.away = true
      this.#happen({ type: 'away', slot: member.slot })
    }
  }

  /** The session gives up its seat. What its member sent before is framed first. */
  leave(session: Session, seat: Seat, reason: string): void {
    this.#unread(seat)
    session.seats.delete(this.log.number)
    const member = this.#members.get(seat.slot)
    if (member === undefined) return
    member.leaving = reason
    if (member.waiting === 0) this.#vacate(member)
  }

  #vacate(member: Member): void {
    this.#seqs[member.slot] = member.seq
    this.#members.delete(member.slot)
    this.#happen({ type: 'leave', slot: member.slot, reason: member.leaving ?? '' })
  }

  /** Takes an input in, or says why not. Either way its seq is answered. */
  accept(seat: Seat, message: MessageOf<'input'>, now: number): ErrorCode | null {
    const member = this.#members.get(seat.slot)
    if (member === undefined) return 'READ_ONLY'
    if (message.seq <= member.seq) return 'STALE'
    member.seq = message.seq
    if (message.data.bytes.length > this.options.inputBytes) return 'TOO_LARGE'
    const { inputsPerSecond, inputBurst } = this.options
    member.tokens = Math.min(inputBurst, member.tokens + ((now - member.tokensAt) * inputsPerSecond) / 1000)
    member.tokensAt = now
    if (member.tokens < 1) return 'RATE'
    if (member.waiting >= inputBurst) return 'BUSY'
    member.tokens--
    member.waiting++
    this.#inputs.push({ member, seq: message.seq, data: message.data })
    this.#lastInput = now
    this.#sealSoon()
    return null
  }

  #happen(event: MeetingEvent): void {
    this.#events.push(event)
    this.#sealSoon()
  }

  /** Without a clock, what happened is sealed at the end of the sweep. */
  #sealSoon(): void {
    if (this.#interval !== 0 || this.#unsealed) return
    this.#unsealed = true
    this.#host.sealSoon(this)
  }

  // ---- the clock

  #due(frame: number): number {
    return this.#start + (frame - this.#startFrame) * this.#interval
  }

  /** Starts the clock where it stands still and somebody is there. */
  #run(now: number): void {
    this.#host.timers.clear(this.#ttl)
    if (this.#running) return
    this.#running = true
    if (this.log.next > 1) this.#happen({ type: 'resume', gap: Math.round(now - this.#stoppedAt) })
    this.#lastInput = now
    if (this.#interval === 0) return
    const phase = ((this.log.number * SPREAD) % 1) * this.#interval
    this.#start = (Math.floor((now - phase) / this.#interval) + 1) * this.#interval + phase
    this.#startFrame = this.log.next
    this.#host.timers.set(this.#clock, this.#start)
  }

  #stop(now: number): void {
    this.#running = false
    this.#stoppedAt = now
    this.#host.timers.clear(this.#clock)
    this.#host.timers.set(this.#ttl, now + this.options.ttlMs)
  }

  #tick(now: number): void {
    if (this.#isIdle) {
      this.#stop(now)
      return
    }
    for (let late = 0; late < LATE_FRAMES && this.#due(this.log.next) <= now; late++) {
      this.#host.stats.sealed(now, now - this.#due(this.log.next))
      this.#seal()
    }
    const next = this.#due(this.log.next)
    if (next <= now) {
      const missed = Math.floor((now - next) / this.#interval) + 1
      this.#start += missed * this.#interval
      this.#host.stats.framesSlipped += missed
      this.#happen({ type: 'slip', lost: Math.round(missed * this.#interval) })
    }
    this.#mark(now)
    this.#host.timers.set(this.#clock, this.#due(this.log.next))
  }

  get #isIdle(): boolean {
    return this.#cursors.size === 0 && this.#inputs.length === 0 && this.#events.length === 0
  }

  /** At the end of a sweep: a meeting without a frame rate seals what it has. */
  sealNow(now: number): void {
    this.#unsealed = false
    if (this.closed) return
    while (this.#inputs.length > 0 || this.#events.length > 0) {
      this.#host.stats.sealed(now, 0)
      this.#seal()
    }
    this.#mark(now)
    if (this.#running && this.#cursors.size === 0) this.#stop(now)
  }

  #seal(): void {
    const events = this.#events
    this.#events = []
    const inputs = this.#inputs.length === 0 ? this.#inputs : this.#take()
    const size = events.length + inputs.length
    if (size === 0) {
      this.log.append(EMPTY_FRAME)
      return
    }
    const w = scratch
    w.reset()
    w.uint(size * 2)
    for (const event of events) write(w, eventEntry(event))
    for (const { member, seq, data } of inputs) writeEntry(w, member.slot, seq, data)
    this.log.append(w.finish())
    this.#host.stats.inputsFramed += inputs.length
    for (const { member } of inputs) {
      member.waiting--
      if (member.leaving !== null && member.waiting === 0) this.#vacate(member)
    }
    this.#lastMark = -Infinity
  }

  /** The inputs of one frame in order of arrival; over the frame's limits the rest waits, fairly by slot. */
  #take(): Input[] {
    const { inputsPerFrame, frameBytes } = this.options
    const waiting = this.#inputs
    let bytes = 0
    for (const { data } of waiting) bytes += data.bytes.length
    if (bytes <= frameBytes && waiting.every(({ member }) => member.waiting <= inputsPerFrame)) {
      this.#inputs = []
      return waiting
    }
    // Turn by turn: the first input of each member, then the second of each, so that no slot crowds out another.
    const turn = new Map<Member, number>()
    const order = waiting.map((input, arrival) => {
      const nth = turn.get(input.member) ?? 0
      turn.set(input.member, nth + 1)
      return { input, arrival, nth }
    })
    const taken = new Set<number>()
    let room = frameBytes
    for (const { input, arrival, nth } of order.sort((a, b) => a.nth - b.nth || a.arrival - b.arrival)) {
      if (nth >= inputsPerFrame || (input.data.bytes.length > room && taken.size > 0)) break
      room -= input.data.bytes.length
      taken.add(arrival)
    }
    this.#inputs = waiting.filter((_, arrival) => !taken.has(arrival))
    return waiting.filter((_, arrival) => taken.has(arrival))
  }

  /** Tells the readers, unless the frame is one of a quiet run that can go out together. */
  #mark(now: number): void {
    const quiet = now - this.#lastInput > QUIET_MS && now - this.#lastMark < COALESCE_MS - this.#interval
    if (quiet) return
    this.#lastMark = now
    for (const cursor of this.#cursors) this.#host.downstream.markFrames(cursor)
  }

  /** Ends the meeting for all. */
  close(): void {
    this.closed = true
    this.#host.timers.clear(this.#clock)
    this.#host.timers.clear(this.#ttl)
    for (const cursor of this.#cursors) this.#end(cursor.session)
    for (const { session } of this.#members.values()) this.#end(session)
    this.#host.stats.refuseInput('CLOSED', this.#inputs.length)
    this.#cursors.clear()
    this.#members.clear()
    this.#inputs = []
    this.#events = []
  }

  #end(session: Session): void {
    const seat = session.seats.get(this.log.number)
    if (seat === undefined) return
    if (seat.cursor !== null) seat.cursor.live = false
    session.seats.delete(this.log.number)
    this.#host.downstream.send(session, {
      type: 'ended',
      log: this.log.number,
      error: 'CLOSED',
      message: 'the meeting was closed',
    })
  }
}

function write(w: Writer, entry: FrameEntry): void {
  writeEntry(w, entry.slot, entry.seq, entry.data)
}
