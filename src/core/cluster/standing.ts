import type { Fence } from '../meeting/reigns.ts'
import type { Room } from '../meeting/room.ts'
import type { MeshMessageOf } from './mesh-messages.ts'
import type { Orphan, RevivalHost } from './orphan.ts'
import type { QuestionOf } from './question-kinds.ts'
import type { Replica } from './replica.ts'

/*
 * What a node that stands for a meeting asks and tells others, and of whom it has to be sure.
 */

/** Whether another node may own the world of the copy: its silent owner, or an earlier one that was passed over. */
export function mayBeOwned({ silent, replica }: Orphan): boolean {
  return silent !== 0 || (replica.copy.room?.facts.reigns.length ?? 0) > 1
}

/** Whether that may be this node, which has not denied it to one that stands. */
export function mayBeOwnedBy(orphan: Orphan, node: number): boolean {
  return orphan.candidacy?.denied.has(node) === false && mayBeOwned(orphan)
}

/** Whether the registrar of the name is not heard, so that nobody can say who is to go on. */
export function isUnheard({ cluster, self }: RevivalHost, { name }: Replica): boolean {
  const registrar = cluster.nodes.registrarOf(name)
  return registrar !== self && cluster.isSilent(registrar)
}

/** What is asked of other nodes with frames of the meeting. */
export function questionOf({ name, copy }: Replica): QuestionOf<'frames'> {
  const { facts, log, lastFence } = copy.room as Room
  const { term, incarnation } = lastFence
  return { name, world: facts.world, from: log.next, term, incarnation }
}

/** What nodes are told where members wait, of one that stands at this fence. */
export function standingOf(
  { copy }: Replica,
  { term, incarnation }: Fence,
): Omit<MeshMessageOf<'standing'>, 'type' | 'replica'> {
  const { facts, log, lastFence } = copy.room as Room
  const { term: lastTerm, incarnation: lastIncarnation } = lastFence
  return { world: facts.world, term, incarnation, next: log.next, lastTerm, lastIncarnation }
}
