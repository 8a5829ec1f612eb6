import {
  type ClientMessage,
  closeCodes,
  type CloseReason,
  type Codec,
  type ErrorCode,
  errors,
  isKey,
  isName,
  isOfSessionLog,
  isSpoken,
  limits,
  mayReconnect,
  type MessageOf,
  type Payload,
  RtmsError,
  type ServerMessage,
  versions,
} from '../../protocol/index.ts'
import { Calls, type Done } from './calls.ts'
import { clientLimits, Waiting } from './limits.ts'
import { SeatMachine, type SeatListener } from './seat.ts'
import { type ReaderListener, type ReadOptions, TopicReader } from './reader.ts'

/** What a business server hands its client so that it can connect. */
export interface Ticket {
  /** `wss://host/path?route=<node>`. */
  readonly url: string
  readonly token: string
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/**
 * The life of a client. Every legal move:
 *
 *   idle → ticket → opening → greeting → live
 *            ↑         └─────────┴────────┴──socket lost, time-out──→ waiting ──time──→ ticket | opening
 *   any → closed (by the application, or a close code that is final)
 */
export type Phase = 'idle' | 'ticket' | 'opening' | 'greeting' | 'live' | 'waiting' | 'closed'

/** What the machine writes to; none of it calls back. `attempt` tells one socket from the next. */
export interface MachinePorts {
  /** Ask the application for a ticket; answer by `handleTicket` or `handleNoTicket`. */
  getTicket(attempt: number): void
  open(attempt: number, url: string): void
  send(packet: Uint8Array): void
  /** Close the socket of this attempt and forget it. */
  close(attempt: number, code: number): void
  phase(phase: Phase, error: RtmsError | null): void
  push(name: string, data: Payload): void
  welcome(message: MessageOf<'welcome'>): void
}

export interface MachineOptions {
  readonly codec: Codec
  /** Unacknowledged bytes this client wants at most; 0 = no window. */
  readonly window: number
  /** Name and version, for the server's eyes. */
  readonly client: string
  /** A number in [0, 1). */
  readonly random: () => number
  /** Longest time from asking for a ticket to the welcome, in milliseconds. */
  readonly connectMs: number
  /** Longest wait between two attempts, in milliseconds. */
  readonly backoffMs: number
}

/** The wait before the first reconnect, until a welcome says otherwise. */
const RECONNECT_MIN_MS = 200
const RECONNECT_MAX_MS = 2_000
/** A timer that fires later than this stood still with its page. */
const LATE_MS = 1_000
/** How long a connection that was asked has to answer. */
const PROBE_MS = 5_000
/** Session-log entries received without an ack of them going out. */
const ENTRIES_PER_ACK = 64
/** How this side closes a socket that it will replace; 1000 would end the session. */
const DROPPED = 3000
/** Tokens refused in a row before the client gives up. */
const REFUSALS = 3
/** A longer time for a request is the node's own limit. */
const MAX_TIMEOUT_MS = 2 ** 31
/** A ticket is not used in its last milliseconds (of a short-lived one, its last quarter), and renewed before. */
const TICKET_MARGIN_MS = 30_000
/** After a failure to get a fresh one. */
const TICKET_RETRY_MS = 5_000

/** Throws `code` where `name` cannot name a `what`. */
export function checkName(name: string, what: string, code: 'BAD_NAME' | 'BAD_TOPIC'): void {
  if (!isName(name)) throw new RtmsError(code, `${JSON.stringify(name)} cannot name a ${what}`)
}

/** What follows a log, across connections. */
type Follower = SeatMachine | TopicReader

/** The client's side of RTMS: pure, driven by `handle…`, `tick` and the application's calls. Times are monotonic milliseconds. */
export class Machine {
  readonly #options: MachineOptions
  readonly #ports: MachinePorts
  #phase: Phase = 'idle'
  #attempt = 0
  /** Attempts since the last welcome. */
  #failures = 0
  #ticket: Ticket | null = null
  /** Until when the ticket is used again, and not renewed; 0: no longer. */
  #ticketUntil = 0
  /** When a live client asks for another ticket. */
  #refreshAt = Infinity
  /** Refused tokens since the last welcome. */
  #refusals = 0
  /** When the phase is given up, or the wait is over. */
  #deadline = Infinity

  #session = ''
  #welcome: MessageOf<'welcome'> | null = null
  #received = 0
  /** Entries of the session log were lost before this connection: answers may have been among them. */
  #entriesLost = false
  #consumed = 0
  #acknowledged = 0
  #receivedAcknowledged = 0
  /** A live connection that is silent until then is given up. */
  #silentUntil = Infinity
  #retryAfter = 0

  readonly #waiting: Waiting = new Waiting()
  readonly #calls: Calls = new Calls(this.#waiting)
  readonly #seats: Map<string, SeatMachine> = new Map()
  readonly #readers: Map<string, TopicReader> = new Map()
  /** By the numbers their logs have on this connection. */
  readonly #byLog: Map<number, Follower> = new Map()
  #out: ClientMessage[] = []
  /** What is joined or subscribed to with the next packet. */
  #wishes: Follower[] = []
  /** Logs of meetings left while there was no connection. */
  #parting: number[] = []
  /** Measured by the last ping: round trip, and what to add to this clock to get the server's. Milliseconds. */
  rtt = 0
  clockOffset = 0

  constructor(options: MachineOptions, ports: MachinePorts) {
    this.#options = options
    this.#ports = ports
  }

  get phase(): Phase {
    return this.#phase
  }

  /** Whether {@link flush} has something to send. */
  get hasOutput(): boolean {
    return this.#out.length > 0 || this.#wishes.length > 0
  }

  /** When {@link tick} wants to be called. */
  get deadline(): number {
    const silence = this.#phase === 'live' ? this.#silentUntil : Infinity
    let earliest = Math.min(this.#deadline, silence, this.#refreshAt, this.#calls.deadline)
    for (const seat of this.#seats.values()) earliest = Math.min(earliest, seat.deadline)
    return earliest
  }

  start(now: number): void {
    if (this.#phase === 'idle') this.#connect(now)
  }

  /** Ends everything. */
  close(): void {
    if (this.#phase === 'live') this.flush()
    this.#end(new RtmsError('CLOSED', 'The client was closed.'), 1000)
  }

  tick(now: number): void {
    this.#calls.expire(now)
    for (const seat of this.#seats.values()) seat.expire(now)
    if (this.#phase === 'live') {
      if (now >= this.#silentUntil) this.#silent(now)
      else {
        if (now >= this.#deadline) this.#ping(now)
        if (now >= this.#refreshAt) {
          this.#refreshAt = Infinity
          this.#ports.getTicket(this.#attempt)
        }
      }
    } else if (now >= this.#deadline) {
      if (this.#phase === 'waiting') this.#connect(now)
      else this.#drop(now)
    }
  }

  /**
   * Nothing came for two heartbeats. Where this is noticed late, the timers stood still (a hidden tab, a machine
   * asleep), and what came meanwhile may only now be handed over: the connection is asked before it is given up.
   */
  #silent(now: number): void {
    if (now - this.#silentUntil > LATE_MS) this.#ask(now)
    else this.#drop(now)
  }

  #ask(now: number): void {
    this.#silentUntil = now + PROBE_MS
    this.#ping(now)
  }

  /** The page came back to sight or the network to life: a connection must prove itself soon, a wait is cut short. */
  probe(now: number): void {
    if (this.#phase === 'live') this.#ask(now)
    if (this.#phase === 'waiting') {
      const soon = now + this.#options.random() * (this.#welcome?.reconnectMin ?? RECONNECT_MIN_MS)
      this.#deadline = Math.min(this.#deadline, soon)
    }
  }

  // ---- connecting

  /** False where whoever was told of it has closed the client. */
  #enter(phase: Phase, deadline: number, error: RtmsError | null = null): boolean {
    this.#phase = phase
    this.#deadline = deadline
    this.#refreshAt = Infinity
    this.#ports.phase(phase, error)
    return this.#phase === phase
  }

  #connect(now: number): void {
    this.#attempt++
    if (!this.#enter('ticket', now + this.#options.connectMs)) return
    if (now < this.#ticketUntil) this.#open()
    else this.#ports.getTicket(this.#attempt)
  }

  /** `validMs`: how long the ticket is still good. */
  handleTicket(attempt: number, ticket: Ticket, validMs: number, now: number): void {
    if (attempt !== this.#attempt || (this.#phase !== 'ticket' && this.#phase !== 'live')) return
    this.#ticket = ticket
    // One that has expired already, by a clock that is wrong, is tried, and then it is the node that says when.
    this.#ticketUntil = validMs > 0 ? now + validMs - Math.min(TICKET_MARGIN_MS, validMs / 4) : 0
    if (this.#phase === 'ticket') this.#open()
    else this.#refresh(ticket, now)
  }

  handleNoTicket(attempt: number, error: RtmsError, now: number): void {
    if (attempt !== this.#attempt) return
    if (this.#phase === 'ticket') this.#wait(now, error)
    else if (this.#phase === 'live') this.#refreshAt = now + TICKET_RETRY_MS
  }

  /** Puts a fresh token in the place of one that is about to expire, without a break. */
  #refresh(ticket: Ticket, now: number): void {
    const attempt = this.#attempt
    const done: Done<unknown> = (result) => {
      // Another connection began with a ticket of its own, this one perhaps.
      if (attempt !== this.#attempt) return
      if (!(result instanceof RtmsError)) this.#refreshAt = this.#ticketUntil || Infinity
      // The expiry of the old one leads to a new connection with another ticket.
      else this.#ticketUntil = 0
    }
    const message = { type: 'refresh', call: this.#calls.next(), token: ticket.token } as const
    // Whatever number of the application's calls wait: a client that is busy keeps its connection.
    this.#calls.add(message, done, now + this.#options.connectMs, 0)
    this.#send(message)
  }

  #open(): void {
    if (this.#enter('opening', this.#deadline)) this.#ports.open(this.#attempt, (this.#ticket as Ticket).url)
  }

  handleOpen(attempt: number): void {
    if (attempt !== this.#attempt || this.#phase !== 'opening') return
    if (!this.#enter('greeting', this.#deadline)) return
    this.#consumed = 0
    this.#acknowledged = 0
    this.#retryAfter = 0
    this.#send({
      type: 'hello',
      version: versions.most,
      features: 0,
      client: this.#options.client,
      token: (this.#ticket as Ticket).token,
      session: this.#session,
      received: this.#received,
      window: this.#options.window,
    })
  }

  handleClose(attempt: number, code: number, reason: string, now: number): void {
    if (attempt !== this.#attempt || this.#phase === 'closed' || this.#phase === 'waiting') return
    // A kept ticket may have outlived the node's key, and a HELLO that comes too late is refused in the same way:
    // fresh tickets are tried before giving up.
    const again = code === closeCodes.UNAUTHENTICATED && ++this.#refusals < REFUSALS
    if (code === closeCodes.EXPIRED || again) this.#ticketUntil = 0
    if (again) this.#failures = 0
    if (again || mayReconnect(code)) this.#wait(now, closeError(code))
    else this.#end(finalError(code, reason), null)
  }

  /** Gives the socket up from this side. */
  #drop(now: number): void {
    this.#ports.close(this.#attempt, DROPPED)
    this.#wait(now, null)
  }

  /** Full jitter from the first attempt on: a lost node does not get all its clients back in one moment. */
  #wait(now: number, error: RtmsError | null): void {
    const { reconnectMin = RECONNECT_MIN_MS, reconnectMax = RECONNECT_MAX_MS } = this.#welcome ?? {}
    const ceiling = Math.min(this.#options.backoffMs, reconnectMax * 2 ** Math.min(this.#failures, 16))
    const jitter = this.#options.random() * Math.max(0, ceiling - reconnectMin)
    const wait = Math.max(reconnectMin, this.#retryAfter) + jitter
    this.#failures++
    // Late events of the old socket are not of this attempt any more.
    this.#attempt++
    this.#out = []
    this.#wishes = []
    this.#byLog.clear()
    for (const follower of this.#followers) follower.detach()
    this.#enter('waiting', now + wait, error)
  }

  #end(error: RtmsError, code: number | null): void {
    if (this.#phase === 'closed') return
    if (code !== null) this.#ports.close(this.#attempt, code)
    this.#attempt++
    this.#out = []
    this.#enter('closed', Infinity, error)
    this.#calls.endAll(error)
    const followers = this.#followers
    this.#seats.clear()
    this.#readers.clear()
    for (const follower of followers) follower.end(error)
  }

  // ---- sending

  #send(message: ClientMessage): void {
    this.#out.push(message)
    if ('call' in message) this.#calls.markSent(message.call)
  }

  #sendLeave(log: number): void {
    this.#send({ type: 'leave', call: this.#calls.next(), log })
  }

  #sendUnsubscribe(log: number): void {
    this.#send({ type: 'unsubscribe', call: this.#calls.next(), logs: [{ log }] })
  }

  /** Sends what has gathered, in packets that are not larger than allowed and hardly more than needed. */
  flush(): void {
    this.#follow()
    let count: number = limits.messages
    while (this.#out.length > 0) {
      const packet = this.#options.codec.encode(this.#out.slice(0, count))
      if (packet.length > limits.packet && count > 1) count = Math.ceil(Math.min(count, this.#out.length) / 2)
      else {
        this.#out.splice(0, count)
        this.#ports.send(packet)
        count = Math.min(count * 2, limits.messages)
      }
    }
  }

  #ping(now: number): void {
    this.#deadline = now + (this.#welcome as MessageOf<'welcome'>).heartbeat
    this.#send({ type: 'ping', time: Math.round(now * 1000) })
  }

  #acknowledge(): void {
    this.#acknowledged = this.#consumed
    this.#receivedAcknowledged = this.#received
    this.#send({ type: 'ack', bytes: this.#consumed, received: this.#received })
  }

  // ---- receiving

  handlePacket(attempt: number, packet: Uint8Array | string, size: number, now: number): void {
    if (attempt !== this.#attempt || (this.#phase !== 'live' && this.#phase !== 'greeting')) return
    this.#silentUntil = now + 2 * (this.#welcome?.heartbeat ?? 0)
    let messages: ServerMessage[]
    try {
      messages = this.#options.codec.decode(packet, 'server') as ServerMessage[]
      for (const message of messages) {
        if (this.#attempt !== attempt) return
        if (isOfSessionLog(message.type)) this.#received++
        this.#receive(message, now)
      }
    } catch (error) {
      if (!(error instanceof RtmsError) || error.code !== 'PROTOCOL') throw error
      this.#drop(now)
      return
    }
    this.#consumed += size
    const { window = 0 } = this.#welcome ?? {}
    const due =
      (window > 0 && this.#consumed - this.#acknowledged >= window / 4) ||
      this.#received - this.#receivedAcknowledged >= ENTRIES_PER_ACK
    if (due && this.#attempt === attempt) this.#acknowledge()
  }

  #receive(message: ServerMessage, now: number): void {
    switch (message.type) {
      case 'welcome':
        return this.#handleWelcome(message, now)
      case 'ping':
        return this.#send({ type: 'pong', echo: message.time, time: Math.round(now * 1000), lateness: 0 })
      case 'pong':
        this.rtt = now - message.echo / 1000
        this.clockOffset = message.time / 1000 - (now - this.rtt / 2)
        return
      case 'goodbye':
        this.#retryAfter = message.retryAfter
        return
      case 'frames':
        if (this.#seatOf(message)?.handleFrames(message) === false) this.#drop(now)
        return
      case 'publications': {
        const reader = this.#byLog.get(message.log)
        if (reader instanceof TopicReader) reader.handlePublications(message)
        return
      }
      case 'gap':
        return this.#byLog.get(message.log)?.handleGap(message)
      case 'joined':
        return this.#handleJoined(message, now)
      case 'subscribed':
        return this.#handleSubscribed(message)
      case 'done':
        return this.#calls.end(message.call, message.value)
      case 'reply':
        return this.#calls.end(message.call, message.data)
      case 'failed':
        return this.#handleFailed(message)
      case 'nack':
        return this.#seatOf(message)?.handleNack(message)
      case 'push':
        return this.#ports.push(message.name, message.data)
      case 'direct':
        return this.#seatOf(message)?.listener.direct(message.data)
      case 'ended':
        return this.#handleEnded(message)
      default:
        // Defined for later versions of the node; nothing to do yet.
        return
    }
  }

  #handleWelcome(message: MessageOf<'welcome'>, now: number): void {
    if (!isSpoken(message.version)) return this.#drop(now)
    this.#welcome = message
    this.#silentUntil = now + 2 * message.heartbeat
    this.#session = message.session
    this.#entriesLost = message.received > this.#received
    this.#received = message.received
    this.#receivedAcknowledged = message.received
    this.#failures = 0
    this.#refusals = 0
    for (const call of this.#calls.revive(message.resumed, message.calls, now)) this.#send(call)
    for (const seat of this.#seats.values()) {
      // Another session, another node perhaps: the number may be another meeting's there.
      if (!message.resumed) seat.lastLog = 0
      // What the session log still holds of a meeting comes before it is joined on this connection.
      else if (seat.lastLog !== 0) this.#byLog.set(seat.lastLog, seat)
    }
    // What was left is left before it may be joined anew.
    if (message.resumed) for (const log of this.#parting) this.#sendLeave(log)
    this.#parting = []
    // Not at once: what the packet still holds may say that it has ended.
    this.#wishes = this.#followers
    // What is called from here on is of this connection.
    const attempt = this.#attempt
    this.#phase = 'live'
    this.#ports.welcome(message)
    if (this.#attempt === attempt && this.#enter('live', now)) this.#refreshAt = this.#ticketUntil || Infinity
  }

  #handleJoined(message: MessageOf<'joined'>, now: number): void {
    const seat = this.#seats.get(message.meeting)
    this.#parting = this.#parting.filter((log) => log !== message.log)
    // Left before it was joined: now it can be said.
    if (seat === undefined) return this.#sendLeave(message.log)
    if (seat.call !== message.call) return
    this.#byLog.set(message.log, seat)
    const inputs = seat.handleJoined(message, this.#session, this.#entriesLost, now)
    // Before whoever hears of it sends more.
    for (const input of inputs) this.#send(input)
    seat.listener.joined(message)
  }

  #handleSubscribed(message: MessageOf<'subscribed'>): void {
    const reader = this.#readers.get(message.topic)
    if (reader === undefined) return this.#sendUnsubscribe(message.log)
    if (reader.call !== message.call) return
    this.#byLog.set(message.log, reader)
    reader.handleSubscribed(message)
  }

  #handleFailed(message: MessageOf<'failed'>): void {
    const error = new RtmsError(message.error, message.message, message.retryAfter)
    const of = this.#followers.find(({ call, index }) => call === message.call && index === message.index)
    if (of === undefined) this.#calls.end(message.call, error)
    else this.#lose(of, error)
  }

  #handleEnded(message: MessageOf<'ended'>): void {
    const of = this.#byLog.get(message.log)
    if (of !== undefined) this.#lose(of, new RtmsError(message.error, message.message))
  }

  /** The node ended it. */
  #lose(follower: Follower, error: RtmsError): void {
    this.#forget(follower)
    follower.end(error)
  }

  #forget(follower: Follower): void {
    if (follower instanceof SeatMachine) this.#seats.delete(follower.meeting)
    else this.#readers.delete(follower.topic)
    this.#byLog.delete(follower.lastLog)
  }

  get #followers(): Follower[] {
    return [...this.#seats.values(), ...this.#readers.values()]
  }

  #seatOf({ log }: { readonly log: number }): SeatMachine | undefined {
    const follower = this.#byLog.get(log)
    return follower instanceof SeatMachine ? follower : undefined
  }

  // ---- the application's calls

  /** Joins a meeting, and joins it again on every connection until {@link leave}. One seat per meeting. */
  join(meeting: string, spectator: boolean, config: string, listener: SeatListener): SeatMachine {
    if (this.#seats.has(meeting)) throw new RtmsError('LIMIT', `${meeting} is joined already; leave it first`)
    const seat = new SeatMachine(meeting, spectator, config, listener, this.#waiting)
    if (this.#phase === 'closed') {
      seat.end(new RtmsError('CLOSED'))
      return seat
    }
    this.#seats.set(meeting, seat)
    if (this.#phase === 'live') this.#wishes.push(seat)
    return seat
  }

  leave(seat: SeatMachine): void {
    if (this.#seats.get(seat.meeting) !== seat) return
    this.#forget(seat)
    const { log, lastLog } = seat
    seat.end(new RtmsError('CLOSED', 'The meeting was left.'))
    if (log !== 0) this.#sendLeave(log)
    // On a connection that has not asked to join it again, it can be said at once.
    else if (lastLog !== 0 && this.#phase === 'live' && seat.call === 0) this.#sendLeave(lastLog)
    else if (lastLog !== 0) this.#parting.push(lastLog)
  }

  /** An input; ends exactly once: throws, or `done` hears. Where it cannot be sent within `timeoutMs`, it never is. */
  input(seat: SeatMachine, data: Payload, timeoutMs: number, now: number, done: Done<number>): void {
    if (this.#seats.get(seat.meeting) !== seat)
      throw new RtmsError('NOT_JOINED', 'The meeting was left or has ended.')
    const message = seat.send(data, now + timeoutMs, done)
    if (message !== null) this.#send(message)
  }

  /** Reads a topic, on every connection until {@link unread}. One reader per topic. */
  read(topic: string, options: ReadOptions, listener: ReaderListener): TopicReader {
    if (this.#readers.has(topic)) throw new RtmsError('LIMIT', `${topic} is subscribed to already`)
    const reader = new TopicReader(topic, options, listener)
    if (this.#phase === 'closed') {
      listener.failed(new RtmsError('CLOSED'))
      return reader
    }
    this.#readers.set(topic, reader)
    if (this.#phase === 'live') this.#wishes.push(reader)
    return reader
  }

  /** Sends the JOINs, and a SUBSCRIBE for as many topics as it can hold. */
  #follow(): void {
    let topics: MessageOf<'subscribe'>['topics'][number][] = []
    let call = 0
    let room = 0
    for (const follower of this.#wishes) {
      if (follower instanceof SeatMachine) {
        if (this.#seats.get(follower.meeting) === follower)
          this.#send(follower.joinMessage(this.#calls.next()))
        continue
      }
      const reader = follower
      if (this.#readers.get(reader.topic) !== reader) continue
      room -= reader.wishSize
      if (room < 0 || topics.length === limits.batch) {
        call = this.#calls.next()
        topics = []
        room = limits.packet - reader.wishSize
        this.#send({ type: 'subscribe', call, topics })
      }
      topics.push(reader.wish(call, topics.length))
    }
    this.#wishes = []
  }

  unread(reader: TopicReader): void {
    if (this.#readers.get(reader.topic) !== reader) return
    this.#forget(reader)
    if (reader.log !== 0) this.#sendUnsubscribe(reader.log)
  }

  /** A request; ends exactly once: throws, or `done` hears. `timeoutMs` > 0. Returns its number, for {@link cancel}. */
  request(method: string, data: Payload, timeoutMs: number, now: number, done: Done<Payload>): number {
    const call = this.#calls.next()
    // The server's answer to a time-out is waited for a little longer than the time-out itself.
    const grace = Math.min(2_000, timeoutMs)
    const timeout = timeoutMs < MAX_TIMEOUT_MS ? Math.round(timeoutMs) : 0
    checkName(method, 'method', 'BAD_NAME')
    return this.#call({ type: 'request', call, method, timeout, data }, done, now + timeoutMs, grace)
  }

  publish(
    topic: string,
    data: Payload,
    key: string,
    tombstone: boolean,
    timeoutMs: number,
    now: number,
    done: Done<number>,
  ): number {
    const call = this.#calls.next()
    checkName(topic, 'topic', 'BAD_TOPIC')
    if (!isKey(key)) throw new RtmsError('BAD_NAME', 'The key is too long.')
    return this.#call({ type: 'publish', call, topic, key, tombstone, data }, done, now + timeoutMs, 0)
  }

  #call(
    message: MessageOf<'request'> | MessageOf<'publish'>,
    done: Done<never>,
    sendBy: number,
    grace: number,
  ): number {
    const { maxRequests = clientLimits.waitingCalls, maxPayload = limits.payload } = this.#welcome ?? {}
    if (this.#phase === 'closed') throw new RtmsError('CLOSED')
    if (message.data.bytes.length > maxPayload) throw new RtmsError('TOO_LARGE')
    if (this.#calls.size >= maxRequests)
      throw new RtmsError('BUSY', `${maxRequests} calls wait for their answer already`)
    this.#calls.add(message, done as Done<unknown>, sendBy, grace)
    if (this.#phase === 'live') this.#send(message)
    return message.call
  }

  /** The caller gave up: it is told at once, the server as soon as may be. */
  cancel(call: number): void {
    this.#calls.end(call, new RtmsError('CANCELLED'))
    if (this.#phase === 'live') this.#send({ type: 'cancel', call })
  }
}

/** Why the server closed, where its code says more than that the connection is gone. */
function closeError(code: number): RtmsError | null {
  const name = (Object.keys(closeCodes) as CloseReason[]).find((reason) => closeCodes[reason] === code)
  return name !== undefined && name in errors ? new RtmsError(name as CloseReason & ErrorCode) : null
}

function finalError(code: number, reason: string): RtmsError {
  return closeError(code) ?? new RtmsError('CLOSED', `The server closed it for good (${code} ${reason}).`)
}
