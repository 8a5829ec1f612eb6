import { describe, expect, it } from 'vitest'
import type { MeetingOptions } from '../../../../src/core/index.ts'
import { Heritage } from '../../../../src/core/cluster/heritage.ts'
import { MESH } from '../../../../src/core/cluster/mesh-messages.ts'
import { Pledges } from '../../../../src/core/cluster/pledges.ts'
import { Standbys } from '../../../../src/core/cluster/standbys.ts'
import { replace } from '../../../simulation/plant.ts'
import type { Harness } from '../harness.ts'
import { Roamer, roam } from './roamer.ts'
import { settled, type World } from './world.ts'

/** A meeting on the first node, and a client at each of some nodes; a client goes where its node was. */
function meeting(nodes: number, homes: readonly number[], options: Partial<MeetingOptions> = {}) {
  const world = settled(nodes)
  const all = world.nodes as [Harness, Harness, Harness]
  world.open(all[0], 'm', { frameRate: 20, inputsPerSecond: 1_000, ...options })
  world.settle()
  world.answers(all[0])
  const clients = homes.map((home, at) => {
    const client = new Roamer(world, `u${at}`, all[home] as Harness)
    client.leads = (named) =>
      named !== undefined && world.living.includes(named) ? named : world.living.at(-1)
    client.join('m')
    return client
  })
  roam(world, clients, 1_500)
  return { world, nodes: all, clients }
}

const seatOf = (client: Roamer) => client.seat('m')

/** The frames of a client follow one another, and of an undone one the last counts. */
function historyOf(client: Roamer): number[] {
  const frames: number[] = []
  for (const number of client.frames.get('m') ?? []) {
    while (number <= (frames.at(-1) ?? 0)) frames.pop()
    frames.push(number)
  }
  return frames
}

const ownersOf = (world: World): string[] => world.whereIs('m')

describe('A meeting whose node has ended', () => {
  it('goes on in the same world on the node that has a replica, and no input is lost or doubled', () => {
    const { world, nodes, clients } = meeting(3, [0, 0, 1])
    const worlds = clients.map((client) => seatOf(client)?.world)
    let sent = 0
    roam(world, clients, 3_000, (at) => {
      if (at === 500) world.kill(nodes[0], true)
      if (at % 100 !== 0) return
      clients.forEach((client, who) => client.input('m', `${who} ${at}`))
      sent += clients.length
    })
    roam(world, clients, 2_000)
    expect(ownersOf(world)).toEqual([nodes[1].node.id])
    expect(clients.map((client) => seatOf(client)?.world)).toEqual(worlds)
    for (const client of clients) {
      const history = historyOf(client)
      expect(history).toEqual(history.map((_, at) => at + 1))
      expect([...client.ends.values()].filter((end) => typeof end === 'string')).toEqual([])
      expect(client.ends.size).toBe(sent / clients.length)
      expect(new Set(client.inputs).size).toBe(sent)
    }
    const [first, ...others] = clients.map((client) => client.inputs.slice(-20))
    for (const other of others) expect(other).toEqual(first)
    expect(nodes[1].node.stats.meetingsRevived).toBe(1)
    expect(nodes[1].node.stats.meetingsForked).toBe(0)
    const told = nodes.map(({ node }) => node.peering?.mesh.successions.told(60_000, world.now))
    const from = nodes[0].node.incarnation
    expect(told).toEqual([[], [expect.objectContaining({ meeting: 'm', from, how: 'revival' })], []])
  })

  it('goes on from its standby, though all its members were on its node', () => {
    const { world, nodes, clients } = meeting(3, [0, 0], { standby: 1 })
    const before = seatOf(clients[0] as Roamer)?.world
    world.kill(nodes[0], true)
    roam(world, clients, 3_000)
    expect(ownersOf(world)).toHaveLength(1)
    expect(clients.map((client) => seatOf(client)?.world)).toEqual([before, before])
    for (const client of clients) expect(historyOf(client).length).toBeGreaterThan(60)
  })

  /** Whether a meeting with a standby is in the same world after the end of its node. */
  function goesOn(staysAway: boolean): boolean {
    const { world, nodes, clients } = meeting(3, [0, 0], { standby: 1 })
    const [first, second] = clients as [Roamer, Roamer]
    const before = seatOf(first)?.world
    if (staysAway) second.leads = () => null
    world.kill(nodes[0], true)
    roam(world, clients, 4_000)
    return ownersOf(world).length === 1 && seatOf(first)?.world === before
  }

  it.each<[string, boolean, () => () => void]>([
    [
      'no other node is asked to keep the frames',
      false,
      () => replace(Standbys.prototype, 'beat', () => () => {}),
    ],
    ['nobody is asked for a promise', false, () => replace(Pledges.prototype, 'ask', () => () => {})],
    // [tie], [sameworld]
    [
      'half of the members are enough',
      true,
      () => replace(Heritage.prototype, 'mayContinue', () => () => true),
    ],
  ])('does not, or does where it must not, if %s', (_, staysAway, plant) => {
    expect(goesOn(staysAway)).toBe(!staysAway)
    const remove = plant()
    try {
      expect(goesOn(staysAway)).toBe(staysAway)
    } finally {
      remove()
    }
  })

  /** When the first frame comes after its node was killed, at a client, in milliseconds. */
  function backAfter(clients: readonly Roamer[], world: World, node: Harness): number {
    const [first] = clients as [Roamer]
    const had = first.frames.get('m')?.length ?? 0
    let back = Infinity
    world.kill(node, true)
    roam(world, clients, 4_000, (at) => {
      if (back === Infinity && (first.frames.get('m')?.length ?? 0) > had) back = at
    })
    return back
  }

  it('goes on a tenth of a second after proof of that, where its members connect elsewhere at once', () => {
    const { world, nodes, clients } = meeting(3, [0, 0, 0], { standby: 1 })
    // The first wait of these clients is 65 ms.
    expect(backAfter(clients, world, nodes[0])).toBeLessThan(150)
  })

  it('waits only a moment for those who do not come, once there are enough', () => {
    const { world, nodes, clients } = meeting(3, [0, 0, 0], { standby: 1 })
    const before = seatOf(clients[0] as Roamer)?.world
    ;(clients[2] as Roamer).leads = () => null
    expect(backAfter(clients, world, nodes[0])).toBeLessThan(500)
    expect(seatOf(clients[0] as Roamer)?.world).toBe(before)
  })

  it('is in the same world where its members need seconds to come back, as those of a full node do', () => {
    const { world, nodes, clients } = meeting(3, [0, 0, 0], { standby: 1 })
    const before = clients.map((client) => seatOf(client)?.world)
    const late = world.now + 1_800
    for (const client of clients) client.leads = () => (world.now < late ? null : nodes[2])
    world.kill(nodes[0], true)
    roam(world, clients, 6_000)
    expect(clients.map((client) => seatOf(client)?.world)).toEqual(before)
  })

  it('goes on at once where only spectators are left, who have no say', () => {
    const { world, nodes, clients } = meeting(3, [1], { standby: 1 })
    const [watcher] = clients as [Roamer]
    const other = new Roamer(world, 'watcher', nodes[1])
    other.leads = watcher.leads
    other.join('m', true)
    roam(world, [watcher, other], 500)
    watcher.machine.followers.leave(seatOf(watcher) as NonNullable<ReturnType<typeof seatOf>>)
    roam(world, [watcher, other], 500)
    expect(backAfter([other], world, nodes[0])).toBeLessThan(500)
  })

  it('ends with its node where no other one has a replica', () => {
    const { world, nodes, clients } = meeting(3, [0, 0])
    world.kill(nodes[0], true)
    roam(world, clients, 3_000)
    expect(ownersOf(world)).toEqual([])
  })

  it('becomes a new world where half of its members stay away', () => {
    const { world, nodes, clients } = meeting(3, [0, 1])
    const before = seatOf(clients[1] as Roamer)?.world
    ;(clients[0] as Roamer).leads = () => null
    world.kill(nodes[0], true)
    roam(world, clients, 4_000)
    expect(ownersOf(world)).toEqual([nodes[1].node.id])
    expect(seatOf(clients[1] as Roamer)?.world).not.toBe(before)
    expect(nodes[1].node.stats.meetingsForked).toBe(1)
    expect(nodes[1].node.peering?.mesh.successions.told(60_000, world.now)).toMatchObject([{ how: 'fork' }])
    // Who comes later begins anew, in the same new world.
    ;(clients[0] as Roamer).leads = () => nodes[2]
    roam(world, clients, 6_000)
    expect(seatOf(clients[0] as Roamer)?.world).toBe(seatOf(clients[1] as Roamer)?.world)
  })

  it('undoes what the copy lacks and nobody has acknowledged, and frames its inputs once', () => {
    const { world, nodes, clients } = meeting(3, [0, 0, 0], { standby: 1 })
    const before = seatOf(clients[0] as Roamer)?.world
    // Frames are sealed and reach the members, and no other node.
    world.lostKinds.add(MESH)
    roam(world, clients, 200, (at) => {
      if (at === 0) clients.forEach((client, who) => client.input('m', `last ${who}`))
    })
    const had = clients.map((client) => client.frames.get('m')?.at(-1) ?? 0)
    world.kill(nodes[0], true)
    world.lostKinds.clear()
    roam(world, clients, 4_000)
    const undone = clients.map((client, who) => {
      const frames = client.frames.get('m') ?? []
      return frames.indexOf(had[who] as number) !== frames.lastIndexOf(had[who] as number)
    })
    expect(undone).toEqual([true, true, true])
    expect(clients.map((client) => seatOf(client)?.world)).toEqual([before, before, before])
    for (const client of clients) {
      const history = historyOf(client)
      expect(history).toEqual(history.map((_, at) => at + 1))
      expect([...client.ends.values()].filter((end) => typeof end === 'string')).toEqual([])
    }
  })
})
