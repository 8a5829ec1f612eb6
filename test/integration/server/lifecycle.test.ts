import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { Rtms } from '../../../src/server/index.ts'
import { Peer, raw, request, SECRET, start, stopAll, tokenOf, upgrade } from './peer.ts'

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

const get = async (port: number, path: string): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  return { status: response.status, body: await response.json() }
}

const healthRequest = (headers: number): string =>
  `GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${'X: y\r\n'.repeat(headers)}\r\n`

describe('A node', () => {
  it('starts on a free port and answers /healthz, and 404 elsewhere', async () => {
    const rtms = await start({ nodeId: 'n1' })
    const { port, host, url } = rtms.address
    expect([host, url]).toEqual(['localhost', `ws://localhost:${port}/rtms`])
    const incarnation: unknown = expect.any(Number)
    const health = {
      status: 'ok',
      node: 'n1',
      incarnation,
      connections: 0,
      sessions: 0,
      meetings: 0,
      topics: 0,
    }
    expect(await get(port, '/healthz')).toEqual({ status: 200, body: health })
    expect(await get(port, '/rtms')).toEqual({
      status: 404,
      body: { error: 'there is nothing at this path' },
    })
    expect(rtms.node).toBe('n1')
  })

  it('hands other requests to the handler of its owner', async () => {
    const rtms = await start({ handler: (request, response) => response.end(JSON.stringify(request.url)) })
    const { port } = rtms.address
    expect((await get(port, '/match')).body).toBe('/match')
    expect((await get(port, '/healthz')).body).toMatchObject({ status: 'ok' })
  })

  it('answers 431 for more than 100 headers', async () => {
    const { port } = (await start()).address
    expect(await (await raw(port, healthRequest(90))).answer).toMatch(/^HTTP\/1.1 200 /)
    expect(await (await raw(port, healthRequest(150))).answer).toMatch(/^HTTP\/1.1 431 /)
  })

  it('answers 408 within 10 s to who does not finish its headers', async () => {
    const { port } = (await start()).address
    const before = performance.now()
    const { answer } = await raw(port, 'GET /healthz HTTP/1.1\r\nHost: a\r\n')
    expect(await answer).toMatch(/^HTTP\/1.1 408 /)
    expect(performance.now() - before).toBeLessThan(10_000)
  })

  it('says what to do where its port is taken', async () => {
    const { port } = (await start()).address
    await expect(start({ port })).rejects.toThrow(
      `port: it cannot listen on 127.0.0.1, port ${port} (EADDRINUSE); stop what listens there`,
    )
  })

  it('reports every fault of its options at once, and never a secret', async () => {
    const options = {
      port: 70_000,
      path: 'rtms',
      secret: 'short',
      publicUrl: 'https://example.com',
      origins: ['https://example.com/'],
      limits: { window: 0, windov: 1 },
      logger: {},
      colour: 'blue',
      server: createServer(),
    }
    const message = await Rtms.start(options as never).then(
      () => 'started',
      (error: Error) => error.message,
    )
    const lines = [
      'port: 70000 was given; expected an integer from 0 to 65535; ',
      'path: "rtms" was given; ',
      'secret: 5 bytes were given; expected a string of at least 32 bytes; make one with `openssl rand -hex 32`',
      'publicUrl: "https://example.com" was given; ',
      'origins: entry 1 is ',
      'limits.window: 0 was given; expected an integer above 0; ',
      'limits.windov: it is not an option; ',
      'logger: an object was given; ',
      'colour: it is not an option; ',
      'port: it was given together with server; ',
    ]
    for (const line of lines) expect(message).toContain(`\n  ${line}`)
    expect(message.split('\n')).toHaveLength(1 + lines.length)
    expect(message).not.toContain('short')
  })

  it.each(['/../x', '/a/../b', '/.', '/a/./b', '/..'])(
    'refuses the path %s, which no URL leads to',
    async (path) => {
      await expect(start({ path })).rejects.toThrow(
        `path: ${JSON.stringify(path)} was given; expected a path that`,
      )
    },
  )

  it('does not start without a secret, and says how to make one', async () => {
    const { RTMS_SECRET } = {} as { RTMS_SECRET?: string }
    await expect(Rtms.start({ port: 0, secret: RTMS_SECRET })).rejects.toThrow(
      /secret: it is missing, and so is keys; [^]*openssl rand -hex 32/,
    )
  })
})

it('A handler that is no function is refused, and nothing is asked of it', async () => {
  const rtms = await start()
  // A name that an import does not have.
  const { missing } = {} as { missing: () => never }
  const register = [
    () => rtms.authorize(missing),
    () => rtms.onConnect(missing),
    () => rtms.onDisconnect(missing),
    () => rtms.onRequest('m', missing),
    () => rtms.meetings.onMissing(missing),
  ]
  for (const each of register) expect(each).toThrow(TypeError)
  const meeting = await rtms.meetings.open('room')
  expect(() => meeting.kick(0, 7 as never)).toThrow('reason must be a text')
  // Their places are still free.
  rtms.authorize(() => false)
  rtms.onRequest('m', () => 1)
  rtms.meetings.onMissing(() => null)
})

describe('Closing a node', () => {
  it('sends its clients elsewhere and answers 503 while they go', async () => {
    const rtms = await start()
    const { port, url } = rtms.address
    const peer = await Peer.connect(url, await tokenOf(rtms))
    // This one does not answer the close frame for a while.
    const slow = await Peer.connect(url, await tokenOf(rtms, 'u2'))
    slow.ws.pause()
    const closing = rtms.close()
    expect(await peer.closed).toEqual({ code: 4454, reason: 'DRAINING' })
    expect(peer.all('goodbye')[0]).toMatchObject({ code: 4454, retryAfter: expect.any(Number) })
    expect((await get(port, '/healthz')).status).toBe(503)
    // Who comes now is upgraded, so that its close code arrives.
    expect((await new Peer(url).closed).code).toBe(4454)
    await expect(rtms.meetings.open('m')).rejects.toMatchObject({ code: 'DRAINING' })
    slow.ws.resume()
    await closing
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow()
  })

  it('cuts off who does not go in time', async () => {
    const rtms = await start()
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.ws.pause()
    const before = performance.now()
    await rtms.close({ timeoutMs: 50 })
    expect(performance.now() - before).toBeLessThan(1_500)
  })

  it('waits for as long as it was told, also for ever', async () => {
    const rtms = await start()
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.ws.pause()
    let isClosed = false
    const closing = rtms.close({ timeoutMs: Infinity }).then(() => (isClosed = true))
    // A timer that cannot wait for so long fires at once.
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(isClosed).toBe(false)
    peer.ws.resume()
    expect(await peer.closed).toMatchObject({ code: 4454 })
    await closing
  })

  it('does not wait for sockets that never asked for anything', async () => {
    const rtms = await start()
    const { answer } = await raw(rtms.address.port, '')
    const half = await raw(rtms.address.port, 'GET /healthz HTTP/1.1\r\nHost')
    await rtms.close({ timeoutMs: 50 })
    expect([await answer, await half.answer]).toEqual(['', ''])
  })

  it('ends what the business can send', async () => {
    const rtms = await start()
    await rtms.close()
    const closed = expect.objectContaining({ code: 'CLOSED' })
    expect(() => rtms.topics.publish('a', 1)).toThrow(closed)
    await expect(rtms.users.push('u1', 'a', 1)).rejects.toEqual(closed)
    await expect(rtms.meetings.open('m')).rejects.toEqual(closed)
  })

  it('twice is the same as once', async () => {
    const rtms = await start()
    const closing = rtms.close()
    expect(rtms.close()).toBe(closing)
    await closing
    await rtms.close()
  })

  it('leaves no session waiting and no timer behind', async () => {
    const rtms = await start()
    await rtms.meetings.open('m', { frameRate: 60 })
    await Peer.connect(rtms.address.url, await tokenOf(rtms))
    await rtms.close()
    const { sweeps } = rtms.stats
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(rtms.stats.sweeps).toBe(sweeps)
  })
})

describe('A node attached to a server', () => {
  it('leaves requests and other upgrades to their owners', async () => {
    const server = createServer((request, response) => response.end(JSON.stringify({ path: request.url })))
    const other = new WebSocketServer({ noServer: true })
    server.on('upgrade', (request, socket, head) => {
      if (request.url === '/chat')
        other.handleUpgrade(request, socket, head, (ws: WebSocket) => ws.close(4000))
    })
    const rtms = await start({ server })
    expect(() => rtms.address).toThrow('no server listens')
    const port = await listening(server)
    expect(rtms.address).toEqual({ host: 'localhost', port, url: `ws://localhost:${port}/rtms` })
    expect((await get(port, '/healthz')).body).toEqual({ path: '/healthz' })
    expect(rtms.health().status).toBe('ok')
    const chat = new Peer(`ws://127.0.0.1:${port}/chat`)
    expect((await chat.closed).code).toBe(4000)
    await Peer.connect(rtms.address.url, await tokenOf(rtms))
    // The server is its owner's: it stays, without RTMS.
    await rtms.close()
    expect((await get(port, '/match')).body).toEqual({ path: '/match' })
    expect(server.listenerCount('upgrade')).toBe(1)
  })

  it('answers 404 for other upgrades where nobody else would', async () => {
    const server = createServer()
    const rtms = await start({ server })
    const port = await listening(server)
    expect((await upgrade(`ws://127.0.0.1:${port}/chat`)).status).toBe(404)
    expect((await upgrade(rtms.address.url)).status).toBe(101)
  })

  it('sends clients to wss where the server speaks TLS', async () => {
    const server = createSecureServer()
    const rtms = await start({ server, nodeId: 'n1' })
    const port = await listening(server)
    expect((await rtms.tickets.issue({ user: 'u1' })).url).toBe(`wss://localhost:${port}/rtms?route=n1`)
  })

  it('shares the server with another node at another path', async () => {
    const server = createServer()
    const options = { server, secret: SECRET, nodeId: 'b', path: '/b' }
    const [a, b] = [await start({ server, nodeId: 'a', path: '/a' }), await start(options)]
    await listening(server)
    for (const rtms of [a, b]) {
      const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
      expect(peer.all('welcome')[0]?.node).toBe(rtms.node)
    }
  })

  it.each(['the node', 'the server'])('ends in good order where %s is closed first', async (first) => {
    const server = createServer((_, response) => void setTimeout(() => response.end('late'), 200))
    const rtms = await start({ server })
    const answers: unknown[] = []
    rtms.onRequest('slow', async ({ signal }) => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      answers.push(signal.aborted)
      return 'done'
    })
    const port = await listening(server)
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(request(1, 'slow', ''))
    const page = fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
    await once(server, 'request')
    const ended = once(server, 'close')
    if (first === 'the server') server.close()
    await rtms.close()
    if (first === 'the node') server.close()
    // What others have asked the server is answered, and nobody keeps it open.
    expect(await (await page).text()).toBe('late')
    await ended
    expect((await peer.closed).code).toBe(4454)
    expect(answers).toHaveLength(1)
    expect(Object.hasOwn(server, 'emit')).toBe(false)
  })
})
