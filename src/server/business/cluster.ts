import type { BusKind, NodeLoad } from '../../core/index.ts'
import type { Place } from '../ground/place.ts'
import type { Host } from '../host.ts'

/** A node of the cluster as this one sees it. */
export interface ClusterNode {
  /** Its name, which `?route=` of tickets contains; '' for one of which only another node has told. */
  readonly node: string
  /** The number of its run: random, another one after each start. */
  readonly incarnation: number
  /** Where a ticket that leads to it has its client connect; '' where that is not known (yet). */
  readonly address: string
  /** `silent`: not heard for three seconds or more, which proves nothing. A node that is known to have ended is not listed. */
  readonly status: 'self' | 'alive' | 'silent'
  /** How long ago it was last heard, in milliseconds; 0 for this node. */
  readonly heardMs: number
  /** How much there is on it, as it told with its last heartbeat, two a second; null where that is not known. */
  readonly load: NodeLoad | null
}

/** What a node has received from the bus, or given to it, since it started. */
export interface BusTraffic {
  readonly direction: 'in' | 'out'
  /** What it was about; see `rtms_bus_messages_total`. */
  readonly kind: BusKind
  readonly messages: number
  readonly bytes: number
}

/** The nodes of the cluster. */
export class Cluster {
  readonly #host: Host
  readonly #addressOf: (host: string | undefined, place: Place | undefined) => string

  /** @internal `addressOf`: where a ticket that leads to a node, this one by default, has its client connect. */
  constructor(host: Host, addressOf: (host: string | undefined, place: Place | undefined) => string) {
    this.#host = host
    this.#addressOf = addressOf
  }

  /**
   * This node first, then those that it knows of. A node alone knows of none. `host`: as for a ticket, for addresses that
   * depend on it. Throws a TypeError for a host that is none.
   */
  nodes({ host }: { readonly host?: string | undefined } = {}): ClusterNode[] {
    const { id, incarnation, cluster } = this.#host.node
    const load = this.#host.node.load()
    const now = performance.now()
    const address = this.#addressOf(host, undefined)
    const self = { node: id, incarnation, address, status: 'self', heardMs: 0, load } as const
    const others = (cluster?.peers ?? []).map((peer): ClusterNode => {
      const status = cluster?.isSilent(peer.incarnation, now) === true ? 'silent' : 'alive'
      const heardMs = Math.max(0, Math.round(now - peer.heard))
      const place = placeOf(peer)
      const address = place === undefined ? '' : this.#addressOf(host, place)
      return { node: peer.id, incarnation: peer.incarnation, address, status, heardMs, load: peer.load }
    })
    return [self, ...others]
  }

  /** Whether the bus carries messages to and from this node, and what it has carried. */
  bus(): { readonly isUp: boolean; readonly traffic: readonly BusTraffic[] } {
    const { inlet, stats } = this.#host.node
    const traffic = [
      ...[...stats.busIn].map(([kind, tally]) => ({ direction: 'in' as const, kind, ...tally })),
      ...[...stats.busOut].map(([kind, tally]) => ({ direction: 'out' as const, kind, ...tally })),
    ]
    return { isUp: inlet.isUp, traffic }
  }

  /** @internal Names of the nodes that have a copy of a meeting; null where this node does not know. */
  replicas(_name: string): string[] | null {
    return this.#host.node.cluster === null ? [] : null
  }

  /** @internal The name of a node, by incarnation; '' for one that has not told it. */
  nameOf(node: number): string {
    const { id, incarnation, cluster } = this.#host.node
    return node === incarnation ? id : (cluster?.peer(node)?.id ?? '')
  }

  /** @internal Another node, by incarnation, as a ticket leads to it; undefined for one that has told nothing of itself. */
  place(node: number): Place | undefined {
    const peer = this.#host.node.cluster?.peer(node)
    return peer === undefined ? undefined : placeOf(peer)
  }
}

function placeOf({ id, address }: { readonly id: string; readonly address: string }): Place | undefined {
  return id === '' ? undefined : { id, url: address }
}
