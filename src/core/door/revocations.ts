import type { NodeLimits } from '../ground/config.ts'
import type { Grant } from '../ports.ts'

/** Whose access is taken back: all tokens that a user was given so far, or one token. */
export type Revoked = { readonly user: string } | { readonly id: string }

interface Revocation {
  /** Of the tokens of a user those that were issued until then, in milliseconds since 1970. */
  readonly until: number
  /** When it may be forgotten, in monotonic milliseconds: the wall clock may be set meanwhile. */
  readonly end: number
}

/** What was revoked, each as long as a token it concerns may still be valid. */
export class Revocations {
  readonly #limits: NodeLimits
  /** By user and by the token's id; the oldest first. */
  readonly #users: Map<string, Revocation> = new Map()
  readonly #tokens: Map<string, Revocation> = new Map()

  constructor(limits: NodeLimits) {
    this.#limits = limits
  }

  /** `wallOffset` is the wall clock's, for how far ahead `until` is. False: there is no room. */
  add(revoked: Revoked, until: number, now: number, wallOffset: number): boolean {
    this.#forget(this.#users, now)
    this.#forget(this.#tokens, now)
    const [known, key] = 'user' in revoked ? [this.#users, revoked.user] : [this.#tokens, revoked.id]
    const before = known.get(key)
    if (before === undefined && this.#users.size + this.#tokens.size >= this.#limits.revocations) return false
    known.delete(key)
    const { tokenMs } = this.#limits
    // A clock that was far ahead must not make it stay for years.
    const ahead = Math.min(Math.max(0, until - (now + wallOffset)), tokenMs)
    known.set(key, { until: Math.max(until, before?.until ?? 0), end: now + ahead + tokenMs })
    return true
  }

  /** Until when the tokens of a user are revoked, in milliseconds since 1970; 0 where they are not. */
  until(user: string): number {
    return this.#users.get(user)?.until ?? 0
  }

  /** Whether the token with these rights is revoked: itself, or those of its user until after it was issued. */
  covers({ user, id, issued, after }: Grant): boolean {
    if (this.#tokens.has(id)) return true
    const until = this.until(user)
    return until > 0 && issued <= until && after < until
  }

  #forget(known: Map<string, Revocation>, now: number): void {
    for (const [key, { end }] of known) {
      if (end > now) return
      known.delete(key)
    }
  }
}
