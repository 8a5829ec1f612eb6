import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { jsonCodec, type Message, toPayload } from '../../../src/protocol/index.ts'
import type { Rtms } from '../../../src/server/index.ts'
import { eventually, join, json, Peer, request, start, stopAll, subscribe, tokenOf } from './peer.ts'

/* Packets that are proper WebSocket messages and still bad, and the exact answer each gets. See bad-input.test.ts. */

const fatal: unknown[] = []
const note = (error: unknown): void => void fatal.push(error)
let rtms: Rtms

beforeEach(async () => {
  fatal.length = 0
  process.on('uncaughtException', note).on('unhandledRejection', note)
  rtms = await start()
})

afterEach(async () => {
  await alive(await Peer.connect(rtms.address.url, await tokenOf(rtms, 'honest')))
  await stopAll()
  process.off('uncaughtException', note).off('unhandledRejection', note)
  expect(fatal).toEqual([])
})

/** The connection is kept, and is answered. */
async function alive(peer: Peer): Promise<void> {
  const before = peer.all('pong').length
  peer.send({ type: 'ping', time: 1 })
  await peer.until(() => peer.all('pong').length > before)
}

const connect = async (codec?: typeof jsonCodec): Promise<Peer> =>
  Peer.connect(rtms.address.url, await tokenOf(rtms), codec)

const publish = (call: number, topic: string): Message => ({
  type: 'publish',
  call,
  topic,
  key: '',
  tombstone: false,
  data: toPayload(1),
})

const deep = (open: string, close: string): string => open.repeat(15_000) + close.repeat(15_000)

const ping = (rest: string): string => `[{"type":"ping",${rest}}]`

describe('A packet of JSON', () => {
  it.each([
    ['a message that is only __proto__', '[{"__proto__":{"type":"ping","time":1}}]'],
    ['a type that is an array', '[{"type":["ping"],"time":1}]'],
    ['a number that is a text', ping('"time":"1"')],
    ['a number that is an object', ping('"time":{"valueOf":1}')],
    ['a number that is none', ping('"time":1e999')],
    ['null', '[null]'],
    ['a length instead of an array', '{"length":1,"0":{"type":"ping","time":1}}'],
    ['arrays in arrays', deep('[', ']')],
    ['objects in objects', `[${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}]`],
    ['arrays where a number belongs', ping(`"time":${deep('[', ']')}`)],
    ['a payload with toJSON', '[{"type":"input","log":1,"seq":1,"seen":0,"data":{"text":{"toJSON":1}}}]'],
    ['a message of the server', '[{"type":"welcome"}]'],
    ['a half', '[{"type":"ping"'],
    ['nothing', ''],
  ])('with %s is answered with 4400', async (_, packet) => {
    const peer = await connect(jsonCodec)
    peer.ws.send(packet)
    expect((await peer.closed).code).toBe(4400)
    expect(peer.all('goodbye')).toMatchObject([{ code: 4400, reason: expect.stringMatching(/./) as string }])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it.each([
    ['a field __proto__', ping('"time":1,"__proto__":{"polluted":1}')],
    ['the type __proto__', '[{"type":"__proto__"}]'],
    ['the type constructor', '[{"type":"constructor","prototype":{"polluted":1}}]'],
    ['the type hasOwnProperty', '[{"type":"hasOwnProperty"}]'],
  ])('with %s says nothing to anybody, and the connection lives', async (_, packet) => {
    const peer = await connect(jsonCodec)
    peer.ws.send(packet)
    peer.ws.send(ping('"time":7'))
    expect(await peer.next('pong', ({ echo }) => echo === 7)).toMatchObject({ echo: 7 })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('with names like those of prototypes finds nothing by them', async () => {
    const peer = await connect(jsonCodec)
    let call = 0
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      peer.send(join(++call, name), request(++call, name), subscribe(++call, name))
      await peer.until(() => peer.all('failed').length === (call / 3) * 2)
      expect(
        peer
          .all('failed')
          .map(({ error }) => error)
          .slice(-2),
      ).toEqual(['NOT_FOUND', 'NO_HANDLER'])
      rtms.topics.publish(name, { name })
      await peer.until(() => peer.all('publications').length === call / 3)
    }
    // What a payload holds is the business's to look at; it arrives as own fields.
    rtms.onRequest('keys', ({ data }) => [Object.keys(data as object), 'polluted' in {}])
    const bytes = new TextEncoder().encode('{"__proto__":{"polluted":1}}')
    peer.send({ type: 'request', call: ++call, method: 'keys', timeout: 0, data: { text: true, bytes } })
    expect(json((await peer.next('reply')).data)).toEqual([['__proto__'], false])
  })
})

describe('Too much of something', () => {
  it('is LIMIT for the 101st meeting, and the connection is kept', async () => {
    const peer = await connect()
    for (let n = 0; n < 101; n++) {
      await rtms.meetings.open(`m${n}`, { frameRate: 0 })
      peer.send(join(n + 1, `m${n}`))
      await peer.until(() => peer.all('joined').length + peer.all('failed').length === n + 1)
    }
    expect(peer.all('joined')).toHaveLength(100)
    expect(peer.all('failed')).toMatchObject([{ call: 101, error: 'LIMIT' }])
    await alive(peer)
    peer.send({ type: 'leave', call: 102, log: peer.all('joined')[0]?.log ?? 0 }, join(103, 'm100'))
    await peer.next('joined', ({ call }) => call === 103)
  })

  it('is LIMIT for the 1,001st subscription, and the connection is kept', async () => {
    const peer = await connect()
    const names = Array.from({ length: 1_002 }, (_, n) => `t${n}`)
    peer.send(subscribe(1, ...names.slice(0, 998)))
    peer.send(subscribe(2, ...names.slice(998)))
    await peer.until(() => peer.all('subscribed').length + peer.all('failed').length === 1_002)
    expect(peer.all('subscribed')).toHaveLength(1_000)
    expect(peer.all('failed')).toMatchObject([
      { call: 2, index: 2, error: 'LIMIT' },
      { call: 2, index: 3, error: 'LIMIT' },
    ])
    expect(rtms.health().topics).toBe(1_000)
    await alive(peer)
  })

  it('is 4400 for more topics, messages or keys than a packet may have', async () => {
    const topics = Array.from({ length: 1_001 }, (_, n) => `t${n}`)
    const keys = Array.from({ length: 257 }, (_, n) => ({ key: `${n}` }))
    const one = subscribe(1, 't').topics[0]
    const since = { epoch: 1, at: 1, numbers: Array.from({ length: 65 }, (_, n) => [n + 1, 1] as const) }
    const bad: Message[][] = [
      [subscribe(1, ...topics)],
      Array.from({ length: 1_025 }, () => ({ type: 'ping', time: 1 }) as const),
      [{ type: 'subscribe', call: 1, topics: [{ ...(one as NonNullable<typeof one>), keys }] }],
      [
        {
          type: 'subscribe',
          call: 1,
          topics: [{ ...(one as NonNullable<typeof one>), since }],
        },
      ],
      [{ type: 'request', call: 1, method: 'm', timeout: 0, data: toPayload(new Uint8Array(32_769)) }],
      [{ ...join(1, 'm'), config: 'x'.repeat(256) }],
    ]
    for (const messages of bad) {
      const peer = await connect()
      peer.send(...messages)
      expect((await peer.closed).code).toBe(4400)
    }
    expect(rtms.health().topics).toBe(0)
  })

  it('is NACK for inputs over the rate, and 4453 where they do not stop', async () => {
    await rtms.meetings.open('m')
    const peer = await connect()
    peer.send(join(1, 'm'))
    const { log } = await peer.next('joined')
    const flood = (from: number): void => {
      for (let seq = from; seq < from + 100; seq++)
        peer.send({ type: 'input', log, seq, after: 0, seen: 0, data: toPayload(seq) })
    }
    for (let seq = 1; peer.ws.readyState === peer.ws.OPEN; seq += 100) {
      flood(seq)
      await peer.until(() => seq > 1_000 || peer.all('nack').some((nack) => nack.seq === seq + 99))
      await new Promise(setImmediate)
    }
    expect((await peer.closed).code).toBe(4453)
    const refused = new Set(peer.all('nack').map(({ error }) => error))
    expect([refused.has('RATE'), peer.all('nack').length]).toEqual([
      true,
      expect.toSatisfy((count) => count > 900),
    ])
    expect(peer.all('goodbye')).toMatchObject([{ code: 4453, retryAfter: expect.any(Number) as number }])
    expect(peer.all('goodbye')[0]?.retryAfter).toBeGreaterThan(0)
    expect(rtms.meetings.get('m')?.members).toMatchObject([{ away: true }])
  })

  it('is 4450 for pings of a client that reads nothing, and 4400 for an ack of what was never sent', async () => {
    const liar = await connect()
    liar.send({ type: 'ack', bytes: 1e9, received: 0, seen: [] })
    expect((await liar.closed).code).toBe(4400)
    const boaster = await connect()
    boaster.send({ type: 'ack', bytes: 0, received: 1e9, seen: [] })
    expect((await boaster.closed).code).toBe(4400)
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms), undefined, 2_000)
    const pings = Array.from({ length: 1_000 }, (_, time) => ({ type: 'ping', time }) as const)
    for (let n = 0; n < 10; n++) peer.send(...pings)
    expect((await peer.closed).code).toBe(4450)
  })
})

describe('A name that is none', () => {
  const bad = [
    '',
    '*',
    '>',
    'a.*',
    'a.>',
    'a*b',
    '.',
    '.a',
    'a.',
    'a..b',
    'a b',
    'a\tb',
    'a\rb',
    'a\nb',
    'a\0b',
    'a\u007fb',
    'a\u0085b',
    'a\u2028b',
    '\u00a0',
    '$SYS.a',
    'a$',
    'é'.repeat(128),
  ]

  it('of a topic is BAD_TOPIC, and no topic comes to be', async () => {
    const peer = await connect()
    peer.send(subscribe(1, ...bad))
    peer.send(...bad.map((topic, n) => publish(n + 2, topic)))
    // With call 0 only a refusal is answered.
    peer.send(publish(0, 'a b'))
    await peer.until(() => peer.all('failed').length === 2 * bad.length + 1)
    expect(new Set(peer.all('failed').map(({ error }) => error))).toEqual(new Set(['BAD_TOPIC']))
    expect(
      peer
        .all('failed')
        .slice(0, bad.length)
        .map(({ index }) => index),
    ).toEqual([...bad.keys()])
    for (const topic of bad)
      expect(() => rtms.topics.publish(topic, 1)).toThrow(expect.objectContaining({ code: 'BAD_TOPIC' }))
    expect([rtms.health().topics, rtms.stats.publications]).toEqual([0, 0])
    await alive(peer)
  })

  it('of a meeting is that of none, and of a method BAD_NAME', async () => {
    const peer = await connect()
    let call = 0
    for (const name of bad) peer.send(join(++call, name), request(++call, name))
    await peer.until(() => peer.all('failed').length === 2 * bad.length)
    for (const { call: failed, error } of peer.all('failed'))
      expect([failed, error]).toEqual([failed, failed % 2 === 1 ? 'NOT_FOUND' : 'BAD_NAME'])
    await alive(peer)
  })
})

describe('A handler that fails', () => {
  const circular: unknown[] = []
  circular.push(circular)

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('secret of the business')
      },
    ],
    ['throws null', () => Promise.reject(null)],
    ['rejects', () => Promise.reject(new Error('secret of the business'))],
    [
      'rejects later',
      () => new Promise((_, reject) => setImmediate(reject, new Error('secret of the business'))),
    ],
    ['answers a circle', () => circular],
    ['answers a function', () => () => {}],
    ['answers a BigInt', () => 1n],
    ['answers too much', () => 'x'.repeat(40_000)],
    [
      'answers with a trap',
      () => ({
        toJSON() {
          throw new Error('secret of the business')
        },
      }),
    ],
    [
      'answers with a thenable that throws',
      () => ({
        // eslint-disable-next-line unicorn/no-thenable
        then() {
          throw new Error('secret of the business')
        },
      }),
    ],
  ])('and %s fails its request, and nothing else', async (_, handler) => {
    rtms.onRequest('bad', handler)
    rtms.onRequest('good', () => 'fine')
    const peer = await connect()
    peer.send(request(1, 'bad'), request(2, 'good'))
    const { error, message } = await peer.next('failed')
    expect([error, message]).toEqual(['HANDLER_FAILED', 'The handler of this method failed.'])
    expect(json((await peer.next('reply')).data)).toBe('fine')
    await alive(peer)
  })
})

const get = async (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<number> => {
  const { port } = rtms.address
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers, method })
  await response.arrayBuffer()
  return response.status
}

describe('Over HTTP', () => {
  it('an unknown path is 404, and what is for operators is for this machine alone', async () => {
    for (const path of [
      '/',
      '/admin',
      '/rtms',
      '/metrics/',
      '/..%2fmetrics',
      '/debug/vars',
      '/healthz/x',
      '/__proto__',
    ])
      expect([path, await get(path)]).toEqual([path, 404])
    expect([await get('/metrics'), await get('/healthz'), await get('/readyz')]).toEqual([200, 200, 200])
    for (const name of ['X-Forwarded-For', 'Forwarded', 'X-Real-Ip'])
      expect([name, await get('/metrics', { [name]: '127.0.0.1' })]).toEqual([name, 404])
    expect(await get('/rtms', {}, 'POST')).toBe(404)
    await eventually(() => rtms.health().connections === 0)
  })
})
