import type { Owner } from '../meeting/owner.ts'
import { type Member, Seat } from '../meeting/seat.ts'
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

/** Where the sessions of the members are, and the seats of those that are here. */
export function placesOf(
  members: readonly Member[],
  guests: readonly Guest[],
  log: number,
): { readonly places: readonly MemberPlace[]; readonly seats: LocalSeat[] } {
  const seats: LocalSeat[] = []
  const places: MemberPlace[] = []
  for (const { seat, slot } of members) {
    if (seat === null) continue
    const place = { slot, session: seat.id, branch: 0, seat: 0 }
    if (seat instanceof Seat && seat.session.seats.get(log) === seat) {
      const number = seats.length + 1
      seats.push({ seat, number })
      places.push({ ...place, seat: number })
    } else if (seat instanceof GuestSeat) {
      const at = guests.findIndex(({ seats: there }) => there.get(seat.number) === seat)
      places.push(at === -1 ? place : { ...place, branch: at + 1, seat: seat.number })
    } else places.push(place)
  }
  return { places, seats }
}
