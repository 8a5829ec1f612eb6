import { createSecretKey, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import { defaultLimits } from '../../../src/server/ground/limits.ts'
import { silent } from '../../../src/server/ground/logger.ts'
import { type RtmsOptions, settle } from '../../../src/server/options/options.ts'
import { show } from '../../../src/server/ground/show.ts'

const secret = 's'.repeat(32)
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = pair.publicKey.export({ format: 'jwk' })
const server = createServer()

/** The options that are refused, by name; none where they are taken. */
function refused(options: object): string[] {
  try {
    settle({ secret, ...options })
    return []
  } catch (error) {
    const [head, ...faults] = (error as Error).message.split('\n')
    expect(head).toBe('RTMS cannot start:')
    return faults.map((fault) => /^ {2}([\w.]+): /.exec(fault)?.[1] ?? fault)
  }
}

const with32 = (first: string): string => first + 'x'.repeat(31)

/** For each option what is taken and what is not; undefined is taken everywhere. */
const table: {
  readonly [option: string]: readonly [taken: readonly unknown[], refused: readonly unknown[]]
} = {
  port: [
    [0, 65_535],
    [-1, 65_536, 1.5, '80', null],
  ],
  host: [['127.0.0.1'], ['', 7, null]],
  tls: [
    [],
    [
      {},
      null,
      'pem',
      { key: 'k' },
      { cert: 'c' },
      { key: undefined, cert: undefined },
      { key: '', cert: '' },
      { key: [], cert: [undefined] },
      { pfx: '' },
      { pfx: undefined },
    ],
  ],
  server: [[server], [{}, () => {}, null]],
  handler: [[() => {}], [{}, null]],
  metrics: [
    ['loopback', 'public', false],
    [true, 'all', null],
  ],
  path: [
    ['/', '/rtms', '/a-b/c_d.e~f'],
    ['', 'rtms', 'x/rtms', '/a?b', '/a b', '/a\n', 7],
  ],
  secret: [
    ['é'.repeat(16), 'x'.repeat(32)],
    ['x'.repeat(31), 7, null],
  ],
  role: [['core'], ['both', true, null]],
  moves: [
    ['members', 'all', false],
    [true, 'spectators', null],
  ],
  faults: [
    [true, false],
    ['yes', null],
  ],
  bus: [[{ connect() {} }], [{}, null, 'nats://a', { servers: 'nats://a' }]],
  issuer: [['me'], ['', 7]],
  audience: [['me'], ['', 7]],
  publicUrl: [
    [
      'ws://a',
      'wss://a/b?c=d',
      'wss://a/rtms?route={node}',
      'wss://a/n/{node}/rtms',
      'wss://{node}.a/rtms',
      'ws://{host}:{port}/rtms',
    ],
    [
      'http://a',
      'wss://a/#b',
      'wss://me@a/',
      'a',
      7,
      'wss://a/{room}',
      'wss://a/{}',
      'wss://a/{node',
      'wss://a/}',
      '{node}://a',
      'wss://a#{node}',
      'wss://{node}@a/',
    ],
  ],
  origins: [
    [
      '*',
      [],
      ['https://a.example', 'http://a:81', 'app://local', 'capacitor://localhost'],
      ['https://*.a.example', 'http://*.a:81', 'null', 'file://'],
    ],
    [
      'https://a.example',
      ['*'],
      ['https://A.example'],
      ['https://*'],
      ['https://a*.example'],
      ['https://a.*.example'],
      ['https://*.*.example'],
      ['*.example'],
      ['http://a:*'],
      ['https://a:443'],
      ['http://a:80'],
      ['https://a/'],
      ['a.example'],
      ['https://a b'],
      ['https://me@a'],
      [7],
      {},
    ],
  ],
  compression: [
    [true, false],
    ['yes', 1, null],
  ],
  trustedProxies: [
    [[], ['loopback'], ['10.0.0.0/8', '::1', '::/0', '::/64', '1.2.3.4/32']],
    [
      ['10.0.0.0/33'],
      ['::/129'],
      ['10.0.0.0/x'],
      ['10.0.0.0/x8'],
      ['10.0.0.0/8x'],
      ['10.0.0.0/8/8'],
      ['proxy'],
      ['10.0.0.0/'],
      [7],
      'loopback',
    ],
  ],
  nodeId: [
    ['a', 'A-z_9', 'x'.repeat(64)],
    ['', 'x'.repeat(65), 'a b', 'a.b', 7],
  ],
  maxHandlers: [[1], [0, -1, 1.5, '1', Infinity]],
  admin: [
    ['loopback', false],
    [true, 'public', null],
  ],
  logger: [
    [silent, null, false],
    [{}, { ...silent, warn: undefined }, { ...silent, debug: 7 }, true, console.log],
  ],
}

describe('An option', () => {
  it.each(Object.entries(table))('%s is taken as it should be, and else named', (option, [taken, wrong]) => {
    for (const value of [undefined, ...taken]) {
      // Without a secret there is another fault.
      if (option === 'secret' && value === undefined) continue
      expect([value, refused({ [option]: value })]).toEqual([value, []])
    }
    for (const value of wrong) expect([value, refused({ [option]: value })[0]]).toEqual([value, option])
  })

  it('that nobody knows is named, and every fault is told at once', () => {
    expect(refused({ prot: 1, port: -1, path: 7 })).toEqual(['port', 'path', 'prot'])
    expect(refused({ prot: 1, orgins: ['x'], limits: { never: 1, nor: 2 }, api: { key: 1 } })).toEqual([
      'limits.never',
      'limits.nor',
      'api.keys',
      'api.key',
      'prot',
      'orgins',
    ])
    expect(refused({ secret: 7, limits: { never: 1, tokenMs: 0 } })).toEqual([
      'secret',
      'limits.tokenMs',
      'limits.never',
    ])
    for (const wrong of [null, 'none', 7]) expect(refused({ limits: wrong })).not.toEqual([])
    expect(() => settle(undefined as never)).toThrow('secret: it is missing')
    expect(() => settle(7 as never)).toThrow('options')
  })

  it('role edge needs a bus, and moves nobody unless told to', () => {
    const bus = { connect: () => ({}) as never }
    expect(refused({ role: 'edge' })).toEqual(['role'])
    const of = (options: Partial<RtmsOptions>): unknown => {
      const { role, moves } = settle({ secret, bus, ...options })
      return [role, moves]
    }
    expect(of({ role: 'edge' })).toEqual(['edge', false])
    expect(of({ role: 'edge', moves: 'members' })).toEqual(['edge', 'members'])
    expect(of({ role: 'core' })).toEqual(['core', 'members'])
  })

  it('left out has its default', () => {
    expect(settle({ secret })).toEqual({
      topics: {},
      port: 7788,
      metrics: 'loopback',
      path: '/rtms',
      secret,
      issuer: 'rtms',
      isClustered: false,
      compression: false,
      trustedProxies: ['loopback'],
      // A bus without anybody else.
      bus: { connect: expect.any(Function) as unknown },
      limits: defaultLimits,
      maxHandlers: 1_000,
      role: 'core',
      moves: 'members',
      admin: false,
      faults: false,
      logger: expect.any(Object) as unknown,
    })
  })

  it('given is kept, and the limits that were not given stay', () => {
    const given = {
      port: 1,
      host: 'h',
      metrics: 'public',
      path: '/p',
      issuer: 'i',
      audience: 'a',
      publicUrl: 'ws://a',
      origins: '*',
      compression: true,
      trustedProxies: [],
      nodeId: 'n',
      maxHandlers: 2,
      api: { keys: [with32('k')] },
      admin: 'key',
      requests: { url: 'http://a', secret },
      topics: { 'stock.*': { entries: 500 } },
    } as const
    const settled = settle({ ...given, secret, limits: { tokenMs: 5, apiBatch: undefined } })
    expect(settled).toMatchObject(given)
    expect(settled.limits).toEqual({ ...defaultLimits, tokenMs: 5 })
    expect(settle({ secret, logger: { ...silent } }).logger).not.toBe(silent)
    for (const logger of [null, false] as const) expect(settle({ secret, logger }).logger).toBe(silent)
  })
})

/** What is said of the only option that is refused. */
function fault(options: object): string {
  try {
    settle({ secret, ...options })
    return ''
  } catch (error) {
    const [, ...faults] = (error as Error).message.split('\n')
    return faults.map((each) => each.trim()).join('\n')
  }
}

describe('What topics keep', () => {
  it.each([
    [{}, ''],
    [{ '*': { entries: 0, bytes: 0, ageMs: 0 }, 'a.b': {}, 'a.*': { ageMs: undefined } }, ''],
    [[], /^topics: an array was given; expected what topics keep/],
    ['stock.*', /^topics: "stock\.\*" was given; expected what topics keep/],
    [
      { 'st*ck': {} },
      /^topics\["st\*ck"\]: it is neither the name of a topic nor a pattern: "\*" at character 3 is not allowed; /,
    ],
    [{ 'stock.*': { entrys: 1 } }, 'topics["stock.*"].entrys: it is not an option; did you mean entries?'],
    [
      { a: { kept: 1 } },
      'topics["a"].kept: it is not an option; expected one of entries, bytes, ageMs; remove it',
    ],
    [
      { a: { entries: -1 } },
      'topics["a"].entries: -1 was given; expected an integer of at least 0; leave it out for 100',
    ],
    [{ a: { ageMs: '5 min' } }, /^topics\["a"\]\.ageMs: "5 min" was given; .* leave it out for 60000$/],
    [{ a: { bytes: 1.5 } }, /^topics\["a"\]\.bytes: 1\.5 was given; .* leave it out for 65536$/],
    [{ a: 500 }, 'topics["a"]: 500 was given; expected an object with entries, bytes, ageMs'],
    [{ a: [500] }, 'topics["a"]: an array was given; expected an object with entries, bytes, ageMs'],
  ] as readonly (readonly [unknown, string | RegExp])[])('%j', (topics, said) => {
    if (typeof said === 'string') expect(fault({ topics })).toBe(said)
    else expect(fault({ topics })).toMatch(said)
  })
})

describe('A list names the entry that is wrong', () => {
  it.each([
    ['http://x/', 'and an origin ends behind the host and its port: write "http://x"'],
    [
      'https://a.example/app?x#y',
      'and an origin ends behind the host and its port: write "https://a.example"',
    ],
    ['https://me@a', 'and an origin ends behind the host and its port: write "https://a"'],
    ['https://*.a.example/', 'and an origin ends behind the host and its port: write "https://*.a.example"'],
    ['https://A.example', 'which browsers write "https://a.example"'],
    ['https://a:443', 'which browsers write "https://a"'],
    ['a.example', 'without a scheme: write "https://a.example"'],
  ])('and why: the origin %j', (wrong, why) => {
    const fine = 'https://fine.example'
    expect(fault({ origins: [fine, wrong, fine] })).toContain(
      `origins: entry 2 is "${wrong}", ${why}; expected '*' or`,
    )
    const [, advised = ''] = /write "(.+)"$/.exec(why) ?? []
    expect(fault({ origins: [advised] })).toBe('')
  })

  it.each(['https://a*.example', 'https://*', '*.example', 'http://', '', 'https://a b', 7])(
    'and no advice that is wrong as well: %j',
    (wrong) => {
      const said = fault({ origins: [wrong] })
      expect(said).toMatch(/^origins: entry 1 is /)
      const advised = /write "(.+?)"; expected/.exec(said)?.[1]
      if (advised !== undefined) expect(fault({ origins: [advised] })).toBe('')
    },
  )

  it('of whatever option', () => {
    expect(fault({ origins: 'https://a' })).toMatch(/^origins: "https:\/\/a" was given; /)
    expect(fault({ trustedProxies: ['loopback', '10.0.0.0/33'] })).toMatch(
      /^trustedProxies: entry 2 is "10\.0\.0\.0\/33"; expected an array of addresses, /,
    )
    expect(fault({ requests: { url: 'http://a', secret, methods: ['a', 'b*'] } })).toMatch(
      /^requests\.methods: entry 2 is "b\*"; expected an array of names or patterns/,
    )
  })
})

it('An option inside of another that does not exist names the one meant', () => {
  expect(fault({ requests: { url: 'http://a', secret, retrys: 1 } })).toBe(
    'requests.retrys: it is not an option; did you mean retries?',
  )
  expect(fault({ limits: { sesionKeepMs: 1 } })).toBe(
    'limits.sesionKeepMs: it is not an option; did you mean sessionKeepMs?',
  )
})

const only = (given: object): string[] =>
  refused({ secret: undefined, keys: { algorithm: 'ES256', ...given } })

describe('Options that do not go together', () => {
  const verify = pair.publicKey
  const keys = { verify, algorithm: 'ES256' } as const

  it('are a secret and keys, or neither', () => {
    expect(refused({ keys })).toEqual(['keys'])
    expect(refused({ secret: undefined })).toEqual(['secret'])
    expect(refused({ secret: undefined, keys })).toEqual([])
  })

  it('are keys to verify with and a URL of keys, or neither', () => {
    const jwks = 'https://issuer/keys'
    expect(only({ verify, jwks })).toEqual(['keys'])
    expect(only({})).toEqual(['keys'])
    expect([only({ jwks }), only({ verify })]).toEqual([[], []])
  })

  it('are an id that is no part of a host name, and a public URL that makes it one', () => {
    const named = 'wss://{node}.a/rtms'
    for (const nodeId of ['A', 'a_b', '-a', 'a-', 'a'.repeat(64)]) {
      expect(refused({ nodeId, publicUrl: named })).toEqual(['nodeId'])
      expect(refused({ nodeId, publicUrl: 'ws://a:{port}' })).toEqual([])
      expect(refused({ nodeId, publicUrl: 'wss://a/n/{node}/rtms' })).toEqual([])
      expect(refused({ nodeId, publicUrl: 'wss://a?route={node}' })).toEqual([])
    }
    for (const nodeId of ['a', '7', 'rtms-0', 'a'.repeat(63)])
      expect(refused({ nodeId, publicUrl: named })).toEqual([])
    expect(refused({ publicUrl: named })).toEqual([])
  })

  it('are a dashboard for who has a key, and no keys', () => {
    expect(refused({ admin: 'key' })).toEqual(['admin'])
    expect(refused({ admin: 'key', api: { keys: [with32('k')] } })).toEqual([])
    expect(refused({ admin: 'loopback' })).toEqual([])
  })

  it('are a server and what its owner decides', () => {
    const own = { port: 1, host: 'h', handler: () => {}, metrics: 'public' }
    expect(refused({ server, ...own })).toEqual(['port', 'host', 'handler', 'metrics'])
    expect(refused({ ...own })).toEqual([])
    expect(refused({ server, host: undefined })).toEqual([])
  })

  it('are a key and a certificate of others', () => {
    expect(refused({ tls: { key: 'no key', cert: 'none' } })).toEqual(['tls'])
    expect(refused({ tls: { pfx: Buffer.from('none') } })).toEqual(['tls'])
  })
})

const many = (count: number): string[] => Array.from({ length: count }, () => with32('k'))
const keysRefused = (keys: object): string[] => refused({ secret: undefined, keys })

describe('Keys', () => {
  const algorithm = 'ES256'

  it('are asymmetric ones, in each form', async () => {
    const crypto = await globalThis.crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ])
    for (const verify of [pair.publicKey, jwk, crypto.publicKey, [jwk, pair.publicKey]])
      expect(keysRefused({ sign: pair.privateKey, verify, algorithm })).toEqual([])
    const hmac = await globalThis.crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign'])
    const shared = createSecretKey(Buffer.from(secret))
    for (const verify of [hmac, shared, { kty: 'oct', k: 'x' }, {}, 'PEM', null, [], [jwk, shared], [7]])
      expect(keysRefused({ verify, algorithm })[0]).toBe('keys.verify')
    expect(keysRefused({ sign: shared, verify: jwk, algorithm })).toEqual(['keys.sign'])
  })

  it('have one of the known algorithms, and nothing else besides', () => {
    expect(keysRefused({ verify: jwk, algorithm: 'HS256' })).toEqual(['keys.algorithm'])
    expect(keysRefused({ verify: jwk })).toEqual(['keys.algorithm'])
    expect(keysRefused({ verify: jwk, algorithm, more: 1 })).toEqual(['keys.more'])
    expect(refused({ secret: undefined, keys: null })).toContain('keys')
  })

  it.each([
    ['https://issuer/keys', true],
    ['http://localhost:1/keys', true],
    ['http://127.0.0.1/keys', true],
    ['http://[::1]/keys', true],
    [new URL('https://issuer/keys'), true],
    ['http://issuer/keys', false],
    ['http://127.0.0.1.example/keys', false],
    ['http://localhost.example/keys', false],
    ['https://me@issuer/keys', false],
    ['https://:pass@issuer/keys', false],
    ['ftp://localhost/keys', false],
    ['keys', false],
    [7, false],
  ])('come from %s: %s', (jwks, isTaken) => {
    expect(keysRefused({ jwks, algorithm })[0]).toBe(isTaken ? undefined : 'keys.jwks')
  })

  it('of the HTTP API are 32 to 512 characters, 1 to 100 of them, and are not shown', () => {
    const api = (keys: unknown): string[] => refused({ api: { keys } })
    for (const keys of [[with32('!')], [with32('~')], ['x'.repeat(512)], many(100)])
      expect(api(keys)).toEqual([])
    for (const keys of [
      [],
      ['x'.repeat(31)],
      ['x'.repeat(513)],
      [with32(' ')],
      [with32('é')],
      many(101),
      [with32('k'), 'k'],
    ])
      expect(api(keys)).toEqual(['api.keys'])
    for (const keys of [with32('k'), [undefined], null]) expect(api(keys)).toEqual(['api.keys'])
    expect(() => settle({ secret, api: { keys: [with32('k'), undefined] } })).toThrow('keys[1] is undefined')
    expect(refused({ api: { keys: many(1), more: 1 } })).toEqual(['api.more'])
    expect(() => settle({ secret, api: { keys: ['canary'] } })).not.toThrow('canary')
  })
})

const urlRefused = (parts: object): string[] =>
  refused({ requests: { url: 'https://a/b', secret, ...parts } })

describe('A URL of the business', () => {
  it.each<[string, readonly unknown[], readonly unknown[]]>([
    ['url', ['http://a', 'https://a:1/b?c'], ['ftp://a', 'a', 'http://me@a', 'http://:pass@a', 7, undefined]],
    ['secret', ['x'.repeat(32)], ['x'.repeat(31), undefined, 7]],
    ['methods', [undefined, [], ['a', 'order.*', '*']], ['a', [7], ['a b']]],
    ['timeoutMs', [undefined, 1], [0, 1.5, '1']],
    ['concurrency', [undefined, 1], [0, 1.5, '1']],
    ['retries', [undefined, 0, 2], [-1, 1.5, '1']],
  ])('has a %s', (name, taken, wrong) => {
    for (const value of taken) expect([value, urlRefused({ [name]: value })]).toEqual([value, []])
    for (const value of wrong)
      expect([value, urlRefused({ [name]: value })]).toEqual([value, [`requests.${name}`]])
  })
})

describe('What was given', () => {
  it.each<[unknown, string]>([
    ['x'.repeat(60), JSON.stringify('x'.repeat(60))],
    ['x'.repeat(61), JSON.stringify(`${'x'.repeat(60)}…`)],
    [() => {}, 'a function'],
    [[1], 'an array'],
    [{ secret }, 'an object'],
    [null, 'null'],
    [undefined, 'undefined'],
    [7, '7'],
  ])('is shown shortly, and never its inside: %j', (value, shown) => {
    expect(show(value)).toBe(shown)
  })
})
