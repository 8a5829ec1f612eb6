import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { binaryCodec } from '../../src/protocol/index.ts'
import { freePorts } from '../free-port.ts'
import { endAll, printed, type Run, rtms } from '../integration/cli-support.ts'
import { Peer } from '../integration/server/peer.ts'

const KEY = 'k'.repeat(32)
const env = { RTMS_SECRET: 's'.repeat(32), RTMS_API_KEY: KEY }
const folder = mkdtempSync(join(tmpdir(), 'rtms-nodes-'))

afterEach(endAll)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function serve(args: string[], more: Record<string, string> = {}): Run {
  return rtms(['serve', '--host', '127.0.0.1', '--port', '0', ...args], { ...env, ...more })
}

/** Where each node listens. */
async function origins(run: Run, count: number): Promise<string[]> {
  await printed(run, /Each node has a dashboard/)
  return Array.from({ length: count }, (_, at) => {
    const [, url = ''] = new RegExp(`rtms-${at} listens at (\\S+)$`, 'm').exec(run.text()) ?? []
    return url
  })
}

const api = (origin: string): Record<string, string> => ({ RTMS_URL: `${origin}/rtms`, RTMS_KEY: KEY })

describe('rtms serve --nodes', () => {
  it('runs so many nodes, which are one cluster, on ports of their own, and closes them on SIGTERM', async () => {
    const run = serve(['--nodes', '3'])
    const [a = '', b = '', c = ''] = await origins(run, 3)
    expect(new Set([a, b, c]).size).toBe(3)
    const tail = rtms(['tail', 'prices'], api(c))
    await expect
      .poll(
        async () => {
          expect(await rtms(['publish', 'prices', '{"price":7}'], api(a)).ended).toBe(0)
          return tail.text()
        },
        { timeout: 20_000 },
      )
      .toContain('{"price":7}')
    for (const [at, origin] of [a, b, c].entries()) {
      expect(await (await fetch(`${origin}/healthz`)).json()).toMatchObject({ node: `rtms-${at}` })
      expect((await fetch(`${origin}/admin/`)).status).toBe(200)
    }
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    expect(run.text()).toContain('Closed')
  })

  it('gives out tickets that name the port of their node, good from a page of any of them', async () => {
    const run = serve(['--nodes', '2', '--dev', '--json'])
    await printed(run, /RTMS is up/)
    const nodes = [...run.text().matchAll(/rtms-\d listens at (http:\/\/localhost:\d+)/g)].map(
      ([, url = '']) => url,
    )
    expect(nodes).toHaveLength(2)
    const [a = '', b = ''] = nodes
    const ticketFor = async (room: string, origin: string): Promise<{ url: string; token: string }> => {
      const body = JSON.stringify({ room })
      const answer = await fetch(`${origin}/api/playground/ticket`, { method: 'POST', body })
      return (await answer.json()) as { url: string; token: string }
    }
    // The room is where its first guest was; whoever asks another node for it is led there.
    for (const [room, at, askedAt] of [
      ['first', 0, a],
      ['second', 1, b],
      ['first', 0, b],
      ['second', 1, a],
    ] as const) {
      const ticket = await ticketFor(room, askedAt)
      expect(ticket.url).toBe(`${nodes[at]?.replace('http', 'ws')}/rtms?route=rtms-${at}`)
      const peer = new Peer(ticket.url, binaryCodec, { origin: askedAt })
      await peer.opened()
      peer.hello(ticket.token)
      expect((await peer.next('welcome')).node).toBe(`rtms-${at}`)
    }
    // In development, a node is killed by its own or another one: here its thread ends, and no other.
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
    const killed = await fetch(`${a}/rtms/v1/nodes/rtms-1/kill`, { method: 'POST', headers, body: '{}' })
    expect(await killed.json()).toEqual({})
    await printed(run, /rtms-1 has ended by itself; it is started anew in 1 s/)
    await printed(run, /rtms-1 is up again/)
    expect(await (await fetch(`${b}/healthz`)).json()).toMatchObject({ status: 'ok', node: 'rtms-1' })
  })

  it('tells of a node whose thread has ended, and starts it anew on its port; the others notice nothing', async () => {
    const CRASH = join(folder, 'crash')
    const preload = fileURLToPath(new URL('crash.cjs', import.meta.url))
    const run = serve(['--nodes', '2'], { CRASH, NODE_OPTIONS: `--require ${preload}` })
    const [a = '', b = ''] = await origins(run, 2)
    const uptime = async (origin: string): Promise<number> => {
      const answer = await fetch(`${origin}/rtms/v1/info`, { headers: { authorization: `Bearer ${KEY}` } })
      return ((await answer.json()) as { uptimeMs: number }).uptimeMs
    }
    const before = await uptime(a)
    writeFileSync(CRASH, 'rtms-1')
    await printed(run, /ERROR rtms-1 has ended by itself; it is started anew in 1 s {2}error=Error: a bug/)
    await printed(run, /INFO {2}rtms-1 is up again/)
    expect(await (await fetch(`${b}/healthz`)).json()).toMatchObject({ status: 'ok', node: 'rtms-1' })
    expect(await uptime(a)).toBeGreaterThan(before)
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(0)
  })

  it('says which option is the reason that a node cannot start, and ends the others', async () => {
    const port = await freePorts(2)
    const blocker = createServer().listen(port + 1, '127.0.0.1')
    await once(blocker, 'listening')
    const run = rtms(['serve', '--host', '127.0.0.1', '--nodes', '2', '--port', String(port)], env)
    expect(await run.ended).toBe(2)
    expect(run.text()).toContain(`port ${port + 1} is in use already`)
    blocker.close()
  })
})
