import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MeetingOptions } from './options.ts'
import type { MeetingBusiness } from '../ports.ts'
import type { Room } from './room.ts'

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

/** A meeting as the business sees it. */
export function infoOf(
  { facts, log, spectators }: Room,
  { frameRate, capacity }: MeetingOptions,
  { kind, metadata }: MeetingBusiness,
  members: readonly MemberInfo[],
  stable: number,
): MeetingInfo {
  const { name, world: epoch } = facts
  return {
    name,
    kind,
    metadata,
    frameRate,
    capacity,
    members,
    spectators,
    epoch,
    frame: log.next - 1,
    stable,
  }
}
