import type { ClientMessage } from '../protocol/schema.ts'
import type { NodeLimits } from './config.ts'
import type { Session } from './session.ts'

/** What a session may send in one turn of the round robin, in bytes. */
const QUANTUM = 4_096
/** What a message costs besides its payload. */
const MESSAGE_OVERHEAD = 64

function cost(message: ClientMessage): number {
  return MESSAGE_OVERHEAD + ('data' in message && 'bytes' in message.data ? message.data.bytes.length : 0)
}

/** What a client sent and the sweep has not yet delivered. */
export class UpstreamQueue {
  readonly session: Session
  readonly #messages: ClientMessage[] = []
  #head = 0
  bytes = 0
  deficit = 0
  active = false

  constructor(session: Session) {
    this.session = session
  }

  /** Nothing more is delivered until the business has allowed what was delivered last. */
  get blocked(): boolean {
    return this.session.inquiry !== null
  }

  get size(): number {
    return this.#messages.length - this.#head
  }

  /** Inputs among the messages. */
  get inputs(): number {
    let count = 0
    for (let at = this.#head; at < this.#messages.length; at++)
      if (this.#messages[at]?.type === 'input') count++
    return count
  }

  peek(): ClientMessage | undefined {
    return this.#messages[this.#head]
  }

  push(message: ClientMessage): void {
    this.#messages.push(message)
    this.bytes += cost(message)
  }

  shift(): void {
    this.bytes -= cost(this.#messages[this.#head] as ClientMessage)
    this.#head++
    if (this.#head < this.#messages.length) return
    // The array is kept for the next messages; what it held is let go.
    while (this.#messages.length > 0) this.#messages.pop()
    this.#head = 0
  }
}

/** Serves the upstream queues in deficit round robin (Shreedhar and Varghese, 1995). */
export class Upstream {
  readonly #limits: NodeLimits
  readonly #turns: UpstreamQueue[] = []

  constructor(limits: NodeLimits) {
    this.#limits = limits
  }

  get hasWork(): boolean {
    return this.#turns.length > 0
  }

  /** Takes a message in. False: the queue is full and the message was not taken. */
  accept(queue: UpstreamQueue, message: ClientMessage): boolean {
    if (this.isFull(queue)) return false
    queue.push(message)
    this.wake(queue)
    return true
  }

  /** Lets a queue have its turn where it has something to deliver and may. */
  wake(queue: UpstreamQueue): void {
    if (queue.active || queue.blocked || queue.size === 0) return
    queue.active = true
    queue.deficit = 0
    this.#turns.push(queue)
  }

  isFull(queue: UpstreamQueue): boolean {
    return queue.size >= this.#limits.upstreamMessages || queue.bytes >= this.#limits.upstreamBytes
  }

  /** Whether a paused sender may go on. */
  isRelaxed(queue: UpstreamQueue): boolean {
    return queue.size * 2 <= this.#limits.upstreamMessages && queue.bytes * 2 <= this.#limits.upstreamBytes
  }

  /** Delivers up to the budget. A queue that is not done goes behind those not reached, so the start rotates by itself. True where the budget was spent. */
  sweep(deliver: (session: Session, message: ClientMessage) => void): boolean {
    let budget = this.#limits.sweepMessages
    const turns = this.#turns
    let at = 0
    for (; at < turns.length && budget > 0; at++) {
      const queue = turns[at] as UpstreamQueue
      budget -= this.#serve(queue, budget, deliver)
      if (queue.size > 0 && !queue.blocked) turns.push(queue)
      else queue.active = false
    }
    if (at < turns.length) {
      turns.splice(0, at)
      return true
    }
    while (turns.length > 0) turns.pop()
    return false
  }

  /** Delivers all that waits in one queue, whatever the budget: its session is about to end. */
  finish(queue: UpstreamQueue, deliver: (session: Session, message: ClientMessage) => void): void {
    for (let message = queue.peek(); message !== undefined; message = queue.peek()) {
      queue.shift()
      deliver(queue.session, message)
    }
  }

  #serve(
    queue: UpstreamQueue,
    budget: number,
    deliver: (session: Session, message: ClientMessage) => void,
  ): number {
    queue.deficit += QUANTUM
    let served = 0
    for (let message = queue.peek(); message !== undefined && served < budget; message = queue.peek()) {
      const price = cost(message)
      if (price > queue.deficit) break
      queue.deficit -= price
      queue.shift()
      served++
      deliver(queue.session, message)
      if (queue.blocked) break
    }
    if (queue.size === 0) queue.deficit = 0
    return served
  }
}
