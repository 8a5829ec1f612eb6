import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import { Elector } from '../meeting/electorate.ts'
import type { Owner } from '../meeting/owner.ts'
import type { OwnerState } from '../meeting/owner-state.ts'
import type { Room, RoomFacts } from '../meeting/room.ts'
import { type Member, type Occupant, Seat } from '../meeting/seat.ts'
import type { MeetingBusiness, OfferedMeeting, Refusal } from '../ports.ts'
import type { Session } from '../session/session.ts'
import { isByBusiness } from '../session/told.ts'
import type { Consents } from './consents.ts'
import type { HandoverNode } from './giving.ts'
import { encodeHandover, type HandoverMessage, type Offer, type Yield } from './handover-messages.ts'
import type { MeshMessageOf } from './mesh-messages.ts'
import type { RemoteMember } from './remote-member.ts'
import type { ReplicaHost } from './replica-host.ts'
import type { Replica } from './replica.ts'
import type { Successions } from './successions.ts'
import { answerHere } from './waiting-joins.ts'

/** What a node needs to go on with meetings of others. */
export interface TakingHost extends HandoverNode, Pick<ReplicaHost<Replica>, 'refuse'> {
  readonly successions: Successions
  readonly consents: Pick<Consents, 'ask'>
  readonly isDraining: () => boolean
  /** The business's side of a meeting, without its state; null where it cannot be had on this node. */
  adopt(offered: OfferedMeeting): MeetingBusiness | null
  replica(name: string): Replica | undefined
  /** Follows a meeting of another node; null where there are too many replicas. */
  follow(name: string, owner: number, now: number): Replica | null
  /** This node goes on with a world, of which an earlier owner may not know that it is one no more. */
  inherited(facts: RoomFacts, now: number): void
  /** This node goes on with a meeting that it has handed over before, perhaps. */
  taken(name: string): void
}

/** A meeting that was offered, and that this node has agreed to take. */
interface Promised {
  readonly from: number
  readonly offer: Offer
  readonly since: number
  readonly business: MeetingBusiness
  /** The nodes that have consented. */
  readonly consents: Set<number>
  isReady: boolean
}

/** A meeting of which this node is the owner once it has all frames up to the last one of the old owner. */
interface Taken {
  readonly from: number
  readonly message: Yield
  readonly at: number
  /** When this node had said nothing of the offer yet. */
  readonly since: number
  /** Its business's side, as of the offer; null where there was none. */
  readonly business: MeetingBusiness | null
  readonly consents: Set<number>
  /** Those who want to follow it here: the last word of each node. */
  readonly follows: Map<number, MeshMessageOf<'follow'>>
}

/** A member whose session has no place any more. */
class Absent implements Occupant {
  readonly id: string
  elector: Elector = new Elector()

  constructor(id: string) {
    this.id = id
  }

  direct(): void {}
  evict(): void {}
}

/** A member whose session is on this node: its seat under the new owner, and what it had at the replica. */
interface Returned {
  readonly seat: Seat
  readonly member: Member
  readonly remote: RemoteMember
}

/** Goes on with meetings that other nodes hand over. */
export class Taking {
  readonly #host: TakingHost
  readonly #promised: Map<string, Promised> = new Map()
  readonly #taken: Map<string, Taken> = new Map()
  /**
   * Meetings that this node has begun with, and their old owner, which holds the name until it is told that the
   * registrar knows this one; all that it was told may be lost with the link.
   */
  readonly #begun: Map<string, { readonly from: number; isTold: boolean }> = new Map()

  constructor(host: TakingHost) {
    this.#host = host
  }

  get isBusy(): boolean {
    if (this.#promised.size > 0 || this.#taken.size > 0) return true
    for (const { isTold } of this.#begun.values()) if (!isTold) return true
    return false
  }

  /** Whether somebody who asks about the meeting has to wait: this node is about to begin. */
  isTaking(name: string): boolean {
    return this.#taken.has(name)
  }

  /** Nodes whose support is needed for the meetings that are to come. */
  *holders(): Generator<number> {
    for (const { from, offer } of this.#promised.values()) yield* [from, ...offer.holders]
  }

  // ---- offers

  offered(from: number, offer: Offer, now: number): void {
    const { name, world, hop } = offer
    const accepted = this.#accept(from, offer, now)
    if (accepted === null) {
      this.#send(from, { type: 'declined', name, world, hop })
      return
    }
    const { replica, business } = accepted
    replica.isHandedOver = true
    for (const node of offer.holders) this.#host.support().urge(node, now)
    this.#promised.set(name, { from, offer, since: now, business, consents: new Set(), isReady: false })
    this.advanced(replica, now)
  }

  #accept(
    from: number,
    { name, kind, metadata }: Offer,
    now: number,
  ): { readonly replica: Replica; readonly business: MeetingBusiness } | null {
    const { limits, meetings, isDraining } = this.#host
    const known = this.#host.replica(name)
    const isFull =
      this.#promised.size >= limits.takeovers || meetings().size + this.#promised.size >= limits.meetings
    if (isDraining() || isFull || meetings().get(name) !== undefined) return null
    if (known !== undefined && known.owner !== from) return null
    const business = this.#host.adopt({ name, kind, metadata: parse(metadata) })
    const replica = business && (known ?? this.#host.follow(name, from, now))
    return replica && { replica, business }
  }

  /** The replica of a meeting has come further. */
  advanced(replica: Replica, now: number): void {
    const { name } = replica
    const taken = this.#taken.get(name)
    const promised = this.#promised.get(name)
    if (taken !== undefined) this.#tryTake(taken, now)
    else if (promised !== undefined && !promised.isReady) {
      const { offer, from } = promised
      const { world, hop, head } = offer
      if (!replica.reaches(world, head) || !this.#isSure(replica, promised, now)) return
      promised.isReady = true
      this.#send(from, { type: 'ready', name, world, hop })
    }
  }

  /** Whether all that may have the frames have consented, but for those that are not heard. Others are asked. */
  #isSure(replica: Replica, promised: Promised, now: number): boolean {
    const { cluster, self, consents } = this.#host
    const { from, offer } = promised
    const { name } = offer
    const { world, term, incarnation } = (replica.copy.room as Room).facts
    const open = offer.holders.filter(
      (node) => node !== self && node !== from && !promised.consents.has(node) && cluster.nodes.has(node),
    )
    for (const node of open)
      consents.ask(node, { name, world, term, incarnation }, now, (isGiven, at) => {
        if (!isGiven) return this.#decline(replica, promised)
        promised.consents.add(node)
        this.advanced(replica, at)
      })
    return open.every((node) => cluster.isSilent(node))
  }

  /** Another node has gone on with the meeting, or is about to. */
  #decline(replica: Replica, promised: Promised): void {
    const { from, offer } = promised
    const { name, world, hop } = offer
    if (this.#promised.get(name) !== promised) return
    this.#promised.delete(name)
    replica.isHandedOver = false
    this.#send(from, { type: 'declined', name, world, hop })
  }

  /** This node has told one that stands for a meeting that it does not own it, so that one has to consent anew. */
  denied(name: string, node: number): void {
    this.#promised.get(name)?.consents.delete(node)
    this.#taken.get(name)?.consents.delete(node)
  }

  // ---- the hand-over

  yielded(from: number, message: Yield, now: number): void {
    const { name } = message
    // It came again, because the answer was lost.
    if (this.#host.meetings().get(name) !== undefined || this.#taken.has(name)) return
    const known = this.#host.replica(name)
    // One that was offered, it has promised to take.
    const isOneTooMany = this.#taken.size >= this.#host.limits.takeovers && !this.#promised.has(name)
    if (isOneTooMany) return
    const replica =
      known?.owner === from ? known : known === undefined ? this.#host.follow(name, from, now) : null
    if (replica === null) return
    replica.isHandedOver = true
    // Some may have come since the offer; unasked, they would hold up the first frame.
    for (const node of [...message.holders, ...message.branches.map((branch) => branch.node)])
      if (node !== this.#host.self && node !== from) this.#host.support().urge(node, now)
    // The old owner has answered what this node has said of the offer.
    const {
      since = -Infinity,
      business = null,
      consents = new Set<number>(),
    } = this.#promised.get(name) ?? {}
    this.#promised.delete(name)
    const taken: Taken = { from, message, at: now, since, business, consents, follows: new Map() }
    this.#taken.set(name, taken)
    this.#tryTake(taken, now)
  }

  /** It begins only with the complete log: it would seal a frame a second time that others have. */
  #tryTake(taken: Taken, now: number): void {
    const { name, world, last } = taken.message
    const replica = this.#host.replica(name)
    if (replica?.reaches(world, last) === true) this.#begin(replica, taken, now)
  }

  #begin(replica: Replica, taken: Taken, now: number): void {
    const { message, at, from, since: offeredAt, follows } = taken
    const { self, limits, work, meetings, cluster, hosting, stats, successions } = this.#host
    const { name, kind, hop, places, branches } = message
    this.#taken.delete(name)
    const metadata = parse(message.metadata)
    // The old owner has given it up: it goes on in any case.
    const business = taken.business ??
      this.#host.adopt({ name, kind, metadata }) ?? { kind, metadata, logic: null }
    const state = since(message.state, now - at)
    const { room, joins, remotes, parted } = replica.surrender()
    room.facts = { ...room.facts, hop: hop + 1 }
    const owner = meetings().succeed(room, state.options, business, now)
    const guests = branches.map(({ node, replica: number, readers, spectators }) =>
      node === self ? null : hosting.expect(owner, node, number, readers, spectators, now),
    )
    for (const node of message.holders) if (node !== self) owner.backing.hold(node)
    for (const node of owner.backing.holders.keys())
      if (node !== from && !taken.consents.has(node)) owner.backing.unsure.add(node)
    owner.backing.hold(from, offeredAt)
    const returned: Returned[] = []
    const absent: { readonly member: Member; readonly reason: string }[] = []
    const seatOf = (member: Member): Occupant => {
      const {
        session = '',
        branch = 0,
        seat: number = 0,
      } = places.find(({ slot }) => slot === member.slot) ?? {}
      const guest = guests[branch]
      const remote = guest === null ? remotes.get(number) : undefined
      if (remote !== undefined) {
        const seat = remote.seat ?? sit(owner, remote.session, member)
        remotes.delete(number)
        returned.push({ seat, member, remote })
        return seat
      }
      if (number !== 0 && guest !== null && guest !== undefined)
        return hosting.guest(guest, number, session, member)
      // Unless it has said so, it has not left by its own word: it may have promised another owner.
      absent.push({ member, reason: (guest === null && parted.get(number)) || 'expired' })
      return new Absent(session)
    }
    owner.succeed({ state, seatOf, event: { type: 'owner', incarnation: self } }, now)
    stats.handoversTaken++
    successions.note({ meeting: name, from, how: 'handover', frame: room.log.next }, now)
    cluster.took(name, room.facts.term)
    this.#host.taken(name)
    this.#host.inherited(room.facts, now)
    this.#noteBegun(name, from)
    for (const { seat, member } of returned) seat.move(owner, member)
    for (const seat of room.seats()) if (seat.member === null) seat.move(owner, null)
    // The old owner had no place for them any more.
    for (const { seat } of remotes.values()) if (seat !== null) room.end(seat, 'its place was given up')
    business.logic?.restore?.(message.business)
    for (const { member, reason } of absent) owner.depart(member, reason)
    for (const each of returned) this.#settle(owner, each, state, now)
    for (const remote of remotes.values()) remote.release()
    answerHere(joins, meetings(), work.until(limits.sweepWork / 2), now)
    for (const [node, follow] of follows) hosting.goOn(node, follow, now)
  }

  /** The old owner is told in the end. No more are remembered than there can be meetings: others were told long ago. */
  #noteBegun(name: string, from: number): void {
    this.#begun.delete(name)
    this.#begun.set(name, { from, isTold: false })
    const [oldest] = this.#begun.keys()
    if (oldest !== undefined && this.#begun.size > this.#host.limits.meetings) this.#begun.delete(oldest)
  }

  /** What a member on this node has done that the old owner has not heard of. */
  #settle(owner: Owner, { seat, member, remote }: Returned, state: OwnerState, now: number): void {
    const { slot, seq: last } = member
    if (seat.session.outlet === null) owner.away(member)
    else owner.back(member, now)
    const waiting = state.intake.inputs.filter((input) => input.slot === slot).map(({ seq }) => seq)
    const { unsent, refused } = remote.surrender(last, new Set(waiting))
    const place = { log: owner.log.number }
    for (const seq of refused) this.#refuse(seat.session, { ...place, seq }, 'UNKNOWN', true, now)
    for (const { seq, data } of unsent) {
      const refusal = owner.take(member, { type: 'input', log: 0, seq, after: 0, seen: 0, data }, 0, now)
      if (refusal !== null) this.#refuse(seat.session, { ...place, seq }, refusal, isByBusiness(refusal), now)
    }
  }

  #refuse(
    session: Session,
    input: Pick<MessageOf<'input'>, 'log' | 'seq'>,
    refusal: Refusal | ErrorCode,
    byBusiness: boolean,
    now: number,
  ): void {
    const told = typeof refusal === 'object' ? refusal : { code: refusal, message: '', retryAfterMs: 0 }
    this.#host.refuse(session, input, told, byBusiness, now)
  }

  /** Somebody wants to follow a meeting with which this node is about to begin. False: it is not. */
  await(node: number, message: MeshMessageOf<'follow'>): boolean {
    const taken = this.#taken.get(message.meeting)
    taken?.follows.set(node, message)
    return taken !== undefined
  }

  /** The replica has ended: nothing comes of it any more. */
  ended({ name }: Replica): void {
    this.#promised.delete(name)
    this.#taken.delete(name)
  }

  // ---- time

  /** Time has passed. */
  beat(now: number): void {
    const { limits, cluster } = this.#host
    for (const [name, { since: at, isReady }] of this.#promised) {
      // Some may have been asked in vain.
      const waiting = isReady ? undefined : this.#host.replica(name)
      if (waiting !== undefined) this.advanced(waiting, now)
      if (now - at < 2 * limits.handoverMs) continue
      // The old owner has chosen another node.
      this.#promised.delete(name)
      const replica = this.#host.replica(name)
      if (replica !== undefined) replica.isHandedOver = false
    }
    for (const [name, begun] of this.#begun) {
      // It holds the name also once it has handed the meeting on, until the registrar knows the next owner.
      const { holdings } = cluster
      if (begun.isTold || (holdings.has(name) && !holdings.isTold(name))) continue
      begun.isTold = true
      this.#send(begun.from, { type: 'settled', name })
    }
  }

  /** The link to a node broke, and with it what may have been under way. */
  broken(node: number): void {
    for (const begun of this.#begun.values()) if (begun.from === node) begun.isTold = false
  }

  /** A node has ended. */
  gone(node: number): void {
    for (const [name, { from }] of this.#begun) if (from === node) this.#begun.delete(name)
  }

  #send(node: number, message: HandoverMessage): void {
    this.#host.send(node, encodeHandover(message))
  }
}

/** A JOIN that waits for the frames has its seat now. */
function sit(owner: Owner, session: Session, member: Member): Seat {
  const seat = new Seat(owner, session, member)
  session.sit(owner.log.number, seat)
  return seat
}

/** The state as it is after a while. */
function since(state: OwnerState, ms: number): OwnerState {
  const { clock } = state
  if (clock.is === 'stopped') return { ...state, clock: { ...clock, stoodMs: clock.stoodMs + ms } }
  return { ...state, clock: { ...clock, dueInMs: clock.dueInMs - ms } }
}

function parse(metadata: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(metadata) as Readonly<Record<string, unknown>>
  } catch {
    return {}
  }
}
