import type { MissingMeeting } from '../../core/index.ts'
import { checkHandler } from '../ground/check.ts'
import { InTurn } from '../ground/in-turn.ts'
import type { Logger } from '../ground/logger.ts'
import { isThenable } from '../ground/thenable.ts'
import type { Host } from '../host.ts'
import type { OpenOptions } from './meeting-options.ts'

/**
 * The options to open a meeting of this name with; null where there is no such meeting. A handler that throws means
 * null.
 */
export type OpenMissing<K extends string = string> = (
  name: string,
) => OpenOptions<K> | null | undefined | Promise<OpenOptions<K> | null | undefined>

/** Asks the business to open meetings that a client wants to join and that are not open. */
export class Opener {
  readonly #host: Host
  readonly #logger: Logger
  readonly #open: (missing: MissingMeeting, options: OpenOptions) => Promise<unknown>
  readonly #inTurn: InTurn
  #handler: OpenMissing | undefined

  constructor(
    host: Host,
    logger: Logger,
    open: (missing: MissingMeeting, options: OpenOptions) => Promise<unknown>,
  ) {
    this.#host = host
    this.#logger = logger
    this.#open = open
    this.#inTurn = new InTurn(host.outside)
  }

  /** Sets the handler. Throws an Error where there is one already. */
  register(handler: OpenMissing): () => void {
    checkHandler('onMissing', handler)
    if (this.#handler !== undefined)
      throw new Error('onMissing was given a handler already; call what it returned before giving another')
    this.#handler = handler
    this.#host.node.openOnDemand(true)
    return () => {
      if (this.#handler !== handler) return
      this.#handler = undefined
      this.#host.node.openOnDemand(false)
    }
  }

  /** No handler runs before this returns, because the sweep calls it. Many may ask together, and open what they get. */
  ask(missing: MissingMeeting): void {
    queueMicrotask(() => this.#inTurn.add(() => void this.#ask(missing), missing.user))
  }

  async #ask(missing: MissingMeeting): Promise<void> {
    const { name, user } = missing
    try {
      const answer = this.#handler?.(name)
      const isLate = isThenable(answer)
      const options = isLate ? await answer : answer
      // The handler may have opened the meeting itself, with everything that belongs to it.
      if (options === null || options === undefined) return
      const open = (): Promise<unknown> => this.#open(missing, options)
      await (isLate ? new Promise((resolve) => this.#inTurn.add(() => resolve(open()), user)) : open())
    } catch (error) {
      this.#logger.error({ err: error, meeting: name }, 'a meeting could not be opened on demand')
    } finally {
      this.#host.handle((node, now) => node.handleMissing(missing, now))
    }
  }

  /** The question has timed out. */
  late({ name }: MissingMeeting): void {
    this.#logger.error({ meeting: name }, 'the handler of onMissing did not answer in time')
  }
}
