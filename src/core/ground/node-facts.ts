/** What a node of a cluster tells the others about itself. */
export interface NodeFacts {
  /** Its name. */
  readonly id: string
  /** Where its clients connect: a URL; '' while it has none. */
  readonly address: string
  /** A URL at which the other nodes reach it directly, not through a balancer, and learn who it is; '' for none. */
  readonly health: string
}

/** How much there is on a node of a cluster, as it tells the others with each heartbeat. */
export interface NodeLoad {
  readonly connections: number
  readonly sessions: number
  /** Meetings that it owns. */
  readonly meetings: number
  /** Copies that it has of meetings of other nodes. */
  readonly replicas: number
  readonly topics: number
  /** Bytes that it has received from the bus and given to it since it started. */
  readonly busBytesIn: number
  readonly busBytesOut: number
}
