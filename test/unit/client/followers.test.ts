import { describe, expect, it } from 'vitest'
import type { SeatMachine } from '../../../src/client/machine/index.ts'
import { binaryCodec, limits } from '../../../src/protocol/index.ts'
import {
  everything,
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
} from './rig.ts'

function join(rig: Rig): { readonly seat: SeatMachine; readonly heard: SeatRecorder } {
  const heard = new SeatRecorder()
  return { seat: rig.machine.followers.join('m', seatWish(), heard), heard }
}

const typesOf = (rig: Rig): string[] => rig.take().map(({ type }) => type)

/** A JOIN that was sent and given up before its answer. */
function givenUp(): { readonly rig: Rig; readonly call: number } {
  const rig = new Rig()
  rig.live()
  const { seat } = join(rig)
  rig.take()
  const { call } = seat
  rig.machine.followers.leave(seat)
  return { rig, call }
}

/** Joined, in log 5, and joining again in the same session on its second connection. */
function joiningAgain(): { readonly rig: Rig; readonly seat: SeatMachine; readonly heard: SeatRecorder } {
  const rig = new Rig()
  rig.live()
  const { seat, heard } = join(rig)
  rig.take()
  rig.receive(joinedOf({ call: seat.call }))
  rig.lose()
  rig.live({ resumed: true })
  heard.take()
  return { rig, seat, heard }
}

describe('A JOIN that was given up', () => {
  it('is still waited for where another call fails', () => {
    const rig = new Rig()
    rig.live()
    const { seat } = join(rig)
    const outcomes = new Outcomes()
    const call = rig.machine.calls.request('m', text('1'), 1_000, rig.now, outcomes.done('m'))
    rig.take()
    rig.fail(call, 'NO_HANDLER')
    const joining = seat.call
    rig.machine.followers.leave(seat)
    join(rig)
    expect(typesOf(rig)).toEqual([])
    const another = rig.machine.calls.request('m', text('1'), 1_000, rig.now, outcomes.done('m'))
    rig.fail(another, 'NO_HANDLER')
    expect(typesOf(rig)).toEqual(['request'])
    rig.receive(joinedOf({ call: joining }))
    expect(typesOf(rig)).toEqual(['leave', 'join'])
  })

  it('and fails, lets the meeting be joined', () => {
    const { rig, call } = givenUp()
    join(rig)
    rig.fail(call, 'FULL')
    expect(typesOf(rig)).toEqual(['join'])
  })

  it('where its seat was left by the known log, is not made again for an answer that may be lost', () => {
    const { rig, seat } = joiningAgain()
    const { call } = seat
    rig.machine.followers.leave(seat)
    expect(typesOf(rig)).toEqual(['leave'])
    rig.lose()
    expect(rig.live({ resumed: true, calls: call + 1, received: 9 })).toEqual([])
  })

  it('is left where its answer comes behind that to the LEAVE, which has found nothing there', () => {
    for (const fails of [true, false]) {
      const { rig, seat } = joiningAgain()
      const { call } = seat
      rig.machine.followers.leave(seat)
      const [leave] = rig.take()
      if (leave?.type !== 'leave') throw new Error('not left')
      if (fails) rig.fail(leave.call, 'NOT_JOINED')
      else rig.receive({ type: 'done', call: leave.call, value: 0 })
      // Another one waits until it is.
      join(rig)
      expect(typesOf(rig)).toEqual([])
      rig.receive(joinedOf({ call }))
      expect(typesOf(rig)).toEqual(['leave', 'join'])
    }
  })

  it('is not left where the meeting has been joined again meanwhile', () => {
    const { rig, seat } = joiningAgain()
    const { call } = seat
    rig.machine.followers.leave(seat)
    const [leave] = rig.take()
    if (leave?.type !== 'leave') throw new Error('not left')
    const { seat: again } = join(rig)
    expect(typesOf(rig)).toEqual(['join'])
    rig.fail(leave.call, 'NOT_JOINED')
    rig.receive(joinedOf({ call }), joinedOf({ call: again.call }))
    expect([typesOf(rig), again.log]).toEqual([[], 5])
  })

  it('is made again on each connection until its answer comes, once that may be lost', () => {
    for (const isUnknown of [false, true]) {
      const rig = new Rig()
      rig.live()
      const { seat } = join(rig)
      rig.take()
      const calls = seat.call
      rig.machine.followers.leave(seat)
      rig.lose()
      if (isUnknown) {
        expect(rig.live({ resumed: true, calls })).toEqual([])
        rig.fail(calls, 'UNKNOWN')
        expect(typesOf(rig)).toEqual(['join'])
      } else expect(rig.live({ resumed: true, calls, received: 9 })).toMatchObject([{ type: 'join' }])
      // It does not arrive.
      rig.lose()
      const [again] = rig.live({ resumed: true, calls, received: 9 })
      if (again?.type !== 'join') throw new Error('not made again')
      rig.receive(joinedOf({ call: again.call }))
      expect(typesOf(rig)).toEqual(['leave'])
      rig.lose()
      expect(rig.live({ resumed: true, calls, received: 10 })).toMatchObject([{ type: 'leave' }])
    }
  })

  it('is not made again while its answer is sure to come', () => {
    const { rig, call } = givenUp()
    rig.lose()
    expect(rig.live({ resumed: true, calls: call })).toEqual([])
    rig.receive(joinedOf({ call }))
    expect(typesOf(rig)).toEqual(['leave'])
  })

  it('does not disturb a seat that was answered before it', () => {
    const { rig, seat } = joiningAgain()
    const { call } = seat
    rig.machine.followers.leave(seat)
    const again = join(rig)
    expect(typesOf(rig)).toEqual(['leave', 'join'])
    rig.receive(joinedOf({ call: again.seat.call, log: 6 }), joinedOf({ call }))
    expect([typesOf(rig), again.seat.log]).toEqual([[], 6])
  })

  it('keeps what its meeting still says from the seat that comes after it', () => {
    const rig = new Rig()
    rig.live()
    const first = join(rig).seat
    rig.take()
    const unanswered = first.call
    rig.lose()
    rig.live({ resumed: true, calls: unanswered })
    rig.machine.followers.leave(first)
    const { heard } = join(rig)
    rig.receive(joinedOf({ call: unanswered }), { type: 'direct', log: 5, data: text('to the first') })
    expect(heard.take()).toEqual([])
  })
})

describe('An answer for nobody', () => {
  it('is left where it is a seat, and what follows it changes nothing', () => {
    const rig = new Rig()
    rig.live()
    rig.receive(
      joinedOf({ call: 99, meeting: 'of nobody', log: 5 }),
      { type: 'direct', log: 5, data: text('x') },
      { type: 'ended', log: 5, error: 'CLOSED', message: '' },
      publicationsOf([{ number: 1 }]),
    )
    expect(rig.machine.phase).toBe('live')
    expect(rig.take()).toMatchObject([{ type: 'leave', log: 5 }])
  })

  it('is left where its JOIN was given up, and the session has been on another node since', () => {
    const { rig, call } = givenUp()
    for (const publisher of [2, 1]) {
      rig.lose()
      expect(rig.live({ resumed: true, calls: call, publisher })).toEqual([])
    }
    rig.receive(joinedOf({ call, log: 5 }))
    expect(rig.take()).toMatchObject([{ type: 'leave', log: 5 }])
  })

  it('is given back where it is a subscription', () => {
    const rig = new Rig()
    rig.live()
    rig.receive(subscribedOf({ call: 99, log: 12 }))
    expect(rig.take()).toMatchObject([{ type: 'unsubscribe', logs: [{ log: 12 }] }])
  })
})

describe('A subscription that took the place of another', () => {
  it('begins with its own answer', () => {
    const rig = new Rig()
    rig.live()
    const old = rig.machine.followers.read('t', everything, new ReaderRecorder())
    rig.take()
    rig.machine.followers.leave(old)
    const heard = new ReaderRecorder()
    const reader = rig.machine.followers.read('t', everything, heard)
    rig.take()
    rig.receive(subscribedOf({ call: old.call, position: positionOf(3) }), publicationsOf([{ number: 1 }]))
    expect([reader.log, reader.position, heard.take()]).toEqual([0, null, []])
    rig.receive(subscribedOf({ call: reader.call, log: 10, position: positionOf(7) }))
    expect([reader.log, reader.position, heard.take()]).toEqual([10, positionOf(7), ['subscribed']])
  })
})

describe('A seat that is refused when it is joined again', () => {
  it('is left, because the session still has it', () => {
    const { rig, seat, heard } = joiningAgain()
    rig.fail(seat.call, 'FORBIDDEN')
    expect([heard.take(), rig.take()]).toMatchObject([['ended FORBIDDEN'], [{ type: 'leave', log: 5 }]])
  })

  it('is not left where the meeting is not found, or where there was none yet', () => {
    const { rig, seat } = joiningAgain()
    rig.fail(seat.call, 'NOT_FOUND')
    expect(typesOf(rig)).toEqual([])
    const fresh = new Rig()
    fresh.live()
    const { seat: first } = join(fresh)
    fresh.take()
    fresh.fail(first.call, 'FULL')
    expect(typesOf(fresh)).toEqual([])
  })
})

describe('A meeting that is not found with a second ticket either', () => {
  it('is over, and there is no seat to be left', () => {
    const { rig, seat, heard } = joiningAgain()
    rig.fail(seat.call, 'NOT_FOUND')
    rig.advance(0)
    rig.giveTicket()
    rig.live({ resumed: true })
    rig.fail(seat.call, 'NOT_FOUND')
    expect([heard.take(), typesOf(rig)]).toEqual([['ended NOT_FOUND'], []])
  })
})

describe('A meeting or a topic that is asked for too late', () => {
  it('ends at once', () => {
    const rig = new Rig()
    rig.live()
    rig.machine.close()
    const { heard } = join(rig)
    const reader = new ReaderRecorder()
    rig.machine.followers.read('t', everything, reader)
    expect([heard.take(), reader.take()]).toEqual([['ended CLOSED'], ['failed CLOSED']])
  })
})

describe('A topic that is refused', () => {
  it('is not left', () => {
    const rig = new Rig()
    rig.live()
    const reader = rig.machine.followers.read('t', everything, new ReaderRecorder())
    rig.take()
    rig.fail(reader.call, 'FORBIDDEN')
    expect(typesOf(rig)).toEqual([])
  })
})

describe('Many topics', () => {
  it('are subscribed to a thousand at a time', () => {
    const rig = new Rig()
    rig.live()
    for (let n = 0; n <= limits.batch; n++)
      rig.machine.followers.read(`t${n}`, everything, new ReaderRecorder())
    const topics = rig.takeOf('subscribe').map((message) => message.topics.length)
    expect(topics).toEqual([limits.batch, 1])
  })

  it('that name many keys are subscribed to in packets that a node takes', () => {
    const rig = new Rig()
    rig.live()
    const keys = Array.from({ length: 100 }, (_, n) => `${n}`.padStart(80, '猫'))
    for (let n = 0; n < 6; n++)
      rig.machine.followers.read(`t${n}`, { ...everything, keys }, new ReaderRecorder())
    const subscribes = rig.takeOf('subscribe')
    expect(subscribes.flatMap(({ topics }) => topics.map(({ topic }) => topic))).toEqual(
      Array.from({ length: 6 }, (_, n) => `t${n}`),
    )
    for (const each of subscribes)
      expect(binaryCodec.encode([each]).length).toBeLessThanOrEqual(limits.packet)
  })
})
