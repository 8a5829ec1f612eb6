import {
  type ClientMessage,
  isKey,
  isName,
  limits,
  type MessageOf,
  type Payload,
  RtmsError,
} from '../../protocol/index.ts'
import { checkSize, ownError } from './errors.ts'
import { busy, MOST_WAITING_CALLS, MOST_WAITING_LEAVES, type Waiting } from './limits.ts'

/** Called once, when the call ends: with the server's answer, or with an error. */
export type Done<T> = (result: T | RtmsError) => void

export type CallMessage = Extract<ClientMessage, { call: number }>

/** The calls that the application makes. */
type Asking = MessageOf<'request'> | MessageOf<'publish'>

interface Call {
  readonly message: CallMessage
  readonly done: Done<unknown>
  /** Monotonic milliseconds after which the call is no longer sent; `Infinity` for no limit. */
  readonly sendBy: number
  /** How many milliseconds after `sendBy` the answer is still awaited. */
  readonly grace: number
  /** Whether it was handed to a connection at least once. */
  sent: boolean
}

/** Longer time-outs are left to the node's own limit. */
const MAX_TIMEOUT_MS = 2 ** 31
/** The client waits this much beyond the time-out, because the server answers a time-out as well. */
const GRACE_MS = 2_000

/** Throws `code` where `name` cannot name a `what`. */
export function checkName(name: string, what: string, code: 'BAD_NAME' | 'BAD_TOPIC'): void {
  if (isName(name)) return
  const hint = /\*/.test(name) ? ': use keys of one topic' : ''
  throw new RtmsError(code, `${JSON.stringify(name)} cannot name a ${what}${hint}`)
}

export function checkKey(key: string, what: string): void {
  if (!isKey(key)) throw new RtmsError('BAD_NAME', `${what} must be text of at most ${limits.name} bytes`)
}

/**
 * Pending calls: requests, publications, leaves. Each ends exactly once. Numbers ascend over the life of the client.
 */
export class Calls {
  readonly #calls: Map<number, Call> = new Map()
  readonly #waiting: Waiting
  readonly #send: (message: CallMessage) => void
  #isLive = false
  #isClosed = false
  #last = 0
  /** How many of the pending calls are the application's. */
  #asking = 0
  #most: number = MOST_WAITING_CALLS
  #maxPayload: number = limits.payload

  constructor(waiting: Waiting, send: (message: CallMessage) => void) {
    this.#waiting = waiting
    this.#send = send
  }

  /** The number of the next call. */
  next(): number {
    return ++this.#last
  }

  /** Throws BUSY where too many bytes are pending already; `done` is not called then. */
  add(message: CallMessage, done: Done<unknown>, sendBy: number, grace: number): void {
    // A leave has no data: a node may name meetings unasked, each of which is left.
    if ('data' in message) {
      this.#waiting.take(message.data)
      this.#asking++
    } else if (this.#calls.size - this.#asking >= MOST_WAITING_LEAVES) return
    this.#calls.set(message.call, { message, done, sendBy, grace, sent: false })
  }

  /**
   * Starts a request, which ends exactly once: this throws, or `done` is called. `timeoutMs` > 0. Returns the call's
   * number, for {@link cancel}.
   */
  request(method: string, data: Payload, timeoutMs: number, now: number, done: Done<Payload>): number {
    checkName(method, 'method', 'BAD_NAME')
    // Rounded up, because 0 stands for the node’s own limit.
    const timeout = timeoutMs < MAX_TIMEOUT_MS ? Math.ceil(timeoutMs) : 0
    const message = { type: 'request', call: this.next(), method, timeout, data } as const
    return this.#start(message, done as Done<unknown>, now + timeoutMs, Math.min(GRACE_MS, timeoutMs))
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
    checkName(topic, 'topic', 'BAD_TOPIC')
    checkKey(key, 'a key')
    const message = { type: 'publish', call: this.next(), topic, key, tombstone, data } as const
    return this.#start(message, done as Done<unknown>, now + timeoutMs, 0)
  }

  /** Starts a call of the application, within the number that the node allows. */
  #start(message: Asking, done: Done<unknown>, sendBy: number, grace: number): number {
    if (this.#isClosed) {
      done(ownError('CLOSED'))
      return message.call
    }
    checkSize(message.data, this.#maxPayload)
    if (this.#asking >= this.#most) throw busy(this.#most, 'calls')
    this.add(message, done, sendBy, grace)
    if (this.#isLive) this.#send(message)
    return message.call
  }

  markSent(call: number): void {
    const waiting = this.#calls.get(call)
    if (waiting) waiting.sent = true
  }

  /** Ends a call, unless it has ended. */
  end(call: number, result: unknown): void {
    const waiting = this.#calls.get(call)
    if (!waiting) return
    this.#calls.delete(call)
    if ('data' in waiting.message) {
      this.#waiting.give(waiting.message.data)
      this.#asking--
    }
    waiting.done(result)
  }

  /**
   * A connection is live. In a resumed session, the node still answers the calls up to `welcome.calls`; in a new
   * session, sent calls get no answer, and nothing is sent in the name of another user. Sends, or sends again, the
   * calls that are due, in order and never after their time.
   */
  attach(welcome: MessageOf<'welcome'>, isStranger: boolean, now: number): void {
    const { resumed, calls: accepted } = welcome
    this.#most = welcome.maxRequests
    this.#maxPayload = welcome.maxPayload
    this.expire(now)
    for (const [number, call] of this.#calls) {
      if (call.sent && resumed && number <= accepted) continue
      if (call.sent && !resumed) {
        this.end(number, ownError('UNKNOWN'))
      } else if (isStranger || call.sendBy <= now) {
        // The node never received it, and by now it is too late to send it.
        this.end(number, ownError('NOT_SENT'))
      } else this.#send(inTime(call, now))
    }
    this.#isLive = true
  }

  /** Whether none waits for an answer. */
  get isQuiet(): boolean {
    return [...this.#calls.values()].every(({ sent }) => !sent)
  }

  get deadline(): number {
    return Math.min(...[...this.#calls.values()].map(endOf))
  }

  expire(now: number): void {
    for (const [number, call] of this.#calls) {
      if (endOf(call) <= now) this.end(number, ownError(call.sent ? 'TIMEOUT' : 'NOT_SENT'))
    }
  }

  /** The caller gave up. The call ends at once; the node is told as soon as possible. */
  cancel(call: number): void {
    this.end(call, ownError('CANCELLED'))
    if (this.#isLive) this.#send({ type: 'cancel', call })
  }

  detach(): void {
    this.#isLive = false
  }

  endAll(error: RtmsError): void {
    this.#isLive = false
    this.#isClosed = true
    for (const number of Array.from(this.#calls.keys())) this.end(number, error)
  }
}

function endOf({ sent, sendBy, grace }: Call): number {
  return sent ? sendBy + grace : sendBy
}

/** A request that has waited gives its handler only the remaining time. */
function inTime({ message, sendBy }: Call, now: number): CallMessage {
  if (message.type !== 'request' || message.timeout === 0) return message
  return { ...message, timeout: Math.ceil(sendBy - now) }
}
