import type { Codec } from '../protocol/codec.ts'
import { closeCodes, type CloseReason, type ErrorCode, RtmsError } from '../protocol/errors.ts'
import { limits as protocolLimits } from '../protocol/limits.ts'
import { isName, matches } from '../protocol/names.ts'
import type { Payload } from '../protocol/payload.ts'
import type { ClientMessage, MessageOf } from '../protocol/schema.ts'
import { defaultMeeting, type MeetingOptions, type NodeConfig } from './config.ts'
import { Connection } from './connection.ts'
import { Downstream } from './downstream.ts'
import { Encoded } from './encoded.ts'
import { Meeting, type MeetingHost, type MeetingInfo } from './meeting.ts'
import type { Application, Bus, Grant, Outcome, RequestCall, Transport } from './ports.ts'
import { Requests } from './requests.ts'
import { failed, type Session, shorten } from './session.ts'
import { Sessions } from './sessions.ts'
import { Stats } from './stats.ts'
import { Timers } from './timers.ts'
import { Topics } from './topics.ts'
import { policies, type Retention } from './topic-log.ts'
import { Upstream } from './upstream.ts'

const PROTOCOL_VERSION = 1

/**
 * One node of RTMS: synchronous, without I/O, clock or randomness of its own. What happens comes in through
 * `handle…` and the business methods, each with the time (monotonic milliseconds); what follows goes out through
 * the ports. After each call ask {@link deadline} and call {@link sweep} then.
 */
export class RtmsNode {
  readonly id: string
  /** Its number as a publisher. */
  readonly incarnation: number
  readonly stats: Stats = new Stats()
  readonly #config: NodeConfig
  readonly #application: Application
  readonly #timers: Timers = new Timers()
  readonly #downstream: Downstream
  readonly #upstream: Upstream
  readonly #sessions: Sessions
  readonly #topics: Topics
  readonly #requests: Requests
  readonly #meetingHost: MeetingHost
  readonly #meetings: Map<string, Meeting> = new Map()
  readonly #connections: Set<Connection> = new Set()
  #unsealed: Meeting[] = []
  #relaxing: Connection[] = []
  #slow: Session[] = []
  #lastLog = 0
  #lastEpoch = 0
  #draining = false

  constructor(config: NodeConfig, ports: { application: Application; bus: Bus }) {
    this.id = config.id
    this.incarnation = config.incarnation
    this.#config = config
    this.#application = ports.application
    const { limits } = config
    this.#downstream = new Downstream(limits, this.stats, (session) => this.#slow.push(session))
    this.#upstream = new Upstream(limits)
    this.#sessions = new Sessions(config, this.#timers, this.stats, (session, now) =>
      this.#expire(session, now),
    )
    this.#topics = new Topics(
      config,
      this.#timers,
      this.#downstream,
      ports.bus,
      this.stats,
      () => ++this.#lastLog,
    )
    this.#meetingHost = {
      timers: this.#timers,
      downstream: this.#downstream,
      stats: this.stats,
      sealSoon: (meeting) => this.#unsealed.push(meeting),
      expired: ({ name }) => this.closeMeeting(name),
    }
    this.#requests = new Requests(limits, this.#timers, this.#downstream, ports.application, this.stats)
  }

  get connections(): number {
    return this.#connections.size
  }

  get sessions(): number {
    return this.#sessions.size
  }

  get topics(): number {
    return this.#topics.size
  }

  /** When {@link sweep} wants to be called: `now` where work waits, else the next timer, `Infinity` for never. */
  deadline(now: number): number {
    const busy =
      this.#upstream.hasWork ||
      this.#downstream.hasWork ||
      this.#topics.hasWork ||
      this.#unsealed.length > 0 ||
      this.#slow.length > 0
    return busy ? now : this.#timers.next
  }

  /** The inspection task: what is due, then upward, then downward, each within its budget. */
  sweep(now: number): void {
    this.stats.sweeps++
    this.#timers.run(now)
    this.#upstream.sweep((session, message) => this.#deliver(session, message, now))
    this.#relax()
    const unsealed = this.#unsealed
    this.#unsealed = []
    for (const meeting of unsealed) meeting.sealNow(now)
    this.#topics.sweep(now)
    this.#downstream.flush(now, this.#config.limits.sweepBytes)
    if (!this.#downstream.hasWork) this.#topics.trim(now)
    this.#dismissSlow(now)
  }

  // ---- connections

  /** A socket opened. The connection returned stands for it in every other call. */
  handleOpen(transport: Transport, codec: Codec, now: number): Connection {
    const connection = new Connection(transport, codec, now, (late, at) => this.#beat(late, at))
    this.stats.connectionsOpened++
    this.#connections.add(connection)
    if (this.#draining) this.#close(connection, 'DRAINING', 'the node is stopping', now)
    else if (this.#connections.size > this.#config.limits.connections)
      this.#close(connection, 'FULL', 'the node has no room', now)
    else this.#timers.set(connection.heartbeat, now + this.#config.limits.helloMs)
    return connection
  }

  /** A packet arrived. A malformed one closes its connection and has no other effect. */
  handlePacket(connection: Connection, packet: Uint8Array | string, now: number): void {
    if (connection.state === 'closed') return
    connection.lastHeard = now
    this.stats.packetsIn++
    this.stats.bytesIn += packet.length
    let messages: ClientMessage[]
    try {
      messages = connection.codec.decode(packet, 'client') as ClientMessage[]
    } catch (error) {
      this.#close(connection, 'PROTOCOL', error instanceof RtmsError ? error.message : 'malformed', now)
      return
    }
    this.stats.messagesIn += messages.length
    for (const message of messages) {
      if ((connection.state as string) === 'closed') return
      this.#receive(connection, message, now)
    }
  }

  /** The socket can take more. */
  handleDrain(connection: Connection): void {
    connection.writable = true
    this.#downstream.wake(connection)
  }

  /** The socket is gone. `final`: the client closed it for good (code 1000) and its session ends with it. */
  handleClose(connection: Connection, final: boolean, now: number): void {
    const { session } = connection
    if (connection.state !== 'closed') this.#detach(connection, now)
    if (final && session !== null) this.#endSession(session, 'left')
  }

  #receive(connection: Connection, message: ClientMessage, now: number): void {
    if (connection.state === 'new' && message.type !== 'hello') {
      this.#close(connection, 'UNAUTHENTICATED', 'the first message must be hello', now)
      return
    }
    switch (message.type) {
      case 'hello':
        this.#hello(connection, message, now)
        return
      case 'ping': {
        const lateness = Math.round(this.stats.lateness(now) * 1000)
        this.#downstream.control(connection, {
          type: 'pong',
          echo: message.time,
          time: Math.round(now * 1000),
          lateness,
        })
        return
      }
      case 'pong':
        return
      case 'ack':
        this.#acknowledge(connection, message, now)
        return
      default:
    }
    const { session } = connection
    if (connection.state === 'live' && session !== null) this.#enqueue(connection, session, message)
    else if (connection.held.length < this.#config.limits.helloMessages) connection.held.push(message)
    else this.#close(connection, 'RATE', 'too much before the welcome', now)
  }

  #acknowledge(connection: Connection, { bytes, received }: MessageOf<'ack'>, now: number): void {
    const { session } = connection
    if (bytes > connection.sent || received > (session?.last ?? 0)) {
      this.#close(connection, 'PROTOCOL', 'an ack of more than was sent', now)
      return
    }
    connection.acknowledged = Math.max(connection.acknowledged, bytes)
    session?.acknowledge(received)
    this.#downstream.wake(connection)
  }

  /** Silence on either side brings a ping; twice the heartbeat of silence from the client is the end. */
  #beat(connection: Connection, now: number): void {
    const { heartbeatMs } = this.#config.limits
    if (connection.state === 'new' || connection.state === 'verifying') {
      this.#close(connection, 'UNAUTHENTICATED', 'no valid hello in time', now)
      return
    }
    if (now - connection.lastHeard >= 2 * heartbeatMs) {
      this.#close(connection, null, 'silent', now)
      return
    }
    const quiet = Math.min(connection.lastSent, connection.lastHeard)
    let next = quiet + heartbeatMs
    if (next <= now) {
      this.#downstream.control(connection, { type: 'ping', time: Math.round(now * 1000) })
      next = Math.min(now + heartbeatMs, connection.lastHeard + 2 * heartbeatMs)
    }
    this.#timers.set(connection.heartbeat, next)
  }

  /** Ends a connection from this side; with a reason it gets a GOODBYE first, if it can take one. */
  #close(connection: Connection, reason: CloseReason | null, text: string, now: number): void {
    if (connection.state === 'closed') return
    const code = reason === null ? 1001 : closeCodes[reason]
    if (reason !== null) {
      const retryAfter = code > 4449 ? this.#config.limits.reconnectMinMs : 0
      const goodbye = { type: 'goodbye', code, reason: shorten(text), retryAfter, route: '' } as const
      this.#downstream.farewell(connection, goodbye, now)
    }
    const { transport } = connection
    this.#detach(connection, now)
    transport.close(code, reason ?? 'SILENT')
  }

  #detach(connection: Connection, now: number): void {
    const { session } = connection
    connection.state = 'closed'
    connection.control = []
    connection.frames = []
    connection.topics = []
    connection.held = []
    connection.session = null
    this.#connections.delete(connection)
    this.#timers.clear(connection.heartbeat)
    this.stats.connectionsClosed++
    if (session === null) return
    this.#stopReading(session)
    this.#sessions.detach(session, now)
  }

  /** Cursors go with the connection; a client that comes back says where it stands. */
  #stopReading(session: Session): void {
    for (const seat of session.seats.values()) seat.meeting.detach(session, seat)
    for (const number of session.subscriptions.keys()) this.#topics.unsubscribe(session, number)
  }

  /** The end of a session that waits for a connection, or of the token of one that has it. */
  #expire(session: Session, now: number): void {
    if (session.connection !== null) {
      this.#close(session.connection, 'EXPIRED', 'the token has expired', now)
      return
    }
    this.#endSession(session, 'expired')
  }

  #endSession(session: Session, reason: string): void {
    for (const seat of session.seats.values()) seat.meeting.leave(session, seat, reason)
    this.#requests.drop(session)
    this.#sessions.remove(session)
  }

  #dismissSlow(now: number): void {
    const slow = this.#slow
    this.#slow = []
    for (const { connection } of slow) {
      if (connection !== null) this.#close(connection, 'SLOW', 'the reader is too slow', now)
    }
  }

  // ---- hello

  #hello(connection: Connection, hello: MessageOf<'hello'>, now: number): void {
    if (connection.state !== 'new') {
      this.#close(connection, 'PROTOCOL', 'a second hello', now)
      return
    }
    if (hello.version !== PROTOCOL_VERSION) {
      this.#close(
        connection,
        'PROTOCOL',
        `version ${hello.version} is not spoken here; this is version ${PROTOCOL_VERSION}`,
        now,
      )
      return
    }
    connection.state = 'verifying'
    connection.hello = hello
    this.#application.authenticate(connection, hello.token)
  }

  /** The answer to `authenticate`. */
  handleAuthenticated(connection: Connection, outcome: Outcome<Grant>, now: number): void {
    const { hello } = connection
    if (connection.state !== 'verifying' || hello === null) return
    if (!outcome.ok) {
      this.#close(connection, 'UNAUTHENTICATED', 'the token was refused', now)
      return
    }
    const grant = outcome.value
    if (grant.expires > 0 && grant.expires <= now + this.#config.wallOffset) {
      this.#close(connection, 'UNAUTHENTICATED', 'the token was refused', now)
      return
    }
    this.#replace(hello, grant, now)
    const attached = this.#sessions.attach(connection, hello, grant)
    if (attached === 'stolen')
      this.#close(connection, 'UNAUTHENTICATED', 'the session belongs to another user', now)
    else if (attached === 'limit') this.#close(connection, 'FULL', 'too many sessions of one user', now)
    else this.#welcome(connection, hello, attached, now)
  }

  /** A session has one connection: the newer one takes it over. */
  #replace(hello: MessageOf<'hello'>, grant: Grant, now: number): void {
    for (const session of this.#sessions.of(grant.user)) {
      if (session.id !== hello.session || session.connection === null) continue
      this.#close(session.connection, 'REPLACED', 'the session connected elsewhere', now)
      return
    }
  }

  #welcome(
    connection: Connection,
    hello: MessageOf<'hello'>,
    { session, resumed, reason }: { session: Session; resumed: boolean; reason: string },
    now: number,
  ): void {
    const { limits } = this.#config
    connection.state = 'live'
    connection.hello = null
    connection.window = hello.window === 0 ? 0 : Math.min(hello.window, limits.window)
    const received = resumed ? session.rewind(hello.received) : 0
    this.#timers.set(connection.heartbeat, now + limits.heartbeatMs)
    this.#downstream.control(connection, {
      type: 'welcome',
      version: PROTOCOL_VERSION,
      node: this.id,
      session: session.id,
      user: session.user,
      resumed,
      reason: resumed && received > hello.received ? 'entries of the session log were lost' : reason,
      received,
      calls: session.calls,
      time: Math.round(now * 1000),
      heartbeat: limits.heartbeatMs,
      window: connection.window,
      expires: Math.floor(session.grant.expires / 1000),
      reconnectMin: limits.reconnectMinMs,
      reconnectMax: limits.reconnectMaxMs,
      keep: limits.sessionKeepMs,
      maxPacket: protocolLimits.packet,
      maxInput: protocolLimits.input,
      maxPayload: protocolLimits.payload,
      maxMeetings: limits.meetingsPerSession,
      maxSubscriptions: limits.subscriptionsPerSession,
      maxRequests: limits.requestsPerSession,
    })
    const { held } = connection
    connection.held = []
    for (const message of held) this.#enqueue(connection, session, message)
  }

  // ---- upward

  #enqueue(connection: Connection, session: Session, message: ClientMessage): void {
    if (message.type === 'input') this.stats.inputsReceived++
    else if ('call' in message && message.type !== 'cancel' && message.call !== 0) {
      // A call is answered once: one that came before the connection was lost is not taken again.
      if (message.call <= session.calls) return
      session.calls = message.call
    }
    if (!this.#upstream.accept(session.upstream, message)) this.#refuse(session, message, 'BUSY')
    if (this.#upstream.isFull(session.upstream) && !connection.paused) {
      connection.paused = true
      connection.transport.pause()
      this.#relaxing.push(connection)
    }
  }

  #refuse(session: Session, message: ClientMessage, error: ErrorCode, text?: string): void {
    if (message.type === 'input') {
      this.stats.refuseInput(error)
      this.#downstream.send(session, {
        type: 'nack',
        log: message.log,
        seq: message.seq,
        error,
        retryAfter: 0,
      })
    } else if ('call' in message && message.type !== 'cancel') {
      this.#downstream.send(session, failed(message.call, error, text))
    }
  }

  /** Reads on from connections whose upstream queue has emptied. */
  #relax(): void {
    if (this.#relaxing.length === 0) return
    this.#relaxing = this.#relaxing.filter((connection) => {
      if (connection.session === null) return false
      if (!this.#upstream.isRelaxed(connection.session.upstream)) return true
      connection.paused = false
      connection.transport.resume()
      return false
    })
  }

  #deliver(session: Session, message: ClientMessage, now: number): void {
    if (session.ended) {
      if (message.type === 'input') this.stats.refuseInput('CLOSED')
      return
    }
    switch (message.type) {
      case 'input':
        this.#input(session, message, now)
        return
      case 'join':
        this.#join(session, message, now)
        return
      case 'leave':
        this.#leave(session, message)
        return
      case 'subscribe':
        this.#subscribe(session, message, now)
        return
      case 'unsubscribe':
        for (const { log } of message.logs) this.#topics.unsubscribe(session, log)
        this.#downstream.send(session, { type: 'done', call: message.call, value: 0 })
        return
      case 'publish':
        this.#publish(session, message, now)
        return
      case 'request':
        if (isName(message.method)) this.#requests.start(session, message, now)
        else this.#refuse(session, message, 'BAD_NAME')
        return
      case 'cancel':
        this.#requests.cancel(session, message.call)
        return
      default:
        this.#refuse(session, message, 'UNSUPPORTED')
    }
  }

  #input(session: Session, message: MessageOf<'input'>, now: number): void {
    const seat = session.seats.get(message.log)
    const refusal = seat === undefined ? 'NOT_JOINED' : seat.meeting.accept(seat, message, now)
    if (refusal !== null) this.#refuse(session, message, refusal)
  }

  #join(session: Session, message: MessageOf<'join'>, now: number): void {
    const meeting = this.#meetings.get(message.meeting)
    const allowed = session.grant.meetings.some(
      ({ name, role }) => matches(name, message.meeting) && (role === 'member' || message.spectator),
    )
    const seated = meeting !== undefined && session.seats.has(meeting.log.number)
    if (!allowed)
      this.#refuse(session, message, 'FORBIDDEN', `the ticket does not let this user join ${message.meeting}`)
    else if (meeting === undefined)
      this.#refuse(session, message, 'NOT_FOUND', `no meeting ${message.meeting} is open here`)
    else if (session.connection === null) this.#refuse(session, message, 'UNKNOWN')
    else if (!seated && session.seats.size >= this.#config.limits.meetingsPerSession)
      this.#refuse(session, message, 'LIMIT')
    else {
      const joined = meeting.join(session, message, now)
      if (typeof joined === 'string') this.#refuse(session, message, joined)
      else this.#downstream.send(session, joined)
    }
  }

  #leave(session: Session, message: MessageOf<'leave'>): void {
    const seat = session.seats.get(message.log)
    seat?.meeting.leave(session, seat, 'left')
    if (seat === undefined) this.#refuse(session, message, 'NOT_JOINED')
    else this.#downstream.send(session, { type: 'done', call: message.call, value: 0 })
  }

  #subscribe(session: Session, message: MessageOf<'subscribe'>, now: number): void {
    message.topics.forEach((wish, index) => {
      const result = this.#subscribeOne(session, message.call, index, wish, now)
      this.#downstream.send(
        session,
        typeof result === 'string' ? failed(message.call, result, undefined, index) : result,
      )
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
    if (!session.grant.read.some((pattern) => matches(pattern, wish.topic))) return 'FORBIDDEN'
    if (wish.policy > policies.disconnect) return 'UNSUPPORTED'
    if (session.connection === null) return 'UNKNOWN'
    return this.#topics.subscribe(session, call, index, wish, now)
  }

  #publish(session: Session, message: MessageOf<'publish'>, now: number): void {
    const { topic, data, key, tombstone } = message
    const allowed = session.grant.write.some((pattern) => matches(pattern, topic))
    // A copy: the topic may keep it for long, and a view would keep the client's whole packet.
    const own = { text: data.text, bytes: data.bytes.slice() }
    const refusal = allowed
      ? this.#topics.publish(topic, own, key, tombstone, now)
      : isName(topic)
        ? 'FORBIDDEN'
        : 'BAD_TOPIC'
    if (refusal !== null) this.#refuse(session, message, refusal)
    else if (message.call !== 0)
      this.#downstream.send(session, { type: 'done', call: message.call, value: 0 })
  }

  // ---- the business side

  /** Opens a meeting on this node, or returns null where the name is taken, or why it cannot be. */
  openMeeting(name: string, options: Partial<MeetingOptions>, now: number): MeetingInfo | ErrorCode | null {
    if (!isName(name)) return 'BAD_NAME'
    if (this.#draining) return 'DRAINING'
    if (this.#meetings.has(name)) return null
    const { limits, entropy, wallOffset } = this.#config
    if (this.#meetings.size >= limits.meetings) return 'LIMIT'
    // Fence and epoch in one number: wall milliseconds, then 12 random bits; higher than any this node gave out.
    const [a = 0, b = 0] = entropy(2)
    this.#lastEpoch = Math.max(this.#lastEpoch + 1, Math.floor(now + wallOffset) * 4096 + a * 16 + (b & 15))
    const identity = { epoch: this.#lastEpoch, seed: entropy(8) }
    const settings = { ...defaultMeeting, ...options }
    const meeting = new Meeting(
      this.#meetingHost,
      name,
      ++this.#lastLog,
      settings,
      limits.meetingLogBytes,
      identity,
      now,
    )
    this.#meetings.set(name, meeting)
    return meeting.info
  }

  closeMeeting(name: string): void {
    const meeting = this.#meetings.get(name)
    this.#meetings.delete(name)
    meeting?.close()
  }

  meeting(name: string): MeetingInfo | undefined {
    return this.#meetings.get(name)?.info
  }

  *meetings(): Generator<MeetingInfo> {
    for (const meeting of this.#meetings.values()) yield meeting.info
  }

  /** Inputs that wait: in upstream queues, and in meetings for a frame. */
  get inputsWaiting(): number {
    let count = 0
    for (const { waiting } of this.#meetings.values()) count += waiting
    for (const { upstream } of this.#sessions.all()) count += upstream.inputs
    return count
  }

  defineTopics(pattern: string, retention: Retention): void {
    this.#topics.define(pattern, retention)
  }

  /** Publishes to a topic. Returns why not where it was refused. */
  publish(topic: string, data: Payload, key: string, tombstone: boolean, now: number): ErrorCode | null {
    return this.#topics.publish(topic, data, key, tombstone, now)
  }

  subscribers(topic: string): number {
    return this.#topics.get(topic)?.subscribers ?? 0
  }

  /** Pushes to every session of a user, connected or kept. Returns their number. */
  push(user: string, name: string, data: Payload): number {
    const entry = Encoded.of({ type: 'push', name, data })
    let count = 0
    for (const session of this.#sessions.of(user)) {
      this.#downstream.sendEncoded(session, entry)
      count++
    }
    this.stats.pushes += count
    return count
  }

  /** What a handler answered. */
  handleReply(call: RequestCall, outcome: Outcome<Payload>): void {
    this.#requests.reply(call, outcome)
  }

  /** What another node published. */
  handleBus(topic: string, bytes: Uint8Array, now: number): void {
    this.#topics.handleBus(topic, bytes, now)
  }

  /** Takes nothing new and closes every connection with DRAINING. */
  drain(now: number): void {
    this.#draining = true
    for (const connection of this.#connections)
      this.#close(connection, 'DRAINING', 'the node is stopping', now)
  }
}
