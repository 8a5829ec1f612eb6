import { fixedLimits } from '../ground/config.ts'

const MINUTE = 60_000

/** How often one user may take a seat: a leaky bucket each, remembered only while it holds something. */
export class JoinRate {
  readonly #perMinute: number
  /** When the bucket of a user will be empty, in monotonic milliseconds. In order of the last join. */
  readonly #empty: Map<string, number> = new Map()

  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** Notes a join. Returns how many milliseconds too early it is: 0 where it is allowed. */
  take(user: string, now: number): number {
    const after = Math.max(this.#empty.get(user) ?? 0, now) + MINUTE / this.#perMinute
    const early = after - now - MINUTE
    // A sum of the shares of a minute may be off by a rounding.
    if (early > 1e-6) return early
    this.#empty.delete(user)
    this.#empty.set(user, after)
    if (this.#empty.size > fixedLimits.joinUsers) this.#forget(now)
    return 0
  }

  #forget(now: number): void {
    for (const [user, at] of this.#empty) if (at <= now) this.#empty.delete(user)
    const [oldest] = this.#empty.keys()
    if (oldest !== undefined && this.#empty.size > fixedLimits.joinUsers) this.#empty.delete(oldest)
  }
}
