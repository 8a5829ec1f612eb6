import type { Received } from '../../client/machine/index.ts'
import type { RtmsNode } from '../../core/index.ts'
import type { ServerMessage } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, type RestingClient, violate } from '../observer.ts'
import { textOf } from '../text.ts'

/** How long after connecting a client reads its topics again, in milliseconds. */
const SUBSCRIBED_MS = 2_000

/** The publications of one incarnation to a topic. */
interface Published {
  readonly texts: Map<number, string>
  last: number
  at: number
}

/**
 * The latest value per key of a topic; null where the key was removed. It starts again whenever the topic may have been
 * forgotten.
 */
interface Latest {
  readonly values: Map<string, string | null>
  readonly publishers: Set<number>
  at: number
}

/**
 * I11: numbers rise strictly per publisher and topic, and none is skipped without a GAP. I12: each entry equals what
 * was published.
 */
export class TopicChecker implements Observer {
  readonly #now: () => number
  /** An unread topic may be forgotten after this long, in milliseconds. */
  readonly #keptMs: number
  readonly #published: Map<string, Published> = new Map()
  /** Clients' publications by text: the topic and, once a reader has it, the position. */
  readonly #ofClients: Map<string, { readonly topic: string; place: string }> = new Map()
  readonly #numbers: Map<string, number> = new Map()
  /** Readers and publishers with a gap reported since the last publication. */
  readonly #gaps: Set<string> = new Set()
  readonly #latest: Map<string, Latest> = new Map()
  /** When each reader last had to start again. */
  readonly #since: Map<string, number> = new Map()

  constructor(topicIdleMs: number, now: () => number) {
    this.#keptMs = topicIdleMs / 2
    this.#now = now
  }

  published(
    { incarnation }: { readonly incarnation: number },
    topic: string,
    { number, text, key, tombstone }: { number: number; text: string; key: string; tombstone: boolean },
  ): void {
    const of = `${topic} ${incarnation}`
    const published = this.#published.get(of) ?? { texts: new Map<number, string>(), last: 0, at: 0 }
    if (number <= published.last)
      violate('I11', `number ${number} of ${topic} was published after number ${published.last}`)
    published.texts.set(number, text)
    published.last = number
    published.at = this.#now()
    this.#published.set(of, published)
    const now = this.#now()
    let latest = this.#latest.get(topic)
    if (latest === undefined || now - latest.at > this.#keptMs)
      latest = { values: new Map(), publishers: new Set(), at: now }
    latest.values.set(key, tombstone ? null : text)
    latest.publishers.add(incarnation)
    latest.at = now
    this.#latest.set(topic, latest)
  }

  publishing(_client: ClientFacts, topic: string, text: string): void {
    this.#ofClients.set(text, { topic, place: '' })
  }

  publication(client: ClientFacts, topic: string, partial: boolean, entry: Received): void {
    const { publisher, number } = entry
    this.#compare(client, topic, entry)
    const reader = `${client.id} ${topic}`
    const of = `${reader} ${publisher}`
    const last = this.#numbers.get(of)
    if (last !== undefined && number <= last)
      violate('I11', `client ${client.id} got number ${number} of ${topic} after ${last}`)
    if (!partial && last !== undefined && number > last + 1 && !this.#gaps.has(of))
      violate(
        'I11',
        `client ${client.id} got number ${number} of ${topic} after ${last}, and no gap was told`,
      )
    this.#gaps.delete(of)
    this.#numbers.set(of, number)
  }

  #compare(client: ClientFacts, topic: string, { publisher, number, data }: Received): void {
    const text = textOf(data)
    const place = `${topic} ${publisher}/${number}`
    const mine = this.#ofClients.get(text)
    if (mine !== undefined && mine.topic === topic && (mine.place === '' || mine.place === place)) {
      mine.place = place
      return
    }
    if (mine !== undefined) violate('I11', `${text} is ${mine.place} and ${place}`)
    const expected = this.#published.get(`${topic} ${publisher}`)?.texts.get(number)
    if (text !== expected)
      violate('I12', `client ${client.id} got ${text} as ${place}, which was ${String(expected)}`)
  }

  /** The topic is read only from now on; earlier publications may have been forgotten. */
  down(client: ClientFacts, _connection: number, message: ServerMessage): void {
    if (message.type === 'subscribed') this.#since.set(`${client.id} ${message.topic}`, this.#now())
  }

  /** A reader starts again: nothing it got before matters. */
  subscribed(client: ClientFacts, topic: string): void {
    this.#since.set(`${client.id} ${topic}`, this.#now())
    for (const key of this.#numbers.keys())
      if (key.startsWith(`${client.id} ${topic} `)) this.#numbers.delete(key)
  }

  topicGap(client: ClientFacts, topic: string, anew: boolean): void {
    if (anew) this.subscribed(client, topic)
    for (const of of this.#numbers.keys()) if (of.startsWith(`${client.id} ${topic} `)) this.#gaps.add(of)
  }

  /** All connected clients have caught up when all is quiet. */
  rest(nodes: readonly RtmsNode[], clients: readonly RestingClient[]): void {
    const alive = new Set(nodes.map(({ incarnation }) => incarnation))
    for (const client of clients) {
      if (!client.settled) continue
      const node = nodes[client.node] as RtmsNode
      for (const topic of client.topics) {
        this.#restsAtHead(client, topic, node, alive)
        this.#restsWithLatest(client, topic, node)
      }
    }
  }

  #restsAtHead(
    client: RestingClient,
    { name, position, keys, partial }: RestingTopic,
    node: RtmsNode,
    alive: ReadonlySet<number>,
  ): void {
    // A reader of a keyed topic may not get the last number: a removal of a key it never had is not sent.
    if (name.startsWith('k') || keys.length > 0) return
    // Nor may a conflating reader, if the latest value is another publisher's.
    if (partial && position.size > 1) return
    for (const [publisher, number] of position) {
      // A dead node's last publications are lost, and the loss was reported.
      if (!alive.has(publisher)) continue
      const published = this.#published.get(`${name} ${publisher}`)
      // Publications that a node did not accept from another, being full or without readers, are reported with the next
      // one.
      const isFull = node.stats.publicationsRefused.has('LIMIT')
      const since = Math.max(client.liveSince, this.#since.get(`${client.id} ${name}`) ?? 0)
      const isLate = since + SUBSCRIBED_MS > (published?.at ?? -Infinity)
      if (publisher !== node.incarnation && (isFull || isLate)) continue
      const head = headOf(node, name, publisher) ?? published?.last
      if (head !== undefined && number !== head)
        violate('I11', `client ${client.id} rests at ${number} of ${name}, whose head is ${head}`)
    }
  }

  #restsWithLatest(
    client: RestingClient,
    { name, latest, conflate, keys }: RestingTopic,
    node: RtmsNode,
  ): void {
    const known = this.#latest.get(name)
    if (!conflate || known === undefined) return
    const since = this.#since.get(`${client.id} ${name}`) ?? 0
    if (
      known.publishers.size !== 1 ||
      !known.publishers.has(node.incarnation) ||
      since > known.at + this.#keptMs
    )
      return
    for (const [key, text] of known.values) {
      if ((keys.length > 0 && !keys.includes(key)) || (latest.get(key) ?? null) === text) continue
      violate(
        'I15',
        `client ${client.id} rests with ${String(latest.get(key))} for key ${key} of ${name}, whose latest is ${text}`,
      )
    }
  }
}

type RestingTopic = RestingClient['topics'][number]

/** The number of the latest entry without a key, if it is this publisher's. */
function headOf(node: RtmsNode, topic: string, publisher: number): number | undefined {
  return node.topicLatest(topic).find((entry) => entry.key === '' && entry.source.incarnation === publisher)
    ?.number
}
