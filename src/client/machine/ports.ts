import type { Codec, MessageOf, Payload, RtmsError } from '../../protocol/index.ts'

/**
 * The life of a client. Every legal move:
 *
 *   idle → ticket → opening → greeting → live
 *            ↑         └─────────┴────────┴──socket lost, time-out──→ waiting ──time──→ ticket | opening
 *   live → greeting (the node asked it to move, and the other node's socket is open)
 *   any → closed (by the application, or a close code that is final)
 */
export type Phase = 'idle' | 'ticket' | 'opening' | 'greeting' | 'live' | 'waiting' | 'closed'

/**
 * The machine's outputs, which never call back. `attempt` names a socket; while it moves to another node, the machine
 * has two.
 */
export interface MachinePorts {
  /** Ask the application for a ticket; it answers with `handleTicket` or `handleNoTicket`. */
  getTicket(attempt: number): void
  open(attempt: number, url: string): void
  send(attempt: number, packet: Uint8Array): void
  /** Close the socket of this attempt and forget it. */
  close(attempt: number, code: number): void
  phase(phase: Phase, error: RtmsError | null): void
  push(name: string, data: Payload): void
  welcome(message: MessageOf<'welcome'>): void
}

export interface MachineOptions {
  readonly codec: Codec
  /** Unacknowledged bytes this client wants at most; 0 = no window. */
  readonly window: number
  /** Name and version, for the server's eyes. */
  readonly client: string
  /** A number in [0, 1). */
  readonly random: () => number
  /** Longest time from asking for a ticket to the welcome, in milliseconds. */
  readonly connectMs: number
  /** Longest wait between two attempts, in milliseconds. */
  readonly backoffMs: number
}
