import type { Transport } from '../ports.ts'
import type { Encoded } from './encoded.ts'

/** What reading a cursor can yield besides a message: nothing for this reader, or that it must be disconnected. */
export type Read = Encoded | 'nothing' | 'disconnect'

/** A bounded, append-only sequence of encoded entries with positions. */
export interface Log {
  /** Unique on this node, told to the client when it joins or subscribes; 0 for a session log. */
  readonly number: number
  /** Whether this cursor has been offered everything. */
  isCurrent(cursor: Cursor): boolean
  /** The next batch for this cursor, shared with every other that stands at the same place; moves the cursor. */
  read(cursor: Cursor): Read
}

/** The order in which one write carries logs: the session's own, then frames, then topics. */
export const LANE = { session: 0, frames: 1, topics: 2 } as const
export type Lane = (typeof LANE)[keyof typeof LANE]

/** A place in a log, read for one connection: it goes with that connection. */
export class Cursor {
  readonly log: Log
  readonly outlet: Outlet
  readonly lane: Lane
  /** The next position to be offered. */
  position: number
  /** Whether it stands in a lane of its outlet. */
  marked = false
  /** Cleared when its session left the log: a cursor that is still marked is then passed over. */
  live = true

  constructor(log: Log, outlet: Outlet, lane: Lane, position: number) {
    this.log = log
    this.outlet = outlet
    this.lane = lane
    this.position = position
  }
}

/**
 * What an outlet may carry. Every legal move:
 *
 *   open ─an entry that it had to carry is gone→ doomed ─┐
 *    └──────────────────────────────────────────────────┴─its connection ends→ closed
 *
 * A doomed one carries nothing but the GOODBYE: what followed would be numbered wrongly.
 */
export type Outflow = 'open' | 'doomed' | 'closed'

/** The user's downstream queue: what waits for one socket, and how much it may be handed. */
export class Outlet {
  readonly transport: Transport
  /** Whether the other side speaks JSON. */
  readonly text: boolean
  outflow: Outflow = 'open'
  /** Messages of this connection alone, ahead of every log: WELCOME, PING, PONG. */
  readonly control: Encoded[] = []
  /** Cursors with something to read: those that were marked. */
  readonly lanes: readonly [Cursor[], Cursor[], Cursor[]] = [[], [], []]
  /** Publishers that its client was told of: the node itself by WELCOME. */
  publishersTold = 1
  /** Whether it stands in the list of those to be written to. */
  queued = false

  /** Bytes handed over, and acknowledged by the client; at most `window` apart before a write, 0 = no window. */
  sent = 0
  acknowledged = 0
  window = 0
  /** The socket took the last write without holding more than its mark. */
  writable = true
  /** Nothing is read from the socket for now: what its client sent before fills the upstream queue. */
  paused = false
  /** When something was last handed over, in monotonic milliseconds. */
  lastSent: number

  constructor(transport: Transport, text: boolean, now: number) {
    this.transport = transport
    this.text = text
    this.lastSent = now
  }

  /** Whether a write is allowed now: the socket takes it and the client has acknowledged enough. */
  get hasCredit(): boolean {
    return this.writable && (this.window === 0 || this.sent - this.acknowledged < this.window)
  }

  /** Its connection is gone, and with it everything that waits. */
  discard(): void {
    this.outflow = 'closed'
    empty(this.control)
    for (const lane of this.lanes) empty(lane)
  }

  get hasWork(): boolean {
    const { control, lanes } = this
    return control.length > 0 || lanes[0].length > 0 || lanes[1].length > 0 || lanes[2].length > 0
  }
}

/** For the short lists of every write: many times cheaper than setting their length. */
export function empty(list: unknown[]): void {
  while (list.length > 0) list.pop()
}
