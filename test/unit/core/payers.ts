import { Budget, Payer } from '../../../src/core/ground/budget.ts'

/** A budget without a limit that nobody pays into. */
export function endless(): Budget {
  return new Budget(Infinity, () => [])
}

/** A payer that gives up whatever it is asked to. */
export class Purse extends Payer {
  constructor(budget: Budget, held = 0) {
    super(budget.ledgers.topic)
    this.hold(held)
  }

  shrinkTo(bytes: number): void {
    this.hold(bytes - this.held)
  }
}
