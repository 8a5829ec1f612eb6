import type { NodeLimits } from '../ground/config.ts'
import { Queue } from '../ground/queue.ts'
import type { Grant, ToldRevocation } from '../ports.ts'

/** What to revoke: all tokens issued to a user so far, or one token by its id. */
export type Revoked = { readonly user: string } | { readonly id: string }

interface Revocation {
  /** Its number on this node: rises with each one that is added. */
  readonly seq: number
  /** Whether `name` is a user; else it is the id of a token. */
  readonly ofUser: boolean
  readonly name: string
  /** Revokes the user's tokens issued up to this wall time, in milliseconds since 1970. */
  readonly until: number
  /** When the entry may be forgotten. In monotonic milliseconds, because the wall clock may be set meanwhile. */
  readonly end: number
}

const keyOf = (ofUser: boolean, name: string): string => (ofUser ? 'u' : 't') + name

/** The revocations in force. Each is kept as long as a token that it covers may still be valid. */
export class Revocations {
  readonly #limits: NodeLimits
  /** In the order of their numbers. */
  readonly #log: Queue<string, Revocation> = new Queue()
  #last = 0

  constructor(limits: NodeLimits) {
    this.#limits = limits
  }

  /** The number of the last one that was added; 0 before the first. */
  get last(): number {
    return this.#last
  }

  /**
   * Adds a revocation. `wallOffset` turns `now` into wall time, to see how far ahead `until` lies. False: the table is
   * full.
   */
  add(revoked: Revoked, until: number, now: number, wallOffset: number): boolean {
    const [ofUser, name] = 'user' in revoked ? [true, revoked.user] : [false, revoked.id]
    const { tokenMs } = this.#limits
    // An `until` from a clock far ahead must not keep the entry for years.
    const ahead = Math.min(Math.max(0, until - (now + wallOffset)), tokenMs)
    return this.#put(ofUser, name, until, ahead + tokenMs, now)
  }

  #put(ofUser: boolean, name: string, until: number, leftMs: number, now: number): boolean {
    this.#forget(now)
    const key = keyOf(ofUser, name)
    const before = this.#log.get(key)
    if (before === undefined && this.#log.size >= this.#limits.revocations) return false
    const longest = Math.max(now + leftMs, before?.end ?? 0)
    const latest = Math.max(until, before?.until ?? 0)
    this.#log.set(key, { seq: ++this.#last, ofUser, name, until: latest, end: longest })
    return true
  }

  /** Adds what another node tells. Returns whether it was new; false also where the table is full. */
  learn(told: ToldRevocation, now: number): boolean {
    const { ofUser, name, until, leftMs } = told
    if (this.knows(told)) return false
    return this.#put(ofUser, name, until, Math.min(leftMs, 2 * this.#limits.tokenMs), now)
  }

  knows({ ofUser, name, until }: ToldRevocation): boolean {
    return (this.#log.get(keyOf(ofUser, name))?.until ?? -1) >= until
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
    const told: ToldRevocation[] = []
    let next = after
    for (const [, { seq, ofUser, name, until, end }] of this.#log.entries()) {
      if (seq <= after || end <= now) continue
      if (told.length === most) return { told, next, isAll: false }
      told.push({ ofUser, name, until, leftMs: Math.ceil(end - now) })
      next = seq
    }
    return { told, next: this.#last, isAll: true }
  }

  /** The wall time up to which a user's tokens are revoked, in milliseconds since 1970; 0 when none are. */
  until(user: string): number {
    return this.#log.get(keyOf(true, user))?.until ?? 0
  }

  /** Whether the token behind this grant is revoked, by its id or with all tokens of its user. */
  covers({ user, id, issued, after }: Grant): boolean {
    if (this.#log.get(keyOf(false, id)) !== undefined) return true
    const until = this.#log.get(keyOf(true, user))?.until
    return until !== undefined && issued <= until && (after === 0 || after < until)
  }

  #forget(now: number): void {
    for (let { oldest } = this.#log; oldest !== undefined; { oldest } = this.#log) {
      if ((this.#log.get(oldest)?.end ?? 0) > now) return
      this.#log.delete(oldest)
    }
  }
}
