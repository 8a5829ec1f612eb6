import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RequestCall } from '../../../src/core/index.ts'
import { Webhook } from '../../../src/server/api/webhook.ts'
import { type RequestsOptions, Rtms } from '../../../src/server/index.ts'
import { eventually, json, Peer, request, SECRET, start, stopAll, tokenOf } from '../server/peer.ts'

/* A business server that says what the test wants, behind a node. */

const KEY = 'a secret of the business, which is long enough'

interface Seen {
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly body: Record<string, unknown>
}

let business: Server
let url: string
let seen: Seen[]
/** What the business answers, one after the other; the last one for good. */
let answers: ((response: ServerResponse) => void)[]

const reply = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  function answer(response: ServerResponse): void {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body === undefined ? '' : JSON.stringify(body))
  }

beforeEach(async () => {
  seen = []
  answers = [reply(200, 'fine')]
  business = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      seen.push({ headers: incoming.headers, text, body: JSON.parse(text) as Record<string, unknown> })
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      answer?.(response)
    })
  })
  business.listen(0, '127.0.0.1')
  await once(business, 'listening')
  url = `http://127.0.0.1:${(business.address() as AddressInfo).port}/requests`
})
afterEach(async () => {
  await stopAll()
  business.closeAllConnections()
  business.close()
})

/** A client of a node that delivers its requests to the business. */
async function client(options: Partial<RequestsOptions> = {}): Promise<{ rtms: Rtms; peer: Peer }> {
  const rtms = await start({ requests: { url, secret: KEY, ...options } })
  return { rtms, peer: await Peer.connect(rtms.address.url, await tokenOf(rtms, 'u1')) }
}

async function failure(
  peer: Peer,
  call = 1,
): Promise<{ error: string; message: string; retryAfter: number }> {
  return peer.next('failed', (message) => message.call === call)
}

describe('A request without a handler here', () => {
  it('is delivered to the business with who asks, and answered with its reply', async () => {
    const { peer } = await client()
    const before = Date.now()
    peer.send(request(7, 'order.place', { symbol: '600519' }, 5_000))
    expect(json((await peer.next('reply')).data)).toBe('fine')
    const [{ body, headers, text }] = seen as [Seen]
    const { session } = peer.all('welcome')[0] as { session: string }
    const id = `${createHash('sha256').update(session).digest('base64url').slice(0, 22)}.7`
    expect(JSON.stringify(headers)).not.toContain(session)
    expect(body).toEqual({
      id,
      method: 'order.place',
      user: 'u1',
      session,
      deadline: expect.any(Number),
      data: { symbol: '600519' },
    })
    expect(body['deadline']).toBeGreaterThan(before)
    expect(body['deadline']).toBeLessThanOrEqual(Date.now() + 5_000)
    expect(headers).toMatchObject({ 'rtms-request-id': id, 'rtms-attempt': '1' })
    expect(Number(headers['rtms-timeout-ms'])).toBeLessThanOrEqual(5_000)
    const [, t, v1] = /^t=(\d+),v1=([\da-f]{64})$/.exec(headers['rtms-signature'] as string) as string[]
    expect(createHmac('sha256', KEY).update(`${t}.${text}`).digest('hex')).toBe(v1)
    expect(Math.abs(Number(t) - Date.now() / 1000)).toBeLessThan(10)
  })

  it('carries bytes both ways, and nothing as null', async () => {
    answers = [
      (response) => {
        response.setHeader('content-type', 'application/octet-stream')
        response.end(new Uint8Array([4, 5]))
      },
      reply(204, undefined),
    ]
    const { peer } = await client()
    peer.send(request(1, 'm', new Uint8Array([1, 2, 3])))
    const { data } = await peer.next('reply')
    expect([seen[0]?.body['base64'], seen[0]?.body['data'], [...data.bytes]]).toEqual([
      'AQID',
      undefined,
      [4, 5],
    ])
    peer.send(request(2, 'm'))
    expect(json((await peer.next('reply', ({ call }) => call === 2)).data)).toBeNull()
  })

  it('goes to the business only where its method is meant to, and a handler here comes first', async () => {
    const { rtms, peer } = await client({ methods: ['order.*'] })
    rtms.onRequest('order.local', () => 'here')
    peer.send(request(1, 'chat.say'), request(2, 'order.local'), request(3, 'order.place'))
    expect((await failure(peer)).error).toBe('NO_HANDLER')
    expect(json((await peer.next('reply', ({ call }) => call === 2)).data)).toBe('here')
    expect(json((await peer.next('reply', ({ call }) => call === 3)).data)).toBe('fine')
    expect(seen).toHaveLength(1)
  })

  it('ends with the code of the business, and with HANDLER_FAILED where it names none', async () => {
    answers = [
      reply(409, { error: { code: 'LIMIT', message: 'too many orders', retryAfterMs: 1_500 } }),
      reply(500, { error: { code: 'canary', message: 'canary' } }),
      reply(500, 'canary'),
      reply(503, 'canary'),
      reply(301, '', { location: url }),
      (response) => response.end('canary, not JSON'),
      reply(200, 'x'.repeat(70_000)),
      reply(200, 'x'.repeat(40_000)),
      (response) => response.destroy(),
    ]
    const { peer } = await client()
    const calls = answers.length
    peer.send(...Array.from({ length: calls }, (_, at) => request(at + 1, 'm')))
    expect(await failure(peer)).toMatchObject({
      error: 'LIMIT',
      message: 'too many orders',
      retryAfter: 1_500,
    })
    for (let call = 2; call <= calls; call++)
      expect([call, (await failure(peer, call)).error]).toEqual([call, 'HANDLER_FAILED'])
    expect(JSON.stringify(peer.heard)).not.toContain('canary')
    // None of them may be tried again: they may have had an effect.
    expect(seen).toHaveLength(calls)
  })

  it('is tried again with the same id where the business says 503 and when', async () => {
    answers = [reply(503, '', { 'retry-after': '0' }), reply(200, 'at last')]
    const { peer } = await client()
    peer.send(request(1, 'm'))
    expect(json((await peer.next('reply')).data)).toBe('at last')
    expect(seen.map(({ headers }) => headers['rtms-attempt'])).toEqual(['1', '2'])
    expect(seen[1]?.text).toBe(seen[0]?.text)
    expect(seen[1]?.headers['rtms-request-id']).toBe(seen[0]?.headers['rtms-request-id'])
  })

  it('ends with BUSY and the wait where trying again would come too late, or was tried often enough', async () => {
    answers = [reply(503, '', { 'retry-after': '60' }), reply(503, '', { 'retry-after': '0' })]
    const { peer } = await client({ retries: 1 })
    peer.send(request(1, 'm'))
    expect(await failure(peer)).toMatchObject({ error: 'BUSY', retryAfter: 60_000 })
    expect(seen).toHaveLength(1)
    peer.send(request(2, 'm'))
    expect(await failure(peer, 2)).toMatchObject({ error: 'BUSY' })
    expect(seen).toHaveLength(3)
  })

  it('ends with TIMEOUT where the business does not answer in time, and the business sees it go', async () => {
    let gone = false
    answers = [(response) => response.on('close', () => (gone = true))]
    const { peer } = await client({ timeoutMs: 100 })
    peer.send(request(1, 'm'))
    expect((await failure(peer)).error).toBe('TIMEOUT')
    await eventually(() => gone)
  })

  it('leaves one line of the log for each way to fail, with its cause, and none for a refusal', async () => {
    const lines: object[] = []
    const note = (details: object, message: string): void => void lines.push({ ...details, message })
    const logger = { debug() {}, info() {}, warn: note, error: note }
    answers = [
      reply(422, { error: { code: 'SOLD_OUT', message: 'canary' } }),
      reply(500, 'canary'),
      reply(422, { error: { code: 'LIMIT', retryAfterMs: 'soon' } }),
      reply(302, '', { location: url }),
      (response) => response.destroy(),
      (response) => response.end('canary, not JSON'),
      reply(409, { error: { code: 'LIMIT', message: 'a refusal' } }),
      () => {},
    ]
    const rtms = await start({ requests: { url, secret: KEY, timeoutMs: 300 }, logger })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'u1'))
    for (let call = 1; call <= 8; call++) {
      peer.send(request(call, 'order.place'))
      await failure(peer, call)
    }
    const whys = [
      'it answered 422 with the code "SOLD_OUT", which is none of PROTOCOL.md',
      'it answered 500, and not { "error": { "code", "message" } } to refuse with',
      'it answered 422, and a refusal with a field of another type',
      'it answered with a redirect, and redirects are not followed',
      expect.stringMatching(/^the connection broke: \S+/),
      'the answer is not JSON',
      'it did not answer in time',
    ]
    const message = 'the business server could not answer a request'
    expect(lines).toEqual(whys.map((why) => ({ method: 'order.place', why, message })))
  })

  it('waits for its turn where too many are under way', async () => {
    let finish: (() => void) | undefined
    answers = [(response) => (finish = () => response.end('"done"')), reply(200, 'fine')]
    const { rtms, peer } = await client({ concurrency: 1 })
    peer.send(request(1, 'a'))
    await eventually(() => finish !== undefined)
    peer.send(request(2, 'b'))
    await eventually(() => rtms.stats.requestsStarted === 2)
    expect(seen).toHaveLength(1)
    finish?.()
    await peer.next('reply', ({ call }) => call === 1)
    await peer.next('reply', ({ call }) => call === 2)
    expect(seen).toHaveLength(2)
  })
})

describe('Delivery', () => {
  const call: RequestCall = {
    user: 'u1',
    session: 's',
    method: 'm',
    data: { text: true, bytes: new TextEncoder().encode('1') },
    call: 1,
    deadline: Infinity,
  }
  const asked = { user: 'u1', session: 's', call: 1, data: 1, signal: new AbortController().signal }
  const silent = { debug() {}, info() {}, warn() {}, error() {} }

  it('tries again where nobody listens, since nothing was sent', async () => {
    const { port } = business.address() as AddressInfo
    business.close()
    business.closeAllConnections()
    const pauses: number[] = []
    const webhook = new Webhook(silent, { url, secret: KEY }, async (ms) => {
      pauses.push(ms)
      if (pauses.length < 2) return
      business.listen(port, '127.0.0.1')
      await once(business, 'listening')
    })
    expect(await webhook.handlerOf(call)?.(asked)).toBe('fine')
    expect(pauses).toHaveLength(2)
    expect(seen.map(({ headers }) => headers['rtms-attempt'])).toEqual(['3'])
  })

  it('gives up where nobody ever listens', async () => {
    business.close()
    business.closeAllConnections()
    let pauses = 0
    const webhook = new Webhook(silent, { url, secret: KEY, retries: 3 }, async () => void pauses++)
    await expect(webhook.handlerOf(call)?.(asked)).rejects.toMatchObject({ code: 'BUSY' })
    expect(pauses).toBe(3)
  })
})

it('The option says what is wrong with it, and shows no secret', async () => {
  const wrong = { url: 'http://canary:canary@a/', secret: 'canary', methods: ['a b'], retries: -1 }
  const started = Rtms.start({ secret: SECRET, port: 0, requests: wrong })
  await expect(started).rejects.toThrow(
    /requests\.url: [^]*requests\.secret: [^]*requests\.methods: [^]*requests\.retries: /,
  )
  await expect(started).rejects.not.toThrow('canary')
})
