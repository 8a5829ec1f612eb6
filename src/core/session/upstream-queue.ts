import type { ClientMessage, MessageOf } from '../../protocol/schema.ts'
import { Ring } from '../ground/ring.ts'

/** Estimated bytes of a message, or of a list item in it, besides its variable-length fields. */
const OVERHEAD = 64

/** Estimated bytes that a message holds in memory. */
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
      return message.topics.reduce((sum, topic) => sum + costOfTopic(topic), OVERHEAD)
    case 'unsubscribe':
      return OVERHEAD * (1 + message.logs.length)
    case 'refresh':
      return OVERHEAD + message.token.length
    default:
      return OVERHEAD
  }
}

function costOfTopic({ topic, since, keys }: MessageOf<'subscribe'>['topics'][number]): number {
  return keys.reduce(
    (sum, { key }) => sum + OVERHEAD + key.length,
    OVERHEAD + topic.length + OVERHEAD * since.numbers.length,
  )
}

/** A message that is not yet delivered, with its cost in bytes. */
interface Undelivered {
  readonly message: ClientMessage
  readonly cost: number
}

/** The upstream queue of a session: messages that the sweep has not yet delivered. */
export class UpstreamQueue {
  readonly #ring: Ring<Undelivered> = new Ring(1)
  bytes = 0
  /** For the deficit round robin: bytes it may still deliver in this turn, and whether it is in the rotation. */
  deficit = 0
  active = false

  get size(): number {
    return this.#ring.size
  }

  /** Number of inputs in the queue. */
  get inputs(): number {
    let count = 0
    for (let at = this.#ring.first; at < this.#ring.next; at++)
      if (this.#ring.get(at).message.type === 'input') count++
    return count
  }

  peek(): Undelivered | undefined {
    return this.#ring.size === 0 ? undefined : this.#ring.get(this.#ring.first)
  }

  push(message: ClientMessage): void {
    const undelivered = { message, cost: cost(message) }
    this.#ring.push(undelivered)
    this.bytes += undelivered.cost
  }

  shift(): void {
    this.bytes -= this.#ring.shift().cost
  }
}
