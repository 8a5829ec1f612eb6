import type { NodeLoad } from './ground/config.ts'
import type { RtmsNode } from './node.ts'
import { bytesOf } from './traffic.ts'

/** What the load of a node is read from. */
export type Loaded = Pick<
  RtmsNode,
  'connections' | 'sessions' | 'meetingCount' | 'topics' | 'peering' | 'stats'
>

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
