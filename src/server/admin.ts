import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import sirv from 'sirv'
import { isLocal } from './http.ts'
import { pageHeaders } from './page-headers.ts'

/** Who may use the dashboard and, through it, the HTTP API: see {@link RtmsOptions.admin}. */
export type AdminReaders = 'loopback' | 'key' | false

const LOOPBACK_HOST = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i

/**
 * Whether the dashboard on this machine asks. Another site's page can reach the loopback too: it cannot set the header without
 * being allowed to, and where its own name was made to lead here, that name is the host.
 */
export function isOwnDashboard(request: IncomingMessage): boolean {
  const { headers } = request
  return isLocal(request) && headers['x-rtms-admin'] === '1' && LOOPBACK_HOST.test(headers.host ?? '')
}

/** The dashboard's page and what belongs to it, as the build leaves them. */
export class AdminPages {
  readonly #files: ReturnType<typeof sirv> | null

  constructor() {
    // In the package, beside the code that is built.
    const pages = fileURLToPath(new URL('../../dist/web', import.meta.url))
    this.#files = existsSync(pages) ? sirv(pages, { etag: true }) : null
  }

  /** False: the path is none of the dashboard's. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const [path = ''] = (request.url ?? '').split('?')
    if (path === '/admin') {
      response.writeHead(301, { location: '/admin/' }).end()
      return true
    }
    if (path !== '/admin/' && !path.startsWith('/assets/') && path !== '/favicon.svg') return false
    for (const [name, value] of Object.entries(pageHeaders)) response.setHeader(name, value)
    response.setHeader(
      'cache-control',
      path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    )
    const missing = (): void => {
      response.removeHeader('cache-control')
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
      response.end('There is nothing here. Where the dashboard should be, it is not built: npm run build\n')
    }
    if (this.#files === null) missing()
    else this.#files(request, response, missing)
    return true
  }
}
