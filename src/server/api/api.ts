import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as v from 'valibot'
import type { Limits } from '../ground/limits.ts'
import { isOwnDashboard } from '../edge/admin.ts'
import { targetOf } from '../edge/http.ts'
import { InTurn } from '../ground/in-turn.ts'
import type { Logger } from '../ground/logger.ts'
import { type Outside, runtime } from '../ground/outside.ts'
import { SeldomWarning } from '../ground/seldom-warning.ts'
import type { ApiOptions } from '../options/api.ts'
import type { AdminReaders } from '../options/options.ts'
import { parseJson, readBody } from './body.ts'
import { ApiError, errorBody, knownError } from './errors.ts'
import { faultsOf } from './faults.ts'
import { type ApiKey, ApiKeys } from './keys.ts'
import { openApi } from './openapi.ts'
import type { ApiNode, Operation } from './operation.ts'
import { operationsOf } from './operations.ts'
import { Repeats } from './repeats.ts'
import { type Route, Router } from './router.ts'

const DOCUMENT = '/openapi.json'
const NO_KEY =
  'no key of the API was given, or one that is none of api.keys: send one as Authorization: Bearer <key>'

/** In a longer body, only the first fault is looked for: it may have half a million. */
const LONG_BODY = 65_536

/** A request before its body has been read. */
interface Asked {
  readonly key: ApiKey
  readonly route: Route
}

/** Answers the HTTP API: see docs/http-api.md. */
export class Api {
  readonly #limits: Limits
  readonly #base: string
  readonly #logger: Logger
  readonly #node: ApiNode
  readonly #keys: ApiKeys
  readonly #admin: AdminReaders
  readonly #operations: readonly Operation[]
  readonly #router: Router
  readonly #repeats: Repeats
  /** The key itself belongs in no log: it may be one for another node. */
  readonly #wrongKeys: SeldomWarning
  /** Calls wait for one another, keys in turns, and what clients have said is heard in between. */
  readonly #inTurn: InTurn

  /** `outside` is for tests. */
  constructor(
    settings: {
      readonly api: ApiOptions | undefined
      readonly admin: AdminReaders
      readonly limits: Limits
      readonly path: string
      readonly logger: Logger
    },
    node: ApiNode,
    outside: Pick<Outside, 'now' | 'soon'> = runtime,
  ) {
    this.#inTurn = new InTurn(outside)
    this.#limits = settings.limits
    this.#base = apiBase(settings.path)
    this.#logger = settings.logger
    this.#wrongKeys = new SeldomWarning(
      settings.logger,
      'the API was asked with a wrong key: check that the caller sends one of `api.keys` as Authorization: Bearer <key>',
    )
    this.#node = node
    const keys = settings.api?.keys.filter((key) => key !== undefined) ?? []
    this.#keys = new ApiKeys(keys, settings.limits.apiRequestsPerSecond)
    this.#admin = settings.admin
    this.#operations = operationsOf(settings.limits)
    this.#router = new Router(this.#operations)
    this.#repeats = new Repeats(settings.limits, () => performance.now())
  }

  /** Never rejects: an application may have answered already, so that nothing more can be said. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#try(request, response)
    } catch (error) {
      this.#logger.error({ err: error }, 'the API could not answer')
      response.destroy()
    }
  }

  async #try(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const given = request.headers['x-request-id']
    const id = typeof given === 'string' && /^[\w-]{1,64}$/.test(given) ? given : randomUUID()
    response.setHeader('x-request-id', id)
    const start = performance.now()
    try {
      send(response, 200, await this.#answer(request, response))
    } catch (error) {
      // The client disconnected in the middle of the body.
      if (request.errored !== null) return
      this.#refuse(request, response, id, error)
    }
    const ms = Math.round(performance.now() - start)
    this.#logger.debug({ request: id, status: response.statusCode, ms }, 'the API was asked')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<string> {
    const key = this.#admit(request)
    const { path, query } = this.#locate(request)
    if (path === DOCUMENT && request.method === 'GET') {
      const { originalUrl = targetOf(request) } = request as { originalUrl?: string }
      const [at = ''] = originalUrl.split('?')
      const front = at.slice(0, -DOCUMENT.length)
      return this.#work(key, () => JSON.stringify(openApi(this.#operations, front)))
    }
    const route = this.#router.find(request.method ?? '', path)
    const asked = { key, route }
    if (route.operation.method === 'POST') return this.#post(request, response, asked)
    return this.#run(asked, queryOf(query, route.operation))
  }

  #admit(request: IncomingMessage): ApiKey {
    if (this.#keys.isEmpty && this.#admin !== 'loopback')
      throw new ApiError('NOT_FOUND', 'the HTTP API is off: start the node with the option api')
    const isOwn = this.#admin === 'loopback' && isOwnDashboard(request)
    const key = this.#keys.find(request.headers.authorization) ?? (isOwn ? this.#keys.none : null)
    if (key === null) {
      if ((request.headers.authorization ?? '') !== '') this.#wrongKeys.note(performance.now())
      // One text for all, so that it tells nobody how near a key was.
      throw new ApiError('UNAUTHENTICATED', NO_KEY, {
        headers: { 'www-authenticate': 'Bearer' },
      })
    }
    if (!this.#keys.take(key, performance.now())) {
      throw new ApiError('RATE', 'this key asks more often than limits.apiRequestsPerSecond allows', {
        headers: { 'retry-after': '1' },
      })
    }
    return key
  }

  /** The path below the API; an application that mounts the API may have removed the front already. */
  #locate(request: IncomingMessage): { readonly path: string; readonly query: URLSearchParams } {
    // Express names the whole of what it removes a part of.
    const { originalUrl } = request as { readonly originalUrl?: string }
    for (const url of [request.url, originalUrl]) {
      // Not parsed as a URL, which would remove a name that is `..`.
      const [whole = '', ...query] = targetOf({ url }).split('?')
      const base = [this.#base, '/v1'].find((each) => whole.startsWith(`${each}/`))
      if (base === undefined) continue
      const parameters = new URLSearchParams(query.join('?'))
      // For a balancer.
      parameters.delete('route')
      return { path: whole.slice(base.length), query: parameters }
    }
    throw new ApiError('NOT_FOUND', 'there is nothing at this path')
  }

  /** Repeats the first answer for the same Idempotency-Key with the same body. */
  async #post(request: IncomingMessage, response: ServerResponse, asked: Asked): Promise<string> {
    const body = await readBody(request, this.#limits.apiBodyBytes)
    const { operation, name } = asked.route
    const given = operation.isRepeatable ? idempotencyKey(request) : null
    const input = await this.#work(asked.key, () => parseJson(body))
    const run = (): Promise<string> => this.#run(asked, input, body.length > LONG_BODY)
    if (given === null) return run()
    const payer = String(asked.key.number)
    const key = digest(payer, operation.id, name, given)
    const { answer, isReplay } = await this.#repeats.once(payer, key, digest(body), run)
    if (isReplay) response.setHeader('idempotency-replayed', 'true')
    return answer
  }

  async #run({ key, route }: Asked, given: unknown, abortEarly = false): Promise<string> {
    const { operation, name } = route
    const result = await this.#work(key, () => {
      const input = v.safeParse(operation.input, given, { abortPipeEarly: true, abortEarly })
      if (!input.success) throw new ApiError('PROTOCOL', faultsOf(operation.input, input.issues))
      return operation.run(this.#node, input.output, name)
    })
    // At once: results that waited would take more memory than answers do.
    return JSON.stringify(result)
  }

  /** Does something for who has the key, now or in a later turn of the event loop. Rejects with what that throws. */
  #work<T>(key: ApiKey, work: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        try {
          resolve(work())
        } catch (error) {
          reject(error)
        }
      }
      this.#inTurn.add(begin, String(key.number))
    })
  }

  #refuse(request: IncomingMessage, response: ServerResponse, id: string, error: unknown): void {
    const known = knownError(error)
    if (known === null) this.#logger.error({ err: error, request: id }, 'the API failed')
    const { status, headers, error: told } = known ?? new ApiError('HANDLER_FAILED', 'The server has failed.')
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    // A body that announces too large a size is refused at once.
    if (Number(request.headers['content-length'] ?? 0) > this.#limits.apiBodyBytes)
      response.setHeader('connection', 'close')
    send(response, status, JSON.stringify(errorBody(told)))
  }
}

/** Where the API is, under the path of the node. */
export function apiBase(path: string): string {
  return `${path === '/' ? '' : path}/v1`
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(body)
}

function digest(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('base64')
}

function idempotencyKey({ headers }: IncomingMessage): string | null {
  const key = headers['idempotency-key']
  if (key === undefined) return null
  if (typeof key === 'string' && key.length > 0 && key.length <= 255) return key
  throw new ApiError('PROTOCOL', 'an Idempotency-Key has 1 to 255 characters')
}

/** Reads the query into one value per parameter; digits become a number where one is expected. */
function queryOf(given: URLSearchParams, { input }: Operation): Record<string, unknown> {
  const query: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const [name, value] of given) {
    const entry = input.entries[name] as { readonly wrapped?: { readonly type: string } } | undefined
    query[name] = entry?.wrapped?.type === 'number' && /^\d+$/.test(value) ? Number(value) : value
  }
  return query
}
