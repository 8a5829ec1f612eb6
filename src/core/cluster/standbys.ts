import { limits as wire } from '../../protocol/limits.ts'
import type { Meetings } from '../meeting/meetings.ts'
import type { Owner } from '../meeting/owner.ts'
import type { Cluster } from './cluster.ts'
import type { Hosting } from './hosting.ts'
import { encodeKeep } from './datagrams.ts'
import { takesOver } from './peer.ts'

/** What standbys need of their node. */
export interface StandbysHost {
  readonly meetings: () => Meetings
  readonly cluster: Pick<Cluster, 'nodes' | 'peer' | 'isSilent'>
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
  /** How many each of them keeps. */
  readonly #keeps: Map<number, number> = new Map()

  constructor(host: StandbysHost) {
    this.#host = host
  }

  /** A beat has passed: tells each node which meetings it is to keep. */
  beat(): void {
    if (this.#host.meetings().standbys === 0) {
      this.#chosen.clear()
      this.#keeps.clear()
      return
    }
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
      if (this.#host.meetings().get(name) === undefined) this.#set(name, 0)
  }

  /** The same node as before, or one that has a replica anyway, or one of those that the name falls to; 0 for none. */
  #choose(owner: Owner): number {
    const before = this.#chosen.get(owner.name) ?? 0
    if (this.#may(before)) return before
    const guest = this.#host.hosting.of(owner).find(({ node, isConnected }) => isConnected && this.#may(node))
    const node = guest?.node ?? this.#lighter(owner.name)
    this.#set(owner.name, node)
    return node
  }

  #set(name: string, node: number): void {
    this.#count(this.#chosen.get(name) ?? 0, -1)
    this.#count(node, 1)
    if (node === 0) this.#chosen.delete(name)
    else this.#chosen.set(name, node)
  }

  #count(node: number, more: number): void {
    const count = (this.#keeps.get(node) ?? 0) + more
    if (node === 0 || count === 0) this.#keeps.delete(node)
    else this.#keeps.set(node, count)
  }

  #may(node: number): boolean {
    const { cluster } = this.#host
    const peer = cluster.peer(node)
    return peer !== undefined && takesOver(peer, cluster)
  }

  /**
   * Of two nodes that the name falls to, the one that has less; 0 for none. All nodes see the same loads, so that all
   * would choose the emptiest at once; the choice of two spreads nearly as well as if each knew of the others
   * (Mitzenmacher, The power of two choices, 2001).
   */
  #lighter(name: string): number {
    const [one = 0, other = one] = this.#host.cluster.nodes.nearest(name, 2, (node) => this.#may(node))
    return this.#held(other) < this.#held(one) ? other : one
  }

  #held(node: number): number {
    const load = this.#host.cluster.peer(node)?.load
    return (load?.meetings ?? 0) + (load?.replicas ?? 0) + (this.#keeps.get(node) ?? 0)
  }
}
