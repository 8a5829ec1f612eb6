import { type ClientFacts, type Observer, violate } from '../observer.ts'
import type { Scenario } from '../scenario.ts'

/**
 * I23 Work: once a sweep has written its budget, it writes nothing more but GOODBYEs. A call of a port that throws
 * costs the user it was about at most one connection, and nobody else anything, which is seen where nothing else goes
 * wrong.
 */
export class WorkChecker implements Observer {
  readonly #isAlone: boolean
  /** By user: calls that threw, and connections lost. */
  readonly #struck: Map<string, number> = new Map()
  readonly #lost: Map<string, number> = new Map()
  /** The client that stops reading for a while: it may well hear nothing for too long. */
  #stalled = 0

  constructor({ alone }: Scenario) {
    this.#isAlone = alone === 'ports'
  }

  swept(_node: unknown, beyond: number): void {
    if (beyond > 0) violate('I23', `a sweep made ${beyond} writes beyond its budget`)
  }

  fault(kind: string, client: number): void {
    if (kind === 'stops reading') this.#stalled = client
  }

  struck(_call: string, user: string): void {
    count(this.#struck, user)
  }

  disconnected({ id, user }: ClientFacts, _healthy: boolean, excused: boolean): void {
    if (!this.#isAlone || excused || id === this.#stalled) return
    const lost = count(this.#lost, user)
    const struck = this.#struck.get(user) ?? 0
    if (lost > struck)
      violate(
        'I23',
        `client ${id} of ${user} lost a connection; ${struck} calls threw that were about ${user}`,
      )
  }
}

function count(counts: Map<string, number>, key: string): number {
  const number = (counts.get(key) ?? 0) + 1
  counts.set(key, number)
  return number
}
