import { fixedLimits } from '../ground/config.ts'
import { type Bucket, FULL, Rate } from '../ground/rate.ts'

const MINUTE = 60_000

/** Limits how often one user may join, with one token bucket per user, remembered only while it is not full. */
export class JoinRate {
  readonly #rate: Rate
  readonly #users: number
  /** By user, in order of the last join. */
  readonly #buckets: Map<string, Bucket> = new Map()

  /** `users`: the most users remembered. */
  constructor(perMinute: number, users: number = fixedLimits.joinUsers) {
    this.#users = users
    this.#rate = new Rate(perMinute, MINUTE, perMinute)
  }

  /** Counts a join and returns 0, or returns the milliseconds to wait before it is allowed. */
  take(user: string, now: number): number {
    const bucket = this.#buckets.get(user) ?? FULL
    const wait = this.#rate.wait(bucket, now)
    if (wait > 0) return wait
    this.#buckets.delete(user)
    this.#buckets.set(user, this.#rate.take(bucket, now))
    if (this.#buckets.size > this.#users) this.#forget(now)
    return 0
  }

  #forget(now: number): void {
    for (const [user, bucket] of this.#buckets) if (this.#rate.isFull(bucket, now)) this.#buckets.delete(user)
    const [oldest] = this.#buckets.keys()
    if (oldest !== undefined && this.#buckets.size > this.#users) this.#buckets.delete(oldest)
  }
}
