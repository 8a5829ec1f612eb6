import { serverLimits } from '../ground/limits.ts'

/** Decides which bytes of a peer count as signs of life: all, until a message takes too long to become whole. */
export class SignsOfLife {
  /** When the last message, ping or pong became whole, in monotonic milliseconds. */
  #wholeAt: number

  constructor(now: number) {
    this.#wholeAt = now
  }

  whole(now: number): void {
    this.#wholeAt = now
  }

  /** Handles bytes that have arrived. */
  count(now: number): boolean {
    return now - this.#wholeAt < serverLimits.wholeMs
  }
}
