import type { NodeFacts, NodeLoad } from '../ground/config.ts'
import type { Watch } from '../ports.ts'

/** Another node of the cluster, as this one knows it. */
export interface Peer extends NodeFacts {
  readonly incarnation: number
  /** When it was last heard, in monotonic milliseconds. */
  readonly heard: number
  /** As it told with its last heartbeat; null while it has told nothing. */
  readonly load: NodeLoad | null
  /** It is about to leave, and takes nothing over. */
  readonly isDraining: boolean
}

/** What the cluster needs from outside. All of it returns at once and calls nobody back. */
export interface ClusterPorts extends Watch {
  /** Sends to all other nodes. */
  broadcast(bytes: Uint8Array): void
  send(node: number, bytes: Uint8Array): void
  /** The nodes that have not ended are others than before. `ended`: the one that has; 0 for none. */
  viewed(ended: number, now: number): void
  /** A node is met, or heard again after it was silent. */
  heard(node: number, now: number): void
}

/** What a node tells of itself. */
export interface ClusterSelf extends NodeFacts {
  readonly incarnation: number
  readonly load: NodeLoad
}
