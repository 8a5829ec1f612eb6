import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { hostname } from 'node:os'

/* Small HTTP for the demo's own addresses. */

const BODY_BYTES = 4_096

/** A refusal with its HTTP status. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  // Not destroyed where the loop is left early: the refusal still has to go out on the same socket.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES) throw new HttpError(413, `the body must not be larger than ${BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch {
    throw new HttpError(400, 'the body must be JSON: {"name": "Ada"}')
  }
}

/**
 * Whether a Host header names this machine: by an address, as localhost, by the machine's name or the name it listens
 * on. A page of another site can make a name of its own lead here (DNS rebinding), and would then be taken for ours.
 */
export function isNameOfHere(host: string | undefined, listensOn: string | undefined): boolean {
  const [, name = ''] = /^(.*?)(?::\d{1,5})?$/.exec((host ?? '').toLowerCase()) ?? []
  if (isIP(name) === 4 || (name.startsWith('[') && isIP(name.slice(1, -1)) === 6)) return true
  const names = ['localhost', hostname().toLowerCase(), listensOn?.toLowerCase()]
  return names.includes(name) || name === `${names[1]}.local`
}

export function strangeName(res: ServerResponse): void {
  res.writeHead(421, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
  res.end('The demo answers to localhost, to addresses and to the name given by --host alone.\n')
}

export function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  res.end(JSON.stringify(body))
}

export function notFound(res: ServerResponse): void {
  res.writeHead(404, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' })
  res.end(
    '<!doctype html><html lang="en"><meta name="color-scheme" content="light dark"><title>Not found</title>' +
      '<h1>Not found</h1><p>There is nothing at this address. <a href="/">Go to the first page</a></p></html>',
  )
}
