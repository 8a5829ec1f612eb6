import { describe, expect, it } from 'vitest'
import type { TopicReader } from '../../../src/client/machine/reader.ts'
import type { SeatMachine } from '../../../src/client/machine/seat.ts'
import { type ErrorCode, type MessageOf, nowhere } from '../../../src/protocol/index.ts'
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
} from './rig.ts'

/* A GAP, in each state in which a reader of a topic and a seat of a meeting can be. */

const topicGap = (from: number, to: number, reason: ErrorCode = 'SLOW'): MessageOf<'gap'> => ({
  type: 'gap',
  log: 9,
  from,
  to,
  position: positionOf(to, [[1, to]]),
  reason,
})

const frameGap = (from: number, to: number): MessageOf<'gap'> => ({
  type: 'gap',
  log: 5,
  from,
  to,
  position: nowhere,
  reason: 'NO_SNAPSHOT',
})

interface Reading {
  readonly rig: Rig
  readonly reader: TopicReader
  readonly heard: ReaderRecorder
}

/** A client that asked for a topic, and was answered where `call` is its SUBSCRIBE's. */
function asking(options = everything): Reading & { readonly call: number } {
  const rig = new Rig()
  rig.live()
  const heard = new ReaderRecorder()
  const reader = rig.machine.followers.read('t', options, heard)
  const [subscribe] = rig.takeOf('subscribe')
  return { rig, reader, heard, call: subscribe?.call ?? 0 }
}

function reading(options = everything): Reading {
  const { call, ...rest } = asking(options)
  rest.rig.receive(subscribedOf({ call, position: positionOf(1) }))
  rest.rig.receive(publicationsOf([{ number: 1 }, { number: 2 }]))
  rest.heard.take()
  return rest
}

describe('A gap of a topic', () => {
  it('is told with what it stands for, and reading goes on behind it', () => {
    const { rig, reader, heard } = reading()
    rig.receive(topicGap(3, 6))
    rig.receive(publicationsOf([{ number: 6 }, { number: 7 }]))
    expect(heard.take()).toEqual(['gap 3 SLOW', '#7'])
    expect(reader.position?.at).toBe(8)
  })

  it('that follows another is told as well, from where that one ended', () => {
    const { rig, reader, heard } = reading()
    rig.receive(topicGap(3, 6), topicGap(6, 10))
    expect([heard.take(), reader.position]).toEqual([['gap 3 SLOW', 'gap 4 SLOW'], positionOf(10, [[1, 10]])])
  })

  it('is not told to one that has left, nor to one that is not answered yet', () => {
    const left = reading()
    left.rig.machine.followers.leave(left.reader)
    left.rig.receive(topicGap(3, 6))
    expect(left.heard.take()).toEqual([])
    const early = asking()
    early.rig.receive(topicGap(3, 6))
    expect([early.heard.take(), early.rig.machine.phase]).toEqual([[], 'live'])
  })

  it('of the log of a lost connection is not of the one that takes its place', () => {
    const { rig, reader, heard } = reading()
    rig.lose()
    rig.live({ resumed: true })
    rig.receive(topicGap(3, 6))
    expect([heard.take(), reader.position?.at]).toEqual([[], 3])
  })

  it('does not tell a reader of some keys how many of them it missed', () => {
    const { rig, heard } = reading({ ...everything, keys: ['a'] })
    rig.receive(topicGap(3, 6))
    expect(heard.take()).toEqual(['gap 0 SLOW'])
  })

  it('is sent on from by the next SUBSCRIBE', () => {
    const { rig } = reading()
    rig.receive(topicGap(3, 6))
    rig.lose()
    const [subscribe] = rig.live({ resumed: true })
    expect(subscribe).toMatchObject({ topics: [{ since: positionOf(6, [[1, 6]]) }] })
  })

  it('may come from a listener that leaves: nothing is heard after that', () => {
    const { rig, reader, heard } = reading()
    const told: string[] = []
    heard.gap = () => {
      told.push('gap')
      rig.machine.followers.leave(reader)
    }
    rig.receive(topicGap(3, 6), topicGap(6, 10), publicationsOf([{ number: 10 }]))
    expect([told, heard.take()]).toEqual([['gap'], []])
  })
})

interface Seated {
  readonly rig: Rig
  readonly seat: SeatMachine
  readonly heard: SeatRecorder
  readonly outcomes: Outcomes
  readonly send: (name: string) => void
}

function seated(): Seated {
  const rig = new Rig()
  rig.live()
  const heard = new SeatRecorder()
  const seat = rig.machine.followers.join('m', seatWish(), heard)
  const [join] = rig.takeOf('join')
  rig.receive(joinedOf({ call: join?.call ?? 0 }))
  rig.receive(framesOf(1, [[], []]))
  heard.take()
  const outcomes = new Outcomes()
  const send = (name: string): void =>
    outcomes.of(name, (done) => rig.machine.followers.input(seat, text('1'), 10_000, rig.now, done))
  return { rig, seat, heard, outcomes, send }
}

describe('A gap of a meeting', () => {
  it('is told, frames go on behind it, and inputs that it may have held are UNKNOWN', () => {
    const { rig, seat, heard, outcomes, send } = seated()
    send('before')
    rig.take()
    rig.receive(frameGap(3, 7))
    send('after')
    rig.receive(framesOf(7, [[[0, 2]]]))
    expect([heard.take(), seat.next]).toEqual([['gap 3-7 NO_SNAPSHOT', '7[0:2]'], 8])
    expect(outcomes.all).toEqual(['before UNKNOWN', 'after 7'])
  })

  it('that ends where the seat already is, is none; one frame further, it is one', () => {
    const { rig, seat, heard, outcomes, send } = seated()
    send('a')
    rig.receive(frameGap(1, 3))
    expect([heard.take(), seat.next, outcomes.all]).toEqual([[], 3, []])
    rig.receive(frameGap(1, 4))
    expect([heard.take(), seat.next, outcomes.all]).toEqual([['gap 1-4 NO_SNAPSHOT'], 4, ['a UNKNOWN']])
  })

  it('that follows another is told as well', () => {
    const { rig, heard } = seated()
    rig.receive(frameGap(3, 7), frameGap(7, 9), framesOf(9, [[]]))
    expect(heard.take()).toEqual(['gap 3-7 NO_SNAPSHOT', 'gap 7-9 NO_SNAPSHOT', '9[]'])
  })

  it('is not told to a seat that was left, nor to one that is not joined yet', () => {
    const { rig, seat, heard } = seated()
    rig.machine.followers.leave(seat)
    heard.take()
    const again = new SeatRecorder()
    rig.machine.followers.join('m', seatWish(), again)
    rig.receive(frameGap(3, 7))
    expect([heard.take(), again.take()]).toEqual([[], []])
  })

  it('behind a JOINED keeps nothing from being sent that waited', () => {
    const { rig, seat, heard, send } = seated()
    rig.lose()
    send('waiting')
    const [join] = rig.live({ resumed: true })
    const call = join?.type === 'join' ? join.call : 0
    rig.receive(joinedOf({ call, next: 7, recovered: false, reason: 'NO_SNAPSHOT' }), frameGap(3, 7))
    expect([rig.takeOf('input').length, seat.next]).toEqual([1, 7])
    rig.receive(framesOf(7, [[[0, 1]]]))
    expect(heard.take()).toEqual(['joined 0', 'gap 3-7 NO_SNAPSHOT', '7[0:1]'])
  })

  it('behind a JOINED that recovered the position, of the time before it: only what it may have held is UNKNOWN', () => {
    const { rig, outcomes, send } = seated()
    for (const name of ['lost', 'seen', 'waits']) send(name)
    rig.take()
    rig.lose()
    const [join] = rig.live({ resumed: true })
    const call = join?.type === 'join' ? join.call : 0
    const parts = { next: 3, head: 8, seq: 3, recovered: true, continued: true, waiting: [{ seq: 3 }] }
    rig.receive(joinedOf({ call, ...parts }))
    rig.receive(frameGap(3, 7))
    expect(outcomes.all).toEqual([])
    rig.receive(framesOf(7, [[[0, 2]], [], [[0, 3]]]))
    expect(outcomes.all.sort()).toEqual(['lost UNKNOWN', 'seen 7', 'waits 9'])
  })
})
