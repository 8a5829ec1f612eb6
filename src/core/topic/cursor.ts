import { weights } from '../ground/weights.ts'
import { Cursor, type Log, type Outlet } from '../log/log.ts'
import type { Subscription } from '../session/parts.ts'
import type { CursorInfo } from '../session/session-info.ts'

/** What happens to a reader that falls off a topic's ring. The numbers are those on the wire. */
export const policies = { skip: 0, conflate: 1, disconnect: 2 } as const

/** The options of a subscription. */
export interface Wish {
  readonly conflate: boolean
  readonly policy: number
  /** Only these keys; null for all. */
  readonly keys: ReadonlySet<string> | null
}

/** Shared objects for the options of nearly all subscriptions. */
const common: readonly Wish[] = [false, true].flatMap((conflate) =>
  Object.values(policies).map((policy) => ({ conflate, policy, keys: null })),
)

export function wishOf(conflate: boolean, policy: number, keys: ReadonlySet<string> | null): Wish {
  const known = common.find((wish) => wish.conflate === conflate && wish.policy === policy)
  return keys === null && known !== undefined ? known : { conflate, policy, keys }
}

/** Whether a reader with these options is disconnected when it falls off the ring. */
export function isStrict({ conflate, policy }: Wish): boolean {
  return !conflate && policy === policies.disconnect
}

/** What a subscription with these options weighs in memory. */
export function weighWish({ keys }: Wish): number {
  let bytes: number = weights.subscription
  for (const key of keys ?? []) bytes += weights.key + key.length
  return bytes
}

/** A topic as its readers see it. */
export interface TopicView extends Log {
  readonly name: string
  readonly first: number
  readonly next: number
  leave(cursor: TopicCursor, now: number): void
}

/** A subscription: a position in a topic's log, and the subscriber's options. */
export class TopicCursor extends Cursor implements Subscription {
  declare readonly log: TopicView
  readonly wish: Wish
  /**
   * Not null while the cursor reads the latest values from position 0 on. It is then the end of the log when the cursor
   * began: removals before that are left out, because the reader never held those keys.
   */
  values: number | null
  /** A GAP told the reader that up to this position it gets only the latest values. */
  conflatedTo = 0
  /** Position of the last hole that the reader was told of. */
  holeAt = -1
  /** The rung of its group in Hz, and its neighbours in the group. */
  readonly hz: number
  before: TopicCursor | null = null
  after: TopicCursor | null = null

  constructor(log: TopicView, outlet: Outlet, position: number, wish: Wish, values: boolean, hz: number) {
    super(log, outlet, outlet.topicLane, position)
    this.wish = wish
    this.hz = hz
    this.values = values ? log.next : null
  }

  get name(): string {
    return this.log.name
  }

  get weight(): number {
    return weighWish(this.wish)
  }

  get place(): CursorInfo {
    const { name, first, next } = this.log
    return { of: 'topic', name, position: this.position, first, next }
  }

  end(now: number): void {
    this.log.leave(this, now)
  }
}
