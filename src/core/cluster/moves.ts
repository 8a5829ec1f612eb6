import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { NodeConfig } from '../ground/config.ts'
import { type Bucket, FULL, Rate } from '../ground/rate.ts'
import type { Stats } from '../ground/stats.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import type { Session } from '../session/session.ts'

/** What moves need of the rest of their node. */
export interface MovesHost {
  readonly config: NodeConfig
  readonly timers: Timers
  readonly stats: Stats
  /** Tells the client of a session that has a connection. */
  tell(session: Session, move: MessageOf<'move'>): void
  /** The node that owns the meeting with this log number; 0 for this one. */
  ownerOf(log: number): number
  /** Where the client of a session would connect to another node; '' where it cannot, or the node is not heard. */
  urlOf(session: Session, node: number): string
}

/** A session that may be better off on another node. */
interface Candidate {
  readonly timer: Timer
  /** How many times it was asked to move since it was last where it belongs. */
  moves: number
  /** Whether it has its place among those that are asked in a second. */
  isDue: boolean
}

/**
 * Asks clients to move to the node that owns their meetings; until they do, and where they cannot, a replica serves
 * them. They are asked one after another, a few times each, and ever more rarely.
 */
export class Moves {
  readonly #host: MovesHost
  readonly #rate: Rate
  #bucket: Bucket = FULL
  readonly #candidates: Map<Session, Candidate> = new Map()

  constructor(host: MovesHost) {
    this.#host = host
    const { movesPerSecond } = host.config.limits
    this.#rate = new Rate(movesPerSecond, 1_000, movesPerSecond)
  }

  /** A session has taken a seat, or wanted to. */
  seated(session: Session, now: number): void {
    if (this.#betterFor(session) === 0 && session.moves === 0) {
      this.drop(session)
      return
    }
    const { moveMs } = this.#host.config.limits
    let candidate = this.#candidates.get(session)
    if (candidate === undefined) {
      candidate = { timer: new Timer('move', (at) => this.#consider(session, at)), moves: 0, isDue: false }
      this.#candidates.set(session, candidate)
    }
    if (candidate.timer.index < 0) this.#look(candidate, moveMs, now)
  }

  /** The session has ended, or is where it belongs. */
  drop(session: Session): void {
    const candidate = this.#candidates.get(session)
    if (candidate === undefined) return
    this.#host.timers.clear(candidate.timer)
    this.#candidates.delete(session)
  }

  /** Looks at a candidate after a wait, and up to as much again, so that those who come together do not go together. */
  #look({ timer }: Candidate, wait: number, now: number): void {
    this.#host.timers.set(timer, now + wait * (1 + this.#random()))
  }

  #random(): number {
    try {
      return (this.#host.config.entropy(1)[0] ?? 0) / 256
    } catch {
      return 0
    }
  }

  /** The node that owns more of a session's meetings than any other; 0 where that is this one, or nobody's loss. */
  #betterFor(session: Session): number {
    const { moves } = this.#host.config.cluster ?? {}
    if (moves === undefined) return 0
    return this.#ownerOfMost(session, (slot) => moves === 'all' || slot !== SYSTEM_SLOT)
  }

  #ownerOfMost(session: Session, counts: (slot: number) => boolean): number {
    const owned = new Map<number, number>()
    for (const [log, { slot }] of session.seats) {
      if (!counts(slot)) continue
      const owner = this.#host.ownerOf(log)
      owned.set(owner, (owned.get(owner) ?? 0) + 1)
    }
    let best = 0
    for (const [owner, count] of owned) if (count > (owned.get(best) ?? 0)) best = owner
    return best
  }

  /** The other node that owns most of a session's meetings, whoever is moved at other times; 0 for none. */
  ownerFor(session: Session): number {
    return this.#ownerOfMost(session, () => true)
  }

  #consider(session: Session, now: number): void {
    const candidate = this.#candidates.get(session)
    if (candidate === undefined || session.outlet === null) return
    const { stats, config } = this.#host
    const { moveAgainMs, moveTries } = config.limits
    const better = this.#betterFor(session)
    const { moves } = session
    session.moves = 0
    if (moves > 0) stats.move(better === 0 ? 'arrived' : 'wrong')
    if (better === 0) {
      this.drop(session)
      return
    }
    // It was led astray: it would be again, until whatever led it knows better.
    if (moves > candidate.moves) {
      candidate.moves = moves
      this.#look(candidate, moveAgainMs * 2 ** (moves - 1), now)
      return
    }
    if (candidate.moves >= moveTries || this.#isToWait(session, candidate, better, now)) return
    if (this.ask(session, better, candidate.moves + 1)) {
      candidate.moves++
      this.#look(candidate, moveAgainMs * 2 ** (candidate.moves - 1), now)
    } else this.#look(candidate, moveAgainMs, now)
  }

  /**
   * Where more than may be asked in a second have come, each gets the next place that is free, and is not looked at
   * before that. Who cannot be told where to go takes none.
   */
  #isToWait(session: Session, candidate: Candidate, node: number, now: number): boolean {
    if (candidate.isDue || this.#host.urlOf(session, node) === '') {
      candidate.isDue = false
      return false
    }
    const wait = this.#rate.wait(this.#bucket, now)
    this.#bucket = this.#rate.take(this.#bucket, now)
    candidate.isDue = wait > 0
    if (wait > 0) this.#host.timers.set(candidate.timer, now + wait)
    return wait > 0
  }

  /**
   * Asks the client of a session to move to another node; a client goes on here until it is there. `moves`: how many
   * moves in a row this makes. False: it has no connection, or the node has no address that it could be told.
   */
  ask(session: Session, node: number, moves = 1): boolean {
    const url = session.outlet === null ? '' : this.#host.urlOf(session, node)
    if (url === '') return false
    this.#host.stats.move('asked')
    this.#host.tell(session, { type: 'move', url, moves })
    return true
  }
}
