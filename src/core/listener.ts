import type { RtmsNode } from './node.ts'
import type { BusListener } from './ports.ts'

/** The listener of a node; `run` makes each call into the node and gives it the time. */
export function busListener(run: (call: (node: RtmsNode, now: number) => void) => void): BusListener {
  return {
    message: (subject, bytes, from) => run(({ inlet }, now) => inlet.message(subject, bytes, from, now)),
    sent: (bytes, from) => run(({ inlet }, now) => inlet.sent(bytes, from, now)),
    down: () => run(({ inlet }, now) => inlet.down(now)),
    back: () => run(({ inlet }, now) => inlet.back(now)),
    gone: (other) => run(({ inlet }, now) => inlet.gone(other, now)),
  }
}
