import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Client, connect, type ConnectOptions } from '../../../src/client/node.ts'
import { FakeSocket } from './fake-socket.ts'

/* The entry of Node: where the sockets of its clients come from. */

const global = globalThis as { WebSocket?: unknown }
const original = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket')
const clients: Client[] = []
const servers: WebSocketServer[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) server.close()
  delete global.WebSocket
  if (original !== undefined) Object.defineProperty(globalThis, 'WebSocket', original)
})

function open(options: Partial<ConnectOptions> = {}, url = 'ws://127.0.0.1:1/rtms'): void {
  clients.push(
    connect({ getTicket: () => ({ url, token: 't', expiresAt: Date.now() / 1000 + 60 }), ...options }),
  )
}

/** A WebSocket of the global kind that keeps how it was made. */
function globalSocket(): unknown[][] {
  const made: unknown[][] = []
  global.WebSocket = class extends FakeSocket {
    constructor(...args: unknown[]) {
      super()
      made.push(args)
    }
  }
  return made
}

describe('A client of Node gets its socket', () => {
  it('from ws where there is no global WebSocket', async () => {
    delete global.WebSocket
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    servers.push(server)
    await once(server, 'listening')
    const connected = once(server, 'connection') as Promise<[WebSocket]>
    open({}, `ws://127.0.0.1:${(server.address() as AddressInfo).port}/rtms`)
    const [{ protocol }] = await connected
    expect(protocol).toBe('rtms.v1')
  })

  it('from the global WebSocket where there is one', async () => {
    const made = globalSocket()
    open()
    await expect.poll(() => made).toEqual([['ws://127.0.0.1:1/rtms', ['rtms.v1']]])
  })

  it('from the application where that makes them, whatever else there is', async () => {
    for (const hasGlobal of [false, true]) {
      delete global.WebSocket
      const others = hasGlobal ? globalSocket() : []
      const made: unknown[] = []
      open({
        socket: (url) => {
          made.push(url)
          return new FakeSocket()
        },
      })
      await expect.poll(() => made).toEqual(['ws://127.0.0.1:1/rtms'])
      expect(others).toEqual([])
    }
  })
})
