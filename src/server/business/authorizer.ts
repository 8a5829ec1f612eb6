import type { Allowance, Question } from '../../core/index.ts'
import { checkHandler } from '../ground/check.ts'
import { InTurn } from '../ground/in-turn.ts'
import { logName } from '../ground/log-name.ts'
import type { Logger } from '../ground/logger.ts'
import { type Outside, runtime } from '../ground/outside.ts'
import { refusalIn } from '../ground/refusal.ts'

/** Something that a session wants to do and its ticket allows. */
export interface Authorization {
  readonly user: string
  readonly session: string
  readonly action: Question['action']
  /** The name of the meeting or topic. */
  readonly name: string
  /** Whether the session wants to join as a spectator. */
  readonly spectator: boolean
}

/**
 * Decides whether it is allowed: only `true` allows it. A handler that throws refuses; the client gets the code, the
 * message and the reason of a thrown `RtmsError`.
 */
export type Authorize = (request: Authorization) => boolean | Promise<boolean>

/** Asks the business what its clients may do, in addition to their tickets. */
export class Authorizer {
  readonly #answer: (question: Question, allowed: Allowance) => void
  readonly #askFirst: (on: boolean) => void
  readonly #logger: Logger
  readonly #inTurn: InTurn
  #handler: Authorize | undefined

  constructor(
    answer: (question: Question, allowed: Allowance) => void,
    askFirst: (on: boolean) => void,
    logger: Logger,
    outside: Pick<Outside, 'now' | 'soon'> = runtime,
  ) {
    this.#answer = answer
    this.#askFirst = askFirst
    this.#logger = logger
    this.#inTurn = new InTurn(outside)
  }

  /** Sets the handler. Throws an Error where there is one already. */
  register(handler: Authorize): () => void {
    checkHandler('authorize', handler)
    if (this.#handler !== undefined)
      throw new Error('authorize was given a handler already; call what it returned before giving another')
    this.#handler = handler
    this.#askFirst(true)
    return () => {
      if (this.#handler !== handler) return
      this.#handler = undefined
      this.#askFirst(false)
    }
  }

  /**
   * No handler runs before this returns, because the sweep calls it. A SUBSCRIBE may ask a thousand questions, each as
   * soon as an earlier one is answered.
   */
  ask(question: Question): void {
    queueMicrotask(() => this.#inTurn.add(() => void this.#ask(question), question.user))
  }

  async #ask(question: Question): Promise<void> {
    const { user, session, action, name, spectator } = question
    // If the handler has been removed meanwhile, the ticket alone decides.
    let allowed: Allowance = this.#handler === undefined
    try {
      if (this.#handler !== undefined) {
        // Whatever its type says, a value other than `true` is a refusal.
        const answer: unknown = await this.#handler({ user, session, action, name, spectator })
        allowed = answer === true
      }
    } catch (error) {
      const refusal = refusalIn(error)
      if (refusal !== null) return this.#answer(question, refusal)
      this.#logger.error(
        { err: error, session: logName(session), action, name },
        'the handler of authorize failed',
      )
    }
    this.#answer(question, allowed)
  }

  /** The question has timed out. */
  late({ session, action, name }: Question): void {
    this.#logger.error(
      { session: logName(session), action, name },
      'the handler of authorize did not answer in time',
    )
  }
}
