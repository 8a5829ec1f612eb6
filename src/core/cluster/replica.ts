import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import { mismatch } from '../meeting/config.ts'
import { CLOSED } from '../meeting/meetings.ts'
import type { Room } from '../meeting/room.ts'
import { type Host, type Seat, seatOf } from '../meeting/seat.ts'
import type { Session } from '../session/session.ts'
import { Audience } from './audience.ts'
import { Copy } from './copy.ts'
import { encodePull, type Frames, type Heads } from './datagrams.ts'
import type { MeshMessage, MeshMessageOf } from './mesh-messages.ts'
import { Pledges } from './pledges.ts'
import { Recall } from './recall.ts'
import { memberOf, RemoteMember } from './remote-member.ts'
import type { LocalSeat, ReplicaHost, Surrendered } from './replica-host.ts'
import { disperse, RemoteMembers } from './remote-members.ts'
import { sit } from './sitting.ts'
import { givenUp, isReady, type Joining, NO_ANSWER, visitorFor, WaitingJoins } from './waiting-joins.ts'

/**
 * A meeting that another node owns, for the sessions of this one: a room that is fed over the bus, and the members who
 * are here. Frames come as datagrams; what is missing is asked for. What has to arrive goes over the link. If that
 * breaks, the replica follows anew and enters its members anew: they notice nothing.
 */
export class Replica implements Host {
  readonly name: string
  #owner: number
  /** The number of its log here. */
  readonly number: number
  readonly #host: ReplicaHost<Replica>
  copy: Copy
  /** The owner has answered since the link last broke. */
  #isConnected = false
  #lastSeat = 0
  readonly #members: RemoteMembers
  readonly #joins: WaitingJoins = new WaitingJoins()
  readonly pledges: Pledges
  readonly recall: Recall
  readonly #audience: Audience = new Audience()
  /** Since when nobody is here. */
  #idleSince: number
  /** It is part of a hand-over, and kept though nobody is here. */
  isHandedOver = false
  /** The owner that has ended last; 0 for none. */
  lastOwner = 0
  /** Its owner has ended, and no other one has answered yet: see `Revival`. */
  isOrphan = false
  /** Until when the owner wants it to be kept, though nobody is here. */
  keptUntil: number = -Infinity

  constructor(host: ReplicaHost<Replica>, name: string, owner: number, number: number, now: number) {
    this.#host = host
    this.name = name
    this.#owner = owner
    this.number = number
    this.#idleSince = now
    this.copy = new Copy(host, name, number, (from) => host.put(this.#owner, encodePull(number, from)))
    this.pledges = new Pledges(host.downstream, this.#joins)
    this.recall = new Recall(host, this, this.#joins, (...found) => this.#recalled(...found))
    this.#members = new RemoteMembers({
      place: (seat) => this.#place(seat),
      say: (message) => this.#say(message),
      isOpen: (isLast) => this.#isConnected && host.isOpen(this.#owner, isLast),
      isHandedOver: () => this.isHandedOver,
      mark: () => host.mark(this),
      refuse: (session, seq, ...rest) => host.refuse(session, { log: number, seq }, ...rest),
    })
  }

  /** The node that owns the meeting. */
  get owner(): number {
    return this.#owner
  }

  get log(): { readonly first: number; readonly next: number } {
    return this.copy.log
  }
  get members(): number {
    return this.#members.size
  }

  /** See `Elsewhere`. */
  join(session: Session, message: MessageOf<'join'>, now: number, joined: Joining['joined']): void {
    const seat = message.spectator || seatOf(session, this.number) ? 0 : ++this.#lastSeat
    const joining: Joining = { session, message, joined, since: now, seat, seated: null }
    this.#joins.add(joining)
    this.pledges.ask(joining)
    this.#host.mark(this)
    this.#enter(joining)
    if (this.isOrphan) this.#giveUpUnless(this.recall.askFor(joining, now), now)
    else if (this.recall.isLater(joining)) this.recall.askFor(joining, now)
    this.#tryPlace(joining, now)
  }

  /** The session has ended while its JOIN waited, or will not be waited for any more. */
  drop(session: Session): void {
    const joining = this.#joins.of(session)
    if (joining === undefined) return
    this.#joins.delete(joining)
    this.#host.mark(this)
    this.recall.dropped(session)
    if (joining.seated !== null) this.#members.forget(joining.seated.member)
    if (joining.seat !== 0) this.#say(givenUp(this.#place(joining.seat)))
  }

  #enter(joining: Joining): void {
    if (joining.seat === 0 || joining.seated !== null || this.recall.isLater(joining)) return
    this.#say({ type: 'enter', ...this.#place(joining.seat), ...visitorFor(joining) })
  }

  #place(seat: number): { readonly replica: number; readonly seat: number } {
    return { replica: this.number, seat }
  }

  #tryAll(): void {
    if (this.#joins.tryAll()) this.#host.mark(this)
  }

  /** Answers a JOIN if all is there that it needs. */
  #tryPlace(joining: Joining, now: number): void {
    const [{ room, config }, { message }] = [this.copy, joining]
    if (room === null || this.isOrphan || !isReady(joining, room, this.copy)) return
    this.#joins.delete(joining)
    this.#host.mark(this)
    this.#joins.seated(joining.session)
    const other = mismatch(message.config, config)
    joining.joined(other ?? sit(this, room, joining, (said) => this.#say(said), now), now)
  }

  // ---- what the sessions do

  accept(seat: Seat, message: MessageOf<'input'>): ErrorCode | null {
    const member = memberOf(seat)
    if (member === null) return 'READ_ONLY'
    const acked = Math.min(message.seen, this.log.next - 1)
    if (acked > seat.elector.acked) seat.elector.acked = member.unacked = acked
    const [{ limits, budget }, { inputBytes = 0 }] = [this.#host, this.copy.room?.facts ?? {}]
    const refusal = member.take(message, seat.turnedAway, limits.pendingInputs, inputBytes, budget)
    if (refusal === null) this.#members.tell(member)
    if (member.unacked > 0) this.#members.acknowledge(member, member.unacked)
    return refusal
  }

  /** Whether JOINs are left that may be answered. */
  get isTrying(): boolean {
    return this.#isConnected && this.#joins.isTrying
  }
  get isOwing(): boolean {
    return this.#isConnected && this.#members.isOwing
  }

  acknowledge(seat: Seat, frame: number): void {
    const member = memberOf(seat)
    const acked = Math.min(frame, this.log.next - 1)
    if (member === null || acked <= seat.elector.acked) return
    seat.elector.acked = acked
    this.#members.acknowledge(member, acked)
  }

  detach(seat: Seat): boolean {
    this.#unplace(seat)
    const member = memberOf(seat)
    if (member !== null) this.#say({ type: 'away', ...this.#place(member.number) })
    return member !== null
  }

  leave(seat: Seat, reason: string): void {
    this.#unplace(seat)
    const member = memberOf(seat)
    if (member !== null) this.#members.leave(member, reason)
  }

  direct(seat: Seat, data: Payload): void {
    this.copy.room?.direct(seat, data)
  }

  evict(seat: Seat, message: string, upTo?: number): void {
    const member = memberOf(seat)
    if (member !== null) this.#members.forget(member)
    this.copy.room?.end(seat, message, upTo)
    this.#host.mark(this)
  }

  #unplace(seat: Seat): void {
    this.copy.room?.unplace(seat)
    this.#host.mark(this)
  }

  // ---- the owner

  /** Before it has answered, and while the link is broken, nobody would hear it; what counts is told afterwards. */
  #say(message: MeshMessage): void {
    if (this.#isConnected) this.#host.link(this.#owner, message)
  }

  /** Asks the owner for the frames, for the first time or because the link broke. */
  follow(): void {
    this.#isConnected = false
    this.#members.lose()
    const readers = this.#audience.begin(this.#readers)
    const about = { replica: this.number, meeting: this.name, world: this.copy.room?.facts.world ?? 0 }
    this.#host.link(this.#owner, { type: 'follow', ...about, next: this.log.next, ...readers })
  }

  /** Who waits to read counts, so that the owner's clock runs for the first. */
  get #readers(): { readonly readers: number; readonly spectators: number } {
    const room = this.copy.room
    return { readers: (room?.readers ?? 0) + this.#joins.size, spectators: room?.spectators ?? 0 }
  }

  handle(message: MeshMessage, now: number): void {
    const { type } = message
    if (type === 'followed') this.#followed(message, now)
    else if (type === 'absent' && this.isOrphan) this.lost(now)
    else if (type === 'absent') this.end(CLOSED, 'NOT_FOUND', now)
    else if (type === 'standing') {
      this.pledges.stand(message)
      // It may lack what a member has who waits here.
      if (!this.#isConnected) this.recall.ask(now, message)
    }
    // One that comes before the owner has answered is of an earlier meeting.
    else if (type === 'closed' && this.#isConnected) this.end(message.message, 'NOT_FOUND', now)
    else if (type === 'config') this.copy.learn(message)
    else if (type === 'moved') this.#moved(message.owner, now)
    else if (type === 'seated') this.#seated(message, now)
    else if (type === 'refused' || type === 'nack' || type === 'direct' || type === 'ended')
      this.#aboutSeat(message, now)
  }

  /** Another node goes on with the meeting: `owner`; 0: none does. */
  #moved(owner: number, now: number): void {
    if (owner === 0 && this.copy.room === null) this.end(CLOSED, 'BUSY', now)
    else if (owner === 0 || !this.#host.isThere(owner)) this.lost(now)
    else this.goTo(owner)
  }

  #followed(message: MeshMessageOf<'followed'>, now: number): void {
    const { copy, isOrphan: wasOrphan } = this
    if (copy.isNewerThan(message)) return
    if (!copy.isPrefixOf(message)) {
      if (!wasOrphan) return this.end(CLOSED, 'BUSY', now)
      if (copy.outruns(message)) return this.#host.outrun(this, now)
      this.disperse(true)
      copy.discard(CLOSED, now)
    }
    this.#isConnected = true
    this.isOrphan = false
    this.pledges.stand(null)
    this.recall.stop()
    copy.follow(message, now)
    copy.room?.pause(false, now)
    for (const joining of this.#joins.all()) this.#enter(joining)
    this.recall.askLater(now)
    this.#members.comeBack()
    this.#tryAll()
    if (wasOrphan || this.isHandedOver) this.#host.advanced(this, now)
  }

  #seated(message: MeshMessageOf<'seated'>, now: number): void {
    // It answers what was asked before the link broke.
    if (!this.#isConnected) return
    this.copy.setClock(message, now)
    const known = this.#members.get(message.seat)
    if (known !== undefined) return this.#members.seatedAgain(known, message, this.log.next, now)
    const joining = this.#joins.for(message.seat)
    // Its session has ended; or it was refused, and then seated as it was asked for once more.
    if (joining === undefined) return this.#say(givenUp(this.#place(message.seat)))
    const member = new RemoteMember(message, joining.session)
    this.#members.add(member)
    joining.seated = { member, message }
    this.#tryPlace(joining, now)
  }

  #aboutSeat(message: MeshMessageOf<'refused' | 'nack' | 'direct' | 'ended'>, now: number): void {
    const member = this.#members.get(message.seat)
    const seat = member?.seat ?? null
    if (message.type === 'direct') {
      if (seat !== null) this.direct(seat, message.data)
    } else if (message.type === 'nack') {
      if (member !== undefined) this.#members.refused(member, message, now)
    } else if (seat !== null) this.evict(seat, message.message, message.type === 'ended' ? message.next : 0)
    else this.#unseated(message, this.#joins.for(message.seat), now)
  }

  /** The seat that a JOIN waits for was refused, or has ended already. */
  #unseated(message: MeshMessageOf<'refused' | 'ended'>, joining: Joining | undefined, now: number): void {
    if (joining === undefined) return
    if (joining.seated !== null) this.#members.forget(joining.seated.member)
    this.#host.mark(this)
    this.#joins.unseated(joining, message, now)
  }

  frames(come: Frames, now: number): void {
    const { room, head } = this.copy
    // Of an orphan, another node may have more than has come from the owner.
    if (room === null || !(this.#isConnected || this.isOrphan)) return
    const from = room.log.next
    const frames = this.copy.append(room, come, now, (slot, seq) => this.#members.framed(slot, seq))
    if (frames === null) return
    this.#joins.pay(from <= head ? frames : [], room.log.next > head, now)
    room.tell(now, true)
    this.#members.settleAll(room.log.next, now)
    this.#tryAll()
    if (this.isHandedOver) this.#host.advanced(this, now)
  }

  /** The owner says where it stands. */
  head(head: Heads['heads'][number], now: number): void {
    if (!this.#isConnected) return
    this.copy.setClock(head, now)
    this.copy.missing.seen(head.next, this.log.next)
    this.#tryAll()
  }

  // ---- hand-over

  /** Goes on with the room of a meeting that this node has owned so far, and the seats in it. */
  keep(room: Room, config: string, seats: readonly LocalSeat[]): void {
    Object.assign(this.copy, { room, config })
    this.#host.budget.enter(room.log)
    for (const { seat, number } of seats) seat.move(this, this.#members.keep(seat, number))
    this.#lastSeat = seats.length
  }

  /** Whether it has all frames of a world up to this one; those that are missing are asked for. */
  reaches(world: number, last: number): boolean {
    return this.#isConnected && this.copy.reaches(world, last)
  }

  /** This node goes on with the meeting: gives up the room, its members by seat, and the JOINs that wait. */
  surrender(): Surrendered {
    this.recall.stop()
    const [members, joins] = [this.#members.surrender(), this.#joins.takeAll()]
    this.#isConnected = this.isOrphan = false
    const room = this.copy.give()
    this.#host.ended(this)
    return { room, ...members, joins }
  }

  /** Part of the sweep: answers JOINs, until the node has done this much work, and tells what has changed. */
  sweep(now: number, end: number): void {
    if (!this.#isConnected) return
    for (const joining of this.#joins.untried(this.#host.work, end)) this.#tryPlace(joining, now)
    this.#members.sweep(this.number)
    for (const each of this.#audience.news(this.number, this.#readers, this.copy.room)) this.#say(each)
  }

  beat(now: number): void {
    const { joinMs, lingerMs } = this.#host.limits
    if (this.#isConnected) this.copy.missing.beat(this.log.next)
    for (const { session, joined } of this.#joins.before(now - joinMs)) {
      this.drop(session)
      joined(NO_ANSWER, now)
    }
    const isKept = this.isHandedOver || this.isOrphan || now < this.keptUntil
    if (isKept || this.#members.size > 0 || this.#readers.readers > 0) this.#idleSince = now
    else if (now - this.#idleSince >= lingerMs) this.end(CLOSED, 'BUSY', now)
  }

  /** The meeting has ended, or nobody needs the replica any more. `code`: what JOINs that wait are told. */
  end(message: string, code: ErrorCode, now: number): void {
    for (const { seat } of this.#members.all()) if (seat !== null) this.evict(seat, message, this.log.next)
    this.#finish(message, code, now)
  }

  // ---- revival

  /** Another node may have the meeting. */
  goTo(owner: number): void {
    this.#owner = owner
    this.follow()
  }

  /** A client has promised a fence, as it was asked. */
  promise(session: Session, message: MessageOf<'promise'>, now: number): void {
    const promised = this.pledges.of(session, message, now)
    if (promised === null) return
    const told = { type: 'promised', replica: this.number, meeting: this.name, ...promised } as const
    if (this.#owner === 0) this.#host.promised(told, now)
    else this.#host.link(this.#owner, told)
  }

  /** The members join again, and `everybody` where spectators cannot read on either. */
  disperse: (everybody: boolean) => void = (everybody) =>
    disperse(this.copy.room, this.#members, this.#joins, this.number, this.#host.rejoin, everybody)

  /** The owner has ended. Members join again, and so find whoever goes on; the frames are kept, and spectators wait. */
  lost(now: number): void {
    if (!this.isOrphan) this.disperse(false)
    if (this.#owner !== 0) this.lastOwner = this.#owner
    this.#isConnected = this.isHandedOver = false
    this.copy.origin = null
    this.isOrphan = true
    this.#owner = 0
    this.copy.room?.pause(true, now)
    this.copy.settle()
    if (this.copy.canGoOn) this.#host.orphaned(this, now)
    if (this.isOrphan) this.#giveUpUnless(this.recall.ask(now), now)
  }

  /** `isAsked`: somebody who waits is to show what it has kept, which is more than is here. */
  #giveUpUnless(isAsked: boolean, now: number): void {
    if (!isAsked && !this.copy.canGoOn && this.#owner === 0) this.giveUp(now)
  }

  /** Members here have shown more than there was. */
  #recalled(other: Copy | null, owner: number, now: number): void {
    // An owner that is there speaks for itself: has it no such meeting any more, that was closed.
    const isThere = other !== null && this.#host.isThere(owner)
    if (this.#isConnected && (other === null || isThere)) {
      for (const joining of this.#joins.all()) this.#enter(joining)
      return other?.discard('', now)
    }
    if (other !== null) {
      this.disperse(true)
      this.copy.discard(CLOSED, now)
      this.copy = other
      this.isOrphan = true
      this.lastOwner = owner
    }
    if (this.#owner !== 0) this.follow()
    else if (!this.copy.canGoOn || isThere) this.giveUp(now)
    else this.#host.recalled(this, other !== null, now)
  }

  /** Nobody goes on from here: whoever waits looks for the meeting anew. */
  giveUp(now: number): void {
    this.disperse(true)
    const again = this.#joins.takeAll()
    this.#finish(CLOSED, 'BUSY', now)
    for (const { joined } of again) joined('NOT_FOUND', now)
  }

  #finish(message: string, code: ErrorCode, now: number): void {
    // It may have been asked for the frames again since, and answer that, or never have learnt that it was left.
    const owner = this.#owner || this.lastOwner
    if (this.#host.isThere(owner)) this.#host.link(owner, { type: 'unfollow', replica: this.number })
    for (const member of this.#members.all()) this.#members.forget(member)
    this.recall.stop()
    this.#isConnected = this.isOrphan = false
    this.copy.discard(message, now)
    this.#host.ended(this)
    this.#joins.endAll(code, now)
  }
}
