import type { Question } from '../../core/index.ts'
import { logName } from '../ground/log-name.ts'
import type { Logger } from '../ground/logger.ts'

/** What a session wants to do, and its ticket allows. */
export interface Authorization {
  readonly user: string
  readonly session: string
  readonly action: Question['action']
  /** Of the meeting or topic. */
  readonly name: string
  /** Whether it wants to join as a spectator. */
  readonly spectator: boolean
}

/** Only `true` allows it. One that throws has said no. */
export type Authorize = (request: Authorization) => boolean | Promise<boolean>

/** The business's say in what its clients may do, besides their tickets. */
export class Authorizer {
  readonly #answer: (question: Question, allowed: boolean) => void
  readonly #askFirst: (on: boolean) => void
  readonly #logger: Logger
  #handler: Authorize | undefined

  constructor(
    answer: (question: Question, allowed: boolean) => void,
    askFirst: (on: boolean) => void,
    logger: Logger,
  ) {
    this.#answer = answer
    this.#askFirst = askFirst
    this.#logger = logger
  }

  /** Sets the handler. Throws an Error where there is one already. */
  register(handler: Authorize): () => void {
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

  /** Nothing of the business runs before this returns: it is called from inside the sweep. */
  ask(question: Question): void {
    queueMicrotask(() => void this.#ask(question))
  }

  async #ask(question: Question): Promise<void> {
    const { user, session, action, name, spectator } = question
    // Where the handler is gone meanwhile, the ticket is all that counts.
    let allowed = this.#handler === undefined
    try {
      if (this.#handler !== undefined) {
        // Whatever its type says, what is no boolean is no yes.
        const answer: unknown = await this.#handler({ user, session, action, name, spectator })
        allowed = answer === true
      }
    } catch (error) {
      this.#logger.error(
        { err: error, session: logName(session), action, name },
        'the handler of authorize failed',
      )
    }
    this.#answer(question, allowed)
  }

  /** No answer came in time. */
  late({ session, action, name }: Question): void {
    this.#logger.error(
      { session: logName(session), action, name },
      'the handler of authorize did not answer in time',
    )
  }
}
