import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

/*
 * The README's blocks, as they stand there, against the built package. What they leave to the reader (an Express
 * app, a quote, what to do with it) is given here as globals.
 */

const root = new URL('../../', import.meta.url)
const folder = new URL('.artifacts/readme/', root)
const SECRET = 'a secret for this test only, of more than thirty-two bytes'
const PORT_LINE = 'port: 7788'

interface Reply {
  json(value: unknown): void
}
type Handler = (request: { user: { id: string } }, reply: Reply) => Promise<void>

const seen = {
  inputs: [] as unknown[],
  quotes: [] as unknown[],
  toasts: [] as unknown[],
  orders: [] as unknown[],
}
const routes = new Map<string, Handler>()
const http = createServer((request: IncomingMessage, response: ServerResponse) => {
  const handler = routes.get(request.url ?? '')
  void handler?.({ user: { id: 'u1' } }, { json: (value) => void response.end(JSON.stringify(value)) })
})
const globals = globalThis as unknown as Record<string, unknown>
const realFetch = globalThis.fetch

/** Writes a block of the README as a module of its own and loads it. */
async function load(block: string, name: string, exported: string): Promise<Record<string, unknown>> {
  const file = new URL(`${name}.mjs`, folder)
  await writeFile(file, `${block}\nexport { ${exported} }\n`)
  return (await import(/* @vite-ignore */ pathToFileURL(file.pathname).href)) as Record<string, unknown>
}

let rtms: {
  close(): Promise<void>
  users: { push(user: string, name: string, data: unknown): Promise<number> }
}
let client: { close(): void }
let blocks: string[]

beforeAll(async () => {
  const readme = await readFile(new URL('README.md', root), 'utf8')
  blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block as string)
  await mkdir(folder, { recursive: true })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  process.env['RTMS_SECRET'] = SECRET
  globals['app'] = { post: (path: string, handler: Handler) => routes.set(path, handler) }
  globals['quote'] = { price: 1 }
  globals['place'] = async (user: string, data: unknown) => seen.orders.push([user, data])
  globals['fetch'] = (path: string, init: RequestInit) => realFetch(`http://127.0.0.1:${port}${path}`, init)
  globals['apply'] = (input: { data: unknown }) => seen.inputs.push(input.data)
  globals['isFair'] = () => true
  globals['draw'] = (quote: unknown) => seen.quotes.push(quote)
  globals['toast'] = (order: unknown) => seen.toasts.push(order)
})

afterAll(async () => {
  client?.close()
  await rtms?.close()
  http.close()
  globals['fetch'] = realFetch
  await rm(folder, { recursive: true, force: true })
})

it('runs the server and the client of the README as they stand there', async () => {
  // The last one, about types, is compiled with all others: see consumer.test.ts.
  expect(blocks).toHaveLength(4)
  const [server, browser, kind] = blocks as [string, string, string]
  // The order that the server block pushes is the reader's; the port is any free one here.
  globals['order'] = { id: 1 }
  expect(server).toContain(PORT_LINE)
  rtms = (await load(server.replace(PORT_LINE, 'port: 0'), 'server', 'rtms'))['rtms'] as typeof rtms
  globals['rtms'] = rtms
  const { duel } = await load(kind, 'kind', 'duel, robot')
  expect(duel).toMatchObject({ members: [{ user: 'robot', bot: true }], metadata: { level: 3 } })
  const loaded = await load(browser, 'client', 'client, order')
  client = loaded['client'] as typeof client
  expect(loaded['order']).toEqual({ id: 1 })
  expect(seen.orders).toEqual([['u1', { symbol: '600519', quantity: 100 }]])
  await rtms.users.push('u1', 'order.filled', { id: 1 })
  await expect
    .poll(() => seen)
    .toMatchObject({ inputs: [{ hit: 3 }], quotes: [{ price: 1 }], toasts: [{ id: 1 }] })
})
