import type { Cluster } from './cluster/cluster.ts'
import type { Handover } from './cluster/handover.ts'
import type { Connections } from './door/connections.ts'
import type { Limits } from './ground/config.ts'
import { Timer, type Timers } from './ground/timers.ts'
import type { Meetings } from './meeting/meetings.ts'
import type { DrainProgress, DrainState } from './ports.ts'
import type { Session } from './session/session.ts'
import type { Requests } from './up/requests.ts'

/** What draining needs of its node. */
export interface DrainingHost {
  readonly limits: Limits
  readonly timers: Timers
  readonly connections: Connections
  readonly meetings: Meetings
  readonly requests: Requests
  /** Null for a node alone. */
  readonly cluster: Cluster | null
  readonly handover: Handover | null
}

/**
 * The end of a node that has time for it: it takes nothing new, hands its meetings over to the other nodes, and moves
 * its connections there a few at a time: whoever waits for an answer, or is in a meeting that is still here, comes
 * last.
 */
export class Draining {
  readonly #host: DrainingHost
  readonly #step: Timer
  #deadline = Infinity
  /** Since when there is no other node to go to; null while there is one. */
  #aloneSince: number | null = null
  /** Every connection was closed. */
  #isOver = false
  /** Connections to move in a second, and those that may be moved now. */
  #perSecond = 0
  #due = 0

  constructor(host: DrainingHost) {
    this.#host = host
    this.#step = new Timer('drain', (now) => this.#onStep(now))
  }

  /** At the deadline every connection that is left is closed. */
  begin(now: number, deadline: number): void {
    const { connections, cluster, handover, limits } = this.#host
    connections.draining = true
    cluster?.drain()
    this.#deadline = Math.min(this.#deadline, deadline)
    if (this.#isAlone(now) || handover === null) this.#deadline = now
    else handover.begin(now)
    const time = Math.min(limits.drainMs, (this.#deadline - now) * 0.8)
    this.#perSecond = Math.max(limits.drainPerSecond, (connections.size * 1000) / Math.max(1, time))
    this.#onStep(now)
  }

  get state(): DrainState {
    if (!this.#host.connections.draining) return 'serving'
    const { meetings, connections } = this.progress
    return this.#isOver || meetings + connections === 0 ? 'drained' : 'draining'
  }

  get progress(): DrainProgress {
    const { connections, meetings, requests, handover } = this.#host
    const none = { waiting: 0, moving: 0, staying: meetings.size }
    const { waiting, moving, staying } = (this.#isOver ? null : handover?.progress) ?? none
    return { meetings: waiting + moving, staying, connections: connections.size, requests: requests.size }
  }

  #isAlone(now: number): boolean {
    for (const { incarnation, isDraining } of this.#host.cluster?.peers ?? [])
      if (!isDraining && this.#host.cluster?.isSilent(incarnation, now) === false) return false
    return true
  }

  #onStep(now: number): void {
    const { connections, timers, limits } = this.#host
    this.#aloneSince = this.#isAlone(now) ? (this.#aloneSince ?? now) : null
    // All nodes may stop together.
    if (now - (this.#aloneSince ?? now) >= limits.handoverAgainMs) this.#deadline = now
    if (now >= this.#deadline) {
      this.#isOver = true
      connections.move(Infinity, () => true, now)
      return
    }
    const hasMeetings = this.progress.meetings > 0
    if (connections.size === 0 && !hasMeetings) return
    this.#due = Math.min(this.#perSecond, this.#due + (this.#perSecond * limits.drainBeatMs) / 1000)
    this.#due -= connections.move(Math.floor(this.#due), (session) => this.#isFree(session, hasMeetings), now)
    timers.set(this.#step, Math.min(this.#deadline, now + limits.drainBeatMs))
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
