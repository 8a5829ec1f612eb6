import type { MeetingInfo, RtmsNode } from '../../core/index.ts'
import { SYSTEM_SLOT } from '../../protocol/index.ts'
import { type DesertedNode, type Observer, type RestingClient, violate } from '../observer.ts'

/** A client's place in a meeting. */
interface Sitter {
  readonly client: RestingClient
  readonly meeting: string
  readonly world: number
  readonly slot: number
}

/**
 * Members of a cluster's meetings: in the end, the node that has a meeting knows who is in it, on whichever node they
 * are, and nobody else; each client is in the meetings that it asked for. What nodes have of each other's meetings
 * agrees, and goes when nobody needs it.
 */
export class MemberChecker implements Observer {
  rest(nodes: readonly RtmsNode[], clients: readonly RestingClient[]): void {
    const infos = new Map<string, MeetingInfo>()
    for (const node of nodes) for (const info of node.meetings()) infos.set(info.name, info)
    const sitters = clients.filter(({ settled }) => settled).flatMap((client) => sittersOf(client, infos))
    for (const sitter of sitters) checkSitter(sitter, infos.get(sitter.meeting))
    // Whoever is not connected may be a member, and the owner may not have noticed yet that one is gone.
    if (clients.every(({ settled }) => settled))
      for (const info of infos.values()) checkMeeting(info, sitters)
    checkReplicas(nodes)
  }

  empty(nodes: readonly DesertedNode[]): void {
    for (const { core } of nodes) {
      const { replicas, members, hosted } = sizeOf(core)
      if (replicas + members + hosted.replicas + hosted.members > 0)
        violate(
          'I20',
          `${replicas} replicas of other nodes' meetings and ${hosted.replicas} of own ones are left at ${core.id}`,
        )
    }
  }
}

function sittersOf(client: RestingClient, infos: ReadonlyMap<string, MeetingInfo>): Sitter[] {
  return client.meetings.flatMap(({ name, seat }) => {
    if (seat === undefined) return []
    if (seat.joined) return [{ client, meeting: name, world: seat.world, slot: seat.slot }]
    if (infos.has(name)) violate('members', `client ${client.id} still waits to be in ${name}, which is open`)
    return []
  })
}

function checkSitter({ client, meeting, world, slot }: Sitter, info: MeetingInfo | undefined): void {
  if (info?.epoch !== world)
    violate(
      'members',
      `client ${client.id} is in world ${world} of ${meeting}, where ${info?.epoch ?? 'none'} is`,
    )
  if (slot === SYSTEM_SLOT) return
  const member = info.members.find((one) => one.slot === slot)
  if (member?.user !== client.user || member.away || member.bot)
    violate(
      'members',
      `client ${client.id} of ${client.user} is in slot ${slot} of ${meeting}, which has ${JSON.stringify(member)}`,
    )
}

function checkMeeting({ name, epoch, members, spectators }: MeetingInfo, sitters: readonly Sitter[]): void {
  const here = sitters.filter(({ meeting, world }) => meeting === name && world === epoch)
  for (const { slot, user, away, bot } of members)
    if (!away && !bot && !here.some((sitter) => sitter.slot === slot))
      violate('members', `${user} is said to be in slot ${slot} of ${name}, and no client is`)
  const watching = here.filter(({ slot }) => slot === SYSTEM_SLOT).length
  if (watching !== spectators)
    violate('members', `${spectators} spectators are said to watch ${name}, and ${watching} do`)
}

/** What nodes have of others' meetings, and what those know of it. */
function checkReplicas(nodes: readonly RtmsNode[]): void {
  const sum = (of: (size: ReturnType<typeof sizeOf>) => number): number =>
    nodes.reduce((total, node) => total + of(sizeOf(node)), 0)
  for (const what of ['replicas', 'members'] as const) {
    const [had, known] = [sum((size) => size[what]), sum(({ hosted }) => hosted[what])]
    if (had !== known) violate('members', `${had} ${what} are on other nodes, and owners know of ${known}`)
  }
}

function sizeOf({ peering }: RtmsNode): {
  readonly replicas: number
  readonly members: number
  readonly hosted: { readonly replicas: number; readonly members: number }
} {
  return peering?.mesh.size ?? { replicas: 0, members: 0, hosted: { replicas: 0, members: 0 } }
}
