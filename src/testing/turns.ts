import type { VirtualClock } from './clock.ts'

/** More turns of the queue of microtasks than any promise of the client takes to settle. */
const SETTLING_TURNS = 8

/**
 * Runs virtual time in which public clients live: between two events their promises and microtasks settle, while time
 * stands still.
 */
export class Turns {
  readonly #clock: VirtualClock
  /** A public client has run since its promises and microtasks settled. */
  #isTouched = false
  /** What a public client or a checker inside it threw. */
  #crash: { readonly error: unknown } | null = null

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  /** A public client has run. */
  touched(): void {
    this.#isTouched = true
  }

  /** An error that would reach the runtime. The run ends with the first one. */
  crash(error: unknown): void {
    this.#crash ??= { error }
  }

  async runTo(time: number): Promise<void> {
    if (this.#isTouched) await this.#settle()
    while (this.#clock.next <= time) {
      this.#clock.runNext()
      if (this.#isTouched) await this.#settle()
    }
    this.#clock.runTo(time)
  }

  async #settle(): Promise<void> {
    this.#isTouched = false
    // eslint-disable-next-line no-await-in-loop
    for (let turn = 0; turn < SETTLING_TURNS; turn++) await Promise.resolve()
    // What ran meanwhile may have made promises of its own.
    if (this.#isTouched) await this.#settle()
    if (this.#crash !== null) throw this.#crash.error
  }
}
