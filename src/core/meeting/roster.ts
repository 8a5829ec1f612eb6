import type { MeetingEvent } from '../../protocol/schema.ts'
import { FULL } from '../ground/rate.ts'
import { isAway, type Member } from './seat.ts'

/** Who holds which slot. What happens to them becomes an event of the next frame. */
export class Roster {
  readonly #capacity: number
  readonly #happen: (event: MeetingEvent) => void
  readonly #members: Map<number, Member> = new Map()
  /** Last seq of each slot, so that (slot, seq) names one input in a world, whoever held the slot. */
  readonly #seqs: number[] = []
  #turns = 0
  /** The slot reserved while the business is asked about who wants it; −1 for none. */
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

  has(member: Member): boolean {
    return this.#members.get(member.slot) === member
  }

  /** As JOINED says it. */
  get list(): { readonly slot: number; readonly user: string; readonly away: boolean }[] {
    return Array.from(this.all(), (member) => ({
      slot: member.slot,
      user: member.user,
      away: isAway(member),
    }))
  }

  /** Of the members of this user that are away, the one that has been so for longest. */
  awayOf(user: string): Member | undefined {
    let first: Member | undefined
    let least = Infinity
    for (const member of this.all()) {
      const { standing } = member
      if (standing.is !== 'away' || member.user !== user || standing.turn > least) continue
      first = member
      least = standing.turn
    }
    return first
  }

  /** The lowest slot that nobody has or is asked about; −1 where there is none. */
  get free(): number {
    const reserved = this.#reserved
    if (this.#members.size + (reserved < 0 ? 0 : 1) >= this.#capacity) return -1
    let slot = 0
    while (this.#members.has(slot) || slot === reserved) slot++
    return slot
  }

  /** Runs `ask` with a slot that nobody else gets meanwhile. */
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

  /** Takes a member out. `reason`: why it left. */
  remove(member: Member, reason: string): void {
    this.#seqs[member.slot] = member.seq
    this.#members.delete(member.slot)
    this.#happen({ type: 'leave', slot: member.slot, reason })
  }

  /** The meeting is over. */
  clear(): void {
    this.#members.clear()
  }
}
