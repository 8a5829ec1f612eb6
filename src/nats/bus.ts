import {
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
  type NodeConnectionOptions,
  nkeyAuthenticator,
  type Subscription,
} from '@nats-io/transport-node'
import type { BusPort, BusReports, BusStats } from '../bus/connector.ts'
import { busLimits, weighMessage } from '../bus/limits.ts'
import { checkMessage, checkSubject } from '../bus/subject.ts'
import { type BusListener, Ring } from '../core/index.ts'
import { natsLimits } from './limits.ts'
import type { NatsOptions } from './options.ts'
import { firstToSpeak } from './probe.ts'
import { Parts } from './parts.ts'
import { OVERHEAD, Seal } from './seal.ts'
import { isReplySubject, nodeSubjectOf, replySubjectOf, subjectOf } from './subjects.ts'

/** A message on its way to the server. */
interface Waiting {
  readonly subject: string
  readonly bytes: Uint8Array
}

/**
 * A node on NATS. The client library connects once and is told not to reconnect by itself: it would send nothing of
 * what was published meanwhile and not say so, and a connection that is stuck with full buffers would never be given
 * up. Here each connection is a new one, with the same subscriptions.
 */
export class NatsBus implements BusPort {
  readonly #options: NatsOptions
  readonly #cluster: string
  readonly #own: string
  readonly #listener: BusListener
  readonly #reports: BusReports
  readonly #seal: Seal
  readonly #parts: Parts = new Parts()
  /** What this node subscribes to; the subscription is one of the present connection. */
  readonly #subscriptions: Map<string, Subscription | null> = new Map()
  /** Null while there is none, or none that carries messages yet. */
  #connection: NatsConnection | null = null
  #isUp = false
  #isClosed = false
  #wake: () => void = () => {}
  #outbox: Ring<Waiting> = new Ring(0)
  #waiting = 0
  /** Given to the client library since the last flush was asked for, and before that: not confirmed yet. */
  #unflushed = { bytes: 0, messages: 0 }
  #flushing = { bytes: 0, messages: 0 }
  /** When the server was last asked to confirm something. */
  #askedAt = 0
  /** Until the server is asked to confirm what it was given. */
  #confirming: NodeJS.Timeout | undefined
  /** Questions whether a node listens, so far. */
  #asked = 0
  #lastTrouble = ''
  readonly #stats = { dropped: 0, strangers: 0 }
  /** When it was last said that there are strangers. */
  #strangeAt = -Infinity

  constructor(options: NatsOptions, incarnation: number, listener: BusListener, reports: BusReports) {
    const { cluster = 'rtms', secret } = options
    this.#options = options
    this.#cluster = cluster
    this.#own = nodeSubjectOf(cluster, incarnation)
    this.#listener = listener
    this.#reports = reports
    this.#seal = new Seal(secret, cluster, incarnation, Date.now)
    void this.#run()
  }

  get stats(): BusStats {
    return this.#stats
  }

  /** Nobody but the servers knows who listens. */
  hears(): boolean {
    return true
  }

  /** A server that confirms nothing any more is waited for no longer: it may have ended. */
  isCrowded(): boolean {
    if (this.#waiting + this.#unconfirmed <= busLimits.crowdBytes) return false
    return this.#flushing.messages === 0 || performance.now() - this.#askedAt < natsLimits.crowdMs
  }

  /** Bytes that the server has not confirmed. */
  get #unconfirmed(): number {
    return this.#unflushed.bytes + this.#flushing.bytes
  }

  publish(subject: string, bytes: Uint8Array): void {
    checkSubject(subject)
    this.#add(subjectOf(this.#cluster, subject), bytes)
  }

  send(node: number, bytes: Uint8Array): void {
    const subject = nodeSubjectOf(this.#cluster, node)
    if (subject !== this.#own) this.#add(subject, bytes)
  }

  subscribe(subject: string): void {
    checkSubject(subject)
    if (this.#isClosed || this.#subscriptions.has(subject)) return
    this.#subscriptions.set(subject, null)
    if (this.#isConnected(this.#connection)) this.#ask(this.#connection, subject)
  }

  unsubscribe(subject: string): void {
    const subscription = this.#subscriptions.get(subject)
    this.#subscriptions.delete(subject)
    subscription?.unsubscribe()
  }

  /** The server knows who subscribes, and says so at once of a subject that nobody does. */
  async listens(node: number): Promise<boolean> {
    const connection = this.#connection
    if (!this.#isUp || !this.#isConnected(connection)) return true
    // The answer comes to a subject that this node may listen to whatever its rights are.
    const reply = replySubjectOf(this.#own, ++this.#asked)
    const options = { timeout: natsLimits.listensMs, noMux: true, reply }
    try {
      await connection.request(nodeSubjectOf(this.#cluster, node), undefined, options)
    } catch (error) {
      return !(error instanceof errors.RequestError && error.isNoResponders())
    }
    return true
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#wake()
    const connection = this.#connection
    if (connection === null) return
    this.#pump(Infinity)
    const flushed = connection.flush().then(
      () => this.#forgetGiven(),
      () => {},
    )
    await Promise.race([flushed, this.#sleep(natsLimits.closeMs)])
    this.#wake()
    await connection.close()
  }

  // ---- out

  #add(subject: string, bytes: Uint8Array): void {
    checkMessage(bytes)
    const weight = weighMessage(bytes)
    if (!this.#isUp || this.#isClosed || this.#waiting + weight > busLimits.outboxBytes) {
      this.#stats.dropped++
      return
    }
    this.#outbox.push({ subject, bytes })
    this.#waiting += weight
    this.#pump(natsLimits.window)
  }

  /** Gives the client library what waits, as long as the server confirms what it was given. */
  #pump(window: number): void {
    const connection = this.#connection
    if (!this.#isConnected(connection)) return
    const most = Math.min(connection.info?.max_payload ?? Infinity, natsLimits.partBytes) - OVERHEAD
    while (this.#outbox.size > 0 && this.#unconfirmed < window) {
      const { subject, bytes } = this.#outbox.shift()
      const weight = weighMessage(bytes)
      this.#waiting -= weight
      this.#unflushed.bytes += weight
      this.#unflushed.messages++
      try {
        for (const part of this.#seal.seal(subject, bytes, most)) connection.publish(subject, part)
      } catch (error) {
        this.#stats.dropped++
        this.#reports.fault(error)
      }
    }
    this.#confirm(connection)
  }

  /** Asks the server to confirm what it was given: soon, as one answer does for many messages, or at once for much. */
  #confirm(connection: NatsConnection): void {
    if (this.#unflushed.messages === 0 || this.#flushing.messages > 0) return
    if (this.#unflushed.bytes >= natsLimits.confirmBytes) void this.#flush(connection)
    else this.#confirming ??= setTimeout(() => void this.#flush(connection), natsLimits.confirmMs)
  }

  async #flush(connection: NatsConnection): Promise<void> {
    this.#forgetConfirming()
    this.#flushing = this.#unflushed
    this.#askedAt = performance.now()
    this.#unflushed = { bytes: 0, messages: 0 }
    try {
      await connection.flush()
    } catch {
      // The connection was lost; what was under way is counted there.
      return
    }
    if (connection !== this.#connection) return
    this.#flushing = { bytes: 0, messages: 0 }
    this.#pump(natsLimits.window)
  }

  /** Nothing that was given is unconfirmed any more. */
  #forgetGiven(): void {
    this.#unflushed = { bytes: 0, messages: 0 }
    this.#flushing = { bytes: 0, messages: 0 }
  }

  #forgetConfirming(): void {
    clearTimeout(this.#confirming)
    this.#confirming = undefined
  }

  // ---- in

  #ask(connection: NatsConnection, subject: string): void {
    const encoded = subjectOf(this.#cluster, subject)
    const subscription = this.#receive(connection, encoded, (bytes, from) =>
      this.#listener.message(subject, bytes, from),
    )
    this.#subscriptions.set(subject, subscription)
  }

  /** The client library stops reading where a callback throws, so none does. */
  #receive(
    connection: NatsConnection,
    subject: string,
    tell: (bytes: Uint8Array, from: number) => void,
  ): Subscription {
    return connection.subscribe(subject, {
      callback: (error, message) => {
        // What the server refuses is told by `#watch`.
        if (this.#isClosed || error !== null) return
        const { data } = message
        try {
          if (data.length === 0 && this.#isQuestion(subject, message.reply)) {
            message.respond()
            return
          }
          const opened = this.#seal.open(subject, data)
          if (opened === null) this.#strange()
          else {
            const bytes = this.#parts.whole(opened)
            if (bytes !== null) tell(bytes, opened.from)
          }
        } catch (thrown) {
          this.#reports.fault(thrown)
        }
      },
    })
  }

  /** Another node asks whether this one listens. A stranger must not have nodes write where it likes, or all at once. */
  #isQuestion(subject: string, reply = ''): boolean {
    return subject === this.#own && isReplySubject(this.#cluster, reply)
  }

  /** A message that no node of this cluster has sent. */
  #strange(): void {
    this.#stats.strangers++
    const now = performance.now()
    if (now - this.#strangeAt < natsLimits.warnMs) return
    this.#strangeAt = now
    this.#reports.warn(
      { strangers: this.#stats.strangers },
      'messages of strangers were dropped: a node has another secret of the cluster, or a clock that is minutes wrong',
    )
  }

  // ---- the connection

  /** The client library throws where its connection has closed, which this bus may hear of a moment later. */
  #isConnected(connection: NatsConnection | null): connection is NatsConnection {
    return connection !== null && !connection.isClosed()
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        // eslint-disable-next-line no-await-in-loop
        await this.#connect()
      } catch (error) {
        this.#trouble('the NATS bus cannot be reached; trying again', error)
      }
      if (this.#isClosed) return
      // eslint-disable-next-line no-await-in-loop
      await this.#sleep(natsLimits.retryMs * (1 + Math.random() / 2))
    }
  }

  /** Resolves when a connection was made and has ended; rejects when none was made. */
  async #connect(): Promise<void> {
    const servers = [this.#options.servers].flat()
    // A server that expects TLS first says nothing.
    const isSilent = this.#options.tls?.handshakeFirst === true
    const chosen = isSilent ? servers : [await firstToSpeak(servers, natsLimits.connectMs)]
    if (this.#isClosed) return
    const connection = await connect(this.#settings(chosen))
    const ended = connection.closed()
    try {
      if (this.#isClosed) return
      const payload = connection.info?.max_payload ?? Infinity
      if (payload < natsLimits.payloadBytes)
        throw new Error(
          `max_payload of the server is ${payload}; expected ${natsLimits.payloadBytes} or more`,
        )
      void this.#watch(connection)
      this.#connection = connection
      this.#receive(connection, this.#own, (bytes, from) => this.#listener.sent(bytes, from))
      for (const subject of this.#subscriptions.keys()) this.#ask(connection, subject)
      // From the answer on, the server knows the subscriptions.
      await Promise.race([connection.flush(), ended])
      if (!connection.isClosed() && !this.#isClosed) this.#up()
      const error = await ended
      if (!this.#isClosed) this.#trouble('the NATS bus is lost; connecting again', error ?? undefined)
    } finally {
      this.#down()
      await connection.close()
    }
  }

  /**
   * A server that answers no pings is given up at once, though its connection may look open for minutes. What it
   * refuses is told once for each connection.
   */
  async #watch(connection: NatsConnection): Promise<void> {
    let refusals = 0
    for await (const status of connection.status())
      if (status.type === 'error' && ++refusals === 1) {
        const why = status.error.message
        const rights = `give this node's user the right to publish and subscribe to ${this.#cluster}.>`
        this.#reports.warn({ why }, `NATS refuses what this node says, or will not let it listen; ${rights}`)
      } else if (status.type === 'staleConnection') {
        this.#down()
        // Not awaited: it ends only when this loop has.
        void connection.close()
      }
  }

  #settings(servers: string[]): NodeConnectionOptions {
    const { user, pass, token, credentials, nkey } = this.#options
    // The client library takes TLS where the server offers it, whatever the URL says.
    const tls = this.#options.tls ?? (servers.some((url) => url.startsWith('tls:')) ? {} : undefined)
    const authenticator =
      credentials !== undefined
        ? credsAuthenticator(bytesOf(credentials))
        : nkey === undefined
          ? undefined
          : nkeyAuthenticator(bytesOf(nkey))
    return {
      servers,
      name: this.#own,
      noEcho: true,
      reconnect: false,
      ignoreClusterUpdates: true,
      timeout: natsLimits.connectMs,
      pingInterval: natsLimits.pingMs,
      maxPingOut: natsLimits.pingsOut,
      ...(tls === undefined ? {} : { tls }),
      ...(user === undefined ? {} : { user }),
      ...(pass === undefined ? {} : { pass }),
      ...(token === undefined ? {} : { token }),
      ...(authenticator === undefined ? {} : { authenticator }),
    }
  }

  #up(): void {
    this.#isUp = true
    if (this.#lastTrouble !== '') this.#reports.warn({}, 'the NATS bus carries messages again')
    this.#lastTrouble = ''
    this.#tell(() => this.#listener.back())
  }

  /** What was under way may have been lost, and what waited is. */
  #down(): void {
    this.#connection = null
    this.#forgetConfirming()
    this.#stats.dropped += this.#unflushed.messages + this.#flushing.messages + this.#outbox.size
    this.#outbox = new Ring(0)
    this.#waiting = 0
    this.#forgetGiven()
    this.#parts.clear()
    for (const subject of this.#subscriptions.keys()) this.#subscriptions.set(subject, null)
    if (!this.#isUp) return
    this.#isUp = false
    this.#tell(() => this.#listener.down())
  }

  #tell(call: () => void): void {
    if (this.#isClosed) return
    try {
      call()
    } catch (error) {
      this.#reports.fault(error)
    }
  }

  /** Said once for each kind of trouble. */
  #trouble(message: string, error: unknown): void {
    const why = error instanceof Error ? error.message : 'the server has closed the connection'
    if (this.#lastTrouble === message + why) return
    this.#lastTrouble = message + why
    this.#reports.warn({ why, servers: this.#options.servers }, message)
  }

  /** Until the time is over, or `#wake`. */
  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text) : text
}
