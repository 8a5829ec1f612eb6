import type { NodeLimits, RtmsNode } from '../../core/index.ts'
import { limits } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'
import type { Scenario } from '../scenario.ts'
import { GOODBYE_BYTES } from './bounds.ts'

/** Bytes that a write may be over its limit: one page and one message. */
const OVER_BYTES = 2 * limits.payload + 4_096
/** The largest PONG, in either encoding. All that wait go into one write. */
const PONG_BYTES = 96

/**
 * I23 Work: a sweep writes no more than its budget, one write and the GOODBYEs. A call of a port that throws costs the
 * user it was about at most one connection, and nobody else anything, which is seen where nothing else goes wrong.
 */
export class WorkChecker implements Observer {
  readonly #mostBytes: number
  readonly #isAlone: boolean
  /** By user: calls that threw, and connections lost. */
  readonly #struck: Map<string, number> = new Map()
  readonly #lost: Map<string, number> = new Map()

  constructor({ alone }: Scenario, { sweepBytes, writeBytes, controlMessages }: NodeLimits) {
    this.#isAlone = alone === 'ports'
    this.#mostBytes = sweepBytes + writeBytes + OVER_BYTES + controlMessages * PONG_BYTES
  }

  swept(_node: RtmsNode, bytes: number, closed: number): void {
    const most = this.#mostBytes + closed * GOODBYE_BYTES
    if (bytes > most) violate('I23', `a sweep wrote ${bytes} bytes; its budget allows ${most}`)
  }

  struck(_call: string, user: string): void {
    count(this.#struck, user)
  }

  disconnected({ id, user }: ClientFacts, _healthy: boolean, excused: boolean): void {
    if (!this.#isAlone || excused) return
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
