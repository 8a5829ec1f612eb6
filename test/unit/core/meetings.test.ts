import { describe, expect, it } from 'vitest'
import { weights } from '../../../src/core/ground/weights.ts'
import type { MeetingBusiness, RtmsNode } from '../../../src/core/index.ts'
import { type Bot, plain } from '../../../src/core/meeting/business.ts'
import { Attendance } from '../../../src/core/meeting/attendance.ts'
import { Meetings } from '../../../src/core/meeting/meetings.ts'
import type { Owner } from '../../../src/core/meeting/owner.ts'
import { openFrame, sealFrame } from '../../../src/core/meeting/sealed.ts'
import type { Host, Member } from '../../../src/core/meeting/seat.ts'
import { Seat } from '../../../src/core/meeting/seat.ts'
import { Account, ratesOf } from '../../../src/core/session/account.ts'
import type { Session } from '../../../src/core/session/session.ts'
import { EMPTY_FRAME } from '../../../src/protocol/frames.ts'
import { SYSTEM_SLOT } from '../../../src/protocol/limits.ts'
import type { MeetingEvent } from '../../../src/protocol/index.ts'
import { ownerOn, Parts } from './cluster/parts.ts'
import { bytes, Harness, text } from './harness.ts'

const names = (node: RtmsNode, ...args: Parameters<RtmsNode['meetingPage']>): string[] => {
  const search = node.meetingPage(...args)
  for (;;) {
    const step = search.next()
    if (step.done === true) return step.value.map(({ name }) => name)
  }
}

describe('The meetings of a node', () => {
  it('are listed page by page in order of name, all or those of one kind', () => {
    const h = new Harness()
    for (const [name, kind] of [
      ['d', 'quiz'],
      ['a', 'battle'],
      ['c', ''],
      ['b', 'quiz'],
      ['e', 'battle'],
    ] as const)
      h.node.openMeeting(name, {}, h.now, { ...plain, kind })
    expect(names(h.node, { count: 3, after: '' })).toEqual(['a', 'b', 'c'])
    expect(names(h.node, { count: 3, after: 'c' })).toEqual(['d', 'e'])
    expect(names(h.node, { count: 9, after: '' }, 'quiz')).toEqual(['b', 'd'])
    expect(names(h.node, { count: 9, after: '' }, 'none')).toEqual([])
    expect(names(h.node, { count: 9, after: '', contains: 'E' })).toEqual(['e'])
    expect([...h.node.meetings()].map(({ name }) => name)).toEqual(['d', 'a', 'c', 'b', 'e'])
  })

  it('count the inputs that wait, in queues and for a frame', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 1 }, h.now)
    const peer = h.connect('ann')
    const { log } = h.seat(peer, 'm')
    for (let seq = 1; seq <= 3; seq++) peer.input(log, seq)
    peer.request('r')
    expect(h.node.inputsWaiting).toBe(3)
    h.sweep()
    expect(h.node.inputsWaiting).toBe(3)
    h.advance(2_000)
    expect(h.node.inputsWaiting).toBe(0)
  })

  it('take so many, and one more when another has closed; a name and a client configuration must be good ones', () => {
    const h = new Harness({ meetings: 2 })
    const open = (name: string, config = ''): unknown => {
      const opened = h.node.openMeeting(name, { config }, h.now)
      return opened !== null && typeof opened === 'object' ? opened.name : opened
    }
    expect([
      open('a'),
      open('a'),
      open('b'),
      open('b'),
      open('c'),
      open('', ''),
      open('*'),
      open('d', 'k'.repeat(256)),
    ]).toEqual(['a', null, 'b', null, 'LIMIT', 'BAD_NAME', 'BAD_NAME', 'BAD_NAME'])
    h.node.closeMeeting('a', h.now)
    expect([open('c'), h.node.meetingCount]).toEqual(['c', 2])
  })

  it('are entered in one role at a time, so many of them by one session', () => {
    const h = new Harness({ meetingsPerSession: 2 })
    for (const name of ['a', 'b', 'c']) h.node.openMeeting(name, {}, h.now)
    const peer = h.connect('ann')
    const join = (meeting: string, spectator = false): string => {
      peer.join(meeting, { spectator })
      h.settle()
      const answer = peer.take().find(({ type }) => type === 'joined' || type === 'failed')
      return answer?.type === 'failed' ? answer.error : `${answer?.type}`
    }
    expect([join('a'), join('a'), join('a', true), join('b', true), join('b', true), join('b')]).toEqual([
      'joined',
      'joined',
      'LIMIT',
      'joined',
      'joined',
      'LIMIT',
    ])
    expect([join('c'), join('none'), join('a')]).toEqual(['LIMIT', 'NOT_FOUND', 'joined'])
  })

  it('of a full node seat who holds little; who has a seat may come back to it', () => {
    const h = new Harness({ logBytes: 3 * weights.meeting + 2 * weights.session + 2_000 })
    for (const name of ['a', 'b', 'c']) h.node.openMeeting(name, { frameRate: 0 }, h.now)
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    h.seat(ann, 'a')
    // What fills the node holds more than either.
    for (let n = 0; h.node.logs.bytes < h.node.logs.limit; n++) h.node.push('bob', 'p', text(`${n}`))
    const answers: string[] = []
    for (const [peer, meeting] of [
      [bob, 'a'],
      [ann, 'a'],
    ] as const) {
      peer.join(meeting)
      h.sweep()
      const answer = peer.take().find(({ type }) => type === 'joined' || type === 'failed')
      answers.push(answer?.type === 'failed' ? answer.error : `${answer?.type}`)
    }
    expect(answers).toEqual(['LIMIT', 'joined'])
  })
})

const make = (member: Partial<Member> | null): { seat: Seat; said: string[] } => {
  const said: string[] = []
  const host = {
    name: 'm',
    log: { first: 3, next: 9 },
    acknowledge: (_: Seat, frame: number) => said.push(`seen ${frame}`),
    accept: () => 'RATE',
    detach: () => true,
    leave: (_: Seat, reason: string) => said.push(reason),
  } as unknown as Host
  return { seat: new Seat(host, {} as Session, member as Member | null), said }
}

describe('A seat', () => {
  it('of a member has a slot, weighs more than that of a spectator, and tells what its client has seen', () => {
    const { seat, said } = make({ slot: 4, seq: 12 })
    expect([seat.name, seat.slot, seat.weight, seat.last, seat.place]).toEqual([
      'm',
      4,
      weights.member,
      12,
      null,
    ])
    seat.elector.acked = 5
    for (const frame of [5, 6, 4]) seat.seen(frame)
    expect(said).toEqual(['seen 6'])
    for (const seq of [3, 7, 5]) seat.turnAway(seq)
    expect(seat.turnedAway).toBe(7)
    seat.cursor = { position: 7 } as never
    expect(seat.place).toEqual({ of: 'meeting', name: 'm', position: 7, first: 3, next: 9 })
  })

  it('of a spectator has no slot, and nothing depends on what that has seen', () => {
    const { seat, said } = make(null)
    expect([seat.slot, seat.weight, seat.last]).toEqual([SYSTEM_SLOT, weights.spectator, 0])
    seat.seen(9)
    expect([said, seat.detach()]).toEqual([[], true])
    seat.end('left')
    expect(said).toEqual(['left'])
  })
})

const member = (slot: number): Member => ({ slot }) as Member

describe('A sealed frame', () => {
  it('opens as what was put into it, events and inputs each in order', () => {
    const events: MeetingEvent[] = [
      { type: 'join', slot: 2, user: 'ann' },
      { type: 'away', slot: 2 },
    ]
    const inputs = [
      { member: member(2), seq: 7, data: bytes(3) },
      { member: member(0), seq: 1, data: text('x') },
    ]
    const frame = sealFrame(events, inputs)
    const opened = openFrame(5, frame)
    expect([opened.number, opened.events]).toEqual([5, events])
    expect(opened.inputs.map(({ slot, seq, data }) => [slot, seq, data.text, [...data.bytes]])).toEqual([
      [2, 7, false, [1, 1, 1]],
      [0, 1, true, [120]],
    ])
    expect(sealFrame([], [])).toBe(EMPTY_FRAME)
    expect(openFrame(6, EMPTY_FRAME)).toEqual({ number: 6, events: [], inputs: [] })
  })
})

describe('The members as of a frame', () => {
  it('are who has joined and not left, and who of them is away', () => {
    const attendance = new Attendance()
    const after = (...events: MeetingEvent[]): unknown => {
      attendance.apply(events)
      return attendance.list.map(({ slot, user, away }) => `${slot} ${user}${away ? ' away' : ''}`)
    }
    expect(after({ type: 'join', slot: 0, user: 'ann' }, { type: 'join', slot: 1, user: 'bob' })).toEqual([
      '0 ann',
      '1 bob',
    ])
    expect(after({ type: 'away', slot: 1 }, { type: 'away', slot: 7 })).toEqual(['0 ann', '1 bob away'])
    expect(after({ type: 'back', slot: 1 }, { type: 'back', slot: 0 })).toEqual(['0 ann', '1 bob'])
    expect(after({ type: 'leave', slot: 0, reason: 'left' }, { type: 'away', slot: 1 })).toEqual([
      '1 bob away',
    ])
    expect(after({ type: 'join', slot: 1, user: 'cid' })).toEqual(['1 cid'])
  })
})

/** What the business gives for a user who has asked for the meeting; null: by itself. */
const businessFor = (maker: Account | null): MeetingBusiness =>
  maker === null ? plain : { ...plain, missing: { name: '', user: '' } }

/** The meetings of a node alone. */
class Hall extends Parts {
  readonly closed: string[] = []
  random: number[] | null = null
  readonly meetings: Meetings = new Meetings(
    {
      id: 'n',
      incarnation: 5,
      wallOffset: 0,
      entropy: (count) => Uint8Array.from({ length: count }, (_, n) => this.random?.[n] ?? 0),
      limits: this.limits,
    },
    this.timers,
    this.downstream,
    this.stats,
    this.budget,
    this.work,
    () => ++this.#logs,
    (name) => this.closed.push(name),
  )
  #logs = 0

  open(name: string, parts: { maker?: Account; least?: number; frameRate?: number } = {}): Owner {
    const { maker = null, least = 0, frameRate = 0 } = parts
    const opened = this.meetings.open(name, { frameRate }, businessFor(maker), this.now, maker, least)
    if (opened === null || typeof opened === 'string') throw new Error(String(opened))
    return this.meetings.get(name) as Owner
  }
}

describe('Meetings without a frame rate', () => {
  it('seal in a sweep as far as half of its work goes, and the rest in the next, in order', () => {
    const hall = new Hall({ sweepWork: 2 })
    const owners = ['a', 'b', 'c'].map((name) => hall.open(name))
    hall.meetings.sweep(hall.now)
    const sealed = (): number[] => owners.map(({ log }) => log.next - 1)
    for (const owner of owners) (owner.addBot('bot') as Bot).send(text('x'))
    expect([hall.meetings.hasWork, sealed()]).toEqual([true, [0, 0, 0]])
    hall.meetings.sweep(hall.now)
    expect([hall.meetings.hasWork, sealed()]).toEqual([true, [1, 0, 0]])
    // Who comes meanwhile waits behind them.
    ;(owners[0] as Owner).bots.list[0]?.send(text('y'))
    hall.meetings.sweep(hall.now)
    expect(sealed()).toEqual([1, 1, 0])
    hall.meetings.sweep(hall.now)
    expect([hall.meetings.hasWork, sealed()]).toEqual([true, [1, 1, 1]])
    hall.meetings.sweep(hall.now)
    expect([hall.meetings.hasWork, sealed()]).toEqual([false, [2, 1, 1]])
  })

  it('do nothing in a sweep that has no work for them, and all in one that has enough', () => {
    const hall = new Hall({ sweepWork: 0 })
    const a = hall.open('a')
    ;(a.addBot('bot') as Bot).send(text('x'))
    hall.meetings.sweep(hall.now)
    expect(a.log.next).toBe(1)
    const rich = new Hall()
    const owners = ['a', 'b'].map((name) => rich.open(name))
    for (const owner of owners) (owner.addBot('bot') as Bot).send(text('x'))
    rich.meetings.sweep(rich.now)
    expect([rich.meetings.hasWork, owners.map(({ log }) => log.next)]).toEqual([false, [2, 2]])
  })

  it('share half of the work of a sweep, not all of it', () => {
    const cost = ((): number => {
      const hall = new Hall()
      const a = hall.open('a')
      ;(a.addBot('bot') as Bot).send(text('x'))
      const before = hall.work.done
      hall.meetings.sweep(hall.now)
      return hall.work.done - before
    })()
    for (const [sweepWork, expected] of [
      [2 * cost, [2, 1]],
      [2 * cost + 2, [2, 2]],
    ] as const) {
      const hall = new Hall({ sweepWork })
      const owners = ['a', 'b'].map((name) => hall.open(name))
      for (const owner of owners) (owner.addBot('bot') as Bot).send(text('x'))
      hall.meetings.sweep(hall.now)
      expect(owners.map(({ log }) => log.next)).toEqual(expected)
    }
  })
})

describe('The fence of a meeting', () => {
  it('is higher each time, at least what the cluster asks for, and above all that this node has gone on with', () => {
    const hall = new Hall()
    const termOf = (name: string, least = 0): number => hall.open(name, { least }).room.facts.term
    expect([termOf('a'), termOf('b'), termOf('c', 9), termOf('d', 3)]).toEqual([1, 2, 9, 10])
    hall.meetings.close('c', hall.now)
    expect(termOf('c')).toBe(11)
    const other = ownerOn(hall, {}, null, { name: 'e', term: 40 })
    const owner = hall.meetings.succeed(other.room, other.options, plain, hall.now)
    expect([hall.meetings.get('e'), owner.room, hall.budget.inside.has(other.log)]).toEqual([
      owner,
      other.room,
      true,
    ])
    expect(termOf('f')).toBe(41)
  })
})

describe('A meeting that ends on a node', () => {
  it('is closed once, and nothing of it is paid for', () => {
    const hall = new Hall()
    hall.open('a', { frameRate: 10 })
    expect(hall.waits['ttl']).toBe(1)
    hall.meetings.close('a', hall.now)
    hall.meetings.close('a', hall.now)
    expect([
      hall.closed,
      hall.meetings.size,
      hall.held.meeting,
      hall.budget.inside.size,
      hall.timers.size,
    ]).toEqual([['a'], 0, 0, 0, 0])
  })

  it('and goes on on another one is not closed: its room stays, and whoever had it opened may open another', () => {
    const hall = new Hall({ meetingsPerUser: 1 })
    const maker = new Account(ratesOf(hall.limits), 'ann')
    const owner = hall.open('a', { maker })
    expect(hall.meetings.open('b', {}, businessFor(maker), hall.now, maker)).toBe('LIMIT')
    hall.meetings.resign(owner)
    expect([hall.closed, hall.meetings.size, hall.budget.inside.size, maker.meetings]).toEqual([[], 0, 0, 0])
    expect([hall.held.meeting, hall.timers.size, maker.estate.held]).toEqual([weights.meeting, 0, 0])
    hall.open('b', { maker })
    expect(maker.meetings).toBe(1)
  })

  it('has been empty for its time', () => {
    const hall = new Hall()
    const { options } = hall.open('a')
    hall.timers.run(hall.now + options.ttlMs - 1)
    expect(hall.meetings.size).toBe(1)
    hall.timers.run(hall.now + options.ttlMs)
    expect([hall.meetings.size, hall.closed]).toEqual([0, ['a']])
  })
})

it('A meeting has a random number of its history, of 48 bits, that is never 0', () => {
  const hall = new Hall()
  expect(hall.open('a').room.facts.world).toBe(1)
  hall.random = [1, 2, 3, 4, 5, 6]
  expect(hall.open('b').room.facts.world).toBe(0x010203040506)
})

it('A meeting is refused where the node is full and whoever asks for it holds too much of it', () => {
  const hall = new Hall()
  const asked: string[] = []
  let isAdmitted = false
  hall.budget.admits = (held, bytes) => {
    asked.push(`${held} ${bytes}`)
    return isAdmitted
  }
  const maker = new Account(ratesOf(hall.limits), 'ann')
  maker.estate.held = 70
  const open = (by: Account | null): unknown => hall.meetings.open('a', {}, businessFor(by), hall.now, by)
  expect([open(maker), open(null), hall.meetings.size, maker.meetings]).toEqual(['LIMIT', 'LIMIT', 0, 0])
  expect(asked).toEqual([`70 ${weights.meeting}`, `0 ${weights.meeting}`])
  isAdmitted = true
  expect(open(null)).toMatchObject({ name: 'a' })
})
