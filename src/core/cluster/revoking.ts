import type { ToldRevocation } from '../ports.ts'
import type { AnswerOf, QuestionOf } from './question-kinds.ts'
import type { Questions } from './questions.ts'

/** How long a node has to tell its revocations. */
const REVOCATIONS_MS = 5_000
/** Revocations told in one answer. */
const REVOCATIONS = 1_000

/** What revoking needs of its node. */
export interface RevokingHost {
  /** Those in force here: see `Revocations`. */
  readonly revocations: {
    readonly last: number
    list(after: number, most: number, now: number): AnswerOf<'revocations'>
  }
  learnRevocation(told: ToldRevocation, now: number): unknown
  readonly questions: () => Questions
  isThere(node: number): boolean
  reaches(node: number): boolean
}

/** How far another node has told its revocations. */
interface Told {
  /** Up to which of its numbers. */
  upTo: number
  /** It is asked, and, with `again`, will be once more. */
  isAsked: boolean
  again: boolean
}

/** Keeps this node's revocations level with those of the others: a cursor in the log of each. */
export class Revoking {
  readonly #host: RevokingHost
  readonly #told: Map<number, Told> = new Map()

  constructor(host: RevokingHost) {
    this.#host = host
  }

  /** Asks a node for the revocations in force there that it has not told yet. */
  ask(node: number, now: number): void {
    const told = this.#toldBy(node)
    if (told.isAsked) {
      told.again = true
      return
    }
    told.isAsked = true
    const { last } = this.#host.revocations
    const question = { after: told.upTo, last }
    this.#host.questions().ask([node], 'revocations', question, now + REVOCATIONS_MS, (_, ending, at) => {
      const { again } = told
      told.isAsked = told.again = false
      if (ending.by === 'answer') {
        const { told: each, next, isAll } = ending.answer
        for (const revocation of each) this.#host.learnRevocation(revocation, at)
        told.upTo = Math.max(next, told.upTo)
        if (again || !isAll) this.ask(node, at)
      } else if (ending.by === 'deadline' && this.#host.reaches(node))
        // One that is silent is asked when it is heard again.
        this.ask(node, at)
    })
  }

  /** Answers a node that asks, and asks it in turn: it may know some of a node that has ended without this one. */
  answer(from: number, { after, last }: QuestionOf<'revocations'>, now: number): AnswerOf<'revocations'> {
    if (last > this.#toldBy(from).upTo) this.ask(from, now)
    return this.#host.revocations.list(after, REVOCATIONS, now)
  }

  gone(node: number): void {
    this.#told.delete(node)
  }

  #toldBy(node: number): Told {
    const known = this.#told.get(node)
    if (known !== undefined) return known
    const told = { upTo: 0, isAsked: false, again: false }
    if (this.#host.isThere(node)) this.#told.set(node, told)
    return told
  }
}
