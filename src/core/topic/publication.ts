import { type Payload, payloadLength } from '../../protocol/payload.ts'
import { weights } from '../ground/weights.ts'
import type { Publisher } from './publishers.ts'

/** What a publication counts for besides its payload and key, where a topic's retention or a page is measured. */
const OVERHEAD = 32

/** What a publication with this key and so many bytes of payload weighs in memory. */
export function weigh(key: string, bytes: number): number {
  return weights.publication + bytes + (key === '' ? 0 : weights.key + key.length)
}

/** A publication of another node. */
export interface Diffused {
  readonly number: number
  readonly stamp: number
  readonly key: string
  readonly tombstone: boolean
  /** The user who has published it; '' or none where that is not known. */
  readonly by?: string | undefined
  readonly data: Payload
}

/** Stands in the place of data where publications are lost: see {@link Publication.isHole}. */
export const NOTHING: Payload = { text: false, bytes: new Uint8Array(0) }

/** That the publications of a node up to this number are lost, where nothing of it follows that would show it. */
export function holeUpTo(number: number): Diffused {
  return { number, stamp: 0, key: '', tombstone: false, data: NOTHING }
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
  /** How many publications of the same publisher were lost just before this one, or for which this hole stands. */
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

  /** It has no data, and only says that the publications up to its number are lost. */
  get isHole(): boolean {
    return this.data === NOTHING
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
