import type { Budget } from '../ground/budget.ts'
import type { NodeLimits } from '../ground/config.ts'
import { Ring } from '../ground/ring.ts'
import type { Encoded } from '../log/encoded.ts'
import { Cursor, LANE, type Log, type Outlet, type Read } from '../log/log.ts'

/** From this share of its limits on, the log is behind. */
const BEHIND = 1 / 4

/**
 * What goes down to one session alone, in order: replies, NACKs, pushes. It has one reader at a time, the cursor of the
 * session's connection, and keeps what the client has not acknowledged for the next one.
 */
export class SessionLog implements Log {
  /** It needs no number: the client counts its entries. */
  readonly number = 0
  /** Its reader; null until the session's first connection, and the last one while it waits for another. */
  cursor: Cursor | null = null
  readonly #limits: NodeLimits
  readonly #budget: Budget
  readonly #caughtUp: () => void
  readonly #ring: Ring<Encoded> = new Ring(1)
  #bytes = 0
  /** Bytes of what is kept and was not yet offered. */
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

  /** The first entry that is kept and was not yet offered. */
  get #offset(): number {
    return Math.max(this.cursor?.position ?? 1, this.#ring.first)
  }

  /** So much waits to be offered that what the client asks for meanwhile would overrun the log. */
  get isBehind(): boolean {
    const { sessionLogEntries, sessionLogBytes } = this.#limits
    return (
      this.#unoffered > sessionLogBytes * BEHIND ||
      this.#ring.next - this.#offset > sessionLogEntries * BEHIND
    )
  }

  /** Appends an entry. False: its cursor fell off the log, and the connection is too slow to keep. */
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

  /** The next entry: entries are this session's own, so a batch of several would be shared with nobody. */
  read(cursor: Cursor): Read {
    if (cursor.position < this.#ring.first) return 'disconnect'
    const wasBehind = this.isBehind
    const entry = this.#ring.get(cursor.position++)
    this.#unoffered -= entry.binary.length
    if (wasBehind && !this.isBehind) this.#caughtUp()
    return entry
  }

  /** The client has everything up to `received`. */
  acknowledge(received: number): void {
    while (this.#ring.size > 0 && this.#ring.first <= received && this.#ring.first < this.#offset)
      this.#drop()
  }

  /**
   * Makes the cursor of a new connection, behind the entry `received` as far as what follows is kept. Returns the
   * number that precedes the first entry it will read: above `received` where entries in between are gone.
   */
  attach(outlet: Outlet, received: number): number {
    const { first, next } = this.#ring
    const position = Math.max(first, Math.min(received + 1, next))
    this.cursor = new Cursor(this, outlet, LANE.session, position)
    this.#unoffered = 0
    for (let at = position; at < next; at++) this.#unoffered += this.#ring.get(at).binary.length
    return position - 1
  }

  /** Nobody will read it any more. */
  release(): void {
    this.#hold(-this.#bytes)
  }
}
