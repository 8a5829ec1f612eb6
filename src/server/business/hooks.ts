import type { LossReason, Question } from '../../core/index.ts'
import { logName } from '../ground/log-name.ts'
import type { Logger } from '../options/options.ts'

/** A session has a connection: its first, or (`resumed`) one it goes on with. */
export interface Connected {
  readonly user: string
  readonly session: string
  readonly resumed: boolean
}

/**
 * A session has lost its connection, and why: the reason of a close code of PROTOCOL.md, `LEFT` (the client closed it for
 * good), `LOST` (the network, or a client that means to come back), `SILENT`. `ended`: the session is over.
 */
export interface Disconnected {
  readonly user: string
  readonly session: string
  readonly reason: LossReason
  readonly ended: boolean
}

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

/** The business's handlers of one kind of event. */
export class Hooks<T extends { readonly session: string }> {
  readonly #name: string
  readonly #logger: Logger
  readonly #handlers: Set<{ readonly handle: (event: T) => unknown }> = new Set()

  constructor(name: string, logger: Logger) {
    this.#name = name
    this.#logger = logger
  }

  add(handle: (event: T) => unknown): () => void {
    const entry = { handle }
    this.#handlers.add(entry)
    return () => void this.#handlers.delete(entry)
  }

  /** Calls each handler once the call into the node is over, in the order of events; waits for none. */
  tell(event: T): void {
    if (this.#handlers.size === 0) return
    queueMicrotask(() => {
      for (const { handle } of this.#handlers) void this.#call(handle, event)
    })
  }

  async #call(handle: (event: T) => unknown, event: T): Promise<void> {
    try {
      await handle(event)
    } catch (error) {
      this.#logger.error({ err: error, session: logName(event.session) }, `a handler of ${this.#name} failed`)
    }
  }
}

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
