import { Crowd } from '../../core/index.ts'
import { nextTurn, type Soon, TURN_MS } from './turn.ts'

interface Waiting<T> {
  readonly item: T
  readonly payer: string
}

/**
 * Runs queued actions, a few in each turn of the event loop, so other due work is not late. Those of one payer run in
 * order, and payers take turns, so nobody waits behind another's crowd. An action that throws costs nobody else their
 * turn.
 */
export class Pace<T> {
  readonly #act: (item: T) => void
  readonly #failed: (item: T, error: unknown) => void
  readonly #crowd: Crowd<Waiting<T>> = new Crowd()
  /** The payers of waiting actions, the next turn first. */
  readonly #turns: Set<string> = new Set()
  readonly #now: () => number
  readonly #least: number
  readonly #soon: Soon
  #isArmed = false

  /**
   * `failed` is told what `act` throws. `least`: actions in one turn, however long they seem to take. On a busy machine
   * a process is put aside in the middle of a short one, and a turn of the event loop comes rarely.
   */
  constructor(
    act: (item: T) => void,
    failed: (item: T, error: unknown) => void,
    now: () => number = () => performance.now(),
    least = 1,
    soon: Soon = nextTurn,
  ) {
    this.#act = act
    this.#failed = failed
    this.#now = now
    this.#least = least
    this.#soon = soon
  }

  /** The number of waiting actions. */
  get size(): number {
    return this.#crowd.size
  }

  /** Whether actions of this payer wait. */
  has(payer: string): boolean {
    return this.#turns.has(payer)
  }

  add(item: T, payer: string): void {
    this.#crowd.add(payer, { item, payer })
    this.#turns.add(payer)
    this.#arm()
  }

  /**
   * Makes room for one more action of this payer: takes the first action of the payer that has most, and returns it.
   * Undefined where nobody would have more than this payer.
   */
  makeRoom(payer: string): T | undefined {
    if (this.#crowd.longest <= this.#crowd.of(payer) + 1) return undefined
    const { first } = this.#crowd
    if (first !== undefined) this.#take(first)
    return first?.item
  }

  /** Runs the first action of the payer whose turn is next. */
  runOne(): void {
    const [payer] = this.#turns
    if (payer === undefined) return
    const waiting = this.#crowd.firstOf(payer) as Waiting<T>
    this.#take(waiting)
    this.#run(waiting.item)
  }

  /** The payer moves behind the others, where it has more. */
  #take(waiting: Waiting<T>): void {
    const { payer } = waiting
    this.#crowd.delete(payer, waiting)
    this.#turns.delete(payer)
    if (this.#crowd.of(payer) > 0) this.#turns.add(payer)
  }

  /** Resolves when none waits, nor is about to in a microtask; or after so many milliseconds. */
  async settled(timeoutMs: number): Promise<void> {
    const end = this.#now() + timeoutMs
    await Promise.resolve()
    while (this.size > 0 && this.#now() < end) {
      // oxlint-disable-next-line no-await-in-loop -- One turn after the other.
      await new Promise<void>((resolve) => void this.#soon(resolve))
    }
  }

  #arm(): void {
    if (this.#isArmed || this.size === 0) return
    this.#isArmed = true
    this.#soon(() => {
      this.#isArmed = false
      this.#turn()
    })
  }

  #turn(): void {
    const end = this.#now() + TURN_MS
    let done = 0
    while (this.size > 0) {
      this.runOne()
      if (++done >= this.#least && this.#now() >= end) break
    }
    this.#arm()
  }

  #run(item: T): void {
    try {
      this.#act(item)
    } catch (error) {
      this.#failed(item, error)
    }
  }
}
