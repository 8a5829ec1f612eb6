/** A session's position in a log, which keeps the entries `first` … `next` − 1. */
export interface CursorInfo {
  readonly of: 'meeting' | 'topic'
  readonly name: string
  /** The next entry to be offered. Before `first`: the reader fell off the ring. */
  readonly position: number
  readonly first: number
  readonly next: number
}

/** A snapshot of a session. The id is left out, because it serves to take the session over. */
export interface SessionInfo {
  readonly user: string
  readonly connected: boolean
  /** The seats; slot 255 for a spectator. */
  readonly meetings: readonly { readonly name: string; readonly slot: number }[]
  /** At most 100 of the subscribed topics. */
  readonly topics: readonly string[]
  readonly subscriptions: number
  /** The cursors of its downstream queue, in meetings and in the topics listed above; none without a connection. */
  readonly cursors: readonly CursorInfo[]
  /** Number of requests under way. */
  readonly requests: number
  /** Messages and bytes in its upstream queue. */
  readonly waiting: { readonly messages: number; readonly bytes: number }
  /** Bytes handed to the socket and not yet acknowledged. A write starts only while they are below `window`. */
  readonly unacknowledgedBytes: number
  readonly window: number
}
