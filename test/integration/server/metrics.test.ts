import { createServer } from 'node:http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Rtms } from '../../../src/server/index.ts'
import {
  eventually,
  hello,
  join,
  Peer,
  raw,
  request,
  SECRET,
  start,
  stopAll,
  subscribe,
  tokenOf,
} from './peer.ts'

afterEach(stopAll)

/** The value of each line, by name and labels. */
function valuesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

async function get(
  rtms: Rtms,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; type: string | null; body: string }> {
  const response = await fetch(`http://127.0.0.1:${rtms.address.port}${path}`, { headers })
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}

describe('The metrics of a node', () => {
  it('tell what it does, and name nobody', async () => {
    const rtms = await start()
    await rtms.meetings.open('secret-meeting', { frameRate: 60 })
    rtms.onRequest('m', () => 1)
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'secret-user'))
    peer.send(join(1, 'secret-meeting'), subscribe(2, 'secret-topic'), request(3, 'm'))
    await peer.next('frames')
    await peer.next('reply')
    rtms.topics.publish('secret-topic', 1)
    await peer.next('publications')
    const gone = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    gone.ws.close(1000)
    await gone.closed
    const back = await new Peer(rtms.address.url).opened()
    back.send(hello(await tokenOf(rtms), { session: 'unheard-of' }), {
      ...join(1, 'secret-meeting'),
      world: 1,
      next: 1,
    })
    await back.next('joined')
    back.ws.close(1000)
    await back.closed
    const text = await rtms.metrics()
    expect(text).not.toContain('secret')
    const values = valuesOf(text)
    const expected = {
      rtms_connections: 1,
      rtms_sessions: 1,
      rtms_meetings: 1,
      rtms_topics: 1,
      rtms_connections_opened_total: 3,
      'rtms_connections_closed_total{reason="LEFT"}': 2,
      rtms_sessions_opened_total: 3,
      rtms_sessions_resumed_total: 0,
      rtms_sessions_ended_total: 2,
      'rtms_session_resumes_total{outcome="NOT_FOUND"}': 1,
      'rtms_meeting_resumes_total{outcome="NEW_EPOCH"}': 1,
      rtms_publications_total: 1,
      rtms_requests_started_total: 1,
      rtms_requests_ended_total: 1,
      rtms_handlers_running: 0,
      rtms_handler_seconds_count: 1,
      'rtms_handler_seconds_bucket{le="+Inf"}': 1,
      'rtms_stalls_total{by="credit"}': 0,
      'rtms_sweeps_cut_total{direction="up"}': 0,
      rtms_inputs_received_total: 0,
      rtms_unacknowledged_bytes: 0,
      rtms_upstream_queue_bytes: 0,
      rtms_connections_stalled: 0,
    }
    for (const [name, value] of Object.entries(expected))
      expect([name, values.get(name)]).toEqual([name, value])
    for (const name of [
      'rtms_messages_received_total',
      'rtms_bytes_received_total',
      'rtms_messages_sent_total',
      'rtms_bytes_sent_total',
      'rtms_writes_total',
      'rtms_frames_sealed_total',
      'rtms_sweep_seconds_count',
      'rtms_sweep_seconds_sum',
    ])
      expect([name, values.get(name)]).toEqual([name, expect.toSatisfy((value: number) => value > 0)])
    expect(values.get('rtms_frame_lateness_seconds_count')).toBe(values.get('rtms_frames_sealed_total'))
    expect(text).toContain('# TYPE rtms_sweep_seconds histogram\n')
  })

  it('tell what readers and sessions missed, and which calls failed, by reason', async () => {
    const rtms = await start({ limits: { sessionLogEntries: 3 } })
    rtms.topics.define('*', { entries: 1, bytes: 10_000, ageMs: 60_000 })
    const { url } = rtms.address
    const peer = await Peer.connect(url, await tokenOf(rtms), undefined, 1_000)
    peer.send(join(1, 'nowhere'), subscribe(2, 'secret-topic', '*'), request(3, 'unheard-of'))
    await peer.until(() => peer.all('failed').length === 3)
    // It acknowledges nothing: after the first of these it is owed the rest, and the topic keeps only one.
    for (let n = 0; n < 6; n++) {
      const { sweeps } = rtms.stats
      rtms.topics.publish('secret-topic', new Uint8Array(1_000))
      await eventually(() => rtms.stats.sweeps > sweeps)
    }
    peer.send({ type: 'ack', bytes: rtms.stats.bytesOut, received: 0, seen: [] })
    const gap = await peer.next('gap')
    peer.ws.terminate()
    await eventually(() => rtms.health().connections === 0)
    for (let n = 0; n < 10; n++) await rtms.users.push('u1', 'p', n)
    const [{ session } = { session: '' }] = peer.all('welcome')
    const back = await new Peer(url).opened()
    back.send(hello(await tokenOf(rtms), { session, received: 4 }))
    const { received } = await back.next('welcome')
    const text = await rtms.metrics()
    expect(text).not.toMatch(/secret|unheard-of|nowhere/)
    const values = valuesOf(text)
    const expected = {
      'rtms_gaps_total{reason="SLOW"}': 1,
      'rtms_entries_skipped_total{reason="SLOW"}': gap.to - gap.from,
      rtms_session_entries_lost_total: received - 4,
      'rtms_calls_failed_total{call="join",reason="NOT_FOUND"}': 1,
      'rtms_calls_failed_total{call="subscribe",reason="BAD_TOPIC"}': 1,
      'rtms_calls_failed_total{call="request",reason="NO_HANDLER"}': 1,
      rtms_bus_strangers_total: 0,
    }
    for (const [name, value] of Object.entries(expected))
      expect([name, values.get(name)]).toEqual([name, value])
    expect([gap.to - gap.from, received]).toEqual([4, 4 + 10 - 3])
  })

  it('do not lose or repeat anything from one time to the next', async () => {
    const rtms = await start()
    rtms.topics.publish('a', 1)
    const [first, second] = await Promise.all([rtms.metrics(), rtms.metrics()])
    expect(valuesOf(first).get('rtms_publications_total')).toBe(1)
    expect(valuesOf(second).get('rtms_publications_total')).toBe(1)
    rtms.topics.publish('a', 1)
    const values = valuesOf(await rtms.metrics())
    expect(values.get('rtms_publications_total')).toBe(2)
    expect(values.get('rtms_event_loop_delay_seconds{quantile="0.99"}')).toBeGreaterThanOrEqual(0)
  })

  it('are its own, of several nodes in one process', async () => {
    const [a, b] = [await start(), await start()]
    a.topics.publish('a', 1)
    expect(valuesOf(await b.metrics()).get('rtms_publications_total')).toBe(0)
  })
})

describe('/metrics', () => {
  it('is for this machine, and not for what a proxy on it passes on', async () => {
    const rtms = await start()
    const { status, type, body } = await get(rtms, '/metrics')
    expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
    expect(valuesOf(body).get('rtms_connections')).toBe(0)
    for (const name of ['X-Forwarded-For', 'Forwarded', 'X-Real-IP'])
      expect((await get(rtms, '/metrics', { [name]: '10.0.0.1' })).status).toBe(404)
  })

  it('is not for a page of another site, nor for a proxy that says nothing of itself', async () => {
    const { port } = (await start()).address
    const status = async (version: string, ...headers: string[]): Promise<string> => {
      const request = [`GET /metrics HTTP/${version}`, 'Connection: close', ...headers, '', ''].join('\r\n')
      return (await (await raw(port, request)).answer).slice(9, 12)
    }
    expect(await status('1.1', 'Host: localhost:7788')).toBe('200')
    expect(await status('1.1', 'Host: evil.example')).toBe('404')
    expect(await status('1.0', 'Host: localhost')).toBe('404')
    expect(await status('1.1', 'Host: localhost', 'Origin: https://evil.example')).toBe('404')
    expect(await status('1.1', 'Host: localhost', 'Sec-Fetch-Site: cross-site')).toBe('404')
  })

  it('that cannot be read is answered 500, and the next time is read again', async () => {
    const rtms = await start()
    const node = Object.getPrototypeOf(rtms) as { metrics(): Promise<string> }
    const broken = vi.spyOn(node, 'metrics').mockImplementationOnce(() => {
      throw new Error('a gauge failed')
    })
    broken.mockImplementationOnce(() => Promise.reject(new Error('a gauge failed')))
    expect((await get(rtms, '/metrics')).status).toBe(500)
    expect((await get(rtms, '/metrics')).status).toBe(500)
    expect((await get(rtms, '/metrics')).status).toBe(200)
    broken.mockRestore()
  })

  it('is for everybody where that is wanted', async () => {
    const rtms = await start({ metrics: 'public' })
    expect((await get(rtms, '/metrics', { 'X-Forwarded-For': '10.0.0.1' })).status).toBe(200)
  })

  it('is left to the handler where it is switched off', async () => {
    const rtms = await start({ metrics: false })
    expect((await get(rtms, '/metrics')).status).toBe(404)
    const own = await start({ metrics: false, handler: (_, response) => response.end('mine') })
    expect((await get(own, '/metrics')).body).toBe('mine')
    expect(await own.metrics()).toContain('rtms_connections 0')
  })

  it('cannot be set where the server is another’s, and not to anything', async () => {
    const options = { server: createServer(), secret: SECRET, metrics: 'all' }
    await expect(Rtms.start(options as never)).rejects.toThrow(
      /metrics: "all" was given; [^]*metrics: it was given together with server/,
    )
  })
})

describe('/readyz', () => {
  it('says that clients may be sent here', async () => {
    const rtms = await start({ nodeId: 'n1' })
    const { status, body } = await get(rtms, '/readyz')
    expect([status, JSON.parse(body)]).toEqual([
      200,
      { status: 'ready', node: 'n1', latenessMs: expect.any(Number) as number },
    ])
  })

  it('answers 503 while the node stops', async () => {
    const rtms = await start()
    const slow = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    slow.ws.pause()
    const closing = rtms.close()
    const { status, body } = await get(rtms, '/readyz')
    expect([status, JSON.parse(body)]).toMatchObject([503, { status: 'draining' }])
    slow.ws.resume()
    await closing
  })

  it('answers 503 where sweeps came too late, while /healthz is well', async () => {
    const rtms = await start({ limits: { readyLatenessMs: 20 } })
    rtms.topics.publish('a', 1)
    // The process stands still, and the sweep that is due with it.
    const end = performance.now() + 50
    while (performance.now() < end);
    const { status, body } = await get(rtms, '/readyz')
    expect([status, JSON.parse(body)]).toMatchObject([503, { status: 'late' }])
    expect(rtms.ready().latenessMs).toBeGreaterThanOrEqual(50)
    expect((await get(rtms, '/healthz')).status).toBe(200)
  })
})
