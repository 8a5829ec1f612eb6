import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, expect, it } from 'vitest'
import { json, Peer, request, stopAll, tokenOf } from '../server/peer.ts'
import { KEY, startApi } from './support.ts'

afterEach(stopAll)

const run = promisify(execFile)
const root = new URL('../../../', import.meta.url)
const readPage = (): Promise<string> => readFile(new URL('docs/http-api.md', root), 'utf8')

it('the examples of docs/http-api.md work as they stand there', async () => {
  const page = await readPage()
  const examples = [...page.matchAll(/```sh\n(curl [\s\S]*?)```/g)].map(([, example]) => example as string)
  expect(examples).toHaveLength(8)
  const rtms = await startApi()
  const env = {
    ...process.env,
    RTMS_URL: `http://127.0.0.1:${rtms.address.port}/rtms`,
    RTMS_KEY: KEY,
  }
  const answers: unknown[] = []
  for (const example of examples) {
    const { stdout } = await run('sh', ['-c', example], { env })
    answers.push(JSON.parse(stdout))
  }
  const pressure = expect.any(Number)
  expect(answers).toEqual([
    { pressure },
    { pressure },
    { results: [{ pressure }, { pressure }] },
    { sessions: 0 },
    { name: 'beast-42', created: true },
    {
      url: expect.any(String),
      token: expect.any(String),
      expiresAt: expect.any(Number),
      id: expect.any(String),
    },
    expect.objectContaining({ name: 'beast-42', frameRate: 20, capacity: 10, members: [] }),
    { online: false, sessions: 0, connected: 0, complete: true },
  ])
  const { url, token } = answers[5] as { url: string; token: string }
  expect((await Peer.connect(url, token)).all('welcome')).toMatchObject([{ user: 'u1' }])
})

it('so does what it says in Python', async () => {
  const [, program = ''] = /```python\n([\s\S]*?)```/.exec(await readPage()) ?? []
  const rtms = await startApi()
  const env = { ...process.env, RTMS_URL: `http://127.0.0.1:${rtms.address.port}/rtms`, RTMS_KEY: KEY }
  rtms.topics.publish('stock.all', 1, { key: '000001' })
  const { stdout, stderr } = await run('python3', ['-c', program], { env })
  const said = 'give either data or base64; neither is needed with tombstone'
  expect([stdout, stderr]).toEqual([`300750 ${said}\n`, ''])
  expect(rtms.topics.latest('stock.all')).toMatchObject([{ key: '600519', data: { price: 1680.5 } }])
})

it('and where the node refuses, the Python tells what it says', async () => {
  const [, program = ''] = /```python\n([\s\S]*?)```/.exec(await readPage()) ?? []
  const rtms = await startApi()
  const key = 'not a key of this node, of thirty-two characters'
  const env = { ...process.env, RTMS_URL: `http://127.0.0.1:${rtms.address.port}/rtms`, RTMS_KEY: key }
  await expect(run('python3', ['-c', program], { env })).rejects.toMatchObject({
    stderr: expect.stringMatching(/RuntimeError: \/publish\/batch: 401 .*"UNAUTHENTICATED"/) as string,
  })
})

it('docs/http-api.md names every operation', async () => {
  const page = await readPage()
  const rtms = await startApi()
  const response = await fetch(`http://127.0.0.1:${rtms.address.port}/rtms/v1/openapi.json`, {
    headers: { authorization: `Bearer ${KEY}` },
  })
  const { paths } = (await response.json()) as { paths: Record<string, Record<string, unknown>> }
  for (const [path, methods] of Object.entries(paths))
    for (const method of Object.keys(methods)) expect(page).toContain(`${method.toUpperCase()} ${path}`)
})

it('the receiver of docs/http-api.md believes what a node signs, and nothing else', async () => {
  const secret = 'a secret of the business, which is long enough'
  process.env['WEBHOOK_SECRET'] = secret
  const [, example = ''] = /```js\n([\s\S]*?)```/.exec(await readPage()) ?? []
  const folder = new URL('.artifacts/http-api/', root)
  await mkdir(folder, { recursive: true })
  const file = new URL('receiver.mjs', folder)
  await writeFile(file, example)
  const { server } = (await import(/* @vite-ignore */ pathToFileURL(file.pathname).href)) as {
    server: Server
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const rtms = await startApi({ requests: { url, secret } })
  const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'u1'))
  peer.send(request(1, 'order.place', { symbol: '600519' }))
  const { data } = await peer.next('reply')
  expect(json(data)).toEqual({ answer: 'u1 asked order.place', data: { symbol: '600519' } })
  for (const signature of ['', `t=${Math.floor(Date.now() / 1000)},v1=${'0'.repeat(64)}`]) {
    const forged = { method: 'POST', body: '{}', headers: { 'rtms-signature': signature } }
    expect((await fetch(url, forged)).status).toBe(401)
  }
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true })
})
