import type { Host } from '../host.ts'

/** A node of the cluster as this one sees it. */
export interface ClusterNode {
  /** Its name, which `?route=` of tickets contains; '' for one of which only another node has told. */
  readonly node: string
  /** The number of its run: random, another one after each start. */
  readonly incarnation: number
  /** Where its clients connect; '' where it has not told. */
  readonly address: string
  /** `silent`: not heard for three seconds or more, which proves nothing. A node that is known to have ended is not listed. */
  readonly status: 'self' | 'alive' | 'silent'
  /** How long ago it was last heard, in milliseconds; 0 for this node. */
  readonly heardMs: number
}

/** The nodes of the cluster. */
export class Cluster {
  readonly #host: Host
  readonly #address: () => string

  /** @internal */
  constructor(host: Host, address: () => string) {
    this.#host = host
    this.#address = address
  }

  /** This node first, then those that it knows of. A node alone knows of none. */
  nodes(): ClusterNode[] {
    const { id, incarnation, cluster } = this.#host.node
    const now = performance.now()
    const self = { node: id, incarnation, address: this.#address(), status: 'self', heardMs: 0 } as const
    const others = (cluster?.peers ?? []).map((peer): ClusterNode => {
      const status = cluster?.isSilent(peer.incarnation, now) === true ? 'silent' : 'alive'
      const heardMs = Math.max(0, Math.round(now - peer.heard))
      return { node: peer.id, incarnation: peer.incarnation, address: peer.address, status, heardMs }
    })
    return [self, ...others]
  }
}
