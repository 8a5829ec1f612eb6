import type { Payer } from '../ground/budget.ts'
import { weights } from '../ground/weights.ts'
import type { Transport } from '../ports.ts'
import type { Encoded } from './encoded.ts'

/** The result of reading a cursor: a message, 'nothing' for this reader, or 'disconnect' when it cannot be kept. */
export type Read = Encoded | 'nothing' | 'disconnect'

/** A bounded, append-only sequence of encoded entries with positions. */
export interface Log {
  /** Unique on this node; the client learns it when it joins or subscribes. 0 for a session log. */
  readonly number: number
  /** Whether this cursor has been offered everything. */
  isCurrent(cursor: Cursor): boolean
  /** Returns the next batch, shared by all cursors at the same position, and moves the cursor behind it. */
  read(cursor: Cursor): Read
}

/** A position in a log, from which one connection reads. It ends with that connection. */
export class Cursor {
  readonly log: Log
  readonly outlet: Outlet
  /** The lane of its outlet that it is in while it is marked. */
  readonly lane: Cursor[]
  /** The next position to be offered. */
  position: number
  /** Whether the cursor is in its lane. */
  marked = false
  /** Of the log of a meeting: how many of its pauses and ends of pauses it has been told of. */
  told = 0

  constructor(log: Log, outlet: Outlet, lane: Cursor[], position: number) {
    this.log = log
    this.outlet = outlet
    this.lane = lane
    this.position = position
  }
}

/**
 * The state of an outlet. Every legal move:
 *
 *   open ─an entry that it had to carry is gone→ doomed ─┐
 *    └──────────────────────────────────────────────────┴─its connection ends→ closed
 *
 * A doomed outlet carries nothing but the GOODBYE: the client would number further entries wrongly.
 */
export type Outflow = 'open' | 'doomed' | 'closed'

/** The downstream queue of one connection: what waits for its socket, and how much may be handed over. */
export class Outlet {
  readonly transport: Transport
  /** Whether the other side speaks JSON. */
  readonly text: boolean
  outflow: Outflow = 'open'
  /** The user of its session, who pays for the control messages; null before there is one. */
  payer: Payer | null = null
  /** Messages for this connection alone, ahead of every log: WELCOME, PING, PONG. */
  readonly control: Encoded[] = []
  /**
   * Marked cursors, those with something to read. One write carries the session's own log, then frames, then topics.
   */
  readonly sessionLane: Cursor[] = []
  readonly frameLane: Cursor[] = []
  readonly topicLane: Cursor[] = []
  /** Number of publishers the client was told of; the WELCOME names the first, the node itself. */
  publishersTold = 1
  /** Whether the outlet waits in the lists for the next flush: for more than topics, and for topics alone. */
  isUrgent = false
  isPatient = false
  /** The number of the last flush in which its topics had their turn. */
  served = 0

  /**
   * Bytes handed over, and acknowledged by the client. A write starts only while they are less than `window` apart; a
   * `window` of 0 sets no limit.
   */
  sent = 0
  acknowledged = 0
  window = 0
  /** Whether the socket's buffer was below its high-water mark after the last write. */
  writable = true
  /** Reading from the socket is paused, because the upstream queue is full. */
  paused = false
  /** Its connection is closed at the end of the sweep: nothing more is received. */
  dismissed = false
  /** When something was last handed over, in monotonic milliseconds. */
  lastSent: number

  constructor(transport: Transport, text: boolean, now: number) {
    this.transport = transport
    this.text = text
    this.lastSent = now
  }

  /** Whether a write is allowed now: the socket can take more, and the client has acknowledged enough. */
  get hasCredit(): boolean {
    return this.writable && (this.window === 0 || this.sent - this.acknowledged < this.window)
  }

  addControl(message: Encoded): void {
    this.control.push(message)
    this.payer?.hold(weights.control)
  }

  clearControl(): void {
    this.payer?.hold(-weights.control * this.control.length)
    empty(this.control)
  }

  /** The connection closed: drops everything that waits for it. */
  discard(): void {
    this.outflow = 'closed'
    this.clearControl()
    empty(this.sessionLane)
    empty(this.frameLane)
    empty(this.topicLane)
  }

  /** The reader has left its log: a cursor that stayed in a lane would keep the whole log in memory. */
  unmark(cursor: Cursor): void {
    if (!cursor.marked) return
    cursor.marked = false
    const { lane } = cursor
    const at = lane.indexOf(cursor)
    if (at >= 0) lane.splice(at, 1)
  }

  /** Whether more than topics waits for it. */
  get hasUrgentWork(): boolean {
    const { control, sessionLane, frameLane } = this
    return control.length > 0 || sessionLane.length > 0 || frameLane.length > 0
  }

  get hasWork(): boolean {
    return this.hasUrgentWork || this.topicLane.length > 0
  }
}

/** Clears a short list. On the path of every write, popping is many times cheaper than setting the length. */
export function empty(list: unknown[]): void {
  while (list.length > 0) list.pop()
}
