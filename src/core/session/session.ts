import { utf8Length } from '../../protocol/bytes.ts'
import { limits, MAX_UINT } from '../../protocol/limits.ts'
import type { NodeLimits } from '../ground/config.ts'
import type { Connection } from '../door/connection.ts'
import type { Encoded } from '../log/encoded.ts'
import type { Inquiry } from '../up/gate.ts'
import type { Budget } from '../ground/budget.ts'
import type { Cursor } from '../log/log.ts'
import type { Meeting } from '../meeting/meeting.ts'
import type { Grant } from '../ports.ts'
import type { PendingRequest } from '../up/requests.ts'
import { Ring } from '../ground/ring.ts'
import { type Bucket, FULL, type Rate } from '../ground/rate.ts'
import { Timer } from '../ground/timers.ts'
import type { TopicCursor } from '../topic/cursor.ts'
import { UpstreamQueue } from '../up/upstream.ts'

/** What a session has of a meeting: membership may outlive the cursor, which goes with the connection. */
export interface Seat {
  readonly meeting: Meeting
  /** 255 for a spectator. */
  readonly slot: number
  cursor: Cursor | null
}

/** From this share of the session log's limits on, what its client sends waits. */
const BEHIND = 1 / 4

/** One logical client. It survives reconnects, together with what goes down to it alone: the session log. */
export class Session {
  readonly id: string
  readonly user: string
  grant: Grant
  connection: Connection | null = null
  readonly upstream: UpstreamQueue
  /** By log number. */
  readonly seats: Map<number, Seat> = new Map()
  readonly subscriptions: Map<number, TopicCursor> = new Map()
  readonly requests: Map<number, PendingRequest> = new Map()
  /** The highest call number accepted: a call at or below it is a repetition. */
  calls = 0
  /** What it sent last of all that was delivered, where the business has yet to allow it. */
  inquiry: Inquiry | null = null
  ended = false
  /** Expiry of the session without a connection, or of the token. */
  readonly expiry: Timer

  /** What may still be refused before it floods. */
  #refusals: Bucket = FULL
  readonly #limits: NodeLimits
  readonly #budget: Budget
  readonly #log: Ring<Encoded> = new Ring(1)
  #logBytes = 0
  /** Bytes of what was not yet offered. */
  #unoffered = 0
  /** The next entry of the session log to be offered. */
  #offered = 1

  constructor(
    id: string,
    grant: Grant,
    limits: NodeLimits,
    budget: Budget,
    expire: (session: Session, now: number) => void,
  ) {
    this.id = id
    this.user = grant.user
    this.grant = grant
    this.#limits = limits
    this.#budget = budget
    this.upstream = new UpstreamQueue(this)
    this.expiry = new Timer((now) => expire(this, now))
  }

  /** Notes a refusal. True where there were too many in too short a time. */
  isFlooding(rate: Rate, now: number): boolean {
    if (rate.wait(this.#refusals, now) > 0) return true
    this.#refusals = rate.take(this.#refusals, now)
    return false
  }

  /** Number of the last entry of the session log. */
  get last(): number {
    return this.#log.next - 1
  }

  get hasUnoffered(): boolean {
    return this.#offered < this.#log.next
  }

  /** So much of the session log waits to be offered that what the client asks meanwhile would overrun it. */
  get isBehind(): boolean {
    const { sessionLogEntries, sessionLogBytes } = this.#limits
    return (
      !this.ended &&
      (this.#unoffered > sessionLogBytes * BEHIND ||
        this.#log.next - this.#offered > sessionLogEntries * BEHIND)
    )
  }

  /** Appends to the session log. False: what was not yet offered had to go, and the connection is too slow to keep. */
  append(entry: Encoded): boolean {
    this.#log.push(entry)
    this.#hold(entry.binary.length)
    this.#unoffered += entry.binary.length
    let kept = true
    while (this.#log.size > this.#limits.sessionLogEntries || this.#logBytes > this.#limits.sessionLogBytes) {
      const isLost = this.#log.first === this.#offered
      const { length } = this.#log.shift().binary
      this.#hold(-length)
      if (!isLost) continue
      this.#offered++
      this.#unoffered -= length
      kept = false
    }
    return kept
  }

  #hold(bytes: number): void {
    this.#logBytes += bytes
    this.#budget.add(bytes)
  }

  /** Nobody will read its log any more. */
  release(): void {
    this.#hold(-this.#logBytes)
  }

  /** The next entry to be offered, or null. */
  offer(): Encoded | null {
    if (this.#offered === this.#log.next) return null
    const entry = this.#log.get(this.#offered++)
    this.#unoffered -= entry.binary.length
    return entry
  }

  /** The client has everything up to `received`. */
  acknowledge(received: number): void {
    while (this.#log.size > 0 && this.#log.first <= received && this.#log.first < this.#offered) {
      this.#hold(-this.#log.shift().binary.length)
    }
  }

  /**
   * Goes back to the entry after `received` for a new connection. Returns the number that precedes the first one
   * it will carry: above `received` where entries in between are gone.
   */
  rewind(received: number): number {
    this.#offered = Math.max(this.#log.first, Math.min(received + 1, this.#log.next))
    this.#unoffered = 0
    for (let at = this.#offered; at < this.#log.next; at++) this.#unoffered += this.#log.get(at).binary.length
    return this.#offered - 1
  }
}

/** A wait the business named, in milliseconds: it may have said anything; on the wire it is a whole number. */
export function wholeWait(retryAfterMs: number): number {
  return Math.round(Math.min(Math.max(retryAfterMs, 0), MAX_UINT)) || 0
}

/** What of a message fits into a reason of the wire. */
export function shorten(message: string): string {
  // Twice as many: a character may be a pair of units.
  const characters = Array.from(message.slice(0, 2 * limits.reason)).slice(0, limits.reason)
  while (utf8Length(characters.join('')) > limits.reason) characters.pop()
  return characters.join('')
}
