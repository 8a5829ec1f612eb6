import type { NodeLimits } from '../ground/config.ts'
import { Queue } from '../ground/queue.ts'
import type { Grant, ToldRevocation } from '../ports.ts'

/** What to revoke: all tokens issued to a user so far, or one token by its id. */
export type Revoked = { readonly user: string } | { readonly id: string }

interface Revocation {
  /** Its number on this node: rises with each one that is added. */
  readonly seq: number
  /** Revokes the user's tokens issued up to this wall time, in milliseconds since 1970. */
  readonly until: number
  /** When the entry may be forgotten. In monotonic milliseconds, because the wall clock may be set meanwhile. */
  readonly end: number
}

/** The revocations in force. Each is kept as long as a token that it covers may still be valid. */
export class Revocations {
  readonly #limits: NodeLimits
  /** By user and by token id, the oldest first. */
  readonly #users: Queue<string, Revocation> = new Queue()
  readonly #tokens: Queue<string, Revocation> = new Queue()
  #last = 0

  constructor(limits: NodeLimits) {
    this.#limits = limits
  }

  /**
   * Adds a revocation. `wallOffset` turns `now` into wall time, to see how far ahead `until` lies. False: the table is
   * full.
   */
  add(revoked: Revoked, until: number, now: number, wallOffset: number): boolean {
    this.#forget(this.#users, now)
    this.#forget(this.#tokens, now)
    const [known, key] = 'user' in revoked ? [this.#users, revoked.user] : [this.#tokens, revoked.id]
    const { tokenMs } = this.#limits
    // An `until` from a clock far ahead must not keep the entry for years.
    const ahead = Math.min(Math.max(0, until - (now + wallOffset)), tokenMs)
    return this.#put(known, key, until, now + ahead + tokenMs)
  }

  #put(known: Queue<string, Revocation>, key: string, until: number, end: number): boolean {
    const before = known.get(key)
    if (before === undefined && this.#users.size + this.#tokens.size >= this.#limits.revocations) return false
    const longest = Math.max(end, before?.end ?? 0)
    known.set(key, { seq: ++this.#last, until: Math.max(until, before?.until ?? 0), end: longest })
    return true
  }

  /** Adds what another node tells. Returns whether it was new; false also where the table is full. */
  learn({ ofUser, name, until, leftMs }: ToldRevocation, now: number): boolean {
    const known = ofUser ? this.#users : this.#tokens
    const before = known.get(name)
    if (before !== undefined && before.until >= until) return false
    return this.#put(known, name, until, now + Math.min(leftMs, 2 * this.#limits.tokenMs))
  }

  knows({ ofUser, name, until }: ToldRevocation): boolean {
    return ((ofUser ? this.#users : this.#tokens).get(name)?.until ?? -1) >= until
  }

  /**
   * Those in force with a number above `after`, up to `most`. `next`: the number behind which further ones come;
   * `isAll`: there are none yet.
   */
  list(
    after: number,
    most: number,
    now: number,
  ): { readonly told: readonly ToldRevocation[]; readonly next: number; readonly isAll: boolean } {
    const found: (ToldRevocation & { readonly seq: number })[] = []
    for (const [ofUser, known] of [
      [true, this.#users],
      [false, this.#tokens],
    ] as const)
      for (const [name, { seq, until, end }] of known.entries())
        if (seq > after && end > now) found.push({ seq, ofUser, name, until, leftMs: Math.ceil(end - now) })
    found.sort((a, b) => a.seq - b.seq)
    const told = found.slice(0, most)
    const isAll = found.length <= most
    return { told, next: isAll ? this.#last : (told.at(-1)?.seq ?? 0), isAll }
  }

  /** The wall time up to which a user's tokens are revoked, in milliseconds since 1970; 0 when none are. */
  until(user: string): number {
    return this.#users.get(user)?.until ?? 0
  }

  /** Whether the token behind this grant is revoked, by its id or with all tokens of its user. */
  covers({ user, id, issued, after }: Grant): boolean {
    if (this.#tokens.get(id) !== undefined) return true
    const until = this.#users.get(user)?.until
    return until !== undefined && issued <= until && (after === 0 || after < until)
  }

  #forget(known: Queue<string, Revocation>, now: number): void {
    for (let { oldest } = known; oldest !== undefined; { oldest } = known) {
      if ((known.get(oldest)?.end ?? 0) > now) return
      known.delete(oldest)
    }
  }
}
