import { defaultRetention, type Publication, type Retention, type TopicInfo } from '../../core/index.ts'
import { fromPayload, isKey, isPattern, limits, RtmsError } from '../../protocol/index.ts'
import { checkName, latePayloadOf } from '../ground/check.ts'
import { defined } from '../ground/defined.ts'
import type { Host } from '../host.ts'

/** A publication that a topic keeps. */
export interface KeptPublication {
  readonly data: unknown
  /** '' where it has none. */
  readonly key: string
  /** It removes the key. */
  readonly removed: boolean
  /** When it was published: milliseconds since 1970 by the publisher's clock. */
  readonly time: number
}

function kept({ data, key, tombstone, stamp }: Publication): KeptPublication {
  return { data: fromPayload(data), key, removed: tombstone, time: stamp / 1000 }
}

function checkLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 0) return limit
  throw new RangeError(`limit is ${String(limit)}; expected an integer of at least 0`)
}

/** The topics of this node. */
export class Topics {
  readonly #host: Host
  readonly #patterns: Set<string> = new Set()

  constructor(host: Host) {
    this.#host = host
  }

  /**
   * Publishes a value that has a JSON form, or a `Uint8Array`, of at most 32 KiB. With `key` (at most 255 bytes) it
   * becomes the latest value of that key; `tombstone` removes the key. Throws an `RtmsError`: BAD_TOPIC, BAD_NAME (of
   * a key), TOO_LARGE, LIMIT (topics of the node, keys of the topic, `limits.logBytes`), CLOSED (the node); a TypeError
   * for what has no JSON form.
   *
   * Returns the topic's pressure on this node, from 0 to 1, by which a feed can slow down: how full the room is for
   * publications that were not carried on yet, or, where that is more, the share of subscribers that had not taken what
   * they were offered last.
   */
  publish(
    topic: string,
    value: unknown,
    {
      key = '',
      tombstone = false,
    }: { readonly key?: string | undefined; readonly tombstone?: boolean | undefined } = {},
  ): number {
    if (typeof key !== 'string' || !isKey(key)) {
      throw new RtmsError('BAD_NAME', `a key must be a string of at most ${limits.name} bytes`)
    }
    if (tombstone && key === '')
      throw new RtmsError('BAD_NAME', 'a tombstone removes a key: name it in `key`')
    const data = latePayloadOf(value)
    const result = this.#host.act((node, now) => node.publish(topic, data, key, tombstone, now))
    if (typeof result === 'number') return result
    // The core has checked the name, once per topic; this says what a name has to be.
    checkName('topic', topic, 'BAD_TOPIC')
    throw new RtmsError(result)
  }

  /**
   * The last publications that a topic keeps (see {@link define}), oldest first, at most `limit` of them (default 100).
   * Throws BAD_TOPIC, or a RangeError for a limit that is none.
   */
  history(topic: string, { limit = 100 }: { readonly limit?: number | undefined } = {}): KeptPublication[] {
    checkName('topic', topic, 'BAD_TOPIC')
    return this.#host.node.topicHistory(topic, checkLimit(limit)).map(kept)
  }

  /**
   * The latest value of each key of a topic, in the order they were published, and of these the last `limit` (default
   * all); one without a key counts as key ''. Throws BAD_TOPIC, or a RangeError for a limit that is none.
   */
  latest(topic: string, { limit }: { readonly limit?: number | undefined } = {}): KeptPublication[] {
    checkName('topic', topic, 'BAD_TOPIC')
    const all = this.#host.node.topicLatest(topic)
    const count = limit === undefined ? all.length : checkLimit(limit)
    return all.slice(Math.max(0, all.length - count)).map(kept)
  }

  /**
   * Sets what topics of these names (`chat.*`, `*` or one name) keep for readers that come back: `entries` and `bytes`
   * at most, none older than `ageMs` milliseconds; 0 keeps nothing. The first definition that matches counts, for
   * topics that come to be afterwards. Throws BAD_TOPIC, a RangeError for a number that is not one, an Error for a
   * second definition of the same pattern.
   */
  define(pattern: string, retention: { readonly [K in keyof Retention]?: number | undefined }): void {
    if (typeof pattern !== 'string' || !isPattern(pattern)) {
      throw new RtmsError('BAD_TOPIC', 'topics are defined by a name or a pattern such as chat.*')
    }
    if (this.#patterns.has(pattern))
      throw new Error(`${pattern} was defined already; define it once, at the start`)
    const settings = { ...defaultRetention, ...defined(retention) }
    for (const [name, value] of Object.entries(settings)) {
      if (!Object.hasOwn(defaultRetention, name))
        throw new RangeError(`${name} is not one of entries, bytes and ageMs`)
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new RangeError(`${name} is ${String(value)}; expected an integer of at least 0`)
      }
    }
    this.#patterns.add(pattern)
    this.#host.node.defineTopics(pattern, settings)
  }

  /**
   * At most `limit` topics of this node in the order of names, from behind the name `after`; `contains`: only names
   * with this in them, whatever its case. It looks at all of them, so do not ask all the time where there are very
   * many.
   */
  page({
    limit,
    after = '',
    contains,
  }: {
    readonly limit: number
    readonly after?: string | undefined
    readonly contains?: string | undefined
  }): readonly TopicInfo[] {
    return this.#host.node.topicPage({ count: checkLimit(limit), after, contains })
  }

  /** A topic as it stands on this node; undefined where nobody has published or subscribed to it. Throws BAD_TOPIC. */
  get(topic: string): TopicInfo | undefined {
    checkName('topic', topic, 'BAD_TOPIC')
    return this.#host.node.topic(topic)
  }

  /** Subscriptions to this topic on this node. */
  subscribers(topic: string): number {
    return this.#host.node.subscribers(topic)
  }
}
