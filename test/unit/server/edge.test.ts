import { EventEmitter } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Front, ticketUrlOf } from '../../../src/server/edge/front.ts'
import { StaticFiles } from '../../../src/server/edge/static-files.ts'
import { strangeness } from '../../../src/server/edge/strangers.ts'
import { TurnedAway } from '../../../src/server/edge/turned-away.ts'
import { Upgrades } from '../../../src/server/edge/upgrades.ts'
import { serverLimits } from '../../../src/server/ground/limits.ts'
import { silent } from '../../../src/server/ground/logger.ts'
import { settle } from '../../../src/server/options/options.ts'

type Headers = Readonly<Record<string, string>>

const requestOf = (headers: Headers, parts: object = {}): IncomingMessage =>
  ({
    headers,
    socket: { remoteAddress: '127.0.0.1' },
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    ...parts,
  }) as never

const from = (remoteAddress: string | undefined) => ({ socket: { remoteAddress } })

describe('A request of this machine', () => {
  const host = 'localhost:7788'

  it.each<[string, Headers, object]>([
    ['by its name', { host }, {}],
    ['without a port', { host: 'LOCALHOST' }, {}],
    ['by its address', { host: '127.0.0.1:1' }, from('::1')],
    ['by its address of IPv6', { host: '[::1]:80' }, from('::ffff:127.0.0.1')],
    ['of the second version', { host }, { httpVersionMajor: 2, httpVersionMinor: 0 }],
    ['of its own page', { host, 'sec-fetch-site': 'same-origin', origin: `http://${host}` }, {}],
    ['typed by its user', { host, 'sec-fetch-site': 'none' }, {}],
    ['that keeps its connection', { host, connection: 'keep-alive' }, {}],
  ])('is known: %s', (_, headers, parts) => {
    expect(strangeness(requestOf(headers, parts))).toBeNull()
  })

  it.each<[string | null, Headers, object]>([
    ['remote', { host }, from('10.0.0.1')],
    ['remote', { host }, from('::2')],
    ['remote', { host }, from('::11')],
    ['remote', { host }, from('1127.0.0.1')],
    ['remote', { host }, from(undefined)],
    ['proxy', { host, forwarded: 'for=1.2.3.4' }, {}],
    ['proxy', { host, via: '1.1 a' }, {}],
    ['proxy', { host, 'x-forwarded-for': '1.2.3.4' }, {}],
    ['proxy', { host, 'x-original-url': '/' }, {}],
    ['proxy', { host, 'cf-connecting-ip': '1.2.3.4' }, {}],
    [null, { host, 'not-via': 'a', 'x-forwarded': 'a', via2: 'a' }, {}],
    ['proxy', { host }, { httpVersionMinor: 0 }],
    ['proxy', { host }, { httpVersionMajor: 0, httpVersionMinor: 9 }],
    ['proxy', { host, connection: 'Upgrade' }, {}],
    ['host', {}, {}],
    ['host', { host: 'evil.example' }, {}],
    ['host', { host: 'localhost.evil.example' }, {}],
    ['host', { host: 'xlocalhost' }, {}],
    ['host', { host: '1127.0.0.1' }, {}],
    ['host', { host: 'localhost:123456' }, {}],
    ['host', { host, 'sec-fetch-site': 'cross-site' }, {}],
    ['host', { host, origin: 'https://evil.example' }, {}],
    ['host', { host, origin: 'http://localhost:81' }, {}],
    ['host', { host, origin: 'null' }, {}],
  ])('is %s where it comes otherwise: %j %j', (why, headers, parts) => {
    expect(strangeness(requestOf(headers, parts))).toBe(why)
  })
})

describe('Connections that are turned away', () => {
  it('are told once a minute for each limit, with how many they were', () => {
    const lines: object[] = []
    const away = new TurnedAway({ ...silent, warn: (details) => void lines.push(details) })
    for (let n = 0; n < 3; n++) away.note('rate', '10.0.0.1', n)
    away.note('connections', '', 5)
    away.note('handshakes', '', 5)
    away.note('address', '10.0.0.2', 5)
    away.note('rate', '10.0.0.3', 60_000)
    expect(lines).toEqual([
      { limit: 'limits.connectsPerAddressPerSecond', address: '10.0.0.1', count: 1 },
      { limit: 'limits.connections', address: '', count: 1 },
      { limit: 'limits.handshakes', address: '', count: 1 },
      { limit: 'limits.connectionsPerAddress', address: '10.0.0.2', count: 1 },
      { limit: 'limits.connectsPerAddressPerSecond', address: '10.0.0.3', count: 3 },
    ])
  })
})

const zeros = (bytes: number) => () => Buffer.alloc(bytes)

/** Status, headers and body with which a request is answered; null where there is no file. */
function answer(files: StaticFiles, path: string, headers: Headers = {}, method = 'GET'): unknown {
  const seen = { status: 0, headers: {} as Record<string, unknown>, body: '' }
  const response = {
    setHeader: (name: string, value: unknown) => void (seen.headers[name] = value),
    writeHead(status: number, more: object = {}) {
      seen.status = status
      Object.assign(seen.headers, more)
      return response
    },
    end: (body?: Buffer) => void (seen.body = body?.toString() ?? ''),
  }
  const request = { method, headers } as unknown as IncomingMessage
  return files.answer(request, response as unknown as ServerResponse, path) ? seen : null
}

describe('Files of a page', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rtms-pages-'))
    mkdirSync(join(folder, 'sub'))
    writeFileSync(join(folder, 'index.html'), '<html>')
    writeFileSync(join(folder, 'sub', 'index.html'), 'sub')
    writeFileSync(join(folder, 'sub', 'a.js'), 'let a')
    writeFileSync(join(folder, 'data.bin'), '01')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('are found by their path, folders by their index, each with its type', () => {
    const files = new StaticFiles(folder)
    for (const [path, body, type] of [
      ['/index.html', '<html>', 'text/html; charset=utf-8'],
      ['/', '<html>', 'text/html; charset=utf-8'],
      ['/sub', 'sub', 'text/html; charset=utf-8'],
      ['/sub/', 'sub', 'text/html; charset=utf-8'],
      ['/sub/a.js', 'let a', 'text/javascript; charset=utf-8'],
      ['/data.bin', '01', 'application/octet-stream'],
    ] as const)
      expect(answer(files, path)).toMatchObject({
        status: 200,
        body,
        headers: { 'content-type': type, 'content-length': body.length },
      })
    for (const path of ['/none', '/sub/none', '/../index.html', 'index.html'])
      expect(answer(files, path)).toBeNull()
    expect(answer(files, '/', {}, 'HEAD')).toMatchObject({ body: '', headers: { 'content-length': 6 } })
  })

  it('are sent once to who knows them', () => {
    const files = new StaticFiles(folder)
    const { headers } = answer(files, '/') as { headers: { etag: string } }
    const { etag } = headers
    expect(etag).toMatch(/^"[\w-]{24}"$/)
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*'])
      expect(answer(files, '/', { 'if-none-match': known })).toMatchObject({ status: 304, body: '' })
    for (const other of ['"x"', etag.slice(1, -1), '', `x${etag}`])
      expect(answer(files, '/', { 'if-none-match': other })).toMatchObject({ status: 200 })
  })

  it('are read once, and may be changed then', () => {
    const files = new StaticFiles(folder, (path, body) => (path === '/sub/a.js' ? 'changed' : body))
    writeFileSync(join(folder, 'index.html'), 'later')
    expect([answer(files, '/'), answer(files, '/sub/a.js')]).toMatchObject([
      { body: '<html>' },
      { body: 'changed', headers: { 'content-length': 7 } },
    ])
  })

  it('may be so many, and so large', () => {
    expect(() => new StaticFiles(folder, zeros(serverLimits.pageBytes / 4))).not.toThrow()
    expect(() => new StaticFiles(folder, zeros(serverLimits.pageBytes / 4 + 1))).toThrow('too large')
    const files = 4
    for (let n = files; n < serverLimits.pageFiles; n++) writeFileSync(join(folder, `f${n}`), '')
    expect(() => new StaticFiles(folder)).not.toThrow()
    writeFileSync(join(folder, 'one more'), '')
    expect(() => new StaticFiles(folder)).toThrow('too large')
    expect(() => new StaticFiles(join(folder, 'none'))).toThrow('ENOENT')
  })
})

/** A socket that keeps what is written to it. */
class Written extends Duplex {
  text = ''
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

const ask = (server: Server, url: string, upgrade = 'WebSocket'): Written => {
  const socket = new Written()
  server.emit('upgrade', requestOf({ upgrade }, { url }), socket, Buffer.alloc(0))
  return socket
}

const fake = (): Server => new EventEmitter() as Server

describe('Upgrades of a server', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('go to whoever has the path, with or without a query', () => {
    const server = fake()
    const taken: string[] = []
    const upgrades = Upgrades.of(server)
    for (const path of ['/a', '/b']) upgrades.add(path, ({ url }) => taken.push(`${path} ${url}`))
    ask(server, '/a')
    ask(server, '/b?route=n1')
    expect(taken).toEqual(['/a /a', '/b /b?route=n1'])
    expect(() => Upgrades.of(server).add('/a', () => {})).toThrow('another node has /a')
    upgrades.remove('/a')
    expect(ask(server, '/a').text).toMatch(/^HTTP\/1\.1 404 /)
    expect(server.listenerCount('upgrade')).toBe(1)
    upgrades.remove('/b')
    expect(server.listenerCount('upgrade')).toBe(0)
  })

  it('that are nobody’s are answered at once, where nobody else listens', () => {
    const server = fake()
    Upgrades.of(server).add('/a', () => {})
    expect(ask(server, '/b').text).toMatch(/^HTTP\/1\.1 404 /)
    expect(ask(server, '/b', 'h2c').text).toMatch(/^HTTP\/1\.1 426 /)
  })

  it('that another listener may take are answered after a while, unless it has taken them', () => {
    const server = fake()
    Upgrades.of(server).add('/a', () => {})
    server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      if (request.url === '/theirs') socket.on('data', () => {})
    })
    const [stray, theirs] = [ask(server, '/stray'), ask(server, '/theirs')]
    const gone = ask(server, '/gone')
    gone.destroy()
    vi.advanceTimersByTime(serverLimits.strayUpgradeMs - 1)
    expect(stray.text).toBe('')
    vi.advanceTimersByTime(1)
    expect([stray.text.slice(0, 12), theirs.text, gone.text]).toEqual(['HTTP/1.1 404', '', ''])
  })

  it('that wait are not more than the limit, and leave their places', async () => {
    const server = fake()
    Upgrades.of(server).add('/a', () => {})
    server.on('upgrade', () => {})
    const waiting = Array.from({ length: serverLimits.strayUpgrades }, () => ask(server, '/b'))
    expect(ask(server, '/b').text).toMatch(/^HTTP\/1\.1 404 /)
    waiting[0]?.destroy(new Error('reset'))
    await new Promise((resolve) => setImmediate(resolve))
    expect([ask(server, '/b').text, ask(server, '/b').text.slice(0, 12)]).toEqual(['', 'HTTP/1.1 404'])
    vi.advanceTimersByTime(serverLimits.strayUpgradeMs)
    expect(ask(server, '/b').text).toBe('')
  })
})

describe('The address in a ticket', () => {
  const secret = 's'.repeat(32)
  const frontOf = (options: object): Front =>
    new Front('n1', settle({ secret, server: createServer(), ...options }), {} as never, {} as never)
  const urlOf = (options: object, host?: string): string => frontOf(options).ticketUrl(host)

  it('is the host of the request, in each form', () => {
    for (const host of ['game.example', 'game.example:8080', '[::1]:81', '127.0.0.1', 'a_b-c'])
      expect(urlOf({ path: '/live' }, host)).toBe(`ws://${host}/live?route=n1`)
    for (const host of ['', 'a/b', 'me@a', 'a?', 'a b', 'a:123456', 'x[::1]', '[::1]x', 'a:1:2'])
      expect(() => urlOf({}, host)).toThrow(TypeError)
  })

  it('is the public one before all, and keeps its own query', () => {
    const publicUrl = 'wss://rt.example/rtms?tenant=7'
    expect(urlOf({ publicUrl }, 'not a host')).toBe(`${publicUrl}&route=n1`)
    expect(urlOf({ publicUrl })).toBe(`${publicUrl}&route=n1`)
  })

  it('has the id of the node where the operator wants it: query, path or host', () => {
    for (const [publicUrl, url] of [
      ['wss://rt.example/rtms', 'wss://rt.example/rtms?route=n1'],
      ['wss://rt.example/rtms?to={node}', 'wss://rt.example/rtms?to=n1'],
      ['wss://rt.example/n/{node}/rtms', 'wss://rt.example/n/n1/rtms'],
      ['wss://{node}.rt.example/rtms', 'wss://n1.rt.example/rtms'],
      ['wss://{node}.rt.example/{node}?x={node}', 'wss://n1.rt.example/n1?x=n1'],
    ])
      expect([urlOf({ publicUrl }), urlOf({ publicUrl }, 'not a host')]).toEqual([url, url])
  })

  it('has the host of the request where the operator wants it, without its port', () => {
    const publicUrl = 'ws://{host}:81/rtms?route={node}'
    expect(urlOf({ publicUrl }, 'game.example:8080')).toBe('ws://game.example:81/rtms?route=n1')
    expect(urlOf({ publicUrl }, '[::1]:8080')).toBe('ws://[::1]:81/rtms?route=n1')
    expect(() => urlOf({ publicUrl }, 'a/b')).toThrow(TypeError)
  })

  it('of another node is what that node says of itself', () => {
    const url = 'wss://rt.example/n/n2/rtms'
    expect(frontOf({}).ticketUrl('game.example', { id: 'n2', url })).toBe(url)
    expect(frontOf({}).ticketUrl('game.example:1', { id: 'n2', url: 'ws://{host}:7789/rtms?route=n2' })).toBe(
      'ws://game.example:7789/rtms?route=n2',
    )
    const nothing = { id: 'n2', url: '' }
    expect(frontOf({}).ticketUrl('game.example:1', nothing)).toBe('ws://game.example:1/rtms?route=n2')
    expect(frontOf({ publicUrl: 'wss://rt.example/{node}' }).publicUrl).toBe('wss://rt.example/n1')
    expect(frontOf({ publicUrl: 'ws://{host}/rtms' }).publicUrl).toBe('ws://{host}/rtms?route=n1')
    expect(frontOf({}).publicUrl).toBe('')
  })

  it('is none of a node that tells what is no URL, or where nothing listens yet', () => {
    const front = frontOf({})
    for (const url of ['nonsense', 'ws://[', 'ws://{host}:99999999/'])
      expect(ticketUrlOf(front, 'game.example', { id: 'n2', url })).toBe('')
    expect(ticketUrlOf(front, undefined, undefined)).toBe('')
    expect(() => ticketUrlOf(front, 'a/b', { id: 'n2', url: 'ws://{host}/' })).toThrow(TypeError)
  })
})

describe('A front', () => {
  const secret = 's'.repeat(32)
  const pages = {} as never

  it('of its own server listens, and closes it', async () => {
    const front = new Front('n1', settle({ secret, port: 0, host: '127.0.0.1' }), {} as never, pages)
    expect(() => front.address).toThrow('no server listens')
    await front.open()
    const { host, port, url } = front.address
    expect([host, url, front.ticketUrl(undefined)]).toEqual([
      'localhost',
      `ws://localhost:${port}/rtms`,
      `ws://localhost:${port}/rtms?route=n1`,
    ])
    const onPort = settle({ secret, port: 0, host: '127.0.0.1', publicUrl: 'ws://{host}:{port}/rtms' })
    const other = new Front('n2', onPort, {} as never, pages)
    expect(() => other.ticketUrl('a')).toThrow('no server listens')
    await other.open()
    const at = other.address.port
    expect(other.ticketUrl('game.example:80')).toBe(`ws://game.example:${at}/rtms?route=n2`)
    expect(other.ticketUrl(undefined)).toBe(`ws://localhost:${at}/rtms?route=n2`)
    expect(other.publicUrl).toBe(`ws://{host}:${at}/rtms?route=n2`)
    await other.close(100)
    expect(() => front.setTls({})).toThrow('no TLS of its own')
    await front.close(100)
    expect(() => front.address).toThrow('no server listens')
  })

  it('of another’s server takes upgrades of its path as long as it is open, and leaves the server alone', async () => {
    const server = createServer()
    const taken: unknown[] = []
    const gateway = { handleUpgrade: (request: IncomingMessage) => taken.push(request.url) }
    const front = new Front('n1', settle({ secret, server, path: '/a' }), gateway as never, pages)
    await front.open()
    ask(server, '/a?route=n1')
    expect([taken, server.listening, server.listenerCount('upgrade')]).toEqual([['/a?route=n1'], false, 1])
    expect(() => front.setTls({})).toThrow('no TLS of its own')
    await front.close(100)
    expect(server.listenerCount('upgrade')).toBe(0)
  })
})
