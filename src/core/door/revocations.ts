import type { NodeLimits } from '../ground/config.ts'
import type { Grant } from '../ports.ts'

/** Whose access is taken back: all tokens that a user was given so far, or one token. */
export type Revoked = { readonly user: string } | { readonly id: string }

/** What was revoked, each as long as a token it concerns may still be valid. Times in milliseconds since 1970. */
export class Revocations {
  readonly #limits: NodeLimits
  /** When, by user and by the token's id. All are kept equally long, so the first of each is the first to go. */
  readonly #users: Map<string, number> = new Map()
  readonly #tokens: Map<string, number> = new Map()

  constructor(limits: NodeLimits) {
    this.#limits = limits
  }

  /** Revokes at this time. False: there is no room. */
  add(revoked: Revoked, at: number): boolean {
    this.#forget(this.#users, at)
    this.#forget(this.#tokens, at)
    const [known, key] = 'user' in revoked ? [this.#users, revoked.user] : [this.#tokens, revoked.id]
    const before = known.get(key)
    if (before === undefined && this.#users.size + this.#tokens.size >= this.#limits.revocations) return false
    known.delete(key)
    known.set(key, Math.max(at, before ?? 0))
    return true
  }

  /** Whether the token with these rights is revoked. A user's revocation concerns what was issued until then. */
  covers({ user, id, issued }: Grant): boolean {
    return this.#tokens.has(id) || issued <= (this.#users.get(user) ?? -Infinity)
  }

  #forget(known: Map<string, number>, now: number): void {
    for (const [key, at] of known) {
      if (at + this.#limits.tokenMs > now) return
      known.delete(key)
    }
  }
}
