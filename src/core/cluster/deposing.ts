import type { Owner } from '../meeting/owner.ts'
import { isAbove, isSame } from '../meeting/reigns.ts'
import { isAway } from '../meeting/seat.ts'
import { localSeatsOf } from './branches.ts'
import type { GivingHost } from './giving.ts'
import { Heritage } from './heritage.ts'
import { legacyOf } from './legacy.ts'
import type { Claimant, Subject } from './question-kinds.ts'
import type { Replica } from './replica.ts'

/** What a node needs to give up meetings that another owner has. */
interface DeposingHost extends Pick<GivingHost, 'meetings' | 'cluster' | 'stats' | 'hosting' | 'demote'> {
  /** Another replica of the meeting is to take the place of this one. */
  forget(replica: Replica): void
}

/** Gives up meetings of this node where another owner of the name comes before it. */
export class Deposing {
  readonly #host: DeposingHost

  constructor(host: DeposingHost) {
    this.#host = host
  }

  /** What this node has of a meeting that several nodes own; null where it has none. */
  claimant(name: string): Claimant | null {
    const owner = this.#host.meetings().get(name)
    if (owner === undefined) return null
    const { room, log, roster, backing } = owner
    const { world, term, incarnation } = room.facts
    const present = [...roster.all()].filter((member) => member.seat !== null && !isAway(member)).length
    return { world, term, incarnation, isPaused: backing.isPaused, present, next: log.next }
  }

  /** Another node goes on with a world at a fence, or has: at a lower one, this node stops. */
  supersede({ name, world, ...fence }: Subject, now: number): void {
    const facts = this.#host.meetings().get(name)?.room.facts
    if (facts?.world === world && isAbove(fence, facts)) this.depose(facts, now)
  }

  /**
   * Members have shown what they have of a meeting, where it is open here: if that is of a later owner, this one stops.
   * False: it is not open here.
   */
  recalled(replica: Replica, now: number): boolean {
    const facts = this.#host.meetings().get(replica.name)?.room.facts
    if (facts === undefined) return false
    this.#host.forget(replica)
    if (replica.copy.outruns(facts)) this.depose(facts, now)
    // Whoever has waited looks for the meeting anew: where it has stopped, it waits again.
    replica.giveUp(now)
    return true
  }

  /**
   * Another owner of the name comes before this one, which stops. Whoever is here, or at a replica, joins again and
   * finds that one, and is told how far its log is another. The frames are kept until the other owner has answered:
   * should it have ended meanwhile, the meeting goes on from them.
   */
  depose(subject: Subject, now: number): void {
    const { meetings, cluster, hosting, stats } = this.#host
    const owner = meetings().get(subject.name)
    if (owner === undefined || !isReign(owner, subject)) return
    const { name, log, business } = owner
    const legacy = legacyOf(owner, now)
    const guests = hosting.of(owner)
    const seats = localSeatsOf(owner)
    hosting.retire(guests, legacy, now)
    meetings().resign(owner)
    business.logic?.moved?.()
    cluster.closed(name)
    stats.meetingsDeposed++
    const replica = this.#host.demote(owner, 0, seats, now)
    replica.copy.heritage = Heritage.of(legacy, log.next - 1)
    hosting.release(guests, 0)
    replica.lost(now)
  }
}

/** Whether this is the reign of a meeting that was decided about. */
function isReign({ room: { facts } }: Owner, subject: Subject): boolean {
  return facts.world === subject.world && isSame(facts, subject)
}
