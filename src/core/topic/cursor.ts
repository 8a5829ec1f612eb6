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

/** Whether such a reader is to be disconnected when it falls off the ring. */
export function isStrict({ conflate, policy }: Wish): boolean {
  return !conflate && policy === policies.disconnect
}

/** A topic, as far as its readers know it. */
export interface TopicView extends Log {
  readonly name: string
  readonly first: number
  readonly next: number
  leave(cursor: TopicCursor, now: number): void
}

/** A subscription: a place in a topic's log and what this subscriber wants of it. */
export class TopicCursor extends Cursor implements Subscription {
  declare readonly log: TopicView
  readonly wish: Wish
  /**
   * Not null while it takes the latest values from position 0 on: the end of the log when it began, because what was
   * removed before then it never held.
   */
  values: number | null
  /** Up to here it was told, by a GAP, that it gets only the latest values. */
  conflatedTo = 0
  /** The last hole it was told of. */
  holeAt = -1
  /** The rung of its group, and its neighbours there. */
  readonly hz: number
  before: TopicCursor | null = null
  after: TopicCursor | null = null

  constructor(log: TopicView, outlet: Outlet, position: number, wish: Wish, values: boolean, hz: number) {
    super(log, outlet, LANE.topics, position)
    this.wish = wish
    this.hz = hz
    this.values = values ? log.next : null
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
