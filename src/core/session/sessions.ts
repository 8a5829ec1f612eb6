import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { NodeConfig } from '../ground/config.ts'
import { Queue } from '../ground/queue.ts'
import type { Stats } from '../ground/stats.ts'
import type { Timers } from '../ground/timers.ts'
import { weights } from '../ground/weights.ts'
import { costs } from '../ground/work.ts'
import type { Outlet } from '../log/log.ts'
import type { Grant } from '../ports.ts'
import { Account, type Rates, ratesOf } from './account.ts'
import type { SessionInfo } from './session-info.ts'
import { Session, type SessionHost } from './session.ts'
import type { HandedSession } from './handed-session.ts'
import { weigh as weighEntry } from './session-log.ts'
import { User } from './user.ts'

/** All sessions of a node, by id and by user. */
export class Sessions {
  readonly #config: NodeConfig
  readonly #timers: Timers
  readonly #stats: Stats
  readonly #host: SessionHost
  readonly #byId: Map<string, Session> = new Map()
  readonly #byUser: Map<string, User<Session>> = new Map()
  readonly #rates: Rates
  /** How many of them other nodes go on with. */
  #gone = 0
  /** Users without a session, in the order in which they lost their last one or were looked at. */
  readonly #idle: Queue<string, Account> = new Queue()

  constructor(config: NodeConfig, timers: Timers, stats: Stats, host: SessionHost) {
    this.#config = config
    this.#timers = timers
    this.#stats = stats
    this.#host = host
    this.#rates = ratesOf(config.limits)
  }

  get size(): number {
    return this.#byId.size - this.#gone
  }

  all(): Iterable<Session> {
    return this.#byId.values()
  }

  /** The users that have sessions. */
  users(): Iterable<string> {
    return this.#byUser.keys()
  }

  of(user: string): Iterable<Session> {
    return this.#byUser.get(user)?.sessions ?? []
  }

  /**
   * The session of a user that makes room for a new one: of those without a connection the oldest, preferably one that
   * keeps no seat. Undefined when all have a connection.
   */
  loser(user: string): Session | undefined {
    const away = [...this.of(user)].filter(({ state }) => state.is === 'away')
    const seatless = away.filter(({ seats }) => seats.size === 0)
    return (seatless.length > 0 ? seatless : away).sort((a, b) => a.expiry.at - b.expiry.at)[0]
  }

  /** Up to `most` of them, the oldest first: of one user, or of all. `requests`: how many are open of a session. */
  list(most: number, user: string | undefined, requests: (session: Session) => number): SessionInfo[] {
    const list: SessionInfo[] = []
    for (const session of user === undefined ? this.all() : this.of(user)) {
      if (session.isGone) continue
      if (list.length === most) break
      list.push(session.info(requests(session)))
    }
    return list
  }

  /** What waits in all upstream queues: inputs, and bytes. */
  get waiting(): { readonly inputs: number; readonly bytes: number } {
    let [inputs, bytes] = [0, 0]
    for (const { upstream } of this.all()) {
      inputs += upstream.inputs
      bytes += upstream.bytes
    }
    return { inputs, bytes }
  }

  /** Number of a user's sessions, and how many of them have a connection. */
  presence(user: string): { readonly sessions: number; readonly connected: number } {
    const sessions = [...this.of(user)]
    return { sessions: sessions.length, connected: sessions.filter(({ outlet }) => outlet !== null).length }
  }

  /**
   * Attaches an outlet to the session that a HELLO names, or to a new one; `reason` says why it is new. Returns
   * 'stolen' when the id belongs to another user, 'limit' when the user has too many sessions or holds too much of a
   * full node, 'failed' when randomness, which comes from a port, has thrown, so that a new one gets no id.
   */
  attach(
    outlet: Outlet,
    hello: MessageOf<'hello'>,
    grant: Grant,
  ): { session: Session; resumed: boolean; reason: ErrorCode | '' } | 'stolen' | 'limit' | 'failed' {
    const known = hello.session === '' ? undefined : this.get(hello.session)
    if (known !== undefined && known.user !== grant.user) return 'stolen'
    const session = known ?? this.#open(grant)
    if (typeof session === 'string') return session
    session.state = { is: 'live', outlet }
    session.moves = hello.moves
    this.renew(session, grant)
    this.#host.counted(session.user)
    const resumed = known !== undefined
    if (resumed) {
      this.#stats.sessionsResumed++
      session.arrive(hello.received)
    }
    return {
      session,
      resumed,
      reason: resumed || hello.session === '' ? '' : 'NOT_FOUND',
    }
  }

  /** The session of this id, unless another node goes on with it. */
  get(id: string): Session | undefined {
    const session = this.#byId.get(id)
    return session?.isGone === true ? undefined : session
  }

  // ---- from node to node

  /** The node that goes on with a session that was here; 0 where it is not known. */
  whereGone(id: string): number {
    const state = this.#byId.get(id)?.state
    return state?.is === 'gone' ? state.to : 0
  }

  /**
   * Hands a session without a connection over to node `to`. What it has under way here, and its seats, stay for as long
   * as it would have been waited for.
   */
  give(session: Session, to: number, now: number): HandedSession {
    const { user, payer } = session
    const state = session.handed
    session.state = { is: 'gone', to }
    session.release()
    this.#gone++
    const owner = payer as User<Session>
    owner.sessions.delete(session)
    const [oldest] = owner.gone
    if (oldest !== undefined && owner.gone.size >= this.#config.limits.sessionsPerUser)
      this.#host.expired(oldest, now)
    owner.gone.add(session)
    this.#timers.set(session.expiry, now + this.#config.limits.sessionKeepMs)
    this.#host.counted(user)
    this.#stats.sessionsGiven++
    return state
  }

  /**
   * Whether no more may come that nobody here has asked for: those of all connections that there can be are here, and as
   * many from other nodes.
   */
  get isCrowded(): boolean {
    return this.size >= 2 * this.#config.limits.connections
  }

  /** How long a user has to wait until another session may come from another node, in milliseconds. */
  debtOf(user: string, now: number): number {
    const account = this.#byUser.get(user)?.account ?? this.#idle.get(user)
    return account?.debt(now) ?? 0
  }

  /**
   * Goes on with a session of another node, for which the user pays as for other work. It has no connection yet. False:
   * there is no room for it, or it is here.
   */
  take(state: HandedSession, now: number): boolean {
    const { id, user: name } = state
    const here = this.#byId.get(id)
    if (here !== undefined && (here.user !== name || !here.isGone)) return false
    const bytes = weigh(state)
    if (!this.#host.budget.admits(this.#byUser.get(name)?.held ?? 0, weights.session + bytes)) return false
    const grant = { user: name, id: '', issued: 0, after: 0, expires: 0, meetings: [], read: [], write: [] }
    const session = here ?? this.#open(grant, id)
    if (typeof session === 'string') return false
    if (here !== undefined) {
      this.#gone--
      const user = here.payer as User<Session>
      user.gone.delete(here)
      user.sessions.add(here)
    }
    session.restore(state)
    session.account.pay(costs.session + bytes * costs.moved, now)
    this.detach(session, now)
    this.#stats.sessionsTaken++
    return true
  }

  /** Replaces the rights and the expiry of a session by those of a new token. */
  renew(session: Session, grant: Grant): void {
    session.grant = grant
    if (grant.expires > 0) this.#timers.set(session.expiry, grant.expires - this.#config.wallOffset)
    else this.#timers.clear(session.expiry)
  }

  /** The wall clock was set: recomputes when tokens expire in monotonic time. */
  retime(): void {
    for (const session of this.#byId.values()) if (session.outlet !== null) this.renew(session, session.grant)
  }

  #newId(): string | null {
    try {
      return [...this.#config.entropy(16)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    } catch {
      return null
    }
  }

  #open(grant: Grant, taken: string | null = null): Session | 'limit' | 'failed' {
    const known = this.#byUser.get(grant.user)
    const { budget } = this.#host
    if (known !== undefined && known.sessions.size >= this.#config.limits.sessionsPerUser) return 'limit'
    if (!budget.admits(known?.held ?? 0, weights.session)) return 'limit'
    const id = taken ?? this.#newId()
    if (id === null) return 'failed'
    const user = known ?? this.#return(grant.user)
    const session = new Session(id, grant, user, this.#host)
    this.#byId.set(id, session)
    user.sessions.add(session)
    user.hold(weights.session)
    if (taken === null) this.#stats.sessionsOpened++
    return session
  }

  /** A user has a session again, or for the first time. */
  #return(name: string): User<Session> {
    const account = this.#idle.get(name) ?? new Account(this.#rates, name)
    const { budget } = this.#host
    const user = new User<Session>(account, budget.ledgers.user, this.#host)
    budget.enter(user)
    account.belongTo(user)
    this.#idle.delete(name)
    this.#byUser.set(name, user)
    return user
  }

  /** Looks at two users without a session, one more than has just come, and forgets them if it may. */
  #forget(now: number): void {
    const idle = this.#idle
    for (let looks = 0; looks < 2 && idle.oldest !== undefined; looks++) {
      const name = idle.oldest
      const account = idle.get(name) as Account
      if (account.isSpotless(now)) idle.delete(name)
      else idle.set(name, account)
    }
    if (idle.oldest !== undefined && idle.size > this.#config.limits.idleUsers) idle.delete(idle.oldest)
  }

  /** The connection closed: the session waits for another one. */
  detach(session: Session, now: number): void {
    session.state = { is: 'away' }
    this.#host.counted(session.user)
    this.#timers.set(session.expiry, now + this.#config.limits.sessionKeepMs)
  }

  remove(session: Session, now: number): void {
    const { isGone } = session
    session.state = { is: 'ended' }
    if (isGone) this.#gone--
    else session.release()
    this.#timers.clear(session.expiry)
    this.#byId.delete(session.id)
    session.payer.hold(-weights.session)
    const { user: name, account } = session
    const user = this.#byUser.get(name)
    user?.sessions.delete(session)
    user?.gone.delete(session)
    if (user !== undefined && user.sessions.size + user.gone.size === 0) {
      this.#byUser.delete(name)
      this.#host.budget.leave(user)
      account.belongTo(null)
      this.#idle.set(name, account)
      this.#forget(now)
    }
    if (isGone) return
    this.#host.counted(name)
    this.#stats.sessionsEnded++
  }
}

/** What a session from another node makes this one hold. */
function weigh({ entries, said }: HandedSession): number {
  let bytes = 0
  for (const entry of entries) bytes += weighEntry(entry)
  for (const { data } of said) bytes += weighEntry(data.bytes)
  return bytes
}
