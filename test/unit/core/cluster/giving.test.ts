import { describe, expect, it } from 'vitest'
import { Giving } from '../../../../src/core/cluster/giving.ts'
import { decodeHandover, type Yield } from '../../../../src/core/cluster/handover-messages.ts'
import { Hosting } from '../../../../src/core/cluster/hosting.ts'
import { decodeDatagram } from '../../../../src/core/cluster/datagrams.ts'
import type { MeshMessage } from '../../../../src/core/cluster/mesh-messages.ts'
import type { LocalSeat } from '../../../../src/core/cluster/replica-host.ts'
import type { Replica } from '../../../../src/core/cluster/replica.ts'
import type { Limits } from '../../../../src/core/ground/config.ts'
import type { MeetingOptions } from '../../../../src/core/meeting/options.ts'
import type { MeetingLogic } from '../../../../src/core/index.ts'
import type { Bot } from '../../../../src/core/meeting/business.ts'
import type { Owner } from '../../../../src/core/meeting/owner.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import { text } from '../harness.ts'
import { inputOf, joinOf, ownerOn, Parts, seal, words, supportOf } from './parts.ts'

const SELF = 1

interface Peer {
  readonly incarnation: number
  isDraining: boolean
  load: { meetings: number } | null
}

/** A node that hands over its meetings; what it says to others and does here is noted in words, in order. */
class Desk extends Parts {
  readonly said: string[] = []
  readonly meetings: Map<string, Owner> = new Map()
  readonly peers: Peer[] = []
  readonly silent: Set<number> = new Set()
  /** Those that some other node does not know. */
  readonly unknown: Set<number> = new Set()
  readonly yields: Yield[] = []
  /** Bytes of the last message. */
  length = 0
  readonly demoted: {
    readonly to: number
    readonly seats: readonly LocalSeat[]
    readonly replica: Replica
  }[] = []
  readonly hosting: Hosting
  readonly giving: Giving

  constructor(limits: Partial<Limits> = {}, ...peers: number[]) {
    super(limits)
    const common = (): Peer[] => this.peers.filter(({ incarnation }) => !this.unknown.has(incarnation))
    for (const incarnation of peers)
      this.peers.push({ incarnation, isDraining: false, load: { meetings: 0 } })
    this.hosting = new Hosting({
      limits: this.limits,
      timers: this.timers,
      work: this.work,
      meeting: (name) => this.meetings.get(name),
      link: (node, message) => this.said.push(`${node}: ${words(short(message))}`),
      put: (node, packet) => this.said.push(`${node}. ${decodeDatagram(packet)?.type}`),
      retired: (...asked) => this.giving.retired(...asked),
      astray: (...asked) => this.giving.astray(asked[0], asked[1]),
    })
    this.giving = new Giving({
      standing: () => 0,
      self: SELF,
      limits: this.limits,
      stats: this.stats,
      work: this.work,
      hosting: this.hosting,
      support: () => supportOf(this.said),
      meetings: () =>
        ({
          get: (name: string) => this.meetings.get(name),
          all: () => this.meetings.values(),
          size: this.meetings.size,
          resign: (owner: Owner) => {
            this.said.push(`resigns ${owner.name}`)
            owner.resign()
            this.meetings.delete(owner.name)
          },
        }) as never,
      cluster: {
        acquaintance: {
          get common() {
            return common()
          },
        },
        isSilent: (node: number) => this.silent.has(node),
        holdings: { passOn: (name: string) => this.said.push(`passes ${name} on`) },
        closed: (name: string) => this.said.push(`frees ${name}`),
      } as never,
      send: (node, packet) => this.#send(node, packet),
      refuse: (session, { seq }, { code }, byBusiness) =>
        this.said.push(`refuses ${session.user} ${seq}${byBusiness ? ' of the business' : ''}: ${code}`),
      demote: ({ name }, to, seats) => {
        const follow = (): void => void this.said.push(`follows ${name} on ${to}`)
        const replica = { name, isHandedOver: false, follow } as unknown as Replica
        this.demoted.push({ to, seats, replica })
        return replica
      },
    })
  }

  #send(node: number, packet: Uint8Array): void {
    const message = decodeHandover(packet)
    this.length = packet.length
    if (message === null) throw new Error('not a message')
    if (message.type === 'yield') {
      this.yields.push(message)
      const { name, world, hop, last } = message
      this.said.push(`${node}: ${words({ type: 'yield', name, world, hop, last } as never)}`)
    } else this.said.push(`${node}: ${words(message)}`)
  }

  open(
    name: string,
    parts: {
      options?: Partial<MeetingOptions>
      logic?: MeetingLogic | null
      metadata?: Record<string, unknown>
      kind?: string
    } = {},
  ): Owner {
    const owner = ownerOn(
      this,
      parts.options,
      parts.logic ?? null,
      { name },
      {
        kind: parts.kind ?? '',
        metadata: parts.metadata ?? {},
      },
    )
    this.meetings.set(name, owner)
    return owner
  }

  /** A replica on another node, and the members there. */
  follow(node: number, name: string, readers = 1, spectators = 0, ...members: number[]): void {
    this.hosting.handle(
      node,
      { type: 'follow', replica: 9, meeting: name, world: 0, next: 1, readers, spectators },
      this.now,
    )
    for (const seat of members)
      this.hosting.handle(
        node,
        {
          type: 'enter',
          replica: 9,
          seat,
          again: false,
          session: `s${node}.${seat}`,
          former: '',
          held: [],
          world: 0,
          user: `u${node}.${seat}`,
          config: '',
        },
        this.now,
      )
    this.hosting.sweep(this.now)
    this.heard()
  }

  heard(): string[] {
    return this.said.splice(0)
  }

  begin(): string[] {
    this.giving.begin(this.now)
    return this.heard()
  }

  beat(after = 0): string[] {
    this.now += after
    this.giving.beat(this.now)
    return this.heard()
  }

  ready(node: number, name: string, parts: { world?: number; hop?: number } = {}): string[] {
    this.giving.ready(node, { type: 'ready', name, world: 77, hop: 0, ...parts }, this.now)
    return this.heard()
  }

  decline(node: number, name: string, hop = 0): string[] {
    this.giving.declined(node, { type: 'declined', name, world: 77, hop }, this.now)
    return this.heard()
  }

  /** Hands a meeting without a frame rate over to a node. */
  give(name: string, to: number): string[] {
    this.begin()
    return this.ready(to, name)
  }

  /** The replica that a meeting has become. */
  get replica(): Replica {
    const [first] = this.demoted
    if (first === undefined) throw new Error('nothing was handed over')
    return first.replica
  }
}

function short(message: MeshMessage): { readonly type: string } {
  return message.type === 'followed' ? { type: 'followed' } : message
}

const offer = (name: string, head = 0, holders = ''): string =>
  `offer name:${name} world:77${head > 0 ? ` head:${head}` : ''}${holders && ` holders:${holders}`} metadata:{}`

describe('A node that hands over its meetings', () => {
  it('offers nothing before it begins', () => {
    const desk = new Desk({}, 2)
    desk.open('m')
    expect([desk.beat(), desk.giving.isBusy, desk.giving.progress]).toEqual([
      [],
      false,
      { waiting: 1, moving: 0, staying: 0 },
    ])
    expect([desk.begin(), desk.giving.isBusy]).toEqual([[`2: ${offer('m')}`], true])
  })

  it('offers each with its last frame, its kind and its metadata, and only so many at a time', () => {
    const desk = new Desk({ handovers: 2 }, 2)
    const first = desk.open('a', { kind: 'k', metadata: { of: 1 } })
    ;(first.addBot('bot') as Bot).send(text('x'))
    seal(first, desk.now)
    for (const name of ['b', 'c']) desk.open(name)
    expect(desk.begin()).toEqual([
      '2: offer name:a world:77 head:1 kind:k metadata:{"of":1}',
      `2: ${offer('b')}`,
    ])
    expect(desk.beat()).toEqual([])
    // One of them has closed: it is not offered any more, and the next one is.
    desk.meetings.delete('b')
    expect(desk.beat()).toEqual([`2: ${offer('c')}`])
    expect(desk.giving.progress).toEqual({ waiting: 2, moving: 0, staying: 0 })
    desk.meetings.clear()
    expect([desk.giving.isBusy, desk.beat(), desk.giving.isBusy]).toEqual([true, [], false])
  })

  it('keeps those that cannot move: their state or their metadata cannot be told', () => {
    const desk = new Desk({}, 2)
    const loop: Record<string, unknown> = {}
    loop['loop'] = loop
    desk.open('a', { metadata: loop })
    desk.open('b', { logic: {} })
    desk.open('c', { logic: { snapshot: () => null } })
    desk.open('d')
    // The other node would not read as much.
    desk.open('e', { metadata: { of: 'x'.repeat(desk.limits.handoverBytes) } })
    expect(desk.begin()).toEqual([`2: ${offer('c')}`, `2: ${offer('d')}`])
    expect(desk.giving.progress).toEqual({ waiting: 2, moving: 0, staying: 3 })
    expect([desk.ready(2, 'c'), desk.giving.progress.staying]).toEqual([[], 4])
    desk.meetings.delete('a')
    desk.meetings.delete('d')
    expect(desk.beat()).toEqual([])
    expect([desk.giving.progress, desk.giving.isBusy]).toEqual([{ waiting: 0, moving: 0, staying: 3 }, false])
    expect([...desk.meetings.keys()]).toEqual(['b', 'c', 'e'])
  })

  it('waits where hooks have had their time in a sweep, and not until the business has heard who has left', () => {
    const desk = new Desk({}, 2)
    const logic = (): MeetingLogic => ({
      isBehind: () => true,
      leave: () => {},
      snapshot: () => {
        desk.hookTime += 3e6
        return text('state')
      },
    })
    for (const name of ['a', 'b', 'c']) {
      const owner = desk.open(name, { logic: logic() })
      const ann = desk.session('ann')
      owner.join(ann, joinOf(), desk.now)
      ann.leave(3, 'left')
      seal(owner, desk.now)
    }
    desk.begin()
    desk.work.begin()
    for (const name of ['a', 'b', 'c']) desk.ready(2, name)
    expect(desk.yields.map(({ state }) => state.roster.members)).toMatchObject([
      [{ user: 'ann', standing: { is: 'leaving' } }],
      [{ user: 'ann', standing: { is: 'leaving' } }],
    ])
    const yielded: string[] = []
    for (let n = 0; n < 3; n++) {
      desk.work.begin()
      desk.giving.sweep(desk.now)
      yielded.push(
        desk.yields
          .splice(0)
          .map(({ name }) => name)
          .join(''),
      )
    }
    expect(yielded).toEqual(['ab', 'c', ''])
  })

  it('offers a meeting to the node with most of its members, and of those with as many to the one with more readers', () => {
    const desk = new Desk({}, 2, 3, 4)
    desk.open('m')
    desk.follow(3, 'm', 900)
    desk.follow(2, 'm', 1, 0, 1)
    desk.follow(4, 'm', 2, 0, 1)
    desk.follow(99, 'm', 5, 0, 1, 2)
    expect(desk.begin()).toEqual([`4: ${offer('m', 0, '3,2,4,99')}`])
    expect([desk.decline(4, 'm'), desk.decline(2, 'm')]).toEqual([
      [`2: ${offer('m', 0, '3,2,4,99')}`],
      [`3: ${offer('m', 0, '3,2,4,99')}`],
    ])
  })

  it('and not to one whose link is broken, though it has members', () => {
    const desk = new Desk({}, 2, 3)
    desk.open('m')
    desk.follow(3, 'm', 1, 0, 1)
    desk.hosting.lost(3, desk.now)
    desk.heard()
    expect(desk.begin()).toEqual([`2: ${offer('m', 0, '3')}`])
  })

  it('offers others to the node with the fewest, those counted that are offered and given to it', () => {
    const desk = new Desk({}, 2, 3, 4)
    const [b, c, d] = desk.peers as [Peer, Peer, Peer]
    b.load = { meetings: 3 }
    c.load = { meetings: 1 }
    d.load = { meetings: 0 }
    for (const name of ['a', 'b', 'c', 'd', 'e']) desk.open(name)
    const to = (said: string[]): string => said.map((each) => each[0]).join('')
    expect(to(desk.begin())).toBe('43434')
    desk.ready(4, 'a')
    desk.ready(4, 'c')
    desk.heard()
    // It has been given two, and one is offered to it: the next goes to 2, at 3, only after 3, at 1 + 2.
    desk.open('f')
    desk.open('g')
    expect(to(desk.beat())).toBe('23')
    // A node that has ended and come again has been given none.
    desk.giving.gone(4)
    desk.heard()
    d.load = { meetings: 3 }
    desk.open('h')
    expect(to(desk.beat())).toBe('24')
  })

  it('does not offer any to a node that drains, is silent, or was told of by others and not heard yet', () => {
    const desk = new Desk({}, 2, 3, 4, 5)
    const [draining, , told] = desk.peers as [Peer, Peer, Peer]
    desk.open('m')
    draining.isDraining = true
    desk.silent.add(3)
    told.load = null
    expect(desk.begin()).toEqual([`5: ${offer('m')}`])
  })

  it('nor to one that another node does not know yet, though most members are there', () => {
    const desk = new Desk({}, 2, 3)
    desk.open('m')
    desk.follow(2, 'm', 1, 0, 1)
    for (const node of [2, 3]) desk.unknown.add(node)
    desk.heard()
    expect(desk.begin()).toEqual([])
    desk.unknown.delete(3)
    expect(desk.beat()).toEqual([`3: ${offer('m', 0, '2')}`])
    desk.unknown.clear()
    expect(desk.decline(3, 'm')).toEqual([`2: ${offer('m', 0, '2')}`])
  })

  it('waits a while before it asks all again, once nobody is left who has not declined', () => {
    const desk = new Desk({ handoverAgainMs: 1_000 }, 2, 3)
    desk.open('m')
    desk.begin()
    desk.now += 10
    expect([desk.decline(2, 'm'), desk.decline(3, 'm')]).toEqual([[`3: ${offer('m')}`], []])
    expect(desk.stats.handoversRefused).toBe(2)
    // It has just found nobody, and asks once more from the next beat on.
    expect([desk.beat(), desk.beat()]).toEqual([[`2: ${offer('m')}`], []])
    expect([desk.decline(2, 'm'), desk.decline(3, 'm')]).toEqual([[`3: ${offer('m')}`], []])
    expect([desk.giving.isBusy, desk.beat(999), desk.beat(1)]).toEqual([true, [], []])
    expect(desk.beat(1)).toEqual([`2: ${offer('m')}`])
  })

  it('takes no answer but that of the node that it has asked, to this offer', () => {
    const desk = new Desk({}, 2, 3)
    desk.open('m')
    desk.begin()
    expect([desk.decline(3, 'm'), desk.decline(2, 'm', 1), desk.decline(2, 'n')]).toEqual([[], [], []])
    expect(desk.stats.handoversRefused).toBe(0)
    expect([
      desk.ready(3, 'm'),
      desk.ready(2, 'm', { hop: 1 }),
      desk.ready(2, 'm', { world: 78 }),
      desk.ready(2, 'n'),
    ]).toEqual([[], [], [], []])
    expect(desk.meetings.size).toBe(1)
    const other = desk.open('m')
    expect([desk.ready(2, 'm'), desk.meetings.get('m')]).toEqual([[], other])
  })

  it('gives up on a node that does not become ready in time, and asks another', () => {
    const desk = new Desk({ handoverMs: 5_000 }, 2, 3)
    desk.open('m')
    desk.begin()
    expect([desk.beat(4_999), desk.stats.handoversRefused]).toEqual([[], 0])
    expect([desk.beat(1), desk.stats.handoversRefused]).toEqual([[`3: ${offer('m')}`], 1])
    expect([desk.ready(2, 'm'), desk.meetings.size]).toEqual([[], 1])
  })

  it('asks another where the link to the node breaks, or it ends', () => {
    for (const happen of ['broken', 'gone'] as const) {
      const desk = new Desk({}, 2, 3)
      desk.open('m')
      desk.begin()
      desk.giving[happen](3)
      expect(desk.beat()).toEqual([])
      desk.giving[happen](2)
      expect([desk.beat(), desk.stats.handoversRefused]).toEqual([[`3: ${offer('m')}`], 0])
    }
  })
})

describe('A meeting that is handed over', () => {
  it('goes in one step: its replicas have their frames, the name is held, and this node follows', () => {
    const desk = new Desk({}, 2, 3)
    const owner = desk.open('m', {
      logic: { snapshot: () => text('s'), moved: () => void desk.said.push('moved') },
    })
    desk.follow(3, 'm')
    ;(owner.addBot('bot') as Bot).send(text('x'))
    seal(owner, desk.now)
    desk.begin()
    expect(desk.ready(3, 'm')).toEqual([
      '3. frames',
      'resigns m',
      'moved',
      'passes m on',
      '3: yield name:m world:77 last:1',
      'follows m on 3',
    ])
    expect([desk.replica.isHandedOver, desk.stats.handoversGiven, desk.yields[0]?.business]).toEqual([
      true,
      1,
      text('s'),
    ])
    expect([desk.giving.progress, desk.giving.isBusy]).toEqual([{ waiting: 0, moving: 1, staying: 0 }, true])
  })

  it('that has a clock goes behind the next frame, so that the other node has all the time to the one after it', () => {
    const desk = new Desk({}, 2)
    const owner = desk.open('m', { options: { frameRate: 10 } })
    desk.follow(2, 'm')
    desk.begin()
    expect(desk.ready(2, 'm')).toEqual([])
    desk.giving.sweep(desk.now)
    expect(desk.heard()).toEqual([])
    desk.timers.run(owner.due)
    desk.giving.sweep(desk.now)
    expect(desk.heard()).toContain('2: yield name:m world:77 last:1')
  })

  it('waits for no frame while the clock stands still', () => {
    const desk = new Desk({}, 2)
    desk.open('m', { options: { frameRate: 10 } })
    desk.begin()
    expect(desk.ready(2, 'm')).toContain('2: yield name:m world:77')
  })

  it('is not handed over by a sweep for which nobody is ready, nor when it has closed', () => {
    const desk = new Desk({}, 2)
    const owner = desk.open('m', { options: { frameRate: 10 } })
    desk.follow(2, 'm')
    desk.begin()
    desk.giving.sweep(desk.now)
    expect(desk.heard()).toEqual([])
    desk.ready(2, 'm')
    desk.timers.run(owner.due)
    desk.meetings.delete('m')
    desk.giving.sweep(desk.now)
    expect(desk.heard()).toEqual([])
  })

  it('leaves a place for the next one', () => {
    const desk = new Desk({ handovers: 1 }, 2)
    for (const name of ['a', 'b']) desk.open(name)
    desk.begin()
    expect(desk.ready(2, 'a').at(-1)).toBe(`2: ${offer('b')}`)
  })

  it('stays where its state cannot be told after all, or is too much', () => {
    const metadata: Record<string, unknown> = {}
    for (const [limits, logic, spoil] of [
      [{ handoverBytes: 30 }, null, () => {}],
      [{}, { snapshot: () => null }, () => {}],
      [{}, null, () => (metadata['loop'] = metadata)],
    ] as const) {
      const desk = new Desk(limits, 2)
      desk.open('m', { logic, metadata })
      desk.begin()
      spoil()
      expect([desk.ready(2, 'm'), desk.giving.progress.staying, desk.beat()]).toEqual([[], 1, []])
    }
  })

  it('is told to the last byte of what a hand-over may have', () => {
    const sizes = [30, 1_000].map((most) => {
      for (let size = most; ; size++) {
        const desk = new Desk({ handoverBytes: size }, 2)
        desk.open('m')
        if (desk.give('m', 2).length > 0) {
          expect(most === 30 ? size : desk.length).toBe(desk.length)
          return size
        }
      }
    })
    // It fits from some size on, which is that of the YIELD.
    expect(sizes[1]).toBe(1_000)
    expect(sizes[0]).toBeGreaterThan(30)
    expect(sizes[0]).toBeLessThan(100)
  })

  it('names those who read, by node, and of them who watches', () => {
    const desk = new Desk({}, 2, 3)
    const owner = desk.open('m')
    desk.follow(2, 'm', 5, 3)
    desk.follow(3, 'm', 2, 1)
    for (const user of ['ann', 'eve', 'dan'])
      owner.join(desk.session(user), joinOf({ spectator: user !== 'ann' }), desk.now)
    desk.give('m', 2)
    expect(desk.yields[0]?.branches).toEqual([
      { node: SELF, replica: 3, readers: 3, spectators: 2 },
      { node: 2, replica: 9, readers: 5, spectators: 3 },
      { node: 3, replica: 9, readers: 2, spectators: 1 },
    ])
    expect(desk.demoted[0]?.seats.map(({ seat, number }) => `${seat.session.user} ${number}`)).toEqual([
      'ann 1',
      'eve 0',
      'dan 0',
    ])
  })

  it('names where each of its members is: here, at a replica, or nowhere any more', () => {
    const desk = new Desk({}, 2)
    const owner = desk.open('m')
    const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((user) => desk.session(user)) as [
      Session,
      Session,
      Session,
    ]
    owner.addBot('bot')
    owner.join(ann, joinOf(), desk.now)
    desk.follow(2, 'm', 2, 0, 7, 8)
    owner.join(bob, joinOf(), desk.now)
    owner.join(cid, joinOf(), desk.now)
    // Her session has ended in this very turn, while her input waits for a frame.
    owner.accept(bob.seats.get(3) as never, inputOf(1), desk.now)
    bob.leave(3, 'left')
    desk.hosting.handle(
      2,
      { type: 'input', replica: 9, seat: 8, seq: 1, acked: 0, data: text('x') },
      desk.now,
    )
    desk.hosting.handle(2, { type: 'leave', replica: 9, seat: 8, reason: 'left' }, desk.now)
    desk.give('m', 2)
    expect(desk.yields[0]?.places).toEqual([
      { slot: 1, session: ann.id, branch: 0, seat: 1 },
      { slot: 2, session: 's2.7', branch: 1, seat: 7 },
      { slot: 3, session: 's2.8', branch: 0, seat: 0 },
      { slot: 4, session: bob.id, branch: 0, seat: 0 },
      { slot: 5, session: cid.id, branch: 0, seat: 2 },
    ])
    expect(desk.yields[0]?.state.roster.members.map(({ user, isBot }) => `${user} ${isBot}`)).toEqual([
      'bot true',
      'ann false',
      'u2.7 false',
      'u2.8 false',
      'bob false',
      'cid false',
    ])
  })
})

it('A member whose word that it leaves waits behind its inputs has left when its meeting is handed over', () => {
  const desk = new Desk({}, 2)
  desk.open('m')
  desk.follow(2, 'm', 2, 0, 7, 8)
  desk.hookTime += 2e6
  const say = (message: MeshMessage): void => desk.hosting.handle(2, message, desk.now)
  for (const seat of [7, 8]) say({ type: 'input', replica: 9, seat, seq: 1, acked: 0, data: text('x') })
  say({ type: 'leave', replica: 9, seat: 8, reason: 'left' })
  desk.give('m', 2)
  const [given] = desk.yields
  // What waits is not taken here any more, and sent again to the new owner.
  expect(given?.places).toEqual([{ slot: 0, session: 's2.7', branch: 1, seat: 7 }])
  expect(given?.state.intake.inputs).toEqual([])
  desk.hosting.sweep(desk.now)
  desk.hosting.sweep(desk.now)
  expect(desk.hosting.hasWork).toBe(false)
})

describe('After its YIELD, a node', () => {
  /** The meeting m of node 1 has gone to node 2, and node 3 has a replica. */
  function given(): Desk {
    const desk = new Desk({}, 2, 3)
    desk.open('m')
    desk.follow(3, 'm')
    desk.begin()
    desk.decline(3, 'm')
    desk.ready(2, 'm')
    return desk
  }

  const follow = (meeting = 'm') =>
    ({ type: 'follow', replica: 5, meeting, world: 0, next: 1, readers: 0, spectators: 0 }) as const

  it('names the new owner to whoever asks, but not to that one itself', () => {
    const desk = given()
    expect([desk.giving.passedTo('m'), desk.giving.passedTo('n')]).toEqual([2, 0])
    expect([desk.giving.heirOf('m', 3), desk.giving.heirOf('m', 2), desk.giving.heirOf('n', 3)]).toEqual([
      2, 0, 0,
    ])
  })

  it('gives the frames to the new owner alone, until that one has begun', () => {
    const desk = given()
    expect([
      desk.giving.retired('m', 2) !== undefined,
      desk.giving.retired('m', 3),
      desk.giving.retired('n', 2),
    ]).toEqual([true, undefined, undefined])
    desk.giving.advanced(desk.replica)
    expect(desk.giving.retired('m', 2)).toBeUndefined()
  })

  it('sends the replicas to the new owner once that has begun, those that have asked since included', () => {
    const desk = given()
    // A node has one replica of a meeting: its last word counts.
    desk.giving.astray(4, { ...follow(), replica: 6 })
    expect([desk.giving.astray(4, follow()), desk.heard()]).toEqual([true, []])
    expect([desk.giving.astray(2, follow()), desk.giving.astray(4, follow('n'))]).toEqual([false, false])
    desk.giving.advanced({ name: 'm' } as Replica)
    desk.giving.advanced({ name: 'n' } as Replica)
    expect(desk.heard()).toEqual([])
    desk.giving.advanced(desk.replica)
    expect(desk.heard()).toEqual(['3: moved replica:9 owner:2', '4: moved replica:5 owner:2'])
    expect([desk.replica.isHandedOver, desk.giving.progress.moving, desk.giving.isBusy]).toEqual([
      false,
      0,
      true,
    ])
    desk.giving.advanced(desk.replica)
    expect(desk.heard()).toEqual([])
    expect([desk.giving.astray(4, follow()), desk.heard()]).toEqual([true, ['4: moved replica:5 owner:2']])
  })

  it('frees the name once the new owner says that the registrar knows it', () => {
    const desk = given()
    desk.giving.advanced(desk.replica)
    desk.heard()
    desk.giving.settled(3, 'm')
    desk.giving.settled(2, 'n')
    expect([desk.heard(), desk.giving.isBusy]).toEqual([[], true])
    desk.giving.settled(2, 'm')
    desk.giving.settled(2, 'm')
    expect([desk.heard(), desk.giving.isBusy, desk.giving.passedTo('m'), desk.giving.heirOf('m', 3)]).toEqual(
      [['frees m'], false, 0, 2],
    )
  })

  it('is done only when the new owner has begun, though the registrar knows it', () => {
    const desk = given()
    desk.giving.settled(2, 'm')
    expect([desk.giving.isBusy, desk.giving.progress.moving]).toEqual([true, 1])
  })

  it('says it again when the link breaks, as long as the new owner has not begun', () => {
    const desk = given()
    desk.giving.broken(3)
    expect(desk.heard()).toEqual([])
    desk.giving.broken(2)
    expect(desk.heard()).toEqual(['2: yield name:m world:77'])
    expect(desk.yields[1]).toEqual(desk.yields[0])
    desk.giving.advanced(desk.replica)
    desk.heard()
    desk.giving.broken(2)
    expect(desk.heard()).toEqual([])
  })

  it('gives the meeting up where its replica ends before the new owner has begun', () => {
    const desk = given()
    desk.giving.astray(4, follow())
    desk.giving.ended({ name: 'm' } as Replica)
    desk.giving.ended({ name: 'n' } as Replica)
    expect(desk.heard()).toEqual([])
    desk.giving.ended(desk.replica)
    expect(desk.heard()).toEqual(['3: moved replica:9', '4: moved replica:5', 'frees m'])
    expect([desk.giving.isBusy, desk.giving.heirOf('m', 3)]).toEqual([false, 0])
  })

  it('remembers where it went when the replica ends later', () => {
    const desk = given()
    desk.giving.advanced(desk.replica)
    desk.heard()
    desk.giving.ended(desk.replica)
    expect([desk.heard(), desk.giving.heirOf('m', 3)]).toEqual([[], 2])
  })

  it('gives it up when the new owner ends, and frees the name if it holds that still', () => {
    const desk = given()
    desk.giving.gone(3)
    expect(desk.heard()).toEqual([])
    desk.giving.gone(2)
    expect([desk.heard(), desk.giving.heirOf('m', 3)]).toEqual([['3: moved replica:9', 'frees m'], 0])

    const late = given()
    late.giving.advanced(late.replica)
    late.giving.settled(2, 'm')
    late.heard()
    late.giving.gone(2)
    expect([late.heard(), late.giving.heirOf('m', 3)]).toEqual([[], 0])
  })

  it('forgets that it went when it has come back', () => {
    const desk = given()
    desk.giving.taken('n')
    expect(desk.giving.heirOf('m', 3)).toBe(2)
    desk.giving.taken('m')
    expect([desk.giving.heirOf('m', 3), desk.giving.passedTo('m')]).toEqual([0, 0])
  })
})
