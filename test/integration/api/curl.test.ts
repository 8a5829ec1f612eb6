import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterEach, expect, it } from 'vitest'
import { Peer, stopAll } from '../server/peer.ts'
import { KEY, startApi } from './support.ts'

afterEach(stopAll)

const run = promisify(execFile)

it('the examples of docs/http-api.md work as they stand there', async () => {
  const page = await readFile(new URL('../../../docs/http-api.md', import.meta.url), 'utf8')
  const examples = [...page.matchAll(/```sh\n(curl [\s\S]*?)```/g)].map(([, example]) => example as string)
  expect(examples).toHaveLength(7)
  const rtms = await startApi()
  const env = {
    ...process.env,
    RTMS_URL: `http://127.0.0.1:${rtms.address.port}/rtms`,
    RTMS_API_KEY: KEY,
  }
  const answers: unknown[] = []
  for (const example of examples) {
    const { stdout } = await run('sh', ['-c', example], { env })
    answers.push(JSON.parse(stdout))
  }
  const pressure = expect.any(Number)
  expect(answers).toEqual([
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
    { online: false, sessions: 0, connected: 0 },
  ])
  const { url, token } = answers[4] as { url: string; token: string }
  expect((await Peer.connect(url, token)).all('welcome')).toMatchObject([{ user: 'u1' }])
})

it('docs/http-api.md names every operation', async () => {
  const page = await readFile(new URL('../../../docs/http-api.md', import.meta.url), 'utf8')
  const rtms = await startApi()
  const response = await fetch(`http://127.0.0.1:${rtms.address.port}/rtms/v1/openapi.json`, {
    headers: { authorization: `Bearer ${KEY}` },
  })
  const { paths } = (await response.json()) as { paths: Record<string, Record<string, unknown>> }
  for (const [path, methods] of Object.entries(paths))
    for (const method of Object.keys(methods)) expect(page).toContain(`${method.toUpperCase()} ${path}`)
})
