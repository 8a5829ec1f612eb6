import type { MessageOf } from '../../protocol/schema.ts'
import type { Room, RoomHost } from '../meeting/room.ts'
import type { Seat } from '../meeting/seat.ts'
import type { Refusal } from '../ports.ts'
import type { Session } from '../session/session.ts'
import type { Fence } from '../meeting/reigns.ts'
import type { MeshMessage, MeshMessageOf } from './mesh-messages.ts'
import type { RemoteMember } from './remote-member.ts'
import type { Joining } from './waiting-joins.ts'

/** A session of this node that has a seat in a meeting; `number`: of the seat, for a member. */
export interface LocalSeat {
  readonly seat: Seat
  readonly number: number
}

/** A node that wants to go on with a world of a meeting, at a fence. */
export interface Standing extends Fence {
  readonly world: number
}

/**
 * What a node that goes on with a meeting has of it; `remotes`: its members, by seat; `parted`: why others have left of
 * whom the old owner may not have heard that.
 */
export interface Surrendered {
  readonly room: Room
  readonly remotes: Map<number, RemoteMember>
  readonly parted: ReadonlyMap<number, string>
  readonly joins: readonly Joining[]
}

/** What a replica (`R`) needs of the rest of its node. */
export interface ReplicaHost<R> extends RoomHost {
  /** Sends over the link to a node. */
  link(node: number, message: MeshMessage): void
  /** Puts a datagram on the bus. */
  put(node: number, bytes: Uint8Array): void
  /**
   * Whether the link to a node takes more; `isLast`: of what cannot wait. What waits until it does is not lost if the
   * link breaks.
   */
  isOpen(node: number, isLast?: boolean): boolean
  /** Whether this node may go on with meetings, also from what members show. */
  maySucceed(): boolean
  /** Whether it is another node, which has not ended. */
  isThere(node: number): boolean
  /** In the next sweep, the replica has something to tell. */
  mark(replica: R): void
  /** Tells a session that an input was refused; `byBusiness`: by the business, within all limits. */
  refuse(
    session: Session,
    input: Pick<MessageOf<'input'>, 'log' | 'seq'>,
    refusal: Refusal,
    byBusiness: boolean,
    now: number,
  ): void
  /** The session is to join its meetings anew, because the node of one has ended. */
  readonly rejoin: (session: Session) => void
  /** The replica has ended. */
  ended(replica: R): void
  /** The owner has answered, or frames have come while the replica is part of a hand-over. */
  advanced(replica: R, now: number): void
  /** The owner of a replica with frames has ended; or the node that was to have it next does not. */
  orphaned(replica: R, now: number): void
  /** Members have shown more than the replica had; `isOther`: in the place of that. */
  recalled(replica: R, isOther: boolean, now: number): void
  /** The node that was to have the meeting owns its world at a lower fence than that of the frames of a replica. */
  outrun(replica: R, now: number): void
  /** A member here has promised a fence to this node. */
  promised(message: MeshMessageOf<'promised'>, now: number): void
}
