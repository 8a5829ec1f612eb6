import { plain } from '../protocol/bytes.ts'
import type { Cluster } from './cluster/cluster.ts'
import { CLUSTER, NODES } from './cluster/messages.ts'
import { LINK } from './cluster/links.ts'
import { MESH } from './cluster/datagrams.ts'
import type { Stats } from './ground/stats.ts'
import type { Peering } from './peering.ts'
import { type Carrier, QUIET, topicOf } from './topic/carrier.ts'
import type { Topics } from './topic/topics.ts'
import { kindOf, kindOfSent } from './traffic.ts'

/** Where the messages and events of the bus come into a node: the methods of `BusListener`, with the time. */
export class Inlet {
  readonly #topics: Topics
  readonly #carrier: Carrier
  readonly #cluster: Cluster | null
  readonly #peering: Peering | null
  readonly #stats: Stats
  /** Whether the bus carries messages. */
  isUp = false
  /** This node has said goodbye: the others go on without it, so it hears nothing any more, and takes nothing over. */
  isDeaf = false
  /** When it last went down; null: never. */
  #downAt: number | null = null

  /** `cluster` and `peering`: null for a node alone. */
  constructor(
    topics: Topics,
    carrier: Carrier,
    cluster: Cluster | null,
    peering: Peering | null,
    stats: Stats,
  ) {
    this.#topics = topics
    this.#carrier = carrier
    this.#cluster = cluster
    this.#peering = peering
    this.#stats = stats
  }

  message(subject: string, message: Uint8Array, from: number, now: number): void {
    if (this.isDeaf) return
    const bytes = plain(message)
    this.#stats.hearOnBus(kindOf(subject), bytes.length)
    const topic = topicOf(subject)
    if (topic !== null) this.#topics.catchUp.published(topic, bytes, from, now)
    else if (subject === QUIET) this.#topics.catchUp.quiet(bytes, from, now)
    else if (subject === NODES && this.#cluster !== null) this.#cluster.handle(from, bytes, now)
    else this.#stats.strangers++
  }

  /** The first byte of a message to a single node says what it is about. */
  sent(message: Uint8Array, from: number, now: number): void {
    if (this.isDeaf) return
    const bytes = plain(message)
    this.#stats.hearOnBus(kindOfSent(bytes), bytes.length)
    const [kind] = bytes
    if (kind === LINK && this.#peering !== null) this.#peering.links.handle(from, bytes, now)
    else if (kind === MESH && this.#peering !== null) this.#peering.mesh.datagram(from, bytes, now)
    else if (kind === CLUSTER && this.#cluster !== null) this.#cluster.handle(from, bytes, now)
    else this.#stats.strangers++
  }

  down(now: number): void {
    this.isUp = false
    this.#downAt = now
    this.#cluster?.down(now)
  }

  back(now: number): void {
    if (this.isDeaf) return
    this.isUp = true
    if (this.#downAt !== null) this.#carrier.back(this.#topics.all(), this.#downAt)
    this.#cluster?.up(now)
    this.#peering?.up(this.#downAt !== null, now)
  }

  /** Another node has ended. What it has published stays. */
  gone(node: number, now: number): void {
    this.#cluster?.gone(node, now)
  }
}
