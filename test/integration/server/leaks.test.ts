import { createHmac } from 'node:crypto'
import { afterEach, expect, it } from 'vitest'
import { jsonCodec, type Message, toPayload } from '../../../src/protocol/index.ts'
import type { Logger } from '../../../src/server/index.ts'
import { hello, join, Peer, raw, request, start, stopAll, subscribe, tokenOf } from './peer.ts'

/*
 * Canaries in everything that is somebody's secret: none may show up where it does not belong. Logs (at level debug),
 * metrics, health pages and refusals hold none at all; what others get holds none of Ann's.
 */

afterEach(stopAll)

const SECRET = 'canary-secret-of-the-node-0123456789abcdef'
const USER = 'canary-user'
const PAYLOAD = 'canary-payload'
const CLAIM = 'canary-claim'
const CANARY = /canary/i

/** Everything that is logged, with what an error object has in it, too. */
function keep(): { logger: Logger; lines: string[] } {
  const lines: string[] = []
  const note = (level: string) => (details: object, message: string) => {
    const shown = JSON.stringify(details, (_, value: unknown) =>
      value instanceof Error ? [value.message, value.stack, value.cause, Object.entries(value)] : value,
    )
    lines.push(`${level} ${message} ${shown}`)
  }
  return {
    logger: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    lines,
  }
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token with these claims, signed with the node's own secret: what is wrong with it is found by looking at it. */
function signed(claims: object, header: object = {}): string {
  const now = Math.floor(Date.now() / 1000)
  const all = { sub: USER, iss: 'rtms', iat: now, exp: now + 60, m: [], r: [], w: [], ...claims }
  const text = `${part({ alg: 'HS256', typ: 'rtms+jwt', ...header })}.${part(all)}`
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`
}

const expired = signed({ exp: 1, note: CLAIM })

const badTokens = [
  `${CLAIM}.${CLAIM}.${CLAIM}`,
  signed({}, { alg: 'none', kid: CLAIM }),
  signed({}, { typ: CLAIM }),
  signed({}, { crit: [CLAIM] }),
  signed({ iss: CLAIM }),
  signed({ exp: CLAIM }),
  expired,
  signed({ iat: CLAIM }),
  signed({ nbf: CLAIM }),
  signed({ jti: [CLAIM] }),
  signed({ sub: `${CLAIM}\n` }),
  signed({ sub: { [CLAIM]: 1 } }),
  signed({ m: [[CLAIM, CLAIM]] }),
  signed({ m: [[`${CLAIM} *`, 'member']] }),
  signed({ m: { [CLAIM]: CLAIM } }),
  signed({ r: [`a.*.${CLAIM}`], w: CLAIM }),
  signed({ exp: 1e12, note: CLAIM }),
  `${signed({ note: CLAIM }).slice(0, -6)}AAAAAA`,
]

const badPackets = [
  PAYLOAD,
  `["${PAYLOAD}"]`,
  `[{"type":["${PAYLOAD}"]}]`,
  `[{"type":"ping","time":"${PAYLOAD}"}]`,
  `[{"type":"input","log":1,"seq":1,"seen":0,"data":{"text":"${PAYLOAD}","base64":"${PAYLOAD}"}}]`,
  `[{"type":"input","log":1,"seq":1,"seen":0,"data":{"base64":"${PAYLOAD}"}}]`,
  `[{"type":"request","call":1,"method":"m","timeout":0,"data":{"text":"\\ud800${PAYLOAD}"}}]`,
]

const fail = (): never => {
  throw new Error('the business fails')
}

const upgrade = (headers: string, path = '/rtms'): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}\r\n`

it('No token, secret, payload or user name shows up where it does not belong', async () => {
  const { logger, lines } = keep()
  const rtms = await start({ secret: SECRET, logger, limits: { authorizeMs: 100 } })
  const { url, port } = rtms.address
  const refusals: Message[] = []
  const closeReasons: string[] = []
  const told = async (peer: Peer): Promise<void> => {
    closeReasons.push((await peer.closed).reason)
    refusals.push(...peer.all('goodbye'))
  }
  for (const token of badTokens) {
    const peer = await new Peer(url, jsonCodec).opened()
    peer.send(hello(token))
    await told(peer)
    expect(peer.all('goodbye')).toMatchObject([{ code: token === expired ? 4451 : 4401 }])
  }
  rtms.meetings.define('k', {
    onInput: ({ data }) => data !== 'mine',
    onFrame: () => {
      throw new Error('the business fails')
    },
  })
  const meeting = await rtms.meetings.open('m', { kind: 'k', metadata: { secret: PAYLOAD }, frameRate: 0 })
  rtms.onRequest('fails', () => {
    throw new Error('the business fails')
  })
  rtms.onRequest('circle', () => {
    const circle: Record<string, unknown> = { [PAYLOAD]: PAYLOAD }
    circle['circle'] = circle
    return circle
  })
  rtms.onRequest('large', () => PAYLOAD.repeat(4_000))
  rtms.onConnect(fail)
  rtms.onDisconnect(fail)
  const eve = await Peer.connect(url, await tokenOf(rtms, 'eve'))
  eve.send(join(1, 'm', true), subscribe(2, 'other'))
  await eve.next('joined')
  const token = await tokenOf(rtms, USER)
  const ann = await Peer.connect(url, token, jsonCodec)
  ann.send(
    join(1, 'nowhere'),
    subscribe(2, 'a b', 'mine'),
    { type: 'refresh', call: 3, token: signed({ sub: 'another', note: CLAIM }) },
    request(4, 'fails', PAYLOAD),
    request(5, 'circle', PAYLOAD),
    request(6, 'large', PAYLOAD),
    request(7, 'nobody', PAYLOAD),
    { type: 'publish', call: 8, topic: 'a b', key: PAYLOAD, tombstone: false, data: toPayload(PAYLOAD) },
    { type: 'publish', call: 9, topic: 'mine', key: PAYLOAD, tombstone: false, data: toPayload(PAYLOAD) },
    { type: 'input', log: 99, seq: 1, after: 0, seen: 0, data: toPayload(PAYLOAD) },
  )
  await ann.until(() => ann.all('failed').length === 8)
  rtms.authorize(({ name }) => {
    if (name === 'slow') return new Promise<boolean>(() => {})
    throw new Error('the business fails')
  })
  ann.send(subscribe(10, 'throws', 'slow'))
  await ann.until(() => ann.all('failed').length === 10)
  await rtms.users.push(USER, 'x', PAYLOAD)
  meeting.sendTo(0, PAYLOAD)
  refusals.push(...ann.all('failed'), ...ann.all('nack'))
  for (const packet of badPackets) {
    const peer = await Peer.connect(url, token, jsonCodec)
    peer.ws.send(packet)
    await told(peer)
  }
  // At the door.
  const answers = await Promise.all(
    [
      upgrade(`Origin: https://${PAYLOAD}.example\r\nSec-WebSocket-Version: 13\r\n`),
      upgrade(`Sec-WebSocket-Key: ${PAYLOAD}\r\n`),
      upgrade(`Cookie: ${PAYLOAD}\r\nAuthorization: Bearer ${PAYLOAD}\r\n`, `/${PAYLOAD}?token=${token}`),
      `GET /${PAYLOAD}?token=${token} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: ${PAYLOAD}\r\n\r\n`,
      `${PAYLOAD}\r\n\r\n`,
    ].map(async (text) => (await raw(port, text)).answer),
  )
  const pages = await Promise.all(
    ['/metrics', '/healthz', '/readyz', '/'].map(async (path) =>
      (await fetch(`http://127.0.0.1:${port}${path}`)).text(),
    ),
  )
  await rtms.tickets.revoke({ user: USER })
  await told(ann)
  eve.send({ type: 'ping', time: 1 })
  await eve.next('pong')
  // A metric and a log line are there at all.
  expect(lines.filter((line) => line.startsWith('debug a token was refused'))).toHaveLength(badTokens.length)
  expect(lines.some((line) => line.startsWith('error'))).toBe(true)
  expect(pages[0]).toContain('rtms_connections_opened_total')
  expect([lines, 'in the logs'].flat().filter((text) => CANARY.test(text))).toEqual([])
  // The id of a session is a secret too.
  const sessions = [ann, eve].flatMap((peer) => peer.all('welcome')).map(({ session }) => session)
  expect(sessions).toHaveLength(2)
  expect(lines.filter((line) => sessions.some((session) => line.includes(session)))).toEqual([])
  expect([...pages, ...answers, ...closeReasons].filter((text) => CANARY.test(text))).toEqual([])
  expect(refusals.map((message) => JSON.stringify(message)).filter((text) => CANARY.test(text))).toEqual([])
  const heard = eve.heard.map((message) =>
    Object.values(message)
      .map((value) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : JSON.stringify(value),
      )
      .join(' '),
  )
  expect(heard.filter((text) => CANARY.test(text))).toEqual([])
})

it('A fault in the options is told without the secret or a key', async () => {
  const short = SECRET.slice(0, 20)
  for (const options of [
    { secret: short },
    { secret: SECRET, limits: { connections: 0 } },
    { secret: undefined, keys: { verify: { kty: 'oct', k: SECRET }, algorithm: 'ES256' } as never },
  ]) {
    const starting = start(options)
    await expect(starting).rejects.toThrow('RTMS cannot start')
    await starting.catch((error: Error) => expect(error.message).not.toMatch(CANARY))
  }
})
