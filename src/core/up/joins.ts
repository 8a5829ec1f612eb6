import { isName } from '../../protocol/names.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Limits } from '../ground/config.ts'
import { isEdge } from '../ground/incarnation.ts'
import type { Timers } from '../ground/timers.ts'
import type { Application } from '../ports.ts'
import { AGAIN_MS, type Joined } from '../session/elsewhere.ts'
import { mayJoin } from '../session/grant.ts'
import type { Session } from '../session/session.ts'
import type { JoinAsksHost } from './join-asks.ts'
import { Openings } from './openings.ts'
import { type Cluster, Searches } from './searches.ts'

/** The meetings of this node as a target of JOINs. */
export interface JoinTarget {
  /** Seats the session in a meeting; NOT_FOUND when it is not open. */
  join(session: Session, message: MessageOf<'join'>, now: number): Joined
}

/** Where the answers to JOINs go. */
export interface JoinsHost extends Pick<JoinAsksHost<never>, 'proceed'> {
  /** Answers a JOIN, whose session goes on with what waits behind it. */
  answer(session: Session, message: MessageOf<'join'>, joined: Joined, now: number): void
  /** See `SearchHost`. */
  wake(session: Session): void
  again(session: Session, message: MessageOf<'join'>, now: number): void
}

/**
 * Places a JOIN that is allowed: in a meeting that is open here, or else in one that another node has, or else in one
 * that the business opens for it.
 */
export class Joins {
  readonly openings: Openings
  readonly #searches: Searches | null
  readonly #limits: Limits
  readonly #application: Application
  readonly #meetings: JoinTarget
  readonly #host: JoinsHost
  /** Whether meetings may be opened on this node. */
  readonly #opens: boolean
  /** JOINs for which the business was asked, and which look once more for what it may have opened elsewhere. */
  readonly #asked: WeakSet<MessageOf<'join'>> = new WeakSet()

  /** `cluster`: null for a node alone. */
  constructor(
    limits: Limits,
    timers: Timers,
    application: Application,
    meetings: JoinTarget,
    cluster: Cluster | null,
    host: JoinsHost,
  ) {
    this.#limits = limits
    this.#application = application
    this.#meetings = meetings
    this.#host = host
    this.#opens = cluster === null || !isEdge(cluster.self)
    const proceed: JoinsHost['proceed'] = (session, then) => host.proceed(session, then)
    const opened = (session: Session, message: MessageOf<'join'>, now: number): void => {
      this.#asked.add(message)
      // Its ticket may be another one by now.
      if (mayJoin(session.grant, message.meeting, message.spectator)) this.seat(session, message, now)
      else this.#answer(session, message, now, 'FORBIDDEN')
    }
    this.openings = new Openings(limits, timers, application, opened, proceed)
    this.#searches =
      cluster &&
      new Searches(limits, timers, cluster, {
        found: (session, message, owner, now) => this.#found(session, message, owner, now),
        joined: (session, message, joined, now) => this.#answer(session, message, now, joined),
        wake: (session) => host.wake(session),
        again: (session, message, now) => host.again(session, message, now),
        seat: (session, message, now) => this.seat(session, message, now),
        proceed,
      })
  }

  /** Places a JOIN. */
  seat(session: Session, message: MessageOf<'join'>, now: number): void {
    if (this.#searches?.waits(session, message) === true) return
    if (this.#searches?.recall(session, message, now) === true) return
    const joined = this.#meetings.join(session, message, now)
    if (joined !== 'NOT_FOUND') this.#answer(session, message, now, joined)
    else if (this.#searches !== null && session.outlet !== null && isName(message.meeting))
      this.#searches.begin(session, message, now)
    else this.#open(session, message, now)
  }

  /** The session has ended. */
  drop(session: Session): void {
    this.openings.drop(session)
    this.#searches?.drop(session)
  }

  /** The cluster was asked: no other node has the meeting, or (null) nobody could say. */
  #found(session: Session, message: MessageOf<'join'>, owner: number | null, now: number): void {
    // It may have been opened here meanwhile.
    const joined = this.#meetings.join(session, message, now)
    if (joined !== 'NOT_FOUND') this.#answer(session, message, now, joined)
    else if (owner === null) this.#answer(session, message, now, unplaced(message.meeting))
    else this.#open(session, message, now)
  }

  /** The meeting is open on no node. */
  #open(session: Session, message: MessageOf<'join'>, now: number): void {
    const { meetingsPerUser: most } = this.#limits
    const isHopeless = this.#asked.has(message) || !isName(message.meeting)
    if (!this.#opens || !this.openings.on || session.outlet === null || isHopeless)
      this.#answer(session, message, now, 'NOT_FOUND')
    else if (session.account.meetings < most) this.openings.ask(session, message, now)
    else {
      const text = `more than ${most} meetings opened for one user`
      this.#answer(session, message, now, { code: 'LIMIT', message: text, retryAfterMs: 0 })
    }
  }

  #answer(session: Session, message: MessageOf<'join'>, now: number, joined: Joined): void {
    if (typeof joined !== 'string' && 'code' in joined && joined.code === 'CONFIG_MISMATCH')
      this.#application.mismatched?.(message.meeting, joined.message)
    this.#host.answer(session, message, joined, now)
  }
}

function unplaced(name: string): Joined {
  const text = `the cluster has not said in time which node has ${name}; try again`
  return { code: 'BUSY', message: text, retryAfterMs: AGAIN_MS }
}
