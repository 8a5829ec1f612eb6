import { describe, expect, it, vi } from 'vitest'
import type { FrameGap } from '../../../src/client/index.ts'
import { Writer } from '../../../src/protocol/bytes.ts'
import { writeEntry } from '../../../src/protocol/frames.ts'
import { nowhere, type Position, RtmsError, toPayload } from '../../../src/protocol/index.ts'
import { CountedSignal } from '../../../src/testing/signal.ts'
import { failure, type FakeSocket, joined, live, make, settle, useVirtualTime } from './fake-socket.ts'
import {
  framesOf,
  joinedOf,
  positionOf,
  publicationsOf,
  subscribedOf,
  text,
  textOf,
  welcomeOf,
} from './rig.ts'

useVirtualTime()

/** What is thrown to the runtime by the timers that are due. */
function uncaught(): unknown[] {
  const errors: unknown[] = []
  // Each timer by itself: a run over several would keep only the first error.
  while (errors.length < 10) {
    const timers = vi.getTimerCount()
    try {
      vi.advanceTimersToNextTimer()
    } catch (error) {
      errors.push(error)
      continue
    }
    if (timers === 0 || vi.getTimerCount() >= timers) break
  }
  return errors
}

describe('A client', () => {
  it('connects by itself and tells its state, its user and its node', async () => {
    const { client, sockets } = make()
    const states: unknown[] = []
    const remove = client.onState((state, error) => states.push([state, error?.code ?? null]))
    expect([client.state, client.user, client.node]).toEqual(['connecting', '', ''])
    await settle()
    sockets[0]?.onopen?.()
    await settle()
    expect(sockets[0]?.binaryType).toBe('arraybuffer')
    expect(sockets[0]?.sent).toMatchObject([{ type: 'hello', token: 'tok', window: 131_072 }])
    sockets[0]?.receive(welcomeOf())
    expect([client.state, client.user, client.node]).toEqual(['connected', 'ann', 'n1'])
    sockets[0]?.onclose?.({ code: 4454, reason: '' })
    expect(client.state).toBe('disconnected')
    remove()
    client.close()
    expect(client.state).toBe('closed')
    expect(states.slice(-2)).toEqual([
      ['connected', null],
      ['disconnected', 'DRAINING'],
    ])
  })

  it('comes back by itself, and closes for good with 1000', async () => {
    const { client, sockets, socket } = await live()
    socket.onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(sockets).toHaveLength(2)
    sockets[1]?.onopen?.()
    await settle()
    sockets[1]?.receive(welcomeOf({ resumed: true }))
    client.close()
    expect(sockets[1]?.closed).toBe(1000)
    expect([sockets[1]?.onclose, sockets[1]?.onmessage]).toEqual([null, null])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('can be closed by whoever is told how it stands, at any moment', async () => {
    for (const stop of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const { client, sockets } = make()
      let told = 0
      const count = (): void => void (++told === stop && client.close())
      client.onState(count)
      client.onReconnect(count)
      for (let connection = 0; connection < 2; connection++) {
        await settle()
        sockets[connection]?.onopen?.()
        await settle()
        sockets[connection]?.receive(welcomeOf({ resumed: connection > 0 }))
        await settle()
        sockets[connection]?.onclose?.({ code: 1006, reason: '' })
        await vi.advanceTimersByTimeAsync(3_000)
      }
      const { length } = sockets
      await vi.advanceTimersByTimeAsync(60_000)
      expect([stop, client.state, sockets.length, vi.getTimerCount()]).toEqual([stop, 'closed', length, 0])
    }
  })

  it('has a subscriber that comes while others get again what they have had hear only what is new', async () => {
    const { client, sockets, socket } = await live()
    const heard: [string, unknown][] = []
    client.subscribe('t', (data) => {
      heard.push(['first', data])
      if (data === 3) client.subscribe('t', (each) => heard.push(['second', each]))
    })
    await settle()
    const { call } = socket.takeOf('subscribe').at(-1) ?? { call: 0 }
    const publishers = { type: 'publishers', first: 1, publishers: [{ publisher: 77 }] } as const
    const had = [1, 2].map((number) => ({ number, publisher: 1 }))
    socket.receive(publishers, subscribedOf({ call }), publicationsOf(had))
    socket.onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(2_000)
    sockets[1]?.onopen?.()
    await settle()
    sockets[1]?.receive(welcomeOf({ resumed: true }))
    await settle()
    const again = sockets[1]?.takeOf('subscribe').at(-1) ?? { call: 0 }
    const position = { ...positionOf(5), epoch: 91 }
    sockets[1]?.receive(
      publishers,
      subscribedOf({ call: again.call, position, recovered: false, reason: 'NEW_EPOCH' }),
      publicationsOf([{ at: 5, number: 3 }, ...had, { number: 4 }]),
    )
    await settle()
    expect(heard).toEqual([
      ['first', 1],
      ['first', 2],
      ['first', 3],
      ['first', 4],
      ['second', 4],
    ])
  })

  it('sends once what is asked as soon as it is connected', async () => {
    const { client, sockets } = make()
    const ask = (): void => void client.request('hello').catch(() => {})
    client.onState((state) => state === 'connected' && ask())
    client.onReconnect(ask)
    const calls = async (parts: Parameters<typeof welcomeOf>[0]): Promise<unknown[]> => {
      sockets.at(-1)?.onopen?.()
      await settle()
      sockets.at(-1)?.receive(welcomeOf(parts))
      await settle()
      return (
        sockets
          .at(-1)
          ?.takeOf('request')
          .map(({ call }) => call) ?? []
      )
    }
    await settle()
    expect(await calls({})).toEqual([1])
    sockets.at(-1)?.onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await calls({ resumed: true, calls: 1 })).toEqual([2, 3])
    sockets.at(-1)?.onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await calls({ reason: 'NOT_FOUND' })).toEqual([4, 5])
  })

  it('tells at each reconnect whether anything said to it alone was missed', async () => {
    const { client, sockets, socket } = await live()
    const heard: unknown[] = []
    client.onReconnect((session) => heard.push(session))
    const again = async (
      from: FakeSocket | undefined,
      parts: Parameters<typeof welcomeOf>[0],
    ): Promise<void> => {
      from?.onclose?.({ code: 1006, reason: '' })
      await vi.advanceTimersByTimeAsync(2_000)
      sockets.at(-1)?.onopen?.()
      await settle()
      sockets.at(-1)?.receive(welcomeOf(parts))
    }
    await again(socket, { resumed: true })
    await again(sockets.at(-1), { reason: 'NOT_FOUND' })
    expect(heard).toEqual([
      { recovered: true, reason: '' },
      { recovered: false, reason: 'NOT_FOUND' },
    ])
  })

  it('follows its ticket to another user, and tells that nothing of the session before was recovered', async () => {
    const { client, sockets, socket } = await live()
    const heard: unknown[] = []
    client.onReconnect((session) => heard.push(session))
    socket.onclose?.({ code: 4451, reason: '' })
    for (const session of ['s1', '']) {
      await vi.advanceTimersByTimeAsync(2_000)
      sockets.at(-1)?.onopen?.()
      await settle()
      expect(sockets.at(-1)?.takeOf('hello')).toMatchObject([{ session }])
      if (session !== '') sockets.at(-1)?.onclose?.({ code: 4401, reason: '' })
    }
    sockets.at(-1)?.receive(welcomeOf({ session: 's2', user: 'bob' }))
    expect([client.state, client.user]).toEqual(['connected', 'bob'])
    expect(heard).toEqual([{ recovered: false, reason: 'NOT_FOUND' }])
  })

  it('tries again where getTicket throws, gives nonsense, or no socket can be made, and says why', async () => {
    for (const [code, options] of [
      ['UNREACHABLE', { getTicket: () => Promise.reject(new TypeError('fetch failed')) }],
      ['BUSY', { getTicket: () => Promise.reject(new RtmsError('BUSY')) }],
      ['UNAUTHENTICATED', { getTicket: () => ({ url: 'ws://x' }) as never }],
      [
        'UNREACHABLE',
        {
          socket: () => {
            throw new SyntaxError('bad url')
          },
        },
      ],
      ['UNREACHABLE', { socket: () => null as never }],
    ] as const) {
      const { client } = make(options)
      const errors: unknown[] = []
      client.onState((_, error) => errors.push(error?.code ?? null))
      await settle()
      expect(client.state).toBe('disconnected')
      expect(errors.at(-1)).toBe(code)
      await vi.advanceTimersByTimeAsync(3_000)
      expect(errors.length).toBeGreaterThan(2)
    }
  })

  it('takes a getTicket that throws at once for one that rejects', async () => {
    const { client } = make({
      getTicket: () => {
        throw new Error('no')
      },
    })
    await settle()
    expect(client.state).toBe('disconnected')
  })

  it('connects anew where its socket throws while it sends, and sends again what that one never took', async () => {
    const { client, socket, sockets } = await live()
    socket.send = () => {
      throw new Error('InvalidStateError')
    }
    const requesting = client.request('r', 1)
    await settle()
    expect(socket.closed).toBe(3000)
    expect(client.state).toBe('disconnected')
    await vi.advanceTimersByTimeAsync(2_000)
    const next = sockets.at(-1) as FakeSocket
    next.onopen?.()
    await settle()
    next.receive(welcomeOf({ resumed: true }))
    await settle()
    const [request] = next.takeOf('request')
    next.receive({ type: 'reply', call: request?.call ?? 0, data: text('2') })
    expect(await requesting).toBe(2)
  })

  it('closes where its socket throws while it closes', async () => {
    const { client, socket } = await live()
    socket.close = () => {
      throw new SyntaxError('bad code')
    }
    const requesting = failure(client.request('r', 1))
    client.close()
    expect(client.state).toBe('closed')
    expect(await requesting).toMatchObject({ code: 'CLOSED' })
  })

  it('sends all of one turn in one packet', async () => {
    const { client, socket } = await live()
    socket.packets = 0
    for (let n = 0; n < 10; n++) void failure(client.publish('t', n))
    void failure(client.request('r', 1))
    client.subscribe('a', () => {})
    client.subscribe('b', () => {})
    await settle()
    expect(socket.packets).toBe(1)
    expect(socket.takeOf('subscribe')).toMatchObject([{ topics: [{ topic: 'a' }, { topic: 'b' }] }])
    client.close()
  })

  it('sends what is queued before it closes', async () => {
    const { client, socket } = await live()
    const publishing = failure(client.publish('t', 1))
    client.close()
    expect(socket.takeOf('publish')).toHaveLength(1)
    expect(await publishing).toMatchObject({ code: 'CLOSED' })
  })

  it('is closed by silence with 3000, so that its session is kept', async () => {
    const { client, socket } = await live({ heartbeat: 1_000 })
    await vi.advanceTimersByTimeAsync(2_000)
    expect([client.state, socket.closed]).toEqual(['disconnected', 3000])
  })
})

describe('Joining', () => {
  it('resolves with the meeting when the node has seated the client', async () => {
    const setup = await live()
    const meeting = await joined(setup, { slot: 3, rate: 30, head: 9 })
    expect([meeting.name, meeting.slot, meeting.frameRate, meeting.epoch, meeting.headAtJoin]).toEqual([
      'm',
      3,
      30,
      77,
      9,
    ])
    expect(meeting.members).toEqual([{ slot: 0, user: 'ann', away: false }])
    expect(meeting.seed).toHaveLength(8)
  })

  it('rejects with the node’s reason, a bad name and a second join of one meeting', async () => {
    const setup = await live()
    const full = failure(setup.client.join('m'))
    await settle()
    const [join] = setup.socket.takeOf('join')
    setup.socket.receive({
      type: 'failed',
      call: join?.call ?? 0,
      index: 0,
      error: 'FULL',
      message: 'no slot',
      retryAfter: 0,
      reason: '',
    })
    expect(await full).toMatchObject({ code: 'FULL', message: 'no slot' })
    expect(await failure(setup.client.join('a b'))).toMatchObject({ code: 'BAD_NAME' })
    await joined(setup)
    expect(await failure(setup.client.join('m'))).toMatchObject({ code: 'LIMIT' })
    setup.client.close()
    expect(await failure(setup.client.join('other'))).toMatchObject({ code: 'CLOSED' })
  })

  it('can be given up by a signal: the seat is given back when it comes', async () => {
    const { client, socket } = await live()
    expect(await failure(client.join('m', { signal: AbortSignal.abort('early') }))).toBe('early')
    const controller = new AbortController()
    const joining = failure(client.join('m', { signal: controller.signal }))
    await settle()
    const [join] = socket.takeOf('join')
    controller.abort('enough')
    expect(await joining).toBe('enough')
    socket.receive(joinedOf({ call: join?.call ?? 0 }))
    await settle()
    expect(socket.takeOf('leave')).toMatchObject([{ log: 5 }])
  })

  it('is not undone by a signal that comes too late', async () => {
    const { client, socket } = await live()
    const controller = new AbortController()
    const joining = client.join('m', { signal: controller.signal })
    await settle()
    socket.receive(joinedOf({ call: socket.takeOf('join')[0]?.call ?? 0 }))
    await joining
    controller.abort()
    await settle()
    expect(socket.takeOf('leave')).toEqual([])
  })
})

describe('A meeting', () => {
  it('gives its first listener what came before it, frames and gaps in order', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    setup.socket.receive({ type: 'gap', log: 5, from: 1, to: 4, position: nowhere, reason: 'NO_SNAPSHOT' })
    setup.socket.receive(framesOf(4, [[[0, 1]], []]))
    setup.socket.receive({ type: 'gap', log: 5, from: 6, to: 8, position: nowhere, reason: 'NO_SNAPSHOT' })
    setup.socket.receive(framesOf(8, [[]]))
    const heard: unknown[] = []
    meeting.onGap(({ from, to, reason }) => heard.push([from, to, reason]))
    expect(heard).toEqual([])
    const remove = meeting.onFrame(({ number, inputs }) =>
      heard.push([number, inputs.map(({ data }) => data)]),
    )
    expect(heard).toEqual([])
    await settle()
    expect(heard).toEqual([
      [1, 4, 'NO_SNAPSHOT'],
      [4, ['0:1']],
      [5, []],
      [6, 8, 'NO_SNAPSHOT'],
      [8, []],
    ])
    setup.socket.receive(framesOf(9, [[]]))
    expect(heard.at(-1)).toEqual([9, []])
    remove()
    setup.socket.receive(framesOf(10, [[]]))
    expect(heard.at(-1)).toEqual([9, []])
  })

  it('keeps no more than the latest frames for a listener that never came, and says what is lost', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    setup.socket.receive(
      framesOf(
        1,
        Array.from({ length: 10_000 }, () => []),
      ),
    )
    setup.socket.receive(
      framesOf(
        10_001,
        Array.from({ length: 10 }, () => []),
      ),
    )
    const gaps: unknown[] = []
    const frames: number[] = []
    meeting.onGap((gap) => gaps.push(gap))
    meeting.onFrame(({ number }) => frames.push(number))
    await settle()
    expect(gaps).toEqual([{ from: 1, to: 10_001, reason: 'SLOW' }])
    expect(frames).toEqual(Array.from({ length: 10 }, (_, n) => n + 10_001))
  })

  it('keeps no more of large frames than of many, which members decide, until somebody listens', async () => {
    const setup = await live()
    const meeting = await joined(setup, { maxInput: 4_096 })
    const frame = new Writer()
    frame.uint(16)
    for (let slot = 0; slot < 8; slot++)
      writeEntry(frame, slot, 1, { text: false, bytes: new Uint8Array(4_096) })
    const frames = frame.finish()
    for (let first = 1; first <= 1_000; first++)
      setup.socket.receive({ type: 'frames', log: 5, first, count: 1, frames, stable: 0, tag: 0 })
    const heard: number[] = []
    const gaps: FrameGap[] = []
    meeting.onGap((gap) => gaps.push(gap))
    meeting.onFrame(({ number }) => heard.push(number))
    await settle()
    const kept = heard.length
    expect(kept * 8 * 4_096).toBeLessThanOrEqual(4_194_304)
    expect(gaps).toEqual([{ from: 1, to: 1_001 - kept, reason: 'SLOW' }])
    expect(heard).toEqual(Array.from({ length: kept }, (_, i) => 1_001 - kept + i))
    // What came since is told as it comes.
    setup.socket.receive({ type: 'frames', log: 5, first: 1_001, count: 1, frames, stable: 0, tag: 0 })
    expect(heard.at(-1)).toBe(1_001)
  })

  it('resolves a sending with the number of its frame, or rejects it, and nobody need listen', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const one = meeting.send({ hit: 3 })
    const two = failure(meeting.send('x'))
    void meeting.send(null)
    await settle()
    expect(setup.socket.takeOf('input').map(({ seq, data }) => [seq, textOf(data)])).toEqual([
      [1, '{"hit":3}'],
      [2, '"x"'],
      [3, 'null'],
    ])
    setup.socket.receive({
      type: 'nack',
      log: 5,
      seq: 2,
      error: 'RATE',
      retryAfter: 40,
      last: 0,
      message: '',
      reason: '',
    })
    setup.socket.receive({
      type: 'nack',
      log: 5,
      seq: 3,
      error: 'RATE',
      retryAfter: 40,
      last: 0,
      message: '',
      reason: '',
    })
    setup.socket.receive(framesOf(1, [[], [[0, 1]]]))
    expect(await one).toBe(2)
    expect(await two).toMatchObject({ code: 'RATE', retryAfterMs: 40 })
    await expect(meeting.send(undefined as never)).rejects.toThrow(/no JSON form/)
    await settle()
  })

  it('gives its first listener what was said to it alone before, though the connection was lost meanwhile', async () => {
    const setup = await live()
    const joining = setup.client.join('m')
    await settle()
    // JOINED and what is said right after it are in the log of a session that is away.
    setup.socket.onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(2_000)
    const again = setup.sockets[1] as FakeSocket
    again.onopen?.()
    await settle()
    again.receive(welcomeOf({ resumed: true, calls: 1 }), joinedOf({ call: 1 }), {
      type: 'direct',
      log: 5,
      data: text('"your hand"'),
    })
    await settle()
    const [join] = again.takeOf('join')
    again.receive(joinedOf({ call: join?.call ?? 0 }), { type: 'direct', log: 5, data: text('"your turn"') })
    const meeting = await joining
    const heard: unknown[] = []
    meeting.onMessage((data) => heard.push(data))
    await settle()
    expect(heard).toEqual(['your hand', 'your turn'])
    again.receive({ type: 'direct', log: 5, data: text('"again"') })
    meeting.onMessage((data) => heard.push(`late ${String(data)}`))
    expect(heard).toEqual(['your hand', 'your turn', 'again'])
  })

  it('keeps no more than the latest of what was said to it for a listener that never came', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    for (let n = 0; n < 101; n++) setup.socket.receive({ type: 'direct', log: 5, data: text(`${n}`) })
    const heard: unknown[] = []
    meeting.onMessage((data) => heard.push(data))
    await settle()
    expect([heard.length, heard[0], heard.at(-1)]).toEqual([100, 1, 100])
  })

  it('hears what is said to it alone, of its end, and of being joined again', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: unknown[] = []
    meeting.onMessage((data) => heard.push(['message', data]))
    meeting.onEnd(({ code }) => heard.push(['end', code]))
    meeting.onRejoin(({ recovered }) => heard.push(['rejoin', recovered]))
    setup.socket.receive({ type: 'direct', log: 5, data: text('{"secret":1}') })
    setup.socket.onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(2_000)
    const again = setup.sockets[1] as FakeSocket
    again.onopen?.()
    await settle()
    again.receive(welcomeOf({ resumed: true, received: 1 }))
    await settle()
    again.receive(joinedOf({ call: again.takeOf('join')[0]?.call ?? 0, recovered: true }))
    again.receive({ type: 'ended', log: 5, error: 'CLOSED', message: '' })
    expect(heard).toEqual([
      ['message', { secret: 1 }],
      ['rejoin', true],
      ['end', 'CLOSED'],
    ])
    expect(await failure(meeting.send(1))).toMatchObject({ code: 'NOT_JOINED' })
  })

  it('hears of an end that came in the packet of the seat, after what came before it, once for each listener', async () => {
    const setup = await live()
    const joining = setup.client.join('m')
    await settle()
    const [join] = setup.socket.takeOf('join')
    setup.socket.receive(
      joinedOf({ call: join?.call ?? 0 }),
      { type: 'direct', log: 5, data: text('"first"') },
      { type: 'ended', log: 5, error: 'CLOSED', message: '' },
    )
    const meeting = await joining
    const heard: unknown[] = []
    meeting.onEnd(({ code }) => heard.push(code))
    meeting.onMessage((data) => heard.push(data))
    meeting.onEnd(() => heard.push('removed'))()
    expect(heard).toEqual([])
    await settle()
    expect(heard).toEqual(['first', 'CLOSED'])
    meeting.onEnd(({ code }) => heard.push(`late ${code}`))
    await settle()
    expect(heard).toEqual(['first', 'CLOSED', 'late CLOSED'])
  })

  it('is left once', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const ends: unknown[] = []
    meeting.onEnd(({ code }) => ends.push(code))
    meeting.leave()
    meeting.leave()
    await settle()
    expect(setup.socket.takeOf('leave')).toHaveLength(1)
    expect(ends).toEqual(['CLOSED'])
  })
})

describe('Listeners', () => {
  it('of one topic share its subscription; the last one to go ends it', async () => {
    const { client, socket } = await live()
    const heard: string[] = []
    const first = client.subscribe('t', (data) => heard.push(`first ${String(data)}`))
    const second = client.subscribe('t', (data) => heard.push(`second ${String(data)}`))
    await settle()
    const subscribes = socket.takeOf('subscribe')
    expect(subscribes).toHaveLength(1)
    socket.receive(subscribedOf({ call: subscribes[0]?.call ?? 0 }), publicationsOf([{ number: 1 }]))
    first()
    first()
    socket.receive(publicationsOf([{ number: 2 }]))
    await settle()
    expect(socket.takeOf('unsubscribe')).toEqual([])
    second()
    await settle()
    expect(socket.takeOf('unsubscribe')).toMatchObject([{ logs: [{ log: 9 }] }])
    expect(heard).toEqual(['first 1', 'second 1', 'second 2'])
  })

  it('of a topic must ask for something that can be said', async () => {
    const { client } = await live()
    expect(() => client.subscribe('a b', () => {})).toThrow(/cannot (?:be|name) a topic/)
    expect(() => client.subscribe('k', () => {}, { keys: ['ä'.repeat(128)] })).toThrow(/255 bytes/)
    expect(() => client.subscribe('k', () => {}, { keys: Array.from({ length: 257 }, String) })).toThrow(
      /240 keys/,
    )
  })

  it('may ask for any rate: what is said is a whole number of at least 1', async () => {
    const { client, socket } = await live()
    for (const [n, maxHz] of [0, 0.5, 2.9, Infinity].entries()) client.subscribe(`t${n}`, () => {}, { maxHz })
    await settle()
    expect(socket.takeOf('subscribe')[0]?.topics.map(({ maxHz }) => maxHz)).toEqual([0, 1, 2, 1_000])
    for (const maxHz of [-1, NaN])
      expect(() => client.subscribe('t', () => {}, { maxHz })).toThrow(`maxHz is ${maxHz}; expected >= 0`)
  })

  it('that come late hear the latest value last, and no less of the others where they throw', async () => {
    const setup = await live()
    setup.client.subscribe('t', () => {}, { conflate: true })
    await settle()
    const call = setup.socket.takeOf('subscribe')[0]?.call ?? 0
    setup.socket.receive(subscribedOf({ call }))
    setup.socket.receive(
      publicationsOf([
        { number: 1, key: 'a' },
        { number: 2, key: 'b' },
      ]),
    )
    const heard: unknown[] = []
    setup.client.subscribe(
      't',
      (data) => {
        heard.push(data)
        throw new Error('of the application')
      },
      { conflate: true },
    )
    setup.socket.receive(publicationsOf([{ number: 3, key: 'a' }]))
    await Promise.resolve()
    expect(heard).toEqual([3, 2])
    setup.socket.receive(publicationsOf([{ number: 4, key: 'a' }]))
    expect(heard).toEqual([3, 2, 4])
    expect(uncaught()).toHaveLength(3)
  })

  it('that come late to a conflating subscription get the latest values, removed ones not', async () => {
    const { client, socket } = await live()
    client.subscribe('t', () => {}, { conflate: true })
    await settle()
    socket.receive(
      subscribedOf({ call: socket.takeOf('subscribe')[0]?.call ?? 0 }),
      publicationsOf([
        { number: 1, key: 'a' },
        { number: 2, key: 'b' },
        { number: 3, key: 'a' },
        { number: 4, key: 'b', tombstone: true },
      ]),
    )
    const heard: unknown[] = []
    client.subscribe('t', (data, { key, topic, removed }) => heard.push([data, key, topic, removed]), {
      conflate: true,
    })
    expect(heard).toEqual([])
    await settle()
    expect(heard).toEqual([[3, 'a', 't', false]])
    socket.receive(publicationsOf([{ number: 5, key: 'a', tombstone: true }]))
    expect(heard.at(-1)).toEqual([5, 'a', 't', true])
  })

  it('hear of gaps and of refusals', async () => {
    const { client, socket } = await live()
    const heard: unknown[] = []
    client.subscribe('t', () => {}, {
      onGap: (gap) => heard.push(gap),
      onError: ({ code }) => heard.push(code),
    })
    await settle()
    const call = socket.takeOf('subscribe')[0]?.call ?? 0
    socket.receive(subscribedOf({ call }), {
      type: 'gap',
      log: 9,
      from: 1,
      to: 4,
      position: positionOf(4, [[1, 3]]),
      reason: 'SLOW',
    })
    socket.receive({ type: 'ended', log: 9, error: 'FORBIDDEN', message: '' })
    expect(heard).toEqual([{ lost: 3, reason: 'SLOW' }, 'FORBIDDEN'])
    client.subscribe('t', () => {})
    await settle()
    expect(socket.takeOf('subscribe')).toHaveLength(1)
  })

  it('keep the values of a conflating subscription over a gap that only says it was slow', async () => {
    const { client, socket } = await live()
    client.subscribe('t', () => {}, { conflate: true })
    await settle()
    socket.receive(
      subscribedOf({ call: socket.takeOf('subscribe')[0]?.call ?? 0, keyed: true }),
      publicationsOf([{ number: 1, key: 'a' }]),
    )
    const gap = { type: 'gap', log: 9, from: 2, to: 4, position: positionOf(2) } as const
    const late = async (): Promise<string[]> => {
      const heard: string[] = []
      client.subscribe('t', (_, { key }) => heard.push(key), { conflate: true })
      await settle()
      return heard
    }
    socket.receive({ ...gap, reason: 'SLOW' })
    expect(await late()).toEqual(['a'])
    socket.receive({ ...gap, position: positionOf(0), reason: 'RETENTION' })
    expect(await late()).toEqual([])
  })

  it('that do not ask for errors leave a refusal to the runtime', async () => {
    const { client, socket } = await live()
    client.subscribe('t', () => {})
    await settle()
    const call = socket.takeOf('subscribe')[0]?.call ?? 0
    socket.receive({
      type: 'failed',
      call,
      index: 0,
      error: 'FORBIDDEN',
      message: '',
      retryAfter: 0,
      reason: '',
    })
    expect(uncaught()).toMatchObject([{ code: 'FORBIDDEN' }])
  })

  it('that throw disturb nobody: what they throw goes to the runtime', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: number[] = []
    meeting.onFrame(({ number }) => {
      throw new Error(`frame ${number}`)
    })
    meeting.onFrame(({ number }) => heard.push(number))
    setup.client.onPush('p', () => {
      throw new Error('push')
    })
    setup.socket.receive(framesOf(1, [[], []]), { type: 'push', name: 'p', data: text('1') })
    expect([heard, setup.client.state]).toEqual([[1, 2], 'connected'])
    expect(uncaught().map(String)).toEqual(['Error: frame 1', 'Error: frame 2', 'Error: push'])
  })

  it('for pushes are by name', async () => {
    const { client, socket } = await live()
    const heard: unknown[] = []
    const remove = client.onPush('a', (data) => heard.push(['a', data]))
    client.onPush('b', (data) => heard.push(['b', data]))
    const push = (name: string, data: string): void =>
      socket.receive({ type: 'push', name, data: text(data) })
    push('a', '{"x":1}')
    push('b', 'not json')
    push('c', '1')
    remove()
    push('a', '2')
    expect(heard).toEqual([
      ['a', { x: 1 }],
      ['b', 'not json'],
    ])
  })
})

describe('A subscription', () => {
  it('tells where it stands, how it began, and goes on from there where it is told to', async () => {
    const { client, socket } = await live()
    const heard: unknown[] = []
    expect(client.position('t')).toBeNull()
    const stop = client.subscribe('t', () => heard.push(client.position('t')), {
      onSubscribed: (start) => heard.push(start),
      history: 2,
    })
    expect(client.position('t')).toBeNull()
    await settle()
    const [asked] = socket.takeOf('subscribe')
    expect(asked?.topics).toMatchObject([{ since: nowhere, history: 2 }])
    socket.receive(
      subscribedOf({ call: asked?.call ?? 0, position: positionOf(4, [[1, 3]]) }),
      publicationsOf([{ number: 4 }]),
    )
    expect(heard).toEqual([{ recovered: false, reason: '' }, positionOf(5, [[1, 4]])])
    const since = JSON.parse(JSON.stringify(client.position('t'))) as Position
    stop()
    expect(client.position('t')).toBeNull()
    const gaps: unknown[] = []
    client.subscribe('t', () => {}, {
      since,
      onSubscribed: (start) => gaps.push(start),
      onGap: (gap) => gaps.push(gap),
    })
    expect(client.position('t')).toEqual(positionOf(5, [[1, 4]]))
    await settle()
    const [again] = socket.takeOf('subscribe')
    expect(again?.topics).toMatchObject([{ since: positionOf(5, [[1, 4]]), history: 0 }])
    socket.receive(
      subscribedOf({ call: again?.call ?? 0, position: positionOf(9, [[1, 8]]), reason: 'RETENTION' }),
    )
    expect(gaps).toEqual([
      { recovered: false, reason: 'RETENTION' },
      { lost: 4, reason: 'RETENTION' },
    ])
  })

  it('cannot begin where nothing can stand', async () => {
    const { client } = await live()
    for (const since of [
      {},
      'x',
      [[1, 1]],
      { ...positionOf(1), epoch: -1 },
      { ...positionOf(1), at: 1.5 },
      ...[[[1]], [[1, -1]], [[1, 1.5]], Array.from({ length: 65 }, () => [1, 1])].map((numbers) => ({
        ...positionOf(1),
        numbers,
      })),
    ])
      expect(() => client.subscribe('t', () => {}, { since: since as never })).toThrow(/client\.position/)
    for (const history of [-1, 0.5, Number.NaN, Infinity])
      expect(() => client.subscribe('t', () => {}, { history })).toThrow(/history is/)
  })
})

describe('A publication', () => {
  it('resolves with the pressure of its topic, from 0 to 1', async () => {
    const { client, socket } = await live()
    const publishing = client.publish('t', 1)
    await settle()
    socket.receive({ type: 'done', call: socket.takeOf('publish')[0]?.call ?? 0, value: 37 })
    expect(await publishing).toBe(0.37)
  })
})

describe('A request', () => {
  it('resolves with the reply, or rejects with the reason', async () => {
    const { client, socket } = await live()
    const one = client.request('order.place', { quantity: 100 })
    const two = failure(client.request('order.place'))
    await settle()
    const [first, second] = socket.takeOf('request')
    expect([textOf(first?.data ?? text('')), textOf(second?.data ?? text(''))]).toEqual([
      '{"quantity":100}',
      'null',
    ])
    socket.receive({ type: 'reply', call: first?.call ?? 0, data: text('{"id":7}') })
    socket.receive({
      type: 'failed',
      call: second?.call ?? 0,
      index: 0,
      error: 'NO_HANDLER',
      message: 'nobody',
      retryAfter: 0,
      reason: '',
    })
    expect(await one).toEqual({ id: 7 })
    expect(await two).toMatchObject({ code: 'NO_HANDLER', message: 'nobody' })
  })

  it('can be given up by a signal: the reason is the signal’s', async () => {
    const { client, socket } = await live()
    expect(await failure(client.request('r', 1, { signal: AbortSignal.abort('early') }))).toBe('early')
    const controller = new AbortController()
    const asking = failure(client.request('r', 1, { signal: controller.signal }))
    await settle()
    controller.abort('enough')
    expect(await asking).toBe('enough')
    await settle()
    expect(socket.takeOf('request')).toHaveLength(1)
    expect(socket.takeOf('cancel')).toHaveLength(1)
  })

  it('without an answer is a TIMEOUT, however long it is told to wait', async () => {
    const { client, socket } = await live()
    const asking = failure(client.request('r', 1, { timeoutMs: 500 }))
    await settle()
    expect(socket.takeOf('request')).toMatchObject([{ timeout: 500 }])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await asking).toMatchObject({ code: 'TIMEOUT' })
    void failure(client.request('r', 1, { timeoutMs: Infinity }))
    await settle()
    expect(socket.takeOf('request')).toMatchObject([{ timeout: 0 }])
  })

  it('rejects what cannot be sent', async () => {
    const { client, socket } = await live()
    expect(await failure(client.request('r', () => {}))).toBeInstanceOf(TypeError)
    expect(await failure(client.request('r', 10n))).toBeInstanceOf(TypeError)
    expect(await failure(client.publish('t', undefined))).toBeInstanceOf(TypeError)
    expect(await failure(client.publish('t', 'x'.repeat(40_000)))).toMatchObject({ code: 'TOO_LARGE' })
    await settle()
    expect(socket.sent).toEqual([])
  })

  it('sends bytes as bytes, as they were when it was made', async () => {
    const { client, socket } = await live()
    const data = Uint8Array.of(1, 2, 3)
    const publishing = client.publish('t', data, { key: 'k', remove: true })
    data.fill(9)
    await settle()
    const [publish] = socket.takeOf('publish')
    expect(publish).toMatchObject({
      key: 'k',
      tombstone: true,
      data: { text: false, bytes: Uint8Array.of(1, 2, 3) },
    })
    socket.receive({ type: 'done', call: publish?.call ?? 0, value: 0 })
    expect(await publishing).toBe(0)
  })
})

describe('A removal of a key', () => {
  it('needs no data', async () => {
    const { client, socket } = await live()
    for (const data of [undefined, null]) void failure(client.publish('t', data, { key: 'k', remove: true }))
    await settle()
    const nothing = { key: 'k', tombstone: true, data: toPayload(null) }
    expect(socket.takeOf('publish')).toMatchObject([nothing, nothing])
  })
})

describe('A listener', () => {
  it('that replaces itself is called once for each event', async () => {
    const { client, socket } = await live()
    const heard: unknown[] = []
    let remove: (() => void) | undefined
    const listener = (data: unknown): void => {
      heard.push(data)
      remove?.()
      if (heard.length < 10) remove = client.onPush('x', listener)
    }
    remove = client.onPush('x', listener)
    socket.receive({ type: 'push', name: 'x', data: text('1') })
    expect(heard).toEqual([1])
    socket.receive({ type: 'push', name: 'x', data: text('2') })
    expect(heard).toEqual([1, 2])
  })

  it('that another one removes is not called any more, not even for the event under way', async () => {
    const { client, socket } = await live()
    const heard: unknown[] = []
    client.onPush('x', () => remove())
    const remove = client.onPush('x', (data) => heard.push(data))
    socket.receive({ type: 'push', name: 'x', data: text('1') })
    expect(heard).toEqual([])
  })

  it('of frames can be removed by itself while earlier frames are told, and hears none after leaving', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    setup.socket.receive(framesOf(1, [[], [], [], []]))
    const first: number[] = []
    const remove = meeting.onFrame(({ number }) => first.push(number) === 2 && remove())
    await settle()
    expect(first).toEqual([1, 2])
    const second: number[] = []
    meeting.onFrame(({ number }) => {
      second.push(number)
      meeting.leave()
    })
    await settle()
    expect(second).toEqual([3])
  })
})

describe('An AbortSignal', () => {
  it('is not listened to by anything that has settled', async () => {
    const setup = await live()
    const { client, socket } = setup
    const counted = new CountedSignal()
    const { signal } = counted
    const joining = client.join('m', { signal })
    const refused = failure(client.join('m', { signal }))
    const request = failure(client.request('r', 1, { signal, timeoutMs: 100 }))
    await settle()
    expect(counted.listeners).toBe(2)
    socket.receive(joinedOf({ call: socket.takeOf('join')[0]?.call ?? 0 }))
    const meeting = await joining
    await vi.advanceTimersByTimeAsync(1_000)
    expect([await refused, await request, counted.listeners]).toMatchObject([
      { code: 'LIMIT' },
      { code: 'TIMEOUT' },
      0,
    ])
    meeting.leave()
  })
})
