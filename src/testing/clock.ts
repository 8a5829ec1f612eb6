import { Timer, Timers } from '../core/ground/timers.ts'

/** Virtual time in milliseconds: events run in order of (time, order of scheduling), and nothing ever waits. */
export class VirtualClock {
  readonly #timers: Timers<'event'> = new Timers()
  now = 0

  /** Calls `action` at `time`, or now where that is past. Returns the function that cancels it. */
  at(time: number, action: () => void): () => void {
    const timer = new Timer('event', action)
    this.#timers.set(timer, Math.max(time, this.now))
    return () => this.#timers.clear(timer)
  }

  after(delay: number, action: () => void): () => void {
    return this.at(this.now + delay, action)
  }

  /** Runs every event due up to `time`. Throws after `limit` events at one instant: something loops. */
  runTo(time: number, limit = 100_000): void {
    let here = 0
    while (this.#timers.next <= time) {
      const next = this.#timers.next
      here = next === this.now ? here + 1 : 0
      if (here > limit) throw new Error(`more than ${limit} events at virtual time ${this.now}`)
      this.now = next
      this.#timers.runOne(next)
    }
    this.now = time
  }
}
