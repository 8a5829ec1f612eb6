import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { limits, RtmsError } from '../../../src/protocol/index.ts'
import {
  checkHandler,
  checkKey,
  checkLimit,
  checkList,
  checkName,
  checkPattern,
  checkUser,
  latePayloadOf,
  payloadOf,
} from '../../../src/server/ground/check.ts'
import { defined } from '../../../src/server/ground/defined.ts'
import { logName } from '../../../src/server/ground/log-name.ts'
import { refusalIn } from '../../../src/server/ground/refusal.ts'
import { Seldom } from '../../../src/server/ground/seldom.ts'
import { namesAt, optionFaults } from '../../../src/server/ground/issues.ts'
import { writable } from '../../../src/server/ground/writable.ts'
import { isThenable } from '../../../src/server/ground/thenable.ts'

describe('A line that is written seldom', () => {
  it('is written so many times a minute, and tells how often it was not', () => {
    const seldom = new Seldom(2)
    const at = (...times: number[]): number[] => times.map((now) => seldom.note(now))
    expect(at(0, 1, 2, 59_999)).toEqual([1, 1, 0, 0])
    expect(at(60_000, 60_001, 60_002)).toEqual([3, 1, 0])
    expect(at(120_000)).toEqual([2])
    expect([new Seldom().note(5), new Seldom().note(-5)]).toEqual([1, 1])
  })
})

describe('What the business threw', () => {
  it('is a refusal where it is an RtmsError, with a wait that the wire can carry', () => {
    for (const [given, wait] of [
      [250.4, 250],
      [-1, 0],
      [Infinity, 0],
      [Number.NaN, 0],
      [2 ** 60, Number.MAX_SAFE_INTEGER],
    ] as const)
      expect(refusalIn(new RtmsError('RATE', 'slowly', { retryAfterMs: given }))).toMatchObject({
        code: 'RATE',
        message: 'slowly',
        retryAfterMs: wait,
      })
    const odd = Object.assign(new RtmsError('FULL'), { message: 7 })
    expect(refusalIn(odd)?.message).toBe('7')
  })

  it('has the reason that it names, if that is a text, and the text of its code where it has none of its own', () => {
    expect(refusalIn(new RtmsError('FORBIDDEN', 'no', { reason: 'not yours' }))?.reason).toBe('not yours')
    expect(refusalIn(Object.assign(new RtmsError('FORBIDDEN'), { reason: 7 }))?.reason).toBe('')
    const plain = refusalIn(Object.assign(new RtmsError('FULL'), { message: 'FULL' }))
    expect([plain?.message === 'FULL', (plain?.message ?? '').length > 4]).toEqual([false, true])
  })

  it('is none where it is anything else, or cannot be read', () => {
    for (const other of [new Error('x'), null, 'FULL', { code: 'FULL' }]) expect(refusalIn(other)).toBeNull()
    // The last one is the name of a code as soon as it is made a text.
    for (const code of ['NONE', 'toString', 'constructor', ['FULL']])
      expect(refusalIn(Object.assign(new RtmsError('FULL'), { code }))).toBeNull()
    const evil = new RtmsError('FULL')
    Object.defineProperty(evil, 'retryAfterMs', {
      get() {
        throw new Error('no')
      },
    })
    expect(refusalIn(evil)).toBeNull()
  })
})

describe('A payload', () => {
  it('has at most 32 KiB in the form in which it is sent', () => {
    for (const of of [payloadOf, latePayloadOf]) {
      expect(of(new Uint8Array(limits.payload)).text).toBe(false)
      expect(() => of('x'.repeat(limits.payload - 2))).not.toThrow()
      for (const large of [new Uint8Array(limits.payload + 1), 'x'.repeat(limits.payload - 1)])
        expect(() => of(large)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }) as Error)
      expect(() => of(() => {})).toThrow(TypeError)
    }
  })
})

describe('A name', () => {
  it('is checked with the code that belongs to it', () => {
    expect(() => checkName('topic', 'a.b', 'BAD_TOPIC')).not.toThrow()
    for (const bad of ['', 'a b', 7, undefined]) {
      for (const code of ['BAD_TOPIC', 'BAD_NAME'] as const)
        expect(() => checkName('topic', bad, code)).toThrow(expect.objectContaining({ code }) as Error)
    }
    expect(() => checkUser('anyone at all')).not.toThrow()
    for (const bad of ['', 'a\n', 'x'.repeat(256), 7, null])
      expect(() => checkUser(bad)).toThrow(expect.objectContaining({ code: 'BAD_NAME' }) as Error)
  })

  it('or a key, or a pattern, too', () => {
    for (const key of ['', 'anything . at all']) expect(() => checkKey(key)).not.toThrow()
    for (const key of [7, 'x'.repeat(256)])
      expect(() => checkKey(key)).toThrow(expect.objectContaining({ code: 'BAD_NAME' }) as Error)
    for (const pattern of ['*', 'a.*', 'a'])
      expect(() => checkPattern('kind', pattern, 'BAD_NAME')).not.toThrow()
    for (const pattern of ['a*', 7])
      expect(() => checkPattern('kind', pattern, 'BAD_TOPIC')).toThrow(
        expect.objectContaining({ code: 'BAD_TOPIC' }) as Error,
      )
  })

  it('of a session is cut short for a log', () => {
    expect(logName('0123456789abcdef')).toBe('01234567')
  })
})

describe('What is defined', () => {
  it('is everything that is not undefined', () => {
    expect(defined({ a: 0, b: undefined, c: null, d: '', e: false })).toEqual({
      a: 0,
      c: null,
      d: '',
      e: false,
    })
  })
})

it('Whatever `await` would wait for counts as a promise, a function with `then` too, and nothing else', () => {
  // oxlint-disable-next-line unicorn/no-thenable
  const callable = Object.assign(() => {}, { then() {} })
  // oxlint-disable-next-line unicorn/no-thenable
  for (const value of [Promise.resolve(), { then() {} }, callable]) expect(isThenable(value)).toBe(true)
  // oxlint-disable-next-line unicorn/no-thenable
  for (const value of [null, undefined, 'then', 7, {}, { then: true }, () => {}])
    expect(isThenable(value)).toBe(false)
})

it('What is no function, no list or no number of items is refused where it is given', () => {
  expect(() => checkHandler('authorize', () => {})).not.toThrow()
  expect(() => checkHandler('authorize', undefined)).toThrow(
    new TypeError('authorize needs a function, and undefined was given'),
  )
  expect(() => checkList('read', ['a'], '["a"]')).not.toThrow()
  expect(() => checkList('read', 'a', '["a"]')).toThrow(TypeError)
  for (const limit of [0, 10]) expect(checkLimit(limit)).toBe(limit)
  for (const limit of [-1, 1.5, Number.NaN]) expect(() => checkLimit(limit)).toThrow(RangeError)
})

it('What has no JSON form, or not enough room for what is put around it, is shown as something else', () => {
  const deep = (levels: number): unknown => {
    let value: unknown = 1
    for (let n = 0; n < levels; n++) value = [value]
    return value
  }
  const kept = { a: 1 }
  expect([writable<unknown>(kept, 'instead'), writable(undefined, null)]).toEqual([kept, undefined])
  for (const value of [1n, deep(100_000), { toJSON: () => 1n }])
    expect(writable<unknown>(value, 'instead')).toBe('instead')
})

describe('The names that options may have', () => {
  const rule = v.strictObject({ limit: v.optional(v.number()), burst: v.optional(v.number()) })
  const schema = v.strictObject({
    port: v.optional(v.number()),
    tls: v.optional(v.union([v.boolean(), v.strictObject({ key: v.string(), cert: v.string() })])),
    rules: v.optional(v.array(rule)),
  })

  it('are those of the object to which a path leads, through lists and alternatives, and none where none belongs', () => {
    expect(namesAt(schema, [])).toEqual(['port', 'tls', 'rules'])
    expect([namesAt(schema, ['tls']), namesAt(schema, ['rules', 3])]).toEqual([
      ['key', 'cert'],
      ['limit', 'burst'],
    ])
    for (const path of [['port'], ['port', 'x'], ['none'], ['toString'], ['tls', 'key'], [3]])
      expect(namesAt(schema, path)).toEqual([])
    expect(namesAt(undefined, [])).toEqual([])
  })

  it('are told with every name that is none of them, and with its place', () => {
    const faults = (given: unknown): string[] => optionFaults(v.safeParse(schema, given).issues ?? [], schema)
    expect(faults({ port: 1, rules: [{ limit: 1 }] })).toEqual([])
    const found = faults({ prot: 1, tsl: 2, rules: [{ limit: 1 }, { limits: 1 }], port: 'x' })
    expect(found.map((line) => line.slice(0, line.indexOf(':'))).toSorted()).toEqual([
      'port',
      'prot',
      'rules.1.limits',
      'tsl',
    ])
    expect(faults(7).map((line) => line.slice(0, line.indexOf(':')))).toEqual(['options'])
  })
})
