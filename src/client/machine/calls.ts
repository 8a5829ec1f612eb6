import { type ClientMessage, type ErrorCode, RtmsError } from '../../protocol/index.ts'
import type { Waiting } from './limits.ts'

/** How a call ended: with the server's message, or with an error. */
export type Done<T> = (result: { ok: true; value: T } | { ok: false; error: RtmsError }) => void

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

export function notSent(): RtmsError {
  return new RtmsError(
    'NOT_SENT',
    'There was no connection to the server in time. Nothing was sent: it is safe to try again.',
  )
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

  /** False where too many bytes wait already. */
  add(message: CallMessage, done: Done<unknown>, sendBy: number, grace: number): boolean {
    if (!this.#waiting.take(payloadSize(message))) return false
    this.#calls.set(message.call, { message, done, sendBy, grace, sent: false })
    return true
  }

  markSent(call: number): void {
    const waiting = this.#calls.get(call)
    if (waiting !== undefined) waiting.sent = true
  }

  resolve(call: number, value: unknown): void {
    this.#take(call)?.done({ ok: true, value })
  }

  reject(call: number, error: RtmsError): void {
    this.#take(call)?.done({ ok: false, error })
  }

  #take(call: number): Call | undefined {
    const waiting = this.#calls.get(call)
    if (waiting === undefined) return undefined
    this.#calls.delete(call)
    this.#waiting.give(payloadSize(waiting.message))
    return waiting
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
        this.reject(
          number,
          new RtmsError(
            'UNKNOWN',
            'The connection was lost and the session with it; the call may have taken effect.',
          ),
        )
      } else if (call.sendBy <= now) {
        // The node says that it never came; this late it must not come any more.
        this.reject(number, notSent())
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
      if (endOf(call) <= now) this.reject(number, call.sent ? new RtmsError('TIMEOUT') : notSent())
    }
  }

  rejectAll(code: ErrorCode, message: string): void {
    for (const number of Array.from(this.#calls.keys())) this.reject(number, new RtmsError(code, message))
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

function payloadSize(message: CallMessage): number {
  return 'data' in message && 'bytes' in message.data ? message.data.bytes.length : 0
}
