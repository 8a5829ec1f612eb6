import type { Duplex } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { jsonCodec, RtmsError, toPayload } from '../../../src/protocol/index.ts'
import type { Logger, Rtms, RtmsOptions } from '../../../src/server/index.ts'
import { framesOf, publicationsOf } from '../../../src/testing/heard.ts'
import { eventually, join, json, Peer, raw, request, start, stopAll, subscribe, tokenOf } from './peer.ts'

/*
 * Every port of a node throws, once or always. What is lost is at most the call or the connection it was about: a
 * bystander gets all of its own and nothing of another, nothing stays behind, and nobody is left without an answer.
 */

const uncaught: unknown[] = []
/** Well signed, by an issuer that the nodes do not know. */
let foreign = ''
const note = (error: unknown): void => void uncaught.push(error)

beforeAll(async () => {
  foreign = await tokenOf(await start({ issuer: 'another' }))
  await stopAll()
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
})

afterAll(() => {
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
})

afterEach(async () => {
  vi.restoreAllMocks()
  await stopAll()
  expect(uncaught.splice(0)).toEqual([])
})

/** The ways in which the code of others fails. */
const failures: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error('boom')
  },
  rejects: () => Promise.reject(new Error('boom')),
  'throws what is no Error': () => {
    throw Object.create(null)
  },
  'throws a refusal that cannot be read': () => {
    throw Object.defineProperty(new RtmsError('FULL'), 'code', { get: () => failures['throws']?.() })
  },
  'throws what cannot even be told apart': () => {
    throw new Proxy({}, { getPrototypeOf: () => failures['throws']?.() as null })
  },
  // oxlint-disable-next-line unicorn/no-thenable
  'answers a thenable that throws': () => ({ then: () => failures['throws']?.() }),
  'answers a thenable that cannot be read': () =>
    // oxlint-disable-next-line unicorn/no-thenable
    Object.defineProperty({}, 'then', { get: () => failures['throws']?.() }),
  'answers what has no JSON form': () => ({ count: 7n }),
}

/** Fails `times` times, then does as it should. */
class Fault {
  readonly #fail: () => unknown
  #left: number
  struck = 0

  constructor(fail: () => unknown, times: number) {
    this.#fail = fail
    this.#left = times
  }

  run(otherwise: () => unknown = () => undefined): unknown {
    if (this.#left === 0) return otherwise()
    this.#left--
    this.struck++
    return this.#fail()
  }

  /** From now on it does as it should. */
  mend(): void {
    this.#left = 0
  }
}

interface Port {
  readonly options?: (fault: Fault) => Partial<RtmsOptions>
  readonly install?: (rtms: Rtms, fault: Fault) => void
  /** Where a failure can only be thrown. */
  readonly throwsOnly?: boolean
  /** Where an answer that is none means that there will be none. */
  readonly answersItself?: boolean
  /** Where the wanderer does not come by. */
  readonly isSeldom?: boolean
}

// oxlint-disable-next-line typescript/unbound-method
const originalUpgrade = WebSocketServer.prototype.handleUpgrade

const levels = ['debug', 'info', 'warn', 'error'] as const

function loggerOf(level: (typeof levels)[number], fault: Fault): Logger {
  const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} }
  return { ...quiet, [level]: () => fault.run() }
}

/** Eve's connections speak JSON, so that what is done to hers is done to nobody else's. */
function onEvesSockets(act: (ws: WebSocket, socket: Duplex) => void): void {
  vi.spyOn(WebSocketServer.prototype, 'handleUpgrade').mockImplementation(function (
    this: WebSocketServer,
    asked,
    socket,
    head,
    done,
  ) {
    originalUpgrade.call(this, asked, socket, head, (ws, again) => {
      if (ws.protocol === jsonCodec.subprotocol) act(ws, socket)
      done(ws, again)
    })
  })
}

const socketPort = (method: 'pause' | 'resume' | 'close'): Port => ({
  throwsOnly: true,
  isSeldom: method === 'pause',
  install: (_, fault) =>
    onEvesSockets((ws) => {
      const original = ws[method].bind(ws) as (...args: unknown[]) => void
      ws[method] = (...args: unknown[]) => void fault.run(() => original(...args))
    }),
})

const hooks = ['onOpen', 'onJoin', 'onInput', 'onFrame', 'onLeave', 'onClose']

const kind = (hook: string): Port => ({
  install: (rtms, fault) => rtms.meetings.define('kind', { [hook]: () => fault.run() }),
})

const ports: Readonly<Record<string, Port>> = {
  ...Object.fromEntries(
    levels.map((level): [string, Port] => [
      `logger.${level}`,
      {
        options: (fault) => ({ logger: loggerOf(level, fault) }),
        install: (rtms) => void rtms.onRequest('r', failures['throws'] as () => unknown),
        isSeldom: level === 'info',
      },
    ]),
  ),
  handler: {
    answersItself: true,
    options: (fault) => ({ handler: (_, response) => fault.run(() => response.end('mine')) as void }),
  },
  onRequest: { install: (rtms, fault) => void rtms.onRequest('r', () => fault.run(() => 'fine')) },
  onConnect: { install: (rtms, fault) => void rtms.onConnect(() => fault.run()) },
  onDisconnect: { install: (rtms, fault) => void rtms.onDisconnect(() => fault.run()) },
  authorize: {
    install: (rtms, fault) =>
      void rtms.authorize(({ user }) => (user === 'bob' ? true : (fault.run(() => true) as boolean))),
  },
  onMissing: { install: (rtms, fault) => void rtms.meetings.onMissing(() => fault.run(() => null) as null) },
  ...Object.fromEntries(hooks.map((hook) => [hook, kind(hook)])),
  'socket.pause': socketPort('pause'),
  'socket.resume': socketPort('resume'),
  'socket.close': socketPort('close'),
  'socket.write': {
    throwsOnly: true,
    install: (_, fault) =>
      onEvesSockets((_ws, socket) => {
        const original = socket.write.bind(socket) as (bytes: Uint8Array) => boolean
        socket.write = (bytes: Uint8Array) => fault.run(() => original(bytes)) as boolean
      }),
  },
  upgrades: {
    throwsOnly: true,
    install: (_, fault) => {
      vi.spyOn(WebSocketServer.prototype, 'handleUpgrade').mockImplementation(function (
        this: WebSocketServer,
        asked,
        socket,
        head,
        done,
      ) {
        const upgrade = (): void => originalUpgrade.call(this, asked, socket, head, done)
        if (asked.headers['sec-websocket-protocol'] === jsonCodec.subprotocol) fault.run(upgrade)
        else upgrade()
      })
    },
  },
  fetch: {
    options: () => ({ requests: { url: 'http://127.0.0.1:1/', secret: 'x'.repeat(32) } }),
    install: (_, fault) => void vi.spyOn(globalThis, 'fetch').mockImplementation(() => fault.run() as never),
  },
  entropy: {
    throwsOnly: true,
    install: (_, fault) => {
      const original = crypto.getRandomValues.bind(crypto)
      vi.spyOn(crypto, 'getRandomValues').mockImplementation(
        (bytes) => fault.run(() => original(bytes)) as typeof bytes,
      )
    },
  },
}

/** Does a bit of everything, whatever becomes of it. */
async function wander(rtms: Rtms, token: string): Promise<void> {
  const { port, url } = rtms.address
  const http = `GET /app HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
  const answered = Promise.all([
    raw(port, http).then(({ answer }) => answer),
    raw(port, http.replace('/app', '/rtms/v1/info')).then(({ answer }) => answer),
  ])
  for (const bad of ['no token', foreign]) {
    const peer = new Peer(url, jsonCodec)
    await peer
      .opened()
      .then(() => peer.hello(bad))
      .catch(() => {})
    await peer.closed
  }
  const eve = new Peer(url, jsonCodec)
  try {
    await eve.opened()
    eve.hello(token, { window: 0 })
    await eve.next('welcome')
    eve.send(join(1, 'kind'), join(2, 'missing'), subscribe(3, 't', 'eve.1'))
    for (let call = 4; call < 12; call++) eve.send(request(call, 'r', 'secret of eve'))
    eve.send({ type: 'ping', time: 6 })
    await Promise.race([eve.next('pong'), eve.closed])
    const log = eve.all('joined')[0]?.log ?? 0
    eve.send({ type: 'input', log, seq: 1, after: 0, seen: 0, data: toPayload(1) })
    rtms.topics.publish('eve.1', 'secret of eve')
    await rtms.users.push('eve', 'note', 'secret of eve')
    eve.send({ type: 'ping', time: 7 })
    await Promise.race([eve.until(() => eve.all('pong').length === 2), eve.closed])
    await rtms.users.disconnect('eve', { final: true })
  } catch {
    // It may lose anything of its own.
  }
  eve.ws.terminate()
  await answered
}

/** One who has nothing to do with any of it. */
class Bystander {
  readonly peer: Peer
  readonly #rtms: Rtms
  readonly #sent: string[] = []

  private constructor(rtms: Rtms, peer: Peer) {
    this.#rtms = rtms
    this.peer = peer
  }

  static async join(rtms: Rtms): Promise<Bystander> {
    await rtms.meetings.open('bobs', { frameRate: 50 })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'bob'))
    peer.send(join(1, 'bobs'), subscribe(2, 'bob.1'))
    await peer.next('joined')
    await peer.next('subscribed')
    return new Bystander(rtms, peer)
  }

  async hear(): Promise<void> {
    const name = `${this.#sent.length}`
    this.#sent.push(name)
    await this.#rtms.users.push('bob', 'note', name)
    const frames = framesOf(this.peer.heard).length
    await eventually(() => this.peer.all('push').length >= this.#sent.length)
    await eventually(() => framesOf(this.peer.heard).length > frames)
  }

  verify(): void {
    expect(this.peer.all('push').map(({ data }) => json(data))).toEqual(this.#sent)
    const frames = framesOf(this.peer.heard).map(({ number }) => number)
    expect(frames.length).toBeGreaterThan(0)
    expect(frames).toEqual(frames.map((_, at) => (frames[0] as number) + at))
    expect(publicationsOf(this.peer.heard)).toEqual([])
    const strangers = this.peer.heard.filter((message) => JSON.stringify(message).includes('secret'))
    expect(strangers).toEqual([])
  }
}

describe.each(Object.entries(ports))('%s', (name, port) => {
  const ways = Object.entries(failures).filter(
    ([way]) =>
      (port.throwsOnly !== true || way === 'throws') &&
      (port.answersItself !== true || way !== 'answers what has no JSON form'),
  )
  it.each(ways)('that %s costs at most what it was about', async (_, fail) => {
    for (const times of [1, Infinity]) {
      const fault = new Fault(fail, times)
      const rtms = await start({
        api: { keys: ['a-key-for-tests-which-is-long-enough'] },
        limits: { sessionKeepMs: 200, authorizeMs: 300, helloMs: 1_000, heartbeatMs: 60_000 },
        ...port.options?.(fault),
      })
      const token = await tokenOf(rtms, 'eve')
      const bob = await Bystander.join(rtms)
      if (port.install !== undefined) port.install(rtms, fault)
      for (let round = 0; round < 2; round++) {
        await rtms.meetings
          .open('kind', hooks.includes(name) ? { kind: 'kind', frameRate: 0 } : { frameRate: 0 })
          .catch(() => {})
        await wander(rtms, token)
        await bob.hear()
        rtms.meetings.close('kind')
      }
      if (port.isSeldom !== true) expect(fault.struck).toBeGreaterThan(0)
      fault.mend()
      // Nothing is left of eve, and she is served again.
      await eventually(() => rtms.health().connections === 1 && rtms.health().sessions === 1)
      const again = await Peer.connect(rtms.address.url, token, jsonCodec)
      again.send(subscribe(1, 'eve.1'))
      await again.next('subscribed')
      again.ws.close(1000)
      await eventually(() => rtms.health().sessions === 1)
      await bob.hear()
      bob.verify()
      const metrics = await rtms.metrics()
      for (const gauge of [
        'handshakes 0',
        'upstream_queue_bytes 0',
        'handlers_running 0',
        'connections_stalled 0',
      ])
        expect(metrics).toContain(`\nrtms_${gauge}\n`)
      bob.peer.ws.close(1000)
      vi.restoreAllMocks()
    }
  })
})
