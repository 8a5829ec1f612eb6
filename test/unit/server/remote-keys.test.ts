import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defaultLimits } from '../../../src/server/ground/limits.ts'
import { silent } from '../../../src/server/ground/logger.ts'
import { RemoteKeys } from '../../../src/server/tickets/jwks.ts'

/* The issuer's answers and the time are the test's. */

const limits = { ...defaultLimits, jwksRefreshMs: 60_000, jwksTimeoutMs: 3_000, jwksBytes: 1_000 }
const url = 'https://issuer.example/keys'
const keyOf = (kid: string): object => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid,
})
const publish = (...keys: object[]): Response => new Response(JSON.stringify({ keys }))
const first = keyOf('a')

const outside = { fetch: globalThis.fetch, random: Math.random }
let answer: (signal: AbortSignal) => Promise<Response>
let asked: [url: string, init: RequestInit][]
let errors: { readonly why: string; readonly failures: number }[]

const logger = { ...silent, error: (details: object) => void errors.push(details as (typeof errors)[0]) }

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  Math.random = () => 0.5
  asked = []
  errors = []
  answer = async () => publish(first)
  globalThis.fetch = ((target: URL, init: RequestInit) => {
    asked.push([target.href, init])
    return answer(init.signal as AbortSignal)
  }) as typeof fetch
})

afterEach(() => {
  Object.assign(globalThis, { fetch: outside.fetch })
  Math.random = outside.random
  vi.useRealTimers()
})

const fetchKeys = (): Promise<RemoteKeys> => RemoteKeys.fetch({ url, algorithm: 'ES256' }, limits, logger)
const has = (keys: RemoteKeys, kid: string): Promise<boolean> =>
  Promise.resolve(keys.find({ alg: 'ES256', kid }, undefined as never)).then(
    () => true,
    () => false,
  )
/** Lets so much time pass, and what it brings come to its end. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve))
}

describe('The keys of an issuer', () => {
  it('are fetched at the start, and then on schedule', async () => {
    const keys = await fetchKeys()
    expect(asked.map(([target, { redirect }]) => [target, redirect])).toEqual([[url, 'error']])
    expect([await has(keys, 'a'), await has(keys, 'b')]).toEqual([true, false])
    keys.follow()
    await pass(59_999)
    expect(asked).toHaveLength(1)
    answer = async () => publish(keyOf('b'))
    await pass(1)
    expect(keys.stats).toEqual({ fetched: 2, failed: 0, at: 60_000 })
    expect([await has(keys, 'a'), await has(keys, 'b')]).toEqual([false, true])
    await pass(60_000)
    expect(asked).toHaveLength(3)
    keys.close()
  })

  it('stay in use while they cannot be fetched, which is tried again sooner', async () => {
    const keys = await fetchKeys()
    keys.follow()
    answer = () => Promise.reject(new TypeError('fetch failed', { cause: { code: 'X' } }))
    // A failure after 60 s, the next ones 3.75 s and 7.5 s later.
    await pass(60_000)
    await pass(3_750)
    await pass(7_500)
    expect(errors.map(({ failures }) => failures)).toEqual([1, 2, 3])
    expect([await has(keys, 'a'), keys.stats]).toEqual([true, { fetched: 1, failed: 3, at: 0 }])
    answer = async () => publish(first)
    await pass(15_000)
    expect([keys.stats.fetched, asked.length]).toEqual([2, 5])
    // A success forgives what failed before it.
    await pass(59_999)
    expect(asked).toHaveLength(5)
    await pass(1)
    expect(asked).toHaveLength(6)
    keys.close()
  })

  it.each<[string, () => Promise<Response>, string]>([
    ['an error', async () => new Response('no', { status: 500 }), 'it answered 500'],
    ['something else', async () => new Response('<html>'), 'it is not JSON'],
    ['nothing', async () => new Response(null), 'it is not JSON'],
    ['too much', async () => new Response('x'.repeat(1_001)), 'it is larger than 1000 bytes'],
    [
      'a broken connection',
      () => Promise.reject(new TypeError('x', { cause: broken('ECONNRESET') })),
      'ECONNRESET',
    ],
    ['an unknown failure', () => Promise.reject(new TypeError('x', { cause: new Error('odd') })), 'odd'],
    // oxlint-disable-next-line prefer-promise-reject-errors
    ['a text', () => Promise.reject('a text'), 'a text'],
  ])('are not had from an issuer that gives %s', async (_, bad, why) => {
    answer = bad
    await expect(fetchKeys()).rejects.toThrow(why)
    answer = async () => publish(first)
    const keys = await fetchKeys()
    keys.follow()
    answer = bad
    await pass(60_000)
    expect(errors).toMatchObject([{ why: expect.stringContaining(why) as string, failures: 1 }])
    keys.close()
  })

  it('may have as many bytes as are allowed', async () => {
    const { length } = JSON.stringify({ keys: [{ ...first, more: '' }] })
    answer = async () => publish({ ...first, more: 'x'.repeat(1_000 - length) })
    const keys = await fetchKeys()
    expect(keys.stats.fetched).toBe(1)
  })

  it('are waited for no longer than the limit', async () => {
    answer = (signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    const fetching = fetchKeys().then(
      () => 'had',
      ({ message }: Error) => message,
    )
    await pass(2_999)
    expect(await Promise.race([fetching, Promise.resolve('pending')])).toBe('pending')
    await pass(1)
    expect(await fetching).toContain('timeout')
  })

  it('are neither fetched nor missed once the node has closed', async () => {
    const keys = await fetchKeys()
    keys.follow()
    keys.close()
    await pass(120_000)
    expect(asked).toHaveLength(1)
    const busy = await fetchKeys()
    busy.follow()
    let isAborted = false
    answer = (signal) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          isAborted = true
          reject(new Error('aborted'))
        }),
      )
    await pass(60_000)
    busy.close()
    await pass(120_000)
    expect([isAborted, asked.length, errors, vi.getTimerCount()]).toEqual([true, 3, [], 0])
  })
})

function broken(code: string): Error {
  return Object.assign(new Error('the connection broke'), { code })
}
