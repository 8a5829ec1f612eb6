import { Timer, type TimerName, type Timers } from './timers.ts'

/** How a question ended: with its answer; without one in time; taken back by its asker; with the end of its asker. */
export type Ending<A> =
  | { readonly by: 'answer'; readonly answer: A }
  | { readonly by: 'deadline' | 'cancel' | 'close' }

/** What questions of one kind need. */
export interface AsksHost<Q, A> {
  /** The name of its deadlines. */
  readonly timer: TimerName
  /** Questions that are outside at a time; one more waits for its turn, but not beyond its deadline. */
  readonly most: number
  /** Who takes turns with the others where questions have to wait. */
  payer(question: Q): string
  /** Puts the question to somebody outside. The answer comes by {@link Asks.answer}. */
  put(question: Q): void
  /** The one end of a question. `wasPut`: whoever was asked may still be at work on it. */
  ended(question: Q, ending: Ending<A>, now: number, wasPut: boolean): void
}

/**
 * The life of a question. Every legal move:
 *
 *   waiting ─its turn comes→ put ─answer─┐
 *      └──────────────────────┴─deadline, cancel, close→ gone
 */
interface Ask<Q> {
  readonly question: Q
  state: 'waiting' | 'put'
  readonly timer: Timer
}

/** Questions of one kind to somebody outside, each of which ends exactly once. */
export class Asks<Q, A> {
  readonly #timers: Timers
  readonly #host: AsksHost<Q, A>
  readonly #all: Map<Q, Ask<Q>> = new Map()
  /** Those that wait for their turn, by payer. */
  readonly #waiting: Map<string, Set<Ask<Q>>> = new Map()
  #put = 0

  constructor(timers: Timers, host: AsksHost<Q, A>) {
    this.#timers = timers
    this.#host = host
  }

  /** Questions that have not ended. */
  get size(): number {
    return this.#all.size
  }

  /** Whether the question was put and has not ended. */
  isPut(question: Q): boolean {
    return this.#all.get(question)?.state === 'put'
  }

  /** Puts a question, now or when its turn comes. It ends at the deadline at the latest. */
  ask(question: Q, deadline: number): void {
    const timer = new Timer(this.#host.timer, (now) => this.#end(ask, { by: 'deadline' }, now))
    const ask: Ask<Q> = { question, state: 'waiting', timer }
    this.#all.set(question, ask)
    this.#timers.set(timer, deadline)
    const payer = this.#host.payer(question)
    const line = this.#waiting.get(payer)
    if (line === undefined) this.#waiting.set(payer, new Set([ask]))
    else line.add(ask)
    this.#next(-Infinity)
  }

  /** The answer. False: the question has ended already, or was never put. */
  answer(question: Q, answer: A, now: number): boolean {
    const ask = this.#all.get(question)
    if (ask?.state !== 'put') return false
    this.#end(ask, { by: 'answer', answer }, now)
    return true
  }

  /** Ends a question without an answer. Without effect where it has ended. */
  end(question: Q, by: 'cancel' | 'close', now: number): void {
    const ask = this.#all.get(question)
    if (ask !== undefined) this.#end(ask, { by }, now)
  }

  #end(ask: Ask<Q>, ending: Ending<A>, now: number): void {
    const { question, state, timer } = ask
    this.#timers.clear(timer)
    this.#all.delete(question)
    if (state === 'put') this.#put--
    else this.#leaveLine(ask)
    this.#host.ended(question, ending, now, state === 'put')
    this.#next(now)
  }

  #leaveLine(ask: Ask<Q>): void {
    const payer = this.#host.payer(ask.question)
    const line = this.#waiting.get(payer)
    line?.delete(ask)
    if (line?.size === 0) this.#waiting.delete(payer)
  }

  /** Puts questions as long as there are places: the oldest of each payer in turn. */
  #next(now: number): void {
    for (const [payer, line] of this.#waiting) {
      if (this.#put >= this.#host.most) return
      const [ask] = line
      // Too late: its own deadline is about to end it.
      if (ask === undefined || ask.timer.at <= now) continue
      this.#waiting.delete(payer)
      line.delete(ask)
      // Behind the others. The loop comes to it again.
      if (line.size > 0) this.#waiting.set(payer, line)
      ask.state = 'put'
      this.#put++
      this.#host.put(ask.question)
    }
  }
}
