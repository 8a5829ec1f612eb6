import type { Payload } from '../../protocol/payload.ts'
import type { Position } from '../../protocol/schema.ts'
import type { Budget, Payer } from '../ground/budget.ts'
import type { Retention } from '../ground/config.ts'
import { Ring } from '../ground/ring.ts'
import { weights } from '../ground/weights.ts'
import { costs, type Work } from '../ground/work.ts'
import { type Encoded, jsonWork } from '../log/encoded.ts'
import { BatchCache, type CachedBatch, Gap, type WarmCaches } from '../log/batches.ts'
import type { Read } from '../log/log.ts'
import { Compacted } from './compacted.ts'
import { policies, type TopicCursor, type Wish } from './cursor.ts'
import { Heads } from './heads.ts'
import { Pages } from './pages.ts'
import { NOTHING, Publication } from './publication.ts'
import type { Publisher } from './publishers.ts'
import type { Stamps } from './stamps.ts'

/** Settings shared by the logs of all topics of one pattern. */
export interface TopicSettings {
  readonly retention: Retention
  readonly budget: Budget
  readonly caches: WarmCaches
  readonly work: Work
  readonly stamps: Pick<Stamps, 'trusted'>
  /** Incarnation of this node. */
  readonly incarnation: number
  /** Origin of the times on the wire, in milliseconds since 1970. */
  readonly origin: number
  readonly pageBytes: number
}

/**
 * The contents of a topic's log, from its first publication on: a ring with the entries of all publishers in order of
 * arrival, and the compacted log. It knows exactly what each reader has missed.
 */
export class TopicEntries {
  readonly #number: number
  readonly #start: number
  readonly #settings: TopicSettings
  readonly #ring: Ring<Publication>
  readonly #compacted: Compacted = new Compacted()
  readonly #pages: Pages
  readonly heads: Heads = new Heads()
  readonly #payer: Payer
  #bytes = 0
  /** What the payer was charged for the ring and the latest values. */
  #held = 0
  /** When the last entry arrived or the last reader left, in monotonic milliseconds. */
  touched = 0
  /** The position of the last entry that was dropped from the ring; 0 for none. */
  #droppedAt = 0
  /** Batches of the ring; of changed keys, for conflating readers; of latest values in place of entries. */
  #hasBatches = false
  readonly #batches: BatchCache
  readonly #changes: BatchCache
  readonly #values: BatchCache
  /** Those that have removals, for readers that began at one position: removals before it are left out. */
  readonly #removals: BatchCache
  #removalsBegan = 0
  /**
   * The position of the last entry that the latest values do not tell of: one before which others were lost, or one too
   * late to be the latest of its key.
   */
  #lastOdd = -1
  /** The position of this node's own last entry. */
  #ownAt = -1

  /** `start`: the position of the first entry. `payer`: the topic. */
  constructor(number: number, start: number, settings: TopicSettings, payer: Payer) {
    this.#number = number
    this.#start = start
    this.#settings = settings
    this.#payer = payer
    this.#ring = new Ring(start)
    this.#pages = new Pages(number, settings, this.#ring, this.#compacted)
    this.#batches = new BatchCache(payer, settings.caches)
    this.#changes = new BatchCache(payer, settings.caches)
    this.#values = new BatchCache(payer, settings.caches)
    this.#removals = new BatchCache(payer, settings.caches)
    this.#hold(weights.entries)
  }

  get first(): number {
    return this.#ring.first
  }

  get next(): number {
    return this.#ring.next
  }

  /** Number of entries taken since the log began. */
  get taken(): number {
    return this.next - this.#start
  }

  get size(): number {
    return this.#ring.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The ring from a position on, oldest first. */
  *from(position: number): Generator<Publication> {
    for (let at = Math.max(position, this.first); at < this.next; at++) yield this.#ring.get(at)
  }

  /** All that is kept from a position on, in order: latest values that have left the ring, and the ring. */
  *kept(position: number): Generator<Publication> {
    for (let slot = this.#compacted.slotOf(position); slot < this.#compacted.slots; slot++) {
      const entry = this.#compacted.at(slot)
      if (entry === null) continue
      if (entry.position >= this.first) break
      yield entry
    }
    yield* this.from(position)
  }

  /** See {@link Heads.retire}. */
  retire(isThere: (incarnation: number) => boolean): void {
    this.heads.retire(isThere, (publisher) => this.latest().some(({ source }) => source === publisher))
  }

  /**
   * The position from which a reader of another log of this topic goes on, without a loss: that of the first entry it
   * has not had. Null where something may be lost.
   */
  follow(numbers: ReadonlyMap<number, number>): number | null {
    return this.heads.follow(numbers, this.#ring)
  }

  /** This node's own last entry; undefined when there was none, or it is not kept any more. */
  get lastOwn(): Publication | undefined {
    const at = this.#ownAt
    if (at >= this.first) return this.#ring.get(at)
    const slot = this.#compacted.slotOf(at)
    const entry = slot < this.#compacted.slots ? this.#compacted.at(slot) : null
    return entry?.position === at ? entry : undefined
  }

  get keyCount(): number {
    return this.#compacted.size
  }

  /** Whether everything was dropped. */
  get isHollow(): boolean {
    return this.size === 0 && this.keyCount === 0 && !this.hasKey('')
  }

  hasKey(key: string): boolean {
    return this.#compacted.has(key)
  }

  latest(): readonly Publication[] {
    return this.#compacted.latest()
  }

  /**
   * The last number seen of a publisher; undefined when none was seen, or the publisher was forgotten for newer ones.
   */
  head(publisher: Publisher): number | undefined {
    return this.heads.of(publisher)
  }

  /** The last number of each publisher before `position`, which must be in the ring or at its end. */
  numbersAt(position: number): Position['numbers'] {
    return this.heads.before(position, this.#ring)
  }

  append(
    source: Publisher,
    number: number,
    stamp: number,
    key: string,
    tombstone: boolean,
    data: Payload,
    now: number,
    cameAt: number = now,
    missing: number | null = null,
  ): Publication {
    this.#clearBatches()
    this.touched = now
    const skipped = this.heads.see(source, number, this.next)
    const lost = (missing ?? skipped) + (data === NOTHING ? 1 : 0)
    const entry = new Publication(
      this.next,
      source,
      number,
      stamp,
      key,
      tombstone,
      data,
      Math.floor(cameAt),
      lost,
    )
    this.#ring.push(entry)
    if (source.incarnation === this.#settings.incarnation) this.#ownAt = entry.position
    this.#bytes += entry.size
    this.#hold(entry.weight)
    const replaced = entry.isHole ? null : this.#compacted.put(entry, this.#settings.stamps.trusted)
    if (replaced !== null) this.#let(replaced)
    if (lost > 0 || entry.slot < 0) this.#lastOdd = entry.position
    return entry
  }

  /** Releases an entry that is no longer the latest of its key, unless the ring still has it. */
  #let({ position, weight }: Publication): void {
    if (position < this.first) this.#hold(-weight)
  }

  #clearBatches(): void {
    if (!this.#hasBatches) return
    this.#hasBatches = false
    this.#batches.clear()
    this.#changes.clear()
    this.#values.clear()
    this.#removals.clear()
  }

  /** Forgets the oldest removal, to make room for a new key. False: there is none. */
  forgetRemoval(): boolean {
    const forgotten = this.#compacted.forget()
    if (forgotten !== null) this.#let(forgotten)
    return forgotten !== null
  }

  /** Drops entries beyond the retention, but none at or after `keep`. */
  trim(retention: Retention, keep: number, now: number): void {
    while (this.#ring.size > 0 && this.#ring.first < keep) {
      const kept =
        this.#ring.size <= retention.entries &&
        this.#bytes <= retention.bytes &&
        now - this.#ring.get(this.#ring.first).cameAt <= retention.ageMs
      if (kept) return
      this.#drop()
    }
  }

  /** Drops batches, then entries of the ring, even those still to be read, then latest values, oldest change first. */
  shrinkTo(bytes: number): void {
    this.#clearBatches()
    while (this.#payer.held > bytes && this.#ring.size > 0) this.#drop()
    while (this.#payer.held > bytes) {
      const forgotten = this.#compacted.forgetOldest()
      if (forgotten === null) return
      this.#let(forgotten)
      if (!forgotten.tombstone) this.#settings.budget.valuesDropped++
    }
  }

  weightOf(key: string): number {
    return this.#compacted.weightOf(key)
  }

  #drop(): void {
    const oldest = this.#ring.shift()
    const { position, size, weight, slot } = oldest
    this.#droppedAt = position
    this.#bytes -= size
    if (slot < 0) this.#hold(-weight)
    this.#compacted.drop(oldest)
    this.heads.drop(oldest)
  }

  #hold(bytes: number): void {
    this.#held += bytes
    this.#payer.hold(bytes)
  }

  release(): void {
    this.#clearBatches()
    this.#hold(-this.#held)
  }

  /**
   * Whether a reader that is complete up to position `at` can no longer get everything that follows. A plain reader has
   * lost something when an entry it wants was dropped from the ring. A conflating reader needs only the compacted log,
   * so it has lost something when a removal of one of its keys was forgotten; at position 0 it holds no key that could
   * have been removed.
   */
  hasLost(at: number, { conflate, keys }: Wish): boolean {
    if (conflate) return at > 0 && this.#compacted.hasForgotten(keys, at)
    if (keys !== null) return this.#compacted.hasDropped(keys, at)
    return this.#droppedAt > 0 && this.#droppedAt >= at
  }

  // ---- reading

  /** Estimates the work of reading from a cursor's position to the end. */
  workOf({ position, values, wish, outlet }: TopicCursor): number {
    const { conflate, keys } = wish
    const { slots } = this.#compacted
    const isLatest = conflate || values !== null
    const behind = this.next - Math.max(position, isLatest ? 0 : this.first)
    const entries = isLatest ? Math.min(behind, slots, keys?.size ?? Infinity) : behind
    const weight = (this.#held - weights.entries) / Math.max(this.size, slots, 1)
    const bytes = Math.max(0, weight - weights.publication)
    return entries * (costs.encoded + bytes * costs.reread + (outlet.text ? jsonWork(1, bytes) : 0))
  }

  read(cursor: TopicCursor): Read {
    const isLatest = cursor.wish.conflate || cursor.values !== null || cursor.position < cursor.conflatedTo
    if (isLatest) return this.#readLatest(cursor)
    if (cursor.position < this.first) {
      if (this.hasLost(cursor.position, cursor.wish)) return this.#fall(cursor)
      cursor.position = this.first
    }
    return this.#readRing(cursor)
  }

  /** Handles a reader that fell off the ring, by its policy. */
  #fall(cursor: TopicCursor): Read {
    const from = cursor.position
    const to = this.first
    const { policy } = cursor.wish
    if (policy === policies.disconnect) return 'disconnect'
    if (policy === policies.conflate) {
      // The cursor stays: the latest values of what it missed follow.
      cursor.conflatedTo = to
      return this.#gap(from, to, from, [], 'SLOW')
    }
    cursor.position = to
    return this.#gap(from, to, to, this.numbersAt(to), 'SLOW')
  }

  #gap(
    from: number,
    to: number,
    at: number,
    numbers: Position['numbers'],
    reason: 'SLOW' | 'RETENTION' | 'BUS',
  ): Gap {
    return new Gap(
      this.#number,
      from,
      to,
      { epoch: this.#settings.incarnation + this.#number, at, numbers },
      reason,
    )
  }

  #readRing(cursor: TopicCursor): Read {
    const from = cursor.position
    if (from === this.next) return 'nothing'
    const { keys } = cursor.wish
    const { lost, source, number, isHole } = this.#ring.get(from)
    if (lost > 0 && cursor.holeAt !== from) {
      cursor.holeAt = from
      const at = isHole ? ++cursor.position : from
      return this.#gap(at, at, at, [[source.incarnation, isHole ? number : number - 1]], 'BUS')
    }
    const known = keys === null ? this.#batches.get(from) : undefined
    if (known !== undefined) {
      cursor.position = known.to
      return known.batch
    }
    const { entries, to } = this.#pages.ofRing(from, keys, this.#lastOdd)
    cursor.position = to
    if (entries.length === 0) return 'nothing'
    const batch = this.#batch(entries)
    if (keys === null) this.#batches.set(from, batch, to)
    return batch
  }

  /** Reads the compacted log from the cursor on: work in proportion to the keys that changed. */
  #readLatest(cursor: TopicCursor): Read {
    const from = cursor.position
    const { keys } = cursor.wish
    // A reader at position 0 holds no keys, so earlier removals do not matter to it.
    if (from === 0) cursor.values = this.next
    else if (this.#compacted.hasForgotten(keys, Math.max(from, cursor.values ?? 0))) {
      // A removal was forgotten before this reader heard of it: a GAP tells it to begin again.
      cursor.position = 0
      cursor.values = this.next
      cursor.conflatedTo = 0
      return this.#gap(from, from, 0, [], 'RETENTION')
    }
    const isWhole = cursor.values === null && from >= cursor.conflatedTo
    return isWhole ? this.#readChanges(cursor) : this.#readValues(cursor)
  }

  /** Reads the keys that changed, for a conflating reader that has kept up. */
  #readChanges(cursor: TopicCursor): Read {
    const from = cursor.position
    const { keys } = cursor.wish
    const known = keys === null ? this.#changes.get(from) : undefined
    if (known !== undefined) {
      cursor.position = known.to
      return known.batch
    }
    const { entries, to } = this.#pages.ofLatest(from, this.next, keys, 0)
    cursor.position = to
    if (entries.length === 0) return 'nothing'
    const batch = this.#batch(entries)
    if (keys === null) this.#changes.set(from, batch, to)
    return batch
  }

  /**
   * Reads latest values in place of entries: all of them for a new reader, or those of a stretch that it missed. Values
   * left out are not a loss, so an empty batch at the end tells the reader that it has them all.
   */
  #readValues(cursor: TopicCursor): Read {
    const from = cursor.position
    const { keys } = cursor.wish
    const end = cursor.values === null ? cursor.conflatedTo : this.next
    const began = cursor.values ?? 0
    const known = keys === null ? this.#valuesAt(from, began) : undefined
    if (known !== undefined && known.to <= end) {
      this.#move(cursor, known.to)
      return known.batch
    }
    const { entries, to: next, removals } = this.#pages.ofLatest(from, end, keys, began)
    const last = entries.at(-1)
    const to = last === undefined ? next : last.position + 1
    this.#move(cursor, to)
    if (last === undefined) {
      if (to < end) return 'nothing'
      return this.#pages.end(end)
    }
    const batch = this.#batch(entries)
    if (keys === null) (removals ? this.#removals : this.#values).set(from, batch, to)
    return batch
  }

  /** The batch of latest values from a position on for a reader that began at `began`. */
  #valuesAt(from: number, began: number): CachedBatch | undefined {
    if (began !== this.#removalsBegan) this.#removals.clear()
    this.#removalsBegan = began
    return this.#values.get(from) ?? this.#removals.get(from)
  }

  #move(cursor: TopicCursor, to: number): void {
    cursor.position = to
    if (to === this.next) cursor.values = null
  }

  #batch(entries: readonly Publication[]): Encoded {
    this.#hasBatches = true
    return this.#pages.batch(entries)
  }
}
