import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Client, connect, type ConnectOptions } from '../../../src/client/node.ts'
import type { RtmsError } from '../../../src/protocol/index.ts'
import { FakeSocket } from './fake-socket.ts'

/* The entry of Node: where the sockets of its clients come from. */

const clients: Client[] = []
const servers: WebSocketServer[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) server.close()
})

it.each([undefined, null, 'ws://localhost:3000', 7])(
  'connect(%o) says that it needs getTicket',
  (options) => {
    expect(() => connect(options as never)).toThrow(
      'connect needs getTicket, a function that returns a ticket',
    )
  },
)

function open(options: Partial<ConnectOptions> = {}, url = 'ws://127.0.0.1:1/rtms'): void {
  clients.push(
    connect({ getTicket: () => ({ url, token: 't', expiresAt: Date.now() / 1000 + 60 }), ...options }),
  )
}

async function listening(): Promise<[WebSocketServer, string]> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  servers.push(server)
  await once(server, 'listening')
  return [server, `ws://127.0.0.1:${(server.address() as AddressInfo).port}/rtms`]
}

/** Why the next attempt of a client failed. */
function whyNot(url: string): Promise<RtmsError | null> {
  return new Promise((resolve) => {
    open({ maxBackoffMs: 100 }, url)
    clients.at(-1)?.onState((state, error) => state === 'disconnected' && resolve(error))
  })
}

describe('A client of Node gets its socket', () => {
  it('from ws', async () => {
    const [server, url] = await listening()
    const connected = once(server, 'connection') as Promise<[WebSocket]>
    open({}, url)
    const [{ protocol }] = await connected
    expect(protocol).toBe('rtms.v1')
  })

  it('from the application where that makes them', async () => {
    const made: unknown[] = []
    open({
      socket: (url) => {
        made.push(url)
        return new FakeSocket()
      },
    })
    await expect.poll(() => made).toEqual(['ws://127.0.0.1:1/rtms'])
  })
})

describe('A client of Node that cannot connect says why', () => {
  it('a port that refuses', async () => {
    const [server, url] = await listening()
    server.close()
    await once(server, 'close')
    const error = await whyNot(url)
    expect(error).toMatchObject({ code: 'UNREACHABLE', retry: 'later', cause: { code: 'ECONNREFUSED' } })
    expect(error?.message).toMatch(/no connection to ws:.*ECONNREFUSED/)
  })

  it('a server that answers something else', async () => {
    for (const status of [404, 403]) {
      const server = createServer().listen(0, '127.0.0.1')
      server.on('upgrade', (_, socket) => socket.end(`HTTP/1.1 ${status} No\r\n\r\n`))
      await once(server, 'listening')
      const error = await whyNot(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/rtms`)
      server.close()
      expect([error?.code, error?.message]).toEqual([
        'UNREACHABLE',
        expect.stringContaining(`Unexpected server response: ${status}`),
      ])
    }
  })

  it('a scheme that is none, and a name that nobody has', async () => {
    expect((await whyNot('ftp://127.0.0.1/rtms'))?.message).toMatch(/no connection to ftp:.*protocol/)
    expect((await whyNot('ws://no.invalid/rtms'))?.message).toMatch(/ENOTFOUND|EAI_AGAIN/)
  })
})

describe('A client of Node that is closed', () => {
  it('cuts off a peer that does not answer, so that the process can end', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    const gone = new Promise((resolve) => {
      server.on('upgrade', (request, socket) => {
        const key = createHash('sha1')
          .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest('base64')
        // It takes the socket and never reads or says anything again.
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\nSec-WebSocket-Protocol: rtms.v1\r\n\r\n`,
        )
        socket
          .on('error', resolve)
          .on('end', () => resolve(socket.end()))
          .resume()
        setTimeout(() => clients.at(-1)?.close(), 100)
      })
    })
    await once(server, 'listening')
    const began = performance.now()
    open({}, `ws://127.0.0.1:${(server.address() as AddressInfo).port}/rtms`)
    await gone
    expect(performance.now() - began).toBeLessThan(2_000)
    server.close()
  })
})
