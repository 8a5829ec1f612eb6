import { malformed, Reader, Writer } from '../../protocol/bytes.ts'
import { limits, MAX_SIGNED, MAX_UINT } from '../../protocol/limits.ts'
import { readPayload, writePayload } from '../../protocol/struct.ts'
import type { Diffused, Publication } from './publication.ts'

/*
 * The bus message with one node's publications to a topic in one sweep; the bus says whose they are. Each has flags
 * (one byte), number (uint, unless it is the previous one plus 1), microseconds between its stamp and the previous one
 * (uint; the first counts from 1970), key, the user who has published it ('': the same as the last one named), payload.
 * And the digest of topics to which a node has not published for a while: name and last number (uint) of each. Not part
 * of the protocol: all nodes of a cluster run one version.
 */

const NUMBER = 1
const KEY = 2
const TOMBSTONE = 4
/** Its stamp is before the previous one: the node's clock was ahead for a while. */
const EARLIER = 8
const USER = 16
const ALL = 31

/** Encodes entries of one publisher, in order of number. `byOf`: the user; '' for the business. */
export function encodeDiffusion(
  entries: Iterable<Publication>,
  byOf: (entry: Publication) => string = () => '',
): Uint8Array {
  const w = new Writer()
  let next = 0
  let stamp = 0
  let last = ''
  for (const entry of entries) {
    const isNext = entry.number === next
    const by = byOf(entry)
    w.byte(
      (isNext ? 0 : NUMBER) |
        (entry.key === '' ? 0 : KEY) |
        (entry.tombstone ? TOMBSTONE : 0) |
        (entry.stamp < stamp ? EARLIER : 0) |
        (by === '' ? 0 : USER),
    )
    if (!isNext) w.uint(entry.number)
    w.uint(Math.abs(entry.stamp - stamp))
    if (entry.key !== '') w.text(entry.key)
    if (by !== '') w.text(by === last ? '' : by)
    last = by || last
    writePayload(w, entry.data)
    next = entry.number + 1
    stamp = entry.stamp
  }
  return w.finish()
}

/** The last number of a node in a topic. */
export interface Head {
  readonly name: string
  readonly number: number
}

export function encodeHeads(heads: readonly Head[]): Uint8Array {
  const w = new Writer()
  for (const { name, number } of heads) {
    w.text(name)
    w.uint(number)
  }
  return w.finish()
}

/** Decodes a digest; null when it is malformed. */
export function decodeHeads(bytes: Uint8Array): Head[] | null {
  try {
    const r = new Reader(bytes)
    const heads: Head[] = []
    while (r.left > 0) heads.push({ name: r.text(limits.name), number: r.uint() })
    return heads
  } catch {
    return null
  }
}

/** Decodes a bus message; null when it is malformed. */
export function decodeDiffusion(bytes: Uint8Array): Diffused[] | null {
  try {
    return read(new Reader(bytes))
  } catch {
    return null
  }
}

function read(r: Reader): Diffused[] {
  const entries: Diffused[] = []
  let number = 0
  let stamp = 0
  let last = ''
  do {
    const flags = r.byte()
    number = (flags & NUMBER) === 0 ? number + 1 : r.uint()
    stamp += (flags & EARLIER) === 0 ? r.uint() : -r.uint()
    if (flags > ALL || number === 0 || number > MAX_UINT || stamp < 0 || stamp > MAX_SIGNED)
      throw malformed('a publication')
    const key = (flags & KEY) === 0 ? '' : r.text(limits.name)
    if (key === '' && (flags & (KEY | TOMBSTONE)) !== 0) throw malformed('an empty key')
    const isByUser = (flags & USER) !== 0
    if (isByUser) last = r.text(limits.name) || last
    if (isByUser && last === '') throw malformed('a user')
    const by = isByUser ? last : ''
    entries.push({ number, stamp, key, tombstone: (flags & TOMBSTONE) !== 0, by, data: readPayload(r) })
  } while (r.left > 0)
  return entries
}
