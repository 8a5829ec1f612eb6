import type { RawFrame, Received } from '../client/machine/index.ts'
import type { Outcome, Question, Revoked, RtmsNode, SealedFrame, Whereabouts } from '../core/index.ts'
import type { ClientMessage, ErrorCode, Payload, RtmsError, ServerMessage } from '../protocol/index.ts'

/** A client as observers see it. */
export interface ClientFacts {
  /** Number of this client process: a restarted one has another. */
  readonly id: number
  readonly user: string
  /** Index of its node. */
  readonly node: number
  /** Nothing on its side delays it: a good link, a window that never fills, no stalls, and connected for a while. */
  readonly prompt: boolean
}

/** How a call ended: with a frame's number, a topic's pressure or a reply, or with an error. */
export type End = number | Payload | RtmsError

/** The phases of a run: with faults; without, for recovery; when all must be well; without work. */
export type Phase = 'faulty' | 'recovery' | 'well' | 'quiet'

/** Everything that can be observed in a run. A checker implements what it needs, a trace all of it. */
export interface Observer {
  phase?(phase: Phase): void
  /** A packet arrived at either end. */
  packet?(client: ClientFacts, connection: number, bytes: Uint8Array): void
  /** A message reached the node. */
  up?(client: ClientFacts, connection: number, message: ClientMessage): void
  /** A message reached the client; the node had written it at `at`. */
  down?(client: ClientFacts, connection: number, message: ServerMessage, at: number): void
  /** The node handed `size` bytes to a socket, `written` in all. */
  write?(client: ClientFacts, connection: number, size: number, written: number): void
  /** The node closed a socket with this code, or learned that it is gone (0). */
  closed?(client: ClientFacts, connection: number, code: number): void
  /** The application joins a meeting it is not in: everything it got before no longer matters. */
  joining?(client: ClientFacts, meeting: string): void
  input?(client: ClientFacts, meeting: string, text: string): void
  inputEnded?(client: ClientFacts, meeting: string, text: string, end: End): void
  frame?(client: ClientFacts, meeting: string, world: number, frame: RawFrame): void
  /** The application was told that frames are missing. */
  frameGap?(client: ClientFacts, meeting: string): void
  /** The client is no longer in the meeting. */
  left?(client: ClientFacts, meeting: string, code: ErrorCode): void
  direct?(client: ClientFacts, meeting: string, text: string): void
  /** The node of this incarnation and index published what became `number`. */
  published?(
    publisher: { readonly index: number; readonly incarnation: number },
    topic: string,
    publication: {
      readonly number: number
      readonly text: string
      readonly key: string
      readonly tombstone: boolean
    },
  ): void
  /** A client publishes; and the outcome. */
  publishing?(client: ClientFacts, topic: string, text: string): void
  publishingEnded?(client: ClientFacts, topic: string, text: string, end: End): void
  /** `partial`: this reader asked for only some of the publications. */
  publication?(client: ClientFacts, topic: string, partial: boolean, entry: Received): void
  subscribed?(client: ClientFacts, topic: string): void
  /**
   * The application was told that publications are missing. `anew`: the latest values follow, including those it had.
   */
  topicGap?(client: ClientFacts, topic: string, anew: boolean, lost: number, reason: ErrorCode): void
  request?(client: ClientFacts, text: string): void
  requestStarted?(text: string): void
  requestEnded?(client: ClientFacts, text: string, end: End): void
  push?(client: ClientFacts, name: string, text: string): void
  /** `healthy`: only RTMS can have caused it. `excused`: by small limits, or a wrong clock. */
  disconnected?(client: ClientFacts, healthy: boolean, excused: boolean): void
  /** The client has given up for good. */
  ended?(client: ClientFacts, code: number): void
  /** A node goes on with a meeting of another one, which has sealed its last frame. */
  handed?(node: number, meeting: string, world: number): void
  /** A node goes on with a world from behind this frame: what another one has sealed there is lost with it. */
  undone?(node: number, meeting: string, world: number, frame: number): void
  /** A node goes on with a meeting whose node has ended, behind this frame; perhaps in a new world. `undone` is told. */
  revived?(node: number, meeting: string, world: number, frame: number): void
  /** A node says goodbye: from now on the others go on without it. */
  leaving?(node: number): void
  /** The process of a node has ended. */
  died?(node: number): void
  /** A paused process runs again. */
  woken?(node: number): void
  fault?(what: string, client: number): void
  /** A call of a port throws that is about this user; '' for nobody. */
  struck?(call: string, user: string): void
  /** A node was swept: it made so many writes but GOODBYEs when its budget was spent. */
  swept?(node: RtmsNode, beyond: number): void

  // ---- what the public client promises

  /** A promise was made that has to settle by this time, in virtual milliseconds; and it has settled. */
  promised?(client: ClientFacts, promise: string, by: number): void
  settled?(client: ClientFacts, promise: string): void
  /** An application listens to a stream of events from now on, as its listener of this number; until it stops. */
  listening?(client: ClientFacts, stream: string, listener: number): void
  deaf?(client: ClientFacts, stream: string, listener: number): void
  /** An event is about to be told to all listeners of a stream; and one of them was told. */
  event?(client: ClientFacts, stream: string, event: string): void
  told?(client: ClientFacts, stream: string, listener: number, event: string): void
  /** A stream has ended for this client: nobody hears more of it. */
  over?(client: ClientFacts, stream: string): void
  /** The client's process has died. */
  killed?(client: ClientFacts): void
  /** The client was closed by its application. */
  quit?(client: ClientFacts): void
  /** What a hostile peer does, or what is done to it. */
  hostile?(what: string): void

  // ---- what the business does and is told

  botInput?(user: string, meeting: string, text: string): void
  /** An input that the business of a node let pass, or played itself, waits for a frame: with this text. */
  inputTaken?(node: number, meeting: string, slot: number, text: string): void
  /** A hook of a meeting ran. */
  hook?(meeting: string, hook: string): void
  /** The business of a node is asked about an input; it replaced its text, or dropped it. */
  inputAsked?(node: number, meeting: string, text: string): void
  inputReplaced?(node: number, meeting: string, text: string, by: string): void
  inputDropped?(node: number, meeting: string, text: string): void
  /** A meeting was opened. */
  opened?(node: number, meeting: string, world: number): void
  sealed?(node: number, meeting: string, world: number, frame: SealedFrame): void
  seated?(node: number, meeting: string, slot: number, user: string): void
  unseated?(node: number, meeting: string, slot: number, user: string): void
  /** The business sends a message to one member. */
  sentTo?(user: string, meeting: string, text: string): void
  /** The business says this to all members of a meeting, and then ends it, or kicks one, for this reason. */
  lastWord?(meeting: string, text: string): void
  answered?(question: Question, allowed: boolean): void
  /** A node was told of a revocation, of this virtual time. */
  revoked?(node: number, revoked: Revoked, made: number): void
  /** The wall clock of a node is off by this many milliseconds from now on. */
  clockSet?(node: number, off: number): void
  /** A call of the business about a meeting's name was answered, after so many milliseconds. */
  located?(node: number, name: string, outcome: Outcome<Whereabouts>, tookMs: number): void
  /** Something happened between the nodes of a cluster. */
  clustered?(what: string, about: string): void
  /** Something happened that has to happen in some seeds. */
  met?(what: string): void

  // ---- the end

  /** All is quiet: the end of a run with clients. */
  rest?(nodes: readonly RtmsNode[], clients: readonly RestingClient[]): void
  /** All clients vanished 20 s ago. */
  deserted?(nodes: readonly DesertedNode[]): void
  /** Everything with a limited life has reached its end. */
  empty?(nodes: readonly DesertedNode[]): void
}

/** A node without clients. */
export interface DesertedNode {
  readonly core: RtmsNode
  /** Topics that it still subscribes to on the bus. */
  readonly interest: readonly string[]
}

/** A client's place in a meeting at the end. */
export interface RestingSeat {
  readonly name: string
  readonly next: number
  readonly unanswered: number
  /** As its machine has it: whether its JOIN was answered on its present connection, and where it sits. */
  readonly seat?: { readonly joined: boolean; readonly world: number; readonly slot: number }
}

/** A client's state at the end. */
export interface RestingClient extends ClientFacts {
  readonly live: boolean
  /** Whether it has been connected long enough to have caught up. */
  readonly settled: boolean
  /** When it was connected last. */
  readonly liveSince: number
  /**
   * Whether it was told that there is no room or that it is too slow, and keeps trying; or has ended, because its token
   * was revoked.
   */
  readonly excused: boolean
  readonly meetings: readonly RestingSeat[]
  readonly topics: readonly {
    readonly name: string
    readonly position: ReadonlyMap<number, number>
    readonly latest: ReadonlyMap<string, string>
    readonly conflate: boolean
    /** Whether it gets only some of the publications. */
    readonly partial: boolean
    readonly keys: readonly string[]
  }[]
}

/** A broken promise. */
export class Violation extends Error {
  readonly invariant: string

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`)
    this.invariant = invariant
  }
}

export function violate(invariant: string, message: string): never {
  throw new Violation(invariant, message)
}
