import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MeetingEvent, MessageOf } from '../../protocol/schema.ts'
import type { MeetingOptions } from './options.ts'
import { costs } from '../ground/work.ts'
import type { MeetingBusiness, Refusal } from '../ports.ts'
import type { Account } from '../session/account.ts'
import type { Session } from '../session/session.ts'
import type { Attendee } from './attendance.ts'
import { Backing } from './backing.ts'
import { Bots } from './bots.ts'
import { type Bot, infoOf, type MeetingInfo } from './business.ts'
import { Departures } from './departures.ts'
import { Electorate } from './electorate.ts'
import { Entrance, type EntranceHost, isMember } from './entrance.ts'
import type { FrameLog } from './frame-log.ts'
import { FrameShare } from './frame-shares.ts'
import { type Input, Intake } from './intake.ts'
import { Notices } from './notices.ts'
import type { OwnerHost } from './owner-host.ts'
import type { OwnerState, Succession } from './owner-state.ts'
import { Pulse } from './pulse.ts'
import type { Room } from './room.ts'
import { Roster } from './roster.ts'
import { sealedFrame, sealFrame } from './sealed.ts'
import { type Host, isAway, type Member, type Occupant, Seat, seatOf } from './seat.ts'
import { continues, type Seating, type Visitor, visitorOf } from './visitor.ts'
import { WaitingEvents } from './waiting-events.ts'

/** Why an input is refused; null where it is not. */
type Refused = Refusal | ErrorCode | null

/**
 * Seals the frames of a room. It holds the members, their inputs, the clock and the logic of the business. It forwards
 * inputs and knows nothing of their meaning.
 */
export class Owner implements Host {
  readonly room: Room
  readonly options: MeetingOptions
  /** The user for whom it was opened; null for the business. */
  readonly maker: Account | null
  readonly #host: OwnerHost<Owner>
  readonly business: MeetingBusiness
  readonly roster: Roster
  readonly #intake: Intake
  readonly bots: Bots
  readonly #pulse: Pulse
  readonly #entrance: Entrance
  readonly #electorate: Electorate
  readonly backing: Backing<Owner>
  #closed = false
  readonly events: WaitingEvents
  /** Whether `sealNow` is pending at the end of the sweep. */
  #unsealed = false
  readonly #notices: Notices
  readonly departures: Departures
  readonly share: FrameShare

  constructor(
    host: OwnerHost<Owner>,
    room: Room,
    options: MeetingOptions,
    business: MeetingBusiness,
    now: number,
    maker: Account | null = null,
  ) {
    this.maker = maker
    this.#host = host
    this.business = business
    this.room = room
    this.options = options
    const { log } = room
    const { limits, leavers, shares } = host
    const roster = (this.roster = new Roster(options.capacity, (event) => this.#happen(event)))
    this.share = new FrameShare(shares, maker, roster, room)
    this.events = new WaitingEvents(limits, () => this.#sealSoon())
    const electorate = (this.#electorate = new Electorate(limits.electorates))
    const notices = (this.#notices = new Notices(business.logic))
    this.departures = new Departures({ roster, electorate, log, notices, leavers, maker })
    const run = (at: number): void => this.#run(at)
    const kick: EntranceHost['kick'] = (...seat) => this.kick(...seat)
    const parts = { options, business, log, roster, electorate, departures: this.departures, limits }
    this.#entrance = new Entrance({ ...parts, run, kick })
    const intake = (this.#intake = new Intake(options, log))
    this.bots = new Bots(log, {
      roster,
      intake,
      inputBytes: options.inputBytes,
      push: (...input) => {
        host.stats.inputsReceived++
        this.#push(...input)
      },
      depart: (...departure) => this.depart(...departure),
    })
    this.#pulse = new Pulse(options, log.number, now, {
      timers: host.timers,
      work: host.work,
      share: this.share,
      tick: (at) => (options.frameRate === 0 ? this.#sealSoon() : this.#tick(at)),
      expired: (at) => host.expired(this, at),
    })
    this.backing = new Backing<Owner>(this, host, roster, electorate, this.#pulse)
  }

  /** Goes on with the meeting of another node. */
  succeed({ state, seatOf: occupantOf, event }: Succession, now: number): void {
    this.roster.restore(state.roster, occupantOf)
    this.#electorate.restore(state.electorate, (slot) => this.roster.get(slot)?.seat?.elector)
    this.#intake.restore(state.intake, (slot) => this.roster.get(slot))
    this.departures.restore()
    this.#entrance.config = state.config
    this.events.restore([event, ...state.events])
    this.#pulse.restore(state.clock, this.log.next, now)
    this.#sealSoon()
  }

  /** All that another node needs, besides the frames, to go on with the meeting. */
  state(now: number): OwnerState {
    const slots = new Map(Array.from(this.roster.all(), ({ seat, slot }) => [seat?.elector, slot]))
    return {
      options: this.options,
      config: this.config,
      roster: this.roster.state,
      intake: this.#intake.state,
      electorate: this.#electorate.stateFor((elector) => slots.get(elector)),
      events: [...this.events.list],
      clock: this.#pulse.state(this.log.next, now),
    }
  }

  get name(): string {
    return this.room.facts.name
  }

  get log(): FrameLog {
    return this.room.log
  }

  get info(): MeetingInfo {
    return infoOf(this.room, this.options, this.business, this.roster.info, this.#stable)
  }

  /** Number of inputs accepted and not yet in a frame. */
  get waiting(): number {
    return this.#intake.size
  }

  /** The seqs of a member's inputs that wait for a frame. */
  waitingOf(member: Member | null): readonly number[] {
    return member === null ? [] : this.#intake.seqsOf(member)
  }

  /** The members, in the form of JOINED. */
  get members(): readonly Attendee[] {
    return this.roster.list
  }

  /** Hash of the configuration that clients must run; '' until a member names one. */
  get config(): string {
    return this.#entrance.config
  }

  /** When the next frame is due; `Infinity` while the clock stands still, or without one. */
  get due(): number {
    return this.#pulse.due(this.log.next)
  }

  /** The readers on another node have become more or fewer. */
  recount(now: number): void {
    if (this.room.isDeserted) this.#noticeDesertion()
    else this.#run(now)
  }

  /** Seats a session or, when it has a seat, places its cursor anew. */
  join(session: Session, message: MessageOf<'join'>, now: number): MessageOf<'joined'> | Refusal | ErrorCode {
    const entrance = this.#entrance
    const other = entrance.mismatch(message.config)
    if (other !== null) return other
    const known = seatOf(session, this.log.number)
    let seat = known
    let continued = known !== undefined
    if (seat === undefined && message.spectator) seat = new Seat(this, session, null)
    else if (seat === undefined) {
      const visitor = visitorOf(session, message, this.room.facts)
      const member = entrance.memberFor(visitor, () => session.outlet !== null, now)
      if (!isMember(member)) return member
      continued = continues(member, visitor)
      seat = new Seat(this, session, member)
      entrance.sit(member, seat, continued)
    }
    this.#run(now)
    if (known === undefined) session.sit(this.log.number, seat)
    else this.#unplace(seat)
    if (seat.member !== null) entrance.enter(seat.member, message.config)
    const facts = { members: this.members, continued, waiting: this.waitingOf(seat.member) }
    return this.room.place(seat, message, { ...this.#pulse.clock.origin, ...facts }, now)
  }

  /** Seats a session of another node. `occupant`: makes its seat; `continued`: see {@link Placing}. */
  seat(visitor: Visitor, now: number, occupant: Seating): Member | Refusal | ErrorCode {
    const entrance = this.#entrance
    const member = entrance.memberFor(visitor, () => true, now)
    if (!isMember(member)) return member
    const continued = continues(member, visitor)
    entrance.sit(member, occupant(member, continued), continued)
    this.#run(now)
    entrance.enter(member, visitor.config)
    return member
  }

  /** A member is connected again. */
  back(member: Member, now: number): void {
    this.#run(now)
    this.roster.back(member)
  }

  /** Seats a bot. */
  addBot(user: string): Bot | ErrorCode {
    return this.events.isFull ? 'BUSY' : this.bots.add(user)
  }

  /** Kicks a member. Its slot is freed after its waiting inputs are framed. False when the slot is empty. */
  kick(slot: number, message: string): boolean {
    const member = this.roster.get(slot)
    if (member === undefined || member.standing.is === 'leaving') return false
    // What the business has said before goes into the next frame.
    member.seat?.evict(message, this.log.next + Number(this.events.list.length > 0))
    this.depart(member, 'kicked')
    return true
  }

  direct(seat: Seat, data: Payload): void {
    this.room.direct(seat, data)
  }

  evict(seat: Seat, message: string, upTo?: number): void {
    this.room.end(seat, message, upTo)
    this.#noticeDesertion()
  }

  #unplace(seat: Seat): void {
    this.room.unplace(seat)
    this.#noticeDesertion()
  }

  /** Without a frame rate, `sealNow` at the end of the sweep is what notices that nobody is left. */
  #noticeDesertion(): void {
    if (this.room.isDeserted) this.#sealSoon()
  }

  detach(seat: Seat): boolean {
    this.#unplace(seat)
    if (seat.member === null) return false
    this.away(seat.member)
    return true
  }

  /** A member has lost its connection, and keeps its slot. */
  away(member: Member): void {
    this.roster.away(member)
  }

  leave(seat: Seat, reason: string): void {
    this.#unplace(seat)
    if (seat.member !== null) this.depart(seat.member, reason)
  }

  /** A member gives up its slot, once its waiting inputs are framed. */
  depart(member: Member, reason: string): void {
    if (!this.roster.isSeated(member)) return
    member.standing = { is: 'leaving', reason, wasAway: isAway(member) }
    if (member.waiting > 0) return
    this.departures.add(member)
    this.#notices.tell()
  }

  // ---- inputs

  accept(seat: Seat, message: MessageOf<'input'>, now: number): Refused {
    const { member } = seat
    if (member === null) return 'READ_ONLY'
    seat.seen(message.seen)
    return this.take(member, message, seat.turnedAway, now)
  }

  /** Accepts an input of a member, or returns why it is refused. `turnedAway`: see {@link Seat}. */
  take(member: Member, message: MessageOf<'input'>, turnedAway: number, now: number): Refused {
    const refusal = this.#intake.check(member, message, turnedAway, now)
    if (refusal !== null) return refusal
    const decided = this.business.logic?.input?.(member.slot, member.user, message.data) ?? message.data
    if ('code' in decided) return decided
    if (!this.roster.isSeated(member)) return 'CLOSED'
    // It may have waited in the upstream queue until its member's connection was lost: the clock must run even so.
    this.#run(now)
    this.#push(member, message.seq, decided)
    return null
  }

  acknowledge({ elector }: Occupant, frame: number): void {
    this.backing.acknowledge(elector, Math.min(frame, this.log.next - 1))
    this.#sealSoon()
  }

  /** The last stable frame. */
  get #stable(): number {
    return this.#electorate.stableTo(this.log.next - 1)
  }

  #push(member: Member, seq: number, data: Payload): void {
    this.#intake.push(member, seq, data)
    this.#sealSoon()
  }

  #happen(event: MeetingEvent): void {
    if (event.type === 'takeover' && this.room.facts.reigns.length === 0) return
    this.events.push(event)
  }

  /** Without a frame rate, schedules sealing at the end of the sweep. */
  #sealSoon(): void {
    if (this.#pulse.interval !== 0 || this.#unsealed) return
    this.#unsealed = true
    this.#host.sealSoon(this)
  }

  // ---- the clock

  /** Starts the clock if it is stopped, because somebody is in the meeting. */
  #run(now: number): void {
    const { next } = this.log
    const stood = this.#pulse.run(next, now)
    if (stood !== null && next > 1) this.#happen({ type: 'resume', gap: Math.round(stood) })
  }

  get #hasNothing(): boolean {
    return this.#intake.size === 0 && this.events.list.length === 0
  }

  /** Without a frame rate: whether the last non-empty frame has become stable and no frame has said so. */
  get #hasNewsOfStability(): boolean {
    const { lastFull } = this.room
    if (!this.#electorate.isNews) return false
    return this.log.stableAt(this.log.next - 1) < lastFull && this.#stable >= lastFull
  }

  #tick(now: number): void {
    if (this.room.isDeserted && this.#hasNothing && !this.departures.hasSome) return this.#pulse.stop(now)
    if (!this.#maySeal(now)) return this.#notices.tell()
    const { clock } = this.#pulse
    for (let late = 0; late < this.#host.limits.lateFrames && clock.due(this.log.next) <= now; late++) {
      this.#host.stats.sealed(now, now - clock.due(this.log.next))
      this.#seal(now)
    }
    const slipped = clock.slip(this.log.next, now)
    if (slipped > 0) {
      this.#host.stats.framesSlipped += slipped
      this.#happen({ type: 'slip', lost: Math.round(slipped * clock.interval) })
    }
    this.room.tell(now)
    this.#pulse.wait(this.log.next)
    this.#notices.tell()
  }

  /** At the end of a sweep, without a frame rate: seals what there is, until the node has done so much work. */
  sealNow(now: number, isOver: () => boolean): void {
    this.#unsealed = false
    if (this.#closed) return
    const hasNews = !this.#hasNothing || this.#hasNewsOfStability
    if ((hasNews || this.backing.isPaused) && !this.#maySeal(now)) return this.#notices.tell()
    this.#sealWaiting(now, isOver)
    if (!this.#hasNothing) this.#sealSoon()
    if (this.#hasNewsOfStability) this.#seal(now)
    this.#electorate.isNews = false
    this.room.tell(now)
    if (this.#pulse.isRunning && this.room.isDeserted) this.#pulse.stop(now)
    this.#notices.tell()
  }

  #sealWaiting(now: number, isOver: () => boolean): void {
    while (!this.#hasNothing && !isOver()) {
      this.#host.stats.sealed(now, 0)
      this.#seal(now)
    }
  }

  /** Seals what waits, before its time: the meeting, or its node, is about to end. */
  sealRest(now: number): void {
    if (this.room.isDeserted || this.#hasNothing || !this.#maySeal(now)) return
    this.#sealWaiting(now, () => false)
    this.room.tell(now)
    this.#notices.tell()
  }

  /** Asked before it seals: whoever was stopped, or is cut off, must not seal what another owner has sealed meanwhile. */
  #maySeal(now: number): boolean {
    const stood = this.backing.permit(this.room, now)
    if (stood !== null && stood > 0) this.#happen({ type: 'resume', gap: Math.round(stood) })
    return stood !== null
  }

  #seal(now: number): void {
    this.backing.sealed(this.log.next, now)
    const events = this.events.take()
    this.#host.work.done += this.#intake.size * costs.looked
    const inputs = this.#intake.take()
    this.#host.work.done += (events.length + inputs.length) * costs.encoded
    if (this.#notices.wantsFrames) this.#notices.add(sealedFrame(this.log.next, events, inputs))
    const bytes = sealFrame(events, inputs)
    this.room.append({ bytes, events, inputs: inputs.length, stable: this.#stable }, now)
    this.#host.stats.inputsFramed += inputs.length
    this.#release(inputs, (member) => this.departures.add(member))
  }

  /** These inputs wait no more; a member leaves behind its last one. */
  #release(inputs: readonly Input[], depart: (member: Member) => void): void {
    for (const { member } of inputs)
      if (--member.waiting === 0 && member.standing.is === 'leaving') depart(member)
  }

  /** Gives up inputs that wait, see {@link Intake.shed}. Who leaves behind them does so where the meeting goes on. */
  shed(bytes: number): readonly Input[] {
    const shed = this.#intake.shed(bytes)
    this.#release(shed, (member) => this.departures.wait(member))
    return shed
  }

  /** Ends the meeting for all, who get first what waits for a frame, also what the business says at the end. */
  close(message: string, now: number): void {
    this.sealRest(now)
    this.departures.finish()
    this.business.logic?.close?.()
    this.sealRest(now)
    const away = Array.from(this.roster.all()).filter(({ standing }) => standing.is === 'away')
    this.#host.stats.refuseInput('CLOSED', this.resign())
    this.room.close(message, now)
    for (const { seat } of away) seat?.evict(message)
  }

  /** Seals nothing any more, and forgets its members. Returns how many inputs waited. */
  resign(): number {
    this.#closed = true
    this.#pulse.end()
    this.#entrance.clear()
    this.departures.clear()
    this.roster.clear()
    this.events.take()
    return this.#intake.clear()
  }
}
