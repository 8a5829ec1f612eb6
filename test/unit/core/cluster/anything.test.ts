import { afterEach, expect, it, vi } from 'vitest'
import { encodeHandover, type Yield } from '../../../../src/core/cluster/handover-messages.ts'
import { LinkParts } from '../../../../src/core/cluster/link-messages.ts'
import { encodeCall, encodeHeads, encodeKeep, encodePull } from '../../../../src/core/cluster/datagrams.ts'
import {
  encodeMesh,
  meshMessages,
  type MeshMessage,
  type MeshType,
} from '../../../../src/core/cluster/mesh-messages.ts'
import { defaultMeeting } from '../../../../src/core/index.ts'
import { Writer } from '../../../../src/protocol/bytes.ts'
import { MAX_UINT } from '../../../../src/protocol/limits.ts'
import { mutate } from '../../../../src/testing/fuzz.ts'
import { Random } from '../../../../src/testing/index.ts'
import type { Harness } from '../harness.ts'
import { followedOf } from './parts.ts'
import { Roamer, roam } from './roamer.ts'
import { Rogue } from './rogue.ts'
import { settled, type World } from './world.ts'

/*
 * A node that is broken says anything: every message between nodes with any values, those among them that mean
 * something to whoever hears it; and what nodes say over links when all is well, whole or damaged. Nobody throws, no
 * client is written to what it cannot read, and the meetings of the others go on. (Of seats it is believed what it says
 * of users by name, so it does not know theirs.) `SEED` and `COUNT` try other runs.
 */

const FIRST = Number(process.env['SEED'] ?? 1)
const COUNT = Number(process.env['COUNT'] ?? 6)
const types = Object.keys(meshMessages) as MeshType[]

afterEach(() => vi.restoreAllMocks())

/** Clients at nodes, who are in the meeting `m`. */
function membersAt(world: World, nodes: readonly Harness[], user: string): Roamer[] {
  return nodes.map((node, n) => {
    const client = new Roamer(world, `${user}${n}`, node)
    client.leads = (named) =>
      named !== undefined && world.living.includes(named) ? named : world.living.at(-1)
    client.join('m')
    return client
  })
}

/** What nodes say over links while a meeting is handed over, and goes on where its node has ended. */
function life(): Uint8Array[] {
  const said: Uint8Array[] = []
  // oxlint-disable-next-line typescript/unbound-method -- Called with `this` below.
  const { send } = LinkParts.prototype
  vi.spyOn(LinkParts.prototype, 'send').mockImplementation(function (this: LinkParts, node, message) {
    said.push(message.slice())
    send.call(this, node, message)
  })
  const world = settled(3)
  const [a, b] = world.nodes as [Harness, Harness, Harness]
  world.open(a, 'm', { frameRate: 20, standby: 1 })
  world.settle()
  const clients = membersAt(world, world.nodes, 'u')
  roam(world, clients, 800, (at) => {
    if (at % 200 === 0) for (const [who, client] of clients.entries()) client.input('m', `${who} ${at}`)
  })
  a.node.peering?.mesh.handover.begin(world.now)
  roam(world, clients, 800)
  world.kill(b, true)
  roam(world, clients, 1_500)
  vi.restoreAllMocks()
  return said
}

/** Values of the fields of a message, `known` numbers more often than others. */
function valuesOf(random: Random, fields: object, known: readonly number[]): object {
  const valueOf = (kind: unknown): unknown => {
    if (typeof kind === 'object') {
      const { list } = kind as { readonly list: object }
      return Array.from({ length: random.pick([0, 1, 2, 200]) }, () => valuesOf(random, list, known))
    }
    if (kind === 'uint')
      return random.pick([0, 1, 2, 254, 255, 300, 2 ** 32, 2 ** 48, MAX_UINT, ...known, ...known, ...known])
    if (kind === 'bool') return random.chance(0.5)
    if (kind === 'wish') return random.pick(['', '{}', followedOf().legacy])
    if (kind === 'payload') return { text: false, bytes: new Uint8Array(random.pick([0, 5, 30_000])) }
    if (kind === 'bytes') return random.bytes(random.int(0, 20))
    return kind === 'error' ? 'BUSY' : random.pick(['m', 'r', '', 'u0', 'x'.repeat(100)])
  }
  return Object.fromEntries(Object.entries(fields).map(([name, kind]) => [name, valueOf(kind)]))
}

/** A hand-over of a meeting of its own, with any numbers. */
function handed(random: Random, known: readonly number[]): Uint8Array {
  const number = (): number =>
    random.pick([0, 0, 1, 2, 5, 254, 2 ** 32, 2 ** 48, 2 ** 52, MAX_UINT, ...known])
  const few = <T>(make: () => T): T[] => Array.from({ length: random.int(0, 3) }, make)
  const slot = (): number => random.int(0, 3)
  const subject = { name: random.pick(['r', 'n']), world: 77, hop: random.pick([0, 0, number()]) }
  if (random.chance(0.2)) {
    const offered = { head: random.pick([0, number()]), holders: few(number), kind: '', metadata: '{}' }
    return encodeHandover({ type: 'offer', ...subject, ...offered })
  }
  const options = Object.entries(defaultMeeting).map(([name, value]) => [
    name,
    typeof value === 'number' && random.chance(0.1) ? number() : value,
  ])
  const standing = random.pick([{ is: 'present' }, { is: 'away', turn: number() }] as const)
  const member = () => ({ slot: slot(), user: 'u0', standing, seq: number(), isBot: random.chance(0.5) })
  const state: Yield['state'] = {
    options: Object.fromEntries(options) as Yield['state']['options'],
    config: '',
    roster: { members: few(member), seqs: few(number) },
    intake: {
      inputs: few(() => ({ slot: slot(), seq: number(), data: { text: false, bytes: new Uint8Array(5) } })),
      last: random.int(-1, 300),
    },
    electorate: {
      stable: random.pick([0, number()]),
      reign: number(),
      changes: few(number),
      terms: few(() => ({ slot: slot(), from: number(), until: Infinity, acked: number(), gone: false })),
    },
    events: few(() => ({ type: 'epoch', term: number(), incarnation: number() }) as const),
    clock: random.chance(0.5)
      ? { is: 'running', dueInMs: number() / 1_000 }
      : { is: 'stopped', stoodMs: number() / 1_000 },
  }
  const branch = () => ({ node: number(), replica: number(), readers: number(), spectators: number() })
  return encodeHandover({
    type: 'yield',
    ...subject,
    last: 0,
    kind: '',
    metadata: '{}',
    business: null,
    state,
    holders: few(number),
    branches: few(branch),
    places: few(() => ({ slot: slot(), session: 'x', branch: number(), seat: number() })),
  })
}

const lived = life()

it.each(Array.from({ length: COUNT }, (_, n) => FIRST + n))(
  'Whatever a broken node says, the others go on with what is theirs (run %i)',
  (seed) => {
    const random = new Random(seed)
    const wrong: number[] = []
    // oxlint-disable-next-line typescript/unbound-method -- Called with `this` below.
    const { uint } = Writer.prototype
    vi.spyOn(Writer.prototype, 'uint').mockImplementation(function (this: Writer, value) {
      if (!Number.isSafeInteger(value) || value < 0) wrong.push(value)
      uint.call(this, Number.isFinite(value) ? value : 0)
    })
    const world = settled(2)
    const [a, b] = world.nodes as [Harness, Harness]
    world.open(a, 'm', { frameRate: 20 })
    world.settle()
    const clients = membersAt(world, [a, b], 'member')
    roam(world, clients, 300)
    const rogue = new Rogue(world)
    rogue.meet()
    // It has a replica of one meeting, and this node has replicas of two of its own, which clients want to join.
    rogue.mesh(a, { type: 'follow', meeting: 'm', world: 0, next: 1, readers: 1, spectators: 0, replica: 5 })
    rogue.port.send(b.node.incarnation, encodeKeep([{ name: 'r' }, { name: 'n' }]))
    world.settle()
    for (const name of ['r', 'n']) b.connect(`of ${name}`, { window: 0 }).join(name)
    const isOurs = (log: number): boolean => b.node.peering?.mesh.ownerOfLog(log) === rogue.incarnation
    const replicas = [5, ...Array.from({ length: 20 }, (_, log) => log).filter(isOurs)]
    expect(replicas).toHaveLength(3)
    const facts = clients.map((client) => client.seat('m'))
    const nodes = [a.node.incarnation, b.node.incarnation, rogue.incarnation]
    const known = [...nodes, ...replicas, ...facts.flatMap((seat) => [seat?.world ?? 0, seat?.log ?? 0])]
    const number = (): number => random.pick(known)
    const said = (): Uint8Array => {
      const type = random.pick([...types, 'followed', 'followed', 'seated', 'standing', 'promised'] as const)
      if (random.chance(0.2)) return handed(random, known)
      const term = random.pick([1, 1, number(), 2 ** 52])
      if (random.chance(0.15))
        return encodeMesh(followedOf({ world: 77, term, replica: random.pick(replicas) }))
      const message = { type, ...valuesOf(random, meshMessages[type].fields, known) }
      const replica = random.chance(0.8) ? { replica: random.pick(replicas) } : {}
      return encodeMesh({ ...message, ...replica } as MeshMessage)
    }
    roam(
      world,
      clients,
      1_500,
      (at) => {
        if (at % 500 === 0) rogue.beat()
        const to = random.pick([a, b])
        const datagrams = [
          encodePull(5, number()),
          encodeCall(number()),
          encodeHeads([{ replica: number(), next: number(), due: number() }]),
        ]
        if (random.chance(0.6)) rogue.say(to, said())
        else if (random.chance(0.5))
          rogue.port.send(to.node.incarnation, mutate(random, random.pick(datagrams)))
        else rogue.say(to, random.chance(0.5) ? random.pick(lived) : mutate(random, random.pick(lived)))
      },
      10,
    )
    for (const { node } of [a, b]) {
      node.inlet.gone(rogue.incarnation, world.now)
      rogue.links.gone(node.incarnation)
    }
    roam(world, clients, 7_000, () => {}, 20)
    const had = clients.map((client) => client.frames.get('m')?.length ?? 0)
    roam(world, clients, 500, () => {}, 20)
    for (const [n, client] of clients.entries())
      expect(client.frames.get('m')?.length).toBeGreaterThan((had[n] as number) + 5)
    expect(wrong).toEqual([])
  },
)
