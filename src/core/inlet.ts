import type { Stats } from './ground/stats.ts'
import { type Carrier, topicOf } from './topic/carrier.ts'
import { decodeQuestion } from './topic/diffusion.ts'
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
    if (topic === null) this.#stats.strangers++
    else this.#topics.handleBus(topic, bytes, from, now)
  }

  /** Only topics have something to say to a single node yet. */
  sent(bytes: Uint8Array, _from: number, now: number): void {
    const question = decodeQuestion(bytes)
    if (question === null) this.#stats.strangers++
    for (const name of question?.topics ?? []) {
      const topic = this.#topics.get(name)
      if (topic !== undefined) this.#carrier.asked(topic, now - (question?.ageMs ?? 0))
    }
  }

  down(now: number): void {
    this.isUp = false
    this.#downAt = now
  }

  back(): void {
    this.isUp = true
    if (this.#downAt !== null) this.#carrier.catchUp(this.#topics.all(), this.#downAt)
  }

  /** Nothing depends on another node yet: what it published stays. */
  gone(_node: number): void {}
}
