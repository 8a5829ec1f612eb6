import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { natsLimits } from './limits.ts'

/*
 * What nodes write to NATS: a tag of 16 bytes (HMAC-SHA256 under the cluster's key, over the subject and all that
 * follows), the sender's incarnation (6 bytes), its sequence (8 bytes), which part of how many this is (2 bytes each),
 * payload. A sequence is the sender's wall clock in microseconds, or the last one plus 1: it rises for as long as the
 * sender lives, so nothing can be replayed to a node that knows the sender; a node that does not know it yet takes
 * nothing that is too old. The parts of a message have sequences that follow one another without a hole.
 */

const TAG = 16
const SENDER = TAG
const SEQUENCE = SENDER + 6
const PART = SEQUENCE + 8
const PARTS = PART + 2
export const OVERHEAD: number = PARTS + 2

/** A message of a node of this cluster, or part of one. */
export interface Opened {
  readonly from: number
  readonly sequence: number
  readonly part: number
  readonly parts: number
  readonly bytes: Uint8Array
}

/** Seals the messages of one node, and opens those of others. */
export class Seal {
  readonly #key: KeyObject
  readonly #incarnation: number
  readonly #now: () => number
  #last = 0
  /** The last sequence of each sender, the one heard longest ago first. */
  readonly #seen: Map<number, number> = new Map()

  /** `now`: the wall clock, in milliseconds. */
  constructor(secret: string, cluster: string, incarnation: number, now: () => number) {
    this.#key = createSecretKey(Buffer.from(hkdfSync('sha256', secret, 'rtms bus 1', cluster, 32)))
    this.#incarnation = incarnation
    this.#now = now
  }

  /** The parts of one message, each with at most `most` bytes of it. */
  seal(subject: string, bytes: Uint8Array, most: number): Uint8Array[] {
    const parts = Math.max(1, Math.ceil(bytes.length / most))
    const first = Math.max(this.#last + 1, Math.floor(this.#now() * 1000))
    this.#last = first + parts - 1
    return Array.from({ length: parts }, (_, part) => {
      const payload = bytes.subarray(part * most, (part + 1) * most)
      const sealed = Buffer.allocUnsafe(OVERHEAD + payload.length)
      sealed.writeUIntBE(this.#incarnation, SENDER, 6)
      sealed.writeBigUInt64BE(BigInt(first + part), SEQUENCE)
      sealed.writeUInt16BE(part, PART)
      sealed.writeUInt16BE(parts, PARTS)
      sealed.set(payload, OVERHEAD)
      this.#tag(subject, sealed).copy(sealed, 0, 0, TAG)
      return plain(sealed)
    })
  }

  /** Null: it is not from a node of this cluster, or it was said before. Own messages are opened as well. */
  open(subject: string, data: Uint8Array): Opened | null {
    if (data.length < OVERHEAD) return null
    const sealed = Buffer.from(data.buffer, data.byteOffset, data.length)
    if (!timingSafeEqual(this.#tag(subject, sealed).subarray(0, TAG), sealed.subarray(0, TAG))) return null
    const from = sealed.readUIntBE(SENDER, 6)
    const sequence = Number(sealed.readBigUInt64BE(SEQUENCE))
    if (!this.#isNew(from, sequence)) return null
    const part = sealed.readUInt16BE(PART)
    const bytes = plain(sealed.subarray(OVERHEAD))
    return { from, sequence, part, parts: sealed.readUInt16BE(PARTS), bytes }
  }

  #isNew(from: number, sequence: number): boolean {
    const seen = this.#seen.get(from)
    if (sequence <= (seen ?? this.#now() * 1000 - natsLimits.staleMs * 1000)) return false
    this.#seen.delete(from)
    this.#seen.set(from, sequence)
    if (this.#seen.size > natsLimits.senders)
      for (const oldest of this.#seen.keys()) {
        this.#seen.delete(oldest)
        break
      }
    return true
  }

  #tag(subject: string, sealed: Buffer): Buffer {
    // The length sets the subject apart from what follows.
    const hmac = createHmac('sha256', this.#key).update(`${subject.length} ${subject}`)
    return hmac.update(sealed.subarray(TAG)).digest()
  }
}

/** Without the methods of a Buffer, whose `slice` makes no copy. */
function plain({ buffer, byteOffset, length }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length)
}
