import { Timer, type TimerName, type Timers } from './timers.ts'

/** How a question ended: answered, timed out, cancelled by its asker, or closed together with its asker. */
export type Ending<A> =
  | { readonly by: 'answer'; readonly answer: A }
  | { readonly by: 'deadline' | 'cancel' | 'close' }

/** What differs between kinds of questions. */
export interface AsksHost<Q, A> {
  /** The name of their deadline timers. */
  readonly timer: TimerName
  /** Questions outstanding at a time; further ones wait for their turn, at most until their deadlines. */
  readonly most: number
  /** The party that a question is charged to: when questions wait, payers take turns. */
  payer(question: Q): string
  /** Sends the question out. The answer comes in through {@link Asks.answer}. */
  put(question: Q): void
  /**
   * Called exactly once per question, when it ends. `wasPut`: it was sent out, so its handler may still be at work on
   * it.
   */
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

/** Questions of one kind that something outside the core answers. Each ends exactly once. */
export class Asks<Q, A> {
  readonly #timers: Timers
  readonly #host: AsksHost<Q, A>
  readonly #all: Map<Q, Ask<Q>> = new Map()
  /** Questions that wait for their turn, by payer. */
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

  /** Sends a question out, now or when its turn comes. It ends at its deadline at the latest. */
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

  /** Takes the answer to a question. False: the question has already ended, or was never sent out. */
  answer(question: Q, answer: A, now: number): boolean {
    const ask = this.#all.get(question)
    if (ask?.state !== 'put') return false
    this.#end(ask, { by: 'answer', answer }, now)
    return true
  }

  /** Ends a question without an answer. Has no effect on one that has ended. */
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

  /** Sends questions out while there are places: the oldest question of each payer in turn. */
  #next(now: number): void {
    for (const [payer, line] of this.#waiting) {
      if (this.#put >= this.#host.most) return
      const [ask] = line
      // Too late: its deadline timer is about to end it.
      if (ask === undefined || ask.timer.at <= now) continue
      this.#waiting.delete(payer)
      line.delete(ask)
      // The payer moves behind the others, and the loop comes to it again.
      if (line.size > 0) this.#waiting.set(payer, line)
      ask.state = 'put'
      this.#put++
      this.#host.put(ask.question)
    }
  }
}
