/** Time to work in one turn of the event loop, in milliseconds. */
const TURN_MS = 4

/**
 * Runs queued actions, a few in each turn of the event loop, so other due work is not late. Those of one payer run in
 * order, and payers take turns, so nobody waits behind another's crowd. An action that throws costs nobody else their
 * turn.
 */
export class Pace<T> {
  readonly #act: (item: T) => void
  readonly #failed: (item: T, error: unknown) => void
  /** The items of each payer; the first payer is next. */
  readonly #lines: Map<string, T[]> = new Map()
  readonly #now: () => number
  #size = 0

  /** `failed` is told what `act` throws. */
  constructor(
    act: (item: T) => void,
    failed: (item: T, error: unknown) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#act = act
    this.#failed = failed
    this.#now = now
  }

  /** The number of waiting actions. */
  get size(): number {
    return this.#size
  }

  add(item: T, payer: string): void {
    const line = this.#lines.get(payer)
    if (line === undefined) this.#lines.set(payer, [item])
    else line.push(item)
    if (++this.#size === 1) setImmediate(() => this.#turn())
  }

  #turn(): void {
    const end = this.#now() + TURN_MS
    for (const [payer, line] of this.#lines) {
      const [item] = line.splice(0, 1)
      // The payer moves behind the others, and the loop comes to it again.
      this.#lines.delete(payer)
      if (line.length > 0) this.#lines.set(payer, line)
      this.#run(item as T)
      this.#size--
      if (this.#now() >= end) break
    }
    if (this.#size > 0) setImmediate(() => this.#turn())
  }

  #run(item: T): void {
    try {
      this.#act(item)
    } catch (error) {
      this.#failed(item, error)
    }
  }
}
