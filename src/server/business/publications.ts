import type { ClientPublication as Offered, HeardPublication, Refusal } from '../../core/index.ts'
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

/** A publication as the business hears of it. */
export interface TopicPublication {
  readonly topic: string
  /** '' where it has none. */
  readonly key: string
  /** The key was removed; the data is what the publisher passed with the removal. */
  readonly removed: boolean
  /** When it was published: milliseconds since 1970 by the publisher's clock. */
  readonly time: number
}

export interface ListenOptions {
  /** Called where publications are missing, with their number. */
  readonly onGap?: ((gap: { readonly lost: number }) => void) | undefined
}

interface Handler {
  readonly pattern: string
  readonly schema: Schema | undefined
  readonly handle: PublishHandler | undefined
}

interface Listener extends ListenOptions {
  readonly listen: (data: unknown, publication: TopicPublication) => unknown
}

const DROPPED: Refusal = {
  code: 'FORBIDDEN',
  message: 'The business does not take this publication.',
  retryAfterMs: 0,
}
const FAILED: Refusal = new RtmsError('HANDLER_FAILED', 'The business server could not decide.')

/** What the business has to do with publications: it decides about those of clients, and listens to topics. */
export class Publications {
  readonly #host: Host
  readonly #logger: Logger
  readonly #handlers: Handler[] = []
  readonly #listeners: Map<string, Set<Listener>> = new Map()

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

  // ---- listening

  /** Adds a listener of a topic. Returns the function that removes it. */
  listen(topic: string, listen: Listener['listen'], { onGap }: ListenOptions): () => void {
    checkHandler('subscribe', listen)
    if (onGap !== undefined) checkHandler('onGap', onGap)
    const listeners = this.#listeners.get(topic) ?? new Set()
    if (listeners.size === 0) {
      const error = this.#host.act((node, now) => node.listen(topic, true, now))
      if (error !== null) throw new RtmsError(error)
      this.#listeners.set(topic, listeners)
    }
    const listener = { listen, onGap }
    listeners.add(listener)
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return
      this.#listeners.delete(topic)
      // Inside a hook, somebody may listen again by then.
      this.#host.afterHook((node, now) => {
        if (!this.#listeners.has(topic)) node.listen(topic, false, now)
      })
    }
  }

  /** Something was published. Listeners are called in order, after the call into the node. */
  heard(topic: string, entry: HeardPublication): void {
    const listeners = this.#listeners.get(topic)
    if (listeners === undefined) return
    const { key, tombstone: removed, stamp, lost, isHole, data } = entry
    const told = [...listeners]
    queueMicrotask(() => {
      for (const listener of told) {
        if (!listeners.has(listener)) continue
        if (lost > 0) void this.#tell(topic, () => listener.onGap?.({ lost }))
        const publication = { topic, key, removed, time: Math.floor(stamp / 1000) }
        // Parsed for each, whose own it is.
        if (!isHole) void this.#tell(topic, () => listener.listen(fromPayload(data), publication))
      }
    })
  }

  async #tell(topic: string, tell: () => unknown): Promise<void> {
    try {
      await tell()
    } catch (error) {
      this.#logger.error({ err: error, topic }, 'a listener of a topic failed')
    }
  }
}
