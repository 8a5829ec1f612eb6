import { fixedLimits } from '../ground/config.ts'
import { Queue } from '../ground/queue.ts'
import type { Publication } from './publication.ts'

/** A key that was removed and whose removal (the tombstone) was forgotten as well. */
interface ForgottenKey {
  /** The position of the removal. */
  readonly removedAt: number
  /** The position of its last entry that was dropped from the ring; 0 for none. */
  droppedAt: number
}

/** Holes that are never worth compacting for. */
const FEW_HOLES = 16

/**
 * The compacted log of a topic: the latest entry per key, in order of position; an entry without a key has the key ''.
 * It also tracks, for each key, the last entry dropped from the ring and the last removal forgotten.
 */
export class Compacted {
  readonly #keys: Map<string, Publication> = new Map()
  /**
   * The latest entries in order of position; one that was replaced leaves its position as a hole. A reader finds its
   * place by binary search, so no page costs more than what it walks, and there are never many more holes than entries.
   */
  #slots: (Publication | number)[] = []
  /** Keys whose latest entry is a removal, and a slot before which there is none. */
  #removals = 0
  #firstRemoval = 0
  /** A slot before which there are only holes. */
  #firstEntry = 0
  /**
   * The most recently forgotten keys, oldest removal first. For earlier ones only the two positions below are known.
   */
  #forgotten: Queue<string, ForgottenKey> | null = null
  #unknownRemovedAt = 0
  #unknownDroppedAt = 0
  /** The highest position of all that was forgotten. */
  #forgottenAt = 0

  /** Number of keys, the empty key not counted. */
  get size(): number {
    return this.#keys.size - (this.#keys.has('') ? 1 : 0)
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  /** The latest entry of a key, which may be a removal. */
  get(key: string): Publication | undefined {
    return this.#keys.get(key)
  }

  /** What the latest entry of a key weighs; 0 for none, and for a removal. */
  weightOf(key: string): number {
    const entry = this.#keys.get(key)
    return entry === undefined || entry.tombstone ? 0 : entry.weight
  }

  /** Number of slots, for {@link at}. */
  get slots(): number {
    return this.#slots.length
  }

  /** The entry of a slot; null for a hole. Slots are in order of position; any change of the log moves them. */
  at(slot: number): Publication | null {
    const entry = this.#slots[slot] as Publication | number
    return typeof entry === 'number' ? null : entry
  }

  /** The first slot at or after a position. */
  slotOf(position: number): number {
    let low = 0
    let high = this.#slots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.#slots[middle] as Publication | number
      if ((typeof entry === 'number' ? entry : entry.position) < position) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The latest entry of each key, removed keys not included, oldest first. */
  latest(): readonly Publication[] {
    return this.#slots.filter((entry): entry is Publication => typeof entry !== 'number' && !entry.tombstone)
  }

  /**
   * Makes an entry the latest of its key, unless the key has a later one. The highest stamp wins, so all nodes agree
   * whatever the order of arrival; but one above `trusted` gives way to any. Returns the replaced entry, or null.
   */
  put(entry: Publication, trusted: number = Infinity): Publication | null {
    const { key, stamp } = entry
    const current = this.#keys.get(key)
    if (current === undefined) {
      const forgotten = this.#forgotten?.get(key)
      entry.droppedAt = forgotten?.droppedAt ?? this.#unknownDroppedAt
      this.#forgotten?.delete(key)
    } else {
      if (current.stamp > stamp && current.stamp <= trusted) return null
      // Two nodes can publish in the same microsecond: the higher incarnation wins.
      if (current.stamp === stamp && current.source.incarnation > entry.source.incarnation) return null
      entry.droppedAt = current.droppedAt
    }
    this.#keys.set(key, entry)
    if (entry.tombstone) this.#removals++
    if (current !== undefined && current.slot === this.#slots.length - 1) {
      // Nothing lies between the two, which is the rule for a topic without keys.
      entry.slot = current.slot
      this.#slots[entry.slot] = entry
      this.#release(current)
      return current
    }
    if (current !== undefined) this.#unlink(current)
    entry.slot = this.#slots.length
    // A literal has room for one entry only, and most topics hold no more.
    if (entry.slot === 0) this.#slots = [entry]
    else this.#slots.push(entry)
    if (this.#slots.length > 2 * this.#keys.size + FEW_HOLES) this.#compact()
    return current ?? null
  }

  #unlink(entry: Publication): void {
    this.#slots[entry.slot] = entry.position
    this.#release(entry)
  }

  #release(entry: Publication): void {
    entry.slot = -1
    if (entry.tombstone) this.#removals--
  }

  #compact(): void {
    const kept: Publication[] = []
    let firstRemoval = 0
    for (let slot = 0; slot < this.#slots.length; slot++) {
      if (slot === this.#firstRemoval) firstRemoval = kept.length
      const entry = this.at(slot)
      if (entry === null) continue
      entry.slot = kept.length
      kept.push(entry)
    }
    this.#slots = kept
    this.#firstRemoval = firstRemoval
    this.#firstEntry = 0
  }

  /** Forgets the oldest removal, to make room for a new key. Returns it, or null when there is none. */
  forget(): Publication | null {
    if (this.#removals === 0) return null
    let entry = this.at(this.#firstRemoval)
    while (entry?.tombstone !== true) entry = this.at(++this.#firstRemoval)
    return this.#forget(entry)
  }

  /**
   * Forgets the entry whose key changed longest ago, a value or a removal. A reader that may hold an older value of the
   * key is told by a GAP, as of a forgotten removal. Returns it, or null when there is none.
   */
  forgetOldest(): Publication | null {
    if (this.#keys.size === 0) return null
    let entry = this.at(this.#firstEntry)
    while (entry === null) entry = this.at(++this.#firstEntry)
    return this.#forget(entry)
  }

  #forget(entry: Publication): Publication {
    const { key } = entry
    this.#keys.delete(key)
    this.#unlink(entry)
    this.#forgottenAt = Math.max(this.#forgottenAt, entry.position)
    const forgotten = (this.#forgotten ??= new Queue<string, ForgottenKey>())
    forgotten.set(key, { removedAt: entry.position, droppedAt: entry.droppedAt })
    if (forgotten.size > fixedLimits.forgottenKeys) {
      const oldest = forgotten.oldest as string
      const { removedAt, droppedAt } = forgotten.get(oldest) as ForgottenKey
      forgotten.delete(oldest)
      this.#unknownRemovedAt = Math.max(this.#unknownRemovedAt, removedAt)
      this.#unknownDroppedAt = Math.max(this.#unknownDroppedAt, droppedAt)
    }
    return entry
  }

  /** Notes that an entry was dropped from the ring. Entries are dropped in order of position. */
  drop(entry: Publication): void {
    const { key, position } = entry
    const holder = entry.slot >= 0 ? entry : (this.#keys.get(key) ?? this.#forgotten?.get(key))
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

  /** Whether the latest entry of one of these keys, which may be a forgotten removal, is at `from` or later. */
  hasChanged(keys: ReadonlySet<string>, from: number): boolean {
    for (const key of keys) if ((this.#keys.get(key)?.position ?? 0) >= from) return true
    return this.hasForgotten(keys, from)
  }

  /** Whether a removal of one of these keys (null for any), at `from` or later, was forgotten. `from`: at least 1. */
  hasForgotten(keys: ReadonlySet<string> | null, from: number): boolean {
    if (this.#forgottenAt < from) return false
    if (keys === null) return true
    for (const key of keys) {
      if (this.#keys.has(key)) continue
      const removedAt = this.#forgotten?.get(key)?.removedAt ?? this.#unknownRemovedAt
      if (removedAt >= from) return true
    }
    return false
  }
}
