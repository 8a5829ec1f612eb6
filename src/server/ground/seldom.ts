const EVERY_MS = 60_000

/** Rate-limits the log line of a frequent event to one a minute, with the number of occurrences. */
export class Seldom {
  #told = -Infinity
  #count = 0

  /**
   * Counts one occurrence at `now`, in monotonic milliseconds. Returns the occurrences since the last log line, or 0
   * where none is due now.
   */
  note(now: number): number {
    this.#count++
    if (now - this.#told < EVERY_MS) return 0
    const count = this.#count
    this.#told = now
    this.#count = 0
    return count
  }
}
