import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { binaryCodec } from '../../../src/protocol/index.ts'
import { Rtms, type RtmsOptions } from '../../../src/server/index.ts'
import { closeAll, listening, open, SECRET } from './virtual-cluster.ts'

/* What a node answers over HTTP, at a server of its own and at that of an application. */

afterEach(closeAll)

const KEY = 'a-key-of-the-API-for-tests-long-enough'
const NOTHING = '{"error":"there is nothing at this path"}'
/** What the dashboard of this machine asks with. */
const DASHBOARD = { 'x-rtms-admin': '1' }

async function start(options: Partial<RtmsOptions> = {}): Promise<Rtms> {
  const place = options.server === undefined ? { port: 0, host: '127.0.0.1' } : {}
  const rtms = await Rtms.start({ nodeId: 'n7', secret: SECRET, logger: null, ...place, ...options })
  open.push({ close: () => rtms.close({ timeoutMs: 0 }) })
  return rtms
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

/** Status and body. */
async function get(port: number, path: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
  return `${response.status} ${await response.text()}`
}

describe('A node with a server of its own', () => {
  it('answers how it is, whether it is ready, and its metrics', async () => {
    const rtms = await start()
    const { port } = rtms.address
    expect(await get(port, '/healthz')).toBe(`200 ${JSON.stringify(rtms.health())}`)
    expect(await get(port, '/readyz')).toContain('200 {"status":"ready","node":"n7"')
    expect(await get(port, '/metrics')).toContain('rtms_sessions 0')
    expect(() => rtms.setTls({})).toThrow('this node has no TLS of its own')
  })

  it('has the HTTP API for keys and for a dashboard that needs none, and is silent about it otherwise', async () => {
    const asked = async (options: Partial<RtmsOptions>, headers = {}): Promise<string> => {
      const { address } = await start(options)
      return (await get(address.port, '/rtms/v1/topics', headers)).slice(0, 150)
    }
    expect(await asked({}, DASHBOARD)).toBe(`404 ${NOTHING}`)
    const api = { keys: [KEY] }
    expect(await asked({ api })).toMatch(
      /^401 .*UNAUTHENTICATED.*no key of the API was given, or one that is none of/,
    )
    expect(await asked({ api }, { authorization: `Bearer ${KEY}` })).toMatch(/^200/)
    expect(await asked({ api }, { authorization: 'Bearer another' })).toMatch(
      /^401 .*no key of the API was given, or one that is none of/,
    )
    expect(await asked({ admin: 'loopback' }, DASHBOARD)).toMatch(/^200/)
    expect(await asked({ admin: 'loopback' })).toMatch(/^401/)
    expect(await asked({ admin: 'key', api })).toMatch(/^401/)
  })
})

describe('A node at the server of an application', () => {
  it('answers what the application gives it: the dashboard and its API, and nothing else', async () => {
    const server = createServer((request, response) => {
      if (!rtms.admin(request, response)) response.end('of the application')
    })
    await listening(server)
    const rtms = await start({ server, admin: 'loopback' })
    const port = portOf(server)
    expect(await get(port, '/admin/access.json')).toContain('200 {"node":"n7"')
    expect(await get(port, '/rtms/v1/topics', DASHBOARD)).toMatch(/^200 \{/)
    for (const path of ['/', '/rtms', '/other/rtms/v1/']) {
      // oxlint-disable-next-line no-await-in-loop -- One after the other.
      expect(await get(port, path, DASHBOARD)).toBe('200 of the application')
    }
  })

  it('leaves even the paths of the dashboard to the application where it has none', async () => {
    const server = createServer((request, response) => {
      if (!rtms.admin(request, response)) response.end('of the application')
    })
    await listening(server)
    const rtms = await start({ server })
    for (const path of ['/admin/access.json', '/rtms/v1/topics']) {
      // oxlint-disable-next-line no-await-in-loop -- One after the other.
      expect(await get(portOf(server), path, DASHBOARD)).toBe('200 of the application')
    }
  })

  it('answers for its API, and takes upgrades, wherever the application has them', async () => {
    const server = createServer((request, response) => rtms.api(request, response))
    server.on('upgrade', (request, socket, head) => rtms.handleUpgrade(request, socket, head))
    await listening(server)
    const rtms = await start({ server: false, publicUrl: 'ws://n7.invalid/', api: { keys: [KEY] } })
    const port = portOf(server)
    expect(await get(port, '/v1/topics', { authorization: `Bearer ${KEY}` })).toMatch(/^200 \{/)
    const socket = new WebSocket(`ws://127.0.0.1:${port}/anywhere`, binaryCodec.subprotocol)
    await once(socket, 'open')
    expect(rtms.health().connections).toBe(1)
    socket.terminate()
    expect(() => rtms.address).toThrow('no server listens')
  })
})
