import type { ClientMessage, MessageOf } from '../../protocol/schema.ts'
import type { NodeLimits } from '../ground/config.ts'
import { Ring } from '../ground/ring.ts'
import type { Session } from '../session/session.ts'

/** What a session may send in one turn of the round robin, in bytes. */
const QUANTUM = 4_096
/** What a message, and each item of a list in it, costs besides its own bytes. */
const OVERHEAD = 64

/** About the bytes a message holds: of what may be long in it. */
function cost(message: ClientMessage): number {
  switch (message.type) {
    case 'input':
      return OVERHEAD + message.data.bytes.length
    case 'publish':
      return OVERHEAD + message.topic.length + message.key.length + message.data.bytes.length
    case 'request':
      return OVERHEAD + message.method.length + message.data.bytes.length
    case 'join':
      return OVERHEAD + message.meeting.length + message.config.length
    case 'subscribe':
      return message.topics.reduce((sum, wish) => sum + costOfWish(wish), OVERHEAD)
    case 'unsubscribe':
      return OVERHEAD * (1 + message.logs.length)
    case 'refresh':
      return OVERHEAD + message.token.length
    default:
      return OVERHEAD
  }
}

function costOfWish({ topic, since, keys }: MessageOf<'subscribe'>['topics'][number]): number {
  return keys.reduce(
    (sum, { key }) => sum + OVERHEAD + key.length,
    OVERHEAD + topic.length + OVERHEAD * since.numbers.length,
  )
}

/** How much of a sweep's budget it takes. */
function work(message: ClientMessage): number {
  if (message.type === 'subscribe') return Math.max(1, message.topics.length)
  return message.type === 'unsubscribe' ? Math.max(1, message.logs.length) : 1
}

interface Waiting {
  readonly message: ClientMessage
  readonly cost: number
}

/** What a client sent and the sweep has not yet delivered. */
export class UpstreamQueue {
  readonly session: Session
  readonly #waiting: Ring<Waiting> = new Ring(1)
  bytes = 0
  deficit = 0
  active = false

  constructor(session: Session) {
    this.session = session
  }

  /**
   * Nothing more is delivered until the business has allowed what was delivered last, and the answers to what was
   * delivered before are on their way.
   */
  get blocked(): boolean {
    return this.session.inquiry !== null || this.session.isBehind
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Inputs among the messages. */
  get inputs(): number {
    let count = 0
    for (let at = this.#waiting.first; at < this.#waiting.next; at++)
      if (this.#waiting.get(at).message.type === 'input') count++
    return count
  }

  peek(): Waiting | undefined {
    return this.#waiting.size === 0 ? undefined : this.#waiting.get(this.#waiting.first)
  }

  push(message: ClientMessage): void {
    const waiting = { message, cost: cost(message) }
    this.#waiting.push(waiting)
    this.bytes += waiting.cost
  }

  shift(): void {
    this.bytes -= this.#waiting.shift().cost
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
    if (!queue.blocked) this.drop(queue)
  }

  /** Lets it have its turn in any case: its session is over, and what it holds is only counted. */
  drop(queue: UpstreamQueue): void {
    if (queue.active || queue.size === 0) return
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
    for (let waiting = queue.peek(); waiting !== undefined; waiting = queue.peek()) {
      queue.shift()
      deliver(queue.session, waiting.message)
    }
  }

  #serve(
    queue: UpstreamQueue,
    budget: number,
    deliver: (session: Session, message: ClientMessage) => void,
  ): number {
    queue.deficit += QUANTUM
    let served = 0
    for (let waiting = queue.peek(); waiting !== undefined && served < budget; waiting = queue.peek()) {
      if (waiting.cost > queue.deficit) break
      queue.deficit -= waiting.cost
      queue.shift()
      served += work(waiting.message)
      deliver(queue.session, waiting.message)
      if (queue.blocked) break
    }
    if (queue.size === 0) queue.deficit = 0
    return served
  }
}
