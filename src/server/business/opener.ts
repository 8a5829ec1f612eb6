import type { MissingMeeting } from '../../core/index.ts'
import { checkHandler } from '../ground/check.ts'
import type { Logger } from '../ground/logger.ts'
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
  #handler: OpenMissing | undefined

  constructor(
    host: Host,
    logger: Logger,
    open: (missing: MissingMeeting, options: OpenOptions) => Promise<unknown>,
  ) {
    this.#host = host
    this.#logger = logger
    this.#open = open
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

  /** No handler runs before this returns, because the sweep calls it. */
  ask(missing: MissingMeeting): void {
    queueMicrotask(() => void this.#ask(missing))
  }

  async #ask(missing: MissingMeeting): Promise<void> {
    const { name } = missing
    try {
      const options = await this.#handler?.(name)
      // The handler may have opened the meeting itself, with everything that belongs to it.
      if (options !== null && options !== undefined) await this.#open(missing, options)
    } catch (error) {
      this.#logger.error({ err: error, meeting: name }, 'a meeting could not be opened on demand')
    }
    this.#host.handle((node, now) => node.handleMissing(missing, now))
  }

  /** The question has timed out. */
  late({ name }: MissingMeeting): void {
    this.#logger.error({ meeting: name }, 'the handler of onMissing did not answer in time')
  }
}
