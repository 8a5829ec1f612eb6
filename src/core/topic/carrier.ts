import type { FixedLimits } from '../ground/config.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import type { Bus } from '../ports.ts'
import type { Account } from '../session/account.ts'
import { encodeDiffusion, encodeHeads, type Head } from './diffusion.ts'
import type { Publication } from './publication.ts'
import type { Publishers } from './publishers.ts'
import type { Topic } from './topic.ts'

/** Begins the subject of a topic. */
const TOPIC = 't/'

/** The subject on which each node says of which topics it has fallen quiet. */
export const QUIET = 'q/'

/** Time between two digests. */
const DIGEST_MS = 1_000

/** Publications of a user that do not wait though the bus is crowded: whoever publishes little has no part in that. */
const UNHINDERED = 16

/** The topic that a subject of the bus is about; null for a subject of something else. */
export function topicOf(subject: string): string | null {
  return subject.startsWith(TOPIC) ? subject.slice(TOPIC.length) : null
}

/**
 * Carries this node's publications to the other nodes, and says of which topics it wants theirs.
 *
 * The bus may lose any message, and no reader can tell that the last publications are missing. So a node says the last
 * number of each topic again when it has published nothing to it for one and for four seconds, and when the bus is
 * back: one digest a second for all of them. Whoever misses something asks for it.
 */
export class Carrier {
  readonly #bus: Bus
  readonly #publishers: Publishers
  readonly #limits: FixedLimits
  readonly #timers: Timers
  readonly #hasPeers: () => boolean
  /** Topics of which the other nodes were told, and when; and those whose last number has been said again since. */
  readonly #said: Map<Topic, number> = new Map()
  readonly #quiet: Map<Topic, number> = new Map()
  readonly #digest: Timer
  /** How many publications of each user were to be taken since the bus is crowded. */
  readonly #crowd: Map<Account, number> = new Map()
  /** Which users have published what is not carried yet. */
  readonly #by: Map<Publication, string> = new Map()
  readonly #byOf: (entry: Publication) => string = (entry) => this.#by.get(entry) ?? ''
  /** The time of this sweep. */
  now = 0
  /** The topics still to be seen to since the bus is back, and since when. */
  #rest: Iterator<Topic> | null = null
  #since = 0

  /** `hasPeers`: whether there are other nodes, which can ask for what they miss. */
  constructor(
    bus: Bus,
    publishers: Publishers,
    timers: Timers,
    limits: FixedLimits,
    hasPeers: () => boolean,
  ) {
    this.#hasPeers = hasPeers
    this.#bus = bus
    this.#publishers = publishers
    this.#timers = timers
    this.#limits = limits
    this.#digest = new Timer('digest', (now) => this.#onDigest(now))
  }

  get hasWork(): boolean {
    return this.#rest !== null
  }

  /** Whether a user's publication waits, as the bus has yet to carry much. The first ones of each user do not. */
  mustWait(by: Account): boolean {
    if (this.#bus.isCrowded?.() !== true) {
      this.#crowd.clear()
      return false
    }
    const asked = (this.#crowd.get(by) ?? 0) + 1
    this.#crowd.set(by, asked)
    return asked > UNHINDERED
  }

  subscribe(topic: Topic): void {
    this.#bus.subscribe(TOPIC + topic.name)
  }

  unsubscribe(topic: Topic): void {
    this.#bus.unsubscribe(TOPIC + topic.name)
  }

  /** A user has published an entry, which the other nodes will be told. */
  note(entry: Publication, by: Account): void {
    if (this.#hasPeers()) this.#by.set(entry, by.user)
  }

  /** Gives the bus this node's new entries of a topic, if another node may listen. */
  carry(topic: Topic): void {
    if (this.#bus.hears(TOPIC + topic.name)) {
      const entries: Publication[] = []
      for (const entry of topic.from(topic.carried))
        if (entry.source === this.#publishers.own) entries.push(entry)
      if (entries.length > 0) this.#say(topic, entries)
    }
    topic.carried = topic.next
  }

  /** In one message, unless that would be very large. */
  #say(topic: Topic, entries: readonly Publication[]): void {
    let from = 0
    let size = 0
    for (const [at, entry] of entries.entries()) {
      size += entry.size
      if (size < this.#limits.busBytes && at + 1 < entries.length) continue
      this.#bus.publish(TOPIC + topic.name, encodeDiffusion(entries.slice(from, at + 1), this.#byOf))
      from = at + 1
      size = 0
    }
    if (!this.#hasPeers()) return
    if (this.#said.size + this.#quiet.size === 0) this.#timers.set(this.#digest, this.now + DIGEST_MS)
    this.#said.set(topic, this.now)
  }

  #onDigest(now: number): void {
    const { quietTopicMs, quietTopicAgainMs } = this.#limits
    const heads: Head[] = []
    for (const [topic, at] of this.#said) {
      if (now - at < quietTopicMs) continue
      this.#said.delete(topic)
      this.#quiet.set(topic, at)
      heads.push(this.#headOf(topic))
    }
    for (const [topic, at] of this.#quiet) {
      if (this.#said.has(topic)) this.#quiet.delete(topic)
      else if (now - at >= quietTopicAgainMs) {
        this.#quiet.delete(topic)
        heads.push(this.#headOf(topic))
      }
    }
    this.#tell(heads)
    if (this.#said.size + this.#quiet.size > 0) this.#timers.set(this.#digest, now + DIGEST_MS)
  }

  #headOf(topic: Topic): Head {
    return { name: topic.name, number: topic.head(this.#publishers.own) }
  }

  #tell(heads: readonly Head[]): void {
    for (let at = 0; at < heads.length; at += this.#limits.busTopics)
      this.#bus.publish(QUIET, encodeHeads(heads.slice(at, at + this.#limits.busTopics)))
  }

  /** The bus is back, which went down at `downAt`. */
  back(topics: Iterable<Topic>, downAt: number): void {
    // A second outage before all topics were seen to is made up for from the first one on.
    const since = downAt - this.#limits.busBlindMs
    this.#since = this.#rest === null ? since : Math.min(this.#since, since)
    this.#rest = topics[Symbol.iterator]()
  }

  /**
   * Part of the sweep, once all was carried: after an outage, says the last numbers of topics that were published to
   * meanwhile.
   */
  sweep(): void {
    this.#by.clear()
    if (this.#rest === null) return
    const heads: Head[] = []
    for (let n = 0; n < this.#limits.busTopics; n++) {
      const { value: topic, done } = this.#rest.next()
      if (done === true) {
        this.#rest = null
        break
      }
      const { lastOwn } = topic
      if (lastOwn !== undefined && lastOwn.cameAt >= this.#since) heads.push(this.#headOf(topic))
    }
    this.#tell(heads)
  }
}
