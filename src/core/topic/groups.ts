import { Timer, type Timers } from '../ground/timers.ts'
import { isStrict, type TopicCursor } from './cursor.ts'

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

/**
 * The subscribers of one topic that are told of news together, and trimmed behind together: of the same rung, all
 * conflating or none, all to be disconnected when they fall off the ring or none. Linked, not listed, and without what
 * any member says: most groups have one member.
 */
export class Group {
  /** The position up to which its cursors were marked. */
  offered: number
  /** Members that had not taken what they were offered before. */
  behind = 0
  size = 0
  first: TopicCursor | null = null
  /** It waits for its rung's next flush. */
  due = false
  /** The next group of the topic. */
  next: Group | null = null

  constructor(offered: number) {
    this.offered = offered
  }

  /** Any member; one that a topic lists has one. */
  get #one(): TopicCursor {
    return this.first as TopicCursor
  }

  /** The rung; 0 for none. */
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
    // The last of them may have left while it waited for its rung.
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

/** One step of the ladder: the groups that wait for its next flush. */
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
      // A product may round down to the moment it should lie behind.
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

  /** Flushes a group now, where it has no rung, else with all others of its rung. */
  news(group: Group, now: number): void {
    if (group.hz === 0) this.#flush(group)
    else (this.#rungs.get(group.hz) as Rung).wait(group, this.#timers, now)
  }
}
