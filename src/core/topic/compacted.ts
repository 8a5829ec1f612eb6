import { fixedLimits } from '../ground/config.ts'
import type { Publication } from './publication.ts'

/** A key that was removed and whose removal (the tombstone) was forgotten as well. */
interface ForgottenKey {
  /** The position of the removal. */
  readonly removedAt: number
  /** The position of its last entry that was dropped from the ring; 0 for none. */
  droppedAt: number
}

/**
 * The compacted log of a topic: the latest entry per key, linked in order of position; an entry without a key has the
 * key ''. It also tracks, for each key, the last entry dropped from the ring and the last removal forgotten.
 */
export class Compacted {
  readonly #keys: Map<string, Publication> = new Map()
  #newest: Publication | null = null
  #oldest: Publication | null = null
  /** Keys whose latest entry is a removal, oldest removal first. */
  #removed: Set<string> | null = null
  /**
   * The most recently forgotten keys, oldest removal first. For earlier ones only the two positions below are known.
   */
  #forgotten: Map<string, ForgottenKey> | null = null
  #unknownRemovedAt = 0
  #unknownDroppedAt = 0
  /** The highest position of all that was forgotten. */
  #forgottenAt = 0

  get newest(): Publication | null {
    return this.#newest
  }

  /** Number of keys, the empty key not counted. */
  get size(): number {
    return this.#keys.size - (this.#keys.has('') ? 1 : 0)
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  /** What the latest entry of a key weighs; 0 for none, and for a removal. */
  weightOf(key: string): number {
    const entry = this.#keys.get(key)
    return entry === undefined || entry.tombstone ? 0 : entry.weight
  }

  /** The latest entry of each key, removed keys not included, oldest first. */
  latest(): readonly Publication[] {
    const latest: Publication[] = []
    for (let entry = this.#newest; entry !== null; entry = entry.older)
      if (!entry.tombstone) latest.push(entry)
    return latest.reverse()
  }

  /**
   * Makes an entry the latest of its key, unless the key has a later one. The highest stamp wins, so all nodes agree
   * whatever the order of arrival. Returns the replaced entry, or null.
   */
  put(entry: Publication): Publication | null {
    const { key, stamp } = entry
    const current = this.#keys.get(key)
    if (current === undefined) {
      const forgotten = this.#forgotten?.get(key)
      entry.droppedAt = forgotten?.droppedAt ?? this.#unknownDroppedAt
      if (forgotten !== undefined) this.#forgotten?.delete(key)
    } else {
      if (current.stamp > stamp) return null
      // Two nodes can publish in the same microsecond: the higher incarnation wins.
      if (current.stamp === stamp && current.source.incarnation > entry.source.incarnation) return null
      entry.droppedAt = current.droppedAt
      this.#unlink(current)
      if (current.tombstone) this.#removed?.delete(key)
    }
    if (entry.tombstone) (this.#removed ??= new Set()).add(key)
    this.#keys.set(key, entry)
    entry.latest = true
    entry.older = this.#newest
    if (this.#newest === null) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
    return current ?? null
  }

  #unlink(entry: Publication): void {
    entry.latest = false
    if (entry.older === null) this.#oldest = entry.newer
    else entry.older.newer = entry.newer
    if (entry.newer !== null) entry.newer.older = entry.older
    else this.#newest = entry.older
    entry.older = null
    entry.newer = null
  }

  /** Forgets the oldest removal, to make room for a new key. Returns it, or null when there is none. */
  forget(): Publication | null {
    const [key] = this.#removed ?? []
    return key === undefined ? null : this.#forget(this.#keys.get(key) as Publication)
  }

  /**
   * Forgets the entry whose key changed longest ago, a value or a removal. A reader that may hold an older value of the
   * key is told by a GAP, as of a forgotten removal. Returns it, or null when there is none.
   */
  forgetOldest(): Publication | null {
    return this.#oldest === null ? null : this.#forget(this.#oldest)
  }

  #forget(entry: Publication): Publication {
    const { key } = entry
    this.#removed?.delete(key)
    this.#keys.delete(key)
    this.#unlink(entry)
    this.#forgottenAt = Math.max(this.#forgottenAt, entry.position)
    const forgotten = (this.#forgotten ??= new Map<string, ForgottenKey>())
    forgotten.set(key, { removedAt: entry.position, droppedAt: entry.droppedAt })
    if (forgotten.size > fixedLimits.forgottenKeys) {
      const [[oldest, { removedAt, droppedAt }]] = forgotten as Iterable<[string, ForgottenKey]> as [
        [string, ForgottenKey],
      ]
      forgotten.delete(oldest)
      this.#unknownRemovedAt = Math.max(this.#unknownRemovedAt, removedAt)
      this.#unknownDroppedAt = Math.max(this.#unknownDroppedAt, droppedAt)
    }
    return entry
  }

  /** Notes that an entry was dropped from the ring. Entries are dropped in order of position. */
  drop(entry: Publication): void {
    const { key, position } = entry
    const holder = entry.latest ? entry : (this.#keys.get(key) ?? this.#forgotten?.get(key))
    if (holder === undefined) this.#unknownDroppedAt = position
    else holder.droppedAt = position
  }

  /** Whether an entry of one of these keys, at `from` or later, was dropped from the ring. */
  hasDropped(keys: ReadonlySet<string>, from: number): boolean {
    for (const key of keys) {
      const holder = this.#keys.get(key) ?? this.#forgotten?.get(key)
      const droppedAt = holder?.droppedAt ?? this.#unknownDroppedAt
      if (droppedAt > 0 && droppedAt >= from) return true
    }
    return false
  }

  /** Whether a removal of one of these keys (null for any), at `from` or later, was forgotten. */
  hasForgotten(keys: ReadonlySet<string> | null, from: number): boolean {
    if (this.#forgottenAt === 0 || this.#forgottenAt < from) return false
    if (keys === null) return true
    for (const key of keys) {
      if (this.#keys.has(key)) continue
      const removedAt = this.#forgotten?.get(key)?.removedAt ?? this.#unknownRemovedAt
      if (removedAt > 0 && removedAt >= from) return true
    }
    return false
  }
}
