import { describe, expect, it, vi } from 'vitest'
import type { MeetingOptions } from '../../../../src/core/index.ts'
import { Heritage } from '../../../../src/core/cluster/heritage.ts'
import { MESH } from '../../../../src/core/cluster/datagrams.ts'
import { Pledges } from '../../../../src/core/cluster/pledges.ts'
import { Replica } from '../../../../src/core/cluster/replica.ts'
import { Standbys } from '../../../../src/core/cluster/standbys.ts'
import type { Fence } from '../../../../src/core/meeting/reigns.ts'
import type { MessageOf } from '../../../../src/protocol/index.ts'
import { replace } from '../../../simulation/plant.ts'
import type { Harness } from '../harness.ts'
import { playOver, Roamer, roam } from './roamer.ts'
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
    const sent = playOver(world, clients, nodes[0])
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

  it('goes on at once, as another one of it does, whose members come back to the two in different orders', () => {
    const { world, nodes } = meeting(3, [], { standby: 1 })
    world.open(nodes[0], 'n', { standby: 1, frameRate: 20 })
    world.settle()
    world.answers(nodes[0])
    const names = ['m', 'n']
    const clients = [0, 1, 2, 3].map((at) => {
      const client = new Roamer(world, `u${at}`, nodes[0])
      client.leads = () => (world.living.includes(nodes[0]) ? nodes[0] : nodes[1 + (at >> 1)])
      for (const name of at % 2 === 0 ? names : names.toReversed()) client.join(name)
      return client
    })
    roam(world, clients, 1_500)
    const worldsOf = (client: Roamer) => names.map((name) => client.seat(name)?.world)
    const before = clients.map(worldsOf)
    world.kill(nodes[0], true)
    roam(world, clients, 1_000)
    expect(names.map((name) => world.whereIs(name).length)).toEqual([1, 1])
    expect(clients.map(worldsOf)).toEqual(before)
    for (const { frames, gaps } of clients) {
      expect([...frames.values()].map((each) => each.length > 35)).toEqual([true, true])
      expect(gaps).toEqual([])
    }
  })

  it('is handed over by a node that was told to drain while it waited for the members to come', () => {
    const { world, nodes, clients } = meeting(3, [0, 0, 1])
    const before = clients.map((client) => seatOf(client)?.world)
    const [, b, c] = nodes
    for (const client of clients) client.leads = () => null
    world.kill(nodes[0], true)
    roam(world, clients, 500)
    b.node.drain(world.now, world.now + 20_000)
    roam(world, clients, 500)
    expect([b.node.draining.state, ownersOf(world)]).toEqual(['draining', []])
    for (const client of clients) client.leads = () => c
    roam(world, clients, 3_000)
    expect([b.node.draining.state, b.node.stats.meetingsRevived, ownersOf(world)]).toEqual([
      'drained',
      1,
      [c.node.id],
    ])
    expect(clients.map((client) => seatOf(client)?.world)).toEqual(before)
  })

  describe('goes on nowhere on a node that has said goodbye', () => {
    it('while it waited for the members to come, though its process lives on', () => {
      const { world, nodes, clients } = meeting(3, [0, 0, 1])
      const [a, b] = nodes
      for (const client of clients) client.leads = () => null
      world.kill(a, true)
      roam(world, clients, 500)
      expect(b.node.peering?.mesh.revival.standing).toBe(1)
      b.node.drain(world.now)
      b.node.leave(world.now)
      world.advance(70_000)
      expect([b.node.meeting('m'), b.node.peering?.mesh.revival.standing]).toEqual([undefined, 0])
    })

    it('and is told later that its owner has ended, or that it has a bus again, which a new node does not hear', () => {
      const { world, nodes, clients } = meeting(3, [0, 0, 1])
      const [a, b, c] = nodes
      for (const client of clients) client.leads = () => null
      b.node.leave(world.now)
      world.advance(1_000)
      for (const h of [a, c]) world.kill(h, true)
      b.node.inlet.down(world.now)
      b.node.inlet.back(world.now)
      world.advance(1_000)
      const late = world.start()
      world.advance(15_000)
      expect([late.node.cluster?.peers, b.node.meeting('m')]).toEqual([[], undefined])
    })

    it('and opens none there either, under a name that it has made up or another one', () => {
      const world = settled(2)
      const [a] = world.nodes as [Harness]
      a.node.leave(world.now)
      for (const name of [a.node.nameMeeting(), 'other']) a.node.claimMeeting({ name }, {}, world.now)
      expect([world.answers(a), [...a.node.meetings()]]).toEqual([['DRAINING', 'DRAINING'], []])
    })
  })

  it('goes on without the word of bots, though its replica followed before the frame in which they came', () => {
    const world = settled(2)
    const [a, b] = world.nodes as [Harness, Harness]
    world.open(a, 'm', { frameRate: 1 })
    world.settle()
    const client = new Roamer(world, 'ann', b)
    client.leads = () => b
    client.join('m')
    for (let n = 0; n < 20 && b.node.peering?.mesh.size.replicas === 0; n++) roam(world, [client], 5)
    for (const bot of ['x', 'y']) a.node.addBot('m', bot)
    expect(a.node.meeting('m')?.frame).toBe(0)
    roam(world, [client], 3_000)
    const before = seatOf(client)?.world
    expect(before).toBe(a.node.meeting('m')?.epoch)
    world.kill(a, true)
    roam(world, [client], 3_000)
    expect(seatOf(client)?.world).toBe(before)
    expect(b.node.meeting('m')?.members.map(({ user }) => user)).toEqual(['ann'])
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

  it('does not wait for those who do not come, once there are enough, and tells them as away a moment later', () => {
    const { world, nodes, clients } = meeting(3, [0, 0, 0], { standby: 1 })
    const [first, , last] = clients as [Roamer, Roamer, Roamer]
    const before = seatOf(first)?.world
    last.leads = () => null
    expect(backAfter(clients, world, nodes[0])).toBeLessThan(150)
    expect(seatOf(first)?.world).toBe(before)
    expect(first.events.slice(-3)).toEqual(['epoch', 'resume', 'away 2'])
  })

  it('tells nobody as away who comes a moment after it goes on', () => {
    const { world, nodes, clients } = meeting(3, [0, 0, 0], { standby: 1 })
    const [first, , last] = clients as [Roamer, Roamer, Roamer]
    const late = world.now + 120
    last.leads = () => (world.now < late ? null : nodes[1])
    backAfter(clients, world, nodes[0])
    expect(clients.map((client) => client.events.at(-1))).toEqual(['resume', 'resume', 'resume'])
    expect(first.nodes).toHaveLength(2)
    expect(last.nodes).toHaveLength(2)
  })

  it('gives its place to a user who comes anew, before anybody has come for that', () => {
    const { world, nodes, clients } = meeting(3, [0, 0, 0], { standby: 1, capacity: 3 })
    const [first, second, last] = clients as [Roamer, Roamer, Roamer]
    last.leads = () => null
    const owner = (): Harness | undefined => world.living.find(({ node }) => node.meeting('m') !== undefined)
    world.kill(nodes[0], true)
    roam(world, [first, second], 200, () => {
      if (owner() === undefined || clients.length > 3) return
      // The page was reloaded as the node ended.
      const reloaded = new Roamer(world, 'u2', owner() as Harness)
      reloaded.join('m')
      clients.push(reloaded)
    })
    roam(world, clients, 500)
    expect(clients[3]?.heard).toEqual([])
    expect(
      owner()
        ?.node.meeting('m')
        ?.members.map(({ user, away }) => `${user} ${away}`),
    ).toEqual(['u0 false', 'u1 false', 'u2 false'])
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

  it('is in the same world where its members come one after the other, each within 3 s of the last', () => {
    const { world, nodes, clients } = meeting(3, [0, 0, 0, 0, 0], { standby: 1 })
    const before = clients.map((client) => seatOf(client)?.world)
    const since = world.now
    clients.forEach((client, at) => {
      client.leads = () => (world.now - since < at * 2_500 ? null : nodes[1 + (at % 2)])
    })
    world.kill(nodes[0], true)
    roam(world, clients, 7_000)
    expect(clients.slice(0, 3).map((client) => seatOf(client)?.world)).toEqual(before.slice(0, 3))
    expect(nodes.map(({ node }) => node.stats.meetingsForked)).toEqual([0, 0, 0])
    expect(ownersOf(world)).toHaveLength(1)
    roam(world, clients, 9_000)
    expect(clients.map((client) => seatOf(client)?.world)).toEqual(before)
  })

  it('goes on within 300 ms of its end for all members of 20, where each hop takes up to 5 ms', () => {
    const world = settled(3)
    const nodes = world.nodes as [Harness, Harness, Harness]
    const names = Array.from({ length: 20 }, (_, n) => `m${n}`)
    for (const name of names) world.open(nodes[0], name, { frameRate: 20, standby: 1 })
    world.settle()
    let seed = 7
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
    const clients = names.flatMap((name, m) =>
      [0, 1, 2, 3].map((n) => {
        const client = new Roamer(world, `u${m}.${n}`, nodes[0], random)
        client.leads = (named) =>
          named !== undefined && world.living.includes(named) ? named : nodes[1 + (n % 2)]
        client.join(name)
        return client
      }),
    )
    roam(world, clients, 3_000)
    world.hopMs = 5
    roam(world, clients, 500)
    const framesOf = (client: Roamer): number => [...client.frames.values()][0]?.length ?? 0
    const had = clients.map(framesOf)
    const gaps = clients.map(() => Infinity)
    world.kill(nodes[0], false)
    roam(world, clients, 600, (at) => {
      // Others find that out at the same time nearly.
      if (at === 20 || at === 40) nodes[at / 20]?.node.inlet.gone(nodes[0].node.incarnation, world.now)
      clients.forEach((client, n) => {
        if (framesOf(client) > (had[n] as number)) gaps[n] = Math.min(gaps[n] as number, at)
      })
    })
    expect(Math.max(...gaps)).toBeLessThanOrEqual(300)
    expect(nodes[1].node.stats.meetingsForked + nodes[2].node.stats.meetingsForked).toBe(0)
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

  it('has the places of those who have come, in a full meeting too, where it becomes a new world', () => {
    for (const capacity of [2, 50]) {
      const { world, nodes, clients } = meeting(3, [0, 1], { capacity })
      ;(clients[0] as Roamer).leads = () => null
      world.kill(nodes[0], true)
      roam(world, clients, 4_000)
      expect(nodes[1].node.stats.meetingsForked).toBe(1)
      const members = nodes[1].node.meeting('m')?.members.map(({ slot, user, away }) => [slot, user, away])
      expect(members).toEqual([
        [0, 'u0', true],
        [1, 'u1', false],
      ])
      expect(seatOf(clients[1] as Roamer)?.slot).toBe(1)
      expect((clients[1] as Roamer).heard).toEqual([])
    }
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

  it('has its spectators read on, on the same connections, on the node that goes on and on the other', () => {
    const { world, nodes, clients } = meeting(3, [0, 1, 1])
    const watchers = [nodes[1], nodes[2]].map((node, at) => new Roamer(world, `watcher${at}`, node))
    for (const watcher of watchers) watcher.join('m', true)
    roam(world, [...clients, ...watchers], 500)
    world.kill(nodes[0], true)
    roam(world, [...clients, ...watchers], 3_000)
    expect(ownersOf(world)).toHaveLength(1)
    for (const { frames, gaps, heard, nodes: welcomes } of watchers) {
      const seen = frames.get('m') ?? []
      expect([welcomes.length, gaps, heard]).toEqual([1, [], []])
      expect(seen).toEqual(seen.map((_, at) => at + 1))
      expect(seen.length).toBeGreaterThan((clients[0]?.frames.get('m')?.at(-1) ?? 0) - 5)
      expect(seen.length).toBeGreaterThan(80)
    }
  })

  it('undoes them for a spectator as well, also one that comes back when there are as many again', () => {
    const { world, nodes, clients } = meeting(3, [0, 0], { standby: 1 })
    const watcher = new Roamer(world, 'watcher', nodes[0])
    watcher.join('m', true)
    roam(world, [...clients, watcher], 500)
    world.lostKinds.add(MESH)
    roam(world, [...clients, watcher], 200)
    const had = watcher.frames.get('m')?.at(-1) ?? 0
    world.kill(nodes[0], true)
    world.lostKinds.clear()
    let isAway = true
    watcher.leads = () => (isAway ? null : nodes[1])
    roam(world, [...clients, watcher], 6_000, (at) => {
      if (at === 3_000) isAway = false
    })
    const frames = watcher.frames.get('m') ?? []
    expect(frames.indexOf(had)).not.toBe(frames.lastIndexOf(had))
    expect(historyOf(watcher)).toEqual(historyOf(watcher).map((_, at) => at + 1))
    expect(historyOf(watcher).length).toBeGreaterThan(had + 20)
  })

  describe('while somebody lies who waits for it', () => {
    /** What somebody says that was no member: the place and all else are made up. */
    const holding = (world: number, slot: number, more = 0) => ({
      world,
      next: 1,
      held: [
        {
          slot,
          elected: 999,
          term: 1,
          incarnation: 1,
          seen: 2 ** 40 + more,
          stable: 0,
          promisedTerm: 0,
          promisedIncarnation: 0,
        },
      ],
    })

    /** Whether it has gone on in the same world; `lie`: sent again and again, `asked`: the last fence asked for. */
    function goesOnWith(
      lie: (asked: MessageOf<'stand'> | undefined, count: number) => readonly Fence[],
      place = 0,
    ) {
      const { world, nodes, clients } = meeting(3, [0, 1])
      const before = seatOf(clients[0] as Roamer)?.world ?? 0
      world.kill(nodes[0], true)
      const eve = nodes[1].connect('eve', { window: 0 })
      const call = eve.join('m', holding(before, seatOf(clients[place] as Roamer)?.slot ?? 0))
      let count = 0
      let isLate = true
      ;(clients[0] as Roamer).leads = () => (isLate ? null : nodes[1])
      roam(world, clients, 3_000, (at) => {
        // One comes later than the other.
        if (at === 300) isLate = false
        for (const { term, incarnation } of lie(eve.all('stand').at(-1), ++count))
          eve.send({ type: 'promise', call, term, incarnation, age: 0 })
      })
      expect(ownersOf(world)).toEqual([nodes[1].node.id])
      expect(eve.all('stand').length).toBeLessThan(10)
      return [nodes[1].node.stats.meetingsForked, clients.map((client) => seatOf(client)?.world === before)]
    }

    const inPeace = [0, [true, true]]

    it.each([0, 1])('goes on, though that names the place of member %i', (place) => {
      expect(goesOnWith((asked) => (asked === undefined ? [] : [asked]), place)).toEqual(inPeace)
    })

    it('looks once at what all have promised who do it together, and at nothing for those who are no members', () => {
      const { world, nodes, clients } = meeting(3, [0, 1])
      const before = seatOf(clients[0] as Roamer)?.world ?? 0
      world.kill(nodes[0], true)
      // Members in two other slots, and others who say so.
      const eves = Array.from({ length: 60 }, (_, n) =>
        nodes[1].connect(n < 30 ? 'u1' : 'eve', { window: 0 }),
      )
      const slot = seatOf(clients[1] as Roamer)?.slot ?? 0
      const calls = eves.map((eve, n) => eve.join('m', holding(before, slot, n)))
      for (let n = 0; n < 200 && eves[0]?.all('stand').length === 0; n++) world.advance(5)
      const looked = vi.spyOn(Heritage.prototype, 'mayContinue')
      for (const [n, eve] of eves.entries()) {
        const { term, incarnation } = eve.all('stand').at(-1) as MessageOf<'stand'>
        eve.send({ type: 'promise', call: calls[n] as number, term, incarnation, age: 0 })
      }
      world.settle()
      expect(looked.mock.calls.length).toBeLessThan(3)
      looked.mockRestore()
    })

    it('goes on, though that promises ever more, asked or not', () => {
      const lie = (_: unknown, count: number): Fence[] => [{ term: 1_000 * count, incarnation: 1 }]
      expect(goesOnWith(lie)).toEqual(inPeace)
    })
  })

  it('is one of very many: copies are begun, and meetings gone on with, a few in each turn', () => {
    const world = settled(2, { revivalsAtOnce: 5, standbysPerBeat: 20 })
    const [a, b] = world.nodes as [Harness, Harness]
    for (let n = 0; n < 60; n++) world.open(a, `m${n}`, { frameRate: 0, standby: 1 })
    world.settle()
    const grown = (ms: number, step: number, count: () => number): number[] => {
      const seen: number[] = []
      for (let at = 0; at < ms; at += step) {
        const before = count()
        world.advance(step)
        if (count() > before) seen.push(count() - before)
      }
      return seen
    }
    const replicas = (): number => b.node.peering?.mesh.size.replicas ?? 0
    expect(grown(4_000, 100, replicas)).toEqual([20, 20, 20])
    world.kill(a, true)
    const begun = grown(3_000, 1, () => b.node.meetingCount)
    expect(b.node.meetingCount).toBe(60)
    expect(Math.max(...begun)).toBeLessThanOrEqual(10)
    expect(b.node.stats.meetingsForked).toBe(60)
  })

  it('is told of a promise without a look at the other copies', () => {
    const world = settled(2)
    const [a, b] = world.nodes as [Harness, Harness]
    const eve = b.connect('eve', { window: 0 })
    for (let n = 0; n < 20; n++) {
      world.open(a, `m${n}`, { frameRate: 20 })
      world.settle()
      eve.join(`m${n}`, { spectator: true })
      world.settle()
    }
    const seen = vi.spyOn(Replica.prototype, 'promise')
    for (let n = 0; n < 50; n++) eve.send({ type: 'promise', call: 1, term: 1, incarnation: 1, age: 0 })
    expect(seen.mock.calls.length).toBe(0)
    seen.mockRestore()
  })
})
