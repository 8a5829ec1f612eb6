import type { Cluster } from './cluster/cluster.ts'
import type { LinkParts } from './cluster/link-messages.ts'
import { LINK } from './cluster/links.ts'
import { MESH } from './cluster/mesh-messages.ts'
import type { Mesh } from './cluster/mesh.ts'
import { CLUSTER } from './cluster/messages.ts'
import type { Stats } from './ground/stats.ts'
import { type Carrier, topicOf } from './topic/carrier.ts'
import { decodeQuestion, QUESTION } from './topic/diffusion.ts'
import type { Topics } from './topic/topics.ts'

/** The subject on which the nodes of a cluster are heard by all others. Those of topics begin with `t/`. */
export const NODES = 'n/'

/** Where the messages and events of the bus come into a node: the methods of `BusListener`, with the time. */
export class Inlet {
  readonly #topics: Topics
  readonly #carrier: Carrier
  readonly #cluster: Cluster | null
  readonly #links: LinkParts | null
  readonly #mesh: Mesh | null
  readonly #stats: Stats
  /** Whether the bus carries messages. */
  isUp = false
  /** When it last went down; null: never. */
  #downAt: number | null = null

  /** `cluster`, `links` and `mesh`: null for a node alone. */
  constructor(
    topics: Topics,
    carrier: Carrier,
    cluster: Cluster | null,
    links: LinkParts | null,
    mesh: Mesh | null,
    stats: Stats,
  ) {
    this.#topics = topics
    this.#carrier = carrier
    this.#cluster = cluster
    this.#links = links
    this.#mesh = mesh
    this.#stats = stats
  }

  message(subject: string, bytes: Uint8Array, from: number, now: number): void {
    const topic = topicOf(subject)
    if (topic !== null) this.#topics.handleBus(topic, bytes, from, now)
    else if (subject === NODES && this.#cluster !== null) this.#cluster.handle(from, bytes, now)
    else this.#stats.strangers++
  }

  /** The first byte of a message to a single node says what it is about. */
  sent(bytes: Uint8Array, from: number, now: number): void {
    const [kind] = bytes
    if (kind === QUESTION) this.#asked(bytes, now)
    else if (kind === CLUSTER && this.#cluster !== null) this.#cluster.handle(from, bytes, now)
    else if (kind === LINK && this.#links !== null) this.#links.handle(from, bytes, now)
    else if (kind === MESH && this.#mesh !== null) this.#mesh.datagram(from, bytes, now)
    else this.#stats.strangers++
  }

  #asked(bytes: Uint8Array, now: number): void {
    const question = decodeQuestion(bytes)
    if (question === null) this.#stats.strangers++
    for (const name of question?.topics ?? []) {
      const topic = this.#topics.get(name)
      if (topic !== undefined) this.#carrier.asked(topic, now - (question?.ageMs ?? 0))
    }
  }

  down(now: number): void {
    this.isUp = false
    this.#downAt = now
    this.#cluster?.down(now)
  }

  back(now: number): void {
    this.isUp = true
    if (this.#downAt !== null) this.#carrier.catchUp(this.#topics.all(), this.#downAt)
    this.#cluster?.up(now)
    this.#links?.up()
  }

  /** Another node has ended. What it has published stays. */
  gone(node: number, now: number): void {
    this.#cluster?.gone(node, now)
  }
}
