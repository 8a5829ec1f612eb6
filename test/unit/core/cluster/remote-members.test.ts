import { describe, expect, it } from 'vitest'
import type { MeshMessage } from '../../../../src/core/cluster/mesh-messages.ts'
import { MissingFrames } from '../../../../src/core/cluster/missing-frames.ts'
import { RemoteMember } from '../../../../src/core/cluster/remote-member.ts'
import { RemoteMembers } from '../../../../src/core/cluster/remote-members.ts'
import { type Joining, WaitingJoins } from '../../../../src/core/cluster/waiting-joins.ts'
import { weighInput } from '../../../../src/core/meeting/intake.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import { text } from '../harness.ts'
import { endless, Purse } from '../payers.ts'

const budget = endless()
const REPLICA = 9
/** Bytes of the largest input. */
const LARGEST = 8

function sessionOf(user: string): Session & { readonly payer: Purse } {
  return { id: `session of ${user}`, former: '', user, outlet: null, payer: new Purse(budget) } as never
}

const seated = (
  seat: number,
  parts: { slot?: number; seq?: number; waiting?: number[]; next?: number } = {},
) =>
  ({
    type: 'seated',
    replica: REPLICA,
    seat,
    slot: parts.slot ?? seat,
    seq: parts.seq ?? 0,
    continued: false,
    elected: 1,
    waiting: (parts.waiting ?? []).map((seq) => ({ seq })),
    members: [],
    next: parts.next ?? 1,
    due: 0,
  }) as const

const member = (seat = 1, parts: { slot?: number; seq?: number } = {}): RemoteMember =>
  new RemoteMember(seated(seat, parts), sessionOf(`user ${seat}`))

const heldBy = (of: RemoteMember): number => (of.session as unknown as { payer: Purse }).payer.held

/** Takes an input, whose text is `i` and its seq. */
function take(of: RemoteMember, seq: number, after = seq - 1, most = 10): string | null {
  const data = text(`i${seq}`)
  return of.take({ type: 'input', log: 1, seq, after, seen: 0, data }, 0, most, LARGEST, budget)
}

const unsent = (of: RemoteMember, most = Infinity): number[] => {
  const seqs: number[] = []
  while (seqs.length < most) {
    const next = of.takeUnsent()
    if (next === null) break
    seqs.push(next.seq)
  }
  return seqs
}

describe('A member whose meeting is on another node', () => {
  it('has its inputs sent in order, once, as long as the link takes them', () => {
    const ann = member(1, { seq: 3 })
    expect([ann.isOwing, unsent(ann)]).toEqual([false, []])
    for (const seq of [4, 5, 6]) expect(take(ann, seq)).toBeNull()
    expect([ann.isOwing, unsent(ann, 1), ann.isOwing, unsent(ann), ann.isOwing]).toEqual([
      true,
      [4],
      true,
      [5, 6],
      false,
    ])
    expect(unsent(ann)).toEqual([])
  })

  it('pays for them until the owner has answered, and has so many at most that it has not', () => {
    const ann = member()
    const cost = weighInput(text('i1'))
    expect([1, 2, 3].map((seq) => take(ann, seq, seq - 1, 2))).toEqual([null, null, 'BUSY'])
    expect(heldBy(ann)).toBe(2 * cost)
    expect([ann.answered(1), ann.answered(1), ann.answered(9)]).toEqual([true, false, false])
    expect(heldBy(ann)).toBe(cost)
    // The one that was refused is used up; what follows it may come.
    expect([take(ann, 3, 2, 2), take(ann, 4, 3, 2)]).toEqual(['STALE', null])
    ann.release()
    expect(heldBy(ann)).toBe(0)
  })

  it('is refused what would leave one out, or comes again', () => {
    const ann = member(1, { seq: 3 })
    expect([take(ann, 3), take(ann, 6, 5), take(ann, 4), ann.seq]).toEqual(['STALE', 'OUT_OF_ORDER', null, 4])
    expect(heldBy(ann)).toBe(weighInput(text('i4')))
  })

  it('has no room where its user holds too much of a full node', () => {
    const ann = member()
    const full = { admits: (held: number, bytes: number) => held + bytes < 0 } as never
    const input = { type: 'input', log: 1, seq: 1, after: 0, seen: 0, data: text('x') } as const
    expect([ann.take(input, 0, 10, LARGEST, full), heldBy(ann)]).toEqual(['BUSY', 0])
  })

  it('is refused an input that is too large for the meeting, whose number is used up', () => {
    const ann = member()
    const input = (seq: number, length: number) =>
      ({ type: 'input', log: 1, seq, after: seq - 1, seen: 0, data: text('x'.repeat(length)) }) as const
    expect([
      ann.take(input(1, LARGEST), 0, 10, LARGEST, budget),
      ann.take(input(2, LARGEST + 1), 0, 10, LARGEST, budget),
      ann.take(input(3, 0), 0, 10, LARGEST, budget),
    ]).toEqual([null, 'TOO_LARGE', null])
    expect(ann.waitingSeqs).toEqual([1, 3])
  })

  it('sends nothing while it is lost or only entered, and then what had not reached the owner', () => {
    const ann = member()
    for (const seq of [1, 2, 3, 4]) take(ann, seq)
    unsent(ann)
    ann.stage = 'lost'
    expect([ann.isOwing, unsent(ann)]).toEqual([true, []])
    ann.stage = 'entered'
    expect([ann.isOwing, unsent(ann)]).toEqual([false, []])
    ann.seatedAgain(seated(1, { seq: 2 }))
    expect([ann.isOwing, unsent(ann), ann.isOwing]).toEqual([true, [3, 4], false])
  })

  it('learns of inputs that were refused while the link was broken, once the frames are there', () => {
    const ann = member()
    for (const seq of [1, 2, 3, 4, 5]) take(ann, seq)
    unsent(ann)
    expect(ann.refusedUnheard(100)).toEqual([])
    // The owner had answered four, of which one waits for a frame.
    ann.seatedAgain(seated(1, { seq: 4, waiting: [3], next: 20 }))
    expect(ann.refusedUnheard(19)).toEqual([])
    // One of the others is in a frame that comes now.
    ann.answered(1)
    expect(ann.refusedUnheard(20)).toEqual([2, 4])
    expect(ann.refusedUnheard(21)).toEqual([])
    expect(heldBy(ann)).toBe(2 * weighInput(text('i3')))
  })
})

/** The members of a replica; what they say to the owner, in words. */
class Desk {
  readonly said: string[] = []
  marks = 0
  /** How much more the link takes. */
  room = Infinity
  isHandedOver = false
  readonly members: RemoteMembers = new RemoteMembers({
    place: (seat) => ({ replica: REPLICA, seat }),
    say: (message) => this.#say(message),
    isOpen: (isLast) => isLast === true || this.room > 0,
    isHandedOver: () => this.isHandedOver,
    mark: () => this.marks++,
    refuse: ({ user }, seq) => void this.said.push(`${user} refused ${seq}`),
  })

  #say(message: MeshMessage): void {
    this.room--
    if (message.type === 'input') {
      const { seq, seat, acked } = message
      this.said.push(`input ${seq} of ${seat}${acked > 0 ? `, acks ${acked}` : ''}`)
    } else if (message.type === 'enter') this.said.push(`${message.again ? 'again ' : ''}${message.user}`)
    else if (message.type === 'acks')
      this.said.push(`acks ${message.seats.map(({ seat, frame }) => `${seat}:${frame}`).join(' ')}`)
    else this.said.push(message.type)
  }

  news(): string[] {
    return this.said.splice(0)
  }

  add(...seats: number[]): RemoteMember[] {
    return seats.map((seat) => {
      const each = member(seat)
      this.members.add(each)
      return each
    })
  }
}

describe('The members of a replica', () => {
  it('are found by seat, and by the slot of an input in a frame', () => {
    const desk = new Desk()
    const [ann, bob] = desk.add(1, 2) as [RemoteMember, RemoteMember]
    expect([desk.members.size, [...desk.members.all()], desk.members.get(2)]).toEqual([2, [ann, bob], bob])
    take(bob, 1)
    desk.members.framed(1, 1)
    desk.members.framed(7, 1)
    expect(heldBy(bob)).toBeGreaterThan(0)
    desk.members.framed(2, 1)
    expect(heldBy(bob)).toBe(0)
  })

  it('are remembered as they leave until an owner has heard why, or another one may have to know', () => {
    const desk = new Desk()
    const [ann, bob] = desk.add(1, 2) as [RemoteMember, RemoteMember]
    const [cid, dan] = desk.add(3, 4) as [RemoteMember, RemoteMember]
    desk.members.leave(ann, 'left')
    desk.members.sweep(REPLICA)
    desk.members.lose()
    desk.members.leave(bob, 'expired')
    desk.news()
    desk.members.comeBack()
    desk.members.sweep(REPLICA)
    expect(desk.news()).toEqual(['again user 3', 'again user 4', 'leave', 'entered'])
    desk.isHandedOver = true
    desk.members.leave(cid, 'left')
    desk.members.sweep(REPLICA)
    const { remotes, parted } = desk.members.surrender()
    expect([[...remotes.values()], [...parted]]).toEqual([[dan], [[3, 'left']]])
    expect(desk.members.surrender().parted.size).toBe(0)
  })

  it('leave nothing behind, and the slot to whoever has it by then', () => {
    const desk = new Desk()
    const [ann] = desk.add(1) as [RemoteMember]
    const late = member(5, { slot: 1 })
    desk.members.add(late)
    for (const each of [ann, late]) take(each, 1)
    desk.members.acknowledge(ann, 3)
    ann.stage = 'lost'
    desk.room = 0
    desk.members.tell(ann)
    expect(desk.members.isOwing).toBe(true)
    desk.members.forget(ann)
    expect([heldBy(ann), desk.members.isOwing, desk.members.size, desk.members.get(1)]).toEqual([
      0,
      false,
      1,
      undefined,
    ])
    desk.room = Infinity
    desk.members.sweep(REPLICA)
    expect(desk.news()).toEqual([])
    desk.members.framed(1, 1)
    expect(heldBy(late)).toBe(0)
    desk.members.forget(late)
    expect(desk.members.size).toBe(0)
  })

  it('say what the link takes, and the rest in a later sweep', () => {
    const desk = new Desk()
    const [ann, bob] = desk.add(1, 2) as [RemoteMember, RemoteMember]
    for (const seq of [1, 2, 3]) take(ann, seq)
    take(bob, 1)
    desk.room = 2
    desk.members.tell(ann)
    desk.members.tell(bob)
    expect([desk.news(), desk.members.isOwing, desk.marks]).toEqual([
      ['input 1 of 1', 'input 2 of 1'],
      true,
      2,
    ])
    desk.members.sweep(REPLICA)
    expect(desk.news()).toEqual([])
    desk.room = Infinity
    desk.members.sweep(REPLICA)
    expect([desk.news(), desk.members.isOwing]).toEqual([['input 3 of 1', 'input 1 of 2'], false])
  })

  it('may say everything whatever the link takes', () => {
    const desk = new Desk()
    const [ann] = desk.add(1) as [RemoteMember]
    for (const seq of [1, 2]) take(ann, seq)
    desk.room = 0
    desk.members.tell(ann, true)
    expect([desk.news(), desk.members.isOwing, desk.marks]).toEqual([
      ['input 1 of 1', 'input 2 of 1'],
      false,
      0,
    ])
  })

  it('tell what they have acknowledged, the latest of each, in one message', () => {
    const desk = new Desk()
    const [ann, bob] = desk.add(1, 2) as [RemoteMember, RemoteMember]
    desk.members.acknowledge(ann, 3)
    desk.members.acknowledge(bob, 4)
    desk.members.acknowledge(ann, 5)
    expect(desk.marks).toBe(3)
    desk.members.sweep(REPLICA)
    desk.members.sweep(REPLICA)
    expect(desk.news()).toEqual(['acks 1:5 2:4'])
  })

  it('tell it with an input instead, once', () => {
    const desk = new Desk()
    const [ann, bob] = desk.add(1, 2) as [RemoteMember, RemoteMember]
    desk.members.acknowledge(ann, 3)
    desk.members.acknowledge(bob, 4)
    for (const seq of [1, 2]) {
      take(ann, seq)
      desk.members.tell(ann)
    }
    desk.members.sweep(REPLICA)
    expect(desk.news()).toEqual(['input 1 of 1, acks 3', 'input 2 of 1', 'acks 2:4'])
  })

  it('are entered again after the link broke, each before its inputs, and the owner is told when all are', () => {
    const desk = new Desk()
    const [ann, bob] = desk.add(1, 2) as [RemoteMember, RemoteMember]
    take(ann, 1)
    desk.members.lose()
    expect([ann.stage, bob.stage, desk.members.isOwing]).toEqual(['lost', 'lost', false])
    desk.members.comeBack()
    expect([desk.members.isOwing, desk.marks]).toEqual([true, 1])
    desk.room = 1
    desk.members.sweep(REPLICA)
    expect(desk.news()).toEqual(['again user 1'])
    desk.room = Infinity
    desk.members.sweep(REPLICA)
    expect([desk.news(), ann.stage, bob.stage, desk.members.isOwing]).toEqual([
      ['again user 2', 'entered'],
      'entered',
      'entered',
      false,
    ])
    ann.seatedAgain(seated(1))
    desk.members.tell(ann)
    desk.members.sweep(REPLICA)
    expect(desk.news()).toEqual(['input 1 of 1'])
  })

  it('have no input sent again where the owner was told of a JOIN twice, and its second answer is late', () => {
    const desk = new Desk()
    const [ann] = desk.add(1) as [RemoteMember]
    take(ann, 1)
    desk.members.tell(ann)
    expect(desk.news()).toEqual(['input 1 of 1'])
    desk.members.seatedAgain(ann, seated(1), 1, 0)
    desk.members.sweep(REPLICA)
    expect([desk.news(), ann.waitingSeqs]).toEqual([[], [1]])
  })
})

describe('Members whose inputs may have been refused while the link was broken', () => {
  it('are told once there are the frames that settle it, each in its time', () => {
    const desk = new Desk()
    const [ann, bob] = desk.add(1, 2) as [RemoteMember, RemoteMember]
    for (const each of [ann, bob]) {
      take(each, 1)
      desk.members.tell(each)
    }
    desk.members.settleAll(100, 0)
    desk.members.comeBack()
    desk.members.sweep(REPLICA)
    desk.members.seatedAgain(ann, seated(1, { seq: 1, next: 20 }), 5, 0)
    desk.members.seatedAgain(bob, seated(2, { seq: 1, next: 30 }), 5, 0)
    desk.news()
    const settled = [19, 20, 29, 30, 31].map((next) => {
      desk.members.settleAll(next, 0)
      return desk.news().join()
    })
    expect(settled).toEqual(['', 'user 1 refused 1', '', 'user 2 refused 1', ''])
  })
})

describe('Missing frames', () => {
  it('are asked for once, from the first one that is missing', () => {
    const pulled: number[] = []
    const missing = new MissingFrames((from) => pulled.push(from))
    missing.seen(5, 5)
    expect(pulled).toEqual([])
    missing.seen(9, 5)
    missing.seen(12, 5)
    missing.seen(3, 7)
    expect(pulled).toEqual([5, 7])
    missing.seen(12, 12)
    expect(pulled).toEqual([5, 7])
  })

  it('are asked for again when a beat has brought nothing', () => {
    const pulled: number[] = []
    const missing = new MissingFrames((from) => pulled.push(from))
    missing.seen(9, 5)
    missing.beat(5)
    expect(pulled).toEqual([5])
    missing.beat(5)
    missing.beat(6)
    expect(pulled).toEqual([5, 5])
    missing.beat(6)
    expect(pulled).toEqual([5, 5, 6])
    missing.beat(9)
    missing.beat(9)
    expect(pulled).toEqual([5, 5, 6])
  })

  it('are known anew when the owner begins anew', () => {
    const pulled: number[] = []
    const missing = new MissingFrames((from) => pulled.push(from))
    missing.seen(9, 5)
    missing.begin(6)
    missing.seen(1, 6)
    missing.seen(1, 5)
    expect(pulled).toEqual([5, 5])
  })
})

it('A JOIN waits for its session, and for the seat that it asks for', () => {
  const waiting = new WaitingJoins()
  const joining = (user: string, seat: number): Joining =>
    ({ session: sessionOf(user), message: {}, joined: () => {}, since: 0, seat, seated: null }) as never
  const [ann, bob] = [joining('ann', 0), joining('bob', 4)]
  waiting.add(ann)
  waiting.add(bob)
  const another = { ...ann, seat: 6 }
  waiting.add(another)
  expect([waiting.size, waiting.of(ann.session), waiting.for(4), waiting.for(5), [...waiting.all()]]).toEqual(
    [2, another, bob, undefined, [another, bob]],
  )
  waiting.delete(bob)
  expect([waiting.of(bob.session), waiting.takeAll(), waiting.size]).toEqual([undefined, [another], 0])
})
