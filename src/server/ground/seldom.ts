const EVERY_MS = 60_000

/** Rate-limits the log lines of a frequent event to so many a minute, with the number of occurrences. */
export class Seldom {
  readonly #lines: number
  #begun = -Infinity
  #told = 0
  #count = 0

  constructor(lines = 1) {
    this.#lines = lines
  }

  /**
   * Counts one occurrence at `now`, in monotonic milliseconds. Returns the occurrences since the last log line, or 0
   * where none is due now.
   */
  note(now: number): number {
    this.#count++
    if (now - this.#begun >= EVERY_MS) {
      this.#begun = now
      this.#told = 0
    }
    if (this.#told === this.#lines) return 0
    this.#told++
    const count = this.#count
    this.#count = 0
    return count
  }
}
