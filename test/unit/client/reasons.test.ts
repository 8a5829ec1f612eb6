import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ConnectOptions } from '../../../src/client/index.ts'
import { RtmsError } from '../../../src/protocol/index.ts'
import { failure, FakeSocket, joined, live, make, settle, useVirtualTime } from './fake-socket.ts'
import { joinedOf, welcomeOf } from './rig.ts'

useVirtualTime()
afterEach(() => void vi.restoreAllMocks())

/* Whoever cannot connect, or is refused, is told why. */

/** Why a client is disconnected, once it is. */
function whyOf({ client }: Pick<ReturnType<typeof make>, 'client'>): (RtmsError | null)[] {
  const errors: (RtmsError | null)[] = []
  client.onState((state, error) => state === 'disconnected' && errors.push(error))
  return errors
}

describe('A call that could not be sent', () => {
  it('says why there is no connection', async () => {
    const cause = new Error('ECONNREFUSED')
    const { client, sockets } = make()
    const calls = [
      client.request('r', null, { timeoutMs: 100 }),
      client.join('m', { timeoutMs: 100 }),
      client.publish('t', 1, { timeoutMs: 100 }),
    ]
    const ended = Promise.all(calls.map((call) => failure(call)))
    await settle()
    sockets[0]?.onerror?.({ error: cause })
    sockets[0]?.onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(200)
    for (const error of (await ended) as RtmsError[]) {
      expect(error).toMatchObject({ code: 'NOT_SENT', cause: { code: 'UNREACHABLE', cause } })
      expect(error.message).toMatch(/^nothing was sent: there was no connection in time: .*ECONNREFUSED/)
    }
  })

  it('is sent at once where the application asks for another attempt', async () => {
    const setup = await live()
    setup.socket.onclose?.({ code: 1006, reason: '' })
    const { client, sockets } = setup
    await vi.advanceTimersByTimeAsync(60_000)
    // Nobody answers; the client waits longer and longer.
    for (const socket of sockets.slice(1)) socket.onclose?.({ code: 1006, reason: '' })
    const attempts = sockets.length
    client.reconnect()
    await vi.advanceTimersByTimeAsync(200)
    expect(sockets).toHaveLength(attempts + 1)
  })
})

describe('A ticket', () => {
  it('is what a response of fetch holds, without more words', async () => {
    const ticket = { url: 'ws://there', token: 'tok', expiresAt: 1e10 }
    const urls: string[] = []
    make({
      getTicket: async () => Response.json(ticket),
      socket: (url) => {
        urls.push(url)
        return new FakeSocket()
      },
    })
    await settle()
    expect(urls).toEqual(['ws://there'])
  })
})

describe('A client that is closed by its own application', () => {
  it('has no error to tell: not to its subscribers, nor as its state', async () => {
    const { client } = await live()
    const heard: unknown[] = []
    client.subscribe('a', () => {}, { onError: ({ code }) => heard.push(code) })
    client.subscribe('b', () => {}, { onError: ({ code }) => heard.push(code) })
    client.onState((state, error) => heard.push([state, error]))
    client.close()
    await settle()
    expect(heard).toEqual([['closed', null]])
    // Who subscribes afterwards hears why nothing comes.
    client.subscribe('c', () => {}, { onError: ({ code }) => heard.push(code) })
    await settle()
    expect(heard.at(-1)).toBe('CLOSED')
  })
})

describe('A client that is disconnected says why', () => {
  it('where its socket names a cause, as that of Node does', async () => {
    for (const event of [{ error: new Error('ECONNREFUSED') }, { message: 'ECONNREFUSED' }]) {
      const setup = make()
      const errors = whyOf(setup)
      await settle()
      setup.sockets[0]?.onerror?.(event)
      setup.sockets[0]?.onclose?.({ code: 1006, reason: '' })
      expect(errors).toMatchObject([{ code: 'UNREACHABLE', retry: 'later' }])
      expect(errors[0]?.message).toContain('no connection to ws://x: ECONNREFUSED')
      expect(errors[0]?.cause).toBe(event.error ?? event)
    }
  })

  it('where a browser hides the cause: what it may be', async () => {
    const setup = make()
    const errors = whyOf(setup)
    await settle()
    setup.sockets[0]?.onerror?.({})
    setup.sockets[0]?.onclose?.({ code: 1006, reason: '' })
    expect(errors[0]?.message).toMatch(/address.*certificate.*origins/)
  })

  it('where a server closes before it welcomes, by the code and the reason of the close', async () => {
    const setup = make()
    const errors = whyOf(setup)
    await settle()
    setup.sockets[0]?.onopen?.()
    setup.sockets[0]?.onclose?.({ code: 1011, reason: 'upstream' })
    expect(errors[0]?.message).toBe('no connection to ws://x: upstream')
  })

  it('where the node ends its session for good, by a word for programs', async () => {
    for (const [closed, reason] of [
      [4402, 'REVOKED'],
      [4404, 'REPLACED'],
    ] as const) {
      const { client, socket } = await live()
      const errors: (RtmsError | null)[] = []
      client.onState((state, error) => state === 'closed' && errors.push(error))
      socket.onclose?.({ code: closed, reason: 'disconnected by the server' })
      expect(errors).toMatchObject([{ code: 'CLOSED', reason, message: 'disconnected by the server' }])
    }
  })

  it('where a connection is lost, falls silent, or speaks nonsense', async () => {
    const lost = await live()
    const errors = whyOf(lost)
    lost.socket.onclose?.({ code: 1006, reason: '' })
    expect(errors[0]?.message).toBe('the connection was lost: closed with 1006')
    const silent = await live({ heartbeat: 1_000 })
    const whys = whyOf(silent)
    await vi.advanceTimersByTimeAsync(2_100)
    expect(whys[0]?.message).toBe('the connection was lost: nothing came for two heartbeats')
    const odd = await live()
    const faults = whyOf(odd)
    odd.socket.onmessage?.({ data: new Uint8Array([0x40]).buffer })
    expect(faults[0]?.message).toMatch(/the packet ends too early/)
  })

  it('where nothing answers in time, the ticket or the node', async () => {
    const waits = make({ getTicket: () => new Promise(() => {}), connectTimeoutMs: 500 })
    const errors = whyOf(waits)
    await vi.advanceTimersByTimeAsync(500)
    expect(errors[0]?.message).toBe('getTicket failed: no answer in 500 ms')
    const mute = make({ connectTimeoutMs: 500 })
    const whys = whyOf(mute)
    await settle()
    await vi.advanceTimersByTimeAsync(500)
    expect(whys[0]?.message).toBe('no connection to ws://x: no answer in 500 ms')
  })

  it('by what its getTicket threw', async () => {
    const cause = new TypeError('fetch failed')
    const setup = make({ getTicket: () => Promise.reject(cause) })
    const errors = whyOf(setup)
    await settle()
    expect(errors).toMatchObject([{ code: 'UNREACHABLE', cause }])
    // What Node's `fetch` says helps nobody.
    const refused = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:1') })
    const whys = whyOf(make({ getTicket: () => Promise.reject(refused) }))
    await settle()
    expect(whys[0]?.message).toBe('getTicket failed: Error: connect ECONNREFUSED 127.0.0.1:1')
  })

  it('by the status of a response that is no ticket', async () => {
    for (const [status, code] of [
      [401, 'UNAUTHENTICATED'],
      [403, 'UNAUTHENTICATED'],
      [404, 'UNREACHABLE'],
      [502, 'UNREACHABLE'],
    ] as const) {
      const response = new Response('<p>not here', { status })
      const errors = whyOf(make({ getTicket: () => Promise.resolve(response) }))
      await settle()
      expect(errors).toMatchObject([{ code, message: `getTicket failed: ${status}` }])
      expect(errors[0]?.cause).toBe(response)
    }
    const errors = whyOf(make({ getTicket: async () => new Response('<!doctype html>') }))
    await settle()
    expect(errors).toMatchObject([
      { code: 'UNREACHABLE', message: expect.stringMatching(/^getTicket failed: .*JSON/) },
    ])
  })

  it('in the words of the node, where it has said goodbye', async () => {
    const setup = await live()
    const errors = whyOf(setup)
    setup.socket.receive({
      type: 'goodbye',
      code: 4454,
      reason: 'the node is being updated',
      retryAfter: 0,
      route: '',
      least: 0,
      most: 0,
    })
    setup.socket.onclose?.({ code: 4454, reason: 'DRAINING' })
    expect(errors).toMatchObject([{ code: 'DRAINING', message: 'the node is being updated' }])
  })
})

describe('A getTicket that refuses for good', () => {
  const told = { code: 'FORBIDDEN', message: 'This nickname is taken.', reason: 'taken' } as const
  const refusal = (): RtmsError => new RtmsError(told.code, told.message, { reason: told.reason })

  /** Every way to say it. */
  const ways: Record<string, ConnectOptions['getTicket']> = {
    'an RtmsError whose retry is fix': () => Promise.reject(refusal()),
    'one that is thrown at once': () => {
      throw refusal()
    },
    'a 403 that holds the error': async () => Response.json({ error: told }, { status: 403 }),
    'a 409 that holds it': async () => Response.json({ error: told }, { status: 409 }),
    'a 401 that holds it': async () => Response.json({ error: told }, { status: 401 }),
    'a response of a fetch that cannot be cloned': () => ({
      ok: false,
      status: 403,
      json: async () => ({ error: told }),
    }),
  }

  it.each(Object.entries(ways))('ends the client, and what waits has the error: %s', async (_, refusing) => {
    let asked = 0
    const setup = make({ getTicket: () => (asked++, refusing()) })
    const { client, sockets } = setup
    const states: unknown[] = []
    client.onState((state, error) => states.push([state, error]))
    const lost: unknown[] = []
    client.subscribe('t', () => {}, { onError: (error) => lost.push(error) })
    const calls = [client.join('m'), client.request('r'), client.publish('t', 1)].map(failure)
    await settle()
    expect(states).toMatchObject([['closed', told]])
    for (const call of [...calls, lost[0]]) expect(await call).toMatchObject({ ...told, retry: 'fix' })
    // Whoever calls later reads why the client is closed.
    for (const call of [client.join('m'), client.request('r'), client.publish('t', 1)])
      expect(await failure(call)).toMatchObject({
        code: 'CLOSED',
        message: 'the client is closed: This nickname is taken.',
        cause: told,
      })
    await vi.advanceTimersByTimeAsync(120_000)
    expect([asked, sockets.length, client.state, client.error]).toMatchObject([1, 0, 'closed', told])
  })

  it('ends it where the ticket is renewed too, and where a kept one would still do', async () => {
    for (const isConnected of [true, false]) {
      let asked = 0
      const setup = await live(
        {},
        {
          getTicket: () => {
            if (asked++ > 0) throw refusal()
            return { url: 'ws://x', token: 'tok', expiresAt: Date.now() / 1000 + 60 }
          },
        },
      )
      const meeting = await joined(setup)
      const ends: unknown[] = []
      meeting.onEnd((error) => ends.push(error))
      if (!isConnected) setup.socket.onclose?.({ code: 4454, reason: '' })
      const heart = setInterval(() => setup.socket.receive({ type: 'ping', time: 0 }), 1_000)
      await vi.advanceTimersByTimeAsync(50_000)
      clearInterval(heart)
      expect([asked, setup.client.state, ends]).toMatchObject([2, 'closed', [told]])
    }
  })

  it('does not end it with an error that may pass, in the words of the business', async () => {
    const full = { code: 'FULL', message: 'All seats are taken.', reason: 'seats' } as const
    const passing: ConnectOptions['getTicket'][] = [
      () => Promise.reject(new RtmsError(full.code, full.message, { reason: full.reason })),
      async () => Response.json({ error: full }, { status: 403 }),
    ]
    for (const getTicket of passing) {
      const setup = make({ getTicket })
      const errors = whyOf(setup)
      const call = failure(setup.client.request('r', null, { timeoutMs: 100 }))
      await settle()
      expect([setup.client.state, errors]).toMatchObject(['disconnected', [full]])
      await vi.advanceTimersByTimeAsync(100)
      expect(await call).toMatchObject({ code: 'NOT_SENT', cause: full })
    }
  })

  it('is not what a 401 or 403 says in other words: a login may be renewed meanwhile', async () => {
    const bodies = [
      { error: 'This nickname is taken.' },
      { error: { code: 403, message: 'no' } },
      { error: { code: 'toString', message: 'no' } },
      { error: null },
      null,
      'no',
    ]
    for (const body of bodies) {
      const response = Response.json(body, { status: 403 })
      const setup = make({ getTicket: async () => response })
      const errors = whyOf(setup)
      await settle()
      expect(errors).toMatchObject([{ code: 'UNAUTHENTICATED', message: 'getTicket failed: 403' }])
      // The page may read what its own server has said.
      const { cause } = errors[0] as RtmsError
      expect(await (cause as Response).json()).toEqual(body)
      await vi.advanceTimersByTimeAsync(5_000)
      expect(setup.client.state).not.toBe('closed')
    }
  })

  it('is not what a server that fails says with the same fields', async () => {
    const setup = make({
      getTicket: async () => Response.json({ error: { code: 'CLOSED', message: 'no' } }, { status: 503 }),
    })
    const errors = whyOf(setup)
    await settle()
    expect(errors).toMatchObject([{ code: 'UNREACHABLE', message: 'getTicket failed: 503' }])
  })
})

describe('The reason why there is no connection', () => {
  it('stays with the client and its states until it is connected, and so does the time of the next attempt', async () => {
    const setup = make()
    const { client, sockets } = setup
    const told: unknown[] = []
    client.onState((state, error) => told.push([state, error?.code ?? null, client.error === error]))
    expect([client.error, client.retryInMs]).toEqual([null, 0])
    await settle()
    sockets[0]?.onclose?.({ code: 1006, reason: '' })
    const wait = client.retryInMs
    expect(wait).toBeGreaterThanOrEqual(200)
    await vi.advanceTimersByTimeAsync(wait - 1)
    expect(client.retryInMs).toBeCloseTo(1, 3)
    expect(sockets.length).toBe(1)
    await vi.advanceTimersByTimeAsync(10)
    expect([client.error?.code, client.retryInMs, sockets.length]).toEqual(['UNREACHABLE', 0, 2])
    sockets[1]?.onopen?.()
    sockets[1]?.receive(welcomeOf())
    expect(client.error).toBe(null)
    client.close()
    expect(told).toEqual([
      ['disconnected', 'UNREACHABLE', true],
      ['connecting', 'UNREACHABLE', true],
      ['connected', null, true],
      ['closed', null, true],
    ])
  })

  it('is none where the application has closed it itself', async () => {
    const { client, sockets } = make()
    await settle()
    sockets[0]?.onclose?.({ code: 1006, reason: '' })
    client.close()
    expect([client.error, await failure(client.request('r'))]).toMatchObject([
      null,
      { code: 'CLOSED', message: 'the client is closed' },
    ])
  })
})

describe('The state of a client', () => {
  it('is told when it changes, and only then', async () => {
    const setup = make()
    const states: string[] = []
    setup.client.onState((state) => states.push(state))
    await settle()
    for (const attempt of [0, 1]) {
      setup.sockets[attempt]?.onopen?.()
      setup.sockets[attempt]?.receive(welcomeOf())
      setup.sockets[attempt]?.onclose?.({ code: 1006, reason: '' })
      await vi.advanceTimersByTimeAsync(3_000)
    }
    expect(states).toEqual([
      'connected',
      'disconnected',
      'connecting',
      'connected',
      'disconnected',
      'connecting',
    ])
  })

  it('is told to all in order, also where one of them changes it', async () => {
    const setup = make()
    const told: string[] = []
    setup.client.onState((state) => {
      told.push(`one ${state}`)
      if (state === 'connected') setup.client.close()
    })
    setup.client.onState((state) => told.push(`two ${state}`))
    await settle()
    setup.sockets[0]?.onopen?.()
    setup.sockets[0]?.receive(welcomeOf())
    expect(told).toEqual(['one connected', 'two connected', 'one closed', 'two closed'])
  })
})

describe('A client with autoConnect: false', () => {
  it('asks for no ticket and keeps no timer before it is needed, and then connects', async () => {
    const needs = [
      ({ client }: ReturnType<typeof make>) => void client.join('m').catch(() => {}),
      ({ client }: ReturnType<typeof make>) => void client.subscribe('t', () => {}),
      ({ client }: ReturnType<typeof make>) => void client.request('r').catch(() => {}),
      ({ client }: ReturnType<typeof make>) => void client.publish('t', 1).catch(() => {}),
      ({ client }: ReturnType<typeof make>) => void client.onPush('p', () => {}),
    ]
    for (const need of needs) {
      let asked = 0
      const setup = make({
        autoConnect: false,
        getTicket: () => {
          asked++
          return { url: 'ws://x', token: 't', expiresAt: 1e10 }
        },
      })
      setup.client.onState(() => {})
      await vi.advanceTimersByTimeAsync(60_000)
      expect([asked, setup.client.state, vi.getTimerCount()]).toEqual([0, 'disconnected', 0])
      need(setup)
      await settle()
      expect([asked, setup.client.state, setup.sockets.length]).toEqual([1, 'connecting', 1])
      setup.client.close()
    }
  })

  it('is closed without ever having connected', async () => {
    const { client, sockets } = make({ autoConnect: false })
    client.close()
    expect([client.state, sockets.length]).toEqual(['closed', 0])
    expect(await failure(client.request('r'))).toMatchObject({ code: 'CLOSED' })
  })
})

describe('Every promise settles', () => {
  it('without a server, within its time-out', async () => {
    const { client } = make({ getTicket: () => new Promise(() => {}) })
    const ends = [client.join('m'), client.request('r'), client.publish('t', 1)].map(failure)
    await vi.advanceTimersByTimeAsync(10_000)
    for (const end of ends) expect(await end).toMatchObject({ code: 'NOT_SENT' })
  })

  it('a join whose answer does not come, and the seat is left when it comes after all', async () => {
    const setup = await live()
    const end = failure(setup.client.join('m', { timeoutMs: 500 }))
    await settle()
    const call = setup.socket.takeOf('join')[0]?.call ?? 0
    await vi.advanceTimersByTimeAsync(500)
    expect(await end).toMatchObject({ code: 'TIMEOUT' })
    setup.socket.receive(joinedOf({ call }))
    await settle()
    expect(setup.socket.takeOf('leave')).toMatchObject([{ log: 5 }])
  })

  it('a join that was answered in time keeps its seat', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    await vi.advanceTimersByTimeAsync(15_000)
    expect([meeting.slot, setup.socket.takeOf('leave')]).toEqual([0, []])
  })

  it('a sending that is in no frame, within its time-out', async () => {
    const setup = await live({ heartbeat: 60_000 })
    const meeting = await joined(setup)
    const end = failure(meeting.send('x', { timeoutMs: 700 }))
    await vi.advanceTimersByTimeAsync(700)
    expect(await end).toMatchObject({ code: 'TIMEOUT', retry: 'unknown' })
  })

  it('at once, all of them, without a connection and with offline: refuse', async () => {
    const { client } = make({ getTicket: () => new Promise(() => {}), offline: 'refuse' })
    for (const promise of [client.join('m'), client.request('r'), client.publish('t', 1)])
      expect(await failure(promise)).toMatchObject({ code: 'NOT_SENT' })
    const setup = await live({}, { offline: 'refuse' })
    const meeting = await joined(setup)
    setup.socket.onclose?.({ code: 1006, reason: '' })
    expect(await failure(meeting.send(1))).toMatchObject({ code: 'NOT_SENT' })
  })

  it('by rejection, for what cannot be said: nothing throws', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const { client } = setup
    const calls = [
      () => meeting.send(1n),
      () => meeting.send(new Map()),
      () => meeting.send('x', { timeoutMs: 0 }),
      () => client.request('r', { a: [1n] }),
      () => client.request('a b'),
      () => client.publish('t', new Set()),
      () => client.publish('*', 1),
      () => client.join('a b'),
      () => client.join('m', { config: '\ud800' }),
    ]
    for (const call of calls) expect(await failure(call())).toBeInstanceOf(Error)
  })
})

describe('An input that is refused', () => {
  const nack = { type: 'nack', log: 5, seq: 1, error: 'LIMIT', retryAfter: 0, last: 0 } as const
  const words = { message: 'One answer each.', reason: 'answered' }

  it('rejects in the words of the business, and with its reason', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const end = failure(meeting.send('x'))
    await settle()
    setup.socket.receive({ ...nack, ...words })
    expect(await end).toMatchObject({ code: 'LIMIT', ...words })
  })

  it('and that nobody awaits reaches onRefused, with what was sent', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const refused: unknown[] = []
    meeting.onRefused((error, data) => refused.push([error.code, error.message, data]))
    void meeting.send('x')
    const awaited = failure(meeting.send('y'))
    await settle()
    setup.socket.receive({ ...nack, ...words }, { ...nack, ...words, seq: 2 })
    await awaited
    await settle()
    expect(refused).toEqual([['LIMIT', 'One answer each.', 'x']])
  })

  it('and that nobody awaits or listens for is a warning in development, and none in production', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    for (const environment of ['production', 'development']) {
      vi.stubEnv('NODE_ENV', environment)
      const setup = await live()
      const meeting = await joined(setup)
      void meeting.send(undefined)
      await settle()
      if (environment === 'production') expect(warn).not.toHaveBeenCalled()
    }
    vi.unstubAllEnvs()
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/an input to m was refused.*TypeError/)]])
  })
})

describe('A call that is refused', () => {
  it('rejects in the words of the business, and with its reason', async () => {
    const setup = await live()
    const end = failure(setup.client.request('answer', 1))
    await settle()
    const call = setup.socket.takeOf('request')[0]?.call ?? 0
    const told = { message: 'One answer each.', reason: 'answered' }
    setup.socket.receive({ type: 'failed', call, index: 0, error: 'LIMIT', retryAfter: 0, ...told })
    expect(await end).toMatchObject({ code: 'LIMIT', ...told })
  })
})

describe('A runtime that lacks something', () => {
  it('is told at connect() what is missing, and nothing is missed before', async () => {
    for (const name of ['TextEncoder', 'TextDecoder', 'queueMicrotask', 'performance', 'WebSocket']) {
      const has = Object.getOwnPropertyDescriptor(globalThis, name)
      delete (globalThis as Record<string, unknown>)[name]
      try {
        expect(() => make({ socket: undefined as never })).toThrow(new RegExp(`needs.* ${name}`))
      } finally {
        if (has !== undefined) Object.defineProperty(globalThis, name, has)
      }
    }
  })

  it('an old AbortSignal, without a reason and throwIfAborted, still works', async () => {
    const setup = await live()
    const listeners = new Set<() => void>()
    const signal = {
      aborted: false,
      addEventListener: (_: string, listener: () => void) => listeners.add(listener),
      removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
    }
    const end = failure(setup.client.request('r', 1, { signal: signal as never }))
    signal.aborted = true
    for (const listener of listeners) listener()
    expect(await end).toMatchObject({ code: 'CANCELLED' })
    expect(listeners.size).toBe(0)
    expect(await failure(setup.client.join('m', { signal: signal as never }))).toMatchObject({
      code: 'CANCELLED',
    })
  })
})
