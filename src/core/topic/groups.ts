import { Timer, type Timers } from '../ground/timers.ts'
import { isStrict, type TopicCursor } from './cursor.ts'

/**
 * Rates in Hz that `maxHz` is rounded down to. All flushes of a rung share one phase, so that subscribers share
 * batches.
 */
export const ladder: readonly number[] = [1, 2, 5, 10, 20, 30, 60]

/** The rung for a `maxHz`; 0 (no limit) for 0 and for rates above the ladder. */
export function rungOf(maxHz: number): number {
  if (maxHz > (ladder.at(-1) as number)) return 0
  return ladder.findLast((hz) => hz <= maxHz) ?? 0
}

/**
 * Subscribers of one topic that are notified together: all of the same rung, all conflating or none, all strict
 * (disconnected when they fall off the ring) or none. To save memory the members form a linked list, and what is common
 * to them is read from the first: most groups have one member.
 */
export class Group {
  /** The position up to which its cursors were marked. */
  offered: number
  /** Members that had not yet read what was last offered. */
  behind = 0
  size = 0
  first: TopicCursor | null = null
  /** Whether the group waits for its rung's next flush. */
  due = false
  /** The next group of the topic. */
  next: Group | null = null

  constructor(offered: number) {
    this.offered = offered
  }

  /** Any member. A group that a topic lists always has one. */
  get #one(): TopicCursor {
    return this.first as TopicCursor
  }

  /** The rung in Hz; 0 for none. */
  get hz(): number {
    return this.#one.hz
  }

  get conflate(): boolean {
    return this.#one.wish.conflate
  }

  get strict(): boolean {
    return isStrict(this.#one.wish)
  }

  suits({ hz, wish }: TopicCursor): boolean {
    return this.hz === hz && this.conflate === wish.conflate && this.strict === isStrict(wish)
  }

  add(cursor: TopicCursor): void {
    cursor.after = this.first
    if (this.first !== null) this.first.before = cursor
    this.first = cursor
    this.size++
  }

  remove(cursor: TopicCursor): void {
    if (cursor.before === null) this.first = cursor.after
    else cursor.before.after = cursor.after
    if (cursor.after !== null) cursor.after.before = cursor.before
    this.size--
  }

  /** Calls `mark` for each member that has something to read. */
  offer(mark: (cursor: TopicCursor) => void): void {
    // The last member may have left while the group waited for its rung.
    if (this.first === null) return
    const { next } = this.first.log
    let behind = 0
    for (let cursor: TopicCursor | null = this.first; cursor !== null; cursor = cursor.after) {
      if (cursor.position < this.offered) behind++
      if (cursor.position !== next) mark(cursor)
    }
    this.behind = behind
    this.offered = next
  }
}

/** One step of the ladder, with the groups that wait for its next flush. */
class Rung {
  readonly #interval: number
  readonly #timer: Timer
  #groups: Group[] = []

  constructor(hz: number, flush: (group: Group) => void) {
    this.#interval = 1000 / hz
    this.#timer = new Timer('rung', () => {
      const groups = this.#groups
      this.#groups = []
      for (const group of groups) {
        group.due = false
        flush(group)
      }
    })
  }

  wait(group: Group, timers: Timers, now: number): void {
    if (group.due) return
    group.due = true
    if (this.#groups.length === 0) {
      const next = (Math.floor(now / this.#interval) + 1) * this.#interval
      // The product may be rounded down to `now` itself, and must lie after it.
      timers.set(this.#timer, next > now ? next : next + this.#interval)
    }
    this.#groups.push(group)
  }
}

/** The rungs of a node, shared by all its topics. */
export class Rungs {
  readonly #timers: Timers
  readonly #flush: (group: Group) => void
  readonly #rungs: Map<number, Rung>

  constructor(timers: Timers, flush: (group: Group) => void) {
    this.#timers = timers
    this.#flush = flush
    this.#rungs = new Map(ladder.map((hz) => [hz, new Rung(hz, flush)]))
  }

  /** Flushes a group: at once when it has no rung, else together with the others of its rung. */
  news(group: Group, now: number): void {
    if (group.hz === 0) this.#flush(group)
    else (this.#rungs.get(group.hz) as Rung).wait(group, this.#timers, now)
  }
}
