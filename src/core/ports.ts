import type { ErrorCode, Payload, RtmsError } from '../protocol/index.ts'

/*
 * What the core writes to. Every method returns at once; none calls back into the core.
 * What happens outside comes in through the `handle…` methods of `RtmsNode`.
 */

/** Bytes of one WebSocket message, possibly handed to many connections. Never written to after it was made. */
export interface Packet {
  readonly bytes: Uint8Array
  readonly text: boolean
  /** For the transport to keep its own rendering (the framed bytes) of a shared packet. */
  rendered: Uint8Array | null
}

/** One socket. */
export interface Transport {
  /** Hands over one packet, whole. False: the socket holds more than its mark; `handleDrain` will follow. */
  write(packet: Packet): boolean
  /** Stops reading from the socket. */
  pause(): void
  resume(): void
  /** Closes after what was written. `handleClose` may follow, once. */
  close(code: number, reason: string): void
}

/** What a verified token allows. Names may be patterns: a prefix and `.*`, or `*`. */
export interface Grant {
  readonly user: string
  /** Milliseconds of wall time since 1970; 0 never. */
  readonly expires: number
  readonly meetings: readonly { readonly name: string; readonly role: Role }[]
  readonly read: readonly string[]
  readonly write: readonly string[]
}

/** A member has a slot and sends inputs; a spectator only reads. */
export type Role = 'member' | 'spectator'

/** A request on its way through the business handler. */
export interface RequestCall {
  readonly user: string
  readonly session: string
  readonly method: string
  readonly data: Payload
  /** Rises within a session: with `session`, an id to deduplicate by. */
  readonly call: number
  /** Monotonic milliseconds after which nobody waits for the answer. */
  readonly deadline: number
}

/** The business server. */
export interface Application {
  /** Verify `token`; answer by `handleAuthenticated(connection, …)`. */
  authenticate(connection: object, token: string): void
  /** Run the handler; answer by `handleReply(call, …)`. */
  request(call: RequestCall): void
  /** Nobody waits for the answer to this call any more. */
  requestEnded(call: RequestCall, why: ErrorCode): void
}

/** What a token check or a handler answers. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: RtmsError }

/** The way to the other nodes: at most once, in order per publisher, nothing stored. Does not return to its sender. */
export interface Bus {
  publish(topic: string, bytes: Uint8Array): void
  subscribe(topic: string): void
  unsubscribe(topic: string): void
}
