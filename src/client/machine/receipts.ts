import type { MessageOf } from '../../protocol/index.ts'

/** Session-log entries received before an ack must go out. */
const ENTRIES_PER_ACK = 64

/**
 * Counts what has been received and what the node has been told of it: bytes of a connection, entries of the session
 * log.
 */
export class Receipts {
  /** Entries of the session log, over the life of the session. */
  entries = 0
  #ackedEntries = 0
  /** Bytes received on this connection. */
  bytes = 0
  #ackedBytes = 0
  #window = 0

  /** Starts a connection. Returns whether entries of the session log, perhaps answers, were lost before it. */
  welcomed({ received, window }: MessageOf<'welcome'>): boolean {
    const lost = received > this.entries
    // The WELCOME is the first packet that counts.
    this.bytes = 0
    this.#ackedBytes = 0
    this.entries = received
    this.#ackedEntries = received
    this.#window = window
    return lost
  }

  get isAckDue(): boolean {
    return (
      (this.#window > 0 && this.bytes - this.#ackedBytes >= this.#window / 4) ||
      this.entries - this.#ackedEntries >= ENTRIES_PER_ACK
    )
  }

  ack(): Omit<MessageOf<'ack'>, 'seen'> {
    this.#ackedBytes = this.bytes
    this.#ackedEntries = this.entries
    return { type: 'ack', bytes: this.bytes, received: this.entries }
  }
}
