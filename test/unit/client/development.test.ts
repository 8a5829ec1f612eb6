import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { connect, type ConnectOptions, type JoinOptions } from '../../../src/client/index.ts'
import { errorTexts } from '../../../src/protocol/index.ts'
import { failure, joined, live, make, settle, useVirtualTime } from './fake-socket.ts'

/* Misspelt options, of whoever writes JavaScript. */

useVirtualTime()
const warnings: unknown[] = []

beforeEach(() => {
  warnings.length = 0
  vi.spyOn(console, 'warn').mockImplementation((text) => void warnings.push(text))
})

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

const misspelt = { timeout: 1 } as object

async function misspellAll(): Promise<void> {
  const setup = await live({}, { maxBackof: 5 } as Partial<ConnectOptions>)
  const meeting = await joined(setup)
  const { client } = setup
  client.subscribe('t', () => {}, { maxhz: 5, conflate: true } as object)
  void failure(client.request('r', null, misspelt))
  void failure(client.publish('t', 1, misspelt))
  void failure(client.join('m2', misspelt))
  for (let n = 0; n < 3; n++) void failure(meeting.send(1, misspelt))
  await settle()
}

it('a misspelt option is a warning in development, once of each method and client', async () => {
  await misspellAll()
  expect(warnings).toEqual([
    'connect has no option maxBackof: it has getTicket, window, socket, connectTimeoutMs, maxBackoffMs, keepBytes, autoConnect, offline',
    'subscribe has no option maxhz: it has conflate, maxHz, keys, policy, history, since, onSubscribed, onGap, onError',
    'request has no option timeout: it has offline, timeoutMs, signal',
    'publish has no option timeout: it has offline, timeoutMs, signal, key, remove',
    'join has no option timeout: it has offline, timeoutMs, signal, spectator, config, from',
    'send has no option timeout: it has offline, timeoutMs',
  ])
})

it('in production nobody is told, and nothing is looked at', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  await misspellAll()
  expect(warnings).toEqual([])
  const { client } = make()
  expect(Object.keys(client)).toEqual([])
})

it('inputs that are under way when the application itself leaves or closes are no mistake', async () => {
  for (const end of ['leave', 'close'] as const) {
    const setup = await live()
    const meeting = await joined(setup)
    void meeting.send('under way')
    await settle()
    void meeting.send('not sent')
    if (end === 'leave') meeting.leave()
    else setup.client.close()
    await settle()
  }
  expect(warnings).toEqual([])
  const setup = await live()
  const meeting = await joined(setup)
  void meeting.send('x')
  setup.socket.receive({ type: 'ended', log: 5, error: 'CLOSED', message: 'kicked' })
  await settle()
  expect(warnings).toHaveLength(1)
})

it('inputs that are refused one after the other are one warning a minute of each meeting and code', async () => {
  const setup = await live({ heartbeat: 600_000 })
  const meeting = await joined(setup)
  const refuse = async (code: 'RATE' | 'FORBIDDEN', times: number): Promise<void> => {
    for (let n = 0; n < times; n++) {
      void meeting.send('x', { timeoutMs: 1e9 })
      await settle()
      const { seq = 0 } = setup.socket.takeOf('input')[0] ?? {}
      const words = { message: `No ${seq}.`, reason: '' }
      setup.socket.receive({ type: 'nack', log: 5, seq, error: code, retryAfter: 0, last: 0, ...words })
      await settle()
    }
  }
  await refuse('RATE', 50)
  await refuse('FORBIDDEN', 1)
  expect(warnings).toEqual([
    'an input to m was refused, and nobody heard of it: RtmsError: No 1.',
    'an input to m was refused, and nobody heard of it: RtmsError: No 51.',
  ])
  await vi.advanceTimersByTimeAsync(60_000)
  await refuse('RATE', 2)
  expect(warnings.slice(2)).toEqual([
    '50 inputs to m were refused since this was last said, and nobody heard of it: RtmsError: No 52.',
  ])
})

it('an input that is over the rate is told with what that means, since the node names the code alone', async () => {
  const setup = await live()
  const meeting = await joined(setup)
  void meeting.send('x')
  await settle()
  const words = { message: '', reason: '' }
  setup.socket.receive({ type: 'nack', log: 5, seq: 1, error: 'RATE', retryAfter: 30, last: 0, ...words })
  await settle()
  expect(warnings).toEqual([
    `an input to m was refused, and nobody heard of it: RtmsError: RATE: ${errorTexts.RATE}`,
  ])
})

it('options that are right are no news, nor is their absence', async () => {
  const setup = await live({}, { window: 0 })
  const meeting = await joined(setup)
  const { client } = setup
  client.subscribe('t', () => {}, { maxHz: 5 })
  client.subscribe('u', () => {})
  client.subscribe('v', () => {}, null)
  void failure(client.request('r', { timeout: 5 }))
  void failure(client.join('m2', { from: 'now' } satisfies JoinOptions))
  void failure(meeting.send({ timeout: 5 }))
  await settle()
  expect(warnings).toEqual([])
})

it.each([
  [{}, 'undefined was given'],
  [{ getTicket: '/ticket' }, '"/ticket" was given'],
  [{ getticket: () => {} }, 'undefined was given'],
  [{ getTicket: null, autoConnect: false }, 'null was given'],
])('connect(%o) says at once that it needs getTicket', async (options, given) => {
  let asked = 0
  const socket = (): never => {
    asked++
    throw new Error('none')
  }
  expect(() => connect({ ...options, socket } as unknown as ConnectOptions)).toThrow(
    new TypeError(
      'connect needs getTicket, a function that returns a ticket or what fetch resolves with: ' +
        `() => fetch('/ticket', { method: 'POST' }); ${given}`,
    ),
  )
  // What it had made before it threw is over.
  await vi.advanceTimersByTimeAsync(600_000)
  expect([asked, vi.getTimerCount()]).toEqual([0, 0])
})

it('a listener that is no function is told where it is given', async () => {
  const setup = await live()
  const meeting = await joined(setup)
  const { client } = setup
  const given = { history: 20 } as never
  const listener = (): void => {}
  const needs = 'needs a function as listener; {"history":20} was given'
  // oxlint-disable-next-line typescript/no-confusing-void-expression -- It throws.
  expect(() => client.subscribe('t', given, listener as never)).toThrow(
    new TypeError(`subscribe('topic', listener, options) ${needs}`),
  )
  expect(() => client.onPush('p', given)).toThrow(new TypeError(`onPush('name', listener) ${needs}`))
  for (const name of ['onState', 'onReconnect'] as const) {
    expect(() => client[name](given)).toThrow(new TypeError(`${name}(listener) ${needs}`))
    client[name](listener)()
  }
  client.onPush('p', listener)()
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(meeting)))
    if (/^on[A-Z]/.test(name)) {
      const add = meeting[name as 'onGap'].bind(meeting)
      expect(() => add(given)).toThrow(new TypeError(`${name}(listener) ${needs}`))
      add(listener)()
    }
})

it('a client without getTicket tells it as the reason why it is not connected, in production', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  const client = connect({ socket: () => null } as unknown as ConnectOptions)
  await settle()
  expect(client.error).toMatchObject({
    code: 'UNREACHABLE',
    message: expect.stringMatching(/getTicket.* is not a function/) as unknown,
  })
  client.close()
})

it('a refused name is told with the character that is not allowed, and with what is', async () => {
  const { client } = await live()
  const names =
    '1 to 255 bytes, segments joined by single dots, without white space, control characters, * > and $'
  const space = (what: string): string =>
    `"a b" cannot be a ${what}: a space at character 2 is not allowed; names have ${names}`
  const calls: [() => unknown, string, string][] = [
    [() => client.join('a b'), 'BAD_NAME', space('meeting')],
    [
      () => client.join('m', { config: '\ud800' }),
      'BAD_NAME',
      '"\\ud800" cannot be a config: half a character',
    ],
    [
      () => client.join(undefined as unknown as string),
      'BAD_NAME',
      'undefined cannot be a meeting: it is undefined',
    ],
    [() => client.request('a b'), 'BAD_NAME', space('method')],
    [() => client.publish('a b', 1), 'BAD_TOPIC', space('topic')],
    [() => client.publish('t', 1, { key: 'x'.repeat(256) }), 'BAD_NAME', 'cannot be a key: it has 256 bytes'],
    [() => client.subscribe('a b', () => {}), 'BAD_TOPIC', space('topic')],
    [
      () => client.subscribe(['t', 'a..b'], () => {}),
      'BAD_TOPIC',
      'the dot at character 2 has no segment behind it',
    ],
    [
      () => client.subscribe('stock.*', () => {}),
      'BAD_TOPIC',
      '"*" at character 7 is not allowed; use keys of one topic',
    ],
    [
      () => client.subscribe('t', () => {}, { keys: ['\udc00'] }),
      'BAD_NAME',
      'cannot be a key: half a character',
    ],
  ]
  for (const [call, code, message] of calls) {
    const error = await Promise.resolve()
      .then(call)
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) as unknown })
  }
})

it('a number that cannot be meant is refused by connect at once, with what was expected', async () => {
  const values = [NaN, Infinity, -1, 0, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, '5', null, undefined]
  const taken = {
    window: [Infinity, 0, 0.5, 2 ** 31, null, undefined],
    connectTimeoutMs: [Infinity, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, null, undefined],
    maxBackoffMs: [Infinity, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, null, undefined],
    keepBytes: [Infinity, 0, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, null, undefined],
  }
  for (const [name, right] of Object.entries(taken)) {
    for (const value of values) {
      const options = { [name]: value } as object
      if (right.includes(value as number)) expect(() => make(options)).not.toThrow()
      else expect(() => make(options)).toThrow(RangeError)
    }
  }
  expect(() => make({ window: -1 })).toThrow(
    'connect: window is -1; expected a number from 0 to 4294967295, or Infinity',
  )
  expect(() => make({ maxBackoffMs: '5' as never })).toThrow('maxBackoffMs is "5"; expected a number above 0')
  const setup = await live()
  expect(() => setup.client.subscribe('t', () => {}, { maxHz: '5' as never })).toThrow(
    'maxHz is "5"; expected a number',
  )
  expect(await failure(setup.client.request('r', 1, { timeoutMs: '5' as never }))).toBeInstanceOf(RangeError)
})

it('in production, a number that cannot be meant neither keeps a page busy nor asks for next to nothing', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  for (const wrong of [NaN, 0, null]) {
    const { sockets } = make({ connectTimeoutMs: wrong as number, maxBackoffMs: wrong as number })
    await vi.advanceTimersByTimeAsync(9_000)
    expect([sockets.length, sockets[0]?.closed]).toEqual([1, undefined])
    // It waits for an answer for ten seconds, and then for a moment.
    await vi.advanceTimersByTimeAsync(1_500)
    expect(sockets[0]?.closed).toBeGreaterThan(0)
    expect(vi.getTimerCount()).toBeLessThan(10)
  }
  for (const [given, said] of [
    [Infinity, 0],
    [NaN, 0],
    [100_000, 100_000],
  ] as const) {
    const { sockets } = make({ window: given })
    await settle()
    sockets[0]?.onopen?.()
    await settle()
    expect(sockets[0]?.takeOf('hello')[0]?.window).toBe(said)
  }
})
