import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { NodeLimits } from '../ground/config.ts'
import type { Downstream } from '../down/downstream.ts'
import type { Application, Outcome, RequestCall } from '../ports.ts'
import { type Session, wholeWait } from '../session/session.ts'
import type { Stats } from '../ground/stats.ts'
import { Timer, type Timers } from '../ground/timers.ts'

/** A request whose end is still owed to the client. */
export interface PendingRequest extends RequestCall {
  readonly owner: Session
  readonly timer: Timer
}

/** Requests start in order and end exactly once: whichever comes first of reply, error, deadline, cancel and session's end. */
export class Requests {
  readonly #limits: NodeLimits
  readonly #timers: Timers
  readonly #downstream: Downstream
  readonly #application: Application
  readonly #stats: Stats

  constructor(
    limits: NodeLimits,
    timers: Timers,
    downstream: Downstream,
    application: Application,
    stats: Stats,
  ) {
    this.#limits = limits
    this.#timers = timers
    this.#downstream = downstream
    this.#application = application
    this.#stats = stats
  }

  start(session: Session, message: MessageOf<'request'>, now: number): void {
    const wait = Math.min(
      message.timeout === 0 ? this.#limits.requestMs : message.timeout,
      this.#limits.requestMs,
    )
    const pending: PendingRequest = {
      owner: session,
      user: session.user,
      session: session.id,
      method: message.method,
      data: message.data,
      call: message.call,
      deadline: now + wait,
      timer: new Timer(() => {
        if (!this.#end(pending)) return
        this.#fail(pending, 'TIMEOUT', `no answer within ${wait} ms`)
        this.#application.requestEnded(pending, 'TIMEOUT')
      }),
    }
    session.requests.set(message.call, pending)
    this.#timers.set(pending.timer, pending.deadline)
    this.#stats.requestsStarted++
    this.#application.request(pending)
  }

  /** The handler's answer. A late one is counted and discarded. */
  reply(call: RequestCall, outcome: Outcome<Payload>): void {
    const pending = call as PendingRequest
    if (!this.#end(pending)) {
      this.#stats.repliesDiscarded++
      return
    }
    if (outcome.ok)
      this.#downstream.send(pending.owner, { type: 'reply', call: pending.call, data: outcome.value })
    else {
      const { code, message, retryAfterMs } = outcome.error
      this.#fail(pending, code, message, wholeWait(retryAfterMs))
    }
  }

  cancel(session: Session, call: number): void {
    const pending = session.requests.get(call)
    if (pending === undefined) return
    this.#end(pending)
    this.#fail(pending, 'CANCELLED')
    this.#application.requestEnded(pending, 'CANCELLED')
  }

  /** The session is over: nobody is left to answer. */
  drop(session: Session): void {
    for (const pending of session.requests.values()) {
      this.#end(pending)
      this.#application.requestEnded(pending, 'CLOSED')
    }
  }

  #fail({ owner, call }: PendingRequest, error: ErrorCode, text?: string, retryAfter = 0): void {
    this.#downstream.fail(owner, { type: 'request', call }, error, text, 0, retryAfter)
  }

  /** True exactly once per request. */
  #end(pending: PendingRequest): boolean {
    if (pending.owner.requests.get(pending.call) !== pending) return false
    pending.owner.requests.delete(pending.call)
    this.#timers.clear(pending.timer)
    this.#stats.requestsEnded++
    return true
  }
}
