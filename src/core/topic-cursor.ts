import { Cursor } from './log.ts'
import type { Session } from './session.ts'
import type { Group, Topic } from './topic.ts'
import type { TopicLog } from './topic-log.ts'

/** How a topic's reader that fell off the ring goes on. The numbers are those of the wire. */
export const policies = { skip: 0, conflate: 1, disconnect: 2 } as const

/** A subscription: a place in a topic's log and what this subscriber wants of it. */
export class TopicCursor extends Cursor {
  declare readonly log: TopicLog
  readonly conflate: boolean
  readonly policy: number
  readonly keys: ReadonlySet<string> | null
  /** It reads the compacted log, from position 0, until it reaches the head: a new reader of a keyed topic. */
  values: boolean
  /** The group it is in, and its neighbours there. */
  group: Group | null = null
  before: TopicCursor | null = null
  after: TopicCursor | null = null
  /** The last hole it was told of. */
  holeAt = -1

  get topic(): Topic {
    return (this.group as Group).topic
  }

  constructor(
    log: TopicLog,
    session: Session,
    position: number,
    wish: { conflate: boolean; policy: number; keys: ReadonlySet<string> | null; values: boolean },
  ) {
    super(log, session, position)
    this.conflate = wish.conflate
    this.policy = wish.policy
    this.keys = wish.keys
    this.values = wish.values
  }
}
