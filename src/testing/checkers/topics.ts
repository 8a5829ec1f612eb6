import type { RtmsNode } from '../../core/index.ts'
import type { PublicationEntry } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, type RestingClient, violate } from '../observer.ts'
import { textOf } from '../text.ts'

/** I11: numbers rise strictly per publisher and topic, none is left out without a GAP; I12: each entry is what was published. */
export class TopicChecker implements Observer {
  /** What was published, by topic and incarnation, from number 1 on. */
  readonly #published: Map<string, string[]> = new Map()
  readonly #numbers: Map<string, number> = new Map()
  /** Readers that were told of a gap since their last publication. */
  readonly #gaps: Set<string> = new Set()
  /** By topic: the latest value per key, null where it was removed, and the incarnations that published. */
  readonly #latest: Map<string, Map<string, string | null>> = new Map()
  readonly #publishers: Map<string, Set<number>> = new Map()

  published(incarnation: number, topic: string, text: string, key: string, tombstone: boolean): void {
    const of = `${topic} ${incarnation}`
    const list = this.#published.get(of) ?? []
    list.push(text)
    this.#published.set(of, list)
    const latest = this.#latest.get(topic) ?? new Map<string, string | null>()
    latest.set(key, tombstone ? null : text)
    this.#latest.set(topic, latest)
    const publishers = this.#publishers.get(topic) ?? new Set()
    publishers.add(incarnation)
    this.#publishers.set(topic, publishers)
  }

  publication(client: ClientFacts, topic: string, partial: boolean, entry: PublicationEntry): void {
    const text = textOf(entry.data)
    const expected = this.#published.get(`${topic} ${entry.publisher}`)?.[entry.number - 1]
    if (text !== expected) {
      violate(
        'I12',
        `client ${client.id} got ${text} as number ${entry.number} of ${topic}, which was ${String(expected)}`,
      )
    }
    const reader = `${client.id} ${topic}`
    const last = this.#numbers.get(`${reader} ${entry.publisher}`)
    if (last !== undefined && entry.number <= last) {
      violate('I11', `client ${client.id} got number ${entry.number} of ${topic} after ${last}`)
    }
    if (!partial && last !== undefined && entry.number > last + 1 && !this.#gaps.has(reader)) {
      violate(
        'I11',
        `client ${client.id} got number ${entry.number} of ${topic} after ${last}, and no gap was told`,
      )
    }
    this.#gaps.delete(reader)
    this.#numbers.set(`${reader} ${entry.publisher}`, entry.number)
  }

  /** A reader starts anew: nothing it got before matters. */
  subscribed(client: ClientFacts, topic: string): void {
    for (const key of this.#numbers.keys())
      if (key.startsWith(`${client.id} ${topic} `)) this.#numbers.delete(key)
  }

  topicGap(client: ClientFacts, topic: string, anew: boolean): void {
    if (anew) this.subscribed(client, topic)
    this.#gaps.add(`${client.id} ${topic}`)
  }

  /** All who are connected when all is quiet have caught up. */
  rest(nodes: readonly RtmsNode[], clients: readonly RestingClient[]): void {
    const alive = new Set(nodes.map(({ incarnation }) => incarnation))
    for (const client of clients) {
      for (const { name, position, latest, conflate, keys } of client.topics) {
        // A reader of a keyed topic need not hear of the last number: a removal of what it never had is not told.
        const keyed = [...(this.#latest.get(name)?.keys() ?? [])].some((key) => key !== '')
        for (const [publisher, number] of keyed || keys.length > 0 ? [] : position) {
          // What a dead node published last is lost, and was told as lost.
          if (!alive.has(publisher)) continue
          const head = this.#published.get(`${name} ${publisher}`)?.length ?? 0
          if (number !== head)
            violate('I11', `client ${client.id} rests at ${number} of ${name}, whose head is ${head}`)
        }
        if (!conflate || (this.#publishers.get(name)?.size ?? 0) !== 1) continue
        for (const [key, text] of this.#latest.get(name) ?? []) {
          if ((keys.length > 0 && !keys.includes(key)) || (latest.get(key) ?? null) === text) continue
          violate(
            'I15',
            `client ${client.id} rests with ${String(latest.get(key))} for key ${key} of ${name}, whose latest is ${text}`,
          )
        }
      }
    }
  }
}
