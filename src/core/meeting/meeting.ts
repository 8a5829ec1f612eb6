import { Writer } from '../../protocol/bytes.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import {
  decodeEvent,
  eachFrame,
  EMPTY_FRAME,
  eventEntry,
  type FrameEntry,
  writeEntry,
} from '../../protocol/frames.ts'
import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { MeetingEvent, MessageOf } from '../../protocol/schema.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { Budget } from '../ground/budget.ts'
import { fixedLimits, type MeetingOptions } from '../ground/config.ts'
import type { Downstream } from '../down/downstream.ts'
import { share } from './fair-share.ts'
import { FrameClock } from './frame-clock.ts'
import { FrameLog } from './frame-log.ts'
import { Gallery } from './gallery.ts'
import { JoinRate } from './join-rate.ts'
import { Cursor, LANE, type Outlet } from '../log/log.ts'
import type { MeetingLogic, Refusal, SealedFrame } from '../ports.ts'
import { type Session, shorten } from '../session/session.ts'
import { MeetingSeat } from './seat.ts'
import type { Stats } from '../ground/stats.ts'
import { Timer, type Timers } from '../ground/timers.ts'

/** After a stall at most so many late frames are sealed at once; the time of the rest is lost, and a SLIP event says so. */
const LATE_FRAMES = 5
/** After this long without input, runs of empty frames are sent together, one packet per `COALESCE_MS`. */
const QUIET_MS = 2_000
const COALESCE_MS = 250

const scratch: Writer = new Writer(4_096)

interface Member {
  readonly slot: number
  readonly user: string
  /** Null: a bot of the business. */
  readonly session: Session | null
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

/** A member that is left. */
interface Departure {
  readonly slot: number
  readonly user: string
  readonly reason: string
}

/** A member that the business plays itself. What it says is in frames like any other's. */
export interface Bot {
  readonly slot: number
  /** Bytes of its largest input. */
  readonly maxInput: number
  /** Takes an input in, or says why not: TOO_LARGE, BUSY too many wait for a frame, CLOSED it is no member any more. No rate holds for it. */
  send(data: Payload, now: number): ErrorCode | null
  /** Without effect where it has left. */
  leave(): void
}

/** What the business adds to a meeting. */
export interface MeetingBusiness {
  /** What kind it is of; '' for none. */
  readonly kind: string
  /** Belongs to the business; nothing here looks into it. */
  readonly metadata: Readonly<Record<string, unknown>>
  readonly logic: MeetingLogic | null
}

/** A meeting without a kind. */
export const plain: MeetingBusiness = { kind: '', metadata: Object.freeze({}), logic: null }

/** What a meeting needs of its node. */
export interface MeetingHost {
  readonly timers: Timers
  readonly downstream: Downstream
  readonly stats: Stats
  readonly budget: Budget
  /** This meeting has something to seal and no clock: seal it at the end of the sweep. */
  sealSoon(meeting: Meeting): void
  /** Nobody was in it for its TTL. */
  expired(meeting: Meeting): void
}

export interface MeetingInfo {
  readonly name: string
  /** As it was opened: '' for none. */
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly frameRate: number
  readonly capacity: number
  readonly members: readonly MemberInfo[]
  readonly spectators: number
  /** The last frame sealed; 0 before the first. */
  readonly frame: number
}

export interface MemberInfo {
  readonly slot: number
  readonly user: string
  /** Its connection was lost; it keeps its slot for a while. */
  readonly away: boolean
  /** Played by the business. */
  readonly bot: boolean
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
  readonly #business: MeetingBusiness
  readonly #logic: MeetingLogic | null
  readonly #clock: FrameClock
  readonly #joins: JoinRate
  readonly #timer: Timer
  readonly #ttl: Timer
  readonly #members: Map<number, Member> = new Map()
  /** Last seq of each slot, so that (slot, seq) names one input in an epoch, whoever held the slot. */
  readonly #seqs: number[] = []
  /** Who reads. */
  readonly #readers: Set<MeetingSeat> = new Set()
  /** What spectators see, where that is later than the members. */
  readonly #gallery: Gallery | null
  readonly #showing: Timer
  #config = ''
  /** What the next frames will hold: events first, then inputs in order of arrival. */
  #events: MeetingEvent[] = []
  #inputs: Input[] = []
  /** The slot that had the last place in a frame that could not take all. */
  #lastShared = -1
  #running = false
  #unsealed = false
  #stoppedAt = 0
  #lastInput = 0
  #lastMark = 0
  /** The slot of who is being asked about; nobody else gets it meanwhile. */
  #asking = -1
  /** What the business is still to be told, in order. */
  #notices: (SealedFrame | Departure)[] = []

  constructor(
    host: MeetingHost,
    name: string,
    number: number,
    options: MeetingOptions,
    logBytes: number,
    identity: { epoch: number; seed: Uint8Array },
    business: MeetingBusiness,
    now: number,
  ) {
    this.#host = host
    this.#business = business
    this.#logic = business.logic
    this.name = name
    this.epoch = identity.epoch
    this.seed = identity.seed
    this.options = options
    this.log = new FrameLog(number, logBytes, host.budget)
    this.#clock = new FrameClock(options.frameRate, number)
    this.#joins = new JoinRate(options.joinsPerMinute)
    this.#timer = new Timer((at) => this.#tick(at))
    this.#ttl = new Timer(() => host.expired(this))
    this.#gallery = options.spectatorDelayMs === 0 ? null : new Gallery(this.log, options.spectatorDelayMs)
    this.#showing = new Timer((at) => this.#tell(at))
    this.#stoppedAt = now
    host.timers.set(this.#ttl, now + options.ttlMs)
  }

  get kind(): string {
    return this.#business.kind
  }

  get info(): MeetingInfo {
    return {
      name: this.name,
      kind: this.kind,
      metadata: this.#business.metadata,
      frameRate: this.options.frameRate,
      capacity: this.options.capacity,
      members: [...this.#members.values()].map(({ slot, user, session, away }) => ({
        slot,
        user,
        away,
        bot: session === null,
      })),
      spectators: [...this.#readers].filter(({ slot }) => slot === SYSTEM_SLOT).length,
      frame: this.log.next - 1,
    }
  }

  /** Inputs accepted and not yet in a frame. */
  get waiting(): number {
    return this.#inputs.length
  }

  /** Frames `from` … `to` − 1, as far as they are kept. */
  *history(from: number, to: number): Generator<SealedFrame> {
    for (const [number, frame] of this.log.history(from, to)) yield openFrame(number, frame)
  }

  /** Seats a session or, where it has a seat, places its cursor anew. */
  join(session: Session, message: MessageOf<'join'>, now: number): MessageOf<'joined'> | Refusal | ErrorCode {
    if (message.config !== '' && this.#config !== '' && this.#config !== message.config)
      return 'CONFIG_MISMATCH'
    let seat = this.#seatOf(session)
    if (seat === undefined) {
      const slot = message.spectator ? SYSTEM_SLOT : this.#freeSlot()
      if (slot === -1) return 'FULL'
      const refusal = message.spectator ? null : this.#admit(slot, session.user, now)
      if (refusal !== null) return refusal
      // It may have ended the session instead of answering.
      if (session.ended || session.outlet === null) return 'UNKNOWN'
      this.#run(now)
      seat = new MeetingSeat(this, session, slot)
      session.seats.set(this.log.number, seat)
      if (!message.spectator) this.#seat(session, session.user, slot, now)
    } else {
      this.#run(now)
      this.#unread(seat)
    }
    if (this.#config === '') this.#config = message.config
    const member = this.#members.get(seat.slot)
    if (member?.away === true) {
      member.away = false
      this.#happen({ type: 'back', slot: member.slot })
    }
    return this.#place(seat, message, member, now)
  }

  #seatOf(session: Session): MeetingSeat | undefined {
    // Numbers of logs are unique on the node, and this one is of a meeting.
    return session.seats.get(this.log.number) as MeetingSeat | undefined
  }

  /** Whether this user may have this slot: not too often, and as the business says. That may seat bots meanwhile. */
  #admit(slot: number, user: string, now: number): Refusal | null {
    const retryAfterMs = this.#joins.take(user, now)
    if (retryAfterMs > 0)
      return {
        code: 'RATE',
        message: `more than ${this.options.joinsPerMinute} joins a minute`,
        retryAfterMs,
      }
    if (this.#logic === null) return null
    this.#asking = slot
    const refusal = this.#logic.join?.(slot, user) ?? null
    this.#asking = -1
    return refusal
  }

  #seat(session: Session | null, user: string, slot: number, now: number): Member {
    const member: Member = {
      slot,
      user,
      session,
      seq: this.#seqs[slot] ?? 0,
      tokens: this.options.inputBurst,
      tokensAt: now,
      waiting: 0,
      away: false,
      leaving: null,
    }
    this.#members.set(slot, member)
    this.#happen({ type: 'join', slot, user })
    return member
  }

  #freeSlot(): number {
    const asking = this.#asking
    if (this.#members.size + (asking < 0 ? 0 : 1) >= this.options.capacity) return -1
    let slot = 0
    while (this.#members.has(slot) || slot === asking) slot++
    return slot
  }

  /** Seats a member of the business's own. It neither starts the clock nor keeps the meeting open. */
  addBot(user: string, now: number): Bot | ErrorCode {
    if (this.#events.length >= fixedLimits.waitingEvents) return 'BUSY'
    const slot = this.#freeSlot()
    if (slot === -1) return 'FULL'
    const member = this.#seat(null, user, slot, now)
    return {
      slot,
      maxInput: this.options.inputBytes,
      send: (data, at) => this.#acceptBot(member, data, at),
      leave: () => this.#depart(member, 'left'),
    }
  }

  #acceptBot(member: Member, data: Payload, now: number): ErrorCode | null {
    if (this.#members.get(member.slot) !== member || member.leaving !== null) return 'CLOSED'
    if (data.bytes.length > this.options.inputBytes) return 'TOO_LARGE'
    if (member.waiting >= this.options.inputBurst) return 'BUSY'
    this.#host.stats.inputsReceived++
    this.#push(member, ++member.seq, data, now)
    return null
  }

  /** Says something to one member alone. False where the slot is empty, or a bot's. */
  sendTo(slot: number, data: Payload): boolean {
    const member = this.#members.get(slot)
    if (member === undefined || member.session === null || member.leaving !== null) return false
    this.#host.downstream.send(member.session, { type: 'direct', log: this.log.number, data })
    return true
  }

  /** Takes a member's slot away, behind what it has sent before. False where the slot is empty. */
  kick(slot: number, message: string): boolean {
    const member = this.#members.get(slot)
    if (member === undefined || member.leaving !== null) return false
    const seat = member.session === null ? undefined : this.#seatOf(member.session)
    if (seat === undefined) this.#depart(member, 'kicked')
    else {
      this.#end(seat.session, message)
      this.leave(seat, 'kicked')
    }
    return true
  }

  #place(
    seat: MeetingSeat,
    message: MessageOf<'join'>,
    member: Member | undefined,
    now: number,
  ): MessageOf<'joined'> {
    const { log } = this
    const gallery = seat.slot === SYSTEM_SLOT ? this.#gallery : null
    gallery?.reveal(now)
    const asked = message.epoch !== 0
    const known = asked && message.epoch === this.epoch && message.next >= 1 && message.next <= log.next
    const recovered = known && message.next >= log.first
    const view = gallery ?? log
    const outlet = seat.session.outlet as Outlet
    const cursor = new Cursor(view, outlet, LANE.frames, known ? message.next : 1)
    seat.cursor = cursor
    this.#readers.add(seat)
    if (!view.isCurrent(cursor)) this.#host.downstream.mark(cursor)
    this.#showLater()
    return {
      type: 'joined',
      call: message.call,
      meeting: this.name,
      log: log.number,
      epoch: this.epoch,
      slot: seat.slot,
      seed: this.seed,
      rate: this.options.frameRate,
      start: Math.round(this.#clock.start * 1000),
      startFrame: this.#clock.startFrame,
      head: view.next - 1,
      next: Math.max(cursor.position, log.first),
      seq: member?.seq ?? 0,
      snapshot: 0,
      recovered,
      reason: !asked || recovered ? '' : known ? 'NO_SNAPSHOT' : 'NEW_EPOCH',
      maxInput: this.options.inputBytes,
      members:
        gallery?.members ?? [...this.#members.values()].map(({ slot, user, away }) => ({ slot, user, away })),
    }
  }

  /** The seat's cursor stops reading. */
  #unread(seat: MeetingSeat): void {
    if (seat.cursor === null) return
    seat.cursor.live = false
    this.#readers.delete(seat)
    seat.cursor = null
    // The end of the sweep notices that nobody is left.
    if (this.#readers.size === 0) this.#sealSoon()
  }

  /** The session lost its connection: a member keeps its slot and is away, a spectator is gone. */
  detach(seat: MeetingSeat): boolean {
    this.#unread(seat)
    const member = this.#members.get(seat.slot)
    if (member === undefined) return false
    if (!member.away) {
      member.away = true
      this.#happen({ type: 'away', slot: member.slot })
    }
    return true
  }

  /** The session gives up its seat. What its member sent before is framed first. */
  leave(seat: MeetingSeat, reason: string): void {
    this.#unread(seat)
    const member = this.#members.get(seat.slot)
    if (member !== undefined) this.#depart(member, reason)
  }

  #depart(member: Member, reason: string): void {
    if (this.#members.get(member.slot) !== member || member.leaving !== null) return
    member.leaving = reason
    if (member.waiting > 0) return
    this.#vacate(member)
    this.#notify()
  }

  #vacate(member: Member): void {
    this.#seqs[member.slot] = member.seq
    this.#members.delete(member.slot)
    const { slot, user } = member
    const reason = member.leaving ?? ''
    this.#happen({ type: 'leave', slot, reason })
    if (this.#logic?.leave !== undefined && member.session !== null)
      this.#notices.push({ slot, user, reason })
  }

  /** Tells the business what has happened, once everything is in its place again. */
  #notify(): void {
    if (this.#notices.length === 0) return
    const notices = this.#notices
    this.#notices = []
    for (const notice of notices) {
      if ('number' in notice) this.#logic?.frame?.(notice)
      else this.#logic?.leave?.(notice.slot, notice.user, notice.reason)
    }
  }

  /** Takes an input in, or says why not. Either way its seq is answered. */
  accept(seat: MeetingSeat, message: MessageOf<'input'>, now: number): Refusal | ErrorCode | null {
    const member = this.#members.get(seat.slot)
    if (member === undefined) return 'READ_ONLY'
    if (message.seq <= member.seq) return 'STALE'
    // Not noted: the slot's next member goes on from there, and must have numbers left.
    if (message.seq > member.seq + fixedLimits.seqStep) return 'LIMIT'
    member.seq = message.seq
    if (message.data.bytes.length > this.options.inputBytes) return 'TOO_LARGE'
    const { inputsPerSecond, inputBurst } = this.options
    member.tokens = Math.min(inputBurst, member.tokens + ((now - member.tokensAt) * inputsPerSecond) / 1000)
    member.tokensAt = now
    if (member.tokens < 1) return 'RATE'
    if (member.waiting >= inputBurst) return 'BUSY'
    member.tokens--
    const decided = this.#logic?.input?.(member.slot, member.user, message.data) ?? message.data
    if ('code' in decided) return decided
    if (this.#members.get(member.slot) !== member || member.leaving !== null) return 'CLOSED'
    // What was held up may come when nobody is connected any more: it is framed all the same.
    this.#run(now)
    this.#push(member, message.seq, decided, now)
    return null
  }

  #push(member: Member, seq: number, data: Payload, now: number): void {
    member.waiting++
    this.#inputs.push({ member, seq, data })
    this.#lastInput = now
    this.#sealSoon()
  }

  #happen(event: MeetingEvent): void {
    this.#events.push(event)
    this.#sealSoon()
  }

  /** Without a clock, what happened is sealed at the end of the sweep. */
  #sealSoon(): void {
    if (this.#clock.interval !== 0 || this.#unsealed) return
    this.#unsealed = true
    this.#host.sealSoon(this)
  }

  // ---- the clock

  /** Starts the clock where it stands still and somebody is there. */
  #run(now: number): void {
    this.#host.timers.clear(this.#ttl)
    if (this.#running) return
    this.#running = true
    if (this.log.next > 1) this.#happen({ type: 'resume', gap: Math.round(now - this.#stoppedAt) })
    this.#lastInput = now
    if (this.#clock.interval === 0) return
    this.#clock.run(this.log.next, now)
    this.#host.timers.set(this.#timer, this.#clock.start)
  }

  #stop(now: number): void {
    this.#running = false
    this.#stoppedAt = now
    this.#host.timers.clear(this.#timer)
    this.#host.timers.set(this.#ttl, now + this.options.ttlMs)
  }

  #tick(now: number): void {
    if (this.#isIdle) {
      this.#stop(now)
      return
    }
    const clock = this.#clock
    for (let late = 0; late < LATE_FRAMES && clock.due(this.log.next) <= now; late++) {
      this.#host.stats.sealed(now, now - clock.due(this.log.next))
      this.#seal(now)
    }
    const slipped = clock.slip(this.log.next, now)
    if (slipped > 0) {
      this.#host.stats.framesSlipped += slipped
      this.#happen({ type: 'slip', lost: Math.round(slipped * clock.interval) })
    }
    this.#mark(now)
    this.#host.timers.set(this.#timer, clock.due(this.log.next))
    this.#notify()
  }

  get #isIdle(): boolean {
    return this.#readers.size === 0 && this.#inputs.length === 0 && this.#events.length === 0
  }

  /** At the end of a sweep: a meeting without a frame rate seals what it has. */
  sealNow(now: number): void {
    this.#unsealed = false
    if (this.closed) return
    while (this.#inputs.length > 0 || this.#events.length > 0) {
      this.#host.stats.sealed(now, 0)
      this.#seal(now)
    }
    this.#mark(now)
    if (this.#running && this.#readers.size === 0) this.#stop(now)
    this.#notify()
  }

  #seal(now: number): void {
    const events = this.#events
    this.#events = []
    const inputs = this.#inputs.length === 0 ? this.#inputs : this.#take()
    if (this.#logic?.frame !== undefined) this.#notices.push(sealedFrame(this.log.next, events, inputs))
    const size = events.length + inputs.length
    if (size === 0) {
      this.log.append(EMPTY_FRAME)
      this.#gallery?.sealed(events, now)
      return
    }
    const w = scratch
    w.reset()
    w.uint(size * 2)
    for (const event of events) write(w, eventEntry(event))
    for (const { member, seq, data } of inputs) writeEntry(w, member.slot, seq, data)
    this.log.append(w.finish())
    this.#gallery?.sealed(events, now)
    this.#host.stats.inputsFramed += inputs.length
    for (const { member } of inputs) {
      member.waiting--
      if (member.leaving !== null && member.waiting === 0) this.#vacate(member)
    }
    this.#lastMark = -Infinity
  }

  /** The inputs of the next frame; what is over its limits waits. */
  #take(): readonly Input[] {
    const { inputsPerFrame, frameBytes } = this.options
    const { taken, left, last } = share(this.#inputs, inputsPerFrame, frameBytes, this.#lastShared)
    this.#inputs = left
    this.#lastShared = last
    return taken
  }

  /** Tells the readers, unless the frame is one of a quiet run that can go out together. */
  #mark(now: number): void {
    const quiet =
      now - this.#lastInput > QUIET_MS && now - this.#lastMark < COALESCE_MS - this.#clock.interval
    if (quiet) return
    this.#lastMark = now
    this.#tell(now)
  }

  #tell(now: number): void {
    this.#gallery?.reveal(now)
    for (const { cursor } of this.#readers) {
      if (cursor !== null && (this.#gallery === null || !cursor.log.isCurrent(cursor)))
        this.#host.downstream.mark(cursor)
    }
    this.#showLater()
  }

  /** Without a clock nothing else would show a frame to those who see it later. */
  #showLater(): void {
    if (this.#gallery === null || this.#clock.interval !== 0 || this.#gallery.due === Infinity) return
    this.#host.timers.set(this.#showing, this.#gallery.due)
  }

  /** Ends the meeting for all. */
  close(): void {
    this.#logic?.close?.()
    this.closed = true
    this.#host.timers.clear(this.#timer)
    this.#host.timers.clear(this.#ttl)
    this.#host.timers.clear(this.#showing)
    const message = 'the meeting was closed'
    for (const { session } of this.#readers) this.#end(session, message)
    for (const { session } of this.#members.values()) if (session !== null) this.#end(session, message)
    this.#host.stats.refuseInput('CLOSED', this.#inputs.length)
    this.#readers.clear()
    this.#members.clear()
    this.log.release()
    this.#inputs = []
    this.#events = []
  }

  #end(session: Session, message: string): void {
    const seat = this.#seatOf(session)
    if (seat === undefined) return
    if (seat.cursor !== null) seat.cursor.live = false
    session.seats.delete(this.log.number)
    this.#host.downstream.send(session, {
      type: 'ended',
      log: this.log.number,
      error: 'CLOSED',
      message: shorten(message),
    })
  }
}

function sealedFrame(number: number, events: readonly MeetingEvent[], inputs: readonly Input[]): SealedFrame {
  return { number, events, inputs: inputs.map(({ member: { slot }, seq, data }) => ({ slot, seq, data })) }
}

function openFrame(number: number, frame: Uint8Array): SealedFrame {
  const events: MeetingEvent[] = []
  const inputs: FrameEntry[] = []
  if (frame !== EMPTY_FRAME)
    eachFrame(frame, number, 1, (_, entries) => {
      for (const entry of entries) {
        const event = entry.slot === SYSTEM_SLOT ? decodeEvent(entry) : null
        if (event !== null) events.push(event)
        else if (entry.slot !== SYSTEM_SLOT) inputs.push(entry)
      }
    })
  return { number, events, inputs }
}

function write(w: Writer, entry: FrameEntry): void {
  writeEntry(w, entry.slot, entry.seq, entry.data)
}
