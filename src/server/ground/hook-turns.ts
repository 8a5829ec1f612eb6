import type { Outside } from './outside.ts'
import { Pace } from './pace.ts'
import { Turn } from './turn.ts'

/** Hooks that run in order. */
export interface Hooked {
  /**
   * In whose turns they run: all because of whom there is one, as a user for what the user has said. Whoever has one
   * behind those of another waits for none of what that one has elsewhere.
   */
  readonly payers: Iterable<string>
  /** Those of them with a turn to come, in which there may be nothing left. */
  readonly listed: Set<string>
  /** Runs the next one. False: there is none. */
  runOne(): boolean
}

interface Listed {
  readonly hooks: Hooked
  readonly payer: string
}

/**
 * Hooks that nobody waits for: a few milliseconds' worth run in each turn of the event loop, payers in turns. One user
 * may leave thousands of seats at once, as whoever closes, expires or is revoked does with all sessions, or publish
 * thousands of times.
 */
export class HookTurns {
  readonly #now: () => number
  readonly #turn: Turn
  readonly #later: Pace<Listed>

  constructor(outside: Pick<Outside, 'now' | 'soon'>) {
    const soon = (action: () => void): unknown => outside.soon(action)
    this.#now = () => outside.now()
    this.#turn = new Turn(soon)
    // None throws: what a hook throws is logged.
    const [act, failed] = [(listed: Listed): void => this.#goOn(listed), (): void => {}]
    this.#later = new Pace<Listed>(act, failed, this.#now, 1, soon)
  }

  get hasTime(): boolean {
    return this.#turn.hasTime(this.#now())
  }

  /** Runs hooks in later turns, one each time. */
  add(hooks: Hooked): void {
    const { listed } = hooks
    for (const payer of hooks.payers) {
      if (listed.has(payer)) continue
      listed.add(payer)
      this.#later.add({ hooks, payer }, payer)
    }
  }

  /** Runs hooks as long as this turn has time, and the rest in later ones. */
  run(hooks: Hooked): void {
    if (hooks.listed.size === 0) while (this.hasTime) if (!hooks.runOne()) return
    this.add(hooks)
  }

  /** Resolves when none is left for a later turn, or after so many milliseconds. */
  settled(timeoutMs: number): Promise<void> {
    return this.#later.settled(timeoutMs)
  }

  #goOn({ hooks, payer }: Listed): void {
    hooks.listed.delete(payer)
    if (hooks.runOne()) this.add(hooks)
  }
}
