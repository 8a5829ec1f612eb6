import type { Account } from '../session/account.ts'
import type { Room } from './room.ts'
import type { Roster } from './roster.ts'

/**
 * Where a node is late, hooks have one part of the time in so many for the frames of meetings that run because of one
 * user, who is at most so much ahead of that.
 */
const PARTS = 5
export const AHEAD_MS = 100
/** A meeting in which more users are present than this goes on whatever they have had. */
const FEW = 8
/** How far ahead of its share a user can be, in milliseconds. */
const MOST_AHEAD_MS = 10_000
/** Users that are remembered at least, before those are forgotten who are no longer ahead. */
const MANY = 4_096

/** The time that hooks have had over the frames of meetings, by the users because of whom these run. */
export class FrameShares {
  /** When a user has paid for it, in monotonic milliseconds. */
  readonly #paidAt: Map<string, number> = new Map()
  /** How many of them there may be until some are forgotten. */
  #most = MANY

  /** Whether nobody has had any. */
  get isEmpty(): boolean {
    return this.#paidAt.size === 0
  }

  /** How far ahead the user is who is least so, in milliseconds; 0 for no users. */
  aheadMs(users: readonly string[], now: number): number {
    let least = users.length === 0 ? 0 : Infinity
    for (const user of users) least = Math.min(least, Math.max(0, (this.#paidAt.get(user) ?? 0) - now))
    return least
  }

  /** They pay so many milliseconds, the same each. */
  pay(users: readonly string[], ms: number, now: number): void {
    const paidAt = this.#paidAt
    if (paidAt.size >= this.#most) {
      for (const [user, at] of paidAt) if (at <= now) paidAt.delete(user)
      this.#most = Math.max(MANY, 2 * paidAt.size)
    }
    for (const user of users) {
      const at = Math.max(paidAt.get(user) ?? 0, now) + ms / users.length
      paidAt.set(user, Math.min(at, now + MOST_AHEAD_MS))
    }
  }
}

/** The share of the users because of whom one meeting runs. */
export class FrameShare {
  readonly #shares: FrameShares
  readonly #maker: Account | null
  readonly #roster: Roster
  readonly #room: Room
  /** Who was there last. */
  #last: readonly string[] = []

  /** `maker`: the user for whom it was opened; null for the business. */
  constructor(shares: FrameShares, maker: Account | null, roster: Roster, room: Room) {
    this.#shares = shares
    this.#maker = maker
    this.#roster = roster
    this.#room = room
  }

  /** See {@link FrameShares.aheadMs}. */
  aheadMs(now: number): number {
    return this.#shares.isEmpty ? 0 : this.#shares.aheadMs(this.#users, now)
  }

  /** See {@link FrameShares.pay}. */
  pay(ms: number, now: number): void {
    this.#shares.pay(this.#users, ms, now)
  }

  /**
   * Who it was opened for, or else who is there, or waits to leave; where nobody is, who was there last; none where
   * these are many.
   */
  get #users(): readonly string[] {
    if (this.#maker !== null) return [this.#maker.user]
    const users: string[] = []
    for (const { user, seat, standing } of this.#roster.all())
      if (seat !== null && standing.is !== 'away' && isOneTooMany(users, user)) return []
    for (const { session } of this.#room.seats()) if (isOneTooMany(users, session.user)) return []
    for (const { spectators, watchers } of this.#room.followers)
      if (spectators > 0 && (watchers.length === 0 || watchers.some((user) => isOneTooMany(users, user))))
        return []
    if (users.length > 0) this.#last = users
    return this.#last
  }
}

/** Has a share pay for the time that hooks have taken, in nanoseconds. */
export function payForHooks(share: Pick<FrameShare, 'pay'>, took: number, now: number): void {
  if (took > 0) share.pay((took / 1e6) * PARTS, now)
}

/** The users who watch a meeting at a room; none where these are many. */
export function fewWatchersOf(room: Room): readonly string[] {
  const users: string[] = []
  for (const { member, session } of room.seats())
    if (member === null && isOneTooMany(users, session.user)) return []
  return users
}

/** Adds a user, unless there are too many. */
function isOneTooMany(users: string[], user: string): boolean {
  if (users.includes(user)) return false
  return users.push(user) > FEW
}
