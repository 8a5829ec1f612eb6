import { describe, expect, it } from 'vitest'
import { Client } from '../../../src/client/client.ts'
import { MOST_WAITING_LEAVES } from '../../../src/client/machine/limits.ts'
import type { Socket } from '../../../src/client/options.ts'
import { Writer } from '../../../src/protocol/bytes.ts'
import { binaryCodec, closeCodes, limits, type MessageOf } from '../../../src/protocol/index.ts'
import { writeEntry } from '../../../src/protocol/frames.ts'
import { framesOf, joinedOf, Rig, SeatRecorder, seatWish, text, welcomeOf } from './rig.ts'

/* A node that lies, or is broken: the client neither spins nor waits for ever, and holds no more than its limits. */

const goodbyeOf = (parts: Partial<MessageOf<'goodbye'>> = {}): MessageOf<'goodbye'> => ({
  type: 'goodbye',
  code: closeCodes.MOVED,
  reason: '',
  retryAfter: 0,
  route: '',
  least: 0,
  most: 0,
  ...parts,
})

const HOUR_MS = 3_600_000
const MANY = Number.MAX_SAFE_INTEGER

describe('A node that says when to come back', () => {
  it.each([
    ['at once', { reconnectMin: 0, reconnectMax: 0 }, 0, 50],
    ['after a millisecond', { reconnectMin: 1, reconnectMax: 1 }, 1, 50],
    ['never', { reconnectMin: MANY, reconnectMax: MANY }, 0, HOUR_MS],
    ['never, in its GOODBYE', {}, MANY, HOUR_MS],
  ])('is obeyed within bounds: %s', (_, welcome, retryAfter, wait) => {
    const rig = new Rig()
    rig.chance = 0
    for (let round = 0; round < 5; round++) {
      rig.live(welcome)
      rig.receive(goodbyeOf({ retryAfter }))
      rig.lose(closeCodes.MOVED)
      expect(rig.machine.deadline - rig.now).toBe(wait)
      rig.machine.probe(rig.now)
      expect(rig.machine.deadline - rig.now).toBeLessThanOrEqual(HOUR_MS)
    }
  })

  it.each([
    [0, 50],
    [1, 50],
    [MANY, HOUR_MS],
  ])('asks for a heartbeat of %d ms: it is pinged each %d ms', (heartbeat, every) => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(MANY)
    rig.live({ heartbeat })
    for (let round = 0; round < 3; round++) {
      expect(rig.machine.deadline - rig.now).toBe(round === 0 ? 0 : every)
      rig.now = rig.machine.deadline
      rig.machine.tick(rig.now)
      rig.receive({ type: 'pong', echo: 0, time: 0, lateness: 0 })
      expect(rig.machine.phase).toBe('live')
    }
  })
})

describe('A node that names too much', () => {
  it('loses the connection where it names more publishers than the protocol allows', () => {
    const rig = new Rig()
    rig.live()
    const publishers = Array.from({ length: limits.nodePublishers - 1 }, () => ({ publisher: 1 }))
    rig.receive({ type: 'publishers', first: 1, publishers })
    expect(rig.machine.phase).toBe('live')
    rig.receive({ type: 'publishers', first: limits.nodePublishers, publishers: [{ publisher: 1 }] })
    expect(rig.machine.phase).toBe('waiting')
  })

  it('leads to a meeting by one log alone, however many it names', () => {
    const rig = new Rig()
    const seat = new SeatRecorder()
    rig.machine.followers.join('m', seatWish(), seat)
    rig.live()
    for (const log of [6, 7]) {
      rig.receive(joinedOf({ call: 999, log }))
      rig.receive({ type: 'direct', log, data: text(`to ${log}`) })
    }
    rig.receive({ type: 'direct', log: 6, data: text('to 6 again') })
    expect(seat.take()).toEqual(['direct to 6', 'direct to 7'])
  })
})

describe('A node that tells without an end', () => {
  it('of seats that nobody asked for: each is left, and so many leaves wait at most', () => {
    const rig = new Rig()
    rig.live()
    for (let log = 1; log <= MOST_WAITING_LEAVES + 500; log++)
      rig.receive(joinedOf({ call: log, meeting: `m${log}`, log }))
    expect(rig.takeOf('leave')).toHaveLength(MOST_WAITING_LEAVES + 500)
    // The node has heard of none: these come again.
    rig.lose()
    expect(rig.live({ resumed: true }).filter(({ type }) => type === 'leave')).toHaveLength(
      MOST_WAITING_LEAVES,
    )
  })

  it('of another address: the client goes from one to the next once a second', () => {
    const rig = new Rig()
    const move = { type: 'move', url: 'ws://x', moves: 0 } as const
    rig.live()
    const begin = rig.now
    while (rig.now < begin + 10_000) {
      rig.receive(move)
      rig.machine.handleOpen(rig.attempt)
      if (rig.machine.deadline <= rig.now) rig.machine.tick(rig.now)
      if (rig.machine.phase === 'greeting') rig.receive(welcomeOf())
      rig.now += 10
    }
    expect(rig.opened.length - 1).toBe(10)
  })

  it('of another address where nobody is: it is tried once a second', () => {
    const rig = new Rig()
    rig.live()
    const live = rig.attempt
    const begin = rig.now
    while (rig.now < begin + 10_000) {
      const packet = binaryCodec.encode([{ type: 'move', url: 'ws://y', moves: 0 }])
      rig.machine.handlePacket(live, packet, packet.length, rig.now)
      rig.lose()
      rig.now += 10
    }
    expect(rig.opened.length - 1).toBe(10)
  })

  it('in a charter: one is kept that a node could take in one piece', () => {
    for (const [length, count] of [
      [limits.kept, 1],
      [limits.kept + 1, 0],
    ] as const) {
      const rig = new Rig()
      rig.machine.followers.join('m', seatWish(), new SeatRecorder())
      rig.live()
      rig.receive(joinedOf({ call: 1 }))
      rig.receive({ type: 'charter', log: 5, first: 1, bytes: new Uint8Array(length), tag: 9 })
      rig.lose()
      const join = rig.live().find(({ type }) => type === 'join') as MessageOf<'join'>
      rig.receive({ type: 'pull', call: join.call, from: 0 })
      expect(rig.takeOf('kept').filter(({ bytes }) => bytes.length > 0)).toHaveLength(count)
    }
  })
})

/** A frame whose event cannot be decoded: a join without its fields. */
function brokenFrame(): Uint8Array {
  const w = new Writer()
  w.uint(2)
  writeEntry(w, 255, 1, { text: false, bytes: new Uint8Array(0) })
  return w.finish()
}

it('A frame that arrives broken is asked for again, and none is left out', () => {
  const rig = new Rig()
  const seat = new SeatRecorder()
  rig.machine.followers.join('m', seatWish(), seat)
  rig.live()
  rig.receive(joinedOf({ call: 1 }), framesOf(1, [[[0, 1]]]))
  rig.receive({ ...framesOf(2, []), count: 1, frames: brokenFrame() })
  expect(rig.machine.phase).toBe('waiting')
  const again = rig.live({ resumed: true })
  expect(again).toEqual([expect.objectContaining({ type: 'join', next: 2 })])
})

it('A client that the node has closed for good listens to its page no longer', async () => {
  let watched = 0
  let onclose: Socket['onclose'] = null
  const client = new Client(
    {
      getTicket: () => ({ url: 'ws://x', token: 'tok', expiresAt: 10_000_000_000 }),
      socket: () => ({
        binaryType: '',
        onopen: null,
        onmessage: null,
        onerror: null,
        get onclose() {
          return onclose
        },
        set onclose(listener) {
          onclose = listener
        },
        send() {},
        close() {},
      }),
    },
    {
      now: () => 0,
      wallNow: () => 0,
      random: () => 0,
      at: () => () => {},
      socket: () => {
        throw new Error('not used')
      },
      report: () => {},
      watch: () => {
        watched++
        return () => void watched--
      },
    },
  )
  await new Promise(setImmediate)
  expect(watched).toBe(1)
  ;(onclose as Socket['onclose'])?.({ code: closeCodes.REVOKED, reason: '' })
  expect([client.state, watched]).toEqual(['closed', 0])
  client.close()
  expect(watched).toBe(0)
})
