import { describe, expect, it } from 'vitest'
import { decodeHandover, type Offer, type Yield } from '../../../../src/core/cluster/handover-messages.ts'
import { Hosting } from '../../../../src/core/cluster/hosting.ts'
import type { MeshMessageOf } from '../../../../src/core/cluster/mesh-messages.ts'
import type { Subject } from '../../../../src/core/cluster/question-kinds.ts'
import { Replica } from '../../../../src/core/cluster/replica.ts'
import { Successions } from '../../../../src/core/cluster/successions.ts'
import { Taking } from '../../../../src/core/cluster/taking.ts'
import type { Limits } from '../../../../src/core/ground/config.ts'
import type { MeetingBusiness, OfferedMeeting } from '../../../../src/core/index.ts'
import { Meetings } from '../../../../src/core/meeting/meetings.ts'
import type { Owner } from '../../../../src/core/meeting/owner.ts'
import type { OwnerState } from '../../../../src/core/meeting/owner-state.ts'
import { openFrame } from '../../../../src/core/meeting/sealed.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import { RtmsError } from '../../../../src/protocol/index.ts'
import { text } from '../harness.ts'
import {
  connect,
  disconnect,
  followedOf,
  frameOf,
  hostOf,
  inputOf,
  joinOf,
  ownerOn,
  Parts,
  seal,
  seatedOf,
  words,
  supportOf,
} from './parts.ts'

const SELF = 6
const OLD = 5
/** Of the replica here. */
const LOG = 9

/** A node that takes meetings over; what it says to others is noted in words. */
class Desk extends Parts {
  readonly said: string[] = []
  readonly answers: string[] = []
  readonly offered: OfferedMeeting[] = []
  readonly replicas: Map<string, Replica> = new Map()
  readonly meetings: Meetings
  readonly hosting: Hosting
  readonly taking: Taking
  readonly successions: Successions = new Successions()
  isDraining = false
  /** What nodes answer that are asked for their consent; those that are not heard, and what is open. */
  consents: boolean | 'later' = true
  readonly silent: Set<number> = new Set()
  readonly asked: {
    readonly node: number
    readonly subject: Subject
    readonly told: (is: boolean) => void
  }[] = []
  /** Makes the business's side; null where the kind is not known here. */
  adopt: (offered: OfferedMeeting) => MeetingBusiness | null = ({ kind, metadata }) => ({
    kind,
    metadata,
    logic: null,
  })
  /** Names of which the registrar has not been told. */
  readonly untold: Set<string> = new Set()
  /** Names of meetings that have been handed on, which are held until their registrar knows. */
  readonly passedOn: Set<string> = new Set()

  constructor(limits: Partial<Limits> = {}) {
    super(limits)
    const { timers, downstream, budget, work, stats } = this
    const config = { id: 'n', incarnation: SELF, wallOffset: 0, entropy: () => new Uint8Array(8) }
    this.meetings = new Meetings(
      { ...config, limits: this.limits },
      timers,
      downstream,
      stats,
      budget,
      work,
      () => 1,
    )
    this.hosting = new Hosting({
      limits: this.limits,
      timers,
      work,
      meeting: (name) => this.meetings.get(name),
      link: (node, message) =>
        this.said.push(`${node}: ${message.type === 'followed' ? 'followed' : words(message)}`),
      put: () => {},
      retired: () => undefined,
      astray: (node, message) => this.taking.await(node, message),
    })
    this.taking = new Taking({
      self: SELF,
      limits: this.limits,
      stats,
      work,
      hosting: this.hosting,
      support: () => supportOf(this.said),
      successions: this.successions,
      consents: {
        ask: (node, subject, now, told) => {
          if (this.consents === 'later') this.asked.push({ node, subject, told: (is) => told(is, now) })
          else told(this.consents, now)
        },
      },
      meetings: () => this.meetings,
      cluster: {
        took: (name: string, term: number) => this.said.push(`took ${name} ${term}`),
        holdings: {
          has: (name: string) => this.meetings.get(name) !== undefined || this.passedOn.has(name),
          isTold: (name: string) => !this.untold.has(name),
        },
        nodes: new Set([7, 8]),
        isSilent: (node: number) => this.silent.has(node),
      } as never,
      send: (node, packet) => this.said.push(`${node}: ${words(decodeHandover(packet) as never)}`),
      refuse: ({ user }, { log, seq }, { code, retryAfterMs }, byBusiness) =>
        this.told.push(`${user} ${log} ${seq} ${code} ${retryAfterMs}${byBusiness ? ' by business' : ''}`),
      isDraining: () => this.isDraining,
      adopt: (offered) => {
        this.offered.push(offered)
        return this.adopt(offered)
      },
      replica: (name) => this.replicas.get(name),
      follow: (name, owner) => {
        if (this.replicas.size >= this.limits.replicas) return null
        this.said.push(`follows ${name} on ${owner}`)
        return this.replicate(name, owner)
      },
      inherited: () => {},
      taken: (name) => this.said.push(`forgets that ${name} went`),
    })
  }

  /** A replica on this node. */
  replicate(name = 'm', owner = OLD): Replica {
    const replica = new Replica(
      {
        ...hostOf(this),
        link: () => {},
        put: () => {},
        isOpen: () => true,
        isThere: () => true,
        mark: () => {},
        orphaned: () => {},
        promised: () => {},
        recalled: () => {},
        outrun: () => {},
        maySucceed: () => true,
        refuse: () => {},
        rejoin: () => {},
        ended: (ended) => {
          this.replicas.delete(ended.name)
          this.taking.ended(ended)
        },
        advanced: (...come) => this.taking.advanced(...come),
      },
      name,
      owner,
      LOG,
      this.now,
    )
    this.replicas.set(name, replica)
    return replica
  }

  /** A replica that its owner has answered. */
  ready(parts: Parameters<typeof followedOf>[0] = {}): Replica {
    const replica = this.replicate()
    replica.follow()
    replica.handle(followedOf(parts), this.now)
    return replica
  }

  join(replica: Replica, user: string, spectator = false): Session {
    const session = this.session(user)
    replica.join(session, joinOf({ spectator }), this.now, (answer) =>
      this.answers.push(
        `${user} ${typeof answer === 'string' ? answer : 'code' in answer ? answer.code : answer.slot}`,
      ),
    )
    return session
  }

  /** Members of the replica, in slots from 0 on. */
  seat(replica: Replica, ...users: string[]): Session[] {
    return users.map((user) => {
      const session = this.join(replica, user)
      replica.handle(seatedOf(replica.members + 1), this.now)
      this.answers.pop()
      return session
    })
  }

  offer(parts: Partial<Offer> = {}, from = OLD): string[] {
    this.taking.offered(
      from,
      {
        type: 'offer',
        name: 'm',
        world: 77,
        hop: 0,
        head: 0,
        holders: [],
        kind: '',
        metadata: '{}',
        ...parts,
      },
      this.now,
    )
    return this.heard()
  }

  yield(parts: Partial<Yield> = {}, from = OLD): string[] {
    this.taking.yielded(from, yieldOf(parts), this.now)
    return this.heard()
  }

  heard(): string[] {
    return this.said.splice(0)
  }

  get owner(): Owner {
    const owner = this.meetings.get('m')
    if (owner === undefined) throw new Error('not open')
    return owner
  }

  get members(): string[] {
    return this.owner.info.members.map(
      ({ slot, user, away, bot }) => `${slot} ${user}${away ? ' away' : ''}${bot ? ' bot' : ''}`,
    )
  }

  /** What the next frames have. */
  next(): string[] {
    const { log } = this.owner
    const from = log.next
    seal(this.owner, this.now)
    return [...log.history(from, Infinity)].flatMap(([number, frame]) => {
      const { events, inputs } = openFrame(number, frame)
      return [...events.map(words), ...inputs.map(({ slot, seq }) => `${slot}.${seq}`)]
    })
  }
}

/** The state of a meeting without a frame rate whose clock stands still; `users` are its members, in slots from 0 on. */
function stateOf(users: readonly string[] = [], parts: Partial<OwnerState> = {}): OwnerState {
  const state = ownerOn(new Parts()).state(1_000)
  const members = users.map((user, slot) => ({
    slot,
    user,
    standing: { is: 'present' } as const,
    seq: 0,
    isBot: false,
  }))
  return { ...state, roster: { members, seqs: [] }, ...parts }
}

function yieldOf(parts: Partial<Yield> = {}): Yield {
  return {
    type: 'yield',
    name: 'm',
    world: 77,
    hop: 0,
    last: 0,
    kind: '',
    metadata: '{}',
    business: null,
    state: stateOf(),
    holders: [],
    branches: [{ node: OLD, replica: 3, readers: 0, spectators: 0 }],
    places: [],
    ...parts,
  }
}

/** Where readers are: at the old owner, and here. */
const branches = [
  { node: OLD, replica: 3, readers: 1, spectators: 0 },
  { node: SELF, replica: LOG, readers: 1, spectators: 0 },
]

/** Members whose sessions are here, in slots and seats of that order. */
const here = (...sessions: readonly Session[]): Yield['places'] =>
  sessions.map(({ id }, slot) => ({ slot, session: id, branch: 1, seat: slot + 1 }))

describe('A meeting that is offered', () => {
  it('is followed, and the node is ready once it has the frames that there were', () => {
    const desk = new Desk()
    expect(desk.offer({ head: 2 })).toEqual(['follows m on 5'])
    expect([desk.taking.isBusy, desk.taking.isTaking('m')]).toEqual([true, false])
    const replica = desk.replicas.get('m') as Replica
    expect(replica.isHandedOver).toBe(true)
    replica.follow()
    replica.handle(followedOf({ head: 2, next: 3 }), desk.now)
    const frames = (first: number): void =>
      replica.frames({ type: 'frames', replica: LOG, first, frames: [frameOf()], marks: [0] }, desk.now)
    frames(1)
    expect(desk.heard()).toEqual([])
    frames(2)
    expect(desk.heard()).toEqual(['5: ready name:m world:77'])
    frames(3)
    expect(desk.heard()).toEqual([])
  })

  it('that the node has a replica of already needs no other one', () => {
    const desk = new Desk()
    desk.ready()
    expect(desk.offer({ hop: 3 })).toEqual(['5: ready name:m world:77 hop:3'])
  })

  describe('while other nodes may have its frames', () => {
    const subject = { name: 'm', world: 77, term: 2, incarnation: OLD }
    const offered = (holders: readonly number[], silent: readonly number[] = []): Desk => {
      const desk = new Desk()
      desk.consents = 'later'
      for (const node of silent) desk.silent.add(node)
      desk.ready()
      desk.offer({ holders })
      return desk
    }
    const ready = '5: ready name:m world:77'
    const says = (desk: Desk, node: number, is: boolean): string[] => {
      desk.asked.find((asked) => asked.node === node)?.told(is)
      return desk.heard()
    }

    it('is ready once all of them have consented that are there', () => {
      const desk = offered([SELF, OLD, 7, 8, 99])
      expect(desk.asked.map(({ node }) => node)).toEqual([7, 8])
      expect(desk.asked.map((asked) => asked.subject)).toEqual([subject, subject])
      expect([says(desk, 8, true), says(desk, 7, true)]).toEqual([[], [ready]])
      desk.taking.beat(desk.now)
      expect(desk.heard()).toEqual([])
    })

    it('does not wait for one that is silent, but asks it all the same', () => {
      const desk = offered([7, 8], [7])
      expect([desk.asked.length, says(desk, 8, true)]).toEqual([2, [ready]])
    })

    it('asks again with each beat', () => {
      const desk = offered([7])
      desk.taking.beat(desk.now)
      expect(desk.asked).toHaveLength(2)
      desk.silent.add(7)
      desk.taking.beat(desk.now)
      expect(desk.heard()).toEqual([ready])
    })

    it('is declined where one of them does not', () => {
      const desk = offered([7, 8])
      const replica = desk.replicas.get('m')
      expect(says(desk, 7, false)).toEqual(['5: declined name:m world:77'])
      expect([desk.taking.isBusy, replica?.isHandedOver]).toEqual([false, false])
      // What the other says then is about nothing any more.
      expect([says(desk, 8, true), says(desk, 8, false)]).toEqual([[], []])
    })

    it('has those make sure of it again that were told since that it is not open here', () => {
      for (const isYielded of [false, true]) {
        const desk = offered([7, 8])
        for (const node of [7, 8]) says(desk, node, true)
        if (isYielded) desk.yield({ last: 1, holders: [7, 8, OLD] })
        desk.taking.denied('m', 7)
        desk.taking.denied('n', 8)
        if (!isYielded) desk.yield({ last: 1, holders: [7, 8, OLD] })
        const replica = desk.replicas.get('m') as Replica
        replica.frames({ type: 'frames', replica: LOG, first: 1, frames: [frameOf()], marks: [0] }, desk.now)
        expect(new Set(desk.owner.backing.holders.keys())).toEqual(new Set([OLD, 7, 8]))
        expect([...desk.owner.backing.unsure]).toEqual([7])
      }
    })

    it('has those make sure of it that have come since, and all where it was not offered', () => {
      const branch = { node: 8, replica: 4, readers: 1, spectators: 0 }
      const came = offered([7])
      says(came, 7, true)
      came.yield({ holders: [7], branches: [...branches, branch] })
      expect([...came.owner.backing.unsure]).toEqual([8])
      const desk = new Desk()
      desk.ready()
      desk.yield({ holders: [OLD, 7] })
      expect([...desk.owner.backing.unsure]).toEqual([7])
      desk.owner.backing.release(7)
      expect([...desk.owner.backing.unsure]).toEqual([])
    })
  })

  it('is not ready for another world', () => {
    const desk = new Desk()
    desk.ready()
    expect(desk.offer({ world: 78 })).toEqual([])
  })

  it('is shown to the business with its metadata, or with none where these cannot be read', () => {
    const desk = new Desk()
    desk.offer({ kind: 'k', metadata: '{"of":1}' })
    desk.offer({ name: 'n', metadata: '{' })
    expect(desk.offered).toEqual([
      { name: 'm', kind: 'k', metadata: { of: 1 } },
      { name: 'n', kind: '', metadata: {} },
    ])
  })

  it('is declined by a node that drains, has too many, has it, or does not know its kind', () => {
    const declined = ['5: declined name:m world:77 hop:4']
    const refusals: Record<string, (desk: Desk) => void> = {
      drains: (desk) => (desk.isDraining = true),
      'has it open': (desk) =>
        void desk.meetings.open('m', {}, { kind: '', metadata: {}, logic: null }, 0, null),
      'follows it elsewhere': (desk) => void desk.replicate('m', 7),
      'knows no such kind': (desk) => (desk.adopt = () => null),
      'has no room for a replica': (desk) => void desk.replicate('n', 7),
    }
    for (const [why, prepare] of Object.entries(refusals)) {
      const desk = new Desk({ replicas: 1 })
      prepare(desk)
      expect([desk.offer({ hop: 4 }), desk.taking.isBusy], why).toEqual([declined, false])
    }
  })

  it('may be handed over at once; of those that were not offered, no more are taken than may be offered', () => {
    const desk = new Desk({ takeovers: 2 })
    desk.offer({ name: 'd' })
    const given = (name: string): boolean => {
      desk.yield({ name, last: 5 })
      return desk.taking.isTaking(name)
    }
    expect(['a', 'b', 'c', 'd'].map(given)).toEqual([true, true, false, true])
    expect(desk.replicas.has('c')).toBe(false)
  })

  it('is one too many above the limits of hand-overs and of meetings', () => {
    const desk = new Desk({ takeovers: 2 })
    const offer = (name: string): string => desk.offer({ name }).join()
    expect(['a', 'b', 'c'].map(offer)).toEqual([
      'follows a on 5',
      'follows b on 5',
      '5: declined name:c world:77',
    ])
    const full = new Desk({ meetings: 2 })
    full.meetings.open('x', {}, { kind: '', metadata: {}, logic: null }, 0, null)
    expect(['a', 'b'].map((name) => full.offer({ name }).join())).toEqual([
      'follows a on 5',
      '5: declined name:b world:77',
    ])
  })

  it('and does not come after all is a replica like any other', () => {
    const desk = new Desk({ handoverMs: 5_000 })
    const replica = desk.ready()
    desk.offer()
    desk.now += 9_999
    desk.taking.beat(desk.now)
    expect([replica.isHandedOver, desk.taking.isBusy]).toEqual([true, true])
    desk.now += 1
    desk.taking.beat(desk.now)
    expect([replica.isHandedOver, desk.taking.isBusy]).toEqual([false, false])
  })

  it('is forgotten when its replica has ended', () => {
    const desk = new Desk()
    const replica = desk.ready()
    desk.offer()
    replica.handle({ type: 'closed', replica: LOG, message: '' }, desk.now)
    expect(desk.taking.isBusy).toBe(false)
    desk.now += 100_000
    desk.taking.beat(desk.now)
  })
})

describe('A meeting that is handed over to a node', () => {
  it('goes on there once all its frames are there, at the same fence, one hop further', () => {
    const desk = new Desk()
    const replica = desk.ready({ head: 1, next: 2, hop: 3, term: 8 })
    desk.offer({ head: 1, hop: 3 })
    expect(desk.yield({ last: 1, hop: 3 })).toEqual([])
    expect([desk.taking.isTaking('m'), desk.meetings.size, replica.isHandedOver]).toEqual([true, 0, true])
    replica.frames({ type: 'frames', replica: LOG, first: 1, frames: [frameOf()], marks: [0] }, desk.now)
    expect(desk.heard()).toEqual(['took m 8', 'forgets that m went'])
    expect([desk.taking.isTaking('m'), desk.replicas.size, desk.stats.handoversTaken]).toEqual([false, 0, 1])
    expect(desk.owner.room.facts).toMatchObject({ world: 77, term: 8, incarnation: 5, hop: 4 })
    expect([desk.owner.log.next, desk.next()]).toEqual([2, ['owner incarnation:6']])
    expect(desk.budget.inside.size).toBe(1)
  })

  it('is followed first, where this node knows nothing of it', () => {
    const desk = new Desk()
    expect(desk.yield()).toEqual(['follows m on 5'])
    expect([desk.taking.isBusy, desk.taking.isTaking('m')]).toEqual([true, true])
    expect(desk.replicas.get('m')?.isHandedOver).toBe(true)
  })

  it('is not taken where it is open, taken already, or followed elsewhere', () => {
    const desk = new Desk()
    desk.replicate('m', 7)
    expect([desk.yield(), desk.taking.isTaking('m')]).toEqual([[], false])
    const twice = new Desk()
    twice.yield()
    twice.yield({ last: 9 })
    const replica = twice.replicas.get('m') as Replica
    replica.follow()
    replica.handle(followedOf(), twice.now)
    expect(twice.heard()).toEqual(['took m 2', 'forgets that m went'])
    expect([twice.yield(), twice.meetings.size]).toEqual([[], 1])
    const full = new Desk({ replicas: 0 })
    expect([full.yield(), full.taking.isBusy]).toEqual([[], false])
  })

  it('goes on with what the business has made for the offer, and does not ask it again', () => {
    const desk = new Desk()
    desk.ready()
    const logic = { snapshot: () => null }
    desk.adopt = ({ kind, metadata }) => ({ kind, metadata, logic })
    desk.offer({ kind: 'k' })
    desk.adopt = () => null
    desk.yield({ kind: 'k' })
    expect(desk.owner.business.logic).toBe(logic)
  })

  it('goes on though the business does not know its kind any more', () => {
    const desk = new Desk()
    desk.ready()
    desk.adopt = () => null
    desk.yield({ kind: 'k', metadata: '{"of":1}' })
    expect(desk.owner.business).toEqual({ kind: 'k', metadata: { of: 1 }, logic: null })
  })

  it('gives the business its state back once its members are there', () => {
    const desk = new Desk()
    const replica = desk.ready()
    const [ann] = desk.seat(replica, 'ann') as [Session]
    const restored: string[] = []
    desk.adopt = ({ kind, metadata }) => ({
      kind,
      metadata,
      logic: {
        restore: (had) => restored.push(`${words({ type: 'had', had } as never)} ${desk.members.join()}`),
      },
    })
    desk.yield({ business: text('s'), state: stateOf(['ann']), branches, places: here(ann) })
    expect(restored).toEqual(['had had:s 0 ann'])
  })

  it('keeps the clock as it was, less the time that it has taken', () => {
    for (const wait of [0, 30]) {
      const desk = new Desk()
      const options = { ...stateOf().options, frameRate: 10 }
      const state = stateOf([], { options, clock: { is: 'running', dueInMs: 80 } })
      desk.yield({ state })
      const replica = desk.replicas.get('m') as Replica
      replica.follow()
      desk.now += wait
      replica.handle(followedOf({ frameRate: 10 }), desk.now)
      expect(desk.owner.due).toBe(desk.now + 80 - wait)
    }
  })

  it('keeps how long it has stood still', () => {
    const desk = new Desk()
    const options = { ...stateOf().options, frameRate: 10, ttlMs: 1_000_000 }
    desk.yield({ state: stateOf([], { options, clock: { is: 'stopped', stoodMs: 400 } }) })
    const replica = desk.replicas.get('m') as Replica
    replica.follow()
    desk.now += 30
    replica.handle(followedOf({ frameRate: 10 }), desk.now)
    expect([desk.owner.due, desk.owner.state(desk.now + 1).clock]).toEqual([
      Infinity,
      { is: 'stopped', stoodMs: 431 },
    ])
  })

  it('has its readers elsewhere expected, with their members, and those here are no guests', () => {
    const desk = new Desk()
    desk.ready()
    const places = [
      { slot: 0, session: 'a', branch: 0, seat: 4 },
      { slot: 1, session: 'b', branch: 2, seat: 8 },
    ]
    const more = [...branches, { node: 8, replica: 12, readers: 5, spectators: 2 }]
    desk.yield({ state: stateOf(['ann', 'bob']), branches: more, places })
    expect(desk.hosting.of(desk.owner).map((g) => [g.node, g.replica, g.readers, g.spectators])).toEqual([
      [5, 3, 1, 0],
      [8, 12, 5, 2],
    ])
    expect(desk.hosting.of(desk.owner).map(({ seats }) => [...seats.keys()])).toEqual([[4], [8]])
    expect([0, 1].map((slot) => desk.owner.roster.get(slot)?.seat?.id)).toEqual(['a', 'b'])
    expect([desk.members, desk.waits['grace']]).toEqual([['0 ann', '1 bob'], 2])
  })

  it('has its members here in their seats: what they have sent that the old owner has not is taken', () => {
    const desk = new Desk()
    const replica = desk.ready()
    const [ann, bob] = desk.seat(replica, 'ann', 'bob') as [Session, Session]
    for (const seq of [1, 2, 3, 4]) ann.seats.get(LOG)?.accept(inputOf(seq), desk.now)
    const state = stateOf(['ann', 'bob'], {
      intake: {
        inputs: [
          { slot: 0, seq: 2, data: text('i2') },
          { slot: 1, seq: 1, data: text('i1') },
        ],
        last: -1,
      },
    })
    ;(state.roster.members[0] as { seq: number }).seq = 3
    desk.yield({ state, branches, places: here(ann, bob) })
    // The old owner had three: one waits, and the others were refused, or their answer was lost.
    expect(desk.news()).toEqual(['ann 9 1 UNKNOWN 0 by business', 'ann 9 3 UNKNOWN 0 by business'])
    expect([desk.members, desk.next()]).toEqual([
      ['0 ann', '1 bob'],
      ['owner incarnation:6', '0.2', '1.1', '0.4'],
    ])
    expect(ann.seats.get(LOG)?.accept(inputOf(5), desk.now)).toBeNull()
    expect([desk.next(), ann.payer.held]).toEqual([['0.5'], bob.payer.held])
  })

  it('refuses what a member has sent as any meeting does, for the reasons of the business as well', () => {
    const desk = new Desk()
    const replica = desk.ready()
    const [ann] = desk.seat(replica, 'ann') as [Session]
    for (const seq of [1, 2, 3]) ann.seats.get(LOG)?.accept(inputOf(seq), desk.now)
    const input = (_: number, __: string, data: { bytes: Uint8Array }) =>
      data.bytes[1] === 49 ? new RtmsError('FORBIDDEN', 'no', { retryAfterMs: 70 }) : (data as never)
    desk.adopt = ({ kind, metadata }) => ({ kind, metadata, logic: { input } })
    const options = { ...stateOf().options, inputBurst: 2, inputsPerSecond: 1 }
    desk.yield({ state: stateOf(['ann'], { options }), branches, places: here(ann) })
    expect(desk.news()).toEqual(['ann 9 1 FORBIDDEN 70 by business', 'ann 9 3 RATE 1000'])
  })

  it('knows who of its members here is away, and who has come back meanwhile', () => {
    const desk = new Desk()
    const replica = desk.ready()
    const [ann, bob, cid] = desk.seat(replica, 'ann', 'bob', 'cid') as [Session, Session, Session]
    disconnect(ann)
    disconnect(cid)
    connect(cid)
    const state = stateOf(['ann', 'bob', 'cid'])
    for (const slot of [1, 2])
      (state.roster.members[slot] as { standing: object }).standing = { is: 'away', turn: slot }
    desk.yield({ state, branches, places: here(ann, bob, cid) })
    expect(desk.members).toEqual(['0 ann away', '1 bob', '2 cid'])
  })

  it('has spectators here who read on', () => {
    const desk = new Desk()
    const replica = desk.ready()
    const eve = desk.join(replica, 'eve', true)
    desk.yield()
    expect(eve.seats.get(LOG)?.accept(inputOf(1), desk.now)).toBe('READ_ONLY')
    expect(desk.owner.info.spectators).toBe(1)
    eve.leave(LOG, 'left')
    expect(desk.owner.info.spectators).toBe(0)
  })

  it('puts out those here for whom the old owner had no place any more', () => {
    const desk = new Desk()
    const replica = desk.ready()
    const [ann, bob] = desk.seat(replica, 'ann', 'bob') as [Session, Session]
    bob.seats.get(LOG)?.accept(inputOf(1), desk.now)
    desk.yield({ state: stateOf(['ann']), branches, places: here(ann) })
    expect(desk.news()).toEqual(['bob ended log:9 error:CLOSED message:its place was given up'])
    expect([desk.members, bob.seats.size, bob.payer.held]).toEqual([['0 ann'], 0, 0])
  })

  it('lets those leave whose session has no place any more, bots and those who leave anyhow excepted', () => {
    const desk = new Desk()
    desk.ready()
    const state = stateOf(['ann', 'bob', 'cid'])
    const [, bob, cid] = state.roster.members as unknown as { isBot: boolean; standing: object }[]
    if (bob !== undefined) bob.isBot = true
    if (cid !== undefined) cid.standing = { is: 'leaving', reason: 'tired', wasAway: false }
    const withInput = { ...state, intake: { inputs: [{ slot: 2, seq: 1, data: text('x') }], last: -1 } }
    desk.yield({
      state: withInput,
      branches,
      places: [
        { slot: 0, session: 'a', branch: 0, seat: 0 },
        { slot: 2, session: 'c', branch: 0, seat: 0 },
      ],
    })
    expect(desk.owner.roster.get(2)?.seat?.id).toBe('c')
    expect(desk.members).toEqual(['1 bob bot', '2 cid'])
    expect(desk.next()).toEqual([
      'owner incarnation:6',
      'leave reason:expired',
      '2.1',
      'leave slot:2 reason:tired',
    ])
  })

  it('lets those leave whose last inputs were given up on the way', () => {
    const desk = new Desk()
    desk.ready()
    const state = stateOf(['ann', 'cid'])
    const [, cid] = state.roster.members as unknown as { standing: object }[]
    if (cid !== undefined) cid.standing = { is: 'leaving', reason: 'tired', wasAway: false }
    const places = [0, 1].map((slot) => ({ slot, session: `s${slot}`, branch: 0, seat: 0 }))
    desk.yield({ state, branches, places })
    expect(desk.members).toEqual(['0 ann', '1 cid'])
    desk.owner.departures.finish()
    expect(desk.members).toEqual([])
    expect(desk.next()).toContain('leave slot:1 reason:tired')
  })

  it('knows members at other nodes from those here who have the same number there', () => {
    const desk = new Desk()
    const replica = desk.ready()
    const [ann] = desk.seat(replica, 'ann') as [Session]
    const places = [
      { slot: 0, session: 'b', branch: 0, seat: 1 },
      { slot: 1, session: ann.id, branch: 1, seat: 1 },
    ]
    desk.yield({ state: stateOf(['bob', 'ann']), branches, places })
    expect([0, 1].map((slot) => desk.owner.roster.get(slot)?.seat?.id)).toEqual(['b', ann.id])
    expect([desk.members, desk.news()]).toEqual([['0 bob', '1 ann'], []])
  })

  it('lets those leave as well whose seat here is gone, or whose node is not named', () => {
    const desk = new Desk()
    desk.ready()
    const places = [
      { slot: 0, session: 'a', branch: 1, seat: 8 },
      { slot: 1, session: 'b', branch: 7, seat: 8 },
    ]
    desk.yield({ state: stateOf(['ann', 'bob']), branches, places })
    expect([desk.members, desk.next()]).toEqual([
      [],
      ['owner incarnation:6', 'leave reason:expired', 'leave slot:1 reason:expired'],
    ])
  })

  it.each([
    ['has left here meanwhile', 'left', 1, 'leave reason:left'],
    ['has expired here meanwhile', 'expired', 1, 'leave reason:expired'],
    ['was at another node, where another one has left', 'left', 0, 'leave reason:expired'],
  ])('says of a member who %s why it leaves', (_, reason, branch, said) => {
    const desk = new Desk()
    const replica = desk.ready()
    const [ann] = desk.seat(replica, 'ann') as [Session]
    desk.offer()
    ann.leave(replica.number, reason)
    // The old owner hears nothing of it any more.
    replica.sweep(desk.now, Infinity)
    const places = [{ slot: 0, session: ann.id, branch, seat: branch === 1 ? 1 : 0 }]
    desk.yield({ state: stateOf(['ann']), branches, places })
    expect([desk.members, desk.next()]).toEqual([[], ['owner incarnation:6', said]])
  })

  it('gives a new place to whoever waits for one that the old owner does not know any more', () => {
    const desk = new Desk()
    const replica = desk.ready({ head: 1, next: 2 })
    const ann = desk.join(replica, 'ann')
    replica.handle(seatedOf(1, { next: 2 }), desk.now)
    desk.yield({ last: 0, branches })
    expect([desk.answers, desk.members, ann.seats.size, desk.news()]).toEqual([['ann 0'], ['0 ann'], 1, []])
  })

  it('answers JOINs that have waited: with the seat that is theirs, or as a meeting here does', () => {
    const desk = new Desk()
    const replica = desk.ready({ head: 1, next: 2 })
    const ann = desk.join(replica, 'ann')
    replica.handle(seatedOf(1, { next: 2 }), desk.now)
    const bob = desk.join(replica, 'bob')
    expect([desk.answers, ann.seats.size]).toEqual([[], 0])
    desk.yield({ last: 0, state: stateOf(['ann']), branches, places: here(ann) })
    expect(desk.answers).toEqual(['ann 0', 'bob 1'])
    expect([desk.members, ann.seats.size, bob.seats.size]).toEqual([['0 ann', '1 bob'], 1, 1])
  })

  it('takes in those who have asked for it while it was not there yet, and still want it', () => {
    const desk = new Desk()
    const follow: MeshMessageOf<'follow'> = {
      type: 'follow',
      replica: 12,
      meeting: 'm',
      world: 0,
      next: 1,
      readers: 2,
      spectators: 2,
    }
    const asks = (replica: number): void => desk.hosting.handle(8, { ...follow, replica }, desk.now)
    asks(12)
    expect(desk.heard()).toEqual(['8: absent replica:12'])
    desk.yield()
    // A node has one replica of a meeting: its last word counts.
    for (const replica of [13, 12]) asks(replica)
    desk.hosting.handle(8, { type: 'unfollow', replica: 13 }, desk.now)
    const replica = desk.replicas.get('m') as Replica
    replica.follow()
    desk.heard()
    replica.handle(followedOf(), desk.now)
    expect(desk.heard()).toEqual(['took m 2', 'forgets that m went', '8: followed'])
    expect(desk.owner.info.spectators).toBe(2)
  })

  it('does not come where its replica ends first', () => {
    const desk = new Desk()
    desk.yield()
    const replica = desk.replicas.get('m') as Replica
    replica.handle({ type: 'absent', replica: LOG }, desk.now)
    expect([desk.taking.isTaking('m'), desk.taking.isBusy]).toEqual([false, false])
  })
})

describe('The old owner of a meeting', () => {
  function taken(): Desk {
    const desk = new Desk()
    desk.ready()
    desk.untold.add('m')
    desk.yield()
    return desk
  }
  const settled = ['5: settled name:m']
  const beat = (desk: Desk): string[] => {
    desk.taking.beat(desk.now)
    return desk.heard()
  }

  it('is told once the registrar knows the new one, and not before', () => {
    const desk = taken()
    expect([beat(desk), desk.taking.isBusy]).toEqual([[], true])
    desk.untold.clear()
    expect([beat(desk), desk.taking.isBusy, beat(desk)]).toEqual([settled, false, []])
  })

  it('is told no earlier where the meeting has been handed on meanwhile: its name is held until then', () => {
    const desk = taken()
    desk.meetings.close('m', desk.now)
    desk.passedOn.add('m')
    expect([beat(desk), desk.taking.isBusy]).toEqual([[], true])
    desk.untold.clear()
    expect(beat(desk)).toEqual(settled)
  })

  it('is told when the meeting has closed meanwhile', () => {
    const desk = taken()
    desk.meetings.close('m', desk.now)
    expect(beat(desk)).toEqual(settled)
  })

  it('is told again where the link to it has broken since', () => {
    const desk = taken()
    desk.untold.clear()
    beat(desk)
    desk.taking.broken(7)
    expect([desk.taking.isBusy, beat(desk)]).toEqual([false, []])
    desk.taking.broken(OLD)
    expect([desk.taking.isBusy, beat(desk)]).toEqual([true, settled])
  })

  it('is forgotten when it has ended', () => {
    const desk = taken()
    desk.taking.gone(7)
    expect(desk.taking.isBusy).toBe(true)
    desk.taking.gone(OLD)
    desk.untold.clear()
    expect([desk.taking.isBusy, beat(desk)]).toEqual([false, []])
  })
})
