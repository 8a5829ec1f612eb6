import { getEventListeners } from 'node:events'
import { queryObjects } from 'node:v8'
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Listeners } from '../../../src/client/events.ts'
import { MOST_WAITING_BYTES } from '../../../src/client/machine/limits.ts'
import { limits, type Payload, RtmsError } from '../../../src/protocol/index.ts'
import { type FakeSocket, live, settle, type Setup, useVirtualTime } from './fake-socket.ts'
import {
  everything,
  framesOf,
  joinedOf,
  ReaderRecorder,
  Rig,
  SeatRecorder,
  seatWish,
  subscribedOf,
  text,
} from './rig.ts'

useVirtualTime()

/* What a client holds for something is given back when that has ended, in whatever way it ended. */

/** Whatever became of it, without its result. */
const end = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => {})

/** Ends each way that a join, request or publication can end, with a signal that lives on. */
async function endAll({ client, socket }: Setup, signal: AbortSignal): Promise<void> {
  const calls: Promise<unknown>[] = []
  const begin = (...promises: Promise<unknown>[]): void => void calls.push(...promises.map(end))
  const answer = async (
    type: 'request' | 'publish' | 'join',
    ...answers: ('ok' | 'failed')[]
  ): Promise<void> => {
    await settle()
    socket.takeOf(type).forEach(({ call }, index) => {
      if (answers[index] === 'failed')
        socket.receive({
          type: 'failed',
          call,
          index: 0,
          error: 'FULL',
          message: '',
          retryAfter: 0,
          reason: '',
        })
      else if (type === 'join') socket.receive(joinedOf({ call, meeting: `m${index}`, log: 5 + index }))
      else if (type === 'publish') socket.receive({ type: 'done', call, value: 50 })
      else socket.receive({ type: 'reply', call, data: text('1') })
    })
  }
  for (const how of [{ signal }, { signal, timeoutMs: 50 }])
    begin(client.request('a', 1, how), client.request('b', 2, how), client.publish('t', 3, how))
  await answer('request', 'ok', 'failed', 'ok', 'failed')
  await answer('publish', 'ok', 'failed')
  begin(client.join('m0', { signal }), client.join('m1', { signal }))
  begin(client.join('m0', { signal }), client.join('not a name', { signal }))
  await answer('join', 'ok', 'failed')
  begin(client.request('late', 1, { signal, timeoutMs: 50 }))
  await settle()
  await vi.advanceTimersByTimeAsync(5_000)
  await Promise.all(calls)
}

describe('A signal that outlives what it was given for', () => {
  it('is not listened to by anything that has ended', async () => {
    const { signal } = new AbortController()
    const setup = await live()
    await endAll(setup, signal)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('is not listened to once the client has closed', async () => {
    const { signal } = new AbortController()
    const { client } = await live()
    const calls = [client.join('m', { signal }), client.request('a', 1, { signal })]
    await settle()
    expect(getEventListeners(signal, 'abort')).toHaveLength(2)
    client.close()
    await Promise.all(calls.map(end))
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('is not listened to once it has been aborted', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const { client } = await live()
    const calls = [client.join('m', { signal }), client.request('a', 1, { signal })]
    controller.abort(new Error('enough'))
    for (const call of calls) await expect(call).rejects.toThrow('enough')
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

/** Whatever the application can listen to has one of these. */
const held = (): number => queryObjects(Listeners, { format: 'count' })

/** Reads a topic, joins a meeting and listens for a push, and ends all of it. */
async function follow({ client }: Setup, socket: FakeSocket, round: number): Promise<void> {
  const remove = [
    client.onState(() => {}),
    client.onReconnect(() => {}),
    client.onPush(`push.${round}`, () => {}),
    client.subscribe(`topic.${round}`, () => {}, { onGap: () => {}, onError: () => {} }),
  ]
  const joining = client.join(`meeting.${round}`)
  await settle()
  const [join] = socket.takeOf('join')
  const [subscribe] = socket.takeOf('subscribe')
  socket.receive(joinedOf({ call: join?.call ?? 0, meeting: `meeting.${round}`, log: 2 * round }))
  socket.receive(subscribedOf({ call: subscribe?.call ?? 0, topic: `topic.${round}`, log: 2 * round + 1 }))
  const meeting = await joining
  meeting.onFrame(() => {})
  void meeting.send('x').catch(() => {})
  await settle()
  meeting.leave()
  for (const each of remove) each()
  for (const each of remove) each()
  await settle()
  for (const leave of socket.takeOf('leave')) socket.receive({ type: 'done', call: leave.call, value: 0 })
  socket.sent.length = 0
}

describe('A client that goes on for long', () => {
  it('holds nothing of the topics, meetings and pushes that it no longer follows', async () => {
    const setup = await live()
    await follow(setup, setup.socket, 1)
    const before = held()
    for (let round = 2; round < 20; round++) await follow(setup, setup.socket, round)
    // What the tests of another file have left may go meanwhile.
    expect(held()).toBeLessThanOrEqual(before)
  })

  it('has no timer left when it has closed, whatever it was doing', async () => {
    for (const until of ['ticket', 'opening', 'greeting', 'live', 'waiting']) {
      const { client, socket } = await live()
      void client.request('a').catch(() => {})
      void client.join('m').catch(() => {})
      client.subscribe('t', () => {})
      await settle()
      if (until !== 'live') socket.onclose?.({ code: 1006, reason: '' })
      if (until !== 'live' && until !== 'waiting') await vi.advanceTimersByTimeAsync(2_000)
      client.close()
      await settle()
      expect([until, vi.getTimerCount()]).toEqual([until, 0])
    }
  })
})

/** How many inputs of full size a client takes before it is BUSY; they are taken back by leaving. */
function roomIn(rig: Rig): number {
  const data: Payload = { text: false, bytes: new Uint8Array(limits.payload) }
  const calls: number[] = []
  let error: unknown = null
  while (error === null)
    try {
      calls.push(rig.machine.calls.request('fill', data, 1_000, rig.now, () => {}))
    } catch (refusal) {
      error = refusal
    }
  expect(error).toMatchObject({ code: 'BUSY' })
  for (const call of calls) rig.machine.calls.cancel(call)
  rig.take()
  return calls.length
}

describe('The bytes that wait', () => {
  const most = Math.floor(MOST_WAITING_BYTES / (limits.payload + 100))

  it('are given back once, however calls and inputs end, in any order', () => {
    const op = fc.constantFrom(
      ...(['request', 'publish', 'input', 'answer', 'cancel', 'frame', 'nack', 'gap', 'later'] as const),
      ...(['lose', 'resume', 'anew', 'leave', 'join'] as const),
    )
    fc.assert(
      fc.property(fc.array(op, { maxLength: 40 }), (ops) => {
        const rig = new Rig()
        const welcome = { maxRequests: 10_000, maxInput: limits.payload }
        rig.live(welcome)
        const listener = new SeatRecorder()
        let begun = 0
        let ended = 0
        const done = (): void => void ended++
        const start = (run: () => void): void => {
          begun++
          try {
            run()
          } catch (error) {
            if (!(error instanceof RtmsError)) throw error
            ended++
          }
        }
        const data = text('x'.repeat(1_000))
        let seat = rig.machine.followers.join('m', seatWish(), listener)
        let frame = 0
        let seq = 0
        let last = 0
        const asked: number[] = []
        const settleJoin = (): void => {
          for (const message of rig.take()) {
            if (message.type === 'request' || message.type === 'publish') asked.push(message.call)
            if (message.type === 'input') seq = Math.max(seq, message.seq)
            if (message.type === 'join')
              rig.receive(
                joinedOf({
                  call: message.call,
                  maxInput: 4_096,
                  next: frame + 1,
                  seq: last,
                  recovered: true,
                }),
              )
          }
        }
        settleJoin()
        for (const each of ops) {
          if (each === 'request') start(() => rig.machine.calls.request('a', data, 5_000, rig.now, done))
          if (each === 'publish')
            start(() => rig.machine.calls.publish('t', data, '', false, 5_000, rig.now, done))
          if (each === 'input') start(() => rig.machine.followers.input(seat, data, 5_000, rig.now, done))
          if (each === 'later') rig.advance(3_000)
          if (each === 'lose') rig.lose()
          if (each === 'join' || each === 'leave') {
            rig.machine.followers.leave(seat)
            seat = rig.machine.followers.join('m', seatWish(), listener)
          }
          if (each === 'resume' && rig.machine.phase !== 'live') rig.live({ ...welcome, resumed: true })
          if (each === 'anew' && rig.machine.phase !== 'live') rig.live(welcome)
          settleJoin()
          if (rig.machine.phase !== 'live') continue
          if (each === 'answer' && asked.length > 0)
            rig.receive({ type: 'done', call: asked.shift() as number, value: 1 })
          if (each === 'cancel' && asked.length > 0) rig.machine.calls.cancel(asked.shift() as number)
          if (seat.log === 0) continue
          if (each === 'frame') {
            rig.receive(framesOf(++frame, [[[0, (last = Math.max(last, seq))]]]))
          }
          if (each === 'nack')
            rig.receive({
              type: 'nack',
              log: 5,
              seq: (last = Math.max(last, seq)),
              error: 'RATE',
              retryAfter: 0,
              last: 0,
              message: '',
              reason: '',
            })
          if (each === 'gap') {
            frame += 3
            const position = { epoch: 0, at: 0, numbers: [] }
            rig.receive({ type: 'gap', log: 5, from: frame - 2, to: frame + 1, position, reason: 'SLOW' })
          }
          settleJoin()
        }
        rig.machine.followers.leave(seat)
        rig.advance(20_000)
        if (rig.machine.phase !== 'live') rig.live(welcome)
        rig.advance(20_000)
        rig.machine.probe(rig.now)
        expect([ended, rig.machine.phase === 'live' ? roomIn(rig) : most]).toEqual([begun, most])
      }),
      { numRuns: 300 },
    )
  })

  it('are given back when the client reads topics and leaves them', () => {
    const rig = new Rig()
    rig.live({ maxRequests: 10_000 })
    for (let round = 0; round < 3; round++) {
      const reader = rig.machine.followers.read('t', everything, new ReaderRecorder())
      rig.take()
      rig.machine.followers.leave(reader)
    }
    expect(roomIn(rig)).toBe(most)
  })
})
