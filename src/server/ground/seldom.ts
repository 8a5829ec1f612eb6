const EVERY_MS = 60_000

/** What may happen very often and is told to the log once a minute at most, with how often it has happened. */
export class Seldom {
  #told = -Infinity
  #count = 0

  /** It happened, at `now` in monotonic milliseconds. How often since it was last told; 0: do not tell it now. */
  note(now: number): number {
    this.#count++
    if (now - this.#told < EVERY_MS) return 0
    const count = this.#count
    this.#told = now
    this.#count = 0
    return count
  }
}
