import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { MeetingLogic } from '../../../src/core/index.ts'
import { type ClientMessage, type ErrorCode, type MessageOf, RtmsError } from '../../../src/protocol/index.ts'
import * as messages from '../../../src/testing/messages.ts'
import { bytes, grant, Harness, type Peer, text } from '../core/harness.ts'

/*
 * PROTOCOL.md lists what can go wrong with a call and with an input. Each row is driven here on a node, and there is no
 * row more.
 */

const document = readFileSync(new URL('../../../PROTOCOL.md', import.meta.url), 'utf8')

/** The rows of the table behind a heading: its cells, without the quotes of code. */
function table(heading: string): string[][] {
  const text = (document.split(`\n${heading}\n`)[1] ?? '').split(/^#/m)[0] as string
  const lines = text.split('\n').filter((line) => line.startsWith('| `'))
  return lines.map((line) => line.slice(2, -2).replaceAll('`', '').split(' | '))
}

/** A call that goes wrong. */
interface Case {
  readonly harness: Harness
  readonly peer: Peer
  readonly call: number
}

/** A node with one meeting, and a client that may do everything. */
function setUp(logic: MeetingLogic = {}, limits: ConstructorParameters<typeof Harness>[0] = {}) {
  const harness = new Harness({ requestsPerSession: 2, ...limits })
  const options = {
    frameRate: 2,
    capacity: 1,
    inputsPerSecond: 10,
    inputBurst: 1,
    config: 'v1',
    joinsPerMinute: 1,
  }
  harness.node.openMeeting('m', options, harness.now, { kind: '', metadata: {}, logic })
  const peer = harness.connect('ann')
  return { harness, peer }
}

const refusal = new RtmsError('EXPIRED', 'come back tomorrow', { retryAfterMs: 5 })

/** By call and error. Where a row has several reasons, each is a case of its own. */
const cases: { readonly [call: string]: { readonly [error: string]: (() => Case)[] } } = {
  join: {
    FORBIDDEN: [() => withGrant((peer) => peer.join('m')), () => denied((peer) => peer.join('m'))],
    NOT_FOUND: [() => plain((peer) => peer.join('nowhere')), () => plain((peer) => peer.join('a..b'))],
    LIMIT: [
      () => {
        const { harness, peer } = setUp({}, { meetingsPerSession: 1 })
        harness.node.openMeeting('other', {}, harness.now)
        harness.seat(peer, 'other')
        return { harness, peer, call: peer.join('m') }
      },
      () => {
        const { harness, peer } = setUp()
        harness.seat(peer, 'm')
        return { harness, peer, call: peer.join('m', { spectator: true }) }
      },
    ],
    CONFIG_MISMATCH: [() => plain((peer) => peer.join('m', { config: 'v2' }))],
    FULL: [
      () => {
        const { harness, peer } = setUp()
        harness.seat(harness.connect('bob'), 'm')
        return { harness, peer, call: peer.join('m') }
      },
    ],
    RATE: [
      () => {
        const { harness, peer } = setUp()
        const { log } = harness.seat(peer, 'm')
        peer.send({ type: 'leave', call: peer.call(), log })
        harness.settle()
        return { harness, peer, call: peer.join('m') }
      },
      () => hasty('join', (peer) => messages.join(peer.call(), 'nowhere')),
    ],
    HANDLER_FAILED: [
      () => {
        const logic: MeetingLogic = {
          join: () => {
            throw new Error('a fault of the business')
          },
        }
        const { harness, peer } = setUp(logic)
        harness.tolerant = true
        return { harness, peer, call: peer.join('m') }
      },
    ],
    any: [() => plain((peer) => peer.join('m'), { join: () => refusal })],
    UNKNOWN: [() => cutOff((peer) => peer.join('m'))],
    BUSY: [() => crowded((peer) => messages.join(peer.call(), 'm'))],
  },
  leave: {
    NOT_JOINED: [() => plain((peer) => sent(peer, { type: 'leave', call: peer.call(), log: 99 }))],
    BUSY: [() => crowded((peer) => ({ type: 'leave', call: peer.call(), log: 99 }))],
  },
  subscribe: {
    BAD_TOPIC: [() => plain((peer) => peer.subscribe('a b'))],
    FORBIDDEN: [() => withGrant((peer) => peer.subscribe('t')), () => denied((peer) => peer.subscribe('t'))],
    UNSUPPORTED: [() => plain((peer) => peer.subscribe('t', { policy: 3 }))],
    LIMIT: [
      () => {
        const { harness, peer } = setUp({}, { subscriptionsPerSession: 1 })
        harness.listen(peer, 'other')
        return { harness, peer, call: peer.subscribe('t') }
      },
      () => {
        const { harness, peer } = setUp({}, { topics: 1 })
        harness.listen(harness.connect('bob'), 'other')
        return { harness, peer, call: peer.subscribe('t') }
      },
    ],
    UNKNOWN: [() => cutOff((peer) => peer.subscribe('t'))],
    RATE: [() => hasty('subscribe', (peer) => messages.subscribe(peer.call(), 't'))],
    BUSY: [() => crowded((peer) => messages.subscribe(peer.call(), 't'))],
  },
  unsubscribe: {
    BUSY: [() => crowded((peer) => ({ type: 'unsubscribe', call: peer.call(), logs: [{ log: 1 }] }))],
  },
  publish: {
    BAD_TOPIC: [() => plain((peer) => peer.publish('a b', text('x')))],
    BAD_NAME: [() => plain((peer) => peer.publish('t', text('x'), { tombstone: true }))],
    FORBIDDEN: [
      () => withGrant((peer) => peer.publish('t', text('x'))),
      () => denied((peer) => peer.publish('t', text('x'))),
    ],
    LIMIT: [
      () => {
        const { harness, peer } = setUp({}, { topics: 1 })
        harness.listen(harness.connect('bob'), 'other')
        return { harness, peer, call: peer.publish('t', text('x')) }
      },
      () => {
        const { harness, peer } = setUp({}, { topicKeys: 1 })
        harness.publish('t', 'x', 'one')
        return { harness, peer, call: peer.publish('t', text('x'), { key: 'two' }) }
      },
    ],
    RATE: [() => hasty('publish', (peer) => messages.publish(peer.call(), 't', text('x')))],
    BUSY: [() => crowded((peer) => messages.publish(peer.call(), 't', text('x')))],
  },
  request: {
    BAD_NAME: [() => plain((peer) => peer.request('a b'))],
    LIMIT: [
      () => {
        const { harness, peer } = setUp()
        peer.request('one')
        peer.request('two')
        harness.settle()
        return { harness, peer, call: peer.request('three') }
      },
    ],
    NO_HANDLER: [() => answered('NO_HANDLER')],
    HANDLER_FAILED: [() => answered('HANDLER_FAILED')],
    any: [() => answered('EXPIRED')],
    TIMEOUT: [
      () => {
        const { harness, peer } = setUp()
        const call = peer.request('slow', text('x'), 10)
        harness.advance(10)
        return { harness, peer, call }
      },
    ],
    CANCELLED: [
      () => {
        const { harness, peer } = setUp()
        const call = peer.request('slow')
        harness.settle()
        peer.send({ type: 'cancel', call })
        return { harness, peer, call }
      },
    ],
    RATE: [() => hasty('request', (peer) => messages.request(peer.call(), 'm', text('x')))],
    BUSY: [
      () => crowded((peer) => messages.request(peer.call(), 'm', text('x'))),
      () => {
        const { harness, peer } = setUp({}, { requestsPerUser: 1 })
        peer.request('m')
        return { harness, peer, call: peer.request('m') }
      },
    ],
  },
  refresh: {
    EXPIRED: [() => refreshed(grant('ann', { expires: 1 }))],
    UNAUTHENTICATED: [() => refreshed(null), () => refreshed(grant('bob'))],
    TIMEOUT: [
      () => {
        const { harness, peer } = setUp()
        harness.slowTokens = true
        const call = sent(peer, { type: 'refresh', call: peer.call(), token: 'ann' })
        harness.advance(5_000)
        return { harness, peer, call }
      },
    ],
    RATE: [() => hasty('refresh', (peer) => ({ type: 'refresh', call: peer.call(), token: 'ann' }))],
    UNKNOWN: [() => cutOff((peer) => sent(peer, { type: 'refresh', call: peer.call(), token: 'ann' }))],
    BUSY: [
      () => {
        const { harness, peer } = setUp()
        harness.slowTokens = true
        sent(peer, { type: 'refresh', call: peer.call(), token: 'ann' })
        harness.settle()
        return { harness, peer, call: sent(peer, { type: 'refresh', call: peer.call(), token: 'ann' }) }
      },
      () => crowded((peer) => ({ type: 'refresh', call: peer.call(), token: 'ann' })),
    ],
  },
}

type Call = Extract<ClientMessage, { readonly call: number }>

function sent(peer: Peer, message: Call): number {
  peer.send(message)
  return message.call
}

function plain(ask: (peer: Peer) => number, logic: MeetingLogic = {}): Case {
  const { harness, peer } = setUp(logic)
  return { harness, peer, call: ask(peer) }
}

/** The ticket allows nothing. */
function withGrant(ask: (peer: Peer) => number): Case {
  const { harness } = setUp()
  harness.application.grants.set('ann', grant('ann', { meetings: [], read: [], write: [] }))
  const peer = harness.connect('ann')
  return { harness, peer, call: ask(peer) }
}

/** The business is asked first, and says no. */
function denied(ask: (peer: Peer) => number): Case {
  const { harness, peer } = setUp()
  harness.node.askFirst(true)
  const call = ask(peer)
  harness.settle()
  for (const question of harness.application.questions)
    harness.node.handleAuthorized(question, false, harness.now)
  return { harness, peer, call }
}

/** The connection is lost before its turn comes; the answer comes on the next one. */
function cutOff(ask: (peer: Peer) => number): Case {
  const { harness, peer } = setUp()
  const call = ask(peer)
  peer.hangUp()
  harness.settle()
  const next = harness.open(peer.codec, '', peer.follower)
  next.hello('ann')
  return { harness, peer: next, call }
}

/** The queue has room for one message. */
function crowded(make: (peer: Peer) => ClientMessage): Case {
  const { harness, peer } = setUp({}, { upstreamMessages: 1 })
  const first = { type: 'unsubscribe', call: peer.call(), logs: [] } as const
  const message = make(peer) as Call
  peer.send(first, message)
  return { harness, peer, call: message.call }
}

/** The user has sent one already, and may send one a second. */
function hasty(
  type: 'join' | 'subscribe' | 'publish' | 'request' | 'refresh',
  make: (peer: Peer) => ClientMessage,
): Case {
  const limits = {
    join: 'joins',
    subscribe: 'subscribes',
    publish: 'publishes',
    request: 'requests',
    refresh: 'refreshes',
  }
  const { harness, peer } = setUp({}, { [`${limits[type]}PerUserPerSecond`]: 1, userBurstSeconds: 1 })
  peer.send(make(peer))
  harness.settle()
  harness.authenticate()
  const message = make(peer) as Call
  peer.send(message)
  return { harness, peer, call: message.call }
}

/** The handler answers with an error. */
function answered(error: ErrorCode): Case {
  const { harness, peer } = setUp()
  const call = peer.request('m')
  harness.settle()
  for (const each of harness.application.requests)
    harness.node.handleReply(each, { ok: false, error: new RtmsError(error) }, harness.now)
  return { harness, peer, call }
}

function refreshed(granted: ReturnType<typeof grant> | null): Case {
  const { harness, peer } = setUp()
  harness.application.grants.set('fresh', granted)
  const call = sent(peer, { type: 'refresh', call: peer.call(), token: 'fresh' })
  harness.settle()
  harness.authenticate()
  return { harness, peer, call }
}

/** How a call has ended, and whether the node has taken its number. */
function endOf({ harness, peer, call }: Case): { readonly error: ErrorCode; readonly number: string } {
  harness.settle()
  const ends = peer.heard.filter((message) => 'call' in message && message.call === call)
  expect(ends).toMatchObject([{ type: 'failed', index: 0 }])
  harness.slowTokens = false
  peer.hangUp()
  const next = harness.open(peer.codec, '', peer.follower)
  next.hello('ann', { session: peer.session })
  harness.settle()
  const [welcome] = next.all('welcome')
  return {
    error: (ends[0] as MessageOf<'failed'>).error,
    number: welcome !== undefined && welcome.calls >= call ? 'used' : 'free',
  }
}

describe('what can go wrong with a call', () => {
  const rows = table('### What can go wrong with a call').map(([call, error, , number]) => ({
    call: call as string,
    error: error as string,
    number: number as string,
  }))

  test('every case is a row of the table, and every row a case', () => {
    const driven = Object.entries(cases).flatMap(([call, errors]) =>
      Object.keys(errors).map((error) => `${call} ${error}`),
    )
    expect(rows.map(({ call, error }) => `${call} ${error}`).sort()).toEqual(driven.sort())
  })

  test.each(rows)('$call: $error, the number is $number', ({ call, error, number }) => {
    for (const drive of cases[call]?.[error] ?? [])
      expect(endOf(drive())).toEqual({ error: error === 'any' ? 'EXPIRED' : error, number })
  })
})

/** An input that goes wrong. */
interface InputCase {
  readonly harness: Harness
  readonly peer: Peer
  readonly log: number
  readonly seq: number
}

function seated(logic: MeetingLogic = {}, limits = {}): Omit<InputCase, 'seq'> {
  const { harness, peer } = setUp(logic, limits)
  const { log } = harness.seat(peer, 'm')
  return { harness, peer, log }
}

function input(on: Omit<InputCase, 'seq'>, seq: number, parts: Partial<MessageOf<'input'>> = {}): InputCase {
  on.peer.send({ type: 'input', log: on.log, seq, after: 0, seen: 0, data: text('x'), ...parts })
  return { ...on, seq }
}

/** By error; what the seq may be used for afterwards stands in the table. */
const inputCases: { readonly [error: string]: () => InputCase } = {
  STALE: () => {
    const on = seated()
    input(on, 1)
    return input(on, 1)
  },
  LIMIT: () => input(seated(), 1_048_577),
  OUT_OF_ORDER: () => input(seated(), 2, { after: 1 }),
  TOO_LARGE: () => input(seated(), 1, { data: bytes(257) }),
  RATE: () => {
    const on = seated()
    input(on, 1)
    return input(on, 2)
  },
  'BUSY (meeting)': () => {
    const on = seated()
    input(on, 1)
    on.harness.settle()
    on.harness.advance(100)
    return input(on, 2)
  },
  'BUSY (session)': () => {
    const on = seated({}, { upstreamMessages: 1 })
    on.peer.send(
      { type: 'unsubscribe', call: on.peer.call(), logs: [] },
      { type: 'input', log: on.log, seq: 1, after: 0, seen: 0, data: text('x') },
    )
    return { ...on, seq: 1 }
  },
  NOT_JOINED: () => input({ ...seated(), log: 99 }, 1),
  READ_ONLY: () => {
    const { harness, peer } = setUp()
    return input({ harness, peer, log: harness.seat(peer, 'm', { spectator: true }).log }, 1)
  },
  HANDLER_FAILED: () => {
    const on = seated({
      input: () => {
        throw new Error('a fault of the business')
      },
    })
    on.harness.tolerant = true
    return input(on, 1)
  },
  any: () => input(seated({ input: () => refusal }), 1),
}

describe('what can go wrong with an input', () => {
  const rows = table('### What can go wrong with an input').map(([error, , seq]) => ({
    error: error as string,
    seq: seq as string,
  }))

  test('every case is a row of the table, and every row a case', () => {
    expect(rows.map(({ error }) => error).sort()).toEqual(Object.keys(inputCases).sort())
  })

  test.each(rows)('$error: its seq is $seq', ({ error, seq: wanted }) => {
    const { harness, peer, log, seq } = (inputCases[error] as () => InputCase)()
    // The sweep that is due seals no frame first.
    harness.sweep()
    harness.settle()
    const nack = peer.all('nack').find((message) => message.seq === seq && message.log === log)
    expect(nack?.error).toBe(error === 'any' ? 'EXPIRED' : error.split(' ')[0])
    peer.join('m', { spectator: error === 'READ_ONLY' })
    harness.settle()
    const joined = peer.all('joined').at(-1) as MessageOf<'joined'>
    expect(joined.seq >= seq ? 'used' : 'free').toBe(wanted)
  })
})
