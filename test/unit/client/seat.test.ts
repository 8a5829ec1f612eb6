import { describe, expect, it } from 'vitest'
import type { SeatMachine } from '../../../src/client/machine/index.ts'
import { Writer } from '../../../src/protocol/bytes.ts'
import { eventEntry, type FrameEntry, joinFrames, writeEntry } from '../../../src/protocol/frames.ts'
import { type MessageOf, nowhere, RtmsError, SYSTEM_SLOT } from '../../../src/protocol/index.ts'
import { framesOf, joinedOf, Outcomes, Rig, SeatRecorder, seatWish } from './rig.ts'
import { text } from '../core/harness.ts'

interface Seated {
  readonly rig: Rig
  readonly seat: SeatMachine
  readonly outcomes: Outcomes
  readonly send: (...names: string[]) => MessageOf<'input'>[]
}

/** A client that is live and has joined `m`, log 5, slot 0. */
function seated(parts: Partial<MessageOf<'joined'>> = {}, spectator = false): Seated {
  const rig = new Rig()
  rig.live()
  const outcomes = new Outcomes()
  const seat = rig.machine.followers.join('m', seatWish({ spectator }), new SeatRecorder())
  rig.take()
  rig.receive(joinedOf({ call: seat.call, ...parts }))
  rig.take()
  const send = (...names: string[]): MessageOf<'input'>[] => {
    for (const name of names)
      rig.machine.followers.input(seat, text(name), 10_000, rig.now, outcomes.done(name))
    return rig.takeOf('input')
  }
  return { rig, seat, outcomes, send }
}

/** Loses the connection and joins again, in the same session unless told otherwise. Returns what it sends. */
function rejoin(
  { rig, seat }: Seated,
  parts: Partial<MessageOf<'joined'>>,
  session = 's1',
): MessageOf<'input'>[] {
  rig.lose()
  rig.live({ resumed: session === 's1', session })
  rig.receive(joinedOf({ call: seat.call, recovered: true, continued: session === 's1', ...parts }))
  return rig.takeOf('input')
}

const numbers = (inputs: readonly MessageOf<'input'>[]): [number, number][] =>
  inputs.map(({ seq, after }) => [seq, after])

describe('A member who promises a fence', () => {
  /** The age of the promise that it gives so long after it has come to another node. */
  const ageAfter = ({ rig, seat }: Seated, ms: number): number => {
    rig.live({ session: 's2' })
    rig.take()
    rig.now += ms
    rig.receive({ type: 'stand', call: seat.call, term: 9, incarnation: 3 })
    const [promise] = rig.takeOf('promise')
    expect(promise).toMatchObject({ call: seat.call, term: 9, incarnation: 3 })
    return promise?.age ?? -1
  }

  it('says for how long nothing has come from the node at which it had its seat', () => {
    const at = seated()
    const { rig } = at
    rig.now += 300
    // It will be answered, which that node may rely on.
    rig.receive({ type: 'ping', time: 1 })
    rig.now += 4_000
    rig.lose()
    const lost = rig.now
    const age = ageAfter(at, 700)
    expect(age).toBe(rig.now - lost + 4_000)
  })

  it('counts from there, though it has been at a node that gave it no seat', () => {
    const at = seated()
    const { rig } = at
    const heard = rig.now
    rig.lose()
    rig.live({ session: 's2' })
    rig.now += 2_000
    rig.lose()
    const age = ageAfter(at, 100)
    expect(age).toBe(rig.now - heard)
  })

  it('counts from the promise that it gave another node before, which may have begun with that', () => {
    const at = seated()
    const { rig, seat } = at
    rig.lose()
    rig.now += 5_000
    expect(ageAfter(at, 0)).toBeGreaterThanOrEqual(5_000)
    const stand = { type: 'stand', call: seat.call, term: 10 } as const
    rig.receive({ ...stand, incarnation: 4 })
    rig.now += 700
    rig.receive({ ...stand, incarnation: 4 })
    expect(rig.takeOf('promise').map(({ age }) => age)).toEqual([0, 700])
  })

  it('counts from the last node at which it had one', () => {
    const at = seated()
    const { rig } = at
    rig.now += 10_000
    rejoin(at, { heldTerm: 1, heldIncarnation: 1 })
    const heard = rig.now
    rig.lose()
    const age = ageAfter(at, 100)
    expect(age).toBe(rig.now - heard)
  })
})

describe('A member acknowledges frames', () => {
  it('once a second while they come, where it sends no input', () => {
    const { rig } = seated()
    const acks: [number, number][] = []
    const begun = rig.now
    for (let frame = 1; frame <= 60; frame++) {
      rig.now += 50
      rig.receive(framesOf(frame, [[]]))
      for (const { seen } of rig.takeOf('ack')) acks.push([rig.now - begun, seen[0]?.frame ?? 0])
    }
    expect(acks).toEqual([
      [1_000, 20],
      [2_000, 40],
      [3_000, 60],
    ])
  })

  it('and the last one too, when no more come', () => {
    const { rig } = seated()
    rig.now += 500
    rig.receive(framesOf(1, [[], []]))
    expect(rig.takeOf('ack')).toEqual([])
    rig.advance(499)
    expect(rig.takeOf('ack')).toEqual([])
    rig.advance(1)
    expect(rig.takeOf('ack')).toMatchObject([{ seen: [{ log: 5, frame: 2 }] }])
    rig.advance(5_000)
    expect(rig.takeOf('ack')).toEqual([])
  })

  it('by its inputs in passing, and then says nothing else for a second', () => {
    const { rig, send } = seated()
    rig.receive(framesOf(1, [[], [], []]))
    expect(send('a')).toMatchObject([{ seen: 3 }])
    rig.advance(900)
    rig.receive(framesOf(4, [[]]))
    rig.advance(99)
    expect(rig.takeOf('ack')).toEqual([])
    rig.advance(1)
    expect(rig.takeOf('ack')).toMatchObject([{ seen: [{ log: 5, frame: 4 }] }])
  })

  it('anew on each connection, and not at all as a spectator', () => {
    const alive = seated()
    alive.rig.receive(framesOf(1, [[], []]))
    alive.rig.advance(1_000)
    expect(alive.rig.takeOf('ack')).toHaveLength(1)
    rejoin(alive, {})
    alive.rig.advance(1_000)
    expect(alive.rig.takeOf('ack')).toMatchObject([{ seen: [{ log: 5, frame: 2 }] }])
    const { rig } = seated({ slot: 255 }, true)
    rig.receive(framesOf(1, [[]]))
    rig.advance(3_000)
    expect(rig.takeOf('ack')).toEqual([])
  })
})

describe('The stable mark', () => {
  it('is what the node told last, and begins anew in another world', () => {
    const known = seated({ stable: 4 })
    const { rig, seat } = known
    expect(seat.stable).toBe(4)
    rig.receive({ ...framesOf(1, [[], []]), stable: 6 })
    expect(seat.stable).toBe(6)
    rig.receive({ ...framesOf(3, [[]]), stable: 5 }, framesOf(4, [[]]))
    expect(seat.stable).toBe(6)
    rejoin(known, { stable: 5 })
    expect(seat.stable).toBe(6)
    rejoin(known, { world: 78, recovered: false, reason: 'NEW_EPOCH', stable: 1 })
    expect(seat.stable).toBe(1)
  })
})

describe('An input', () => {
  it('names the one before it that was not refused', () => {
    const { rig, send } = seated({ seq: 7 })
    expect(numbers(send('a', 'b', 'c'))).toEqual([
      [8, 0],
      [9, 8],
      [10, 9],
    ])
    rig.receive(framesOf(1, [[[0, 8]]]))
    for (const seq of [10, 9])
      rig.receive({
        type: 'nack',
        log: 5,
        seq,
        error: 'RATE',
        retryAfter: 0,
        last: 0,
        message: '',
        reason: '',
      })
    expect(numbers(send('d'))).toEqual([[11, 8]])
    rig.receive({ ...framesOf(2, [[[0, 11]]]), stable: 2 })
    expect(numbers(send('e'))).toEqual([[12, 11]])
    rig.receive({
      type: 'nack',
      log: 5,
      seq: 12,
      error: 'RATE',
      retryAfter: 0,
      last: 0,
      message: '',
      reason: '',
    })
    expect(numbers(send('f'))).toEqual([[13, 11]])
  })

  it('that did not arrive is sent again behind what the node has answered', () => {
    const known = seated()
    known.send('a', 'b', 'c')
    expect(numbers(rejoin(known, { seq: 1, waiting: [{ seq: 1 }] }))).toEqual([
      [2, 1],
      [3, 2],
    ])
    expect(numbers(known.send('d'))).toEqual([[4, 3]])
    expect(numbers(rejoin(known, { seq: 0 }))).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 3],
    ])
  })

  it('that is framed is not sent again, unless the log that is joined does not have it', () => {
    const known = seated()
    const { rig, outcomes } = known
    known.send('a', 'b', 'c')
    rig.receive(framesOf(1, [[[0, 1]], [[0, 2]], [[0, 3]]]))
    expect(outcomes.all).toEqual(['a 1', 'b 2', 'c 3'])
    expect(rejoin(known, { seq: 3 })).toEqual([])
    expect(numbers(rejoin(known, { seq: 1 }))).toEqual([
      [2, 1],
      [3, 2],
    ])
    // It was answered once.
    rig.receive(framesOf(4, [[[0, 2]], [[0, 3]]]))
    expect(outcomes.all).toEqual(['a 1', 'b 2', 'c 3'])
  })

  it('that is stable is forgotten', () => {
    const known = seated()
    known.send('a', 'b', 'c')
    known.rig.receive({ ...framesOf(1, [[[0, 1]], [[0, 2]], [[0, 3]]]), stable: 2 })
    expect(numbers(rejoin(known, { seq: 0 }))).toEqual([[3, 0]])
  })

  it('of another world, slot or session is not sent again', () => {
    for (const [parts, session] of [
      [{ world: 78, reason: 'NEW_EPOCH', recovered: false }, 's1'],
      [{ slot: 3 }, 's1'],
      [{}, 's2'],
    ] as const) {
      const known = seated()
      known.send('a', 'b')
      known.rig.receive(framesOf(1, [[[0, 1]]]))
      expect(rejoin(known, { seq: 0, ...parts }, session)).toEqual([])
      expect(known.outcomes.all).toEqual(['a 1', 'b UNKNOWN'])
      expect(numbers(known.send('c'))).toEqual([[1, 0]])
    }
  })

  it('that was never sent ends as NOT_SENT where another session of the slot has used its seq', () => {
    const known = seated()
    const { rig, seat, outcomes } = known
    known.send('a', 'b')
    rig.lose()
    for (const name of ['c', 'd'])
      rig.machine.followers.input(seat, text(name), 10_000, rig.now, outcomes.done(name))
    // The other one has sent 2 and 3. The entry that tells of it was lost.
    rig.live({ resumed: true, received: 50 })
    rig.receive(joinedOf({ call: seat.call, recovered: true, seq: 3 }))
    expect(outcomes.all).toEqual(['a UNKNOWN', 'b UNKNOWN', 'c NOT_SENT'])
    expect(numbers(rig.takeOf('input'))).toEqual([[4, 2]])
    expect(numbers(known.send('e'))).toEqual([[5, 4]])
    rig.receive(framesOf(1, [[[0, 2]], [[0, 3]], [[0, 4]], [[0, 5]]]))
    expect(outcomes.all.slice(3)).toEqual(['d 3', 'e 4'])
  })

  it('goes on above what another session has sent in the slot', () => {
    const known = seated()
    known.send('a')
    expect(rejoin(known, { seq: 7 })).toEqual([])
    expect(numbers(known.send('b'))).toEqual([[8, 1]])
  })

  it('of a seat that has ended is not sent again, though the session gets the slot back', () => {
    const known = seated()
    const { rig, outcomes } = known
    known.send('a', 'b')
    rig.lose()
    rig.live({ resumed: true })
    rig.take()
    rig.receive({ type: 'ended', log: 5, error: 'CLOSED', message: '' })
    expect(outcomes.all).toEqual(['a UNKNOWN', 'b UNKNOWN'])
    // The join that was under way takes the seat all the same: it is given back.
    rig.receive(joinedOf({ call: known.seat.call, recovered: true, seq: 1 }))
    expect(rig.take()).toMatchObject([{ type: 'leave', log: 5 }])
    const again = rig.machine.followers.join('m', seatWish(), new SeatRecorder())
    rig.take()
    rig.receive(joinedOf({ call: again.call, seq: 3 }))
    expect(rig.takeOf('input')).toEqual([])
    rig.machine.followers.input(again, text('c'), 10_000, rig.now, outcomes.done('c'))
    expect(numbers(rig.takeOf('input'))).toEqual([[4, 0]])
  })

  it('that is framed costs a client nothing that waits, and only so many are kept', () => {
    const known = seated()
    for (let seq = 1; seq <= 2_500; seq++) {
      known.send(`${seq}`)
      known.rig.receive(framesOf(seq, [[[0, seq]]]))
    }
    expect(known.outcomes.all).toHaveLength(2_500)
    expect(known.seat.unanswered).toBe(0)
    expect(rejoin(known, { seq: 0 })).toHaveLength(1_000)
  })
})

describe('A position that the node says cannot be', () => {
  it('is given up, and frames begin anew', () => {
    const known = seated()
    const { rig, seat } = known
    rig.receive(framesOf(1, [[], [], []]))
    expect(seat.next).toBe(4)
    rejoin(known, { recovered: false, reason: 'PROTOCOL', next: 1 })
    expect(seat.next).toBe(1)
    rig.receive(framesOf(1, [[]]))
    expect(seat.next).toBe(2)
  })
})

describe('A JOIN of an earlier connection that comes to its turn on this one', () => {
  it.each([
    ['of another world', { world: 99 }],
    ['of the same world', { recovered: true, next: 3 }],
  ])(
    'is followed by frames, %s, that change nothing: the JOIN of this one begins where the seat stands',
    (_, parts) => {
      const { rig, seat } = seated()
      rig.receive(framesOf(1, [[], []]))
      rig.lose()
      rig.live({ resumed: true })
      const unanswered = seat.call
      rig.lose()
      rig.live({ resumed: true })
      const heard = seat.listener as SeatRecorder
      heard.take()
      rig.receive(
        joinedOf({ call: unanswered, ...parts }),
        ...[1, 2, 3, 4, 5].map((frame) => framesOf(frame, [[]])),
        { type: 'gap', log: 5, from: 6, to: 9, position: nowhere, reason: 'NO_SNAPSHOT' },
        framesOf(9, [[]]),
      )
      expect([rig.machine.phase, seat.next, heard.take()]).toEqual(['live', 3, []])
      rig.receive(joinedOf({ call: seat.call, recovered: true, next: 3 }), framesOf(3, [[], []]))
      expect(heard.take()).toEqual(['joined 0', '3[]', '4[]'])
    },
  )
})

describe('A GAP', () => {
  it('of frames before the JOIN says nothing of inputs that went out with its answer', () => {
    const { rig, seat, outcomes, send } = seated()
    send('a')
    rig.lose()
    send('b')
    rig.live({ resumed: true })
    rig.receive(
      joinedOf({ call: seat.call, recovered: false, reason: 'RETENTION', head: 20, seq: 1 }),
      { type: 'gap', log: 5, from: 1, to: 21, position: nowhere, reason: 'NO_SNAPSHOT' },
      framesOf(21, [[[0, 2]]]),
    )
    expect(numbers(rig.takeOf('input'))).toEqual([[2, 1]])
    expect(outcomes.all).toEqual(['a UNKNOWN', 'b 21'])
    send('c')
    rig.receive({ type: 'gap', log: 5, from: 22, to: 40, position: nowhere, reason: 'NO_SNAPSHOT' })
    expect(outcomes.all.slice(2)).toEqual(['c UNKNOWN'])
  })
})

/** FRAMES of log 5 with one frame of these entries. */
function frameOf(number: number, ...entries: readonly FrameEntry[]): MessageOf<'frames'> {
  const frame = new Writer()
  frame.uint(entries.length * 2)
  for (const { slot, seq, data } of entries) writeEntry(frame, slot, seq, data)
  const w = new Writer()
  joinFrames(w, [frame.finish()])
  return { type: 'frames', log: 5, first: number, count: 1, frames: w.finish(), stable: 0, tag: 0 }
}

describe('A frame', () => {
  it('tells events and inputs apart, and leaves out events of a later version', () => {
    const { rig, seat } = seated()
    const frames: unknown[] = []
    seat.listener.frame = ({ number, events, inputs }) =>
      void frames.push([number, events.map(({ type }) => type), inputs.map(({ slot, seq }) => [slot, seq])])
    const leave = eventEntry({ type: 'leave', slot: 3, reason: 'left' })
    const unknown = { slot: SYSTEM_SLOT, seq: 999, data: { text: false, bytes: Uint8Array.of(1) } }
    rig.receive(frameOf(1, leave, unknown, { slot: 3, seq: 1, data: text('x') }))
    expect(frames).toEqual([[1, ['leave'], [[3, 1]]]])
  })

  it('answers the inputs of this slot, not those of another with the same seq', () => {
    const { rig, outcomes, send } = seated()
    send('a')
    rig.receive(framesOf(1, [[[1, 1]]]))
    expect(outcomes.all).toEqual([])
    rig.receive(framesOf(2, [[[0, 1]]]))
    expect(outcomes.all).toEqual(['a 2'])
  })

  it('is acknowledged though it comes alone', () => {
    const { rig } = seated()
    const acks: unknown[] = []
    for (let frame = 1; frame <= 3; frame++) {
      rig.receive(framesOf(frame, [[]]))
      rig.advance(1_500)
      for (const { seen } of rig.takeOf('ack')) acks.push(...seen)
    }
    expect(acks).toEqual([1, 2, 3].map((frame) => ({ log: 5, frame })))
  })

  it('that a spectator has, or that was acknowledged, is left out of an ACK for something else', () => {
    for (const spectator of [false, true]) {
      const known = seated(spectator ? { slot: 255 } : {}, spectator)
      const { rig } = known
      rig.receive(framesOf(1, [[]]))
      if (!spectator) known.send('a')
      const push = { type: 'push', name: 'p', data: text('1') } as const
      for (let n = 0; n < 300; n++) rig.receive(push)
      const acks = rig.takeOf('ack')
      expect([acks.length > 0, acks.flatMap(({ seen }) => seen)]).toEqual([true, []])
    }
  })
})

describe('The time of an input', () => {
  it('is over though the node has it: its sender is told once, and it is in its frame all the same', () => {
    const { rig, seat, outcomes, send } = seated()
    send('a')
    rig.machine.tick(rig.now + 10_000)
    expect(outcomes.all).toEqual(['a TIMEOUT'])
    expect(seat.deadline).toBe(Infinity)
    rig.receive(framesOf(1, [[[0, 1]]]))
    expect([outcomes.all, seat.unanswered]).toEqual([['a TIMEOUT'], 0])
  })

  it('that is over does not come again on another connection', () => {
    const { rig, seat, outcomes, send } = seated()
    send('a')
    rig.advance(10_000)
    rig.lose()
    rig.live({ resumed: true })
    rig.receive(joinedOf({ call: seat.call, recovered: true }))
    expect([rig.takeOf('input'), outcomes.all]).toEqual([[], ['a TIMEOUT']])
  })
})

describe('The size of an input', () => {
  it('may be what the meeting allows, and no more', () => {
    const { rig, seat, outcomes } = seated({ maxInput: 20 })
    for (const length of [20, 21])
      outcomes.of(`${length}`, (done) =>
        rig.machine.followers.input(seat, text('x'.repeat(length)), 1_000, rig.now, done),
      )
    expect([rig.takeOf('input').length, outcomes.all]).toEqual([1, ['21 TOO_LARGE']])
  })
})

describe('A meeting that is not found again', () => {
  it('keeps what was sent since it was missed first, also where it is missed again', () => {
    const { rig, seat, outcomes, send } = seated()
    const missed = (): void => {
      rig.lose()
      rig.wait()
      // No fresh ticket is to be had, so the kept one is tried again.
      if (rig.machine.phase === 'ticket')
        rig.machine.handleNoTicket(rig.tickets.at(-1) ?? 0, new RtmsError('UNAUTHENTICATED'), rig.now)
      rig.live({ resumed: true })
      const { call } = seat
      rig.fail(call, 'NOT_FOUND')
    }
    rig.lose()
    send('before')
    missed()
    expect(outcomes.all).toEqual(['before NOT_SENT'])
    send('since')
    missed()
    expect(outcomes.all).toHaveLength(1)
    rig.lose()
    rig.live({ resumed: true })
    rig.receive(joinedOf({ call: seat.call, world: 78 }))
    expect(rig.takeOf('input')).toMatchObject([{ seq: 1, data: text('since') }])
  })
})
