import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eachPublication, jsonCodec, type MessageOf } from '../../../src/protocol/index.ts'
import { type Bot, type Meeting, type Rtms, type RtmsOptions } from '../../../src/server/index.ts'
import {
  eventually,
  hello,
  join,
  json,
  Peer,
  raw,
  refused,
  request,
  start,
  stopAll,
  subscribe,
  tokenOf,
} from './peer.ts'

/*
 * Bugs that others shipped, tried over real sockets. What needs only time is in test/unit/core/hard-bugs.test.ts.
 */

const servers: Server[] = []
/** What would end a process that does not expect it. */
const fatal: unknown[] = []
const note = (error: unknown): void => void fatal.push(error)

beforeEach(() => {
  fatal.length = 0
  process.on('uncaughtException', note).on('unhandledRejection', note)
})

afterEach(async () => {
  await stopAll()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
  process.off('uncaughtException', note).off('unhandledRejection', note)
  expect(fatal).toEqual([])
})

/** A node attached to a server whose sockets can be counted. */
async function attached(options: Partial<RtmsOptions> = {}): Promise<{ rtms: Rtms; sockets: Set<Socket> }> {
  const server = createServer({ headersTimeout: 500, connectionsCheckingInterval: 50 })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  servers.push(server)
  const rtms = await start({ server, ...options })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { rtms, sockets }
}

async function resume(rtms: Rtms, token: string, session: string, received: number): Promise<Peer> {
  const peer = await new Peer(rtms.address.url).opened()
  peer.send(hello(token, { session, received }))
  await peer.next('welcome')
  return peer
}

const sessionOf = (peer: Peer): string => peer.all('welcome')[0]?.session ?? ''
const pushed = (peer: Peer): unknown[] => peer.all('push').map(({ data }) => json(data))

describe('An old socket', () => {
  it('hard bug 1: that is reaped late does not freeze the live one', async () => {
    const { rtms, sockets } = await attached()
    await rtms.meetings.open('m')
    const token = await tokenOf(rtms)
    const old = await Peer.connect(rtms.address.url, token)
    old.send(join(1, 'm'), subscribe(2, 't'))
    await old.next('subscribed')
    // It answers nothing any more, not even the close; its end comes when the node's patience is over.
    old.ws.pause()
    const live = await resume(rtms, token, sessionOf(old), 2)
    live.send(join(3, 'm'), subscribe(4, 't'))
    await live.next('subscribed')
    expect(sockets.size).toBe(2)
    await eventually(() => sockets.size === 1)
    const frames = live.all('frames').length
    rtms.topics.publish('t', 'after')
    await rtms.users.push('u1', 'x', 'after')
    await live.next('publications')
    await live.next('push')
    await live.until(() => live.all('frames').length > frames + 2)
    expect(rtms.meetings.get('m')?.members).toMatchObject([{ user: 'u1', away: false }])
    expect(rtms.health()).toMatchObject({ connections: 1, sessions: 1 })
  })

  it('hard bug 6: what was missed comes at one reconnect, and at no other', async () => {
    const rtms = await start()
    const token = await tokenOf(rtms)
    let peer = await Peer.connect(rtms.address.url, token)
    const session = sessionOf(peer)
    const heard: unknown[] = []
    for (let round = 1; round <= 5; round++) {
      peer.ws.terminate()
      await eventually(() => rtms.health().connections === 0)
      await rtms.users.push('u1', 'x', round)
      peer = await resume(rtms, token, session, heard.length)
      await peer.next('push')
      // Behind whatever else the node might send.
      peer.send({ type: 'ping', time: 1 })
      await peer.next('pong')
      heard.push(...pushed(peer))
    }
    expect(heard).toEqual([1, 2, 3, 4, 5])
  })

  it('hard bug 7: a first ping time-out does not spoil the recoveries after it', async () => {
    const rtms = await start({ limits: { heartbeatMs: 100, sessionKeepMs: 500 } })
    const token = await tokenOf(rtms)
    let peer = await Peer.connect(rtms.address.url, token)
    const session = sessionOf(peer)
    for (let round = 0; round < 3; round++) {
      expect((await peer.closed).code).toBe(1006)
      peer = await resume(rtms, token, session, 0)
      expect(peer.all('welcome')).toMatchObject([{ session, resumed: true }])
    }
    // This one answers, and lives much longer than a session is kept.
    const { ws } = peer
    ws.on('message', () => peer.send({ type: 'pong', echo: 0, time: 0, lateness: 0 }))
    peer.send({ type: 'pong', echo: 0, time: 0, lateness: 0 })
    await peer.until(() => peer.all('ping').length >= 12)
    expect(rtms.health()).toMatchObject({ connections: 1, sessions: 1 })
  })
})

describe('A reader that stops and reads on', () => {
  it.each([
    ['by its socket alone', 0],
    ['by credit and its socket', 131_072],
  ])(
    'hard bugs 8 and 9: held %s, gets what the topic still has, in order, and is told of the rest',
    async (_, window) => {
      const rtms = await start({ limits: { heartbeatMs: 60_000 } })
      rtms.topics.define('t', { entries: 50, bytes: 10_000_000 })
      const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms), undefined, window)
      peer.send(subscribe(1, 't'))
      await peer.next('subscribed')
      const numbers: number[] = []
      peer.ws.on('message', () => {
        if (window > 0) peer.ack(peer.received)
        for (const message of peer.heard.splice(0)) {
          if (message.type === 'gap') gaps.push(message)
          if (message.type === 'publications')
            eachPublication(message.publications, message.at, (entry) =>
              numbers.push(Number(/\d+/.exec(json(entry.data) as string)?.[0])),
            )
        }
      })
      const gaps: MessageOf<'gap'>[] = []
      let count = 0
      for (let round = 1; round <= 4; round++) {
        peer.ws.pause()
        const stalls = (): number => rtms.stats.socketStalls + rtms.stats.creditStalls
        for (const before = stalls(); stalls() === before; await new Promise(setImmediate))
          rtms.topics.publish('t', `${++count} ${'x'.repeat(20_000)}`)
        // Enough for what it is not handed to fall off the ring.
        for (let n = 0; n < 60; n++) {
          rtms.topics.publish('t', `${++count}`)
          await new Promise(setImmediate)
        }
        peer.ws.resume()
        await peer.until(() => numbers.at(-1) === count)
        rtms.topics.publish('t', `${++count}`)
        await peer.until(() => numbers.at(-1) === count)
      }
      const missed = gaps.reduce((sum, { from, to }) => sum + to - from, 0)
      expect(gaps.every(({ reason }) => reason === 'SLOW')).toBe(true)
      expect(missed).toBeGreaterThan(0)
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
      expect(numbers.length + missed).toBe(count)
    },
  )
})

describe('A socket that goes while something is awaited', () => {
  it.each<[string, (peer: Peer) => void]>([
    ['leaves', (peer) => peer.ws.close(1000)],
    ['is cut', (peer) => peer.ws.terminate()],
    ['is reset', (peer) => (peer.ws as unknown as { _socket: Socket })._socket.resetAndDestroy()],
  ])('hard bug 10: the process lives on where it %s', async (_, go) => {
    const { rtms, sockets } = await attached({ limits: { sessionKeepMs: 50 } })
    await rtms.meetings.open('m')
    const gate: { open: () => void } = { open: () => {} }
    const held = new Promise<void>((resolve) => (gate.open = resolve))
    const reached = new Set<string>()
    const wait = async (what: string): Promise<void> => {
      reached.add(what)
      await held
    }
    const off = rtms.authorize(async ({ action }) => {
      await wait(action)
      return true
    })
    rtms.onConnect(() => wait('onConnect'))
    rtms.onDisconnect(() => wait('onDisconnect'))
    rtms.onRequest('slow', async ({ signal }) => {
      await wait('request')
      return signal.aborted
    })
    const token = await tokenOf(rtms)
    for (const step of ['verify', 'refresh', 'join', 'subscribe', 'publish', 'request']) {
      const peer = await new Peer(rtms.address.url).opened()
      peer.send(hello(token))
      if (step !== 'verify') await peer.next('welcome')
      if (step === 'refresh') peer.send({ type: 'refresh', call: 1, token })
      if (step === 'join') peer.send(join(1, 'm'))
      if (step === 'subscribe') peer.send(subscribe(1, 't'))
      if (step === 'publish')
        peer.send({ type: 'publish', call: 1, topic: 't', key: '', tombstone: false, data: DATA })
      if (step === 'request') peer.send(request(1, 'slow'))
      if (!['verify', 'refresh'].includes(step)) await eventually(() => reached.has(step))
      go(peer)
    }
    await eventually(() => sockets.size === 0)
    gate.open()
    await eventually(() => rtms.health().sessions === 0)
    expect([...reached].sort()).toEqual(
      ['join', 'onConnect', 'onDisconnect', 'publish', 'request', 'subscribe'].sort(),
    )
    expect(rtms.meetings.get('m')?.members).toEqual([])
    expect(rtms.topics.get('t')?.subscribers ?? 0).toBe(0)
    off()
    const peer = await Peer.connect(rtms.address.url, token)
    peer.send(join(1, 'm'))
    await peer.next('joined')
  })
})

const DATA: MessageOf<'publish'>['data'] = { text: true, bytes: new TextEncoder().encode('1') }

describe('Sockets that never get through the handshake', () => {
  it('hard bug 11: leave no connection, no session, no timer and no descriptor behind', async () => {
    const { rtms, sockets } = await attached({ limits: { helloMs: 300 } })
    const { port } = new URL(rtms.address.url)
    const upgraded =
      'GET /rtms HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: rtms.v1\r\n\r\n'
    const beginnings = [
      upgraded,
      upgraded.slice(0, 60),
      upgraded.replace('/rtms', '/other'),
      upgraded.replace('rtms.v1', 'soap'),
      'GET /rtms HTTP/1.1\r\nHost: a\r\n',
    ]
    const ends = []
    for (let n = 0; n < 100; n++) ends.push((await raw(Number(port), beginnings[n % 5] ?? '')).answer)
    for (let n = 0; n < 20; n++) ends.push(refused(rtms.address.url, n % 2 === 0 ? '' : 'a.b.c'))
    expect(sockets.size).toBeGreaterThan(40)
    await Promise.all(ends)
    await eventually(() => sockets.size === 0)
    expect(rtms.health()).toMatchObject({ connections: 0, sessions: 0, topics: 0 })
    expect(rtms.stats.connectionsClosed).toBe(rtms.stats.connectionsOpened)
    expect(/^rtms_timers (\d+)$/m.exec(await rtms.metrics())?.[1]).toBe('0')
  })
})

describe('A room', () => {
  it('hard bug 12: is neither leaked nor closed to its player by a bad attempt to come back', async () => {
    const rtms = await start({ limits: { sessionKeepMs: 3_000 } })
    await rtms.meetings.open('m', { capacity: 1, ttlMs: 1_000 })
    const token = await tokenOf(rtms)
    const eve = await tokenOf(rtms, 'eve')
    const ann = await Peer.connect(rtms.address.url, token)
    ann.send(join(1, 'm'))
    const { slot, world } = await ann.next('joined')
    ann.ws.terminate()
    for (const bad of [eve, '', 'a.b.c', `${token.slice(0, -4)}AAAA`]) {
      const thief = await new Peer(rtms.address.url).opened()
      thief.send(hello(bad, { session: sessionOf(ann) }), join(1, 'm'))
      expect((await thief.closed).code).toBe(4401)
      expect(thief.all('joined')).toEqual([])
    }
    const back = await resume(rtms, token, sessionOf(ann), 1)
    back.send({ ...join(2, 'm'), world, next: 1 })
    expect(await back.next('joined')).toMatchObject({ slot, recovered: true })
    back.ws.terminate()
    await eventually(() => rtms.meetings.get('m') === undefined)
    await eventually(() => rtms.health().sessions === 0)
    expect(/^rtms_timers (\d+)$/m.exec(await rtms.metrics())?.[1]).toBe('0')
  })

  it('hard bug 13: that is being closed while users join is one room or none, never a zombie', async () => {
    const rtms = await start()
    const opened: Meeting[] = []
    const hooks: string[] = []
    rtms.meetings.define('k', {
      onOpen: (meeting) => void opened.push(meeting),
      onClose: (meeting) => {
        hooks.push('close')
        // The business puts the room away, and opens it anew, while it ends.
        void rtms.meetings.open(meeting.name, { kind: 'k' })
      },
    })
    rtms.authorize(() => new Promise((resolve) => setImmediate(resolve, true)))
    const token = await tokenOf(rtms)
    const peers = []
    for (let round = 0; round < 10; round++) {
      const { name } = await rtms.meetings.open('m', { kind: 'k' })
      const peer = await Peer.connect(rtms.address.url, token)
      peers.push(peer)
      peer.send(join(1, name))
      for (let turns = 0; turns < round; turns++) await new Promise(setImmediate)
      rtms.meetings.close(name)
      await peer.until(() => [...peer.all('joined'), ...peer.all('failed')].length === 1)
      // Either the join was too late, or its room has told that it ended.
      if (peer.all('failed').length === 0) await peer.next('ended')
      else expect(peer.all('failed')).toMatchObject([{ error: 'NOT_FOUND' }])
    }
    expect(hooks).toHaveLength(opened.length)
    expect([[...(await rtms.meetings.list())], rtms.meetings.get('m')]).toEqual([[], undefined])
    expect(() => opened.at(-1)?.info).toThrow('was closed')
    const { meetings } = rtms
    expect((await meetings.open('m', { kind: 'k' })).info.members).toEqual([])
    meetings.close('m')
    expect(/^rtms_meetings (\d+)$/m.exec(await rtms.metrics())?.[1]).toBe('0')
  })
})

describe('A buffer that the business uses again at once', () => {
  it('hard bug 14: leaks nobody’s bytes', async () => {
    const rtms = await start()
    const shared = new Uint8Array(600)
    /** The only buffer there is, filled for whoever it is for. */
    const fill = (mark: number): Uint8Array => shared.fill(mark)
    let bot: Bot | undefined
    rtms.meetings.define('k', {
      frameRate: 60,
      inputBytes: 1_000,
      // All that the bot says may wait: on a quick machine it is said within few frames.
      inputBurst: 100,
      onOpen: (meeting) => (bot = meeting.addBot('bot')) && undefined,
      onInput: ({ slot }) => fill(slot + 100),
    })
    const meeting = await rtms.meetings.open('m', { kind: 'k' })
    rtms.onRequest('mine', ({ user }) => fill(Number(user)))
    const peers = await Promise.all(
      [1, 2, 3, 4].map(async (user) =>
        Peer.connect(rtms.address.url, await tokenOf(rtms, `${user}`), user === 4 ? jsonCodec : undefined),
      ),
    )
    const logs: number[] = []
    const slots: number[] = []
    for (const peer of peers) {
      peer.send(join(1, 'm'), subscribe(2, 't'))
      const { log, slot } = await peer.next('joined')
      logs.push(log)
      slots.push(slot)
    }
    for (let round = 1; round <= 20; round++) {
      for (const [n, peer] of peers.entries()) {
        await rtms.users.push(`${n + 1}`, 'x', fill(n + 1))
        meeting.sendTo(slots[n] ?? 0, fill(n + 1))
        rtms.topics.publish('t', fill(200))
        bot?.send(fill(150))
        peer.send(request(round + 2, 'mine'), {
          type: 'input',
          log: logs[n] ?? 0,
          seq: round,
          after: 0,
          seen: 0,
          data: DATA,
        })
      }
      fill(0)
      for (const peer of peers) await peer.next('reply', ({ call }) => call === round + 2)
    }
    for (const [n, peer] of peers.entries()) {
      const own = (): Uint8Array[] =>
        [...peer.all('push'), ...peer.all('direct'), ...peer.all('reply')].map(({ data }) => data.bytes)
      await peer.until(() => own().length >= 60)
      expect(own().map((bytes) => [...new Set(bytes)])).toEqual(Array.from({ length: 60 }, () => [n + 1]))
    }
    // What all of them see: whole payloads of one mark each.
    const [first] = peers as [Peer]
    const frames = (): Record<number, number> => runs(first.all('frames').map(({ frames: bytes }) => bytes))
    const publications = (): Record<number, number> =>
      runs(first.all('publications').map(({ publications: bytes }) => bytes))
    await first.until(() => total(frames()) >= 160 && total(publications()) >= 80)
    expect(frames()).toEqual({ 100: 0, 101: 20, 102: 20, 103: 20, 104: 20, 150: 80 })
    expect(publications()).toEqual({ 100: 0, 200: 80 })
  })
})

/** How many runs of 600 bytes of each mark there are. */
function runs(packets: readonly Uint8Array[]): Record<number, number> {
  const bytes = Buffer.concat(packets)
  const found: Record<number, number> = {}
  for (const mark of [100, 101, 102, 103, 104, 150, 200]) {
    const whole = Buffer.alloc(600, mark)
    let count = 0
    for (let at = bytes.indexOf(whole); at !== -1; count++) at = bytes.indexOf(whole, at + 600)
    if (count > 0 || mark === 100) found[mark] = count
  }
  return found
}

const total = (found: Record<number, number>): number => Object.values(found).reduce((sum, n) => sum + n)
