import type { Codec } from '../../protocol/codec.ts'
import { closeCodes, type CloseReason, type ErrorCode, RtmsError } from '../../protocol/errors.ts'
import { isSpoken, versions } from '../../protocol/limits.ts'
import type { ClientMessage, MessageOf } from '../../protocol/schema.ts'
import { Admission, type Turned, whyAway } from './admission.ts'
import type { Ending } from '../ground/asks.ts'
import type { Budget } from '../ground/budget.ts'
import { weights } from '../ground/weights.ts'
import { fixedLimits, type NodeConfig, originOf } from '../ground/config.ts'
import { unspoken, welcomeOf } from './welcome.ts'
import { Connection, type Owed, type Phase, type TokenCheck } from './connection.ts'
import { Held } from './held.ts'
import type { Downstream } from '../down/downstream.ts'
import type { Outlet } from '../log/log.ts'
import type { Application, Grant, LossReason, Outcome, Transport } from '../ports.ts'
import type { Revocations } from './revocations.ts'
import { refusalOf, refusals } from './refused-token.ts'
import type { Session } from '../session/session.ts'
import { shorten } from '../session/told.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Stats } from '../ground/stats.ts'
import type { Timers } from '../ground/timers.ts'

const CLOSED: Phase = { name: 'closed' }

/** What `Connections` needs of the rest of the node. */
export interface ConnectionsHost {
  readonly config: NodeConfig
  readonly timers: Timers
  readonly stats: Stats
  readonly downstream: Downstream
  readonly budget: Budget
  readonly sessions: Sessions
  readonly application: Application
  readonly revocations: Revocations
  /** Puts a message of a live session into its upstream queue. */
  enqueue(session: Session, message: ClientMessage, now: number): void
  /** Ends a session of this user that has no connection, for a new one. False: there is none. */
  makeRoom(user: string, now: number): boolean
  /** Fetches a session from the node that has it, and calls `done` once; or returns how long its user has to wait. */
  retrieve(id: string, user: string, now: number, waits: () => boolean, done: (now: number) => void): number
  /** The session has a new connection, so what held its upstream queue may have changed. */
  attached(session: Session): void
}

/** All sockets of a node: HELLO and WELCOME, credit, heartbeats, and every way a connection ends. */
export class Connections {
  readonly #host: ConnectionsHost
  readonly #all: Set<Connection> = new Set()
  readonly #admission: Admission
  readonly #origin: number
  draining = false
  cutOff = false

  constructor(host: ConnectionsHost) {
    this.#host = host
    this.#origin = originOf(host.config)
    this.#admission = new Admission(
      host.config,
      host.stats,
      host.timers,
      (check) => host.application.authenticate(check, check.connection.token),
      (connection, ending, now) => this.#verified(connection, ending, now),
      (connection, turned, now) => this.#turnAway(connection, turned, now),
    )
  }

  /** Number of connections that await WELCOME, and of addresses remembered. */
  get admission(): Admission['size'] {
    return this.#admission.size
  }

  get size(): number {
    return this.#all.size
  }

  get owed(): Owed {
    let stalled = 0
    let unacknowledgedBytes = 0
    for (const connection of this.#all) {
      if (!connection.hasCredit) stalled++
      if (connection.window > 0) unacknowledgedBytes += connection.sent - connection.acknowledged
    }
    return { stalled, unacknowledgedBytes }
  }

  open(transport: Transport, codec: Codec, address: string, host: string, now: number): Connection {
    const connection = new Connection(transport, codec, now, (late, at) => this.#beat(late, at), host)
    this.#host.stats.connectionsOpened++
    const others = this.#all.size
    this.#all.add(connection)
    const isOpen = !this.draining && !this.cutOff
    const turned = isOpen ? this.#admission.enter(connection, address, others, now) : null
    if (!isOpen) this.close(connection, 'DRAINING', whyAway(this.cutOff), now)
    else if (turned !== null) this.#turnAway(connection, turned, now)
    else this.#host.timers.set(connection.heartbeat, now + this.#host.config.limits.helloMs)
    return connection
  }

  #turnAway(connection: Connection, { by, reason, text, retryAfterMs }: Turned, now: number): void {
    connection.refusedBy = by
    this.close(connection, reason, text, now, retryAfterMs)
  }

  packet(connection: Connection, packet: Uint8Array | string, now: number): void {
    if (connection.phase.name === 'closed' || connection.dismissed) return
    this.bytes(connection, now)
    this.#host.stats.packetsIn++
    this.#host.stats.bytesIn += packet.length
    let messages: ClientMessage[]
    try {
      messages = connection.codec.decode(packet, 'client') as ClientMessage[]
    } catch (error) {
      this.close(connection, 'PROTOCOL', error instanceof RtmsError ? error.message : 'malformed', now)
      return
    }
    this.#host.stats.messagesIn += messages.length
    this.#receiveAll(connection, messages, now)
  }

  /** Nothing is received behind a message that has closed the connection, or has it closed. */
  #receiveAll(connection: Connection, messages: readonly ClientMessage[], now: number): void {
    for (const message of messages) {
      if (connection.phase.name === 'closed' || connection.dismissed) return
      this.#receive(connection, message, now)
    }
  }

  /**
   * Bytes count as a sign of life only after the WELCOME: a trickle of them, or of messages that only a later version
   * knows, must neither extend the time limit for the HELLO nor keep the place of a newcomer.
   */
  bytes(connection: Connection, now: number): void {
    if (connection.phase.name === 'live') connection.lastHeard = now
  }

  /** The socket closed. */
  lost(connection: Connection, reason: LossReason, now: number): void {
    if (connection.phase.name !== 'closed') this.#detach(connection, reason, now)
  }

  #receive(connection: Connection, message: ClientMessage, now: number): void {
    const { phase } = connection
    if (phase.name === 'new' && message.type !== 'hello') {
      this.close(connection, 'UNAUTHENTICATED', 'the first message must be hello', now)
      return
    }
    switch (message.type) {
      case 'hello':
        this.#hello(connection, message, now)
        return
      case 'ping': {
        // A PONG must not precede the WELCOME.
        if (phase.name === 'verifying') break
        if (connection.control.length >= this.#mostControl(connection)) {
          this.close(connection, 'SLOW', 'too many pings wait for their pong', now)
          return
        }
        const lateness = Math.round(this.#host.stats.lateness(now) * 1000)
        const time = Math.round(now * 1000)
        this.#host.downstream.control(connection, { type: 'pong', echo: message.time, time, lateness })
        return
      }
      case 'pong':
        connection.session?.ponged(message.echo / 1000, now)
        return
      case 'ack':
        this.#acknowledge(connection, message, now)
        return
      default:
    }
    if (phase.name === 'live') this.#host.enqueue(phase.session, message, now)
    else if (phase.name !== 'verifying') return
    else if (!phase.held.add(message)) this.close(connection, 'RATE', 'too much before the welcome', now)
  }

  /** How many control messages may wait for a connection: few where its user holds too much of a full node. */
  #mostControl({ payer }: Connection): number {
    const { controlMessages, spareControlMessages } = this.#host.config.limits
    const isAdmitted = payer === null || this.#host.budget.admits(payer.held, weights.control)
    return isAdmitted ? controlMessages : Math.min(controlMessages, spareControlMessages)
  }

  #acknowledge(connection: Connection, message: MessageOf<'ack'>, now: number): void {
    const { session } = connection
    if (message.bytes > connection.sent || message.received > (session?.log.last ?? 0)) {
      this.close(connection, 'PROTOCOL', 'an ack of more than was sent', now)
      return
    }
    connection.acknowledged = Math.max(connection.acknowledged, message.bytes)
    session?.acknowledge(message)
    this.#host.downstream.wake(connection)
  }

  /**
   * Sends a PING when either side has been silent for a heartbeat, and closes the connection when the client has been
   * silent for two. When the node itself runs late, packets that came in time may be unread, so the client gets more
   * time.
   */
  #beat(connection: Connection, now: number): void {
    const { heartbeatMs, helloMs, readyLatenessMs } = this.#host.config.limits
    if (connection.phase.name === 'new') {
      if (now - connection.lastHeard > helloMs + readyLatenessMs) {
        connection.lastHeard = now
        this.#host.timers.set(connection.heartbeat, now + helloMs)
        return
      }
      this.close(connection, 'UNAUTHENTICATED', 'no hello in time', now)
      return
    }
    // While reading is paused, the client's packets stay unread in the socket, so its silence proves nothing.
    if (connection.paused) connection.lastHeard = now
    // The same sum that the timer below was set to: comparing a difference instead could round to the other side.
    const end = connection.lastHeard + 2 * heartbeatMs
    if (now > end + readyLatenessMs) connection.lastHeard = now - heartbeatMs
    else if (now >= end) {
      this.close(connection, null, 'silent', now)
      return
    }
    const quiet = Math.min(connection.lastSent, connection.lastHeard)
    let next = quiet + heartbeatMs
    if (next <= now) {
      // A client that reads nothing at the moment needs only one PING in its queue.
      if (connection.control.length === 0)
        this.#host.downstream.control(connection, { type: 'ping', time: Math.round(now * 1000) })
      next = Math.min(now + heartbeatMs, connection.lastHeard + 2 * heartbeatMs)
    }
    this.#host.timers.set(connection.heartbeat, next)
  }

  /** Closes a connection from this side, after a GOODBYE when there is a reason. */
  close(
    outlet: Outlet,
    reason: CloseReason | null,
    text: string,
    now: number,
    retryAfterMs: number = this.#host.config.limits.reconnectMinMs,
    spoken: { readonly least: number; readonly most: number } = { least: 0, most: 0 },
  ): void {
    // A session knows its connection only as an `Outlet`.
    const connection = outlet as Connection
    if (connection.phase.name === 'closed') return
    const code = reason === null ? 1001 : closeCodes[reason]
    if (reason !== null) {
      const retryAfter = code > 4449 ? retryAfterMs : 0
      const goodbye = { type: 'goodbye', code, reason: shorten(text), retryAfter, route: '' } as const
      this.#host.downstream.farewell(connection, { ...goodbye, ...spoken }, now)
    }
    this.#detach(connection, reason ?? 'SILENT', now)
    connection.transport.close(code, reason ?? 'SILENT')
  }

  /** Drops a connection whose transport failed, without a GOODBYE. */
  drop(outlet: Outlet, now: number): void {
    const connection = outlet as Connection
    if (connection.phase.name === 'closed') return
    this.#detach(connection, 'LOST', now)
    connection.transport.close(1011, 'LOST')
  }

  #detach(connection: Connection, reason: LossReason, now: number): void {
    const { phase } = connection
    connection.phase = CLOSED
    connection.discard()
    this.#all.delete(connection)
    this.#admission.leave(connection, now)
    this.#host.timers.clear(connection.heartbeat)
    this.#host.stats.loseConnection(reason)
    if (phase.name !== 'live') return
    const { session, refresh } = phase
    // The answer to the REFRESH could not be delivered any more.
    if (refresh !== null) this.#host.downstream.fail(session, refresh, 'UNKNOWN')
    session.stopReading(now)
    if (!session.ended) this.#host.sessions.detach(session, now)
    this.#host.application.disconnected(session, reason, session.ended)
  }

  #hello(connection: Connection, hello: MessageOf<'hello'>, now: number): void {
    if (connection.phase.name !== 'new') return this.close(connection, 'PROTOCOL', 'a second hello', now)
    if (!isSpoken(hello.version))
      return this.close(connection, 'PROTOCOL', unspoken(hello.version), now, 0, versions)
    connection.phase = { name: 'verifying', hello, held: new Held(this.#host.config.limits) }
    connection.lastHeard = now
    // Later packets wait in the socket, so that an unverified client cannot make the node hold much.
    connection.transport.pause()
    const { timers } = this.#host
    const { at: deadline } = connection.heartbeat
    timers.clear(connection.heartbeat)
    this.#admission.hello(connection)
    this.#admission.verify(connection, deadline)
  }

  /** The answer to `authenticate`. */
  authenticated(check: TokenCheck, outcome: Outcome<Grant>, now: number): void {
    this.#admission.answer(check, outcome, now)
  }

  /** The token of a HELLO or REFRESH was verified, or its verification ran out of time. */
  #verified(connection: Connection, ending: Ending<Outcome<Grant>>, now: number): void {
    const { phase } = connection
    if (phase.name === 'live') this.#refreshed(connection, phase, ending, now)
    if (phase.name !== 'verifying') return
    const { hello } = phase
    const outcome = ending.by === 'answer' ? ending.answer : null
    if (outcome === null || (!outcome.ok && outcome.error.code === 'HANDLER_FAILED')) {
      // Not the client's fault: FULL lets it try again.
      const text = outcome === null ? 'the token was not verified in time' : 'the token could not be verified'
      return this.close(connection, 'FULL', text, now, this.#admission.spread())
    }
    const refusal = refusalOf(outcome, now + this.#host.config.wallOffset)
    if (refusal !== null) return this.close(connection, refusal, refusals[refusal], now)
    const { value: grant } = outcome as Outcome<Grant> & { ok: true }
    const waits = (): boolean => connection.phase.name === 'verifying'
    const wait = this.#host.retrieve(hello.session, grant.user, now, waits, (at) => {
      if (connection.phase.name !== 'verifying') return
      // The session may have been fetched from a node that hangs, until the token had expired.
      const late = refusalOf(outcome, at + this.#host.config.wallOffset)
      if (late === null) this.#admit(connection, connection.phase, grant, at)
      else this.close(connection, late, refusals[late], at)
    })
    if (wait > 0) this.close(connection, 'RATE', 'it went from node to node too often', now, wait)
  }

  /** The token is good, and the session here where there is one. */
  #admit(
    connection: Connection,
    { hello, held }: Extract<Phase, { name: 'verifying' }>,
    grant: Grant,
    now: number,
  ): void {
    if (this.#isRevoked(connection, grant, now)) return
    this.#replace(hello, grant, now)
    const { sessions } = this.#host
    let attached = sessions.attach(connection, hello, grant)
    if (attached === 'limit' && this.#host.makeRoom(grant.user, now))
      attached = sessions.attach(connection, hello, grant)
    if (attached === 'failed') this.close(connection, 'FULL', 'no session could be opened', now)
    else if (attached === 'stolen') this.close(connection, 'UNAUTHENTICATED', refusals.UNAUTHENTICATED, now)
    else if (attached === 'limit') {
      const most = this.#host.config.limits.sessionsPerUser
      this.close(connection, 'FULL', `one user has ${most} sessions at most, and a share of a full node`, now)
    } else {
      this.#welcome(connection, hello, attached, now)
      this.#receiveAll(connection, held.messages, now)
    }
  }

  #isRevoked(connection: Connection, grant: Grant, now: number): boolean {
    if (!this.#host.revocations.covers(grant)) return false
    this.close(connection, 'REVOKED', 'the token was revoked', now)
    return true
  }

  /** Queues the new token of a session for verification; the session carries on meanwhile. */
  refresh({ outlet }: Session, message: MessageOf<'refresh'>, now: number): ErrorCode | null {
    const connection = outlet as Connection | null
    if (connection === null || connection.phase.name !== 'live') return 'UNKNOWN'
    if (connection.phase.refresh !== null) return 'BUSY'
    connection.phase.refresh = message
    this.#admission.verify(connection, now + this.#host.config.limits.helloMs)
    return null
  }

  #refreshed(
    connection: Connection,
    phase: Extract<Phase, { name: 'live' }>,
    ending: Ending<Outcome<Grant>>,
    now: number,
  ): void {
    const { session, refresh } = phase
    phase.refresh = null
    if (refresh === null) return
    const { call } = refresh
    const { downstream, sessions, config } = this.#host
    if (ending.by !== 'answer')
      return downstream.fail(session, refresh, 'TIMEOUT', 'the token was not verified in time')
    const { answer: outcome } = ending
    const isAnothers = outcome.ok && outcome.value.user !== session.user
    const refusal = isAnothers ? 'UNAUTHENTICATED' : refusalOf(outcome, now + this.#host.config.wallOffset)
    if (refusal !== null) {
      downstream.fail(session, refresh, refusal, refusals[refusal])
      return
    }
    const { value: grant } = outcome as Outcome<Grant> & { ok: true }
    // The GOODBYE takes the place of a reply to the REFRESH.
    if (this.#isRevoked(connection, grant, now)) return
    // A REFRESH queued on an earlier connection may be verified after the newer token of this connection's HELLO. When
    // the session's token seems to come from the future, the clock was set back, and the incoming token is the newer
    // one.
    const { issued } = session.grant
    const isNewer = grant.issued >= issued || issued > now + config.wallOffset + fixedLimits.aheadMs
    if (isNewer) sessions.renew(session, grant)
    downstream.send(session, { type: 'done', call, value: Math.floor(session.grant.expires / 1000) })
    if (isNewer) this.#withdraw(session, now)
  }

  /** Withdraws meetings and topics that the new token no longer grants. */
  #withdraw(session: Session, now: number): void {
    const message = 'the new token does not allow it'
    for (const log of session.withdraw(now))
      this.#host.downstream.send(session, { type: 'ended', log, error: 'FORBIDDEN', message })
  }

  /** A session has one connection: closes the old one when a new one takes the session over. */
  #replace(hello: MessageOf<'hello'>, grant: Grant, now: number): void {
    const known = this.#host.sessions.get(hello.session)
    if (known?.user === grant.user && known.outlet !== null)
      this.close(known.outlet, 'REPLACED', 'the session connected elsewhere', now)
  }

  #welcome(
    connection: Connection,
    hello: MessageOf<'hello'>,
    { session, resumed, reason }: { session: Session; resumed: boolean; reason: ErrorCode | '' },
    now: number,
  ): void {
    const { limits } = this.#host.config
    connection.phase = { name: 'live', session, refresh: null }
    connection.payer = session.payer
    this.#admission.welcome(connection)
    connection.window = hello.window === 0 ? 0 : Math.min(hello.window, limits.window)
    const received = session.log.attach(connection, resumed ? hello.received : 0)
    const whole = received <= hello.received
    if (hello.session !== '')
      this.#host.stats.resume('session', resumed ? (whole ? 'recovered' : 'LOST') : 'NOT_FOUND')
    if (!whole) this.#host.stats.sessionEntriesLost += received - hello.received
    this.#host.timers.set(connection.heartbeat, now + limits.heartbeatMs)
    const own = { version: hello.version, window: connection.window, origin: this.#origin }
    const why = resumed && !whole ? ('RETENTION' as const) : reason
    const answer = { ...own, resumed, reason: why, received }
    const welcome = welcomeOf(this.#host.config, session, answer, this.#all.size, now)
    this.#host.downstream.control(connection, welcome)
    this.#host.downstream.resume(session)
    this.#host.application.connected(session, resumed)
    this.#withdraw(session, now)
    this.#host.attached(session)
    connection.transport.resume()
  }

  all(): Iterable<Connection> {
    return this.#all
  }

  /** Has a client connect to another node. */
  sendAway(connection: Connection, now: number): void {
    this.close(connection, 'DRAINING', whyAway(this.cutOff), now, this.#admission.spread())
  }
}
