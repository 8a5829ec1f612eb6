import { Buckets, type Outcome, Places, type RequestCall } from '../../core/index.ts'
import {
  fromPayload,
  limits,
  type ErrorCode,
  errorTexts,
  type Payload,
  RtmsError,
  toPayload,
} from '../../protocol/index.ts'
import { checkHandler, checkName } from '../ground/check.ts'
import { InTurn } from '../ground/in-turn.ts'
import { logName } from '../ground/log-name.ts'
import type { Logger } from '../ground/logger.ts'
import { type Outside, runtime } from '../ground/outside.ts'
import { refusalIn } from '../ground/refusal.ts'
import { isThenable } from '../ground/thenable.ts'
import { checkedLater, type Schema } from './schema.ts'

/** A request as its handler sees it. */
export interface Request<I = unknown> {
  readonly user: string
  /**
   * JSON parsed, or bytes as a `Uint8Array`, which is read-only. With a schema, what that made of it; without one, what
   * a client sent, whatever its type says: check it.
   */
  readonly data: I
  readonly session: string
  /** Rises within a session; together with `session`, an id for recognising a repetition. */
  readonly call: number
  /** Aborts when the answer is no longer awaited: deadline, cancellation, end of the session or of the node. */
  readonly signal: AbortSignal
}

/**
 * Answers a request with the value it returns or resolves to: a value with a JSON form, or a `Uint8Array`, of at most
 * 32 KiB; undefined is sent as null. A thrown `RtmsError` reaches the client with its code and message; for any other
 * error the client gets HANDLER_FAILED and nothing more.
 */
export type RequestHandler<I = unknown, O = unknown> = (request: Request<I>) => O | Promise<O>

/** Answers calls that have no handler in this process: at most `concurrency` at a time. */
export interface Elsewhere {
  readonly concurrency: number
  handlerOf(call: RequestCall): RequestHandler | undefined
}

/** Checks the data first, for as long as that takes. */
function checking(schema: Schema, handler: RequestHandler): OwnHandler {
  return (run) => {
    const data = checkedLater(schema, run.data)
    return isThenable(data) ? data.then((value) => run.checked(value, handler)) : run.checked(data, handler)
  }
}

type OwnHandler = (run: Run) => unknown

/** A call on its way to its handler, and in it. */
class Run implements Request {
  readonly #call: RequestCall
  readonly lane: string
  /** Its handler, and where it waits for a place or has one; null until it is the first of its lane. */
  target: { readonly handler: OwnHandler; readonly places: Places<RequestCall> } | null = null
  /** Whether its handler has answered or its request has ended, so its lane may continue. */
  over = false
  #controller: AbortController | null = null
  #reason: RtmsError | null = null
  /** What a schema has made of the data. */
  #checked: { readonly value: unknown } | null = null

  constructor(call: RequestCall, lane: string) {
    this.#call = call
    this.lane = lane
  }

  /** Parsed when the handler asks for it, outside the sweep. */
  get data(): unknown {
    return this.#checked === null ? fromPayload(this.#call.data) : this.#checked.value
  }

  /** Calls the handler with what a schema made of the data, unless the request has ended meanwhile. */
  checked(value: unknown, handler: RequestHandler): unknown {
    if (this.#reason !== null) throw this.#reason
    this.#checked = { value }
    return handler(this)
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

  /** Made on first use: most handlers never use it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#reason !== null) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  /** Its answer is no longer awaited. */
  get ended(): boolean {
    return this.#reason !== null
  }

  abort(reason: RtmsError): void {
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}

/**
 * The business's request handlers. The calls of one session to one method run one after another, in order; a call that
 * ends without its handler (deadline, cancellation) lets the next one start. Calls of different sessions and methods
 * run concurrently, up to a limit and to a share of it for each user. Others wait for a place, users taking turns. A
 * call keeps its place until its handler returns, whatever has become of the request.
 *
 * Handlers begin a few milliseconds' worth in each turn of the event loop: what one does before it first waits holds
 * everything up, and one that never waits gives its place back at once.
 */
export class RequestHandlers {
  /** Durations of handlers, in milliseconds. */
  readonly times: Buckets = new Buckets([1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000])
  readonly #reply: (call: RequestCall, outcome: Outcome<Payload>) => void
  readonly #logger: Logger
  readonly #elsewhere: Elsewhere | undefined
  /** The places of handlers of this process, and of those elsewhere. */
  readonly #here: Places<RequestCall>
  readonly #there: Places<RequestCall>
  readonly #handlers: Map<string, OwnHandler> = new Map()
  readonly #runs: Map<RequestCall, Run> = new Map()
  /** The running call and those behind it, by session and method: at most as many as a session may have. */
  readonly #lanes: Map<string, RequestCall[]> = new Map()
  /** Those with a place. */
  readonly #inTurn: InTurn
  readonly #outside: Pick<Outside, 'now' | 'soon'>

  /** At most `most` handlers run at a time in this process, and `share` of one user here and elsewhere each. */
  constructor(
    most: number,
    share: number,
    reply: (call: RequestCall, outcome: Outcome<Payload>) => void,
    logger: Logger,
    elsewhere?: Elsewhere,
    outside: Pick<Outside, 'now' | 'soon'> = runtime,
  ) {
    this.#reply = reply
    this.#logger = logger
    this.#elsewhere = elsewhere
    this.#outside = outside
    this.#inTurn = new InTurn(outside)
    const of = {
      share,
      payer: ({ user }: RequestCall) => user,
      enter: (call: RequestCall) => this.#enter(call),
    }
    this.#here = new Places({ ...of, most })
    this.#there = new Places({ ...of, most: elsewhere?.concurrency ?? 0 })
  }

  /** The number of running handlers. */
  get running(): number {
    return this.#here.taken + this.#there.taken
  }

  /** Registers a handler. Throws BAD_NAME, or an Error where the method has one already. */
  register(method: string, given: RequestHandler, schema?: Schema): () => void {
    checkName('method', method, 'BAD_NAME')
    checkHandler('onRequest', given)
    const handler = schema === undefined ? given : checking(schema, given)
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

  /** Takes a call. No handler runs before this returns, because the sweep calls it. */
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

  /** The answer to this call is no longer awaited. */
  end(call: RequestCall, why: ErrorCode): void {
    const run = this.#runs.get(call)
    if (run === undefined) return
    run.abort(new RtmsError(why))
    // The sweep calls this, so the lane's next call has to wait until the sweep is over.
    queueMicrotask(() => this.#finish(call, run))
  }

  /** Ends every call. */
  close(): void {
    for (const call of this.#runs.keys()) this.end(call, 'CLOSED')
  }

  #begin(call: RequestCall): void {
    const run = this.#runs.get(call)
    // If the call's end came first, that end lets the next one begin.
    if (run === undefined || run.ended) return
    const own = this.#handlers.get(call.method)
    const handler = own ?? this.#elsewhere?.handlerOf(call)
    if (handler === undefined) {
      this.#answer(call, run, failure('NO_HANDLER', `there is no handler for ${call.method}`))
      return
    }
    const places = own === undefined ? this.#there : this.#here
    run.target = { handler, places }
    places.wait(call)
  }

  /** The call has a place. False: it ended while it waited. */
  #enter(call: RequestCall): boolean {
    const run = this.#runs.get(call)
    if (run === undefined || run.ended || run.target === null) return false
    const { handler, places } = run.target
    const begin = (): void => void this.#run(handler, call, run).then(() => places.release(call))
    this.#inTurn.add(begin, call.user)
    return true
  }

  async #run(handler: OwnHandler, call: RequestCall, run: Run): Promise<void> {
    // It may have waited for its turn.
    if (run.ended) return
    const start = this.#outside.now()
    const outcome = await this.#outcomeOf(handler, call, run)
    this.times.add(this.#outside.now() - start)
    this.#answer(call, run, outcome)
  }

  /** Never rejects. */
  async #outcomeOf(handler: OwnHandler, call: RequestCall, run: Run): Promise<Outcome<Payload>> {
    try {
      const answer = handler(run)
      // Bytes are copied at once, because the handler may reuse its buffer for the next answer.
      const value = answer instanceof Uint8Array ? answer : await answer
      // An oversized reply is answered HANDLER_FAILED: the client sent nothing that it could correct.
      const data = toPayload(value ?? null)
      if (data.bytes.length <= limits.payload) return { ok: true, value: data }
      throw new RangeError(
        `the reply has ${data.bytes.length} bytes where at most ${limits.payload} are allowed`,
      )
    } catch (error) {
      const refusal = refusalIn(error)
      if (refusal !== null) return { ok: false, error: refusal }
      const { method, call: number } = call
      const session = logName(call.session)
      this.#logger.error({ err: error, method, session, call: number }, 'a request handler failed')
      return failure('HANDLER_FAILED')
    }
  }

  #answer(call: RequestCall, run: Run, outcome: Outcome<Payload>): void {
    // Sent even if the request has ended: the core counts late answers.
    this.#reply(call, outcome)
    this.#finish(call, run)
  }

  /** Called once for each call: its lane continues. */
  #finish(call: RequestCall, run: Run): void {
    if (run.over) return
    run.over = true
    this.#runs.delete(call)
    run.target?.places.withdraw(call)
    const lane = this.#lanes.get(run.lane) as RequestCall[]
    const wasFirst = lane[0] === call
    lane.splice(lane.indexOf(call), 1)
    const [next] = lane
    if (next === undefined) this.#lanes.delete(run.lane)
    else if (wasFirst) this.#begin(next)
  }
}

function failure(code: ErrorCode, message = errorTexts[code]): Outcome<Payload> {
  return { ok: false, error: new RtmsError(code, message) }
}
