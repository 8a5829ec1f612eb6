/** Time to work in one turn of the event loop, in milliseconds. */
const TURN_MS = 4

/**
 * Runs queued actions in order, a few in each turn of the event loop, so other due work is not late. An action that
 * throws costs nobody else their turn.
 */
export class Pace<T> {
  readonly #act: (item: T) => void
  readonly #failed: (item: T, error: unknown) => void
  readonly #waiting: T[] = []
  readonly #now: () => number

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
    return this.#waiting.length
  }

  add(item: T): void {
    this.#waiting.push(item)
    if (this.#waiting.length === 1) setImmediate(() => this.#turn())
  }

  #turn(): void {
    const end = this.#now() + TURN_MS
    let done = 0
    do this.#run(this.#waiting[done++] as T)
    while (done < this.#waiting.length && this.#now() < end)
    this.#waiting.splice(0, done)
    if (this.#waiting.length > 0) setImmediate(() => this.#turn())
  }

  #run(item: T): void {
    try {
      this.#act(item)
    } catch (error) {
      this.#failed(item, error)
    }
  }
}
