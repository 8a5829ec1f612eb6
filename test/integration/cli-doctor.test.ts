import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request as httpRequest, type RequestListener } from 'node:http'
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { Finding } from '../../src/cli/doctor/report.ts'
import type { Rtms } from '../../src/server/index.ts'
import { KEY, startApi } from './api/support.ts'
import { endAll, rtms } from './cli-support.ts'
import { SECRET, stopAll } from './server/peer.ts'

/* `rtms doctor` against deployments that are well and deployments that are not. */

let node: Rtms
const servers: Server[] = []
const sockets: Socket[] = []

beforeEach(async () => {
  node = await startApi()
})
afterEach(async () => {
  endAll()
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
  await stopAll()
})

/** Runs the doctor, and returns what it found by check. */
async function examine(
  url: string,
  args: string[] = [],
  env: Record<string, string> = { RTMS_KEY: KEY },
): Promise<{ code: number | null; found: Record<string, Finding> }> {
  const run = rtms(['doctor', url, '--json', ...args], env)
  const code = await run.ended
  const { checks, ok } = JSON.parse(run.lines()[0] ?? run.text()) as { checks: Finding[]; ok: boolean }
  expect(ok).toBe(code === 0)
  return { code, found: Object.fromEntries(checks.map((finding) => [finding.check, finding])) }
}

const statuses = (found: Record<string, Finding>): Record<string, string> =>
  Object.fromEntries(Object.entries(found).map(([check, { status }]) => [check, status]))

async function listening(server: Server): Promise<string> {
  servers.push(server)
  server.on('connection', (socket: Socket) => sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/rtms`
}

/** A proxy that speaks HTTP and knows of no upgrade. */
function forward(port = node.address.port): RequestListener {
  return (incoming, response) => {
    const { upgrade: _, connection: __, ...headers } = incoming.headers
    const { method = 'GET', url: path = '/' } = incoming
    const onward = httpRequest({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.writeHead(502).end('Bad Gateway'))
    incoming.pipe(onward)
  }
}

/** A proxy of bytes, which cuts connections that are quiet for so long. */
function cutter(ms: number): Server {
  return createTcpServer((socket) => {
    const onward = connect(node.address.port, '127.0.0.1')
    sockets.push(onward)
    const cut = (): void => {
      socket.destroy()
      onward.destroy()
    }
    socket.setTimeout(ms, cut)
    for (const side of [socket, onward]) side.on('error', cut).on('close', cut)
    socket.pipe(onward).pipe(socket)
  })
}

describe('rtms doctor', () => {
  it('finds nothing wrong where all is well', async () => {
    const { code, found } = await examine(`http://127.0.0.1:${node.address.port}`, ['--idle', '1s'])
    expect([code, statuses(found)]).toEqual([
      0,
      {
        name: 'PASS',
        reach: 'PASS',
        tls: 'SKIP',
        health: 'PASS',
        clock: 'PASS',
        upgrade: 'PASS',
        compression: 'PASS',
        ticket: 'PASS',
        ping: 'PASS',
        size: 'PASS',
        idle: 'PASS',
      },
    ])
    const run = rtms(['doctor', `http://127.0.0.1:${node.address.port}`])
    expect(await run.ended).toBe(0)
    expect(run.text()).toMatch(/^PASS {2}upgrade {6}Upgraded to rtms\.v1$/m)
    expect(run.text()).toMatch(/^SKIP {2}ticket .* --key or --secret/m)
    expect(run.text()).toContain('is well')
    // It has asked for nothing that stays.
    expect(node.health()).toMatchObject({ topics: 0, meetings: 0 })
  })

  it('says that a proxy does not pass the upgrade on, and what to do', async () => {
    const { code, found } = await examine(await listening(createServer(forward())))
    expect([code, found['health']?.status]).toEqual([1, 'PASS'])
    expect(found['upgrade']).toMatchObject({
      status: 'FAIL',
      text: expect.stringContaining('the Upgrade header does not reach the node'),
      fix: expect.stringContaining('proxy_set_header Upgrade $http_upgrade'),
    })
  })

  it('says that a proxy does not reach the node, and that nobody listens', async () => {
    const proxy = await listening(createServer(forward(1)))
    const behind = await examine(proxy, [], {})
    expect(behind.found['upgrade']?.text).toContain('answers 502: it does not reach the node')
    const [server] = servers
    server?.close()
    for (const socket of sockets.splice(0)) socket.destroy()
    const nobody = await examine(proxy)
    expect(statuses(nobody.found)).toEqual({ name: 'PASS', reach: 'FAIL' })
    expect(nobody.found['reach']?.text).toContain('ECONNREFUSED')
  })

  it('finds what cuts quiet connections', async () => {
    const { code, found } = await examine(await listening(cutter(2_000)), ['--idle', '60s'])
    expect([code, found['size']?.status]).toEqual([1, 'PASS'])
    expect(found['idle']).toMatchObject({
      status: 'FAIL',
      text: expect.stringMatching(/was cut with 1006 after \d+ s/),
      fix: expect.stringContaining('proxy_read_timeout'),
    })
  })

  it('finds what lets no large messages through', async () => {
    const server = createServer(forward())
    const gate = new WebSocketServer({ server, maxPayload: 16_384, handleProtocols: () => 'rtms.v1' })
    gate.on('connection', (near, { url = '' }) => {
      const far = new WebSocket(`ws://127.0.0.1:${node.address.port}${url}`, 'rtms.v1')
      const early: Buffer[] = []
      for (const side of [near, far]) side.on('error', () => {})
      near.on('message', (data: Buffer) =>
        far.readyState === WebSocket.OPEN ? far.send(data) : void early.push(data),
      )
      far.on('open', () => early.forEach((data) => far.send(data)))
      far.on('message', (data: Buffer) => near.send(data))
      near.on('close', () => far.close())
    })
    const { found } = await examine(await listening(server))
    expect(found['ping']?.status).toBe('PASS')
    expect(found['size']).toMatchObject({ status: 'FAIL', text: expect.stringContaining('1009') })
  })

  it('finds clocks that differ, a node that stops, and an origin that may not connect', async () => {
    const wrong = createServer((incoming, response) => {
      response.setHeader('date', new Date(Date.now() - 120_000).toUTCString())
      if (incoming.url === '/healthz') {
        response.writeHead(503, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ status: 'draining', node: 'n1' }))
      } else forward()(incoming, response)
    })
    const { found } = await examine(await listening(wrong), [], {})
    expect(found['clock']).toMatchObject({
      status: 'FAIL',
      text: expect.stringMatching(/differs by 1(19|20)\.\d s/),
    })
    expect(found['health']).toMatchObject({ status: 'FAIL', text: 'The node n1 is stopping' })
    const origin = ['--origin', 'https://example.com']
    const refused = await examine(`http://127.0.0.1:${node.address.port}`, origin, {})
    expect(refused.found['upgrade']).toMatchObject({
      status: 'FAIL',
      fix: expect.stringContaining('`origins`'),
    })
  })

  it('finds tickets that the node refuses', async () => {
    const { code, found } = await examine(`http://127.0.0.1:${node.address.port}`, [], {
      RTMS_SECRET: `another ${SECRET}`,
    })
    expect(code).toBe(1)
    expect(found['ticket']).toMatchObject({ status: 'FAIL', text: expect.stringContaining('4401') })
    const path = await examine(`http://127.0.0.1:${node.address.port}/other`, [], { RTMS_SECRET: SECRET })
    expect(path.found['upgrade']?.fix).toContain('Correct the path')
  })

  it('looks at the certificate, and at the address that tickets name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rtms-doctor-'))
    const soon = new Date(Date.now() + 5 * 86_400_000)
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
      keyType: 'ec',
      notAfterDate: soon,
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
    })
    const file = join(folder, 'cert.pem')
    await writeFile(file, cert)
    const secure = await startApi({ tls: { key, cert }, publicUrl: 'ws://localhost:1/rtms' })
    const url = `https://localhost:${secure.address.port}`
    const stranger = await examine(url)
    expect(statuses(stranger.found)).toEqual({ name: 'PASS', reach: 'PASS', tls: 'FAIL' })
    const trusted = await examine(url, [], { RTMS_KEY: KEY, NODE_EXTRA_CA_CERTS: file })
    expect(trusted.found['tls']).toMatchObject({
      status: 'WARN',
      text: expect.stringContaining('for 4 days'),
      fix: 'Renew it',
    })
    expect(trusted.found['address']).toMatchObject({
      status: 'WARN',
      fix: expect.stringContaining('publicUrl'),
    })
    expect([trusted.code, trusted.found['size']?.status]).toEqual([0, 'PASS'])
    await rm(folder, { recursive: true })
  })
})
