import type { SessionInfo } from '../../core/index.ts'
import { serverLimits } from '../ground/limits.ts'
import { checkName, checkUser, payloadOf } from '../ground/check.ts'
import type { Host } from '../host.ts'

/** The presence of a user on this node. */
export interface Presence {
  /** Whether any session has a connection. */
  readonly online: boolean
  /** Sessions, including those that may still come back. */
  readonly sessions: number
  /** Sessions that have a connection. */
  readonly connected: number
}

/** The users of this node. */
export class Users {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /**
   * Sends a value with a JSON form, or a `Uint8Array`, of at most 32 KiB to every session of a user, connected or
   * expected back. Resolves with the number of sessions reached. Rejects with an `RtmsError`: BAD_NAME, TOO_LARGE,
   * CLOSED; with a TypeError for a value without a JSON form.
   */
  async push(user: string, name: string, value: unknown): Promise<number> {
    checkUser(user)
    checkName('push', name, 'BAD_NAME')
    const data = payloadOf(value)
    return this.#host.act((node) => node.push(user, name, data))
  }

  /**
   * Closes every connection of a user, with `reason` (for people) in the GOODBYE. The clients come back with fresh
   * tickets (EXPIRED), which the business may refuse to issue. With `final`, they do not come back by themselves
   * (REVOKED), and all sessions of the user end. To invalidate issued tickets, use `tickets.revoke`. Resolves with the
   * number of connections closed. Rejects with an `RtmsError`: BAD_NAME, CLOSED; with a TypeError where the reason is
   * not a string.
   */
  async disconnect(
    user: string,
    {
      reason = 'disconnected by the server',
      final = false,
    }: { readonly reason?: string | undefined; readonly final?: boolean | undefined } = {},
  ): Promise<number> {
    checkUser(user)
    if (typeof reason !== 'string') throw new TypeError('reason must be a text')
    // Runs after the current call: hooks are synchronous, and awaited work comes after the call they are part of.
    if (this.#host.inHook) await Promise.resolve()
    return this.#host.act((node, now) => node.disconnect(user, reason, final, now))
  }

  /** Resolves with the presence of a user on this node. Rejects with BAD_NAME. */
  async sessions(user: string): Promise<Presence> {
    checkUser(user)
    const { sessions, connected } = this.#host.node.presence(user)
    return { online: connected > 0, sessions, connected }
  }

  /**
   * The current sessions of this node, oldest first: of a user, or of all users; at most `limit` (1–1000, default 100).
   * Throws BAD_NAME, or a RangeError for another limit.
   */
  list({
    user,
    limit = 100,
  }: { readonly user?: string | undefined; readonly limit?: number | undefined } = {}): SessionInfo[] {
    if (user !== undefined) checkUser(user)
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > serverLimits.listed)
      throw new RangeError(`limit is ${String(limit)}; expected an integer from 1 to ${serverLimits.listed}`)
    return this.#host.node.sessionList(limit, user)
  }
}
