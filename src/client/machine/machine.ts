import {
  type ClientMessage,
  closeCodes,
  isOfSessionLog,
  isSpoken,
  mayReconnect,
  type MessageOf,
  RtmsError,
  type ServerMessage,
  versions,
} from '../../protocol/index.ts'
import { Backoff } from './backoff.ts'
import { Calls, type Done } from './calls.ts'
import { closedError, closeError, errorIn, isOwnCode, lostError, ownError } from './errors.ts'
import { Followers } from './followers.ts'
import { Waiting, within } from './limits.ts'
import { packetsOf } from './packets.ts'
import type { MachineOptions, MachinePorts, Phase } from './ports.ts'
import { Receipts } from './receipts.ts'
import { type Ticket, Tickets } from './tickets.ts'

/** A timer that fires this much late was suspended with its page. */
const LATE_MS = 1_000
/** How long a probed connection has to answer. */
const PROBE_MS = 5_000
/** How long the close that follows a GOODBYE may take; it may be lost. */
const LEAVING_MS = 1_000
/** The close code for a socket that the client will replace; 1000 would end the session. */
export const DROPPED = 3000

/** Where a socket leads that may become the client's: an address of the ticket, or one that it was asked to move to. */
type Rival = Pick<MessageOf<'move'>, 'url'> & Partial<MessageOf<'move'>>

/**
 * The client's side of RTMS. It is pure, and driven by `handle…`, `tick` and the application's calls. Times are
 * monotonic milliseconds.
 */
export class Machine {
  readonly #options: MachineOptions
  readonly #ports: MachinePorts
  readonly #backoff: Backoff
  readonly #tickets: Tickets = new Tickets()
  #phase: Phase = 'idle'
  #attempt = 0
  #lastAttempt = 0
  /** Sockets of which the first to open is taken, by attempt. */
  readonly #rivals: Map<number, Rival> = new Map()
  /** The attempt of the one that is open, if it is still there. */
  #open = 0
  /** When it last began to move: nodes that lead it in a circle must not have it spin. */
  #movedAt = -Infinity
  /** When the current phase times out, or the wait ends. */
  #deadline = Infinity

  #session = ''
  /** Whether the next HELLO asks for the session; false where the ticket may be another user's. */
  #offersSession = true
  /** The node's GOODBYE on this connection. */
  #goodbye: MessageOf<'goodbye'> | null = null
  /** The address that is being tried; '' while there is none. */
  #url = ''
  /** The attempt that waits for a ticket; 0 for none. */
  #askedFor = 0
  /** Why the last request for a fresh ticket failed. */
  #ticketError: RtmsError | null = null
  #welcome: MessageOf<'welcome'> | null = null
  readonly #receipts: Receipts = new Receipts()
  /** When something came last. */
  #heardAt = 0
  /** A live connection that stays silent until this time is given up. */
  #silentUntil = Infinity

  readonly #waiting: Waiting = new Waiting()
  /** The application's calls. */
  readonly calls: Calls
  /** The meetings and topics that the client follows. */
  readonly followers: Followers
  /** Messages for the next flush. */
  #out: ClientMessage[] = []
  /** The round trip that the last ping measured, in milliseconds. */
  rtt = 0

  constructor(options: MachineOptions, ports: MachinePorts) {
    this.#options = options
    this.#ports = ports
    this.#backoff = new Backoff(options.random, options.backoffMs)
    const send = (message: ClientMessage): void => this.#send(message)
    this.calls = new Calls(this.#waiting, send)
    this.followers = new Followers(this.calls, this.#waiting, send)
  }

  get phase(): Phase {
    return this.#phase
  }

  /** Until the next attempt to connect. */
  waitMs(now: number): number {
    return this.#phase === 'waiting' ? Math.max(0, this.#deadline - now) : 0
  }

  /** When {@link tick} wants to be called. */
  get deadline(): number {
    const silence = this.#phase === 'live' ? this.#silentUntil : Infinity
    if (this.#mayMove) return 0
    return Math.min(
      this.#deadline,
      silence,
      this.#tickets.renewAt,
      this.calls.deadline,
      this.followers.deadline,
    )
  }

  start(now: number): void {
    if (this.#phase === 'idle') this.#connect(now)
  }

  /** Ends everything. */
  close(): void {
    if (this.#phase === 'live') this.flush()
    this.#end(ownError('CLOSED'), null)
  }

  tick(now: number): void {
    this.calls.expire(now)
    this.followers.expire(now)
    if (this.#mayMove) this.#take(now + this.#options.connectMs)
    else if (this.#phase === 'live') {
      // Nothing arrived for two heartbeats. If the timer itself fired late, the timers were suspended (a hidden tab, a
      // sleeping machine) and data may be waiting, so the connection is probed before it is given up.
      if (now - this.#silentUntil > LATE_MS) this.#ask(now)
      else if (now >= this.#silentUntil) this.#drop(now, 'nothing came for two heartbeats')
      else {
        if (now >= this.#deadline) this.#ping(now)
        if (now >= this.followers.acknowledgeAt) this.#acknowledge(now)
        if (now >= this.#tickets.renewAt) {
          this.#tickets.renewAt = Infinity
          this.#askTicket()
        }
      }
    } else if (now >= this.#deadline) {
      if (this.#phase === 'waiting') this.#connect(now)
      else if (this.#phase === 'ticket' && this.#tickets.isValid(now)) this.#withoutTicket(null, now)
      else this.#drop(now, `no answer in ${this.#options.connectMs} ms`)
    }
  }

  #ask(now: number): void {
    this.#silentUntil = now + PROBE_MS
    this.#ping(now)
  }

  /** The page became visible or the network came back: probes a live connection and cuts a wait short. */
  probe(now: number): void {
    if (this.#phase === 'live') this.#ask(now)
    if (this.#phase === 'waiting') this.#deadline = Math.min(this.#deadline, now + this.#backoff.soon())
  }

  /**
   * The page is hidden, perhaps for good. The node learns of it at once and keeps the session. {@link probe}
   * reconnects.
   */
  suspend(now: number): void {
    if (['idle', 'waiting', 'closed'].includes(this.#phase)) return
    if (this.#phase === 'live') this.flush()
    this.#giveUp(now, null)
  }

  // ---- connecting

  /** Returns false where a listener has closed the client. */
  #enter(phase: Phase, deadline: number, error: RtmsError | null = null): boolean {
    this.#phase = phase
    this.#deadline = deadline
    this.#tickets.renewAt = Infinity
    this.#ports.phase(phase, error)
    return this.#phase === phase
  }

  #connect(now: number): void {
    this.#attempt = ++this.#lastAttempt
    if (!this.#enter('ticket', now + this.#options.connectMs)) return
    if (this.#tickets.isUsable(now)) this.#race(this.#deadline)
    else this.#askTicket()
  }

  #askTicket(): void {
    this.#askedFor = this.#attempt
    this.#ports.getTicket(this.#attempt)
  }

  /** `validMs`: how long the ticket is still good. */
  handleTicket(attempt: number, ticket: Ticket, validMs: number, now: number): void {
    if (attempt !== this.#attempt || (this.#phase !== 'ticket' && this.#phase !== 'live')) return
    this.#askedFor = 0
    this.#tickets.take(ticket, validMs, now)
    this.#ticketError = null
    if (this.#phase === 'ticket') this.#race(this.#deadline)
    // When the business issued the ticket, it may have opened the meeting, here or on another node.
    else if (this.followers.isMissing) this.#giveUp(now, new RtmsError('NOT_FOUND'))
    else this.#refresh(ticket, now)
  }

  /** `isFinal`: the business will give none. */
  handleNoTicket(attempt: number, error: RtmsError, now: number, isFinal = false): void {
    if (attempt !== this.#attempt) return
    this.#askedFor = 0
    if (isFinal) this.#end(error)
    else if (this.#phase === 'ticket') this.#withoutTicket(error, now)
    else if (this.#phase === 'live') this.#tickets.retry(now)
  }

  /** No fresh ticket is available; the kept one may still be valid. */
  #withoutTicket(error: RtmsError | null, now: number): void {
    this.#ticketError = error
    if (this.#tickets.isValid(now)) this.#race(now + this.#options.connectMs)
    else this.#wait(now, error)
  }

  /** Replaces a token that is about to expire, without a new connection. */
  #refresh(ticket: Ticket, now: number): void {
    const attempt = this.#attempt
    const done: Done<unknown> = (result) => {
      // Another connection has begun with its own ticket, perhaps this one.
      if (attempt !== this.#attempt) return
      if (!(result instanceof RtmsError)) this.#tickets.schedule()
      // Where it may not be tried again, the old token's expiry will cause a new connection, with another ticket.
      else this.#tickets.renew(result.retryAfterMs > 0 ? now + within(result.retryAfterMs) : Infinity)
    }
    const message = { type: 'refresh', call: this.calls.next(), token: ticket.token } as const
    // Not subject to the limit on pending calls: a busy client keeps its connection.
    this.calls.add(message, done, now + this.#options.connectMs, 0)
    this.#send(message)
  }

  /** Tries all addresses of the ticket at once: the socket that opens first leads to the nearest node. */
  #race(deadline: number): void {
    if (!this.#enter('opening', deadline)) return
    let attempt = this.#attempt
    for (const url of this.#tickets.urls) {
      this.#try(attempt, { url })
      attempt = ++this.#lastAttempt
    }
  }

  #try(attempt: number, rival: Rival): void {
    this.#rivals.set(attempt, rival)
    this.#url = rival.url
    this.#ports.open(attempt, rival.url)
  }

  handleOpen(attempt: number): void {
    if (!this.#rivals.has(attempt)) return
    this.#open = attempt
    if (this.#phase === 'opening') this.#take(this.#deadline)
  }

  /** Goes on with the socket that is open. */
  #take(deadline: number): void {
    const attempt = this.#open
    const { url, moves = 0 } = this.#rivals.get(attempt) as Rival
    this.#rivals.delete(attempt)
    if (attempt !== this.#attempt) this.#ports.close(this.#attempt, DROPPED)
    this.#detach(attempt)
    this.#tickets.took(url)
    this.#url = url
    if (!this.#enter('greeting', deadline)) return
    const session = this.#offersSession ? this.#session : ''
    this.#send({
      type: 'hello',
      version: versions.most,
      features: 0,
      client: this.#options.client,
      token: (this.#tickets.held as Ticket).token,
      session,
      received: session ? this.#receipts.entries : 0,
      window: this.#options.window,
      moves,
    })
  }

  /** `cause`: the socket's own error, where there is one. */
  handleClose(attempt: number, code: number, reason: string, now: number, cause?: unknown): void {
    const isTrying = this.#rivals.delete(attempt) && this.#phase === 'opening'
    if (isTrying ? this.#rivals.size === 0 : attempt === this.#attempt) this.#lost(code, reason, now, cause)
  }

  /** The socket of the other node is open, and nothing waits for an answer that only this node can give. */
  get #mayMove(): boolean {
    return this.#rivals.has(this.#open) && this.calls.isQuiet && this.followers.isQuiet
  }

  #lost(said: number, reason: string, now: number, cause?: unknown): void {
    // The GOODBYE still has the reason if a proxy or a broken network has removed the close code.
    const goodbye = this.#goodbye
    const code = isOwnCode(said) || !goodbye || !isOwnCode(goodbye.code) ? said : goodbye.code
    const tickets = this.#tickets
    let wait: number | undefined
    let again = false
    if (code === closeCodes.UNAUTHENTICATED) {
      // A kept ticket may have outlived the node's key, and a late HELLO is refused in the same way, so a fresh ticket
      // is tried before giving up. That ticket may be another user's, so one attempt is made without the session.
      const isOthers = this.#offersSession && this.#session !== '' && tickets.isNew
      this.#offersSession = !isOthers
      again = tickets.refused(isOthers)
      this.#backoff.forgive()
      if (isOthers) wait = this.#backoff.soon()
    } else if (code === closeCodes.EXPIRED) tickets.discard()
    else if (this.#phase !== 'greeting' || !tickets.leaveOut()) {
      if (code === closeCodes.DRAINING || code === closeCodes.MOVED) tickets.doubt()
      else if (this.#phase !== 'live') tickets.missed()
    }
    const error = closeError(code, goodbye?.reason ?? '')
    const words = goodbye?.reason ?? reason
    if (again || mayReconnect(code))
      this.#wait(
        now,
        error ?? this.#ticketError ?? lostError(this.#phase, this.#url, code, words, cause),
        wait,
      )
    else this.#end(error ?? closedError(code, words))
  }

  /** Closes the socket from this side, and says why. */
  #drop(now: number, why: string): void {
    this.#ports.close(this.#attempt, DROPPED)
    this.#lost(DROPPED, why, now)
  }

  /** Gives up a connection that may still work. */
  #giveUp(now: number, error: RtmsError | null): void {
    this.#ports.close(this.#attempt, DROPPED)
    this.#wait(now, error, this.#backoff.soon())
  }

  #wait(now: number, error: RtmsError | null, wait: number = this.#backoff.next()): void {
    this.#detach(++this.#lastAttempt)
    this.#enter('waiting', now + wait, error)
  }

  /** The connection is gone. `attempt`: the next one, so late events of the old socket belong to none. */
  #detach(attempt: number): void {
    for (const rival of this.#rivals.keys()) if (rival !== this.#attempt) this.#ports.close(rival, DROPPED)
    this.#rivals.clear()
    this.#goodbye = null
    this.#attempt = attempt
    this.#out = []
    this.calls.detach()
    this.followers.detach(this.#heardAt)
  }

  /** `why`: what is told of it. */
  #end(error: RtmsError, why: RtmsError | null = error): void {
    if (this.#phase === 'closed') return
    this.#ports.close(this.#attempt, 1000)
    this.#detach(++this.#lastAttempt)
    this.#enter('closed', Infinity, why)
    this.calls.endAll(error)
    this.followers.end(error)
  }

  // ---- sending

  #send(message: ClientMessage): void {
    this.#out.push(message)
    if ('call' in message) this.calls.markSent(message.call)
  }

  flush(): void {
    this.followers.follow()
    const messages = this.#out
    this.#out = []
    for (const packet of packetsOf(messages, this.#options.codec)) this.#ports.send(this.#attempt, packet)
  }

  #acknowledge(now: number): void {
    this.#send({ ...this.#receipts.ack(), seen: this.followers.acknowledge(now) })
  }

  #ping(now: number): void {
    this.#deadline = now + (this.#welcome as MessageOf<'welcome'>).heartbeat
    this.#send({ type: 'ping', time: Math.round(now * 1000) })
  }

  // ---- receiving

  handlePacket(attempt: number, packet: Uint8Array | string, size: number, now: number): void {
    // After a GOODBYE nothing counts.
    if (attempt !== this.#attempt || this.#goodbye) return
    this.#heardAt = now
    try {
      for (const message of this.#options.codec.decode(packet, 'server') as ServerMessage[]) {
        if (this.#attempt !== attempt) return
        if (isOfSessionLog(message.type)) this.#receipts.entries++
        this.#receive(message, now)
      }
    } catch (error) {
      if (!(error instanceof RtmsError) || error.code !== 'PROTOCOL') throw error
      this.#drop(now, error.message)
      return
    }
    if (this.#attempt !== attempt) return
    this.#silentUntil = now + (this.#goodbye ? LEAVING_MS : 2 * (this.#welcome?.heartbeat ?? 0))
    this.#receipts.bytes += size
    if (this.#receipts.isAckDue || now >= this.followers.acknowledgeAt) this.#acknowledge(now)
  }

  #receive(message: ServerMessage, now: number): void {
    // WELCOME comes first and only once, unless a GOODBYE comes instead.
    const isFirst = this.#phase === 'greeting'
    if (message.type !== 'goodbye' && (message.type === 'welcome') !== isFirst)
      return this.#drop(now, `an unexpected ${message.type}`)
    switch (message.type) {
      case 'welcome':
        return this.#handleWelcome(message, now)
      case 'ping':
        return this.#send({ type: 'pong', echo: message.time, time: Math.round(now * 1000), lateness: 0 })
      case 'pong':
        this.rtt = now - message.echo / 1000
        return
      case 'goodbye':
        this.#goodbye = message
        this.#deadline = now + LEAVING_MS
        return this.#backoff.goodbye(message.retryAfter)
      case 'move':
        // It stays until the other socket is open, and where that never is.
        if (this.#rivals.size === 0 && now - this.#movedAt > LATE_MS) {
          this.#movedAt = now
          this.#try(++this.#lastAttempt, message)
        }
        return
      case 'done':
        return this.calls.end(message.call, message.value)
      case 'reply':
        return this.calls.end(message.call, message.data)
      case 'failed':
        return this.#handleFailed(message, now)
      case 'push':
        return this.#ports.push(message.name, message.data)
      default:
        if (!this.followers.receive(message, now)) this.#drop(now, `a hole before a ${message.type}`)
    }
  }

  #handleWelcome(message: MessageOf<'welcome'>, now: number): void {
    if (!isSpoken(message.version)) return this.#drop(now, `it speaks version ${message.version}`)
    const isStranger = this.#welcome !== null && this.#welcome.user !== message.user
    message.heartbeat = within(message.heartbeat)
    this.#welcome = message
    this.#session = message.session
    this.#offersSession = true
    this.#ticketError = null
    const entriesLost = this.#receipts.welcomed(message)
    this.#backoff.welcomed(message)
    this.calls.attach(message, isStranger, now)
    this.followers.attach(message, entriesLost, isStranger)
    // Calls made from here on belong to this connection.
    const attempt = this.#attempt
    this.#phase = 'live'
    this.#ports.welcome(message)
    if (this.#attempt === attempt && this.#enter('live', now)) this.#tickets.welcomed()
  }

  #handleFailed(message: MessageOf<'failed'>, now: number): void {
    const error = errorIn(message)
    if (!this.followers.handleFailed(message, error, this.#tickets.count, now))
      this.calls.end(message.call, error)
    else if (this.followers.isMissing && this.#askedFor !== this.#attempt) this.#tickets.renew(now)
  }
}
