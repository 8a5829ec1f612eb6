import { Buckets, type Outcome, type RequestCall } from '../../core/index.ts'
import {
  errors,
  fromPayload,
  limits,
  type ErrorCode,
  type Payload,
  RtmsError,
  toPayload,
} from '../../protocol/index.ts'
import { checkName } from '../ground/check.ts'
import { logName } from '../ground/log-name.ts'
import type { Logger } from '../ground/logger.ts'

/** A request as its handler sees it. */
export interface Request {
  readonly user: string
  /** JSON parsed, or bytes as a `Uint8Array`, which is read-only. What a client sent: check it. */
  readonly data: unknown
  readonly session: string
  /** Rises within a session: with `session`, an id to recognise a repetition by. */
  readonly call: number
  /** Aborts when nobody waits for the answer any more: deadline, cancellation, end of the session or of the node. */
  readonly signal: AbortSignal
}

/**
 * Answers a request with what it returns or resolves to: a value that has a JSON form, or a `Uint8Array`; at most
 * 32 KiB. Nothing is sent as null. An `RtmsError` it throws reaches the client with code and message; of any other
 * error the client learns HANDLER_FAILED and no more.
 */
export type RequestHandler = (request: Request) => unknown

/** A call on its way through its handler. */
class Run implements Request {
  readonly #call: RequestCall
  readonly lane: string
  /** Its handler has answered, or its request has ended; its lane goes on. */
  over = false
  #controller: AbortController | null = null
  #reason: RtmsError | null = null

  constructor(call: RequestCall, lane: string) {
    this.#call = call
    this.lane = lane
  }

  /** Parsed when the handler asks for it, outside the sweep. */
  get data(): unknown {
    return fromPayload(this.#call.data)
  }

  get user(): string {
    return this.#call.user
  }

  get session(): string {
    return this.#call.session
  }

  get call(): number {
    return this.#call.call
  }

  /** Made when it is first asked for: most handlers never do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#reason !== null) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  /** Nobody waits for it any more. */
  get ended(): boolean {
    return this.#reason !== null
  }

  abort(reason: RtmsError): void {
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}

/**
 * The business's handlers. The calls of one session to one method run one after another, in order; a call that
 * ended without its handler (deadline, cancellation) lets the next one start. Different sessions and methods run
 * side by side, up to a limit; one more is answered BUSY.
 */
export class RequestHandlers {
  /** How long handlers took, in milliseconds. */
  readonly times: Buckets = new Buckets([1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000])
  readonly #max: number
  readonly #reply: (call: RequestCall, outcome: Outcome<Payload>) => void
  readonly #logger: Logger
  readonly #elsewhere: (call: RequestCall) => RequestHandler | undefined
  readonly #handlers: Map<string, RequestHandler> = new Map()
  readonly #runs: Map<RequestCall, Run> = new Map()
  /** By session and method: the call that runs, and those behind it. As many as a session may have at once. */
  readonly #lanes: Map<string, RequestCall[]> = new Map()
  /** Handlers that run now. One whose request has timed out counts until it returns. */
  #running = 0

  /** `elsewhere`: what answers a call that has no handler here. */
  constructor(
    max: number,
    reply: (call: RequestCall, outcome: Outcome<Payload>) => void,
    logger: Logger,
    elsewhere: (call: RequestCall) => RequestHandler | undefined,
  ) {
    this.#max = max
    this.#reply = reply
    this.#logger = logger
    this.#elsewhere = elsewhere
  }

  get running(): number {
    return this.#running
  }

  /** Registers a handler. Throws BAD_NAME, or an Error where the method has one already. */
  register(method: string, handler: RequestHandler): () => void {
    checkName('method', method, 'BAD_NAME')
    if (this.#handlers.has(method)) {
      throw new Error(
        `${method} has a handler already; call what onRequest returned before registering another`,
      )
    }
    this.#handlers.set(method, handler)
    return () => {
      if (this.#handlers.get(method) === handler) this.#handlers.delete(method)
    }
  }

  /** Takes a call. Nothing of the business runs before this returns: it is called from inside the sweep. */
  start(call: RequestCall): void {
    const key = `${call.session} ${call.method}`
    this.#runs.set(call, new Run(call, key))
    const lane = this.#lanes.get(key)
    if (lane !== undefined) lane.push(call)
    else {
      this.#lanes.set(key, [call])
      queueMicrotask(() => this.#begin(call))
    }
  }

  /** Nobody waits for this call any more. */
  end(call: RequestCall, why: ErrorCode): void {
    const run = this.#runs.get(call)
    if (run === undefined) return
    run.abort(new RtmsError(why))
    // Called from inside the sweep: the next call of the lane has to wait until it is over.
    queueMicrotask(() => this.#finish(call, run))
  }

  /** Ends every call. */
  close(): void {
    for (const call of this.#runs.keys()) this.end(call, 'CLOSED')
  }

  #begin(call: RequestCall): void {
    const run = this.#runs.get(call)
    // Where its end came first, that end lets the next one begin.
    if (run === undefined || run.ended) return
    const handler = this.#handlers.get(call.method) ?? this.#elsewhere(call)
    if (handler === undefined)
      this.#answer(call, run, failure('NO_HANDLER', `there is no handler for ${call.method}`))
    else if (this.#running >= this.#max) this.#answer(call, run, failure('BUSY'))
    else void this.#run(handler, call, run)
  }

  async #run(handler: RequestHandler, call: RequestCall, run: Run): Promise<void> {
    this.#running++
    const start = performance.now()
    const outcome = await this.#outcomeOf(handler, call, run)
    this.times.add(performance.now() - start)
    this.#running--
    this.#answer(call, run, outcome)
  }

  /** Never rejects. */
  async #outcomeOf(handler: RequestHandler, call: RequestCall, run: Run): Promise<Outcome<Payload>> {
    try {
      const answer = handler(run)
      // Bytes are copied at once: the handler may use their buffer again for the next answer.
      const value = answer instanceof Uint8Array ? answer : await answer
      // Not a code of its own: the client sent nothing that it could mend.
      const data = toPayload(value ?? null)
      if (data.bytes.length <= limits.payload) return { ok: true, value: data }
      throw new RangeError(
        `the reply has ${data.bytes.length} bytes where at most ${limits.payload} are allowed`,
      )
    } catch (error) {
      if (error instanceof RtmsError && Object.hasOwn(errors, error.code)) return refusal(error)
      const { method, call: number } = call
      const session = logName(call.session)
      this.#logger.error({ err: error, method, session, call: number }, 'a request handler failed')
      return failure('HANDLER_FAILED')
    }
  }

  #answer(call: RequestCall, run: Run, outcome: Outcome<Payload>): void {
    // Also where the request has ended: the core counts answers that come too late.
    this.#reply(call, outcome)
    this.#finish(call, run)
  }

  /** Once for each call: its lane goes on. */
  #finish(call: RequestCall, run: Run): void {
    if (run.over) return
    run.over = true
    this.#runs.delete(call)
    const lane = this.#lanes.get(run.lane) as RequestCall[]
    const wasFirst = lane[0] === call
    lane.splice(lane.indexOf(call), 1)
    const [next] = lane
    if (next === undefined) this.#lanes.delete(run.lane)
    else if (wasFirst) this.#begin(next)
  }
}

function failure(code: ErrorCode, message?: string): Outcome<Payload> {
  return { ok: false, error: new RtmsError(code, message) }
}

/** The business's own error, with a wait that the wire can carry. */
function refusal({ code, message, retryAfterMs }: RtmsError): Outcome<Payload> {
  const wait = Number.isFinite(retryAfterMs) ? Math.max(0, Math.round(retryAfterMs)) : 0
  return { ok: false, error: new RtmsError(code, message, Math.min(wait, Number.MAX_SAFE_INTEGER)) }
}
