import { describe, expect, it, vi } from 'vitest'
import type { Guest } from '../../../../src/core/cluster/guest.ts'
import { Hosting } from '../../../../src/core/cluster/hosting.ts'
import type { Retired } from '../../../../src/core/cluster/legacy.ts'
import { type Datagram, decodeDatagram } from '../../../../src/core/cluster/datagrams.ts'
import type { MeshMessage, MeshMessageOf, MeshType } from '../../../../src/core/cluster/mesh-messages.ts'
import type { Limits } from '../../../../src/core/ground/config.ts'
import type { MeetingOptions } from '../../../../src/core/meeting/options.ts'
import { weights } from '../../../../src/core/ground/weights.ts'
import { costs } from '../../../../src/core/ground/work.ts'
import type { MeetingLogic } from '../../../../src/core/index.ts'
import type { Bot } from '../../../../src/core/meeting/business.ts'
import type { Owner } from '../../../../src/core/meeting/owner.ts'
import { limits as wire } from '../../../../src/protocol/limits.ts'
import { RtmsError } from '../../../../src/protocol/index.ts'
import { bytes, text } from '../harness.ts'
import { ownerOn, Parts, seal, words } from './parts.ts'

/** The node of a replica, and its number there. */
const NODE = 6
const REPLICA = 9

/** The meeting `m` on this node, and what is said to the nodes that have replicas of it, in words. */
class Desk extends Parts {
  readonly said: string[] = []
  readonly put: string[] = []
  /** Bytes of the last datagram. */
  length = 0
  readonly meetings: Map<string, Owner> = new Map()
  readonly retired: Map<string, Retired> = new Map()
  strays = 0
  isAstray = false
  readonly owner: Owner
  readonly hosting: Hosting

  constructor(
    limits: Partial<Limits> = {},
    options: Partial<MeetingOptions> = {},
    logic: MeetingLogic | null = null,
  ) {
    super(limits)
    this.owner = ownerOn(this, options, logic)
    this.meetings.set('m', this.owner)
    this.hosting = new Hosting({
      limits: this.limits,
      timers: this.timers,
      work: this.work,
      meeting: (name) => this.meetings.get(name),
      link: (node, message) => this.said.push(this.#of(node, message.replica) + wordsOf(message)),
      put: (node, packet) => {
        this.length = packet.length
        this.put.push(`${node === NODE ? '' : `${node}: `}${datagram(packet)}`)
      },
      retired: (name, node) => this.retired.get(`${name} ${node}`),
      astray: () => {
        this.strays++
        return this.isAstray
      },
    })
  }

  #of(node: number, replica: number): string {
    return node === NODE && replica === REPLICA ? '' : `${node}.${replica}: `
  }

  hear<T extends MeshType>(type: T, fields: Partial<MeshMessageOf<T>> = {}, node = NODE): void {
    this.hosting.handle(node, { type, replica: REPLICA, ...fields } as MeshMessage, this.now)
  }

  follow(fields: Partial<MeshMessageOf<'follow'>> = {}, node = NODE): void {
    this.hear('follow', { meeting: 'm', world: 0, next: 1, readers: 1, spectators: 0, ...fields }, node)
  }

  enter(seat: number, fields: Partial<MeshMessageOf<'enter'>> = {}): void {
    const nothing = {
      again: false,
      session: `s${seat}`,
      former: '',
      held: [],
      world: 0,
      user: `u${seat}`,
      config: '',
    }
    this.hear('enter', { seat, ...nothing, ...fields })
  }

  /** A replica with its members, and nothing of it is to be said or sent. */
  begin(...seats: number[]): this {
    this.follow()
    for (const seat of seats) this.enter(seat)
    this.seal()
    this.quiet()
    return this
  }

  /** Seals frames with an input of a bot each; nothing is swept. */
  seal(count = 1): void {
    for (let n = 0; n < count; n++) {
      this.owner.recount(this.now)
      const bot = this.owner.bots.list[0] ?? (this.owner.addBot('bot') as Bot)
      bot.send(bytes(20))
      seal(this.owner, this.now)
    }
  }

  quiet(): void {
    this.sweep()
    this.heard()
    this.sent()
  }

  sweep(): void {
    this.hosting.sweep(this.now)
  }

  heard(): string[] {
    return this.said.splice(0)
  }

  sent(): string[] {
    return this.put.splice(0)
  }

  get guest(): Guest {
    const [guest] = this.hosting.of(this.owner)
    if (guest === undefined) throw new Error('no replica')
    return guest
  }

  get members(): string[] {
    return this.owner.info.members
      .filter(({ bot }) => !bot)
      .map(({ slot, user, away }) => `${slot} ${user}${away ? ' away' : ''}`)
  }
}

/** Where it is about the whole state of the meeting, only what differs. */
function wordsOf(message: MeshMessage): string {
  const { replica: _, ...rest } = message
  if (rest.type !== 'followed') return words(rest)
  const { seed: _seed, term: _term, incarnation: _incarnation, inputBytes: _bytes, ...facts } = rest
  return words(facts)
}

function datagram(packet: Uint8Array): string {
  const message = decodeDatagram(packet)
  return message?.type === 'bundle' ? message.parts.map(datagramWords).join('; ') : datagramWords(message)
}

function datagramWords(message: Datagram | null): string {
  if (message?.type !== 'frames') return words(message as never)
  return `frames of ${message.replica}: ${message.first} + ${message.frames.length}`
}

it('What a sweep has for several replicas of one node goes there in one message, as far as it may hold', () => {
  const sent = (linkPacket: number): string[] => {
    const desk = new Desk({ linkPacket })
    for (const [at, name] of ['m', 'n', 'o'].entries()) {
      const owner = name === 'm' ? desk.owner : ownerOn(desk, {}, null, { name })
      desk.meetings.set(name, owner)
      desk.follow({ meeting: name, replica: REPLICA + at })
      owner.addBot('bot')
      seal(owner, desk.now)
    }
    desk.follow({}, 7)
    desk.sweep()
    return desk.sent()
  }
  const frames = [9, 10, 11].map((replica) => `frames of ${replica}: 1 + 1`)
  expect(sent(1_000)).toEqual([frames.join('; '), '7: frames of 9: 1 + 1'])
  expect(sent(1)).toEqual([...frames, '7: frames of 9: 1 + 1'])
})

describe('A replica that follows a meeting', () => {
  it('is told where it stands, and sent the frames that it has not', () => {
    const desk = new Desk()
    desk.seal(3)
    desk.follow({ readers: 3, spectators: 2 })
    expect(desk.heard()).toEqual(['followed name:m world:77 first:1 head:3 members:0 bot hidden:4 next:4'])
    expect([desk.put, desk.hosting.hasWork]).toEqual([[], true])
    desk.sweep()
    expect([desk.sent(), desk.hosting.hasWork]).toEqual([['frames of 9: 1 + 3'], false])
    expect([desk.guest.readers, desk.guest.spectators, desk.owner.info.spectators]).toEqual([3, 2, 2])
    expect([desk.hosting.size, desk.hosting.isIdle]).toEqual([{ replicas: 1, members: 0 }, false])
    desk.sweep()
    expect(desk.sent()).toEqual([])
  })

  it('is told all facts of the room', () => {
    const desk = new Desk({}, { frameRate: 10, inputBytes: 33, spectatorDelayMs: 400, config: 'c' })
    const followed: MeshMessage[] = []
    const { limits, timers, work } = desk
    const hosting = new Hosting({
      limits,
      timers,
      work,
      meeting: () => desk.owner,
      link: (_, message) => followed.push(message),
      put: () => {},
      retired: () => undefined,
      astray: () => false,
    })
    hosting.handle(
      NODE,
      { type: 'follow', replica: 4, meeting: 'm', world: 0, next: 1, readers: 0, spectators: 0 },
      desk.now,
    )
    expect(followed[0]).toEqual({
      type: 'followed',
      replica: 4,
      ...desk.owner.room.facts,
      name: 'm',
      config: 'c',
      ...desk.owner.room.beginning,
      legacy: expect.stringContaining('"config":"c"') as string,
      bots: [],
      next: 1,
      due: 0,
    })
  })

  it('goes on where it is, if it is of this world and its position is kept', () => {
    const from = (world: number, next: number): string => {
      const desk = new Desk({ meetingLogBytes: 760 })
      desk.seal(5)
      expect([desk.owner.log.first, desk.owner.log.next]).toEqual([3, 6])
      desk.follow({ world, next })
      desk.sweep()
      return desk.sent().join()
    }
    expect([from(77, 2), from(77, 3), from(77, 4), from(77, 6), from(77, 7), from(76, 4)]).toEqual([
      'frames of 9: 3 + 3',
      'frames of 9: 3 + 3',
      'frames of 9: 4 + 2',
      '',
      'frames of 9: 3 + 3',
      'frames of 9: 3 + 3',
    ])
  })

  it('that is not open here is told so, unless it was handed over', () => {
    const desk = new Desk()
    desk.follow({ meeting: 'n' })
    expect([desk.heard(), desk.strays]).toEqual([['absent'], 1])
    desk.isAstray = true
    desk.follow({ meeting: 'n' })
    expect([desk.heard(), desk.strays, desk.hosting.isIdle]).toEqual([[], 2, true])
  })

  it('has its readers counted, and starts the clock for the first of them', () => {
    const desk = new Desk({}, { frameRate: 10 })
    desk.follow({ readers: 0 })
    expect([desk.owner.due, desk.owner.room.isDeserted]).toEqual([Infinity, true])
    desk.quiet()
    desk.hear('readers', { readers: 1, spectators: 1 })
    const due = Math.round((desk.owner.due - desk.now) * 1_000) + 1
    expect([desk.sent(), desk.owner.info.spectators]).toEqual([[`heads heads:9 1 ${due}`], 1])
    expect(due).toBeGreaterThan(1)
    desk.timers.run(desk.owner.due)
    desk.hear('readers', { readers: 2, spectators: 1 })
    expect([desk.sent(), desk.guest.readers]).toEqual([[], 2])
  })

  it('is told that a frame that is late already is due now', () => {
    const desk = new Desk({}, { frameRate: 10 })
    desk.follow()
    desk.quiet()
    desk.now = desk.owner.due + 5
    desk.hear('readers', { readers: 1, spectators: 1 })
    expect(desk.sent()).toEqual(['heads heads:9 1 1'])
  })

  it('is the only one of its node: an earlier one with another number has left', () => {
    const desk = new Desk().begin()
    desk.follow({}, 7)
    desk.quiet()
    desk.follow({ replica: 12 })
    expect(desk.hosting.of(desk.owner).map(({ node, replica }) => `${node} ${replica}`)).toEqual([
      '7 9',
      '6 12',
    ])
    desk.hear('readers', { readers: 5, spectators: 0 })
    expect(desk.heard()).toHaveLength(1)
  })

  const gone: readonly (readonly [string, (desk: Desk) => void])[] = [
    ['leaves', (desk) => desk.hear('unfollow')],
    ['is followed by another one of its node', (desk) => desk.follow({ replica: 12, readers: 0 })],
  ]
  it.each(gone)(
    'that %s has its members away: they join again, or have gone with another owner',
    (_, end) => {
      const left: string[] = []
      const leave = (slot: number, __: string, reason: string): void => void left.push(`${slot} ${reason}`)
      const desk = new Desk({}, { frameRate: 10 }, { leave }).begin(1, 2)
      const { owner, limits } = desk
      desk.hear('leave', { seat: 2, reason: 'left' })
      expect(owner.room.isDeserted).toBe(false)
      end(desk)
      desk.hear('input', { seat: 1, seq: 1, acked: 0, data: text('too late') })
      expect([desk.members, left, owner.room.isDeserted, owner.waiting]).toEqual([
        ['0 u1 away'],
        ['1 left'],
        true,
        0,
      ])
      desk.now += limits.sessionKeepMs - 1
      // Once is enough.
      end(desk)
      desk.timers.run(desk.now)
      expect(desk.members).toHaveLength(1)
      desk.timers.run(++desk.now)
      expect([desk.members, left]).toEqual([[], ['1 left', '0 expired']])
      const numbers = desk.hosting.of(owner).map(({ replica }) => replica)
      expect(numbers.includes(REPLICA)).toBe(false)
    },
  )

  it('that leaves lets a member come back at another one of its node', () => {
    const desk = new Desk().begin(1)
    desk.hear('unfollow')
    desk.follow({ replica: 12 })
    desk.enter(1, { replica: 12 })
    expect([desk.members, desk.hosting.size]).toEqual([['0 u1'], { replicas: 2, members: 1 }])
    desk.timers.run(desk.now + desk.limits.sessionKeepMs)
    expect([desk.members, desk.hosting.size]).toEqual([['0 u1'], { replicas: 1, members: 1 }])
  })

  it('supports the owner as it follows, and needs not once it leaves', () => {
    const desk = new Desk()
    desk.follow()
    expect([...desk.owner.backing.holders]).toEqual([[NODE, desk.now]])
    desk.hear('unfollow')
    desk.now += 1_000
    desk.follow()
    expect([...desk.owner.backing.holders]).toEqual([[NODE, desk.now]])
  })

  it('does not by following, or leaving, where its node may have gone on with an earlier one', () => {
    const desk = new Desk()
    desk.follow()
    const holders = [[NODE, desk.now]]
    desk.hosting.lost(NODE, desk.now)
    desk.now += 20_000
    desk.follow({ replica: 12 })
    desk.follow({ replica: 12 })
    expect([...desk.owner.backing.holders]).toEqual(holders)
    desk.hear('unfollow', { replica: 12 })
    expect([...desk.owner.backing.holders]).toEqual(holders)
  })

  it('again keeps its members; of another meeting by the same name and number it has none', () => {
    const desk = new Desk().begin(1)
    const before = desk.guest
    desk.follow()
    expect([desk.guest, desk.hosting.size]).toEqual([before, { replicas: 1, members: 1 }])
    const other = ownerOn(desk)
    desk.meetings.set('m', other)
    desk.follow()
    expect(desk.hosting.of(other).map(({ node, replica }) => `${node} ${replica}`)).toEqual(['6 9'])
    expect(desk.hosting.size).toEqual({ replicas: 1, members: 0 })
  })

  it('that was handed over is sent its frames, and neither read nor counted here', () => {
    const desk = new Desk()
    desk.seal(2)
    desk.meetings.clear()
    desk.retired.set('m 6', { owner: desk.owner, legacy: '' })
    desk.follow({ readers: 2 })
    expect([desk.heard().length, desk.owner.room.followers.size]).toEqual([1, 0])
    desk.enter(1)
    desk.hear('readers', { readers: 2, spectators: 2 })
    desk.sweep()
    expect([desk.heard(), desk.sent()]).toEqual([[], ['frames of 9: 1 + 2']])
    desk.hosting.beat(desk.now)
    expect(desk.sent()).toEqual([])
  })

  it('that was handed over is told what its owner told last, however often it asks', () => {
    const desk = new Desk({}, {})
    const told: string[] = []
    const { limits, timers, work } = desk
    const hosting = new Hosting({
      limits,
      timers,
      work,
      meeting: () => (told.length === 0 ? desk.owner : undefined),
      link: (_, message) => told.push('legacy' in message ? message.legacy : message.type),
      put: () => {},
      retired: () => (told.length === 0 ? undefined : { owner: desk.owner, legacy: told[0] as string }),
      astray: () => false,
    })
    const follow = (): void =>
      hosting.handle(
        NODE,
        { type: 'follow', replica: 4, meeting: 'm', world: 0, next: 1, readers: 0, spectators: 0 },
        desk.now,
      )
    desk.owner.addBot('bot')
    follow()
    expect(told[0]).toContain('"seqs":[[0,0]]')
    hosting.retire(hosting.of(desk.owner), told[0] as string, desk.now)
    desk.owner.resign()
    hosting.lost(NODE, desk.now)
    follow()
    follow()
    expect(told).toEqual([told[0], told[0], told[0]])
  })

  it('that leaves is forgotten once its members have left, and the meeting may be deserted', () => {
    const desk = new Desk({}, { frameRate: 10 }).begin(1, 2)
    for (const seat of [1, 2]) desk.hear('leave', { seat, reason: 'left' })
    expect(desk.owner.room.isDeserted).toBe(false)
    desk.hear('unfollow')
    expect([desk.hosting.size, desk.hosting.isIdle, desk.members, desk.owner.room.isDeserted]).toEqual([
      { replicas: 0, members: 0 },
      true,
      [],
      true,
    ])
    desk.hear('unfollow')
    expect(desk.heard()).toEqual([])
  })

  it('that is one of two on its node leaves the other', () => {
    const desk = new Desk().begin()
    const other = ownerOn(desk)
    desk.meetings.set('n', other)
    desk.follow({ meeting: 'n', replica: 10 })
    desk.hear('unfollow')
    expect(desk.hosting.size.replicas).toBe(1)
    desk.hear('unfollow', { replica: 10 })
    expect(desk.hosting.isIdle).toBe(true)
  })
})

describe('A member at a replica of another node', () => {
  it('is seated, with what the owner knows of its inputs, and the members there are', () => {
    const desk = new Desk({}, { frameRate: 10 }).begin(1)
    const held = desk.owner.log.held
    desk.enter(2, { user: 'bob', session: 'b' })
    const due = Math.round((desk.owner.due - desk.now) * 1_000) + 1
    expect(desk.heard()).toEqual([`seated seat:2 slot:2 members:0 u1,1 bot,2 bob next:2 due:${due}`])
    expect([desk.owner.log.held - held, desk.hosting.hasWork]).toEqual([
      weights.member + weights.joiner,
      true,
    ])
    expect(desk.hosting.size).toEqual({ replicas: 1, members: 2 })
  })

  it('that comes again with its place has its inputs named, the last thousand of those that wait', () => {
    const desk = new Desk({}, { inputBurst: 5_000, inputsPerSecond: 5_000 }).begin(1)
    for (let seq = 1; seq <= wire.batch + 2; seq++) desk.hear('input', { seat: 1, seq, data: text('x') })
    desk.heard()
    desk.enter(1, { again: true })
    const [seated = ''] = desk.heard()
    expect(seated).toMatch(/^seated seat:1 seq:1002 waiting:3,4,/)
    expect(seated).toMatch(/,1001,1002 next:2$/)
  })

  it('continues where it comes from an earlier session of its own', () => {
    const desk = new Desk().begin(1)
    desk.enter(2, { user: 'u1', former: 's1' })
    expect(desk.heard()).toEqual([
      'ended seat:1 message:its user came back in another session',
      'seated seat:2 continued members:0 u1,1 bot next:2',
    ])
    expect(desk.hosting.size.members).toBe(1)
  })

  it('that has its place is told so, and asked for nothing; its members it has heard of', () => {
    const desk = new Desk().begin(1)
    desk.hear('away', { seat: 1 })
    expect(desk.members).toEqual(['0 u1 away'])
    desk.enter(1)
    expect([desk.heard(), desk.members]).toEqual([['seated seat:1 members:0 u1,1 bot next:2'], ['0 u1']])
    desk.enter(1, { again: true })
    expect(desk.heard()).toEqual(['seated seat:1 next:2'])
  })

  it('gets no seat from an owner that may not seal while it holds frames of a later one', () => {
    const desk = new Desk().begin()
    const { world, term, incarnation } = desk.owner.room.facts
    const promised = { promisedTerm: 0, promisedIncarnation: 0 }
    const held = { slot: 0, elected: 1, term: term + 1, incarnation, seen: 9, stable: 0, ...promised }
    const paused = vi.spyOn(desk.owner.backing, 'isPaused', 'get').mockReturnValue(true)
    desk.enter(1, { world, held: [held] })
    expect(desk.heard()).toEqual([expect.stringMatching(/^refused seat:1 error:BUSY /)])
    paused.mockReturnValue(false)
    desk.enter(2, { world, held: [held] })
    expect(desk.heard()).toEqual([expect.stringMatching(/^seated seat:2 /)])
  })

  it('is there when all members of its node have been entered', () => {
    const desk = new Desk().begin(1)
    desk.hear('entered')
    expect(desk.members).toEqual(['0 u1'])
  })

  it('whose place was given up meanwhile is refused it', () => {
    const desk = new Desk().begin()
    desk.enter(1, { again: true })
    expect([desk.heard(), desk.members]).toEqual([
      [
        'refused seat:1 error:CLOSED message:its place was given up while the nodes could not talk to each other',
      ],
      [],
    ])
  })

  it('is refused for the reasons of the meeting and of the business', () => {
    const join = (_: number, user: string): RtmsError | null => {
      if (user === 'eve') return new RtmsError('FORBIDDEN', 'x'.repeat(300), { retryAfterMs: 12.4 })
      return user === 'dan' ? new RtmsError('FORBIDDEN', 'no', { retryAfterMs: Number.NaN }) : null
    }
    const desk = new Desk({}, { capacity: 1, config: 'c' }, { join }).begin()
    const refusal = (user: string, config = 'c'): string => {
      desk.enter(1, { user, config })
      return desk.heard().join()
    }
    desk.owner.bots.list[0]?.leave()
    expect(refusal('ann', 'd')).toBe(
      'refused seat:1 error:CONFIG_MISMATCH message:the client has the configuration "d", the meeting has "c"',
    )
    expect(refusal('eve')).toBe(
      `refused seat:1 error:FORBIDDEN message:${'x'.repeat(wire.reason - 3)}… retryAfter:12`,
    )
    expect(refusal('dan')).toBe('refused seat:1 error:FORBIDDEN message:no')
    desk.owner.addBot('bot')
    expect(refusal('ann')).toBe('refused seat:1 error:FULL')
    expect([desk.members, desk.hosting.size.members]).toEqual([[], 0])
  })

  it('has its inputs framed, and is told which were refused, and by whom', () => {
    const input = (_: number, __: string, data: { bytes: Uint8Array }) =>
      data.bytes.length === 1
        ? new RtmsError('FORBIDDEN', 'no', { retryAfterMs: 7.6, reason: 'late' })
        : (data as never)
    const desk = new Desk({}, { inputBytes: 4 }, { input }).begin(1)
    for (const [seq, length] of [
      [1, 2],
      [2, 1],
      [3, 5],
      [3, 2],
    ] as const)
      desk.hear('input', { seat: 1, seq, data: bytes(length) })
    expect([desk.heard(), desk.owner.waiting]).toEqual([
      [
        'nack seat:1 seq:2 byBusiness error:FORBIDDEN message:no retryAfter:8 reason:late',
        'nack seat:1 seq:3 error:TOO_LARGE',
        'nack seat:1 seq:3 error:STALE',
      ],
      1,
    ])
    // Its replica has seen to it that none is missing.
    desk.hear('input', { seat: 1, seq: 9, data: bytes(2) })
    desk.hear('input', { seat: 2, seq: 1, data: bytes(2) })
    expect([desk.heard(), desk.owner.waiting]).toEqual([[], 2])
  })

  it('is away, is back, and leaves for its reason', () => {
    const left: string[] = []
    const logic: MeetingLogic = { leave: (slot, user, reason) => left.push(`${slot} ${user} ${reason}`) }
    const desk = new Desk({}, {}, logic).begin(1, 2)
    const held = desk.owner.log.held
    desk.hear('away', { seat: 2 })
    expect(desk.members).toEqual(['0 u1', '1 u2 away'])
    desk.hear('back', { seat: 2 })
    expect(desk.members).toEqual(['0 u1', '1 u2'])
    desk.hear('leave', { seat: 1, reason: 'tired' })
    for (const type of ['away', 'back', 'leave'] as const) desk.hear(type, { seat: 1 })
    expect([desk.members, left]).toEqual([['1 u2'], ['0 u1 tired']])
    expect([desk.owner.log.held - held, desk.hosting.size.members]).toEqual([-weights.member, 1])
    expect(desk.heard()).toEqual([])
  })

  it('has its acknowledgements counted', () => {
    const desk = new Desk().begin(1)
    desk.seal(4)
    desk.hear('acks', {
      seats: [
        { seat: 8, frame: 5 },
        { seat: 1, frame: 3 },
      ],
    })
    expect(desk.owner.info.stable).toBe(3)
  })

  it('has what an input acknowledges counted', () => {
    const desk = new Desk().begin(1)
    desk.seal(4)
    desk.hear('input', { seat: 1, seq: 1, acked: 3, data: text('x') })
    expect(desk.owner.info.stable).toBe(3)
    desk.hear('input', { seat: 1, seq: 2, acked: 0, data: text('y') })
    expect(desk.owner.info.stable).toBe(3)
  })

  it('is spoken to, kicked, and told of the end', () => {
    const desk = new Desk().begin(1, 2)
    expect(desk.owner.roster.sendTo(0, text('psst'))).toBe(true)
    const held = desk.owner.log.held
    expect(desk.owner.kick(0, 'y'.repeat(300))).toBe(true)
    expect(desk.heard()).toEqual([
      'direct seat:1 data:psst',
      `ended seat:1 message:${'y'.repeat(wire.reason - 3)}… next:2`,
    ])
    expect([desk.owner.log.held - held, desk.hosting.size.members]).toEqual([-weights.member, 1])
    desk.seal()
    expect(desk.hosting.hasWork).toBe(true)
    desk.hear('away', { seat: 2 })
    desk.owner.close('the meeting was closed', desk.now)
    expect([desk.heard(), desk.hosting.isIdle, desk.hosting.hasWork, desk.held.meeting]).toEqual([
      ['closed message:the meeting was closed'],
      true,
      false,
      0,
    ])
  })
})

describe('Members at a replica, where hooks take long over what they say,', () => {
  /** Hooks that take as long as there is time in a sweep. */
  const slow = (): { readonly desk: Desk; readonly said: string[] } => {
    const said: string[] = []
    const logic: MeetingLogic = {
      input: (slot, _, data) => {
        said.push(`${slot}: ${data.bytes.length}`)
        desk.hookTime += 4e6
        return data
      },
      join: (slot) => {
        said.push(`${slot} joins`)
        desk.hookTime += 4e6
        return null
      },
      leave: (slot, _, reason) => said.push(`${slot} ${reason}`),
    }
    const desk = new Desk({}, { frameRate: 10 }, logic)
    desk.follow()
    desk.enter(1)
    desk.enter(2)
    while (desk.hosting.turns.hasWork) desk.sweep()
    desk.quiet()
    said.length = 0
    desk.work.begin()
    desk.hookTime += 4e6
    return { desk, said }
  }
  const send = (desk: Desk, seat: number, seq: number, size = seq): void =>
    desk.hear('input', { seat, seq, acked: 0, data: bytes(size) })

  it('take turns, and whoever leaves does so behind its own inputs', () => {
    const { desk, said } = slow()
    for (const seq of [1, 2]) send(desk, 1, seq)
    desk.hear('leave', { seat: 1, reason: 'left' })
    desk.hear('leave', { seat: 1, reason: 'expired' })
    send(desk, 2, 1)
    expect([said, desk.hosting.hasWork, desk.owner.waiting]).toEqual([[], true, 0])
    for (let n = 0; n < 3; n++) desk.sweep()
    expect(said.splice(0)).toEqual(['0: 1', '1: 1', '0: 2'])
    desk.sweep()
    expect([desk.guest.seats.size, desk.hosting.hasWork]).toEqual([1, false])
    seal(desk.owner, desk.now)
    expect([said, desk.members]).toEqual([['0 left'], ['1 u2']])
  })

  it('leave at once where none of their inputs waits', () => {
    const { desk, said } = slow()
    send(desk, 2, 1)
    desk.hear('leave', { seat: 1, reason: 'left' })
    expect([said, desk.members]).toEqual([['0 left'], ['1 u2']])
  })

  it('are refused inputs beyond a share, and hear what is said of them', () => {
    const { desk, said } = slow()
    const most = Math.floor(desk.limits.linkWindow / 4 / (weights.input + 5))
    for (let seq = 1; seq <= most + 1; seq++) send(desk, 1, seq, 5)
    send(desk, 2, 1, 5)
    expect(desk.heard()).toEqual([`nack seat:1 seq:${most + 1} byBusiness error:BUSY`])
    desk.sweep()
    desk.now += 1_000
    desk.sweep()
    expect(said).toEqual(['0: 5', '1: 5'])
  })

  it('that are entered again, since their replica had fallen behind, are heard from there on, and once', () => {
    const { desk, said } = slow()
    for (const seq of [1, 2]) send(desk, 1, seq)
    desk.sweep()
    // It has frames that are not kept any more.
    desk.enter(1, { again: true })
    expect(desk.heard().map((each) => each.slice(0, 19))).toEqual(['seated seat:1 seq:1'])
    send(desk, 1, 2)
    send(desk, 1, 3)
    while (desk.hosting.hasWork) desk.sweep()
    expect([said, desk.heard(), desk.owner.waiting]).toEqual([['0: 1', '0: 2', '0: 3'], [], 3])
  })

  it('are seated in turn, once, unless the link has broken since', () => {
    const { desk, said } = slow()
    desk.enter(3)
    desk.enter(3)
    desk.enter(4)
    expect(desk.heard()).toEqual([])
    for (let n = 0; n < 3; n++) desk.sweep()
    expect(said.splice(0)).toEqual(['2 joins', '3 joins'])
    expect(desk.heard().map((each) => each.slice(0, 13))).toEqual([
      'seated seat:3',
      'seated seat:4',
      'seated seat:3',
    ])
    desk.hookTime += 4e6
    desk.enter(5)
    send(desk, 1, 1)
    send(desk, 2, 1)
    desk.hear('leave', { seat: 2, reason: 'left' })
    desk.hosting.lost(NODE, desk.now)
    expect(desk.members).toEqual(['0 u1 away', '2 u3 away', '3 u4 away'])
    desk.follow()
    desk.heard()
    while (desk.hosting.hasWork) desk.sweep()
    expect([said, desk.heard(), desk.owner.waiting]).toEqual([['1 left'], [], 0])
  })
})

describe('When the link to a node has broken, its replica', () => {
  it('is told nothing, its members are away, and nobody of it reads', () => {
    const desk = new Desk({ sessionKeepMs: 60_000 }).begin(1, 2)
    desk.follow({}, 7)
    desk.quiet()
    desk.seal()
    desk.hosting.lost(NODE, desk.now)
    expect([desk.members, desk.owner.room.isDeserted]).toEqual([['0 u1 away', '1 u2 away'], false])
    desk.sweep()
    desk.owner.roster.sendTo(0, text('psst'))
    desk.hosting.beat(desk.now)
    expect([desk.heard(), desk.sent().filter((each) => !each.startsWith('7'))]).toEqual([[], []])
    for (const type of ['unfollow', 'entered'] as const) desk.hear(type)
    desk.enter(3)
    expect([desk.heard(), desk.hosting.size]).toEqual([[], { replicas: 2, members: 2 }])
    expect([desk.guest.readers, desk.guest.spectators, desk.guest.grace.at]).toEqual([
      0,
      0,
      desk.now + 60_000,
    ])
    desk.hosting.lost(8, desk.now)
    expect(desk.hosting.size.replicas).toBe(2)
  })

  it('lets the clock stand still where nobody else is there', () => {
    const desk = new Desk({}, { frameRate: 10 }).begin()
    desk.hosting.lost(NODE, desk.now)
    expect(desk.owner.room.isDeserted).toBe(true)
  })

  it('has its members back who are entered again, and those are gone who are not', () => {
    const left: string[] = []
    const leave = (slot: number, _: string, reason: string): void => void left.push(`${slot} ${reason}`)
    const desk = new Desk({}, {}, { leave }).begin(1, 2, 3)
    desk.hosting.lost(NODE, desk.now)
    desk.follow({ world: 77, next: 2 })
    desk.enter(1, { again: true })
    desk.enter(3, { again: true })
    desk.hear('away', { seat: 3 })
    expect([desk.members, left]).toEqual([['0 u1', '1 u2 away', '2 u3 away'], []])
    // It has not said that it leaves: it may have promised another owner.
    desk.hear('entered')
    expect([desk.members, left, desk.waits['grace']]).toEqual([
      ['0 u1', '2 u3 away'],
      ['1 expired'],
      undefined,
    ])
    desk.hear('entered')
    expect(left).toHaveLength(1)
  })

  it('has nobody left whom it has given up once and entered anew since', () => {
    const left: string[] = []
    const leave = (slot: number, _: string, reason: string): void => void left.push(`${slot} ${reason}`)
    const desk = new Desk({}, {}, { leave }).begin(1)
    desk.follow({ world: 77, next: 2 })
    desk.enter(1)
    desk.hear('entered')
    expect([desk.members, left]).toEqual([['0 u1'], []])
    desk.hosting.lost(NODE, desk.now)
    desk.follow({ world: 77, next: 2 })
    desk.hear('entered')
    expect([desk.members, left]).toEqual([[], ['0 expired']])
  })

  it('that does not come back in time is forgotten, and its members have expired', () => {
    const left: string[] = []
    const leave = (slot: number, _: string, reason: string): void => void left.push(`${slot} ${reason}`)
    const desk = new Desk({ sessionKeepMs: 60_000 }, {}, { leave }).begin(1)
    desk.hosting.lost(NODE, desk.now)
    desk.timers.run(desk.now + 59_999)
    expect(left).toEqual([])
    desk.timers.run(desk.now + 60_000)
    expect([left, desk.hosting.isIdle, desk.owner.room.followers.size]).toEqual([['0 expired'], true, 0])
  })

  it('that has come back, but not its members, stays', () => {
    const desk = new Desk().begin(1, 2)
    desk.hosting.lost(NODE, desk.now)
    desk.follow()
    desk.enter(1, { again: true })
    desk.timers.run(desk.now + desk.limits.sessionKeepMs)
    expect([desk.members, desk.hosting.size]).toEqual([['0 u1'], { replicas: 1, members: 1 }])
  })
})

describe('Frames for replicas', () => {
  it('go out page by page, as far as the work of a sweep goes', () => {
    const desk = new Desk({ pageBytes: 46, sweepWork: 1 })
    desk.seal(5)
    desk.follow()
    desk.follow({}, 7)
    const before = desk.work.done
    desk.sweep()
    expect([desk.sent(), desk.hosting.hasWork]).toEqual([['frames of 9: 1 + 2'], true])
    const cost = desk.work.done - before
    expect(cost).toBe(costs.write + 2 * costs.walked + desk.length * costs.byte)
    desk.sweep()
    expect(desk.sent()).toEqual(['7: frames of 9: 1 + 2'])
    const exact = new Desk({ pageBytes: 46, sweepWork: cost })
    exact.seal(5)
    exact.follow()
    exact.follow({}, 7)
    exact.sweep()
    expect(exact.sent()).toEqual(['frames of 9: 1 + 2'])
    for (let n = 0; n < 4; n++) desk.sweep()
    expect([desk.sent().length, desk.hosting.hasWork]).toEqual([4, false])
    desk.sweep()
    expect(desk.sent()).toEqual([])
  })

  it('are told of all replicas that are within the work of a sweep', () => {
    const desk = new Desk()
    for (const node of [NODE, 7, 8]) desk.follow({}, node)
    desk.quiet()
    desk.seal()
    desk.sweep()
    expect(desk.sent()).toEqual(['frames of 9: 1 + 1', '7: frames of 9: 1 + 1', '8: frames of 9: 1 + 1'])
  })

  it('begin anew from the first one kept, where a replica has fallen too far behind', () => {
    const desk = new Desk({ meetingLogBytes: 760 }).begin()
    desk.seal(5)
    desk.sweep()
    expect([desk.heard(), desk.sent()]).toEqual([
      ['followed name:m world:77 first:4 head:6 members:0 bot hidden:7 next:7'],
      [],
    ])
    desk.sweep()
    expect(desk.sent()).toEqual(['frames of 9: 4 + 3'])
  })

  it('are sent again from where a replica misses them', () => {
    const desk = new Desk()
    desk.seal(3)
    desk.follow()
    desk.quiet()
    const pull = (from: number, node = NODE, replica = REPLICA): string[] => {
      desk.hosting.pull(node, replica, from)
      desk.sweep()
      return desk.sent()
    }
    expect([pull(2), pull(3), pull(4), pull(5), pull(1, 7), pull(1, NODE, 8)]).toEqual([
      ['frames of 9: 2 + 2'],
      ['frames of 9: 3 + 1'],
      [],
      [],
      [],
      [],
    ])
    expect(desk.guest.position).toBe(4)
  })

  it('that are due next, and when, are told at each beat, for all replicas of a node together', () => {
    const desk = new Desk()
    const other = ownerOn(desk)
    desk.meetings.set('n', other)
    desk.follow()
    desk.follow({ meeting: 'n', replica: 10 })
    desk.follow({}, 7)
    desk.quiet()
    desk.seal()
    desk.hosting.beat(desk.now)
    expect(desk.sent()).toEqual([
      'frames of 9: 1 + 1; heads heads:9 2 0,10 1 0',
      '7: frames of 9: 1 + 1; heads heads:9 2 0',
    ])
    desk.hosting.lost(7, desk.now)
    desk.hosting.beat(desk.now)
    expect(desk.sent()).toEqual(['heads heads:9 2 0,10 1 0'])
  })

  it('are not announced to a replica that has pages of them to come', () => {
    const desk = new Desk({ pageBytes: 20 }).begin()
    desk.seal(3)
    desk.hosting.beat(desk.now)
    expect(desk.sent()).toEqual(['frames of 9: 2 + 1'])
    desk.hosting.lost(NODE, desk.now)
    desk.hosting.beat(desk.now)
    expect(desk.sent()).toEqual([])
  })

  it('of a thousand meetings at a time are told of in one message', () => {
    const desk = new Desk()
    for (let n = 0; n < wire.batch + 1; n++) {
      desk.meetings.set('n', ownerOn(desk))
      desk.follow({ meeting: 'n', replica: 100 + n })
    }
    desk.quiet()
    desk.hosting.beat(desk.now)
    expect(desk.sent().flatMap((each) => each.split('; ').map((part) => part.split(',').length))).toEqual([
      wire.batch,
      1,
    ])
    desk.hear('unfollow', { replica: 100 })
    desk.hosting.beat(desk.now)
    expect(desk.sent().map((each) => each.split(',').length)).toEqual([wire.batch])
  })

  it('follow the configuration that a member has named, which each replica is told once', () => {
    const desk = new Desk().begin()
    desk.enter(1, { config: 'c' })
    desk.heard()
    desk.hosting.beat(desk.now)
    desk.hosting.beat(desk.now)
    expect(desk.heard()).toEqual(['config config:c'])
    desk.follow()
    desk.hosting.beat(desk.now)
    expect(desk.heard().filter((each) => each.startsWith('config'))).toEqual([])
  })
})

describe('In a hand-over, the replicas of a meeting', () => {
  it('get the frames up to there and nothing else, and then follow the other node', () => {
    const desk = new Desk().begin(1)
    desk.follow({}, 7)
    desk.follow({}, 8)
    desk.quiet()
    desk.hosting.lost(8, desk.now)
    desk.seal()
    const guests = desk.hosting.of(desk.owner)
    const held = desk.owner.log.held
    desk.hosting.retire(guests, '', desk.now)
    expect(desk.sent()).toEqual(['frames of 9: 2 + 1', '7: frames of 9: 2 + 1'])
    expect([desk.owner.room.followers.size, desk.waits['grace'], desk.hosting.size.replicas]).toEqual([
      0,
      undefined,
      3,
    ])
    expect(held - desk.owner.log.held).toBe(weights.member)
    desk.hear('input', { seat: 1, seq: 1, data: text('late') })
    desk.enter(4)
    desk.hosting.beat(desk.now)
    expect([desk.heard(), desk.sent()]).toEqual([[], []])
    desk.hosting.pull(NODE, REPLICA, 1)
    desk.sweep()
    expect(desk.sent()).toEqual(['frames of 9: 1 + 2'])
    desk.hosting.lost(7, desk.now)
    expect(desk.waits['grace']).toBeUndefined()
    desk.hosting.release(guests, 99)
    expect([desk.heard(), desk.hosting.isIdle]).toEqual([['moved owner:99'], true])
  })

  it('follow anybody but themselves, and nobody where nobody goes on', () => {
    for (const [to, expected] of [
      [NODE, ['7.9: moved owner:6']],
      [0, ['moved', '7.9: moved']],
    ] as const) {
      const desk = new Desk().begin()
      desk.follow({}, 7)
      desk.quiet()
      const guests = desk.hosting.of(desk.owner)
      desk.hosting.retire(guests, '', desk.now)
      desk.hosting.release(guests, to)
      expect([desk.heard(), desk.hosting.isIdle]).toEqual([expected, true])
    }
  })

  it('that have followed another meeting under their number since are not forgotten', () => {
    const desk = new Desk().begin()
    const guests = desk.hosting.of(desk.owner)
    desk.hosting.retire(guests, '', desk.now)
    desk.meetings.set('m', ownerOn(desk))
    desk.follow()
    desk.heard()
    desk.hosting.release(guests, 99)
    expect([desk.heard(), desk.hosting.size.replicas]).toEqual([['moved owner:99'], 1])
  })

  it('are expected by the new owner, with their readers, until the grace of a link is over', () => {
    const desk = new Desk({ sessionKeepMs: 60_000 })
    const guest = desk.hosting.expect(desk.owner, NODE, REPLICA, 3, 2, desk.now)
    expect([guest.readers, guest.spectators, desk.owner.info.spectators, guest.isConnected]).toEqual([
      3,
      2,
      2,
      false,
    ])
    expect([desk.hosting.size.replicas, guest.grace.at]).toEqual([1, desk.now + 60_000])
    desk.timers.run(desk.now + 60_000)
    expect(desk.hosting.isIdle).toBe(true)
  })

  it('bring their members, who are entered again, those who were away as away', () => {
    const desk = new Desk()
    const guest = desk.hosting.expect(desk.owner, NODE, REPLICA, 2, 0, desk.now)
    const [ann, bob] = ['ann', 'bob'].map((user) => {
      const bot = desk.owner.addBot(user) as Bot
      const member = desk.owner.roster.get(bot.slot)
      if (member === undefined) throw new Error('no member')
      if (user === 'bob') desk.owner.away(member)
      member.seat = desk.hosting.guest(guest, bot.slot + 1, `of ${user}`, member)
      return member
    })
    expect(desk.hosting.size.members).toBe(2)
    desk.follow({ world: 77, next: 1, readers: 2 })
    desk.heard()
    desk.enter(1, { again: true, user: 'ann' })
    desk.enter(2, { again: true, user: 'bob' })
    expect(desk.members).toEqual(['0 ann', '1 bob away'])
    expect(desk.heard()).toEqual(['seated seat:1 continued next:1', 'seated seat:2 slot:1 continued next:1'])
    // It was told that he is away: once he is entered again, he is what his node says.
    desk.enter(2, { again: true, user: 'bob' })
    expect(desk.members).toEqual(['0 ann', '1 bob'])
    desk.hear('entered')
    expect([ann?.seat?.id, bob?.seat?.id, desk.members.length]).toEqual(['of ann', 'of bob', 2])
  })

  it('lose the members who are not entered again', () => {
    const desk = new Desk()
    const guest = desk.hosting.expect(desk.owner, NODE, REPLICA, 1, 0, desk.now)
    const bot = desk.owner.addBot('ann') as Bot
    const member = desk.owner.roster.get(bot.slot)
    if (member === undefined) throw new Error('no member')
    member.seat = desk.hosting.guest(guest, 1, 'a', member)
    desk.follow({ world: 77, next: 1 })
    desk.hear('entered')
    expect(desk.members).toEqual([])
  })
})
