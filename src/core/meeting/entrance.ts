import type { ErrorCode } from '../../protocol/errors.ts'
import type { Limits } from '../ground/config.ts'
import type { MeetingOptions } from './options.ts'
import type { Refusal } from '../ports.ts'
import type { MeetingBusiness } from '../ports.ts'
import { mismatch } from './config.ts'
import type { Departures } from './departures.ts'
import type { Electorate } from './electorate.ts'
import type { FrameLog } from './frame-log.ts'
import { JoinRate } from './join-rate.ts'
import type { Roster } from './roster.ts'
import type { Member, Occupant } from './seat.ts'
import { continues, type Visitor } from './visitor.ts'

/** Time in which somebody who found a meeting full asks again. */
const KEPT_MS = 10_000
const ENDING: Refusal = { code: 'BUSY', message: 'the meeting is about to end', retryAfterMs: 500 }
const CROWDED = 'the meeting is full, and its user has another seat'

/** What the entrance to a meeting needs of its owner. */
export interface EntranceHost {
  readonly options: MeetingOptions
  readonly business: MeetingBusiness
  readonly log: FrameLog
  readonly roster: Roster
  readonly electorate: Electorate
  readonly departures: Departures
  readonly limits: Limits
  /** Somebody comes in: starts the clock if it is stopped. */
  run(now: number): void
  /** Ends a seat; its slot is free once its member's waiting inputs are framed. */
  kick(slot: number, message: string): boolean
}

/** Who may become a member of a meeting, and in which slot. */
export class Entrance {
  /** Hash of the configuration that clients must run; '' until a member names one. */
  config: string
  readonly #host: EntranceHost
  readonly #joins: JoinRate
  /** Until when a slot that gets free is for a user without a seat, and no other seat is ended for one. */
  #keptUntil = -Infinity

  constructor(host: EntranceHost) {
    this.#host = host
    const { config, joinsPerMinute } = host.options
    this.config = config
    this.#joins = new JoinRate(joinsPerMinute, host.log, host.limits.joinUsers)
  }

  mismatch(config: string): Refusal | null {
    return mismatch(config, this.config)
  }

  /**
   * The member that a session becomes: its user's, where a seat is kept, without asking the business, because a
   * reloaded page is a new session; or a new one. `isHere`: the business may end a session while it is asked.
   */
  memberFor(visitor: Visitor, isHere: () => boolean, now: number): Member | Refusal | ErrorCode {
    const other = this.mismatch(visitor.config)
    if (other !== null) return other
    const { roster, electorate, log } = this.#host
    const kept = roster.keptFor(visitor)
    if (kept === undefined) return this.#admit(visitor.user, isHere, now)
    if (kept.seat !== null) {
      if (!continues(kept, visitor)) {
        electorate.leave(kept.seat.elector, log.next, false)
        roster.takeOver(kept)
      }
      kept.seat.evict('its user came back in another session')
    }
    return kept
  }

  /**
   * Takes in a new member, if there is room, the join rate allows it and the business agrees. The business may add bots
   * while it is asked, so the slot is reserved. In a full meeting, whoever has several seats makes room.
   */
  #admit(user: string, isHere: () => boolean, now: number): Member | Refusal | ErrorCode {
    const { roster, options, business, departures } = this.#host
    if (departures.isLast) return ENDING
    departures.makeWay(user)
    if (roster.free === -1) departures.makeRoom()
    const isFull = roster.free === -1
    // Whoever opens tabs without end would be faster than whom the slot is for.
    if (now < this.#keptUntil && (isFull || roster.has(user))) return 'FULL'
    const spare = isFull ? roster.spareFor(user) : undefined
    if (isFull && spare === undefined) return 'FULL'
    const retryAfterMs = this.#joins.take(user, now)
    if (retryAfterMs > 0)
      return { code: 'RATE', message: `more than ${options.joinsPerMinute} joins a minute`, retryAfterMs }
    if (spare !== undefined) this.#host.kick(spare.slot, CROWDED)
    if (roster.free === -1) departures.makeRoom()
    // Its last inputs may have yet to be in a frame.
    const slot = roster.free
    if (slot === -1) {
      this.#keptUntil = now + KEPT_MS
      return 'FULL'
    }
    const refusal = roster.reserving(slot, () => business.logic?.join?.(slot, user) ?? null)
    if (refusal !== null) return refusal
    if (!isHere()) return 'UNKNOWN'
    this.#keptUntil = -Infinity
    this.#host.run(now)
    return roster.seat(user, slot)
  }

  /**
   * A session takes the member's place. `continued`: its client is the same, so what that has acknowledged counts, and
   * frames that only others have do not become stable by its coming.
   */
  sit(member: Member, occupant: Occupant, continued: boolean): void {
    if (continued && member.seat !== null) occupant.elector = member.seat.elector
    else this.#host.electorate.join(occupant.elector, this.#host.log.next)
    member.seat = occupant
  }

  /** The member is here, with this configuration. */
  enter(member: Member, config: string): void {
    if (this.config === '') this.config = config
    this.#host.roster.back(member)
  }

  /** The meeting has ended. */
  clear(): void {
    this.#joins.clear()
  }
}

/** Whether a visitor has become a member, and was not refused. */
export function isMember(found: Member | Refusal | ErrorCode): found is Member {
  return typeof found === 'object' && 'slot' in found
}
