import { describe, expect, it } from 'vitest'
import { weights } from '../../../src/core/ground/weights.ts'
import type { RequestCall } from '../../../src/core/index.ts'
import { RtmsError } from '../../../src/protocol/index.ts'
import { Harness, type Peer, text, textOf } from './harness.ts'

function started(h: Harness, peer: Peer, timeout = 0): RequestCall {
  const call = peer.request('order.place', text('1'), timeout)
  h.settle()
  const request = h.application.requests.at(-1)
  if (request?.call !== call) throw new Error('not started')
  return request
}

const answer = (h: Harness, call: RequestCall): void =>
  h.node.handleReply(call, { ok: true, value: text('yes') }, h.now)

/** How a call ended for the client: types and errors of all answers it got. */
function ends(h: Harness, peer: Peer): string[] {
  h.settle()
  return peer.take().flatMap((message) => {
    if (message.type === 'reply') return [`reply ${textOf(message.data)}`]
    return message.type === 'failed' ? [message.error] : []
  })
}

describe('A request', () => {
  it('is handed to the application with its user, session, deadline and an id to deduplicate by', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    expect(started(h, peer, 2_000)).toMatchObject({
      user: 'ann',
      session: peer.session,
      method: 'order.place',
      call: 1,
      deadline: h.now + 2_000,
    })
    expect(h.node.stats.requestsStarted).toBe(1)
  })

  it('is started in order and waits for no other', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    const [one, two] = [started(h, peer), started(h, peer)]
    answer(h, two)
    expect(ends(h, peer)).toEqual(['reply yes'])
    answer(h, one)
    expect(ends(h, peer)).toEqual(['reply yes'])
  })

  it('can fail as the handler chooses, with what it says and when to try again', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    const error = new RtmsError('RATE', 'ä'.repeat(100), { retryAfterMs: 250 })
    h.node.handleReply(started(h, peer), { ok: false, error }, h.now)
    h.settle()
    expect(peer.takeOf('failed')).toEqual([
      {
        type: 'failed',
        call: 1,
        index: 0,
        error: 'RATE',
        message: `${'ä'.repeat(60)}…`,
        retryAfter: 250,
        reason: '',
      },
    ])
  })

  it.each([
    [-5, 0],
    [0.4, 0],
    [1.6, 2],
    [NaN, 0],
    [Infinity, Number.MAX_SAFE_INTEGER],
  ])('that fails with a wait of %d says %d', (wait, said) => {
    const h = new Harness()
    const peer = h.connect('ann')
    h.node.handleReply(
      started(h, peer),
      { ok: false, error: new RtmsError('BUSY', 'later', { retryAfterMs: wait }) },
      h.now,
    )
    h.settle()
    expect(peer.takeOf('failed')).toMatchObject([{ retryAfter: said }])
  })

  it('ends once, whichever comes first of reply, time-out, cancel and the end of the session', () => {
    const steps: Record<string, (h: Harness, peer: Peer, request: RequestCall) => void> = {
      reply: (h, _, request) => answer(h, request),
      timeout: (h) => h.advance(1_000),
      cancel: (h, peer, request) => {
        peer.send({ type: 'cancel', call: request.call })
        h.settle()
      },
    }
    const outcome: Record<string, string> = { reply: 'reply yes', timeout: 'TIMEOUT', cancel: 'CANCELLED' }
    for (const first of Object.keys(steps)) {
      for (const second of Object.keys(steps)) {
        const h = new Harness()
        const peer = h.connect('ann')
        const request = started(h, peer, 1_000)
        steps[first]?.(h, peer, request)
        steps[second]?.(h, peer, request)
        h.advance(2_000)
        expect(ends(h, peer), `${first}, ${second}`).toEqual([outcome[first]])
        expect(h.application.ended.map(({ why }) => why)).toEqual(first === 'reply' ? [] : [outcome[first]])
        const { requestsStarted, requestsEnded, repliesDiscarded } = h.node.stats
        expect([requestsStarted, requestsEnded]).toEqual([1, 1])
        expect(repliesDiscarded).toBe(second === 'reply' ? 1 : 0)
      }
    }
  })

  it('ends with its session: the application is told, a late reply is counted and discarded', () => {
    const h = new Harness({ sessionKeepMs: 5_000 })
    const peer = h.connect('ann')
    const request = started(h, peer)
    peer.hangUp()
    h.advance(4_000)
    expect(h.application.ended).toEqual([])
    h.advance(1_001)
    expect(h.application.ended).toMatchObject([{ call: request, why: 'CLOSED' }])
    answer(h, request)
    h.advance(100_000)
    const { requestsEnded, repliesDiscarded } = h.node.stats
    expect([requestsEnded, repliesDiscarded]).toEqual([1, 1])
  })

  it('of call 0 is ignored: any number of them would pass the limit', () => {
    const h = new Harness({ requestsPerSession: 1 })
    const peer = h.connect('ann')
    for (let n = 0; n < 3; n++)
      peer.send({ type: 'request', call: 0, method: 'a', timeout: 0, data: text('x') })
    h.settle()
    expect([h.application.requests, peer.take(), h.node.stats.requestsStarted]).toEqual([[], [], 0])
  })

  it('outlives a short loss of the connection: its reply waits in the session log', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    const request = started(h, peer)
    peer.hangUp()
    answer(h, request)
    h.advance(1_000)
    const again = h.open()
    again.hello('ann', { session: peer.session })
    expect(ends(h, again)).toEqual(['reply yes'])
  })

  it('is given no more time than the node’s limit', () => {
    const h = new Harness({ requestMs: 5_000 })
    const peer = h.connect('ann')
    expect([0, 4_000, 90_000].map((timeout) => started(h, peer, timeout).deadline - h.now)).toEqual([
      5_000, 4_000, 5_000,
    ])
    h.advance(5_000)
    expect(ends(h, peer)).toEqual(['TIMEOUT', 'TIMEOUT', 'TIMEOUT'])
  })

  it('over the limit of requests at once is refused, until one has ended', () => {
    const h = new Harness({ requestsPerSession: 2 })
    const peer = h.connect('ann')
    const first = started(h, peer)
    started(h, peer)
    peer.request('m')
    expect(ends(h, peer)).toEqual(['LIMIT'])
    answer(h, first)
    expect(ends(h, peer)).toEqual(['reply yes'])
    started(h, peer)
    expect(h.application.requests).toHaveLength(3)
  })

  it('with a bad name is refused before the application hears of it', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    const names = ['', 'a b', 'a..b', 'a.*']
    for (const method of names) peer.request(method)
    expect(ends(h, peer)).toEqual(['BAD_NAME', 'BAD_NAME', 'BAD_NAME', 'BAD_NAME'])
    for (const method of names) peer.request(method)
    h.settle()
    expect(peer.take().map((message) => 'message' in message && message.message)).toEqual([
      'the name of the method: it is empty',
      'the name of the method: a space at character 2 is not allowed',
      'the name of the method: the dot at character 2 has no segment behind it',
      'the name of the method: "*" at character 3 is not allowed',
    ])
    expect(h.application.requests).toEqual([])
  })

  it('that ended, or never was, cannot be cancelled: nothing happens', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    peer.send({ type: 'cancel', call: 99 })
    expect(ends(h, peer)).toEqual([])
    expect(peer.closed).toBe(null)
  })

  it('is paid for by its user until it ends, whichever way', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    const { bytes: before } = h.node.logs
    const one = weights.request + 'order.place'.length + 1
    const held = (): number => h.node.logs.bytes - before
    const [first] = [started(h, peer), started(h, peer), started(h, peer)]
    expect(held()).toBe(3 * one)
    const calls = h.application.requests
    expect(calls).toHaveLength(3)
    peer.take()
    peer.send({ type: 'cancel', call: first.call })
    h.settle()
    peer.ack(peer.received)
    const failed = held() - 2 * one
    expect(failed).toBeGreaterThan(0)
    peer.hangUp(true)
    h.settle()
    expect(h.node.logs.bytes).toBe(0)
  })
})
