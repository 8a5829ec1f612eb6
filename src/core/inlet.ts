import type { Stats } from './ground/stats.ts'
import { type Carrier, QUIET, topicOf } from './topic/carrier.ts'
import type { Topics } from './topic/topics.ts'

/** Where the messages and events of the bus come into a node: the methods of `BusListener`, with the time. */
export class Inlet {
  readonly #topics: Topics
  readonly #carrier: Carrier
  readonly #stats: Stats
  /** Whether the bus carries messages. */
  isUp = false
  /** When it last went down; null: never. */
  #downAt: number | null = null

  constructor(topics: Topics, carrier: Carrier, stats: Stats) {
    this.#topics = topics
    this.#carrier = carrier
    this.#stats = stats
  }

  message(subject: string, bytes: Uint8Array, from: number, now: number): void {
    const topic = topicOf(subject)
    if (topic !== null) this.#topics.catchUp.published(topic, bytes, from, now)
    else if (subject === QUIET) this.#topics.catchUp.quiet(bytes, from, now)
    else this.#stats.strangers++
  }

  sent(_bytes: Uint8Array, _from: number, _now: number): void {
    this.#stats.strangers++
  }

  down(now: number): void {
    this.isUp = false
    this.#downAt = now
  }

  back(): void {
    this.isUp = true
    if (this.#downAt !== null) this.#carrier.back(this.#topics.all(), this.#downAt)
  }

  /** Nothing depends on another node yet: what it published stays. */
  gone(_node: number): void {}
}
