import { describe, expect, it } from 'vitest'
import type { JoinWish, SeatMachine } from '../../../src/client/machine/index.ts'
import { Writer } from '../../../src/protocol/bytes.ts'
import { eventEntry, joinFrames, writeEntry } from '../../../src/protocol/frames.ts'
import { limits, type MeetingEvent, type MessageOf, nowhere } from '../../../src/protocol/index.ts'
import { text } from '../core/harness.ts'
import { framesOf, joinedOf, Outcomes, Rig, SeatRecorder, seatWish, welcomeOf } from './rig.ts'

/* What a member keeps and tells of its meeting's history for when the node that has it ends. */

const FENCE = { heldTerm: 3, heldIncarnation: 7 }

class Member {
  readonly rig: Rig = new Rig()
  readonly recorder: SeatRecorder = new SeatRecorder()
  readonly outcomes: Outcomes = new Outcomes()
  readonly seat: SeatMachine

  constructor(parts: Partial<MessageOf<'joined'>> = {}, wish: Partial<JoinWish> = {}) {
    this.rig.live()
    this.seat = this.rig.machine.followers.join('m', seatWish(wish), this.recorder)
    this.rig.take()
    this.answer(parts)
  }

  answer(parts: Partial<MessageOf<'joined'>>): void {
    this.rig.receive(joinedOf({ call: this.seat.call, ...FENCE, ...parts }))
    this.recorder.take()
  }

  /** Comes to another connection, of the same session unless another one is named. Returns its JOIN. */
  come(session = 's1'): MessageOf<'join'> {
    this.rig.lose()
    this.rig.greet()
    this.rig.receive(welcomeOf({ resumed: session === 's1', session }))
    return this.rig.takeOf('join')[0] as MessageOf<'join'>
  }

  send(name: string): number[] {
    this.rig.machine.followers.input(this.seat, text(name), 10_000, this.rig.now, this.outcomes.done(name))
    return this.sent()
  }

  sent(): number[] {
    return this.rig.takeOf('input').map(({ seq }) => seq)
  }

  stand(term: number, incarnation: number): [number, number] {
    this.rig.receive({ type: 'stand', call: this.seat.call, term, incarnation })
    const [promise] = this.rig.takeOf('promise') as [MessageOf<'promise'>]
    return [promise.term, promise.incarnation]
  }

  /** What it shows from a frame on to the node that it asks for a seat, as `c1` and `f2+3`, and whether that was all. */
  shown(from = 0, call = this.seat.call): string[] {
    this.rig.receive({ type: 'pull', call, from })
    return this.rig
      .takeOf('kept')
      .map(({ first, count, tag }) => (tag === 0 ? 'end' : count === 0 ? `c${first}` : `f${first}+${count}`))
  }

  charter(first: number, bytes = 10, log = 5): void {
    this.rig.receive({ type: 'charter', log, first, bytes: new Uint8Array(bytes), tag: 9 })
  }

  /** Frames that another node can take over. */
  frames(first: number, count: number): void {
    this.rig.receive({
      ...framesOf(
        first,
        Array.from({ length: count }, () => []),
      ),
      tag: 9,
    })
  }
}

/** A frame with these events. */
function eventsOf(number: number, ...events: MeetingEvent[]): MessageOf<'frames'> {
  const frame = new Writer()
  frame.uint(events.length * 2)
  for (const { slot, seq, data } of events.map(eventEntry)) writeEntry(frame, slot, seq, data)
  const w = new Writer()
  joinFrames(w, [frame.finish()])
  return { type: 'frames', log: 5, first: number, count: 1, frames: w.finish(), stable: 0, tag: 9 }
}

/** A frame of so many bytes. */
function largeFrame(number: number, length: number): MessageOf<'frames'> {
  const of = (bytes: number): Uint8Array => {
    const each = Math.floor(bytes / 13)
    const inputs = [...Array.from({ length: 12 }, () => each), bytes - 12 * each]
    const frame = new Writer()
    frame.uint(inputs.length * 2)
    for (const [n, most] of inputs.entries())
      writeEntry(frame, 1, n + 1, { text: false, bytes: new Uint8Array(most) })
    const w = new Writer()
    joinFrames(w, [frame.finish()])
    return w.finish()
  }
  const frames = of(length - (of(length).length - length))
  expect(frames).toHaveLength(length)
  return { type: 'frames', log: 5, first: number, count: 1, frames, stable: 0, tag: 9 }
}

const gap = (from: number, to: number): MessageOf<'gap'> => ({
  type: 'gap',
  log: 5,
  from,
  to,
  reason: 'SLOW',
  position: nowhere,
})

describe('A member that comes to another node tells', () => {
  it('where it stands in the history that it knows, and what it holds of it', () => {
    const ann = new Member({ slot: 2, elected: 8, stable: 1 })
    ann.frames(1, 4)
    ann.rig.advance(1_000)
    ann.frames(5, 1)
    expect(ann.come()).toMatchObject({
      world: 77,
      next: 6,
      former: '',
      held: [
        {
          slot: 2,
          elected: 8,
          term: 3,
          incarnation: 7,
          seen: 4,
          stable: 1,
          promisedTerm: 0,
          promisedIncarnation: 0,
        },
      ],
    })
  })

  it('nothing of that with its first JOIN, nor where a node alone had the meeting, which has told no fence', () => {
    const ann = new Member({ heldTerm: 0, heldIncarnation: 0 })
    ann.frames(1, 2)
    expect(ann.come()).toMatchObject({ world: 77, next: 3, held: [] })
    const rig = new Rig()
    rig.live()
    rig.machine.followers.join('m', seatWish(), new SeatRecorder())
    expect(rig.takeOf('join')).toMatchObject([{ world: 0, next: 0, former: '', held: [] }])
  })

  it('the fence of its last frame, which has risen where another node went on', () => {
    const ann = new Member()
    ann.frames(1, 1)
    ann.rig.receive(eventsOf(2, { type: 'away', slot: 1 }))
    expect(ann.come().held).toMatchObject([{ term: 3, incarnation: 7 }])
    ann.answer({ next: 3, recovered: true, continued: true })
    ann.rig.receive(eventsOf(3, { type: 'epoch', term: 5, incarnation: 2 }))
    expect(ann.come()).toMatchObject({ next: 4, held: [{ term: 5, incarnation: 2 }] })
  })

  it('what it has confirmed, as long as it is the same member in the same history', () => {
    const seen = (parts: Partial<MessageOf<'joined'>>, session = 's1'): number | undefined => {
      const ann = new Member()
      ann.frames(1, 6)
      ann.rig.advance(1_000)
      ann.come(session)
      ann.answer({ next: 7, recovered: true, ...parts })
      return ann.come(session).held[0]?.seen
    }
    expect(seen({ continued: true })).toBe(6)
    expect(seen({ continued: true }, 's2')).toBe(6)
    expect(seen({ continued: false })).toBe(6)
    expect(seen({ continued: false }, 's2')).toBe(0)
    expect(seen({ continued: true, slot: 1 })).toBe(0)
    expect(seen({ continued: true, world: 78 })).toBe(0)
    // Of frames that are undone it has confirmed none.
    expect(seen({ continued: true, recovered: false, reason: 'REWOUND', next: 4 })).toBe(3)
  })
})

describe('A member promises', () => {
  it('the highest fence that it was asked for', () => {
    const ann = new Member()
    ann.come('s2')
    expect(ann.stand(9, 3)).toEqual([9, 3])
    expect([ann.stand(8, 9), ann.stand(9, 2), ann.stand(9, 3)]).toEqual([
      [9, 3],
      [9, 3],
      [9, 3],
    ])
    expect([ann.stand(9, 4), ann.stand(10, 1), ann.stand(9, 5)]).toEqual([
      [9, 4],
      [10, 1],
      [10, 1],
    ])
    expect(ann.come('s3').held).toMatchObject([{ promisedTerm: 10, promisedIncarnation: 1 }])
  })

  it('as the member that it is: another one has promised nothing', () => {
    for (const [parts, term] of [
      [{ continued: true }, 9],
      [{ continued: false }, 0],
      [{ continued: true, slot: 1 }, 0],
    ] as const) {
      const ann = new Member()
      ann.come('s2')
      ann.stand(9, 3)
      ann.answer({ recovered: true, ...parts })
      expect(ann.come('s2').held).toMatchObject([{ promisedTerm: term }])
    }
  })

  it('nothing for a JOIN that is not under way', () => {
    const ann = new Member()
    ann.come('s2')
    ann.rig.receive({ type: 'stand', call: ann.seat.call + 1, term: 9, incarnation: 3 })
    expect(ann.rig.takeOf('promise')).toEqual([])
  })
})

describe('Frames that were lost with their node', () => {
  it('are undone: others come in their place, and inputs in them come in later ones', () => {
    const ann = new Member()
    expect([ann.send('a'), ann.send('b')]).toEqual([[1], [2]])
    ann.rig.receive(framesOf(1, [[], [[0, 1]], [], [[0, 2]]]))
    expect(ann.outcomes.all).toEqual(['a 2', 'b 4'])
    ann.come('s2')
    ann.answer({ reason: 'REWOUND', next: 4, seq: 1, continued: true })
    // The first one is in a frame that is left.
    expect([ann.seat.next, ann.sent()]).toEqual([4, [2]])
    ann.rig.receive(framesOf(4, [[], [[0, 2]]]))
    expect([ann.recorder.take(), ann.outcomes.all]).toEqual([
      ['4[]', '5[0:2]'],
      ['a 2', 'b 4'],
    ])
  })

  it('are none of those that it has, where it is not that far yet', () => {
    const ann = new Member()
    ann.frames(1, 2)
    ann.come('s2')
    ann.answer({ reason: 'REWOUND', next: 9, continued: true })
    expect(ann.seat.next).toBe(3)
  })

  it('are all of them where the node does not know its position, or has another history', () => {
    for (const parts of [{ reason: 'PROTOCOL' }, { world: 78, reason: 'NEW_EPOCH' }] as const) {
      const ann = new Member()
      ann.frames(1, 2)
      ann.come('s2')
      ann.answer({ ...parts, next: 1 })
      expect(ann.seat.next).toBe(1)
    }
  })
})

describe('A client that joins from now on', () => {
  it('begins behind the last frame that was sealed, the first time and never again', () => {
    const ann = new Member({ head: 40, next: 41 }, { fromNow: true })
    expect(ann.seat.next).toBe(41)
    ann.frames(41, 2)
    expect(ann.come()).toMatchObject({ next: 43 })
    ann.answer({ next: 50, head: 49, recovered: true, continued: true })
    expect(ann.seat.next).toBe(43)
    ann.come()
    // Another history: what it missed of that is told.
    ann.answer({ world: 78, reason: 'NEW_EPOCH', next: 9, head: 8 })
    expect(ann.seat.next).toBe(1)
  })
})

describe('A member keeps for a node that goes on', () => {
  it('a charter and what follows it, and shows from the frame on that it is asked for', () => {
    const ann = new Member()
    ann.charter(1)
    ann.frames(1, 2)
    ann.charter(3)
    ann.frames(3, 3)
    ann.come('s2')
    expect(ann.shown(0)).toEqual(['c1', 'f1+2', 'c3', 'f3+3', 'end'])
    // Once for each JOIN.
    expect(ann.shown(0)).toEqual(['end'])
    for (const [from, pieces] of [
      [1, ['f1+2', 'c3', 'f3+3', 'end']],
      [3, ['f3+3', 'end']],
      [5, ['f3+3', 'end']],
      [6, ['end']],
    ] as const) {
      ann.come('s2')
      expect(ann.shown(from)).toEqual(pieces)
    }
    ann.come('s2')
    expect(ann.shown(0, ann.seat.call + 1)).toEqual([])
  })

  it('frames with their bytes, their proof and the stable mark that came with them', () => {
    const ann = new Member()
    ann.charter(1)
    const frames = { ...framesOf(1, [[[0, 1]]]), tag: 12, stable: 1 }
    ann.rig.receive(frames)
    ann.come('s2')
    ann.rig.receive({ type: 'pull', call: ann.seat.call, from: 1 })
    expect(ann.rig.takeOf('kept')).toMatchObject([
      { call: ann.seat.call, first: 1, count: 1, bytes: frames.frames, stable: 1, tag: 12 },
      { call: ann.seat.call, first: 0, count: 0, tag: 0 },
    ])
  })

  it('nothing without a charter, nor one for frames that are here already, or of another log', () => {
    const ann = new Member()
    ann.frames(1, 2)
    ann.charter(2)
    ann.charter(3, 10, 6)
    ann.frames(3, 1)
    ann.come('s2')
    // One that comes without a seat on this connection.
    ann.charter(4)
    expect(ann.shown()).toEqual(['end'])
  })

  it.each<[string, (ann: Member) => void]>([
    ['behind a hole', (ann) => ann.rig.receive(gap(3, 5))],
    ['behind frames without a proof', (ann) => ann.rig.receive(framesOf(3, [[]]))],
    [
      'behind more than a node takes in one piece',
      (ann) => {
        ann.rig.receive(largeFrame(3, limits.kept + 1))
      },
    ],
    [
      'of another history',
      (ann) => {
        ann.come('s2')
        ann.answer({ world: 78, reason: 'NEW_EPOCH', next: 1 })
      },
    ],
    [
      'that was undone in part',
      (ann) => {
        ann.come('s2')
        ann.answer({ reason: 'REWOUND', next: 2, continued: true })
      },
    ],
  ])('nothing %s', (_, happen) => {
    const ann = new Member()
    ann.charter(1)
    ann.frames(1, 2)
    happen(ann)
    ann.come('s3')
    expect(ann.shown()).toEqual(['end'])
  })

  it('what a node takes in one piece', () => {
    const ann = new Member()
    ann.charter(1)
    ann.rig.receive(largeFrame(1, limits.kept))
    ann.come('s2')
    expect(ann.shown()).toEqual(['c1', 'f1+1', 'end'])
  })

  it('what it has through other connections, and goes on with it there', () => {
    const ann = new Member()
    ann.charter(1)
    ann.frames(1, 2)
    ann.come('s2')
    ann.answer({ next: 3, recovered: true, continued: true })
    ann.frames(3, 1)
    // Frames that come again are no other piece.
    ann.frames(2, 2)
    ann.come('s3')
    expect(ann.shown()).toEqual(['c1', 'f1+2', 'f3+1', 'end'])
  })

  it('so many bytes at most: the oldest charter goes with what follows it', () => {
    // A piece weighs 32 bytes more than it has, and charters of ten bytes stand for ten frames each.
    const ann = new Member({}, { keepBytes: 4 * 42 })
    for (let n = 0; n < 3; n++) ann.charter(1 + n)
    ann.come('s2')
    expect(ann.shown()).toEqual(['c1', 'c2', 'c3', 'end'])
    const bob = new Member({}, { keepBytes: 3 * 42 + 1 })
    bob.charter(1)
    bob.frames(1, 10)
    bob.charter(11)
    bob.charter(12)
    bob.charter(13)
    bob.come('s2')
    expect(bob.shown()).toEqual(['c11', 'c12', 'c13', 'end'])
    const none = new Member({}, { keepBytes: 0 })
    none.charter(1)
    none.frames(1, 1)
    none.come('s2')
    expect(none.shown()).toEqual(['end'])
  })

  it('until its node was not heard for a minute: others may have gone on, or closed it', () => {
    for (const [ms, pieces] of [
      [60_000, ['c1', 'end']],
      [60_001, ['end']],
    ] as const) {
      const ann = new Member()
      ann.charter(1)
      const heard = ann.rig.now
      ann.come('s2')
      ann.rig.now = heard + ms
      expect(ann.shown()).toEqual(pieces)
    }
  })
})

describe('A seat', () => {
  it('waits while it is not joined on this connection, or its owner is paused', () => {
    const ann = new Member()
    const told: boolean[] = []
    ann.recorder.waiting = () => void told.push(ann.seat.isWaiting)
    ann.rig.receive({ type: 'paused', log: 5, paused: true })
    ann.rig.receive({ type: 'paused', log: 5, paused: false })
    ann.come()
    // What is said of the log that it had before is of no seat.
    ann.rig.receive({ type: 'paused', log: 5, paused: false })
    expect([told, ann.seat.isWaiting]).toEqual([[true, false, true], true])
    ann.answer({ recovered: true, continued: true })
    expect([told.slice(3), ann.seat.isWaiting]).toEqual([[false], false])
  })

  it('takes frames in order alone: one that is missing without a GAP ends the connection, one that is here is no news', () => {
    const ann = new Member()
    ann.frames(1, 3)
    ann.frames(2, 3)
    expect([ann.recorder.take(), ann.rig.closed.length]).toEqual([['1[]', '2[]', '3[]', '4[]'], 0])
    ann.rig.receive(gap(1, 5))
    expect(ann.recorder.take()).toEqual([])
    ann.frames(6, 1)
    expect([ann.recorder.take(), ann.rig.closed.length]).toEqual([[], 1])
  })

  it('that its listener gives up in the middle of a packet gets no more of it', () => {
    const ann = new Member()
    const frame = ann.recorder.frame.bind(ann.recorder)
    ann.recorder.frame = (item) => {
      frame(item)
      if (item.number === 2) ann.rig.machine.followers.leave(ann.seat)
    }
    ann.frames(1, 4)
    expect(ann.recorder.take().filter((heard) => !heard.startsWith('ended'))).toEqual(['1[]', '2[]'])
  })

  it('takes inputs of members alone', () => {
    const ann = new Member({ slot: 255 }, { spectator: true })
    expect(() => ann.send('a')).toThrow(expect.objectContaining({ code: 'READ_ONLY' }))
  })
})
