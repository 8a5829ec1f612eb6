import { encodeBatch } from '../../protocol/binary.ts'
import { Writer } from '../../protocol/bytes.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { joinPublications, type PublicationEntry } from '../../protocol/publications.ts'
import { schema, type Position } from '../../protocol/schema.ts'
import { Encoded } from '../log/encoded.ts'
import type { Budget } from '../ground/budget.ts'
import { BatchCache, Gap, PAGE_BYTES } from '../log/batches.ts'
import type { Read } from '../log/log.ts'
import { Ring } from '../ground/ring.ts'
import { policies, type TopicCursor } from './cursor.ts'
import type { Retention } from '../ground/config.ts'

/** An entry in the ring and, while it is the latest of its key, in the compacted list. */
interface Entry extends PublicationEntry {
  readonly position: number
  readonly at: number
  readonly size: number
  /** Numbers of this publisher were lost before this entry. */
  readonly hole: boolean
  older: Entry | null
  newer: Entry | null
  latest: boolean
}

const ENTRY_OVERHEAD = 32

/** Numbers of a publisher. */
interface Publisher {
  /** The last one seen. */
  head: number
  /** The last one dropped from the ring. */
  dropped: number
}

const scratch: Writer = new Writer(4_096)

/**
 * What a topic's log holds once there was a publication: entries of all publishers in order of arrival, and beside
 * them the compacted log, the latest entry per key, linked in order of position (an entry without a key has the key '').
 */
export class TopicEntries {
  readonly #number: number
  readonly #budget: Budget
  readonly #ring: Ring<Entry> = new Ring(1)
  #bytes = 0
  /** Bytes of the ring and of the latest values. */
  #held = 0
  readonly #keys: Map<string, Entry> = new Map()
  #newest: Entry | null = null
  #touched = 0
  readonly #publishers: Map<number, Publisher> = new Map()
  /** Removed keys that were forgotten: the last of each publisher, and the position of the last of all. */
  #forgotten: Map<number, number> | null = null
  #forgottenAt = 0
  readonly #batches: BatchCache = new BatchCache()
  readonly #conflated: BatchCache = new BatchCache()

  constructor(number: number, budget: Budget) {
    this.#number = number
    this.#budget = budget
  }

  get first(): number {
    return this.#ring.first
  }

  get next(): number {
    return this.#ring.next
  }

  get size(): number {
    return this.#ring.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get held(): number {
    return this.#held
  }

  /** When the last entry came, in monotonic milliseconds. */
  get touched(): number {
    return this.#touched
  }

  /** The ring, oldest first. */
  *entries(from: number): Generator<PublicationEntry> {
    for (let position = Math.max(from, this.first); position < this.next; position++)
      yield this.#ring.get(position)
  }

  /** The latest entry of each key, removed keys not included, oldest first. */
  latest(): readonly PublicationEntry[] {
    const latest: Entry[] = []
    for (let entry = this.#newest; entry !== null; entry = entry.older)
      if (!entry.tombstone) latest.push(entry)
    return latest.reverse()
  }

  /** The numbers of all publishers before `position`, which is in the ring or its end. */
  positionAt(position: number): Position {
    const numbers = new Map(this.#dropped())
    for (let at = this.first; at < position; at++) {
      const { publisher, number } = this.#ring.get(at)
      numbers.set(publisher, number)
    }
    return [...numbers]
  }

  /** Number of keys in the compacted log, the empty key not counted. */
  get keyCount(): number {
    return this.#keys.size - (this.#keys.has('') ? 1 : 0)
  }

  hasKey(key: string): boolean {
    return this.#keys.has(key)
  }

  head(publisher: number): number {
    return this.#publishers.get(publisher)?.head ?? 0
  }

  get publishers(): number {
    return this.#publishers.size
  }

  /** The numbers of all publishers at the head. */
  get position(): Position {
    return Array.from(this.#publishers, ([publisher, { head }]) => [publisher, head])
  }

  #dropped(): [publisher: number, number: number][] {
    return Array.from(this.#publishers, ([publisher, { dropped }]) => [publisher, dropped])
  }

  append(publication: PublicationEntry, now: number): void {
    this.#clearBatches()
    const known = this.#publishers.get(publication.publisher)
    this.#touched = now
    const entry: Entry = {
      ...publication,
      position: this.#ring.next,
      at: now,
      size: publication.data.bytes.length + publication.key.length + ENTRY_OVERHEAD,
      hole: known !== undefined && publication.number !== known.head + 1,
      older: null,
      newer: null,
      latest: false,
    }
    if (known === undefined) this.#meet(publication)
    else known.head = publication.number
    this.#ring.push(entry)
    this.#bytes += entry.size
    this.#hold(entry.size)
    this.#compact(entry)
  }

  #clearBatches(): void {
    this.#batches.clear()
    this.#conflated.clear()
  }

  /** Publishers come and go with the incarnations of nodes; the oldest are forgotten beyond what a position can hold. */
  #meet({ publisher, number }: PublicationEntry): void {
    for (const oldest of this.#publishers.keys()) {
      if (this.#publishers.size < limits.publishers) break
      this.#publishers.delete(oldest)
    }
    this.#publishers.set(publisher, { head: number, dropped: number - 1 })
  }

  /** The latest value of a key is the one with the highest stamp, so that all nodes agree whatever the order. */
  #compact(entry: Entry): void {
    const current = this.#keys.get(entry.key)
    if (current !== undefined) {
      if (current.stamp > entry.stamp) return
      // Two nodes can publish in the same microsecond.
      if (current.stamp === entry.stamp && current.publisher > entry.publisher) return
      this.#unlink(current)
    }
    this.#keys.set(entry.key, entry)
    entry.latest = true
    entry.older = this.#newest
    if (this.#newest !== null) this.#newest.newer = entry
    this.#newest = entry
  }

  #unlink(entry: Entry): void {
    entry.latest = false
    if (entry.position < this.first) this.#hold(-entry.size)
    if (entry.older !== null) entry.older.newer = entry.newer
    if (entry.newer !== null) entry.newer.older = entry.older
    else this.#newest = entry.older
    entry.older = null
    entry.newer = null
  }

  /** Forgets one removed key, if there is any, to make room for a new one. */
  dropTombstone(): boolean {
    for (const [key, entry] of this.#keys) {
      if (!entry.tombstone) continue
      this.#keys.delete(key)
      this.#unlink(entry)
      this.#forgotten ??= new Map()
      this.#forgotten.set(entry.publisher, Math.max(entry.number, this.#forgotten.get(entry.publisher) ?? 0))
      this.#forgottenAt = Math.max(entry.position, this.#forgottenAt)
      return true
    }
    return false
  }

  /** Drops what retention does not keep, but nothing at or after `keep`. */
  trim(retention: Retention, keep: number, now: number): void {
    // Whoever still needs one is behind the others and can have it made again.
    this.#clearBatches()
    while (this.#ring.size > 0 && this.#ring.first < keep) {
      const oldest = this.#ring.get(this.#ring.first)
      const kept =
        this.#ring.size <= retention.entries &&
        this.#bytes <= retention.bytes &&
        now - oldest.at <= retention.ageMs
      if (kept) return
      this.#drop(oldest)
    }
  }

  /** Drops the oldest entries, whoever waits for them, until the ring has at most `bytes`. */
  trimTo(bytes: number): void {
    while (this.#bytes > bytes) this.#drop(this.#ring.get(this.#ring.first))
  }

  #drop(oldest: Entry): void {
    this.#ring.shift()
    this.#bytes -= oldest.size
    if (!oldest.latest) this.#hold(-oldest.size)
    const publisher = this.#publishers.get(oldest.publisher)
    if (publisher !== undefined) publisher.dropped = oldest.number
  }

  #hold(bytes: number): void {
    this.#held += bytes
    this.#budget.add(bytes)
  }

  /** The topic is gone. */
  release(): void {
    this.#hold(-this.#held)
  }

  /**
   * Where a reader that holds `since` goes on: the oldest position with an entry it lacks, what it stands at then,
   * and why something is missing ('' where nothing is). A conflating reader needs the compacted log only.
   */
  resume(since: Position, conflate: boolean): { start: number; position: Position; reason: ErrorCode | '' } {
    const held = new Map(since)
    const dropped = this.#dropped()
    const lost = conflate ? (this.#forgotten ?? []) : dropped
    let reason: ErrorCode | '' = ''
    for (const [publisher, number] of lost) if (number > (held.get(publisher) ?? 0)) reason = 'RETENTION'
    for (const [publisher, number] of held) if (number > this.head(publisher)) reason = 'NEW_EPOCH'
    if (reason !== '') return { start: this.first, position: dropped, reason }
    const start = conflate ? this.#oldestLatest(held) : this.#oldest(held)
    return { start, position: since, reason }
  }

  /** The oldest position in the ring whose entry is not held. */
  #oldest(held: ReadonlyMap<number, number>): number {
    for (let position = this.first; position < this.next; position++) {
      const { publisher, number } = this.#ring.get(position)
      if (number > (held.get(publisher) ?? 0)) return position
    }
    return this.next
  }

  /** The same in the compacted log. */
  #oldestLatest(held: ReadonlyMap<number, number>): number {
    let start = this.next
    for (let entry = this.#newest; entry !== null; entry = entry.older) {
      if (entry.number > (held.get(entry.publisher) ?? 0)) start = entry.position
    }
    return start
  }

  read(cursor: TopicCursor): Read {
    const fallen = cursor.position < this.first
    const { conflate, policy, keys } = cursor.wish
    if (cursor.values || conflate || (fallen && policy === policies.conflate)) return this.#readLatest(cursor)
    if (fallen) {
      if (policy === policies.disconnect) return 'disconnect'
      const from = cursor.position
      cursor.position = this.first
      return new Gap(this.#number, from, this.first, this.#dropped(), 'SLOW')
    }
    const from = cursor.position
    const entry = this.#ring.get(from)
    if (entry.hole && cursor.holeAt !== from) {
      cursor.holeAt = from
      return new Gap(this.#number, from, from, [[entry.publisher, entry.number - 1]], 'BUS')
    }
    const known = keys === null ? this.#batches.get(from) : undefined
    if (known !== undefined) {
      cursor.position = known.to
      return known.batch
    }
    let to = from
    let bytes = 0
    const entries: Entry[] = []
    for (; to < this.next && bytes < PAGE_BYTES; to++) {
      const next = this.#ring.get(to)
      if (next.hole && to > from) break
      if (keys !== null && !keys.has(next.key)) continue
      entries.push(next)
      bytes += next.size
    }
    cursor.position = to
    if (entries.length === 0) return 'nothing'
    const batch = this.#batch(entries)
    if (keys === null) this.#batches.set(from, batch, to)
    return batch
  }

  /** Walks the compacted log back to the cursor: work in proportion to the keys that changed. */
  #readLatest(cursor: TopicCursor): Read {
    const from = cursor.position
    if (from > 0 && from <= this.#forgottenAt) {
      // A key was removed and forgotten before this reader heard of it: it begins again, and is told so.
      cursor.position = 0
      cursor.values = true
      return new Gap(this.#number, from, from, [], 'RETENTION')
    }
    const { keys } = cursor.wish
    const shared = keys === null
    const known = shared ? this.#conflated.get(from) : undefined
    if (known !== undefined) {
      this.#move(cursor, known.to)
      return known.batch
    }
    const changed: Entry[] = []
    for (let entry = this.#newest; entry !== null && entry.position >= from; entry = entry.older) {
      // A reader that holds nothing yet needs no removals.
      if (from === 0 && entry.tombstone) continue
      if (keys === null || keys.has(entry.key)) changed.push(entry)
    }
    changed.reverse()
    let count = 0
    for (let bytes = 0; count < changed.length && bytes < PAGE_BYTES; count++)
      bytes += (changed[count] as Entry).size
    const to = changed[count]?.position ?? this.next
    this.#move(cursor, to)
    if (count === 0) return 'nothing'
    const batch = this.#batch(changed.slice(0, count))
    if (shared) this.#conflated.set(from, batch, to)
    return batch
  }

  #move(cursor: TopicCursor, to: number): void {
    cursor.position = to
    if (to === this.next) cursor.values = false
  }

  #batch(entries: readonly Entry[]): Encoded {
    scratch.reset()
    joinPublications(scratch, entries)
    return new Encoded(encodeBatch(schema.publications.code, [this.#number, entries.length], scratch))
  }
}
