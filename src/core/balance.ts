import type { Cluster } from './cluster/cluster.ts'
import { takesOver } from './cluster/peer.ts'
import type { Moves } from './cluster/moves.ts'
import type { Connection } from './door/connection.ts'
import type { Connections } from './door/connections.ts'
import type { Limits } from './ground/config.ts'
import { Timer, type Timers } from './ground/timers.ts'
import type { Session } from './session/session.ts'
import type { Requests } from './up/requests.ts'

/** What balancing needs of its node. */
export interface BalanceHost {
  readonly limits: Limits
  readonly timers: Timers
  readonly connections: Connections
  readonly requests: Requests
  readonly cluster: Cluster
  readonly moves: Moves
}

/**
 * A node that has come anew has no connections, and a load balancer sends it only new ones. So a node that has more
 * than the mean asks clients to move to the one that has fewest: each second half of what is missing there, few at a
 * time, and only those that are in no meeting, since members go with their meetings.
 */
export class Balance {
  readonly #host: BalanceHost
  readonly #timer: Timer
  /** Clients that were asked: one that stays is not asked again. */
  readonly #asked: WeakSet<Connection> = new WeakSet()

  constructor(host: BalanceHost) {
    this.#host = host
    this.#timer = new Timer('balance', (now) => this.#onBeat(now))
  }

  begin(now: number): void {
    this.#host.timers.set(this.#timer, now + this.#host.limits.balanceMs)
  }

  #onBeat(now: number): void {
    const { connections, moves } = this.#host
    if (connections.draining) return
    this.begin(now)
    const { node, count } = this.#due(now)
    let left = count
    for (const connection of left > 0 ? connections.all() : []) {
      const { session } = connection
      if (session === null || this.#asked.has(connection) || !this.#isFree(session)) continue
      if (!moves.ask(session, node)) return
      this.#asked.add(connection)
      if (--left === 0) return
    }
  }

  /** How many clients go to which node now. */
  #due(now: number): { readonly node: number; readonly count: number } {
    const { cluster, connections, limits } = this.#host
    const own = connections.size
    const others = cluster.peers.filter((peer) => takesOver(peer, cluster, now))
    let [node, least, all] = [0, own, own]
    for (const { incarnation, load } of others) {
      const held = load?.connections ?? 0
      all += held
      if (held < least) [node, least] = [incarnation, held]
    }
    const mean = all / (others.length + 1)
    const surplus = own - mean
    if (surplus < Math.max(limits.balanceLeast, mean * limits.balancePart)) return { node, count: 0 }
    // Those with too many share what is missing.
    const rich = 1 + others.filter(({ load }) => (load?.connections ?? 0) > mean).length
    const missing = Math.min(surplus, (mean - least) / rich)
    return { node, count: Math.min(limits.movesPerSecond, Math.ceil(missing / 2)) }
  }

  /** Whether the client loses nothing by a move, and no meeting keeps it here. */
  #isFree(session: Session): boolean {
    const { seats, upstream, log } = session
    return seats.size === 0 && this.#host.requests.of(session) === 0 && upstream.size === 0 && log.isOffered
  }
}
