import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { Limits } from '../ground/config.ts'
import type { Attendee } from '../meeting/attendance.ts'
import { type Fence, isAbove, isSame } from '../meeting/reigns.ts'
import type { Promised } from './heritage.ts'
import type { MeshMessageOf } from './mesh-messages.ts'

/** By how much a client's promise may raise the term: one that lies must not use up all numbers. */
const MOST_TERMS = 2 ** 20
/** Promises that are kept of whoever is no member as far as the frames here say: more frames may come. */
const MOST_UNKNOWN = 1_000

/** What a client of this user says that it holds, as a member. */
interface Pledge extends Promised {
  readonly user: string
  /** Since when it has acknowledged nothing to anybody else. */
  readonly since: number
}

/**
 * A node asks the members of a meeting for their promise of a fence, and other nodes for frames. Clients may lie: one
 * that names the place of another user has no say, and nobody keeps the node from going on by promising more and more.
 */
export class Candidacy implements Fence {
  #since: number
  /** When the members were asked last for the promises that it has: what they have answered was sent after that. */
  #askedAt: number
  /** When a member has promised last that had not before, or else since when this node stands. */
  #cameAt: number
  /** Those that have said that they do not own the meeting, and whether they have frames of it. */
  readonly denied: Map<number, boolean> = new Map<number, boolean>()
  /** Other nodes that have yet to say what frames they have. */
  readonly asked: Set<number> = new Set()
  /** Whether what is here is enough has to be considered again: something has happened, or is to be asked anew. */
  isNews: boolean = true
  #term: number
  readonly incarnation: number
  /** The last of each user for a slot; and how many there have been of users who were no members. */
  readonly #pledges: Map<string, Pledge> = new Map()
  #unknown = 0
  /** Members who have come, and those of them who have yet to promise the fence of now. */
  readonly #came: Set<string> = new Set()
  #again: Set<string> = new Set()
  /** Members who have promised a higher fence, so that this node stood anew: each has it do that once. */
  readonly #raisedBy: Set<string> = new Set()

  constructor({ term, incarnation }: Fence, now: number) {
    this.#term = term
    this.incarnation = incarnation
    this.#since = now
    this.#askedAt = now
    this.#cameAt = now
  }

  get since(): number {
    return this.#since
  }

  get askedAt(): number {
    return this.#askedAt
  }

  /** The time for members to come begins, and those who have promised may be enough. */
  begin(now: number): void {
    this.#since = now
    this.#cameAt = now
    this.isNews = true
  }

  /**
   * Nobody has come for a while, though members come one after the other where all processors are busy; and of those
   * who have, none is awaited.
   */
  isLate(now: number, { revivalMs, orphanMs }: Pick<Limits, 'revivalMs' | 'orphanMs'>): boolean {
    const isOver = this.#again.size === 0 || now - this.#askedAt >= revivalMs
    return (isOver && now - this.#cameAt >= revivalMs) || now - this.#since >= orphanMs
  }

  get term(): number {
    return this.#term
  }

  /** Another node has said what it has, or will not. */
  answered(node: number): void {
    this.asked.delete(node)
    this.isNews = true
  }

  /** The fence is this one from now on, which nobody has promised yet: who has come has time to do so. */
  raise(term: number, now: number): void {
    this.#term = term
    this.#again = new Set(this.#came)
    this.askAgain(now)
  }

  /** The members are asked anew, and what they have promised before counts no more. */
  askAgain(now: number): void {
    this.#askedAt = now
    this.#pledges.clear()
    this.#unknown = 0
  }

  /**
   * Takes a promise. Returns 'kept' where it is of this fence, and by a member who has not said that before; 'raise'
   * where this node is to stand above it; null where nothing follows from it now. `members`: as of the last frame here.
   */
  take(
    message: MeshMessageOf<'promised'>,
    members: readonly Attendee[],
    now: number,
  ): 'kept' | 'raise' | null {
    const { user, slot } = message
    if (slot >= SYSTEM_SLOT) return null
    const fence = { term: message.promisedTerm, incarnation: message.promisedIncarnation }
    const key = `${slot} ${user}`
    const isMember = members.some((member) => member.slot === slot && member.user === user)
    if (isSame(fence, this)) return this.#keep(key, message, isMember, now) && isMember ? 'kept' : null
    const isHigher = isAbove(fence, this) && fence.term <= this.term + MOST_TERMS
    if (!isHigher || !isMember || this.#raisedBy.has(key)) return null
    this.#raisedBy.add(key)
    this.#comes(key, now)
    return 'raise'
  }

  /** A member is there. */
  #comes(key: string, now: number): void {
    if (!this.#came.has(key)) this.#cameAt = now
    this.#came.add(key)
  }

  /** False: it was known. */
  #keep(key: string, message: MeshMessageOf<'promised'>, isMember: boolean, now: number): boolean {
    const { user, slot, elected, term, incarnation, seen, age } = message
    const known = this.#pledges.get(key)
    if (known === undefined && !isMember && this.#unknown++ >= MOST_UNKNOWN) return false
    if (isMember) this.#comes(key, now)
    this.#again.delete(key)
    this.#pledges.set(key, { user, slot, elected, term, incarnation, seen, since: now - age })
    return known?.elected !== elected || known.seen !== seen || !isSame(known, message)
  }

  /** The promises of these members, by slot. `counts`: whether one does whose giver has acknowledged nothing since then. */
  promisesOf(
    members: readonly Attendee[],
    counts: (since: number) => boolean = () => true,
  ): Map<number, Pledge> {
    const users = new Map(members.map(({ slot, user }) => [slot, user]))
    const own = [...this.#pledges.values()].filter(
      ({ slot, user, since }) => users.get(slot) === user && counts(since),
    )
    return new Map(own.map((pledge) => [pledge.slot, pledge]))
  }
}

/** Which of two nodes that stand for a world goes on with it: the one with the later log, or else the lower number. */
export function comesFirst(one: Fence, node: number, other: Fence, otherNode: number): boolean {
  return isAbove(one, other) || (isSame(one, other) && node < otherNode)
}
