import type { NodeFacts, NodeLoad } from '../ground/node-facts.ts'
import type { Watch, WatchedNode } from '../ports.ts'
import type { Contest } from './registrar.ts'

/** What the cluster needs from outside. All of it returns at once and calls nobody back. */
export interface ClusterPorts extends Omit<Watch, 'probe'> {
  /** A node has missed heartbeats: told again with each beat until it is heard. */
  probe(peer: WatchedNode, now: number): void
  /** Sends to all other nodes. */
  broadcast(bytes: Uint8Array): void
  send(node: number, bytes: Uint8Array): void
  /** The nodes that have not ended are others than before. `ended`: those that have. */
  viewed(ended: readonly number[], now: number): void
  /** A node is met, or heard again after it was silent. */
  heard(node: number, now: number): void
  /** Several nodes own a meeting whose registrar this one is: at each beat, until one of them is left. */
  contested?(contest: Contest, now: number): void
}

/** What a node tells of itself. */
export interface ClusterSelf extends NodeFacts {
  readonly incarnation: number
  readonly load: NodeLoad
}
