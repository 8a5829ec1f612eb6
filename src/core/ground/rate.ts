/**
 * The state of one token bucket, kept by the caller: when the bucket will be full again, in ticks of its {@link Rate}.
 * Starts as {@link FULL}.
 */
export type Bucket = number

export const FULL: Bucket = 0

/** Absorbs the rounding of fractional times; with whole milliseconds every sum is exact, and differs by 1 or more. */
const ROUNDING = 1e-3

/**
 * A token bucket: `burst` tokens at once, and `count` more in each `periodMs`. Uses the generic cell rate algorithm
 * (ITU-T I.371), which needs one number per bucket and no timer. Counts are whole numbers; times are monotonic
 * milliseconds and not negative. A tick is 1/`count` of a millisecond, which makes a token a whole number of ticks.
 */
export class Rate {
  readonly #count: number
  readonly #token: number
  /** How far ahead of now a bucket may be full again and still hold a token. */
  readonly #tolerance: number

  constructor(count: number, periodMs: number, burst: number) {
    this.#count = count
    this.#token = periodMs
    this.#tolerance = (burst - 1) * periodMs
  }

  /** Whole milliseconds until the bucket holds a token; 0 when it holds one now. */
  wait(bucket: Bucket, now: number): number {
    const early = bucket - now * this.#count - this.#tolerance
    return early <= ROUNDING ? 0 : Math.ceil((early - ROUNDING) / this.#count)
  }

  /**
   * The bucket after tokens are taken from it. Call {@link wait} first: it must return 0. More tokens than the bucket
   * holds make the next wait longer.
   */
  take(bucket: Bucket, now: number, tokens = 1): Bucket {
    return Math.max(bucket, now * this.#count) + tokens * this.#token
  }

  /** Whether the bucket is full, and so need not be remembered. */
  isFull(bucket: Bucket, now: number): boolean {
    return bucket <= now * this.#count
  }
}
