import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import { HttpSockets, type Watched } from '../../../src/server/edge/http-sockets.ts'
import { serverLimits } from '../../../src/server/ground/limits.ts'

let ports = 0

class FakeSocket {
  readonly localAddress: string
  readonly remoteAddress: string
  readonly remotePort: number = ++ports
  bytesWritten = 0
  writableLength = 0
  destroyed = false

  constructor(address = '192.0.2.1', port?: number, localAddress = '203.0.113.1') {
    this.remoteAddress = address
    this.localAddress = localAddress
    if (port !== undefined) this.remotePort = port
  }

  destroy(): this {
    this.destroyed = true
    return this
  }
}

function send(socket: FakeSocket, bytes: number): void {
  socket.bytesWritten += bytes
  socket.writableLength += bytes
}

function take(socket: FakeSocket, bytes: number): void {
  socket.writableLength -= bytes
}

const watched = (socket: FakeSocket): Watched => socket as unknown as Watched
const trusted = '127.0.0.1'

function make(perAddress = 3): HttpSockets {
  return new HttpSockets(perAddress, ({ remoteAddress = '' }) =>
    remoteAddress === trusted ? '' : remoteAddress,
  )
}

function add(sockets: HttpSockets, address?: string): FakeSocket {
  const socket = new FakeSocket(address)
  sockets.add(watched(socket))
  return socket
}

const destroyed = (sockets: readonly FakeSocket[]): boolean[] => sockets.map((socket) => socket.destroyed)

describe('The sockets of an HTTP server', () => {
  it('are so many for an address; one more takes the place of the one that has been silent for longest', () => {
    const sockets = make(3)
    const all = [1, 2, 3].map(() => add(sockets))
    expect(sockets.begin(watched(all[0] as FakeSocket), new EventEmitter() as never)).toBe(true)
    all.push(add(sockets), add(sockets, '192.0.2.2'), add(sockets))
    expect(destroyed(all)).toEqual([false, true, true, false, false, false])
    expect(sockets.size).toBe(4)
  })

  it('of one port of a client are counted for each address of the machine that it connects to', () => {
    const sockets = make(2)
    const all = [1, 2, 3].map((at) => new FakeSocket('192.0.2.1', 4_711, `203.0.113.${at}`))
    for (const socket of all) sockets.add(watched(socket))
    expect(destroyed(all)).toEqual([true, false, false])
    expect(sockets.size).toBe(2)
  })

  it('are not watched by a server that could not listen', () => {
    vi.useFakeTimers()
    try {
      const server = createServer()
      make().watch(server)
      expect(vi.getTimerCount()).toBe(0)
      server.emit('listening')
      expect(vi.getTimerCount()).toBe(1)
      server.emit('close')
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('behind a trusted proxy are bounded in total alone', () => {
    const sockets = make(1)
    const all = [1, 2, 3].map(() => add(sockets, trusted))
    expect(destroyed(all)).toEqual([false, false, false])
  })

  it('are so many in total; one more takes the place of one of the address that has the most', () => {
    const sockets = make(serverLimits.httpSockets)
    const few = add(sockets, '192.0.2.2')
    const many = Array.from({ length: serverLimits.httpSockets - 1 }, () => add(sockets))
    expect(destroyed([few, ...many])).not.toContain(true)
    const next = add(sockets, '192.0.2.3')
    expect(destroyed([few, next, ...many.slice(0, 2)])).toEqual([false, false, true, false])
    expect(sockets.size).toBe(serverLimits.httpSockets)
  })

  it('are forgotten with everything about them, in whatever order', () => {
    const sockets = make(2)
    const [a, b] = [add(sockets), add(sockets)] as const
    sockets.remove(watched(a))
    sockets.remove(watched(a))
    expect(sockets.size).toBe(1)
    const c = add(sockets)
    expect(destroyed([a, b, c])).toEqual([false, false, false])
    for (const socket of [b, c]) sockets.remove(watched(socket))
    expect(sockets.size).toBe(0)
    expect(sockets.begin(watched(b), new EventEmitter() as never)).toBe(false)
  })

  it('with TLS are counted once, and closed by the socket that is behind the handshake', () => {
    const sockets = make(2)
    const bare = add(sockets)
    const secure = new FakeSocket(bare.remoteAddress, bare.remotePort)
    sockets.add(watched(secure))
    expect(sockets.size).toBe(1)
    add(sockets)
    add(sockets)
    expect(destroyed([bare, secure])).toEqual([false, true])
    sockets.remove(watched(bare))
    expect(sockets.size).toBe(2)
  })

  it('may have so many requests at a time, again and again', () => {
    const sockets = make()
    const socket = add(sockets)
    const responses = Array.from({ length: serverLimits.pipelined }, () => new EventEmitter())
    const begin = (response: EventEmitter): boolean => sockets.begin(watched(socket), response as never)
    for (let round = 0; round < 3; round++) {
      expect(responses.every(begin)).toBe(true)
      for (const response of responses) response.emit('close')
    }
    expect(responses.every(begin)).toBe(true)
    expect(begin(new EventEmitter())).toBe(false)
    expect([socket.destroyed, sockets.size]).toEqual([true, 0])
    expect(begin(new EventEmitter())).toBe(false)
  })

  it('are cut off where what waits for the client is not taken in time', () => {
    const { takenMs } = serverLimits
    const sockets = make()
    const [idle, slow, stopped] = [add(sockets), add(sockets), add(sockets)] as const
    send(slow, 1_000)
    send(stopped, 1_000)
    sockets.check(0)
    take(stopped, 999)
    for (let now = 1_000; now < takenMs; now += 1_000) sockets.check(now)
    expect(destroyed([idle, slow, stopped])).toEqual([false, false, false])
    // One takes everything at the last moment, and more waits for it already.
    take(slow, 1_000)
    send(slow, 5)
    sockets.check(takenMs)
    expect(destroyed([idle, slow, stopped])).toEqual([false, false, true])
    for (let now = takenMs; now < 2 * takenMs; now += 1_000) sockets.check(now)
    expect(slow.destroyed).toBe(false)
    sockets.check(2 * takenMs)
    expect(destroyed([idle, slow])).toEqual([false, true])
    expect(sockets.size).toBe(1)
  })
})
