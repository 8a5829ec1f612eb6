import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Duplex } from 'node:stream'
import type { TlsOptions } from 'node:tls'
import { MAX_WAIT_MS } from '../ground/deadline.ts'
import { type Limits, serverLimits } from '../ground/limits.ts'
import type { Logger } from '../ground/logger.ts'
import type { MetricsReaders } from '../options/options.ts'
import { HttpSockets } from './http-sockets.ts'
import { Proxies } from './proxies.ts'
import { strangeness } from './strangers.ts'

/**
 * How often sockets that take too long are looked for, in milliseconds: often, so only a few are closed in one turn
 * while others wait.
 */
const CHECKING_INTERVAL_MS = 100
/** TLS settings: a WebSocket needs HTTP/1.1, and the handshake has the same time limit as headers. */
const TLS = { ALPNProtocols: ['http/1.1'], handshakeTimeout: serverLimits.headersMs }
/** Bytes a socket buffers before a write reports that it is full; Node's default would stop a busy socket too often. */
const HIGH_WATER_MARK = 65_536

/** The health of a node, as `/healthz` answers it. */
export interface Health {
  /** `expelled`: the other nodes of the cluster count it as ended, so it has to be started anew. */
  readonly status: 'ok' | 'draining' | 'expelled'
  readonly node: string
  /** The number of this run of the node: random, another one after each start. */
  readonly incarnation: number
  readonly connections: number
  readonly sessions: number
  readonly meetings: number
  readonly topics: number
}

/** Whether a load balancer should send clients to a node, as `/readyz` answers it. */
export interface Readiness {
  /** `late`: its sweeps were later than `limits.readyLatenessMs`. `cut-off`: an edge that hears none of the other nodes. */
  readonly status: 'ready' | 'draining' | 'late' | 'expelled' | 'cut-off'
  readonly node: string
  /** The lateness of the latest sweep of the last five seconds, in milliseconds. */
  readonly latenessMs: number
}

/** What the node's own HTTP server serves. */
export interface Pages {
  health(): Health
  ready(): Readiness
  /** In Prometheus's text format. */
  metrics(): Promise<string>
  /** The path below which {@link api} answers; null where it is off. */
  readonly apiBase: string | null
  api(request: IncomingMessage, response: ServerResponse): void
  /** The dashboard's pages; null where it is off. */
  readonly admin: { answer(request: IncomingMessage, response: ServerResponse): boolean } | null
}

export function hasTooManyHeaders(request: IncomingMessage): boolean {
  return request.rawHeaders.length > 2 * serverLimits.headers
}

/** What a request is for: its path and query, also where it names the whole URL, as requests to a proxy do. */
export function targetOf({ url = '' }: { readonly url?: string | undefined }): string {
  return url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '')
}

/** Answers a refused upgrade and closes its socket. */
export function refuseUpgrade(socket: Duplex, status: number, text: string): void {
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  const body = `${text}\n`
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `${status === 426 ? 'Upgrade: websocket\r\n' : ''}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(JSON.stringify(body))
}

async function answerMetrics(pages: Pages, response: ServerResponse): Promise<void> {
  const body = await pages.metrics()
  response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' })
  response.end(body)
}

const NOTHING_HERE = { error: 'there is nothing at this path' }

/** The answer to a request that nothing else can be said about any more. */
function fail(response: ServerResponse): void {
  if (response.headersSent) response.destroy()
  else answer(response, 500, { error: 'the server has failed' })
}

/**
 * A node's own server. `/healthz` answers {@link Health} with 200, or 503 while the node drains; `/readyz` answers
 * {@link Readiness} with 200, or 503 where it is not ready; `/metrics` answers clients that may read it; the HTTP API
 * and the dashboard are where the options put them. Everything else goes to `handler`, or is answered 404.
 */
export function createHttpServer(
  pages: Pages,
  {
    handler,
    metrics,
    tls,
    trustedProxies,
    limits,
    logger,
  }: {
    readonly handler: ((request: IncomingMessage, response: ServerResponse) => unknown) | undefined
    readonly metrics: MetricsReaders
    readonly tls: TlsOptions | undefined
    readonly trustedProxies: readonly string[]
    readonly limits: Pick<Limits, 'connectionsPerAddress'>
    readonly logger: Logger
  },
): { readonly server: Server; readonly sockets: HttpSockets } {
  const options = {
    highWaterMark: HIGH_WATER_MARK,
    headersTimeout: serverLimits.headersMs,
    requestTimeout: serverLimits.requestMs,
    connectionsCheckingInterval: CHECKING_INTERVAL_MS,
  }
  const proxies = new Proxies(trustedProxies)
  const sockets = new HttpSockets(limits.connectionsPerAddress, (socket) => proxies.addressOf(socket))
  const dispatch = (request: IncomingMessage, response: ServerResponse): unknown => {
    const [path] = targetOf(request).split('?')
    if (hasTooManyHeaders(request))
      return answer(response, 431, { error: `more than ${serverLimits.headers} headers` })
    if (path === '/healthz') {
      const report = pages.health()
      return answer(response, report.status === 'ok' ? 200 : 503, report)
    }
    if (path === '/readyz') {
      const report = pages.ready()
      return answer(response, report.status === 'ready' ? 200 : 503, report)
    }
    if (path === '/metrics' && metrics !== false) {
      if (metrics === 'public' || strangeness(request) === null) return answerMetrics(pages, response)
      return answer(response, 404, NOTHING_HERE)
    }
    if (pages.apiBase !== null && path?.startsWith(`${pages.apiBase}/`)) return pages.api(request, response)
    if (pages.admin?.answer(request, response) === true) return undefined
    if (handler === undefined) return answer(response, 404, NOTHING_HERE)
    return handler(request, response)
  }
  // Whatever throws or rejects, the application's handler included, costs the request it was about.
  const answerRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!sockets.begin(request.socket, response)) return
    response.on('error', () => {})
    try {
      await dispatch(request, response)
    } catch (error) {
      logger.error({ err: error }, 'a request for HTTP failed')
      fail(response)
    }
  }
  const server =
    tls === undefined
      ? createServer(options, (request, response) => void answerRequest(request, response))
      : createSecureServer(
          { ...options, ...tls, ...TLS },
          (request, response) => void answerRequest(request, response),
        )
  // Node silently drops headers above this, so one more is allowed to show that there were too many.
  server.maxHeadersCount = serverLimits.headers + 1
  server.maxRequestsPerSocket = serverLimits.requestsPerSocket
  sockets.watch(server)
  return { server, sockets }
}

/** Listens. Rejects with an Error that says what to do where the address is not available. */
export async function listen(
  server: Server,
  {
    port,
    host,
    logger,
  }: { readonly port: number; readonly host: string | undefined; readonly logger: Logger },
): Promise<void> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    const where = host === undefined ? `port ${port}` : `${host}, port ${port}`
    const remedy =
      code === 'EADDRINUSE' ? 'stop what listens there, or give another port' : 'give another host or port'
    throw new Error(`RTMS cannot start:\n  port: it cannot listen on ${where} (${code}); ${remedy}`, {
      cause: error,
    })
  }
  // For instance, out of file descriptors: one client is not accepted, and the server continues.
  server.on('error', (error) => logger.error({ err: error }, 'the server could not accept a connection'))
}

/** Lets running requests finish for `timeoutMs`, then cuts them off. */
export async function closeHttpServer(server: Server, timeoutMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), Math.min(timeoutMs, MAX_WAIT_MS))
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
  clearTimeout(cut)
}

/** Where a server can be reached. */
export interface Address {
  /** `localhost` where it listens on all addresses or on the loopback. */
  readonly host: string
  readonly port: number
  /** For clients: `ws://host:port/path`. */
  readonly url: string
}

/** A URL of a server at which other machines reach it without a proxy between; '' while it does not listen. */
export function healthUrlOf(address: AddressInfo | string | null, secure: boolean): string {
  if (address === null || typeof address === 'string') return ''
  const host = EVERYWHERE.has(address.address) ? ownAddress() : address.address
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${address.port}/healthz`
}

const EVERYWHERE = new Set(['::', '0.0.0.0'])

/** The first address of this machine that is not for itself alone. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1'
}

const NEAR = new Set(['127.0.0.1', '::1', '::', '0.0.0.0'])

/** Of a server's own `address`. Throws where it does not listen on a TCP port (yet). */
export function addressOf(address: AddressInfo | string | null, secure: boolean, path: string): Address {
  if (address === null || typeof address === 'string') {
    throw new Error(
      'no server listens on a TCP port (yet), so there is no address; ask after it listens, or set publicUrl',
    )
  }
  const { port } = address
  const name = NEAR.has(address.address) ? 'localhost' : address.address
  const host = name.includes(':') ? `[${name}]` : name
  return { host, port, url: `${secure ? 'wss' : 'ws'}://${host}:${port}${path}` }
}
