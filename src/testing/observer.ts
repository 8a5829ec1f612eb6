import type { RawFrame } from '../client/machine/index.ts'
import type { RtmsNode } from '../core/index.ts'
import type { ClientMessage, PublicationEntry, RtmsError, ServerMessage } from '../protocol/index.ts'

/** A client as observers see it. */
export interface ClientFacts {
  /** Number of this client process: a restarted one has another. */
  readonly id: number
  readonly user: string
  readonly node: number
}

export type End =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: RtmsError }

/** Everything that can be seen in a run. A checker implements what it needs, a trace all of it. */
export interface Observer {
  /** A message reached the node. */
  up?(client: ClientFacts, connection: number, message: ClientMessage): void
  /** A message reached the client. */
  down?(client: ClientFacts, connection: number, message: ServerMessage): void
  /** The node handed `size` bytes to a socket, `written` in all. */
  write?(client: ClientFacts, connection: number, size: number, written: number): void
  /** The application joins a meeting it is not in: everything it was given before is forgotten. */
  joining?(client: ClientFacts, meeting: string): void
  input?(client: ClientFacts, meeting: string, text: string): void
  inputEnded?(client: ClientFacts, meeting: string, text: string, end: End): void
  frame?(client: ClientFacts, meeting: string, epoch: number, frame: RawFrame): void
  /** Frames are missing, and the application was told. */
  frameGap?(client: ClientFacts, meeting: string): void
  /** The node of this incarnation published. */
  published?(incarnation: number, topic: string, text: string, key: string, tombstone: boolean): void
  /** `partial`: this reader asked for some of the publications only. */
  publication?(client: ClientFacts, topic: string, partial: boolean, entry: PublicationEntry): void
  subscribed?(client: ClientFacts, topic: string): void
  /** Publications are missing, and the application was told. `anew`: the latest values follow, those it had included. */
  topicGap?(client: ClientFacts, topic: string, anew: boolean): void
  request?(client: ClientFacts, text: string): void
  requestStarted?(text: string): void
  requestEnded?(client: ClientFacts, text: string, end: End): void
  push?(client: ClientFacts, name: string, text: string): void
  disconnected?(client: ClientFacts, healthy: boolean): void
  fault?(what: string): void
  /** All is quiet: the last word of a run. */
  rest?(nodes: readonly RtmsNode[], clients: readonly RestingClient[]): void
}

/** Where a client stands at the end. */
export interface RestingClient extends ClientFacts {
  readonly live: boolean
  readonly meetings: readonly { readonly name: string; readonly next: number; readonly unanswered: number }[]
  readonly topics: readonly {
    readonly name: string
    readonly position: ReadonlyMap<number, number>
    readonly latest: ReadonlyMap<string, string>
    readonly conflate: boolean
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
