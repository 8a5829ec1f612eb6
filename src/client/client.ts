import {
  clientCodec,
  type Contract,
  type ErrorCode,
  fromPayload,
  isKey,
  type Joinable,
  type Lacking,
  limits,
  type FramedOf,
  type MeetingOf,
  type MessageOf,
  type NameIn,
  type Payload,
  type Position,
  type PushOf,
  type RequestOf,
  RtmsError,
  type TopicIn,
  type TopicOf,
  toPayload,
} from '../protocol/index.ts'
import { Listeners } from './events.ts'
import {
  checkKey,
  checkName,
  type Done,
  DROPPED,
  isPosition,
  isUint,
  Machine,
  MOST_EARLY_MESSAGES,
  ownError,
  type Phase,
  type ReadOptions,
  type Ticket,
} from './machine/index.ts'
import { Meeting, type MeetingHost } from './meeting.ts'
import type { Outside } from './outside.ts'
import { ownData, type ReaderHost, SharedReader, type TopicListener } from './shared-reader.ts'
import type {
  CallOptions,
  ConnectOptions,
  JoinOptions,
  Publication,
  Socket,
  State,
  SubscribeOptions,
} from './options.ts'
import { noTicket, ticketOf } from './ticket.ts'

function stateOf(phase: Phase): State {
  if (phase === 'live') return 'connected'
  if (phase === 'waiting' || phase === 'idle') return 'disconnected'
  return phase === 'closed' ? phase : 'connecting'
}

const CLIENT = 'rtms-js/0.1'
const TIMEOUT_MS = 10_000

interface EarlyPush {
  readonly name: string
  readonly data: Payload
}

/** Why a signal was aborted; an old one does not say. */
function reasonOf({ reason }: AbortSignal): unknown {
  return reason ?? ownError('CANCELLED')
}

/** What is asked of a topic with these options. */
function wishOf(options: SubscribeOptions): ReadOptions {
  const { conflate = false, maxHz = 0, keys = [], history = 0 } = options
  const since = options.since ?? undefined
  if (keys.length > limits.keys || !keys.every(isKey))
    throw new RtmsError('LIMIT', `at most ${limits.keys} keys of ${limits.name} bytes`)
  if (!isUint(history)) throw new RangeError(`history is ${history}; expected >= 0`)
  if (!(maxHz >= 0)) throw new RangeError(`maxHz is ${maxHz}; expected >= 0`)
  if (since !== undefined && !isPosition(since)) throw new TypeError('since must be a client.position')
  return {
    conflate,
    // The wire carries a whole number, in which 0 means no throttle.
    maxHz: maxHz > 0 ? Math.max(1, Math.min(maxHz, 1_000) >>> 0) : 0,
    keys,
    policy: options.policy ?? (conflate ? 'conflate' : 'skip'),
    // Others begin elsewhere.
    history: conflate || keys.length > 0 || since ? 0 : history,
    since,
  }
}

/** The arguments of a request: data may be left out where the contract, or the lack of one, allows null. */
type RequestArguments<C, M extends string> =
  unknown extends RequestOf<C, M, 'input'>
    ? [data?: unknown, options?: CallOptions | null]
    : null extends RequestOf<C, M, 'input'>
      ? [data?: RequestOf<C, M, 'input'>, options?: CallOptions | null]
      : [data: RequestOf<C, M, 'input'>, options?: CallOptions | null]

/** A meeting that a client has joined, as its contract has it. */
type JoinedIn<C, T> = Meeting<
  MeetingOf<C, T, 'input', T>,
  MeetingOf<C, T, 'message'>,
  MeetingOf<C, T, 'say'>,
  FramedOf<C, T, T>
>

/** A connection to RTMS that reconnects by itself. Made by `connect`. */
export class Client<C extends Contract = Contract> {
  readonly #options: ConnectOptions
  readonly #outside: Outside
  readonly #machine: Machine
  readonly #states: Listeners<[State, RtmsError | null]>
  readonly #reconnects: Listeners<[{ recovered: boolean; reason: ErrorCode | '' }]>
  /** The state that was told last. */
  #state: State = 'connecting'
  /** Why there is no connection, as far as it is known. */
  #fault: RtmsError | null = null
  readonly #pushes: Map<string, Listeners<[unknown]>> = new Map()
  readonly #earlyPushes: EarlyPush[] = []
  readonly #readers: ReaderHost
  /** By the machine's number of their attempt. */
  readonly #sockets: Map<number, Socket> = new Map()
  #disarm: () => void = () => {}
  #timerAt = Infinity
  readonly #unwatch: () => void
  #welcome: MessageOf<'welcome'> | null = null

  /** @internal */
  constructor(options: ConnectOptions, outside: Outside) {
    this.#options = options
    this.#outside = outside
    this.#states = new Listeners(outside.report)
    this.#reconnects = new Listeners(outside.report)
    this.#machine = new Machine(
      {
        codec: clientCodec,
        // Infinity has no form on the wire, and becomes 0.
        window: (options.window ?? 131_072) >>> 0,
        client: CLIENT,
        random: outside.random,
        connectMs: options.connectTimeoutMs || 10_000,
        backoffMs: options.maxBackoffMs || 30_000,
      },
      {
        getTicket: (attempt) => void this.#getTicket(attempt),
        open: (attempt, url) => this.#open(attempt, url),
        send: (attempt, packet) => this.#send(attempt, packet),
        close: (attempt, code) => this.#forget(attempt, code),
        phase: (phase, error) => {
          if (phase === 'closed') this.#unwatch()
          if (error || phase === 'live' || phase === 'closed') this.#fault = error
          const state = stateOf(phase)
          if (state === this.#state) return
          this.#state = state
          this.#states.emit(state, this.#fault)
        },
        push: (name, data) => this.#pushed({ name, data }),
        welcome: (welcome) => {
          const before = this.#welcome
          this.#welcome = welcome
          // A session that was not asked for again, because the ticket may be another user's, has no reason from the
          // node.
          const reason = welcome.reason || (welcome.resumed ? '' : 'NOT_FOUND')
          if (before) this.#reconnects.tell(() => [{ recovered: !reason, reason }])
        },
      },
    )
    this.#readers = { outside, followers: this.#machine.followers, shared: new Map() }
    if (options.autoConnect === false) this.#state = 'disconnected'
    else this.#need()
    this.#unwatch = outside.watch(
      () => this.#run((now) => this.#machine.probe(now)),
      () => this.#run((now) => this.#machine.suspend(now)),
    )
  }

  get state(): State {
    return stateOf(this.#machine.phase)
  }

  /** Why there is no connection, as far as it is known, also during the next attempts; null while there is one. */
  get error(): RtmsError | null {
    return this.#fault
  }

  /** Milliseconds until the next attempt to connect; 0 while there is a connection, or one is being made. */
  get retryInMs(): number {
    return this.#machine.waitMs(this.#outside.now())
  }

  /** The user that the ticket of the last connection named; '' before the first connection. */
  get user(): string {
    return this.#welcome?.user ?? ''
  }

  /** The node this client is or was last connected to. */
  get node(): string {
    return this.#welcome?.node ?? ''
  }

  /** Round trip to the server in milliseconds, measured at every heartbeat; 0 before the first. */
  get rttMs(): number {
    return this.#machine.rtt
  }

  /**
   * Calls `listener` at each change of state. `error` is {@link error}: the node's own reason, that of `getTicket`, or
   * UNREACHABLE with all that the runtime tells, in its message and `cause`. It is null where nothing is wrong, as for
   * a page that is hidden.
   */
  onState(listener: (state: State, error: RtmsError | null) => void): () => void {
    return this.#states.add(listener)
  }

  /**
   * Calls `listener` at each reconnect. `recovered`: no push and no private message of a meeting was missed; otherwise
   * `reason` is the error code. Meetings and topics report their own gaps.
   */
  onReconnect(
    listener: (session: { readonly recovered: boolean; readonly reason: ErrorCode | '' }) => void,
  ): () => void {
    return this.#reconnects.add(listener)
  }

  /**
   * This client for a part of an application that knows only its part `P` of the contract. A type alone, so the same
   * object. Does not compile where the contract has not all of `P`.
   */
  part<P extends Contract>(...lacks: Lacking<C, P>): Client<P>
  part<P extends Contract>(): Client<P> {
    return this as unknown as Client<P>
  }

  /**
   * Joins a meeting as member or spectator. Resolves when the server has seated this client; no frame is missed from
   * then on. Rejects with NOT_FOUND, FORBIDDEN, FULL, CONFIG_MISMATCH, LIMIT, RATE, BUSY, NOT_SENT, TIMEOUT, CANCELLED
   * or CLOSED, or with what the business throws. A seat that was held, and is refused with RATE or BUSY after a
   * reconnect, is asked for again after the node's wait. `T` is the type of the inputs or, with a contract, the kind of
   * the meeting.
   */
  join<T extends Joinable<C> = Joinable<C>>(
    name: string,
    options?: JoinOptions | null,
  ): Promise<JoinedIn<C, T>> {
    const { spectator = false, config = '', from = 'start' } = options ?? {}
    return this.#promise(options, (resolve, reject, timeoutMs) => {
      checkName(name, 'meeting', 'BAD_NAME')
      checkKey(config, 'config')
      const { now, report } = this.#outside
      const { keepBytes } = this.#options
      const wish = { spectator, config, fromNow: from === 'now', joinBy: now() + timeoutMs, keepBytes }
      const host: MeetingHost = {
        join: (listener) => this.#machine.followers.join(name, wish, listener),
        input: (seat, data, how) =>
          this.#call<number>(how, (done, sendMs, at) =>
            this.#machine.followers.input(seat, toPayload(data), sendMs, at, done),
          ),
        leave: (seat) => this.#run(() => this.#machine.followers.leave(seat)),
        report,
      }
      const meeting: JoinedIn<C, T> = new Meeting(name, host, resolve, reject)
      this.#after()
      return () => {
        if (meeting.pending) meeting.leave()
      }
    })
  }

  /**
   * Calls `listener` for every publication of a topic, or of each of several topics, across reconnects, until the
   * returned function is called. Listeners of one topic share a subscription, and each gets what it would get alone. A
   * subscription refused with RATE or BUSY is asked for again after the wait that the node names. Throws BAD_TOPIC,
   * LIMIT, or an error of the options.
   */
  subscribe<T = unknown, N extends TopicIn<C> = TopicIn<C>>(
    topics: N | readonly N[],
    listener: (data: TopicOf<C, N, T>, publication: Publication) => void,
    given?: SubscribeOptions | null,
  ): () => void {
    const options = given ?? {}
    const names = typeof topics === 'string' ? [topics] : topics
    for (const name of names) checkName(name, 'topic', 'BAD_TOPIC')
    const wish = wishOf(options)
    const removers = names.map((name) => {
      const shared = this.#readers.shared.get(name) ?? new SharedReader(name, this.#readers)
      return shared.add(listener as TopicListener, wish, options)
    })
    this.#need()
    return () => {
      for (const remove of removers) remove()
      this.#after()
    }
  }

  /**
   * How far this client has read a topic, or null while it is not subscribed or the node has not answered yet. The
   * position is opaque and survives JSON: store it and pass it as `since` to a later {@link subscribe} to continue
   * there. While a listener runs, the publication it was given counts as read.
   */
  position(topic: TopicIn<C>): Position | null {
    return this.#readers.shared.get(topic)?.position ?? null
  }

  /**
   * Calls `listener` for each push of this name to this user, the last ones included that came before anybody listened.
   * Returns the function that removes it.
   */
  onPush<T = unknown, N extends NameIn<C, 'pushes'> = NameIn<C, 'pushes'>>(
    name: N,
    listener: (data: PushOf<C, N, T>) => void,
  ): () => void {
    const listeners = this.#pushes.get(name) ?? new Listeners(this.#outside.report)
    const remove = listeners.add(listener as (data: unknown) => void)
    this.#pushes.set(name, listeners)
    // Once the caller can remove it; those of other names wait on.
    queueMicrotask(() => {
      for (const push of this.#earlyPushes.splice(0)) this.#pushed(push)
    })
    this.#need()
    return () => {
      remove()
      if (this.#pushes.get(name)?.size === 0) this.#pushes.delete(name)
    }
  }

  #pushed(push: EarlyPush): void {
    const { name, data } = push
    const early = this.#earlyPushes
    const listeners = this.#pushes.get(name)
    // Behind those that wait for the listener's next turn.
    if (listeners && !early.some((each) => each.name === name)) return listeners.tell(() => [ownData(data)])
    early.push(push)
    if (early.length > MOST_EARLY_MESSAGES) early.shift()
  }

  /**
   * Sends a request to the business server; resolves with its reply. Rejects with the handler's error, NO_HANDLER,
   * TIMEOUT, BUSY, CLOSED, the signal's reason, or, without a connection, NOT_SENT (it had no effect) or UNKNOWN (it
   * may have had one).
   */
  request<T = unknown, M extends NameIn<C, 'requests'> = NameIn<C, 'requests'>>(
    method: M,
    ...call: RequestArguments<C, M>
  ): Promise<RequestOf<C, M, 'output', T>>
  request(method: string, data: unknown = null, options?: CallOptions | null): Promise<unknown> {
    return this.#call<Payload>(options, (done, timeoutMs, now) =>
      this.#machine.calls.request(method, toPayload(data), timeoutMs, now, done),
    ).then((reply) => fromPayload(reply))
  }

  /**
   * Publishes to a topic, where the ticket allows it. Resolves when the server has accepted the publication, with the
   * topic's pressure on that node, from 0 to 1, which tells a feed when to slow down. To `remove` a key needs no data.
   * Rejects like {@link request}, or with BAD_TOPIC, FORBIDDEN, TOO_LARGE, RATE, LIMIT.
   */
  publish<N extends TopicIn<C>>(
    topic: N,
    data: TopicOf<C, N>,
    options?: (CallOptions & { readonly key?: string; readonly remove?: boolean }) | null,
  ): Promise<number>
  publish(
    topic: TopicIn<C>,
    data: null | undefined,
    options: CallOptions & { readonly key: string; readonly remove: true },
  ): Promise<number>
  async publish(
    topic: string,
    data: unknown,
    options?: (CallOptions & { readonly key?: string; readonly remove?: boolean }) | null,
  ): Promise<number> {
    const { key = '', remove = false } = options ?? {}
    const percent = await this.#call<number>(options, (done, timeoutMs, now) =>
      this.#machine.calls.publish(
        topic,
        toPayload(remove ? (data ?? null) : data),
        key,
        remove,
        timeoutMs,
        now,
        done,
      ),
    )
    return percent / 100
  }

  #call<T>(
    options: CallOptions | null | undefined,
    start: (done: Done<T>, timeoutMs: number, now: number) => number | void,
  ): Promise<T> {
    return this.#promise(options, (resolve, reject, timeoutMs) => {
      let call: number | void
      this.#run((now) => {
        call = start(
          (result) => (result instanceof RtmsError ? reject(result) : resolve(result)),
          timeoutMs,
          now,
        )
      })
      return () => this.#run(() => this.#machine.calls.cancel(call as number))
    })
  }

  /**
   * A promise that rejects with the signal's reason once it is aborted. `start` returns what an abort has to undo. A
   * signal may outlive many promises, so a promise that has settled no longer listens to it.
   */
  #promise<T>(
    options: CallOptions | null | undefined,
    start: (resolve: (value: T) => void, reject: (error: unknown) => void, timeoutMs: number) => () => void,
  ): Promise<T> {
    const { signal, offline = this.#options.offline, timeoutMs = TIMEOUT_MS } = options ?? {}
    let abort: (() => void) | undefined
    const promise = new Promise<T>((resolve, reject) => {
      const refuse = (error: unknown): void => {
        const fault = this.#fault
        const { code, message } = error as RtmsError
        reject(
          fault && fault !== error && (code === 'NOT_SENT' || code === 'CLOSED')
            ? new RtmsError(code, `${message}: ${fault.message}`, { cause: fault })
            : error,
        )
      }
      if (signal?.aborted === true) throw reasonOf(signal)
      if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs is ${timeoutMs}; expected > 0`)
      this.#need()
      const { state } = this
      if (offline === 'refuse' && state !== 'connected' && state !== 'closed')
        return refuse(new RtmsError('NOT_SENT', `${state}, and offline is 'refuse'`))
      const undo = start(resolve, refuse, timeoutMs)
      abort = () => {
        reject(reasonOf(signal as AbortSignal))
        undo()
      }
      signal?.addEventListener('abort', abort)
    })
    const forget = (): void => signal?.removeEventListener('abort', abort as () => void)
    promise.then(forget, forget)
    return promise
  }

  /**
   * Tries at once to connect, where the client waits before its next attempt: for a button "Try now". A browser's page
   * does so by itself when its network is back.
   */
  reconnect(): void {
    this.#run((now) => this.#machine.probe(now))
  }

  /** Ends the connection for good; pending calls reject with CLOSED, and subscriptions end without a word. */
  close(): void {
    this.#readers.shared.forEach((shared) => shared.failed(null))
    this.#run(() => this.#machine.close())
  }

  // ---- the machine's outside

  /** Connects, where nothing has needed a connection before. */
  #need(): void {
    this.#run((now) => this.#machine.start(now))
  }

  #run(action: (now: number) => void): void {
    action(this.#outside.now())
    this.#after()
  }

  /** Sends everything the machine has queued in one packet and arms its next deadline. */
  #after(): void {
    // Where it is asked for several times in a turn, the first flush sends everything. By then topics have asked for all
    // who have come and gone in this turn.
    queueMicrotask(() => queueMicrotask(() => this.#machine.flush()))
    const { deadline } = this.#machine
    if (deadline === this.#timerAt) return
    this.#disarm()
    this.#timerAt = deadline
    if (deadline === Infinity) return
    this.#disarm = this.#outside.at(deadline, () => {
      this.#timerAt = Infinity
      this.#run((now) => this.#machine.tick(now))
    })
  }

  async #getTicket(attempt: number): Promise<void> {
    let ticket: Ticket | RtmsError
    let isFinal = false
    try {
      ticket = await ticketOf(this.#options)
    } catch (cause) {
      ticket =
        cause instanceof RtmsError
          ? cause
          : // Node's `fetch` hides behind `fetch failed` what has failed.
            noTicket('UNREACHABLE', String((cause as Error | null)?.cause ?? cause), cause)
      isFinal = ticket.retry === 'fix'
    }
    this.#run((now) => {
      if (ticket instanceof RtmsError) this.#machine.handleNoTicket(attempt, ticket, now, isFinal)
      else {
        const validMs = ticket.expiresAt * 1000 - this.#outside.wallNow()
        this.#machine.handleTicket(attempt, ticket, validMs, now)
      }
    })
  }

  #open(attempt: number, url: string): void {
    const make = this.#options.socket ?? this.#outside.socket
    let socket: Socket
    let cause: unknown
    try {
      socket = make(url, [clientCodec.subprotocol])
      socket.binaryType = 'arraybuffer'
    } catch (error) {
      // The ticket's URL is not one a socket can be made from.
      this.#lose(attempt, error)
      return
    }
    socket.onopen = () => this.#run(() => this.#machine.handleOpen(attempt))
    socket.onmessage = ({ data }) => {
      const packet = typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer)
      this.#run((now) => this.#machine.handlePacket(attempt, packet, packet.length, now))
    }
    socket.onclose = ({ code, reason }) => {
      this.#sockets.delete(attempt)
      this.#run((now) => this.#machine.handleClose(attempt, code, reason, now, cause))
    }
    socket.onerror = (event) => (cause = event?.error ?? event)
    this.#sockets.set(attempt, socket)
  }

  #send(attempt: number, packet: Uint8Array): void {
    try {
      this.#sockets.get(attempt)?.send(packet)
    } catch (error) {
      this.#forget(attempt, DROPPED)
      this.#lose(attempt, error)
    }
  }

  /** A socket that threw is reported like any other lost socket, but not from inside the machine. */
  #lose(attempt: number, cause: unknown): void {
    queueMicrotask(() => this.#run((now) => this.#machine.handleClose(attempt, 1006, '', now, cause)))
  }

  #forget(attempt: number, code: number): void {
    const socket = this.#sockets.get(attempt)
    if (!socket) return
    this.#sockets.delete(attempt)
    socket.onopen = socket.onmessage = socket.onclose = null
    try {
      socket.close(code)
    } catch {
      // Nothing listens to this socket any more.
    }
  }
}
