import type { RtmsNode } from '../../core/index.ts'
import { type DesertedNode, type Observer, violate } from '../observer.ts'

/** What may be held over the limit until the next cut, in bytes. */
const OVER_BYTES = 65_536

/**
 * I21 Weight: what is held is counted within the limit, never below zero, and is given back, to the byte, by those who
 * have gone.
 */
export class WeightChecker implements Observer {
  swept({ logs }: RtmsNode): void {
    const { bytes, limit } = logs
    if (!(bytes >= 0)) violate('I21', `${bytes} bytes are held`)
    if (bytes > 2 * limit + OVER_BYTES) violate('I21', `${bytes} bytes are held; the limit is ${limit}`)
  }

  deserted(nodes: readonly DesertedNode[]): void {
    for (const { core } of nodes) {
      const { stalled, unacknowledgedBytes } = core.waiting
      none('bytes that nobody can acknowledge', unacknowledgedBytes)
      none('connections that wait', stalled)
      none('newcomers', core.admission.newcomers)
    }
  }

  empty(nodes: readonly DesertedNode[]): void {
    for (const { core } of nodes) {
      none('bytes in upstream queues', core.waiting.upstreamBytes)
      none('bytes of logs', core.logs.bytes)
    }
  }
}

function none(what: string, count: number): void {
  if (count !== 0) violate('I21', `${count} ${what} are left where everybody has gone`)
}
