import { type ClientMessage, type ErrorCode, RtmsError } from '../../protocol/index.ts'

/** How a call ended: with the server's message, or with an error. */
export type Done<T> = (result: { ok: true; value: T } | { ok: false; error: RtmsError }) => void

export type CallMessage = Extract<ClientMessage, { call: number }>

interface Call {
  readonly message: CallMessage
  readonly done: Done<unknown>
  /** Monotonic milliseconds after which nobody waits, `Infinity` for no limit. */
  readonly deadline: number
  /** Handed to a connection at least once. */
  sent: boolean
}

/** Calls that wait for their one end: requests, publications, leaves. Numbers ascend over the life of the client. */
export class Calls {
  readonly #calls: Map<number, Call> = new Map()
  #last = 0

  get size(): number {
    return this.#calls.size
  }

  /** The number of the next call. */
  next(): number {
    return ++this.#last
  }

  add(message: CallMessage, done: Done<unknown>, deadline: number): void {
    this.#calls.set(message.call, { message, done, deadline, sent: false })
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
    this.#calls.delete(call)
    return waiting
  }

  /**
   * A connection is live. On a resumed session the calls up to `accepted` will still be answered; on another one
   * nobody will answer what was sent. Returns what is to be sent (again), in order.
   */
  revive(resumed: boolean, accepted: number): CallMessage[] {
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
      } else again.push(call.message)
    }
    return again
  }

  get deadline(): number {
    let earliest = Infinity
    for (const { deadline } of this.#calls.values()) if (deadline < earliest) earliest = deadline
    return earliest
  }

  expire(now: number): void {
    for (const [number, call] of this.#calls) {
      if (call.deadline > now) continue
      const error = call.sent
        ? new RtmsError('TIMEOUT')
        : new RtmsError('NOT_SENT', 'There was no connection to the server before the time was over.')
      this.reject(number, error)
    }
  }

  rejectAll(code: ErrorCode, message: string): void {
    for (const number of Array.from(this.#calls.keys())) this.reject(number, new RtmsError(code, message))
  }
}
