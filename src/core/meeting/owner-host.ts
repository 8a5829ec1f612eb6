import type { Stats } from '../ground/stats.ts'
import type { Leavers } from './departures.ts'
import type { FrameShares } from './frame-shares.ts'
import type { RoomHost } from './room.ts'

/** What an owner (`O`) needs of the rest of the node. */
export interface OwnerHost<O> extends RoomHost {
  readonly stats: Stats
  /** A meeting without a frame rate has something to seal: calls `sealNow` at the end of the sweep. */
  sealSoon(owner: O): void
  readonly leavers: Leavers
  readonly shares: FrameShares
  /** Until when nobody else goes on with a meeting, as the nodes have said that may have its frames. */
  supportedUntil(owner: O, now: number): number
  /** Since when members must have answered who support an owner now. */
  answersSince(now: number): number
  /** Asks nodes how far they have the log: see `Backing.reaches`. */
  askReach(owner: O, nodes: readonly number[], now: number): void
  /** The meeting has been empty for its TTL. */
  expired(owner: O, now: number): void
}
