import type { LossReason } from '../../core/index.ts'
import { checkHandler } from '../ground/check.ts'
import type { InTurn } from '../ground/in-turn.ts'
import { logName } from '../ground/log-name.ts'
import type { Logger } from '../ground/logger.ts'

/** A session has a connection: its first, or, if `resumed`, a later one. */
export interface Connected {
  readonly user: string
  readonly session: string
  readonly resumed: boolean
}

/**
 * A session has lost its connection. `reason` is the name of a close code of PROTOCOL.md, `LEFT` (the client closed it
 * for good), `LOST` (the network failed, or the client means to come back) or `SILENT`. `ended`: the session is over.
 */
export interface Disconnected {
  readonly user: string
  readonly session: string
  readonly reason: LossReason
  readonly ended: boolean
}

/** The business's handlers of one kind of event. */
export class Hooks<T extends { readonly user: string; readonly session: string }> {
  readonly #name: string
  readonly #logger: Logger
  readonly #inTurn: InTurn
  readonly #handlers: Set<{ readonly handle: (event: T) => unknown }> = new Set()

  /** `inTurn`: shared by the kinds of events that are told in the order in which they happen. */
  constructor(name: string, logger: Logger, inTurn: InTurn) {
    this.#name = name
    this.#logger = logger
    this.#inTurn = inTurn
  }

  add(handle: (event: T) => unknown): () => void {
    checkHandler(this.#name, handle)
    const entry = { handle }
    this.#handlers.add(entry)
    return () => void this.#handlers.delete(entry)
  }

  /**
   * Calls each handler after the call into the node has returned, in the order of a user's events, and awaits none: for
   * a few milliseconds in each turn of the event loop, since thousands of sessions may come or go together. A handler
   * that is added meanwhile hears the next event, and one that is removed not even this one.
   */
  tell(event: T): void {
    if (this.#handlers.size === 0) return
    const handlers = [...this.#handlers]
    const tell = (): void => {
      for (const entry of handlers) if (this.#handlers.has(entry)) void this.#call(entry.handle, event)
    }
    queueMicrotask(() => this.#inTurn.add(tell, event.user))
  }

  /** Resolves when all handlers have been called, of the other kinds that share its turns too, or after so long. */
  settled(timeoutMs: number): Promise<void> {
    return this.#inTurn.settled(timeoutMs)
  }

  async #call(handle: (event: T) => unknown, event: T): Promise<void> {
    try {
      await handle(event)
    } catch (error) {
      this.#logger.error({ err: error, session: logName(event.session) }, `a handler of ${this.#name} failed`)
    }
  }
}
