import type { Payer } from '../ground/budget.ts'
import { fixedLimits } from '../ground/config.ts'
import { type Bucket, FULL, Rate } from '../ground/rate.ts'
import { weights } from '../ground/weights.ts'

const MINUTE = 60_000

/**
 * Limits how often one user may join, with one token bucket per user. The meeting pays for those who are remembered,
 * which is until the bucket is full.
 */
export class JoinRate {
  readonly #rate: Rate
  readonly #users: number
  readonly #payer: Payer
  /** By user, in order of the last join. */
  readonly #buckets: Map<string, Bucket> = new Map()

  /** `users`: the most users remembered. `payer`: the meeting. */
  constructor(perMinute: number, payer: Payer, users: number = fixedLimits.joinUsers) {
    this.#users = users
    this.#payer = payer
    this.#rate = new Rate(perMinute, MINUTE, perMinute)
  }

  /** Counts a join and returns 0, or returns the milliseconds to wait before it is allowed. */
  take(user: string, now: number): number {
    const bucket = this.#buckets.get(user) ?? FULL
    const wait = this.#rate.wait(bucket, now)
    if (wait > 0) return wait
    this.#forget(user)
    this.#buckets.set(user, this.#rate.take(bucket, now))
    this.#payer.hold(weights.joiner)
    for (const [oldest, its] of this.#buckets) {
      if (this.#buckets.size <= this.#users && !this.#rate.isFull(its, now)) break
      this.#forget(oldest)
    }
    return 0
  }

  #forget(user: string): void {
    if (this.#buckets.delete(user)) this.#payer.hold(-weights.joiner)
  }

  /** The meeting has ended. */
  clear(): void {
    this.#payer.hold(-weights.joiner * this.#buckets.size)
    this.#buckets.clear()
  }
}
