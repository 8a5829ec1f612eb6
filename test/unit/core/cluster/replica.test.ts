import { describe, expect, it } from 'vitest'
import { decodeDatagram } from '../../../../src/core/cluster/datagrams.ts'
import type { MeshMessage } from '../../../../src/core/cluster/mesh-messages.ts'
import { memberOf } from '../../../../src/core/cluster/remote-member.ts'
import { Replica } from '../../../../src/core/cluster/replica.ts'
import type { Limits } from '../../../../src/core/ground/config.ts'
import { weights } from '../../../../src/core/ground/weights.ts'
import { costs } from '../../../../src/core/ground/work.ts'
import { type OpenedFrame } from '../../../../src/core/meeting/sealed.ts'
import { Seat, seatOf } from '../../../../src/core/meeting/seat.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import type { MessageOf } from '../../../../src/protocol/index.ts'
import { bytes, text } from '../harness.ts'
import { connect, disconnect, followedOf, frameOf, inputOf, joinOf, Parts, seatedOf, words } from './parts.ts'

const OWNER = 5
const NUMBER = 9

type Joined = MessageOf<'joined'>

/** A replica alone: what it says to its owner, and tells its node, is noted in words. */
class Desk extends Parts {
  /** Whether the owner has not ended. */
  isThere = true
  readonly said: string[] = []
  readonly pulled: string[] = []
  /** What became of each JOIN: slot, or the error. */
  readonly answers: string[] = []
  last: Joined | null = null
  readonly rejoined: string[] = []
  ends = 0
  advances = 0
  marks = 0
  orphaned = 0
  /** How much more the link takes. */
  room = Infinity
  readonly replica: Replica

  constructor(limits: Partial<Limits> = {}) {
    super(limits)
    const { timers, downstream, budget, work } = this
    this.replica = new Replica(
      {
        limits: this.limits,
        timers,
        downstream,
        budget,
        work,
        link: (node, message) => this.#say(node, message),
        put: (node, packet) => this.pulled.push(`${node} ${words(decodeDatagram(packet) as never)}`),
        isOpen: (_, isLast) => isLast === true || this.room > 0,
        isThere: () => this.isThere,
        mark: () => this.marks++,
        refuse: ({ user }, { log, seq }, { code, retryAfterMs }, byBusiness) =>
          this.told.push(`${user} ${log} ${seq} ${code} ${retryAfterMs}${byBusiness ? ' by business' : ''}`),
        rejoin: ({ user }) => this.rejoined.push(user),
        ended: () => this.ends++,
        advanced: () => this.advances++,
        orphaned: () => this.orphaned++,
        promised: () => {},
        recalled: () => {},
        outrun: () => {},
        maySucceed: () => true,
      },
      'm',
      OWNER,
      NUMBER,
      this.now,
    )
  }

  #say(node: number, { replica, ...message }: MeshMessage): void {
    this.room--
    expect(replica).toBe(NUMBER)
    this.said.push((node === OWNER ? '' : `to ${node}: `) + words(message))
  }

  /** What was said since this was last asked. */
  heard(): string[] {
    return this.said.splice(0)
  }

  ask(session: Session, parts: Partial<MessageOf<'join'>> = {}): void {
    this.replica.join(session, joinOf(parts), this.now, (answer, at) => {
      expect(at).toBe(this.now)
      if (typeof answer === 'string') this.answers.push(`${session.user} ${answer}`)
      else if ('code' in answer)
        this.answers.push(`${session.user} ${answer.code}: ${answer.message} ${answer.retryAfterMs}`)
      else {
        this.last = answer
        this.answers.push(`${session.user} ${answer.slot}`)
      }
    })
  }

  hear(message: MeshMessage): void {
    this.replica.handle(message, this.now)
  }

  frames(first: number, ...frames: OpenedFrame[]): void {
    const marks = frames.map((_, n) => Math.max(0, first + n - 3))
    this.replica.frames({ type: 'frames', replica: NUMBER, first, frames, marks }, this.now)
  }

  /** The sweep has come to the JOINs that may have all they wait for. */
  answered(): string[] {
    if (this.replica.isTrying) this.replica.sweep(this.now, Infinity)
    return this.answers.splice(0)
  }

  /** The owner has answered, and the first sweep is over. */
  begin(parts: Parameters<typeof followedOf>[0] = {}): this {
    this.replica.follow()
    this.hear(followedOf(parts))
    this.replica.sweep(this.now, Infinity)
    this.heard()
    return this
  }

  /** Members who have their seats. */
  seat(...users: string[]): Session[] {
    return users.map((user) => {
      const session = this.session(user)
      this.ask(session)
      const [entered = ''] = this.heard().slice(-1)
      const [, seat] = /seat:(\d+)/.exec(entered) ?? []
      this.hear(seatedOf(Number(seat)))
      expect(this.answered()).toHaveLength(1)
      return session
    })
  }

  watch(...users: string[]): Session[] {
    return users.map((user) => {
      const session = this.session(user)
      this.ask(session, { spectator: true })
      expect(this.answered()).toEqual([`${user} 255`])
      return session
    })
  }
}

const placeOf = (session: Session): Seat => seatOf(session, NUMBER) as Seat
const empty = frameOf()

describe('A replica, before its owner has answered,', () => {
  it('asks for the frames from the first one on, and says how many wait to read', () => {
    const desk = new Desk()
    desk.ask(desk.session('ann'))
    desk.ask(desk.session('eve'), { spectator: true })
    desk.replica.follow()
    expect(desk.heard()).toEqual(['follow meeting:m next:1 readers:2'])
    expect([desk.replica.owner, desk.replica.log, desk.replica.members]).toEqual([
      OWNER,
      { first: 1, next: 1 },
      0,
    ])
    expect(desk.marks).toBe(2)
  })

  it('says nothing else, and takes no notice of frames and heads', () => {
    const desk = new Desk()
    desk.replica.follow()
    desk.heard()
    desk.ask(desk.session('ann'))
    desk.frames(1, empty)
    desk.replica.head({ replica: NUMBER, next: 4, due: 1 }, desk.now)
    desk.replica.sweep(desk.now, Infinity)
    desk.hear(seatedOf(1))
    expect([desk.heard(), desk.pulled, desk.answers, desk.replica.log.next]).toEqual([[], [], [], 1])
    expect([desk.replica.isOwing, desk.replica.reaches(77, 0), desk.budget.inside.size]).toEqual([
      false,
      false,
      0,
    ])
  })

  it('enters those who wait to be members once it has, and tells when all are', () => {
    const desk = new Desk()
    const [ann, bob] = [desk.session('ann'), desk.session('bob')]
    desk.ask(ann, { former: 'old', config: 'c' })
    desk.ask(desk.session('eve'), { spectator: true })
    desk.ask(bob)
    desk.replica.follow()
    desk.heard()
    desk.hear(followedOf())
    expect(desk.heard()).toEqual([
      'enter seat:1 session:ann1 former:old user:ann config:c',
      `enter seat:2 session:${bob.id} user:bob`,
    ])
    desk.replica.sweep(desk.now, Infinity)
    desk.replica.sweep(desk.now, Infinity)
    expect([desk.heard(), desk.answered()]).toEqual([
      ['entered', 'readers readers:3 spectators:1', 'watchers users:eve'],
      ['eve 255'],
    ])
  })

  it('enters nobody again who has a seat already, when the owner answers twice', () => {
    const desk = new Desk().begin({ head: 4, next: 5 })
    desk.ask(desk.session('ann'))
    desk.hear(seatedOf(1, { next: 5 }))
    desk.ask(desk.session('bob'))
    desk.heard()
    desk.hear(followedOf({ head: 4, next: 5 }))
    expect(desk.heard()).toEqual(['enter seat:2 session:bob2 user:bob'])
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['enter seat:1 again session:ann1 user:ann', 'entered', 'readers readers:2'])
  })
})

describe('A JOIN at a replica', () => {
  it('is answered once its seat and the frames up to the head are there, with what the owner has said', () => {
    const desk = new Desk().begin({ head: 3, next: 4, due: 20_001, hidden: 4 })
    const ann = desk.session('ann')
    desk.ask(ann)
    const { marks } = desk
    expect(desk.heard()).toEqual(['enter seat:1 session:ann1 user:ann'])
    const members = [{ slot: 4, user: 'ann', away: false }]
    desk.hear(
      seatedOf(1, { slot: 4, seq: 6, continued: true, waiting: [{ seq: 5 }], members, next: 4, due: 30_001 }),
    )
    desk.frames(1, empty, empty)
    expect([desk.answered(), ann.seats.size, desk.replica.members]).toEqual([[], 0, 1])
    desk.frames(3, empty)
    expect(desk.answered()).toEqual(['ann 4'])
    expect(desk.last).toMatchObject({
      meeting: 'm',
      log: NUMBER,
      world: 77,
      term: 2,
      incarnation: 5,
      slot: 4,
      seq: 6,
      continued: true,
      waiting: [{ seq: 5 }],
      members,
      // Frame 4, in 30 ms.
      start: 1_030_000,
      startFrame: 4,
      maxInput: 8,
      rate: 20,
      head: 3,
    })
    expect(desk.marks).toBeGreaterThan(marks)
    expect(desk.held.user).toBe(weights.member)
    expect(memberOf(placeOf(ann))?.seat).toBe(placeOf(ann))
  })

  it('of a spectator asks the owner for nothing, and waits for the frames alone', () => {
    const desk = new Desk().begin({ head: 1, next: 2, members: [{ slot: 0, user: 'ann', away: true }] })
    desk.ask(desk.session('eve'), { spectator: true })
    expect([desk.heard(), desk.answered()]).toEqual([[], []])
    desk.frames(1, empty)
    expect(desk.answered()).toEqual(['eve 255'])
    expect(desk.last).toMatchObject({
      members: [{ slot: 0, user: 'ann', away: true }],
      continued: false,
      waiting: [],
    })
    expect(desk.held.user).toBe(weights.spectator)
  })

  it('waits until the owner has told when a frame is due', () => {
    const desk = new Desk().begin({ due: 0 })
    desk.ask(desk.session('eve'), { spectator: true })
    expect(desk.answered()).toEqual([])
    desk.now += 100
    desk.replica.head({ replica: NUMBER, next: 1, due: 0 }, desk.now)
    expect(desk.answered()).toEqual([])
    desk.replica.head({ replica: NUMBER, next: 1, due: 7_001 }, desk.now)
    expect(desk.answered()).toEqual(['eve 255'])
    expect(desk.last).toMatchObject({ start: 1_107_000, startFrame: 1 })
  })

  it('waits for no clock where the meeting has none', () => {
    const desk = new Desk().begin({ due: 0, frameRate: 0 })
    desk.ask(desk.session('eve'), { spectator: true })
    expect(desk.answered()).toEqual(['eve 255'])
    expect(desk.last).toMatchObject({ start: 0, startFrame: 1, rate: 0 })
  })

  it('is answered by what the owner says of the clock when it seats the member', () => {
    const desk = new Desk().begin({ due: 0 })
    desk.ask(desk.session('ann'))
    desk.hear(seatedOf(1, { due: 5_001 }))
    expect([desk.answered(), desk.last?.start]).toEqual([['ann 0'], 1_005_000])
  })

  it('of a client that is ahead waits for the frames that it has, unless they are of another world', () => {
    const desk = new Desk().begin()
    desk.ask(desk.session('eve'), { spectator: true, world: 77, next: 3 })
    desk.ask(desk.session('dan'), { spectator: true, world: 76, next: 3 })
    expect([desk.answered(), desk.last?.reason]).toEqual([['dan 255'], 'NEW_EPOCH'])
    desk.frames(1, empty)
    expect(desk.answered()).toEqual([])
    desk.frames(2, empty)
    expect([desk.answered(), desk.last]).toMatchObject([['eve 255'], { recovered: true, next: 3 }])
  })

  it('of a member who is back waits for the frames after which the owner has spoken', () => {
    const desk = new Desk().begin()
    desk.ask(desk.session('ann'))
    desk.ask(desk.session('bob'))
    desk.hear(seatedOf(1, { continued: true, next: 3 }))
    desk.hear(seatedOf(2, { next: 3 }))
    expect(desk.answered()).toEqual(['bob 1'])
    desk.frames(1, empty)
    expect(desk.answered()).toEqual([])
    desk.frames(2, empty)
    expect(desk.answered()).toEqual(['ann 0'])
  })

  it('has the members that the owner named, until a later frame has more of them', () => {
    const members = [{ slot: 7, user: 'dan', away: false }]
    const there = [{ slot: 2, user: 'ann', away: false }]
    for (const [frames, expected] of [
      [0, members],
      [1, members],
      [2, there],
    ] as const) {
      const desk = new Desk().begin({ due: 0, members: there })
      desk.ask(desk.session('ann'), { world: 77, next: frames + 1 })
      desk.hear(seatedOf(1, { members, next: 2, due: 0 }))
      for (let n = 1; n <= frames; n++) desk.frames(n, empty)
      desk.replica.head({ replica: NUMBER, next: frames + 1, due: 1 }, desk.now)
      expect([desk.answered(), desk.last?.members], `${frames} frames`).toEqual([['ann 0'], expected])
    }
  })

  it('with another configuration than the meeting has is refused, and its seat is not taken', () => {
    const desk = new Desk().begin({ config: 'c1' })
    const ask = (config: string): string[] => {
      desk.ask(desk.session('eve'), { spectator: true, config })
      return desk.answered()
    }
    const refused = (given: string, held: string): string[] => [
      `eve CONFIG_MISMATCH: the client has the configuration "${given}", the meeting has "${held}" 0`,
    ]
    expect([ask('c1'), ask(''), ask('c2')]).toEqual([['eve 255'], ['eve 255'], refused('c2', 'c1')])
    desk.hear({ type: 'config', replica: NUMBER, config: 'c2', bots: [] })
    expect([ask('c1'), ask('c2')]).toEqual([refused('c1', 'c2'), ['eve 255']])
    desk.hear({ type: 'config', replica: NUMBER, config: '', bots: [] })
    expect(ask('c3')).toEqual(['eve 255'])
  })

  it('is refused by the owner with its reason, or with the usual one, and is forgotten', () => {
    const desk = new Desk().begin()
    for (const user of ['ann', 'bob']) desk.ask(desk.session(user))
    const { marks } = desk
    const refused = { type: 'refused', replica: NUMBER, error: 'FORBIDDEN', reason: '' } as const
    desk.hear({ ...refused, seat: 2, message: 'not you', retryAfter: 30 })
    desk.hear({ ...refused, seat: 1, message: '', retryAfter: 0 })
    desk.hear({ ...refused, seat: 1, message: 'again', retryAfter: 0 })
    desk.hear({ ...refused, seat: 8, message: 'who?', retryAfter: 0 })
    expect(desk.answered()).toEqual([
      'bob FORBIDDEN: not you 30',
      'ann FORBIDDEN: The ticket or the business does not allow it. 0',
    ])
    expect(desk.marks).toBe(marks + 2)
    desk.hear(seatedOf(1))
    expect([desk.replica.members, desk.answered()]).toEqual([0, []])
  })

  it('gives its seat back where it was refused, and asked for it once more before it knew', () => {
    const desk = new Desk().begin()
    desk.ask(desk.session('ann'))
    desk.heard()
    // The owner has no frames any more from where this replica is, and says so.
    desk.hear(followedOf())
    expect(desk.heard().filter((each) => each.startsWith('enter'))).toHaveLength(1)
    const refusal = { error: 'HANDLER_FAILED', message: '', retryAfter: 0, reason: '' } as const
    desk.hear({ type: 'refused', replica: NUMBER, seat: 1, ...refusal })
    desk.heard()
    desk.hear(seatedOf(1))
    expect([desk.heard(), desk.replica.members]).toEqual([['leave seat:1 reason:expired'], 0])
  })

  it('whose seat has ended before the frames were there is told so, and its member is gone', () => {
    const desk = new Desk().begin({ head: 1, next: 2 })
    const ann = desk.session('ann')
    desk.ask(ann)
    desk.hear(seatedOf(1, { next: 2 }))
    expect(desk.replica.members).toBe(1)
    desk.hear({ type: 'ended', replica: NUMBER, seat: 1, message: 'out', next: 0 })
    expect([desk.answered(), desk.replica.members]).toEqual([['ann CLOSED: out 0'], 0])
    desk.frames(1, empty)
    expect([desk.answered(), ann.seats.size]).toEqual([[], 0])
  })

  it('is dropped with its session, and the owner is told of a seat that is not wanted any more', () => {
    const desk = new Desk().begin({ head: 1, next: 2 })
    const [ann, bob, eve] = ['ann', 'bob', 'eve'].map((user) => desk.session(user)) as [
      Session,
      Session,
      Session,
    ]
    desk.ask(ann)
    desk.ask(bob)
    desk.ask(eve, { spectator: true })
    desk.hear(seatedOf(1, { next: 2 }))
    desk.heard()
    const { marks } = desk
    for (const session of [ann, bob, eve, eve, desk.session('dan')]) desk.replica.drop(session)
    expect([desk.heard(), desk.marks, desk.replica.members]).toEqual([
      ['leave seat:1 reason:expired', 'leave seat:2 reason:expired'],
      marks + 3,
      0,
    ])
    desk.hear(seatedOf(2, { next: 2 }))
    desk.frames(1, empty)
    expect([desk.answered(), desk.replica.members]).toEqual([[], 0])
  })

  it('that has waited for too long is told so, and its seat is given up', () => {
    const desk = new Desk({ joinMs: 5_000 }).begin({ head: 1, next: 2 })
    desk.ask(desk.session('ann'))
    desk.now += 1
    desk.ask(desk.session('bob'))
    desk.heard()
    desk.now += 4_998
    desk.replica.beat(desk.now)
    expect(desk.answered()).toEqual([])
    desk.now += 1
    desk.replica.beat(desk.now)
    const why = 'BUSY: the node that has this meeting does not answer; try again 1000'
    expect([desk.answered(), desk.heard()]).toEqual([[`ann ${why}`], ['leave seat:1 reason:expired']])
  })

  it('of a session that has lost its connection leaves the member away, and a spectator out', () => {
    const desk = new Desk().begin({ head: 1, next: 2 })
    const [ann, eve] = [desk.session('ann'), desk.session('eve')]
    desk.ask(ann)
    desk.ask(eve, { spectator: true })
    desk.hear(seatedOf(1, { next: 2 }))
    for (const session of [ann, eve]) disconnect(session)
    desk.heard()
    desk.frames(1, empty)
    expect([desk.answered(), desk.heard()]).toEqual([['ann UNKNOWN', 'eve UNKNOWN'], ['away seat:1']])
    expect([ann.seats.size, eve.seats.size, desk.replica.members]).toEqual([1, 0, 1])
    // Back on another connection, it has the seat without asking for one.
    connect(ann)
    desk.ask(ann)
    expect([desk.answered(), desk.heard()]).toEqual([['ann 0'], ['back seat:1']])
  })

  it('of one who reads already goes on in the same seat: the owner learns that a member is back', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    const [eve] = desk.watch('eve') as [Session]
    const [seat, spectator] = [placeOf(ann), placeOf(eve)]
    const cursor = seat.cursor
    seat.accept(inputOf(1), desk.now)
    desk.heard()
    desk.ask(ann)
    expect([desk.answered(), desk.heard()]).toEqual([['ann 0'], ['back seat:1']])
    expect(desk.last).toMatchObject({ continued: true, waiting: [{ seq: 1 }], seq: 1 })
    desk.ask(eve, { spectator: true })
    expect([desk.answered(), desk.heard()]).toEqual([['eve 255'], []])
    expect(desk.last).toMatchObject({ continued: true, waiting: [] })
    expect([placeOf(ann), placeOf(eve), seat.cursor === cursor]).toEqual([seat, spectator, false])
    // The cursors that they had are gone.
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['readers readers:2 spectators:1', 'watchers users:eve'])
    expect(desk.held.user).toBeGreaterThan(weights.member + weights.spectator)
  })

  it('of a member without a connection, again, changes nothing', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    disconnect(ann)
    desk.heard()
    desk.ask(ann)
    expect([desk.answered(), desk.heard(), placeOf(ann).cursor]).toEqual([
      ['ann UNKNOWN'],
      ['away seat:1'],
      null,
    ])
  })
})

describe('A member at a replica', () => {
  it('has its inputs sent on at once, and answers for them until the owner does', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    const seat = placeOf(ann)
    expect([1, 2].map((seq) => seat.accept(inputOf(seq), desk.now))).toEqual([null, null])
    expect([desk.heard(), desk.replica.isOwing]).toEqual([
      ['input seat:1 seq:1 data:i1', 'input seat:1 seq:2 data:i2'],
      false,
    ])
    const { user } = desk.held
    desk.frames(1, frameOf([], [[0, 1]]))
    expect(desk.held.user).toBeLessThan(user)
    desk.hear({
      type: 'nack',
      replica: NUMBER,
      seat: 1,
      seq: 2,
      error: 'RATE',
      retryAfter: 40,
      byBusiness: true,
      message: '',
      reason: '',
    })
    expect([desk.news(), desk.held.user]).toEqual([['ann 9 2 RATE 40 by business'], weights.member])
    desk.hear({
      type: 'nack',
      replica: NUMBER,
      seat: 7,
      seq: 2,
      error: 'RATE',
      retryAfter: 0,
      byBusiness: false,
      message: '',
      reason: '',
    })
    expect(desk.news()).toEqual([])
  })

  it('is refused what a member there would be: no room, too large, out of order', () => {
    const desk = new Desk({ pendingInputs: 2 }).begin({ inputBytes: 8 })
    const [ann] = desk.seat('ann') as [Session]
    const seat = placeOf(ann)
    expect([
      seat.accept(inputOf(1, { data: bytes(8) }), 0),
      seat.accept(inputOf(2, { data: bytes(9) }), 0),
      seat.accept(inputOf(4), 0),
      seat.accept(inputOf(3), 0),
      seat.accept(inputOf(4), 0),
      seat.accept(inputOf(4), 0),
    ]).toEqual([null, 'TOO_LARGE', 'OUT_OF_ORDER', null, 'BUSY', 'STALE'])
    expect(desk.heard()).toHaveLength(2)
  })

  it('refused on arrival may send on after what was turned away', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    placeOf(ann).turnAway(2)
    expect(placeOf(ann).accept(inputOf(3), 0)).toBeNull()
  })

  it('reads only, as a spectator', () => {
    const desk = new Desk().begin()
    const [eve] = desk.watch('eve') as [Session]
    const seat = placeOf(eve)
    expect(seat.accept(inputOf(1, { seen: 5 }), 0)).toBe('READ_ONLY')
    desk.replica.acknowledge(seat, 3)
    desk.heard()
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['readers readers:1 spectators:1', 'watchers users:eve'])
  })

  it('waits where the link takes no more, and is told of in a later sweep', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    desk.replica.sweep(desk.now, Infinity)
    desk.heard()
    desk.room = 0
    const { marks } = desk
    expect(placeOf(ann).accept(inputOf(1), 0)).toBeNull()
    expect([desk.heard(), desk.replica.isOwing, desk.marks]).toEqual([[], true, marks + 1])
    desk.room = 1
    desk.replica.sweep(desk.now, Infinity)
    expect([desk.heard(), desk.replica.isOwing]).toEqual([['input seat:1 seq:1 data:i1'], false])
  })

  it('acknowledges frames, the latest of which the owner is told with an input or in the next sweep', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    desk.frames(1, empty, empty, empty, empty)
    const seat = placeOf(ann)
    desk.replica.sweep(desk.now, Infinity)
    desk.heard()
    seat.seen(2)
    seat.accept(inputOf(1, { seen: 3 }), 0)
    seat.seen(1)
    expect([desk.heard(), seat.elector.acked, desk.replica.isOwing]).toEqual([
      ['input seat:1 seq:1 acked:3 data:i1'],
      3,
      false,
    ])
    seat.seen(4)
    expect(desk.replica.isOwing).toBe(true)
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['acks seats:1 4'])
  })

  it('that loses its connection is away; a spectator has left', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    const [eve] = desk.watch('eve') as [Session]
    desk.replica.sweep(desk.now, Infinity)
    desk.heard()
    const { marks } = desk
    for (const session of [ann, eve]) disconnect(session)
    expect([ann.seats.size, eve.seats.size, desk.replica.members]).toEqual([1, 0, 1])
    expect([desk.heard(), desk.marks]).toEqual([['away seat:1'], marks + 2])
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['readers'])
  })

  it('leaves after its inputs, whatever the link takes; nothing is left of it', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    const [eve] = desk.watch('eve') as [Session]
    desk.room = 0
    placeOf(ann).accept(inputOf(1), 0)
    desk.heard()
    const { marks } = desk
    ann.leave(NUMBER, 'tired')
    eve.leave(NUMBER, 'bored')
    expect(desk.heard()).toEqual(['input seat:1 seq:1 data:i1', 'leave seat:1 reason:tired'])
    expect([desk.marks, desk.replica.members, desk.replica.isOwing]).toEqual([marks + 2, 0, false])
    expect(desk.held.user).toBe(0)
    desk.room = Infinity
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual([])
  })

  it('leaves while the link is broken: the owner hears why, once, and does not hear of the member again', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    placeOf(ann).accept(inputOf(1), 0)
    desk.replica.follow()
    desk.heard()
    ann.leave(NUMBER, 'left')
    expect([desk.heard(), desk.held.user]).toEqual([[], 0])
    desk.replica.sweep(desk.now, Infinity)
    desk.hear(followedOf())
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['leave seat:1 reason:left', 'entered', 'readers'])
    desk.replica.follow()
    desk.hear(followedOf())
    desk.heard()
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['entered'])
  })

  it('is spoken to alone, and only a member who has its seat', () => {
    const desk = new Desk().begin({ head: 1, next: 2 })
    desk.ask(desk.session('bob'))
    desk.hear(seatedOf(1, { next: 2 }))
    const direct = { type: 'direct', replica: NUMBER, seat: 1, data: text('psst') } as const
    desk.hear(direct)
    expect(desk.news()).toEqual([])
    desk.frames(1, empty)
    expect(desk.answered()).toEqual(['bob 0'])
    desk.hear(direct)
    desk.hear({ ...direct, seat: 2 })
    expect(desk.news()).toEqual(['bob direct log:9 data:psst'])
  })

  it('is put out by the owner, and told why', () => {
    const desk = new Desk().begin()
    const [ann, bob] = desk.seat('ann', 'bob') as [Session, Session]
    placeOf(ann).accept(inputOf(1), 0)
    desk.heard()
    const { marks } = desk
    desk.hear({ type: 'ended', replica: NUMBER, seat: 1, message: 'out', next: 0 })
    expect([desk.news(), ann.seats.size, bob.seats.size]).toEqual([
      ['ann ended log:9 error:CLOSED message:out'],
      0,
      1,
    ])
    expect([desk.heard(), desk.marks, desk.replica.members, desk.held.user]).toEqual([
      [],
      marks + 1,
      1,
      weights.member,
    ])
    // That of somebody who has a seat is refused when the meeting does not know it any more.
    desk.hear({
      type: 'refused',
      replica: NUMBER,
      seat: 2,
      error: 'CLOSED',
      message: 'gone',
      retryAfter: 0,
      reason: '',
    })
    expect([desk.news(), desk.replica.members]).toEqual([['bob ended log:9 error:CLOSED message:gone'], 0])
  })

  it('that is only a spectator can be put out, too', () => {
    const desk = new Desk().begin()
    const [eve] = desk.watch('eve') as [Session]
    placeOf(eve).evict('enough')
    expect([desk.news(), eve.seats.size]).toEqual([['eve ended log:9 error:CLOSED message:enough'], 0])
  })
})

describe('Frames at a replica', () => {
  it('go to its readers, with the marks of the owner, and the members that they name', () => {
    const desk = new Desk().begin()
    const [eve] = desk.watch('eve') as [Session]
    desk.marked.clear()
    desk.frames(1, frameOf([{ type: 'join', slot: 3, user: 'ann' }]), empty, empty, empty)
    expect(desk.replica.log.next).toBe(5)
    expect([...desk.marked]).toEqual([placeOf(eve).cursor])
    desk.ask(desk.session('dan'), { spectator: true })
    expect(desk.last).toMatchObject({ head: 4, stable: 1, members: [{ slot: 3, user: 'ann', away: false }] })
  })

  it('that it has are passed over, and only what is behind them is taken', () => {
    const desk = new Desk().begin()
    desk.watch('eve')
    desk.frames(1, empty, empty)
    desk.marked.clear()
    desk.frames(1, empty, empty)
    desk.frames(2, empty)
    expect([desk.replica.log.next, desk.marked.size]).toEqual([3, 0])
    desk.frames(2, empty, frameOf([{ type: 'join', slot: 3, user: 'ann' }]))
    desk.ask(desk.session('dan'), { spectator: true })
    expect(desk.last).toMatchObject({ head: 3, stable: 0, members: [{ slot: 3 }] })
    expect(desk.pulled).toEqual([])
  })

  it('that are missing are asked for once, and those behind them wait', () => {
    const desk = new Desk().begin()
    desk.frames(3, empty)
    desk.frames(4, empty)
    expect([desk.pulled, desk.replica.log.next]).toEqual([['5 pull replica:9 from:1'], 1])
    desk.frames(1, empty, empty)
    expect([desk.pulled.at(-1), desk.replica.log.next]).toEqual(['5 pull replica:9 from:3', 3])
    desk.frames(3, empty, empty)
    expect([desk.pulled.length, desk.replica.log.next]).toEqual([2, 5])
  })

  it('that the owner has and were lost are asked for when it says where it stands, and again at a beat', () => {
    const desk = new Desk().begin()
    desk.replica.head({ replica: NUMBER, next: 3, due: 1 }, desk.now)
    expect(desk.pulled).toEqual(['5 pull replica:9 from:1'])
    desk.replica.beat(desk.now)
    desk.replica.beat(desk.now)
    expect(desk.pulled).toHaveLength(2)
    desk.replica.follow()
    desk.replica.beat(desk.now)
    expect(desk.pulled).toHaveLength(2)
  })

  it('that were fetched for a JOIN are paid for by whoever waits, and no others', () => {
    const desk = new Desk().begin({ head: 2, next: 3 })
    const eve = desk.session('eve')
    const paid: number[] = []
    eve.account.pay = (work) => paid.push(work)
    desk.ask(eve, { spectator: true })
    const full = frameOf([], [[0, 1]])
    const costOf = (each: OpenedFrame): number => costs.walked + each.bytes.length * costs.reread
    desk.frames(1, full)
    desk.frames(1, full, full, empty)
    expect(paid).toEqual([costOf(full), costOf(full) + costOf(empty)])
    expect(desk.answered()).toEqual(['eve 255'])
    desk.ask(eve, { spectator: true, world: 77, next: 5 })
    desk.frames(4, full)
    expect([paid.length, desk.answered()]).toEqual([2, ['eve 255']])
  })

  it('settle what was refused while the link was broken', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    for (const seq of [1, 2, 3]) placeOf(ann).accept(inputOf(seq), 0)
    desk.replica.follow()
    desk.hear(followedOf())
    desk.replica.sweep(desk.now, Infinity)
    // The owner had all, has refused the first, and the second waits for a frame.
    desk.hear(seatedOf(1, { seq: 3, waiting: [{ seq: 2 }], next: 2 }))
    expect(desk.news()).toEqual([])
    desk.frames(1, frameOf([], [[0, 3]]))
    expect(desk.news()).toEqual(['ann 9 1 UNKNOWN 0 by business'])
    desk.frames(2, frameOf([], [[0, 2]]))
    expect([desk.news(), desk.held.user]).toEqual([[], weights.member])
  })
})

describe('When the link to the owner has broken, a replica', () => {
  it('follows anew from where it is, and enters its members anew, with what they have not sent', () => {
    const desk = new Desk().begin()
    const [ann, bob] = desk.seat('ann', 'bob') as [Session, Session]
    desk.watch('eve')
    desk.frames(1, empty, empty)
    placeOf(ann).seen(2)
    disconnect(bob)
    desk.heard()
    desk.replica.follow()
    expect(desk.heard()).toEqual(['follow meeting:m world:77 next:3 readers:2 spectators:1'])
    placeOf(ann).accept(inputOf(1), 0)
    desk.replica.sweep(desk.now, Infinity)
    expect([desk.heard(), desk.replica.isOwing, desk.replica.members]).toEqual([[], false, 2])
    desk.hear(followedOf({ first: 2, head: 2, next: 3 }))
    expect(desk.replica.isOwing).toBe(true)
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual([
      'enter seat:1 again session:ann1 user:ann',
      'enter seat:2 again session:bob2 user:bob',
      'entered',
      'acks seats:1 2',
      'watchers users:eve',
    ])
    for (const seat of [1, 2]) desk.hear(seatedOf(seat, { next: 3 }))
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual([
      'input seat:1 seq:1 data:i1',
      'back seat:1',
      'away seat:2',
      'acks seats:1 2',
    ])
    expect(desk.replica.log).toMatchObject({ first: 1, next: 3 })
  })

  it('goes on from the first frame that the owner still has', () => {
    const desk = new Desk().begin()
    desk.watch('eve')
    desk.frames(1, empty, empty)
    desk.replica.follow()
    desk.hear(followedOf({ first: 3, head: 5, next: 6 }))
    expect(desk.replica.log).toMatchObject({ first: 1, next: 3 })
    desk.replica.follow()
    const members = [{ slot: 1, user: 'dan', away: false }]
    desk.marked.clear()
    desk.hear(followedOf({ first: 4, head: 5, next: 6, members, hidden: 6 }))
    expect([desk.replica.log.first, desk.replica.log.next, desk.marked.size]).toEqual([4, 4, 1])
    desk.frames(4, frameOf([{ type: 'leave', slot: 1, reason: 'left' }]), empty)
    desk.ask(desk.session('ann'), { spectator: true })
    // What is history has led to these members.
    expect(desk.last).toMatchObject({ next: 4, members })
  })

  it('takes no notice of what was said before the meeting was handed on', () => {
    const desk = new Desk().begin({ hop: 2 })
    desk.replica.follow()
    desk.heard()
    desk.hear(followedOf({ hop: 1 }))
    desk.frames(1, empty)
    expect(desk.replica.log.next).toBe(1)
    desk.hear(followedOf({ hop: 3, config: 'c' }))
    desk.frames(1, empty)
    expect(desk.replica.log.next).toBe(2)
    desk.replica.follow()
    desk.hear(followedOf({ hop: 2, next: 2, head: 1 }))
    desk.frames(2, empty)
    expect(desk.replica.log.next).toBe(2)
  })

  it('ends, where the meeting is another one by now: whoever waits may try again', () => {
    const desk = new Desk().begin({ hop: 1 })
    const [ann] = desk.seat('ann') as [Session]
    desk.replica.follow()
    desk.ask(desk.session('bob'))
    desk.heard()
    desk.hear(followedOf({ world: 78 }))
    expect(desk.heard()).toEqual(['unfollow'])
    expect(desk.news()).toEqual(['ann ended log:9 error:CLOSED message:the meeting was closed'])
    expect(desk.answered()).toEqual(['bob BUSY: A queue is full: slow down. 1000'])
    expect([ann.seats.size, desk.replica.members, desk.ends, desk.budget.inside.size]).toEqual([0, 0, 1, 0])
    expect(desk.held).toEqual({ user: 0, meeting: 0 })
  })
})

describe('A member who waits for frames', () => {
  /** Seated, and without the frame that its JOIN needs. */
  function waiting(): Desk {
    const desk = new Desk().begin({ head: 1, next: 2 })
    desk.ask(desk.session('ann'))
    desk.hear(seatedOf(1, { next: 2 }))
    expect([desk.answers, desk.replica.members]).toEqual([[], 1])
    return desk
  }

  it('is told of the end of the meeting like one who waits for a seat', () => {
    const closed = waiting()
    closed.hear({ type: 'closed', replica: NUMBER, message: 'over' })
    expect([closed.answered(), closed.replica.members]).toEqual([['ann NOT_FOUND'], 0])
    const lost = waiting()
    lost.hear({ type: 'moved', replica: NUMBER, owner: 0 })
    // Another node may go on with the meeting.
    expect([lost.answered(), lost.rejoined, lost.orphaned]).toEqual([[], [], 1])
    lost.replica.giveUp(lost.now)
    expect(lost.answered()).toEqual(['ann NOT_FOUND'])
  })

  it('asks for its seat anew where the answer was on its way when the link broke', () => {
    const desk = new Desk().begin()
    desk.ask(desk.session('ann'))
    desk.replica.follow()
    desk.heard()
    desk.hear(seatedOf(1))
    desk.hear(followedOf())
    expect([desk.answered(), desk.heard()]).toEqual([[], ['enter seat:1 session:ann1 user:ann', 'entered']])
  })

  it('asks for its seat anew where the owner was taken for silent before the frames were there', () => {
    const desk = new Desk().begin({ head: 2, next: 3 })
    desk.frames(1, empty)
    desk.ask(desk.session('ann'))
    desk.hear(seatedOf(1))
    desk.replica.lost(desk.now)
    desk.replica.goTo(OWNER)
    desk.heard()
    desk.hear(followedOf({ head: 2, next: 3 }))
    expect(desk.heard()).toEqual(['enter seat:1 session:ann1 user:ann'])
    desk.frames(2, empty)
    expect(desk.answered()).toEqual([])
    desk.hear(seatedOf(1))
    expect([desk.answered(), desk.replica.members]).toEqual([['ann 0'], 1])
  })
})

describe('A replica', () => {
  it('pays for its room as long as it has one', () => {
    const desk = new Desk().begin({ first: 3, head: 4, next: 5 })
    expect([desk.budget.inside.size, desk.held.meeting, desk.replica.log.first]).toEqual([
      1,
      weights.meeting + 2 * followedOf().legacy.length,
      3,
    ])
    desk.hear({ type: 'closed', replica: NUMBER, message: 'over' })
    expect([desk.budget.inside.size, desk.held.meeting, desk.ends]).toEqual([0, 0, 1])
  })

  it('pays for what it is told for the case that its owner ends, as long as it has a room', () => {
    const desk = new Desk().begin()
    const { meeting } = desk.held
    const legacy = JSON.stringify({
      ...(JSON.parse(followedOf().legacy) as object),
      metadata: { of: 'x'.repeat(1_000) },
    })
    const more = 2 * (legacy.length - followedOf().legacy.length)
    desk.hear(followedOf({ legacy }))
    expect(desk.held.meeting).toBe(meeting + more)
    desk.hear(followedOf({ legacy: '' }))
    expect(desk.held.meeting).toBe(weights.meeting)
    desk.hear(followedOf({ legacy }))
    desk.hear({ type: 'closed', replica: NUMBER, message: 'over' })
    expect([desk.held.meeting, desk.ends]).toEqual([0, 1])
  })

  it('has a clock that stands still where a frame would be due in more than twelve days', () => {
    const desk = new Desk().begin()
    desk.hear(followedOf({ due: 2 ** 40 }))
    expect(desk.replica.copy.origin).not.toBeNull()
    desk.hear(followedOf({ due: 2 ** 40 + 1 }))
    expect(desk.replica.copy.origin).toBeNull()
  })

  it('tells the owner when more or fewer read there, and of them watch, once', () => {
    const desk = new Desk().begin()
    const [eve] = desk.watch('eve') as [Session]
    desk.replica.sweep(desk.now, Infinity)
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['readers readers:1 spectators:1', 'watchers users:eve'])
    const [ann] = desk.seat('ann') as [Session]
    disconnect(eve)
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['readers readers:1'])
    desk.ask(desk.session('bob'))
    desk.heard()
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['readers readers:2'])
    disconnect(ann)
    desk.heard()
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual(['readers readers:1'])
  })

  it('ends when nobody has been there for a while', () => {
    const desk = new Desk({ lingerMs: 5_000 }).begin()
    const [eve] = desk.watch('eve') as [Session]
    desk.now += 4_000
    desk.replica.beat(desk.now)
    disconnect(eve)
    desk.now += 4_999
    desk.replica.beat(desk.now)
    expect([desk.ends, desk.heard()]).toEqual([0, []])
    desk.now += 1
    desk.replica.beat(desk.now)
    expect([desk.ends, desk.heard()]).toEqual([1, ['unfollow']])
  })

  it('does not end while it has a member who is away, somebody waits, or it is handed over', () => {
    const desk = new Desk({ lingerMs: 10, joinMs: 100_000 })
    desk.ask(desk.session('bob'))
    const rest = (): number => {
      for (let beats = 0; beats < 3 && desk.ends === 0; beats++) desk.replica.beat((desk.now += 1_000))
      return desk.ends
    }
    expect(rest()).toBe(0)
    desk.begin()
    desk.hear({
      type: 'refused',
      replica: NUMBER,
      seat: 1,
      error: 'FULL',
      message: '',
      retryAfter: 0,
      reason: '',
    })
    desk.answered()
    const ann = desk.session('ann')
    desk.ask(ann)
    desk.hear(seatedOf(2))
    disconnect(ann)
    expect(rest()).toBe(0)
    desk.replica.isHandedOver = true
    ann.leave(NUMBER, 'left')
    expect(rest()).toBe(0)
    desk.replica.isHandedOver = false
    expect(rest()).toBe(1)
  })

  it('ends with the meeting: members and spectators are told, and whoever waits finds none', () => {
    for (const [message, why, told] of [
      [{ type: 'closed', replica: NUMBER, message: 'over' }, 'over', 'NOT_FOUND'],
      [{ type: 'absent', replica: NUMBER }, 'the meeting was closed', 'NOT_FOUND'],
    ] as const) {
      const desk = new Desk().begin()
      const [ann, bob] = desk.seat('ann', 'bob') as [Session, Session]
      desk.watch('eve')
      placeOf(ann).accept(inputOf(1), 0)
      disconnect(bob)
      desk.ask(desk.session('dan'))
      desk.heard()
      desk.hear(message)
      const ended = (user: string): string => `${user} ended log:9 error:CLOSED message:${why}`
      expect(desk.news()).toEqual(['ann', 'bob', 'eve'].map(ended))
      expect(desk.answered()).toEqual([`dan ${told}`])
      expect([desk.ends, desk.replica.members, desk.heard()]).toEqual([1, 0, ['unfollow']])
      expect(desk.held).toEqual({ user: 0, meeting: 0 })
    }
  })

  it('that has asked its owner again is not ended by the end of an earlier meeting, which was under way', () => {
    const desk = new Desk().begin()
    desk.frames(1, empty)
    desk.replica.lost(desk.now)
    desk.replica.goTo(OWNER)
    desk.ask(desk.session('ann'))
    desk.hear({ type: 'closed', replica: NUMBER, message: 'over' })
    expect([desk.ends, desk.answered()]).toEqual([0, []])
    desk.hear(followedOf({ world: 78 }))
    expect([desk.ends, desk.replica.copy.room?.facts.world]).toEqual([0, 78])
  })

  it('that ends while its owner is silent tells it so, and tells nobody who has ended', () => {
    const desk = new Desk().begin()
    desk.frames(1, empty)
    desk.replica.lost(desk.now)
    desk.replica.giveUp(desk.now)
    expect([desk.ends, desk.heard()]).toEqual([1, ['unfollow']])
    const other = new Desk().begin()
    other.isThere = false
    other.hear({ type: 'closed', replica: NUMBER, message: 'over' })
    expect([other.ends, other.heard()]).toEqual([1, []])
  })

  it('whose owner is gone has its members join again, and spectators once nobody goes on, and tells them of no end', () => {
    const desk = new Desk().begin()
    const [ann, bob] = desk.seat('ann', 'bob') as [Session, Session]
    const [eve] = desk.watch('eve') as [Session]
    disconnect(bob)
    desk.ask(desk.session('dan'))
    desk.heard()
    desk.hear({ type: 'moved', replica: NUMBER, owner: 0 })
    expect([...desk.rejoined].sort()).toEqual(['ann', 'bob'])
    expect([desk.news(), [ann, bob, eve].map(({ seats }) => seats.size)]).toEqual([[], [0, 0, 1]])
    // Its frames may be all that is left of the meeting, and whoever waits is answered by the node that goes on.
    expect(desk.answered()).toEqual([])
    expect([desk.ends, desk.orphaned, desk.replica.members, desk.heard(), desk.held.user]).toEqual([
      0,
      1,
      0,
      [],
      weights.spectator,
    ])
    desk.replica.giveUp(desk.now)
    expect(desk.answered()).toEqual(['dan NOT_FOUND'])
    expect([desk.rejoined.slice(2), desk.news(), eve.seats.size]).toEqual([['eve'], [], 0])
    expect([desk.ends, desk.held]).toEqual([1, { user: 0, meeting: 0 }])
  })

  it('that has heard nothing yet from an owner that is gone ends as well', () => {
    const desk = new Desk()
    desk.ask(desk.session('ann'))
    desk.hear({ type: 'moved', replica: NUMBER, owner: 0 })
    expect([desk.ends, desk.answered()]).toEqual([1, ['ann BUSY: A queue is full: slow down. 1000']])
  })

  it('follows another node that goes on with the meeting', () => {
    const desk = new Desk().begin()
    desk.frames(1, empty)
    desk.hear({ type: 'moved', replica: NUMBER, owner: 6 })
    expect([desk.heard(), desk.replica.owner]).toEqual([['to 6: follow meeting:m world:77 next:2'], 6])
    expect(desk.replica.isOwing).toBe(false)
  })
})

describe('In a hand-over, a replica', () => {
  it('tells its node whenever it has come further', () => {
    const desk = new Desk()
    desk.replica.follow()
    desk.hear(followedOf())
    desk.frames(1, empty)
    expect(desk.advances).toBe(0)
    desk.replica.isHandedOver = true
    desk.frames(1, empty)
    expect(desk.advances).toBe(0)
    desk.frames(2, empty)
    expect(desk.advances).toBe(1)
    desk.hear(followedOf({ head: 2, next: 3 }))
    expect(desk.advances).toBe(2)
  })

  it('knows whether it has all frames of that world up to one, and asks for those that are missing', () => {
    const desk = new Desk().begin()
    desk.frames(1, empty, empty)
    expect([desk.replica.reaches(77, 1), desk.replica.reaches(77, 2)]).toEqual([true, true])
    expect([desk.replica.reaches(76, 1), desk.replica.reaches(76, 9), desk.pulled]).toEqual([
      false,
      false,
      [],
    ])
    expect([desk.replica.reaches(77, 3), desk.pulled]).toEqual([false, ['5 pull replica:9 from:3']])
    desk.replica.follow()
    expect(desk.replica.reaches(77, 1)).toBe(false)
  })

  it('goes on with the room of a meeting that was of this node, for the sessions that are here', () => {
    const was = new Desk().begin()
    const [ann, bob] = was.seat('ann', 'bob') as [Session, Session]
    const [eve] = was.watch('eve') as [Session]
    was.frames(1, empty)
    const seats = [ann, bob, eve].map(placeOf)
    const { room } = was.replica.surrender()

    const desk = new Desk()
    const keeps = seats.map((seat, n) => ({ seat, number: n === 2 ? 0 : n + 1 }))
    desk.replica.keep(room, 'c', keeps)
    expect([desk.replica.members, desk.replica.log.next, desk.budget.inside.has(room.log)]).toEqual([
      2,
      2,
      true,
    ])
    desk.replica.follow()
    expect(desk.heard()).toEqual(['follow meeting:m world:77 next:2 readers:3 spectators:1'])
    desk.hear(followedOf({ config: 'c', head: 1, next: 2, hop: 1 }))
    expect(room.facts.hop).toBe(1)
    desk.replica.sweep(desk.now, Infinity)
    expect(desk.heard()).toEqual([
      'enter seat:1 again session:ann1 user:ann',
      'enter seat:2 again session:bob2 user:bob',
      'entered',
      'watchers users:eve',
    ])
    desk.hear(seatedOf(1, { next: 2 }))
    expect([placeOf(ann).accept(inputOf(1), 0), desk.heard()]).toEqual([
      null,
      ['back seat:1', 'input seat:1 seq:1 data:i1'],
    ])
    expect(placeOf(eve).accept(inputOf(1), 0)).toBe('READ_ONLY')
    // Another member gets another number.
    desk.ask(desk.session('dan'), { config: 'c' })
    expect(desk.heard()).toEqual(['enter seat:4 session:dan1 user:dan config:c'])
  })

  it('keeps the configuration of the meeting that was of this node', () => {
    const { room } = new Desk().begin({ frameRate: 0 }).replica.surrender()
    const desk = new Desk()
    desk.replica.keep(room, 'c', [])
    desk.ask(desk.session('eve'), { spectator: true, config: 'd' })
    expect(desk.answered()).toEqual([
      'eve CONFIG_MISMATCH: the client has the configuration "d", the meeting has "c" 0',
    ])
  })

  it('gives up room, members and those who wait, and pays for nothing any more', () => {
    const desk = new Desk().begin()
    const [ann] = desk.seat('ann') as [Session]
    desk.ask(desk.session('bob'))
    desk.replica.sweep(desk.now, Infinity)
    desk.heard()
    const { room, remotes, joins } = desk.replica.surrender()
    expect([room.facts.world, [...remotes.keys()], joins.map(({ session }) => session.user)]).toEqual([
      77,
      [1],
      ['bob'],
    ])
    expect([desk.ends, desk.budget.inside.size, desk.replica.members, ann.seats.size]).toEqual([1, 0, 0, 1])
    // It is nothing to the old owner any more.
    desk.frames(1, empty)
    desk.replica.sweep(desk.now, Infinity)
    desk.hear(seatedOf(2))
    expect([room.log.next, desk.heard(), desk.replica.log.next, desk.replica.members]).toEqual([1, [], 1, 0])
  })
})
