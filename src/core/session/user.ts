import { type Ledger, Payer } from '../ground/budget.ts'
import { weights } from '../ground/weights.ts'
import type { Outlet } from '../log/log.ts'
import type { Account } from './account.ts'
import type { SessionLog } from './session-log.ts'

/** A session, as far as its user pays for it. */
interface Paid {
  readonly log: SessionLog
  readonly outlet: Outlet | null
}

/** What a user needs of the rest of the node. */
interface UserHost<S> {
  /** The reader of this outlet cannot be kept. */
  slow(outlet: Outlet): void
  /** The session, which has no connection, cannot be kept. */
  expired(session: S, now: number): void
}

/** A user who has sessions on this node, and pays for what all of them hold. */
export class User<S extends Paid = Paid> extends Payer {
  /** The user's rates and shares, which outlive the sessions. */
  readonly account: Account
  readonly sessions: Set<S> = new Set()
  /** Those that other nodes go on with, until what they have here has ended. */
  readonly gone: Set<S> = new Set()
  readonly #host: UserHost<S>

  constructor(account: Account, ledger: Ledger, host: UserHost<S>) {
    super(ledger)
    this.account = account
    this.#host = host
  }

  /**
   * Cuts the session logs, those of sessions without a connection first. Where that is not enough, gives up connections
   * whose control messages are not read either.
   */
  shrinkTo(bytes: number): void {
    const sessions = [...this.sessions].sort((a, b) => Number(a.outlet !== null) - Number(b.outlet !== null))
    for (const { log, outlet } of sessions) {
      if (this.held <= bytes) return
      if (!log.shrinkBy(this.held - bytes) && outlet !== null) this.#host.slow(outlet)
    }
    let left = this.held
    for (const { outlet } of sessions) {
      if (left <= bytes) return
      if (outlet === null || outlet.control.length === 0) continue
      left -= weights.control * outlet.control.length
      this.#host.slow(outlet)
    }
  }

  /** Gives up the oldest session without a connection, or else the oldest connection and all that it reads. */
  giveUp(now: number): void {
    const all = [...this.sessions]
    const away = all.find(({ outlet }) => outlet === null)
    const [first] = all
    if (away !== undefined) this.#host.expired(away, now)
    else if (first?.outlet) this.#host.slow(first.outlet)
  }
}
