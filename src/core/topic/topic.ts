import type { PublicationEntry } from '../../protocol/publications.ts'
import type { Budget } from '../ground/budget.ts'
import { Group, policies, type TopicCursor } from './cursor.ts'
import type { Retention } from '../ground/config.ts'
import { TopicLog } from './topic-log.ts'

/**
 * How often a subscriber may be written to, rounded down to this ladder. All flushes of a rung share one phase, so
 * that subscribers share batches.
 */
export const ladder: readonly number[] = [1, 2, 5, 10, 20, 30, 60]

/** The rung for a wish in Hz; 0 (no limit) for 0 and for more than the ladder has. */
export function rungOf(maxHz: number): number {
  if (maxHz === 0 || maxHz > (ladder.at(-1) as number)) return 0
  return ladder.findLast((hz) => hz <= maxHz) ?? 0
}

/** A class of messages on this node: a log and who reads it. */
export class Topic extends TopicLog {
  readonly name: string
  readonly retention: Retention
  #groups: Group | null = null
  /** Subscribers that are to be disconnected when they fall off the ring. */
  #strict = 0
  /** It has entries its groups were not yet told of. */
  dirty = false
  /** Entries of this node that the bus was not yet given. */
  unsent: PublicationEntry[] | null = null

  readonly #left: (topic: Topic, now: number) => void

  /** `left`: a reader is gone. */
  constructor(
    name: string,
    number: number,
    retention: Retention,
    budget: Budget,
    left: (topic: Topic, now: number) => void,
  ) {
    super(number, budget)
    this.#left = left
    this.name = name
    this.retention = retention
  }

  get isRead(): boolean {
    return this.#groups !== null
  }

  *groups(): Generator<Group> {
    for (let group = this.#groups; group !== null; group = group.next) yield group
  }

  get subscribers(): number {
    let count = 0
    for (let group = this.#groups; group !== null; group = group.next) count += group.size
    return count
  }

  /** The share of its subscribers that had not taken what they were offered before. */
  get behind(): number {
    let behind = 0
    let size = 0
    for (let group = this.#groups; group !== null; group = group.next) {
      behind += group.behind
      size += group.size
    }
    return size === 0 ? 0 : Math.min(1, behind / size)
  }

  add(cursor: TopicCursor, hz: number): void {
    const { conflate } = cursor.wish
    let group = this.#groups
    while (group !== null && (group.hz !== hz || group.conflate !== conflate)) group = group.next
    if (group === null) {
      group = new Group(hz, conflate, this.next)
      group.next = this.#groups
      this.#groups = group
    }
    cursor.group = group
    cursor.after = group.first
    if (group.first !== null) group.first.before = cursor
    group.first = cursor
    group.size++
    if (isStrict(cursor)) this.#strict++
  }

  remove(cursor: TopicCursor): void {
    const group = cursor.group as Group
    cursor.live = false
    if (cursor.before === null) group.first = cursor.after
    else cursor.before.after = cursor.after
    if (cursor.after !== null) cursor.after.before = cursor.before
    group.size--
    if (isStrict(cursor)) this.#strict--
    if (group.size === 0) this.#removeGroup(group)
  }

  /** The subscriber is gone. */
  leave(cursor: TopicCursor, now: number): void {
    this.remove(cursor)
    this.#left(this, now)
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

  /** Trims the ring to its retention, but keeps what a throttled group still waits for. */
  trimBehindReaders(now: number): void {
    let keep = this.next
    for (let group = this.#groups; group !== null; group = group.next)
      if (!group.conflate && group.offered < keep) keep = group.offered
    this.trim(this.retention, keep, now)
  }

  /** Calls `visit` for each subscriber that fell off the ring and is to be disconnected for it. */
  eachFallen(visit: (cursor: TopicCursor) => void): void {
    if (this.#strict === 0) return
    for (const group of this.groups())
      for (let cursor = group.first; cursor !== null; cursor = cursor.after)
        if (isStrict(cursor) && !cursor.values && cursor.position < this.first) visit(cursor)
  }
}

function isStrict({ wish }: TopicCursor): boolean {
  return !wish.conflate && wish.policy === policies.disconnect
}
