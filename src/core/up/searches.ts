import type { MessageOf } from '../../protocol/schema.ts'
import type { Limits } from '../ground/config.ts'
import type { Timers } from '../ground/timers.ts'
import type { Elsewhere, Joined } from '../session/elsewhere.ts'
import { mayJoin } from '../session/grant.ts'
import type { Session } from '../session/session.ts'
import { JoinAsks, type JoinAsksHost } from './join-asks.ts'

/** The other nodes, as JOINs need them. */
export interface Cluster extends Elsewhere {
  /** This node's incarnation. */
  readonly self: number
  /** Asks which node has a meeting. `found` is called once, perhaps at once: 0 for none, null where no answer came. */
  find(name: string, now: number, found: (owner: number | null, now: number) => void): void
}

/** Where a search has led. */
export interface SearchHost extends Pick<JoinAsksHost<number | null>, 'proceed'> {
  /** The meeting is open on this node, on none (`owner` 0), or it could not be learnt (null). */
  found(session: Session, join: MessageOf<'join'>, owner: number | null, now: number): void
  /** The node that has the meeting has answered the JOIN. */
  joined(session: Session, join: MessageOf<'join'>, answer: Joined, now: number): void
}

/**
 * The JOINs to meetings that are not open here. Another node may have the meeting: the cluster is asked which, and the
 * JOIN goes there.
 */
export class Searches {
  readonly #cluster: Cluster
  readonly #host: SearchHost
  readonly #asks: JoinAsks<number | null>
  /** Sessions whose JOIN another node is to answer. */
  readonly #away: Set<Session> = new Set()
  /** Sessions whose JOIN has come to a node that did not have the meeting any more. */
  readonly #astray: Set<Session> = new Set()
  /** Sessions whose clients have been asked for what they have of the meeting, since nobody has it. */
  readonly #recalled: Set<Session> = new Set()

  constructor(limits: Limits, timers: Timers, cluster: Cluster, host: SearchHost) {
    this.#cluster = cluster
    this.#host = host
    this.#asks = new JoinAsks(timers, {
      timer: 'search',
      most: limits.searches,
      share: limits.searchesPerUser,
      waitMs: limits.authorizeMs,
      put: (ask, now) => cluster.find(ask.name, now, (owner, at) => this.#asks.answer(ask, owner, at)),
      proceed: (session, then) => host.proceed(session, then),
      late: () => {},
      deliver: (session, join, owner, now) => this.#found(session, join, owner, now),
    })
  }

  /**
   * Looks for the meeting of a JOIN; the session's upstream queue is held until it is answered, or found to be here.
   */
  begin(session: Session, join: MessageOf<'join'>, now: number): void {
    const owner = this.#cluster.ownerOf(join.meeting)
    if (owner === 0) this.#asks.ask(session, join, now)
    else this.#found(session, join, owner, now)
  }

  /** A client that holds frames of a later owner shows them before it is seated: they would be undone. False: none. */
  recall(session: Session, join: MessageOf<'join'>, now: number): boolean {
    if (session.outlet === null || !this.#cluster.outruns(join)) return false
    this.#recalled.add(session)
    this.#joinAt(0, session, join, now, false)
    return true
  }

  /** The session has ended. */
  drop(session: Session): void {
    this.#asks.drop(session)
    this.#astray.delete(session)
    this.#recalled.delete(session)
    if (!this.#away.delete(session)) return
    session.goOn()
    this.#cluster.drop(session)
  }

  #found(session: Session, join: MessageOf<'join'>, owner: number | null, now: number): void {
    const isAstray = this.#astray.delete(session)
    const isRecalled = this.#recalled.delete(session)
    // Its ticket may be another one by now, or its connection gone, and with it whoever would read.
    if (!mayJoin(session.grant, join.meeting, join.spectator))
      this.#host.joined(session, join, 'FORBIDDEN', now)
    else if (session.outlet === null) this.#host.joined(session, join, 'UNKNOWN', now)
    else if (owner === 0 && !isRecalled && this.#cluster.recalls(join)) {
      this.#recalled.add(session)
      this.#joinAt(0, session, join, now, false)
    } else if (owner === null || owner === 0 || owner === this.#cluster.self)
      this.#host.found(session, join, owner, now)
    else this.#joinAt(owner, session, join, now, isAstray)
  }

  /**
   * `isAstray`: it has been to a node that did not have the meeting, which may have been opened elsewhere since. One
   * that a second node does not have is open nowhere.
   */
  #joinAt(owner: number, session: Session, join: MessageOf<'join'>, now: number, isAstray: boolean): void {
    session.wait(join)
    this.#away.add(session)
    this.#cluster.join(owner, session, join, now, (answer, at) => {
      if (!this.#away.delete(session)) return
      session.goOn()
      if (answer !== 'NOT_FOUND') {
        this.#recalled.delete(session)
        this.#host.joined(session, join, answer, at)
      } else if (isAstray) this.#host.found(session, join, 0, at)
      else {
        this.#astray.add(session)
        this.begin(session, join, at)
      }
    })
  }
}
