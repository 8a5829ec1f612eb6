import type { ClientPublication as Offered, Refusal } from '../../core/index.ts'
import { fromPayload, isName, limits, matches, type Payload, RtmsError } from '../../protocol/index.ts'
import { checkHandler, checkPattern } from '../ground/check.ts'
import { logName } from '../ground/log-name.ts'
import type { Logger } from '../ground/logger.ts'
import { refusalIn } from '../ground/refusal.ts'
import type { Host } from '../host.ts'
import { encoded, replacement } from './decisions.ts'
import { checked, checkSchema, isSchema, type Schema } from './schema.ts'

/** A publication of a client, before anybody gets it. */
export interface ClientPublication<T = unknown> {
  readonly user: string
  readonly session: string
  readonly topic: string
  /** '' where it has none. */
  readonly key: string
  /** Whether it removes its key. */
  readonly removed: boolean
  /**
   * JSON parsed, or bytes as a `Uint8Array`, which is read-only. With a schema, what that made of it, and null where a
   * key is removed; without one, what a client sent, whatever its type says: check it.
   */
  readonly data: T
}

/**
 * Decides about a publication. Undefined or `true` passes it on; `false` or `null` drops it, and the client's promise
 * rejects with FORBIDDEN. A thrown `RtmsError` drops it with its code and message, any other thrown value with
 * HANDLER_FAILED. Any other value takes the place of the data.
 */
export type PublishHandler<T = unknown> = (
  publication: ClientPublication<T>,
) => T | boolean | null | undefined | void

interface Handler {
  readonly pattern: string
  readonly schema: Schema | undefined
  readonly handle: PublishHandler | undefined
}

const DROPPED: Refusal = {
  code: 'FORBIDDEN',
  message: 'The business does not take this publication.',
  retryAfterMs: 0,
}
const FAILED: Refusal = new RtmsError('HANDLER_FAILED', 'The business server could not decide.')

/** What decides about publications of clients. */
export class Publications {
  readonly #host: Host
  readonly #logger: Logger
  readonly #handlers: Handler[] = []

  constructor(host: Host, logger: Logger) {
    this.#host = host
    this.#logger = logger
  }

  /** Registers what decides about publications to topics of a pattern. Returns the function that removes it. */
  decide(pattern: string, ...given: readonly unknown[]): () => void {
    checkPattern('pattern of topics', pattern, 'BAD_TOPIC')
    // Some schemas are functions.
    const hasSchema = given.length > 1 || isSchema(given[0])
    const [schema, handle] = hasSchema ? given : [undefined, ...given]
    if (hasSchema) checkSchema('onPublish', schema)
    if (given.length > 1 || !hasSchema) checkHandler('onPublish', handle)
    if (this.#handlers.some((other) => other.pattern === pattern)) {
      throw new Error(
        `${pattern} has a handler already; call what onPublish returned before registering another`,
      )
    }
    const handler = {
      pattern,
      schema: schema as Schema | undefined,
      handle: handle as PublishHandler | undefined,
    }
    this.#handlers.push(handler)
    return () => {
      const at = this.#handlers.indexOf(handler)
      if (at >= 0) this.#handlers.splice(at, 1)
    }
  }

  /** What becomes of a client's publication. The sweep calls this. */
  decided(offered: Offered): Payload | Refusal {
    const { topic, data } = offered
    const handler = this.#handlers.find(({ pattern }) => matches(pattern, topic))
    // The core refuses a name that is none.
    if (handler === undefined || !isName(topic)) return data
    try {
      const wanted = this.#host.hook(() => this.#ask(handler, offered))
      return wanted === null ? DROPPED : (wanted ?? data)
    } catch (error) {
      const refusal = refusalIn(error)
      if (refusal !== null) return refusal
      const session = logName(offered.session)
      this.#logger.error({ err: error, topic, session }, 'a handler of onPublish failed')
      return FAILED
    }
  }

  #ask({ schema, handle }: Handler, offered: Offered): Payload | null | undefined {
    const { user, session, topic, key, tombstone: removed } = offered
    const sent = fromPayload(offered.data)
    const data = schema === undefined ? sent : removed ? null : checked(schema, sent)
    const wanted = replacement(
      'onPublish',
      handle?.({ user, session, topic, key, removed, data }),
      limits.payload,
    )
    // Nothing is passed on that the schema has not checked.
    if (wanted !== undefined || schema === undefined) return wanted
    return encoded('the schema', data ?? null, limits.payload)
  }
}
