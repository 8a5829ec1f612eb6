import type { Cluster } from './cluster/cluster.ts'
import type { Connections } from './door/connections.ts'
import type { Limits } from './ground/config.ts'
import { isEdge } from './ground/incarnation.ts'
import { Timer, type Timers } from './ground/timers.ts'

type Peers = Pick<Cluster, 'peers' | 'isSilent'>

/** Whether a node is an edge that hears none of the nodes which own what it serves. */
export function isCutOff(self: number, cluster: Peers | null, now: number): boolean {
  if (cluster === null || !isEdge(self)) return false
  return !cluster.peers.some(({ incarnation }) => !isEdge(incarnation) && !cluster.isSilent(incarnation, now))
}

/** What a retreat needs of its node. */
export interface RetreatHost {
  readonly limits: Limits
  readonly timers: Timers
  readonly cluster: Cluster
  readonly connections: Connections
}

/**
 * An edge that is cut off from the other nodes has nothing to serve. It sends its clients away, who may have another
 * way to the others, a few at a time as when it drains, and takes none until it hears one of them again.
 */
export class Retreat {
  readonly #self: number
  readonly #host: RetreatHost
  readonly #look: Timer
  #now = 0

  constructor(self: number, host: RetreatHost) {
    this.#self = self
    this.#host = host
    this.#look = new Timer('retreat', (at) => this.#onLook(at))
    // With the first sweep.
    host.timers.set(this.#look, 0)
  }

  #onLook(now: number): void {
    const { limits, timers, cluster, connections } = this.#host
    const passed = Math.min(1_000, now - this.#now)
    this.#now = now
    connections.cutOff = isCutOff(this.#self, cluster, now)
    if (connections.cutOff) {
      const perMs = Math.max(limits.drainPerSecond / 1_000, connections.size / limits.drainMs)
      const some = [...connections.all()].slice(0, Math.ceil(perMs * passed))
      for (const connection of some) connections.sendAway(connection, now)
    }
    timers.set(this.#look, now + limits.drainBeatMs)
  }
}
