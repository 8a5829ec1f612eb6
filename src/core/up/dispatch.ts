import type { ErrorCode } from '../../protocol/errors.ts'
import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import { isName } from '../../protocol/names.ts'
import type { ClientMessage, MessageOf } from '../../protocol/schema.ts'
import type { NodeLimits } from '../ground/config.ts'
import type { Connection } from '../door/connection.ts'
import type { Downstream } from '../down/downstream.ts'
import { Gate, type Refusals } from './gate.ts'
import { mayJoin, mayRead, mayWrite } from '../door/grant.ts'
import type { Meetings } from '../meeting/meetings.ts'
import type { Application } from '../ports.ts'
import type { Refusal } from '../ports.ts'
import { Rate } from '../ground/rate.ts'
import type { Requests } from './requests.ts'
import { type Session, wholeWait } from '../session/session.ts'
import type { ResumeOutcome, Stats } from '../ground/stats.ts'
import type { Timers } from '../ground/timers.ts'
import { policies } from '../topic/cursor.ts'
import type { Topics } from '../topic/topics.ts'
import { Upstream } from './upstream.ts'

const NONE: Refusals = new Map()

/** Where messages go. */
export interface Targets {
  readonly downstream: Downstream
  readonly meetings: Meetings
  readonly topics: Topics
  readonly requests: Requests
  readonly timers: Timers
  readonly application: Application
  /** Has the new token verified, or says why not. */
  refresh(session: Session, message: MessageOf<'refresh'>): ErrorCode | null
  /** The client goes on sending what has to be refused. */
  flood(connection: Connection): void
}

/** Everything that goes up: into the session's upstream queue, and from there to its target, within its rights. */
export class Dispatch {
  readonly gate: Gate
  readonly #limits: NodeLimits
  readonly #stats: Stats
  readonly #downstream: Downstream
  readonly #meetings: Meetings
  readonly #topics: Topics
  readonly #requests: Requests
  readonly #refresh: Targets['refresh']
  readonly #flood: Targets['flood']
  readonly #upstream: Upstream
  readonly #refusals: Rate
  /** Connections that are not read from until their queue has emptied. */
  #paused: Connection[] = []

  constructor(limits: NodeLimits, stats: Stats, targets: Targets) {
    this.#limits = limits
    this.#stats = stats
    this.#downstream = targets.downstream
    this.#meetings = targets.meetings
    this.#topics = targets.topics
    this.#requests = targets.requests
    this.#refresh = (session, message) => targets.refresh(session, message)
    this.#flood = (connection) => targets.flood(connection)
    this.#upstream = new Upstream(limits)
    this.#refusals = new Rate(limits.refusalsPerSecond, 1_000, limits.refusalBurst)
    this.gate = new Gate(limits, targets.timers, targets.application, (inquiry, now) => {
      const { session, message, refused } = inquiry
      this.#act(session, message, now, refused)
      this.#upstream.wake(session.upstream)
    })
  }

  get hasWork(): boolean {
    return this.#upstream.hasWork
  }

  /** Delivers what waits, within the sweep's budget. */
  sweep(now: number): void {
    if (this.#upstream.sweep((session, message) => this.#deliver(session, message, now)))
      this.#stats.sweepsCutUp++
    this.#relax()
  }

  /** Delivers what a session that ends has sent before. What the business would have to allow first is dropped. */
  finish(session: Session, now: number): void {
    this.gate.drop(session)
    this.#upstream.finish(session.upstream, (from, message) => {
      if (!this.gate.concerns(message)) this.#act(from, message, now, NONE)
    })
  }

  /** The session is over: what it sent and nobody has delivered is counted as refused by the next sweep. */
  drop(session: Session): void {
    this.gate.drop(session)
    this.#upstream.drop(session.upstream)
  }

  /** The answers to what the session sent before are on their way: more of it is looked at. */
  resume(session: Session): void {
    this.#upstream.wake(session.upstream)
  }

  /** Takes a message in, or refuses it where the queue is full; a sender that goes on is not read from. */
  enqueue(connection: Connection, session: Session, message: ClientMessage, now: number): void {
    if (message.type === 'input') this.#stats.inputsReceived++
    else if ('call' in message && message.type !== 'cancel' && !wantsNoAnswer(message)) {
      // A call is answered once: one that came before the connection was lost is not taken again.
      if (message.call <= session.calls) return
      session.calls = message.call
    }
    if (!this.#upstream.accept(session.upstream, message)) this.#refuse(session, message, 'BUSY', now)
    if (this.#isToWait(session) && !connection.paused) {
      connection.paused = true
      connection.transport.pause()
      this.#paused.push(connection)
    }
  }

  #refuse(
    session: Session,
    message: ClientMessage,
    error: ErrorCode,
    now: number,
    text?: string,
    retryAfter = 0,
  ): void {
    this.#count(session, now)
    if (message.type === 'input') {
      this.#stats.refuseInput(error)
      this.#downstream.send(session, {
        type: 'nack',
        log: message.log,
        seq: message.seq,
        error,
        retryAfter,
      })
    } else if (message.type === 'subscribe') {
      for (const index of message.topics.keys()) this.#downstream.fail(session, message, error, text, index)
    } else if ('call' in message && message.type !== 'cancel') {
      this.#downstream.fail(session, message, error, text, 0, retryAfter)
    }
  }

  /** Counts a refusal: who earns too many is cut off. */
  #count(session: Session, now: number): void {
    if (session.isFlooding(this.#refusals, now) && session.connection !== null)
      this.#flood(session.connection)
  }

  #refuseAs(session: Session, message: ClientMessage, refusal: Refusal | ErrorCode, now: number): void {
    if (typeof refusal === 'string') this.#refuse(session, message, refusal, now)
    else this.#refuse(session, message, refusal.code, now, refusal.message, wholeWait(refusal.retryAfterMs))
  }

  /** A client that does not take its answers is read from in any case: what it sends may be the credit they wait for. */
  #isToWait(session: Session): boolean {
    return this.#upstream.isFull(session.upstream) && !session.isBehind
  }

  /** Reads on from connections whose upstream queue has emptied. */
  #relax(): void {
    if (this.#paused.length === 0) return
    this.#paused = this.#paused.filter((connection) => {
      const { session } = connection
      if (session === null) return false
      if (!this.#upstream.isRelaxed(session.upstream) && !session.isBehind) return true
      connection.paused = false
      connection.transport.resume()
      return false
    })
  }

  #deliver(session: Session, message: ClientMessage, now: number): void {
    if (session.ended) {
      if (message.type === 'input') this.#stats.refuseInput('CLOSED')
      return
    }
    if (this.gate.concerns(message) && this.gate.ask(session, message, now)) return
    this.#act(session, message, now, NONE)
  }

  #act(session: Session, message: ClientMessage, now: number, refused: Refusals): void {
    switch (message.type) {
      case 'input':
        this.#input(session, message, now)
        return
      case 'join':
        this.#join(session, message, now, refused.get(0))
        return
      case 'leave':
        this.#leave(session, message, now)
        return
      case 'subscribe':
        this.#subscribe(session, message, now, refused)
        return
      case 'unsubscribe':
        for (const { log } of message.logs) this.#topics.unsubscribe(session, log, now)
        this.#downstream.send(session, { type: 'done', call: message.call, value: 0 })
        return
      case 'publish':
        this.#publish(session, message, now, refused.get(0))
        return
      case 'request':
        this.#request(session, message, now)
        return
      case 'refresh': {
        const refusal = this.#refresh(session, message)
        if (refusal !== null) this.#refuse(session, message, refusal, now)
        return
      }
      case 'cancel':
        this.#requests.cancel(session, message.call)
        return
      default:
      // What belongs to the connection never comes here.
    }
  }

  #input(session: Session, message: MessageOf<'input'>, now: number): void {
    const seat = session.seats.get(message.log)
    const refusal = seat === undefined ? 'NOT_JOINED' : seat.meeting.accept(seat, message, now)
    if (refusal !== null) this.#refuseAs(session, message, refusal, now)
  }

  #join(session: Session, message: MessageOf<'join'>, now: number, refused: string | undefined): void {
    const meeting = this.#meetings.get(message.meeting)
    const allowed = mayJoin(session.grant, message.meeting, message.spectator)
    const seat = meeting === undefined ? undefined : session.seats.get(meeting.log.number)
    if (!allowed)
      this.#refuse(
        session,
        message,
        'FORBIDDEN',
        now,
        `the ticket does not let this user join ${message.meeting}`,
      )
    else if (refused !== undefined) this.#refuse(session, message, 'FORBIDDEN', now, refused)
    else if (meeting === undefined)
      this.#refuse(session, message, 'NOT_FOUND', now, `no meeting ${message.meeting} is open here`)
    else if (session.connection === null) this.#refuse(session, message, 'UNKNOWN', now)
    else if (seat === undefined && session.seats.size >= this.#limits.meetingsPerSession)
      this.#refuse(session, message, 'LIMIT', now)
    else if (seat !== undefined && (seat.slot === SYSTEM_SLOT) !== message.spectator)
      this.#refuse(session, message, 'LIMIT', now, 'it is in this meeting in another role; leave it first')
    else {
      const joined = meeting.join(session, message, now)
      if (typeof joined === 'string' || 'code' in joined) this.#refuseAs(session, message, joined, now)
      else {
        if (message.epoch !== 0) this.#stats.resume('meeting', outcomeOf(joined))
        this.#downstream.send(session, joined)
      }
    }
  }

  #request(session: Session, message: MessageOf<'request'>, now: number): void {
    const most = this.#limits.requestsPerSession
    if (!isName(message.method)) this.#refuse(session, message, 'BAD_NAME', now)
    else if (session.requests.size >= most)
      this.#refuse(session, message, 'LIMIT', now, `more than ${most} requests at once`)
    else this.#requests.start(session, message, now)
  }

  #leave(session: Session, message: MessageOf<'leave'>, now: number): void {
    const seat = session.seats.get(message.log)
    seat?.meeting.leave(session, seat, 'left')
    if (seat === undefined) this.#refuse(session, message, 'NOT_JOINED', now)
    else this.#downstream.send(session, { type: 'done', call: message.call, value: 0 })
  }

  #subscribe(session: Session, message: MessageOf<'subscribe'>, now: number, refused: Refusals): void {
    message.topics.forEach((wish, index) => {
      const why = refused.get(index)
      const result =
        why === undefined ? this.#subscribeOne(session, message.call, index, wish, now) : 'FORBIDDEN'
      if (typeof result === 'string') {
        this.#count(session, now)
        this.#downstream.fail(session, message, result, why, index)
      } else this.#downstream.send(session, result)
    })
  }

  #subscribeOne(
    session: Session,
    call: number,
    index: number,
    wish: MessageOf<'subscribe'>['topics'][number],
    now: number,
  ): MessageOf<'subscribed'> | ErrorCode {
    if (!isName(wish.topic)) return 'BAD_TOPIC'
    if (!mayRead(session.grant, wish.topic)) return 'FORBIDDEN'
    if (wish.policy > policies.disconnect) return 'UNSUPPORTED'
    if (session.connection === null) return 'UNKNOWN'
    const result = this.#topics.subscribe(session, call, index, wish, now)
    if (wish.since.epoch !== 0 && typeof result !== 'string') this.#stats.resume('topic', outcomeOf(result))
    return result
  }

  #publish(session: Session, message: MessageOf<'publish'>, now: number, refused: string | undefined): void {
    const { topic, data, key, tombstone } = message
    let result: number | ErrorCode
    if (!mayWrite(session.grant, topic) || refused !== undefined)
      result = isName(topic) ? 'FORBIDDEN' : 'BAD_TOPIC'
    else {
      // A copy: the topic may keep it for long, and a view would keep the client's whole packet.
      const own = { text: data.text, bytes: data.bytes.slice() }
      result = this.#topics.publish(topic, own, key, tombstone, now)
    }
    if (typeof result === 'string') this.#refuse(session, message, result, now, refused)
    else if (message.call !== 0)
      this.#downstream.send(session, { type: 'done', call: message.call, value: Math.round(result * 100) })
  }
}

/** A publication with call 0 is no call. Of anything else 0 is a number that was never free. */
function wantsNoAnswer({ type, call }: Extract<ClientMessage, { call: number }>): boolean {
  return type === 'publish' && call === 0
}

function outcomeOf({
  recovered,
  reason,
}: {
  readonly recovered: boolean
  readonly reason: string
}): ResumeOutcome {
  return recovered ? 'recovered' : (reason as ErrorCode)
}
