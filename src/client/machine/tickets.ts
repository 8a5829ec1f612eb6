/** The ticket that a business server gives its client to connect with. */
export interface Ticket {
  /** `wss://host/path?route=<node>`. */
  readonly url: string
  /** All that lead to a node which serves the client, where there are several: it takes the nearest. */
  readonly urls?: readonly string[]
  readonly token: string
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** Tokens refused in a row before the client gives up. */
const REFUSALS = 3
/** Attempts in a row without a welcome before another ticket is asked for, which may name another node. */
const MISSES = 2
/** A ticket is renewed this long before it expires (a short-lived ticket at three quarters of its life). */
const MARGIN_MS = 30_000
/** Wait after a failure to get a fresh ticket. */
const RETRY_MS = 5_000

/** The ticket a client holds: how long it is reused, and when a live client asks for another. */
export class Tickets {
  /** The last ticket received. */
  held: Ticket | null = null
  /** Where it leads: to try all at once, and take the nearest. */
  urls: readonly string[] = []
  /** The address of the last socket that opened. */
  #url = ''
  /** How many tickets were received. */
  count = 0
  /** Whether the held ticket has been neither accepted nor refused. */
  isNew = false
  /** When a live client asks for another ticket; `Infinity` when it has asked, or without a connection. */
  renewAt: number = Infinity
  /** When the ticket expires; 0 when it has expired. */
  #validUntil = 0
  /** From when on a fresh ticket is asked for instead; 0 where it expired before its use, by a clock that is wrong. */
  #renewBy = 0
  /** The next connection asks for a fresh ticket although this one may still be valid. */
  #isDoubted = false
  /** Attempts with it since it was received or led to a welcome. */
  #misses = 0
  /** Refused tokens since the last welcome. */
  #refusals = 0

  isUsable(now: number): boolean {
    return now < this.#renewBy && !this.#isDoubted
  }

  /** Whether it can be tried when no fresh ticket is available. */
  isValid(now: number): boolean {
    return now < this.#validUntil
  }

  /** Takes a new ticket. `validMs`: how long it is still valid, in milliseconds. */
  take(ticket: Ticket, validMs: number, now: number): void {
    this.held = ticket
    this.urls = ticket.urls ?? [ticket.url]
    this.count++
    this.isNew = true
    this.#isDoubted = false
    this.#misses = 0
    this.#validUntil = now + validMs
    this.#renewBy = validMs > 0 ? this.#validUntil - Math.min(MARGIN_MS, validMs / 4) : 0
  }

  /** The ticket's address is probably no longer the right one. */
  doubt(): void {
    this.#isDoubted = true
  }

  /** The socket to this address is open, perhaps one that a node has named. */
  took(url: string): void {
    this.#url = url
    if (!this.urls.includes(url)) this.urls = [url]
  }

  /** The socket that is open has led to no welcome: its address is left out. False: there is no other. */
  leaveOut(): boolean {
    const others = this.urls.filter((url) => url !== this.#url)
    if (others.length === 0) return false
    this.urls = others
    return true
  }

  /** An attempt with it has reached no welcome. */
  missed(): void {
    if (++this.#misses >= MISSES) this.doubt()
  }

  /** The ticket has expired, whatever this client's clock says. */
  discard(): void {
    this.#validUntil = 0
    this.doubt()
  }

  /**
   * The node refused the token or, with `withSession`, the session offered with it; the ticket is then tried once more
   * without the session. Returns false once there have been too many refusals.
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

  /** The node has accepted it: it will be renewed in time. */
  schedule(): void {
    this.isNew = false
    this.renewAt = this.#renewBy || Infinity
  }

  /** A fresh ticket is needed, by this time on this connection and at once on another. */
  renew(at: number): void {
    this.doubt()
    this.renewAt = at
  }

  /** No fresh ticket was available. */
  retry(now: number): void {
    this.renewAt = now + RETRY_MS
  }
}
