import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type Demo, startDemo } from '../../../src/demo/index.ts'
import { eventually, raw, SECRET, start, stopAll } from './peer.ts'

const demos: Demo[] = []
const folders: string[] = []

afterEach(async () => {
  await stopAll()
  await Promise.all(demos.splice(0).map((demo) => demo.close()))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A demo that serves these files. */
async function serve(
  files: Record<string, string | Buffer>,
): Promise<{ demo: Demo; folder: string; at: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'rtms-pages-'))
  folders.push(folder)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  const demo = await startDemo({ port: 0, host: '127.0.0.1', secret: SECRET }, folder)
  demos.push(demo)
  return { demo, folder, at: `http://127.0.0.1:${demo.rtms.address.port}` }
}

const descriptors = (): number => readdirSync('/proc/self/fd').length
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`

describe('The files of a page', () => {
  it('are served with their type, an ETag and how long they may be kept', async () => {
    const { at } = await serve({ 'index.html': '<p>hello', 'app.js': 'x = 1', 'unknown.thing': 'y' })
    const page = await fetch(`${at}/`)
    expect([page.status, page.headers.get('content-type'), await page.text()]).toEqual([
      200,
      'text/html; charset=utf-8',
      '<p>hello',
    ])
    const etag = page.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[\w-]{20,}"$/)
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await fetch(`${at}/`, { headers: { 'if-none-match': known } })
      expect([again.status, await again.text()]).toEqual([304, ''])
    }
    expect((await fetch(`${at}/`, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
    expect((await fetch(`${at}/app.js`)).headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect((await fetch(`${at}/unknown.thing`)).headers.get('content-type')).toBe('application/octet-stream')
    const head = await fetch(`${at}/`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '8', ''])
    expect((await fetch(`${at}/none`)).status).toBe(404)
    for (const method of ['POST', 'DELETE', 'PUT']) {
      const { status, headers } = await fetch(`${at}/`, { method })
      expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    }
  })

  it('of the demo alone open rooms, and no page of another site', async () => {
    const { demo, at } = await serve({ 'index.html': '<p>hello' })
    const ask = async (headers: Record<string, string>): Promise<[number, number]> => {
      const request = { method: 'POST', body: '{"room":"den"}', headers }
      return [(await fetch(`${at}/api/playground/ticket`, request)).status, demo.rtms.health().meetings]
    }
    expect(await ask({ 'sec-fetch-site': 'cross-site' })).toEqual([403, 0])
    expect(await ask({ 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:1' })).toEqual([403, 0])
    expect(await ask({ origin: 'http://evil.example' })).toEqual([403, 0])
    expect(await ask({ origin: at, 'sec-fetch-site': 'same-origin' })).toEqual([200, 1])
  })

  it('are served under the names of this machine alone, and so are tickets', async () => {
    const { demo } = await serve({ 'index.html': '<p>hello' })
    const { port } = demo.rtms.address
    const status = async (host: string, request = 'GET / HTTP/1.1'): Promise<string> => {
      const end = request.startsWith('POST') ? 'Content-Length: 2\r\n\r\n{}' : '\r\n'
      const { answer } = await raw(port, `${request}\r\nHost: ${host}\r\nConnection: close\r\n${end}`)
      return (await answer).slice(9, 12)
    }
    const ticket = 'POST /api/playground/ticket HTTP/1.1'
    for (const host of [
      'localhost',
      'LOCALHOST:7788',
      `127.0.0.1:${port}`,
      '[::1]:7788',
      '10.0.0.5:1',
      hostname(),
    ])
      expect([host, await status(host), await status(host, ticket)]).toEqual([host, '200', '200'])
    for (const host of [
      'evil.example',
      'evil.example:80',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '[x]',
      '',
    ])
      expect([host, await status(host), await status(host, ticket)]).toEqual([host, '421', '421'])
  })

  it('are served as they were at the start, although they are removed or changed meanwhile', async () => {
    const { at, folder } = await serve({ 'index.html': '<p>hello', 'app.js': 'x = 1' })
    writeFileSync(join(folder, 'app.js'), 'x = 2')
    rmSync(join(folder, 'index.html'))
    expect(await (await fetch(`${at}/`)).text()).toBe('<p>hello')
    expect(await (await fetch(`${at}/app.js`)).text()).toBe('x = 1')
  })

  it('that are asked for by connections that leave keep no descriptor open', async () => {
    const { demo, at } = await serve({ 'large.js': Buffer.alloc(200_000, 'x') })
    const { port } = demo.rtms.address
    await (await fetch(`${at}/large.js`)).arrayBuffer()
    const before = descriptors()
    for (let n = 0; n < 3; n++) {
      const { socket } = await raw(port, get('/large.js').repeat(50))
      await once(socket, 'data')
      socket.resetAndDestroy()
    }
    await eventually(() => descriptors() <= before)
    expect((await fetch(`${at}/large.js`)).status).toBe(200)
  })
})

interface Opened {
  readonly socket: Socket
  /** Whether the server has cut it off. */
  readonly isClosed: () => boolean
}

async function open(port: number, bytes = ''): Promise<Opened> {
  const socket = connect(port, '127.0.0.1')
  let closed = false
  socket.on('error', () => {})
  socket.on('close', () => (closed = true))
  await once(socket, 'connect')
  if (bytes !== '') socket.write(bytes)
  return { socket, isClosed: () => closed }
}

describe('A connection for HTTP', () => {
  it('that sends more requests at a time than are answered at a time is cut off, and others are served', async () => {
    const rtms = await start({ metrics: 'public' })
    const { port } = rtms.address
    for (const path of ['/healthz', '/metrics', '/rtms/v1/info']) {
      const greedy = await open(port, get(path).repeat(10_000))
      greedy.socket.resume()
      await eventually(greedy.isClosed)
      const { answer } = await raw(port, `GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      expect(await answer).toMatch(/^HTTP\/1.1 200 /)
    }
  })

  it('may ask a few at a time, and so often', async () => {
    const rtms = await start()
    const { answer } = await raw(
      rtms.address.port,
      get('/healthz').repeat(19) + get('/healthz').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    )
    expect((await answer).match(/HTTP\/1.1 200 /g)).toHaveLength(20)
    const many = await open(rtms.address.port)
    let answers = ''
    many.socket.on('data', (chunk) => (answers += chunk.toString()))
    const answered = (): number => answers.match(/HTTP\/1.1 200 /g)?.length ?? 0
    for (let n = 50; n <= 1_000; n += 50) {
      many.socket.write(get('/readyz').repeat(50))
      await eventually(() => answered() === n)
    }
    await eventually(many.isClosed)
    expect(answers.match(/Connection: close/g)).toHaveLength(1)
  })

  it('that is one too many of its address takes the place of the one that has been silent for longest', async () => {
    const rtms = await start({ trustedProxies: [], limits: { connectionsPerAddress: 3 } })
    const { port } = rtms.address
    const idle: Opened[] = []
    for (let n = 0; n < 3; n++) idle.push(await open(port))
    // The first has something to say, so the second is the one that has been silent for longest.
    idle[0]?.socket.write(get('/healthz'))
    await once(idle[0]?.socket as Socket, 'data')
    const honest = await raw(port, `GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    expect(await honest.answer).toMatch(/^HTTP\/1.1 200 /)
    await eventually(() => idle[1]?.isClosed() === true)
    expect(idle.map(({ isClosed }) => isClosed())).toEqual([false, true, false])
    for (const { socket } of idle) socket.destroy()
  })

  it('does not count against its address behind a trusted proxy', async () => {
    const rtms = await start({ limits: { connectionsPerAddress: 2 } })
    const sockets: Opened[] = []
    for (let n = 0; n < 6; n++) sockets.push(await open(rtms.address.port))
    const { answer } = await raw(
      rtms.address.port,
      `GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    )
    expect(await answer).toMatch(/^HTTP\/1.1 200 /)
    expect(sockets.map(({ isClosed }) => isClosed())).toEqual(sockets.map(() => false))
    for (const { socket } of sockets) socket.destroy()
  })
})
