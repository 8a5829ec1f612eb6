import type { Downstream } from '../down/downstream.ts'
import type { Limits } from '../ground/config.ts'
import type { Carrier } from './carrier.ts'
import type { Topic } from './topic.ts'

/**
 * The room that topics have for entries which a sweep has yet to carry on. Entries that a live cursor was not yet
 * offered, or the bus not yet given, go out before they are overwritten.
 */
export class Space {
  readonly #limits: Limits
  readonly #downstream: Downstream
  readonly #carrier: Carrier
  readonly #trim: (topic: Topic, now: number) => void
  /** Topics without room whose users wait, and the round of writes until which they do. */
  readonly #crowded: Map<Topic, number> = new Map()

  constructor(
    limits: Limits,
    downstream: Downstream,
    carrier: Carrier,
    trim: (topic: Topic, now: number) => void,
  ) {
    this.#limits = limits
    this.#downstream = downstream
    this.#carrier = carrier
    this.#trim = trim
  }

  #isIn({ size, bytes, retention }: Topic): boolean {
    const { topicPendingEntries, topicPendingBytes } = this.#limits
    return size < retention.entries + topicPendingEntries && bytes < retention.bytes + topicPendingBytes
  }

  /**
   * Whether publications of users and of other nodes wait, or are taken beyond the room, until what the topic has is
   * with its readers. There may be thousands of these, and to write to all of them at once would hold everybody up. A
   * flush that does not end is waited for no longer than it takes to give each reader several writes.
   */
  mustWait(topic: Topic): boolean {
    if (!topic.isRead || this.#isIn(topic)) {
      this.#crowded.delete(topic)
      return false
    }
    const { round, hasWork } = this.#downstream
    const until = this.#crowded.get(topic)
    if (until !== undefined) return round < until && hasWork
    this.#crowded.set(topic, round + this.#limits.crowdedRounds)
    this.#offer(topic)
    return this.#downstream.hasWork
  }

  /**
   * Makes room, where there is none. `isUrgent`: for the business, which cannot wait, so readers are written to at once.
   */
  make(topic: Topic, now: number, isUrgent: boolean): void {
    if (this.#isIn(topic) || (!isUrgent && this.mustWait(topic))) return
    this.#crowded.delete(topic)
    this.#offer(topic)
    if (isUrgent) this.#hurry(topic, now)
    this.#trim(topic, now)
  }

  #hurry(topic: Topic, now: number): void {
    for (const group of topic.groups()) {
      if (group.conflate) continue
      for (let cursor = group.first; cursor !== null; cursor = cursor.after)
        this.#downstream.hurry(cursor, now)
    }
  }

  #offer(topic: Topic): void {
    // A conflating reader needs no ring, so its group keeps waiting for its rung.
    for (const group of topic.groups())
      if (!group.conflate) group.offer((cursor) => this.#downstream.mark(cursor))
    this.#carrier.carry(topic)
  }

  /** The topic is gone. */
  forget(topic: Topic): void {
    this.#crowded.delete(topic)
  }

  /** A flush is complete: everybody has what there is. */
  clear(): void {
    this.#crowded.clear()
  }
}
