import { type ClientMessage, RtmsError } from '../../protocol/index.ts'
import type { Waiting } from './limits.ts'

/** Hears once how a call ended: with the server's answer, or with an error. */
export type Done<T> = (result: T | RtmsError) => void

export type CallMessage = Extract<ClientMessage, { call: number }>

interface Call {
  readonly message: CallMessage
  readonly done: Done<unknown>
  /** Monotonic milliseconds after which it is not sent any more, `Infinity` for no limit. */
  readonly sendBy: number
  /** How much longer the answer is waited for. */
  readonly grace: number
  /** Handed to a connection at least once. */
  sent: boolean
}

/** Calls that wait for their one end: requests, publications, leaves. Numbers ascend over the life of the client. */
export class Calls {
  readonly #calls: Map<number, Call> = new Map()
  readonly #waiting: Waiting
  #last = 0

  constructor(waiting: Waiting) {
    this.#waiting = waiting
  }

  get size(): number {
    return this.#calls.size
  }

  /** The number of the next call. */
  next(): number {
    return ++this.#last
  }

  /** Throws BUSY where too many bytes wait already, and `done` hears nothing. */
  add(message: CallMessage, done: Done<unknown>, sendBy: number, grace: number): void {
    if ('data' in message) this.#waiting.take(message.data)
    this.#calls.set(message.call, { message, done, sendBy, grace, sent: false })
  }

  markSent(call: number): void {
    const waiting = this.#calls.get(call)
    if (waiting !== undefined) waiting.sent = true
  }

  /** Ends a call, unless it has ended. */
  end(call: number, result: unknown): void {
    const waiting = this.#calls.get(call)
    if (waiting === undefined) return
    this.#calls.delete(call)
    if ('data' in waiting.message) this.#waiting.give(waiting.message.data)
    waiting.done(result)
  }

  /**
   * A connection is live. On a resumed session the calls up to `accepted` will still be answered; on another one
   * nobody will answer what was sent. Returns what is to be sent (again), in order; never what is out of time.
   */
  revive(resumed: boolean, accepted: number, now: number): CallMessage[] {
    this.expire(now)
    const again: CallMessage[] = []
    for (const [number, call] of this.#calls) {
      if (call.sent && resumed && number <= accepted) continue
      if (call.sent && !resumed) {
        this.end(number, new RtmsError('UNKNOWN'))
      } else if (call.sendBy <= now) {
        // The node says that it never came; this late it must not come any more.
        this.end(number, new RtmsError('NOT_SENT'))
      } else again.push(inTime(call, now))
    }
    return again
  }

  get deadline(): number {
    let earliest = Infinity
    for (const call of this.#calls.values()) earliest = Math.min(earliest, endOf(call))
    return earliest
  }

  expire(now: number): void {
    for (const [number, call] of this.#calls) {
      if (endOf(call) <= now) this.end(number, new RtmsError(call.sent ? 'TIMEOUT' : 'NOT_SENT'))
    }
  }

  endAll(error: RtmsError): void {
    for (const number of Array.from(this.#calls.keys())) this.end(number, error)
  }
}

function endOf({ sent, sendBy, grace }: Call): number {
  return sent ? sendBy + grace : sendBy
}

/** A request that has waited leaves its handler only the rest of its time. */
function inTime({ message, sendBy }: Call, now: number): CallMessage {
  if (message.type !== 'request' || message.timeout === 0) return message
  return { ...message, timeout: Math.max(1, Math.round(sendBy - now)) }
}
