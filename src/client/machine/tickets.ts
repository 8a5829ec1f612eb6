/** What a business server hands its client so that it can connect. */
export interface Ticket {
  /** `wss://host/path?route=<node>`. */
  readonly url: string
  readonly token: string
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** Tokens refused in a row before the client gives up. */
const REFUSALS = 3
/** A ticket is not used in its last milliseconds (of a short-lived one, its last quarter), and renewed before. */
const MARGIN_MS = 30_000
/** After a failure to get a fresh one. */
const RETRY_MS = 5_000

/** The ticket a client holds: how long it is used again, and when a live client asks for another. */
export class Tickets {
  #held: Ticket | null = null
  /** Until when it is used again, and not renewed; 0: no longer. */
  #usableUntil = 0
  #renewAt = Infinity
  /** Refused tokens since the last welcome. */
  #refusals = 0

  /** The last one that was taken. */
  get held(): Ticket {
    return this.#held as Ticket
  }

  /** When a live client asks for another. */
  get renewAt(): number {
    return this.#renewAt
  }

  isUsable(now: number): boolean {
    return now < this.#usableUntil
  }

  /** `validMs`: how long it is still good. */
  take(ticket: Ticket, validMs: number, now: number): void {
    this.#held = ticket
    // One that has expired already, by a clock that is wrong, is tried, and then it is the node that says when.
    this.#usableUntil = validMs > 0 ? now + validMs - Math.min(MARGIN_MS, validMs / 4) : 0
  }

  /** The next connection asks for a fresh one. */
  discard(): void {
    this.#usableUntil = 0
  }

  /** The node knows it now: it is renewed in time. */
  schedule(): void {
    this.#renewAt = this.#usableUntil || Infinity
  }

  /** It is not renewed: another is asked for already, or there is no connection. */
  unschedule(): void {
    this.#renewAt = Infinity
  }

  /** No fresh one was to be had. */
  retry(now: number): void {
    this.#renewAt = now + RETRY_MS
  }

  welcomed(): void {
    this.#refusals = 0
  }

  /** The node refused its token. False where that was once too often. */
  refused(): boolean {
    this.#usableUntil = 0
    return ++this.#refusals < REFUSALS
  }
}
