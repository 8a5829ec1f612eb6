import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { eachPublication } from '../../../src/protocol/index.ts'
import { type Logger, Rtms } from '../../../src/server/index.ts'
import { messages } from '../../../src/testing/index.ts'
import {
  eventually,
  join,
  json,
  Peer,
  raw,
  SECRET,
  start,
  stopAll,
  subscribe,
  tokenOf,
} from '../server/peer.ts'
import { caller, KEY, startApi } from './support.ts'

afterEach(stopAll)

function publicationsOf(peer: Peer): { key: string; data: unknown }[] {
  const list: { key: string; data: unknown }[] = []
  for (const { publications, at } of peer.all('publications')) {
    eachPublication(publications, at, ({ key, data }) => {
      list.push({ key, data: data.text ? json(data) : [...data.bytes] })
    })
  }
  return list
}

const error = (code: string, message: unknown = expect.any(String)): object => ({
  error: { code, message, retry: expect.any(String) },
})

describe('The HTTP API', () => {
  it('is off without keys, and its path is the handler’s', async () => {
    const off = await start()
    expect(await caller(off)('GET', '/info')).toMatchObject({ status: 404 })
    const owner = createServer((request, response) => attached.api(request, response))
    await new Promise<void>((resolve) => owner.listen(0, '127.0.0.1', resolve))
    const attached = await start({ server: owner })
    expect(await caller(attached)('GET', '/info')).toMatchObject({ status: 404, body: error('NOT_FOUND') })
    owner.closeAllConnections()
    owner.close()
    const handled = await start({ handler: (_, response) => response.end('"mine"') })
    expect((await caller(handled)('GET', '/info')).body).toBe('mine')
  })

  it('says what to do where somebody has read the body before it', async () => {
    const owner = createServer((request, response) => {
      request.resume().on('end', () => attached.api(request, response))
    })
    await new Promise<void>((resolve) => owner.listen(0, '127.0.0.1', resolve))
    const attached = await start({ server: owner, api: { keys: [KEY] } })
    const answer = await caller(attached)('POST', '/publish', { topic: 't', data: 1 })
    expect(answer).toMatchObject({ status: 500, body: { error: { retry: 'fix' } } })
    expect(JSON.stringify(answer.body)).toContain('put rtms.api in front of what parses bodies')
    owner.closeAllConnections()
    owner.close()
  })

  it('refuses keys that are short, and shows none', async () => {
    for (const api of [
      { keys: [] },
      { keys: ['canary'] },
      { keys: [undefined] },
      { keys: [`canary ${KEY}`] },
      {},
      { keys: [KEY], x: 1 },
    ]) {
      const started = Rtms.start({ secret: SECRET, port: 0, api: api as never })
      await expect(started).rejects.toThrow(/^RTMS cannot start:\n {2}api/)
      await expect(started).rejects.not.toThrow('canary')
    }
  })

  it('answers whoever has one of the keys, and all others with one text', async () => {
    const other = 'another-key-of-more-than-32-characters'
    const call = caller(await startApi({ api: { keys: [KEY, other] } }))
    const texts = new Set<string>()
    for (const authorization of [
      '',
      'Bearer',
      `Bearer ${KEY}x`,
      `Basic ${KEY}`,
      `Bearer ${KEY.slice(1)}`,
      KEY,
    ]) {
      const { status, body, headers } = await call('GET', '/info', undefined, { authorization })
      expect([authorization, status, headers.get('www-authenticate')]).toEqual([authorization, 401, 'Bearer'])
      texts.add(JSON.stringify(body))
    }
    expect(texts.size).toBe(1)
    for (const key of [KEY, other])
      expect((await call('GET', '/info', undefined, { authorization: `bearer ${key}` })).status).toBe(200)
    expect((await call('GET', '/unheard-of', undefined, { authorization: '' })).status).toBe(401)
    expect((await call('GET', '/openapi.json', undefined, { authorization: '' })).status).toBe(401)
  })

  it('says in the log, once a minute, that it was asked with a wrong key, and not with which', async () => {
    const lines: string[] = []
    const warn = (...line: unknown[]): void => void lines.push(JSON.stringify(line))
    const logger: Logger = { debug() {}, info() {}, warn, error: warn }
    const call = caller(await startApi({ logger }))
    await call('GET', '/info', undefined, { authorization: '' })
    await call('GET', '/info')
    expect(lines).toEqual([])
    for (let n = 0; n < 3; n++)
      await call('GET', '/info', undefined, { authorization: 'Bearer of-another-node' })
    expect(lines).toEqual([expect.stringMatching(/"count":1.*the API was asked with a wrong key: check/)])
    expect(lines.join('')).not.toContain('of-another-node')
  })

  it('holds each key to its rate', async () => {
    const other = 'another-key-of-more-than-32-characters'
    const rtms = await startApi({ api: { keys: [KEY, other] }, limits: { apiRequestsPerSecond: 1 } })
    const call = caller(rtms)
    expect((await call('GET', '/info')).status).toBe(200)
    const refused = await call('GET', '/info')
    expect([refused.status, refused.headers.get('retry-after'), refused.body]).toEqual([
      429,
      '1',
      error('RATE'),
    ])
    expect((await call('GET', '/info', undefined, { authorization: `Bearer ${other}` })).status).toBe(200)
  })

  it('looks for one fault alone in a body that may have half a million', async () => {
    const call = caller(await startApi())
    const list = (count: number): string => `[${Array.from({ length: count }, () => 1).join(',')}]`
    const told = (count: number): unknown[] =>
      Array.from({ length: count }, (_, n) => `meetings.${n}: 1 was given; expected a text or an object`)
    for (const [count, expected] of [
      [9, 5],
      [400_000, 1],
    ] as const)
      expect((await call('POST', '/tickets', `{"user":"u","meetings":${list(count)}}`)).body).toEqual(
        error('PROTOCOL', told(expected).join('; ')),
      )
    // Items of a batch, each of which fails alone, are looked at if there are not too many.
    expect((await call('POST', '/publish/batch', `{"items":${list(400_000)}}`)).body).toEqual(
      error('PROTOCOL', 'items: 400000 were given; expected at most 1000'),
    )
  })

  it('says what is wrong with a request', async () => {
    const call = caller(await startApi({ limits: { apiBodyBytes: 2_000, apiBatch: 2 } }))
    expect(await call('GET', '/unheard-of')).toMatchObject({ status: 404, body: error('NOT_FOUND') })
    const wrongMethod = await call('DELETE', '/meetings')
    expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, 'POST, GET'])
    expect((await call('POST', '/publish', '{')).body).toEqual(
      error('PROTOCOL', expect.stringMatching(/^the body is not JSON: ./)),
    )
    const plain = await call('POST', '/publish', '{}', { 'content-type': 'text/plain' })
    expect([plain.status, plain.body]).toEqual([415, error('UNSUPPORTED')])
    const packed = await call('POST', '/publish', '{}', { 'content-encoding': 'gzip' })
    expect(packed.status).toBe(415)
    const items = [1, 2, 3].map((data) => ({ topic: 'a', data }))
    expect((await call('POST', '/publish/batch', { items })).body).toEqual(
      error('PROTOCOL', expect.stringContaining('items: ')),
    )
    expect((await call('POST', '/publish', { topic: 'a', data: 'x'.repeat(2_000) })).status).toBe(413)
    expect((await call('POST', '/publish', { topic: 1, key: 1, data: 1 })).body).toEqual(
      error('PROTOCOL', expect.stringMatching(/topic: .*key: /)),
    )
    expect((await call('GET', '/meetings/%ff')).body).toEqual(error('PROTOCOL'))
    expect((await call('POST', '/publish', { topic: 1 })).body).toEqual(
      error('PROTOCOL', expect.stringContaining('topic: ')),
    )
    expect((await call('POST', '/publish', { data: 1 })).body).toEqual(
      error('PROTOCOL', 'topic: it is missing'),
    )
  })

  it('refuses what is nested deeper than there is stack, and goes on', async () => {
    const call = caller(await startApi())
    const deep = `{"topic":"a","data":${'['.repeat(400_000)}${']'.repeat(400_000)}}`
    expect(await call('POST', '/publish', deep)).toMatchObject({ status: 400, body: error('PROTOCOL') })
    expect((await call('GET', '/info')).status).toBe(200)
  })

  it('does not read on where a body of unknown length becomes too large', async () => {
    const rtms = await startApi({ limits: { apiBodyBytes: 1_000 } })
    const head = `POST /rtms/v1/publish HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${KEY}\r\n`
    const chunk = `${(2_000).toString(16)}\r\n${'x'.repeat(2_000)}\r\n`
    const { answer } = await raw(
      rtms.address.port,
      `${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
    )
    expect(await answer).toMatch(/^HTTP\/1.1 413 /)
  })

  it('gives each answer the id that the request had, or one of its own', async () => {
    const call = caller(await startApi())
    const named = await call('GET', '/info', undefined, { 'x-request-id': 'abc-1' })
    expect(named.headers.get('x-request-id')).toBe('abc-1')
    const forged = await call('GET', '/info', undefined, { 'x-request-id': 'a b' })
    expect(forged.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
    expect(named.headers.get('cache-control')).toBe('no-store')
  })

  it('logs no key, no token and no payload', async () => {
    const lines: string[] = []
    const note = (details: object, message: string): void =>
      void lines.push(JSON.stringify([details, message]))
    const logger: Logger = { debug: note, info: note, warn: note, error: note }
    const call = caller(await startApi({ logger }))
    await call('POST', '/publish', { topic: 'a', data: 'canary-payload' })
    await call('GET', '/info', undefined, { authorization: 'Bearer canary-key-that-nobody-has-given-out' })
    const ticket = (await call('POST', '/tickets', { user: 'u1' })).body as { token: string }
    expect(lines.length).toBeGreaterThan(2)
    expect(lines.join('\n')).not.toMatch(/canary/)
    expect(lines.join('\n')).not.toContain(ticket.token)
    expect(lines.join('\n')).not.toContain(KEY)
  })

  it('answers CLOSED when the node has stopped', async () => {
    const owner = createServer((request, response) => rtms.api(request, response))
    await new Promise<void>((resolve) => owner.listen(0, '127.0.0.1', resolve))
    const rtms = await startApi({ server: owner })
    const call = caller(rtms)
    await rtms.close({ timeoutMs: 0 })
    expect(await call('POST', '/publish', { topic: 'a', data: 1 })).toMatchObject({
      status: 503,
      body: error('CLOSED'),
    })
    owner.closeAllConnections()
    owner.close()
  })

  it('can be mounted by an application, with the front of the path or without', async () => {
    const owner = createServer((request, response) => {
      // As Express does it, for what is mounted at a path.
      for (const mounted of ['/internal', '/mounted/rtms/v1']) {
        if (!request.url?.startsWith(`${mounted}/`)) continue
        const original = request.url.replace('/mounted', '')
        Reflect.set(request, 'originalUrl', original)
        request.url = request.url.slice(mounted.length)
      }
      rtms.api(request, response)
    })
    await new Promise<void>((resolve) => owner.listen(0, '127.0.0.1', resolve))
    const rtms = await startApi({ server: owner })
    const { port } = owner.address() as AddressInfo
    const headers = { authorization: `Bearer ${KEY}` }
    for (const [path, base] of [
      ['/rtms/v1', '/rtms/v1'],
      ['/internal/v1', '/internal/v1'],
      // At the very path of the API, of which nothing is left.
      ['/mounted/rtms/v1', '/rtms/v1'],
    ] as const) {
      const response = await fetch(`http://127.0.0.1:${port}${path}/openapi.json`, { headers })
      expect(await response.json()).toMatchObject({ servers: [{ url: base }] })
    }
    expect((await fetch(`http://127.0.0.1:${port}/elsewhere`, { headers })).status).toBe(404)
    owner.closeAllConnections()
    owner.close()
  })
})

describe('Through the API', () => {
  it('publications and pushes reach clients as they were given, bytes too', async () => {
    const rtms = await startApi()
    const call = caller(rtms)
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'u1'))
    peer.send(subscribe(1, 'a'))
    await peer.next('subscribed')
    await call('POST', '/publish', { topic: 'a', data: { price: 1 } })
    await call('POST', '/publish', { topic: 'a', base64: 'AQID', key: 'k' })
    await peer.until(() => publicationsOf(peer).length === 2)
    expect(publicationsOf(peer)).toEqual([
      { key: '', data: { price: 1 } },
      { key: 'k', data: [1, 2, 3] },
    ])
    expect((await call('POST', '/push', { user: 'u1', name: 'n', data: [1] })).body).toEqual({ sessions: 1 })
    const { name, data } = await peer.next('push')
    expect([name, json(data)]).toEqual(['n', [1]])
    const topic = await call('GET', '/topics/a?history=5&latest=1')
    const time = expect.any(Number)
    expect(topic.body).toEqual({
      subscribers: 1,
      keys: 1,
      publications: 2,
      kept: 2,
      bytes: expect.any(Number),
      history: [
        { data: { price: 1 }, key: '', removed: false, time },
        { base64: 'AQID', key: 'k', removed: false, time },
      ],
      latest: [{ base64: 'AQID', key: 'k', removed: false, time }],
    })
  })

  it('one publication of a batch that is refused does not hold up the others', async () => {
    const rtms = await startApi()
    const { body } = await caller(rtms)('POST', '/publish/batch', {
      items: [
        { topic: 'a', data: 1 },
        { topic: 'a b', data: 2 },
        { topic: 'a', data: 'x'.repeat(40_000) },
        { topic: 'a', data: 3 },
      ],
    })
    const pressure = expect.any(Number)
    expect(body).toEqual({
      results: [
        { pressure },
        { index: 1, ...error('BAD_TOPIC') },
        { index: 2, ...error('TOO_LARGE') },
        { pressure },
      ],
    })
    expect(rtms.topics.history('a').map(({ data }) => data)).toEqual([1, 3])
  })

  it('nor does one that is malformed, whatever is wrong with it', async () => {
    const rtms = await startApi()
    const malformed: readonly [item: unknown, said: string][] = [
      [7, '7 was given; expected an object with topic, data, base64, key, tombstone'],
      [null, 'null was given; expected an object with topic, data, base64, key, tombstone'],
      [[], 'an array was given; expected an object with topic, data, base64, key, tombstone'],
      [{ data: 1 }, 'topic: it is missing'],
      [{ topic: 'a' }, 'give either data or base64; neither is needed with tombstone'],
      [
        { topic: 'a', data: 1, base64: 'AQID' },
        'give either data or base64; neither is needed with tombstone',
      ],
      [{ topic: 'a', base64: 'AQI' }, 'base64: expected base64 with its padding'],
      [{ topic: 'a', data: 1, kye: 'k' }, 'kye: it is not known; did you mean key?'],
      [{ topic: 1, data: 1 }, 'topic: 1 was given; expected a text'],
      [{ topic: 'a', data: 1, tombstone: 'yes' }, 'tombstone: "yes" was given; expected true or false'],
      [{ topic: 'a', tombstone: false }, 'give either data or base64; neither is needed with tombstone'],
      [{ topic: 'a', tombstone: true }, 'a tombstone removes a key: name it in `key`'],
    ]
    const items = [
      { topic: 'a', data: 'first' },
      ...malformed.map(([item]) => item),
      { topic: 'a', data: 'last' },
    ]
    const { status, body } = await caller(rtms)('POST', '/publish/batch', { items })
    const results = malformed.map(([, message], at) => ({
      index: at + 1,
      error: { code: message.startsWith('a tombstone') ? 'BAD_NAME' : 'PROTOCOL', message, retry: 'fix' },
    }))
    const pressure = expect.any(Number)
    expect([status, body]).toEqual([200, { results: [{ pressure }, ...results, { pressure }] }])
    expect(rtms.topics.history('a').map(({ data }) => data)).toEqual(['first', 'last'])
  })

  it('a key is removed without a payload, or with one that is passed over, alone and in a batch', async () => {
    const rtms = await startApi()
    const call = caller(rtms)
    const keys = (): string[] =>
      rtms.topics.latest('a').map(({ key, removed }) => (removed ? `-${key}` : key))
    for (const key of ['k', 'l', 'm', 'n']) rtms.topics.publish('a', 1, { key })
    const removal = { topic: 'a', tombstone: true }
    expect((await call('POST', '/publish', { ...removal, key: 'k' })).status).toBe(200)
    expect((await call('POST', '/publish', { ...removal, key: 'l', data: null })).status).toBe(200)
    await call('POST', '/publish/batch', { items: [{ ...removal, key: 'm' }] })
    expect(keys()).toEqual(['n'])
    const [last] = rtms.topics.history('a', { limit: 1 })
    expect(last).toMatchObject({ key: 'm', removed: true, data: null })
  })

  it('a ticket lets a client in; disconnecting and revoking close it', async () => {
    const rtms = await startApi()
    const call = caller(rtms)
    await call('POST', '/meetings', { name: 'm', metadata: { level: 3 } })
    const ticket = async (): Promise<{ url: string; token: string; id: string }> =>
      (await call('POST', '/tickets', { user: 'u1', meetings: ['m'] })).body as never
    const { url, token, id } = await ticket()
    const peer = await Peer.connect(url, token)
    peer.send(join(1, 'm'))
    const { slot } = await peer.next('joined')
    expect((await call('GET', '/users/u1')).body).toEqual({
      online: true,
      sessions: 1,
      connected: 1,
      complete: true,
    })
    expect((await call('GET', '/meetings/m')).body).toMatchObject({
      metadata: { level: 3 },
      members: [{ slot, user: 'u1', away: false, bot: false }],
    })
    expect((await call('POST', '/meetings/m/send', { slot, data: 'psst' })).body).toEqual({ sent: true })
    expect(json((await peer.next('direct')).data)).toBe('psst')
    expect((await call('POST', '/meetings/m/send', { slot: 9, data: 1 })).body).toEqual({ sent: false })
    expect((await call('POST', '/meetings/m/kick', { slot, reason: 'go' })).body).toEqual({ kicked: true })
    await peer.next('ended')
    expect((await call('POST', '/meetings/m/kick', { slot })).body).toEqual({ kicked: false })
    expect((await call('POST', '/users/u1/disconnect')).body).toEqual({ connections: 1 })
    expect((await peer.closed).code).toBe(4451)
    const second = await ticket()
    const again = await Peer.connect(second.url, second.token)
    expect((await call('POST', '/revocations', { id: second.id })).body).toEqual({ connections: 1 })
    expect((await again.closed).code).toBe(4402)
    expect(id).not.toBe(second.id)
    expect((await call('DELETE', '/meetings/m')).body).toEqual({ closed: true })
    expect((await call('DELETE', '/meetings/m')).body).toEqual({ closed: false })
  })

  it('meetings are listed page by page in the order of names, and by kind', async () => {
    const rtms = await startApi()
    const call = caller(rtms)
    rtms.meetings.define('duel', { capacity: 2 })
    for (const name of ['c', 'a/b', 'e', 'b', 'd'])
      await call('POST', '/meetings', { name, ...(name === 'e' ? {} : { kind: 'duel' }) })
    expect((await call('POST', '/meetings', { name: 'b', capacity: 3 })).body).toEqual({
      name: 'b',
      created: false,
    })
    const pages: string[][] = []
    let next: string | null = ''
    while (next !== null) {
      const after: string = next === '' ? '' : `&after=${encodeURIComponent(next)}`
      const { body } = await call('GET', `/meetings?kind=duel&limit=3${after}`)
      const page = body as { meetings: { name: string; capacity: number }[]; next: string | null }
      pages.push(page.meetings.map(({ name, capacity }) => `${name} ${capacity}`))
      next = page.next
    }
    expect(pages).toEqual([['a/b 2', 'b 2', 'c 2'], ['d 2']])
    expect((await call('GET', '/meetings/a%2Fb')).body).toMatchObject({ name: 'a/b', members: [] })
    expect((await call('GET', '/info')).body).toMatchObject({ node: rtms.node, meetings: 5, status: 'ok' })
  })

  it('what is asked again with the same Idempotency-Key happens once', async () => {
    const rtms = await startApi()
    const call = caller(rtms)
    const headers = { 'idempotency-key': 'k1' }
    const body = { topic: 'a', data: 1 }
    const [first, second] = await Promise.all([
      call('POST', '/publish', body, headers),
      call('POST', '/publish', body, headers),
    ])
    const replays = [first, second].map(({ headers }) => headers.get('idempotency-replayed'))
    expect(new Set(replays)).toEqual(new Set([null, 'true']))
    expect(first.body).toEqual(second.body)
    expect(rtms.topics.history('a')).toHaveLength(1)
    const other = await call('POST', '/publish', { ...body, data: 2 }, headers)
    expect([other.status, other.body]).toEqual([409, error('STALE')])
    // The same key of another operation is another key.
    expect((await call('POST', '/push', { user: 'u1', name: 'n', data: 1 }, headers)).status).toBe(200)
    expect((await call('POST', '/publish', body, { 'idempotency-key': 'x'.repeat(300) })).status).toBe(400)
    // What was refused had no effect, and may be tried again.
    const again = { 'idempotency-key': 'k2' }
    expect((await call('POST', '/publish', { topic: 'a b', data: 1 }, again)).status).toBe(400)
    expect((await call('POST', '/publish', body, again)).status).toBe(200)
    expect(rtms.topics.history('a')).toHaveLength(2)
  })
})

/** The status and body where the path is sent as it is: `fetch` would remove steps such as `..`. */
function askAt(rtms: Rtms, path: string): Promise<[number, unknown]> {
  return new Promise((resolve, reject) => {
    const { port } = rtms.address
    const headers = { authorization: `Bearer ${KEY}` }
    httpRequest({ host: '127.0.0.1', port, path: `/rtms/v1${path}`, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => resolve([response.statusCode ?? 0, JSON.parse(body)]))
    })
      .on('error', reject)
      .end()
  })
}

const deeply = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

describe('What is nested deeply', () => {
  it('in one item of a batch fails alone', async () => {
    const rtms = await startApi()
    const body = `{"items":[{"topic":"t","data":1},{"topic":"t","data":${deeply(7_000)}},{"topic":"t","data":2}]}`
    const { status, body: answer } = await caller(rtms)('POST', '/publish/batch', body)
    expect(status).toBe(200)
    expect(answer).toEqual({
      results: [
        { pressure: expect.any(Number) },
        { index: 1, error: { code: 'PROTOCOL', message: 'the body is nested too deeply', retry: 'fix' } },
        { pressure: expect.any(Number) },
      ],
    })
    expect(rtms.topics.history('t').map(({ data }) => data)).toEqual([1, 2])
  })

  it('passes over the node that a query names for a balancer, in every call, and over nothing else', async () => {
    const rtms = await start({ api: { keys: [KEY] } })
    await rtms.meetings.open('m')
    expect(await askAt(rtms, '/info?route=rtms-9')).toMatchObject([200, { node: rtms.node }])
    expect(await askAt(rtms, '/meetings?limit=1&route=rtms-9')).toMatchObject([200, { next: null }])
    expect(await askAt(rtms, '/meetings/m?route=')).toMatchObject([200, { name: 'm' }])
    expect(await askAt(rtms, '/info?node=rtms-9')).toMatchObject([400, { error: { code: 'PROTOCOL' } }])
  })

  it('and published by a client, or kept as metadata, does not spoil an answer about others', async () => {
    const rtms = await startApi()
    const call = caller(rtms)
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(messages.publish(1, 't', { text: true, bytes: new TextEncoder().encode(deeply(7_000)) }))
    await peer.next('done')
    rtms.topics.publish('t', 'after')
    const topic = await call('GET', '/topics/t?history=10')
    expect(topic).toMatchObject({
      status: 200,
      body: { history: [{ data: 'It is nested too deeply to be shown.' }, { data: 'after' }] },
    })
    await rtms.meetings.open('big', { metadata: { count: 1n } })
    await rtms.meetings.open('fine', { metadata: { count: 1 } })
    expect(await call('GET', '/meetings')).toMatchObject({
      status: 200,
      body: { meetings: [{ metadata: { error: 'It has no JSON form.' } }, { metadata: { count: 1 } }] },
    })
    expect(await call('GET', '/meetings/big')).toMatchObject({ status: 200 })
  })
})

it('A user of any name is reached by a path', async () => {
  const rtms = await startApi()
  for (const [user, path] of [
    ['.', '%2E'],
    ['..', '..'],
    ['..', '%2E%2E'],
    ['..', '%252E%252E'],
    ['a/b', 'a%2Fb'],
    ['100%', '100%25'],
    ['%2E', '%25252E'],
  ] as const) {
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms, user))
    expect(await askAt(rtms, `/users/${path}`)).toEqual([
      200,
      { online: true, sessions: 1, connected: 1, complete: true },
    ])
    peer.ws.close(1000)
    await eventually(() => rtms.health().sessions === 0)
  }
  // As a URL library sends it.
  await Peer.connect(rtms.address.url, await tokenOf(rtms, '..'))
  expect((await caller(rtms)('GET', '/users/%252E%252E')).body).toMatchObject({ online: true })
})

it('An application that has answered already gets no second answer, and no rejection', async () => {
  const owner = createServer((request, response) => {
    response.writeHead(200, { 'content-length': '4' })
    response.write('mi')
    rtms.api(request, response)
  })
  await new Promise<void>((resolve) => owner.listen(0, '127.0.0.1', resolve))
  const rtms = await startApi({ server: owner })
  const { port } = owner.address() as AddressInfo
  await expect(fetch(`http://127.0.0.1:${port}/rtms/v1/info`).then((r) => r.text())).rejects.toThrow()
  owner.close()
})
