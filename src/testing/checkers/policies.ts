import type { Received } from '../../client/machine/index.ts'
import { policies } from '../../core/index.ts'
import {
  type ClientMessage,
  type ErrorCode,
  type MessageOf,
  type ServerMessage,
} from '../../protocol/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'
import type { Scenario } from '../scenario.ts'
import { readToken } from '../tokens.ts'
import { forget } from './forget.ts'

/**
 * How soon a reader that fell off the ring is disconnected under that policy, and how late the sweep that notices it
 * may be, in milliseconds.
 */
const DISCONNECT_MS = 1_000 + 250

type Wish = MessageOf<'subscribe'>['topics'][number]

/** A reader with the policy `disconnect`. */
interface Strict {
  readonly client: ClientFacts
  readonly topic: string
  /** Publications to its topic on its node since anything was last written to it. */
  missed: number
  /** When it must be closed at the latest. */
  deadline: number
}

/**
 * I15 Policies: a `skip` reader gets a GAP with the number of missing entries; a `conflate` reader gets one that keeps
 * its position, since latest values follow; a reader that always conflates never gets a GAP for being slow; a
 * `disconnect` reader is closed within a second of falling off the ring, which is certain when more was published than
 * the ring keeps since anything was last written to it.
 */
export class PolicyChecker implements Observer {
  readonly #now: () => number
  readonly #kept: number
  /** Topics that somebody has read at a rate. */
  readonly #throttled: Set<string> = new Set()
  readonly #pending: number
  /** By connection, call and place. */
  readonly #wishes: Map<string, Wish> = new Map()
  /** Subscription options by connection and log. */
  readonly #logs: Map<string, Wish> = new Map()
  /** Connections that the node has closed. */
  readonly #over: Set<string> = new Set()
  /** By connection, then log. */
  readonly #strict: Map<string, Map<number, Strict>> = new Map()
  /** Numbers and losses of readers, for topics with one publisher. */
  readonly #numbers: Map<string, number> = new Map()
  readonly #lost: Map<string, number> = new Map()
  readonly #publishers: Map<string, number> = new Map()

  constructor({ retention }: Scenario, topicPendingEntries: number, now: () => number) {
    this.#now = now
    this.#kept = retention.entries + 1
    this.#pending = topicPendingEntries
  }

  up(client: ClientFacts, connection: number, message: ClientMessage): void {
    if (message.type === 'unsubscribe')
      for (const { log } of message.logs) this.#strict.get(`${client.id}/${connection}`)?.delete(log)
    // A client whose rights shrink may lose subscriptions.
    if (message.type === 'refresh' && readToken(message.token)?.rights !== 'all')
      this.#strict.delete(`${client.id}/${connection}`)
    if (message.type !== 'subscribe') return
    message.topics.forEach((wish, index) =>
      this.#wishes.set(`${client.id}/${connection} ${message.call} ${index}`, wish),
    )
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    const here = `${client.id}/${connection}`
    if (message.type === 'ended') this.#strict.get(here)?.delete(message.log)
    if (message.type === 'subscribed') {
      // One that the session log kept from an earlier connection tells of a cursor that went with it.
      const wish = this.#wishes.get(`${here} ${message.call} ${message.index}`)
      if (wish === undefined) return
      this.#logs.set(`${here} ${message.log}`, wish)
      // Data in flight when the node closed the connection still arrives.
      if (!this.#over.has(here)) this.#follow(client, here, message.log, wish)
    }
    if (message.type !== 'gap' || message.reason !== 'SLOW') return
    const wish = this.#logs.get(`${here} ${message.log}`)
    if (wish === undefined) return
    if (wish.conflate || wish.policy === policies.disconnect)
      violate('I15', `client ${client.id} got a gap of ${wish.topic}, whose policy is ${wish.policy}`)
    const stays = message.position.at === message.from
    if (stays !== (wish.policy === policies.conflate))
      violate(
        'I15',
        `after a gap of ${wish.topic} with policy ${wish.policy} a reader is at ${message.position.at}`,
      )
    if (message.to <= message.from) violate('I15', `a gap of ${wish.topic} that counts nothing`)
  }

  #follow(
    client: ClientFacts,
    here: string,
    log: number,
    { topic, policy, conflate, keys, maxHz }: Wish,
  ): void {
    if (maxHz > 0) this.#throttled.add(topic)
    const readers = this.#strict.get(here) ?? new Map<number, Strict>()
    this.#strict.set(here, readers)
    // A reader of some keys advances without anything being written.
    if (policy === policies.disconnect && !conflate && keys.length === 0)
      readers.set(log, { client, topic, missed: 0, deadline: Infinity })
    else readers.delete(log)
  }

  write(client: ClientFacts, connection: number): void {
    for (const reader of this.#strict.get(`${client.id}/${connection}`)?.values() ?? []) {
      this.#inTime(reader)
      reader.missed = 0
      reader.deadline = Infinity
    }
  }

  closed(client: ClientFacts, connection: number): void {
    const here = `${client.id}/${connection}`
    this.#over.add(here)
    for (const reader of this.#strict.get(here)?.values() ?? []) this.#inTime(reader)
    this.#strict.delete(here)
  }

  /** A resumed node does its overdue work now, so the deadlines start again. */
  woken(node: number): void {
    for (const readers of this.#strict.values())
      for (const reader of readers.values())
        if (reader.client.node === node && reader.deadline < Infinity)
          reader.deadline = this.#now() + DISCONNECT_MS
  }

  died(node: number): void {
    for (const [key, readers] of this.#strict)
      for (const { client } of readers.values()) if (client.node === node) this.#strict.delete(key)
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
    this.#inTime(reader)
    if (reader.topic !== topic || reader.client.node !== node) return
    reader.missed++
    // Entries that wait for a rung, which may be another reader's, are kept until offered, as far as there is room.
    const ring = this.#kept + (this.#throttled.has(topic) ? this.#pending : 0)
    if (reader.missed > ring) reader.deadline = Math.min(reader.deadline, now + DISCONNECT_MS)
  }

  #inTime({ client, topic, deadline }: Strict): void {
    if (this.#now() > deadline)
      violate(
        'I15',
        `client ${client.id} fell off ${topic} at ${deadline - DISCONNECT_MS} and was not disconnected`,
      )
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

  publication(client: ClientFacts, topic: string, partial: boolean, { publisher, number }: Received): void {
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
