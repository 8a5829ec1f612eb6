import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { decodeJwt, SignJWT } from 'jose'
import { afterEach, expect, it } from 'vitest'
import { ThreadsHub, threads } from '../../../src/bus/threads.ts'
import { join, Peer, refused, SECRET, start, stopAll, subscribe } from './peer.ts'

afterEach(stopAll)

const read = (file: string): string =>
  readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8').replaceAll(/_bucket\b/g, '')

for (const [file, least] of [
  ['docs/operating.md', 8],
  ['docs/cluster.md', 5],
  ['deploy/grafana/rtms.json', 20],
] as const)
  it(`${file} names metrics that there are`, async () => {
    const named = new Set(read(file).match(/rtms_\w+/g))
    // One of a cluster has all of them.
    const rtms = await start({ bus: threads(new ThreadsHub().seat()) })
    const metrics = await rtms.metrics()
    expect(named.size).toBeGreaterThan(least)
    expect([...named].filter((name) => !metrics.includes(`# TYPE ${name} `))).toEqual([])
  })

it('deploy/grafana/rtms.json is a dashboard whose panels all ask for something', () => {
  const { panels } = JSON.parse(read('deploy/grafana/rtms.json')) as {
    panels: { title: string; targets?: { expr: string }[] }[]
  }
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length)
  for (const { targets = [] } of panels) for (const { expr } of targets) expect(expr).toMatch(/rtms_/)
})

it('docs/security.md makes a ticket in Python that lets a client in, with the rights it says', async () => {
  const [, program = ''] = /```python\n([\s\S]*?)```/.exec(read('docs/security.md')) ?? []
  const env = { ...process.env, RTMS_SECRET: SECRET }
  const ticket = JSON.parse(execFileSync('python3', ['-c', program], { env, encoding: 'utf8' })) as {
    url: string
    token: string
    expiresAt: number
  }
  expect(ticket).toEqual({
    url: 'ws://localhost:7788/rtms',
    token: expect.any(String),
    expiresAt: decodeJwt(ticket.token).exp,
  })
  expect(Math.abs(ticket.expiresAt - Date.now() / 1000 - 3_600)).toBeLessThan(60)
  const rtms = await start()
  await rtms.meetings.open('beast-42')
  const peer = await Peer.connect(rtms.address.url, ticket.token)
  expect(peer.all('welcome')).toMatchObject([{ user: 'ann' }])
  peer.send(join(1, 'beast-42'), subscribe(2, 'stock.1'), subscribe(3, 'news'))
  await peer.next('joined')
  await peer.next('subscribed', ({ call }) => call === 2)
  expect(await peer.next('failed', ({ call }) => call === 3)).toMatchObject({ error: 'FORBIDDEN' })
})

it('docs/security.md says of each claim whether a token needs it', async () => {
  const page = read('docs/security.md')
  const rows = [...page.matchAll(/^\| `(\w+)` \| (?:text|number|list)[^|]*\| ([^|]+) \|/gm)]
  const needed = new Map(rows.map(([, claim = '', needed = '']) => [claim, needed]))
  expect([...needed.keys()]).toEqual(['sub', 'iss', 'iat', 'exp', 'nbf', 'aud', 'jti', 'm', 'r', 'w', 'rev'])
  const now = Math.floor(Date.now() / 1000)
  const all = { sub: 'ann', iss: 'rtms', iat: now, exp: now + 60, nbf: now, aud: 'game', jti: 'x', rev: 1 }
  const claims = { ...all, m: [['quiz.*', 'member']], r: ['stock.*'], w: ['chat.1'] }
  const signed = (payload: object): Promise<string> =>
    new SignJWT({ ...payload })
      .setProtectedHeader({ alg: 'HS256', typ: 'rtms+jwt' })
      .sign(new TextEncoder().encode(SECRET))
  const rtms = await start({ audience: 'game' })
  for (const [claim, said] of needed) {
    const token = await signed({ ...claims, [claim]: undefined })
    if (said === 'no') await Peer.connect(rtms.address.url, token)
    else expect([claim, (await refused(rtms.address.url, token)).code]).toEqual([claim, 4401])
  }
})
