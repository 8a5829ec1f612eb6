import { policies } from '../../core/index.ts'
import {
  type ClientMessage,
  type ErrorCode,
  type MessageOf,
  type PublicationEntry,
  type ServerMessage,
} from '../../protocol/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'
import type { Scenario } from '../scenario.ts'
import { forget } from './forget.ts'

/** How soon a reader that fell off the ring is disconnected, where it wants that. */
const DISCONNECT_MS = 1_000

type Wish = MessageOf<'subscribe'>['topics'][number]

/** A reader that is to be disconnected when it falls off the ring. */
interface Strict {
  readonly client: ClientFacts
  readonly topic: string
  /** Publications of its node's topic since anything was written to it. */
  missed: number
  /** When it has to be closed. */
  deadline: number
}

/**
 * I15 Policies: `skip` gets a GAP that says how many are missing; the others never get one for being slow; `disconnect`
 * is closed within a second of falling off the ring, which is certain when more was published than the ring holds since
 * anything was last written to it.
 */
export class PolicyChecker implements Observer {
  readonly #now: () => number
  readonly #ringEntries: number
  readonly #wishes: Map<string, Wish> = new Map()
  /** Wishes by connection and log. */
  readonly #logs: Map<string, Wish> = new Map()
  /** By connection, then topic. */
  readonly #strict: Map<string, Map<string, Strict>> = new Map()
  /** Numbers and losses of readers of topics with one publisher. */
  readonly #numbers: Map<string, number> = new Map()
  readonly #lost: Map<string, number> = new Map()
  readonly #publishers: Map<string, number> = new Map()

  constructor({ retention }: Scenario, topicPendingEntries: number, now: () => number) {
    this.#now = now
    this.#ringEntries = retention.entries + topicPendingEntries + 1
  }

  up(client: ClientFacts, _connection: number, message: ClientMessage): void {
    if (message.type !== 'subscribe') return
    message.topics.forEach((wish, index) => this.#wishes.set(`${client.id} ${message.call} ${index}`, wish))
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    const here = `${client.id}/${connection}`
    if (message.type === 'subscribed') {
      const wish = this.#wishes.get(`${client.id} ${message.call} ${message.index}`)
      if (wish === undefined) return
      this.#logs.set(`${here} ${message.log}`, wish)
      this.#follow(client, here, wish)
    }
    if (message.type !== 'gap' || message.reason !== 'SLOW') return
    const wish = this.#logs.get(`${here} ${message.log}`)
    if (wish === undefined) return
    if (wish.conflate || wish.policy !== policies.skip)
      violate('I15', `client ${client.id} got a gap of ${wish.topic}, whose policy is ${wish.policy}`)
    if (message.to <= message.from) violate('I15', `a gap of ${wish.topic} that counts nothing`)
  }

  #follow(client: ClientFacts, here: string, { topic, policy, conflate }: Wish): void {
    const readers = this.#strict.get(here) ?? new Map<string, Strict>()
    this.#strict.set(here, readers)
    if (policy === policies.disconnect && !conflate)
      readers.set(topic, { client, topic, missed: 0, deadline: Infinity })
    else readers.delete(topic)
  }

  write(client: ClientFacts, connection: number): void {
    for (const reader of this.#strict.get(`${client.id}/${connection}`)?.values() ?? []) {
      reader.missed = 0
      reader.deadline = Infinity
    }
  }

  closed(client: ClientFacts, connection: number): void {
    this.#strict.delete(`${client.id}/${connection}`)
  }

  published({ index, incarnation }: { index: number; incarnation: number }, topic: string): void {
    const now = this.#now()
    const known = this.#publishers.get(topic)
    this.#publishers.set(topic, known === undefined || known === incarnation ? incarnation : NaN)
    for (const readers of this.#strict.values()) {
      for (const reader of readers.values()) this.#missed(reader, topic, index, now)
    }
  }

  #missed(reader: Strict, topic: string, node: number, now: number): void {
    if (now > reader.deadline)
      violate(
        'I15',
        `client ${reader.client.id} fell off ${reader.topic} at ${reader.deadline - DISCONNECT_MS} and is not disconnected`,
      )
    if (reader.topic !== topic || reader.client.node !== node) return
    reader.missed++
    if (reader.missed > this.#ringEntries) reader.deadline = Math.min(reader.deadline, now + DISCONNECT_MS)
  }

  unsubscribed(client: ClientFacts, topic: string): void {
    for (const readers of this.#strict.values()) {
      const reader = readers.get(topic)
      if (reader?.client === client) readers.delete(topic)
    }
  }

  // ---- what a gap counts, where there is one publisher

  subscribed(client: ClientFacts, topic: string): void {
    this.#forget(client, topic)
  }

  topicGap(client: ClientFacts, topic: string, anew: boolean, lost: number, reason: ErrorCode): void {
    const reader = `${client.id} ${topic}`
    if (reason !== 'SLOW' || anew) this.#forget(client, topic)
    else this.#lost.set(reader, (this.#lost.get(reader) ?? 0) + lost)
  }

  publication(
    client: ClientFacts,
    topic: string,
    partial: boolean,
    { publisher, number }: PublicationEntry,
  ): void {
    const reader = `${client.id} ${topic}`
    const last = this.#numbers.get(reader)
    const lost = this.#lost.get(reader) ?? 0
    if (
      !partial &&
      last !== undefined &&
      lost > 0 &&
      this.#publishers.get(topic) === publisher &&
      number !== last + lost + 1
    )
      violate('I15', `a gap of ${topic} counts ${lost}, between number ${last} and number ${number}`)
    this.#lost.delete(reader)
    this.#numbers.set(reader, number)
  }

  #forget(client: ClientFacts, topic: string): void {
    forget(this.#lost, `${client.id} ${topic}`)
    forget(this.#numbers, `${client.id} ${topic}`)
  }
}
