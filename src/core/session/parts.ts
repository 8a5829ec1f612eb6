import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Refusal } from '../ports.ts'
import type { CursorInfo } from './session-info.ts'

/*
 * The parts of a session. The folders `meeting/` and `topic/` implement these, so that a session depends on neither.
 * The caller of `end` removes the part from the session's map first.
 */

/** A session's part in a meeting. Membership may outlive the cursor, which ends with the connection. */
export interface Seat {
  /** Name of the meeting. */
  readonly name: string
  /** 255 for a spectator. */
  readonly slot: number
  /** Bytes in memory, for which the session's user pays. */
  readonly weight: number
  /** Where the session reads; null without a connection. */
  readonly place: CursorInfo | null
  /** The last seq answered in this slot; 0 for none. */
  readonly last: number
  /** The client has acknowledged everything up to this frame. */
  seen(frame: number): void
  /** Notes that an input was refused on arrival, ahead of earlier inputs that still wait in the upstream queue. */
  turnAway(seq: number): void
  /** Accepts an input, or returns why it is refused. */
  accept(input: MessageOf<'input'>, now: number): Refusal | ErrorCode | null
  /** The connection closed. False: the seat ended with it, because a spectator has one only while reading. */
  detach(): boolean
  /** Gives up the seat. `reason`: what the meeting is told. */
  end(reason: string): void
}

/** A seat that has ended, whose reader has yet to get its last frames. */
export interface Parting extends Pick<Seat, 'name' | 'slot'> {
  /** Tells the client of the end now. */
  end(): void
}

/** A session's subscription to a topic. It ends with the connection. */
export interface Subscription {
  /** Name of the topic. */
  readonly name: string
  /** Bytes in memory, for which the session's user pays. */
  readonly weight: number
  readonly place: CursorInfo
  end(now: number): void
}

/** A SUBSCRIBE that waits. */
export interface HeldSubscribe {
  /** Subscribes. */
  act(now: number): void
  /** Has something done when its session has its turn, unless it ends before. */
  proceed(then: (now: number) => void): void
}
