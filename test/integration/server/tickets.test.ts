import { createHmac, createSecretKey, generateKeyPairSync } from 'node:crypto'
import { SignJWT, UnsecuredJWT } from 'jose'
import { afterEach, describe, expect, it } from 'vitest'
import { Rtms } from '../../../src/server/index.ts'
import { Peer, refused, SECRET, start, stopAll } from './peer.ts'

afterEach(stopAll)

const key = new TextEncoder().encode(SECRET)
const now = Math.floor(Date.now() / 1000)
const claims = { sub: 'u1', iss: 'rtms', iat: now, exp: now + 60, m: [], r: [], w: [] }

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const sign = (payload: object, header: object = {}, secret = key): Promise<string> =>
  new SignJWT({ ...payload }).setProtectedHeader({ alg: 'HS256', typ: 'rtms+jwt', ...header }).sign(secret)

const without = (name: keyof typeof claims): object => {
  const { [name]: _, ...rest } = claims
  return rest
}

describe('A token', () => {
  it('of another issuer with the same secret and issuer name is taken', async () => {
    const rtms = await start()
    const peer = await Peer.connect(rtms.address.url, await sign(claims))
    expect(peer.all('welcome')[0]?.expires).toBe(now + 60)
  })

  it.each<[string, () => Promise<string> | string]>([
    ['is empty', () => ''],
    ['is no JWT', () => 'a.b.c'],
    ['is signed with another secret', () => sign(claims, {}, new Uint8Array(32))],
    ['has another last character', async () => (await sign(claims)).replace(/.{4}$/, 'AAAA')],
    ['has alg none', () => new UnsecuredJWT(claims).encode()],
    [
      'has another algorithm of the same key',
      () => sign(claims, { alg: 'HS512' }, new Uint8Array([...key, ...key])),
    ],
    ['is not valid yet', () => sign({ ...claims, nbf: now + 60 })],
    ['never expires', () => sign(without('exp'))],
    ['expires at infinity', () => sign({ ...claims, exp: 1e300 })],
    ['has no user', () => sign(without('sub'))],
    ['has a user with a control character', () => sign({ ...claims, sub: 'a\nb' })],
    ['is of another issuer', () => sign({ ...claims, iss: 'other' })],
    ['has no issuer', () => sign(without('iss'))],
    ['was issued an hour ahead', () => sign({ ...claims, iat: now + 3_600, exp: now + 7_200 })],
    ['was issued in milliseconds', () => sign({ ...claims, iat: now * 1000, exp: now * 1000 + 60 })],
    ['expires in milliseconds', () => sign({ ...claims, exp: now * 1000 })],
    ['does not say when it was issued', () => sign(without('iat'))],
    ['was issued before 1970', () => sign({ ...claims, iat: -now })],
    ['was issued at a time that is no number', () => sign({ ...claims, iat: '0' })],
    ['came after a revocation that is no time', () => sign({ ...claims, rev: -1 })],
    ['is of another type', () => sign(claims, { typ: 'JWT' })],
    ['has a pattern that is none', () => sign({ ...claims, r: ['a.*.b'] })],
    ['has a role that is none', () => sign({ ...claims, m: [['room', 'owner']] })],
    ['has meetings that are no list', () => sign({ ...claims, m: { room: 'member' } })],
  ])('is refused with 4401 and the same text where it %s', async (_, make) => {
    const rtms = await start()
    expect(await refused(rtms.address.url, await make())).toEqual({
      code: 4401,
      reason: 'the token was refused',
    })
  })

  it.each<[string, object]>([
    ['a minute ago', { exp: now - 60 }],
    ['a second ago', { exp: now - 1 }],
    ['in 1970', { iat: 1, exp: 2 }],
    ['before 1970', { iat: -2, exp: -1 }],
  ])('that has expired %s is refused with 4451: a fresh one helps', async (_, times) => {
    const rtms = await start()
    expect(await refused(rtms.address.url, await sign({ ...claims, ...times }))).toEqual({
      code: 4451,
      reason: 'the token has expired',
    })
  })

  it('that has expired and is forged is refused as a forged one', async () => {
    const rtms = await start()
    const token = await sign({ ...claims, exp: now - 60 }, {}, new Uint8Array(32))
    expect((await refused(rtms.address.url, token)).code).toBe(4401)
  })

  it('may come from a clock that is a few seconds ahead, and with fractions', async () => {
    const rtms = await start()
    await Peer.connect(
      rtms.address.url,
      await sign({ ...claims, iat: Date.now() / 1000 + 4.5, exp: now + 60.75 }),
    )
  })

  it('that is good but for its claims is the operator’s affair: the log says why, once, without the token', async () => {
    const lines: string[] = []
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: (...line: unknown[]) => void lines.push(JSON.stringify(line)),
    }
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
    const rtms = await start({ keys: { verify: [publicKey, other], algorithm: 'ES256' }, logger })
    const header = { alg: 'ES256', typ: 'rtms+jwt' }
    const payload = { ...claims, sub: 'somebody', iat: now + 60 }
    const token = await new SignJWT(payload).setProtectedHeader(header).sign(privateKey)
    for (let n = 0; n < 3; n++) expect((await refused(rtms.address.url, token)).code).toBe(4401)
    expect((await refused(rtms.address.url, 'forged')).code).toBe(4401)
    expect(lines).toEqual([expect.stringContaining('issued in the future')])
    expect(lines[0]).not.toContain('somebody')
    expect(lines[0]).not.toContain(token.slice(-20))
  })

  it('for another audience is refused where the node has one', async () => {
    const rtms = await start({ audience: 'game' })
    const { url, token } = await rtms.tickets.issue({ user: 'u1' })
    await Peer.connect(url, token)
    await Peer.connect(url, await sign({ ...claims, aud: ['shop', 'game'] }))
    for (const aud of [undefined, 'shop', ['shop'], ''])
      expect((await refused(url, await sign({ ...claims, aud }))).code).toBe(4401)
    const any = await start()
    await Peer.connect(any.address.url, token)
    await Peer.connect(any.address.url, await sign({ ...claims, aud: 'shop' }))
  })

  it('ends its connection with EXPIRED when it expires', async () => {
    const rtms = await start()
    const { url, token, expiresAt } = await rtms.tickets.issue({ user: 'u1', expiresIn: 2 })
    const peer = await Peer.connect(url, token)
    expect((await peer.closed).code).toBe(4451)
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(expiresAt)
  })
})

describe('Asymmetric keys', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

  it.each([
    ['ES256', ec],
    ['EdDSA', generateKeyPairSync('ed25519')],
    ['RS256', rsa],
  ] as const)('sign and verify tickets with %s', async (algorithm, { privateKey, publicKey }) => {
    const rtms = await start({ keys: { sign: privateKey, verify: publicKey, algorithm } })
    const { url, token } = await rtms.tickets.issue({ user: 'u1' })
    await Peer.connect(url, token)
  })

  it('may be several to verify with, and JWKs', async () => {
    const signer = await start({ keys: { sign: ec.privateKey, verify: ec.publicKey, algorithm: 'ES256' } })
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
    const verify = [other, ec.publicKey].map((publicKey) => publicKey.export({ format: 'jwk' }))
    const rtms = await start({ keys: { verify, algorithm: 'ES256' } })
    const { token } = await signer.tickets.issue({ user: 'u1' })
    await Peer.connect(rtms.address.url, token)
    await expect(rtms.tickets.issue({ user: 'u1' })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('are not taken for a shared secret by a token that says HS256', async () => {
    const rtms = await start({ keys: { sign: rsa.privateKey, verify: rsa.publicKey, algorithm: 'RS256' } })
    const text = `${part({ alg: 'HS256', typ: 'rtms+jwt' })}.${part(claims)}`
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' })
    const token = `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`
    expect((await refused(rtms.address.url, token)).code).toBe(4401)
  })

  it('that do not belong together are noticed at the start', async () => {
    const keys = { sign: ec.privateKey, verify: rsa.publicKey, algorithm: 'ES256' } as const
    await expect(start({ keys })).rejects.toThrow('keys: a token signed with keys.sign is not verified')
  })

  it('must not be secret ones', async () => {
    const secret = createSecretKey(key)
    const starting = Rtms.start({ keys: { sign: secret, verify: [secret], algorithm: 'ES256' } })
    await expect(starting).rejects.toThrow(
      /keys\.sign: an object was given[^]*keys\.verify: an array was given/,
    )
  })
})

describe('A ticket', () => {
  it('says where to connect, and until when', async () => {
    const rtms = await start({ nodeId: 'n1', path: '/live' })
    const { port } = rtms.address
    const { url, expiresAt } = await rtms.tickets.issue({ user: 'u1', expiresIn: 60 })
    expect(url).toBe(`ws://localhost:${port}/live?route=n1`)
    expect(expiresAt - Date.now() / 1000).toBeGreaterThan(58)
    expect(expiresAt - Date.now() / 1000).toBeLessThanOrEqual(60)
  })

  it('names the host of the request where it is given', async () => {
    const { tickets } = await start({ nodeId: 'n1' })
    const issue = (host: string) => tickets.issue({ user: 'u1', host })
    expect((await issue('game.example:8080')).url).toBe('ws://game.example:8080/rtms?route=n1')
    expect((await issue('[::1]:80')).url).toBe('ws://[::1]/rtms?route=n1')
    await expect(issue('user@evil/path?')).rejects.toThrow('host is not a host name')
  })

  it('names the public URL before all', async () => {
    const { tickets } = await start({ nodeId: 'n1', publicUrl: 'wss://rt.example.com/rtms?tenant=7' })
    const { url } = await tickets.issue({ user: 'u1', host: 'inside:1' })
    expect(url).toBe('wss://rt.example.com/rtms?tenant=7&route=n1')
  })

  it('is refused with a code for names that are none, and where it would be too large', async () => {
    const { tickets } = await start()
    const bad = 'a b'
    await expect(tickets.issue({ user: '' })).rejects.toMatchObject({ code: 'BAD_NAME' })
    await expect(tickets.issue({ user: 'u', meetings: [bad] })).rejects.toMatchObject({ code: 'BAD_NAME' })
    await expect(tickets.issue({ user: 'u', topics: { read: [bad] } })).rejects.toMatchObject({
      code: 'BAD_TOPIC',
    })
    await expect(tickets.issue({ user: 'u', expiresIn: 0 })).rejects.toThrow(RangeError)
    const meetings = Array.from({ length: 1000 }, (_, n) => `meeting-${n}`)
    await expect(tickets.issue({ user: 'u', meetings })).rejects.toMatchObject({ code: 'TOO_LARGE' })
  })
})
