import { type Payload, payloadLength } from '../../protocol/payload.ts'
import type { Downstream } from '../down/downstream.ts'
import type { Budget, Estate } from '../ground/budget.ts'
import type { Limits } from '../ground/config.ts'
import { weights } from '../ground/weights.ts'
import type { Account } from '../session/account.ts'
import type { Carrier } from './carrier.ts'
import { weigh } from './publication.ts'
import type { Topic } from './topic.ts'

/** A topic without room: the round of writes until which publications wait, and the users who have had one taken. */
interface Crowd {
  readonly until: number
  /** How many flushes there were by then. */
  readonly since: number
  readonly taken: Set<Account>
}

/**
 * The room that topics have for entries which a sweep has yet to carry on. Entries that a live cursor was not yet
 * offered, or the bus not yet given, go out before they are overwritten.
 */
export class Space {
  readonly #limits: Limits
  readonly #downstream: Downstream
  readonly #carrier: Carrier
  readonly #budget: Budget
  readonly #trim: (topic: Topic, now: number) => void
  readonly #crowds: Map<Topic, Crowd> = new Map()

  constructor(
    limits: Limits,
    downstream: Downstream,
    carrier: Carrier,
    budget: Budget,
    trim: (topic: Topic, now: number) => void,
  ) {
    this.#limits = limits
    this.#downstream = downstream
    this.#carrier = carrier
    this.#budget = budget
    this.#trim = trim
  }

  /** Whether the budget has room for an entry. A removal that weighs no more than the value it removes needs none. */
  admits(
    topic: Topic | undefined,
    key: string,
    tombstone: boolean,
    data: Payload,
    by: Account | null,
  ): boolean {
    if (!this.#budget.isFull) return true
    const weight = weigh(key, payloadLength(data))
    if (topic === undefined) {
      const made = weights.topic + weights.entries
      return this.#budget.admits((by?.estate.held ?? 0) + made, weight)
    }
    // Whoever else publishes to a topic has nothing to do with what is cut together with it.
    const isOwn = by !== null && topic.estate === by.estate
    const held = (isOwn ? topic.total : topic.held) + (topic.isEmpty ? weights.entries : 0)
    return this.#budget.admits(held, weight) || (tombstone && topic.weightOf(key) >= weight)
  }

  /**
   * Something is published to a topic: decides with whom it pays. One to which the business publishes is no longer a
   * user's, whoever was the first to subscribe. One that a user of this node has filled is that user's. One that many
   * have filled, or users of other nodes, pays apart from what is its maker's, so neither costs the other what it holds.
   */
  charge(topic: Topic, by: Account | 'business' | null, key: string, data: Payload): void {
    const { maker } = topic
    if (maker === null) return
    const filler = by === 'business' ? null : topic.fill(by, weigh(key, payloadLength(data)))
    const estate = by === 'business' ? null : this.#estateFor(topic, maker, filler)
    if (topic.estate === estate) return
    this.#budget.leave(topic)
    this.#budget.enter(topic, estate)
    if (estate !== null) return
    topic.maker = null
    maker.topics--
  }

  /** An estate is cut in one go, so nobody has more of those that others have made than anyone may make. */
  #estateFor({ estate }: Topic, maker: Account, filler: Account | null): Estate {
    if (filler === null) return maker.filled
    const isFull = filler.estate.parts >= this.#limits.topicsPerUser
    return filler !== maker && estate !== filler.estate && isFull ? maker.filled : filler.estate
  }

  /** `factor`: of the room. */
  #isIn({ size, bytes, retention }: Topic, factor = 1): boolean {
    const { topicPendingEntries, topicPendingBytes } = this.#limits
    const [entries, most] = [factor * topicPendingEntries, factor * topicPendingBytes]
    return size < retention.entries + entries && bytes < retention.bytes + most
  }

  /**
   * What a topic without room waits for: that its readers have what there is. There may be thousands of these, and to
   * write to all of them at once would hold everybody up. A flush that does not end is waited for no longer than it
   * takes to give each reader several writes. Null: there is room, or it may be made.
   */
  #crowdOf(topic: Topic): Crowd | null {
    if (!topic.isRead || this.#isIn(topic)) {
      this.#crowds.delete(topic)
      return null
    }
    const { round, flushes } = this.#downstream
    let crowd = this.#crowds.get(topic)
    if (crowd === undefined) {
      crowd = { until: round + this.#limits.crowdedRounds, since: flushes, taken: new Set() }
      this.#crowds.set(topic, crowd)
      this.#offer(topic)
    }
    return round < crowd.until && this.#downstream.hasWork ? crowd : null
  }

  /** Whether a user's publication waits. The first one of each user does not: others may have filled the topic. */
  mustWait(topic: Topic, by: Account): boolean {
    const crowd = this.#crowdOf(topic)
    if (crowd === null) return false
    if (crowd.taken.has(by)) return true
    crowd.taken.add(by)
    return false
  }

  /**
   * Makes room, where there is none and nothing is waited for: what comes meanwhile is taken beyond the room.
   * `isBusiness`: it may publish any amount at once, and where that is many times the room and nothing could be written
   * in between, readers are written to on the spot.
   */
  make(topic: Topic, now: number, isBusiness: boolean): void {
    if (this.#isIn(topic)) return
    const crowd = this.#crowdOf(topic)
    const isBurst = crowd?.since === this.#downstream.flushes && !this.#isIn(topic, this.#limits.burstFactor)
    if (crowd !== null && !(isBusiness && isBurst)) return
    this.#crowds.delete(topic)
    this.#offer(topic)
    if (isBurst) this.#hurry(topic, now)
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
    this.#crowds.delete(topic)
  }

  /** A flush is complete: everybody has what there is. */
  clear(): void {
    // `clear` makes a new table each time.
    if (this.#crowds.size > 0) this.#crowds.clear()
  }
}
