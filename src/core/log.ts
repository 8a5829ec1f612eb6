import type { Encoded } from './encoded.ts'
import type { Session } from './session.ts'

/** Bytes of log entries after which a batch ends and the next page begins. */
export const PAGE_BYTES = 32_768

/** What reading a cursor can yield besides a message: nothing for this reader, or that it must be disconnected. */
export type Read = Encoded | 'nothing' | 'disconnect'

/** A bounded, append-only sequence of encoded entries with positions. */
export interface Log {
  /** Unique on this node, told to the client when it joins or subscribes. */
  readonly number: number
  /** Whether this cursor has been offered everything. */
  isCurrent(cursor: Cursor): boolean
  /** The next batch for this cursor, shared with every other that stands at the same place; moves the cursor. */
  read(cursor: Cursor): Read
}

/** A session's place in a log. */
export class Cursor {
  readonly log: Log
  readonly session: Session
  /** The next position to be offered. */
  position: number
  /** Whether it stands in its connection's list of cursors that have something to read. */
  dirty = false
  /** Cleared when the session left the log: a cursor that still stands in a list is then passed over. */
  live = true

  constructor(log: Log, session: Session, position: number) {
    this.log = log
    this.session = session
    this.position = position
  }
}

/** Batches by the position they begin at, forgotten when the log grows. */
export class BatchCache {
  readonly #batches: Map<number, { readonly batch: Encoded; readonly to: number }> = new Map()

  get(from: number): { readonly batch: Encoded; readonly to: number } | undefined {
    return this.#batches.get(from)
  }

  set(from: number, batch: Encoded, to: number): void {
    this.#batches.set(from, { batch, to })
  }

  clear(): void {
    if (this.#batches.size > 0) this.#batches.clear()
  }
}
