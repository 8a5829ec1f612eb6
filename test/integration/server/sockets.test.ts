import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { jsonCodec } from '../../../src/protocol/index.ts'
import type { Rtms, RtmsOptions } from '../../../src/server/index.ts'
import {
  eventually,
  hello,
  join,
  Peer,
  raw,
  request,
  start,
  stopAll,
  subscribe,
  tokenOf,
  upgrade,
} from './peer.ts'

afterEach(stopAll)

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A peer that is owed more than its window. */
async function indebted(options: Partial<RtmsOptions> = {}): Promise<{ rtms: Rtms; peer: Peer }> {
  const rtms = await start(options)
  const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms), undefined, 2_000)
  for (let n = 0; n < 4; n++) await rtms.users.push('u1', 'p', 'x'.repeat(1_000))
  await peer.next('push')
  await eventually(() => rtms.stats.creditStalls > 0)
  return { rtms, peer }
}

const ending = async (peer: Peer): Promise<unknown[]> => {
  const { code, reason } = await peer.closed
  return [code, reason, ...peer.all('goodbye').map((goodbye) => goodbye.code)]
}

describe('A client that acknowledges nothing, whose credit is used up', () => {
  it('is told of a violation', async () => {
    const { peer } = await indebted()
    peer.send(hello(''))
    expect(await ending(peer)).toEqual([4400, 'PROTOCOL', 4400])
  })

  it('is told that it is too slow', async () => {
    const { rtms, peer } = await indebted({ limits: { sessionLogBytes: 65_536 } })
    for (let n = 0; n < 70; n++) await rtms.users.push('u1', 'p', 'x'.repeat(1_000))
    expect(await ending(peer)).toEqual([4450, 'SLOW', 4450])
  })

  it('is told that what it sends had to be refused too often', async () => {
    const { peer } = await indebted({ limits: { refusalBurst: 10 } })
    peer.send(...Array.from({ length: 40 }, (_, n) => join(n + 1, 'nowhere')))
    expect(await ending(peer)).toEqual([4453, 'RATE', 4453])
  })

  it('is told that the business sends it away, and that the node stops', async () => {
    const { rtms, peer } = await indebted()
    await rtms.users.disconnect('u1', { reason: 'a break' })
    expect(await ending(peer)).toEqual([4451, 'EXPIRED', 4451])
    const other = await indebted()
    void other.rtms.close({ timeoutMs: 1_000 })
    expect(await ending(other.peer)).toEqual([4454, 'DRAINING', 4454])
  })
})

describe('A sign of life', () => {
  /** Seconds are tenths here. */
  const limits = { heartbeatMs: 200 }
  /** A peer past its welcome that answers nothing by itself, and its socket. */
  async function mute(): Promise<{ peer: Peer; socket: Socket; reasons: string[] }> {
    const rtms = await start({ limits })
    const reasons: string[] = []
    rtms.onDisconnect(({ reason }) => void reasons.push(reason))
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    return { peer, socket: (peer.ws as unknown as { _socket: Socket })._socket, reasons }
  }

  it('is a WebSocket ping, and a pong that nobody asked for', async () => {
    const { peer, reasons } = await mute()
    const begin = performance.now()
    for (let n = 0; performance.now() - begin < 1_200; n++) {
      if (n % 2 === 0) peer.ws.ping()
      else peer.ws.pong()
      await pause(50)
    }
    expect(reasons).toEqual([])
    await peer.closed
    expect(reasons).toEqual(['SILENT'])
  })

  it('is every byte of a packet that trickles in, and a packet that stops half-way is none', async () => {
    const { peer, socket, reasons } = await mute()
    // One masked binary frame, in pieces.
    const payload = Buffer.from(peer.codec.encode([request(1, 'm', 'x'.repeat(380))]))
    const head = Buffer.from([0x82, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0])
    const frame = Buffer.concat([head, payload])
    const begin = performance.now()
    for (let at = 0; at < frame.length; at += 16) {
      socket.write(frame.subarray(at, at + 16))
      await pause(50)
    }
    expect(performance.now() - begin).toBeGreaterThan(4 * limits.heartbeatMs)
    expect((await peer.next('failed')).error).toBe('NO_HANDLER')
    expect(reasons).toEqual([])
    socket.write(frame.subarray(0, 20))
    const stopped = performance.now()
    await peer.closed
    expect(reasons).toEqual(['SILENT'])
    expect(performance.now() - stopped).toBeGreaterThanOrEqual(2 * limits.heartbeatMs - 20)
  })
})

describe('An upgrade', () => {
  it('is refused with 403 where a page of another host asks for it', async () => {
    const rtms = await start()
    const { url, host, port } = rtms.address
    const from = async (origin: string) => (await upgrade(url, { Origin: origin })).status
    expect(await from(`http://${host}:${port}`)).toBe(101)
    expect(await from(`https://${host}:${port}`)).toBe(101)
    expect(await from(`http://${host}`)).toBe(403)
    expect(await from(`http://${host}.evil.example:${port}`)).toBe(403)
    expect(await from(`http://evil.example/${host}:${port}`)).toBe(403)
    expect(await from('null')).toBe(403)
    expect(await from('')).toBe(403)
    expect((await upgrade(url, { Origin: 'https://evil.example' })).body).toContain('Origin')
  })

  it('knows that a port may go without saying', async () => {
    const { address } = await start()
    const from = async (Origin: string, Host: string) => (await upgrade(address.url, { Origin, Host })).status
    expect(await from('https://game.example', 'game.example')).toBe(101)
    expect(await from('https://game.example', 'game.example:443')).toBe(101)
    expect(await from('https://game.example', 'GAME.example')).toBe(101)
    expect(await from('https://game.example', 'game.example:8443')).toBe(403)
  })

  it('is allowed for pages of another port where nodes differ by theirs', async () => {
    const { address } = await start({ publicUrl: 'ws://{host}:{port}/rtms' })
    const from = async (Origin: string) => (await upgrade(address.url, { Origin })).status
    expect(await from(`http://localhost:${address.port + 1}`)).toBe(101)
    expect(await from('http://localhost')).toBe(101)
    expect(await from(`http://localhost.evil.example:${address.port}`)).toBe(403)
    expect(await from('null')).toBe(403)
  })

  it('is allowed for exactly the origins that are listed, and for all with *', async () => {
    const listed = await start({ origins: ['https://game.example'] })
    const from = async (origin: string) => (await upgrade(listed.address.url, { Origin: origin })).status
    expect(await from('https://game.example')).toBe(101)
    expect(await from('http://game.example')).toBe(403)
    expect(await from('https://game.example.evil')).toBe(403)
    expect(await from(`http://localhost:${listed.address.port}`)).toBe(403)
    const open = await start({ origins: '*' })
    expect((await upgrade(open.address.url, { Origin: 'https://anything' })).status).toBe(101)
  })

  it('is refused with 400 without a subprotocol that is known', async () => {
    const { url } = (await start()).address
    for (const protocols of [[], ['soap'], ['rtms.v2']]) {
      const { status, body } = await upgrade(url, {}, protocols)
      expect([status, body]).toEqual([400, expect.stringContaining('rtms.v1 or rtms.v1.json')])
    }
    expect((await upgrade(url, {}, ['soap', 'rtms.v1.json', 'rtms.v1'])).body).toBe('rtms.v1.json')
  })

  it('is refused with 404 at another path', async () => {
    const { port } = (await start()).address
    for (const path of [
      '/',
      '/rtms/',
      '/rtmsx',
      '/RTMS',
      '//rtms',
      '/n/rtms',
      '/n/a.b/rtms',
      '/n/a/b/rtms',
      '/x/n/a/rtms',
    ]) {
      expect((await upgrade(`ws://127.0.0.1:${port}${path}`)).status).toBe(404)
    }
  })

  it('is taken at its path behind the name of any node, which a balancer may look at', async () => {
    const { port } = (await start()).address
    for (const path of ['/n/n1/rtms', '/n/another_Node-2/rtms?route=n3'])
      expect((await upgrade(`ws://127.0.0.1:${port}${path}`)).status).toBe(101)
  })

  it.each([
    [
      'has no key',
      'GET /rtms HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      '400',
    ],
    [
      'is to something else',
      'GET /rtms HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
      '400',
    ],
    [
      'is a POST',
      'POST /rtms HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      '405',
    ],
    [
      'has too many headers',
      `GET /rtms HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(150)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      '431',
    ],
    [
      'repeats a subprotocol',
      'GET /rtms HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: rtms.v1, rtms.v1\r\n\r\n',
      '400',
    ],
    ['is no HTTP', 'HELLO\r\n\r\n', '400'],
    ['has an endless header', `GET /rtms HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, '431'],
  ])('that %s is answered and closed', async (_, text, status) => {
    const rtms = await start()
    const { answer } = await raw(rtms.address.port, text)
    expect(await answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(rtms.health().connections).toBe(0)
  })
})

describe('A connection', () => {
  it('that sends a packet over 64 KiB is closed with 1009', async () => {
    const rtms = await start()
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.ws.send(new Uint8Array(65_537))
    expect((await peer.closed).code).toBe(1009)
    await eventually(() => rtms.health().connections === 0)
  })

  it('that sends a message in more than 64 fragments is closed with 1008', async () => {
    const rtms = await start()
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    for (let n = 0; n < 65; n++) peer.ws.send(new Uint8Array(1), { fin: false })
    expect((await peer.closed).code).toBe(1008)
  })

  it('that sends a malformed packet is closed with 4400 and told why', async () => {
    const rtms = await start()
    // Nothing; a type without a length; one whose length goes beyond the packet.
    for (const bytes of [new Uint8Array(0), new Uint8Array([0xff]), new Uint8Array([0xff, 0x05, 0x00])]) {
      const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
      peer.ws.send(bytes)
      expect(await peer.closed).toEqual({ code: 4400, reason: 'PROTOCOL' })
      expect(peer.all('goodbye')[0]).toMatchObject({ code: 4400, reason: expect.stringMatching(/./) })
    }
  })

  it('is closed with 4400 for text where it is binary, and the reverse', async () => {
    const { address } = await start()
    const binary = await new Peer(address.url).opened()
    binary.ws.send('[]')
    expect((await binary.closed).code).toBe(4400)
    expect(binary.all('goodbye')[0]?.reason).toContain('rtms.v1 is binary')
    const text = await new Peer(address.url, jsonCodec).opened()
    text.ws.send(jsonCodec.encode([hello('')]), { binary: true })
    expect((await text.closed).code).toBe(4400)
    expect(text.all('goodbye')[0]?.reason).toContain('a binary message')
  })

  it('that breaks the WebSocket protocol is closed by it', async () => {
    const rtms = await start()
    for (const [frame, code] of [
      [[0x83, 0x80, 0, 0, 0, 0], 1002],
      [[0x82, 0x01, 0], 1002],
      [[0xc2, 0x80, 0, 0, 0, 0], 1002],
      [[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007],
    ] as const) {
      const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
      const { _socket: socket } = peer.ws as unknown as { _socket: NodeJS.WritableStream }
      socket.write(new Uint8Array(frame))
      expect((await peer.closed).code).toBe(code)
    }
    await eventually(() => rtms.health().connections === 0)
  })

  it('that says no hello is closed with 4401', async () => {
    const { address } = await start({ limits: { helloMs: 20 } })
    expect((await (await new Peer(address.url).opened()).closed).code).toBe(4401)
  })

  it('over the limit is upgraded and closed with 4455', async () => {
    const { address } = await start({ limits: { connections: 1 } })
    await new Peer(address.url).opened()
    const peer = new Peer(address.url)
    expect((await peer.closed).code).toBe(4455)
    expect(peer.all('goodbye')[0]?.retryAfter).toBeGreaterThan(0)
  })

  it('whose peer falls silent is cut off', async () => {
    const rtms = await start({ limits: { heartbeatMs: 200 } })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    expect((await peer.closed).code).toBe(1006)
    expect(peer.all('ping').length).toBeGreaterThan(0)
  })

  it('that floods its queue is paused, loses nothing it was not told of, and reads on', async () => {
    const rtms = await start({ limits: { upstreamMessages: 8 } })
    await rtms.meetings.open('m', { frameRate: 0 })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(...Array.from({ length: 500 }, (_, n) => join(n + 1, 'm')))
    peer.send({ type: 'ping', time: 7 })
    await peer.next('pong')
    await peer.until(() => peer.all('joined').length + peer.all('failed').length === 500)
    expect(peer.all('failed').every(({ error }) => error === 'BUSY')).toBe(true)
    // One packet after another, there is room for each.
    for (let n = 501; n < 520; n++) {
      peer.send(join(n, 'm'))
      await peer.next('joined', ({ call }) => call === n)
    }
  })

  it('resumes its session, and the newer connection takes it over', async () => {
    const rtms = await start()
    const token = await tokenOf(rtms)
    const first = await Peer.connect(rtms.address.url, token)
    const { session } = await first.next('welcome')
    const second = await new Peer(rtms.address.url).opened()
    second.send(hello(token, { session }))
    expect(await second.next('welcome')).toMatchObject({ session, resumed: true })
    expect((await first.closed).code).toBe(4404)
    expect(await rtms.users.push('u1', 'x', 1)).toBe(1)
    await second.next('push')
  })
})

describe('A reader that stops', () => {
  const FEED = 'feed'
  const LIMITS = { window: 32_768, writeBytes: 16_384 }
  /** One page of a log may overshoot the size of a write. */
  const PAGE = 33_000

  /** Publishes `count` kilobytes, and lets the node sweep after each 16. */
  async function publish(rtms: Awaited<ReturnType<typeof start>>, count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      rtms.topics.publish(FEED, 'x'.repeat(1_000))
      if (n % 16 === 15) await new Promise(setImmediate)
    }
    await new Promise(setImmediate)
    await new Promise(setImmediate)
  }

  it('is handed at most its window and one write', async () => {
    const rtms = await start({ limits: LIMITS })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms), undefined, 1_000_000)
    expect(peer.all('welcome')[0]?.window).toBe(LIMITS.window)
    peer.send(subscribe(1, FEED))
    await peer.next('subscribed')
    peer.ws.pause()
    await publish(rtms, 5_000)
    expect(rtms.stats.bytesOut).toBeGreaterThanOrEqual(LIMITS.window)
    expect(rtms.stats.bytesOut).toBeLessThanOrEqual(LIMITS.window + LIMITS.writeBytes + PAGE)
    expect(rtms.stats.creditStalls).toBe(1)
    // Reading again and acknowledging brings the gap, and then what is new.
    peer.ws.resume()
    peer.send({ type: 'ack', bytes: rtms.stats.bytesOut, received: 0, seen: [] })
    expect(await peer.next('gap')).toMatchObject({ reason: 'SLOW' })
  })

  it('without a window is held by its socket, which lets it go on when it drains', async () => {
    const rtms = await start({ limits: { heartbeatMs: 60_000 } })
    rtms.topics.define(FEED, { entries: 1_000, bytes: 1_000_000 })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(subscribe(1, FEED))
    await peer.next('subscribed')
    peer.ws.pause()
    for (let n = 0; rtms.stats.socketStalls === 0 && n < 100; n++) await publish(rtms, 1_000)
    expect(rtms.stats.socketStalls).toBe(1)
    const { bytesOut } = rtms.stats
    await publish(rtms, 5_000)
    expect(rtms.stats.bytesOut).toBe(bytesOut)
    peer.ws.resume()
    await peer.next('gap')
    rtms.topics.publish(FEED, 'the last')
    await peer.next('publications', ({ publications }) => Buffer.from(publications).includes('the last'))
  })

  it('and is gone releases its connection', async () => {
    const rtms = await start({ limits: { heartbeatMs: 60_000 } })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(subscribe(1, FEED))
    await peer.next('subscribed')
    peer.ws.pause()
    for (let n = 0; rtms.stats.socketStalls === 0 && n < 100; n++) await publish(rtms, 1_000)
    peer.ws.terminate()
    await eventually(() => rtms.health().connections === 0)
    expect(rtms.topics.get(FEED)?.subscribers ?? 0).toBe(0)
  })
})

describe('The process', () => {
  it('lives on whatever bytes come', async () => {
    const rtms = await start({ limits: { helloMs: 1_000 } })
    const { port, url } = rtms.address
    const handshake =
      'GET /rtms HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: rtms.v1\r\n\r\n'
    const sockets = []
    for (let n = 0; n < 60; n++) {
      const noise = randomBytes(1 + n * 37)
      const { socket } = await raw(port, n % 2 === 0 ? noise : Buffer.concat([Buffer.from(handshake), noise]))
      sockets.push(socket)
      // Some hang up at once, some in the middle of a handshake.
      if (n % 3 === 0) socket.destroy()
      if (n % 5 === 0) socket.resetAndDestroy()
      const half = await raw(port, handshake.slice(0, n * 4))
      half.socket.end()
    }
    for (let n = 0; n < 60; n++) {
      const ws = new WebSocket(url, n % 2 === 0 ? 'rtms.v1' : 'rtms.v1.json')
      ws.on('error', () => {})
      await once(ws, 'open')
      ws.send(randomBytes(n * 11), { binary: n % 3 !== 0 })
      if (n % 4 === 0) ws.terminate()
    }
    await Peer.connect(url, await tokenOf(rtms))
    for (const socket of sockets) socket.destroy()
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
  })

  it('lives on when a token is being verified while its socket goes', async () => {
    const rtms = await start()
    const token = await tokenOf(rtms)
    for (let n = 0; n < 20; n++) {
      const peer = await new Peer(rtms.address.url).opened()
      peer.send(hello(token))
      peer.ws.terminate()
    }
    await eventually(() => rtms.health().connections === 0)
    await Peer.connect(rtms.address.url, token)
  })
})
