import { defaultRetention, type Publication, type Retention, type TopicInfo } from '../../core/index.ts'
import {
  type Contract,
  fromPayload,
  type NameIn,
  RtmsError,
  type TopicIn,
  type TopicOf,
} from '../../protocol/index.ts'
import { checkKey, checkLimit, checkName, checkPattern, latePayloadOf } from '../ground/check.ts'
import { defined } from '../ground/defined.ts'
import { checkNames } from '../../spelling/meant.ts'
import type { Host } from '../host.ts'
import type { Listed, Peers } from './peers.ts'
import type { Listeners, ListenOptions, TopicPublication } from './listeners.ts'
import type { Publications, PublishHandler } from './publications.ts'
import type { Schema } from './schema.ts'
import type { Searches } from './searches.ts'

/** A publication kept by a topic. */
export interface KeptPublication<T = unknown> {
  readonly data: T
  /** '' where it has none. */
  readonly key: string
  /** Whether it removes the key. */
  readonly removed: boolean
  /** When it was published: milliseconds since 1970 by the publisher's clock. */
  readonly time: number
}

function kept<T>({ data, key, tombstone, stamp }: Publication): KeptPublication<T> {
  // As clients get it: what is below a millisecond only orders publications.
  return { data: fromPayload(data) as T, key, removed: tombstone, time: Math.floor(stamp / 1000) }
}

/** The topics of this node, and of the others of its cluster. */
export class Topics<C extends Contract = Contract> {
  readonly #host: Host
  readonly #searches: Searches
  readonly #peers: Peers
  readonly #patterns: Set<string> = new Set()
  readonly #publications: Publications
  readonly #listeners: Listeners

  constructor(
    host: Host,
    searches: Searches,
    peers: Peers,
    publications: Publications,
    listeners: Listeners,
  ) {
    this.#host = host
    this.#publications = publications
    this.#listeners = listeners
    this.#peers = peers
    this.#searches = searches
  }

  /**
   * Publishes a value with a JSON form, or a `Uint8Array`, of at most 32 KiB. With `key` (at most 255 bytes), it
   * becomes the latest value of that key; `tombstone` removes the key, which needs no value. Throws an `RtmsError`:
   * BAD_TOPIC, BAD_NAME (for a key), TOO_LARGE, LIMIT (the node's topics, the topic's keys, `limits.logBytes`), CLOSED
   * (the node); a TypeError for a value without a JSON form, or an option that there is not.
   *
   * Returns the topic's pressure on this node, from 0 to 1, which tells a feed when to slow down: how full the room for
   * undelivered publications is or, where that is more, the share of subscribers that have not yet taken the last
   * entries offered to them.
   */
  publish<N extends TopicIn<C>>(
    topic: N,
    value: TopicOf<C, N>,
    options?: { readonly key?: string | undefined; readonly tombstone?: boolean | undefined },
  ): number
  publish(
    topic: TopicIn<C>,
    value: null | undefined,
    options: { readonly key: string; readonly tombstone: true },
  ): number
  publish(
    topic: string,
    value: unknown,
    options: { readonly key?: string | undefined; readonly tombstone?: boolean | undefined } = {},
  ): number {
    checkNames('topics.publish', options, { key: true, tombstone: true })
    const { key = '', tombstone = false } = options
    checkKey(key)
    if (tombstone && key === '')
      throw new RtmsError('BAD_NAME', 'a tombstone removes a key: name it in `key`')
    const data = latePayloadOf(tombstone ? (value ?? null) : value)
    const result = this.#host.act((node, now) => node.publish(topic, data, key, tombstone, now))
    if (typeof result === 'number') return result
    // The core has checked the name, once per topic; this call says what a name must be.
    checkName('topic', topic, 'BAD_TOPIC')
    throw new RtmsError(result)
  }

  /**
   * The last publications that a topic keeps (see {@link define}), oldest first, at most `limit` (default 100). Throws
   * BAD_TOPIC, or a RangeError for an invalid limit.
   */
  history<N extends TopicIn<C>>(
    topic: N,
    options: { readonly limit?: number | undefined } = {},
  ): KeptPublication<TopicOf<C, N>>[] {
    checkNames('topics.history', options, { limit: true })
    const { limit = 100 } = options
    checkName('topic', topic, 'BAD_TOPIC')
    return this.#host.node.topicHistory(topic, checkLimit(limit)).map(kept<TopicOf<C, N>>)
  }

  /**
   * The latest value of each key of a topic, in the order of publication: the last `limit` of them (default all). A
   * publication without a key counts as key ''. Throws BAD_TOPIC, or a RangeError for an invalid limit.
   */
  latest<N extends TopicIn<C>>(
    topic: N,
    options: { readonly limit?: number | undefined } = {},
  ): KeptPublication<TopicOf<C, N>>[] {
    checkNames('topics.latest', options, { limit: true })
    const { limit } = options
    checkName('topic', topic, 'BAD_TOPIC')
    const all = this.#host.node.topicLatest(topic)
    const count = limit === undefined ? all.length : checkLimit(limit)
    return all.slice(Math.max(0, all.length - count)).map(kept<TopicOf<C, N>>)
  }

  /**
   * Sets what topics matching `pattern` (`chat.*`, `*` or one name) keep for readers that come back: at most `entries`
   * and `bytes`, none older than `ageMs` milliseconds; 0 keeps nothing. The first matching definition applies, to
   * topics created afterwards. Throws BAD_TOPIC, a RangeError for an invalid number, a TypeError for an option
   * that there is not, an Error for a second definition of the same pattern.
   */
  define(pattern: string, retention: { readonly [K in keyof Retention]?: number | undefined }): void {
    checkPattern('pattern of topics', pattern, 'BAD_TOPIC')
    checkNames('topics.define', retention, { entries: true, bytes: true, ageMs: true })
    if (this.#patterns.has(pattern))
      throw new Error(`${pattern} was defined already; define it once, at the start`)
    const settings = { ...defaultRetention, ...defined(retention) }
    for (const [name, value] of Object.entries(settings)) {
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new RangeError(`${name} is ${String(value)}; expected an integer of at least 0`)
      }
    }
    this.#patterns.add(pattern)
    this.#host.node.defineTopics(pattern, settings)
  }

  /**
   * Calls `handler` for each publication of a client to a topic that matches `pattern`, before anybody gets it; see
   * {@link PublishHandler}. With a schema, other data is refused with FORBIDDEN, saying what is wrong and where, and
   * what the schema makes of it is published; the handler may be left out. Schema and handler are synchronous, since
   * later messages may not overtake this one. Of several patterns, the one registered first applies. What the business
   * publishes is not asked about. In a cluster it runs on the node that the client is connected to: register the same
   * on each, edges included. Returns a function that removes it. Throws BAD_TOPIC, or an Error where the pattern has a
   * handler already.
   */
  onPublish<N extends NameIn<C, 'topics'> | TopicIn<C>>(
    pattern: N,
    handler: PublishHandler<TopicOf<C, N>>,
  ): () => void
  onPublish<N extends NameIn<C, 'topics'> | TopicIn<C>, T extends TopicOf<C, N>>(
    pattern: N,
    schema: Schema<T>,
    handler?: PublishHandler<T>,
  ): () => void
  onPublish(pattern: string, ...given: readonly unknown[]): () => void {
    return this.#publications.decide(pattern, ...given)
  }

  /**
   * Calls `listener` for each publication to a topic from now on, whoever publishes on whichever node, in the order of
   * each publisher. What it throws is logged. All listeners together have a few milliseconds of each turn of the event
   * loop; what they have yet to hear waits, up to 32 MiB for each topic. Where publications were lost between nodes, or
   * more came than may wait, `onGap` tells how many. Each node that subscribes hears all of them: let one do what is to
   * be done once. Returns the function that removes the listener. Throws BAD_TOPIC, LIMIT (the node's topics), CLOSED
   * (the node).
   */
  subscribe<N extends TopicIn<C>>(
    topic: N,
    listener: (data: TopicOf<C, N>, publication: TopicPublication) => unknown,
    options: ListenOptions = {},
  ): () => void {
    checkName('topic', topic, 'BAD_TOPIC')
    checkNames('topics.subscribe', options, { onGap: true })
    return this.#listeners.add(
      topic,
      listener as (data: unknown, publication: TopicPublication) => unknown,
      options,
    )
  }

  /**
   * A page of the topics of all nodes: at most `limit` in the order of names, after the name `after`. `contains`: only
   * names that contain this text, ignoring case. Each call looks at all topics, a few in each turn of the event loop.
   * Subscriptions are those of all nodes; everything else is that of the node that keeps most of a topic. Rejects with
   * a RangeError for an invalid limit.
   */
  async page(options: {
    readonly limit: number
    readonly after?: string | undefined
    readonly contains?: string | undefined
  }): Promise<Listed<TopicInfo>> {
    checkNames('topics.page', options, { limit: true, after: true, contains: true })
    const { limit, after = '', contains } = options
    return this.#peers.page(
      { count: checkLimit(limit), after },
      (round) => this.#searches.run(this.#host.node.topicPage({ ...round, contains })),
      (round) => this.#peers.ask('topics', { ...round, contains: contains ?? '' }),
      combined,
    )
  }

  /**
   * A topic's current state on this node alone; undefined where nobody has published or subscribed to it here. Throws
   * BAD_TOPIC.
   */
  get(topic: string): TopicInfo | undefined {
    checkName('topic', topic, 'BAD_TOPIC')
    return this.#host.node.topic(topic)
  }

  /**
   * Resolves with the number of subscriptions to this topic on all nodes. Rejects with BAD_TOPIC, or with UNKNOWN where
   * another node did not answer within two seconds.
   */
  async subscribers(topic: string): Promise<number> {
    checkName('topic', topic, 'BAD_TOPIC')
    const here = this.#host.node.subscribers(topic)
    if (this.#peers.isAlone) return here
    return this.#peers.sum(here, await this.#peers.ask('subscribers', { topic }), 'subscriptions')
  }
}

/** One item for each topic of several nodes: its subscribers together, and what the node has that keeps most of it. */
function combined(found: readonly (readonly [number, TopicInfo])[]): TopicInfo[] {
  const topics = new Map<string, TopicInfo>()
  for (const [, topic] of found) {
    const known = topics.get(topic.name)
    const most = known !== undefined && known.bytes >= topic.bytes ? known : topic
    topics.set(topic.name, { ...most, subscribers: topic.subscribers + (known?.subscribers ?? 0) })
  }
  return [...topics.values()]
}
