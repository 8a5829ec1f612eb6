import { malformed, Reader, Writer } from './bytes.ts'
import { limits, MAX_STAMP, MAX_UINT } from './limits.ts'
import type { Payload } from './payload.ts'
import { readPayload, writePayload } from './struct.ts'

/*
 * The bytes of publications, each: flags (one byte), publisher (uint, unless the same as before), number (uint,
 * unless one more than before), stamp (signed difference to the one before, the first to 0), key, payload.
 */

/** An entry of a topic. */
export interface PublicationEntry {
  /** The incarnation of the node that published it. */
  readonly publisher: number
  /** Its number from that publisher in this topic: 1, 2, 3 … */
  readonly number: number
  /** Hybrid logical clock: microseconds since 1970, strictly rising per publisher. Less than 2^52. */
  readonly stamp: number
  /** '' where it has none. */
  readonly key: string
  /** The key is removed. */
  readonly tombstone: boolean
  readonly data: Payload
}

const SAME_PUBLISHER = 1
const NEXT_NUMBER = 2
const KEY = 4
const TOMBSTONE = 8

export function joinPublications(w: Writer, entries: Iterable<PublicationEntry>): void {
  let publisher = -1
  let number = -1
  let stamp = 0
  for (const entry of entries) {
    const same = entry.publisher === publisher
    const next = same && entry.number === number + 1
    w.byte(
      (same ? SAME_PUBLISHER : 0) |
        (next ? NEXT_NUMBER : 0) |
        (entry.key === '' ? 0 : KEY) |
        (entry.tombstone ? TOMBSTONE : 0),
    )
    if (!same) w.uint(entry.publisher)
    if (!next) w.uint(entry.number)
    w.int(entry.stamp - stamp)
    if (entry.key !== '') w.text(entry.key)
    writePayload(w, entry.data)
    publisher = entry.publisher
    number = entry.number
    stamp = entry.stamp
  }
}

/** Calls `visit` for each publication in order. Throws PROTOCOL where the bytes are not exactly `count` of them. */
export function eachPublication(
  bytes: Uint8Array,
  count: number,
  visit: (entry: PublicationEntry) => void,
): void {
  const r = new Reader(bytes)
  let publisher = -1
  let number = -1
  let stamp = 0
  for (let i = 0; i < count; i++) {
    const flags = r.byte()
    if (flags > 15) throw malformed('unknown publication flags')
    if ((flags & SAME_PUBLISHER) === 0) publisher = r.uint()
    else if (i === 0) throw malformed('a first publication without a publisher')
    if ((flags & NEXT_NUMBER) === 0) number = r.uint()
    else if ((flags & SAME_PUBLISHER) === 0) throw malformed('a publication without a number')
    else number++
    stamp += r.int()
    if (stamp < 0 || stamp > MAX_STAMP || number > MAX_UINT) {
      throw malformed('a publication number or stamp out of range')
    }
    const key = (flags & KEY) === 0 ? '' : r.text(limits.name)
    if (key === '' && (flags & KEY) !== 0) throw malformed('an empty key')
    const data = readPayload(r)
    visit({ publisher, number, stamp, key, tombstone: (flags & TOMBSTONE) !== 0, data })
  }
  r.finish()
}
