import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { defaultLimits, type Transport } from '../../../src/core/index.ts'
import { limits } from '../../../src/protocol/index.ts'
import { Gateway } from '../../../src/server/edge/transport.ts'
import { serverLimits } from '../../../src/server/ground/limits.ts'

/** A gateway on a socket of its own, and the node behind it, of which the calls are noted. */
class Desk {
  readonly calls: string[] = []
  readonly logged: string[] = []
  readonly transports: Transport[] = []
  readonly codecs: { text: boolean; decode: (packet: never, from: 'client') => unknown }[] = []
  readonly sockets: WebSocket[] = []
  /** What the node says of a new connection; undefined: it fails. */
  connection: object | undefined = { refusedBy: null, session: null }
  onClose = (): void => {}
  /** Whether the node fails on a packet. */
  fails = false
  server: Server = createServer()
  port = 0
  readonly gateway: Gateway

  constructor(settings: object = {}) {
    const note = (...words: unknown[]): void => void this.calls.push(words.join(' '))
    const node = {
      handleOpen: (transport: Transport, codec: never, _: number, address: string, host: string) => {
        this.transports.push(transport)
        this.codecs.push(codec)
        note('open', address, host.replace(`${this.port}`, 'port'))
        return this.connection
      },
      handlePacket: (_: object, packet: Uint8Array | string) => {
        note(typeof packet, typeof packet === 'string' ? packet : Buffer.from(packet).toString())
        if (this.fails) throw new Error('a fault')
      },
      handleClose: (_: object, final: boolean) => {
        note('close', final)
        this.onClose()
      },
      handleDrain: () => note('drain'),
      handleBytes: () => {},
    }
    const host = {
      node,
      handle: <T>(call: (it: typeof node, now: number) => T): T | undefined => {
        try {
          return call(node, 0)
        } catch {
          return undefined
        }
      },
    }
    const log = (what: string) => (_: object, text: string) => void this.logged.push(`${what} ${text}`)
    this.gateway = new Gateway(
      host as never,
      {
        trustedProxies: [],
        compression: false,
        limits: { ...defaultLimits },
        origins: undefined,
        publicUrl: undefined,
        admin: 'loopback',
        logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
        ...settings,
      } as never,
    )
    this.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.gateway.handleUpgrade(request, socket, head),
    )
    desks.push(this)
  }

  async listen(): Promise<this> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = (this.server.address() as AddressInfo).port
    return this
  }

  /** Opens a socket; resolves with it, or with the status of the refusal. */
  open(
    options: { protocol?: string | string[]; headers?: Record<string, string> } = {},
  ): Promise<WebSocket | string> {
    const { protocol = 'rtms.v1', headers = {} } = options
    const ws = new WebSocket(`ws://127.0.0.1:${this.port}/rtms`, protocol, { headers })
    this.sockets.push(ws)
    return new Promise((resolve) => {
      ws.on('error', (error) => resolve(error.message.replace('Unexpected server response: ', '')))
      ws.on('open', () => resolve(ws))
    })
  }

  async connect(options?: Parameters<Desk['open']>[0]): Promise<WebSocket> {
    const ws = await this.open(options)
    if (typeof ws === 'string') throw new Error(ws)
    return ws
  }

  get transport(): Transport {
    return this.transports.at(-1) as Transport
  }
}

const desks: Desk[] = []
const gone = async (ws: WebSocket): Promise<string> => {
  const [code, reason] = (await once(ws, 'close')) as [number, Buffer]
  return `${code} ${reason.toString()}`
}
const until = async (is: () => boolean): Promise<void> => {
  // oxlint-disable-next-line no-await-in-loop -- A condition is awaited.
  while (!is()) await new Promise((resolve) => setImmediate(resolve))
}

afterEach(() => {
  for (const { sockets, server } of desks.splice(0)) {
    for (const ws of sockets) ws.terminate()
    server.close()
    server.closeAllConnections()
  }
})

describe('A socket', () => {
  it('is a connection of the node, with the encoding that its client has chosen first', async () => {
    const desk = await new Desk().listen()
    const ws = await desk.connect({ protocol: ['other', 'rtms.v1.json', 'rtms.v1'] })
    await desk.connect()
    expect(ws.protocol).toBe('rtms.v1.json')
    expect(desk.codecs.map(({ text }) => text)).toEqual([true, false])
    expect(desk.calls).toEqual(['open 127.0.0.1 127.0.0.1:port', 'open 127.0.0.1 127.0.0.1:port'])
  })

  it('that is closed with many others is given up when its turn comes: the node may have much to do for each', async () => {
    const desk = await new Desk().listen()
    const all = []
    // oxlint-disable-next-line no-await-in-loop -- One after the other.
    for (let n = 0; n < 6; n++) all.push(await desk.connect())
    let turns = 0
    let isOver = false
    const count = (): void => {
      turns++
      if (!isOver) setImmediate(count)
    }
    const closedIn: number[] = []
    desk.onClose = () => {
      closedIn.push(turns)
      for (const end = performance.now() + 3; performance.now() < end;);
    }
    count()
    for (const ws of all) ws.terminate()
    await until(() => closedIn.length === 6)
    isOver = true
    const most = Math.max(...closedIn.map((turn) => closedIn.filter((each) => each === turn).length))
    expect(most).toBeLessThanOrEqual(4)
    await desk.gateway.close(1_000)
  })

  it('brings what the client sends, as text or as bytes; bytes are no text for the encoding', async () => {
    const desk = await new Desk().listen()
    const ws = await desk.connect({ protocol: 'rtms.v1.json' })
    ws.send('hi')
    ws.send(Buffer.from('yo'))
    await until(() => desk.calls.length === 3)
    expect(desk.calls.slice(1)).toEqual(['string hi', 'object yo'])
    const [codec] = desk.codecs
    expect(() => codec?.decode(Buffer.from('[]') as never, 'client')).toThrow('a binary message')
  })

  it('carries packets of the node, and nothing once it closes', async () => {
    const desk = await new Desk().listen()
    const ws = await desk.connect()
    const heard: string[] = []
    ws.on('message', (data, isBinary) => heard.push(`${isBinary} ${(data as Buffer).length}`))
    const write = (text: boolean, length: number): boolean =>
      desk.transport.write({ text, bytes: new Uint8Array(length).fill(65), rendered: null })
    expect([write(true, 125), write(false, 126), write(false, 65_535), write(false, 65_536)]).toContain(true)
    await until(() => heard.length === 4)
    expect(heard).toEqual(['false 125', 'true 126', 'true 65535', 'true 65536'])
    desk.transport.close(4_450, 'DRAINING')
    expect(write(true, 1)).toBe(false)
    expect(await gone(ws)).toBe('4450 DRAINING')
    await until(() => desk.calls.includes('close false'))
    expect(heard).toHaveLength(4)
  })

  it('is final where the client has closed it as it should', async () => {
    const desk = await new Desk().listen()
    const ws = await desk.connect()
    ws.close(1000)
    await until(() => desk.calls.includes('close true'))
  })

  it('that is silent is cut off without a word', async () => {
    const desk = await new Desk().listen()
    const ws = await desk.connect()
    desk.transport.close(4_450, 'SILENT')
    expect(await gone(ws)).toBe('1006 ')
  })

  it('is cut off where its close fails, or the node does', async () => {
    const desk = await new Desk().listen()
    const one = await desk.connect()
    expect(() => desk.transport.close(99, 'x')).toThrow()
    expect(await gone(one)).toBe('1006 ')
    const two = await desk.connect()
    desk.fails = true
    two.send('hi')
    expect(await gone(two)).toBe('1006 ')
    desk.connection = undefined
    const three = await desk.connect()
    expect(await gone(three)).toBe('1006 ')
  })

  it('that breaks the rules of WebSockets is closed, and the node told', async () => {
    const desk = await new Desk().listen()
    const ws = await desk.connect()
    ws.send(Buffer.alloc(limits.packet + 1))
    expect(await gone(ws)).toMatch(/^1009/)
    await until(() => desk.calls.includes('close false'))
    expect(desk.logged).toContain('debug a socket failed')
  })

  it('is not read while the node wants nothing', async () => {
    const desk = await new Desk().listen()
    const ws = await desk.connect()
    desk.transport.pause()
    ws.send('later')
    const other = await desk.connect()
    other.send('now')
    await until(() => desk.calls.length > 2)
    expect(desk.calls.at(-1)).toBe('string now')
    desk.transports[0]?.resume()
    await until(() => desk.calls.length > 3)
    expect(desk.calls.at(-1)).toBe('string later')
  })
})

describe('An upgrade', () => {
  it('is refused without an encoding that is spoken here, or with too many headers', async () => {
    const desk = await new Desk().listen()
    expect([await desk.open({ protocol: 'other' }), await desk.open({ protocol: [] })]).toEqual([
      '400',
      '400',
    ])
    const headers = Object.fromEntries(
      Array.from({ length: serverLimits.headers + 1 }, (_, n) => [`x-${n}`, '1']),
    )
    expect([await desk.open({ headers }), desk.calls]).toEqual(['431', []])
  })

  it('has a host that is not too long to be one', async () => {
    const desk = await new Desk().listen()
    await desk.connect({ headers: { host: 'h'.repeat(limits.name) } })
    await desk.connect({ headers: { host: 'h'.repeat(limits.name + 1) } })
    expect(desk.calls).toEqual([`open 127.0.0.1 ${'h'.repeat(limits.name)}`, 'open 127.0.0.1 '])
  })

  it.each([
    ['none', undefined, { origins: ['https://a.b'] }, true],
    ['any, where all may', 'https://x.y', { origins: '*' }, true],
    ['one of those that may', 'https://a.b', { origins: ['https://a.b'] }, true],
    ['one below a name', 'https://x.y.a.b', { origins: ['https://*.a.b'] }, true],
    ['the name that others are below', 'https://a.b', { origins: ['https://*.a.b'] }, false],
    ['one that only ends alike', 'https://xa.b', { origins: ['https://*.a.b'] }, false],
    ['one below it by another scheme', 'http://x.a.b', { origins: ['https://*.a.b'] }, false],
    ['one below it at another port', 'https://x.a.b:1', { origins: ['https://*.a.b'] }, false],
    ['one below it at that port', 'https://x.a.b:1', { origins: ['https://*.a.b:1'] }, true],
    ['another one with it in front', 'https://x.a.b.c', { origins: ['https://*.a.b'] }, false],
    ['no name at all below it', 'https://.a.b', { origins: ['https://*.a.b'] }, false],
    ['none, as files have', 'null', { origins: ['null'] }, true],
    ['none, where it is not named', 'null', { origins: ['https://a.b'] }, false],
    ['that of a web view', 'file://', { origins: ['file://'] }, true],
    ['another one, without a dashboard', 'http://h:1', { origins: ['https://a.b'], admin: false }, false],
    ['that of the host, with a dashboard', 'http://h:1', { origins: ['https://a.b'] }, true],
    ['another one, with a dashboard', 'http://x:1', { origins: ['https://a.b'] }, false],
    ['that of the host, where none are named', 'http://h:1', { admin: false }, true],
    ['that of another port', 'http://h:2', {}, false],
    ['that of another port of a node of many', 'http://h:2', { publicUrl: 'ws://h:{port}/rtms' }, true],
    ['one that is none', 'null', {}, false],
    ['one without a host', 'file://', {}, false],
  ])('from an origin is judged by it: %s', async (_, origin, settings, isAllowed) => {
    const desk = await new Desk(settings).listen()
    const headers = { host: 'h:1', ...(origin === undefined ? {} : { origin }) }
    expect(typeof (await desk.open({ headers })) === 'string' ? 'refused' : 'allowed').toBe(
      isAllowed ? 'allowed' : 'refused',
    )
  })

  it('finds no room above the limits, unless a client that was refused gives way', async () => {
    const desk = await new Desk({ limits: { ...defaultLimits, connections: 1, handshakes: 1 } }).listen()
    desk.connection = { refusedBy: 'connections', session: null }
    const refused = await desk.connect()
    desk.connection = { refusedBy: null, session: null }
    await desk.connect()
    const closed = gone(refused)
    await desk.connect()
    expect(await closed).toBe('1006 ')
    expect(await desk.open()).toBe('503')
  })
})

describe('A gateway that closes', () => {
  it('has nothing to wait for without a socket', async () => {
    const desk = await new Desk().listen()
    await desk.gateway.close(60_000)
    expect(await desk.open()).toBe('503')
  })

  it('waits for its sockets, and cuts off those that are left', async () => {
    const desk = await new Desk().listen()
    const [one, two] = [await desk.connect(), await desk.connect()]
    let isClosed = false
    const closed = desk.gateway.close(60_000).then(() => (isClosed = true))
    one.close(1000)
    await gone(one)
    expect(isClosed).toBe(false)
    two.close(1000)
    await closed
    const late = await new Desk().listen()
    const ws = await late.connect()
    const cut = gone(ws)
    await late.gateway.close(1)
    expect(await cut).toBe('1006 ')
  })
})
