import type { Budget } from '../ground/budget.ts'
import type { NodeLimits } from '../ground/config.ts'
import { Ring } from '../ground/ring.ts'
import type { Encoded } from '../log/encoded.ts'
import { Cursor, LANE, type Log, type Outlet, type Read } from '../log/log.ts'

/** A log is behind when more than this share of its limits is unsent. */
const BEHIND = 1 / 4

/**
 * The log of one session: replies, NACKs and pushes, in order. It has one reader at a time, the cursor of the session's
 * connection, and keeps unacknowledged entries for the next connection.
 */
export class SessionLog implements Log {
  /** 0, because a session has only one: the client counts its entries. */
  readonly number = 0
  /** The reader. Null before the session's first connection; between connections, the cursor of the previous one. */
  cursor: Cursor | null = null
  readonly #limits: NodeLimits
  readonly #budget: Budget
  readonly #caughtUp: () => void
  readonly #ring: Ring<Encoded> = new Ring(1)
  #bytes = 0
  /** Bytes of the kept entries that were not yet offered. */
  #unoffered = 0

  constructor(limits: NodeLimits, budget: Budget, caughtUp: () => void) {
    this.#limits = limits
    this.#budget = budget
    this.#caughtUp = caughtUp
  }

  /** Number of the last entry. */
  get last(): number {
    return this.#ring.next - 1
  }

  /** Position of the first kept entry that was not yet offered. */
  get #offset(): number {
    return Math.max(this.cursor?.position ?? 1, this.#ring.first)
  }

  /** Backpressure: whether more than a quarter of the log is unsent. Further answers could overrun it. */
  get isBehind(): boolean {
    const { sessionLogEntries, sessionLogBytes } = this.#limits
    return (
      this.#unoffered > sessionLogBytes * BEHIND ||
      this.#ring.next - this.#offset > sessionLogEntries * BEHIND
    )
  }

  /** Appends an entry. False: the cursor fell off the log, so the connection is too slow to keep. */
  append(entry: Encoded): boolean {
    const { sessionLogEntries, sessionLogBytes } = this.#limits
    this.#ring.push(entry)
    this.#hold(entry.binary.length)
    this.#unoffered += entry.binary.length
    while (this.#ring.size > sessionLogEntries || this.#bytes > sessionLogBytes) {
      const isLost = this.#ring.first === this.#offset
      const { length } = this.#drop()
      if (isLost) this.#unoffered -= length
    }
    return this.cursor === null || this.cursor.position >= this.#ring.first
  }

  #drop(): Uint8Array {
    const { binary } = this.#ring.shift()
    this.#hold(-binary.length)
    return binary
  }

  #hold(bytes: number): void {
    this.#bytes += bytes
    this.#budget.add(bytes)
  }

  isCurrent(cursor: Cursor): boolean {
    return cursor.position === this.#ring.next
  }

  /** Returns one entry at a time: no other session could share a batch. */
  read(cursor: Cursor): Read {
    if (cursor.position < this.#ring.first) return 'disconnect'
    const wasBehind = this.isBehind
    const entry = this.#ring.get(cursor.position++)
    this.#unoffered -= entry.binary.length
    if (wasBehind && !this.isBehind) this.#caughtUp()
    return entry
  }

  /** Drops the entries up to `received`, which the client has. */
  acknowledge(received: number): void {
    while (this.#ring.size > 0 && this.#ring.first <= received && this.#ring.first < this.#offset)
      this.#drop()
  }

  /**
   * Makes the cursor of a new connection, to read from the entry after `received`, or from the oldest one kept. Returns
   * the number before the first entry it will read: above `received` when entries in between were dropped.
   */
  attach(outlet: Outlet, received: number): number {
    const { first, next } = this.#ring
    const position = Math.max(first, Math.min(received + 1, next))
    this.cursor = new Cursor(this, outlet, LANE.session, position)
    this.#unoffered = 0
    for (let at = position; at < next; at++) this.#unoffered += this.#ring.get(at).binary.length
    return position - 1
  }

  /** The session has ended: returns its bytes to the budget. */
  release(): void {
    this.#hold(-this.#bytes)
  }
}
