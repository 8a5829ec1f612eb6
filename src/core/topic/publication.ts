import { type Payload, payloadLength } from '../../protocol/payload.ts'
import type { Publisher } from './publishers.ts'

/** What keeping a publication costs besides its payload and key. */
const OVERHEAD = 32

/**
 * An entry of a topic's log. A class that names each field: there are very many of them, and an object spread made
 * each of them slow to make and slow to collect.
 */
export class Publication {
  readonly position: number
  readonly source: Publisher
  /** From its publisher in this topic: strictly rising. */
  readonly number: number
  /** Hybrid logical clock: microseconds since 1970, strictly rising per publisher. Less than 2^52. */
  readonly stamp: number
  /** '' where it has none. */
  readonly key: string
  /** The key is removed. */
  readonly tombstone: boolean
  readonly data: Payload
  /** When it came to this node, in whole monotonic milliseconds: an integer takes no memory of its own. */
  readonly cameAt: number
  /** How many of its publisher's numbers were lost between the one before and this one. */
  readonly lost: number

  /** It is the latest of its key and linked in the compacted log. */
  latest = false
  older: Publication | null = null
  newer: Publication | null = null
  /** While it is the latest: the position of the last entry of its key that was dropped from the ring, 0 for none. */
  droppedAt = 0

  constructor(
    position: number,
    source: Publisher,
    number: number,
    stamp: number,
    key: string,
    tombstone: boolean,
    data: Payload,
    cameAt: number,
    lost: number,
  ) {
    this.position = position
    this.source = source
    this.number = number
    this.stamp = stamp
    this.key = key
    this.tombstone = tombstone
    this.data = data
    this.cameAt = cameAt
    this.lost = lost
  }

  /** The last number of its publisher that came before it. */
  get numberBefore(): number {
    return this.number - 1 - this.lost
  }

  get size(): number {
    return payloadLength(this.data) + this.key.length + OVERHEAD
  }
}
