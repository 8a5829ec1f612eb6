import { Places } from './places.ts'
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
  /** How many of those may be of one payer. */
  readonly share: number
  /** The party that a question is charged to, asked for once: when questions wait, payers take turns. */
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
 *   waiting ─its turn comes→ put ─answer, deadline→ gone
 *      │                      └─cancel, close→ dropped ─answer, deadline→ gone
 *      └─deadline, cancel, close→ gone
 *
 * One that is dropped has ended for its asker. It keeps its place, because its handler is still at work: otherwise an
 * asker that asks and cancels could have any number of handlers at work.
 */
interface Ask<Q> {
  readonly question: Q
  /** Whoever it was charged to when it was asked: a connection that has closed no longer has an address. */
  readonly payer: string
  state: 'waiting' | 'put' | 'dropped'
  readonly timer: Timer
}

/** Questions of one kind that something outside the core answers. Each ends exactly once. */
export class Asks<Q, A> {
  readonly #timers: Timers
  readonly #host: AsksHost<Q, A>
  readonly #all: Map<Q, Ask<Q>> = new Map()
  readonly #places: Places<Ask<Q>>
  /** The time of the last ending. */
  #now = -Infinity

  constructor(timers: Timers, host: AsksHost<Q, A>) {
    this.#timers = timers
    this.#host = host
    this.#places = new Places({
      most: host.most,
      share: host.share,
      payer: ({ payer }) => payer,
      enter: (ask) => this.#enter(ask),
    })
  }

  /** Questions that have not ended, and those that were dropped and keep their place. */
  get size(): number {
    return this.#all.size
  }

  /** Sends a question out, now or when its turn comes. It ends at its deadline at the latest. */
  ask(question: Q, deadline: number): void {
    const timer = new Timer(this.#host.timer, (now) => this.#end(ask, { by: 'deadline' }, now))
    const payer = this.#host.payer(question)
    const ask: Ask<Q> = { question, payer, state: 'waiting', timer }
    this.#all.set(question, ask)
    this.#timers.set(timer, deadline)
    this.#places.wait(ask)
  }

  #enter(ask: Ask<Q>): boolean {
    // Too late: its deadline timer is about to end it.
    if (ask.timer.at <= this.#now) return false
    ask.state = 'put'
    this.#host.put(ask.question)
    return true
  }

  /** Takes the answer to a question. False: the question has already ended, or was never sent out. */
  answer(question: Q, answer: A, now: number): boolean {
    const ask = this.#all.get(question)
    if (ask === undefined || ask.state === 'waiting') return false
    const { state } = ask
    this.#end(ask, { by: 'answer', answer }, now)
    return state === 'put'
  }

  /** Ends a question without an answer. Has no effect on one that has ended. */
  end(question: Q, by: 'cancel' | 'close', now: number = this.#now): void {
    const ask = this.#all.get(question)
    if (ask !== undefined && ask.state !== 'dropped') this.#end(ask, { by }, now)
  }

  #end(ask: Ask<Q>, ending: Ending<A>, now: number): void {
    const { question, state, timer } = ask
    this.#now = now
    const isGivenUp = ending.by === 'cancel' || ending.by === 'close'
    // Without a limit there is no place to keep.
    const isDropped = state === 'put' && isGivenUp && this.#host.most < Infinity
    if (isDropped) ask.state = 'dropped'
    else {
      this.#timers.clear(timer)
      this.#all.delete(question)
    }
    if (state !== 'dropped') this.#host.ended(question, ending, now, state === 'put')
    if (state === 'waiting') this.#places.withdraw(ask)
    else if (!isDropped) this.#places.release(ask)
  }
}
