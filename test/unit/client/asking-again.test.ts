import { describe, expect, it } from 'vitest'
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
} from './rig.ts'

/** The topics and meetings that the client asks for with its next packet. */
function asked(rig: Rig): string[] {
  return rig.take().flatMap((message) => {
    if (message.type === 'subscribe') return message.topics.map(({ topic }) => topic)
    return message.type === 'join' ? [message.meeting] : []
  })
}

describe('A subscription that is refused for now', () => {
  it('is asked for again after the wait that the node names, and no earlier', () => {
    const rig = new Rig()
    rig.live()
    const heard = new ReaderRecorder()
    const reader = rig.machine.followers.read('t', everything, heard)
    rig.take()
    rig.fail(reader.call, 'RATE', 0, 3_100)
    rig.advance(3_099)
    expect([asked(rig), heard.take()]).toEqual([[], []])
    rig.advance(1)
    expect(asked(rig)).toEqual(['t'])
    rig.fail(reader.call, 'RATE', 0, 60)
    rig.advance(59)
    expect(asked(rig)).toEqual([])
    rig.advance(1)
    expect(asked(rig)).toEqual(['t'])
    rig.receive(subscribedOf({ call: reader.call }))
    rig.advance(100_000)
    expect([asked(rig), heard.take()]).toEqual([[], ['subscribed']])
  })

  it.each(['RATE', 'BUSY'] as const)('with %s and no wait is asked for again after a second', (error) => {
    const rig = new Rig()
    rig.live()
    const reader = rig.machine.followers.read('t', everything, new ReaderRecorder())
    rig.take()
    rig.fail(reader.call, error, 0, 0)
    rig.advance(999)
    expect(asked(rig)).toEqual([])
    rig.advance(1)
    expect(asked(rig)).toEqual(['t'])
  })

  it('waits for itself alone: each comes again at its own time', () => {
    const rig = new Rig()
    rig.live()
    const readers = ['a', 'b', 'c'].map((name) =>
      rig.machine.followers.read(name, everything, new ReaderRecorder()),
    )
    rig.take()
    const call = readers[0]?.call ?? 0
    rig.fail(call, 'RATE', 0, 300)
    rig.fail(call, 'RATE', 1, 200)
    rig.receive(subscribedOf({ call, index: 2, topic: 'c' }))
    rig.advance(200)
    expect(asked(rig)).toEqual(['b'])
    rig.advance(100)
    expect(asked(rig)).toEqual(['a'])
  })

  it('is not asked for again once it was left, and a new one does not wait', () => {
    const rig = new Rig()
    rig.live()
    const reader = rig.machine.followers.read('t', everything, new ReaderRecorder())
    rig.take()
    rig.fail(reader.call, 'RATE', 0, 300)
    rig.machine.followers.leave(reader)
    rig.machine.followers.read('t', everything, new ReaderRecorder())
    expect(asked(rig)).toEqual(['t'])
    rig.advance(300)
    expect(asked(rig)).toEqual([])
  })

  it('is asked for on the next connection, once', () => {
    const rig = new Rig()
    rig.live()
    const reader = rig.machine.followers.read('t', everything, new ReaderRecorder())
    rig.take()
    rig.fail(reader.call, 'RATE', 0, 5_000)
    rig.lose()
    expect(rig.live().filter(({ type }) => type === 'subscribe')).toHaveLength(1)
    rig.receive(subscribedOf({ call: reader.call }))
    rig.advance(6_000)
    expect(asked(rig)).toEqual([])
  })

  it('leaves no timer behind when the client closes', () => {
    const rig = new Rig()
    rig.live()
    const heard = new ReaderRecorder()
    const reader = rig.machine.followers.read('t', everything, heard)
    rig.take()
    rig.fail(reader.call, 'RATE', 0, 5_000)
    rig.machine.close()
    expect([rig.machine.deadline, heard.take()]).toEqual([Infinity, ['failed CLOSED']])
  })
})

describe('A seat that is refused for now', () => {
  it('is not waited for at first: the application is told, with the wait', () => {
    const rig = new Rig()
    rig.live()
    const heard = new SeatRecorder()
    const errors: number[] = []
    heard.ended = ({ retryAfterMs }) => void errors.push(retryAfterMs)
    const seat = rig.machine.followers.join('m', seatWish(), heard)
    rig.take()
    rig.fail(seat.call, 'RATE', 0, 22_390)
    expect(errors).toEqual([22_390])
    rig.advance(23_000)
    expect(asked(rig)).toEqual([])
  })

  it('on a later connection is kept, with its position and the inputs that wait', () => {
    const rig = new Rig()
    const outcomes = new Outcomes()
    const heard = new SeatRecorder()
    rig.live()
    const seat = rig.machine.followers.join('m', seatWish(), heard)
    rig.take()
    rig.receive(joinedOf({ call: seat.call }), framesOf(1, [[], []]))
    rig.lose()
    rig.live({ resumed: true })
    rig.fail(seat.call, 'RATE', 0, 500)
    rig.machine.followers.input(seat, text('a'), 10_000, rig.now, outcomes.done('a'))
    expect(rig.take()).toEqual([])
    rig.advance(500)
    expect(rig.take()).toMatchObject([{ type: 'join', meeting: 'm', world: 77, next: 3 }])
    rig.receive(joinedOf({ call: seat.call, recovered: true, next: 3 }))
    expect(rig.take()).toMatchObject([{ type: 'input', log: 5, seq: 1 }])
    rig.receive(framesOf(3, [[[0, 1]]]))
    expect(heard.take()).toEqual(['joined 0', '1[]', '2[]', 'joined 0', '3[0:1]'])
    expect(outcomes.all).toEqual(['a 3'])
  })

  it('that ends meanwhile is not asked for again', () => {
    const rig = new Rig()
    const heard = new SeatRecorder()
    rig.live()
    const seat = rig.machine.followers.join('m', seatWish(), heard)
    rig.take()
    rig.receive(joinedOf({ call: seat.call }))
    rig.lose()
    rig.live({ resumed: true })
    rig.fail(seat.call, 'RATE', 0, 500)
    rig.receive({ type: 'ended', log: 5, error: 'FORBIDDEN', message: '' })
    rig.advance(500)
    expect([asked(rig), heard.take()]).toEqual([[], ['joined 0', 'ended FORBIDDEN']])
  })
})
