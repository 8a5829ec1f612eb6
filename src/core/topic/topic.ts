import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { Position } from '../../protocol/schema.ts'
import { Payer } from '../ground/budget.ts'
import type { NodeLimits, Retention } from '../ground/config.ts'
import { weights } from '../ground/weights.ts'
import type { Cursor, Read } from '../log/log.ts'
import type { TopicCursor, TopicView, Wish } from './cursor.ts'
import { TopicEntries, type TopicSettings } from './entries.ts'
import { Group } from './groups.ts'
import type { Publication } from './publication.ts'
import type { Account } from '../session/account.ts'
import type { Publisher } from './publishers.ts'

/** What a topic needs of the rest of the node: the settings of its pattern, and whom to tell when a reader leaves. */
export interface TopicHost extends TopicSettings {
  left(topic: Topic, now: number): void
  /** The topic has nothing left to give up but itself. */
  spent(topic: Topic): void
}

/**
 * A topic on this node: a log and its readers. Until the first publication it holds next to nothing, because there may
 * be a million topics.
 */
export class Topic extends Payer implements TopicView {
  readonly name: string
  readonly number: number
  /** The user who was the first to subscribe or publish to it; null for the business. */
  maker: Account | null
  readonly #host: TopicHost
  #entries: TopicEntries | null = null
  #groups: Group | null = null
  /**
   * Who may have filled most of it: a user here, or (null) those of other nodes; how many bytes were theirs, and how
   * many those of others, of what it may hold by now; and by how many bytes they lead.
   */
  #filler: Account | null
  #its = 0
  #rest = 0
  #lead = 0
  /** Whether it has entries that no sweep has carried on yet. */
  dirty = false
  /** The bus's position in this log: entries before it were carried on by a sweep. */
  carried: number
  /** Readers that wait for what other nodes keep of it. */
  expected = 0
  /** How many nodes had ended when all that is kept of it anywhere was here, since it is read; Infinity: never. */
  wholeSince: number = Infinity
  /** Where the ring began when its readers were last looked at. */
  #fallenTo = 0

  /** `start`: the position of its first entry. */
  constructor(name: string, number: number, start: number, host: TopicHost, maker: Account | null = null) {
    super(host.budget.ledgers.topic)
    this.name = name
    this.number = number
    this.carried = start
    this.maker = maker
    this.#filler = maker
    this.#host = host
    this.hold(weights.topic + name.length)
  }

  get retention(): Retention {
    return this.#host.retention
  }

  /** Identifies this life of the log; unique in the cluster. */
  get epoch(): number {
    return this.#host.incarnation + this.number
  }

  /**
   * A user of this node, or (null) somebody at another one, publishes so many bytes. Returns the user who has filled at
   * least half of what it may hold by now; null where that is nobody here. Who might have the majority follows from one
   * number (Boyer and Moore, 1981); whoever that finds, though nobody has it, has not filled half.
   */
  fill(by: Account | null, bytes: number): Account | null {
    const { held } = this
    if (by === this.#filler) {
      this.#lead += bytes
      this.#its += bytes
    } else if (bytes <= this.#lead) {
      this.#lead -= bytes
      this.#rest += bytes
    } else {
      this.#filler = by
      this.#lead = bytes - this.#lead
      this.#rest += this.#its
      this.#its = bytes
    }
    this.#lead = Math.min(this.#lead, held)
    // What has come since has taken the place of what was there before, in equal parts.
    const left = Math.min(1, held / (this.#its + this.#rest))
    this.#its *= left
    this.#rest *= left
    return this.#its >= this.#rest ? this.#filler : null
  }

  /** Whether nothing was ever published to it. */
  get isEmpty(): boolean {
    return this.#entries === null
  }

  get first(): number {
    return this.#entries?.first ?? this.carried
  }

  get next(): number {
    return this.#entries?.next ?? this.carried
  }

  /** Number of entries taken since it was made. */
  get taken(): number {
    return this.#entries?.taken ?? 0
  }

  /** Number of entries in the ring. */
  get size(): number {
    return this.#entries?.size ?? 0
  }

  /** Bytes of the ring. */
  get bytes(): number {
    return this.#entries?.bytes ?? 0
  }

  /** When the last entry arrived or the last reader left, in monotonic milliseconds. */
  get touched(): number {
    return this.#entries?.touched ?? 0
  }

  touch(now: number): void {
    if (this.#entries !== null) this.#entries.touched = now
  }

  /** Number of keys in the compacted log, the empty key not counted. */
  get keyCount(): number {
    return this.#entries?.keyCount ?? 0
  }

  hasKey(key: string): boolean {
    return this.#entries?.hasKey(key) ?? false
  }

  /**
   * The next number of a publisher. A log begins at a position above all numbers that this node has used under the same
   * name, so its own numbers equal the positions until another node publishes.
   */
  nextNumber(publisher: Publisher): number {
    return (this.#entries?.head(publisher) ?? this.next - 1) + 1
  }

  /** The last number seen of a publisher; 0 for none. */
  head(publisher: Publisher): number {
    return this.#entries?.head(publisher) ?? 0
  }

  /**
   * The position, as told to clients, of a reader that has everything before `position`, which must be in the ring or
   * at its end.
   */
  positionAt(position: number): Position {
    return { epoch: this.epoch, at: position, numbers: this.#entries?.numbersAt(position) ?? [] }
  }

  /** The position, as told to clients, of a reader that is about to get the latest values. */
  get beginning(): Position {
    return { epoch: this.epoch, at: 0, numbers: [] }
  }

  /** The ring from a position on, oldest first. */
  from(position: number): Iterable<Publication> {
    return this.#entries?.from(position) ?? []
  }

  /** All that is kept from a position on, in order: latest values that have left the ring, and the ring. */
  kept(position: number): Iterable<Publication> {
    return this.#entries?.kept(position) ?? []
  }

  /** A publisher has used the numbers up to this one, and nothing of them is kept. */
  meet(publisher: Publisher, number: number): void {
    this.#made().heads.meet(publisher, number)
  }

  /** Forgets publishers that are not there any more and of whom nothing is kept. */
  retire(isThere: (incarnation: number) => boolean): void {
    this.#entries?.retire(isThere)
  }

  /**
   * The position from which a reader of another log of this topic goes on, without a loss; null where something may be
   * lost.
   */
  follow(numbers: Position['numbers']): number | null {
    return this.#entries?.follow(new Map(numbers)) ?? null
  }

  /** This node's own last entry, if it is still kept. */
  get lastOwn(): Publication | undefined {
    return this.#entries?.lastOwn
  }

  /** The last `count` entries of the ring, oldest first. */
  history(count: number): readonly Publication[] {
    return [...this.from(this.next - count)].filter(({ isHole }) => !isHole)
  }

  /** The latest entry of each key, removed keys not included, oldest first. */
  latest(): readonly Publication[] {
    return this.#entries?.latest() ?? []
  }

  /**
   * `cameAt`: when it was published, where that was long ago. `missing`: how many are lost before it; null: as its
   * number says.
   */
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
    return this.#made().append(source, number, stamp, key, tombstone, data, now, cameAt, missing)
  }

  #made(): TopicEntries {
    return (this.#entries ??= new TopicEntries(this.number, this.carried, this.#host, this))
  }

  /** Whether there is room for another entry of this key: for a new one, the oldest removal is forgotten. */
  hasRoomFor(key: string, mostKeys: number): boolean {
    return key === '' || this.hasKey(key) || this.keyCount < mostKeys || this.forgetRemoval()
  }

  /** Forgets the oldest removal, to make room for a new key. False: there is none. */
  forgetRemoval(): boolean {
    return this.#entries?.forgetRemoval() ?? false
  }

  /** Trims the ring to its retention, but keeps entries that the next sweep or a throttled group has yet to offer. */
  trim(now: number): void {
    if (this.#entries === null) return
    let keep = this.carried
    for (let group = this.#groups; group !== null; group = group.next)
      if (!group.conflate && group.offered < keep) keep = group.offered
    this.#entries.trim(this.retention, keep, now)
  }

  shrinkTo(bytes: number): void {
    this.#entries?.shrinkTo(bytes)
    if (this.held > bytes || this.#entries?.isHollow === true) this.#host.spent(this)
  }

  /** What the latest entry of a key weighs; 0 for none, and for a removal. */
  weightOf(key: string): number {
    return this.#entries?.weightOf(key) ?? 0
  }

  /** The topic was forgotten and pays for nothing any more. */
  release(): void {
    this.#entries?.release()
    this.#entries = null
    this.hold(-weights.topic - this.name.length)
  }

  // ---- readers

  /** Why a reader cannot resume from a position in this log; '' when it can, without a loss. */
  resume({ epoch, at }: Position, wish: Wish): ErrorCode | '' {
    if (epoch !== this.epoch) return 'NEW_EPOCH'
    // No reader of this log can hold what was never in it.
    if (at > this.next) return 'PROTOCOL'
    return this.#entries?.hasLost(at, wish) === true ? 'RETENTION' : ''
  }

  /** Estimates the work of reading from a cursor's position to the end. */
  workOf(cursor: TopicCursor): number {
    return this.#entries?.workOf(cursor) ?? 0
  }

  isCurrent(cursor: Cursor): boolean {
    return cursor.position === this.next
  }

  read(cursor: Cursor): Read {
    return this.#entries?.read(cursor as TopicCursor) ?? 'nothing'
  }

  override get isIdle(): boolean {
    return !this.isRead
  }

  /** Whether it has readers, or some that are about to begin. */
  get isRead(): boolean {
    return this.#groups !== null || this.expected > 0
  }

  *groups(): Generator<Group> {
    for (let group = this.#groups; group !== null; group = group.next) yield group
  }

  get subscribers(): number {
    let count = 0
    for (let group = this.#groups; group !== null; group = group.next) count += group.size
    return count
  }

  /** The share of its subscribers, 0–1, that had not yet read what was last offered. */
  get behind(): number {
    let behind = 0
    let size = 0
    for (let group = this.#groups; group !== null; group = group.next) {
      behind += group.behind
      size += group.size
    }
    return size === 0 ? 0 : Math.min(1, behind / size)
  }

  /**
   * The pressure, 0–1: how full the room for entries awaiting a sweep is, or the share of subscribers that had not yet
   * read what was last offered, whichever is larger.
   */
  pressure({ topicPendingEntries, topicPendingBytes }: NodeLimits): number {
    const ofEntries = (this.size - this.retention.entries) / topicPendingEntries
    const ofBytes = (this.bytes - this.retention.bytes) / topicPendingBytes
    return Math.min(1, Math.max(0, ofEntries, ofBytes, this.behind))
  }

  add(cursor: TopicCursor): void {
    let group = this.#groupOf(cursor)
    if (group === null) {
      group = new Group(this.next)
      group.next = this.#groups
      this.#groups = group
    }
    group.add(cursor)
  }

  #groupOf(cursor: TopicCursor): Group | null {
    let group = this.#groups
    while (group !== null && !group.suits(cursor)) group = group.next
    return group
  }

  leave(cursor: TopicCursor, now: number): void {
    const group = this.#groupOf(cursor) as Group
    cursor.outlet.unmark(cursor)
    group.remove(cursor)
    if (group.size === 0) this.#removeGroup(group)
    this.#host.left(this, now)
  }

  #removeGroup(group: Group): void {
    if (this.#groups === group) {
      this.#groups = group.next
      return
    }
    let before = this.#groups as Group
    while (before.next !== group) before = before.next as Group
    before.next = group.next
  }

  /**
   * Calls `visit` for each subscriber that fell off the ring, since the last call, and must be disconnected for it.
   */
  eachFallen(visit: (cursor: TopicCursor) => void): void {
    const { first } = this
    if (first === this.#fallenTo) return
    this.#fallenTo = first
    for (let group = this.#groups; group !== null; group = group.next) {
      if (!group.strict) continue
      for (let cursor = group.first; cursor !== null; cursor = cursor.after)
        if (this.#hasFallen(cursor)) visit(cursor)
    }
  }

  #hasFallen({ position, values, wish }: TopicCursor): boolean {
    return values === null && position < this.first && this.#entries?.hasLost(position, wish) === true
  }
}
