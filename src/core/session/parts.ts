import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Refusal } from '../ports.ts'
import type { CursorInfo } from './session-info.ts'

/*
 * What a session takes part in. The rooms of meetings and topics implement these, so that a session knows neither.
 * Whoever ends one takes it out of the session's map first.
 */

/** What a session has of a meeting: membership may outlive the cursor, which goes with the connection. */
export interface Seat {
  /** Of the meeting. */
  readonly name: string
  /** 255 for a spectator. */
  readonly slot: number
  /** Where it reads; null without a connection. */
  readonly place: CursorInfo | null
  /** The last seq answered in its slot; 0 for none. */
  readonly last: number
  /** The client has everything up to this frame. */
  seen(frame: number): void
  /** An input is refused before its turn, while those that were sent before it wait for theirs. */
  turnAway(seq: number): void
  /** Takes an input in, or says why not. */
  accept(input: MessageOf<'input'>, now: number): Refusal | ErrorCode | null
  /** The connection is gone. False: it has no seat any more, which a spectator keeps only while it reads. */
  detach(): boolean
  /** The session gives up its seat; `reason` is for the meeting. */
  end(reason: string): void
}

/** A reader of a topic. It goes with the connection. */
export interface Subscription {
  /** Of the topic. */
  readonly name: string
  readonly place: CursorInfo
  end(now: number): void
}
