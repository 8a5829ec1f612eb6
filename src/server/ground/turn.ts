/** Time to work in one turn of the event loop, in milliseconds. */
export const TURN_MS = 4

/** Has something done in the next turn of the event loop. */
export type Soon = (action: () => void) => unknown

export const nextTurn: Soon = (action) => setImmediate(action)

/** The present turn of the event loop, from the first time on that somebody asks whether it has time. */
export class Turn {
  readonly #soon: Soon
  readonly #began: () => void
  #until: number | null = null

  /** `began`: called with the first question of each turn. */
  constructor(soon: Soon = nextTurn, began: () => void = () => {}) {
    this.#soon = soon
    this.#began = began
  }

  /** `now`: in monotonic milliseconds. */
  hasTime(now: number): boolean {
    if (this.#until === null) {
      this.#until = now + TURN_MS
      this.#began()
      this.#soon(() => (this.#until = null))
    }
    return now < this.#until
  }
}
