import { fromPayload, type ErrorCode, type MessageOf, type RtmsError } from '../protocol/index.ts'
import { Listeners, report } from './events.ts'
import type { ReaderListener, ReadOptions, Received, TopicReader } from './machine/index.ts'
import type { Publication, SubscribeOptions } from './options.ts'

/** One subscription and its listeners. */
export class SharedReader implements ReaderListener {
  readonly #topic: string
  readonly #options: ReadOptions
  readonly #forget: () => void
  readonly #listeners: Listeners<[unknown, Publication]> = new Listeners()
  readonly #starts: Listeners<[{ recovered: boolean; reason: ErrorCode | '' }]> = new Listeners()
  readonly #gaps: Listeners<[{ lost: number; reason: ErrorCode }]> = new Listeners()
  readonly #errors: Listeners<[RtmsError]> = new Listeners()
  /** The latest value per key of a conflating subscription, for listeners that come later. */
  readonly #latest: Map<string, [unknown, Publication]> = new Map()
  /** Null until the machine has a reader for it. */
  reader: TopicReader | null = null

  constructor(topic: string, options: ReadOptions, forget: () => void) {
    this.#topic = topic
    this.#options = options
    this.#forget = forget
  }

  get isIdle(): boolean {
    return this.#listeners.size === 0
  }

  isSame(options: ReadOptions): boolean {
    return JSON.stringify(options) === JSON.stringify(this.#options)
  }

  add(listener: (data: unknown, publication: Publication) => void, options: SubscribeOptions): () => void {
    const own: Listeners<[unknown, Publication]> = new Listeners()
    // A late listener first gets the latest values as of its first turn, then what follows.
    let isLate = this.#latest.size > 0
    if (isLate)
      queueMicrotask(() => {
        isLate = false
        for (const args of this.#latest.values()) own.emit(...args)
      })
    const removers = [
      own.add(listener),
      this.#listeners.add((...args) => isLate || own.emit(...args)),
      this.#starts.add(options.onSubscribed),
      this.#gaps.add(options.onGap),
      this.#errors.add(options.onError),
    ]
    return () => {
      for (const remove of removers) remove()
    }
  }

  publication({ key, tombstone, time, data: payload }: Received): void {
    const data = fromPayload(payload)
    const publication = { topic: this.#topic, key, removed: tombstone, time }
    if (this.#options.conflate) {
      if (tombstone) this.#latest.delete(key)
      else this.#latest.set(key, [data, publication])
    }
    this.#listeners.emit(data, publication)
  }

  gap(lost: number, reason: ErrorCode): void {
    if (reason !== 'SLOW') this.#latest.clear()
    this.#gaps.emit({ lost, reason })
  }

  subscribed({ recovered, reason }: MessageOf<'subscribed'>): void {
    this.#starts.emit({ recovered, reason })
  }

  failed(error: RtmsError): void {
    this.#forget()
    if (this.#errors.size > 0 || error.code === 'CLOSED') this.#errors.emit(error)
    else report(error)
  }
}
