import type { ErrorCode, Position, RtmsError } from '../protocol/index.ts'
import type { Ticket } from './machine/index.ts'

/** The part of a browser's `WebSocket` that RTMS uses; `ws` and mini-program wrappers have it too. */
export interface Socket {
  binaryType: string
  onopen: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  /** `ws` and Node name the cause: an `error`, or a `message`. */
  onerror: ((event: { error?: unknown; message?: unknown }) => void) | null
  send(data: Uint8Array): void
  close(code?: number, reason?: string): void
}

/** What `fetch` resolves with, as far as a client reads it. */
export interface TicketResponse {
  readonly ok: boolean
  readonly status: number
  json(): Promise<unknown>
  clone?(): TicketResponse
}

export interface ConnectOptions {
  /**
   * Called for a ticket before the first connection, before the last ticket expires, and whenever the ticket's address
   * may be wrong: the node is stopping or could not be reached twice, or a meeting this client was in was not found.
   * Returns the ticket, or the response of `fetch` whose body is one. To refuse for good, throw an `RtmsError` whose
   * `retry` is `fix`, or return a response of 400–499 with the body `{ error: { code, message, reason } }`: the client
   * ends with that error, and so does what waits. Anything else is told by `onState`, and asked for again: of another
   * response that is not `ok` the status, with UNAUTHENTICATED for 401 and 403, else with UNREACHABLE.
   */
  readonly getTicket: () => Promise<Ticket | TicketResponse> | Ticket | TicketResponse
  /** Most bytes that may be unacknowledged, less than 4 GiB; default 128 KiB, 0 or Infinity: no limit. */
  readonly window?: number
  /** Makes a socket; default: the runtime's `WebSocket`. */
  readonly socket?: (url: string, protocols: string[]) => Socket
  /** Milliseconds from asking for a ticket to being connected, above 0; default 10,000. */
  readonly connectTimeoutMs?: number
  /**
   * Longest wait between two attempts to connect, in milliseconds, above 0; default 30,000. A node may ask for a longer
   * one, up to an hour.
   */
  readonly maxBackoffMs?: number
  /**
   * Bytes of the latest frames that this client keeps of each meeting it is a member of: should the meeting's node end
   * without a copy elsewhere, the meeting goes on from them. Default 256 KiB; 0: it keeps none.
   */
  readonly keepBytes?: number
  /**
   * Whether to connect at once; default true. With false, the first join, subscription, call or `onPush` connects, so
   * that a client made at module level costs nothing where a server renders the page.
   */
  readonly autoConnect?: boolean
  /** The default of {@link SendOptions.offline} for every call; default `queue`. */
  readonly offline?: 'queue' | 'refuse'
}

/**
 * `connecting` until the first welcome and again after a loss; `disconnected` between two attempts, and before the
 * first one with `autoConnect: false`; `closed` is final.
 */
export type State = 'connecting' | 'connected' | 'disconnected' | 'closed'

export interface SubscribeOptions {
  /** Deliver the latest value of each key (of the topic, where it has no keys); intermediate values may be skipped. */
  readonly conflate?: boolean
  /** Updates a second at most, rounded down to 1, 2, 5, 10, 20, 30 or 60; default: no limit. */
  readonly maxHz?: number
  /** Only publications with these keys. */
  readonly keys?: readonly string[]
  /** What the server does when this reader is too slow; default `conflate` with `conflate: true`, else `skip`. */
  readonly policy?: 'skip' | 'conflate' | 'disconnect'
  /**
   * Begin this many publications before the next one, or with the oldest one kept; default 0. Has no effect where the
   * latest values come first: with `conflate` or `keys`, and for a topic that has keys.
   */
  readonly history?: number
  /**
   * Continue from this position of `client.position`, perhaps stored before a page load. `onSubscribed` says whether
   * everything since then follows; with `conflate`, only the values that have changed since then do.
   */
  readonly since?: Position | null
  /**
   * Called when the subscription is in place, at first and after each reconnect. `recovered`: nothing since the
   * position is missing. Otherwise `reason` says why: RETENTION (older than what is kept), NEW_EPOCH (the node was
   * started anew), PROTOCOL (beyond the topic's last entry), or '' for a first time without `since`.
   */
  readonly onSubscribed?: (start: { readonly recovered: boolean; readonly reason: ErrorCode | '' }) => void
  /**
   * Called when publications are missing, with their number, or 0 where it is unknown. `SLOW`: this reader was too
   * slow, and the values it holds still count. For any other reason, keys may have been removed unseen: forget the
   * values held; the latest ones follow where the topic has keys or `conflate` is set.
   */
  readonly onGap?: (gap: { readonly lost: number; readonly reason: ErrorCode }) => void
  /**
   * Called when the subscription was refused or has ended, but not by `client.close()`. Without this listener, the
   * error is reported to the runtime.
   */
  readonly onError?: (error: RtmsError) => void
}

export interface Publication {
  readonly topic: string
  /** '' where it has none. */
  readonly key: string
  /** The key was removed; the data is what the publisher passed with the removal. */
  readonly removed: boolean
  /** When it was published: milliseconds since 1970 by the publisher's clock. */
  readonly time: number
}

/** How a call behaves that cannot be sent at once. */
export interface SendOptions {
  /**
   * `queue`: the call waits up to `timeoutMs` for a connection. `refuse`: without an open session (`client.state` is
   * not `connected`), it rejects at once with NOT_SENT. Default: the `offline` of `connect`.
   */
  readonly offline?: 'queue' | 'refuse'
  /** Milliseconds, default 10,000. A call not sent by then is never sent and rejects with NOT_SENT. */
  readonly timeoutMs?: number
}

export interface CallOptions extends SendOptions {
  /** Aborting it ends the call, which rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface JoinOptions extends CallOptions {
  /** Read only, without a slot. */
  readonly spectator?: boolean
  /** Hash of the configuration this client runs: the first member's is the meeting's. */
  readonly config?: string
  /** `start` (default): from frame 1, or the oldest one kept. `now`: only what happens from here on. */
  readonly from?: 'start' | 'now'
}
