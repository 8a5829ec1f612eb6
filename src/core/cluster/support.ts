import { clusterLimits } from './cluster-limits.ts'

/** What support needs of its node. */
export interface SupportHost {
  /** Puts a call, or the answer to one, on the bus for one node. */
  call(node: number, sent: number): void
  answer(node: number, sent: number): void
  /** Whether that node may have a meeting that this one goes on with, or wants to: it gets no answer meanwhile. */
  isAgainst(node: number): boolean
}

/** No two clocks run at quite the same rate: whoever relies on an answer gives up earlier than whoever gave it. */
const DRIFT = 0.1
/** Time between two calls to a node whose answer is needed at once. */
const URGENT_MS = 100

/**
 * Which nodes have answered lately, and which this one has answered. An answer is a promise for the length of a lease:
 * until then its giver goes on with no meeting that the asker may have, unless the asker says that it does not. It counts
 * from the sending of what it answers, and never from its arrival.
 */
export class Support {
  readonly #host: SupportHost
  readonly #leaseMs: number
  /** When each node was called last; when the last call was sent that it has answered; when it was last answered. */
  readonly #called: Map<number, number> = new Map()
  readonly #answered: Map<number, number> = new Map()
  readonly #given: Map<number, number> = new Map()

  constructor(host: SupportHost, leaseMs: number = clusterLimits.leaseMs) {
    this.#host = host
    this.#leaseMs = leaseMs
  }

  /** Asks a node for its support. */
  ask(node: number, now: number): void {
    this.#called.set(node, now)
    this.#host.call(node, Math.round(now * 1000))
  }

  /** The same, where it has not answered lately. */
  urge(node: number, now: number): void {
    if (now - (this.#called.get(node) ?? -Infinity) >= URGENT_MS) this.ask(node, now)
  }

  /** A node asks for support. */
  called(node: number, sent: number, now: number): void {
    if (this.#host.isAgainst(node)) return
    this.gave(node, now)
    this.#host.answer(node, sent)
  }

  /** This node has answered another one. */
  gave(node: number, now: number): void {
    this.#given.set(node, now)
  }

  /** A node has answered a call of that time. */
  answered(node: number, sent: number, now: number): void {
    const at = Math.min(sent / 1000, now)
    if (at > (this.#answered.get(node) ?? -Infinity)) this.#answered.set(node, at)
  }

  /** Whether a node has answered something that was sent since then. */
  hasAnswered(node: number, since: number): boolean {
    return (this.#answered.get(node) ?? -Infinity) >= since
  }

  /** Until when a node supports this one. `since`: when something else was sent that it has answered. */
  until(node: number, since: number): number {
    return Math.max(since, this.#answered.get(node) ?? -Infinity) + this.#leaseMs * (1 - DRIFT)
  }

  /** What was sent before then, and answered, counts no more. */
  since(now: number): number {
    return now - this.#leaseMs * (1 - DRIFT)
  }

  /** Whether nobody relies any more on what was answered at a time. */
  isOver(at: number, now: number): boolean {
    return now - at >= this.#leaseMs * (1 + DRIFT)
  }

  /** Whether another node relies on no answer of this one. */
  isFree(node: number, now: number): boolean {
    return this.isOver(this.#given.get(node) ?? -Infinity, now)
  }

  /** A node has ended. */
  gone(node: number): void {
    for (const map of [this.#called, this.#answered, this.#given]) map.delete(node)
  }
}
