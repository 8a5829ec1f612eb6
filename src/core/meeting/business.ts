import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MeetingLogic } from '../ports.ts'

/** What the business adds to a meeting. */
export interface MeetingBusiness {
  /** What kind it is of; '' for none. */
  readonly kind: string
  /** Belongs to the business; nothing here looks into it. */
  readonly metadata: Readonly<Record<string, unknown>>
  readonly logic: MeetingLogic | null
}

/** A meeting without a kind. */
export const plain: MeetingBusiness = { kind: '', metadata: Object.freeze({}), logic: null }

/** A member that the business plays itself. What it says is in frames like any other's. */
export interface Bot {
  readonly slot: number
  /** Bytes of its largest input. */
  readonly maxInput: number
  /**
   * Takes an input in, or says why not: TOO_LARGE, BUSY too many wait for a frame, CLOSED it is no member any more. No
   * rate holds for it.
   */
  send(data: Payload): ErrorCode | null
  /** Without effect where it has left. */
  leave(): void
}

export interface MeetingInfo {
  readonly name: string
  /** As it was opened: '' for none. */
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
  /** The last stable frame: at least half of the members have it and all before it. At most `frame`. */
  readonly stable: number
}

export interface MemberInfo {
  readonly slot: number
  readonly user: string
  /** Its connection was lost; it keeps its slot for a while. */
  readonly away: boolean
  /** Played by the business. */
  readonly bot: boolean
}
