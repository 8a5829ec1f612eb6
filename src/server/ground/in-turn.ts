import type { Outside } from './outside.ts'
import { Pace } from './pace.ts'
import { Turn } from './turn.ts'

/** How many may wait at most, then the first begins at once: more than can be done must not fill memory. */
const MOST_WAITING = 10_000

/**
 * Calls that begin a few milliseconds' worth in each turn of the event loop, such as those into the business: what one
 * does before it first waits holds everything up. Beyond that payers take turns. Those of one payer begin in order.
 */
export class InTurn {
  readonly #now: () => number
  readonly #turn: Turn
  readonly #later: Pace<() => void>

  constructor(outside: Pick<Outside, 'now' | 'soon'>) {
    this.#now = () => outside.now()
    const soon = (action: () => void): unknown => outside.soon(action)
    this.#turn = new Turn(soon)
    this.#later = new Pace<() => void>(
      (begin) => {
        // The turn has begun, where nobody else has asked.
        this.#turn.hasTime(this.#now())
        begin()
      },
      // None throws: what the business throws is its answer.
      () => {},
      this.#now,
      1,
      soon,
    )
  }

  /** Calls `begin`, which does not throw, now or in a later turn. */
  add(begin: () => void, payer: string): void {
    if (this.#turn.hasTime(this.#now()) && !this.#later.has(payer)) return begin()
    this.#later.add(begin, payer)
    if (this.#later.size > MOST_WAITING) this.#later.runOne()
  }

  /** Resolves when all have begun, or after so many milliseconds. */
  settled(timeoutMs: number): Promise<void> {
    return this.#later.settled(timeoutMs)
  }
}
