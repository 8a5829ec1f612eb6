import { Asks } from '../ground/asks.ts'
import type { Timers } from '../ground/timers.ts'
import type { Verdict } from './registrar.ts'

/** How a claim ended; `late`: there was no answer in time, or the node has left the bus. */
export type ClaimEnding = Verdict | { readonly by: 'late' }

interface Question {
  readonly name: string
  /** Whether the name is to be opened, not only looked for. */
  readonly opens: boolean
  /** Whether its turn has come: so many claims are made at a time, and others wait. */
  isPut: boolean
  /** Of the last message sent for it; 0 while none is. */
  id: number
  /** Whether a beat has passed since. */
  isOld: boolean
  readonly ended: (ending: ClaimEnding, now: number) => void
}

/** What claims need of their node. */
export interface ClaimsHost {
  /** Sends a claim to the registrar of the name. False: it cannot yet. */
  put(name: string, id: number, opens: boolean): boolean
  /** This node no longer waits for an answer, and does not own the name. */
  gaveUp(name: string): void
  /** Another node has the name. */
  refused(name: string): void
}

/**
 * The claims of this node for names that it wants to open. One counts for the view in which it was made: in a new view
 * the node forgets the claim and makes another one, so an answer that comes late means nothing.
 */
export class Claims {
  readonly #asks: Asks<Question, Verdict>
  readonly #all: Set<Question> = new Set()
  /** Those that are to open a name. */
  readonly #opening: Map<string, Question> = new Map()
  /** By the id of the last message sent for it. */
  readonly #sent: Map<number, Question> = new Map()
  readonly #host: ClaimsHost
  /** The id of the last claim. */
  last = 0

  constructor(timers: Timers, most: number, host: ClaimsHost) {
    this.#host = host
    this.#asks = new Asks(timers, {
      timer: 'claim',
      most,
      share: most,
      payer: () => '',
      put: (question) => {
        question.isPut = true
        this.#put(question)
      },
      ended: (question, ending, now) =>
        this.#ended(question, ending.by === 'answer' ? ending.answer : { by: 'late' }, now),
    })
  }

  /** Whether a claim for the name is under way; a second one is not made. */
  has(name: string): boolean {
    return this.#opening.has(name)
  }

  /** Claims a name, over all views until the deadline. `ended` is called exactly once, perhaps before this returns. */
  claim(name: string, deadline: number, ended: (ending: ClaimEnding, now: number) => void): void {
    const question = { name, opens: true, isPut: false, id: 0, isOld: false, ended }
    this.#opening.set(name, question)
    this.#ask(question, deadline)
  }

  /** Asks who has a name; nobody where the owner is 0. `ended` as for {@link claim}. */
  find(name: string, deadline: number, ended: (ending: ClaimEnding, now: number) => void): void {
    this.#ask({ name, opens: false, isPut: false, id: 0, isOld: false, ended }, deadline)
  }

  #ask(question: Question, deadline: number): void {
    this.#all.add(question)
    this.#asks.ask(question, deadline)
  }

  /** The answer to the claim of this id; false where nobody waits for it. */
  answered(id: number, verdict: Verdict, now: number): boolean {
    const question = this.#sent.get(id)
    return question !== undefined && this.#asks.answer(question, verdict, now)
  }

  /** The view has changed: each claim is made anew, under another id. */
  renew(): void {
    this.#sent.clear()
    for (const question of this.#all) question.id = 0
    this.retry()
  }

  /** Sends what could not be sent before. */
  retry(): void {
    for (const question of this.#all) if (question.isPut && question.id === 0) this.#put(question)
  }

  /** A beat has passed: what has had no answer for a whole beat may have been lost, and is claimed anew. */
  beat(): void {
    for (const question of this.#all) {
      if (!question.isPut) continue
      if (question.isOld) this.#put(question)
      else question.isOld = true
    }
  }

  /** The node leaves: ends all claims. */
  endAll(now: number): void {
    for (const question of this.#all) this.#asks.end(question, 'close', now)
  }

  #put(question: Question): void {
    this.#sent.delete(question.id)
    const id = ++this.last
    Object.assign(question, { id, isOld: false })
    this.#sent.set(id, question)
    // It may have been answered at once.
    if (this.#host.put(question.name, id, question.opens) || question.id !== id) return
    this.#sent.delete(id)
    question.id = 0
  }

  #ended(question: Question, ending: ClaimEnding, now: number): void {
    this.#all.delete(question)
    if (question.opens) this.#opening.delete(question.name)
    this.#sent.delete(question.id)
    if (ending.by === 'late' && question.opens) this.#host.gaveUp(question.name)
    if (ending.by === 'taken' && question.opens) this.#host.refused(question.name)
    question.ended(ending, now)
  }
}
