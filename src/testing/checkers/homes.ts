import type { RtmsNode } from '../../core/index.ts'
import { type Observer, type RestingClient, violate } from '../observer.ts'

/** Presence: in the end, the home of each user knows on which nodes the user has how many sessions. */
export class HomeChecker implements Observer {
  rest(nodes: readonly RtmsNode[], clients: readonly RestingClient[]): void {
    for (const user of new Set(clients.map((client) => client.user))) checkHome(user, nodes)
  }
}

function checkHome(user: string, nodes: readonly RtmsNode[]): void {
  const at = nodes[0]?.peering?.homeOf(user)
  const known = nodes.find(({ incarnation }) => incarnation === at)?.peering?.whereabouts(user)
  if (known?.isComplete !== true) violate('presence', `the home of ${user} does not know where ${user} is`)
  for (const node of nodes) {
    const { sessions, connected } = node.presence(user)
    const place = known?.places.find((one) => one.node === node.incarnation)
    if ((place?.sessions ?? 0) !== sessions || (place?.connected ?? 0) !== connected)
      violate(
        'presence',
        `the home of ${user} knows of ${place?.sessions ?? 0} sessions at ${node.id}, where ${sessions} are`,
      )
  }
}
