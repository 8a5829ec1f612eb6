import { describe, expect, it } from 'vitest'
import type { Downstream } from '../../../src/core/down/downstream.ts'
import { Work } from '../../../src/core/ground/work.ts'
import { WarmCaches } from '../../../src/core/log/batches.ts'
import { defaultMeeting } from '../../../src/core/ground/config.ts'
import { Stats } from '../../../src/core/ground/stats.ts'
import { Timers } from '../../../src/core/ground/timers.ts'
import { Encoded } from '../../../src/core/log/encoded.ts'
import { type Cursor, Outlet } from '../../../src/core/log/log.ts'
import { type Bot, plain } from '../../../src/core/meeting/business.ts'
import { Owner } from '../../../src/core/meeting/owner.ts'
import { Room, type RoomFacts } from '../../../src/core/meeting/room.ts'
import { openFrame } from '../../../src/core/meeting/sealed.ts'
import { type Host, type Member, Seat } from '../../../src/core/meeting/seat.ts'
import type { Session } from '../../../src/core/session/session.ts'
import type { MessageOf } from '../../../src/protocol/index.ts'
import { defaultLimits, fixedLimits } from '../../../src/core/index.ts'
import { bytes, RecordingTransport, text } from './harness.ts'
import { endless } from './payers.ts'

const facts: RoomFacts = {
  name: 'm',
  world: 9,
  term: 2,
  incarnation: 7,
  seed: new Uint8Array(8),
  frameRate: 0,
  inputBytes: 256,
  spectatorDelayMs: 0,
}

/** A node with no socket: it notes whose cursors were marked. */
function nodeOf() {
  const marked = new Set<Cursor>()
  const downstream = {
    mark: (cursor: Cursor) => marked.add(cursor),
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
  const host = { ...nodeOf(), sealSoon: () => {}, expired: () => {} }
  const owner = new Owner(host, roomOn(host), { ...defaultMeeting, frameRate: 0 }, plain, 0)
  const node = nodeOf()
  const replica = roomOn(node, parts)
  const bots = ['ann', 'bob'].map((user) => owner.addBot(user) as Bot)
  for (let n = 0; n < 40; n++) {
    bots[n % 2]?.send(n % 5 === 0 ? bytes(200) : text(`word ${n}`))
    if (n === 30) bots[0]?.leave()
    owner.sealNow(n, Infinity)
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
}
const member = { slot: 1, seq: 3 } as Member

function placeIn(
  room: Room,
  { spectator = false, parts = {}, now = 100 } = {},
): { seat: Seat; joined: MessageOf<'joined'> } {
  const outlet = new Outlet(new RecordingTransport(() => 0), false, 0)
  const seat = new Seat(host, { seats: new Map(), outlet } as unknown as Session, spectator ? null : member)
  const join: MessageOf<'join'> = {
    type: 'join',
    call: 1,
    meeting: 'm',
    spectator,
    config: '',
    world: 0,
    next: 0,
    ...parts,
  }
  const placing = { start: 0, startFrame: 1, members: room.attendance.list }
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
