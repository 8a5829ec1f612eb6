import type { Stats } from './ground/stats.ts'
import { topicOf } from './topic/carrier.ts'
import type { Topics } from './topic/topics.ts'

/** Where the messages and events of the bus come into a node: the methods of `BusListener`, with the time. */
export class Inlet {
  readonly #topics: Topics
  readonly #stats: Stats
  /** Whether the bus carries messages. */
  isUp = false
  /** When it last went down; null: never. */
  #downAt: number | null = null

  constructor(topics: Topics, stats: Stats) {
    this.#topics = topics
    this.#stats = stats
  }

  message(subject: string, bytes: Uint8Array, from: number, now: number): void {
    const topic = topicOf(subject)
    if (topic === null) this.#stats.strangers++
    else this.#topics.handleBus(topic, bytes, from, now)
  }

  /** Only topics have something to say to a single node yet. */
  sent(bytes: Uint8Array, _from: number, now: number): void {
    if (!this.#topics.handleQuestion(bytes, now)) this.#stats.strangers++
  }

  down(now: number): void {
    this.isUp = false
    this.#downAt = now
  }

  back(): void {
    this.isUp = true
    if (this.#downAt !== null) this.#topics.handleBack(this.#downAt)
  }

  /** Nothing depends on another node yet: what it published stays. */
  gone(_node: number): void {}
}
