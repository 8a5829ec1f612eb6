import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MeetingLogic, MissingMeeting } from '../ports.ts'

/** The business's side of a meeting. */
export interface MeetingBusiness {
  /** The kind of meeting; '' for none. */
  readonly kind: string
  /** Belongs to the business; the core never reads it. */
  readonly metadata: Readonly<Record<string, unknown>>
  readonly logic: MeetingLogic | null
  /** The question that it answers, where it was opened on demand. */
  readonly missing?: MissingMeeting | undefined
}

/** A meeting without a kind. */
export const plain: MeetingBusiness = { kind: '', metadata: Object.freeze({}), logic: null }

/** A member that the business plays itself. Its inputs are framed like any other's. */
export interface Bot {
  readonly slot: number
  /** Bytes of its largest input. */
  readonly maxInput: number
  /**
   * Queues an input for the next frame, or returns the error: TOO_LARGE; BUSY when too many inputs wait for a frame;
   * CLOSED when the bot has left. Input rates do not apply to bots.
   */
  send(data: Payload): ErrorCode | null
  /** Has no effect when the bot has already left. */
  leave(): void
}

export interface MeetingInfo {
  readonly name: string
  /** The kind it was opened with; '' for none. */
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly frameRate: number
  readonly capacity: number
  readonly members: readonly MemberInfo[]
  readonly spectators: number
  /** A random number of this history of frames. */
  readonly epoch: number
  /** The last frame sealed; 0 before the first. */
  readonly frame: number
  /** The last stable frame: at least half of the members have acknowledged all frames up to it. At most `frame`. */
  readonly stable: number
}

export interface MemberInfo {
  readonly slot: number
  readonly user: string
  /** The connection was lost; the member keeps its slot for a while. */
  readonly away: boolean
  /** Played by the business. */
  readonly bot: boolean
}
