import type { MessageOf } from '../../protocol/index.ts'

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
  /** What the node asked for in its goodbye, of the next wait. */
  #retryAfter = 0

  /** `random`: a number in [0, 1). */
  constructor(random: () => number, longestMs: number) {
    this.#random = random
    this.#longest = longestMs
  }

  /** Full jitter from the first attempt on: a lost node does not get all its clients back in one moment. */
  next(): number {
    const ceiling = Math.min(this.#longest, this.#max * 2 ** Math.min(this.#failures, 16))
    const jitter = this.#random() * Math.max(0, ceiling - this.#min)
    const least = Math.max(this.#min, this.#retryAfter)
    this.#failures++
    this.#retryAfter = 0
    return least + jitter
  }

  /** A short wait, though not in step with others. */
  soon(): number {
    return this.#random() * this.#min
  }

  goodbye(retryAfter: number): void {
    this.#retryAfter = retryAfter
  }

  welcomed({ reconnectMin, reconnectMax }: MessageOf<'welcome'>): void {
    this.#min = reconnectMin
    this.#max = reconnectMax
    this.#failures = 0
  }

  /** The failures so far say nothing about the next attempt. */
  forgive(): void {
    this.#failures = 0
  }
}
