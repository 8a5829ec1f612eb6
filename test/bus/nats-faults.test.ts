import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect as connectTo } from '@nats-io/transport-node'
import { generate } from 'selfsigned'
import type { BusPort } from '../../src/bus/connector.ts'
import { busLimits } from '../../src/bus/limits.ts'
import { nats, type NatsOptions } from '../../src/nats/index.ts'
import { natsLimits } from '../../src/nats/limits.ts'
import { NatsServer } from './nats-server.ts'

const secret = 's'.repeat(32)
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const bytes = (text: string): Uint8Array => Buffer.from(text)
const soon = (check: () => void | Promise<void>, timeout = 15_000): Promise<void> =>
  vi.waitFor(check, { interval: 20, timeout })

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function weighed(): number {
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

interface Node {
  readonly port: BusPort
  readonly heard: string[]
  readonly faults: unknown[]
  readonly warnings: string[]
}

describe('The NATS bus', () => {
  let server: NatsServer
  const nodes: Node[] = []

  beforeEach(async () => {
    server = await NatsServer.start()
  })

  afterEach(async () => {
    await Promise.all(nodes.splice(0).map(({ port }) => port.close()))
    await server.stop()
  })

  function enter(incarnation: number, options: Partial<NatsOptions> = {}): Node {
    const heard: string[] = []
    const faults: unknown[] = []
    const warnings: string[] = []
    const port = nats({ servers: server.url, secret, ...options }).connect(
      incarnation,
      {
        message: (subject, data, from) => heard.push(`${from} ${subject}:${text(data)}`),
        sent: (data, from) => heard.push(`${from} !${text(data)}`),
        down: () => heard.push('down'),
        back: () => heard.push('back'),
        gone: (node) => heard.push(`gone ${node}`),
      },
      {
        fault: (error) => faults.push(error),
        warn: (_, message) => warnings.push(message),
      },
    )
    const node = { port, heard, faults, warnings }
    nodes.push(node)
    return node
  }

  /** Two nodes of which the second has heard the first about `t`. */
  async function two(): Promise<[Node, Node]> {
    const [a, b] = [enter(1), enter(2)]
    b.port.subscribe('t')
    await soon(() => expect([a.heard, b.heard]).toEqual([['back'], ['back']]))
    a.port.publish('t', bytes('first'))
    await soon(() => expect(b.heard).toContain('1 t:first'))
    return [a, b]
  }

  it('knows at once that nobody listens as a node that has ended, and that one that lives does', async () => {
    const [a, b] = await two()
    expect(await a.port.listens?.(2)).toBe(true)
    await b.port.close()
    await soon(async () => expect(await a.port.listens?.(2)).toBe(false))
    expect([b.port.stats.strangers, a.faults, b.faults]).toEqual([0, [], []])
    // Without a server nobody knows.
    await server.kill()
    await soon(() => expect(a.heard).toContain('down'))
    expect(await a.port.listens?.(2)).toBe(true)
  })

  it('answers a stranger who asks whether it listens to nothing but the place of a node that asks', async () => {
    const [a, b] = await two()
    const stranger = await connectTo({ servers: server.url })
    try {
      const heard: string[] = []
      for (const subject of ['rtms.n7.1', 'rtms.st', 'elsewhere', 'rtms.n2'])
        stranger.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) })
      // All who listen would answer at once, and each answer would come to all.
      stranger.publish('rtms.st', undefined, { reply: 'rtms.st' })
      stranger.publish('rtms.st', undefined, { reply: 'rtms.n7.1' })
      for (const reply of ['elsewhere', 'rtms.st', 'rtms.n2', 'rtms.n7.1'])
        stranger.publish('rtms.n1', undefined, { reply })
      await soon(() => expect(heard).toContain('rtms.n7.1'))
      await stranger.flush()
      expect(heard).toEqual(['rtms.st', 'rtms.st', 'rtms.n7.1'])
      expect([a.port.stats.strangers, b.port.stats.strangers, a.faults, b.faults]).toEqual([3, 2, [], []])
    } finally {
      await stranger.close()
    }
  })

  it('says what the server refuses, once, and which rights it needs', async () => {
    const rights = 'permissions: { publish: ["rtms.sn%2F", "_INBOX.>"], subscribe: ["rtms.s>", "rtms.>"] }'
    const strict = await NatsServer.start(
      `authorization: { users: [ { user: u, password: p, ${rights} } ] }\n`,
    )
    try {
      const node = enter(1, { servers: strict.url, user: 'u', pass: 'p' })
      await soon(() => expect(node.heard).toEqual(['back']))
      for (let n = 0; n < 5; n++) node.port.publish(`t/${n}`, bytes('x'))
      await soon(() => expect(node.warnings).toHaveLength(1))
      expect(node.warnings[0]).toContain('the right to publish and subscribe to rtms.>')
      node.port.publish('t/6', bytes('x'))
      node.port.send(2, bytes('x'))
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect([node.warnings.length, node.faults.length]).toEqual([1, 0])
    } finally {
      await strict.stop()
    }
  })

  it('does not begin where the server takes only small messages, and says so', async () => {
    const small = await NatsServer.start('max_payload: 1000\n')
    try {
      const node = enter(1, { servers: small.url })
      await soon(() => expect(node.warnings).toHaveLength(1))
      expect(node.heard).toEqual([])
      expect(node.faults).toEqual([])
    } finally {
      await small.stop()
    }
  })

  it('drops and counts what strangers write, and what was recorded and written again', async () => {
    const [a, b] = await two()
    const stranger = await connectTo({ servers: server.url })
    const recorded: [subject: string, data: Uint8Array][] = []
    stranger.subscribe('>', {
      callback: (_, { subject, data }) => void recorded.push([subject, data.slice()]),
    })
    await stranger.flush()
    a.port.publish('t', bytes('second'))
    a.port.send(2, bytes('third'))
    await soon(() => expect(recorded).toHaveLength(2))
    for (const [subject, data] of recorded) {
      expect(text(data)).toMatch(/second|third/)
      stranger.publish(subject, data)
      // Nor does it pass for another subject, or changed.
      stranger.publish(subject === 'rtms.n2' ? 'rtms.st' : 'rtms.n2', data)
      stranger.publish(subject, Buffer.concat([data.subarray(0, -1), bytes('!')]))
    }
    for (const data of ['', 'x', 'x'.repeat(100)]) stranger.publish('rtms.st', bytes(data))
    await stranger.flush()
    a.port.publish('t', bytes('last'))
    await soon(() => expect(b.heard).toContain('1 t:last'))
    expect(b.heard).toEqual(['back', '1 t:first', '1 t:second', '1 !third', '1 t:last'])
    expect([b.port.stats.strangers, b.faults]).toEqual([9, []])
    await stranger.close()
  })

  it('gives a node that has just come nothing of a sender’s past that is older than five minutes', async () => {
    const stranger = await connectTo({ servers: server.url })
    const recorded: Uint8Array[] = []
    stranger.subscribe('>', { callback: (_, { data }) => void recorded.push(data.slice()) })
    await stranger.flush()
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 301_000)
    const a = enter(1)
    await soon(() => expect(a.heard).toEqual(['back']))
    a.port.publish('t', bytes('old'))
    await soon(() => expect(recorded).toHaveLength(1))
    clock.mockRestore()
    await a.port.close()
    const b = enter(2)
    b.port.subscribe('t')
    await soon(() => expect(b.heard).toEqual(['back']))
    stranger.publish('rtms.st', recorded[0])
    await stranger.flush()
    await soon(() => expect(b.port.stats.strangers).toBe(1))
    expect(b.heard).toEqual(['back'])
    await stranger.close()
  })

  it('hears nothing of nodes with another secret, or of another cluster', async () => {
    const [a, b] = await two()
    const wrong = enter(3, { secret: 'w'.repeat(32) })
    const elsewhere = enter(4, { cluster: 'elsewhere' })
    for (const node of [wrong, elsewhere]) {
      node.port.subscribe('t')
      // eslint-disable-next-line no-await-in-loop
      await soon(() => expect(node.heard).toEqual(['back']))
      node.port.publish('t', bytes('no'))
      node.port.send(2, bytes('no'))
    }
    await soon(() => expect(b.port.stats.strangers).toBe(2))
    // Said once, however many there are.
    expect(b.warnings).toEqual([expect.stringMatching(/^messages of strangers were dropped/)])
    a.port.publish('t', bytes('last'))
    await soon(() => expect(b.heard).toContain('1 t:last'))
    await soon(() => expect(wrong.port.stats.strangers).toBe(1))
    expect([b.heard, wrong.heard, elsewhere.heard]).toEqual([
      ['back', '1 t:first', '1 t:last'],
      ['back'],
      ['back'],
    ])
    expect(elsewhere.port.stats.strangers).toBe(0)
  })

  it('is back within five seconds of its server, with all subscriptions, and counts what was lost', async () => {
    const [a, b] = await two()
    await server.kill()
    await soon(() => expect([a.heard.at(-1), b.heard.at(-1)]).toEqual(['down', 'down']))
    // The server may not have confirmed yet what it was given last.
    const unconfirmed = a.port.stats.dropped
    expect(unconfirmed).toBeLessThan(2)
    for (let n = 0; n < 5; n++) a.port.publish('t', bytes('lost'))
    expect(a.port.stats.dropped - unconfirmed).toBe(5)
    b.port.subscribe('u')
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    await server.start()
    await soon(() => expect([a.heard.at(-1), b.heard.at(-1)]).toEqual(['back', 'back']), 5_000)
    a.port.publish('t', bytes('1'))
    a.port.publish('u', bytes('2'))
    a.port.send(2, bytes('3'))
    await soon(() => expect(b.heard.slice(-3)).toEqual(['1 t:1', '1 u:2', '1 !3']))
    expect(a.warnings.at(-1)).toBe('the NATS bus carries messages again')
    expect(a.warnings.length).toBeLessThan(6)
    expect([a.faults, b.faults]).toEqual([[], []])
  }, 60_000)

  it('notices a server that hangs, holds little meanwhile, and is back when the server is', async () => {
    const [a, b] = await two()
    const large = new Uint8Array(64 * 1024)
    await server.hang()
    const before = weighed()
    let most = 0
    const at = performance.now()
    // 16 MiB a tick, for as long as it takes.
    while (a.heard.at(-1) !== 'down') {
      for (let n = 0; n < 256; n++) a.port.publish('t', new Uint8Array(large))
      // eslint-disable-next-line no-await-in-loop
      await new Promise((resolve) => setTimeout(resolve, 50))
      most = Math.max(most, weighed() - before)
      if (performance.now() - at > 20_000) throw new Error('it does not notice')
    }
    expect(performance.now() - at).toBeLessThan(15_000)
    expect(a.port.stats.dropped).toBeGreaterThan(500)
    await soon(() => expect(b.heard.at(-1)).toBe('down'))
    server.goOn()
    await soon(() => expect([a.heard.at(-1), b.heard.at(-1)]).toEqual(['back', 'back']), 8_000)
    a.port.publish('t', bytes('afterwards'))
    await soon(() => expect(b.heard.at(-1)).toBe('1 t:afterwards'))
    expect(most / 2 ** 20).toBeGreaterThan(32)
    expect(most / 2 ** 20).toBeLessThan(64)
  }, 60_000)

  it('is crowded while its server has yet to take much', async () => {
    const [a, b] = await two()
    const part = new Uint8Array(busLimits.crowdBytes / 4)
    await server.hang()
    for (let n = 0; n < 3; n++) a.port.publish('t', new Uint8Array(part))
    expect(a.port.isCrowded?.()).toBe(false)
    a.port.publish('t', new Uint8Array(part))
    expect(a.port.isCrowded?.()).toBe(true)
    const at = performance.now()
    // It may have ended.
    await soon(() => expect(a.port.isCrowded?.()).toBe(false))
    expect(performance.now() - at).toBeGreaterThan(natsLimits.crowdMs - 50)
    server.goOn()
    a.port.send(2, bytes('afterwards'))
    await soon(() => expect(b.heard.at(-1)).toBe('1 !afterwards'))
    await soon(() => expect(a.port.isCrowded?.()).toBe(false))
    expect(a.port.stats.dropped).toBe(0)
  })

  it('has many messages confirmed by one answer of the server', async () => {
    const { port } = new URL(server.url)
    let pings = 0
    const between = createServer((client) => {
      const upstream = connect(Number(port), '127.0.0.1')
      client.on('data', (data) => (pings += data.toString('latin1').split('PING\r\n').length - 1))
      client.pipe(upstream).pipe(client)
      for (const socket of [client, upstream]) socket.on('error', () => {})
    })
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve))
    const address = between.address() as AddressInfo
    const [a, b] = [enter(1, { servers: `nats://127.0.0.1:${address.port}` }), enter(2)]
    await soon(() => expect([a.heard, b.heard]).toEqual([['back'], ['back']]))
    const before = pings
    const begun = performance.now()
    for (let n = 0; n < 200; n++) {
      a.port.send(2, bytes(`${n}`))
      // eslint-disable-next-line no-await-in-loop -- Each is written by itself.
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await soon(() => expect(b.heard).toHaveLength(201))
    const took = performance.now() - begun
    expect(pings - before).toBeLessThan(3 + took / natsLimits.confirmMs)
    await a.port.close()
    between.close()
    expect([a.faults, a.port.stats.dropped]).toEqual([[], 0])
  })

  it('bears a stop of a second without a word', async () => {
    const [a, b] = await two()
    await server.hang()
    a.port.publish('t', bytes('late'))
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    server.goOn()
    await soon(() => expect(b.heard).toEqual(['back', '1 t:first', '1 t:late']))
    expect([a.heard, a.port.stats.dropped]).toEqual([['back'], 0])
  })

  it('leaves no sockets behind while a server hangs, and takes another one meanwhile', async () => {
    const other = await NatsServer.start()
    try {
      await server.hang()
      const sockets = (): number =>
        process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
      const before = sockets()
      const [alone, both] = [enter(1), enter(2, { servers: [server.url, other.url] })]
      await soon(() => expect(both.heard).toEqual(['back']), 4_000)
      await soon(() => expect(alone.warnings).toEqual(['the NATS bus cannot be reached; trying again']))
      await new Promise((resolve) => setTimeout(resolve, 14_000))
      // One is that of the second node; the first may be trying.
      expect(sockets() - before).toBeLessThanOrEqual(2)
      server.goOn()
      await soon(() => expect(alone.heard).toEqual(['back']), 8_000)
    } finally {
      await Promise.all(nodes.splice(0).map(({ port }) => port.close()))
      await other.stop()
    }
  })

  it('begins without a server, and can be closed before there is one', async () => {
    await server.kill()
    const [a, b] = [enter(1), enter(2)]
    b.port.subscribe('t')
    await soon(() => expect(a.warnings).toEqual(['the NATS bus cannot be reached; trying again']))
    await b.port.close()
    await server.start()
    await soon(() => expect(a.heard).toEqual(['back']), 5_000)
    expect(b.heard).toEqual([])
  })

  it('speaks TLS where the server does, checks its certificate, and takes no other for a tls:// URL', async () => {
    const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
    })
    const folder = mkdtempSync(join(tmpdir(), 'rtms-tls-'))
    writeFileSync(join(folder, 'cert.pem'), pems.cert)
    writeFileSync(join(folder, 'key.pem'), pems.private)
    const secure = await NatsServer.start(
      `tls { cert_file: "${folder}/cert.pem", key_file: "${folder}/key.pem" }`,
    )
    try {
      const url = `tls://localhost:${secure.port}`
      const [right, untrusted, plain] = [
        enter(1, { servers: url, tls: { ca: pems.cert } }),
        enter(2, { servers: url }),
        enter(3, { servers: server.url.replace('nats:', 'tls:') }),
      ]
      await soon(() => expect(right.heard).toEqual(['back']))
      for (const node of [untrusted, plain])
        // eslint-disable-next-line no-await-in-loop
        await soon(() => expect(node.warnings).toEqual(['the NATS bus cannot be reached; trying again']))
    } finally {
      await Promise.all(nodes.splice(0).map(({ port }) => port.close()))
      await secure.stop()
      rmSync(folder, { recursive: true })
    }
  })

  it('authenticates to the server by user and password, and says why it is refused', async () => {
    const guarded = await NatsServer.start('authorization { user: rtms, password: pass }')
    try {
      const [right, wrong] = [
        enter(1, { servers: guarded.url, user: 'rtms', pass: 'pass' }),
        enter(2, { servers: [guarded.url], user: 'rtms', pass: 'wrong' }),
      ]
      await soon(() => expect(right.heard).toEqual(['back']))
      await soon(() => expect(wrong.warnings).toEqual(['the NATS bus cannot be reached; trying again']))
      expect(wrong.heard).toEqual([])
    } finally {
      await Promise.all(nodes.splice(0).map(({ port }) => port.close()))
      await guarded.stop()
    }
  })
})
