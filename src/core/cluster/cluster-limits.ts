export interface ClusterLimits {
  /** Time between two heartbeats, and between two looks at what has no answer. */
  readonly heartbeatMs: number
  /** Other nodes up to which heartbeats are so frequent: see `Hearing`. */
  readonly crowd: number
  /** Silence after which a node is probed, and after which nobody waits for its word. */
  readonly suspectMs: number
  readonly leaseMs: number
  /** How long a claim may take. */
  readonly claimMs: number
  /** How long a node that has started waits for others to introduce themselves before it takes itself to be alone. */
  readonly settleMs: number
  /** Time between two tellings of what a node owns, where the view changes again and again. */
  readonly tellMs: number
  /** Nodes that tell one with another view at once what they know, and beats after which all others do, too. */
  readonly introducers: number
  readonly introduceBeats: number
  /** Claims that may wait, of this node and at it. */
  readonly claims: number
  /** Names in one message, and names that a registrar remembers for one node. */
  readonly namesPerMessage: number
  readonly namesPerNode: number
  /** Other nodes that it knows; further ones are passed over. */
  readonly nodes: number
}

export const clusterLimits: ClusterLimits = {
  heartbeatMs: 500,
  crowd: 250,
  suspectMs: 1_200,
  leaseMs: 3_000,
  claimMs: 1_000,
  settleMs: 3_000,
  tellMs: 100,
  introducers: 3,
  introduceBeats: 2,
  claims: 10_000,
  namesPerMessage: 1_000,
  namesPerNode: 1_000_000,
  nodes: 1_000,
}

/** How many meetings of silent owners are looked at in a millisecond: there may be very many, for a long time. */
export const SILENT_PER_MS = 4
/** The wait for the next few, in milliseconds. */
export const SOON_MS = 1
