import { Cursor, LANE, type Log, type Outlet } from '../log/log.ts'
import type { Subscription } from '../session/parts.ts'
import type { CursorInfo } from '../session/session-info.ts'

/** How a topic's reader that fell off the ring goes on. The numbers are those of the wire. */
export const policies = { skip: 0, conflate: 1, disconnect: 2 } as const

/** How a subscriber wants to read. */
export interface Wish {
  readonly conflate: boolean
  readonly policy: number
  /** Only these keys; null for all. */
  readonly keys: ReadonlySet<string> | null
}

/** Nearly everybody wants one of these. */
const common: readonly Wish[] = [false, true].flatMap((conflate) =>
  Object.values(policies).map((policy) => ({ conflate, policy, keys: null })),
)

export function wishOf(conflate: boolean, policy: number, keys: ReadonlySet<string> | null): Wish {
  const known = common.find((wish) => wish.conflate === conflate && wish.policy === policy)
  return keys === null && known !== undefined ? known : { conflate, policy, keys }
}

/** A topic, as far as its readers know it. */
export interface TopicView extends Log {
  readonly name: string
  readonly first: number
  readonly next: number
  leave(cursor: TopicCursor, now: number): void
}

/** The subscribers of one topic on one rung that conflate, or that do not. Linked, not listed: most have one member. */
export class Group {
  readonly hz: number
  readonly conflate: boolean
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

  constructor(hz: number, conflate: boolean, offered: number) {
    this.hz = hz
    this.conflate = conflate
    this.offered = offered
  }
}

/** A subscription: a place in a topic's log and what this subscriber wants of it. */
export class TopicCursor extends Cursor implements Subscription {
  declare readonly log: TopicView
  readonly wish: Wish
  /** It reads the compacted log, from position 0, until it reaches the head: a new reader of a keyed topic. */
  values: boolean
  /** The group it is in, and its neighbours there. */
  group: Group | null = null
  before: TopicCursor | null = null
  after: TopicCursor | null = null
  /** The last hole it was told of. */
  holeAt = -1

  constructor(log: TopicView, outlet: Outlet, position: number, wish: Wish, values: boolean) {
    super(log, outlet, LANE.topics, position)
    this.wish = wish
    this.values = values
  }

  get name(): string {
    return this.log.name
  }

  get place(): CursorInfo {
    const { name, first, next } = this.log
    return { of: 'topic', name, position: this.position, first, next }
  }

  end(now: number): void {
    this.log.leave(this, now)
  }
}
