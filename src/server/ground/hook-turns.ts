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

/** The hooks of one meeting that nobody waits for, in order. Each of its other hooks runs behind them. */
export class HookQueue implements Hooked {
  readonly #turns: Pick<HookTurns, 'hasTime' | 'add'>
  readonly #waiting: { readonly hook: () => void; readonly user: string }[] = []
  isListed = false

  constructor(turns: Pick<HookTurns, 'hasTime' | 'add'>) {
    this.#turns = turns
  }

  get payer(): string {
    return `user ${this.#waiting[0]?.user ?? ''}`
  }

  get size(): number {
    return this.#waiting.length
  }

  /** Runs a hook in this turn of the event loop, if that has time, else in a later one, on account of a user. */
  run(hook: () => void, user: string): void {
    if (this.size === 0 && this.#turns.hasTime) return hook()
    this.#waiting.push({ hook, user })
    if (!this.isListed) this.#turns.add(this)
    this.isListed = true
  }

  runOne(): boolean {
    this.#waiting.shift()?.hook()
    return this.size > 0
  }

  /** Runs all that wait. */
  flush(): void {
    while (this.size > 0) this.runOne()
  }
}
