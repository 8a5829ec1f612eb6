import type { Room } from '../meeting/room.ts'
import type { Seat } from '../meeting/seat.ts'
import type { Refusal } from '../ports.ts'
import type { Session } from '../session/session.ts'
import type { MeshMessage, MeshMessageOf } from './mesh-messages.ts'
import { type Pending, RemoteMember } from './remote-member.ts'
import type { Surrendered } from './replica-host.ts'
import type { WaitingJoins } from './waiting-joins.ts'

const UNHEARD: Refusal = { code: 'UNKNOWN', message: '', retryAfterMs: 0 }

/** What the members of a replica need of it. */
export interface RemoteMembersHost {
  /** Names a seat in messages to the owner. */
  place(seat: number): { readonly replica: number; readonly seat: number }
  say(message: MeshMessage): void
  /** Whether the owner hears what is said, and the link to it takes more; `isLast`: of what cannot wait. */
  isOpen(isLast?: boolean): boolean
  /** Whether another node is about to be the owner, which hears nothing of what was said before. */
  isHandedOver(): boolean
  /** Something waits to be said, in the next sweep in which the link takes it. */
  mark(): void
  /** Tells a session that an input was refused. */
  refuse(session: Session, seq: number, refusal: Refusal, byBusiness: boolean, now: number): void
}

/** The members of a replica, and what waits to be said for them. */
export class RemoteMembers {
  readonly #host: RemoteMembersHost
  readonly #bySeat: Map<number, RemoteMember> = new Map()
  readonly #bySlot: Map<number, RemoteMember> = new Map()
  /** Those for whom something is to be said, or was: that is found out when they are next looked at. */
  readonly #owing: Set<RemoteMember> = new Set()
  /** Those who have acknowledged frames of which no input has told the owner. */
  readonly #acking: Set<RemoteMember> = new Set()
  /** Some of them may be told of inputs that were refused when the link broke. */
  #isDoubtful = false
  /** The link broke, and the owner is to be told when all members were entered again. */
  #isReturning = false
  /** Why members have left of whom the owner may not have heard that, by seat. */
  readonly #parted: Map<number, string> = new Map()

  constructor(host: RemoteMembersHost) {
    this.#host = host
  }

  get size(): number {
    return this.#bySeat.size
  }

  /** Whether something waits until the link takes it. */
  get isOwing(): boolean {
    return this.#owing.size > 0 || this.#acking.size > 0
  }

  all(): Iterable<RemoteMember> {
    return this.#bySeat.values()
  }

  get(seat: number): RemoteMember | undefined {
    return this.#bySeat.get(seat)
  }

  add(member: RemoteMember): void {
    this.#bySeat.set(member.number, member)
    this.#bySlot.set(member.slot, member)
  }

  forget(member: RemoteMember): void {
    member.release()
    this.#acking.delete(member)
    this.#owing.delete(member)
    this.#bySeat.delete(member.number)
    if (this.#bySlot.get(member.slot) === member) this.#bySlot.delete(member.slot)
  }

  /** Takes over the seat of a session in a meeting that this node has owned; null for a spectator's. */
  keep(seat: Seat, number: number): RemoteMember | null {
    const { member, session } = seat
    if (member === null) return null
    const remote = new RemoteMember({ seat: number, slot: member.slot, seq: member.seq }, session)
    remote.seat = seat
    this.add(remote)
    return remote
  }

  /** The owner has seated a member again after the link broke. `next`: the next frame. */
  seatedAgain(member: RemoteMember, message: MeshMessageOf<'seated'>, next: number, now: number): void {
    // A JOIN that was said twice: what was sent since the first answer is on its way.
    if (member.stage === 'seated') return
    member.seatedAgain(message)
    this.#isDoubtful = true
    this.tell(member)
    const { seat, number } = member
    // An owner to whom it was handed over as away does not know whether that was for the link alone.
    if (seat !== null)
      this.#host.say({ type: seat.cursor === null ? 'away' : 'back', ...this.#host.place(number) })
    if (seat !== null && seat.elector.acked > 0) this.acknowledge(member, seat.elector.acked)
    this.settle(member, next, now)
  }

  /** A member gives up its seat. */
  leave(member: RemoteMember, reason: string): void {
    // It leaves after its own inputs, unless so much waits for the owner already that the link might break.
    this.tell(member, true)
    this.forget(member)
    this.#parted.set(member.number, reason)
    this.#sayParted(member.number, reason)
  }

  #sayParted(seat: number, reason: string): void {
    this.#host.say({ type: 'leave', ...this.#host.place(seat), reason })
  }

  /** An input of a member was refused. */
  refused(member: RemoteMember, message: MeshMessageOf<'nack'>, now: number): void {
    const { seq, error: code, retryAfter: retryAfterMs, byBusiness, reason } = message
    member.answered(seq)
    const refusal = { code, message: message.message, retryAfterMs, reason }
    if (member.seat !== null) this.#host.refuse(member.session, seq, refusal, byBusiness, now)
  }

  /** Tells a member of inputs that were refused when the link broke. */
  settle(member: RemoteMember, next: number, now: number): void {
    for (const seq of member.refusedUnheard(next)) this.#host.refuse(member.session, seq, UNHEARD, true, now)
  }

  /** The same for all. */
  settleAll(next: number, now: number): void {
    if (!this.#isDoubtful) return
    this.#isDoubtful = false
    for (const member of this.all()) {
      this.settle(member, next, now)
      if (member.isDoubtful) this.#isDoubtful = true
    }
  }

  /** Gives them all up, by seat. */
  surrender(): Pick<Surrendered, 'remotes' | 'parted'> {
    const [remotes, parted] = [new Map(this.#bySeat), new Map(this.#parted)]
    for (const set of [this.#bySeat, this.#bySlot, this.#owing, this.#acking, this.#parted]) set.clear()
    return { remotes, parted }
  }

  /** An input is in a frame. Of one before it that is not, the refusal may come later, or have been lost. */
  framed(slot: number, seq: number): void {
    this.#bySlot.get(slot)?.answered(seq)
  }

  acknowledge(member: RemoteMember, frame: number): void {
    member.unacked = frame
    this.#acking.add(member)
    this.#host.mark()
  }

  /** The link broke: the owner does not know of them until they are entered again. */
  lose(): void {
    for (const member of this.all()) member.stage = 'lost'
  }

  /** The owner hears again what is said. */
  comeBack(): void {
    this.lose()
    for (const member of this.all()) this.#owing.add(member)
    this.#isReturning = true
    this.#host.mark()
  }

  /** Says what is to be said for a member, as much of it as the link takes; the rest waits, unless it `leaves`. */
  tell(member: RemoteMember, leaves = false): void {
    if (member.stage === 'lost' && this.#host.isOpen(leaves)) {
      member.stage = 'entered'
      const { id, user } = member.session
      const known = { again: true, session: id, former: '', held: [], world: 0, user, config: '' }
      this.#host.say({ type: 'enter', ...this.#host.place(member.number), ...known })
    }
    while (member.hasUnsent && this.#host.isOpen(leaves)) {
      const input = member.takeUnsent()
      if (input !== null) this.#sayInput(member, input)
    }
    if (member.isOwing) {
      this.#owing.add(member)
      this.#host.mark()
    } else if (this.#owing.size > 0) this.#owing.delete(member)
  }

  #sayInput(member: RemoteMember, { seq, data }: Pending): void {
    const { replica, seat } = this.#host.place(member.number)
    const acked = member.unacked
    member.unacked = 0
    if (this.#acking.size > 0) this.#acking.delete(member)
    this.#host.say({ type: 'input', replica, seat, seq, acked, data })
  }

  /** Says what waits, as much of it as the link takes. */
  sweep(replica: number): void {
    for (const member of this.#owing) {
      if (!this.#host.isOpen()) return
      this.tell(member)
    }
    if (this.#isReturning) {
      for (const parted of this.#parted) this.#sayParted(...parted)
      this.#host.say({ type: 'entered', replica })
    }
    this.#isReturning = false
    if (!this.#host.isHandedOver()) this.#parted.clear()
    if (this.#acking.size === 0 || !this.#host.isOpen()) return
    const seats = Array.from(this.#acking, ({ number, unacked }) => ({ seat: number, frame: unacked }))
    for (const member of this.#acking) member.unacked = 0
    this.#acking.clear()
    this.#host.say({ type: 'acks', replica, seats })
  }
}

/** The members of a replica, or everybody who reads there as well, join again; whoever waits asks for a seat anew. */
export function disperse(
  room: Room | null,
  members: RemoteMembers,
  joins: WaitingJoins,
  log: number,
  rejoin: (session: Session) => void,
  everybody: boolean,
): void {
  const seats = Array.from(members.all(), ({ seat }) => seat)
  for (const seat of new Set([...(room?.seats() ?? []), ...seats])) {
    if (seat === null || (seat.member === null && !everybody)) continue
    room?.unplace(seat)
    seat.session.stand(log)
    rejoin(seat.session)
  }
  for (const member of members.surrender().remotes.values()) member.release()
  joins.unseat()
}
