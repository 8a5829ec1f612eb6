import { closeCodes, type ErrorCode, type ServerMessage } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'
import type { Scenario } from '../scenario.ts'

/** Refusals for want of room or time. */
const wants: ReadonlySet<ErrorCode | ''> = new Set(['BUSY', 'FULL', 'LIMIT', 'RATE'] as const)
const closings: ReadonlySet<number> = new Set([closeCodes.FULL, closeCodes.RATE])

/**
 * I22 Fairness: where only hostile peers do wrong, and each user's own limits are those of a real node, no client that
 * keeps within them is refused anything for want of room.
 */
export class FairnessChecker implements Observer {
  readonly #isAlone: boolean

  constructor({ alone }: Scenario) {
    this.#isAlone = alone === 'hostiles'
  }

  down({ id, user }: ClientFacts, _connection: number, message: ServerMessage): void {
    if (!this.#isAlone) return
    const isRefusal = message.type === 'failed' || message.type === 'nack' || message.type === 'ended'
    if (isRefusal && wants.has(message.error))
      violate('I22', `client ${id} of ${user} was told ${message.type} ${message.error} beside hostile peers`)
    if (message.type === 'goodbye' && closings.has(message.code))
      violate('I22', `client ${id} of ${user} was closed with ${message.code} beside hostile peers`)
  }
}
