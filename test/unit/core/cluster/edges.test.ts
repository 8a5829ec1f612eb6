import { describe, expect, it } from 'vitest'
import { View } from '../../../../src/core/cluster/view.ts'
import { incarnationFrom, isEdge, LEAST_EDGE } from '../../../../src/core/ground/incarnation.ts'
import type { MeetingOptions } from '../../../../src/core/index.ts'
import type { Harness } from '../harness.ts'
import { Roamer, roam } from './roamer.ts'
import { settled, type World } from './world.ts'

/** Some nodes, and an edge that knows them. */
function near(cores: number, limits?: Parameters<typeof settled>[1]): { world: World; edge: Harness } {
  const world = settled(cores, limits)
  const edge = world.start('edge', true)
  world.advance(4_000)
  return { world, edge }
}

/** A meeting on the first node, with clients on some; they go to the edge when they have lost theirs. */
function meeting(cores: number, homes: readonly ('edge' | number)[], options: Partial<MeetingOptions> = {}) {
  const { world, edge } = near(cores)
  const [first] = world.nodes as [Harness]
  world.open(first, 'm', { frameRate: 20, ...options })
  world.settle()
  const clients = homes.map((home, at) => {
    const client = new Roamer(world, `u${at}`, home === 'edge' ? edge : (world.nodes[home] as Harness))
    client.leads = (named) => (named !== undefined && world.living.includes(named) ? named : edge)
    client.join('m')
    return client
  })
  roam(world, clients, 1_500)
  return { world, edge, first, clients }
}

describe('The incarnation of a node', () => {
  it('says whether it is an edge, and is never 0', () => {
    expect(
      [0, 1, LEAST_EDGE - 1, LEAST_EDGE, 2 ** 48 - 1].map((random) => incarnationFrom(random, false)),
    ).toEqual([1, 1, LEAST_EDGE - 1, 1, 2 ** 48 - 1 - LEAST_EDGE])
    expect([0, 1, 2 ** 44, 2 ** 48 - 1].map((random) => incarnationFrom(random, true))).toEqual([
      LEAST_EDGE,
      LEAST_EDGE + 1,
      LEAST_EDGE,
      2 ** 48 - 1,
    ])
    expect([1, LEAST_EDGE - 1, LEAST_EDGE, 2 ** 48 - 1].map(isEdge)).toEqual([false, false, true, true])
  })
})

describe('An edge that hears none of the other nodes', () => {
  it('sends its clients away and takes none, until it hears one again', () => {
    const { world, edge } = near(2)
    const [a, b] = world.nodes as [Harness, Harness]
    const peers = Array.from({ length: 30 }, (_, n) => edge.connect(`u${n}`))
    for (const { node } of [a, b]) world.cut.add(`${node.incarnation} ${edge.node.incarnation}`)
    world.advance(2_900)
    expect(peers.filter(({ closed }) => closed !== null)).toEqual([])
    world.advance(400)
    const first = peers.filter(({ closed }) => closed === 4454).length
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThan(15)
    const late = edge.open()
    edge.settle()
    expect(late.closed).toBe(4454)
    // None of them is near enough to be waited for.
    world.advance(2_000)
    expect(peers.map(({ closed }) => closed)).toEqual(peers.map(() => 4454))
    expect(peers[0]?.take().at(-1)).toMatchObject({ reason: 'it hears no other node' })
    world.cut.delete(`${b.node.incarnation} ${edge.node.incarnation}`)
    world.advance(700)
    expect(edge.connect('ann').closed).toBeNull()
    // Other nodes go on alone, as ever.
    world.cut.add(`${b.node.incarnation} ${a.node.incarnation}`)
    world.advance(10_000)
    expect(a.connect('bob').closed).toBeNull()
  })
})

describe('An edge', () => {
  it('is registrar of no name and home of no user; where there are only edges, nobody is', () => {
    const names = Array.from({ length: 500 }, (_, n) => `room.${n}`)
    const cores = [7, 8, 9]
    const edges = [LEAST_EDGE, LEAST_EDGE + 7_654_321, 2 ** 48 - 1]
    const with0 = new View(7)
    const with3 = new View(2 ** 48 - 1)
    for (const node of cores) for (const view of [with0, with3]) view.meet(node)
    for (const node of edges) with3.meet(node)
    expect(new Set(names.map((name) => with3.registrarOf(name)))).toEqual(new Set(cores))
    // That edges come and go moves no name.
    expect(names.map((name) => with3.registrarOf(name))).toEqual(names.map((name) => with0.registrarOf(name)))
    for (const node of cores) with3.end(node)
    expect(with3.registrarOf('room.1')).toBe(0)
  })

  it('finds a meeting that another node has, and opens none', () => {
    const { world, edge } = near(2)
    world.open(edge, 'lobby')
    world.advance(50)
    expect(world.answers(edge)).toEqual(['UNSUPPORTED'])
    world.open(edge, edge.node.nameMeeting())
    expect(world.answers(edge)).toEqual(['UNSUPPORTED'])
    world.open(world.nodes[1] as Harness, 'lobby')
    world.advance(50)
    world.open(edge, 'lobby')
    world.advance(50)
    expect(world.answers(edge)).toEqual(['n2'])
    expect(world.whereIs('lobby')).toEqual(['n2'])
  })

  it('does not say where a name is while it knows no other node', () => {
    const world = settled(0)
    const edge = world.start('edge', true)
    world.advance(4_000)
    world.open(edge, 'lobby')
    world.advance(2_000)
    expect(world.answers(edge)).toEqual(['BUSY'])
    expect(edge.node.peering?.whereabouts('ann')).toMatchObject({ isComplete: false })
  })

  it('does not ask the business to open a meeting for a client', () => {
    const { world, edge } = near(1)
    edge.node.openOnDemand(true)
    const client = new Roamer(world, 'ann', edge)
    client.join('nowhere')
    roam(world, [client], 1_000)
    expect(client.heard).toEqual(['ended nowhere NOT_FOUND'])
    expect(edge.application.missing).toEqual([])
  })

  it('serves members and spectators of other nodes as any node does', () => {
    const { world, first, clients } = meeting(1, [0, 'edge'])
    const [, far] = clients as [Roamer, Roamer]
    far.input('m', 'hello')
    roam(world, clients, 500)
    expect(clients.map(({ inputs }) => inputs)).toEqual([['hello'], ['hello']])
    expect(far.nodes).toEqual(['edge'])
    expect(first.node.meeting('m')?.members).toHaveLength(2)
  })

  it('is handed no meeting, though most of its members are there, and no clients', () => {
    const { world, first, clients } = meeting(2, [0, 'edge', 'edge', 'edge'])
    first.node.drain(world.now, world.now + 20_000)
    roam(world, clients, 8_000)
    expect(world.whereIs('m')).toEqual(['n2'])
    expect(clients.map(({ nodes }) => nodes.at(-1))).toEqual(['n2', 'edge', 'edge', 'edge'])
    expect(clients.map(({ gaps }) => gaps)).toEqual([[], [], [], []])
  })

  it('is nowhere to go for the last other node, which ends as a node alone does', () => {
    const { world, first, clients } = meeting(1, [0, 'edge'])
    first.node.drain(world.now, world.now + 20_000)
    world.settle()
    expect(first.node.draining.state).toBe('drained')
    roam(world, clients, 100)
    expect(world.whereIs('m')).toEqual(['n1'])
  })

  it('keeps no replica for the case that a node ends, and goes on with no meeting', () => {
    const { world, first, clients } = meeting(3, [0, 'edge', 'edge'], { standby: 1 })
    world.kill(first, true)
    roam(world, clients, 4_000)
    const [owner] = world.whereIs('m')
    expect(['n2', 'n3']).toContain(owner)
    // The members on it stay there, and have every frame.
    for (const client of clients.slice(1)) {
      expect(client.nodes.at(-1)).toBe('edge')
      const frames = client.frames.get('m') ?? []
      expect(frames).toEqual(frames.map((_, at) => at + 1))
      expect(frames.length).toBeGreaterThan(80)
    }
  })

  it('holds no name of a meeting whose only copy it has: the meeting ends with its node', () => {
    const { world, first, clients } = meeting(2, ['edge', 'edge'])
    world.kill(first, true)
    roam(world, clients, 4_000)
    expect(world.whereIs('m')).toEqual([])
    world.open(world.nodes[1] as Harness, 'm')
    world.advance(1_000)
    expect(world.answers(world.nodes[1] as Harness)).toEqual(['new on n2'])
  })
})
