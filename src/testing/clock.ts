import { Timer, Timers } from '../core/ground/timers.ts'

/** Virtual time in milliseconds: events run in order of (time, order of scheduling), and nothing ever waits. */
export class VirtualClock {
  readonly #timers: Timers<'event'> = new Timers()
  now = 0
  /** Events run at this instant. */
  #here = 0

  /** Calls `action` at `time`, or now where that is past. Returns the function that cancels it. */
  at(time: number, action: () => void): () => void {
    const timer = new Timer('event', action)
    this.#timers.set(timer, Math.max(time, this.now))
    return () => this.#timers.clear(timer)
  }

  after(delay: number, action: () => void): () => void {
    return this.at(this.now + delay, action)
  }

  /** When the next event is due; `Infinity` for none. */
  get next(): number {
    return this.#timers.next
  }

  /** Runs the next event. Throws after `limit` events at one instant: something loops. */
  runNext(limit = 100_000): void {
    const { next } = this.#timers
    this.#here = next === this.now ? this.#here + 1 : 0
    if (this.#here > limit) throw new Error(`more than ${limit} events at virtual time ${this.now}`)
    this.now = next
    this.#timers.runOne(next)
  }

  /** Runs every event due up to `time`. */
  runTo(time: number): void {
    while (this.#timers.next <= time) this.runNext()
    this.now = time
  }
}
