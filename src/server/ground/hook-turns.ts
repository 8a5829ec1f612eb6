import type { Outside } from './outside.ts'
import { Pace } from './pace.ts'
import { Turn } from './turn.ts'

/** Hooks that run in order. */
export interface Hooked {
  /** Whose turn the next one takes, such as a user because of whom it runs. */
  readonly payer: string
  /** Whether it has a turn to come, in which it may have nothing left. */
  isListed: boolean
  /** Runs the next one. False: there is none. */
  runOne(): boolean
}

/**
 * Hooks that nobody waits for: a few milliseconds' worth run in each turn of the event loop, payers in turns. One user
 * may leave thousands of seats at once, as whoever closes, expires or is revoked does with all sessions, or publish
 * thousands of times.
 */
export class HookTurns {
  readonly #now: () => number
  readonly #turn: Turn
  readonly #later: Pace<Hooked>

  constructor(outside: Pick<Outside, 'now' | 'soon'>) {
    const soon = (action: () => void): unknown => outside.soon(action)
    this.#now = () => outside.now()
    this.#turn = new Turn(soon)
    // None throws: what a hook throws is logged.
    const [act, failed] = [(hooks: Hooked): void => this.#goOn(hooks), (): void => {}]
    this.#later = new Pace<Hooked>(act, failed, this.#now, 1, soon)
  }

  get hasTime(): boolean {
    return this.#turn.hasTime(this.#now())
  }

  /** Runs hooks in later turns, one each time. */
  add(hooks: Hooked): void {
    hooks.isListed = true
    this.#later.add(hooks, hooks.payer)
  }

  /** Runs hooks as long as this turn has time, and the rest in later ones. */
  run(hooks: Hooked): void {
    while (!hooks.isListed) {
      if (!this.hasTime) this.add(hooks)
      else if (!hooks.runOne()) return
    }
  }

  /** Resolves when none is left for a later turn, or after so many milliseconds. */
  settled(timeoutMs: number): Promise<void> {
    return this.#later.settled(timeoutMs)
  }

  #goOn(hooks: Hooked): void {
    hooks.isListed = false
    if (hooks.runOne()) this.add(hooks)
  }
}
