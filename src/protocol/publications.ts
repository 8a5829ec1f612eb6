import { malformed, Reader, type Writer } from './bytes.ts'
import { limits, MAX_SIGNED, MAX_UINT } from './limits.ts'
import { readData } from './struct.ts'
import { LateText, type Payload, payloadLength } from './payload.ts'

/*
 * The encoding of publications. Each begins with a byte of flags, followed in this order by the fields it announces:
 *
 *     1  publisher   uint: its number on the node; without, the previous one's
 *     2  offset      signed: position − the publisher's own number; without, the previous one's
 *     4  skipped     uint: positions skipped before this one; without, 0
 *        time        uint, always: milliseconds after the previous time; with flag 128, before it
 *     8  key         length and UTF-8; without, ''
 *    16              the publication removes its key
 *    32              the data is text
 *        data        length and bytes; with flag 64, allowed on the last one only, the rest of the message
 *
 * Before the first publication the position is `at` − 1 and everything else 0. So a single publication costs two bytes
 * besides its time and its data, and one that continues a batch of one publisher costs four.
 */

/** An entry of a topic, as carried by PUBLICATIONS. */
export interface PublicationEntry {
  /** Its position in the topic's log on this node. */
  readonly at: number
  /** The number of its publisher on this node: 0 is the node itself, the others are named by PUBLISHERS. */
  readonly publisher: number
  /** Its number among this publisher's publications to the topic. */
  readonly number: number
  /** When it was published: milliseconds since the `origin` of WELCOME, possibly before it. */
  readonly time: number
  /** The key; '' for none. */
  readonly key: string
  /** Whether the publication removes its key. */
  readonly tombstone: boolean
  readonly data: Payload
}

const PUBLISHER = 1
const OFFSET = 2
const SKIPPED = 4
const KEY = 8
const TOMBSTONE = 16
const TEXT = 32
const REST = 64
const EARLIER = 128

/** Writes publications one after the other, each as the difference from the previous one. */
export class PublicationWriter {
  readonly #writer: Writer
  #at: number
  #publisher = 0
  #offset = 0
  #time = 0

  /** `at`: the field `at` of the message, which is the position of its first publication or an earlier one. */
  constructor(writer: Writer, at: number) {
    this.#writer = writer
    this.#at = at - 1
  }

  /** Appends a publication, with the fields of {@link PublicationEntry}. `last`: nothing follows it. */
  add(
    at: number,
    publisher: number,
    number: number,
    time: number,
    key: string,
    tombstone: boolean,
    data: Payload,
    last: boolean,
  ): void {
    const w = this.#writer
    const skipped = at - this.#at - 1
    const offset = at - number
    w.byte(
      (publisher === this.#publisher ? 0 : PUBLISHER) |
        (offset === this.#offset ? 0 : OFFSET) |
        (skipped === 0 ? 0 : SKIPPED) |
        (key === '' ? 0 : KEY) |
        (tombstone ? TOMBSTONE : 0) |
        (data.text ? TEXT : 0) |
        (last ? REST : 0) |
        (time < this.#time ? EARLIER : 0),
    )
    if (publisher !== this.#publisher) w.uint(publisher)
    if (offset !== this.#offset) writeInt(w, offset)
    if (skipped > 0) w.uint(skipped)
    w.uint(Math.abs(time - this.#time))
    if (key !== '') w.text(key)
    if (!last) w.uint(payloadLength(data))
    if (data instanceof LateText) w.utf8(data.json, data.length)
    else w.raw(data.bytes)
    this.#at = at
    this.#publisher = publisher
    this.#offset = offset
    this.#time = time
  }
}

/** Writes a signed integer in zigzag form, which keeps small magnitudes short. |value| < 2^52. */
export function writeInt(w: Writer, value: number): void {
  w.uint(value < 0 ? -value * 2 - 1 : value * 2)
}

export function readInt(r: Reader): number {
  const folded = r.uint()
  return folded % 2 === 1 ? -(folded + 1) / 2 : folded / 2
}

/** Throws PROTOCOL when a publication's position, number or time is so large that a difference could not be written. */
export function checkPlace(at: number, number: number, time: number): void {
  if (
    number < 0 ||
    Math.max(at, number) > MAX_UINT ||
    Math.max(Math.abs(at - number), Math.abs(time)) > MAX_SIGNED
  )
    throw malformed('a publication out of range')
}

/**
 * Calls `visit` for each publication in order. `from`: the field `at` of the message. Throws PROTOCOL when the bytes
 * are malformed.
 */
export function eachPublication(
  bytes: Uint8Array,
  from: number,
  visit: (entry: PublicationEntry) => void,
): void {
  if (from === 0) throw malformed('position 0')
  const r = new Reader(bytes)
  let at = from - 1
  let publisher = 0
  let offset = 0
  let time = 0
  while (r.left > 0) {
    const flags = r.byte()
    if ((flags & PUBLISHER) !== 0) publisher = r.uint()
    if ((flags & OFFSET) !== 0) offset = readInt(r)
    at += 1 + ((flags & SKIPPED) === 0 ? 0 : r.uint())
    const distance = r.uint()
    time += (flags & EARLIER) === 0 ? distance : -distance
    const number = at - offset
    checkPlace(at, number, time)
    const key = (flags & KEY) === 0 ? '' : r.text(limits.name)
    if (key === '' && (flags & (KEY | TOMBSTONE)) !== 0) throw malformed('an empty key')
    const length = (flags & REST) === 0 ? r.uint() : r.left
    const data = readData(r, length, (flags & TEXT) !== 0)
    visit({ at, publisher, number, time, key, tombstone: (flags & TOMBSTONE) !== 0, data })
  }
}
