import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { generate } from 'selfsigned'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Client, connect, type Socket } from '../../../src/client/node.ts'
import { binaryCodec, type RtmsError } from '../../../src/protocol/index.ts'
import { Rtms } from '../../../src/server/index.ts'
import { hello, Peer, SECRET, start, stopAll, tokenOf } from './peer.ts'

interface Certificate {
  readonly key: string
  readonly cert: string
}

const clients: Client[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await stopAll()
})

/** A certificate for this machine that signs itself. */
async function certificate(
  commonName: string,
  { names = ['localhost'], ips = ['127.0.0.1'], until = new Date(Date.now() + 86_400_000) } = {},
): Promise<Certificate> {
  const pems = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    notBeforeDate: new Date(until.getTime() - 172_800_000),
    notAfterDate: until,
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          ...ips.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  })
  return { key: pems.private, cert: pems.cert }
}

let first: Certificate
let second: Certificate

beforeAll(async () => {
  ;[first, second] = [await certificate('first'), await certificate('second')]
})

/** The name in the certificate that a new connection is shown, and the protocol that is agreed upon. */
async function shownTo(
  port: number,
  ca: string[],
): Promise<{ name: string; protocol: string | false | null }> {
  const socket: TLSSocket = connectTls({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca,
    ALPNProtocols: ['h2', 'http/1.1'],
  })
  await once(socket, 'secureConnect')
  const shown = { name: String(socket.getPeerCertificate().subject.CN), protocol: socket.alpnProtocol }
  socket.destroy()
  return shown
}

describe('A client that cannot trust the certificate of a node', () => {
  /** With what state and error it is disconnected, where it trusts this authority, or only those of the machine. */
  async function whyNot(shown: Certificate, ca?: string): Promise<[string, RtmsError | null]> {
    const rtms = await start({ tls: shown })
    const ticket = await rtms.tickets.issue({ user: 'u1' })
    const socket = (url: string, names: string[]): Socket =>
      new WebSocket(url, names, { ca }) as unknown as Socket
    const client = connect({ getTicket: () => ticket, ...(ca === undefined ? {} : { socket }) })
    clients.push(client)
    return new Promise((resolve) => client.onState((state, error) => resolve([state, error])))
  }

  it('says that it is signed by itself', async () => {
    const [state, error] = await whyNot(first)
    expect(state).toBe('disconnected')
    expect(error).toMatchObject({
      code: 'UNREACHABLE',
      retry: 'later',
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    })
    expect(error?.message).toMatch(/no connection to wss:.*self-signed certificate/)
  })

  it('says that it has expired', async () => {
    const old = await certificate('old', { until: new Date(Date.now() - 3_600_000) })
    const [state, error] = await whyNot(old, old.cert)
    expect([state, error?.code]).toEqual(['disconnected', 'UNREACHABLE'])
    expect(error).toMatchObject({ cause: { code: 'CERT_HAS_EXPIRED' } })
    expect(error?.message).toMatch(/certificate has expired/)
  })

  it('says that it is for another host', async () => {
    const other = await certificate('other', { names: ['rt.example.com'], ips: [] })
    const [state, error] = await whyNot(other, other.cert)
    expect([state, error?.code]).toEqual(['disconnected', 'UNREACHABLE'])
    expect(error).toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } })
    expect(error?.message).toMatch(/rt\.example\.com/)
  })
})

describe('A node that speaks TLS', () => {
  it('is reached by the client over wss, with the url of its tickets', async () => {
    const rtms = await start({ tls: first, nodeId: 'n1' })
    rtms.onRequest('double', ({ data }) => 2 * (data as number))
    const { port, url } = rtms.address
    expect(url).toBe(`wss://localhost:${port}/rtms`)
    const ticket = await rtms.tickets.issue({ user: 'u1' })
    expect(ticket.url).toBe(`wss://localhost:${port}/rtms?route=n1`)
    const socket = (at: string, names: string[]): Socket =>
      new WebSocket(at, names, { ca: first.cert }) as unknown as Socket
    const client = connect({ getTicket: () => ticket, socket })
    clients.push(client)
    expect(await client.request('double', 21)).toBe(42)
    // A client that does not know the certificate stays out.
    await expect(once(new WebSocket(url, 'rtms.v1'), 'open')).rejects.toThrow(/self-signed|certificate/)
    await expect(once(new WebSocket(url.replace('wss', 'ws'), 'rtms.v1'), 'open')).rejects.toThrow()
  })

  it('carries many large messages', async () => {
    const rtms = await start({ tls: first })
    const peer = await new Peer(rtms.address.url, binaryCodec, { ca: first.cert }).opened()
    peer.send(hello(await tokenOf(rtms)))
    await peer.next('welcome')
    for (let n = 0; n < 100; n++) {
      await rtms.users.push('u1', 'blob', new Uint8Array(30_000).fill(n))
      await peer.until(() => peer.all('push').length === n + 1)
      peer.send({ type: 'ack', bytes: 0, received: n + 1, seen: [] })
    }
    for (const [n, { data }] of peer.all('push').entries())
      expect([data.bytes.length, data.bytes[0], data.bytes.at(-1)]).toEqual([30_000, n, n])
  })

  it('agrees to HTTP/1.1 only, whatever else is offered', async () => {
    const rtms = await start({ tls: { ...first, ALPNProtocols: ['h2'] } })
    expect(await shownTo(rtms.address.port, [first.cert])).toEqual({ name: 'first', protocol: 'http/1.1' })
  })

  it('shows a new certificate to who comes from now on, and keeps the connections it has', async () => {
    const rtms = await start({ tls: first })
    const { port, url } = rtms.address
    const peer = await new Peer(url, binaryCodec, { ca: first.cert }).opened()
    peer.send(hello(await tokenOf(rtms)))
    await peer.next('welcome')
    rtms.setTls(second)
    expect((await shownTo(port, [first.cert, second.cert])).name).toBe('second')
    peer.send({ type: 'ping', time: 1 })
    await peer.next('pong')
    // One that cannot be used changes nothing.
    expect(() => rtms.setTls({ key: first.key, cert: second.cert })).toThrow(
      /tls: its key and certificate cannot be used \(.*mismatch/,
    )
    // Node would take these for no certificate, and nobody could connect any more.
    const none = [{}, { key: undefined, cert: undefined }, { key: '', cert: '' }, { key: [], cert: [] }, null]
    for (const each of none) expect(() => rtms.setTls(each as never)).toThrow('tls: expected an object with')
    expect((await shownTo(port, [first.cert, second.cert])).name).toBe('second')
  })

  it('lives on when somebody speaks something else to it, and gives the socket back', async () => {
    const rtms = await start({ tls: first })
    const { port } = rtms.address
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\x02\x00\x01', '']) {
      const socket = connectTcp(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.on('error', () => {})
      socket.end(bytes, 'latin1')
      socket.resume()
      await once(socket, 'close')
    }
    expect((await shownTo(port, [first.cert])).name).toBe('first')
  })

  it('cuts off who does not finish the handshake in 10 s', async () => {
    const rtms = await start({ tls: first })
    const socket = connectTcp(rtms.address.port, '127.0.0.1')
    await once(socket, 'connect')
    const before = performance.now()
    socket.on('error', () => {})
    await once(socket, 'close')
    expect(performance.now() - before).toBeLessThan(10_000)
  })
})

describe('The option tls', () => {
  it('that cannot be used is reported with the other faults, without the key', async () => {
    const message = await Rtms.start({
      secret: SECRET,
      port: -1,
      tls: { key: first.key, cert: second.cert },
    }).then(
      () => 'started',
      (error: Error) => error.message,
    )
    expect(message).toMatch(/\n  port: -1 was given[^]*\n  tls: its key and certificate cannot be used \(/)
    expect(message).not.toContain('PRIVATE')
    await expect(start({ tls: { cert: first.cert } })).rejects.toThrow('tls: an object was given; expected')
    await expect(start({ tls: { ...first, key: 'no key' } })).rejects.toThrow('cannot be used')
  })

  it('cannot be replaced where there is none', async () => {
    const rtms = await start()
    expect(() => rtms.setTls(first)).toThrow('start it with the option tls')
  })
})
