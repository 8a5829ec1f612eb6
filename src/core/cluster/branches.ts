import type { Owner } from '../meeting/owner.ts'
import { type Member, type Occupant, Seat } from '../meeting/seat.ts'
import { type Guest, GuestSeat } from './guest.ts'
import type { Branch, MemberPlace } from './handover-messages.ts'
import type { LocalSeat } from './replica-host.ts'

/** Those who read at other nodes, the first of them here. */
export function branchesOf(self: number, { room, log }: Owner, guests: readonly Guest[]): Branch[] {
  let { spectators } = room
  for (const guest of guests) spectators -= guest.spectators
  const others = guests.map(({ node, replica, readers, spectators: count }) => ({
    node,
    replica,
    readers,
    spectators: count,
  }))
  return [{ node: self, replica: log.number, readers: room.readers, spectators }, ...others]
}

/** The seats of this node's sessions in a meeting of its own; those of members are numbered from 1. */
export function localSeatsOf(owner: Owner): LocalSeat[] {
  const { room, log } = owner
  const seats: LocalSeat[] = []
  for (const { slot } of owner.members) {
    const seat = owner.roster.get(slot)?.seat
    if (seat instanceof Seat && seat.session.seats.get(log.number) === seat)
      seats.push({ seat, number: seats.length + 1 })
  }
  for (const seat of room.seats()) if (seat.member === null) seats.push({ seat, number: 0 })
  return seats
}

/** Where the sessions of the members are. `seats`: of those that are here. */
export function placesOf(
  members: readonly Member[],
  guests: readonly Guest[],
  seats: readonly LocalSeat[],
): MemberPlace[] {
  const numbers = new Map<Occupant, number>(seats.map(({ seat, number }) => [seat, number]))
  const places: MemberPlace[] = []
  for (const { seat, slot } of members) {
    if (seat === null) continue
    let place = { slot, session: seat.id, branch: 0, seat: numbers.get(seat) ?? 0 }
    if (seat instanceof GuestSeat) {
      const at = guests.findIndex(({ seats: there }) => there.get(seat.number) === seat)
      if (at !== -1) place = { ...place, branch: at + 1, seat: seat.number }
    }
    places.push(place)
  }
  return places
}
