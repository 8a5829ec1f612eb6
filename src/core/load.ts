import type { NodeLoad } from './ground/node-facts.ts'
import type { Stats } from './ground/stats.ts'
import type { Peering } from './peering.ts'
import { bytesOf } from './traffic.ts'

/** What the load of a node is read from: the node itself. */
export interface Loaded {
  readonly connections: number
  readonly sessions: number
  readonly meetingCount: number
  readonly topics: number
  readonly peering: Pick<Peering, 'mesh'> | null
  readonly stats: Stats
}

/** How much there is on a node, as it tells the others. */
export function loadOf({ connections, sessions, meetingCount, topics, peering, stats }: Loaded): NodeLoad {
  return {
    connections,
    sessions,
    meetings: meetingCount,
    replicas: peering?.mesh.size.replicas ?? 0,
    topics,
    busBytesIn: bytesOf(stats.busIn),
    busBytesOut: bytesOf(stats.busOut),
  }
}
