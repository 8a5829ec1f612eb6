import { describe, expect, it } from 'vitest'
import { type ErrorCode, RtmsError } from '../../../src/protocol/index.ts'
import {
  everything,
  joinedOf,
  Outcomes,
  publicationsOf,
  ReaderRecorder,
  Rig,
  SeatRecorder,
  seatWish,
  text,
  welcomeOf,
} from './rig.ts'

/* The same event in each state of a connection: what counts in one must change nothing in another. */

const goodbye = (code: number, retryAfter = 0) =>
  ({ type: 'goodbye', code, reason: '', retryAfter, route: '', least: 1, most: 1 }) as const

const ticket = (url: string) => ({ url, token: 'late', expiresAt: 0 })

/** Waits for a ticket; an earlier attempt has asked for one as well. */
function asksAgain(): Rig {
  const rig = new Rig({ connectMs: 3_000 })
  rig.machine.start(rig.now)
  rig.advance(3_000)
  rig.wait()
  return rig
}

/** Opens its socket with the kept ticket, because the fresh one that it asked for did not come in time. */
function opensWithKept(): Rig {
  const rig = new Rig({ connectMs: 20_000 })
  rig.live()
  rig.lose(4454)
  rig.wait()
  rig.advance(20_000)
  return rig
}

describe('A ticket', () => {
  it('that an earlier attempt asked for is not taken by a later one', () => {
    const rig = asksAgain()
    rig.machine.handleTicket(1, ticket('ws://old'), 100_000, rig.now)
    expect([rig.machine.phase, rig.opened]).toEqual(['ticket', []])
  })

  it('that an earlier attempt did not get does not end a later one', () => {
    const rig = asksAgain()
    rig.machine.handleNoTicket(1, new RtmsError('UNAUTHENTICATED'), rig.now)
    expect(rig.machine.phase).toBe('ticket')
  })

  it('that comes when the kept one is already tried changes nothing', () => {
    const rig = opensWithKept()
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['opening', 2])
    rig.machine.handleTicket(rig.attempt, ticket('ws://late'), 100_000, rig.now)
    rig.machine.handleOpen(rig.attempt)
    expect(rig.take()).toMatchObject([{ type: 'hello', token: 'tok' }])
  })

  it('that is not to be had, when the kept one is already tried, changes nothing', () => {
    const rig = opensWithKept()
    const { deadline } = rig.machine
    rig.machine.handleNoTicket(rig.attempt, new RtmsError('UNAUTHENTICATED'), rig.now)
    expect([rig.machine.phase, rig.machine.deadline]).toEqual(['opening', deadline])
  })

  it('the first one, that is refused, is replaced after the usual wait', () => {
    const rig = new Rig()
    rig.greet()
    rig.chance = 0
    rig.lose(4401)
    expect(rig.machine.deadline - rig.now).toBe(200)
    rig.wait()
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['ticket', 2])
  })
})

/** Live, and a refresh under way with the second ticket, which is good for 30 s from here. */
function refreshing(): { readonly rig: Rig; readonly call: number } {
  const rig = new Rig()
  rig.machine.start(rig.now)
  rig.giveTicket(40_000)
  rig.live({ heartbeat: 1_000_000 })
  rig.advance(30_000)
  rig.giveTicket(40_000, { token: 'fresh' })
  return { rig, call: rig.takeOf('refresh')[0]?.call ?? 0 }
}
const refused = {
  type: 'failed',
  index: 0,
  error: 'UNAUTHENTICATED',
  message: '',
  retryAfter: 0,
  reason: '',
} as const

/** Whether the next connection begins with a fresh ticket. */
function asksAnew(rig: Rig): boolean {
  rig.lose()
  rig.wait()
  return rig.machine.phase === 'ticket'
}

describe('A refresh', () => {
  it('may take ten seconds', () => {
    const { rig, call } = refreshing()
    rig.advance(9_999)
    rig.receive({ type: 'done', call, value: 0 })
    expect(asksAnew(rig)).toBe(false)
    const late = refreshing()
    late.rig.advance(10_000)
    late.rig.receive({ type: 'done', call: late.call, value: 0 })
    expect(asksAnew(late.rig)).toBe(true)
  })

  it('that is refused makes the next connection ask for a fresh ticket', () => {
    const { rig, call } = refreshing()
    rig.receive({ ...refused, call })
    expect(asksAnew(rig)).toBe(true)
  })

  it('that is refused for now is made again with a fresh ticket, after the wait that the node names', () => {
    const { rig, call } = refreshing()
    const asked = rig.tickets.length
    rig.advance(100)
    rig.fail(call, 'RATE', 0, 163)
    // The wait counts from the first one's sending, as the second one takes as long to arrive.
    rig.advance(62)
    expect(rig.tickets).toHaveLength(asked)
    rig.advance(1)
    expect(rig.tickets).toHaveLength(asked + 1)
    rig.giveTicket(40_000, { token: 'fresher' })
    const [again] = rig.takeOf('refresh')
    expect(again).toMatchObject({ token: 'fresher' })
    rig.receive({ type: 'done', call: again?.call ?? 0, value: 0 })
    expect(asksAnew(rig)).toBe(false)
  })

  it('of an earlier connection that is refused says nothing of this one, which began with the same ticket', () => {
    const { rig, call } = refreshing()
    rig.lose()
    rig.live({ resumed: true, calls: call, heartbeat: 1_000_000 })
    rig.receive({ ...refused, call })
    expect(asksAnew(rig)).toBe(false)
  })
})

describe('A fresh ticket', () => {
  it.each(['joining', 'joined'])('leaves the connection of a client that is %s a meeting alone', (how) => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket(40_000)
    rig.live({ heartbeat: 1_000_000 })
    const seat = rig.machine.followers.join('m', seatWish(), new SeatRecorder())
    rig.take()
    if (how === 'joined') rig.receive(joinedOf({ call: seat.call }))
    rig.advance(30_000)
    rig.giveTicket(40_000, { token: 'fresh' })
    expect([rig.machine.phase, rig.takeOf('refresh').length]).toEqual(['live', 1])
  })
})

describe('A socket', () => {
  it('of an earlier attempt that opens late is not greeted, and none is greeted twice', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket()
    const old = rig.attempt
    rig.lose()
    rig.wait()
    rig.machine.handleOpen(old)
    expect([rig.machine.phase, rig.take()]).toEqual(['opening', []])
    rig.machine.handleOpen(rig.attempt)
    rig.machine.handleOpen(rig.attempt)
    expect(rig.take()).toMatchObject([{ type: 'hello' }])
  })

  it('of an earlier attempt that closes late does not touch a client that has closed', () => {
    const rig = new Rig()
    rig.live()
    const old = rig.attempt
    rig.machine.close()
    const { length } = rig.phases
    rig.machine.handleClose(old, 1006, '', rig.now)
    rig.machine.probe(rig.now)
    rig.machine.suspend(rig.now)
    expect([rig.machine.phase, rig.phases.length, rig.machine.deadline]).toEqual(['closed', length, Infinity])
  })
})

describe('A page', () => {
  it('that comes back while a socket opens leaves it the time it had', () => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket()
    const { deadline } = rig.machine
    rig.machine.probe(rig.now)
    expect(rig.machine.deadline).toBe(deadline)
  })

  it('that is put away before it connects, or while it waits, changes nothing', () => {
    const rig = new Rig()
    rig.machine.suspend(rig.now)
    expect([rig.machine.phase, rig.closed]).toEqual(['idle', []])
    rig.live()
    rig.lose()
    const { deadline } = rig.machine
    const { length } = rig.phases
    rig.machine.suspend(rig.now)
    expect([rig.machine.deadline, rig.phases.length, rig.closed]).toEqual([deadline, length, []])
  })

  it.each(['suspend', 'close'] as const)('that does not greet a node any more: %s', (how) => {
    const rig = new Rig()
    rig.machine.start(rig.now)
    rig.giveTicket()
    rig.machine.handleOpen(rig.attempt)
    rig.machine[how](rig.now)
    expect(rig.packets).toEqual([])
  })

  it('whose timer fired a second late was not away: its silent connection is given up', () => {
    const rig = new Rig()
    rig.live()
    const silent = rig.now + 16_000
    rig.now = silent + 1_000
    rig.machine.tick(rig.now)
    expect(rig.machine.phase).toBe('waiting')
    const away = new Rig()
    away.live()
    away.now = silent + 1_001
    away.machine.tick(away.now)
    expect(away.machine.phase).toBe('live')
  })
})

describe('Time', () => {
  it('of silence is counted only on a live connection', () => {
    const rig = new Rig()
    rig.chance = 0
    rig.live()
    rig.receive(goodbye(4454, 60_000))
    rig.lose(4454)
    expect(rig.machine.deadline - rig.now).toBe(60_000)
  })

  it('that has not come brings no ping', () => {
    const rig = new Rig()
    rig.live()
    rig.advance(0)
    expect(rig.takePackets().flat()).toMatchObject([{ type: 'ping' }])
    rig.machine.tick(rig.now + 1)
    expect(rig.takePackets()).toEqual([])
  })
})

describe('Output', () => {
  it('is there where something is to be sent, until it was', () => {
    const rig = new Rig()
    rig.live()
    expect(rig.takePackets()).toEqual([])
    rig.machine.calls.publish('t', text('1'), '', false, 1_000, rig.now, () => {})
    expect(rig.takePackets()).toMatchObject([[{ type: 'publish' }]])
    expect(rig.takePackets()).toEqual([])
    rig.machine.followers.read('t', everything, new ReaderRecorder())
    expect(rig.takePackets()).toMatchObject([[{ type: 'subscribe' }]])
    expect(rig.takePackets()).toEqual([])
  })
})

describe('A message', () => {
  const push = { type: 'push', name: 'a', data: text('1') } as const

  it('before the welcome ends the connection, unless it is a goodbye', () => {
    const rig = new Rig()
    rig.greet()
    rig.receive(push)
    expect([rig.machine.phase, rig.pushes]).toEqual(['waiting', []])
    rig.greet()
    rig.receive(goodbye(4454))
    expect(rig.machine.phase).toBe('greeting')
  })

  it('that is a second welcome ends the connection', () => {
    const rig = new Rig()
    rig.live()
    rig.receive(welcomeOf())
    expect(rig.machine.phase).toBe('waiting')
  })

  it('behind a goodbye does not count', () => {
    const rig = new Rig()
    rig.live()
    rig.receive(goodbye(4454))
    rig.receive(push)
    expect([rig.machine.phase, rig.pushes]).toEqual(['live', []])
  })

  it('behind one whose listener has closed the client, in the same packet, does not count', () => {
    const rig = new Rig()
    rig.live()
    const call = rig.machine.calls.request('m', text('1'), 1_000, rig.now, () => rig.machine.close())
    rig.take()
    rig.receive({ type: 'reply', call, data: text('1') }, push)
    expect([rig.machine.phase, rig.pushes]).toEqual(['closed', []])
  })

  it('is counted where it is an entry of the session log, and only there', () => {
    const rig = new Rig()
    rig.live()
    rig.receive(push, { type: 'pong', echo: 0, time: 0, lateness: 0 }, publicationsOf([{ number: 1 }]))
    rig.lose()
    expect(rig.greet().received).toBe(1)
  })

  it('that ends the connection is not acknowledged, nor anything else that came with it', () => {
    const rig = new Rig()
    rig.live({ window: 400 })
    rig.receive({ ...push, data: text('x'.repeat(300)) }, welcomeOf())
    expect([rig.machine.phase, rig.take()]).toEqual(['waiting', []])
    expect(rig.greet()).toMatchObject({ received: 1 })
  })

  it.each<ErrorCode | ''>(['', 'FORBIDDEN'])(
    'whose listener throws %s is not taken for one that cannot be read',
    (code) => {
      const rig = new Rig()
      rig.live()
      const error = code === '' ? new Error('of the application') : new RtmsError(code)
      const call = rig.machine.calls.request('m', text('1'), 1_000, rig.now, () => {
        throw error
      })
      rig.take()
      expect(() => rig.receive({ type: 'reply', call, data: text('1') })).toThrow(error)
      expect(rig.machine.phase).toBe('live')
    },
  )

  it('of a call that nobody made changes nothing', () => {
    const rig = new Rig()
    rig.live()
    const outcomes = new Outcomes()
    const call = rig.machine.calls.request('m', text('1'), 1_000, rig.now, outcomes.done('m'))
    rig.take()
    rig.receive(
      { type: 'done', call: call + 1, value: 0 },
      { type: 'failed', call: call + 1, index: 0, error: 'FULL', message: '', retryAfter: 0, reason: '' },
      { type: 'reply', call, data: text('1') },
    )
    expect(outcomes.all).toHaveLength(1)
  })
})
