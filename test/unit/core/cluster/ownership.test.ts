import { afterEach, describe, expect, it } from 'vitest'
import { Inputs } from '../../../../src/client/machine/inputs.ts'
import { SeatMachine } from '../../../../src/client/machine/seat.ts'
import { Accession } from '../../../../src/core/cluster/accession.ts'
import { Backers } from '../../../../src/core/cluster/backers.ts'
import { Candidacy } from '../../../../src/core/cluster/candidacy.ts'
import { Cluster } from '../../../../src/core/cluster/cluster.ts'
import { Heritage } from '../../../../src/core/cluster/heritage.ts'
import { MESH } from '../../../../src/core/cluster/datagrams.ts'
import { Revival } from '../../../../src/core/cluster/revival.ts'
import { Support } from '../../../../src/core/cluster/support.ts'
import { fixedLimits } from '../../../../src/core/ground/config.ts'
import { defaultLimits, type MeetingOptions } from '../../../../src/core/index.ts'
import { Elector, Electorate } from '../../../../src/core/meeting/electorate.ts'
import { Intake } from '../../../../src/core/meeting/intake.ts'
import { defaultMeeting } from '../../../../src/core/meeting/options.ts'
import { Owner } from '../../../../src/core/meeting/owner.ts'
import type { MessageOf } from '../../../../src/protocol/index.ts'
import { replace } from '../../../simulation/plant.ts'
import { framesOf, Harness, text } from '../harness.ts'
import { promiseOf } from './heir.ts'
import { Roamer, roam as roamIn } from './roamer.ts'
import { settled, type World } from './world.ts'

function roam(world: World, clients: readonly Roamer[], ms: number, each: () => void = () => {}): void {
  roamIn(world, clients, ms, each, 20)
}

/**
 * Rules of `ownership.md`, each left out once: the name of the model's mutant, the rule, whether it holds, and what
 * leaves it out.
 */
type Rule = readonly [mutant: string, rule: string, holds: () => boolean, plant: () => () => void]

let remove = (): void => {}
afterEach(() => remove())

function check(rules: readonly Rule[]): void {
  it.each(rules)('[%s] %s', (_, __, holds, plant) => {
    expect(holds()).toBe(true)
    remove = plant()
    expect(holds()).toBe(false)
  })
}

interface Rig {
  readonly world: World
  readonly nodes: [Harness, Harness, Harness]
  readonly clients: Roamer[]
  readonly name: string
}

/** A meeting on the first of some nodes, and a client at each of the nodes named. */
function meeting(
  count: number,
  homes: readonly number[],
  options: Partial<MeetingOptions> = {},
  limits: ConstructorParameters<typeof Harness>[0] = {},
): Rig {
  const world = settled(count, { heartbeatMs: defaultLimits.heartbeatMs, ...limits })
  const nodes = world.nodes as Rig['nodes']
  const name = world.nameOf(world.nodes.at(-1) as Harness)
  world.open(nodes[0], name, { frameRate: 20, inputsPerSecond: 1_000, ...options })
  world.settle()
  const clients = homes.map((home, at) => {
    const client = new Roamer(world, `u${at}`, nodes[home] as Harness)
    client.join(name)
    return client
  })
  roam(world, clients, 1_000)
  return { world, nodes, clients, name }
}

function cut(world: World, one: Harness, other: Harness): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const)
    world.cut.add(`${from.node.incarnation} ${to.node.incarnation}`)
}

function lead(clients: readonly Roamer[], to: Harness | null): void {
  for (const client of clients) {
    client.leads = () => to
    client.cut()
  }
}

const frameOf = (h: Harness, name: string): number => h.node.meeting(name)?.frame ?? 0
const meshOf = ({ node }: Harness) => (node.peering as NonNullable<typeof node.peering>).mesh

describe('Who continues a world', () => {
  /** One of three members promises another node, and comes back to the owner, which that node does not hear. */
  function isPromiseKept(): boolean {
    const rig = meeting(2, [0, 0, 0], { standby: 1 }, { revivalFreshMs: 60_000, revivalMs: 60_000 })
    const { world, nodes, clients, name } = rig
    const [, second, third] = clients as [Roamer, Roamer, Roamer]
    roam(world, clients, 1_500)
    cut(world, nodes[0], nodes[1])
    lead([second, third], null)
    roam(world, clients, 4_000)
    lead([second], nodes[1])
    roam(world, clients, 4_000)
    lead([second], nodes[0])
    const before = frameOf(nodes[0], name)
    roam(world, clients, 2_000)
    const after = frameOf(nodes[0], name)
    lead([third], nodes[1])
    roam(world, clients, 6_000)
    if (nodes[1].node.stats.meetingsRevived !== 1) throw new Error('nobody went on')
    return after === before
  }

  /** Whether a promise of an earlier candidacy counts for a later one of the same node. */
  function isForgotten(): boolean {
    const members = [{ slot: 0, user: 'ann', away: false }]
    const candidacy = new Candidacy({ term: 3, incarnation: 9 }, 0)
    candidacy.take(promiseOf('ann', 0, candidacy), members, 0)
    candidacy.raise(5, 1)
    return candidacy.promisesOf(members).size === 0
  }

  /** Whether a promise to one node counts for no other one that stands at the same term. */
  function isOwn(): boolean {
    const members = [{ slot: 0, user: 'ann', away: false }]
    const candidacy = new Candidacy({ term: 3, incarnation: 9 }, 0)
    return candidacy.take(promiseOf('ann', 0, { term: 3, incarnation: 8 }), members, 0) === null
  }

  /** A node has a log of five frames, and its members have four of a later owner, who has ended. */
  function isLater(): boolean {
    const terms = [0, 1].map((slot) => ({ slot, from: 1, until: null }))
    const told = { options: defaultMeeting, kind: '', metadata: {}, seqs: [], terms }
    const heritage = Heritage.of(JSON.stringify(told), 5) as Heritage
    const last = { term: 2, incarnation: 7 }
    const promises = [0, 1].map((slot) => ({ slot, elected: 1, seen: 4, term: 3, incarnation: 8 }))
    return !heritage.mayContinue(3, 5, last, promises)
  }

  /** Three members, of whom one has left by its word, in a log of five frames, the first three of them stable. */
  function mayGoOn(...slots: readonly number[]): boolean {
    const terms = [0, 1, 2].map((slot) => ({ slot, from: 1, until: null }))
    const told = { options: defaultMeeting, kind: '', metadata: {}, seqs: [], terms }
    const heritage = Heritage.of(JSON.stringify(told), 3) as Heritage
    heritage.append(4, { events: [{ type: 'leave', slot: 1, reason: 'left' }], inputs: [] }, 3)
    heritage.append(5, { events: [], inputs: [] }, 3)
    const fence = { term: 2, incarnation: 7 }
    return heritage.mayContinue(
      3,
      5,
      fence,
      slots.map((slot) => ({ slot, elected: 1, seen: 3, ...fence })),
    )
  }

  /** Those who have left are counted as if they had not. */
  const withLeft = (): (() => void) =>
    replace(Heritage.prototype, 'terms', (terms) => {
      return function (this: Heritage, head) {
        return terms.call(this, head).map((term) => (term.left ? { ...term, until: Infinity } : term))
      }
    })

  check([
    [
      'nopromise',
      'those who have promised, not those who have come',
      isPromiseKept,
      () =>
        replace(SeatMachine.prototype, 'promise', () => {
          return ({ call, term, incarnation }: MessageOf<'stand'>) => {
            return { type: 'promise', call, term, incarnation, age: 60_000 } as const
          }
        }),
    ],
    [
      'nofence',
      'not with a member who takes frames of a lower fence than it has promised',
      isPromiseKept,
      () =>
        replace(SeatMachine.prototype, 'joinMessage', (joinMessage) => {
          return function (this: SeatMachine, ...asked) {
            const message = joinMessage.apply(this, asked)
            return { ...message, held: message.held.map((held) => ({ ...held, promisedTerm: 0 })) }
          }
        }),
    ],
    [
      'oldprom',
      'by promises of the fence at which it stands now',
      isForgotten,
      () => replace(Candidacy.prototype, 'askAgain', () => () => {}),
    ],
    [
      'nonodeid',
      'by promises to its own node, whatever the term',
      isOwn,
      () =>
        replace(Candidacy.prototype, 'take', (take) => {
          return function (this: Candidacy, message, ...rest) {
            return take.call(this, { ...message, promisedIncarnation: this.incarnation }, ...rest)
          }
        }),
    ],
    [
      'bylength',
      'from the log of the highest fence, not from the longest one',
      isLater,
      () =>
        replace(Heritage.prototype, 'mayContinue', (mayContinue) => {
          return function (this: Heritage, stable, head, last, promises) {
            const alike = promises.map((promise) => ({ ...promise, ...last }))
            return mayContinue.call(this, stable, head, last, alike)
          }
        }),
    ],
    ['rejoin', 'without those who have left and have come again', () => !mayGoOn(1, 2), withLeft],
    [
      'leftcounts',
      'without those who have left',
      () => !mayGoOn(2),
      () => {
        const undo = [
          withLeft(),
          replace(Heritage.prototype, 'mayContinue', (mayContinue) => {
            return function (this: Heritage, stable, head, last, promises) {
              const left = this.terms(head).flatMap((term) =>
                term.left ? [{ slot: term.slot, elected: term.from, seen: head, ...last }] : [],
              )
              return mayContinue.call(this, stable, head, last, [...promises, ...left])
            }
          }),
        ]
        return () => undo.forEach((each) => each())
      },
    ],
  ])
})

describe('A frame is stable', () => {
  let most = fixedLimits.electorates as number

  /** One was alone, another came, and the first has disappeared; only the other one has acknowledged the frames. */
  function isByAllElectorates(): boolean {
    const electorate = new Electorate(most)
    const [first, second] = [new Elector(), new Elector()]
    electorate.join(first, 1)
    electorate.join(second, 2)
    electorate.leave(first, 2, false)
    electorate.acknowledge(second, 2)
    return electorate.stableTo(2) === 0
  }

  function isByHalf(): boolean {
    const electorate = new Electorate()
    const electors = Array.from({ length: 5 }, () => new Elector())
    for (const elector of electors) electorate.join(elector, 1)
    for (const elector of electors.slice(0, 2)) electorate.acknowledge(elector, 3)
    return electorate.stableTo(3) === 0
  }

  /** A node has gone on behind frame 5, and its members have acknowledged nothing later. */
  function isOfThisReign(): boolean {
    const terms = [0, 1].map((slot) => ({ slot, from: 1, until: null }))
    const told = { options: defaultMeeting, kind: '', metadata: {}, seqs: [], terms }
    const heritage = Heritage.of(JSON.stringify(told), 5) as Heritage
    const electors = [new Elector(), new Elector()]
    const electorate = new Electorate()
    electorate.restore(heritage.electorate(3, 5), (slot) => electors[slot])
    for (const elector of electors) electorate.acknowledge(elector, 5)
    return electorate.stableTo(6) === 3
  }

  /** One of three members has acknowledged a frame and reloads its page; then another one acknowledges it. */
  function isWithoutReloaded(): boolean {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    const peers = ['ann', 'bob', 'cid'].map((user) => h.connect(user))
    const logs = peers.map((peer) => h.seat(peer, 'm').log)
    h.advance(200)
    const head = h.node.meeting('m')?.frame ?? 0
    const seen = (at: number): void =>
      peers[at]?.send({
        type: 'ack',
        bytes: 0,
        received: 0,
        seen: [{ log: logs[at] as number, frame: head }],
      })
    seen(0)
    peers[0]?.hangUp()
    h.advance(100)
    h.seat(h.connect('ann'), 'm')
    h.advance(100)
    seen(1)
    h.advance(100)
    return (h.node.meeting('m')?.stable ?? 0) === 0
  }

  check([
    [
      'nojoint',
      'by every electorate that counts, not by the last one alone',
      isByAllElectorates,
      () => {
        most = 1
        return () => (most = fixedLimits.electorates)
      },
    ],
    [
      'stable2',
      'by at least half, not by two',
      isByHalf,
      () => {
        const all: Elector[] = []
        const undo = [
          replace(Electorate.prototype, 'join', (join) => {
            return function (this: Electorate, elector, frame) {
              all.push(elector)
              join.call(this, elector, frame)
            }
          }),
          replace(Electorate.prototype, 'acknowledge', (acknowledge) => {
            return function (this: Electorate, elector, frame) {
              acknowledge.call(this, elector, frame)
              if (all.filter(({ acked }) => acked >= frame).length < 2) return
              for (const each of all) acknowledge.call(this, each, frame)
            }
          }),
        ]
        return () => undo.forEach((each) => each())
      },
    ],
    [
      'oldreign',
      'once a frame of the present reign is',
      isOfThisReign,
      () =>
        replace(Heritage.prototype, 'electorate', (electorate) => {
          return function (this: Heritage, ...asked) {
            return { ...electorate.apply(this, asked), reign: 1 }
          }
        }),
    ],
    [
      'amnesia',
      'without what a page had that was reloaded',
      isWithoutReloaded,
      () =>
        replace(Owner.prototype, 'join', (join) => {
          return function (this: Owner, session, message, now) {
            const before = [...this.roster.all()].find(({ user }) => user === session.user)
            return join.call(this, session, { ...message, former: before?.seat?.id ?? '' }, now)
          }
        }),
    ],
  ])
})

describe('A member', () => {
  /** Its node ends, with frames that no other one has, in which there are inputs. */
  function afterLoss() {
    const rig = meeting(2, [0, 0], { standby: 1 })
    const { world, nodes, clients, name } = rig
    roam(world, clients, 1_000)
    world.lostKinds.add(MESH)
    clients.forEach((client, who) => client.input(name, `last ${who}`))
    roam(world, clients, 200)
    const had = clients.map((client) => client.frames.get(name)?.at(-1) ?? 0)
    for (const client of clients) client.leads = () => nodes[1]
    world.kill(nodes[0], true)
    world.lostKinds.clear()
    roam(world, clients, 2_500)
    const newcomer = new Roamer(world, 'new', nodes[1])
    newcomer.join(name)
    roam(world, [...clients, newcomer], 300)
    const undone = clients.map((client, who) => {
      const frames = client.frames.get(name) ?? []
      return frames.indexOf(had[who] as number) !== frames.lastIndexOf(had[who] as number)
    })
    return { undone: undone.every(Boolean), inputs: newcomer.inputs.toSorted().join() }
  }
  const isFramedAgain = (): boolean => afterLoss().inputs === 'last 0,last 1'

  /** Half of the members stay away for good: the others are in a new world. */
  function forked() {
    const { world, nodes, clients, name } = meeting(2, [0, 1])
    const [gone, member] = clients as [Roamer, Roamer]
    const before = member.seat(name)?.world
    gone.leads = () => null
    member.leads = () => nodes[1]
    world.kill(nodes[0], true)
    roam(world, clients, 4_500)
    const { world: next = 0 } = member.seat(name)?.joinMessage(99, '') ?? {}
    const epoch = nodes[1].node.meeting(name)?.epoch
    return { isOpen: epoch !== undefined && epoch !== before, isThere: next === epoch && epoch !== before }
  }

  /** It comes from another world, with the place that it had in this one. */
  function isNewcomer(): boolean {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    const ann = h.connect('ann')
    const { slot, elected, world } = h.seat(ann, 'm')
    h.advance(200)
    ann.hangUp()
    const promised = { promisedTerm: 0, promisedIncarnation: 0 }
    const held = [{ slot, elected: elected || 1, term: 1, incarnation: 1, seen: 1, stable: 0, ...promised }]
    return !h.seat(h.connect('ann'), 'm', { world: world + 1, next: 2, held }).continued
  }

  check([
    [
      'norewind',
      'undoes frames that the owner has not, and does not go on behind them',
      () => afterLoss().undone,
      () =>
        replace(SeatMachine.prototype, 'handleJoined', (handleJoined) => {
          return function (this: SeatMachine, message, ...rest) {
            return handleJoined.call(this, { ...message, reason: '' }, ...rest)
          }
        }),
    ],
    [
      'forget',
      'keeps an input until its frame is stable',
      isFramedAgain,
      () =>
        replace(Inputs.prototype, 'framed', (original) => {
          return function (this: Inputs, seq, frame) {
            original.call(this, seq, frame)
            this.settle(frame)
          }
        }),
    ],
    [
      'noresend',
      'sends an input again that has got lost',
      isFramedAgain,
      () => replace(Inputs.prototype, 'resend', () => () => []),
    ],
    [
      'halfway',
      'leaves its old world and enters another one in a single step',
      () => forked().isThere,
      () =>
        replace(SeatMachine.prototype, 'handleJoined', (handleJoined) => {
          return function (this: SeatMachine, message, ...rest) {
            const world = this.world || message.world
            const reason = message.reason === 'NEW_EPOCH' ? 'PROTOCOL' : message.reason
            return handleJoined.call(this, { ...message, world, reason }, ...rest)
          }
        }),
    ],
    [
      'nofork',
      'goes on in another world where too few come',
      () => forked().isOpen,
      () =>
        replace(Accession.prototype, 'begin', (begin) => {
          return function (this: Accession, orphan, candidacy, business, goesOn, now) {
            if (goesOn) begin.call(this, orphan, candidacy, business, goesOn, now)
          }
        }),
    ],
    [
      'returns',
      'of another world is a newcomer',
      isNewcomer,
      () =>
        replace(Owner.prototype, 'join', (join) => {
          return function (this: Owner, session, message, now) {
            return join.call(this, session, { ...message, world: this.room.facts.world }, now)
          }
        }),
    ],
  ])
})

describe('An owner takes', () => {
  /** The seqs that are framed of inputs that come, each with the one before it. */
  function framed(...seqs: readonly (readonly [seq: number, after: number])[]): string {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    const ann = h.connect('ann')
    const { log } = h.seat(ann, 'm')
    for (const [seq, after] of seqs)
      ann.send({ type: 'input', log, seq, after, seen: 0, data: text(`${seq}`) })
    h.advance(200)
    return framesOf(ann.take())
      .flatMap(({ inputs }) => inputs.map(({ seq }) => seq))
      .join()
  }

  check([
    [
      'anyseq',
      'an input once the one before it has come',
      () => framed([2, 1]) === '',
      () =>
        replace(Intake.prototype, 'check', (original) => {
          return function (this: Intake, member, input, ...rest) {
            return original.call(this, member, { ...input, after: 0 }, ...rest)
          }
        }),
    ],
    [
      'nodedupe',
      'an input once',
      () => framed([1, 0], [1, 0]) === '1',
      () =>
        replace(Intake.prototype, 'check', (original) => {
          return function (this: Intake, ...asked) {
            const refusal = original.apply(this, asked)
            return refusal === 'STALE' ? null : refusal
          }
        }),
    ],
  ])
})

describe('While an owner may seal', () => {
  let third = 0

  /** The node at which most members are does not hear the owner; the registrar of the name does. */
  function isAlone(): boolean {
    const rig = meeting(3, [0, 1, 1])
    const { world, nodes, clients, name } = rig
    third = nodes[2].node.incarnation
    cut(world, nodes[0], nodes[1])
    const sealed = [0, 1].map(() => 0)
    let last = [0, 1].map((at) => frameOf(nodes[at] as Harness, name))
    let hasTwo = false
    roam(world, clients, 9_000, () => {
      const frames = [0, 1].map((at) => frameOf(nodes[at] as Harness, name))
      frames.forEach((frame, at) => {
        if (frame > (last[at] as number)) sealed[at] = world.now
      })
      last = frames
      if (sealed.every((at) => at > 0 && world.now - at < 100)) hasTwo = true
    })
    if (nodes[1].node.stats.meetingsRevived !== 1) throw new Error('nobody went on')
    return !hasTwo
  }

  /** An answer that comes late: whether whoever gave it is bound for as long as the other relies on it. */
  function isBound(): boolean {
    const lease = 1_000
    const host = { call: () => {}, answer: () => {}, isAgainst: () => false }
    const [asker, giver] = [new Support(host, lease), new Support(host, lease)]
    asker.ask(2, 0)
    giver.called(1, 0, 5)
    asker.answered(2, 0, 900)
    for (let now = 0; now < 3_000; now += 10)
      if (giver.isFree(1, now) && now < asker.until(2, -Infinity)) return false
    return true
  }

  /** A node that stands for a meeting past its owner, and one that has begun, which then hears a late call of it. */
  function isAgainst(begins: boolean): boolean {
    const rig = meeting(2, [0, 1, 1], {}, begins ? {} : { revivalMs: 60_000 })
    const { world, nodes, clients } = rig
    cut(world, nodes[0], nodes[1])
    if (!begins) for (const client of clients) client.leads = () => null
    roam(world, clients, begins ? 9_000 : 4_500)
    if (nodes[1].node.stats.meetingsRevived !== (begins ? 1 : 0)) throw new Error('not as it should be')
    const { support } = meshOf(nodes[1])
    const { incarnation } = nodes[0].node
    const wasFree = support.isFree(incarnation, world.now)
    support.called(incarnation, 1, world.now)
    return wasFree && support.isFree(incarnation, world.now)
  }

  /** Whether nobody goes on with a meeting whose owner is heard. */
  function isLeft(): boolean {
    const { world, nodes, clients } = meeting(3, [0, 1, 1])
    roam(world, clients, 8_000)
    return nodes.every(({ node }) => node.stats.meetingsRevived === 0)
  }

  check([
    [
      'registrar',
      'the answer of the registrar is not enough',
      isAlone,
      () =>
        replace(Backers.prototype, 'supportedUntil', (supportedUntil) => {
          return function (this: Backers, owner, now) {
            const holders = new Map([[third, -Infinity]])
            const backing = { holders, unsure: new Set(), release: () => {}, doubtedSince: () => Infinity }
            return Math.max(
              supportedUntil.call(this, owner, now),
              supportedUntil.call(this, { backing } as never, now),
            )
          }
        }),
    ],
    [
      'arrival',
      'an answer counts from what it answers, not from when it came',
      isBound,
      () =>
        replace(Support.prototype, 'answered', (answered) => {
          return function (this: Support, node, _, now) {
            answered.call(this, node, now * 1_000, now)
          }
        }),
    ],
    [
      'blind',
      'it has no answer of a node that stands for the meeting',
      () => isAgainst(false),
      () => replace(Revival.prototype, 'isAgainst', () => () => false),
    ],
    [
      'ownonly',
      'nor of one that stands and has yet to begin, which is no less against it than one that has',
      () => isAgainst(true) && isAgainst(false),
      () =>
        replace(Revival.prototype, 'isAgainst', () => {
          return function (this: Revival, node) {
            return this.superseding.isPending(node)
          }
        }),
    ],
    [
      'anytime',
      'nobody stands while it is heard',
      isLeft,
      () =>
        replace(Cluster.prototype, 'isSilent', (isSilent) => {
          return function (this: Cluster, node, ...rest) {
            // It is the first of the nodes, for all others.
            const owner = Math.min(...this.nodes.living)
            return node === owner || isSilent.call(this, node, ...rest)
          }
        }),
    ],
  ])
})
