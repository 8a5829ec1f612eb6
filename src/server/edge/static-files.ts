import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, sep } from 'node:path'
import { serverLimits } from '../ground/limits.ts'

/** Content types by the ending of a name; browsers are told not to guess, so anything else is only downloaded. */
const types: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.json', 'application/json'],
  ['.svg', 'image/svg+xml'],
  ['.png', 'image/png'],
])

interface File {
  readonly body: Buffer
  readonly etag: string
  readonly type: string
}

/**
 * The files of a folder, read once and served from memory: a reader that leaves holds no descriptor, a file that is
 * removed meanwhile is still served, and all readers share one buffer.
 */
export class StaticFiles {
  /** By path, which begins with a slash. */
  readonly #files: Map<string, File> = new Map()

  /**
   * Reads the folder. Throws where it cannot be read, or holds more than `serverLimits` allow; `change` may replace the
   * text of a file.
   */
  constructor(folder: string, change: (path: string, body: Buffer) => Buffer | string = (_, body) => body) {
    let bytes = 0
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const file = join(entry.parentPath, entry.name)
      const path = `/${file.slice(join(folder, sep).length).replaceAll(sep, '/')}`
      const body = Buffer.from(change(path, readFileSync(file)))
      bytes += body.length
      this.#files.set(path, { body, etag: etagOf(body), type: typeOf(path) })
      if (bytes > serverLimits.pageBytes || this.#files.size > serverLimits.pageFiles)
        throw new Error(
          `${folder} is too large to be served from memory: at most ${serverLimits.pageFiles} files of together ` +
            `${serverLimits.pageBytes} bytes`,
        )
    }
  }

  /**
   * Answers GET and HEAD at `path`, and 405 to anything else; a folder is answered with its index.html. Returns false
   * where there is no file. With another status than 200 it is what is said instead of a file, whatever was asked.
   */
  answer(
    { method, headers }: IncomingMessage,
    response: ServerResponse,
    path: string,
    status: number = 200,
  ): boolean {
    const file = this.#files.get(path) ?? this.#files.get(`${path.replace(/\/$/, '')}/index.html`)
    if (file === undefined) return false
    const { body, etag, type } = file
    const isFound = status === 200
    if (isFound && method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
      return true
    }
    if (isFound) response.setHeader('etag', etag)
    if (isFound && isKnown(headers['if-none-match'], etag)) response.writeHead(304).end()
    else {
      response.writeHead(status, { 'content-type': type, 'content-length': body.length })
      response.end(method === 'HEAD' ? undefined : body)
    }
    return true
  }
}

function typeOf(path: string): string {
  return types.get(extname(path)) ?? 'application/octet-stream'
}

function etagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 24)}"`
}

function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  return ifNoneMatch.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')))
}
