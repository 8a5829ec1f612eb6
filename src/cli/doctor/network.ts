import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { reasonOf } from '../node.ts'
import type { Report } from './report.ts'

/** How long each step may take. */
const STEP_MS = 10_000
const CERTIFICATE_DAYS = 14
const DAY_MS = 86_400_000
/** Clock difference from which on to warn, in seconds. A Date header has whole seconds only. */
const CLOCK_WARN_S = 5
const CLOCK_FAIL_S = 60

const LOCAL = /^(?:localhost|127(?:\.\d+){3}|\[::1\]|0\.0\.0\.0|\[::\])$/

/** Whether a host name means this machine. */
export const isLocal = (hostname: string): boolean => LOCAL.test(hostname)

const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '')
const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80))

/** Checks that the address resolves and that a server answers there. */
export async function checkReach(url: URL, report: Report): Promise<boolean> {
  const host = bare(url.hostname)
  try {
    const found = await lookup(host, { all: true })
    const addresses = found.map(({ address }) => address).join(', ')
    report.add('name', 'PASS', isIP(host) === 0 ? `${host} is ${addresses}` : `${host} is an address`)
  } catch (error) {
    report.add(
      'name',
      'FAIL',
      `${host} is not known: ${reasonOf(error)}`,
      'Check the name, and its entry in the DNS',
    )
    return false
  }
  const port = portOf(url)
  const start = performance.now()
  const socket = connect({ host, port, timeout: STEP_MS, autoSelectFamily: true })
  try {
    socket.once('timeout', () => socket.destroy(new Error('no answer')))
    await once(socket, 'connect')
    report.add('reach', 'PASS', `Port ${port} answers in ${ms(performance.now() - start)}`)
    return true
  } catch (error) {
    const { code = (error as Error).message } = error as NodeJS.ErrnoException
    const fix =
      code === 'ECONNREFUSED'
        ? 'Nothing listens there: start the node or the load balancer, or correct the port'
        : 'Look for a firewall or a security group that does not let this port in'
    report.add('reach', 'FAIL', `Port ${port} cannot be reached: ${code}`, fix)
    return false
  } finally {
    socket.destroy()
  }
}

export async function checkTls(url: URL, report: Report): Promise<boolean> {
  if (url.protocol === 'http:') {
    if (isLocal(url.hostname)) report.add('tls', 'SKIP', 'Not encrypted, on this machine')
    else
      report.add(
        'tls',
        'WARN',
        'Not encrypted: tokens can be read on the way, and pages from https cannot connect',
        'Use https, by the option tls or at the load balancer',
      )
    return true
  }
  const host = bare(url.hostname)
  const socket = connectTls({
    host,
    port: portOf(url),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    // The certificate's faults are reported here instead of ending the connection.
    rejectUnauthorized: false,
    timeout: STEP_MS,
  })
  try {
    socket.once('timeout', () => socket.destroy(new Error('no answer')))
    await once(socket, 'secureConnect')
    if (!socket.authorized) {
      const why = String(socket.authorizationError)
      report.add(
        'tls',
        'FAIL',
        `The certificate is not trusted: ${why}`,
        'Serve a valid certificate with its chain',
      )
      return false
    }
    const days = Math.floor((Date.parse(socket.getPeerCertificate().valid_to) - Date.now()) / DAY_MS)
    const text = `${socket.getProtocol()}, the certificate is good for ${days} days`
    if (days >= CERTIFICATE_DAYS) report.add('tls', 'PASS', text)
    else report.add('tls', 'WARN', text, 'Renew it')
    return true
  } catch (error) {
    report.add('tls', 'FAIL', `No TLS: ${reasonOf(error)}`, 'Does the port speak TLS? If not, use http://')
    return false
  } finally {
    socket.destroy()
  }
}

/** Checks `/healthz`, and the clock by the Date of its answer. */
export async function checkHealth(url: URL, report: Report): Promise<void> {
  const at = new URL('/healthz', url)
  let response: Response
  const sent = Date.now()
  try {
    response = await fetch(at, { signal: AbortSignal.timeout(STEP_MS), redirect: 'manual' })
  } catch (error) {
    report.add(
      'health',
      'FAIL',
      `${at.href} does not answer: ${reasonOf(error)}`,
      'Does this port speak HTTP?',
    )
    return
  }
  const middle = (sent + Date.now()) / 2
  const body = (await response.json().catch(() => null)) as { status?: string; node?: string } | null
  if (response.status === 200 && body?.status === 'ok')
    report.add('health', 'PASS', `The node ${body.node} is well`)
  else if (body?.status === 'draining')
    report.add('health', 'FAIL', `The node ${body.node} is stopping`, 'Send clients to another node')
  else
    report.add(
      'health',
      'WARN',
      `/healthz answers ${response.status}, and not as a node does`,
      'Where the node is attached to your server, or the load balancer keeps /healthz to itself, this is right',
    )
  checkClock(response.headers.get('date'), middle, report)
}

function checkClock(date: string | null, now: number, report: Report): void {
  if (date === null) {
    report.add('clock', 'SKIP', 'The answer has no Date')
    return
  }
  // The header's second has begun, so half a second is added as the best guess.
  const ahead = (Date.parse(date) + 500 - now) / 1000
  const text = `The server's clock differs by ${Math.abs(ahead).toFixed(1)} s`
  const fix =
    'Let both machines keep their time by NTP: tickets are good for a time that each reads off its clock'
  if (Math.abs(ahead) <= CLOCK_WARN_S) report.add('clock', 'PASS', text)
  else report.add('clock', Math.abs(ahead) <= CLOCK_FAIL_S ? 'WARN' : 'FAIL', text, fix)
}

const PASS_ON =
  'Let the proxy pass the upgrade on: nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; ' +
  'proxy_set_header Connection "upgrade". An AWS ALB, HAProxy and Envoy (upgrade_configs) need HTTP/1.1 to the node'

const UNANSWERED = `A node behind the load balancer may hang: look at the state of each. Where none does: ${PASS_ON}`

/** Checks the upgrade to a WebSocket as a browser asks for it, and what proxies do to it. */
export async function checkUpgrade(url: URL, origin: string | undefined, report: Report): Promise<boolean> {
  let answer: { readonly response: IncomingMessage; readonly body: string }
  try {
    answer = await askUpgrade(url, origin)
  } catch (error) {
    report.add('upgrade', 'FAIL', `No answer to the upgrade: ${(error as Error).message}`, UNANSWERED)
    return false
  }
  const { response, body } = answer
  const { statusCode = 0, headers } = response
  if (statusCode !== 101) {
    report.add('upgrade', 'FAIL', ...explain(statusCode, headers['content-type'] ?? '', body))
    return false
  }
  if (headers['sec-websocket-protocol'] !== 'rtms.v1') {
    report.add(
      'upgrade',
      'FAIL',
      'The connection was upgraded without the subprotocol rtms.v1',
      'Is it a node of RTMS? Else let the proxy pass Sec-WebSocket-Protocol on',
    )
    return false
  }
  report.add('upgrade', 'PASS', `Upgraded to rtms.v1${origin === undefined ? '' : ` from ${origin}`}`)
  const extensions = headers['sec-websocket-extensions']
  report.add('compression', 'PASS', extensions === undefined ? 'Off, as is the default' : `On: ${extensions}`)
  return true
}

/** What an answer other than an upgrade means, and what to do about it. */
function explain(status: number, type: string, body: string): [text: string, fix: string] {
  const isOfNode = type.startsWith('text/plain')
  if (status === 403 && isOfNode)
    return ['The origin is not allowed', 'Add it to the option `origins`, exactly as browsers write it']
  if (status === 404 && isOfNode && body.includes('nothing at this path'))
    return ['The node has no WebSocket at this path', "Correct the path, or the node's option `path`"]
  if (status >= 502 && status <= 504)
    return [
      `The proxy answers ${status}: it does not reach the node`,
      'Look at where the proxy sends this path, and whether the node runs',
    ]
  if (status >= 300 && status < 400)
    return [
      `Answered ${status}: redirected`,
      'Give the address that it redirects to; WebSockets follow no redirects',
    ]
  if (status === 503) return ['The node has no room', 'Start another, or raise limits.connections']
  return [
    `Answered ${status} as if no upgrade was asked for: the Upgrade header does not reach the node`,
    PASS_ON,
  ]
}

function askUpgrade(
  url: URL,
  origin: string | undefined,
): Promise<{ response: IncomingMessage; body: string }> {
  return new Promise((resolve, reject) => {
    const ask = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = ask(url, {
      timeout: STEP_MS,
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
        'sec-websocket-protocol': 'rtms.v1',
        'sec-websocket-extensions': 'permessage-deflate',
        ...(origin === undefined ? {} : { origin }),
      },
    })
    request.once('timeout', () => request.destroy(new Error(`nothing within ${STEP_MS / 1000} s`)))
    request.once('error', reject)
    request.once('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ response, body: '' })
    })
    request.once('response', (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        if (body.length < 10_000) body += chunk
      })
      response.on('error', reject)
      response.on('end', () => resolve({ response, body }))
    })
    request.end()
  })
}

export function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`
}
