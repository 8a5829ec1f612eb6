import { existsSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import sirv from 'sirv'
import type { ApiOptions } from '../options/api.ts'
import type { AdminReaders } from '../options/options.ts'
import { isFromHere, isPassedOn } from './http.ts'
import { pageHeaders } from './page-headers.ts'

/** What the page is told before it asks anything else: where the node is, and whether and why a key is needed. */
export interface Access {
  /** The path of the node: below it is the HTTP API, and clients connect there. */
  readonly path: string
  /** Whether the node has keys that one could give. */
  readonly hasKeys: boolean
  /**
   * Why a key is needed; null where none is. `option`: for everybody. `remote`: the browser is on another machine.
   * `proxy`: a proxy has passed the request on. `host`: the address in the browser is not this machine's own name.
   */
  readonly needsKey: 'option' | 'remote' | 'proxy' | 'host' | null
}

const LOOPBACK_HOST = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i

/**
 * Why a request is not that of a browser on this machine; null where it is. Another site's page can reach the loopback
 * too: where its own name was made to lead here, that name is the host.
 */
function strangeness(request: IncomingMessage): 'remote' | 'proxy' | 'host' | null {
  if (!isFromHere(request)) return 'remote'
  // Some proxies say nothing of themselves, but no browser of today speaks HTTP/1.0.
  if (isPassedOn(request) || request.httpVersionMajor * 10 + request.httpVersionMinor < 11) return 'proxy'
  const { headers } = request
  // Nor does one ask for an upgrade where it asks for a page, as proxies for WebSockets do of everything.
  if (/upgrade/i.test(headers.connection ?? '')) return 'proxy'
  if (!LOOPBACK_HOST.test(headers.host ?? '') || isOfAnotherSite(headers)) return 'host'
  return null
}

/** Where an application lets any site ask, its answers are not this machine's owner's wish. */
function isOfAnotherSite({ origin, host, ...headers }: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site'] ?? 'same-origin'
  if (site !== 'same-origin' && site !== 'none') return true
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host)
}

/** Whether the dashboard on this machine asks. Another site's page cannot set the header without being allowed to. */
export function isOwnDashboard(request: IncomingMessage): boolean {
  return strangeness(request) === null && request.headers['x-rtms-admin'] === '1'
}

/** What the build calls what the page needs, and what it is called here, where the application may have its own. */
const MOVED: readonly (readonly [from: string, to: string])[] = [
  ['"/assets/', '"/admin/assets/'],
  ['"/favicon.svg"', '"/admin/favicon.svg"'],
]

/** The dashboard's page and what belongs to it, as the build leaves them. */
export class AdminPages {
  readonly #access: Omit<Access, 'needsKey'>
  readonly #readers: AdminReaders
  readonly #files: ReturnType<typeof sirv> | null
  readonly #page: string | null

  constructor(settings: {
    readonly admin: AdminReaders
    readonly path: string
    readonly api: ApiOptions | undefined
  }) {
    this.#access = {
      path: settings.path === '/' ? '' : settings.path,
      hasKeys: settings.api !== undefined,
    }
    this.#readers = settings.admin
    // In the package, beside the code that is built.
    const pages = fileURLToPath(new URL('../../../dist/web/', import.meta.url))
    const page = `${pages}admin/index.html`
    this.#page = existsSync(page) ? moved(readFileSync(page, 'utf8')) : null
    this.#files = this.#page === null ? null : sirv(pages, { etag: true })
  }

  /** False: the path is none of the dashboard's. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const [path = '', query] = (request.url ?? '').split('?')
    if (path === '/admin') {
      response.writeHead(301, { location: `/admin/${query === undefined ? '' : `?${query}`}` }).end()
      return true
    }
    if (!path.startsWith('/admin/')) return false
    for (const [name, value] of Object.entries(pageHeaders)) response.setHeader(name, value)
    response.setHeader('cache-control', 'no-cache')
    if (path === '/admin/access.json') this.#tell(request, response)
    else if (path === '/admin/' && this.#page !== null)
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(this.#page)
    else if (/^\/admin\/(?:assets\/|favicon\.svg$)/.test(path)) this.#file(request, response, path)
    else missing(response)
    return true
  }

  #tell(request: IncomingMessage, response: ServerResponse): void {
    const needsKey = this.#readers === 'loopback' ? strangeness(request) : 'option'
    const access: Access = { ...this.#access, needsKey }
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    response.end(JSON.stringify(access))
  }

  #file(request: IncomingMessage, response: ServerResponse, path: string): void {
    if (this.#files === null) return missing(response)
    // Names of assets change with their content.
    if (path.startsWith('/admin/assets/'))
      response.setHeader('cache-control', 'public, max-age=31536000, immutable')
    const { url } = request
    request.url = path.slice('/admin'.length)
    this.#files(request, response, () => missing(response))
    if (url !== undefined) request.url = url
  }
}

function moved(html: string): string {
  return MOVED.reduce((text, [from, to]) => text.replaceAll(from, to), html)
}

function missing(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
  response.end(
    'There is nothing here. The page of the dashboard belongs in dist/web of the package rtms: a bundler has to leave the package ' +
      'as it is, and a checkout has to be built (npm run build).\n',
  )
}
