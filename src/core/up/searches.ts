import type { MessageOf } from '../../protocol/schema.ts'
import type { Limits } from '../ground/config.ts'
import type { Timers } from '../ground/timers.ts'
import { weights } from '../ground/weights.ts'
import type { Elsewhere, Joined } from '../session/elsewhere.ts'
import { mayJoin } from '../session/grant.ts'
import type { Session } from '../session/session.ts'
import { weighMessage } from '../session/upstream-queue.ts'
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
  /** What waits behind a JOIN that has been put aside is delivered. */
  wake(session: Session): void
  /** A JOIN that was put aside is to be placed anew, in its session's turn. */
  again(session: Session, join: MessageOf<'join'>, now: number): void
  /** The same for one that has waited for an earlier one to its meeting. */
  seat(session: Session, join: MessageOf<'join'>, now: number): void
}

/** A JOIN that another node is to answer. `aside`: what it weighs where its session goes on meanwhile, else 0. */
interface Away {
  readonly join: MessageOf<'join'>
  aside: number
}

/**
 * The JOINs to meetings that are not open here. Another node may have the meeting: the cluster is asked which, and the
 * JOIN goes there.
 *
 * A JOIN of somebody who has had a seat in a meeting that outlives its node is put aside meanwhile: it may wait for
 * others to come back, and they for its session in another meeting, which a JOIN behind it names.
 */
export class Searches {
  readonly #cluster: Cluster
  readonly #host: SearchHost
  readonly #asks: JoinAsks<number | null>
  readonly #limits: Limits
  /** What other nodes are to answer, by session and meeting. */
  readonly #away: Map<Session, Map<string, Away>> = new Map()
  /** The JOIN of a session that waits for an earlier one to the same meeting; its upstream queue is held. */
  readonly #behind: Map<Session, MessageOf<'join'>> = new Map()
  /** JOINs that have come to a node that did not have the meeting any more; and those that nobody has, as is known. */
  readonly #astray: WeakSet<MessageOf<'join'>> = new WeakSet()
  readonly #nowhere: WeakSet<MessageOf<'join'>> = new WeakSet()
  /** JOINs whose clients have been asked for what they have of the meeting, since nobody has it. */
  readonly #recalled: WeakSet<MessageOf<'join'>> = new WeakSet()

  constructor(limits: Limits, timers: Timers, cluster: Cluster, host: SearchHost) {
    this.#limits = limits
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
   * Looks for the meeting of a JOIN; the session's upstream queue is held until it is answered, put aside, or found to
   * be here.
   */
  begin(session: Session, join: MessageOf<'join'>, now: number): void {
    if (this.#nowhere.delete(join)) return this.#host.found(session, join, 0, now)
    const owner = this.#cluster.ownerOf(join.meeting)
    if (owner === 0) this.#asks.ask(session, join, now)
    else this.#found(session, join, owner, now)
  }

  /** A client that holds frames of a later owner shows them before it is seated: they would be undone. False: none. */
  recall(session: Session, join: MessageOf<'join'>, now: number): boolean {
    const isOver = this.#recalled.has(join) || session.outlet === null
    if (isOver || !this.#cluster.outruns(join)) return false
    this.#recalled.add(join)
    this.#joinAt(0, session, join, now)
    return true
  }

  /** Whether a JOIN waits for the answer to an earlier one of its session to the same meeting. */
  waits(session: Session, join: MessageOf<'join'>): boolean {
    if (this.#away.get(session)?.has(join.meeting) !== true) return false
    session.wait(join)
    this.#behind.set(session, join)
    return true
  }

  /** The session has ended. */
  drop(session: Session): void {
    this.#asks.drop(session)
    if (this.#behind.delete(session)) session.goOn()
    const away = this.#away.get(session)
    if (away === undefined) return
    this.#away.delete(session)
    for (const { aside } of away.values())
      if (aside > 0) session.payer.hold(-aside)
      else session.goOn()
    this.#cluster.drop(session)
  }

  #found(session: Session, join: MessageOf<'join'>, found: number | null, now: number): void {
    const isRecalled = this.#recalled.delete(join)
    // Nobody had it; by now members may be showing what they have kept of it.
    const owner = found === 0 ? this.#cluster.ownerOf(join.meeting) : found
    // Its ticket may be another one by now, or its connection gone, and with it whoever would read.
    if (!mayJoin(session.grant, join.meeting, join.spectator))
      this.#host.joined(session, join, 'FORBIDDEN', now)
    else if (session.outlet === null) this.#host.joined(session, join, 'UNKNOWN', now)
    else if (owner === 0 && !isRecalled && this.#cluster.recalls(join)) {
      this.#astray.delete(join)
      this.#recalled.add(join)
      this.#joinAt(0, session, join, now)
    } else if (owner === null || owner === 0 || owner === this.#cluster.self)
      this.#host.found(session, join, owner, now)
    else this.#joinAt(owner, session, join, now)
  }

  /** One that has been to a node that did not have the meeting may have it opened elsewhere since, but only once. */
  #joinAt(owner: number, session: Session, join: MessageOf<'join'>, now: number): void {
    const wasAstray = this.#astray.delete(join)
    const all = this.#away.get(session) ?? new Map<string, Away>()
    const mayGoOn = join.held.length > 0 && session.seats.size + all.size < this.#limits.meetingsPerSession
    const away = { join, aside: 0 }
    this.#away.set(session, all.set(join.meeting, away))
    session.wait(join)
    this.#cluster.join(owner, session, join, now, (answer, at) => {
      if (!this.#isBack(session, away)) return
      if (away.aside > 0) session.payer.hold(-away.aside)
      else session.goOn()
      if (answer !== 'NOT_FOUND') {
        this.#recalled.delete(join)
        this.#host.joined(session, join, answer, at)
      } else {
        const next = wasAstray ? this.#nowhere : this.#astray
        next.add(join)
        // The later one counts.
        const isReplaced = this.#behind.get(session)?.meeting === join.meeting
        if (isReplaced) this.#host.joined(session, join, 'UNKNOWN', at)
        else if (away.aside > 0) this.#host.again(session, join, at)
        else this.begin(session, join, at)
      }
      this.#followUp(session, join)
    })
    if (!mayGoOn || this.#away.get(session)?.get(join.meeting) !== away) return
    session.goOn()
    away.aside = weighMessage(join) + weights.question
    session.payer.hold(away.aside)
    this.#host.wake(session)
  }

  /** False: its session has ended meanwhile. */
  #isBack(session: Session, away: Away): boolean {
    const all = this.#away.get(session)
    if (all?.get(away.join.meeting) !== away) return false
    all.delete(away.join.meeting)
    if (all.size === 0) this.#away.delete(session)
    return true
  }

  /** A JOIN is answered: the one that has waited for it goes on. */
  #followUp(session: Session, { meeting }: MessageOf<'join'>): void {
    const behind = this.#behind.get(session)
    if (behind?.meeting !== meeting || this.#away.get(session)?.has(meeting) === true) return
    this.#behind.delete(session)
    this.#host.proceed(session, (now) => {
      session.goOn()
      this.#host.seat(session, behind, now)
    })
  }
}
