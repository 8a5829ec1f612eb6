import { Budget, Payer, type PayerKind } from '../../../src/core/ground/budget.ts'
import type { Account } from '../../../src/core/session/account.ts'
import { User } from '../../../src/core/session/user.ts'

/** A budget without a limit that nobody pays into. */
export function endless(): Budget {
  return new Budget(Infinity)
}

/** A payer that gives up whatever it is asked to. */
export class Purse extends Payer {
  constructor(budget: Budget, held = 0, kind: PayerKind = 'topic') {
    super(budget.ledgers[kind])
    this.hold(held)
  }

  shrinkTo(bytes: number): void {
    this.hold(bytes - this.held)
  }
}

/** A user whose readers are never too slow. */
export function userOf(account: Account, budget: Budget): User {
  return new User(account, budget.ledgers.user, { slow() {}, expired() {} })
}
