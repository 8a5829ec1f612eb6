import type { Outside } from './outside.ts'
import { Pace } from './pace.ts'
import { Turn } from './turn.ts'

/**
 * Calls into the business that begin a few milliseconds' worth in each turn of the event loop: what one does before it
 * first waits holds everything up. Beyond that payers take turns.
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

  /** Calls `begin` now or in a later turn. */
  add(begin: () => void, payer: string): void {
    if (this.#turn.hasTime(this.#now())) begin()
    else this.#later.add(begin, payer)
  }
}
