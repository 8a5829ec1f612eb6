import { afterEach, describe, expect, it } from 'vitest'
import { type Logger, type Request, RtmsError } from '../../../src/server/index.ts'
import { eventually, json, Peer, request, start, stopAll, tokenOf } from './peer.ts'

afterEach(stopAll)

/** A promise and what settles it. */
interface Gate {
  readonly passed: Promise<void>
  readonly open: () => void
}

function gate(): Gate {
  let open: (() => void) | undefined
  const passed = new Promise<void>((resolve) => (open = resolve))
  return { passed, open: open as unknown as () => void }
}

describe('A request', () => {
  it('is answered with what its handler returns', async () => {
    const rtms = await start()
    const seen: Request[] = []
    rtms.onRequest('order.place', async (request) => {
      seen.push(request)
      return { id: 1 }
    })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(request(1, 'order.place', { symbol: '600519' }))
    const { call, data } = await peer.next('reply')
    expect([call, json(data)]).toEqual([1, { id: 1 }])
    const [{ user, data: asked, session, call: number }] = seen as [Request]
    expect({ user, asked, session, number }).toEqual({
      user: 'u1',
      asked: { symbol: '600519' },
      session: peer.all('welcome')[0]?.session,
      number: 1,
    })
  })

  it('carries bytes both ways, and nothing as null', async () => {
    const rtms = await start()
    rtms.onRequest('reverse', ({ data }) => (data as Uint8Array).toReversed())
    rtms.onRequest('nothing', () => undefined)
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(request(1, 'reverse', new Uint8Array([1, 2, 3])), request(2, 'nothing'))
    const reversed = await peer.next('reply', ({ call }) => call === 1)
    expect([reversed.data.text, [...reversed.data.bytes]]).toEqual([false, [3, 2, 1]])
    expect(json((await peer.next('reply', ({ call }) => call === 2)).data)).toBeNull()
  })

  it('is answered with the bytes as they were returned, though the handler uses its buffer again', async () => {
    const rtms = await start()
    const buffer = new Uint8Array(1)
    rtms.onRequest('one', () => buffer.fill(1))
    rtms.onRequest('two', () => buffer.fill(2))
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(request(1, 'one'), request(2, 'two'))
    for (const n of [1, 2]) expect((await peer.next('reply', ({ call }) => call === n)).data.bytes[0]).toBe(n)
  })

  it('without a handler is refused, also after the handler was taken away', async () => {
    const rtms = await start()
    const unregister = rtms.onRequest('m', () => 1)
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(request(1, 'm'))
    await peer.next('reply')
    unregister()
    peer.send(request(2, 'm'))
    expect(await peer.next('failed')).toMatchObject({ call: 2, error: 'NO_HANDLER' })
  })

  it('fails alone where its handler throws, and the message stays here', async () => {
    const logged: unknown[] = []
    const note = (details: object): void => void logged.push(details)
    const logger: Logger = { debug() {}, info() {}, warn() {}, error: note }
    const rtms = await start({ logger })
    rtms.onRequest('throws', () => {
      throw new Error('canary: password of the database')
    })
    rtms.onRequest('rejects', async () => Promise.reject(new Error('canary: again')))
    rtms.onRequest('cannot', () => () => 'a function has no JSON form')
    rtms.onRequest('large', () => 'x'.repeat(40_000))
    rtms.onRequest('works', () => 'fine')
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    const methods = ['throws', 'rejects', 'cannot', 'large', 'works']
    peer.send(...methods.map((method, index) => request(index + 1, method)))
    await peer.next('reply')
    await peer.until(() => peer.all('failed').length === 4)
    for (const { error, message } of peer.all('failed')) {
      expect([error, message]).toEqual(['HANDLER_FAILED', 'The handler of this method failed.'])
    }
    expect(JSON.stringify(peer.heard)).not.toContain('canary')
    expect(logged).toHaveLength(4)
  })

  it('is answered with code, message and wait of an RtmsError', async () => {
    const rtms = await start()
    rtms.onRequest('order.place', () => {
      throw new RtmsError('RATE', 'the market is closed', { retryAfterMs: 1500.4 })
    })
    rtms.onRequest('odd', () => {
      throw new RtmsError('RATE', 'x'.repeat(500), { retryAfterMs: -Infinity })
    })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(request(1, 'order.place'), request(2, 'odd'))
    await peer.until(() => peer.all('failed').length === 2)
    expect(peer.all('failed')).toMatchObject([
      { call: 1, error: 'RATE', message: 'the market is closed', retryAfter: 1500 },
      { call: 2, error: 'RATE', retryAfter: 0 },
    ])
  })

  it('can be registered for once', async () => {
    const rtms = await start()
    const unregister = rtms.onRequest('m', () => 1)
    expect(() => rtms.onRequest('m', () => 2)).toThrow('m has a handler already')
    unregister()
    unregister()
    rtms.onRequest('m', () => 2)
    unregister()
    expect(() => rtms.onRequest('m', () => 3)).toThrow('m has a handler already')
    expect(() => rtms.onRequest('a b', () => 1)).toThrow(expect.objectContaining({ code: 'BAD_NAME' }))
  })
})

describe('Handlers', () => {
  it('run one after another for a session and method, and side by side otherwise', async () => {
    const rtms = await start()
    const gates = new Map<number, Gate>()
    const started: number[] = []
    const wait = async ({ call }: Request): Promise<number> => {
      started.push(call)
      const own = gate()
      gates.set(call, own)
      await own.passed
      return call
    }
    rtms.onRequest('a', wait)
    rtms.onRequest('b', wait)
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(request(1, 'a'), request(2, 'a'), request(3, 'b'), request(4, 'a'))
    await eventually(() => started.length === 2)
    expect(started).toEqual([1, 3])
    gates.get(1)?.open()
    await eventually(() => started.length === 3)
    expect(started).toEqual([1, 3, 2])
    gates.get(2)?.open()
    await eventually(() => started.length === 4)
    gates.get(4)?.open()
    gates.get(3)?.open()
    await peer.until(() => peer.all('reply').length === 4)
  })

  it('beyond the limit wait until another one returns', async () => {
    const rtms = await start({ maxHandlers: 2 })
    const { open, passed } = gate()
    let running = 0
    rtms.onRequest('wait', () => {
      running++
      return passed
    })
    const peers = await Promise.all(
      ['u1', 'u2', 'u3'].map(async (user) => Peer.connect(rtms.address.url, await tokenOf(rtms, user))),
    )
    for (const peer of peers) peer.send(request(1, 'wait'))
    await eventually(() => rtms.stats.requestsStarted === 3)
    expect(running).toBe(2)
    open()
    await Promise.all(peers.map((peer) => peer.next('reply')))
    expect(running).toBe(3)
  })

  it('are told when nobody waits any more, and the next one starts', async () => {
    const rtms = await start()
    const ended: unknown[] = []
    rtms.onRequest('wait', ({ call, signal }) => {
      if (call === 4) return 'done'
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          ended.push((signal.reason as RtmsError).code)
          // The late answer is discarded.
          resolve('late')
        })
      })
    })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(
      request(1, 'wait', null, 20),
      request(2, 'wait'),
      request(3, 'wait', null, 20),
      request(4, 'wait'),
    )
    expect(await peer.next('failed', ({ call }) => call === 1)).toMatchObject({ error: 'TIMEOUT' })
    peer.send({ type: 'cancel', call: 2 })
    expect(await peer.next('failed', ({ call }) => call === 2)).toMatchObject({ error: 'CANCELLED' })
    expect(await peer.next('failed', ({ call }) => call === 3)).toMatchObject({ error: 'TIMEOUT' })
    expect(await peer.next('reply')).toMatchObject({ call: 4 })
    await eventually(() => rtms.stats.repliesDiscarded === 2)
    // The third ended while it waited for its turn: its handler never ran.
    expect(ended).toEqual(['TIMEOUT', 'CANCELLED'])
  })

  it('are told when the node closes', async () => {
    const rtms = await start()
    const reasons: string[] = []
    const calls: number[] = []
    rtms.onRequest('wait', ({ call, signal }) => {
      calls.push(call)
      signal.addEventListener('abort', () => reasons.push((signal.reason as RtmsError).code))
      return new Promise(() => {})
    })
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(request(1, 'wait'), request(2, 'wait'))
    await eventually(() => calls.length === 1)
    await rtms.close()
    expect([reasons, calls]).toEqual([['CLOSED'], [1]])
  })
})
