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
    const now = performance.now()
    const address = this.#addressOf(host, undefined)
    const self = { node: id, incarnation, address, status: 'self', heardMs: 0 } as const
    const others = (cluster?.peers ?? []).map((peer): ClusterNode => {
      const status = cluster?.isSilent(peer.incarnation, now) === true ? 'silent' : 'alive'
      const heardMs = Math.max(0, Math.round(now - peer.heard))
      const place = placeOf(peer)
      const address = place === undefined ? '' : this.#addressOf(host, place)
      return { node: peer.id, incarnation: peer.incarnation, address, status, heardMs }
    })
    return [self, ...others]
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
