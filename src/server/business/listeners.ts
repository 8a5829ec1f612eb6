import type { HeardPublication } from '../../core/index.ts'
import { fromPayload, RtmsError } from '../../protocol/index.ts'
import { checkHandler } from '../ground/check.ts'
import type { Hooked } from '../ground/hook-turns.ts'
import type { Logger } from '../ground/logger.ts'
import type { Host } from '../host.ts'

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

export type Listen = (data: unknown, publication: TopicPublication) => unknown

interface Listener extends ListenOptions {
  readonly listen: Listen
  /** How many publications there are before the next one that it hears. */
  next: number
}

/** The listeners of one topic, each of which hears a publication before any hears the one behind it. */
class TopicListeners implements Hooked {
  readonly topic: string
  readonly all: Set<Listener> = new Set()
  readonly #next: () => HeardPublication | null
  readonly #payersOfNext: () => readonly string[]
  readonly #failed: (error: unknown) => void
  readonly listed: Set<string> = new Set()
  /** What they are told of, and those who were not told yet. */
  #heard: HeardPublication | null = null
  #untold: Listener[] = []
  /** On whose account they are told of it. */
  #payer = ''

  /**
   * `next`: of what they have yet to hear; null: nothing. `payersOfNext`: on whose accounts that is, the next one first.
   */
  constructor(
    topic: string,
    next: () => HeardPublication | null,
    payersOfNext: () => readonly string[],
    failed: (error: unknown) => void,
  ) {
    this.topic = topic
    this.#next = next
    this.#payersOfNext = payersOfNext
    this.#failed = failed
  }

  get payers(): readonly string[] {
    return this.#untold.length > 0 ? [this.#payer, ...this.#payersOfNext()] : this.#payersOfNext()
  }

  /** Tells one listener of one publication, if there is one. */
  runOne(): boolean {
    for (;;) {
      const listener = this.#untold.pop()
      if (listener !== undefined) {
        if (this.#heard !== null && this.#tell(listener, this.#heard)) return true
        continue
      }
      this.#payer = this.#payersOfNext()[0] ?? ''
      this.#heard = this.#next()
      if (this.#heard === null) return false
      this.#untold = [...this.all].reverse()
    }
  }

  /** False: it is not for this listener. */
  #tell(listener: Listener, { before, entry }: HeardPublication): boolean {
    const lost = before - listener.next
    if (!this.all.has(listener) || lost < 0 || (lost === 0 && entry === null)) return false
    listener.next = before + (entry === null ? 0 : 1)
    if (lost > 0) void this.#call(() => listener.onGap?.({ lost }))
    if (entry === null) return true
    const { key, tombstone: removed, stamp, data } = entry
    const publication = { topic: this.topic, key, removed, time: Math.floor(stamp / 1000) }
    // Parsed for each, whose own it is.
    void this.#call(() => listener.listen(fromPayload(data), publication))
    return true
  }

  async #call(tell: () => unknown): Promise<void> {
    try {
      await tell()
    } catch (error) {
      this.#failed(error)
    }
  }
}

/** The business's listeners of topics. They run a few milliseconds' worth in each turn of the event loop. */
export class Listeners {
  readonly #host: Host
  readonly #logger: Logger
  readonly #topics: Map<string, TopicListeners> = new Map()

  constructor(host: Host, logger: Logger) {
    this.#host = host
    this.#logger = logger
  }

  /** Adds a listener of a topic. Returns the function that removes it. */
  add(topic: string, listen: Listen, { onGap }: ListenOptions): () => void {
    checkHandler('subscribe', listen)
    if (onGap !== undefined) checkHandler('onGap', onGap)
    const next = this.#host.act(({ listening }, now) => listening.begin(topic, now))
    if (typeof next === 'string') throw new RtmsError(next)
    let listeners = this.#topics.get(topic)
    if (listeners === undefined) this.#topics.set(topic, (listeners = this.#make(topic)))
    const { all } = listeners
    const listener = { listen, onGap, next }
    all.add(listener)
    return () => {
      if (!all.delete(listener) || all.size > 0) return
      // Inside a hook, somebody may listen again by then.
      this.#host.afterHook(({ listening }, now) => {
        if (all.size > 0 || this.#topics.get(topic)?.all !== all) return
        this.#topics.delete(topic)
        listening.end(topic, now)
      })
    }
  }

  #make(topic: string): TopicListeners {
    const next = (): HeardPublication | null => {
      // What comes after they are gone is for others.
      return this.#topics.get(topic) === listeners
        ? this.#host.node.listening.next(topic, this.#host.outside.now())
        : null
    }
    const payers = (): readonly string[] =>
      this.#host.node.listening.payersOf(topic, this.#host.outside.now())
    const listeners: TopicListeners = new TopicListeners(topic, next, payers, (error) =>
      this.#logger.error({ err: error, topic }, 'a listener of a topic failed'),
    )
    return listeners
  }

  /** Something was published. Listeners are called after the call into the node. */
  heard(topic: string): void {
    const listeners = this.#topics.get(topic)
    if (listeners !== undefined) queueMicrotask(() => this.#host.hookTurns.run(listeners))
  }
}
