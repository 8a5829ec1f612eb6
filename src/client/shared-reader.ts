import { fromPayload, type ErrorCode, type MessageOf, type RtmsError } from '../protocol/index.ts'
import { Listeners } from './events.ts'
import type { ReaderListener, ReadOptions, Received, TopicReader } from './machine/index.ts'
import type { Publication, SubscribeOptions } from './options.ts'

/** One subscription and its listeners. */
export class SharedReader implements ReaderListener {
  readonly #topic: string
  readonly #options: ReadOptions
  readonly #report: (error: unknown) => void
  readonly #forget: () => void
  readonly #listeners: Listeners<[unknown, Publication]>
  readonly #starts: Listeners<[{ recovered: boolean; reason: ErrorCode | '' }]>
  readonly #gaps: Listeners<[{ lost: number; reason: ErrorCode }]>
  readonly #errors: Listeners<[RtmsError]>
  /** The latest value per key of a conflating subscription, for listeners that come later. */
  readonly #latest: Map<string, [unknown, Publication]> = new Map()
  /** Null until the machine has a reader for it. */
  reader: TopicReader | null = null

  constructor(topic: string, options: ReadOptions, report: (error: unknown) => void, forget: () => void) {
    this.#topic = topic
    this.#options = options
    this.#report = report
    this.#listeners = new Listeners(report)
    this.#starts = new Listeners(report)
    this.#gaps = new Listeners(report)
    this.#errors = new Listeners(report)
    this.#forget = forget
  }

  get isIdle(): boolean {
    return this.#listeners.size === 0
  }

  isSame(options: ReadOptions): boolean {
    return JSON.stringify(options) === JSON.stringify(this.#options)
  }

  add(listener: (data: unknown, publication: Publication) => void, options: SubscribeOptions): () => void {
    const own: Listeners<[unknown, Publication]> = new Listeners(this.#report)
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
    else this.#report(error)
  }
}
