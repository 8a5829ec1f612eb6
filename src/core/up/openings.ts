import type { MessageOf } from '../../protocol/schema.ts'
import type { Limits } from '../ground/config.ts'
import type { Timers } from '../ground/timers.ts'
import type { Application } from '../ports.ts'
import type { Session } from '../session/session.ts'
import { JoinAsks, type JoinAsksHost } from './join-asks.ts'

/** Asks the business, if it wants to be asked, to open a meeting when a session asks to join one that is not open. */
export class Openings extends JoinAsks<true> {
  /** Whether the business wants to be asked. */
  on = false

  /** `deliver`: the business has opened the meeting, declined, or not answered in time. */
  constructor(
    limits: Limits,
    timers: Timers,
    application: Application,
    deliver: (session: Session, join: MessageOf<'join'>, now: number) => void,
    proceed: JoinAsksHost<true>['proceed'],
  ) {
    super(timers, {
      timer: 'opening',
      most: limits.openings,
      share: limits.openingsPerUser,
      waitMs: limits.authorizeMs,
      put: (ask) => application.openMissing(ask),
      proceed,
      late: (ask) => application.openMissingEnded(ask),
      deliver: (session, join, _, now) => deliver(session, join, now),
    })
  }
}
