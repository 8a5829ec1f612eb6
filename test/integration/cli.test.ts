import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { endAll, printed, rtms } from './cli-support.ts'

afterEach(endAll)

/** Why the dashboard wants a key; false where there is no dashboard. */
async function dashboard(args: string[], env: Record<string, string>): Promise<unknown> {
  const run = rtms(['serve', '--port', '0', '--host', '127.0.0.1', ...args], env)
  const [, url] = await printed(run, /(http:\/\/[^/\s]+:\d+)/)
  const response = await fetch(`${url}/admin/access.json`)
  return response.ok && ((await response.json()) as { needsKey: unknown }).needsKey
}

/** Publishes 200 times to each of two topics; how the node stands to them. */
async function keptOf(api: string, key: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const topics = ['trades.1', 'other']
  for (const topic of topics) {
    const items = Array.from({ length: 200 }, (_, data) => ({ topic, data }))
    await fetch(`${api}/publish/batch`, { method: 'POST', headers, body: JSON.stringify({ items }) })
  }
  return Promise.all(topics.map(async (topic) => (await fetch(`${api}/topics/${topic}`, { headers })).json()))
}

describe('rtms', () => {
  it.each([
    [[], 'a command is missing'],
    [['serve', '--dev', '--port', 'x'], 'a port is a number from 0 to 65535'],
    [['publish', 't', '1'], 'give --key, or RTMS_KEY'],
  ])('called as %j says what is wrong and exits with 2', async (args, message) => {
    const run = rtms(args)
    expect(await run.ended).toBe(2)
    expect(run.text()).toContain(message)
  })

  it('prints help for each command, and its version', async () => {
    const all = rtms(['--help'])
    expect(await all.ended).toBe(0)
    const names = [...all.text().matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name as string)
    expect(names).toEqual([
      'serve',
      'token',
      'tail',
      'publish',
      'push',
      'meetings',
      'cluster',
      'drain',
      'doctor',
    ])
    const helps = names.map((name) => rtms([name, '--help']))
    for (const [at, run] of helps.entries()) {
      expect(await run.ended).toBe(0)
      expect(run.text()).toContain(`Usage: rtms ${names[at]}`)
      expect(run.text()).toContain('--json')
    }
    const version = rtms(['--version'])
    expect(await version.ended).toBe(0)
    expect(version.text()).toContain('0.1.0')
  })

  it('with --json tells errors as JSON', async () => {
    const run = rtms(['publish', '--json'])
    expect(await run.ended).toBe(2)
    expect(JSON.parse(run.text())).toEqual({
      error: { code: '', message: '<topic> is missing. See: rtms publish --help' },
    })
  })

  it('serves the demo, says loudly that guests get in, and closes in good order on SIGTERM', async () => {
    const run = rtms(['serve', '--dev', '--port', '0'])
    const [, url] = await printed(run, /Open (http:\/\/\S+)/)
    expect(run.text()).toContain('DEVELOPMENT MODE')
    expect(await (await fetch(url as string)).text()).toContain('<title>')
    const ticket = await fetch(`${url}/api/playground/ticket`, { method: 'POST', body: '{}' })
    expect(await ticket.json()).toMatchObject({
      token: expect.any(String),
      url: expect.stringContaining('route='),
    })
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    expect(run.text()).toContain('Closed')
  })

  it('with --dev makes a key of the HTTP API, shown once, and with a key shows none', async () => {
    const run = rtms(['serve', '--dev', '--port', '0'])
    const [, url, key] = await printed(run, /RTMS_URL=(\S+) RTMS_KEY=([0-9a-f]{64})/)
    expect(await keptOf(`${url}/v1`, String(key))).toMatchObject([
      { publications: 200, kept: 100 },
      { publications: 200, kept: 100 },
    ])
    const given = 'a-key-for-tests-which-is-long-enough'
    const other = rtms(['serve', '--json', '--port', '0', '--host', '127.0.0.1'], {
      RTMS_SECRET: 'x'.repeat(32),
      RTMS_API_KEY: given,
    })
    const [, at] = await printed(other, /HTTP API is at (\S+)\/v1"/)
    const info = await fetch(`${at}/v1/info`, { headers: { authorization: `Bearer ${given}` } })
    expect(info.status).toBe(200)
    expect(other.text()).not.toContain(given)
    for (const line of other.text().trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ level: 'info', message: expect.any(String) })
  })

  it('takes its port from PORT, and names a free one to try where it is in use', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => blocker.once('listening', resolve))
    const { port } = blocker.address() as AddressInfo
    const run = rtms(['serve', '--dev'], { PORT: String(port) })
    expect(await run.ended).toBe(2)
    expect(run.text()).toContain(`port ${port} is in use already`)
    blocker.close()
  })

  it('opens the dashboard to this machine with --dev, to who has the key with one, else to nobody', async () => {
    const RTMS_SECRET = 'x'.repeat(32)
    const RTMS_API_KEY = 'a-key-for-tests-which-is-long-enough'
    expect(await dashboard(['--dev'], {})).toBe(null)
    expect(await dashboard([], { RTMS_SECRET, RTMS_API_KEY })).toBe('option')
    expect(await dashboard([], { RTMS_SECRET })).toBe(false)
    expect(await dashboard(['--admin', 'loopback'], { RTMS_SECRET })).toBe(null)
    expect(await dashboard(['--admin', 'off'], { RTMS_SECRET, RTMS_API_KEY })).toBe(false)
  })

  it('without --dev is a bare node', async () => {
    const run = rtms(['serve', '--port', '0', '--host', '127.0.0.1'], { RTMS_SECRET: 'x'.repeat(32) })
    const [, url] = await printed(run, /listens at (http:\/\/\S+)\./)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect((await fetch(`${url}/api/playground/ticket`, { method: 'POST', body: '{}' })).status).toBe(404)
  })

  it('says at its start what is open to whom', async () => {
    const RTMS_SECRET = 'x'.repeat(32)
    const plain = rtms(['serve', '--port', '0', '--host', '127.0.0.1'], { RTMS_SECRET })
    await printed(plain, /no HTTP API/)
    expect(plain.text()).toContain('Clients need a ticket signed with the secret')
    expect(plain.text()).toContain('Pages that may connect: those of the same host (--origins)')
    expect(plain.text()).toContain('/metrics answers this machine alone (--metrics)')
    const open = rtms(
      [
        'serve',
        '--port',
        '0',
        '--host',
        '127.0.0.1',
        '--origins',
        'https://a.example',
        '--metrics',
        'public',
      ],
      { RTMS_SECRET, RTMS_REQUESTS_URL: 'http://127.0.0.1:1/rtms', RTMS_REQUESTS_SECRET: 'y'.repeat(32) },
    )
    await printed(open, /no HTTP API/)
    expect(open.text()).toContain('Pages that may connect: those of https://a.example')
    expect(open.text()).toContain('/metrics answers everybody')
    expect(open.text()).toContain('Requests of clients go to http://127.0.0.1:1/rtms')
    for (const run of [plain, open]) expect(run.text()).not.toMatch(/xxxx|yyyy/)
  })

  it('takes its options from a file, before which go the environment and what it is called with', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rtms-config-'))
    const file = join(folder, 'rtms.json')
    const key = 'a-key-for-tests-which-is-long-enough'
    const options = {
      port: 0,
      host: '127.0.0.1',
      secret: 'z'.repeat(32),
      origins: ['https://file.example'],
      metrics: 'public',
      limits: { sessionKeepMs: 1_000, requestsPerUser: 7 },
      topics: { 'trades.*': { entries: 150 } },
      api: { keys: [key] },
    }
    await writeFile(file, JSON.stringify(options))
    const run = rtms(['serve', '--config', file, '--limits', 'sessionKeepMs=2000'], { RTMS_METRICS: 'off' })
    const [, url] = await printed(run, /HTTP API is at (\S+)\/v1/)
    expect(run.text()).toContain('Pages that may connect: those of https://file.example')
    expect(run.text()).toContain('/metrics answers nobody')
    expect(await keptOf(`${url}/v1`, key)).toMatchObject([
      { publications: 200, kept: 150 },
      { publications: 200, kept: 100 },
    ])
    for (const [text, message] of [
      ['{', 'cannot be read'],
      ['[]', 'must hold one object of JSON'],
      ['{"origin": []}', 'origin: it is not an option; did you mean origins?'],
      ['{"logger": {}}', `--config ${file}: logger cannot be said in a file`],
      ['{"port": 99999}', 'a port is a number from 0 to 65535'],
      ['{"origins": ["a.example"]}', "origins such as 'https://example.com'"],
      ['{"limits": {"sesionKeepMs": 1}}', 'did you mean sessionKeepMs?'],
      [
        '{"topics": {"trades.*": {"entrys": 1}}}',
        'topics["trades.*"].entrys: it is not an option; did you mean entries?',
      ],
      [String.raw`{"\u001b[31mred\u202e": 1}`, String.raw`  \u{1b}[31mred\u{202e}: it is not an option`],
    ] as const) {
      await writeFile(file, text)
      const wrong = rtms(['serve', '--config', file, '--host', '127.0.0.1'], { RTMS_SECRET: 'x'.repeat(32) })
      expect(await wrong.ended).toBe(2)
      expect(wrong.text()).toContain(message)
    }
    await rm(folder, { recursive: true })
  })

  it('tells of its process in /metrics', async () => {
    const run = rtms(['serve', '--port', '0', '--host', '127.0.0.1'], { RTMS_SECRET: 'x'.repeat(32) })
    const [, url] = await printed(run, /listens at (http:\/\/\S+)\./)
    const text = await (await fetch(`${url}/metrics`)).text()
    for (const name of ['cpu_seconds_total', 'resident_memory_bytes', 'start_time_seconds', 'heap_bytes'])
      expect(text).toMatch(new RegExp(`^process_${name} [0-9.e+]+$`, 'm'))
  })
})
