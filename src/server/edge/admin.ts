import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ofPackage } from '../ground/of-package.ts'
import type { ApiOptions } from '../options/api.ts'
import type { AdminReaders } from '../options/options.ts'
import { pageHeaders } from './page-headers.ts'
import { targetOf } from './http.ts'
import { StaticFiles } from './static-files.ts'
import { strangeness } from './strangers.ts'

/** What the page learns first: where the node is, and whether a key is needed and why. */
export interface Access {
  /** The name of the node, which the page tells a balancer with all that it asks. */
  readonly node: string
  /** The path of the node, where clients connect and below which the HTTP API is. */
  readonly path: string
  /** Whether the node has keys that a user could enter. */
  readonly hasKeys: boolean
  /**
   * Why a key is needed; null where none is. `option`: the option asks everyone for one. `remote`: the browser is on
   * another machine. `proxy`: a proxy has forwarded the request. `host`: the address in the browser is not a name of
   * this machine.
   */
  readonly needsKey: 'option' | 'remote' | 'proxy' | 'host' | null
}

/** Whether the dashboard on this machine is asking. Another site's page cannot set the header without permission. */
export function isOwnDashboard(request: IncomingMessage): boolean {
  return strangeness(request) === null && request.headers['x-rtms-admin'] === '1'
}

/**
 * The paths of the page's files in the build, and where they are served here: the application may use the former
 * itself.
 */
const MOVED: readonly (readonly [from: string, to: string])[] = [
  ['"/assets/', '"/admin/assets/'],
  ['"/favicon.svg"', '"/admin/favicon.svg"'],
]

/** The built page of the dashboard with its files. */
export class AdminPages {
  readonly #access: Omit<Access, 'needsKey'>
  readonly #readers: AdminReaders
  readonly #files: StaticFiles | null

  constructor(
    node: string,
    settings: {
      readonly admin: AdminReaders
      readonly path: string
      readonly api: ApiOptions | undefined
    },
  ) {
    this.#access = {
      node,
      path: settings.path === '/' ? '' : settings.path,
      hasKeys: settings.api !== undefined,
    }
    this.#readers = settings.admin
    // In the package, beside the built code.
    const pages = ofPackage('dist/web/')
    const arePages = pages !== undefined && existsSync(`${pages}admin/index.html`)
    this.#files = arePages ? new StaticFiles(pages, moved) : null
  }

  /** Returns false where the path is not the dashboard's. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const [path = '', query] = targetOf(request).split('?')
    if (path === '/admin') {
      response.writeHead(301, { location: `/admin/${query === undefined ? '' : `?${query}`}` }).end()
      return true
    }
    if (!path.startsWith('/admin/')) return false
    for (const [name, value] of Object.entries(pageHeaders)) response.setHeader(name, value)
    response.setHeader('cache-control', 'no-cache')
    if (path === '/admin/access.json') this.#tell(request, response)
    else if (path === '/admin/') this.#file(request, response, path)
    else if (/^\/admin\/(?:assets\/|favicon\.svg$)/.test(path))
      this.#file(request, response, path.slice('/admin'.length))
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
    // The names of assets change with their content, so they may be cached for ever.
    if (path.startsWith('/assets/'))
      response.setHeader('cache-control', 'public, max-age=31536000, immutable')
    if (this.#files?.answer(request, response, path) !== true) missing(response)
  }
}

function moved(path: string, body: Buffer): Buffer | string {
  if (path !== '/admin/index.html') return body
  return MOVED.reduce((text, [from, to]) => text.replaceAll(from, to), body.toString())
}

function missing(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
  response.end(
    'There is nothing here. The page of the dashboard belongs in dist/web of the package rtms: a bundler has to leave the package ' +
      'as it is, and a checkout has to be built (npm run build).\n',
  )
}
