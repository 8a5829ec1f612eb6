import type { CloseReason, ErrorCode, MeetingEvent, Payload, RtmsError } from '../protocol/index.ts'

/*
 * The ports that the core writes to. Every method returns at once, and none calls back into the core: events from
 * outside come in through the `handle…` methods of `RtmsNode`. A method that throws costs at most the connection or
 * the call it was about; the error goes to `Ports.fault` (guards.ts).
 */

/** One WebSocket message, possibly shared by many connections. Its bytes never change. */
export interface Packet {
  readonly bytes: Uint8Array
  readonly text: boolean
  /** The framed bytes of a shared packet, cached here by the transport. */
  rendered: Uint8Array | null
}

/** One socket. */
export interface Transport {
  /**
   * Writes one whole packet. False: the socket's buffer is above its high-water mark, and `handleDrain` will follow.
   */
  write(packet: Packet): boolean
  /** Stops reading from the socket. */
  pause(): void
  resume(): void
  /** Closes the socket after everything written has been sent. `handleClose` may follow, once. */
  close(code: number, reason: string): void
}

/** The rights of a verified token. Names may be patterns: a prefix and `.*`, or `*`. */
export interface Grant {
  readonly user: string
  /** The token's own name, by which it can be revoked; '' for none. */
  readonly id: string
  /** When the token was made, in milliseconds of wall time since 1970. */
  readonly issued: number
  /**
   * What `RtmsNode.revokedUntil` returned for the user when the token was issued; 0 for none. It tells a token issued
   * after that revocation from one issued before, even when the clocks of the issuers disagree.
   */
  readonly after: number
  /** When the token expires, in milliseconds of wall time since 1970; 0 for never. */
  readonly expires: number
  readonly meetings: readonly { readonly name: string; readonly role: Role }[]
  readonly read: readonly string[]
  readonly write: readonly string[]
}

/** A revocation as other nodes are told of it. */
export interface ToldRevocation {
  /** Whether it is of a user, or of a token. */
  readonly ofUser: boolean
  /** The user, or the token's id. */
  readonly name: string
  /** Of a user: tokens issued up to this wall time are revoked, in milliseconds since 1970. */
  readonly until: number
  /** How long it is in force, in milliseconds. */
  readonly leftMs: number
}

/** A member has a slot and sends inputs; a spectator only reads. */
export type Role = 'member' | 'spectator'

/** A request on its way through the business handler. */
export interface RequestCall {
  readonly user: string
  readonly session: string
  readonly method: string
  readonly data: Payload
  /** Rises within a session; together with `session` it identifies the request, for deduplication. */
  readonly call: number
  /** When the request times out, in monotonic milliseconds. */
  readonly deadline: number
}

/** An action that the ticket of a session allows, put to the business for permission. */
export interface Question {
  readonly user: string
  readonly session: string
  readonly action: 'join' | 'subscribe' | 'publish'
  /** Name of the meeting or topic. */
  readonly name: string
  /** Whether the session asks to join as a spectator. */
  readonly spectator: boolean
}

/** A publication of a client, before it is taken. Its ticket allows it. */
export interface ClientPublication {
  readonly user: string
  readonly session: string
  readonly topic: string
  /** '' for none. */
  readonly key: string
  /** Whether it removes its key. */
  readonly tombstone: boolean
  readonly data: Payload
}

/** An entry of a topic, as the business hears of it. */
export interface HeardPublication {
  /** How many publications there were before it since the business listens, lost ones included. */
  readonly before: number
  /** Null: the last ones of those before are lost, and there is nothing more to hear. */
  readonly entry: {
    readonly key: string
    readonly tombstone: boolean
    readonly data: Payload
    /** When it was published: microseconds since 1970. */
    readonly stamp: number
  } | null
}

/** A meeting that a session may join by its ticket, but that is not open. */
export interface MissingMeeting {
  readonly name: string
  /** The user who asked first. */
  readonly user: string
}

/** The business wants to open a meeting, or to know which node has it. */
export interface MeetingCall {
  readonly name: string
}

/** A meeting of another node that is to go on on this one. */
export interface OfferedMeeting {
  readonly name: string
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>>
}

/** Where a meeting is, as the business is told. */
export interface Whereabouts {
  /** The node that has it, by incarnation; 0 for none. */
  readonly owner: number
  /** Whether it was opened for this call. */
  readonly isNew: boolean
}

/**
 * Why a connection or session was lost: the reason the node closed it with; LEFT: closed by the client for good; LOST:
 * dropped by the client, the network or a failed transport; SILENT: the client fell silent; ABANDONED: no new
 * connection came for the session in time.
 */
export type LossReason = CloseReason | 'LEFT' | 'LOST' | 'SILENT' | 'ABANDONED'

/** How far a node is with its draining. */
export interface DrainProgress {
  /** Meetings that have yet to be handed over, and those that end with the node. */
  readonly meetings: number
  readonly staying: number
  readonly connections: number
  /** Requests that have no answer yet. */
  readonly requests: number
  /** Sessions that have yet to go to other nodes, with and without a connection. */
  readonly sessions: number
}

/** Whether a node drains; `drained`: it is empty, or its time is over. */
export const drainStates = ['serving', 'draining', 'drained'] as const
export type DrainState = (typeof drainStates)[number]

/** How far a node is with its draining, as other nodes are told. */
export interface NodeDrain extends DrainProgress {
  readonly state: DrainState
}

/** The business server. */
export interface Application {
  /** Verifies `token`. The answer comes by `handleAuthenticated(check, …)`. */
  authenticate(check: object, token: string): void
  /** Runs the handler. The answer comes by `handleReply(call, …)`. */
  request(call: RequestCall): void
  /** The call has ended without the handler's answer, which would now be discarded. */
  requestEnded(call: RequestCall, why: ErrorCode): void
  /**
   * Decides whether an action is allowed. The answer comes by `handleAuthorized(question, …)`. See `RtmsNode.askFirst`.
   */
  authorize(question: Question): void
  /** No answer came in time, so the action was denied. */
  authorizeEnded(question: Question): void
  /**
   * Decides about a client's publication. Answered directly, as {@link MeetingLogic} is: with the payload to publish,
   * the same or another one, or a refusal. Without this method, all are taken.
   */
  publishing?(publication: ClientPublication): Payload | Refusal
  /**
   * Something was published to a topic that the business listens to, here or on another node: `RtmsNode.listening`
   * tells what, after this call. Called again once all of it was heard.
   */
  published?(topic: string): void
  /**
   * May open the meeting. The answer comes by `handleMissing(missing, …)`, opened or not. See `RtmsNode.openOnDemand`.
   */
  openMissing(missing: MissingMeeting): void
  /** A client was refused whose configuration is not the meeting's; `why` names both. */
  mismatched?(meeting: string, why: string): void
  /** No answer came in time; the waiting sessions are told NOT_FOUND. */
  openMissingEnded(missing: MissingMeeting): void
  /**
   * The answer to `RtmsNode.claimMeeting` or `findMeeting`, exactly once, perhaps before that returns. Where the
   * meeting was opened (`isNew`), nothing has happened in it yet.
   */
  located(call: MeetingCall, outcome: Outcome<Whereabouts>): void
  /**
   * Makes the business's side of a meeting that another node hands over; null where the kind is not known here. Answers
   * directly, before the hand-over, when nothing may happen yet: `restore` says that this node goes on.
   */
  adopt(offered: OfferedMeeting): MeetingBusiness | null
  /** Another node calls the business of a meeting that is open here. Answered directly, as {@link MeetingLogic} is. */
  callMeeting(name: string, method: string, data: Payload): Payload | Refusal
  /** Another node asks this one to drain, within so many milliseconds. */
  drain(timeoutMs: number): void
  /**
   * Another node asks for a fault of this one, a moment later: to be cut off the bus for so many milliseconds, or, for
   * 0, to be killed. False: it will not; nor will it without this method.
   */
  fail?(cutMs: number): boolean
  /** A session has a connection. `resumed`: the session existed before. */
  connected(session: { readonly user: string; readonly id: string }, resumed: boolean): void
  /** A session lost its connection, or its time to come back ran out. `ended`: it is over, told once per session. */
  disconnected(
    session: { readonly user: string; readonly id: string },
    reason: LossReason,
    ended: boolean,
  ): void
}

/** The result of a token check or a request handler. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: RtmsError }

/** Whether the business allows something, or its own refusal. */
export type Allowance = boolean | Refusal

/** Why something was refused: an `RtmsError`, or an object of its shape. */
export type Refusal = Pick<RtmsError, 'code' | 'message' | 'retryAfterMs'> & { readonly reason?: string }

/**
 * The business's decisions about one meeting, which it answers directly. Its methods run in the middle of a sweep, so
 * they return at once and call nothing of the node but `addBot` and `sendTo`; anything else must wait until
 * the call into the node is over. When `join` or `input` throws, the answer is HANDLER_FAILED. A method that is left
 * out costs nothing.
 */
export interface MeetingLogic {
  /** Decides whether a user may take this slot: null allows it. Not called for spectators and returning members. */
  join?(slot: number, user: string): Refusal | null
  /**
   * Decides about a member's input that is within all limits. Returns the payload to frame, the same or another one, or
   * a refusal.
   */
  input?(slot: number, user: string, data: Payload): Payload | Refusal
  /** A frame was sealed; its readers do not have it yet. Called in order of frames. */
  frame?(frame: SealedFrame): void
  /** A member has left, after its last input was framed. Not called for bots, nor when the meeting itself ends. */
  leave?(slot: number, user: string, reason: string): void
  /** Whether there is no time now to handle that somebody leaves: members who are leaving keep their slots for it. */
  isBehind?(): boolean
  /** The meeting is about to end. */
  close?(): void
  /**
   * The state that the business has of the meeting, which is about to go on on another node; null where it cannot be
   * had. Without this method the meeting stays, and ends with its node.
   */
  snapshot?(): Payload | null
  /** The meeting has gone to another node: nothing more is called here. */
  moved?(): void
  /**
   * The meeting has come from another node, with this state; null where it had none. May call `RtmsNode.bots` as well.
   */
  restore?(state: Payload | null): void
  /** The node of the meeting has ended, and with it the state; what is left are the frames. Without it, it ends. */
  revive?(): void
}

/** The business's side of a meeting. */
export interface MeetingBusiness {
  /** The kind of meeting; '' for none. */
  readonly kind: string
  /** Belongs to the business; the core never reads it. */
  readonly metadata: Readonly<Record<string, unknown>>
  readonly logic: MeetingLogic | null
  /** The question that it answers, where it was opened on demand. */
  readonly missing?: MissingMeeting | undefined
}

/** A frame as the business sees it. */
export interface SealedFrame {
  readonly number: number
  readonly events: readonly MeetingEvent[]
  readonly inputs: readonly { readonly slot: number; readonly seq: number; readonly data: Payload }[]
}

/**
 * Looks for proof that other nodes of the cluster have ended: one that is merely silent stays in it. Proof comes in
 * through `Inlet.gone`.
 */
export interface Watch {
  /** A node has told where it is reached directly, for the first time or anew; '' where it is not. */
  met(peer: WatchedNode): void
  /** A node has been silent for a while. Asked again with each beat until it is heard. */
  probe(peer: WatchedNode): void
  /** Other nodes count this one as ended, for good, and hear nothing of it. Told again and again. */
  expelled?(): void
}

export interface WatchedNode {
  /** Its incarnation. */
  readonly node: number
  readonly health: string
}

/** Bytes of UTF-8 that a subject of the bus may have: a name, and a short prefix that says what it names. */
export const SUBJECT_BYTES = 263

/**
 * One node's place on the bus to the other nodes. Delivery is at most once, and in order per sender, over `publish` and
 * `send` together; nothing is stored, and no message comes back to its sender. Any text without lone surrogates and of
 * at most {@link SUBJECT_BYTES} is a subject. What comes in goes to the {@link BusListener} of the node.
 */
export interface Bus {
  /**
   * Whether another node may listen to a subject. Called once per topic and sweep; a bus that cannot know returns true.
   */
  hears(subject: string): boolean
  /**
   * Whether so much is on its way, or waits for it, that publications of users wait as well. Never because of one node
   * that takes nothing.
   */
  isCrowded?(): boolean
  /** Sends to every other node that subscribes to the subject. The bytes must not change afterwards. */
  publish(subject: string, bytes: Uint8Array): void
  /** Sends to one other node, named by its incarnation. Lost where there is no such node (any more). */
  send(node: number, bytes: Uint8Array): void
  subscribe(subject: string): void
  unsubscribe(subject: string): void
}

/**
 * What a bus tells a node, never from inside a call of {@link Bus}. `from`: the incarnation of the sender. The bytes
 * may be part of a larger buffer: whoever keeps some of them copies those.
 */
export interface BusListener {
  message(subject: string, bytes: Uint8Array, from: number): void
  /** A message to this node alone. */
  sent(bytes: Uint8Array, from: number): void
  /** The bus carries nothing, to and from this node, until `back`. Messages under way may be lost. */
  down(): void
  /** The bus carries messages: for the first time (a node begins without it), or again. */
  back(): void
  /** Proof that another node has ended: no message of it follows. Silence is no proof. */
  gone(node: number): void
}
