import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { Downstream } from '../down/downstream.ts'
import { Asks, type Ending } from '../ground/asks.ts'
import type { NodeLimits } from '../ground/config.ts'
import type { Stats } from '../ground/stats.ts'
import type { Timers } from '../ground/timers.ts'
import { weights } from '../ground/weights.ts'
import type { Application, Outcome, RequestCall } from '../ports.ts'
import type { Session } from '../session/session.ts'
import { toldOf } from '../session/told.ts'

/** A request whose end is still owed to the client. */
export interface PendingRequest extends RequestCall {
  readonly owner: Session
  /** How long the client gave it, in milliseconds. */
  readonly wait: number
}

function weigh({ method, data }: RequestCall): number {
  return weights.request + method.length + data.bytes.length
}

/**
 * Requests start in order and end exactly once: by reply, error, deadline, cancel or the end of the session, whichever
 * comes first.
 */
export class Requests {
  readonly #limits: NodeLimits
  readonly #downstream: Downstream
  readonly #application: Application
  readonly #stats: Stats
  readonly #asks: Asks<PendingRequest, Outcome<Payload>>
  /** Requests of each session, by call number. */
  readonly #pending: Map<Session, Map<number, PendingRequest>> = new Map()

  constructor(
    limits: NodeLimits,
    timers: Timers,
    downstream: Downstream,
    application: Application,
    stats: Stats,
  ) {
    this.#limits = limits
    this.#downstream = downstream
    this.#application = application
    this.#stats = stats
    this.#asks = new Asks(timers, {
      timer: 'request',
      // No limit here: sessions have one of their own, and so have the handlers.
      most: Infinity,
      share: Infinity,
      payer: ({ user }) => user,
      put: (pending) => application.request(pending),
      ended: (pending, ending) => this.#ended(pending, ending),
    })
  }

  /** Number of requests that have started and not ended. */
  get size(): number {
    return this.#asks.size
  }

  /** Number of open requests of one session. */
  of(session: Session): number {
    return this.#pending.get(session)?.size ?? 0
  }

  start(session: Session, message: MessageOf<'request'>, now: number): void {
    const { call, method, data, timeout } = message
    const { requestMs } = this.#limits
    const wait = timeout === 0 ? requestMs : Math.min(timeout, requestMs)
    const { user, id } = session
    const deadline = now + wait
    const pending: PendingRequest = { owner: session, user, session: id, method, data, call, deadline, wait }
    let calls = this.#pending.get(session)
    if (calls === undefined) this.#pending.set(session, (calls = new Map()))
    calls.set(call, pending)
    session.payer.hold(weigh(pending))
    session.account.requests++
    this.#stats.requestsStarted++
    this.#asks.ask(pending, deadline)
  }

  /** Takes the handler's answer. A late one is counted and discarded. */
  reply(call: RequestCall, outcome: Outcome<Payload>, now: number): void {
    if (!this.#asks.answer(call as PendingRequest, outcome, now)) this.#stats.repliesDiscarded++
  }

  /** Cancels a request. Has no effect when it has ended. */
  cancel(session: Session, call: number, now: number): void {
    const pending = this.#pending.get(session)?.get(call)
    if (pending !== undefined) this.#asks.end(pending, 'cancel', now)
  }

  /** The session has ended: ends its requests without an answer. */
  drop(session: Session, now: number): void {
    for (const pending of this.#pending.get(session)?.values() ?? []) this.#asks.end(pending, 'close', now)
  }

  #ended(pending: PendingRequest, ending: Ending<Outcome<Payload>>): void {
    const { owner, call, wait } = pending
    const calls = this.#pending.get(owner)
    calls?.delete(call)
    if (calls?.size === 0) this.#pending.delete(owner)
    owner.payer.hold(-weigh(pending))
    owner.account.requests--
    this.#stats.requestsEnded++
    switch (ending.by) {
      case 'answer':
        this.#reply(pending, ending.answer)
        return
      case 'deadline':
        this.#fail(pending, 'TIMEOUT', `no answer within ${wait} ms`)
        this.#application.requestEnded(pending, 'TIMEOUT')
        return
      case 'cancel':
        this.#fail(pending, 'CANCELLED')
        this.#application.requestEnded(pending, 'CANCELLED')
        return
      default:
        this.#application.requestEnded(pending, 'CLOSED')
    }
  }

  #reply(pending: PendingRequest, outcome: Outcome<Payload>): void {
    if (outcome.ok) {
      this.#downstream.send(pending.owner, { type: 'reply', call: pending.call, data: outcome.value })
    } else {
      const { error, message, retryAfter, reason } = toldOf(outcome.error)
      this.#fail(pending, error, message, retryAfter, reason)
    }
  }

  #fail(
    { owner, call }: PendingRequest,
    error: ErrorCode,
    text?: string,
    retryAfter = 0,
    reason?: string,
  ): void {
    this.#downstream.fail(owner, { type: 'request', call }, error, text, 0, retryAfter, reason)
  }
}
