import type { Owner } from '../meeting/owner.ts'
import { Seat } from '../meeting/seat.ts'
import type { LocalSeat } from './replica-host.ts'
import type { Claimant, Subject } from './question-kinds.ts'

/** What a node says of a meeting of its own, where another node owns the name as well. */
export function claimantOf({ room, log, members, bots, backing }: Owner): Claimant {
  const { world, term, incarnation } = room.facts
  const present = members.filter(({ away }) => !away).length - bots.length
  return { world, term, incarnation, isPaused: backing.isPaused, present, next: log.next }
}

/** Whether this is the reign of a meeting that was decided about. */
export function isReign({ room, name }: Owner, subject: Subject): boolean {
  const { world, term, incarnation } = room.facts
  return (
    name === subject.name &&
    world === subject.world &&
    term === subject.term &&
    incarnation === subject.incarnation
  )
}

/** The seats of this node's sessions in a meeting of its own; those of members are numbered from 1. */
export function localSeatsOf(owner: Owner): LocalSeat[] {
  const { room, log } = owner
  const seats: LocalSeat[] = []
  for (const { slot } of owner.members) {
    const seat = owner.member(slot)?.seat
    if (seat instanceof Seat && seat.session.seats.get(log.number) === seat)
      seats.push({ seat, number: seats.length + 1 })
  }
  for (const seat of room.seats()) if (seat.member === null) seats.push({ seat, number: 0 })
  return seats
}
