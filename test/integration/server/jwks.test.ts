import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Rtms, type RtmsOptions } from '../../../src/server/index.ts'
import { eventually, Peer, refused, start, stopAll } from './peer.ts'

interface KeyPair {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const pair = (kid: string): KeyPair => ({ kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) })

const published = ({ kid, publicKey }: KeyPair): object => ({ ...publicKey.export({ format: 'jwk' }), kid })

/** A token of the issuer: signed with this key, naming this one. */
function token({ privateKey, kid }: KeyPair, header: object = { kid }): Promise<string> {
  const now = Math.floor(Date.now() / 1_000)
  return new SignJWT({ m: [], r: [], w: [] })
    .setProtectedHeader({ alg: 'ES256', typ: 'rtms+jwt', ...header })
    .setSubject('u1')
    .setIssuer('rtms')
    .setIssuedAt(now)
    .setExpirationTime(now + 60)
    .sign(privateKey)
}

const REFUSED = { code: 4401, reason: 'the token was refused' }

describe('Keys at a URL', () => {
  const [a, b] = [pair('a'), pair('b')]
  let issuer: Server
  let url: string
  let asked: number
  let respond: (response: ServerResponse) => void

  const answer = (...keys: object[]): void => {
    respond = (response) => response.end(JSON.stringify({ keys }))
  }

  beforeEach(async () => {
    asked = 0
    answer(published(a))
    issuer = createServer((_, response) => {
      asked++
      respond(response)
    })
    issuer.listen(0, '127.0.0.1')
    await once(issuer, 'listening')
    url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks.json`
  })

  afterEach(async () => {
    await stopAll()
    issuer.closeAllConnections()
    issuer.close()
  })

  const startWith = (options: Partial<RtmsOptions> = {}): Promise<Rtms> =>
    start({ keys: { jwks: url, algorithm: 'ES256' }, ...options })

  it('verify tokens, with and without the name of the key', async () => {
    const rtms = await startWith()
    await Peer.connect(rtms.address.url, await token(a))
    await Peer.connect(rtms.address.url, await token(a, {}))
    expect(asked).toBe(1)
    await expect(rtms.tickets.issue({ user: 'u1' })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('are never fetched on account of a token, whatever it says', async () => {
    answer(published(a), published(b))
    const rtms = await startWith()
    const mallory = pair('a')
    const evil = { jku: url, x5u: url, jwk: published(mallory) }
    const tokens = await Promise.all([
      token(a, { kid: 'unknown' }),
      token(a, { kid: '../jwks.json' }),
      token(a, { kid: 'b' }),
      token(mallory),
      token(mallory, { kid: 'a', ...evil }),
      // Several keys could be meant.
      token(a, {}),
      token(a, { kid: 7 as unknown as string }),
    ])
    for (const text of tokens) expect(await refused(rtms.address.url, text)).toEqual(REFUSED)
    await Peer.connect(rtms.address.url, await token(a))
    await Peer.connect(rtms.address.url, await token(b))
    expect(asked).toBe(1)
  })

  it('of which two have the same name verify nothing by that name', async () => {
    answer(published(a), { ...published(b), kid: 'a' })
    const rtms = await startWith()
    for (const text of [await token(a), await token({ ...b, kid: 'a' })])
      expect(await refused(rtms.address.url, text)).toEqual(REFUSED)
  })

  it('are fetched again on the schedule, so that one key replaces another', async () => {
    const rtms = await startWith({ limits: { jwksRefreshMs: 20 } })
    expect(await refused(rtms.address.url, await token(b))).toEqual(REFUSED)
    answer(published(b))
    const before = asked
    await eventually(() => asked > before + 2)
    await Peer.connect(rtms.address.url, await token(b))
    expect(await refused(rtms.address.url, await token(a))).toEqual(REFUSED)
    expect(await rtms.metrics()).toMatch(/\nrtms_jwks_fetches_total\{outcome="ok"\} [1-9]/)
  })

  it.each<[string, (response: ServerResponse) => void, string]>([
    ['fails', (response) => response.writeHead(500).end(), 'it answered 500'],
    ['hangs', () => {}, 'aborted due to timeout'],
    ['sends too much', (response) => response.end('x'.repeat(3_000)), 'larger than 2000 bytes'],
    ['redirects', (response) => response.writeHead(302, { Location: '/other' }).end(), 'redirect'],
    ['publishes a secret', (response) => response.end('{"keys":[{"kty":"oct","k":"canary"}]}'), 'type oct'],
    ['breaks off', (response) => response.socket?.destroy(), 'UND_ERR_SOCKET'],
    ['sends something else', (response) => response.end('<html>'), 'it is not JSON'],
  ])('stay in use while their server %s, and its failure is logged', async (_, respondBadly, why) => {
    const errors: object[] = []
    const logger = { debug() {}, info() {}, warn() {}, error: (details: object) => void errors.push(details) }
    const limits = { jwksRefreshMs: 20, jwksTimeoutMs: 500, jwksBytes: 2_000 }
    const rtms = await startWith({ limits, logger })
    respond = respondBadly
    await eventually(() => errors.length >= 3)
    expect(errors[0]).toMatchObject({ url, why: expect.stringContaining(why) as string, failures: 1 })
    expect(JSON.stringify(errors)).not.toContain('canary')
    await Peer.connect(rtms.address.url, await token(a))
    expect(await rtms.metrics()).toMatch(/\nrtms_jwks_fetches_total\{outcome="failed"\} [3-9]/)
    answer(published(b))
    const before = rtms.stats.sessionsOpened
    const { length } = errors
    await eventually(() => asked > length + 3)
    await Peer.connect(rtms.address.url, await token(b))
    expect(rtms.stats.sessionsOpened).toBe(before + 1)
  })

  it('that cannot be had at the start keep the node from starting', async () => {
    answer({ kty: 'oct', k: 'canary' })
    const message = await startWith().then(
      () => 'started',
      (error: Error) => error.message,
    )
    expect(message).toContain(`keys.jwks: no keys could be had from ${url} (it has a key of type oct`)
    expect(message).not.toContain('canary')
    issuer.closeAllConnections()
    issuer.close()
    await expect(startWith()).rejects.toThrow('(ECONNREFUSED)')
  })

  it('are not fetched any more when the node is closed', async () => {
    const rtms = await startWith({ limits: { jwksRefreshMs: 5 } })
    await eventually(() => asked > 2)
    // One is under way.
    let begun = false
    respond = () => (begun = true)
    await eventually(() => begun)
    await rtms.close()
    const before = asked
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asked).toBe(before)
  })

  it('go with a key to sign with, whose name the tickets then carry', async () => {
    answer(published(a), published(b))
    const sign = { ...b.privateKey.export({ format: 'jwk' }), kid: 'b' }
    const rtms = await startWith({ keys: { jwks: new URL(url), sign, algorithm: 'ES256' } })
    const ticket = await rtms.tickets.issue({ user: 'u1' })
    await Peer.connect(ticket.url, ticket.token)
    const other = { ...pair('b').privateKey.export({ format: 'jwk' }), kid: 'b' }
    await expect(startWith({ keys: { jwks: url, sign: other, algorithm: 'ES256' } })).rejects.toThrow(
      'is not verified by keys.jwks as ES256',
    )
  })

  it.each([
    ['http://example.com/jwks', /keys\.jwks: "http:\/\/example.com\/jwks" was given; expected an https URL/],
    ['http://127.0.0.1.example.com/', /expected an https URL/],
    ['https://me:secret@example.com/', /expected an https URL/],
    ['file:///etc/keys', /expected an https URL/],
    ['keys', /expected an https URL/],
  ])('are not fetched from %s', async (jwks, why) => {
    await expect(startWith({ keys: { jwks, algorithm: 'ES256' } })).rejects.toThrow(why)
  })

  it('are given instead of those to verify with, not besides', async () => {
    const one = /keys: expected either verify[^]*give one of them/
    const keys = { verify: a.publicKey, jwks: url, algorithm: 'ES256' } as const
    await expect(startWith({ keys })).rejects.toThrow(one)
    await expect(startWith({ keys: { algorithm: 'ES256' } })).rejects.toThrow(one)
    expect(asked).toBe(0)
  })
})
