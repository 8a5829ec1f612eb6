import type { FixedLimits } from '../ground/config.ts'
import type { Bus } from '../ports.ts'
import { encodeDiffusion, encodeQuestion } from './diffusion.ts'
import type { Publication } from './publication.ts'
import type { Publishers } from './publishers.ts'
import type { Topic } from './topic.ts'

/** Begins the subject of a topic. */
const TOPIC = 't/'

/** What it costs to look at an entry, in bytes that could be sent in that time. */
const WALKED = 8

/** The topic that a subject of the bus is about; null for a subject of something else. */
export function topicOf(subject: string): string | null {
  return subject.startsWith(TOPIC) ? subject.slice(TOPIC.length) : null
}

/**
 * Carries this node's publications to the other nodes, and says of which topics it wants theirs.
 *
 * The bus loses what is published while it is down, and no reader can tell that the last publications are missing. So
 * when it is back, each node says again what it has published since shortly before, and asks the known publishers of every
 * topic that is read here for the same; whoever has it already drops it by its number, and what is kept no more shows as
 * a hole.
 */
export class Carrier {
  readonly #bus: Bus
  readonly #publishers: Publishers
  readonly #limits: FixedLimits
  /** The topics still to be seen to since the bus is back, and since when. */
  #rest: Iterator<Topic> | null = null
  #since = 0
  /** Topics asked for in this turn, with the earliest time that was asked for. */
  readonly #asked: Map<Topic, number> = new Map()

  constructor(bus: Bus, publishers: Publishers, limits: FixedLimits) {
    this.#bus = bus
    this.#publishers = publishers
    this.#limits = limits
  }

  get hasWork(): boolean {
    return this.#rest !== null || this.#asked.size > 0
  }

  subscribe(topic: Topic): void {
    this.#bus.subscribe(TOPIC + topic.name)
  }

  unsubscribe(topic: Topic): void {
    this.#bus.unsubscribe(TOPIC + topic.name)
  }

  /** Gives the bus this node's new entries of a topic, if another node may listen. */
  carry(topic: Topic): void {
    if (this.#bus.hears(TOPIC + topic.name)) this.#say(topic, this.#own(topic, topic.carried, 0))
    topic.carried = topic.next
  }

  /** The bus is back, which went down at `downAt`. */
  catchUp(topics: Iterable<Topic>, downAt: number): void {
    // A second outage before all topics were seen to is made up for from the first one on.
    const since = downAt - this.#limits.busBlindMs
    this.#since = this.#rest === null ? since : Math.min(this.#since, since)
    this.#rest = topics[Symbol.iterator]()
  }

  /** Another node asks for this node's publications since then. */
  asked(topic: Topic, since: number): void {
    this.#asked.set(topic, Math.min(this.#asked.get(topic) ?? since, since))
  }

  sweep(now: number): void {
    const { busTopics, busBytes } = this.#limits
    let bytes = 0
    for (const [topic, since] of this.#asked) {
      if (bytes > busBytes) return
      this.#asked.delete(topic)
      bytes += this.#repeat(topic, since)
    }
    /** By publisher. */
    const questions = new Map<number, string[]>()
    for (let n = 0; n < busTopics && bytes <= busBytes && this.#rest !== null; n++) {
      const { value: topic, done } = this.#rest.next()
      if (done === true) {
        this.#rest = null
        break
      }
      bytes += this.#repeat(topic, this.#since)
      if (topic.isRead) this.#want(topic, questions)
    }
    const ageMs = Math.max(0, Math.ceil(now - this.#since))
    for (const [publisher, topics] of questions) this.#bus.send(publisher, encodeQuestion(ageMs, topics))
  }

  #want(topic: Topic, questions: Map<number, string[]>): void {
    for (const [publisher] of topic.positionAt(topic.next).numbers) {
      if (publisher === this.#publishers.own.incarnation) continue
      const names = questions.get(publisher)
      if (names === undefined) questions.set(publisher, [topic.name])
      else names.push(topic.name)
    }
  }

  /** Says again what was published since then and is kept, at least the last of it. Returns what it cost, in bytes. */
  #repeat(topic: Topic, since: number): number {
    const { lastOwn } = topic
    if (lastOwn === undefined || lastOwn.cameAt < since) return 0
    const entries = this.#own(topic, topic.first, since)
    return topic.size * WALKED + this.#say(topic, entries.length > 0 ? entries : [lastOwn])
  }

  #own(topic: Topic, from: number, since: number): Publication[] {
    const entries: Publication[] = []
    for (const entry of topic.from(from))
      if (entry.source === this.#publishers.own && entry.cameAt >= since) entries.push(entry)
    return entries
  }

  /** In one message, unless that would be very large. */
  #say(topic: Topic, entries: readonly Publication[]): number {
    let from = 0
    let bytes = 0
    let size = 0
    for (const [at, entry] of entries.entries()) {
      size += entry.size
      if (size < this.#limits.busBytes && at + 1 < entries.length) continue
      const message = encodeDiffusion(entries.slice(from, at + 1))
      this.#bus.publish(TOPIC + topic.name, message)
      bytes += message.length
      from = at + 1
      size = 0
    }
    return bytes
  }
}
