import type { Cluster } from './cluster/cluster.ts'
import type { Handover } from './cluster/handover.ts'
import type { Moves } from './cluster/moves.ts'
import type { Passing } from './cluster/passing.ts'
import { type Peer, takesOver } from './cluster/peer.ts'
import type { Connection } from './door/connection.ts'
import type { Connections } from './door/connections.ts'
import type { Downstream } from './down/downstream.ts'
import type { Limits } from './ground/config.ts'
import { Timer, type Timers } from './ground/timers.ts'
import type { Meetings } from './meeting/meetings.ts'
import type { DrainProgress, DrainState } from './ports.ts'
import type { Session } from './session/session.ts'
import type { Sessions } from './session/sessions.ts'
import type { Requests } from './up/requests.ts'

/** What draining needs of its node. */
export interface DrainingHost {
  readonly limits: Limits
  readonly timers: Timers
  readonly connections: Connections
  readonly meetings: Meetings
  readonly downstream: Downstream
  readonly requests: Requests
  readonly sessions: Sessions
  /** Null for a node alone. */
  readonly cluster: Cluster | null
  readonly handover: Handover | null
  readonly moves: Moves | null
  readonly passing: Passing | null
}

/** The part of each move by which the average follows, and how many times the average a move may take. */
const WEIGHT = 1 / 16
const MARGIN = 4

/**
 * The end of a node that has time for it: it takes nothing new, hands its meetings over to the other nodes, and moves
 * its connections there a few at a time: whoever waits for an answer, or is in a meeting that is still here, comes
 * last. Where moves take long, because the machines are busy, fewer clients are asked and each has more time.
 */
export class Draining {
  readonly #host: DrainingHost
  readonly #step: Timer
  /** Up to when meetings come before connections. */
  #firstUntil = Infinity
  #deadline = Infinity
  /** Since when there is no other node to go to; null while there is one. */
  #aloneSince: number | null = null
  /** Every connection was closed. */
  #isOver = false
  /** Clients to ask in a second, and those that may be asked now. */
  #perSecond = 0
  #due = 0
  /** The same of connections to close: more slowly, since their clients notice. */
  #closingsPerSecond = 0
  #closings = 0
  #now = -Infinity
  /** Clients that were asked to move and may do so yet: when they were last asked, and how many times. */
  readonly #asked: Map<Connection, { readonly at: number; readonly times: number }> = new Map()
  /** Of those, how many were asked so lately that they are likely to be on their way. */
  #underWay = 0
  /** How long moves take, on average over the last ones, in milliseconds. */
  #taken = 0
  /** Connections of each node when the first client was sent to one, and how many were sent there since. */
  readonly #held: Map<number, number> = new Map()
  readonly #sent: Map<number, number> = new Map()

  constructor(host: DrainingHost) {
    this.#host = host
    this.#step = new Timer('drain', (now) => this.#onStep(now))
  }

  /** At the deadline every connection that is left is closed. */
  begin(now: number, deadline: number): void {
    const { connections, cluster, handover, limits } = this.#host
    connections.draining = true
    // The first step is due at once.
    this.#now = now - limits.drainBeatMs
    cluster?.drain()
    this.#deadline = Math.min(this.#deadline, deadline)
    if (this.#isAlone(now) || handover === null) this.#deadline = now
    else handover.begin(now)
    const left = this.#deadline - now
    this.#firstUntil = Math.min(this.#firstUntil, now + Math.min(limits.drainFirstMs, left * 0.2))
    const paced = (ms: number): number =>
      Math.max(limits.drainPerSecond, (connections.size * 1000) / Math.max(1, ms))
    this.#perSecond = paced(Math.min(limits.drainMs, left * 0.6))
    this.#closingsPerSecond = paced(Math.min(limits.drainClosingsMs, left * 0.8))
    this.#onStep(now)
  }

  get state(): DrainState {
    if (!this.#host.connections.draining) return 'serving'
    const { meetings, connections, sessions } = this.progress
    return this.#isOver || meetings + connections + sessions === 0 ? 'drained' : 'draining'
  }

  get progress(): DrainProgress {
    const { connections, meetings, requests, sessions, handover } = this.#host
    const none = { waiting: 0, moving: 0, staying: meetings.size }
    const { waiting, moving, staying } = (this.#isOver ? null : handover?.progress) ?? none
    const { size: open } = connections
    return {
      meetings: waiting + moving,
      staying,
      connections: open,
      requests: requests.size,
      sessions: sessions.size,
    }
  }

  #isAlone(now: number): boolean {
    return this.#others(now).next().done === true
  }

  #onStep(now: number): void {
    // A busy node comes to its steps late.
    const passed = Math.min(1, (now - this.#now) / 1000)
    this.#now = now
    const { connections, limits } = this.#host
    this.#aloneSince = this.#isAlone(now) ? (this.#aloneSince ?? now) : null
    // All nodes may stop together.
    if (now - (this.#aloneSince ?? now) >= limits.handoverAgainMs) this.#deadline = now
    if (now >= this.#deadline) {
      this.#isOver = true
      // What the business has just said, and inputs that were accepted, would be lost with the connections.
      this.#host.meetings.sealRest(now)
      this.#host.downstream.flush(now, Infinity, Infinity)
      for (const connection of Array.from(connections.all())) connections.sendAway(connection, now)
      this.#keepAll(now, now)
      return
    }
    this.#keepAll(now - limits.drainAwayMs, now)
    const { meetings, sessions } = this.progress
    const hasMeetings = meetings > 0
    if (connections.size === 0 && sessions === 0 && !hasMeetings) return
    // Hand-overs come first: a frame is due in each meeting, and nobody waits for a client that moves later.
    if (hasMeetings && now < this.#firstUntil) return this.#goOn(now)
    this.#due = Math.min(this.#perSecond, this.#due + this.#perSecond * passed)
    this.#closings = Math.min(this.#closingsPerSecond, this.#closings + this.#closingsPerSecond * passed)
    this.#count(now)
    this.#moveSome(hasMeetings, now)
    this.#goOn(now)
  }

  #goOn(now: number): void {
    const { timers, limits } = this.#host
    timers.set(this.#step, Math.min(this.#deadline, now + limits.drainBeatMs))
  }

  /** How long a client may take that was asked to move. */
  get #patience(): number {
    return Math.max(this.#host.limits.drainMoveMs, MARGIN * this.#taken)
  }

  /** Learns from those that have moved how long it takes, and counts those that may be on their way. */
  #count(now: number): void {
    this.#underWay = 0
    for (const [connection, { at, times }] of this.#asked) {
      if (connection.phase.name === 'closed') {
        this.#asked.delete(connection)
        this.#taken += (now - at - this.#taken) * WEIGHT
      } else if (times === 1 && now - at < this.#patience) this.#underWay++
    }
  }

  /** Asks some clients to move, and closes the connections of those that were asked and have not moved. */
  #moveSome(hasMeetings: boolean, now: number): void {
    const { connections, limits } = this.#host
    const patience = this.#patience
    const most = Math.max(1, (this.#perSecond * limits.drainLagMs) / 1000)
    for (const connection of connections.all()) {
      const { session } = connection
      const { at, times } = this.#asked.get(connection) ?? { at: -Infinity, times: 0 }
      if (now - at < patience) continue
      const mayAsk = session !== null && times < limits.drainMoveTries
      if (mayAsk && times === 0 && (this.#due < 1 || this.#underWay >= most)) continue
      if (session !== null && !this.#isFree(session, hasMeetings)) continue
      if (mayAsk && this.#ask(session)) {
        this.#asked.set(connection, { at: now, times: times + 1 })
        if (times > 0) continue
        this.#due--
        this.#underWay++
      } else if (this.#closings >= 1) {
        connections.sendAway(connection, now)
        this.#asked.delete(connection)
        this.#closings--
      }
    }
  }

  /** Asks a client to move to the node that has most of its meetings, else to the one with the fewest connections. */
  #ask(session: Session): boolean {
    const { moves } = this.#host
    if (moves === null) return false
    const node = moves.ownerFor(session) || this.#emptiest()
    if (node === 0 || !moves.ask(session, node)) return false
    this.#sent.set(node, (this.#sent.get(node) ?? 0) + 1)
    return true
  }

  *#others(now: number): Generator<Peer> {
    const { cluster } = this.#host
    if (cluster !== null) for (const peer of cluster.peers) if (takesOver(peer, cluster, now)) yield peer
  }

  /** The others may not have told yet of those that were sent to them. */
  #emptiest(): number {
    let best = 0
    let least = Infinity
    for (const { incarnation, load } of this.#others(this.#now)) {
      const held = this.#heldAtFirst(incarnation, load?.connections ?? 0) + (this.#sent.get(incarnation) ?? 0)
      if (held >= least) continue
      best = incarnation
      least = held
    }
    return best
  }

  #heldAtFirst(node: number, held: number): number {
    const known = this.#held.get(node)
    if (known === undefined) this.#held.set(node, held)
    return known ?? held
  }

  /** Hands over the sessions whose clients have been away since this time. */
  #keepAll(since: number, now: number): void {
    const { sessions, passing, limits } = this.#host
    if (passing === null) return
    let most = limits.drainSessions
    for (const session of sessions.all()) {
      if (session.state.is !== 'away' || session.expiry.at - limits.sessionKeepMs > since) continue
      if (this.#host.requests.of(session) > 0 && since < now) continue
      const to = this.#emptiest()
      if (to === 0 || most-- === 0 || !passing.keep(session, to, now, since === now)) return
    }
  }

  /** Whether nothing is lost, and no frame late, when the session goes to another node now. */
  #isFree(session: Session, hasMeetings: boolean): boolean {
    const { meetings, requests } = this.#host
    if (requests.of(session) > 0 || session.upstream.size > 0 || !session.log.isOffered) return false
    if (hasMeetings)
      for (const { name } of session.seats.values()) if (meetings.get(name) !== undefined) return false
    return true
  }
}
