import { describe, expect, it } from 'vitest'
import type { SeatMachine } from '../../../src/client/machine/index.ts'
import { RtmsError, nowhere } from '../../../src/protocol/index.ts'
import {
  everything,
  framesOf,
  joinedOf,
  Outcomes,
  positionOf,
  publicationsOf,
  ReaderRecorder,
  Rig,
  SeatRecorder,
  seatWish,
  subscribedOf,
  text,
  welcomeOf,
} from './rig.ts'

const phasesOf = (rig: Rig): string[] => rig.phases.map(([phase]) => phase)

describe('The life of a client', () => {
  it('goes from ticket to opening to greeting to live', () => {
    const rig = new Rig({ window: 1_000 })
    expect([rig.machine.phase, rig.machine.deadline]).toEqual(['idle', Infinity])
    rig.machine.start(rig.now)
    expect([rig.machine.phase, rig.tickets, rig.opened]).toEqual(['ticket', [1], []])
    rig.giveTicket(60_000, { url: 'ws://here', token: 'secret' })
    expect(rig.opened).toEqual([{ attempt: 1, url: 'ws://here' }])
    expect(rig.take()).toEqual([])
    rig.machine.handleOpen(1)
    expect(rig.take()).toEqual([
      {
        type: 'hello',
        version: 1,
        features: 0,
        client: 'test',
        token: 'secret',
        session: '',
        received: 0,
        window: 1_000,
        moves: 0,
      },
    ])
    rig.receive(welcomeOf())
    expect(phasesOf(rig)).toEqual(['ticket', 'opening', 'greeting', 'live'])
    rig.machine.start(rig.now)
    expect(rig.machine.phase).toBe('live')
  })

  it.each(['ticket', 'opening', 'greeting'] as const)(
    'is tried anew where it stays in %s too long',
    (stuck) => {
      const rig = new Rig({ connectMs: 3_000 })
      rig.machine.start(rig.now)
      if (stuck !== 'ticket') rig.giveTicket()
      if (stuck === 'greeting') rig.machine.handleOpen(1)
      expect(rig.machine.phase).toBe(stuck)
      rig.advance(2_999)
      expect(rig.machine.phase).toBe(stuck)
      rig.advance(1)
      expect(rig.machine.phase).toBe('waiting')
      expect(rig.closed).toEqual([{ attempt: 1, code: 3000 }])
      rig.wait()
      expect(rig.machine.phase).toBe(stuck === 'ticket' ? 'ticket' : 'opening')
    },
  )

  it('waits and tries again where there is no ticket, and says why', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.machine.handleNoTicket(1, new RtmsError('UNAUTHENTICATED'), rig.now)
    expect(rig.phases.at(-1)).toEqual(['waiting', 'UNAUTHENTICATED'])
    rig.wait()
    expect(rig.machine.phase).toBe('ticket')
    expect(rig.tickets).toHaveLength(2)
  })

  it('ends with a final close code, and with the reason it has', () => {
    for (const [code, error] of [
      [4400, 'PROTOCOL'],
      [4402, 'CLOSED'],
      [4403, 'FORBIDDEN'],
      [4404, 'CLOSED'],
      [1000, 'CLOSED'],
    ] as const) {
      const rig = new Rig()
      rig.live()
      rig.lose(code)
      expect(rig.phases.at(-1)).toEqual(['closed', error])
      expect(rig.machine.deadline).toBe(Infinity)
    }
  })

  it('goes on after any other', () => {
    for (const code of [1001, 1006, 1009, 1011, 1012, 4450, 4452, 4453, 4454, 4455]) {
      const rig = new Rig()
      rig.live()
      rig.lose(code)
      expect(rig.machine.phase).toBe('waiting')
      rig.live()
    }
  })

  it('is ended by close: the socket closes with 1000 and everything that waits is told', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    const seat = new SeatRecorder()
    const reader = new ReaderRecorder()
    rig.live()
    rig.machine.followers.join('m', seatWish(), seat)
    rig.machine.followers.read('t', everything, reader)
    rig.machine.calls.request('r', text('1'), 1_000, rig.now, outcomes.done('r'))
    rig.machine.close()
    expect(rig.closed).toEqual([{ attempt: rig.attempt, code: 1000 }])
    expect([outcomes.all, seat.heard, reader.heard]).toEqual([
      ['r CLOSED'],
      ['ended CLOSED'],
      ['failed CLOSED'],
    ])
    rig.machine.close()
    rig.lose()
    expect(rig.closed).toHaveLength(1)
    outcomes.of('late', (done) => rig.machine.calls.request('r', text('1'), 1_000, rig.now, done))
    rig.machine.followers.join('m2', seatWish(), seat)
    rig.machine.followers.read('t2', everything, reader)
    expect([outcomes.all.at(-1), seat.heard.at(-1), reader.heard.at(-1)]).toEqual([
      'late CLOSED',
      'ended CLOSED',
      'failed CLOSED',
    ])
  })

  it('flushes what is queued before it closes', () => {
    const rig = new Rig()
    rig.live()
    rig.machine.calls.publish('t', text('last words'), '', false, 1_000, rig.now, () => {})
    rig.machine.close()
    expect(rig.packets).toHaveLength(1)
  })

  it('takes nothing from a socket that was given up: attempts are told apart', () => {
    const rig = new Rig()
    rig.live()
    const old = rig.attempt
    rig.lose()
    rig.machine.handleClose(old, 4400, '', rig.now)
    rig.machine.handleOpen(old)
    rig.machine.handleTicket(1, { url: 'ws://old', token: '', expiresAt: 0 }, 1_000_000, rig.now)
    rig.machine.handleNoTicket(1, new RtmsError('CLOSED'), rig.now)
    expect(rig.machine.phase).toBe('waiting')
    rig.live()
    rig.machine.handleClose(old, 1006, '', rig.now)
    rig.machine.handlePacket(old, Uint8Array.of(0xff), 1, rig.now)
    expect(rig.machine.phase).toBe('live')
  })

  it('drops a connection whose welcome is of another version than the hello', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket()
    rig.machine.handleOpen(rig.attempt)
    rig.receive(welcomeOf({ version: 2 }))
    expect([rig.machine.phase, rig.closed]).toEqual(['waiting', [{ attempt: 1, code: 3000 }]])
  })

  it('drops a connection on which it cannot understand what comes', () => {
    const rig = new Rig()
    rig.live()
    rig.machine.handlePacket(rig.attempt, Uint8Array.of(0xff, 1), 2, rig.now)
    expect([rig.machine.phase, rig.closed]).toEqual(['waiting', [{ attempt: 1, code: 3000 }]])
  })
})

/** Waits of several failures in a row after a welcome. */
function waits(chance: number, failures: number): number[] {
  const rig = new Rig({ backoffMs: 30_000 })
  rig.live({ reconnectMin: 100, reconnectMax: 1_000 })
  rig.chance = chance
  return Array.from({ length: failures }, () => {
    rig.lose()
    const wait = rig.machine.deadline - rig.now
    rig.wait()
    if (rig.machine.phase === 'ticket') rig.giveTicket()
    return wait
  })
}

describe('Reconnecting', () => {
  it('waits at random, first within what the welcome said, then longer, up to the cap', () => {
    expect(waits(0, 8)).toEqual(Array.from({ length: 8 }, () => 100))
    const longest = waits(0.999_999_999, 9).map(Math.round)
    expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000])
    expect(waits(0.5, 2).map(Math.round)).toEqual([550, 1_050])
  })

  it('begins anew with the short waits after a welcome', () => {
    const rig = new Rig()
    rig.chance = 0.999_999_999
    rig.live()
    for (let n = 0; n < 4; n++) {
      rig.lose()
      rig.wait()
    }
    rig.live()
    rig.lose()
    expect(Math.round(rig.machine.deadline - rig.now)).toBe(2_000)
  })

  it('waits as long as the goodbye asked for and, so that not all come back together, a while', () => {
    const rig = new Rig()
    rig.live()
    rig.receive({ type: 'goodbye', code: 4454, reason: '', retryAfter: 9_000, route: '', least: 0, most: 0 })
    rig.lose(4454)
    expect([rig.phases.at(-1), rig.machine.deadline - rig.now]).toEqual([['waiting', 'DRAINING'], 9_900])
    rig.live()
    rig.lose()
    expect(rig.machine.deadline - rig.now).toBeLessThanOrEqual(2_000)
  })

  it('uses a ticket again while it is good, and asks for a fresh one half a minute before it expires', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(120_000)
    rig.live()
    rig.now += 60_000
    rig.lose()
    rig.live()
    expect(rig.tickets).toHaveLength(1)
    rig.now += 28_000
    rig.lose()
    rig.greet()
    expect(rig.tickets).toHaveLength(2)
  })

  it('asks for a fresh ticket where the node says that the token has expired', () => {
    const rig = new Rig()
    rig.live()
    rig.lose(4451)
    expect(rig.phases.at(-1)).toEqual(['waiting', 'EXPIRED'])
    rig.wait()
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['ticket', 2])
  })

  it('gives up after three refusals in a row, of a kept ticket, a fresh one, and that one without the session; a welcome forgives', () => {
    const rig = new Rig()
    rig.live()
    for (let n = 0; n < 2; n++) {
      rig.lose(4401)
      expect(rig.machine.phase).toBe('waiting')
      rig.greet()
    }
    expect(rig.tickets).toHaveLength(2)
    rig.receive(welcomeOf())
    for (let n = 0; n < 3; n++) {
      rig.lose(4401)
      if (n < 2) rig.greet()
    }
    expect(rig.phases.at(-1)).toEqual(['closed', 'UNAUTHENTICATED'])
  })

  it('asks for its session and says what it has received of its log', () => {
    const rig = new Rig()
    rig.live()
    rig.receive({ type: 'push', name: 'a', data: text('1') }, { type: 'push', name: 'b', data: text('2') })
    rig.lose()
    expect(rig.greet()).toMatchObject({ session: 's1', received: 2 })
    rig.receive(welcomeOf({ resumed: true, received: 2 }))
    rig.receive({ type: 'push', name: 'c', data: text('3') })
    rig.lose()
    expect(rig.greet()).toMatchObject({ session: 's1', received: 3 })
    rig.receive(welcomeOf({ session: 's2', received: 0 }))
    rig.lose()
    expect(rig.greet()).toMatchObject({ session: 's2', received: 0 })
    expect(rig.pushes).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ])
  })
})

describe('A page that was away', () => {
  const heartbeat = 8_000

  it('whose timers stood still asks its connection before it gives it up', () => {
    const rig = new Rig()
    rig.live({ heartbeat })
    rig.now += 60_000
    rig.machine.tick(rig.now)
    expect(rig.machine.phase).toBe('live')
    expect(rig.takePackets().flat()).toMatchObject([{ type: 'ping' }])
    rig.receive({ type: 'pong', echo: 0, time: 0, lateness: 0 })
    rig.advance(6_000)
    expect(rig.machine.phase).toBe('live')
  })

  it('gives up a connection that does not answer when asked', () => {
    const rig = new Rig()
    rig.live({ heartbeat })
    rig.now += 60_000
    rig.machine.tick(rig.now)
    rig.advance(4_999)
    expect(rig.machine.phase).toBe('live')
    rig.advance(1)
    expect(rig.machine.phase).toBe('waiting')
  })

  it('finds out within five seconds of coming back whether its connection lives', () => {
    const rig = new Rig()
    rig.live({ heartbeat })
    rig.machine.probe(rig.now)
    rig.advance(5_000)
    expect(rig.machine.phase).toBe('waiting')
  })

  it('tells its node at once that it is put away, keeps its session, and is soon back when it is shown again', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live({ heartbeat })
    rig.machine.calls.publish('t', text('last words'), '', false, 60_000, rig.now, outcomes.done('publish'))
    rig.machine.suspend(rig.now)
    expect(rig.packets).toHaveLength(1)
    expect([rig.closed, rig.phases.at(-1)]).toEqual([
      [{ attempt: rig.attempt, code: 3000 }],
      ['waiting', null],
    ])
    rig.packets = []
    // It stands still in the browser's cache.
    rig.now += 30_000
    rig.machine.probe(rig.now)
    expect(rig.machine.deadline - rig.now).toBeLessThanOrEqual(200)
    expect(rig.greet()).toMatchObject({ session: 's1' })
    rig.receive(welcomeOf({ resumed: true, calls: 1 }))
    rig.receive({ type: 'done', call: 1, value: 0 })
    expect([outcomes.all, rig.tickets.length]).toEqual([['publish 0'], 1])
  })

  it.each(['ticket', 'opening', 'greeting', 'waiting', 'closed'] as const)(
    'can be put away while it is in %s',
    (phase) => {
      const rig = new Rig()
      rig.machine.start(rig.now)
      if (phase !== 'ticket') rig.giveTicket()
      if (phase === 'greeting') rig.machine.handleOpen(1)
      if (phase === 'waiting') rig.lose()
      if (phase === 'closed') rig.machine.close()
      expect(rig.machine.phase).toBe(phase)
      rig.machine.suspend(rig.now)
      rig.machine.suspend(rig.now)
      expect(rig.machine.phase).toBe(phase === 'closed' ? 'closed' : 'waiting')
      if (phase === 'closed') return
      rig.machine.probe(rig.now)
      rig.live()
    },
  )

  it('that waits to reconnect does so at once, though not in step with others', () => {
    const rig = new Rig()
    rig.live({ reconnectMin: 200, reconnectMax: 60_000 })
    rig.chance = 0.9
    rig.lose()
    rig.chance = 0.5
    rig.machine.probe(rig.now)
    expect(rig.machine.deadline - rig.now).toBe(100)
  })
})

describe('A ticket', () => {
  it('is replaced in passing half a minute before it expires: the connection stays', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(120_000)
    rig.live({ heartbeat: 1_000_000 })
    rig.advance(89_000)
    expect(rig.tickets).toHaveLength(1)
    rig.advance(1_000)
    expect(rig.tickets).toHaveLength(2)
    rig.giveTicket(120_000, { token: 'fresh' })
    const [refresh] = rig.takeOf('refresh')
    expect(refresh).toMatchObject({ token: 'fresh' })
    rig.receive({ type: 'done', call: refresh?.call ?? 0, value: 0 })
    rig.advance(90_000)
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['live', 3])
  })

  it('is replaced also where as many calls wait as may', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(8_000)
    rig.live({ maxRequests: 1 })
    rig.machine.calls.request('a', text('1'), 60_000, rig.now, new Outcomes().done('a'))
    rig.advance(6_000)
    rig.giveTicket(8_000, { token: 'fresh' })
    expect(rig.takeOf('refresh')).toMatchObject([{ token: 'fresh' }])
  })

  it('goes on being replaced where an older one is refused late', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(8_000)
    rig.live()
    rig.advance(6_000)
    rig.giveTicket(8_000)
    const [older] = rig.takeOf('refresh')
    rig.lose()
    rig.live({ resumed: true, calls: older?.call ?? 0 })
    rig.advance(6_000)
    rig.giveTicket(8_000)
    const [newer] = rig.takeOf('refresh')
    const refused = { index: 0, error: 'UNAUTHENTICATED', message: '', retryAfter: 0, reason: '' } as const
    rig.receive({ type: 'failed', call: older?.call ?? 0, ...refused })
    rig.receive({ type: 'done', call: newer?.call ?? 0, value: 0 })
    const before = rig.tickets.length
    rig.advance(6_000)
    expect([rig.machine.phase, rig.tickets.length - before]).toEqual(['live', 1])
  })

  it('that has expired already, by a clock that is wrong, is tried once and not renewed without end', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(-60_000)
    rig.live({ heartbeat: 1_000_000 })
    rig.advance(60_000)
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['live', 1])
    rig.lose()
    rig.wait()
    expect(rig.tickets).toHaveLength(2)
  })

  it('is replaced in time where the connection was lost, and the session with it, while it was being replaced', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(8_000)
    rig.live()
    rig.advance(6_000)
    rig.giveTicket(8_000, { token: 'fresh' })
    expect(rig.takeOf('refresh')).toMatchObject([{ token: 'fresh' }])
    rig.lose()
    expect(rig.greet().token).toBe('fresh')
    rig.receive(welcomeOf())
    const before = rig.tickets.length
    rig.advance(6_000)
    expect([rig.machine.phase, rig.tickets.length - before]).toEqual(['live', 1])
  })

  it('that lives shortly is replaced after three quarters of its life', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(8_000)
    rig.live()
    rig.advance(5_999)
    expect(rig.tickets).toHaveLength(1)
    rig.advance(1)
    expect(rig.tickets).toHaveLength(2)
  })

  it('that is not to be had, or is refused, is asked for again; meanwhile nothing happens to the connection', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(8_000)
    rig.live()
    rig.advance(6_000)
    rig.machine.handleNoTicket(rig.attempt, new RtmsError('UNAUTHENTICATED'), rig.now)
    rig.advance(5_000)
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['live', 3])
    rig.giveTicket(8_000)
    const [refresh] = rig.takeOf('refresh')
    const refused = { index: 0, error: 'UNAUTHENTICATED', message: '', retryAfter: 0, reason: '' } as const
    rig.receive({ type: 'failed', call: refresh?.call ?? 0, ...refused })
    expect(rig.machine.phase).toBe('live')
    rig.lose(4451)
    rig.wait()
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['ticket', 4])
  })
})

describe('Liveness', () => {
  it('is a ping at once and every heartbeat, which measures the round trip', () => {
    const rig = new Rig()
    rig.live()
    rig.advance(0)
    const [ping] = rig.takePackets().flat()
    expect(ping).toEqual({ type: 'ping', time: rig.now * 1_000 })
    rig.now += 40
    rig.receive({ type: 'pong', echo: ping?.type === 'ping' ? ping.time : 0, time: 7_000_000, lateness: 0 })
    expect(rig.machine.rtt).toBe(40)
    rig.advance(7_959)
    expect(rig.takePackets()).toEqual([])
    rig.advance(1)
    expect(rig.takePackets().flat()).toMatchObject([{ type: 'ping' }])
  })

  it('answers a ping', () => {
    const rig = new Rig()
    rig.live()
    rig.receive({ type: 'ping', time: 123 })
    expect(rig.take()).toEqual([{ type: 'pong', echo: 123, time: rig.now * 1_000, lateness: 0 }])
  })

  it('ends with a silence of two heartbeats: the socket is closed with 3000, not 1000', () => {
    const rig = new Rig()
    rig.live({ heartbeat: 5_000 })
    rig.advance(9_999)
    expect(rig.machine.phase).toBe('live')
    rig.advance(1)
    expect([rig.machine.phase, rig.closed]).toEqual(['waiting', [{ attempt: 1, code: 3000 }]])
    rig.live()
  })

  it('lasts as long as anything comes', () => {
    const rig = new Rig()
    rig.live()
    for (let n = 0; n < 20; n++) {
      rig.advance(15_000)
      rig.receive({ type: 'ping', time: 0 })
    }
    expect(rig.machine.phase).toBe('live')
  })
})

describe('Acknowledging', () => {
  it('happens at each quarter of the window', () => {
    const rig = new Rig({ window: 4_000 })
    rig.live({ window: 4_000 })
    let consumed = rig.receive({ type: 'ping', time: 0 })
    rig.take()
    const acks: number[] = []
    for (let n = 0; n < 40; n++) {
      consumed += rig.receive({ type: 'push', name: 'x', data: text('x'.repeat(90)) })
      acks.push(...rig.takeOf('ack').map(({ bytes }) => bytes))
    }
    expect(acks.length).toBeGreaterThanOrEqual(3)
    expect(acks.length).toBeLessThanOrEqual(4)
    acks.slice(1).forEach((bytes, n) => expect(bytes - (acks[n] ?? 0)).toBeLessThan(1_000 + 100))
    expect(consumed - (acks.at(-1) ?? 0)).toBeLessThan(1_200)
  })

  it('of entries of the session log happens without a window too', () => {
    const rig = new Rig()
    rig.live()
    for (let n = 1; n <= 130; n++) rig.receive({ type: 'push', name: 'x', data: text('') })
    expect(rig.takeOf('ack').map(({ received }) => received)).toEqual([64, 128])
  })

  it('counts the bytes of each connection anew', () => {
    const rig = new Rig({ window: 400 })
    rig.live({ window: 400 })
    rig.receive({ type: 'push', name: 'x', data: text('x'.repeat(300)) })
    rig.lose()
    rig.take()
    rig.greet()
    let size = rig.receive(welcomeOf({ window: 400, resumed: true, received: 1 }))
    size += rig.receive({ type: 'push', name: 'x', data: text('x'.repeat(300)) })
    expect(rig.takeOf('ack').at(-1)).toMatchObject({ bytes: size, received: 2 })
  })
})

describe('Calls', () => {
  it('end with the answer that bears their number, once', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live()
    const one = rig.machine.calls.request('a', text('1'), 1_000, rig.now, outcomes.done('a'))
    const two = rig.machine.calls.publish('t', text('2'), 'k', false, 1_000, rig.now, outcomes.done('t'))
    expect(rig.take()).toMatchObject([
      { type: 'request', call: one, method: 'a', timeout: 1_000 },
      { type: 'publish', call: two, topic: 't', key: 'k', tombstone: false },
    ])
    rig.receive({ type: 'done', call: two, value: 0 })
    rig.receive({
      type: 'failed',
      call: one,
      index: 0,
      error: 'NO_HANDLER',
      message: 'none',
      retryAfter: 0,
      reason: '',
    })
    rig.receive({ type: 'reply', call: one, data: text('late') })
    expect(outcomes.all).toEqual(['t 0', 'a NO_HANDLER'])
  })

  it('made before the connection wait for it, in order', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.machine.start(rig.now)
    rig.machine.calls.request('a', text('1'), 5_000, rig.now, outcomes.done('a'))
    rig.machine.calls.request('b', text('1'), 5_000, rig.now, outcomes.done('b'))
    expect(rig.live()).toMatchObject([
      { type: 'request', call: 1, method: 'a' },
      { type: 'request', call: 2, method: 'b' },
    ])
  })

  it('that found no connection in time are NOT_SENT, those without an answer TIMEOUT', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.machine.start(rig.now)
    rig.machine.calls.request('a', text('1'), 1_000, rig.now, outcomes.done('a'))
    rig.machine.calls.publish('t', text('1'), '', false, 1_500, rig.now, outcomes.done('t'))
    rig.advance(2_000)
    expect(outcomes.all).toEqual(['a NOT_SENT', 't NOT_SENT'])
    rig.live()
    rig.machine.calls.request('b', text('1'), 3_000, rig.now, outcomes.done('b'))
    rig.take()
    rig.advance(4_999)
    expect(outcomes.all).toHaveLength(2)
    rig.advance(1)
    expect(outcomes.all.at(-1)).toBe('b TIMEOUT')
  })

  it('are not sent late, though the timer that ends them has not fired: a page that was frozen', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live()
    const { seat } = seated(rig)
    rig.machine.calls.request('r', text('1'), 5_000, rig.now, outcomes.done('under way'))
    rig.machine.followers.input(seat, text('under way'), 5_000, rig.now, outcomes.done('input under way'))
    rig.take()
    rig.lose()
    rig.machine.calls.request('a', text('1'), 5_000, rig.now, outcomes.done('a'))
    rig.machine.calls.publish('t', text('1'), '', false, 5_000, rig.now, outcomes.done('t'))
    rig.machine.calls.publish('u', text('1'), '', false, 60_000, rig.now, outcomes.done('u'))
    rig.machine.followers.input(seat, text('1'), 5_000, rig.now, outcomes.done('input'))
    rig.greet()
    // What the socket got is handed over before any timer runs.
    rig.now += 30_000
    rig.receive(welcomeOf({ resumed: true, calls: 1 }))
    rig.receive(joinedOf({ call: seat.call, recovered: true }))
    expect(rig.take().map(({ type }) => type)).toEqual(['publish', 'join'])
    expect(outcomes.all).toEqual([
      'under way TIMEOUT',
      'a NOT_SENT',
      't NOT_SENT',
      'input under way NOT_SENT',
      'input NOT_SENT',
    ])
  })

  it('that were sent and did not arrive are not sent again when their time is over', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live()
    rig.machine.calls.request('a', text('1'), 5_000, rig.now, outcomes.done('a'))
    rig.take()
    rig.lose()
    rig.greet()
    rig.now += 4_500
    rig.receive(welcomeOf({ resumed: true, calls: 0 }))
    expect([rig.take(), outcomes.all]).toEqual([[], ['a NOT_SENT']])
  })

  it('that waited leave the handler the rest of their time only', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.machine.calls.request('a', text('1'), 5_000, rig.now, () => {})
    rig.machine.calls.request('b', text('1'), Infinity, rig.now, () => {})
    rig.now += 3_000
    expect(rig.live()).toMatchObject([{ timeout: 2_000 }, { timeout: 0 }])
  })

  it('and inputs over four megabytes in all are BUSY, until some of them have ended', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live({ maxRequests: 1_000 })
    const { seat } = seated(rig)
    const large = { text: false, bytes: new Uint8Array(32_768) }
    rig.lose()
    for (let n = 0; n < 127; n++) rig.machine.calls.publish('t', large, '', false, 1_000, rig.now, () => {})
    const filling = new Outcomes()
    const fill = (): void =>
      filling.of('', (done) => rig.machine.followers.input(seat, text('x'.repeat(250)), 1_000, rig.now, done))
    for (let n = 0; n < 60; n++) fill()
    outcomes.of('publish', (done) => rig.machine.calls.publish('t', large, '', false, 1_000, rig.now, done))
    rig.machine.followers.input(seat, text('1'), 1_000, rig.now, outcomes.done('room for little'))
    for (let n = 0; n < 100; n++) fill()
    outcomes.of('input', (done) =>
      rig.machine.followers.input(seat, text('x'.repeat(250)), 1_000, rig.now, done),
    )
    expect(outcomes.all).toEqual(['publish BUSY', 'input BUSY'])
    rig.now += 1_000
    rig.machine.tick(rig.now)
    expect(outcomes.all).toHaveLength(3)
    rig.machine.calls.publish('t', large, '', false, 1_000, rig.now, outcomes.done('again'))
    rig.machine.followers.input(seat, text('x'.repeat(250)), 1_000, rig.now, outcomes.done('again'))
    expect(outcomes.all).toEqual(['publish BUSY', 'input BUSY', 'room for little NOT_SENT'])
  })

  it('on a resumed session keep waiting, and are sent again exactly if the node has not accepted them', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live()
    for (const name of ['a', 'b', 'c'])
      rig.machine.calls.request(name, text('1'), 60_000, rig.now, outcomes.done(name))
    rig.take()
    rig.lose()
    rig.machine.calls.request('d', text('1'), 60_000, rig.now, outcomes.done('d'))
    const sent = rig.live({ resumed: true, calls: 2 })
    expect(sent).toMatchObject([
      { type: 'request', call: 3, method: 'c' },
      { type: 'request', call: 4, method: 'd' },
    ])
    for (const call of [1, 2, 3, 4]) rig.receive({ type: 'reply', call, data: text('') })
    expect(outcomes.all).toHaveLength(4)
  })

  it('that were sent are UNKNOWN on another session; those that were not are sent then', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live()
    rig.machine.calls.request('a', text('1'), 60_000, rig.now, outcomes.done('a'))
    rig.take()
    rig.lose()
    rig.machine.calls.request('b', text('1'), 60_000, rig.now, outcomes.done('b'))
    expect(rig.live({ session: 's2' })).toMatchObject([{ type: 'request', method: 'b' }])
    expect(outcomes.all).toEqual(['a UNKNOWN'])
  })

  it('over the number at once are BUSY, publications counted', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live({ maxRequests: 2 })
    rig.machine.calls.request('a', text('1'), 60_000, rig.now, outcomes.done('a'))
    rig.machine.calls.publish('t', text('1'), '', false, 60_000, rig.now, outcomes.done('t'))
    outcomes.of('b', (done) => rig.machine.calls.request('b', text('1'), 60_000, rig.now, done))
    expect(outcomes.all).toEqual(['b BUSY'])
    expect(rig.take()).toHaveLength(2)
  })

  it('can be cancelled: the caller is told at once, the server as soon as may be', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live()
    const call = rig.machine.calls.request('a', text('1'), 60_000, rig.now, outcomes.done('a'))
    rig.machine.calls.cancel(call)
    rig.fail(call, 'CANCELLED')
    expect(outcomes.all).toEqual(['a CANCELLED'])
    expect(rig.take().map(({ type }) => type)).toEqual(['request', 'cancel'])
    rig.lose()
    const offline = rig.machine.calls.request('b', text('1'), 60_000, rig.now, outcomes.done('b'))
    rig.machine.calls.cancel(offline)
    expect(outcomes.all).toEqual(['a CANCELLED', 'b CANCELLED'])
    expect(rig.live({ resumed: true, calls: 1 })).toEqual([])
  })

  it('that no node would take are refused here, and the connection lives', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live()
    const large = { text: false, bytes: new Uint8Array(32_769) }
    const { machine, now } = rig
    outcomes.of('large request', (done) => machine.calls.request('a', large, 1_000, now, done))
    outcomes.of('large publication', (done) => machine.calls.publish('t', large, '', false, 1_000, now, done))
    outcomes.of('method', (done) => machine.calls.request('a b', text(''), 1_000, now, done))
    outcomes.of('topic', (done) => machine.calls.publish('a..b', text(''), '', false, 1_000, now, done))
    outcomes.of('key', (done) =>
      machine.calls.publish('t', text(''), 'ä'.repeat(128), false, 1_000, now, done),
    )
    expect(outcomes.all).toEqual([
      'large request TOO_LARGE',
      'large publication TOO_LARGE',
      'method BAD_NAME',
      'topic BAD_TOPIC',
      'key BAD_NAME',
    ])
    expect(rig.take()).toEqual([])
  })

  it('without a time limit of their own have the node’s', () => {
    const rig = new Rig()
    rig.live()
    rig.machine.calls.request('a', text(''), Infinity, rig.now, () => {})
    expect(rig.take()).toMatchObject([{ type: 'request', timeout: 0 }])
  })
})

describe('A packet', () => {
  it('carries many messages, and never more than may be: 1,024 and 64 KiB', () => {
    const rig = new Rig()
    rig.live({ maxRequests: 10_000 })
    for (let n = 0; n < 3_000; n++) rig.machine.calls.request('a', text(''), 1_000, rig.now, () => {})
    for (let n = 0; n < 10; n++)
      rig.machine.calls.request('a', { text: false, bytes: new Uint8Array(30_000) }, 1_000, rig.now, () => {})
    rig.machine.flush()
    const { packets } = rig
    expect(packets.every((packet) => packet.length <= 65_536)).toBe(true)
    expect(packets.length).toBeLessThanOrEqual(16)
    const calls = rig.takePackets().map((messages) => messages.length)
    expect(Math.max(...calls)).toBeLessThanOrEqual(1_024)
    expect(calls.reduce((sum, count) => sum + count, 0)).toBe(3_010)
  })

  it('subscribes to many topics at once, each packet within its limit', () => {
    const rig = new Rig()
    rig.live()
    const topics = Array.from({ length: 2_500 }, (_, n) => `stock.${n}.${'x'.repeat(n % 200)}`)
    for (const topic of topics) rig.machine.followers.read(topic, everything, new ReaderRecorder())
    rig.machine.flush()
    const { packets } = rig
    expect(packets.every((packet) => packet.length <= 65_536)).toBe(true)
    expect(packets.length).toBeLessThanOrEqual(30)
    const asked = rig.takeOf('subscribe')
    expect(asked.every((message) => message.topics.length <= 1_000)).toBe(true)
    expect(asked.flatMap((message) => message.topics.map(({ topic }) => topic))).toEqual(topics)
  })
})

function seated(rig: Rig): { seat: SeatMachine; listener: SeatRecorder; outcomes: Outcomes } {
  const listener = new SeatRecorder()
  const seat = rig.machine.followers.join('m', seatWish({ config: 'cfg' }), listener)
  rig.take()
  rig.receive(joinedOf({ call: seat.call }))
  listener.take()
  return { seat, listener, outcomes: new Outcomes() }
}

/** A seat that has sent inputs, of which nothing is known when its connection is lost. */
function lostAfter(...names: readonly string[]): { rig: Rig; seat: SeatMachine; outcomes: Outcomes } {
  const rig = new Rig()
  rig.live()
  const { seat, outcomes } = seated(rig)
  for (const name of names)
    rig.machine.followers.input(seat, text(name), 10_000, rig.now, outcomes.done(name))
  rig.take()
  rig.lose()
  return { rig, seat, outcomes }
}

describe('A seat', () => {
  it('joins, and delivers its frames in order, empty ones too', () => {
    const rig = new Rig()
    rig.live()
    const listener = new SeatRecorder()
    rig.machine.followers.join('m', seatWish({ spectator: true, config: 'cfg' }), listener)
    expect(rig.take()).toEqual([
      {
        type: 'join',
        call: 1,
        meeting: 'm',
        spectator: true,
        config: 'cfg',
        world: 0,
        next: 0,
        former: '',
        held: [],
      },
    ])
    rig.receive(joinedOf({ slot: 255 }), framesOf(1, [[[0, 1]], []]), framesOf(3, [[[1, 1]]]))
    expect(listener.heard).toEqual(['joined 255', '1[0:1]', '2[]', '3[1:1]'])
  })

  it('passes over frames it has, and drops the connection where one is missing without a gap', () => {
    const rig = new Rig()
    rig.live()
    const { listener } = seated(rig)
    rig.receive(framesOf(1, [[], []]), framesOf(2, [[], [[0, 1]]]))
    expect(listener.take()).toEqual(['1[]', '2[]', '3[0:1]'])
    rig.receive(
      { type: 'gap', log: 5, from: 4, to: 8, position: nowhere, reason: 'NO_SNAPSHOT' },
      framesOf(8, [[]]),
    )
    expect(listener.take()).toEqual(['gap 4-8 NO_SNAPSHOT', '8[]'])
    rig.receive(framesOf(10, [[]]), framesOf(11, [[]]))
    expect([rig.machine.phase, listener.take()]).toEqual(['waiting', []])
    expect(rig.live({ resumed: true })).toMatchObject([{ type: 'join', world: 77, next: 9 }])
  })

  it('hears, before it is joined again, what a resumed session still held of its meeting', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener, outcomes } = seated(rig)
    rig.machine.followers.input(seat, text('a'), 10_000, rig.now, outcomes.done('a'))
    rig.lose()
    const [join] = rig.live({ resumed: true })
    rig.receive({
      type: 'nack',
      log: 5,
      seq: 1,
      error: 'RATE',
      retryAfter: 0,
      last: 0,
      message: '',
      reason: '',
    })
    rig.receive({ type: 'direct', log: 5, data: text('b') })
    expect([outcomes.all, listener.take()]).toEqual([['a RATE'], ['direct b']])
    const call = join?.type === 'join' ? join.call : 0
    rig.receive(joinedOf({ call, seq: 1, recovered: true }))
    expect(seat.unanswered).toBe(0)
    rig.lose()
    rig.live({ resumed: true })
    rig.receive({ type: 'ended', log: 5, error: 'CLOSED', message: 'kicked' })
    expect(listener.take().at(-1)).toBe('ended CLOSED')
  })

  it('knows nothing by the number its meeting had in another session', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener } = seated(rig)
    rig.lose()
    rig.live({ session: 's2' })
    rig.lose()
    rig.live({ session: 's2', resumed: true })
    rig.receive(framesOf(1, [[]]), { type: 'direct', log: 5, data: text('another meeting') })
    expect(listener.take()).toEqual([])
    rig.lose()
    rig.machine.followers.leave(seat)
    expect(rig.live({ session: 's2', resumed: true })).toEqual([])
  })

  it('that is left, or refused, before it is joined again hears nothing more', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener } = seated(rig)
    rig.lose()
    rig.live({ resumed: true })
    rig.machine.followers.leave(seat)
    listener.take()
    const other = seated(rig)
    rig.lose()
    const joins = rig.live({ resumed: true })
    const call = joins.flatMap((message) => (message.type === 'join' ? [message.call] : []))[0] ?? 0
    rig.fail(call, 'FORBIDDEN')
    other.listener.take()
    rig.receive(framesOf(1, [[]]), { type: 'direct', log: 5, data: text('b') })
    expect([listener.take(), other.listener.take()]).toEqual([[], []])
  })

  it('answers an input with the frame that holds it or the node’s reason', () => {
    const rig = new Rig()
    rig.live()
    const { seat, outcomes } = seated(rig)
    rig.receive(framesOf(1, [[]]))
    for (const name of ['a', 'b', 'c'])
      rig.machine.followers.input(seat, text(name), 10_000, rig.now, outcomes.done(name))
    expect(rig.take()).toMatchObject(
      [1, 2, 3].map((seq) => ({ type: 'input', log: 5, seq, after: seq - 1, seen: 1 })),
    )
    rig.receive({
      type: 'nack',
      log: 5,
      seq: 2,
      error: 'RATE',
      retryAfter: 10,
      last: 0,
      message: '',
      reason: '',
    })
    rig.receive(
      framesOf(2, [
        [
          [1, 1],
          [0, 1],
        ],
        [[0, 3]],
      ]),
    )
    expect(outcomes.all).toEqual(['b RATE', 'a 2', 'c 3'])
    expect(seat.unanswered).toBe(0)
  })

  it('joins again after a loss where it was, and sends again only the inputs that did not arrive', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener, outcomes } = seated(rig)
    for (const name of ['a', 'b', 'c'])
      rig.machine.followers.input(seat, text(name), 10_000, rig.now, outcomes.done(name))
    rig.take()
    rig.lose()
    rig.machine.followers.input(seat, text('d'), 10_000, rig.now, outcomes.done('d'))
    const [join] = rig.live({ resumed: true, calls: 1 })
    expect(join).toMatchObject({ type: 'join', world: 77, next: 1 })
    rig.machine.followers.input(seat, text('e'), 10_000, rig.now, outcomes.done('e'))
    expect(rig.take()).toEqual([])
    rig.receive(joinedOf({ call: seat.call, log: 6, head: 1, seq: 2, recovered: true, continued: true }))
    expect(rig.takeOf('input').map(({ log, seq }) => [log, seq])).toEqual([
      [6, 3],
      [6, 4],
      [6, 5],
    ])
    rig.receive({
      ...framesOf(1, [
        [
          [0, 1],
          [0, 2],
        ],
        [
          [0, 3],
          [0, 4],
          [0, 5],
        ],
      ]),
      log: 6,
    })
    expect(outcomes.all).toEqual(['a 1', 'b 1', 'c 2', 'd 2', 'e 2'])
    expect(listener.take()).toEqual(['joined 0', '1[0:1 0:2]', '2[0:3 0:4 0:5]'])
  })

  it('does not know of inputs that were answered in frames it will not get', () => {
    const { rig, seat, outcomes } = lostAfter('a', 'b')
    rig.live({ resumed: true })
    rig.receive(joinedOf({ call: seat.call, seq: 1, recovered: false, reason: 'NO_SNAPSHOT', next: 50 }))
    expect(outcomes.all).toEqual(['a UNKNOWN'])
    expect(rig.takeOf('input')).toMatchObject([{ seq: 2 }])
  })

  it('does not know of inputs whose refusal was in a part of the session log that is lost', () => {
    const { rig, seat, outcomes } = lostAfter('a', 'b')
    rig.live({ resumed: true, received: 99 })
    rig.receive(joinedOf({ call: seat.call, seq: 1, recovered: true }))
    expect(outcomes.all).toEqual(['a UNKNOWN'])
    expect(rig.takeOf('input')).toMatchObject([{ seq: 2 }])
  })

  it('nor of those whose refusal was lost before an earlier connection, on which it has not joined', () => {
    const { rig, seat, outcomes } = lostAfter('refused', 'framed', 'waits', 'late')
    // Its session has gone to another node, and goes on there.
    for (let connection = 2; connection <= 3; connection++) {
      if (connection > 2) rig.lose()
      expect(rig.live({ resumed: true, publisher: 2, received: 99 })).toMatchObject([{ type: 'join' }])
    }
    const parts = { head: 2, seq: 3, recovered: true, continued: true, waiting: [{ seq: 3 }] }
    rig.receive(joinedOf({ call: seat.call, ...parts }))
    expect(rig.takeOf('input')).toMatchObject([{ seq: 4 }])
    rig.receive(framesOf(1, [[]]))
    expect(outcomes.all).toEqual([])
    rig.receive(framesOf(2, [[[0, 2]]]))
    expect(outcomes.all).toEqual(['framed 2', 'refused UNKNOWN'])
    rig.receive(framesOf(3, [[[0, 3]], [[0, 4]]]))
    expect(outcomes.all.slice(2)).toEqual(['waits 3', 'late 4'])
    expect(seat.unanswered).toBe(0)
  })

  it('takes no other’s inputs for its own where its session gets the slot back, though nobody told of its loss', () => {
    const { rig, seat, outcomes } = lostAfter('a', 'b', 'c')
    rig.machine.followers.input(seat, text('d'), 10_000, rig.now, outcomes.done('d'))
    rig.live({ resumed: true, publisher: 2 })
    // Its seat has expired; somebody else was in slot 0 and has sent 1 and 2.
    rig.receive(joinedOf({ call: seat.call, head: 3, seq: 2, recovered: true }))
    expect(rig.takeOf('input').map(({ seq, after }) => [seq, after])).toEqual([
      [3, 2],
      [4, 3],
    ])
    rig.receive(framesOf(1, [[[0, 1]], [[0, 2]], [], [[0, 3]], [[0, 4]]]))
    expect(outcomes.all).toEqual(['a UNKNOWN', 'b UNKNOWN', 'c 4', 'd 5'])
  })

  it.each([
    ['another world', { world: 78 }, 'NEW_EPOCH'],
    ['another slot', { slot: 3 }, ''],
  ] as const)(
    'in %s does not know of any input under way, and counts on from what the node has',
    (_, parts, reason) => {
      const rig = new Rig()
      rig.live()
      const { seat, listener, outcomes } = seated(rig)
      rig.machine.followers.input(seat, text('a'), 10_000, rig.now, outcomes.done('a'))
      rig.receive(framesOf(1, [[]]))
      rig.take()
      rig.lose()
      rig.live()
      rig.receive(joinedOf({ call: seat.call, seq: 4, reason, recovered: reason === '', ...parts }))
      expect(outcomes.all).toEqual(['a UNKNOWN'])
      rig.machine.followers.input(seat, text('b'), 10_000, rig.now, outcomes.done('b'))
      expect(rig.takeOf('input')).toMatchObject([{ seq: 5 }])
      rig.receive(reason === '' ? framesOf(2, [[]]) : framesOf(1, [[]]))
      expect(listener.heard.at(-1)).toBe(reason === '' ? '2[]' : '1[]')
    },
  )

  it('in another session takes no other’s inputs for its own, though it got the same slot', () => {
    const { rig, seat, outcomes } = lostAfter('a', 'b', 'c')
    // Its session ended; somebody else had slot 0 and used seqs 1 to 9.
    rig.live({ session: 's2' })
    rig.receive(joinedOf({ call: seat.call, seq: 9, recovered: true }))
    rig.receive(framesOf(1, [[[0, 1]], [[0, 9]]]))
    expect(outcomes.all).toEqual(['a UNKNOWN', 'b UNKNOWN', 'c UNKNOWN'])
    rig.machine.followers.input(seat, text('d'), 10_000, rig.now, outcomes.done('d'))
    expect(rig.takeOf('input')).toMatchObject([{ seq: 10 }])
  })

  it('waits for its connection as long as each input may, and for a frame of each that was sent', () => {
    const rig = new Rig()
    rig.live()
    const { seat, outcomes } = seated(rig)
    rig.machine.followers.input(seat, text('a'), 4_000, rig.now, outcomes.done('sent'))
    rig.take()
    rig.advance(6_000)
    expect(outcomes.all).toEqual(['sent TIMEOUT'])
    rig.lose()
    rig.machine.followers.input(seat, text('b'), 4_000, rig.now, outcomes.done('waiting'))
    rig.machine.followers.input(seat, text('c'), 9_000, rig.now, outcomes.done('longer'))
    rig.greet()
    rig.advance(0)
    rig.advance(4_000)
    expect(outcomes.all).toEqual(['sent TIMEOUT', 'waiting NOT_SENT'])
    rig.receive(welcomeOf({ resumed: true }))
    rig.receive(joinedOf({ call: seat.call, seq: 0, recovered: true }))
    expect(rig.takeOf('input').map(({ seq }) => seq)).toEqual([3])
    expect(seat.unanswered).toBe(1)
  })

  it('does not carry what it has not sent into another run of the meeting', () => {
    const rig = new Rig()
    rig.live()
    const { seat, outcomes } = seated(rig)
    rig.machine.followers.input(seat, text('a'), 10_000, rig.now, outcomes.done('sent'))
    rig.take()
    rig.lose()
    rig.machine.followers.input(seat, text('b'), 10_000, rig.now, outcomes.done('waiting'))
    rig.live()
    rig.receive(joinedOf({ call: seat.call, world: 78, reason: 'NEW_EPOCH' }))
    expect(outcomes.all).toEqual(['sent UNKNOWN', 'waiting NOT_SENT'])
    expect(rig.takeOf('input')).toEqual([])
  })

  it('refuses inputs of a spectator, too large ones, too many and those after its end', () => {
    const rig = new Rig()
    rig.live()
    const { seat, outcomes } = seated(rig)
    const large = { text: false, bytes: new Uint8Array(257) }
    outcomes.of('large', (done) => rig.machine.followers.input(seat, large, 10_000, rig.now, done))
    for (let n = 0; n < 1_000; n++) rig.machine.followers.input(seat, text('x'), 10_000, rig.now, () => {})
    outcomes.of('many', (done) => rig.machine.followers.input(seat, text('x'), 10_000, rig.now, done))
    const watcher = rig.machine.followers.join('w', seatWish({ spectator: true }), new SeatRecorder())
    outcomes.of('watcher', (done) => rig.machine.followers.input(watcher, text('x'), 10_000, rig.now, done))
    rig.machine.followers.leave(seat)
    outcomes.of('left', (done) => rig.machine.followers.input(seat, text('x'), 10_000, rig.now, done))
    expect(outcomes.all).toEqual(['large TOO_LARGE', 'many BUSY', 'watcher READ_ONLY', 'left NOT_JOINED'])
  })

  it('that is refused ends with the reason', () => {
    const rig = new Rig()
    rig.live()
    const listener = new SeatRecorder()
    const seat = rig.machine.followers.join('m', seatWish(), listener)
    rig.fail(seat.call, 'FULL')
    expect(listener.heard).toEqual(['ended FULL'])
    rig.lose()
    expect(rig.live({ resumed: true })).toEqual([])
  })

  it('ends when the node says so, with its inputs; what was on its way is passed over', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener, outcomes } = seated(rig)
    rig.machine.followers.input(seat, text('a'), 10_000, rig.now, outcomes.done('a'))
    rig.receive({ type: 'ended', log: 5, error: 'CLOSED', message: '' }, framesOf(1, [[]]))
    expect([listener.heard, outcomes.all]).toEqual([['ended CLOSED'], ['a UNKNOWN']])
    expect(rig.machine.phase).toBe('live')
  })

  it('is one per meeting', () => {
    const rig = new Rig()
    rig.live()
    const { seat } = seated(rig)
    expect(() => rig.machine.followers.join('m', seatWish(), new SeatRecorder())).toThrow(/followed already/)
    rig.machine.followers.leave(seat)
    rig.machine.followers.leave(seat)
    rig.machine.followers.join('m', seatWish(), new SeatRecorder())
    expect(rig.take().map(({ type }) => type)).toEqual(['leave', 'join'])
  })

  it('left while there is no connection is left on the next one, before it may be joined anew', () => {
    const rig = new Rig()
    rig.live()
    const { seat } = seated(rig)
    rig.lose()
    rig.machine.followers.leave(seat)
    rig.machine.followers.join('m', seatWish(), new SeatRecorder())
    expect(rig.live({ resumed: true })).toMatchObject([
      { type: 'leave', log: 5 },
      { type: 'join', meeting: 'm', world: 0 },
    ])
    rig.lose()
    // Where it was lost on its way, it is said again.
    expect(rig.live({ resumed: true }).map(({ type }) => type)).toEqual(['leave', 'join'])
    rig.lose()
    expect(rig.live({ resumed: true, calls: 9 }).map(({ type }) => type)).toEqual(['join'])
  })

  it('left while there is no connection needs no leaving in another session', () => {
    const rig = new Rig()
    rig.live()
    const { seat } = seated(rig)
    rig.lose()
    rig.machine.followers.leave(seat)
    expect(rig.live({ session: 's2' })).toEqual([])
  })

  it('left before the node has answered its join is left when it does', () => {
    const rig = new Rig()
    rig.live()
    const listener = new SeatRecorder()
    const seat = rig.machine.followers.join('m', seatWish(), listener)
    expect(rig.take().map(({ type }) => type)).toEqual(['join'])
    const { call } = seat
    rig.machine.followers.leave(seat)
    rig.receive(joinedOf({ call }), framesOf(1, [[]]))
    expect(rig.take()).toMatchObject([{ type: 'leave', log: 5 }])
    expect(listener.heard).toEqual(['ended CLOSED'])
  })

  it('left before its join has gone out was never there', () => {
    const rig = new Rig()
    rig.live()
    rig.machine.followers.leave(rig.machine.followers.join('m', seatWish(), new SeatRecorder()))
    expect(rig.take()).toEqual([])
  })

  it('left between the welcome and its next join is left', () => {
    const rig = new Rig()
    rig.live()
    const { seat } = seated(rig)
    rig.lose()
    rig.greet()
    rig.receive(welcomeOf({ resumed: true, calls: 9, received: 1 }))
    rig.machine.followers.leave(seat)
    expect(rig.take()).toMatchObject([{ type: 'leave', log: 5 }])
  })

  it('sends what waited before what is sent when it is joined again', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener, outcomes } = seated(rig)
    rig.lose()
    rig.machine.followers.input(seat, text('old'), 60_000, rig.now, outcomes.done('old'))
    rig.live({ resumed: true, calls: 9, received: 1 })
    listener.joined = () =>
      rig.machine.followers.input(seat, text('new'), 60_000, rig.now, outcomes.done('new'))
    rig.receive(joinedOf({ call: seat.call, recovered: true }))
    expect(rig.takeOf('input').map(({ seq }) => seq)).toEqual([1, 2])
  })

  it('ends once, whatever its listener does', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener } = seated(rig)
    const ended = listener.ended.bind(listener)
    listener.ended = (error) => {
      ended(error)
      rig.machine.followers.leave(seat)
    }
    rig.machine.close()
    expect(listener.take().filter((heard) => heard.startsWith('ended'))).toEqual(['ended CLOSED'])
  })

  it('hears no frame after it was left, though it came in the same packet', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener } = seated(rig)
    listener.take()
    const frame = listener.frame.bind(listener)
    listener.frame = (each) => {
      frame(each)
      rig.machine.followers.leave(seat)
    }
    rig.receive(framesOf(1, [[], [], []]))
    expect(listener.take()).toEqual(['1[]', 'ended CLOSED'])
  })

  it('kicked while it was away is not taken again', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener } = seated(rig)
    rig.lose()
    rig.greet()
    rig.receive(welcomeOf({ resumed: true, calls: 9, received: 1 }), {
      type: 'ended',
      log: seat.lastLog,
      error: 'CLOSED',
      message: 'kicked',
    })
    expect([rig.takeOf('join'), listener.heard.at(-1)]).toEqual([[], 'ended CLOSED'])
  })

  it('left while it was joining again is left once, and not again when it is joined anew', () => {
    const rig = new Rig()
    rig.live()
    const { seat } = seated(rig)
    rig.lose()
    rig.live({ resumed: true })
    const { call } = seat
    rig.machine.followers.leave(seat)
    rig.receive(joinedOf({ call, recovered: true }))
    expect(rig.take()).toMatchObject([{ type: 'leave', log: 5 }])
    const again = rig.machine.followers.join('m', seatWish(), new SeatRecorder())
    rig.take()
    rig.receive(joinedOf({ call: again.call }))
    rig.lose()
    expect(rig.live({ resumed: true, calls: 9 }).map(({ type }) => type)).toEqual(['join'])
  })
})

function reading(rig: Rig, parts: Partial<typeof everything> = {}): ReaderRecorder {
  const listener = new ReaderRecorder()
  const reader = rig.machine.followers.read('t', { ...everything, ...parts }, listener)
  rig.take()
  rig.receive(subscribedOf({ call: reader.call, position: positionOf(4, [[1, 3]]) }))
  listener.take()
  return listener
}

describe('A reader', () => {
  it('subscribes as it was asked to, and delivers what comes after its position', () => {
    const rig = new Rig()
    rig.live()
    const listener = new ReaderRecorder()
    const wish = { conflate: true, maxHz: 5, keys: ['a', 'b'], policy: 'conflate' } as const
    rig.machine.followers.read('t', wish, listener)
    expect(rig.take()).toEqual([
      {
        type: 'subscribe',
        call: 1,
        topics: [
          {
            topic: 't',
            since: nowhere,
            history: 0,
            conflate: true,
            maxHz: 5,
            policy: 1,
            keys: [{ key: 'a' }, { key: 'b' }],
          },
        ],
      },
    ])
    rig.receive(subscribedOf({ position: positionOf(4, [[1, 3]]) }))
    rig.receive({ type: 'publishers', first: 1, publishers: [{ publisher: 2 }] })
    rig.receive(
      publicationsOf([{ number: 3 }, { number: 4, key: 'a' }, { number: 5, key: 'a', tombstone: true }]),
    )
    rig.receive(publicationsOf([{ number: 5 }, { publisher: 1, number: 1 }]))
    expect(listener.heard).toEqual(['subscribed', 'a#4', 'a-#5', '#1'])
  })

  it('goes on from its position after a loss, gaps included', () => {
    const rig = new Rig()
    rig.live()
    const listener = reading(rig)
    rig.receive({ type: 'publishers', first: 1, publishers: [{ publisher: 2 }] })
    rig.receive(publicationsOf([{ number: 4 }, { publisher: 1, number: 7 }]))
    const position = positionOf(9, [[1, 7]])
    rig.receive({ type: 'gap', log: 9, from: 6, to: 9, position, reason: 'SLOW' })
    expect(listener.take()).toEqual(['#4', '#7', 'gap 3 SLOW'])
    rig.lose()
    const [subscribe] = rig.live({ resumed: true, calls: 1 })
    expect(subscribe).toMatchObject({
      topics: [
        {
          // The publisher that was heard of last is the last one.
          since: positionOf(9, [
            [2, 7],
            [1, 7],
          ]),
        },
      ],
    })
  })

  it('begins as many entries back as it was asked to, and goes on from its position after a loss', () => {
    const rig = new Rig()
    rig.live()
    const listener = new ReaderRecorder()
    const reader = rig.machine.followers.read('t', { ...everything, history: 20 }, listener)
    expect(reader.position).toBeNull()
    expect(rig.takeOf('subscribe')[0]?.topics).toMatchObject([{ since: nowhere, history: 20 }])
    // Lost before the answer: nothing was read yet.
    rig.lose()
    const [again] = rig.live({ resumed: true })
    expect(again).toMatchObject({ topics: [{ since: nowhere, history: 20 }] })
    rig.receive(subscribedOf({ call: reader.call, position: positionOf(4, [[1, 3]]) }))
    rig.receive(publicationsOf([{ number: 4 }]))
    rig.lose()
    const [third] = rig.live({ resumed: true })
    expect(third).toMatchObject({ topics: [{ since: positionOf(5, [[1, 4]]), history: 0 }] })
    expect(listener.heard).toEqual(['subscribed', '#4'])
  })

  it('begins where another one stood, and is told what is missing since', () => {
    const rig = new Rig()
    rig.live()
    const listener = new ReaderRecorder()
    const reader = rig.machine.followers.read(
      't',
      { ...everything, since: positionOf(4, [[1, 3]]) },
      listener,
    )
    expect(rig.takeOf('subscribe')[0]?.topics).toMatchObject([{ since: positionOf(4, [[1, 3]]) }])
    expect(reader.position).toEqual(positionOf(4, [[1, 3]]))
    rig.receive(subscribedOf({ call: reader.call, position: positionOf(10, [[1, 9]]), reason: 'RETENTION' }))
    expect(listener.take()).toEqual(['subscribed', 'gap 6 RETENTION'])
    expect(reader.position).toEqual(positionOf(10, [[1, 9]]))
  })

  it('keeps a position that can be sent, however many runs of nodes it has read', () => {
    const rig = new Rig()
    rig.live()
    const listener = new ReaderRecorder()
    const reader = rig.machine.followers.read('t', everything, listener)
    rig.take()
    rig.receive(subscribedOf({ call: reader.call }))
    for (let index = 1; index <= 70; index++) {
      rig.receive({ type: 'publishers', first: index, publishers: [{ publisher: 100 + index }] })
      rig.receive(publicationsOf([{ publisher: index, at: index }]))
    }
    expect(reader.position?.numbers).toHaveLength(64)
    expect(reader.position?.numbers.at(-1)).toEqual([170, 1])
    rig.lose()
    const [subscribe] = rig.live({ resumed: true })
    expect(subscribe).toMatchObject({ topics: [{ since: reader.position }] })
  })

  it('is told of a hole once, and gets nothing again, where it resumes before an entry behind it that it has', () => {
    const rig = new Rig()
    rig.live()
    const listener = reading(rig)
    const hole = { type: 'gap', from: 5, to: 5, position: positionOf(5, [[2, 8]]), reason: 'BUS' } as const
    const named = { type: 'publishers', first: 1, publishers: [{ publisher: 2 }] } as const
    rig.receive(named, publicationsOf([{ publisher: 1, at: 4, number: 7 }]))
    rig.receive({ ...hole, log: 9 })
    rig.receive(publicationsOf([{ publisher: 1, at: 5, number: 9 }]))
    expect(listener.take()).toEqual(['#7', 'gap 0 BUS', '#9'])
    rig.lose()
    const [subscribe] = rig.live({ resumed: true })
    const call = subscribe?.type === 'subscribe' ? subscribe.call : 0
    rig.receive(subscribedOf({ call, log: 10, position: positionOf(5, [[2, 9]]), recovered: true }))
    rig.receive({ ...hole, log: 10 })
    rig.receive(named, publicationsOf([{ publisher: 1, at: 5, number: 9 }, { number: 1 }], 10))
    expect(listener.take()).toEqual(['subscribed', '#1'])
  })

  it('is told what could not be recovered', () => {
    const rig = new Rig()
    rig.live()
    const listener = reading(rig)
    rig.lose()
    const [subscribe] = rig.live({ resumed: true })
    const call = subscribe?.type === 'subscribe' ? subscribe.call : 0
    rig.receive(subscribedOf({ call, log: 10, position: positionOf(7, [[1, 6]]), reason: 'RETENTION' }))
    rig.receive(publicationsOf([{ number: 7 }], 10))
    expect(listener.take()).toEqual(['subscribed', 'gap 3 RETENTION', '#7'])
  })

  it('stands where it is told to, though it is given nothing', () => {
    const rig = new Rig()
    rig.live()
    const listener = reading(rig)
    rig.receive({ type: 'publications', log: 9, at: 8, publications: new Uint8Array(0) })
    rig.lose()
    expect(rig.live({ resumed: true })[0]).toMatchObject({ topics: [{ since: positionOf(8, [[1, 3]]) }] })
    expect(listener.take()).toEqual([])
  })

  it('is told by a gap that latest values take the place of what it missed, and how many are missing where known', () => {
    const rig = new Rig()
    rig.live()
    const listener = reading(rig, { policy: 'conflate' })
    rig.receive({ type: 'gap', log: 9, from: 4, to: 9, position: positionOf(4), reason: 'SLOW' })
    rig.receive(publicationsOf([{ number: 7 }]))
    expect(listener.take()).toEqual(['gap 0 SLOW', '#7'])
    rig.lose()
    expect(rig.live({ resumed: true })[0]).toMatchObject({ topics: [{ since: positionOf(8, [[1, 7]]) }] })
  })

  it('of some keys does not know how many of them it missed', () => {
    const rig = new Rig()
    rig.live()
    const listener = reading(rig, { keys: ['a'] })
    rig.receive({ type: 'gap', log: 9, from: 4, to: 9, position: positionOf(9), reason: 'SLOW' })
    expect(listener.take()).toEqual(['gap 0 SLOW'])
  })

  it('gives up a connection that names publishers out of order, or not at all', () => {
    for (const message of [
      { type: 'publishers', first: 2, publishers: [{ publisher: 2 }] },
      publicationsOf([{ publisher: 1 }]),
    ] as const) {
      const rig = new Rig()
      rig.live()
      reading(rig)
      rig.receive(message)
      expect(rig.machine.phase).toBe('waiting')
    }
  })

  it('that is to begin anew takes values again that it had', () => {
    const rig = new Rig()
    rig.live()
    const listener = reading(rig, { conflate: true })
    rig.receive(publicationsOf([{ number: 4, key: 'a' }]))
    rig.receive({ type: 'gap', log: 9, from: 5, to: 5, position: positionOf(0), reason: 'RETENTION' })
    rig.receive(publicationsOf([{ number: 4, key: 'a' }]))
    expect(listener.take()).toEqual(['a#4', 'gap 0 RETENTION', 'a#4'])
  })

  it('that is refused ends with the reason, and the others of its call do not', () => {
    const rig = new Rig()
    rig.live()
    const listeners = ['a', 'b', 'c'].map((topic) => {
      const listener = new ReaderRecorder()
      rig.machine.followers.read(topic, everything, listener)
      return listener
    })
    const [subscribe] = rig.take()
    const call = subscribe?.type === 'subscribe' ? subscribe.call : 0
    rig.fail(call, 'FORBIDDEN', 1)
    rig.receive(
      subscribedOf({ call, topic: 'a', log: 1 }),
      subscribedOf({ call, index: 2, topic: 'c', log: 2 }),
    )
    expect(listeners.map(({ heard }) => heard)).toEqual([
      ['subscribed'],
      ['failed FORBIDDEN'],
      ['subscribed'],
    ])
    rig.receive({ type: 'ended', log: 2, error: 'FORBIDDEN', message: '' })
    expect(listeners[2]?.heard).toEqual(['subscribed', 'failed FORBIDDEN'])
  })

  it('that stops says so; before the node has answered, when it does; without a connection, not at all', () => {
    const rig = new Rig()
    rig.live()
    const one = rig.machine.followers.read('t', everything, new ReaderRecorder())
    rig.take()
    rig.receive(subscribedOf({ call: one.call }))
    rig.machine.followers.leave(one)
    rig.machine.followers.leave(one)
    expect(rig.take()).toMatchObject([{ type: 'unsubscribe', logs: [{ log: 9 }] }])
    const two = rig.machine.followers.read('t', everything, new ReaderRecorder())
    rig.take()
    rig.machine.followers.leave(two)
    rig.receive(subscribedOf({ call: two.call }))
    expect(rig.take()).toMatchObject([{ type: 'unsubscribe', logs: [{ log: 9 }] }])
    const three = rig.machine.followers.read('t', everything, new ReaderRecorder())
    rig.machine.followers.leave(three)
    expect(rig.take()).toEqual([])
    const four = rig.machine.followers.read('t', everything, new ReaderRecorder())
    rig.lose()
    rig.machine.followers.leave(four)
    expect(rig.live({ resumed: true })).toEqual([])
  })

  it('is one per topic', () => {
    const rig = new Rig()
    rig.live()
    rig.machine.followers.read('t', everything, new ReaderRecorder())
    expect(() => rig.machine.followers.read('t', everything, new ReaderRecorder())).toThrow(
      /followed already/,
    )
  })
})
