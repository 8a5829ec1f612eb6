/** Where a session stands in a log, and what the log keeps: entries from `first` to before `next`. */
export interface CursorInfo {
  readonly of: 'meeting' | 'topic'
  readonly name: string
  /** The next entry to be offered. Before `first`: it was too slow for what is kept. */
  readonly position: number
  readonly first: number
  readonly next: number
}

/** A session as it stands now. Its id is not in it: whoever has that can take the session over. */
export interface SessionInfo {
  readonly user: string
  readonly connected: boolean
  /** Slot 255 for a spectator. */
  readonly meetings: readonly { readonly name: string; readonly slot: number }[]
  /** At most 100 of them. */
  readonly topics: readonly string[]
  readonly subscriptions: number
  /** Its downstream queue: of its meetings, and of the topics named above; none without a connection. */
  readonly cursors: readonly CursorInfo[]
  /** Requests under way. */
  readonly requests: number
  /** Messages and bytes in its upstream queue. */
  readonly waiting: { readonly messages: number; readonly bytes: number }
  /** What was handed to its socket and not acknowledged, of at most `window` bytes before a write. */
  readonly unacknowledgedBytes: number
  readonly window: number
}
