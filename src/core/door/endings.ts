import type { ErrorCode } from '../../protocol/errors.ts'
import type { NodeConfig } from '../ground/config.ts'
import type { Outlet } from '../log/log.ts'
import type { Application, LossReason, ToldRevocation } from '../ports.ts'
import type { Session } from '../session/session.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Connections } from './connections.ts'
import type { Revocations, Revoked } from './revocations.ts'

/**
 * Why a sweep closes a connection, and the text of the GOODBYE. BROKEN has none, because its transport cannot carry
 * one.
 */
const dismissals = {
  SLOW: 'the reader is too slow',
  RATE: 'too much of what was sent had to be refused',
  BROKEN: '',
  MOVED: 'the node that had one of its meetings has ended',
} as const

/** What `Endings` needs of the rest of the node. */
export interface EndingsHost {
  readonly config: NodeConfig
  readonly sessions: Sessions
  readonly connections: Connections
  readonly revocations: Revocations
  readonly application: Application
  /** Drops the upstream queue, questions and requests of a session that has ended. */
  dropped(session: Session, now: number): void
}

/** Every way a session ends, and the closing of connections by a sweep or by the business. */
export class Endings {
  readonly #host: EndingsHost
  #dismissed: { readonly outlet: Outlet; readonly reason: keyof typeof dismissals }[] = []

  constructor(host: EndingsHost) {
    this.#host = host
  }

  get hasWork(): boolean {
    return this.#dismissed.length > 0
  }

  /** Closes a connection at the end of the sweep: in the middle of one, others still refer to it. */
  dismiss(outlet: Outlet, reason: keyof typeof dismissals): void {
    outlet.dismissed = true
    this.#dismissed.push({ outlet, reason })
  }

  /** The client is to connect again and join its meetings anew: the node that had one of them has ended. */
  rejoin({ outlet }: Session): void {
    if (outlet !== null) this.dismiss(outlet, 'MOVED')
  }

  sweep(now: number): void {
    const { sweepClosings } = this.#host.config.limits
    const dismissed = this.#dismissed
    this.#dismissed = dismissed.slice(sweepClosings)
    for (const { outlet, reason } of dismissed.slice(0, sweepClosings)) {
      if (reason === 'BROKEN') this.#host.connections.drop(outlet, now)
      else this.#host.connections.close(outlet, reason, dismissals[reason], now)
    }
  }

  /** The client closed its connection for good. */
  left(session: Session, now: number): void {
    this.#end(session, 'left', 'LEFT', now)
  }

  /** The expiry timer fired: ends a session that is away, or closes the connection whose token has expired. */
  expired(session: Session, now: number): void {
    if (session.outlet === null) this.#end(session, 'expired', 'ABANDONED', now)
    else this.#host.connections.close(session.outlet, 'EXPIRED', 'the token has expired', now)
  }

  /** See `ConnectionsHost.makeRoom`. */
  makeRoom(user: string, now: number): boolean {
    const session = this.#host.sessions.loser(user)
    if (session !== undefined) this.#end(session, 'expired', 'FULL', now)
    return session !== undefined
  }

  /**
   * `leaving`: the reason its meetings are given. For a session with a connection, the business is told when that
   * closes.
   */
  #end(session: Session, leaving: string, reason: LossReason, now: number): void {
    const wasAway = session.state.is === 'away'
    for (const log of session.seats.keys()) session.leave(log, leaving)
    this.#host.sessions.remove(session, now)
    this.#host.dropped(session, now)
    if (wasAway) this.#host.application.disconnected(session, reason, true)
  }

  /** Ends a session by order of the business. Returns the number of connections closed, 0 or 1. */
  #expel(session: Session, text: string, now: number): number {
    const { outlet } = session
    this.#end(session, 'kicked', 'REVOKED', now)
    if (outlet === null) return 0
    this.#host.connections.close(outlet, 'REVOKED', text, now)
    return 1
  }

  /** See `RtmsNode.disconnect`. */
  disconnect(user: string, text: string, final: boolean, now: number, id = ''): number {
    let count = 0
    for (const session of this.#host.sessions.of(user)) {
      if (id !== '' && session.id !== id) continue
      if (final) count += this.#expel(session, text, now)
      else if (session.outlet !== null) {
        this.#host.connections.close(session.outlet, 'EXPIRED', text, now)
        count++
      }
    }
    return count
  }

  /** See `RtmsNode.revokedUntil`. */
  revokedUntil(user: string): number {
    return this.#host.revocations.until(user)
  }

  /** See `RtmsNode.revoke`. */
  revoke(revoked: Revoked, until: number, now: number): number | ErrorCode {
    const { config, revocations, sessions } = this.#host
    if (!revocations.add(revoked, until, now, config.wallOffset)) return 'LIMIT'
    let count = 0
    for (const session of 'user' in revoked ? sessions.of(revoked.user) : sessions.all())
      if ('user' in revoked || session.grant.id === revoked.id)
        count += this.#expel(session, 'the token was revoked', now)
    return count
  }

  /** Takes over a revocation of another node. Sessions whose token it covers end. Returns as {@link revoke} does. */
  learn(told: ToldRevocation, now: number): number | ErrorCode {
    const { revocations, sessions } = this.#host
    const { ofUser, name } = told
    if (!revocations.learn(told, now)) return revocations.knows(told) ? 0 : 'LIMIT'
    let count = 0
    for (const session of ofUser ? sessions.of(name) : sessions.all())
      if (revocations.covers(session.grant)) count += this.#expel(session, 'the token was revoked', now)
    return count
  }
}
