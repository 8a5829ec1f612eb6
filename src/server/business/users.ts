import { type SessionInfo, shorten } from '../../core/index.ts'
import { type Contract, limits, type NameIn, type PushOf } from '../../protocol/index.ts'
import { serverLimits } from '../ground/limits.ts'
import { checkNames } from '../../spelling/meant.ts'
import { checkName, checkUser, payloadOf } from '../ground/check.ts'
import type { Host } from '../host.ts'
import type { Listed, Peers } from './peers.ts'

/** The presence of a user. */
export interface Presence {
  /**
   * Whether any session has a connection. Null where that is unknown: no session with a connection is known of, and
   * some nodes of the cluster have not told.
   */
  readonly online: boolean | null
  /** Sessions, including those that may still come back. */
  readonly sessions: number
  /** Sessions that have a connection. */
  readonly connected: number
  /** Whether all nodes of the cluster have told. Where they have not, there may be more sessions than these. */
  readonly complete: boolean
}

/** A session of the cluster. */
export interface ListedSession extends SessionInfo {
  /** The name of its node. */
  readonly node: string
}

/** The users of this node, and of the others of its cluster. */
export class Users<C extends Contract = Contract> {
  readonly #host: Host
  readonly #peers: Peers
  /** The last push to each user that is under way to other nodes: the next one goes out behind it. */
  readonly #pushing: Map<string, Promise<unknown>> = new Map()

  constructor(host: Host, peers: Peers) {
    this.#host = host
    this.#peers = peers
  }

  /**
   * Sends a value with a JSON form, or a `Uint8Array`, of at most 32 KiB to every session of a user, connected or
   * expected back, on any node. Resolves with the number of sessions reached. Pushes of one node to one user arrive in
   * order. Rejects with an `RtmsError`: BAD_NAME, TOO_LARGE, CLOSED; UNKNOWN where another node did not answer within
   * two seconds, so that it is unknown whether sessions there were reached; with a TypeError for a value without a JSON
   * form.
   */
  async push<N extends NameIn<C, 'pushes'>>(user: string, name: N, value: PushOf<C, N>): Promise<number> {
    checkUser(user)
    checkName('push', name, 'BAD_NAME')
    const data = payloadOf(value)
    const here = this.#host.act((node) => node.push(user, name, data))
    if (this.#peers.isAlone) return here
    const nodes = await this.#inTurn(user)
    const answers = await this.#peers.ask('push', { user, name, data }, { nodes })
    return this.#peers.sum(here, answers, 'sessions were reached')
  }

  /** The other nodes to push to, once earlier pushes to the same user are on their way. */
  async #inTurn(user: string): Promise<readonly number[]> {
    const before = this.#pushing.get(user)
    const turn = Promise.all([this.#peers.nodesOf(user), before])
    this.#pushing.set(user, turn)
    try {
      const [nodes] = await turn
      return nodes
    } finally {
      if (this.#pushing.get(user) === turn) this.#pushing.delete(user)
    }
  }

  /**
   * Closes every connection of a user on any node, or that of one `session` (its id, as handlers and hooks get it),
   * with `reason` (for people) in the GOODBYE. The clients come back with fresh tickets (EXPIRED), which the business
   * may refuse to issue. With `final`, they do not come back by themselves (REVOKED), and all sessions of the user end.
   * To invalidate issued tickets, use `tickets.revoke`. Resolves with the number of connections closed. Rejects with an
   * `RtmsError`: BAD_NAME, CLOSED; UNKNOWN where another node did not answer within two seconds; with a TypeError where
   * the reason is not a string, or the session no id.
   */
  async disconnect(
    user: string,
    options: {
      readonly reason?: string | undefined
      readonly final?: boolean | undefined
      readonly session?: string | undefined
    } = {},
  ): Promise<number> {
    checkUser(user)
    checkNames('users.disconnect', options, { reason: true, final: true, session: true })
    const { reason = 'disconnected by the server', final = false, session = '' } = options
    if (typeof reason !== 'string') throw new TypeError('reason must be a text')
    const isId = typeof session === 'string' && session.length <= limits.name
    if (!isId || (session === '' && options.session !== undefined))
      throw new TypeError('session must be the id of a session; leave it out for all of the user')
    // Runs after the current call: hooks are synchronous, and awaited work comes after the call they are part of.
    if (this.#host.inHook) await Promise.resolve()
    const here = this.#host.act((node, now) => node.disconnect(user, reason, final, now, session))
    if (this.#peers.isAlone) return here
    const answers = await this.#peers.ask('disconnect', { user, session, text: shorten(reason), final })
    return this.#peers.sum(here, answers, 'connections were closed')
  }

  /** Resolves with the presence of a user on all nodes. Rejects with BAD_NAME. */
  async sessions(user: string): Promise<Presence> {
    checkUser(user)
    const { incarnation } = this.#host.node
    let { sessions, connected } = this.#host.node.presence(user)
    let complete = true
    if (!this.#peers.isAlone) {
      const { isComplete, places } = await this.#peers.whereabouts(user)
      complete = isComplete
      for (const place of places) {
        // Of its own sessions this node knows more than anybody else.
        if (place.node === incarnation) continue
        sessions += place.sessions
        connected += place.connected
      }
    }
    return { online: connected > 0 ? true : complete ? false : null, sessions, connected, complete }
  }

  /**
   * The current sessions of all nodes: of a user, or of all users; at most `limit` (1–1000, default 100). Those of this
   * node come first; those of one node are in order, the oldest first. Rejects with BAD_NAME, or a RangeError for
   * another limit.
   */
  async list(
    options: { readonly user?: string | undefined; readonly limit?: number | undefined } = {},
  ): Promise<Listed<ListedSession>> {
    checkNames('users.list', options, { user: true, limit: true })
    const { user, limit = 100 } = options
    if (user !== undefined) checkUser(user)
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > serverLimits.listed)
      throw new RangeError(`limit is ${String(limit)}; expected an integer from 1 to ${serverLimits.listed}`)
    const { incarnation } = this.#host.node
    const own = this.#host.node.sessionList(limit, user)
    const of = (sessions: readonly SessionInfo[], node: number): ListedSession[] =>
      sessions.map((session) => ({ node: this.#peers.nameOf(node), ...session }))
    const all = of(own, incarnation)
    if (this.#peers.isAlone || all.length === limit) return this.#peers.listed(all, [])
    const question = { user: user ?? '', limit: limit - all.length }
    const { answers, missing } = await this.#peers.ask('sessions', question)
    for (const [node, sessions] of answers) all.push(...of(sessions, node))
    return this.#peers.listed(all.slice(0, limit), missing)
  }
}
