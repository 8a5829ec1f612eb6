import { describe, expect, it } from 'vitest'
import type { Downstream } from '../../../src/core/down/downstream.ts'
import { Work } from '../../../src/core/ground/work.ts'
import { Gap, WarmCaches } from '../../../src/core/log/batches.ts'
import { Leavers } from '../../../src/core/meeting/departures.ts'
import { FrameShares } from '../../../src/core/meeting/frame-shares.ts'
import { defaultMeeting } from '../../../src/core/meeting/options.ts'
import { Stats } from '../../../src/core/ground/stats.ts'
import { Timers } from '../../../src/core/ground/timers.ts'
import { Encoded } from '../../../src/core/log/encoded.ts'
import { type Cursor, Outlet } from '../../../src/core/log/log.ts'
import { type Bot, plain } from '../../../src/core/meeting/business.ts'
import { Owner } from '../../../src/core/meeting/owner.ts'
import { Room, type RoomFacts } from '../../../src/core/meeting/room.ts'
import { EMPTY_FRAME } from '../../../src/protocol/frames.ts'
import { openFrame, sealFrame } from '../../../src/core/meeting/sealed.ts'
import { type Host, type Member, Seat } from '../../../src/core/meeting/seat.ts'
import type { Session } from '../../../src/core/session/session.ts'
import {
  binaryCodec,
  limits as wire,
  type MeetingEvent,
  type MessageOf,
  type ServerMessage,
} from '../../../src/protocol/index.ts'
import { defaultLimits, fixedLimits } from '../../../src/core/index.ts'
import { joinOf } from './cluster/parts.ts'
import { bytes, RecordingTransport, text } from './harness.ts'
import { endless } from './payers.ts'

const facts: RoomFacts = {
  name: 'm',
  world: 9,
  term: 2,
  incarnation: 7,
  reigns: [{ term: 2, incarnation: 7, from: 1 }],
  hop: 0,
  seed: new Uint8Array(8),
  frameRate: 0,
  inputBytes: 256,
  spectatorDelayMs: 0,
}

/** A node with no socket: it notes whose cursors were marked. */
function nodeOf() {
  const marked = new Set<Cursor>()
  const sent: ServerMessage[] = []
  const downstream = {
    mark: (cursor: Cursor) => marked.add(cursor),
    send: (_: Session, message: ServerMessage) => sent.push(message),
    caches: new WarmCaches(),
  } as unknown as Downstream
  const limits = { ...fixedLimits, ...defaultLimits }
  return {
    limits,
    timers: new Timers(),
    budget: endless(),
    work: new Work(),
    stats: new Stats(),
    downstream,
    marked,
    sent,
  }
}

function roomOn(node: ReturnType<typeof nodeOf>, parts: Partial<RoomFacts> = {}): Room {
  return new Room(node, 5, 1_000_000, { ...facts, ...parts }, 0)
}

/** A room with an owner, in which bots have said something, and the same frames in a room without one. */
function twins(parts: Partial<RoomFacts> = {}): {
  owner: Owner
  replica: Room
  node: ReturnType<typeof nodeOf>
} {
  const support = { supportedUntil: () => Infinity, answersSince: () => -Infinity, askReach: () => {} }
  const host = {
    ...nodeOf(),
    sealSoon: () => {},
    leavers: new Leavers(),
    shares: new FrameShares(),
    expired: () => {},
    ...support,
  }
  const owner = new Owner(host, roomOn(host), { ...defaultMeeting, frameRate: 0 }, plain, 0)
  const node = nodeOf()
  const replica = roomOn(node, parts)
  const bots = ['ann', 'bob'].map((user) => owner.addBot(user) as Bot)
  for (let n = 0; n < 40; n++) {
    bots[n % 2]?.send(n % 5 === 0 ? bytes(200) : text(`word ${n}`))
    if (n === 30) bots[0]?.leave()
    owner.sealNow(n, () => false)
    for (const [number, frame] of owner.room.log.history(replica.log.next, Infinity)) {
      const { events, inputs } = openFrame(number, frame)
      replica.append(
        { bytes: frame, events, inputs: inputs.length, stable: owner.room.log.stableAt(number) },
        n,
      )
    }
    replica.tell(n)
  }
  return { owner, replica, node }
}

const host: Host = {
  name: 'm',
  log: { first: 1, next: 1 },
  acknowledge: () => {},
  accept: () => 'READ_ONLY',
  detach: () => true,
  leave: () => {},
  direct: () => {},
  evict: () => {},
}
const member = { slot: 1, seq: 3 } as Member

function placeIn(
  room: Room,
  { spectator = false, parts = {}, now = 100 } = {},
): { seat: Seat; joined: MessageOf<'joined'> } {
  const outlet = new Outlet(new RecordingTransport(() => 0), false, 0)
  const session = { seats: new Map(), outlet, stand() {}, part() {}, parted() {} } as unknown as Session
  const seat = new Seat(host, session, spectator ? null : member)
  const join = joinOf({ spectator, ...parts })
  const placing = { start: 0, startFrame: 1, members: room.attendance.list, continued: false, waiting: [] }
  return { seat, joined: room.place(seat, join, placing, now) }
}

/** All that a cursor has to read, as it goes over the wire. */
function readAll(seat: Seat): string[] {
  const batches: string[] = []
  for (let { cursor } = seat; cursor !== null && !cursor.log.isCurrent(cursor); cursor = seat.cursor) {
    const read = cursor.log.read(cursor)
    if (!(read instanceof Encoded)) throw new Error(`a batch, not ${read}`)
    batches.push(Buffer.from(read.binary).toString('hex'))
  }
  return batches
}

describe('A room without an owner, fed with the frames of one that has it', () => {
  it('serves whoever joins or catches up with the same bytes from the same position', () => {
    const { owner, replica } = twins()
    expect(replica.log.next).toBe(owner.room.log.next)
    for (const next of [0, 1, 17, 38]) {
      const parts = next === 0 ? {} : { world: 9, next }
      const [mine, theirs] = [placeIn(replica, { parts }), placeIn(owner.room, { parts })]
      expect(mine.joined).toMatchObject({
        world: 9,
        term: 2,
        incarnation: 7,
        head: replica.log.next - 1,
        next: Math.max(next, 1),
        recovered: next > 0,
        slot: 1,
        seq: 3,
      })
      expect(readAll(mine.seat)).toEqual(readAll(theirs.seat))
    }
  })

  it('places nobody beyond the frames that there are, whatever a client says that it holds', () => {
    const { owner } = twins()
    const { room } = owner
    const holding = { slot: 1, elected: 1, seen: 0, promisedTerm: 0, promisedIncarnation: 0 }
    const [known, unknown] = [
      { ...holding, term: 2, incarnation: 7 },
      { ...holding, term: 1, incarnation: 3 },
    ]
    const { next } = room.log
    const placed = (at: number, held: object): unknown[] => {
      const { seat, joined } = placeIn(room, { parts: { world: 9, next: at, held: [held] } })
      readAll(seat)
      return [joined.reason, joined.next, seat.cursor?.position]
    }
    expect(placed(2 ** 40, { ...unknown, stable: 2 ** 30 })).toEqual(['PROTOCOL', 1, next])
    expect(placed(2 ** 40, { ...unknown, stable: next })).toEqual(['PROTOCOL', 1, next])
    expect(placed(2 ** 40, { ...unknown, stable: next - 1 })).toEqual(['REWOUND', next, next])
    expect(placed(2 ** 40, { ...known, stable: 0 })).toEqual(['PROTOCOL', 1, next])
    expect(placed(next + 1, { ...known, stable: 0 })).toEqual(['PROTOCOL', 1, next])
    expect(placed(next, { ...known, stable: 0 })).toEqual(['', next, next])
  })

  it('tells the first frame that is undone, and a gap where those in its place are no longer kept', () => {
    const { owner } = twins()
    const { room } = owner
    room.log.shrinkTo(room.log.held - room.log.bytes / 2)
    const { first } = room.log
    expect(first).toBeGreaterThan(5)
    const held = { slot: 1, elected: 1, seen: 0, stable: 4, promisedTerm: 0, promisedIncarnation: 0 }
    const parts = { world: 9, next: first - 2, held: [{ ...held, term: 1, incarnation: 3 }] }
    const { seat, joined } = placeIn(room, { parts })
    expect([joined.reason, joined.next]).toEqual(['REWOUND', 5])
    const read = seat.cursor?.log.read(seat.cursor)
    expect(read).toBeInstanceOf(Gap)
    const [gap] = binaryCodec.decode((read as Gap).binary, 'server')
    expect(gap).toMatchObject({ from: 5, to: first, reason: 'NO_SNAPSHOT' })
  })

  it('knows from the log who is in it, tells its readers of new frames, and counts spectators', () => {
    const { replica, node } = twins()
    const { seat, joined } = placeIn(replica, { spectator: true })
    expect(joined.members).toEqual([{ slot: 1, user: 'bob', away: false }])
    expect(replica.spectators).toBe(1)
    readAll(seat)
    node.marked.clear()
    replica.append({ bytes: new Uint8Array(0), events: [], inputs: 0, stable: 0 }, 5_000)
    replica.tell(5_000)
    expect([...node.marked]).toEqual([seat.cursor])
    replica.unplace(seat)
    expect([replica.isDeserted, replica.spectators]).toEqual([true, 0])
  })

  it('holds spectators back by the delay, and shows them the same bytes later', () => {
    const { owner, replica, node } = twins({ spectatorDelayMs: 1_000 })
    const { seat, joined } = placeIn(replica, { spectator: true, now: 1_010 })
    expect(joined.head).toBeLessThan(replica.log.next - 1)
    readAll(seat)
    node.timers.run(1_500)
    expect(seat.cursor?.position).toBe(joined.head + 1)
    const rest = placeIn(owner.room, { parts: { world: 9, next: joined.head + 1 } })
    expect(readAll(seat)).toEqual(readAll(rest.seat))
  })
})

describe('A room that begins where another one stands', () => {
  const away = (slot: number) => ({ type: 'away', slot }) as const
  const frameOf = (events: readonly MeetingEvent[]): Uint8Array => sealFrame(events, [])

  /** Frames in which ann joins, bob joins and ann goes away, and the ring has lost the first. */
  function source(delay = 0): Room {
    const room = roomOn(nodeOf(), { spectatorDelayMs: delay })
    const events: MeetingEvent[][] = [
      [{ type: 'join', slot: 0, user: 'ann' }],
      [{ type: 'join', slot: 1, user: 'bob' }],
      [],
      [away(0)],
    ]
    for (const [at, each] of events.entries())
      room.append({ bytes: frameOf(each), events: each, inputs: 0, stable: at }, at * 100)
    room.tell(300)
    return room
  }

  function follow(from: Room, beginning = from.beginning, now = 300) {
    const node = nodeOf()
    const room = new Room(node, 8, 1_000_000, from.facts, now, beginning)
    const feed = (at: number): void => {
      for (const [number, frame] of from.log.history(room.log.next, Infinity)) {
        const { events, inputs } = openFrame(number, frame)
        room.append({ bytes: frame, events, inputs: inputs.length, stable: from.log.stableAt(number) }, at)
      }
      room.tell(at)
    }
    return { node, room, feed }
  }

  const users = (members: MessageOf<'joined'>['members']): string[] =>
    members.map(({ user, away }) => (away ? `(${user})` : user))

  it('has the members of that moment, and history changes nothing about them', () => {
    const from = source()
    const { room, feed } = follow(from)
    expect(users(room.attendance.list)).toEqual(['(ann)', 'bob'])
    const gone: MeetingEvent[] = [{ type: 'leave', slot: 1, reason: 'left' }]
    from.append({ bytes: frameOf(gone), events: gone, inputs: 0, stable: 4 }, 400)
    feed(400)
    expect(room.log.next).toBe(6)
    expect(users(room.attendance.list)).toEqual(['(ann)'])
  })

  it('begins with the first frame that is kept, and has the same bytes from there', () => {
    const from = source()
    from.log.shrinkTo(from.log.held - 1)
    const { room, feed } = follow(from)
    expect([room.log.first, room.log.next]).toEqual([2, 2])
    feed(300)
    const parts = { world: 9, next: 2 }
    const [mine, theirs] = [placeIn(room, { parts }), placeIn(from, { parts })]
    expect(mine.joined.recovered).toBe(true)
    const bytes = readAll(mine.seat).map((each) => each.slice(6))
    expect(bytes).toEqual(readAll(theirs.seat).map((each) => each.slice(6)))
  })

  it('hides from spectators for a whole delay what they had not been shown there', () => {
    const from = source(250)
    expect(from.beginning).toMatchObject({ head: 4, hidden: 2 })
    const { room, feed } = follow(from)
    feed(300)
    const first = placeIn(room, { spectator: true, now: 549 }).joined
    expect([first.head, users(first.members)]).toEqual([1, ['ann']])
    const second = placeIn(room, { spectator: true, now: 550 }).joined
    expect([second.head, users(second.members)]).toEqual([4, ['(ann)', 'bob']])
  })

  /** What there is of a log that goes on after its owner has ended with only so many of these frames here. */
  function cutOff(from: Room, frames: number) {
    const { room } = follow(from)
    for (const [number, frame] of from.log.history(room.log.next, room.log.next + frames)) {
      const { events, inputs } = openFrame(number, frame)
      room.append({ bytes: frame, events, inputs: inputs.length, stable: 0 }, 300)
    }
    room.settle()
    return room
  }

  it('has the members of the last frame that has come, once no more of that history comes', () => {
    const room = cutOff(source(), 1)
    expect(users(room.attendance.list)).toEqual(['ann'])
    const cid: MeetingEvent[] = [{ type: 'join', slot: 1, user: 'cid' }]
    room.append({ bytes: frameOf(cid), events: cid, inputs: 0, stable: 0 }, 400)
    expect(users(room.attendance.list)).toEqual(['ann', 'cid'])
    expect(room.beginning).toMatchObject({ head: 2, members: room.attendance.list })
  })

  it('takes it then that whoever came before the frames that are kept was there', () => {
    const from = source()
    from.log.shrinkTo(from.log.held - 1)
    expect(users(cutOff(from, 1).attendance.list)).toEqual(['(ann)', 'bob'])
  })

  it('shows spectators no frame before its time that was sealed in the place of one they might have seen', () => {
    const from = source(250)
    from.tell(10_000)
    expect(from.beginning.hidden).toBe(5)
    const room = cutOff(from, 2)
    const gone: MeetingEvent[] = [{ type: 'leave', slot: 1, reason: 'left' }]
    room.append({ bytes: frameOf(gone), events: gone, inputs: 0, stable: 0 }, 400)
    const early = placeIn(room, { spectator: true, now: 649 }).joined
    expect([early.head, users(early.members)]).toEqual([2, ['ann', 'bob']])
    const later = placeIn(room, { spectator: true, now: 650 }).joined
    expect([later.head, users(later.members)]).toEqual([3, ['ann']])
  })

  it('has the members of the last frame but one where that is the last that has come', () => {
    const from = source()
    const gone: MeetingEvent[] = [{ type: 'leave', slot: 1, reason: 'left' }]
    from.append({ bytes: frameOf(gone), events: gone, inputs: 0, stable: 4 }, 400)
    expect(users(cutOff(from, 4).attendance.list)).toEqual(['(ann)', 'bob'])
  })

  it('shows spectators what they had been shown, where more has come than that', () => {
    const room = cutOff(source(250), 2)
    const { head, members } = placeIn(room, { spectator: true, now: 300 }).joined
    expect([head, users(members)]).toEqual([1, ['ann']])
  })

  it('changes nothing where all of it has come', () => {
    const { room, feed } = follow(source())
    feed(300)
    room.settle()
    expect(users(room.attendance.list)).toEqual(['(ann)', 'bob'])
  })

  it('tells its readers of the hole when it has to go on from a later frame', () => {
    const from = source()
    const { room, feed, node } = follow(from)
    feed(300)
    const { seat } = placeIn(room)
    readAll(seat)
    const back: MeetingEvent[] = [{ type: 'back', slot: 0 }]
    for (let n = 0; n < 3; n++) from.append({ bytes: frameOf(back), events: back, inputs: 0, stable: 4 }, 400)
    from.log.shrinkTo(0)
    expect(from.log.first).toBe(7)
    node.marked.clear()
    room.restart(from.beginning, 500)
    expect([...node.marked]).toEqual([seat.cursor])
    feed(500)
    const cursor = seat.cursor as Cursor
    expect(cursor.log.read(cursor)).toMatchObject({ reason: 'NO_SNAPSHOT', skipped: 2 })
    expect(users(room.attendance.list)).toEqual(['ann', 'bob'])
    expect(readAll(seat)).toHaveLength(1)
  })

  it('holds nothing once it is closed, and tells who follows it', () => {
    const from = source(250)
    const { room, feed } = follow(from)
    feed(300)
    const heard: string[] = []
    room.followers.add({
      readers: 2,
      spectators: 1,
      watchers: [],
      tell: () => heard.push('frames'),
      close: (m) => heard.push(m),
    })
    expect([room.isDeserted, room.spectators]).toEqual([false, 1])
    room.tell(10_000)
    room.close('over', 10_000)
    // Frames that were gathered go out first.
    expect(heard).toEqual(['frames', 'frames', 'over'])
    expect(room.log.held).toBe(0)
  })
})

describe('A room whose frames come with a clock', () => {
  const empty = { bytes: EMPTY_FRAME, events: [], inputs: 0, stable: 0 }
  const full = { bytes: sealFrame([{ type: 'back', slot: 0 }], []), events: [], inputs: 0, stable: 0 }

  /** At which times its reader was told, where it is told of a frame every 50 ms from 0 on. */
  function toldAt(isGathered: (at: number) => boolean, frameOf: (at: number) => typeof empty): number[] {
    const node = nodeOf()
    const room = roomOn(node, { frameRate: 20 })
    const { seat } = placeIn(room)
    const times: number[] = []
    for (let at = 50; at <= 3_500; at += 50) {
      node.marked.clear()
      room.append(frameOf(at), at)
      room.tell(at, isGathered(at))
      if (node.marked.has(seat.cursor as Cursor)) times.push(at)
    }
    return times
  }

  it('tells of each for two seconds behind an input, and then of the empty ones of a quarter of a second at once', () => {
    const times = toldAt(
      () => false,
      () => empty,
    )
    const first = Array.from({ length: 40 }, (_, n) => 50 * (n + 1))
    expect(times).toEqual([...first, 2_200, 2_400, 2_600, 2_800, 3_000, 3_200, 3_400])
  })

  it('tells at once of one that is not empty, and of those that have been gathered already', () => {
    const quiet = toldAt(
      (at) => at === 2_150,
      (at) => (at === 2_250 ? full : at === 2_300 ? { ...empty, inputs: 1 } : empty),
    ).filter((at) => at > 2_000 && at < 2_500)
    expect(quiet).toEqual([2_150, 2_250, 2_300, 2_350, 2_400, 2_450])
  })

  it('sets no timer for its spectators, since a later frame shows them this one', () => {
    for (const [frameRate, timers] of [
      [20, 0],
      [0, 1],
    ] as const) {
      const node = nodeOf()
      const room = roomOn(node, { frameRate, spectatorDelayMs: 500 })
      const { seat } = placeIn(room, { spectator: true, now: 0 })
      expect(node.timers.size).toBe(0)
      room.append(full, 10)
      room.tell(10)
      expect(node.timers.size).toBe(timers)
      // Nor is one left once all is shown, or nobody reads.
      room.tell(600)
      expect(node.timers.size).toBe(0)
      room.append(full, 700)
      room.tell(700)
      room.unplace(seat)
      expect(node.timers.size).toBe(0)
    }
  })
})

describe('A room', () => {
  const full = { bytes: sealFrame([{ type: 'back', slot: 0 }], []), events: [], inputs: 0, stable: 0 }
  const fed = (room: Room, frames: number): Room => {
    for (let n = 0; n < frames; n++) room.append(full, n)
    return room
  }

  it('tells its readers once that no frames come for now, and once that they do again', () => {
    const node = nodeOf()
    const room = roomOn(node)
    const { seat } = placeIn(room)
    const tells = (isPaused: boolean): boolean => {
      node.marked.clear()
      room.pause(isPaused, 5)
      return node.marked.has(seat.cursor as Cursor)
    }
    expect([tells(false), tells(true), tells(true), tells(false)]).toEqual([false, true, false, true])
    expect(readAll(seat)).toHaveLength(1)
  })

  it('tells delayed spectators neither of that nor of what they may not see yet, and members of both', () => {
    const node = nodeOf()
    const room = roomOn(node, { spectatorDelayMs: 500 })
    const [watching, playing] = [placeIn(room, { spectator: true }).seat, placeIn(room).seat]
    for (const act of [
      () => room.pause(true, 5),
      () => {
        room.append(full, 10)
        room.tell(10)
      },
    ]) {
      node.marked.clear()
      act()
      expect([...node.marked]).toEqual([playing.cursor])
    }
    node.marked.clear()
    room.tell(510)
    expect([...node.marked]).toContain(watching.cursor)
  })

  it('knows from its frames which owner seals, and takes no earlier one for it', () => {
    const room = roomOn(nodeOf())
    const epoch = (term: number, incarnation: number): MeetingEvent => ({ type: 'epoch', term, incarnation })
    room.append({ ...full, events: [{ type: 'back', slot: 0 }] }, 0)
    expect(room.facts).toMatchObject({ term: 2, incarnation: 7 })
    room.append({ ...full, events: [epoch(3, 8)] }, 0)
    const { facts: later } = room
    expect([later.term, later.incarnation, later.reigns.at(-1)]).toEqual([
      3,
      8,
      { term: 3, incarnation: 8, from: 2 },
    ])
    room.append({ ...full, events: [epoch(2, 9)] }, 0)
    expect(room.facts).toBe(later)
    // The next frame will be of another one.
    room.reign({ term: 4, incarnation: 1, from: room.log.next })
    expect(room.lastFence).toMatchObject({ term: 3, incarnation: 8 })
    const { joined } = placeIn(room, { parts: { world: 9, next: 4 } })
    expect([joined.next, joined.heldTerm, joined.heldIncarnation, joined.term]).toEqual([4, 3, 8, 4])
  })

  it('is deserted where those who follow it have no readers either', () => {
    const room = roomOn(nodeOf())
    const follower = { readers: 0, spectators: 0, watchers: [], tell: () => {}, close: () => {} }
    room.followers.add(follower)
    expect(room.isDeserted).toBe(true)
    follower.readers = 1
    expect(room.isDeserted).toBe(false)
  })

  it('places who asks for what is yet to come behind the last frame, with nothing to read', () => {
    const node = nodeOf()
    const room = fed(roomOn(node), 3)
    const { seat, joined } = placeIn(room, { parts: { world: 0, next: 1 } })
    expect([joined.next, seat.cursor?.position, joined.reason, joined.recovered]).toEqual([4, 4, '', false])
    expect(node.marked.size).toBe(0)
    // Whatever frame is named without a world.
    expect(placeIn(room, { parts: { world: 0, next: 99 } }).joined).toMatchObject({ next: 4, reason: '' })
    expect(placeIn(room).joined).toMatchObject({ next: 1, reason: '' })
    expect(node.marked.size).toBe(1)
  })

  it('refuses positions that it never gave out, and believes what a client holds only where owners are known', () => {
    const held = [{ slot: 1, elected: 1, term: 8, incarnation: 8, seen: 1, stable: 0 }] as never
    const room = fed(roomOn(nodeOf()), 3)
    expect(placeIn(room, { parts: { world: 9, next: 5 } }).joined.reason).toBe('PROTOCOL')
    expect(placeIn(room, { parts: { world: 9, next: 4 } }).joined.recovered).toBe(true)
    expect(placeIn(room, { parts: { world: 9, next: 4, held } }).joined).toMatchObject({
      reason: 'REWOUND',
      next: 1,
    })
    const alone = fed(roomOn(nodeOf(), { reigns: [], term: 0 }), 3)
    expect(placeIn(alone, { parts: { world: 9, next: 4, held } }).joined.recovered).toBe(true)
  })

  it('counts the work of placing, more for more frames, and of leaving', () => {
    const worked = (frames: number, parts: object): number[] => {
      const node = nodeOf()
      const room = fed(roomOn(node), frames)
      const before = node.work.done
      const { seat } = placeIn(room, { parts })
      const placed = node.work.done
      room.unplace(seat)
      return [placed - before, node.work.done - placed]
    }
    const [none = 0, left = 0] = worked(50, { world: 9, next: 51 })
    const [all = 0] = worked(50, { world: 9, next: 1 })
    expect([none > 0, left > 0, all > none + 500]).toEqual([true, true, true])
  })

  it('tells a member who was elected, and how many inputs wait, as many as a message may name', () => {
    const room = fed(roomOn(nodeOf()), 2)
    const waiting = Array.from({ length: wire.batch + 5 }, (_, n) => n + 1)
    const electedOf = (to: Room, isMember: boolean): readonly number[] => {
      const outlet = new Outlet(new RecordingTransport(() => 0), false, 0)
      const seat = new Seat(
        host,
        { seats: new Map(), outlet } as unknown as Session,
        isMember ? member : null,
      )
      seat.elector.elected = 5
      const placing = { start: 0, startFrame: 1, members: [], continued: false, waiting }
      const joined = to.place(seat, { ...joinOf(), world: 9, next: 3 }, placing, 100)
      return [joined.elected, joined.waiting.length, joined.waiting[0]?.seq ?? 0]
    }
    expect([electedOf(room, true), electedOf(room, false)]).toEqual([
      [5, wire.batch, 6],
      [0, wire.batch, 6],
    ])
    expect(electedOf(fed(roomOn(nodeOf(), { reigns: [] }), 2), true)[0]).toBe(0)
  })

  it('is paid for, once it has ended, until the last of its readers has what there is', () => {
    const node = nodeOf()
    const room = fed(roomOn(node), 2)
    expect(room.lastFull).toBe(2)
    const [ann, bob] = [placeIn(room).seat, placeIn(room).seat]
    readAll(ann)
    const third = placeIn(room).seat
    room.close('over', 10)
    // Who has read all is told at once.
    expect([node.sent.length, room.readers, room.log.held > 0]).toEqual([1, 2, true])
    const told: number[][] = []
    for (const [at, seat] of [bob, third].entries()) {
      readAll(seat)
      node.timers.run(20 + at)
      told.push([node.sent.length, room.readers, Number(room.log.held > 0)])
    }
    expect(told).toEqual([
      [2, 1, 1],
      [3, 0, 0],
    ])
    expect([room.log.passed, node.timers.size]).toEqual([null, 0])
  })

  it('shows its delayed spectators the last frames in their time, though no later frame comes', () => {
    const node = nodeOf()
    const room = roomOn(node, { frameRate: 20, spectatorDelayMs: 500 })
    const { seat } = placeIn(room, { spectator: true, now: 0 })
    room.append(full, 10)
    room.close('over', 10)
    node.timers.run(509)
    node.marked.clear()
    expect([node.sent.length, readAll(seat)]).toEqual([0, []])
    node.timers.run(510)
    expect([...node.marked]).toEqual([seat.cursor])
    expect(readAll(seat)).toHaveLength(1)
    node.timers.run(511)
    // The batch that was read last cools down.
    for (let n = 0; n < 3; n++) node.downstream.caches.settle(true)
    expect([node.sent.length, room.readers, room.log.held, node.timers.size]).toEqual([1, 0, 0, 0])
  })

  it('gives readers whose seats end a time to read on, and spectators their delay more; others are in it alone', () => {
    const node = nodeOf()
    const room = roomOn(node, { spectatorDelayMs: 500 })
    const [watching, playing, other] = [
      placeIn(room, { spectator: true }).seat,
      placeIn(room).seat,
      placeIn(room).seat,
    ]
    fed(room, 2)
    for (const seat of [watching, playing]) room.end(seat, 'out', 3)
    expect([...room.seats()]).toEqual([other])
    const { partingMs } = node.limits
    node.timers.run(0)
    node.timers.run(partingMs - 1)
    expect(node.sent).toEqual([])
    node.timers.run(partingMs)
    expect([node.sent, playing.cursor, watching.cursor === null]).toMatchObject([
      [{ type: 'ended', error: 'CLOSED', message: 'out' }],
      null,
      false,
    ])
    node.timers.run(partingMs + 499)
    expect(node.sent).toHaveLength(1)
    node.timers.run(partingMs + 500)
    expect([node.sent.length, room.readers]).toEqual([2, 1])
  })
})
