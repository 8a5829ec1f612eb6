import type { PublicationEntry } from '../protocol/publications.ts'
import type { Retention, TopicCursor } from './topic-log.ts'
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

/** The subscribers of one topic on one rung that conflate, or that do not. */
export interface Group {
  readonly topic: Topic
  readonly hz: number
  readonly conflate: boolean
  readonly cursors: TopicCursor[]
  /** The position up to which its cursors were marked. */
  offered: number
  /** It waits for its rung's next flush. */
  due: boolean
}

/** A class of messages on this node: its log and who reads it. */
export class Topic {
  readonly name: string
  readonly log: TopicLog
  readonly retention: Retention
  readonly groups: Group[] = []
  /** It has entries its groups were not yet told of. */
  dirty = false
  /** Entries of this node that the bus was not yet given. */
  unsent: PublicationEntry[] = []

  constructor(name: string, number: number, retention: Retention) {
    this.name = name
    this.log = new TopicLog(number)
    this.retention = retention
  }

  get subscribers(): number {
    let count = 0
    for (const { cursors } of this.groups) count += cursors.length
    return count
  }

  add(cursor: TopicCursor, hz: number): Group {
    const { conflate } = cursor
    let group = this.groups.find((candidate) => candidate.hz === hz && candidate.conflate === conflate)
    if (group === undefined) {
      group = { topic: this, hz, conflate, cursors: [], offered: this.log.next, due: false }
      this.groups.push(group)
    }
    cursor.index = group.cursors.length
    group.cursors.push(cursor)
    return group
  }

  remove(cursor: TopicCursor, group: Group): void {
    cursor.live = false
    const last = group.cursors.pop() as TopicCursor
    if (last !== cursor) {
      group.cursors[cursor.index] = last
      last.index = cursor.index
    }
    if (group.cursors.length === 0) this.groups.splice(this.groups.indexOf(group), 1)
  }

  /** Trims the ring to its retention, but keeps what a throttled group still waits for. */
  trim(now: number): void {
    let keep = this.log.next
    for (const { conflate, offered } of this.groups) if (!conflate && offered < keep) keep = offered
    this.log.trim(this.retention, keep, now)
  }
}
