import { type Payload, payloadLength } from '../../protocol/payload.ts'
import { weights } from '../ground/weights.ts'
import type { Publisher } from './publishers.ts'

/** What a publication counts for besides its payload and key, where a topic's retention or a page is measured. */
const OVERHEAD = 32

/** What a publication with this key and so many bytes of payload weighs in memory. */
export function weigh(key: string, bytes: number): number {
  return weights.publication + bytes + (key === '' ? 0 : weights.key + key.length)
}

/**
 * An entry of a topic's log. A class with named fields, because there are very many entries, and object spread made
 * them slow to allocate and to collect.
 */
export class Publication {
  readonly position: number
  readonly source: Publisher
  /** The publisher's number for it within this topic; strictly rising. */
  readonly number: number
  /** Hybrid logical clock: microseconds since 1970, strictly rising per publisher. Less than 2^52. */
  readonly stamp: number
  /** The key; '' for none. */
  readonly key: string
  /** Whether this entry removes the key. */
  readonly tombstone: boolean
  readonly data: Payload
  /** When it arrived at this node, in whole monotonic milliseconds: V8 stores a small integer in the object itself. */
  readonly cameAt: number
  /** How many publications of the same publisher were lost just before this one. */
  readonly lost: number

  /** While it is the latest of its key: its slot in the compacted log. −1: it is not. */
  slot = -1
  /** While it is the latest: the position of the last entry of its key that was dropped from the ring; 0 for none. */
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

  /** Bytes as retention, pages and pressure count them. */
  get size(): number {
    return payloadLength(this.data) + this.key.length + OVERHEAD
  }

  /** What it weighs in memory, its place as the latest of its key included. */
  get weight(): number {
    return weigh(this.key, payloadLength(this.data))
  }
}
