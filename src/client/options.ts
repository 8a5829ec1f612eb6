import type { ErrorCode, Position, RtmsError } from '../protocol/index.ts'
import type { Ticket } from './machine/index.ts'

/** The part of a browser's `WebSocket` that RTMS uses; `ws` and mini-program wrappers have it too. */
export interface Socket {
  binaryType: string
  onopen: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  onerror: (() => void) | null
  send(data: Uint8Array): void
  close(code?: number, reason?: string): void
}

export interface ConnectOptions {
  /**
   * Asked for a ticket before the first connection, before the last one expires, and whenever its address may be the
   * wrong one: the node is stopping or was not to be reached twice, or a meeting this client was in is not there.
   */
  readonly getTicket: () => Promise<Ticket> | Ticket
  /** Unacknowledged bytes at most; default 128 KiB, 0 = no window. */
  readonly window?: number
  /** Makes a socket; default: the runtime's `WebSocket`. */
  readonly socket?: (url: string, protocols: string[]) => Socket
  /** Milliseconds from asking for a ticket to being connected; default 10,000. */
  readonly connectTimeoutMs?: number
  /** Longest wait between two attempts to connect, in milliseconds; default 30,000. */
  readonly maxBackoffMs?: number
  /** For calls that do not say otherwise: see {@link SendOptions}; default `queue`. */
  readonly offline?: 'queue' | 'refuse'
}

/** `connecting` until the first welcome and again after a loss; `closed` is final. */
export type State = 'connecting' | 'connected' | 'disconnected' | 'closed'

export interface SubscribeOptions {
  /**
   * Only the latest value of each key (of the topic, where it has no keys) matters: intermediate ones may be left out.
   */
  readonly conflate?: boolean
  /** At most so many updates a second, rounded down to 1, 2, 5, 10, 20, 30 or 60; default: as they come. */
  readonly maxHz?: number
  /** Only publications with these keys. */
  readonly keys?: readonly string[]
  /** What happens when this reader is too slow; default `conflate` where `conflate` is set, else `skip`. */
  readonly policy?: 'skip' | 'conflate' | 'disconnect'
  /**
   * Begin so many publications back, or with the oldest one kept; default 0: with the next one. Of no effect where
   * the latest values come first: with `conflate` or `keys`, and for a topic that has keys.
   */
  readonly history?: number
  /**
   * Go on from here: what `client.position` gave, perhaps before the page was loaded anew. `onSubscribed` says
   * whether everything since follows. With `conflate` only the values that have changed since do.
   */
  readonly since?: Position
  /**
   * The subscription stands, at first and after each reconnect. `recovered`: nothing since the position is missing;
   * otherwise `reason` says why: RETENTION (older than what is kept), NEW_EPOCH (the node was started anew), or '' at
   * a first time without `since`.
   */
  readonly onSubscribed?: (start: { readonly recovered: boolean; readonly reason: ErrorCode | '' }) => void
  /**
   * Publications are missing: their number where known, else 0. `SLOW`: this reader was too slow, and values held still
   * count. Any other reason: values may have been removed unheard; forget those held, the latest ones follow where the
   * topic has keys or `conflate` is set.
   */
  readonly onGap?: (gap: { readonly lost: number; readonly reason: ErrorCode }) => void
  /** The subscription was refused or has ended. Without it, the error is reported to the runtime. */
  readonly onError?: (error: RtmsError) => void
}

export interface Publication {
  readonly topic: string
  /** '' where it has none. */
  readonly key: string
  /** The key was removed; the data is what the publisher gave with that. */
  readonly removed: boolean
  /** When it was published: milliseconds since 1970 by the publisher's clock. */
  readonly time: number
}

/** What becomes of a call that cannot be sent at once. */
export interface SendOptions {
  /**
   * `queue`: it waits for a connection, for `timeoutMs` at most. `refuse`: where there is no open session
   * (`client.state` is not `connected`) it rejects at once with NOT_SENT. Default: as `connect` was told.
   */
  readonly offline?: 'queue' | 'refuse'
  /** Milliseconds, default 10,000. What was not sent by then never is, and rejects with NOT_SENT. */
  readonly timeoutMs?: number
}

export interface CallOptions extends SendOptions {
  /** Gives up: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal
}
