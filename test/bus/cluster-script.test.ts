import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { freePorts, isFree } from '../free-port.ts'
import { Peer } from '../integration/server/peer.ts'

/* `npm run cluster`, after its build. */

const root = fileURLToPath(new URL('../..', import.meta.url))
let script: ChildProcess | undefined

// Not killed: it ends the programs that it has started, which are process groups of their own.
afterEach(async () => {
  if (script === undefined || script.exitCode !== null) return
  script.kill('SIGTERM')
  await once(script, 'exit')
})

it('runs the demo on three nodes behind HAProxy, and ends all of them on Ctrl-C', async () => {
  const port = await freePorts(4)
  const env = { ...process.env, PORT: String(port) }
  script = spawn(process.execPath, ['scripts/cluster.mjs'], { cwd: root, env, stdio: 'pipe' })
  let text = ''
  for (const stream of [script.stdout, script.stderr])
    stream?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await expect.poll(() => text, { timeout: 40_000 }).toContain('Ctrl-C ends all of it')
  expect(text).toContain(`through HAProxy: http://localhost:${port}\n`)
  expect(await (await fetch(`http://localhost:${port}/`)).text()).toContain('<title>')
  const ticketFor = async (part: string, wish: object): Promise<{ url: string; token: string }> => {
    const answer = await fetch(`http://localhost:${port}/api/${part}/ticket`, {
      method: 'POST',
      body: JSON.stringify(wish),
    })
    return (await answer.json()) as { url: string; token: string }
  }
  const routeOf = ({ url }: { url: string }): string | null => new URL(url).searchParams.get('route')
  // Readers of the wall are led to all nodes: to the one that their ticket is from. A late one is passed over.
  const routes = new Set<string | null>()
  await expect
    .poll(async () => routes.add(routeOf(await ticketFor('wall', {}))), { timeout: 20_000 })
    .toEqual(new Set(['rtms-0', 'rtms-1', 'rtms-2']))
  // Who names a node is led there.
  const chosen = await Promise.all(
    Array.from({ length: 3 }, () => ticketFor('battle', { room: 'c', node: 'rtms-2' })),
  )
  expect(chosen.map(routeOf)).toEqual(['rtms-2', 'rtms-2', 'rtms-2'])
  // Whichever node is asked: each room is on one of them.
  for (const [part, wish] of [
    ['battle', { room: 'a' }],
    ['playground', { room: 'b' }],
  ] as const) {
    const tickets = await Promise.all(Array.from({ length: 4 }, () => ticketFor(part, wish)))
    const [{ url, token }] = tickets as [{ url: string; token: string }]
    expect(new Set(tickets.map((ticket) => ticket.url))).toEqual(new Set([url]))
    // A node that is late for a while, on a busy machine, is passed over.
    const landing = async (): Promise<string> => {
      const peer = await Peer.connect(url, token)
      peer.ws.terminate()
      return `ws://localhost:${port}/rtms?route=${peer.all('welcome')[0]?.node}`
    }
    await expect.poll(landing, { timeout: 20_000 }).toBe(url)
  }
  script.kill('SIGINT')
  expect(await once(script, 'exit')).toEqual([0, null])
  for (let at = 0; at < 4; at++) expect(await isFree(port + at)).toBe(true)
})
