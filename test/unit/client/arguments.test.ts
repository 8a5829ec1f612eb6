import { describe, expect, it, vi } from 'vitest'
import type { ConnectOptions } from '../../../src/client/index.ts'
import { limits } from '../../../src/protocol/index.ts'
import { failure, live, make, settle, useVirtualTime } from './fake-socket.ts'
import { joinedOf } from './rig.ts'

useVirtualTime()

/* What the application passes, at its limits, and what is made of it on the wire. */

const namesOf = (count: number): string[] => Array.from({ length: count }, (_, n) => `k${n}`)

describe('A subscription', () => {
  it('names as many keys as a packet holds, and no more', async () => {
    const { client, socket } = await live()
    client.subscribe('t', () => {}, { keys: namesOf(limits.keys) })
    expect(() => client.subscribe('u', () => {}, { keys: namesOf(limits.keys + 1) })).toThrow('at most')
    expect(() => client.subscribe('u', () => {}, { keys: ['x'.repeat(limits.name + 1)] })).toThrow('at most')
    await settle()
    expect(socket.takeOf('subscribe')[0]?.topics[0]?.keys).toHaveLength(limits.keys)
  })

  it('has the policy that is given, or the one that fits', async () => {
    const { client, socket } = await live()
    client.subscribe('a', () => {}, { policy: 'disconnect', conflate: true })
    client.subscribe('b', () => {}, { conflate: true })
    client.subscribe('c', () => {})
    await settle()
    expect(socket.takeOf('subscribe')[0]?.topics.map(({ policy }) => policy)).toEqual([2, 1, 0])
  })
})

describe('A publication', () => {
  it('removes its key only where that is asked for', async () => {
    const { client, socket } = await live()
    for (const remove of [undefined, false, true])
      void failure(client.publish('t', 1, { key: 'k', ...(remove === undefined ? {} : { remove }) }))
    await settle()
    expect(socket.takeOf('publish').map(({ tombstone }) => tombstone)).toEqual([false, false, true])
  })
})

describe('A time-out', () => {
  it.each([0, -1, Number.NaN])('of %d is refused', async (timeoutMs) => {
    const { client } = await live()
    expect(await failure(client.request('r', 1, { timeoutMs }))).toBeInstanceOf(RangeError)
  })
})

describe('A window', () => {
  // Infinity on the wire would never end.
  it.each([
    [undefined, 131_072],
    [1_000, 1_000],
    [0, 0],
    [Infinity, 0],
    [1.5, 1],
    [2 ** 32 - 1, 4_294_967_295],
  ])('of %d is asked for as %d', async (window, asked) => {
    const { sockets } = make(window === undefined ? {} : { window })
    await settle()
    sockets[0]?.onopen?.()
    await settle()
    expect(sockets[0]?.sent).toMatchObject([{ type: 'hello', window: asked }])
  })
})

describe('A throttle', () => {
  it.each([
    [0, 0],
    [0.2, 1],
    [2.9, 2],
    [60, 60],
    [1e9, 1_000],
    [Infinity, 1_000],
  ])('of %d updates a second is asked for as %d', async (maxHz, asked) => {
    const { client, socket } = await live()
    client.subscribe('t', () => {}, { maxHz })
    await settle()
    expect(socket.takeOf('subscribe')[0]?.topics[0]?.maxHz).toBe(asked)
  })
})

describe('Options that are null', () => {
  it('are none', async () => {
    const { client, socket } = await live()
    const ignored = [client.request('r', 1, null), client.publish('t', 1, null), client.join('m', null)]
    for (const promise of ignored) promise.catch(() => {})
    client.subscribe('t', () => {}, null)
    await settle()
    for (const type of ['request', 'publish', 'join', 'subscribe'] as const)
      expect(socket.takeOf(type)).toHaveLength(1)
  })
})

describe('A signal', () => {
  it('that comes in the turn of the answer does not undo the join', async () => {
    const { client, socket } = await live()
    const controller = new AbortController()
    const joining = client.join('m', { signal: controller.signal })
    await settle()
    socket.receive(joinedOf({ call: socket.takeOf('join')[0]?.call ?? 0 }))
    controller.abort()
    expect((await joining).name).toBe('m')
    await settle()
    expect(socket.takeOf('leave')).toEqual([])
  })
})

describe('A ticket', () => {
  const good = { url: 'ws://x', token: 'tok', expiresAt: 10_000_000_000 }

  it.each([undefined, null, {}, { ...good, url: 7 }, { ...good, token: 7 }, { ...good, expiresAt: '7' }])(
    'is not %j',
    async (given) => {
      const { client, sockets } = make({ getTicket: () => given as never })
      const errors: unknown[] = []
      client.onState((_state, error) => errors.push(error?.code))
      await settle()
      expect([sockets.length, errors]).toEqual([0, ['UNAUTHENTICATED']])
    },
  )

  it('is replaced in time by the wall clock', async () => {
    let asked = 0
    const getTicket: ConnectOptions['getTicket'] = () => {
      asked++
      return { ...good, expiresAt: (Date.now() + 120_000) / 1_000 }
    }
    await live({ heartbeat: 1_000_000 }, { getTicket })
    await vi.advanceTimersByTimeAsync(89_900)
    expect(asked).toBe(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(asked).toBe(2)
  })
})

describe('A message of text', () => {
  it('ends the connection, which speaks in bytes', async () => {
    const { client, socket } = await live()
    socket.onmessage?.({ data: '[]' })
    expect([client.state, socket.closed]).toEqual(['disconnected', 3_000])
  })
})

describe('The round trip', () => {
  it('is measured by each heartbeat', async () => {
    const { client, socket } = await live()
    expect(client.rttMs).toBe(0)
    await vi.advanceTimersByTimeAsync(8_100)
    const time = socket.takeOf('ping').at(-1)?.time ?? 0
    const since = performance.now() - time / 1_000
    socket.receive({ type: 'pong', echo: time, time: 0, lateness: 0 })
    expect(client.rttMs).toBeCloseTo(since, 5)
    expect(since).toBeGreaterThan(50)
  })
})
