import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Calls, type CallMessage } from '../../../src/client/machine/calls.ts'
import { MOST_WAITING_BYTES, MOST_WAITING_CALLS, Waiting } from '../../../src/client/machine/limits.ts'
import { limits, type MessageOf, type Payload, RtmsError } from '../../../src/protocol/index.ts'
import { welcomeOf } from './rig.ts'

const payloadOf = (bytes: number): Payload => ({ text: false, bytes: new Uint8Array(bytes) })

/** Calls, what they send, and how each ends: by its number. */
class Desk {
  now = 1_000
  readonly waiting = new Waiting()
  readonly sent: CallMessage[] = []
  readonly ends: Map<number, unknown[]> = new Map()
  readonly calls: Calls = new Calls(this.waiting, (message) => {
    this.sent.push(message)
    this.calls.markSent(message.call)
  })

  request(timeoutMs = 10_000, bytes = 1): number {
    const ends: unknown[] = []
    const done = (result: unknown): void => void ends.push(result instanceof RtmsError ? result.code : result)
    const call = this.calls.request('m', payloadOf(bytes), timeoutMs, this.now, done)
    this.ends.set(call, ends)
    return call
  }

  publish(timeoutMs = 10_000, topic = 't', key = ''): number {
    const ends: unknown[] = []
    const done = (result: unknown): void => void ends.push(result instanceof RtmsError ? result.code : result)
    const call = this.calls.publish(topic, payloadOf(1), key, false, timeoutMs, this.now, done)
    this.ends.set(call, ends)
    return call
  }

  attach(parts: Partial<MessageOf<'welcome'>> = {}, isStranger = false): void {
    this.calls.attach(welcomeOf({ maxRequests: 1_000, ...parts }), isStranger, this.now)
  }

  at(now: number): void {
    this.now = now
    this.calls.expire(now)
  }

  takeSent(): number[] {
    return this.sent.splice(0).map(({ call }) => call)
  }

  endOf(call: number): unknown[] {
    return this.ends.get(call) ?? []
  }
}

const code = (name: string): unknown => expect.objectContaining({ code: name })
const thrownBy = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  return null
}

describe('A call', () => {
  it('is refused where one too many waits, and taken again when one has ended', () => {
    const desk = new Desk()
    const first = desk.request()
    for (let i = 1; i < MOST_WAITING_CALLS; i++) desk.request()
    expect(thrownBy(() => desk.request())).toEqual(code('BUSY'))
    desk.calls.end(first, null)
    desk.publish()
    expect(thrownBy(() => desk.publish())).toEqual(code('BUSY'))
    desk.attach({ maxRequests: MOST_WAITING_CALLS + 1 })
    desk.request()
    expect(thrownBy(() => desk.request())).toEqual(code('BUSY'))
  })

  it('has a payload as large as the node allows, and no larger', () => {
    const desk = new Desk()
    desk.request(1_000, limits.payload)
    expect(thrownBy(() => desk.request(1_000, limits.payload + 1))).toEqual(code('TOO_LARGE'))
    desk.attach({ maxPayload: 10 })
    desk.request(1_000, 10)
    expect(thrownBy(() => desk.request(1_000, 11))).toEqual(code('TOO_LARGE'))
  })

  it('has a name', () => {
    const desk = new Desk()
    const request = (method: string) => desk.calls.request(method, payloadOf(1), 1, 0, () => {})
    expect(thrownBy(() => request('a b'))).toEqual(code('BAD_NAME'))
    expect(thrownBy(() => desk.publish(1, 'a..b'))).toEqual(code('BAD_TOPIC'))
    expect(thrownBy(() => desk.publish(1, 't', 'x'.repeat(256)))).toEqual(code('BAD_NAME'))
    expect(desk.publish(1, 't', 'x'.repeat(255))).toBeGreaterThan(0)
  })

  it('that was not sent in time never is; one that was sent waits two seconds longer, or as long again as it had', () => {
    const desk = new Desk()
    const waits = desk.request(5_000)
    expect(desk.calls.deadline).toBe(6_000)
    desk.at(5_999)
    expect(desk.endOf(waits)).toEqual([])
    desk.at(6_000)
    expect([desk.endOf(waits), desk.calls.deadline]).toEqual([['NOT_SENT'], Infinity])
    desk.attach()
    const [long, short, publication] = [desk.request(5_000), desk.request(500), desk.publish(5_000)]
    desk.at(6_999)
    expect([long, short, publication].map((call) => desk.endOf(call))).toEqual([[], [], []])
    desk.at(7_000)
    expect(desk.endOf(short)).toEqual(['TIMEOUT'])
    desk.at(11_000)
    expect([desk.endOf(publication), desk.endOf(long)]).toEqual([['TIMEOUT'], []])
    desk.at(13_000)
    expect(desk.endOf(long)).toEqual(['TIMEOUT'])
  })

  it('that waited gives its handler the time that is left, and a very long one the node’s own limit', () => {
    const desk = new Desk()
    desk.request(5_000)
    desk.request(2 ** 31 - 1)
    desk.request(2 ** 31)
    desk.now += 4_000.4
    desk.attach()
    expect(desk.sent.map((message) => 'timeout' in message && message.timeout)).toEqual([
      1_000,
      2 ** 31 - 4_001,
      0,
    ])
    desk.sent.length = 0
    desk.request(0.2)
    desk.calls.detach()
    desk.request(0.2)
    desk.attach({ resumed: true, calls: 4 })
    expect(desk.sent.map((message) => 'timeout' in message && message.timeout)).toEqual([1, 1])
  })

  it('is sent again in a resumed session where the node did not get it, and is UNKNOWN in a new one', () => {
    const desk = new Desk()
    desk.attach()
    const [got, lost] = [desk.request(), desk.request()]
    desk.calls.detach()
    const made = desk.request()
    expect(desk.takeSent()).toEqual([got, lost])
    desk.attach({ resumed: true, calls: got })
    expect(desk.takeSent()).toEqual([lost, made])
    desk.calls.detach()
    const later = desk.request()
    desk.attach({ resumed: false })
    expect(desk.takeSent()).toEqual([later])
    expect([got, lost, made].map((call) => desk.endOf(call))).toEqual([['UNKNOWN'], ['UNKNOWN'], ['UNKNOWN']])
  })

  it('is not made in the name of another user', () => {
    const desk = new Desk()
    const call = desk.request()
    desk.attach({}, true)
    expect([desk.takeSent(), desk.endOf(call)]).toEqual([[], ['NOT_SENT']])
  })

  it('is UNKNOWN in a new session, whatever number its welcome names', () => {
    const desk = new Desk()
    desk.attach()
    const call = desk.request()
    desk.calls.detach()
    desk.attach({ resumed: false, calls: 99 })
    expect(desk.endOf(call)).toEqual(['UNKNOWN'])
  })

  it('is not sent again from the moment on at which it may no longer be', () => {
    for (const [late, sent, ends] of [
      [4_999, [1], []],
      [5_000, [], ['NOT_SENT']],
    ] as const) {
      const desk = new Desk()
      desk.attach()
      const call = desk.request(5_000)
      desk.calls.detach()
      desk.sent.length = 0
      desk.now += late
      desk.attach({ resumed: true, calls: 0 })
      expect([desk.takeSent(), desk.endOf(call)]).toEqual([sent, ends])
    }
  })

  it('to publish is sent later as it was made', () => {
    const desk = new Desk()
    const call = desk.publish(5_000, 't', 'k')
    desk.attach()
    const data = payloadOf(1)
    expect(desk.sent).toEqual([{ type: 'publish', call, topic: 't', key: 'k', tombstone: false, data }])
  })

  it('of the client’s own takes no place of the application’s', () => {
    const desk = new Desk()
    const own = Array.from({ length: MOST_WAITING_CALLS }, () => desk.calls.next())
    for (const call of own) desk.calls.add({ type: 'leave', call, log: 1 }, () => {}, Infinity, 0)
    for (const call of own) desk.calls.end(call, null)
    for (let i = 0; i < MOST_WAITING_CALLS; i++) desk.request()
    expect(thrownBy(() => desk.request())).toEqual(code('BUSY'))
  })

  it('that is given up ends once, and the node is told only on a connection', () => {
    const desk = new Desk()
    const before = desk.request()
    desk.calls.cancel(before)
    expect(desk.sent).toEqual([])
    desk.attach()
    const call = desk.request()
    desk.sent.length = 0
    desk.calls.cancel(call)
    desk.calls.end(call, 1)
    expect([desk.sent, desk.endOf(before), desk.endOf(call)]).toEqual([
      [{ type: 'cancel', call }],
      ['CANCELLED'],
      ['CANCELLED'],
    ])
  })

  it('ends with the client, and none begins after that', () => {
    const desk = new Desk()
    desk.attach()
    const call = desk.request()
    desk.calls.endAll(new RtmsError('CLOSED'))
    expect([desk.endOf(call), desk.calls.deadline]).toEqual([['CLOSED'], Infinity])
    expect([desk.endOf(desk.request()), desk.endOf(desk.publish())]).toEqual([['CLOSED'], ['CLOSED']])
    desk.sent.length = 0
    desk.calls.cancel(call)
    expect(desk.sent).toEqual([])
  })
})

describe('All calls together', () => {
  it('wait with so many bytes, each with a hundred of its own, and no more', () => {
    const waiting = new Waiting()
    const big = payloadOf(MOST_WAITING_BYTES - 100)
    waiting.take(big)
    expect(thrownBy(() => waiting.take(payloadOf(0)))).toEqual(code('BUSY'))
    waiting.give(big)
    expect(thrownBy(() => waiting.take(payloadOf(MOST_WAITING_BYTES - 99)))).toEqual(code('BUSY'))
    waiting.take(payloadOf(MOST_WAITING_BYTES - 200))
    waiting.take(payloadOf(0))
    expect(thrownBy(() => waiting.take(payloadOf(0)))).toEqual(code('BUSY'))
  })

  it('end once each, are sent in order and in time, and give all room back, whatever happens', () => {
    const step = fc.oneof(
      fc.record({ request: fc.integer({ min: 1, max: 4_000 }) }),
      fc.record({ publish: fc.integer({ min: 1, max: 4_000 }) }),
      fc.record({ answer: fc.nat(20) }),
      fc.record({ cancel: fc.nat(20) }),
      fc.record({ wait: fc.nat(1_500) }),
      fc.record({ attach: fc.boolean(), got: fc.nat(3) }),
      fc.constant({ detach: true }),
    )
    type Step = Record<string, never> & { wait?: number }
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const desk = new Desk()
        const sendBy = new Map<number, number>()
        let isLive = false
        let last = 0
        for (const each of steps as Step[]) {
          const {
            request,
            publish,
            answer,
            cancel,
            wait,
            attach,
            got = 0,
          } = each as Partial<Record<string, number>>
          const timeout = request ?? publish
          if (timeout !== undefined) {
            const call = request === undefined ? desk.publish(timeout) : desk.request(timeout)
            expect(call).toBe(last + 1)
            last = call
            sendBy.set(call, desk.now + timeout)
          }
          if (answer !== undefined) desk.calls.end(answer, 'ok')
          if (cancel !== undefined && desk.ends.has(cancel)) desk.calls.cancel(cancel)
          if (wait !== undefined) desk.at(desk.now + wait)
          if (attach !== undefined && !isLive) {
            isLive = true
            desk.attach({ resumed: attach as unknown as boolean, calls: Math.max(0, last - got) })
          }
          if ('detach' in each) {
            isLive = false
            desk.calls.detach()
          }
          const asked = desk.sent.splice(0).filter(({ type }) => type !== ('cancel' as string))
          const numbers = asked.map(({ call }) => call)
          expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
          for (const number of numbers) expect(sendBy.get(number)).toBeGreaterThan(desk.now)
          for (const ends of desk.ends.values()) expect(ends.length).toBeLessThanOrEqual(1)
          // Whoever ticks at the deadline is early for nothing.
          expect(desk.calls.deadline).toBeGreaterThan(desk.now)
        }
        desk.at(desk.now + 10_000)
        expect([...desk.ends.values()].every((ends) => ends.length === 1)).toBe(true)
        expect(desk.calls.deadline).toBe(Infinity)
        desk.waiting.take(payloadOf(MOST_WAITING_BYTES - 100))
      }),
      { numRuns: 300 },
    )
  })
})
