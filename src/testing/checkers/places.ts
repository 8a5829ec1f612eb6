import {
  type ClientMessage,
  eachPublication,
  type MessageOf,
  type Position,
  type ServerMessage,
} from '../../protocol/index.ts'
import type { RtmsNode } from '../../core/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'
import type { Scenario } from '../scenario.ts'

type Wish = MessageOf<'subscribe'>['topics'][number]

/** A reader's position, derived from what it is sent. */
interface Place {
  readonly topic: string
  readonly wish: Wish
  readonly epoch: number
  at: number
  /** Up to this position, latest values replace entries; `Infinity` until the reader has all of them. */
  latestTo: number
  /** How often it had to start again. */
  anew: number
}

/** A publication of the business. With one node, its number is its position. */
interface Said {
  readonly key: string
  readonly tombstone: boolean
}

/** More logs than a node of the simulator ever opens: an epoch is its incarnation and the number of a log. */
const LOGS = 1_000

/**
 * I7 and I11 for topics, by positions. A reader gets every position in order, or a GAP in its place. `recovered` is
 * true only in the log that the position belongs to, and reading then continues exactly there; it is false only where
 * something can be missing: another log, an entry that the reader wants, or a removal of its keys.
 */
export class PlaceChecker implements Observer {
  readonly #scenario: Scenario
  readonly #forgetMs: number
  /** By connection: the node's incarnation. */
  readonly #nodes: Map<string, number> = new Map()
  /** By connection, call and index. */
  readonly #wishes: Map<string, Wish> = new Map()
  /** By connection and log. */
  readonly #places: Map<string, Place> = new Map()
  /** When the node last wrote anything, by client and log: a topic that was forgotten has another log afterwards. */
  readonly #read: Map<string, number> = new Map()
  /** Logs that are no more, as a client was told: it may name one of them once more before it has heard that. */
  readonly #gone: Set<string> = new Set()
  /** Nodes that were full, by incarnation: such a one gives up a topic that nobody reads at any time. */
  readonly #full: Set<number> = new Set()
  /** Publications by incarnation and topic, then by number. */
  readonly #said: Map<string, Map<number, Said>> = new Map()

  /**
   * `forgetMs`: the shortest time, in milliseconds, after which an unread topic may be forgotten. Where there are
   * several nodes, a reader may go on in the log of another one, by the numbers of its publishers, which `TopicChecker`
   * looks at.
   */
  constructor(scenario: Scenario, forgetMs: number) {
    this.#scenario = scenario
    this.#forgetMs = forgetMs
  }

  swept({ incarnation, logs }: RtmsNode): void {
    if (logs.cuts > 0) this.#full.add(incarnation)
  }

  published(
    { incarnation }: { readonly incarnation: number },
    topic: string,
    { number, key, tombstone }: Said & { readonly number: number },
  ): void {
    const of = `${incarnation} ${topic}`
    const said = this.#said.get(of) ?? new Map<number, Said>()
    this.#said.set(of, said.set(number, { key, tombstone }))
  }

  up(client: ClientFacts, connection: number, message: ClientMessage): void {
    if (message.type !== 'subscribe') return
    message.topics.forEach((wish, index) =>
      this.#wishes.set(`${client.id}/${connection} ${message.call} ${index}`, wish),
    )
  }

  down(client: ClientFacts, connection: number, message: ServerMessage, at: number): void {
    const here = `${client.id}/${connection}`
    if (message.type === 'welcome') this.#nodes.set(here, message.publisher)
    else if (message.type === 'subscribed') {
      // A message that the session log kept from an earlier connection belongs to a cursor that ended with it.
      const wish = this.#wishes.get(`${here} ${message.call} ${message.index}`)
      if (wish === undefined) return
      this.#subscribed(client, here, wish, message, at)
      this.#read.set(`${client.id} ${message.position.epoch}`, at)
    } else if (message.type === 'gap' || message.type === 'publications') {
      const place = this.#places.get(`${here} ${message.log}`)
      if (place === undefined) return
      this.#read.set(`${client.id} ${place.epoch}`, at)
      if (message.type === 'gap') this.#gap(client, place, message)
      else this.#publications(client, place, message)
    }
  }

  #subscribed(
    client: ClientFacts,
    here: string,
    wish: Wish,
    { topic, log, position, recovered, reason }: MessageOf<'subscribed'>,
    now: number,
  ): void {
    const { since } = wish
    const of = `client ${client.id}, which stood at ${since.at} of ${topic},`
    const incarnation = this.#nodes.get(here) ?? 0
    if (position.epoch !== incarnation + log)
      violate('I7', `${topic} is in epoch ${position.epoch} as log ${log} of node ${incarnation}`)
    const isOwn = since.epoch > incarnation && since.epoch < incarnation + LOGS
    const isMoved = this.#scenario.nodes > 1 && !isOwn && since.epoch !== position.epoch
    if (recovered && !isMoved && since.epoch !== position.epoch)
      violate('I7', `${of} was told that it goes on, in another log`)
    // Who stood before all goes on at the first entry there was, or has lost something.
    const isFrom = isPartial(wish) || since.at === 0 ? position.at >= since.at : position.at === since.at
    if (recovered && !isMoved && !isFrom) violate('I7', `${of} was told that it goes on, at ${position.at}`)
    if (reason === 'NEW_EPOCH') {
      const away = now - (this.#read.get(`${client.id} ${since.epoch}`) ?? -Infinity)
      const gone = `${client.id} ${topic} ${since.epoch}`
      const isKnown = this.#gone.has(gone)
      this.#gone.add(gone)
      if (isOwn && away < this.#forgetMs && !this.#full.has(incarnation) && !isKnown)
        violate('I7', `${of} was told after ${away.toFixed(0)} ms that its log is gone`)
    }
    if (reason === 'RETENTION' && !this.#canHaveLost(incarnation, topic, wish))
      violate('I7', `${of} was told that something is missing, and nothing can be`)
    const { conflate } = wish
    const latestTo = conflate || position.at === 0 ? Infinity : 0
    this.#places.set(`${here} ${log}`, {
      topic,
      wish,
      epoch: position.epoch,
      at: position.at,
      latestTo,
      anew: 0,
    })
  }

  /** Whether anything was published after its position that such a reader wants or must learn of. */
  #canHaveLost(incarnation: number, topic: string, { since, conflate, keys }: Wish): boolean {
    // Clients' publications have no number here, and with several nodes positions are not numbers.
    if (this.#scenario.nodes > 1 || topic.startsWith('c')) return true
    for (const [number, { key, tombstone }] of this.#said.get(`${incarnation} ${topic}`) ?? []) {
      const isWanted = keys.length === 0 || keys.some((one) => one.key === key)
      if (number >= since.at && isWanted && (tombstone || !conflate)) return true
    }
    return false
  }

  #gap(client: ClientFacts, place: Place, { from, to, position, reason }: MessageOf<'gap'>): void {
    this.#sameLog(client, place, position)
    // A loss that no entry shows takes a position of its own.
    const reached = place.at + (reason === 'BUS' ? 1 : 0)
    if (reason === 'RETENTION') {
      if (position.at !== 0) violate('I11', `a reader of ${place.topic} begins anew at ${position.at}`)
      place.latestTo = Infinity
      place.anew++
      if (place.anew > this.#removals(place.topic))
        violate('I11', `a reader of ${place.topic} has to begin anew for the ${place.anew}th time`)
    } else if (from < place.at || (!isPartial(place.wish) && from > reached && place.latestTo <= place.at))
      violate('I11', `client ${client.id} got a gap of ${place.topic} from ${from}, and stood at ${place.at}`)
    else if (position.at < to) place.latestTo = to
    place.at = position.at
  }

  /** The most keys that can have been forgotten: as many as were removed. */
  #removals(topic: string): number {
    let count = 0
    for (const [of, said] of this.#said)
      if (of.endsWith(` ${topic}`)) for (const { tombstone } of said.values()) if (tombstone) count++
    return count
  }

  #sameLog(client: ClientFacts, { topic, epoch }: Place, position: Position): void {
    if (position.epoch !== epoch)
      violate(
        'I11',
        `client ${client.id} reads epoch ${epoch} of ${topic} and got a gap of ${position.epoch}`,
      )
  }

  #publications(client: ClientFacts, place: Place, message: MessageOf<'publications'>): void {
    const wrong = (at: number): never =>
      violate('I11', `client ${client.id} was given ${at} of ${place.topic}, and stood at ${place.at}`)
    if (message.at < place.at) wrong(message.at)
    // Replacement values may skip entries, up to the position they say.
    const limit = (): number => Math.max(place.at, isPartial(place.wish) ? Infinity : place.latestTo)
    let count = 0
    eachPublication(message.publications, message.at, ({ at }) => {
      count++
      if (at < place.at || at > limit()) wrong(at)
      place.at = at + 1
    })
    if (count > 0) return
    if (message.at > limit()) wrong(message.at)
    place.at = message.at
    if (place.latestTo === Infinity && !place.wish.conflate) place.latestTo = 0
  }
}

/** Entries that a reader of some keys does not want are skipped as they come. */
function isPartial({ keys, conflate }: Wish): boolean {
  return conflate || keys.length > 0
}
