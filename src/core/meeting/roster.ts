import type { Payload } from '../../protocol/payload.ts'
import type { MeetingEvent } from '../../protocol/schema.ts'
import { FULL } from '../ground/rate.ts'
import type { Attendee } from './attendance.ts'
import type { MemberInfo } from './business.ts'
import { continues, type Visitor } from './visitor.ts'
import { isAway, type Member, type Occupant, type Standing } from './seat.ts'

/** A member as it is handed over to another node. */
export interface MemberState extends Omit<Attendee, 'away'> {
  readonly standing: Standing
  readonly seq: number
  readonly isBot: boolean
}

/** The members by slot. Every change becomes an event of the next frame. */
export class Roster {
  readonly #capacity: number
  readonly #happen: (event: MeetingEvent) => void
  readonly #members: Map<number, Member> = new Map()
  /**
   * The last seq of each slot. Numbering goes on with the slot's next member, so (slot, seq) identifies one input in a
   * world.
   */
  readonly #seqs: number[] = []
  #turns = 0
  /** The slot reserved while `onJoin` decides; −1 for none. */
  #reserved = -1

  constructor(capacity: number, happen: (event: MeetingEvent) => void) {
    this.#capacity = capacity
    this.#happen = happen
  }

  /** The members, in order of joining. */
  all(): Iterable<Member> {
    return this.#members.values()
  }

  get(slot: number): Member | undefined {
    return this.#members.get(slot)
  }

  /** Whether it is a member, and not about to leave. */
  isSeated(member: Member): boolean {
    return member.standing.is !== 'leaving' && this.#members.get(member.slot) === member
  }

  /** Whether a user has a seat. */
  has(user: string): boolean {
    return [...this.all()].some((member) => member.user === user && member.seat !== null)
  }

  /** The members in the form of JOINED. */
  get list(): Attendee[] {
    return Array.from(this.all(), attendee)
  }

  /** The members as the business sees them. */
  get info(): MemberInfo[] {
    return Array.from(this.all(), (member) => ({ ...attendee(member), bot: member.seat === null }))
  }

  /**
   * The place that is kept for a user: the one that this run of the client had, though it may seem present still, or
   * else, of those that are away or for which nobody has come since the meeting's node ended, the one in the slot that
   * the client had, or the one that has been away for longest.
   */
  keptFor(visitor: Visitor): Member | undefined {
    let first: Member | undefined
    let least = Infinity
    for (const member of this.all()) {
      const { standing, seat } = member
      if (member.user !== visitor.user || standing.is === 'leaving') continue
      if (continues(member, visitor)) return member
      if (standing.is !== 'away' && seat?.isVacant !== true) continue
      const isNamed = member.slot === visitor.slot
      const turn = isNamed ? -1 : standing.is === 'away' ? standing.turn : Infinity
      if (first !== undefined && turn >= least) continue
      first = member
      least = turn
    }
    return first
  }

  /**
   * In a full meeting, the seat that a user who has none may have: of the user who has most of them, the last one, if
   * possible, of which no input waits. Undefined where nobody has several.
   */
  spareFor(user: string): Member | undefined {
    const seated = [...this.all()].filter(({ seat, standing }) => seat !== null && standing.is !== 'leaving')
    const counts = new Map<string, number>()
    let most = ''
    for (const member of seated) {
      const count = (counts.get(member.user) ?? 0) + 1
      counts.set(member.user, count)
      if (count > (counts.get(most) ?? 1)) most = member.user
    }
    if (counts.has(user)) return undefined
    const spare = seated.filter((member) => member.user === most)
    return spare.findLast(({ waiting }) => waiting === 0) ?? spare.at(-1)
  }

  /** The lowest slot that is neither taken nor reserved; −1 when the meeting is full. */
  get free(): number {
    const reserved = this.#reserved
    if (this.#members.size + (reserved < 0 ? 0 : 1) >= this.#capacity) return -1
    let slot = 0
    while (this.#members.has(slot) || slot === reserved) slot++
    return slot
  }

  /** Runs `ask` while the slot is reserved. */
  reserving<T>(slot: number, ask: () => T): T {
    this.#reserved = slot
    const answer = ask()
    this.#reserved = -1
    return answer
  }

  seat(user: string, slot: number): Member {
    const member: Member = {
      slot,
      user,
      seat: null,
      standing: { is: 'present' },
      seq: this.#seqs[slot] ?? 0,
      bucket: FULL,
      waiting: 0,
    }
    this.#members.set(slot, member)
    this.#happen({ type: 'join', slot, user })
    return member
  }

  away(member: Member): void {
    if (member.standing.is !== 'present') return
    member.standing = { is: 'away', turn: ++this.#turns }
    this.#happen({ type: 'away', slot: member.slot })
  }

  back(member: Member): void {
    if (member.standing.is !== 'away') return
    member.standing = { is: 'present' }
    this.#happen({ type: 'back', slot: member.slot })
  }

  /** Another run of a member's client has its place. */
  takeOver({ slot }: Member): void {
    this.#happen({ type: 'takeover', slot })
  }

  /** See {@link Owner.sendTo}. */
  sendTo(slot: number, data: Payload): boolean {
    const member = this.#members.get(slot)
    if (member === undefined || member.seat === null || member.standing.is === 'leaving') return false
    member.seat.direct(data)
    return true
  }

  /** Removes a member. `reason`: why it left. */
  remove(member: Member, reason: string): void {
    this.#seqs[member.slot] = member.seq
    this.#members.delete(member.slot)
    this.#happen({ type: 'leave', slot: member.slot, reason })
  }

  /** The members, and the last seq of each slot, as another node is given them. */
  get state(): { readonly members: readonly MemberState[]; readonly seqs: readonly number[] } {
    const members = Array.from(this.all(), ({ slot, user, standing, seq, seat }) => ({
      slot,
      user,
      standing,
      seq,
      isBot: seat === null,
    }))
    return { members, seqs: Array.from({ length: this.#seqs.length }, (_, slot) => this.#seqs[slot] ?? 0) }
  }

  /** Goes on with the members of another node. `seatOf`: who has a member's place. */
  restore({ members, seqs }: Roster['state'], seatOf: (member: Member) => Occupant): void {
    this.#seqs.push(...seqs)
    for (const { slot, user, standing, seq, isBot } of members) {
      const member: Member = { slot, user, seat: null, standing, seq, bucket: FULL, waiting: 0 }
      this.#members.set(slot, member)
      if (!isBot) member.seat = seatOf(member)
      if (standing.is === 'away') this.#turns = Math.max(this.#turns, standing.turn)
    }
  }

  /** Removes all members, without events: the meeting has ended. */
  clear(): void {
    this.#members.clear()
  }
}

function attendee(member: Member): Attendee {
  return { slot: member.slot, user: member.user, away: isAway(member) }
}
