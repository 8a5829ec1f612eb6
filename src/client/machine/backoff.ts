import type { MessageOf } from '../../protocol/index.ts'
import { within } from './limits.ts'

/** The range of the first wait, until a welcome says otherwise. */
const RECONNECT_MIN_MS = 200
const RECONNECT_MAX_MS = 2_000

/** How long a client waits between two attempts to connect. */
export class Backoff {
  readonly #random: () => number
  readonly #longest: number
  #min = RECONNECT_MIN_MS
  #max = RECONNECT_MAX_MS
  /** Attempts since the last welcome. */
  #failures = 0
  /** The wait that the node's GOODBYE asked for; applies to the next attempt only. */
  #retryAfter = 0

  /** `random`: a number in [0, 1). */
  constructor(random: () => number, longestMs: number) {
    this.#random = random
    this.#longest = longestMs
  }

  /** Full jitter from the first attempt on, so the clients of a lost node do not all come back at once. */
  next(): number {
    const ceiling = Math.min(this.#longest, this.#max * 2 ** this.#failures)
    const jitter = this.#random() * Math.max(0, ceiling - this.#min)
    const least = within(Math.max(this.#min, this.#retryAfter))
    this.#failures++
    this.#retryAfter = 0
    return least + jitter
  }

  /** A short wait with jitter, so clients do not reconnect in step. */
  soon(): number {
    return this.#random() * this.#min
  }

  goodbye(retryAfter: number): void {
    this.#retryAfter = retryAfter
  }

  welcomed({ reconnectMin, reconnectMax }: MessageOf<'welcome'>): void {
    this.#min = within(reconnectMin)
    this.#max = within(reconnectMax)
    this.#failures = 0
  }

  /** Resets the count: earlier failures say nothing about the next attempt. */
  forgive(): void {
    this.#failures = 0
  }
}
