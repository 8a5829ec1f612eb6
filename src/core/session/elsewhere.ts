import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Refusal } from '../ports.ts'
import type { Session } from './session.ts'

/** Wait after which a JOIN or another call is worth another try that the cluster did not answer, in milliseconds. */
export const AGAIN_MS = 1_000

/** The answer to a JOIN. */
export type Joined = MessageOf<'joined'> | Refusal | ErrorCode

/** The meetings that other nodes have, as a target of JOINs. */
export interface Elsewhere {
  /** The node that has a meeting, where this one knows without asking, as with a replica of it; 0 where it does not. */
  ownerOf(name: string): number
  /** Whether a client that joins may show what it has of a meeting that nobody has: then `join` is tried, at owner 0. */
  recalls(message: MessageOf<'join'>): boolean
  /** Whether a client that joins holds frames of a later owner of a meeting that is open here, and may show them. */
  outruns(message: MessageOf<'join'>): boolean
  /**
   * Seats a session in a meeting of another node; NOT_FOUND where that does not have it, or not any more. `joined` is
   * called once, perhaps at once, unless {@link drop} comes first; until then the session's upstream queue is held.
   */
  join(
    owner: number,
    session: Session,
    message: MessageOf<'join'>,
    now: number,
    joined: (answer: Joined, now: number) => void,
  ): void
  /** The session has ended while it waited for `joined`. */
  drop(session: Session): void
}
