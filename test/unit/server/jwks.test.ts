import { generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { nextFetchMs, parseKeySet } from '../../../src/server/tickets/jwks.ts'

const parse = (...keys: JsonWebKey[]): unknown => parseKeySet(JSON.stringify({ keys }), 'ES256')

describe('The next fetch of keys', () => {
  it('comes after the interval, give or take a tenth', () => {
    expect([0, 0.5, 1].map((random) => nextFetchMs(600_000, 0, random))).toEqual([540_000, 600_000, 660_000])
  })

  it('comes sooner after a failure, and later after each further one, up to the interval', () => {
    const waits = [1, 2, 3, 7, 8, 1_000].map((failures) => nextFetchMs(600_000, failures, 1))
    expect(waits).toEqual([5_000, 10_000, 20_000, 320_000, 600_000, 600_000])
    expect(nextFetchMs(600_000, 1, 0)).toBe(2_500)
    expect(nextFetchMs(1_000, 1, 1)).toBe(1_000)
  })

  it('comes no later than a timer can wait: a longer wait would be none', () => {
    const longest = 2 ** 31 - 1
    const month = 30 * 86_400_000
    expect([0, 1, 1_000].map((failures) => nextFetchMs(month, failures, 1))).toEqual([
      longest,
      5_000,
      longest,
    ])
    expect(nextFetchMs(Number.MAX_SAFE_INTEGER, 20, 1)).toBe(longest)
  })
})

describe('A key set', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ec = publicKey.export({ format: 'jwk' })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })

  it('may have keys for something else besides', () => {
    expect(() => parse(ec)).not.toThrow()
    expect(() => parse(rsa, { ...ec, alg: 'ES256', use: 'sig', kid: 'a', x5t: 'x' })).not.toThrow()
  })

  it.each<[string, JsonWebKey[], string]>([
    ['a shared secret', [ec, { kty: 'oct', k: 'c2VjcmV0' }], 'has a key of type oct'],
    ['a private key', [privateKey.export({ format: 'jwk' })], 'has a private key'],
    ['no key of the algorithm', [rsa], 'has no key for ES256'],
    ['its key for another algorithm', [{ ...ec, alg: 'ES384' }], 'has no key for ES256'],
    ['no key at all', [], 'has no key for ES256'],
  ])('is refused where it has %s', (_, keys, why) => {
    expect(() => parse(...keys)).toThrow(why)
  })

  it.each(['', '<html>', 'null', '[]', '{}', '{"keys":{}}', '{"keys":[7]}', '{"keys":[{"kty":{}}]}'])(
    'is refused where it is %s',
    (text) =>
      expect(() => parseKeySet(text, 'ES256')).toThrow(/^it (is not JSON|is no key set|has a key of type)/),
  )
})
