import type { ErrorCode } from '../../protocol/errors.ts'
import { isName } from '../../protocol/names.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { ClientMessage, MessageOf } from '../../protocol/schema.ts'
import type { Downstream } from '../down/downstream.ts'
import type { Limits } from '../ground/config.ts'
import { Rate } from '../ground/rate.ts'
import type { Stats } from '../ground/stats.ts'
import type { Timers } from '../ground/timers.ts'
import { FREE_WORK, itemsOf, type Work } from '../ground/work.ts'
import type { Outlet } from '../log/log.ts'
import type { Application, Refusal } from '../ports.ts'
import type { Joined } from '../session/elsewhere.ts'
import { mayJoin, mayRead, mayWrite } from '../session/grant.ts'
import type { Session } from '../session/session.ts'
import { denied, isByBusiness, misnamed, plainly, type Told, toldOf } from '../session/told.ts'
import { type Denials, Gate } from './gate.ts'
import { innocent, ofTheNumber } from './innocent.ts'
import { Joins, type JoinTarget } from './joins.ts'
import type { Openings } from './openings.ts'
import { outcomeOf } from './outcome.ts'
import type { Requests } from './requests.ts'
import type { Cluster } from './searches.ts'
import type { TopicTarget } from './topic-target.ts'
import { Upstream } from './upstream.ts'

const NONE: Denials = new Map()

/** Names an input of a session. */
type InputName = Pick<MessageOf<'input'>, 'log' | 'seq'>

/** The targets of messages, and what dispatch needs of the rest of the node. */
export interface Targets {
  readonly downstream: Downstream
  readonly meetings: JoinTarget
  readonly topics: TopicTarget
  readonly requests: Requests
  readonly timers: Timers
  readonly application: Application
  /** Null for a node alone. */
  readonly cluster: Cluster | null
  /** Queues the new token for verification, or returns the error. */
  refresh(session: Session, message: MessageOf<'refresh'>, now: number): ErrorCode | null
  /** The JOIN of a session was answered. */
  seated(session: Session, joined: Joined, now: number): void
  /** Too many messages of this client had to be refused: closes its connection. */
  flood(outlet: Outlet): void
}

/**
 * Everything that goes up: puts messages into the session's upstream queue, and delivers them to their targets if the
 * grant allows it.
 */
export class Dispatch {
  readonly gate: Gate
  readonly #joins: Joins
  readonly #limits: Limits
  readonly #stats: Stats
  readonly #work: Work
  readonly #downstream: Downstream
  readonly #topics: TopicTarget
  readonly #requests: Requests
  readonly #refresh: Targets['refresh']
  readonly #flood: Targets['flood']
  readonly #application: Application
  readonly #upstream: Upstream
  readonly #refusals: Rate
  /** Sessions whose socket is paused until their upstream queue is at most half full. */
  readonly #paused: Set<Session> = new Set()

  constructor(limits: Limits, stats: Stats, work: Work, targets: Targets) {
    const { timers, application, cluster } = targets
    this.#limits = limits
    this.#stats = stats
    this.#work = work
    this.#downstream = targets.downstream
    this.#topics = targets.topics
    this.#requests = targets.requests
    this.#application = application
    this.#refresh = (session, message, now) => targets.refresh(session, message, now)
    this.#flood = (outlet) => targets.flood(outlet)
    const { topics } = targets
    this.#upstream = new Upstream(
      limits,
      work,
      ({ account }, message) => message.type === 'publish' && topics.mustWait(message.topic, account),
    )
    this.#refusals = new Rate(limits.refusalsPerSecond, 1_000, limits.refusalBurst)
    this.gate = new Gate(limits, timers, application, (session, message, denials, now) => {
      if (!this.#hold(session, message, now, denials)) this.#act(session, message, now, denials)
      this.#upstream.wake(session)
    })
    this.#joins = new Joins(limits, timers, application, targets.meetings, cluster, {
      answer: (session, message, joined, now) => {
        this.#joined(session, message, now, joined)
        targets.seated(session, joined, now)
        this.#upstream.wake(session)
      },
      proceed: (session, then) => this.#proceed(session, then),
      wake: (session) => this.#upstream.wake(session),
      again: (session, message, now) => {
        if (!this.#upstream.accept(session, message)) this.#refuse(session, message, 'BUSY', now)
      },
    })
  }

  get openings(): Openings {
    return this.#joins.openings
  }

  get hasWork(): boolean {
    return this.#upstream.hasWork
  }

  /** Delivers queued messages, within the sweep's budget. */
  sweep(now: number): void {
    const isCut = this.#upstream.sweep(
      (session, message) => this.#deliver(session, message, now),
      (session) => session.resume(now),
    )
    if (isCut) this.#stats.sweepsCutUp++
    this.#relax()
  }

  /** A message of a session need not wait any more: see {@link Session.proceed}. */
  #proceed(session: Session, then: (now: number) => void): void {
    session.proceed(then)
    this.#upstream.wake(session)
  }

  /**
   * Delivers what is left in the queue of a session that is about to end. Messages that the business would first have
   * to allow, or for which it would have to hear others of the user first, are dropped.
   */
  finish(session: Session, now: number): void {
    this.#stopAsking(session, now)
    this.#upstream.finish(session, (from, message) => {
      const isLate = message.type === 'publish' && this.#topics.isUnheard(message.topic, from.account)
      if (!isLate && this.#isAllowed(from, message, now) && !this.gate.concerns(message))
        this.#act(from, message, now, NONE)
    })
  }

  /** The session has ended. The next sweep counts its undelivered inputs as refused. */
  drop(session: Session, now: number): void {
    this.#stopAsking(session, now)
    this.#requests.drop(session, now)
    this.#upstream.wake(session)
  }

  #stopAsking(session: Session, now: number): void {
    this.gate.drop(session, now)
    this.#joins.drop(session)
    this.#topics.drop(session, now)
  }

  /** Resumes a session's upstream queue, for example when its log is no longer behind. */
  resume(session: Session): void {
    this.#upstream.wake(session)
  }

  /** Queues a message, or refuses it when the queue is full. While it is full, the socket is paused. */
  enqueue(session: Session, message: ClientMessage, now: number): void {
    if (message.type === 'input') this.#stats.inputsReceived++
    else if ('call' in message && message.type !== 'cancel' && !wantsNoAnswer(message)) {
      // A call is answered once: a client resends calls after a reconnect, and duplicates are dropped.
      if (message.call <= session.calls) return
      session.calls = message.call
    }
    if (!this.#upstream.accept(session, message)) {
      if (message.type === 'input') session.seats.get(message.log)?.turnAway(message.seq)
      this.#refuse(session, message, 'BUSY', now)
    }
    const { outlet } = session
    if (outlet !== null && !outlet.paused && this.#isToWait(session)) {
      outlet.paused = true
      outlet.transport.pause()
      this.#paused.add(session)
    }
  }

  #refuse(
    session: Session,
    message: ClientMessage,
    error: ErrorCode,
    now: number,
    text?: string,
    retryAfter = 0,
    reason?: string,
  ): void {
    this.#count(session, error, now)
    this.#answer(session, message, error, text, retryAfter, reason)
  }

  /** Tells the client that a message was refused. */
  #answer(
    session: Session,
    message: ClientMessage,
    error: ErrorCode,
    text: string | undefined,
    retryAfter: number,
    reason?: string,
  ): void {
    if (message.type === 'input') this.#nack(session, message, { ...plainly(error), retryAfter })
    else if (message.type === 'subscribe') {
      for (const index of message.topics.keys())
        this.#downstream.fail(session, message, error, text, index, retryAfter, reason)
    } else if ('call' in message && message.type !== 'cancel') {
      this.#downstream.fail(session, message, error, text, 0, retryAfter, reason)
    }
  }

  /** The node that owns a meeting has refused an input; `byBusiness`: by the business, as part of normal play. */
  refuseRemote(session: Session, input: InputName, refusal: Refusal, byBusiness: boolean, now: number): void {
    if (!byBusiness) this.#count(session, refusal.code, now)
    this.#nack(session, input, toldOf(refusal))
  }

  #nack(session: Session, { log, seq }: InputName, told: Told): void {
    const { error } = told
    this.#stats.refuseInput(error)
    const last = ofTheNumber.has(error) ? (session.seats.get(log)?.last ?? 0) : 0
    this.#downstream.send(session, { type: 'nack', log, seq, last, ...told })
  }

  /** Counts a refused message; a session that floods is closed. */
  #count(session: Session, error: ErrorCode, now: number): void {
    if (innocent.has(error) || session.outlet === null) return
    if (session.isFlooding(this.#refusals, now)) this.#flood(session.outlet)
  }

  #refuseAs(session: Session, message: ClientMessage, refusal: Refusal | ErrorCode, now: number): void {
    if (typeof refusal === 'string') this.#refuse(session, message, refusal, now)
    else {
      const { error, message: text, retryAfter, reason } = toldOf(refusal)
      this.#refuse(session, message, error, now, text, retryAfter, reason)
    }
  }

  /**
   * Whether to pause the socket: when the queue is full, unless the session log is behind. That one waits for acks,
   * which must still be read.
   */
  #isToWait(session: Session): boolean {
    return this.#upstream.isFull(session.upstream) && !session.log.isBehind
  }

  /** Resumes sockets whose upstream queue is at most half full, or whose session log has fallen behind. */
  #relax(): void {
    for (const session of this.#paused) {
      const { outlet, upstream, log } = session
      const isPaused = outlet?.paused ?? false
      if (isPaused && !this.#upstream.isRelaxed(upstream) && !log.isBehind) continue
      this.#paused.delete(session)
      if (outlet === null || !isPaused) continue
      outlet.paused = false
      outlet.transport.resume()
    }
  }

  #deliver(session: Session, message: ClientMessage, now: number): void {
    if (session.ended) {
      if (message.type === 'input') this.#stats.refuseInput('CLOSED')
      return
    }
    if (!this.#isAllowed(session, message, now)) return
    if (this.gate.concerns(message) && this.gate.ask(session, message, now)) return
    if (!this.#hold(session, message, now, NONE)) this.#act(session, message, now, NONE)
  }

  /** Whether a message waits for what other nodes keep of its topics. */
  #hold(session: Session, message: ClientMessage, now: number, denials: Denials): boolean {
    if (message.type !== 'subscribe' || session.outlet === null) return false
    const names = message.topics.flatMap(({ topic }, index) =>
      isName(topic) && mayRead(session.grant, topic) && !denials.has(index) ? [topic] : [],
    )
    return this.#topics.hold(session, message, names, now, {
      act: (at) => this.#act(session, message, at, denials),
      proceed: (then) => this.#proceed(session, then),
    })
  }

  /** Whether the user may send the message now; else it is refused with RATE, and the wait. */
  #isAllowed(session: Session, message: ClientMessage, now: number): boolean {
    const { account, outlet } = session
    const wait = account.take(message, now)
    if (wait === 0) return true
    if (outlet !== null && account.isFlooding(now)) this.#flood(outlet)
    this.#answer(session, message, 'RATE', 'more than a user may send in a second', wait)
    return false
  }

  /** Handles a message; what it causes beyond what every message may cost is paid from the user's share. */
  #act(session: Session, message: ClientMessage, now: number, denials: Denials): void {
    const before = this.#work.done
    this.#handle(session, message, now, denials)
    const beyond = this.#work.done - before - itemsOf(message) * FREE_WORK
    if (beyond > 0) session.account.pay(beyond, now)
  }

  #handle(session: Session, message: ClientMessage, now: number, denials: Denials): void {
    switch (message.type) {
      case 'input':
        this.#input(session, message, now)
        return
      case 'join':
        this.#join(session, message, now, denials.get(0))
        return
      case 'leave':
        this.#leave(session, message, now)
        return
      case 'subscribe':
        this.#subscribe(session, message, now, denials)
        return
      case 'unsubscribe':
        for (const { log } of message.logs) session.unsubscribe(log, now)
        this.#downstream.send(session, { type: 'done', call: message.call, value: 0 })
        return
      case 'publish':
        this.#publish(session, message, now, denials.get(0))
        return
      case 'request':
        this.#request(session, message, now)
        return
      case 'refresh': {
        const refusal = this.#refresh(session, message, now)
        if (refusal !== null) this.#refuse(session, message, refusal, now)
        return
      }
      case 'cancel':
        this.#requests.cancel(session, message.call, now)
        return
      default:
      // Messages of the connection itself are never queued.
    }
  }

  #input(session: Session, message: MessageOf<'input'>, now: number): void {
    const refusal = session.seats.get(message.log)?.accept(message, now)
    if (refusal === undefined) this.#refuse(session, message, 'NOT_JOINED', now)
    else if (refusal !== null && !isByBusiness(refusal)) this.#refuseAs(session, message, refusal, now)
    // Refused by the business, within the input rate: part of normal play, so it does not count as a flood.
    else if (refusal !== null) this.#nack(session, message, toldOf(refusal))
  }

  #join(session: Session, message: MessageOf<'join'>, now: number, denial: Refusal | undefined): void {
    const { meeting, spectator } = message
    if (!mayJoin(session.grant, meeting, spectator)) {
      const text = `the ticket does not let this user join ${meeting}`
      this.#refuse(session, message, 'FORBIDDEN', now, text)
    } else if (denial !== undefined) this.#refuseAs(session, message, denial, now)
    else this.#joins.seat(session, message, now)
  }

  #joined(session: Session, message: MessageOf<'join'>, now: number, joined: Joined): void {
    if (joined === 'NOT_FOUND')
      return this.#refuse(session, message, joined, now, `no meeting ${message.meeting} is open here`)
    if (typeof joined === 'string' || 'code' in joined) return this.#refuseAs(session, message, joined, now)
    if (joined.recovered || joined.reason !== '') this.#stats.resume('meeting', outcomeOf(joined))
    this.#downstream.send(session, joined)
    session.sayAgain(joined, (direct) => this.#downstream.send(session, direct))
  }

  #request(session: Session, message: MessageOf<'request'>, now: number): void {
    const { requestsPerSession: most, requestsPerUser } = this.#limits
    if (!isName(message.method))
      this.#refuse(session, message, 'BAD_NAME', now, misnamed('method', message.method))
    else if (this.#requests.of(session) >= most)
      this.#refuse(session, message, 'LIMIT', now, `more than ${most} requests at once`)
    else if (session.account.requests >= requestsPerUser)
      this.#refuse(session, message, 'BUSY', now, `more than ${requestsPerUser} requests of one user at once`)
    else this.#requests.start(session, message, now)
  }

  #leave(session: Session, message: MessageOf<'leave'>, now: number): void {
    if (session.leave(message.log, 'left'))
      this.#downstream.send(session, { type: 'done', call: message.call, value: 0 })
    else this.#refuse(session, message, 'NOT_JOINED', now)
  }

  #subscribe(session: Session, message: MessageOf<'subscribe'>, now: number, denials: Denials): void {
    let refused: ErrorCode | null = null
    for (const [index, topic] of message.topics.entries()) {
      const denial = denials.get(index)
      const why = denial && toldOf(denial)
      const result = why?.error ?? this.#subscribeOne(session, message.call, index, topic, now)
      if (typeof result === 'string') {
        if (!innocent.has(result)) refused = result
        const words = why?.message ?? denied(result, 'read', topic.topic)
        this.#downstream.fail(session, message, result, words, index, why?.retryAfter, why?.reason)
      } else this.#downstream.send(session, result)
    }
    if (refused !== null) this.#count(session, refused, now)
  }

  #subscribeOne(
    session: Session,
    call: number,
    index: number,
    topic: MessageOf<'subscribe'>['topics'][number],
    now: number,
  ): MessageOf<'subscribed'> | ErrorCode {
    if (!isName(topic.topic)) return 'BAD_TOPIC'
    if (!mayRead(session.grant, topic.topic)) return 'FORBIDDEN'
    if (session.outlet === null) return 'UNKNOWN'
    const result = this.#topics.subscribe(session, call, index, topic, now)
    if (topic.since.epoch !== 0 && typeof result !== 'string') this.#stats.resume('topic', outcomeOf(result))
    return result
  }

  #publish(session: Session, message: MessageOf<'publish'>, now: number, denial: Refusal | undefined): void {
    const { topic, key, tombstone } = message
    let result: number | ErrorCode
    if (denial !== undefined) return this.#refuseAs(session, message, denial, now)
    if (!mayWrite(session.grant, topic)) result = isName(topic) ? 'FORBIDDEN' : 'BAD_TOPIC'
    else {
      const data = this.#decided(session, message)
      // Refused by the business: part of normal play, so it does not count as a flood.
      if ('code' in data) {
        const told = toldOf(data)
        return this.#answer(session, message, told.error, told.message, told.retryAfter, told.reason)
      }
      // The upstream queue has made the payload its own, so the topic may keep it.
      result = this.#topics.publish(topic, data, key, tombstone, now, session.account)
    }
    const none = result === 'BAD_NAME' ? 'a tombstone removes a key, and this one names none' : undefined
    const text = none ?? denied(result, 'publish to', topic)
    if (typeof result === 'string') this.#refuse(session, message, result, now, text)
    else if (message.call !== 0)
      this.#downstream.send(session, { type: 'done', call: message.call, value: Math.round(result * 100) })
  }

  /** What the business makes of a publication. */
  #decided({ user, id }: Session, message: MessageOf<'publish'>): Payload | Refusal {
    const { topic, key, tombstone, data } = message
    return this.#application.publishing?.({ user, session: id, topic, key, tombstone, data }) ?? data
  }
}

/**
 * A PUBLISH with call 0 wants no answer. For other messages 0 is not a valid call number, and counts as a duplicate.
 */
function wantsNoAnswer({ type, call }: Extract<ClientMessage, { call: number }>): boolean {
  return type === 'publish' && call === 0
}
