import type { MessageOf } from '../../protocol/schema.ts'
import type { HeldSubscribe } from '../session/parts.ts'
import type { Session } from '../session/session.ts'
import type { Topic } from './topic.ts'

/**
 * A SUBSCRIBE that waits for what other nodes keep of some of its topics. Later messages of its session wait as well.
 */
interface Expectation {
  readonly session: Session
  /** Those that it waits for, and all that count as read until it goes on. */
  readonly topics: Set<Topic>
  readonly all: readonly Topic[]
  readonly held: HeldSubscribe
}

/** Subscriptions that are the first of their topic on this node: they begin once the topic has caught up. */
export class FirstReaders {
  readonly #bySession: Map<Session, Expectation> = new Map()
  readonly #byTopic: Map<Topic, Set<Expectation>> = new Map()
  readonly #left: (topic: Topic, now: number) => void

  /** `left`: a topic may have nobody who reads it or waits for it any more. */
  constructor(left: (topic: Topic, now: number) => void) {
    this.#left = left
  }

  has(topic: Topic): boolean {
    return this.#byTopic.has(topic)
  }

  /** Holds a message until these topics have caught up and its session has its turn, unless that ends before. */
  hold(session: Session, message: MessageOf<'subscribe'>, topics: Set<Topic>, held: HeldSubscribe): void {
    const expectation = { session, topics, all: [...topics], held }
    session.wait(message)
    this.#bySession.set(session, expectation)
    for (const topic of topics) {
      topic.expected++
      const known = this.#byTopic.get(topic)
      if (known === undefined) this.#byTopic.set(topic, new Set([expectation]))
      else known.add(expectation)
    }
  }

  /** A topic has caught up. */
  ready(topic: Topic): void {
    const waiting = this.#byTopic.get(topic)
    this.#byTopic.delete(topic)
    for (const expectation of waiting ?? []) {
      const { topics, held } = expectation
      topics.delete(topic)
      if (topics.size > 0) continue
      held.proceed((now) => {
        this.#release(expectation)
        held.act(now)
        this.#forget(expectation, now)
      })
    }
  }

  #release({ session }: Expectation): void {
    this.#bySession.delete(session)
    session.goOn()
  }

  #forget({ all }: Expectation, now: number): void {
    for (const topic of all) {
      topic.expected--
      this.#left(topic, now)
    }
  }

  /** The session has ended. */
  drop(session: Session, now: number): void {
    const expectation = this.#bySession.get(session)
    if (expectation === undefined) return
    this.#release(expectation)
    for (const topic of expectation.topics) {
      const waiting = this.#byTopic.get(topic)
      waiting?.delete(expectation)
      if (waiting?.size === 0) this.#byTopic.delete(topic)
    }
    this.#forget(expectation, now)
  }
}
