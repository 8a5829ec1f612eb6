import { describe, expect, it } from 'vitest'
import type { SeatMachine } from '../../../src/client/machine/index.ts'
import { RtmsError } from '../../../src/protocol/index.ts'
import {
  everything,
  framesOf,
  joinedOf,
  Outcomes,
  ReaderRecorder,
  Rig,
  SeatRecorder,
  seatWish,
  subscribedOf,
  text,
  textOf,
  welcomeOf,
} from './rig.ts'

const urls = (rig: Rig): string[] => rig.opened.map(({ url }) => url)

/** A client that is live on node A and will be given tickets for node B. */
function onNodeA(): Rig {
  const rig = new Rig()
  rig.machine.start(rig.now)
  rig.giveTicket(3_600_000, { url: 'ws://a' })
  rig.live()
  return rig
}

const goodbye = (code: number, retryAfter = 0) =>
  ({ type: 'goodbye', code, reason: '', retryAfter, route: '', least: 1, most: 1 }) as const

describe('A kept address is a guess', () => {
  it.each([
    ['DRAINING', (rig: Rig) => rig.lose(4454)],
    ['MOVED', (rig: Rig) => rig.lose(4452)],
    [
      'a goodbye that says DRAINING, whatever became of the close code behind it',
      (rig: Rig) => {
        rig.receive(goodbye(4454, 300))
        rig.lose(1006)
      },
    ],
    [
      'a goodbye that says MOVED, and no close at all behind it',
      (rig: Rig) => {
        rig.receive(goodbye(4452))
        rig.advance(1_000)
      },
    ],
  ])('after %s a fresh ticket is asked for at once', (_, lose) => {
    const rig = onNodeA()
    lose(rig)
    rig.wait()
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['ticket', 2])
    rig.giveTicket(3_600_000, { url: 'ws://b' })
    expect(urls(rig)).toEqual(['ws://a', 'ws://b'])
  })

  it.each([
    ['refused', (rig: Rig) => rig.lose()],
    ['not answered', (rig: Rig) => rig.advance(10_000)],
    [
      'closed before the welcome',
      (rig: Rig) => {
        rig.machine.handleOpen(rig.attempt)
        rig.lose(4455)
      },
    ],
  ])('after two attempts in a row that were %s a fresh ticket is asked for', (_, fail) => {
    const rig = onNodeA()
    rig.lose()
    for (let attempt = 0; attempt < 2; attempt++) {
      rig.wait()
      expect([rig.machine.phase, rig.tickets.length]).toEqual(['opening', 1])
      fail(rig)
    }
    if (rig.machine.phase === 'waiting') rig.wait()
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['ticket', 2])
    rig.giveTicket(3_600_000, { url: 'ws://b' })
    expect(urls(rig)).toEqual(['ws://a', 'ws://a', 'ws://a', 'ws://b'])
    // The fresh one has its two attempts as well.
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(rig.machine.phase).toBe('opening')
      rig.lose()
      rig.wait()
    }
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['ticket', 3])
  })

  it('a welcome in between says that the address is good', () => {
    const rig = onNodeA()
    for (let n = 0; n < 5; n++) {
      rig.lose()
      rig.wait()
      rig.lose()
      rig.live()
    }
    expect(rig.tickets).toHaveLength(1)
  })

  it('is tried again where no fresh ticket is to be had and the kept one is good still', () => {
    for (const none of [
      (rig: Rig) => rig.machine.handleNoTicket(rig.tickets.at(-1) ?? 0, new RtmsError('BUSY'), rig.now),
      // getTicket never answers.
      (rig: Rig) => rig.advance(10_000),
    ]) {
      const rig = onNodeA()
      rig.lose(4454)
      rig.wait()
      none(rig)
      expect([rig.machine.phase, urls(rig)]).toEqual(['opening', ['ws://a', 'ws://a']])
      rig.lose()
      expect(rig.machine.phase).toBe('waiting')
      rig.wait()
      expect([rig.machine.phase, rig.tickets.length]).toEqual(['ticket', 3])
      none(rig)
      rig.live({ resumed: true })
      expect(rig.machine.phase).toBe('live')
    }
  })

  it('tells why there was no fresh ticket, where the kept one led nowhere either', () => {
    const rig = onNodeA()
    rig.lose(4454)
    rig.wait()
    rig.machine.handleNoTicket(rig.tickets.at(-1) ?? 0, new RtmsError('FORBIDDEN'), rig.now)
    rig.lose()
    expect(rig.phases.at(-1)).toEqual(['waiting', 'FORBIDDEN'])
  })

  it('is not tried with a ticket that has expired or was refused', () => {
    for (const code of [4401, 4451]) {
      const rig = onNodeA()
      rig.lose(code)
      rig.wait()
      rig.machine.handleNoTicket(rig.tickets.at(-1) ?? 0, new RtmsError('BUSY'), rig.now)
      expect(rig.machine.phase).toBe('waiting')
    }
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(60_000)
    rig.live()
    rig.now += 61_000
    rig.lose()
    rig.wait()
    rig.machine.handleNoTicket(rig.tickets.at(-1) ?? 0, new RtmsError('BUSY'), rig.now)
    expect(rig.machine.phase).toBe('waiting')
  })

  it('a ticket for another node that comes while the client is live renews the token here, and leads there later', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(120_000, { url: 'ws://a' })
    rig.live({ heartbeat: 1_000_000 })
    rig.advance(90_000)
    rig.giveTicket(120_000, { url: 'ws://b', token: 'fresh' })
    const [refresh] = rig.takeOf('refresh')
    expect(refresh).toMatchObject({ token: 'fresh' })
    rig.receive({ type: 'done', call: refresh?.call ?? 0, value: 0 })
    expect(rig.machine.phase).toBe('live')
    rig.lose()
    rig.wait()
    expect(urls(rig)).toEqual(['ws://a', 'ws://b'])
  })

  it('is renewed in time also where it was doubted and led to a welcome after all', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(120_000)
    rig.live({ heartbeat: 1_000_000 })
    rig.lose(4454)
    rig.wait()
    rig.machine.handleNoTicket(rig.tickets.at(-1) ?? 0, new RtmsError('BUSY'), rig.now)
    rig.live({ heartbeat: 1_000_000, resumed: true })
    const before = rig.tickets.length
    rig.advance(90_000)
    expect([rig.machine.phase, rig.tickets.length - before]).toEqual(['live', 1])
  })
})

describe('A goodbye', () => {
  it('that is final ends the client though its close code was lost, and though no close came at all', () => {
    for (const lose of [(rig: Rig) => rig.lose(1006), (rig: Rig) => rig.advance(16_000)]) {
      const rig = onNodeA()
      rig.receive(goodbye(4404))
      lose(rig)
      expect(rig.phases.at(-1)?.[0]).toBe('closed')
    }
  })

  it('is waited for no longer than a second until the connection closes', () => {
    for (const reach of [(rig: Rig) => rig.live(), (rig: Rig) => rig.greet()]) {
      const rig = new Rig()
      reach(rig)
      const phase = rig.machine.phase
      rig.receive(goodbye(4455))
      rig.advance(999)
      expect([rig.machine.phase, rig.closed]).toEqual([phase, []])
      rig.advance(1)
      expect([rig.machine.phase, rig.closed.length]).toEqual(['waiting', 1])
    }
  })

  it('of a code that this version does not know is read by its range', () => {
    for (const [code, phase] of [
      [4449, 'closed'],
      [4499, 'waiting'],
    ] as const) {
      const rig = onNodeA()
      rig.receive(goodbye(code))
      rig.lose(1006)
      expect(rig.machine.phase).toBe(phase)
    }
  })

  it('of an earlier connection says nothing of the next one', () => {
    const rig = onNodeA()
    rig.receive(goodbye(4450))
    rig.lose(1006)
    rig.live({ resumed: true })
    rig.receive(goodbye(1000))
    rig.lose(1006)
    expect(rig.machine.phase).toBe('waiting')
  })
})

describe('A client whose clock is off', () => {
  it('comes back, with growing waits, however often its fresh ticket has expired for the node', () => {
    const rig = new Rig()
    rig.live()
    rig.chance = 0.999_999_999
    const waits: number[] = []
    for (let n = 1; n <= 6; n++) {
      rig.lose(4451)
      waits.push(Math.round(rig.machine.deadline - rig.now))
      rig.greet()
      expect(rig.tickets).toHaveLength(1 + n)
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    rig.receive(welcomeOf())
    expect(rig.machine.phase).toBe('live')
  })
})

/** The first user's session is held; the business closes it, and the next ticket is another user's. */
function switched(rig: Rig): void {
  rig.lose(4451)
  expect(rig.greet()).toMatchObject({ session: 's1' })
  const asked = rig.tickets.length
  // The session belongs to another user.
  rig.lose(4401)
  expect(rig.machine.deadline - rig.now).toBeLessThanOrEqual(200)
  expect(rig.greet()).toMatchObject({ session: '', received: 0 })
  expect(rig.tickets).toHaveLength(asked)
  rig.receive(welcomeOf({ session: 's2', user: 'bob' }))
}

describe('Another user on the same client', () => {
  it('gets a session of its own: a refused fresh ticket is tried once more without the session', () => {
    const rig = new Rig()
    rig.live()
    rig.receive({ type: 'push', name: 'a', data: text('1') })
    switched(rig)
    expect(rig.machine.phase).toBe('live')
    rig.lose()
    expect(rig.greet()).toMatchObject({ session: 's2', received: 0 })
  })

  it('a kept ticket that is refused is replaced first, and the session kept', () => {
    const rig = new Rig()
    rig.live()
    rig.lose()
    rig.greet()
    rig.lose(4401)
    expect(rig.greet()).toMatchObject({ session: 's1' })
    rig.receive(welcomeOf({ resumed: true }))
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['live', 2])
  })

  it('makes no call of the user before: what was sent is UNKNOWN, what was not is NOT_SENT', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    rig.live()
    const listener = new SeatRecorder()
    const seat = rig.machine.followers.join('m', seatWish(), listener)
    rig.take()
    rig.receive(joinedOf({ call: seat.call }))
    const input = (name: string) =>
      rig.machine.followers.input(seat, text(name), 60_000, rig.now, outcomes.done(`input ${name}`))
    rig.machine.calls.request('pay', text('1'), 60_000, rig.now, outcomes.done('sent'))
    input('sent')
    rig.take()
    rig.lose(4451)
    rig.machine.calls.request('pay', text('2'), 60_000, rig.now, outcomes.done('waiting'))
    rig.machine.calls.publish('t', text('3'), '', false, 60_000, rig.now, outcomes.done('published'))
    input('waiting')
    switched(rig)
    expect(rig.take().map(({ type }) => type)).toEqual(['join'])
    expect(outcomes.all).toEqual([
      'sent UNKNOWN',
      'waiting NOT_SENT',
      'published NOT_SENT',
      'input sent UNKNOWN',
      'input waiting NOT_SENT',
    ])
  })

  it('is asked anew for everything it follows, under the rights it has', () => {
    const rig = new Rig()
    rig.live()
    const seat = new SeatRecorder()
    const reader = new ReaderRecorder()
    rig.machine.followers.join('m', seatWish(), seat)
    rig.machine.followers.read('t', everything, reader)
    const [join, subscribe] = rig.take() as { call: number }[]
    rig.receive(joinedOf({ call: join?.call ?? 0 }), subscribedOf({ call: subscribe?.call ?? 0 }))
    switched(rig)
    const asked = rig.take() as { type: string; call: number }[]
    expect(asked.map(({ type }) => type)).toEqual(['join', 'subscribe'])
    const refused = {
      type: 'failed',
      index: 0,
      error: 'FORBIDDEN',
      message: '',
      retryAfter: 0,
      reason: '',
    } as const
    for (const { call } of asked) rig.receive({ ...refused, call })
    expect([seat.heard.at(-1), reader.heard.at(-1)]).toEqual(['ended FORBIDDEN', 'failed FORBIDDEN'])
  })

  it('is refused for good only where the ticket is refused without the session too', () => {
    const rig = new Rig()
    rig.live()
    rig.lose(4451)
    const offered = [0, 1, 2].map(() => {
      const { session } = rig.greet()
      rig.lose(4401)
      return session
    })
    expect(offered).toEqual(['s1', '', 's1'])
    expect(rig.phases.at(-1)).toEqual(['closed', 'UNAUTHENTICATED'])
  })
})

const NOT_FOUND = {
  type: 'failed',
  index: 0,
  error: 'NOT_FOUND',
  message: '',
  retryAfter: 0,
  reason: '',
} as const

function seated(rig: Rig): { seat: SeatMachine; listener: SeatRecorder; outcomes: Outcomes } {
  const listener = new SeatRecorder()
  const seat = rig.machine.followers.join('m', seatWish({ config: 'cfg' }), listener)
  rig.take()
  rig.receive(joinedOf({ call: seat.call }), framesOf(1, [[], []]))
  listener.take()
  return { seat, listener, outcomes: new Outcomes() }
}

/** The node was started anew: another session, and the meeting is not there. */
function restarted(rig: Rig, seat: SeatMachine): void {
  rig.lose()
  rig.live({ session: 's2' })
  rig.receive({ ...NOT_FOUND, call: seat.call })
}

describe('A meeting that a restarted server does not know', () => {
  it('is joined again on a fresh connection with one fresh ticket, and begins anew', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener, outcomes } = seated(rig)
    const send = (name: string, ms = 60_000) =>
      rig.machine.followers.input(seat, text(name), ms, rig.now, outcomes.done(name))
    send('old')
    rig.take()
    rig.lose()
    send('offline')
    rig.live({ session: 's2' })
    rig.receive({ ...NOT_FOUND, call: seat.call })
    send('meanwhile')
    send('short', 100)
    send('later')
    expect([rig.take(), listener.take(), rig.machine.phase]).toEqual([[], [], 'live'])
    rig.advance(200)
    // An input is for the run of the meeting that its sender knew.
    expect(outcomes.all).toEqual(['old UNKNOWN', 'offline NOT_SENT', 'short NOT_SENT'])
    expect(rig.tickets).toHaveLength(2)
    rig.giveTicket(3_600_000, { url: 'ws://there' })
    expect(rig.closed.at(-1)).toMatchObject({ code: 3000 })
    // Soon, though not in step with others.
    expect(rig.machine.deadline - rig.now).toBeLessThanOrEqual(200)
    rig.greet()
    expect([urls(rig).at(-1), rig.tickets.length]).toEqual(['ws://there', 2])
    rig.receive(welcomeOf({ session: 's2', resumed: true, calls: 9, received: 1 }))
    expect(rig.take()).toMatchObject([{ type: 'join', world: 77 }])
    rig.receive(
      joinedOf({ call: seat.call, log: 5, world: 90, seq: 0, reason: 'NEW_EPOCH' }),
      framesOf(1, [[]]),
    )
    expect(rig.takeOf('input').map(({ seq, data }) => [seq, textOf(data)])).toEqual([
      [1, 'meanwhile'],
      [2, 'later'],
    ])
    expect(listener.take()).toEqual(['joined 0', '1[]'])
    rig.receive(framesOf(2, [[[0, 1]], [[0, 2]]]))
    expect(outcomes.all.slice(3)).toEqual(['meanwhile 2', 'later 3'])
  })

  it('has ended where the fresh ticket does not lead to it either', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener, outcomes } = seated(rig)
    restarted(rig, seat)
    rig.machine.followers.input(seat, text('x'), 60_000, rig.now, outcomes.done('x'))
    rig.advance(0)
    rig.giveTicket()
    rig.live({ session: 's2', resumed: true, calls: 9 })
    rig.receive({ ...NOT_FOUND, call: seat.call })
    expect([listener.take(), outcomes.all]).toEqual([['ended NOT_FOUND'], ['x NOT_FOUND']])
    rig.advance(10_000)
    expect(rig.tickets).toHaveLength(2)
  })

  it('has its fresh ticket again after it was joined in between', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener } = seated(rig)
    for (let n = 2; n <= 4; n++) {
      restarted(rig, seat)
      rig.advance(0)
      rig.giveTicket()
      rig.live({ session: 's2', resumed: true, calls: 9 })
      rig.receive(joinedOf({ call: seat.call, world: 77 + n, reason: 'NEW_EPOCH' }))
      expect([rig.tickets.length, listener.take()]).toEqual([n, ['joined 0']])
    }
  })

  it('is asked for once for all meetings that are not there', () => {
    const rig = new Rig()
    rig.live()
    const seats = ['m', 'n'].map((name, at) => {
      const seat = rig.machine.followers.join(name, seatWish({ spectator: at === 1 }), new SeatRecorder())
      rig.take()
      rig.receive(joinedOf({ call: seat.call, meeting: name, log: 5 + at }))
      return seat
    })
    rig.lose()
    rig.live({ session: 's2' })
    for (const { call } of seats) {
      rig.receive({ ...NOT_FOUND, call })
      rig.advance(50)
    }
    expect(rig.tickets).toHaveLength(2)
    rig.giveTicket()
    expect(rig.live({ resumed: true, calls: 9 })).toMatchObject([
      { type: 'join', meeting: 'm' },
      { type: 'join', meeting: 'n' },
    ])
  })

  it('waits for a ticket that is not to be had yet; a kept one that is used meanwhile is no answer', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener } = seated(rig)
    restarted(rig, seat)
    rig.advance(0)
    rig.machine.handleNoTicket(rig.tickets.at(-1) ?? 0, new RtmsError('BUSY'), rig.now)
    expect([rig.machine.phase, listener.take()]).toEqual(['live', []])
    rig.lose()
    rig.wait()
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['ticket', 3])
    rig.machine.handleNoTicket(rig.tickets.at(-1) ?? 0, new RtmsError('BUSY'), rig.now)
    rig.live({ session: 's2', resumed: true, calls: 9 })
    rig.receive({ ...NOT_FOUND, call: seat.call })
    expect(listener.take()).toEqual([])
    rig.advance(0)
    rig.giveTicket()
    rig.live({ session: 's2', resumed: true, calls: 9 })
    rig.receive(joinedOf({ call: seat.call, world: 90, reason: 'NEW_EPOCH' }))
    expect(listener.take()).toEqual(['joined 0'])
  })

  it('that this client was never in is refused as ever', () => {
    const rig = new Rig()
    rig.live()
    const listener = new SeatRecorder()
    const seat = rig.machine.followers.join('m', seatWish(), listener)
    rig.receive({ ...NOT_FOUND, call: seat.call })
    rig.advance(10_000)
    expect([listener.take(), rig.tickets.length]).toEqual([['ended NOT_FOUND'], 1])
  })

  it('can be left while the ticket is waited for: the ticket is taken, and the connection stays', () => {
    const rig = new Rig()
    rig.live()
    const { seat, listener } = seated(rig)
    restarted(rig, seat)
    rig.advance(0)
    rig.machine.followers.leave(seat)
    rig.giveTicket(3_600_000, { token: 'fresh' })
    expect([rig.machine.phase, rig.take().map(({ type }) => type)]).toEqual(['live', ['refresh']])
    expect(listener.take()).toEqual(['ended CLOSED'])
  })
})

describe('A meeting whose JOIN was answered on the next connection, and that then ended', () => {
  const failed = {
    type: 'failed',
    call: 1,
    index: 0,
    error: 'FULL',
    message: '',
    retryAfter: 0,
    reason: '',
  } as const
  const ended = { type: 'ended', log: 5, error: 'FORBIDDEN', message: '' } as const

  it.each([
    ['by the node, which had seated it', [joinedOf(), ended], false],
    ['by the application, since it was full', [failed], true],
  ])('can be joined again: it ended %s', (_, answers, leaves) => {
    const rig = onNodeA()
    const seat = rig.machine.followers.join('m', seatWish(), new SeatRecorder())
    expect(rig.take()).toMatchObject([{ type: 'join', call: 1 }])
    rig.lose()
    rig.greet()
    // What the session log held of the JOIN comes in one packet with the welcome, before anything is sent.
    rig.receive(welcomeOf({ resumed: true, calls: 1 }), ...answers)
    if (leaves) rig.machine.followers.leave(seat)
    rig.take()
    rig.machine.followers.join('m', seatWish({ spectator: true }), new SeatRecorder())
    expect(rig.take()).toMatchObject([{ type: 'join', meeting: 'm', spectator: true }])
  })
})
