import { limits as wire } from '../../protocol/limits.ts'
import { isEdge } from '../ground/incarnation.ts'
import type { Meetings } from '../meeting/meetings.ts'
import type { Owner } from '../meeting/owner.ts'
import type { Cluster } from './cluster.ts'
import type { Hosting } from './hosting.ts'
import { encodeKeep } from './mesh-messages.ts'

/** What standbys need of their node. */
export interface StandbysHost {
  readonly meetings: () => Meetings
  readonly cluster: Pick<Cluster, 'peers' | 'peer' | 'isSilent'>
  readonly hosting: Pick<Hosting, 'of'>
  /** Puts a datagram on the bus. */
  put(node: number, bytes: Uint8Array): void
}

/**
 * The nodes that keep a replica of this node's meetings, for the case that it ends. Each is told again and again, so
 * nothing has to be confirmed, and a node that is no longer wanted forgets the meeting by itself.
 */
export class Standbys {
  readonly #host: StandbysHost
  readonly #chosen: Map<string, number> = new Map()

  constructor(host: StandbysHost) {
    this.#host = host
  }

  /** A beat has passed: tells each node which meetings it is to keep. */
  beat(): void {
    if (this.#host.meetings().standbys === 0) return this.#chosen.clear()
    const kept = new Map<number, { name: string }[]>()
    for (const owner of this.#host.meetings().all()) {
      if (owner.options.standby === 0) continue
      const node = this.#choose(owner)
      if (node === 0) continue
      const names = kept.get(node)
      if (names === undefined) kept.set(node, [{ name: owner.name }])
      else names.push({ name: owner.name })
    }
    for (const [node, names] of kept)
      for (let at = 0; at < names.length; at += wire.batch)
        this.#host.put(node, encodeKeep(names.slice(at, at + wire.batch)))
    for (const name of this.#chosen.keys())
      if (this.#host.meetings().get(name) === undefined) this.#chosen.delete(name)
  }

  /** The same node as before, or one that has a replica anyway, or the emptiest; 0 for none. */
  #choose(owner: Owner): number {
    const before = this.#chosen.get(owner.name) ?? 0
    if (this.#may(before)) return before
    const guest = this.#host.hosting.of(owner).find(({ node, isConnected }) => isConnected && this.#may(node))
    const node = guest?.node ?? this.#emptiest
    this.#chosen.set(owner.name, node)
    return node
  }

  #may(node: number): boolean {
    const { cluster } = this.#host
    const peer = cluster.peer(node)
    return peer !== undefined && !peer.isDraining && !isEdge(node) && !cluster.isSilent(node)
  }

  get #emptiest(): number {
    let best = 0
    let least = Infinity
    for (const { incarnation, load } of this.#host.cluster.peers) {
      let held = (load?.meetings ?? 0) + (load?.replicas ?? 0)
      for (const chosen of this.#chosen.values()) if (chosen === incarnation) held++
      if (held >= least || !this.#may(incarnation)) continue
      best = incarnation
      least = held
    }
    return best
  }
}
