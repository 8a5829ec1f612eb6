import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Rtms } from '../../../src/server/index.ts'
import { join, Peer, SECRET, start, stopAll, subscribe, tokenOf } from '../server/peer.ts'
import { KEY } from './support.ts'

afterEach(stopAll)

/**
 * Asks as the dashboard does, unless headers say otherwise; an empty one is left out. `fetch` would not let a Host be
 * set.
 */
function ask(
  rtms: Rtms,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  const sent = Object.entries({ 'x-rtms-admin': '1', ...headers }).filter(([, value]) => value !== '')
  return new Promise((resolve, reject) => {
    const { port } = rtms.address
    const asked = request(
      { host: '127.0.0.1', port, path, headers: Object.fromEntries(sent) },
      (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        )
      },
    )
    asked.on('error', reject).end()
  })
}

/** What the page is told before it asks anything else. */
async function told(rtms: Rtms, headers: Record<string, string> = {}): Promise<unknown> {
  return JSON.parse((await ask(rtms, '/admin/access.json', headers)).body)
}

/** Whether a page of the node's own host may connect. */
async function upgraded(rtms: Rtms): Promise<boolean> {
  const { host, port, url } = rtms.address
  const socket = new WebSocket(url, ['rtms.v1'], { origin: `http://${host}:${port}` })
  const [event] = await Promise.race([once(socket, 'open').then(() => [true]), once(socket, 'error')])
  socket.terminate()
  return event === true
}

describe('The dashboard', () => {
  it('is not there unless the options say so', async () => {
    const rtms = await start()
    expect([(await ask(rtms, '/admin/')).status, (await ask(rtms, '/rtms/v1/info')).status]).toEqual([
      404, 404,
    ])
  })

  it('may ask without a key from this machine only, and only as itself', async () => {
    const rtms = await start({ admin: 'loopback' })
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await ask(rtms, '/rtms/v1/info', headers)).status
    expect(await status({})).toBe(200)
    // Another site's page: it cannot set the header.
    expect(await status({ 'x-rtms-admin': '' })).toBe(401)
    // Another site's name that was made to lead here.
    expect(await status({ host: 'evil.example' })).toBe(401)
    expect(await status({ host: 'localhost.evil.example:80' })).toBe(401)
    // Another site's page, which an application lets set any header.
    expect(await status({ origin: 'https://evil.example' })).toBe(401)
    expect(await status({ 'sec-fetch-site': 'cross-site' })).toBe(401)
    expect(await status({ 'sec-fetch-site': 'same-origin' })).toBe(200)
    // Passed on by a proxy that is set up for WebSockets, and says nothing else of itself.
    expect(await status({ connection: 'upgrade' })).toBe(401)
    // Passed on by a proxy on this machine.
    for (const header of [
      'x-forwarded-for',
      'forwarded',
      'x-real-ip',
      'via',
      'x-forwarded-host',
      'cf-connecting-ip',
    ])
      expect(await status({ [header]: '127.0.0.1' })).toBe(401)
    for (const host of ['localhost', 'localhost:7788', '127.0.0.1:1', '[::1]:7788'])
      expect(await status({ host })).toBe(200)
  })

  it('needs a key where the options say so', async () => {
    const rtms = await start({ admin: 'key', api: { keys: [KEY] } })
    expect((await ask(rtms, '/rtms/v1/info')).status).toBe(401)
    expect((await ask(rtms, '/rtms/v1/info', { authorization: `Bearer ${KEY}` })).status).toBe(200)
  })

  it('takes no proxy that says nothing of itself for this machine, where it speaks HTTP/1.0 as nginx does unasked', async () => {
    const rtms = await start({ admin: 'loopback' })
    const socket = connect(rtms.address.port, '127.0.0.1')
    socket.end('GET /rtms/v1/info HTTP/1.0\r\nHost: 127.0.0.1:7788\r\nX-Rtms-Admin: 1\r\n\r\n')
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('is told whether and why it needs a key, and where the node is', async () => {
    const near = await start({ admin: 'loopback', path: '/live' })
    expect(await told(near)).toEqual({ node: near.node, path: '/live', hasKeys: false, needsKey: null })
    expect(await told(near, { via: '1.1 proxy' })).toMatchObject({ needsKey: 'proxy' })
    expect(await told(near, { host: 'rt.example.com' })).toMatchObject({ needsKey: 'host' })
    const keyed = await start({ admin: 'key', api: { keys: [KEY] } })
    expect(await told(keyed)).toEqual({
      node: keyed.node,
      path: '/rtms',
      hasKeys: true,
      needsKey: 'option',
    })
  })

  it('that nobody has a key for is not started', async () => {
    const started = Rtms.start({ secret: SECRET, port: 0, admin: 'key' })
    await expect(started).rejects.toThrow("admin: 'key' was given without api")
  })

  it('has its page and files below /admin/, and leaves what else there is to the application', async () => {
    const rtms = await start({ admin: 'loopback', handler: (_, response) => response.end('mine') })
    const page = await ask(rtms, '/admin/')
    expect([page.status, page.body]).toEqual([200, expect.stringContaining('<title>')])
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file as string)
    expect(files.length).toBeGreaterThan(2)
    for (const file of files) {
      expect(file).toMatch(/^\/admin\//)
      expect((await ask(rtms, file)).status).toBe(200)
    }
    for (const path of ['/', '/assets/app.js', '/favicon.svg', '/administration'])
      expect((await ask(rtms, path)).body).toBe('mine')
    for (const path of ['/admin/index.html', '/admin/assets/none.js', '/admin/assets/../index.html'])
      expect((await ask(rtms, path)).status).toBe(404)
    expect((await ask(rtms, '/admin')).status).toBe(301)
  })

  it('says how long each of its files may be kept, which may all be shown nowhere else', async () => {
    const rtms = await start({ admin: 'loopback', path: '/' })
    const page = await ask(rtms, '/admin/')
    const [, asset = ''] = /src="([^"]+)"/.exec(page.body) ?? []
    const kept = async (path: string): Promise<unknown[]> => {
      const { headers } = await ask(rtms, path)
      expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' })
      return [headers['content-type'], headers['cache-control']]
    }
    expect([
      await kept('/admin/'),
      await kept(asset),
      await kept('/admin/favicon.svg'),
      await kept('/admin/access.json'),
      await kept('/admin/none'),
      await kept('/admin/assets/none.js'),
    ]).toEqual([
      ['text/html; charset=utf-8', 'no-cache'],
      ['text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
      ['image/svg+xml', 'no-cache'],
      ['application/json', 'no-store'],
      ['text/plain; charset=utf-8', 'no-store'],
      ['text/plain; charset=utf-8', 'no-store'],
    ])
    expect((await ask(rtms, '/admin')).headers['location']).toBe('/admin/')
    expect((await ask(rtms, '/admin?lang=zh')).headers['location']).toBe('/admin/?lang=zh')
    expect(await told(rtms)).toMatchObject({ path: '' })
  })

  it('is answered by rtms.admin where the server is the application’s own', async () => {
    const owner = createServer((request, response) => {
      if (!rtms.admin(request, response)) response.end('mine')
    })
    await new Promise<void>((resolve) => owner.listen(0, '127.0.0.1', resolve))
    const rtms = await start({ server: owner, admin: 'loopback' })
    expect((await ask(rtms, '/admin/')).body).toContain('<title>')
    expect((await ask(rtms, '/rtms/v1/info')).status).toBe(200)
    expect((await ask(rtms, '/rtms/v1x')).body).toBe('mine')
    expect((await ask(rtms, '/elsewhere')).body).toBe('mine')
    owner.closeAllConnections()
    owner.close()
  })

  it('lists topics page by page, by a part of their names', async () => {
    const rtms = await start({ admin: 'loopback' })
    for (const name of ['stock.3', 'chat', 'stock.1', 'stock.2'])
      rtms.topics.publish(name, name, { key: 'k' })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'u1'))
    peer.send(subscribe(1, 'stock.2'))
    await peer.next('subscribed')
    const list = async (query: string): Promise<{ topics: { name: string }[]; next: string | null }> =>
      JSON.parse((await ask(rtms, `/rtms/v1/topics?${query}`)).body) as never
    const first = await list('contains=STOCK&limit=2')
    expect(first).toEqual({
      topics: [
        { name: 'stock.1', subscribers: 0, keys: 1, publications: 1, kept: 1, bytes: expect.any(Number) },
        { name: 'stock.2', subscribers: 1, keys: 1, publications: 1, kept: 1, bytes: expect.any(Number) },
      ],
      next: 'stock.2',
      missing: [],
    })
    expect(await list('contains=STOCK&limit=2&after=stock.2')).toMatchObject({
      topics: [{ name: 'stock.3' }],
      next: null,
    })
    expect((await list('')).topics.map(({ name }) => name)).toEqual(['chat', 'stock.1', 'stock.2', 'stock.3'])
  })

  it('may connect from the host itself where origins are named', async () => {
    const origins = ['https://app.example.com']
    expect(await upgraded(await start({ origins, admin: 'loopback' }))).toBe(true)
    expect(await upgraded(await start({ origins }))).toBe(false)
  })

  it('gets sessions as they stand, without what could take them over', async () => {
    const rtms = await start({ admin: 'loopback' })
    await rtms.meetings.open('m')
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'u1'))
    peer.send(join(1, 'm'), subscribe(2, 'stock.1'))
    await peer.next('joined')
    await peer.next('subscribed')
    await Peer.connect(rtms.address.url, await tokenOf(rtms, 'u2'))
    const { body } = await ask(rtms, '/rtms/v1/sessions?user=u1')
    expect(JSON.parse(body)).toEqual({
      sessions: [
        {
          node: rtms.node,
          user: 'u1',
          connected: true,
          meetings: [{ name: 'm', slot: 0 }],
          topics: ['stock.1'],
          subscriptions: 1,
          cursors: [
            { of: 'meeting', name: 'm', position: expect.any(Number), first: 1, next: expect.any(Number) },
            { of: 'topic', name: 'stock.1', position: 1, first: 1, next: 1 },
          ],
          requests: 0,
          waiting: { messages: 0, bytes: 0 },
          unacknowledgedBytes: expect.any(Number),
          window: expect.any(Number),
        },
      ],
      missing: [],
    })
    expect((await rtms.users.list()).map(({ user }) => user)).toEqual(['u1', 'u2'])
    expect(await rtms.users.list({ limit: 1 })).toHaveLength(1)
    await expect(rtms.users.list({ limit: 0 })).rejects.toThrow(RangeError)
  })

  it('gets the metrics as Prometheus does', async () => {
    const rtms = await start({ admin: 'loopback' })
    rtms.topics.publish('a', 1)
    const { body } = await ask(rtms, '/rtms/v1/metrics')
    const { metrics } = JSON.parse(body) as {
      metrics: { name: string; type: string; values: { name: string; labels: object; value: number }[] }[]
    }
    expect(metrics.find(({ name }) => name === 'rtms_publications_total')).toMatchObject({
      type: 'counter',
      values: [{ name: 'rtms_publications_total', labels: {}, value: 1 }],
    })
    const lateness = metrics.find(({ name }) => name === 'rtms_frame_lateness_seconds')
    expect(lateness).toMatchObject({ type: 'histogram' })
    expect(lateness?.values.map(({ name }) => name)).toContain('rtms_frame_lateness_seconds_count')
  })
})
