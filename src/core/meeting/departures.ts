import type { Electorate } from './electorate.ts'
import type { FrameLog } from './frame-log.ts'
import type { Notices } from './notices.ts'
import type { Roster } from './roster.ts'
import type { Member } from './seat.ts'

/** What departures need of the owner of their meeting. */
export interface DeparturesHost {
  readonly roster: Roster
  readonly electorate: Electorate
  readonly log: Pick<FrameLog, 'next'>
  readonly notices: Notices
  /** There is somebody whose slot gets free as soon as the business has heard of others: calls `goOn` in this sweep. */
  later(): void
}

/**
 * Members that are leaving, and whose inputs are framed. Each has its slot until the business has heard of those who
 * left before, so of one meeting at most one is untold: whatever else the meeting is asked need not wait behind a crowd.
 */
export class Departures {
  readonly #host: DeparturesHost
  readonly #waiting: Set<Member> = new Set()

  constructor(host: DeparturesHost) {
    this.#host = host
  }

  /** Whether somebody waits. */
  get hasSome(): boolean {
    return this.#waiting.size > 0
  }

  /** A member leaves now, if the business has heard of the others. Bots leave at once: it is not told of them. */
  add(member: Member): void {
    if (member.seat !== null && (this.hasSome || this.#host.notices.isBehind)) this.wait(member)
    else this.#vacate(member)
  }

  /** A member leaves later in this sweep, or in another one. */
  wait(member: Member): void {
    if (!this.hasSome) this.#host.later()
    this.#waiting.add(member)
  }

  /** Those leave whom the business can hear of. False: others have yet to. */
  goOn(): boolean {
    const { notices } = this.#host
    notices.tell()
    while (this.hasSome && !notices.isBehind) this.makeRoom()
    return !this.hasSome
  }

  /** A slot is wanted: the next one leaves, and the business is told. */
  makeRoom(): void {
    const [next] = this.#waiting
    if (next === undefined) return
    this.#waiting.delete(next)
    this.#vacate(next)
    this.#host.notices.tell()
  }

  /** All leave: the meeting is about to end. */
  finish(): void {
    while (this.hasSome) this.makeRoom()
  }

  /** The meeting has ended here. */
  clear(): void {
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
