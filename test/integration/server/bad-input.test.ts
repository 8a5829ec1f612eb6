import { createHmac, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { deflateRawSync } from 'node:zlib'
import { SignJWT, UnsecuredJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Rtms } from '../../../src/server/index.ts'
import {
  eventually,
  hello,
  join,
  Peer,
  raw,
  refused,
  SECRET,
  start,
  stopAll,
  tokenOf,
  upgrade,
} from './peer.ts'

/*
 * Bad input over real sockets and the exact answer it gets. After each the process has to live on: an honest client
 * is welcomed, and nothing reached the handlers of last resort.
 */

const fatal: unknown[] = []
const note = (error: unknown): void => void fatal.push(error)
let rtms: Rtms

beforeEach(() => {
  fatal.length = 0
  process.on('uncaughtException', note).on('unhandledRejection', note)
})

afterEach(async () => {
  const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'honest'))
  peer.send({ type: 'ping', time: 1 })
  await peer.next('pong')
  await stopAll()
  process.off('uncaughtException', note).off('unhandledRejection', note)
  expect(fatal).toEqual([])
})

const HANDSHAKE: readonly (readonly [string, string])[] = [
  ['Host', 'a'],
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
  ['Sec-WebSocket-Protocol', 'rtms.v1'],
]

/** The text of an upgrade in which some headers are others, or gone (undefined), and more follow. */
function handshake(changed: Record<string, string | undefined> = {}, more = '', path = '/rtms'): string {
  const headers = new Map<string, string | undefined>([...HANDSHAKE, ...Object.entries(changed)])
  const lines = [...headers].flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  )
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}${more}\r\n`
}

async function answerTo(bytes: string): Promise<string> {
  const { answer } = await raw(rtms.address.port, bytes)
  return answer
}

/** The status of the answer to a raw request, which has to close the socket. */
const statusOf = async (bytes: string): Promise<number> => Number((await answerTo(bytes)).split(' ')[1])

/** The code of the close frame that these bytes bring behind a good handshake. */
async function closeCodeOf(...bytes: (readonly number[] | Uint8Array)[]): Promise<number> {
  const { socket, answer } = await raw(rtms.address.port, handshake())
  await once(socket, 'data')
  for (const part of bytes) socket.write(new Uint8Array(part))
  const heard = Buffer.from(await answer, 'latin1')
  let at = heard.indexOf('\r\n\r\n') + 4
  while (at < heard.length && (heard[at] as number) !== 0x88) {
    const length = (heard[at + 1] as number) & 0x7f
    at += 2 + (length === 126 ? 2 + heard.readUInt16BE(at + 2) : length)
  }
  return at < heard.length ? heard.readUInt16BE(at + 2) : 0
}

/** A frame of a client, masked with zeros. */
function frame(first: number, payload: Uint8Array | readonly number[]): number[] {
  const length = payload.length
  const head = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 255]
  return [first, ...head, 0, 0, 0, 0, ...payload]
}

describe('An upgrade', () => {
  beforeEach(async () => {
    rtms = await start()
  })

  it.each([
    ['more than 100 headers', handshake({}, 'X: y\r\n'.repeat(101)), 431],
    ['exactly as many as Node counts at most', handshake({}, 'X: y\r\n'.repeat(95)), 431],
    ['2,000 headers', handshake({}, 'X: y\r\n'.repeat(2_000)), 431],
    ['a header of 20 KB', handshake({ Cookie: 'y'.repeat(20_000) }), 431],
    ['a key that is none', handshake({ 'Sec-WebSocket-Key': 'short' }), 400],
    ['no key', handshake({ 'Sec-WebSocket-Key': undefined }), 400],
    ['no version', handshake({ 'Sec-WebSocket-Version': undefined }), 400],
    ['version 99', handshake({ 'Sec-WebSocket-Version': '99' }), 400],
    ['a subprotocol that is no token', handshake({ 'Sec-WebSocket-Protocol': 'rtms.v1,,' }), 400],
    ['another subprotocol', handshake({ 'Sec-WebSocket-Protocol': 'soap' }), 400],
    ['an Upgrade to something else', handshake({ Upgrade: 'h2c' }), 400],
    ['a NUL in a header', handshake({ Cookie: 'a\0b' }), 400],
    ['a header line that is none', handshake({}, 'nonsense\r\n'), 400],
    ['two lengths', handshake({}, 'Content-Length: 1\r\nContent-Length: 2\r\n'), 400],
    ['a page of another host as its Origin', handshake({ Origin: 'https://evil.example' }), 403],
    ['the Origin null', handshake({ Origin: 'null' }), 403],
    ['a prefix of the host as its Origin', handshake({ Origin: 'http://a.evil.example' }), 403],
    ['an unknown path', handshake({}, '', '/other'), 404],
    ['a path that climbs', handshake({}, '', '/x/../rtms'), 404],
  ])('with %s is answered and closed', async (_, text, status) => {
    expect(await statusOf(text)).toBe(status)
    expect(rtms.health().connections).toBe(0)
    expect(rtms.stats.connectionsOpened).toBe(0)
  })

  it('from a listed origin is taken, from one that only begins or ends like it is not', async () => {
    const listed = await start({ origins: ['https://game.example'] })
    for (const [Origin, status] of [
      ['https://game.example', 101],
      ['https://game.example.evil', 403],
      ['https://evil.game.example', 403],
      ['https://game.example:444', 403],
      ['http://game.example', 403],
      ['HTTPS://GAME.EXAMPLE', 403],
    ] as const)
      expect([Origin, (await upgrade(listed.address.url, { Origin })).status]).toEqual([Origin, status])
  })

  it('that offers compression gets none, and a compressed message is closed with 1002', async () => {
    const { socket, answer } = await raw(
      rtms.address.port,
      handshake({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }),
    )
    await once(socket, 'data')
    // 16 MB of nothing, in 16 KB.
    socket.write(new Uint8Array(frame(0xc2, deflateRawSync(Buffer.alloc(16_000_000)))))
    const heard = await answer
    expect(heard).toMatch(/^HTTP\/1\.1 101 /)
    expect(heard.toLowerCase()).not.toContain('sec-websocket-extensions')
    expect(heard.slice(heard.indexOf('\r\n\r\n') + 4)).toBe('\x88\x02\x03\xea')
    expect(rtms.stats.bytesIn).toBe(0)
  })
})

describe('Headers that do not end', () => {
  it('are answered 408 within 10 s: none at all, or a byte a second, from the beginning or late in an upgrade', async () => {
    rtms = await start()
    const before = performance.now()
    const drip = async (text: string, sent: number): Promise<string> => {
      const { socket, answer } = await raw(rtms.address.port, text.slice(0, sent))
      const timer = setInterval(() => socket.write(text.slice(sent, ++sent)), 1_000)
      return answer.finally(() => clearInterval(timer))
    }
    const answers = await Promise.all([drip('', 0), drip(handshake(), 1), drip(handshake(), 90)])
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(performance.now() - before).toBeLessThan(10_000)
  })
})

const pings = (count: number): Uint8Array => new Uint8Array(Array(count).fill(frame(0x89, [])).flat())

describe('A frame', () => {
  beforeEach(async () => {
    rtms = await start()
  })

  it.each<[string, number[], number]>([
    ['with a reserved opcode', frame(0x83, []), 1002],
    ['with a reserved control opcode', frame(0x8b, []), 1002],
    ['with a reserved bit', frame(0xa2, []), 1002],
    ['without a mask', [0x82, 1, 0], 1002],
    ['that continues nothing', frame(0x80, []), 1002],
    ['of control in fragments', frame(0x09, []), 1002],
    ['of control that is too long', frame(0x89, new Uint8Array(126)), 1002],
    ['that begins a message within another', [...frame(0x02, [1]), ...frame(0x82, [1])], 1002],
    ['of a close with one byte', frame(0x88, [3]), 1002],
    ['of a close with a code that is none', frame(0x88, [0x03, 0xec]), 1002],
    ['of a close whose reason is not UTF-8', frame(0x88, [0x03, 0xe8, 0xff]), 1007],
    ['of text that is not UTF-8', frame(0x81, [0xc3, 0x28]), 1007],
    ['of text with half a character', frame(0x81, [0xf0, 0x9f]), 1007],
    ['that claims 2^63 bytes', [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], 1009],
    ['of 64 KiB and a byte', [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1], 1009],
  ])('%s is answered with its code', async (_, bytes, code) => {
    expect(await closeCodeOf(bytes)).toBe(code)
    await eventually(() => rtms.health().connections === 0)
  })

  it('of a message that grows over 64 KiB in fragments brings 1009', async () => {
    const part = new Uint8Array(30_000)
    expect(await closeCodeOf(frame(0x02, part), frame(0x00, part), frame(0x80, part))).toBe(1009)
  })

  it.each([
    ['of bytes', 0x02],
    ['of text', 0x01],
  ])('that begins a message %s of more than 64 fragments brings 1008', async (_, first) => {
    const fragments = [frame(first, [97]), ...Array.from({ length: 64 }, () => frame(0x00, [97]))]
    expect(await closeCodeOf(...fragments)).toBe(1008)
  })

  it('of a ping is answered, but 61 at once cut the connection without a close code', async () => {
    const { socket, answer } = await raw(rtms.address.port, handshake())
    await once(socket, 'data')
    for (let round = 0; round < 2; round++) {
      socket.write(pings(60))
      await once(socket, 'data')
    }
    expect(rtms.health().connections).toBe(1)
    socket.write(pings(61))
    const heard = (await answer).split('\x8a\x00')
    expect(heard.length - 1).toBeGreaterThanOrEqual(120)
    expect(heard.at(-1)).toBe('')
    await eventually(() => rtms.health().connections === 0)
  })

  it('a byte at a time is read like any other', async () => {
    const { socket, answer } = await raw(rtms.address.port, handshake())
    await once(socket, 'data')
    socket.setNoDelay(true)
    for (const byte of frame(0x88, [0x0b, 0xb8])) {
      socket.write(Uint8Array.of(byte))
      await new Promise(setImmediate)
    }
    expect((await answer).slice(-4)).toBe('\x88\x02\x0b\xb8')
  })
})

describe('A connection', () => {
  it('that says no hello is closed with 4401 at 5 s', async () => {
    rtms = await start()
    const peer = await new Peer(rtms.address.url).opened()
    const before = performance.now()
    expect((await peer.closed).code).toBe(4401)
    expect(performance.now() - before).toBeGreaterThan(4_900)
    expect(performance.now() - before).toBeLessThan(7_000)
    expect(peer.all('goodbye')).toMatchObject([{ code: 4401, retryAfter: 0 }])
  })

  it('that says something else first is closed with 4401', async () => {
    rtms = await start()
    const peer = await new Peer(rtms.address.url).opened()
    peer.send(join(1, 'm'))
    expect((await peer.closed).code).toBe(4401)
  })
})

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** HS256 with any bytes as the key. */
function hmac(header: object, payload: object, secret: string | Buffer | Uint8Array): string {
  const text = `${part({ alg: 'HS256', typ: 'rtms+jwt', ...header })}.${part(payload)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

describe('A forged token', () => {
  const key = new TextEncoder().encode(SECRET)
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: 'u1', iss: 'rtms', iat: now, exp: now + 60, m: [], r: [], w: [] }
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  it('is refused with 4401 and one text, whatever is wrong with it, and nothing is fetched for it', async () => {
    let fetched = 0
    const bait = createServer((_, response) => {
      fetched++
      response.end('{"keys":[]}')
    }).listen(0, '127.0.0.1')
    await once(bait, 'listening')
    const url = `http://127.0.0.1:${(bait.address() as AddressInfo).port}/keys`
    const shared = await start()
    const asymmetric = await start({
      keys: { sign: rsa.privateKey, verify: rsa.publicKey, algorithm: 'RS256' },
    })
    rtms = asymmetric
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' })
    const der = rsa.publicKey.export({ type: 'spki', format: 'der' })
    const signed = async (header: object, payload: object): Promise<string> =>
      new SignJWT({ ...payload })
        .setProtectedHeader({ alg: 'RS256', typ: 'rtms+jwt', ...header })
        .sign(rsa.privateKey)
    const ecJwk = ec.publicKey.export({ format: 'jwk' })
    const own = async (header: object): Promise<string> =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'ES256', typ: 'rtms+jwt', ...header })
        .sign(ec.privateKey)
    const forShared = {
      'alg none': new UnsecuredJWT(claims).encode(),
      'alg None': `${part({ alg: 'None' })}.${part(claims)}.`,
      'no algorithm': `${part({ typ: 'rtms+jwt' })}.${part(claims)}.AAAA`,
      'an empty key': hmac({}, claims, ''),
      'a key of zeros': hmac({}, claims, Buffer.alloc(32)),
      'an issuer that is another': hmac({}, { ...claims, iss: 'evil' }, key),
      'an issuer that is a list': hmac({}, { ...claims, iss: ['rtms'] }, key),
      'a subject that is an object': hmac({}, { ...claims, sub: { $ne: null } }, key),
      'an expiry that is a text': hmac({}, { ...claims, exp: `${now + 60}` }, key),
      'a header with crit': hmac({ crit: ['exp'], exp: 1 }, claims, key),
      '__proto__ as its claims': `${part({ alg: 'HS256' })}.${Buffer.from('{"__proto__":{"sub":"u1"}}').toString('base64url')}.AAAA`,
      'five parts': 'a.b.c.d.e',
      'no JSON': `${Buffer.from('{').toString('base64url')}.e30.AAAA`,
      'nothing in it': '',
      'text beyond ASCII': 'ü.ü.ü',
    }
    const forAsymmetric = {
      'HS256 with the public PEM': hmac({}, claims, pem),
      'HS256 with the public DER': hmac({}, claims, der),
      'RS512 instead of RS256': `${part({ alg: 'RS512', typ: 'rtms+jwt' })}.${part(claims)}.AAAA`,
      'a key of its own in the header': await own({ jwk: ecJwk }),
      'a key id that collides': await own({ kid: '../../rsa' }),
      'an address of keys': await own({ jku: url, kid: '1' }),
      'an address of certificates': await own({ x5u: url }),
      'an issuer with an address': await signed({}, { ...claims, iss: url }),
      'a malformed signature': `${(await signed({}, claims)).slice(0, -8)}!!!!!!!!`,
    }
    for (const [node, tokens] of [
      [shared, forShared],
      [asymmetric, forAsymmetric],
    ] as const) {
      for (const [name, token] of Object.entries(tokens))
        expect([name, await refused(node.address.url, token)]).toEqual([
          name,
          { code: 4401, reason: 'the token was refused' },
        ])
    }
    bait.close()
    expect(fetched).toBe(0)
    // What makes the difference is the signature alone.
    await Peer.connect(asymmetric.address.url, await signed({}, claims))
  })

  it('does not open the session of another: 4401, and its owner is not disturbed', async () => {
    rtms = await start()
    const owner = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'ann'))
    const [{ session } = { session: '' }] = owner.all('welcome')
    const thief = await new Peer(rtms.address.url).opened()
    thief.send(hello(await tokenOf(rtms, 'eve'), { session }))
    expect((await thief.closed).code).toBe(4401)
    await rtms.users.push('ann', 'x', 1)
    await owner.next('push')
  })

  it('of a user who was banned does not resume: 4402', async () => {
    rtms = await start()
    const token = await tokenOf(rtms)
    const peer = await Peer.connect(rtms.address.url, token)
    const [{ session } = { session: '' }] = peer.all('welcome')
    await rtms.tickets.revoke({ user: 'u1' })
    expect((await peer.closed).code).toBe(4402)
    const again = await new Peer(rtms.address.url).opened()
    again.send(hello(token, { session }))
    expect((await again.closed).code).toBe(4402)
    expect(rtms.health().sessions).toBe(0)
  })
})
