import type { MeetingEvent } from '../../protocol/schema.ts'
import type { MeetingOptions } from './options.ts'
import type { ElectorateState } from './electorate.ts'
import type { IntakeState } from './intake.ts'
import type { Roster } from './roster.ts'
import type { Member, Occupant } from './seat.ts'

/** What an owner knows besides the frames of its room, as another node goes on with it. */
export interface OwnerState {
  readonly options: MeetingOptions
  /** Hash of the configuration that clients must run; '' for none yet. */
  readonly config: string
  readonly roster: Roster['state']
  readonly intake: IntakeState
  readonly electorate: ElectorateState
  /** Events that wait for the next frame. */
  readonly events: readonly MeetingEvent[]
  readonly clock: ClockState
}

/**
 * In milliseconds: in how long the next frame is due, or for how long the clock has stood still. Without a frame rate
 * nothing is due.
 */
export type ClockState =
  | { readonly is: 'running'; readonly dueInMs: number }
  | { readonly is: 'stopped'; readonly stoodMs: number }

/** What a node is given that goes on with the meeting of another node. */
export interface Succession {
  readonly state: OwnerState
  /** Who has the place of a member that is no bot. */
  readonly seatOf: (member: Member) => Occupant
  /** Tells everybody in the next frame that another node goes on. */
  readonly event: MeetingEvent
}
