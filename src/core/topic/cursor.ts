import { Cursor } from '../log/log.ts'
import type { Session } from '../session/session.ts'
import type { Group } from './groups.ts'
import type { Topic } from './topic.ts'

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

/** A subscription: a place in a topic's log and what this subscriber wants of it. */
export class TopicCursor extends Cursor {
  declare readonly log: Topic
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
  /** The group it is in, and its neighbours there. */
  group: Group | null = null
  before: TopicCursor | null = null
  after: TopicCursor | null = null

  constructor(log: Topic, session: Session, position: number, wish: Wish, values: boolean) {
    super(log, session, position)
    this.wish = wish
    this.values = values ? log.next : null
  }
}
