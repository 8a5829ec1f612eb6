import { useCallback, useSyncExternalStore } from 'react'
import type { Client, Publication, RtmsError, SubscribeOptions } from '../client/index.ts'
import { useProvided } from './provider.ts'
import { findStore, Store, takeStore } from './store.ts'

/** What {@link useTopic} takes; a change of it subscribes anew. */
export interface TopicOptions extends Pick<SubscribeOptions, 'maxHz' | 'keys'> {
  /**
   * Keep so many publications in `recent`, those of before included as far as the node keeps them; default 0. With it,
   * every publication comes, not only the latest of each key.
   */
  readonly history?: number
}

/** What {@link useTopic} returns: the same object until something changes. */
export interface Topic<T = unknown> {
  /** The last publication's value; undefined before the first, and after a removal. */
  readonly latest: T | undefined
  /** The latest value of each key; '' is the key of publications without one. */
  readonly values: ReadonlyMap<string, T>
  /** The last publications that are no removals, oldest first: as many as the option `history` says. */
  readonly recent: readonly T[]
  /** The subscription was refused or has ended. */
  readonly error: RtmsError | null
}

/** For how long the time of a removal is kept: what was published before it has come by then. */
const REMOVED_MS = 60_000

const EMPTY: Topic<never> = { latest: undefined, values: new Map<string, never>(), recent: [], error: null }

class TopicStore<T> extends Store<Topic<T>> {
  readonly #client: Client
  readonly #topic: string
  readonly #options: Required<TopicOptions>
  readonly #values: Map<string, T> = new Map()
  /** When the last value of each key was published, and when keys were removed, these in the order of that. */
  readonly #times: Map<string, number> = new Map()
  readonly #removed: Map<string, number> = new Map()
  #recent: readonly T[] = []
  #latest: T | undefined
  #error: RtmsError | null = null
  #unsubscribe: () => void = () => {}

  constructor(client: Client, topic: string, options: Required<TopicOptions>, ended: () => void) {
    super(EMPTY, ended)
    this.#client = client
    this.#topic = topic
    this.#options = options
  }

  protected override open(): void {
    try {
      this.#unsubscribe = this.#client.subscribe<T>(
        this.#topic,
        (data, publication) => this.#add(data, publication),
        {
          ...this.#options,
          conflate: this.#options.history === 0,
          // Of what a slow reader misses, the latest values come.
          policy: 'conflate',
          // Of what was lost between the nodes, nothing follows: the values of other keys are all there is.
          onGap: ({ reason }) => reason !== 'SLOW' && reason !== 'BUS' && this.#forget(),
          onError: (error) => this.#fail(error),
        },
      )
    } catch (error) {
      // The name or an option is invalid.
      this.#fail(error as RtmsError)
    }
  }

  protected override close(): void {
    this.#unsubscribe()
  }

  protected override compute(): Topic<T> {
    return {
      latest: this.#latest,
      values: new Map(this.#values),
      recent: this.#recent,
      error: this.#error,
    }
  }

  /** What several nodes publish at once may come in another order: of each key, the latest by time counts. */
  #add(data: T, { key, removed, time }: Publication): void {
    if (time >= (this.#times.get(key) ?? this.#removed.get(key) ?? time)) this.#take(key, data, removed, time)
    const { history } = this.#options
    if (history > 0 && !removed) this.#recent = [...this.#recent, data].slice(-history)
    this.changed()
  }

  #take(key: string, data: T, isRemoved: boolean, time: number): void {
    this.#removed.delete(key)
    if (isRemoved) {
      this.#values.delete(key)
      this.#times.delete(key)
      this.#removed.set(key, time)
      for (const [other, at] of this.#removed) {
        if (time - at < REMOVED_MS) break
        this.#removed.delete(other)
      }
    } else {
      this.#values.set(key, data)
      this.#times.set(key, time)
    }
    this.#latest = isRemoved ? undefined : data
  }

  /** Keys may have been removed unseen; the values that are left follow. */
  #forget(): void {
    this.#values.clear()
    this.#times.clear()
    this.#removed.clear()
    this.#latest = undefined
    this.changed()
  }

  #fail(error: RtmsError): void {
    this.#error = error
    this.changed()
  }
}

/**
 * Returns the latest values of a topic. Components that name the same topic and options share one subscription, which
 * ends with the last of them. Renders once for all publications of a packet. To handle every single publication, or to
 * hear of gaps, use `client.subscribe` of {@link useClient} in an effect.
 */
export function useTopic<T = unknown>(
  topic: string,
  { maxHz = 0, keys = [], history = 0 }: TopicOptions = {},
): Topic<T> {
  const client = useProvided('useTopic')
  const subject = `topic ${topic}`
  const options = JSON.stringify({ maxHz, keys, history })
  const subscribe = useCallback(
    (changed: () => void) => {
      const make = (ended: () => void): TopicStore<T> =>
        new TopicStore<T>(client, topic, JSON.parse(options) as Required<TopicOptions>, ended)
      return takeStore(client, subject, options, make).attach({ changed })
    },
    [client, subject, topic, options],
  )
  const snapshot = useCallback(
    () => findStore<TopicStore<T>>(client, subject, options)?.state ?? EMPTY,
    [client, subject, options],
  )
  return useSyncExternalStore(subscribe, snapshot, () => EMPTY)
}
