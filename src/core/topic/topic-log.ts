import type { ErrorCode } from '../../protocol/errors.ts'
import type { PublicationEntry } from '../../protocol/publications.ts'
import type { Position } from '../../protocol/schema.ts'
import type { Budget } from '../ground/budget.ts'
import type { Retention } from '../ground/config.ts'
import type { Cursor, Log, Read } from '../log/log.ts'
import type { TopicCursor } from './cursor.ts'
import { TopicEntries } from './entries.ts'

/** The log of a topic on one node. As long as nothing was published it holds nothing: there may be a million of them. */
export class TopicLog implements Log {
  readonly number: number
  readonly #budget: Budget
  #entries: TopicEntries | null = null

  constructor(number: number, budget: Budget) {
    this.number = number
    this.#budget = budget
  }

  get first(): number {
    return this.#entries?.first ?? 1
  }

  get next(): number {
    return this.#entries?.next ?? 1
  }

  /** Entries in the ring. */
  get size(): number {
    return this.#entries?.size ?? 0
  }

  /** Bytes of the ring. */
  get bytes(): number {
    return this.#entries?.bytes ?? 0
  }

  /** Bytes of the ring and of the latest values. */
  get held(): number {
    return this.#entries?.held ?? 0
  }

  /** When the last entry came, in monotonic milliseconds. */
  get touched(): number {
    return this.#entries?.touched ?? 0
  }

  /** Number of keys in the compacted log, the empty key not counted. */
  get keyCount(): number {
    return this.#entries?.keyCount ?? 0
  }

  hasKey(key: string): boolean {
    return this.#entries?.hasKey(key) ?? false
  }

  /** The last number seen of a publisher, 0 for none. */
  head(publisher: number): number {
    return this.#entries?.head(publisher) ?? 0
  }

  get publishers(): number {
    return this.#entries?.publishers ?? 0
  }

  /** The numbers of all publishers at the head. */
  get position(): Position {
    return this.#entries?.position ?? []
  }

  /** The numbers of all publishers before `position`, which is in the ring or its end. */
  positionAt(position: number): Position {
    return this.#entries?.positionAt(position) ?? []
  }

  /** The last `count` entries of the ring, oldest first. */
  history(count: number): readonly PublicationEntry[] {
    return this.#entries === null ? [] : [...this.#entries.entries(this.next - count)]
  }

  /** The latest entry of each key, removed keys not included, oldest first. */
  latest(): readonly PublicationEntry[] {
    return this.#entries?.latest() ?? []
  }

  append(publication: PublicationEntry, now: number): void {
    this.#entries ??= new TopicEntries(this.number, this.#budget)
    this.#entries.append(publication, now)
  }

  /** Forgets one removed key, if there is any, to make room for a new one. */
  dropTombstone(): boolean {
    return this.#entries?.dropTombstone() ?? false
  }

  /** Drops what retention does not keep, but nothing at or after `keep`. */
  trim(retention: Retention, keep: number, now: number): void {
    this.#entries?.trim(retention, keep, now)
  }

  /** Drops the oldest entries, whoever waits for them, until the ring has at most `bytes`. */
  trimTo(bytes: number): void {
    this.#entries?.trimTo(bytes)
  }

  /** The topic is gone. */
  release(): void {
    this.#entries?.release()
    this.#entries = null
  }

  /**
   * Where a reader that holds `since` goes on: the oldest position with an entry it lacks, what it stands at then,
   * and why something is missing ('' where nothing is). A conflating reader needs the compacted log only.
   */
  resume(since: Position, conflate: boolean): { start: number; position: Position; reason: ErrorCode | '' } {
    if (this.#entries !== null) return this.#entries.resume(since, conflate)
    const isNew = since.some(([, number]) => number > 0)
    return { start: 1, position: isNew ? [] : since, reason: isNew ? 'NEW_EPOCH' : '' }
  }

  isCurrent(cursor: Cursor): boolean {
    return cursor.position === this.next
  }

  read(cursor: Cursor): Read {
    if (this.#entries !== null) return this.#entries.read(cursor as TopicCursor)
    // The latest values of a topic that has none.
    cursor.position = this.next
    ;(cursor as TopicCursor).values = false
    return 'nothing'
  }
}
