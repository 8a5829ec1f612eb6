import type { CloseReason, ErrorCode, MeetingEvent, Payload, RtmsError } from '../protocol/index.ts'

/*
 * What the core writes to. Every method returns at once; none calls back into the core.
 * What happens outside comes in through the `handle…` methods of `RtmsNode`. All but `MeetingLogic` return nothing.
 * One that throws costs the connection or the call it was about; the error is told to `Ports.fault` (guards.ts).
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
  /** The token's own name, by which it can be revoked; '' for none. */
  readonly id: string
  /** When the token was made, in milliseconds of wall time since 1970. */
  readonly issued: number
  /**
   * The revocation of its user that the token came after (what `RtmsNode.revokedUntil` said); 0 for none. It tells the
   * token from one that was made before by a clock that is ahead.
   */
  readonly after: number
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

/** Something a session wants to do and its ticket allows. */
export interface Question {
  readonly user: string
  readonly session: string
  readonly action: 'join' | 'subscribe' | 'publish'
  /** Of the meeting or topic. */
  readonly name: string
  /** Whether it wants to join as a spectator. */
  readonly spectator: boolean
}

/** A meeting that a session wants to join, its ticket allows, and that is not open. */
export interface MissingMeeting {
  readonly name: string
  /** Who asked first. */
  readonly user: string
}

/**
 * Why a connection is no more: the reason it was closed with; LEFT, closed by the client for good; LOST, given up by
 * the client or the network; SILENT, nothing heard of it. ABANDONED: a session waited for a connection in vain.
 */
export type LossReason = CloseReason | 'LEFT' | 'LOST' | 'SILENT' | 'ABANDONED'

/** The business server. */
export interface Application {
  /** Verify `token`; answer by `handleAuthenticated(connection, …)`. */
  authenticate(connection: object, token: string): void
  /** Run the handler; answer by `handleReply(call, …)`. */
  request(call: RequestCall): void
  /** Nobody waits for the answer to this call any more. */
  requestEnded(call: RequestCall, why: ErrorCode): void
  /** May it? Answer by `handleAuthorized(question, …)`. Asked only where the node was told to. */
  authorize(question: Question): void
  /** No answer came in time, which is a no. */
  authorizeEnded(question: Question): void
  /** Open it? Answer by `handleMissing(missing, …)`, opened or not. Asked only where the node was told to. */
  openMissing(missing: MissingMeeting): void
  /** No answer came in time: those who wait are told that it is not open. */
  openMissingEnded(missing: MissingMeeting): void
  /** A session has a connection: its first, or one it goes on with. */
  connected(session: { readonly user: string; readonly id: string }, resumed: boolean): void
  /** A session has lost its connection or, without one, its time to come back. `ended`: it is over; once for each. */
  disconnected(
    session: { readonly user: string; readonly id: string },
    reason: LossReason,
    ended: boolean,
  ): void
}

/** What a token check or a handler answers. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: RtmsError }

/** Why something was refused: an `RtmsError`, or what has its shape. */
export type Refusal = Pick<RtmsError, 'code' | 'message' | 'retryAfterMs'>

/**
 * What the business decides about one meeting: the one port that answers. It is asked in the middle of a sweep, so it
 * answers at once and calls nothing of the node but `Bot`s' making and `sendTo`; anything else it wants is done when
 * the call into the node is over. Where it throws, `join` and `input` refuse with HANDLER_FAILED. What it does not care
 * about it leaves out, and that costs nothing.
 */
export interface MeetingLogic {
  /** A user asks for this slot. Null lets them have it. Spectators and members who come back are not asked about. */
  join?(slot: number, user: string): Refusal | null
  /**
   * A member's input, within all limits. The payload that is to be framed: the same, or another one; or why none is.
   */
  input?(slot: number, user: string, data: Payload): Payload | Refusal
  /** A frame was sealed, or several in order; its readers have not got it yet. */
  frame?(frame: SealedFrame): void
  /** A member is gone, behind its last input. Not called where the meeting itself ends. */
  leave?(slot: number, user: string, reason: string): void
  /** The meeting is about to end. */
  close?(): void
}

/** A frame as the business sees it. */
export interface SealedFrame {
  readonly number: number
  readonly events: readonly MeetingEvent[]
  readonly inputs: readonly { readonly slot: number; readonly seq: number; readonly data: Payload }[]
}

/** The way to the other nodes: at most once, in order per publisher, nothing stored. Does not return to its sender. */
export interface Bus {
  /** Whether another node may listen to a topic. Asked once per topic and sweep; a bus that cannot know says yes. */
  hears(topic: string): boolean
  publish(topic: string, bytes: Uint8Array): void
  subscribe(topic: string): void
  unsubscribe(topic: string): void
}
