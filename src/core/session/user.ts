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

/** A user who has sessions on this node, and pays for what all of them hold. */
export class User<S extends Paid = Paid> extends Payer {
  /** The user's rates and shares, which outlive the sessions. */
  readonly account: Account
  readonly sessions: Set<S> = new Set()
  readonly #slow: (outlet: Outlet) => void

  /** `slow`: the reader of this outlet lost entries of its session log, so its connection cannot be kept. */
  constructor(account: Account, ledger: Ledger, slow: (outlet: Outlet) => void) {
    super(ledger)
    this.account = account
    this.#slow = slow
  }

  /**
   * Cuts the session logs, those of sessions without a connection first. Where that is not enough, gives up connections
   * whose control messages are not read either.
   */
  shrinkTo(bytes: number): void {
    const sessions = [...this.sessions].sort((a, b) => Number(a.outlet !== null) - Number(b.outlet !== null))
    for (const { log, outlet } of sessions) {
      if (this.held <= bytes) return
      if (!log.shrinkBy(this.held - bytes) && outlet !== null) this.#slow(outlet)
    }
    let left = this.held
    for (const { outlet } of sessions) {
      if (left <= bytes) return
      if (outlet === null || outlet.control.length === 0) continue
      left -= weights.control * outlet.control.length
      this.#slow(outlet)
    }
  }
}
