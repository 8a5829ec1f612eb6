import type { Room } from '../meeting/room.ts'
import { type Host, Seat, seatOf } from '../meeting/seat.ts'
import type { Joined } from '../session/elsewhere.ts'
import type { Copy } from './copy.ts'
import type { MeshMessage } from './mesh-messages.ts'
import { memberOf } from './remote-member.ts'
import { inputsOf, type Joining } from './waiting-joins.ts'

const STANDING = { start: 0, startFrame: 1 }

/** What a replica is for whoever takes a seat there. */
interface Sitting extends Host {
  readonly number: number
  readonly copy: Copy
}

/** Seats a session at a replica, whose owner has given it a place. `say`: to the owner. */
export function sit(
  replica: Sitting,
  room: Room,
  { session, message, seated }: Joining,
  say: (message: MeshMessage) => void,
  now: number,
): Joined {
  const { number, copy } = replica
  const known = seatOf(session, number)
  const isAway = session.outlet === null
  // It has left meanwhile, or is not there to have come as a spectator.
  if (known === undefined && seated === null && (isAway || !message.spectator)) return 'UNKNOWN'
  const seat = known ?? new Seat(replica, session, seated?.member ?? null)
  if (known === undefined) session.sit(number, seat)
  else room.unplace(known)
  if (seated !== null) {
    seated.member.seat = seat
    seat.elector.elected = seated.message.elected
  }
  const member = memberOf(seat)
  if (member !== null && known !== undefined && !isAway)
    say({ type: 'back', replica: number, seat: member.number })
  if (member !== null && isAway) say({ type: 'away', replica: number, seat: member.number })
  if (isAway) return 'UNKNOWN'
  const isNews = seated !== null && room.log.next <= seated.message.next
  const members = isNews ? seated.message.members : room.attendance.list
  const facts = { ...(copy.origin ?? STANDING), members, ...inputsOf(seated, member, known !== undefined) }
  return room.place(seat, message, facts, now)
}
