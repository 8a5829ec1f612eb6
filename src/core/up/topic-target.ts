import type { ErrorCode } from '../../protocol/errors.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Account } from '../session/account.ts'
import type { HeldSubscribe } from '../session/parts.ts'
import type { Session } from '../session/session.ts'

/** The topics as a target of messages. */
export interface TopicTarget {
  /**
   * Holds a SUBSCRIBE while topics of it, which nobody has read here before, get what other nodes keep of them. True:
   * `held` is used later, once, unless the session ends before. `names`: those that it may read.
   */
  hold(
    session: Session,
    message: MessageOf<'subscribe'>,
    names: Iterable<string>,
    now: number,
    held: HeldSubscribe,
  ): boolean
  /** The session has ended. */
  drop(session: Session, now: number): void
  /** Subscribes a session to a topic. The caller has checked name, grant and connection. */
  subscribe(
    session: Session,
    call: number,
    index: number,
    topic: MessageOf<'subscribe'>['topics'][number],
    now: number,
  ): MessageOf<'subscribed'> | ErrorCode
  /** Whether a user's publication to this topic waits. */
  mustWait(name: string, by: Account): boolean
  /** Whether it waits until the business has heard others, so it would be one too many where it cannot wait. */
  isUnheard(name: string, by: Account): boolean
  /** Appends an entry for a user. Returns the topic's pressure, 0–1, or the error. */
  publish(
    name: string,
    data: Payload,
    key: string,
    tombstone: boolean,
    now: number,
    by: Account,
  ): number | ErrorCode
}
