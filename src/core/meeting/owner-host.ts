import type { Stats } from '../ground/stats.ts'
import type { RoomHost } from './room.ts'

/** What an owner (`O`) needs of the rest of the node. */
export interface OwnerHost<O> extends RoomHost {
  readonly stats: Stats
  /** A meeting without a frame rate has something to seal: calls `sealNow` at the end of the sweep. */
  sealSoon(owner: O): void
  /** The meeting has been empty for its TTL. */
  expired(owner: O): void
}
