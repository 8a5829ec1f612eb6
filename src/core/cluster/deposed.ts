import type { Owner } from '../meeting/owner.ts'
import { isSame } from '../meeting/reigns.ts'
import type { Claimant, Subject } from './question-kinds.ts'

/** What a node says of a meeting of its own, where another node owns the name as well. */
export function claimantOf({ room, log, members, bots, backing }: Owner): Claimant {
  const { world, term, incarnation } = room.facts
  const present = members.filter(({ away }) => !away).length - bots.size
  return { world, term, incarnation, isPaused: backing.isPaused, present, next: log.next }
}

/** Whether this is the reign of a meeting that was decided about. */
export function isReign({ room, name }: Owner, subject: Subject): boolean {
  return name === subject.name && room.facts.world === subject.world && isSame(room.facts, subject)
}
