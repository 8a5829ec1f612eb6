import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { deflateRawSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { binaryCodec } from '../../../src/protocol/index.ts'
import { type Rtms } from '../../../src/server/index.ts'
import { silent } from '../../../src/server/ground/logger.ts'
import { eventually, hello, Peer, raw, start, stopAll, tokenOf, upgrade } from './peer.ts'

const servers: Server[] = []

afterEach(async () => {
  await stopAll()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listening(server: Server): Promise<number> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const statusOf = async (port: number, path: string): Promise<number> =>
  (await upgrade(`ws://127.0.0.1:${port}${path}`)).status

const upgradeRequest = (headers: number): string =>
  `GET /rtms HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(headers)}Connection: Upgrade\r\nUpgrade: websocket\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: rtms.v1\r\n\r\n'

describe('A server on which somebody else listens to all upgrades', () => {
  const echo = (server: Server): void => {
    // As with `@fastify/websocket` or an older program: no path, so that it takes what comes.
    new WebSocketServer({ server }).on('connection', (ws) => ws.close(4_000))
  }

  it.each([
    ['before', true],
    ['after', false],
  ])('%s the node: each upgrade has one owner', async (_, isFirst) => {
    const server = createServer()
    if (isFirst) echo(server)
    const rtms = await start({ server })
    if (!isFirst) echo(server)
    const port = await listening(server)
    for (let n = 0; n < 3; n++) {
      await Peer.connect(rtms.address.url, await tokenOf(rtms))
      expect((await new Peer(`ws://127.0.0.1:${port}/chat`).closed).code).toBe(4_000)
    }
    await rtms.close({ timeoutMs: 100 })
    // The path is the other's again.
    expect((await new Peer(`ws://127.0.0.1:${port}/rtms`).closed).code).toBe(4_000)
    expect(Object.hasOwn(server, 'emit')).toBe(false)
  })

  it('loses nothing to whoever stands in for its emit as well', async () => {
    const server = createServer()
    const rtms = await start({ server })
    const emit = server.emit.bind(server) as (...args: unknown[]) => boolean
    const seen: string[] = []
    server.emit = (event: string, ...args: unknown[]) => {
      seen.push(event)
      return emit(event, ...args)
    }
    const port = await listening(server)
    expect(await statusOf(port, '/rtms')).toBe(101)
    await rtms.close({ timeoutMs: 100 })
    const next = await start({ server })
    expect(await statusOf(port, '/rtms')).toBe(101)
    await next.close({ timeoutMs: 100 })
    // The second node stands in front of both.
    expect(seen.filter((event) => event === 'upgrade')).toHaveLength(1)
  })
})

describe('A node without a server', () => {
  it('takes the upgrades that it is given, at any path', async () => {
    const rtms = await start({ server: false, publicUrl: 'wss://rt.example.com/live', nodeId: 'n1' })
    const server = createServer()
    server.on('upgrade', (request, socket, head) => rtms.handleUpgrade(request, socket, head))
    const port = await listening(server)
    const peer = await Peer.connect(`ws://127.0.0.1:${port}/live?x=1`, await tokenOf(rtms))
    expect(peer.all('welcome')).toHaveLength(1)
    expect(() => rtms.address).toThrow('no server listens')
    expect((await rtms.tickets.issue({ user: 'u1' })).url).toBe('wss://rt.example.com/live?route=n1')
    await rtms.close({ timeoutMs: 100 })
    expect(await statusOf(port, '/live')).toBe(503)
  })

  it('leaves a socket to whoever has taken it, and says so', async () => {
    const lines: unknown[] = []
    const rtms = await start({ server: false, logger: { ...silent, error: (...line) => lines.push(line) } })
    const server = createServer()
    new WebSocketServer({ server }).on('connection', (ws) => ws.on('message', () => ws.close(4_000)))
    server.on('upgrade', (request, socket, head) => rtms.handleUpgrade(request, socket, head))
    const port = await listening(server)
    const peer = await new Peer(`ws://127.0.0.1:${port}/both`).opened()
    await eventually(() => lines.length > 0)
    peer.ws.send('x')
    expect((await peer.closed).code).toBe(4_000)
    expect(JSON.stringify(lines)).toContain('taken by another listener')
  })

  it('cannot have a port', async () => {
    await expect(start({ server: false, port: 0 })).rejects.toThrow('port: it was given together with server')
  })
})

describe('A request that names the whole URL', () => {
  it('is for its path, as an upgrade and otherwise', async () => {
    const rtms = await start({ api: { keys: ['k'.repeat(32)] } })
    const { port } = rtms.address
    const ask = async (target: string, more: string): Promise<string> =>
      (await (await raw(port, `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n\r\n`)).answer).slice(0, 12)
    const whole = upgradeRequest(0).replace('GET /rtms', 'GET http://a:1/rtms?route=x')
    const { socket } = await raw(port, whole)
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    expect(chunk.toString().slice(0, 12)).toBe('HTTP/1.1 101')
    socket.destroy()
    const closing = 'Connection: close'
    expect(await ask('http://a/healthz', closing)).toBe('HTTP/1.1 200')
    expect(await ask('HTTPS://a:7/healthz?x', closing)).toBe('HTTP/1.1 200')
    expect(await ask('http://a/rtms/v1/meetings', closing)).toBe('HTTP/1.1 401')
    expect(await ask('http://a', closing)).toBe('HTTP/1.1 404')
    expect(await ask('*', closing)).toBe('HTTP/1.1 404')
  })
})

describe('A page whose origin may not connect', () => {
  it('is named in the log once a minute, with what allows it, and counted', async () => {
    const lines: unknown[] = []
    const rtms = await start({ logger: { ...silent, warn: (...line) => lines.push(line) } })
    const { port } = rtms.address
    const ask = (origin: string): Promise<{ status: number }> =>
      upgrade(`ws://127.0.0.1:${port}/rtms`, { origin })
    for (let n = 0; n < 3; n++) expect((await ask('https://shop.example')).status).toBe(403)
    expect(lines).toEqual([
      [
        { origin: 'https://shop.example', host: `127.0.0.1:${port}`, count: 1 },
        expect.stringContaining('name it in the option `origins`'),
      ],
    ])
    expect([...rtms.stats.connectionsRefused]).toEqual([['origin', 3]])
    expect(await rtms.metrics()).toContain('rtms_connections_refused_total{by="origin"} 3')
  })
})

describe('Two nodes attached to one server', () => {
  it('answer 404 at a path that neither has, once', async () => {
    const server = createServer()
    await start({ server, path: '/a' })
    const b = await start({ server, path: '/b' })
    const port = await listening(server)
    const paths = ['/a', '/b', '/c', '/', '/a/', '/b?route=x']
    const answers = await Promise.all(paths.map((path) => statusOf(port, path)))
    expect(answers).toEqual([101, 101, 404, 404, 404, 101])
    expect(server.listenerCount('upgrade')).toBe(1)
    await b.close()
    expect([await statusOf(port, '/a'), await statusOf(port, '/b')]).toEqual([101, 404])
  })

  it('leave other paths to whoever else listens for upgrades', async () => {
    const server = createServer()
    await start({ server, path: '/a' })
    await start({ server, path: '/b' })
    const chat = new WebSocketServer({ noServer: true })
    server.on('upgrade', (request, socket, head) => {
      if (request.url === '/chat')
        chat.handleUpgrade(request, socket, head, (ws: WebSocket) => ws.close(4_000))
    })
    const port = await listening(server)
    expect((await new Peer(`ws://127.0.0.1:${port}/chat`).closed).code).toBe(4_000)
    expect([await statusOf(port, '/a'), await statusOf(port, '/b')]).toEqual([101, 101])
  })

  it('answer an upgrade that no other listener takes, and close its socket', async () => {
    const server = createServer()
    await start({ server, path: '/a' })
    const asked: string[] = []
    server.on('upgrade', (request, socket) => {
      asked.push(request.url ?? '')
      // Takes some, one of them later.
      if (request.url === '/late') setTimeout(() => socket.end('mine\r\n'), 7_000)
      if (request.url === '/late') socket.on('close', () => {})
      if (request.url === '/mine') socket.end('mine\r\n')
    })
    const port = await listening(server)
    const ask = async (path: string, to = 'websocket'): Promise<string> => {
      const head = `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${to}\r\n\r\n`
      return (await raw(port, head)).answer
    }
    const answers = await Promise.all([ask('/b'), ask('/b', 'h2c'), ask('/mine'), ask('/late')])
    expect(answers.map((answer) => answer.slice(0, 12))).toEqual([
      'HTTP/1.1 404',
      'HTTP/1.1 426',
      'mine\r\n',
      'mine\r\n',
    ])
    expect(asked).toHaveLength(4)
  })

  it('live on where an upgrade that nobody has taken fails', async () => {
    const server = createServer()
    await start({ server, path: '/a' })
    let asked = 0
    server.on('upgrade', () => asked++)
    const port = await listening(server)
    for (let n = 1; n <= 3; n++) {
      const { socket } = await raw(
        port,
        'GET /b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      )
      await eventually(() => asked === n)
      socket.resetAndDestroy()
    }
    const open = (): Promise<number> =>
      new Promise((done) => server.getConnections((_, count) => done(count)))
    while ((await open()) > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    expect(await statusOf(port, '/a')).toBe(101)
  })

  it('cannot have the same path, unless the first is closed', async () => {
    const server = createServer()
    const first = await start({ server })
    await expect(start({ server })).rejects.toThrow(
      'path: another node has /rtms of this server; give each a path of its own',
    )
    const port = await listening(server)
    expect(await statusOf(port, '/rtms')).toBe(101)
    await first.close()
    await start({ server })
    expect(await statusOf(port, '/rtms')).toBe(101)
  })
})

describe('An upgrade on a server that RTMS is attached to', () => {
  it('with more than 100 headers is answered 431', async () => {
    const server = createServer()
    const rtms = await start({ server })
    const port = await listening(server)
    expect(await (await raw(port, upgradeRequest(101))).answer).toMatch(/^HTTP\/1.1 431 /)
    const { socket } = await raw(port, upgradeRequest(80))
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 101 /)
    socket.destroy()
    expect(rtms.stats.connectionsOpened).toBe(1)
  })

  it('with an Origin that is not listed is answered 403', async () => {
    const server = createServer()
    const rtms = await start({ server, origins: ['https://game.example'] })
    const port = await listening(server)
    const from = async (Origin: string) => (await upgrade(`ws://127.0.0.1:${port}/rtms`, { Origin })).status
    expect(await from('https://game.example')).toBe(101)
    for (const origin of [
      'https://game.example.evil',
      'https://GAME.example',
      'http://game.example',
      'null',
      '',
    ])
      expect(await from(origin)).toBe(403)
    expect(rtms.stats.connectionsOpened).toBe(1)
  })
})

describe('Sockets that are turned away', () => {
  it('give way to others where too many of them have not gone yet, the first of them first', async () => {
    const rtms = await start({ limits: { connections: 1, handshakes: 2 } })
    const { port } = rtms.address
    // The first may stay; the others are refused, and do not answer the close frame.
    const sockets = []
    for (let n = 0; n < 5; n++) {
      const { socket } = await raw(port, upgradeRequest(0))
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 101 /)
      sockets.push(socket)
    }
    const [stays, first, second, ...last] = sockets
    await eventually(() => first?.closed === true && second?.closed === true)
    expect([stays, ...last].map((socket) => socket?.closed)).toEqual([false, false, false])
    for (const socket of sockets) socket.destroy()
  })
})

/** A frame whose payload is compressed, masked with zeros. */
function compressed(data: Uint8Array): Uint8Array {
  const packed = deflateRawSync(data).subarray()
  const head = Buffer.from([0xc2, 0x80 | 126, packed.length >> 8, packed.length & 255, 0, 0, 0, 0])
  return Buffer.concat([head, packed])
}

const inside = (peer: Peer): NodeJS.WritableStream =>
  (peer.ws as unknown as { _socket: NodeJS.WritableStream })._socket

/** Connects with compression, where the node agrees. */
const connect = async (rtms: Rtms): Promise<Peer> => {
  const peer = await new Peer(rtms.address.url, binaryCodec, {
    perMessageDeflate: { threshold: 0 },
  }).opened()
  peer.send(hello(await tokenOf(rtms)))
  await peer.next('welcome')
  return peer
}

describe('Compression', () => {
  it('is not agreed to by default, and a compressed message is an error', async () => {
    const peer = await connect(await start())
    expect(peer.ws.extensions).toBe('')
    inside(peer).write(compressed(new Uint8Array(10)))
    expect((await peer.closed).code).toBe(1002)
  })

  it('where it is on serves clients, and ends a bomb with 1009', async () => {
    const rtms = await start({ compression: true })
    const peer = await connect(rtms)
    expect(peer.ws.extensions).toContain('permessage-deflate')
    peer.send({ type: 'ping', time: 7 })
    expect((await peer.next('pong')).echo).toBe(7)
    const bomb = compressed(new Uint8Array(50_000_000))
    expect(bomb.length).toBeLessThan(60_000)
    inside(peer).write(bomb)
    expect((await peer.closed).code).toBe(1009)
    expect(rtms.health().connections).toBe(0)
  })
})
