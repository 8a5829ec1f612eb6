import { createHash, createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import type { RequestCall } from '../../core/index.ts'
import { serverLimits } from '../ground/limits.ts'
import { type ErrorCode, errors, errorTexts, matches, RtmsError } from '../../protocol/index.ts'
import type { Elsewhere, Request, RequestHandler } from '../business/requests.ts'
import { isTimeout, withDeadline } from '../ground/deadline.ts'
import type { Logger } from '../ground/logger.ts'
import { version } from '../ground/version.ts'
import type { RequestsOptions } from '../options/webhook.ts'
import { fieldsOfValue } from './schemas.ts'

/** The options, checked and with their defaults. */
type Settled = { readonly [K in keyof RequestsOptions]-?: Exclude<RequestsOptions[K], undefined> }

const BACKOFF_MS = 100

/** Connection errors from before anything was sent. */
const notSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** The body with which a business refuses a request. */
const refusalSchema = v.object({
  error: v.object({
    code: v.picklist(Object.keys(errors) as ErrorCode[]),
    message: v.optional(v.string()),
    retryAfterMs: v.optional(v.number()),
    reason: v.optional(v.string()),
  }),
})

/** A try that had no effect; `waitMs` is how long the receiver asks not to be called. */
class NoEffect extends Error {
  override readonly name = 'NoEffect'
  readonly waitMs: number

  constructor(message: string, waitMs: number) {
    super(message)
    this.waitMs = waitMs
  }
}

/**
 * Delivers clients' requests to a business server by HTTP: signed, with a deadline, and retried only where a retry
 * cannot repeat an effect.
 */
export class Webhook implements Elsewhere {
  readonly #logger: Logger
  readonly #options: Settled
  readonly #wait: (ms: number, signal: AbortSignal) => Promise<void>

  /** `wait` is for tests. */
  constructor(
    logger: Logger,
    {
      url,
      secret = '',
      methods = ['*'],
      timeoutMs = 10_000,
      concurrency = serverLimits.webhookRequests,
      retries = 2,
    }: RequestsOptions,
    wait: (ms: number, signal: AbortSignal) => Promise<void> = (ms, signal) =>
      sleep(ms, undefined, { signal }),
  ) {
    this.#logger = logger
    this.#options = { url, secret, methods, timeoutMs, concurrency, retries }
    this.#wait = wait
  }

  get concurrency(): number {
    return this.#options.concurrency
  }

  /** The handler for this call; undefined where the method is not one of those configured. */
  handlerOf(call: RequestCall): RequestHandler | undefined {
    if (!this.#options.methods.some((pattern) => matches(pattern, call.method))) return undefined
    return (request) => this.#handle(call, request)
  }

  async #handle(call: RequestCall, request: Request): Promise<unknown> {
    const waitMs = Math.max(0, Math.min(call.deadline - performance.now(), this.#options.timeoutMs))
    try {
      const delivery = new Delivery(call, request, waitMs, this.#options)
      return await withDeadline(Math.ceil(waitMs), request.signal, (signal) =>
        this.#deliver(delivery, signal),
      )
    } catch (error) {
      // The business's own refusal, or the end of the request.
      if (error instanceof RtmsError || request.signal.aborted) throw error
      const isLate = isTimeout(error)
      const why = isLate ? 'it did not answer in time' : whyOf(error)
      this.#logger.warn({ method: call.method, why }, 'the business server could not answer a request')
      if (isLate) throw new RtmsError('TIMEOUT', 'the business server did not answer in time')
      if (!(error instanceof NoEffect)) throw new RtmsError('HANDLER_FAILED', errorTexts.HANDLER_FAILED)
      throw new RtmsError('BUSY', 'the business server could not take the request', {
        retryAfterMs: error.waitMs,
      })
    }
  }

  async #deliver(delivery: Delivery, signal: AbortSignal): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await delivery.attempt(attempt, signal)
      } catch (error) {
        if (!(error instanceof NoEffect) || attempt > this.#options.retries) throw error
        const pause = error.waitMs + Math.random() * BACKOFF_MS * 2 ** attempt
        if (pause >= delivery.leftMs) throw error
        await this.#wait(pause, signal)
      }
    }
  }
}

/** One request in progress; every try has the same body and id. */
class Delivery {
  readonly #url: string
  readonly #secret: string
  readonly #id: string
  readonly #deadline: number
  readonly #body: string

  constructor(
    call: RequestCall,
    { data }: Request,
    waitMs: number,
    { url, secret }: Pick<Settled, 'url' | 'secret'>,
  ) {
    this.#url = url
    this.#secret = secret
    // Headers end up in the logs of proxies, where a session's id must not be.
    this.#id = `${createHash('sha256').update(call.session).digest('base64url').slice(0, 22)}.${call.call}`
    this.#deadline = performance.now() + waitMs
    this.#body = JSON.stringify({
      id: this.#id,
      method: call.method,
      user: call.user,
      session: call.session,
      deadline: Math.floor(Date.now() + waitMs),
      ...fieldsOfValue(data),
    })
  }

  get leftMs(): number {
    return this.#deadline - performance.now()
  }

  /**
   * Makes one try. Resolves with the reply. Rejects with the business's RtmsError, with NoEffect, or with an Error that
   * says what was wrong.
   */
  async attempt(number: number, signal: AbortSignal): Promise<unknown> {
    const response = await this.#post(number, signal)
    const bytes = await readAnswer(response)
    if (response.ok) return valueOfAnswer(response, bytes)
    const json = jsonOf(bytes)
    const refusal = v.safeParse(refusalSchema, json)
    if (refusal.success) {
      const { code, message, retryAfterMs = 0, reason = '' } = refusal.output.error
      throw new RtmsError(code, message, { retryAfterMs, reason })
    }
    const retryAfter = response.headers.get('retry-after')
    if (response.status === 503 && retryAfter !== null)
      throw new NoEffect('it answered 503', waitOf(retryAfter))
    throw new Error(`it answered ${response.status}${wrongCodeOf(json)}`)
  }

  async #post(number: number, signal: AbortSignal): Promise<Response> {
    try {
      return await fetch(this.#url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': `rtms/${version()}`,
          'rtms-signature': sign(this.#secret, this.#body, Math.floor(Date.now() / 1000)),
          'rtms-request-id': this.#id,
          'rtms-attempt': String(number),
          'rtms-timeout-ms': String(Math.max(0, Math.floor(this.leftMs))),
        },
        body: this.#body,
        // Redirects are not followed: the signature is for this address only.
        redirect: 'error',
        signal,
      })
    } catch (error) {
      const { code = '' } = ((error as Error).cause ?? {}) as { code?: string }
      if (notSent.has(code)) throw new NoEffect(`it cannot be reached: ${code}`, 0)
      throw error
    }
  }
}

/** Why a try failed, in a line without a stack: `fetch` hides the reason in a cause. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  if (cause.message === 'unexpected redirect')
    return 'it answered with a redirect, and redirects are not followed'
  const { code } = cause as { code?: unknown }
  return `the connection broke: ${typeof code === 'string' ? `${code} ` : ''}${cause.message}`
}

const CODE_LENGTH = 40

/** What is wrong with the code of an answer that is like a refusal; '' for any other answer. */
function wrongCodeOf(json: unknown): string {
  const { error } = (typeof json === 'object' && json !== null ? json : {}) as { error?: unknown }
  if (typeof error !== 'object' || error === null)
    return ', and not { "error": { "code", "message" } } to refuse with'
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && Object.hasOwn(errors, code))
    return ', and a refusal with a field of another type'
  return ` with the code ${JSON.stringify(code)?.slice(0, CODE_LENGTH)}, which is none of PROTOCOL.md`
}

/** `t=<seconds since 1970>,v1=<HMAC-SHA-256 of "t.body", in hexadecimal>`. */
function sign(secret: string, body: string, seconds: number): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`
}

async function readAnswer(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > serverLimits.webhookAnswerBytes)
      throw new Error(`the answer has more than ${serverLimits.webhookAnswerBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function valueOfAnswer({ headers }: Response, bytes: Uint8Array): unknown {
  if (headers.get('content-type')?.startsWith('application/octet-stream')) return bytes
  if (bytes.length === 0) return null
  const value = jsonOf(bytes)
  if (value === undefined) throw new Error('the answer is not JSON')
  return value
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

/** Milliseconds of a Retry-After header: seconds, or a date. */
function waitOf(retryAfter: string): number {
  const seconds = Number(retryAfter)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(retryAfter) - Date.now()
  return ms > 0 ? ms : 0
}
