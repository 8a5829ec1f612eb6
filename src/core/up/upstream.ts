import type { ClientMessage } from '../../protocol/schema.ts'
import type { Limits } from '../ground/config.ts'
import { costs, itemsOf, type Work } from '../ground/work.ts'
import type { Session } from '../session/session.ts'
import type { UpstreamQueue } from '../session/upstream-queue.ts'

/** Nanoseconds of work that count in the round robin like one byte: an ordinary input weighs about 500 bytes. */
const WORK_OF_BYTE = 4

/** The message that a session has waited with, which was taken from its queue before. */
const WAITED = { message: null, cost: 0 } as const

/** Serves the upstream queues in deficit round robin (Shreedhar and Varghese, 1995). */
export class Upstream {
  readonly #limits: Limits
  readonly #work: Work
  readonly #mustWait: (session: Session, message: ClientMessage) => boolean
  readonly #turns: Session[] = []
  /** Sessions whose next message waits for a later sweep. */
  #waiting: Session[] = []

  /** `mustWait`: whether a message waits, and what is behind it. */
  constructor(
    limits: Limits,
    work: Work,
    mustWait: (session: Session, message: ClientMessage) => boolean = () => false,
  ) {
    this.#limits = limits
    this.#work = work
    this.#mustWait = mustWait
  }

  get hasWork(): boolean {
    return this.#turns.length > 0 || this.#waiting.length > 0
  }

  /**
   * Queues a message. False: the queue is full, or the user holds too much of a full node. The message was not taken.
   */
  accept(session: Session, message: ClientMessage): boolean {
    if (this.isFull(session.upstream) || !session.upstream.push(message)) return false
    this.wake(session)
    return true
  }

  /** Gives a session a turn if it has something to deliver and is not held. */
  wake(session: Session): void {
    const { upstream } = session
    if (upstream.active || !session.wantsTurn) return
    upstream.active = true
    upstream.deficit = Math.min(0, upstream.deficit)
    this.#turns.push(session)
  }

  isFull(queue: UpstreamQueue): boolean {
    return queue.size >= this.#limits.upstreamMessages || queue.bytes >= this.#limits.upstreamBytes
  }

  /** Whether a paused sender may go on: the queue is at most half full. */
  isRelaxed(queue: UpstreamQueue): boolean {
    return queue.size * 2 <= this.#limits.upstreamMessages && queue.bytes * 2 <= this.#limits.upstreamBytes
  }

  /**
   * Delivers up to the budgets of messages and of work. A session with messages left goes behind those not yet reached,
   * so the start rotates by itself. True: a budget ran out. `goOn`: for a session whose message need not wait any more.
   */
  sweep(
    deliver: (session: Session, message: ClientMessage) => void,
    goOn: (session: Session) => void = () => {},
  ): boolean {
    let budget = this.#limits.sweepMessages
    const end = this.#work.all + this.#limits.sweepWork
    const turns = this.#turns
    for (const session of this.#waiting) turns.push(session)
    this.#waiting = []
    let at = 0
    for (; at < turns.length && budget > 0 && this.#work.all < end; at++) {
      const session = turns[at] as Session
      const served = this.#serve(session, budget, end, deliver, goOn)
      budget -= served
      if (served === 0) this.#work.done += costs.looked
      if (this.#waiting.at(-1) === session) continue
      if (session.wantsTurn) turns.push(session)
      else session.upstream.active = false
    }
    if (at < turns.length) {
      turns.splice(0, at)
      return true
    }
    while (turns.length > 0) turns.pop()
    return false
  }

  /**
   * Delivers a whole queue regardless of the budget, because its session is about to end; but not what is left where
   * that takes many times a sweep, as hooks of the business may. What they took over it, its user pays like any turn,
   * and has the less for the last words of its other sessions.
   */
  finish(session: Session, deliver: (session: Session, message: ClientMessage) => void): void {
    const { upstream, account } = session
    const work = this.#work
    const { finishWork } = this.#limits
    const { ofHooks } = work
    const end = work.all + finishWork - Math.max(0, account.owed) * WORK_OF_BYTE
    for (let next = upstream.peek(); next !== undefined && work.all < end; next = upstream.peek()) {
      upstream.shift()
      deliver(session, next.message)
    }
    const owed = account.owed + (work.ofHooks - ofHooks) / WORK_OF_BYTE
    account.owed = Math.min(owed, finishWork / WORK_OF_BYTE)
  }

  /**
   * A message also pays for the work that it has caused: a session in debt waits until its turns have paid it. The debt
   * is at most the work of a sweep, because a turn that only pays takes time as well; its user pays for the whole. What
   * hooks took over it, the turns of all sessions of its user pay.
   */
  #serve(
    session: Session,
    budget: number,
    end: number,
    deliver: (session: Session, message: ClientMessage) => void,
    goOn: (session: Session) => void,
  ): number {
    const { upstream, account } = session
    const work = this.#work
    const { quantumBytes, sweepWork } = this.#limits
    if (account.owed > 0) {
      account.owed -= quantumBytes
      return 0
    }
    upstream.deficit += quantumBytes
    let served = 0
    let { ofHooks } = work
    while (served < budget && work.done + ofHooks < end) {
      const next = session.isProceeding ? WAITED : upstream.peek()
      if (next === undefined || next.cost > upstream.deficit) break
      const { message, cost } = next
      if (message !== null && this.#mustWait(session, message)) {
        this.#waiting.push(session)
        break
      }
      const { done } = work
      if (message === null) {
        served++
        goOn(session)
      } else {
        served += itemsOf(message)
        upstream.shift()
        deliver(session, message)
      }
      const most = sweepWork / WORK_OF_BYTE
      upstream.deficit -= Math.max(cost, Math.min((work.done - done) / WORK_OF_BYTE, most))
      const before = ofHooks
      ofHooks = work.ofHooks
      account.owed = Math.min(account.owed + (ofHooks - before) / WORK_OF_BYTE, most)
      work.done += costs.message
      if (session.isHeld) break
    }
    if (upstream.size === 0) upstream.deficit = Math.min(0, upstream.deficit)
    return served
  }
}
