import type { MessageOf } from '../../protocol/schema.ts'
import type { RoomHost } from '../meeting/room.ts'
import type { Refusal } from '../ports.ts'
import type { Session } from '../session/session.ts'
import type { MeshMessage } from './mesh-messages.ts'
import type { Replica } from './replica.ts'

/** What a replica needs of the rest of its node. */
export interface ReplicaHost extends RoomHost {
  /** Sends over the link to a node. */
  link(node: number, message: MeshMessage): void
  /** Puts a datagram on the bus. */
  put(node: number, bytes: Uint8Array): void
  /** Whether the link to a node takes more. What waits until it does is not lost if the link breaks. */
  isOpen(node: number): boolean
  /** In the next sweep, the replica has something to tell. */
  mark(replica: Replica): void
  /** Tells a session that an input was refused; `byBusiness`: by the business, within all limits. */
  refuse(
    session: Session,
    input: Pick<MessageOf<'input'>, 'log' | 'seq'>,
    refusal: Refusal,
    byBusiness: boolean,
    now: number,
  ): void
  /** The session is to join its meetings anew, because the node of one has ended. */
  rejoin(session: Session): void
  /** The replica has ended. */
  ended(replica: Replica): void
  /** The owner has answered, or frames have come, while the replica is part of a hand-over. */
  advanced(replica: Replica, now: number): void
}
