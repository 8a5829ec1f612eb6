import type { Stats } from './ground/stats.ts'
import { topicOf } from './topic/carrier.ts'
import type { Topics } from './topic/topics.ts'

/** Where the messages and events of the bus come into a node: the methods of `BusListener`, with the time. */
export class Inlet {
  readonly #topics: Topics
  readonly #stats: Stats
  /** Whether the bus carries messages. */
  isUp = false

  constructor(topics: Topics, stats: Stats) {
    this.#topics = topics
    this.#stats = stats
  }

  message(subject: string, bytes: Uint8Array, from: number, now: number): void {
    const topic = topicOf(subject)
    if (topic === null) this.#stats.strangers++
    else this.#topics.handleBus(topic, bytes, from, now)
  }

  /** No node sends to a single other one yet, so whoever did is a stranger. */
  sent(_bytes: Uint8Array, _from: number): void {
    this.#stats.strangers++
  }

  down(): void {
    this.isUp = false
  }

  back(): void {
    this.isUp = true
  }

  /** Nothing depends on another node yet: what it published stays. */
  gone(_node: number): void {}
}
