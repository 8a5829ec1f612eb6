import { defaultRetention, type Limits } from '../ground/config.ts'
import { Queue } from '../ground/queue.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import type { Topic } from './topic.ts'

/** Topics whose entries expire, and topics that nobody uses any more. */
export class Aging {
  readonly #limits: Limits
  readonly #timers: Timers
  readonly #trim: (topic: Topic, now: number) => void
  readonly #forget: (topic: Topic) => void
  /** Topics to check for age: of entries in the ring, or of the topic itself when nobody reads it. */
  readonly #aging: Set<Topic> = new Set()
  /**
   * Topics without entries and without readers, by when the last reader left, longest ago first. Each is kept for a
   * while, because the reader may come back to the same log.
   */
  readonly #lingering: Queue<Topic, number> = new Queue()
  readonly #timer: Timer
  #isDue = false

  constructor(
    limits: Limits,
    timers: Timers,
    trim: (topic: Topic, now: number) => void,
    forget: (topic: Topic) => void,
  ) {
    this.#limits = limits
    this.#timers = timers
    this.#trim = trim
    this.#forget = forget
    this.#timer = new Timer('aging', () => {
      this.#isDue = true
    })
  }

  /** The topic without entries that nobody has read for longest. */
  get idlest(): Topic | undefined {
    return this.#lingering.oldest
  }

  watch(topic: Topic, now: number): void {
    if (this.#aging.size === 0 && this.#lingering.size === 0)
      this.#timers.set(this.#timer, now + this.#limits.agingMs)
    if (topic.isEmpty) this.#lingering.set(topic, now)
    else this.#aging.add(topic)
  }

  /** The topic has a reader, or entries. */
  use(topic: Topic): void {
    this.#lingering.delete(topic)
  }

  /** The topic was forgotten. */
  drop(topic: Topic): void {
    this.#lingering.delete(topic)
    this.#aging.delete(topic)
  }

  /** Part of the sweep: looks at some topics, when it is time. */
  run(now: number): void {
    if (!this.#isDue) return
    this.#isDue = false
    const { sessionKeepMs, topicIdleMs, agingTopics, agingMs, agingAgainMs } = this.#limits
    let left = agingTopics
    for (let { oldest } = this.#lingering; oldest !== undefined; { oldest } = this.#lingering) {
      if (now - (this.#lingering.get(oldest) ?? now) < sessionKeepMs || left === 0) break
      this.#forget(oldest)
      left--
    }
    const isCut = left === 0 || left < this.#aging.size
    let looks = Math.min(left, this.#aging.size)
    for (const topic of this.#aging) {
      if (looks-- === 0) break
      // The topic moves to the end of the set, unless nothing in it can age any more.
      this.#aging.delete(topic)
      this.#trim(topic, now)
      const { retention } = topic
      // What the business has said to keep for a day is still there for the first reader of the next morning.
      const idleMs = retention === defaultRetention ? topicIdleMs : Math.max(topicIdleMs, retention.ageMs)
      if (topic.isRead ? topic.size > 0 : now - topic.touched < idleMs) this.#aging.add(topic)
      else if (!topic.isRead) this.#forget(topic)
    }
    if (this.#aging.size > 0 || this.#lingering.size > 0)
      this.#timers.set(this.#timer, now + (isCut ? agingAgainMs : agingMs))
  }
}
