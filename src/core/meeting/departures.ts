import type { Account } from '../session/account.ts'
import type { Electorate } from './electorate.ts'
import type { FrameLog } from './frame-log.ts'
import type { Notices } from './notices.ts'
import type { Roster } from './roster.ts'
import type { Member } from './seat.ts'

/** Members that wait to leave, of all meetings of a node. They wait in lines, one of each user, which take turns. */
export class Leavers {
  /** By line, the next turn first. */
  readonly #waiting: Map<string, Map<Member, Departures>> = new Map()

  get hasSome(): boolean {
    return this.#waiting.size > 0
  }

  /** Whether members of this user wait. */
  has(user: string): boolean {
    return this.#waiting.has(user)
  }

  add(line: string, member: Member, from: Departures): void {
    const own = this.#waiting.get(line)
    if (own !== undefined) own.set(member, from)
    else this.#waiting.set(line, new Map([[member, from]]))
  }

  delete(line: string, member: Member): void {
    const own = this.#waiting.get(line)
    if (own?.delete(member) === true && own.size === 0) this.#waiting.delete(line)
  }

  /** Part of the sweep: one of them leaves, and others as long as there is time for what the business does then. */
  sweep(): void {
    // A line that has more comes again behind the others.
    for (const [line, own] of this.#waiting) {
      const [first] = own
      if (first === undefined) return
      const [member, from] = first
      this.#waiting.delete(line)
      this.#waiting.set(line, own)
      from.leave(member)
      if (from.isBehind) return
    }
  }
}

/** What departures need of the owner of their meeting. */
export interface DeparturesHost {
  readonly roster: Roster
  readonly electorate: Electorate
  readonly log: Pick<FrameLog, 'next'>
  readonly notices: Notices
  readonly leavers: Leavers
  /** The user for whom the meeting was opened; null for the business. */
  readonly maker: Pick<Account, 'user'> | null
}

/**
 * Members of a meeting that are leaving, and whose inputs are framed. Each has its slot until the business has time to
 * hear of it, so nothing that the meeting is asked or told waits behind a crowd that has left.
 */
export class Departures {
  readonly #host: DeparturesHost
  readonly #waiting: Set<Member> = new Set()
  /** Whether the meeting ends once they have left. */
  #isLast = false

  constructor(host: DeparturesHost) {
    this.#host = host
  }

  /** Whether somebody waits. */
  get hasSome(): boolean {
    return this.#waiting.size > 0
  }

  /** Whether the business has no time to hear of somebody now. */
  get isBehind(): boolean {
    return this.#host.notices.isBehind
  }

  /** A member leaves now, if there is time for it. Bots leave at once: the business is not told of them. */
  add(member: Member): void {
    const isLater = this.hasSome || this.#host.leavers.has(member.user) || this.isBehind
    if (member.seat !== null && isLater) this.wait(member)
    else this.#vacate(member)
  }

  /** A member leaves later in this sweep, or in another one. */
  wait(member: Member): void {
    this.#waiting.add(member)
    this.#host.leavers.add(this.#lineOf(member), member, this)
  }

  /** Whether the meeting ends once they have left, so nobody comes. */
  get isLast(): boolean {
    return this.#isLast
  }

  /** The meeting ends once they have left: they wait behind nobody else who has left other meetings. */
  hasten(): void {
    for (const member of this.#waiting) this.#host.leavers.delete(this.#lineOf(member), member)
    this.#isLast = true
    for (const member of this.#waiting) this.wait(member)
  }

  /** Meetings that end have a line for each user for whom they were opened. No user's name begins like theirs. */
  #lineOf({ user }: Member): string {
    return this.#isLast ? `\0${this.#host.maker?.user ?? ''}` : user
  }

  /** On another node they were about to. */
  restore(): void {
    for (const member of this.#host.roster.all())
      if (member.standing.is === 'leaving' && member.waiting === 0) this.wait(member)
  }

  /** One that waits leaves, and the business is told. */
  leave(member: Member): void {
    this.#waiting.delete(member)
    this.#host.leavers.delete(this.#lineOf(member), member)
    this.#vacate(member)
    this.#host.notices.tell()
  }

  /** A slot is wanted: one of them leaves at once. */
  makeRoom(): void {
    const [next] = this.#waiting
    if (next !== undefined) this.leave(next)
  }

  /** A user joins who may have left before: one of the user leaves first, so that nobody is there twice by that. */
  makeWay(user: string): void {
    for (const member of this.#waiting) if (member.user === user) return this.leave(member)
  }

  /** All leave: the meeting is about to end. */
  finish(): void {
    while (this.hasSome) this.makeRoom()
  }

  /** The meeting has ended here. */
  clear(): void {
    for (const member of this.#waiting) this.#host.leavers.delete(this.#lineOf(member), member)
    this.#waiting.clear()
  }

  #vacate(member: Member): void {
    const { roster, electorate, log, notices } = this.#host
    const { slot, user, seat, standing } = member
    const reason = standing.is === 'leaving' ? standing.reason : ''
    roster.remove(member, reason)
    if (seat === null) return
    electorate.leave(seat.elector, log.next, reason === 'left')
    if (notices.wantsDepartures) notices.add({ slot, user, reason })
  }
}
