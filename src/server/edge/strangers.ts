import type { IncomingMessage } from 'node:http'

const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/

/** The headers by which proxies announce themselves and the clients they forward. */
const PASSED_ON =
  /^(?:forwarded|via|x-forwarded-.+|x-real-ip|x-client-ip|x-original-.+|true-client-ip|cf-connecting-ip)$/

const LOOPBACK_HOST = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i

/**
 * Why a request does not come from a browser, or another program, on this machine; null where it does. Another site's
 * page can reach the loopback address by DNS rebinding; the Host header then names that site.
 */
export function strangeness(request: IncomingMessage): 'remote' | 'proxy' | 'host' | null {
  if (!LOOPBACK.test(request.socket.remoteAddress ?? '')) return 'remote'
  // Some proxies do not announce themselves, but no current browser speaks HTTP/1.0.
  if (isPassedOn(request) || request.httpVersionMajor * 10 + request.httpVersionMinor < 11) return 'proxy'
  const { headers } = request
  // Nor does a browser ask for an upgrade when it requests a page, as WebSocket proxies do for every request.
  if (/upgrade/i.test(headers.connection ?? '')) return 'proxy'
  if (!LOOPBACK_HOST.test(headers.host ?? '') || isOfAnotherSite(headers)) return 'host'
  return null
}

/**
 * Whether another site's page is asking: an application that allows every site (CORS) does not speak for this machine's
 * owner.
 */
export function isOfAnotherSite({ origin, host, ...headers }: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site'] ?? 'same-origin'
  if (site !== 'same-origin' && site !== 'none') return true
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host)
}

/** Whether a proxy announces that it has forwarded the request. */
function isPassedOn({ headers }: IncomingMessage): boolean {
  return Object.keys(headers).some((name) => PASSED_ON.test(name))
}
