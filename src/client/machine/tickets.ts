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
/** Attempts in a row that reach no welcome before another ticket is asked for: it may name another node. */
const MISSES = 2
/** A ticket is renewed before its last milliseconds (a short-lived one, before its last quarter). */
const MARGIN_MS = 30_000
/** After a failure to get a fresh one. */
const RETRY_MS = 5_000

/** The ticket a client holds: how long it is used again, and when a live client asks for another. */
export class Tickets {
  /** The last one that was taken. */
  held: Ticket | null = null
  /** How many were taken. */
  count = 0
  /** Whether the one that is held was refused by nobody and accepted by nobody. */
  isNew = false
  /** When a live client asks for another; `Infinity` where it did, or there is no connection. */
  renewAt: number = Infinity
  /** Until when it is good at all; 0: no longer. */
  #validUntil = 0
  /** From when on another one is asked for instead; 0: it expired before it was used, by a clock that is wrong. */
  #renewBy = 0
  /** The next connection asks for a fresh one, though this one may still be good. */
  #isDoubted = false
  /** Attempts with it since it was taken or led to a welcome. */
  #misses = 0
  /** Refused tokens since the last welcome. */
  #refusals = 0

  isUsable(now: number): boolean {
    return now < this.#renewBy && !this.#isDoubted
  }

  /** Whether it can be tried where no fresh one is to be had. */
  isValid(now: number): boolean {
    return now < this.#validUntil
  }

  /** `validMs`: how long it is still good. */
  take(ticket: Ticket, validMs: number, now: number): void {
    this.held = ticket
    this.count++
    this.isNew = true
    this.#isDoubted = false
    this.#misses = 0
    this.#validUntil = now + validMs
    this.#renewBy = validMs > 0 ? this.#validUntil - Math.min(MARGIN_MS, validMs / 4) : 0
  }

  /** Its address is a guess that has become a bad one. */
  doubt(): void {
    this.#isDoubted = true
  }

  /** An attempt with it has reached no welcome. */
  missed(): void {
    if (++this.#misses >= MISSES) this.doubt()
  }

  /** It has expired, whatever this client's clock says. */
  discard(): void {
    this.#validUntil = 0
    this.doubt()
  }

  /**
   * The node refused its token, or the session that was asked for with it, for which it is tried once more. False where
   * that was once too often.
   */
  refused(withSession: boolean): boolean {
    if (!withSession) this.discard()
    return ++this.#refusals < REFUSALS
  }

  welcomed(): void {
    this.#refusals = 0
    this.#misses = 0
    this.#isDoubted = false
    this.schedule()
  }

  /** The node has accepted it: it is renewed in time. */
  schedule(): void {
    this.isNew = false
    this.renewAt = this.#renewBy || Infinity
  }

  /** A fresh one is asked for now, whether this connection lasts or not. */
  renew(now: number): void {
    this.doubt()
    this.renewAt = now
  }

  /** No fresh one was to be had. */
  retry(now: number): void {
    this.renewAt = now + RETRY_MS
  }
}
