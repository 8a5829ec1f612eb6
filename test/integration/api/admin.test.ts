import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { Rtms } from '../../../src/server/index.ts'
import { join, Peer, start, stopAll, subscribe, tokenOf } from '../server/peer.ts'
import { KEY } from './support.ts'

afterEach(stopAll)

/** Asks as the dashboard does, unless headers say otherwise; an empty one is left out. `fetch` would not let a Host be set. */
function ask(
  rtms: Rtms,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  const sent = Object.entries({ 'x-rtms-admin': '1', ...headers }).filter(([, value]) => value !== '')
  return new Promise((resolve, reject) => {
    const { port } = rtms.address
    const asked = request(
      { host: '127.0.0.1', port, path, headers: Object.fromEntries(sent) },
      (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      },
    )
    asked.on('error', reject).end()
  })
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
    // Passed on by a proxy on this machine.
    for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip'])
      expect(await status({ [header]: '127.0.0.1' })).toBe(401)
    for (const host of ['localhost', 'localhost:7788', '127.0.0.1:1', '[::1]:7788'])
      expect(await status({ host })).toBe(200)
  })

  it('needs a key where the options say so', async () => {
    const rtms = await start({ admin: 'key', api: { keys: [KEY] } })
    expect((await ask(rtms, '/rtms/v1/info')).status).toBe(401)
    expect((await ask(rtms, '/rtms/v1/info', { authorization: `Bearer ${KEY}` })).status).toBe(200)
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
    })
    expect(rtms.users.list().map(({ user }) => user)).toEqual(['u1', 'u2'])
    expect(rtms.users.list({ limit: 1 })).toHaveLength(1)
    expect(() => rtms.users.list({ limit: 0 })).toThrow(RangeError)
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
