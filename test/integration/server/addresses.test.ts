import { afterEach, describe, expect, it } from 'vitest'
import { connect } from '../../../src/client/node.ts'
import { binaryCodec } from '../../../src/protocol/index.ts'
import type { Logger, Rtms } from '../../../src/server/index.ts'
import { eventually, hello, Peer, raw, start, stopAll, tokenOf } from './peer.ts'

afterEach(stopAll)

/** A socket of a client at this address, as a proxy on this machine passes it on. */
function from(rtms: Rtms, address: string): Peer {
  return new Peer(rtms.address.url, binaryCodec, { headers: { 'X-Forwarded-For': `6.6.6.6, ${address}` } })
}

/** Keeps the warnings. */
function listener(): { logger: Logger; warnings: object[] } {
  const warnings: object[] = []
  const logger = { debug() {}, info() {}, error() {}, warn: (details: object) => void warnings.push(details) }
  return { logger, warnings }
}

const WINDOW = { reconnectMinMs: 20, reconnectMaxMs: 60 }

describe('An address', () => {
  it('with too many connections is upgraded and closed with 4455, until one of them goes', async () => {
    const { logger, warnings } = listener()
    const rtms = await start({ limits: { ...WINDOW, connectionsPerAddress: 2 }, logger })
    const [first] = await Promise.all(['192.0.2.1', '192.0.2.1'].map((at) => from(rtms, at).opened()))
    for (let n = 0; n < 3; n++) {
      const third = from(rtms, '192.0.2.1')
      expect((await third.closed).code).toBe(4455)
      const { retryAfter } = await third.next('goodbye')
      expect(retryAfter).toBeGreaterThanOrEqual(WINDOW.reconnectMinMs)
      expect(retryAfter).toBeLessThanOrEqual(WINDOW.reconnectMaxMs)
    }
    const token = await tokenOf(rtms)
    const other = await from(rtms, '192.0.2.2').opened()
    other.send(hello(token))
    await other.next('welcome')
    // Not counted: who connects from here itself.
    for (let n = 0; n < 3; n++) await Peer.connect(rtms.address.url, token)
    first?.ws.terminate()
    await eventually(() => rtms.health().connections === 5)
    const next = await from(rtms, '192.0.2.1').opened()
    next.send(hello(token))
    await next.next('welcome')
    expect(warnings).toEqual([{ limit: 'limits.connectionsPerAddress', address: '192.0.2.1', count: 1 }])
    const metrics = await rtms.metrics()
    expect(metrics).toContain('rtms_connections_refused_total{by="address"} 3')
    expect(metrics).toContain('\nrtms_addresses 2')
    expect(metrics).toContain('\nrtms_handshakes 1')
    expect(metrics).not.toContain('192.0.2')
  })

  it('that connects too fast is upgraded and closed with 4453', async () => {
    const { logger, warnings } = listener()
    const limits = { connectsPerAddressPerSecond: 1, connectBurstPerAddress: 3 }
    const rtms = await start({ limits, logger })
    for (let n = 0; n < 3; n++) await from(rtms, '2001:db8::1').opened()
    // Another address of the same line.
    const fourth = from(rtms, '2001:db8::2')
    expect((await fourth.closed).code).toBe(4453)
    expect(fourth.all('goodbye')[0]?.retryAfter).toBeGreaterThan(200)
    await from(rtms, '2001:db8:0:1::1').opened()
    await eventually(() => rtms.health().connections === 4)
    expect(warnings).toMatchObject([{ limit: 'limits.connectsPerAddressPerSecond' }])
  })

  it('with a crowd of clients that were refused, and do not go, keeps nobody else out', async () => {
    const limits = {
      connections: 2,
      handshakes: 2,
      connectsPerAddressPerSecond: 1,
      connectBurstPerAddress: 1,
    }
    const rtms = await start({ limits })
    const asked = `GET /rtms HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\nUpgrade: websocket\r\n${[
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: rtms.v1',
    ].join('\r\n')}\r\n\r\n`
    // They take what they are told, and answer no close frame.
    const crowd = await Promise.all(Array.from({ length: 12 }, () => raw(rtms.address.port, asked)))
    await eventually(() => rtms.stats.connectionsRefused.get('rate') === 11)
    const other = await from(rtms, '192.0.2.2').opened()
    other.send(hello(await tokenOf(rtms)))
    await other.next('welcome')
    for (const { socket } of crowd) socket.destroy()
  })

  it('is that of the peer where no proxy is trusted', async () => {
    const limits = { connectionsPerAddress: 1 }
    const rtms = await start({ limits, trustedProxies: [] })
    await from(rtms, '192.0.2.1').opened()
    expect((await from(rtms, '192.0.2.2').closed).code).toBe(4455)
  })

  it('must be one where it is in the list of proxies', async () => {
    await expect(start({ trustedProxies: ['localhost'] })).rejects.toThrow(
      /trustedProxies: entry 1 is "localhost"; expected an array of addresses, ranges/,
    )
  })
})

describe('A storm', () => {
  it('finds the door shut while too many stand in it, and comes in later, all of it', async () => {
    const rtms = await start({ limits: { ...WINDOW, handshakes: 4, verifications: 2 } })
    const idlers = await Promise.all([1, 2, 3, 4].map(() => new Peer(rtms.address.url).opened()))
    const clients = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const ticket = await rtms.tickets.issue({ user: `u${n}` })
        return connect({ getTicket: () => ticket })
      }),
    )
    try {
      await eventually(() => (rtms.stats.connectionsRefused.get('handshakes') ?? 0) >= 50)
      expect(rtms.health()).toMatchObject({ connections: 4, sessions: 0 })
      for (const idler of idlers) idler.ws.terminate()
      await eventually(() => clients.every(({ state }) => state === 'connected'))
      expect(rtms.health()).toMatchObject({ connections: 50, sessions: 50 })
    } finally {
      for (const client of clients) client.close()
    }
  })
})
