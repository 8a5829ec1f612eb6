import { describe, expect, it } from 'vitest'
import { framesOf, type Harness, type Peer, text, textOf } from '../harness.ts'
import { Rig } from './rig.ts'
import { Roamer, roam } from './roamer.ts'
import { settled, type World } from './world.ts'

/*
 * Bugs that other clusters shipped, each with the answer this one gives. A hand-over whose worker is killed or times
 * out at any step (akka.net#7500) is in handover.test.ts.
 */

const three = (world: World): [Harness, Harness, Harness] => world.nodes as [Harness, Harness, Harness]
const client = (h: Harness, user: string): Peer => h.connect(user, { window: 0 })
const way = (from: Harness, to: Harness): string => `${from.node.incarnation} ${to.node.incarnation}`

/** Cuts one node off from the others, both ways. Returns what mends it. */
function isolate(world: World, h: Harness): () => void {
  const ways = world.nodes.filter((other) => other !== h).flatMap((other) => [way(h, other), way(other, h)])
  for (const each of ways) world.cut.add(each)
  return () => ways.forEach((each) => world.cut.delete(each))
}

/** Lets time pass in which a client says that it is there. */
function pass(world: World, ms: number, peer: Peer): void {
  for (const end = world.now + ms; world.now < end;) {
    world.advance(Math.min(4_000, end - world.now))
    peer.send({ type: 'pong', echo: 0, time: 0, lateness: 0 })
  }
}

/** Where a node says that a meeting is. */
function find(world: World, h: Harness, name: string): string {
  h.node.findMeeting({ name }, world.now)
  world.settle()
  return world.answers(h).join()
}

/** A meeting of the first of three nodes, whose registrar is the last. */
function opened(options: Parameters<World['open']>[2] = {}): { world: World; name: string } {
  const world = settled(3)
  const [a, , c] = three(world)
  const name = world.nameOf(c)
  world.open(a, name, options)
  world.settle()
  world.answers(a)
  return { world, name }
}

const inputsOf = (peer: Peer): string[] =>
  framesOf(peer.heard).flatMap(({ inputs }) => inputs.map(({ slot, data }) => `${slot} ${textOf(data)}`))

describe('Cluster bug', () => {
  it('1: a grant that comes when its claim was given up makes no twin (colyseus#978)', () => {
    const rig = new Rig()
    const [a, b, c] = [rig.start(), rig.start(), rig.start()]
    rig.run(4_000)
    let name = ''
    for (let n = 0; name === ''; n++) if (a.cluster.nodes.registrarOf(`m${n}`) === c.id) name = `m${n}`
    rig.slow.set(`${c.id} ${a.id}`, 2_500)
    a.claim(name)
    rig.run(1_100)
    expect(a.endings).toEqual([{ by: 'late' }])
    b.claim(name)
    rig.run(5_000)
    expect([a.open.size, b.open.has(name), rig.twins()]).toEqual([0, true, []])
  })

  it.each([600, 2_000, 20_000])(
    '2: a node that is not heard for %i ms keeps its rooms in the list (colyseus#968)',
    (ms) => {
      const { world, name } = opened()
      const [a, b] = three(world)
      const mend = isolate(world, a)
      world.advance(ms)
      expect(find(world, b, name)).toBe('n1')
      mend()
      world.advance(2_000)
      expect([find(world, b, name), world.whereIs(name)]).toEqual(['n1', ['n1']])
    },
  )

  it('3: what an old owner still has to say takes no name from the new one (livekit#4797)', () => {
    const { world, name } = opened()
    const [a, b, c] = three(world)
    world.cut.add(way(a, c))
    a.node.closeMeeting(name, a.now)
    world.settle()
    // The registrar has not heard of that, and ends; another one is told by each node what it has.
    world.kill(c, true)
    world.open(b, name)
    world.advance(1_000)
    expect(world.answers(b)).toEqual(['new on n2'])
    world.cut.clear()
    // It opens and closes others meanwhile, and tells everything anew.
    for (let n = 0; n < 5; n++) {
      world.open(a, `${name}.${n}`)
      world.advance(500)
      a.node.closeMeeting(`${name}.${n}`, a.now)
    }
    world.advance(1_000)
    world.answers(a)
    expect([find(world, a, name), world.whereIs(name)]).toEqual(['n2', ['n2']])
  })

  it('4: seven minutes without the bus end nothing, and all is whole two seconds later (livekit#4663)', () => {
    const { world, name } = opened({ frameRate: 1 })
    const [a, b] = three(world)
    const ann = client(a, 'ann')
    a.seat(ann, name)
    for (const h of world.nodes) world.bus.cut(h.node.incarnation)
    const before = a.node.meeting(name)?.frame ?? 0
    const minutes = 7
    pass(world, minutes * 60_000, ann)
    expect(a.node.meeting(name)?.frame).toBe(before + minutes * 60)
    for (const h of world.nodes) expect(h.node.cluster?.peers).toHaveLength(2)
    for (const h of world.nodes) world.bus.restore(h.node.incarnation)
    world.advance(2_000)
    const bob = client(b, 'bob')
    bob.join(name)
    world.advance(500)
    expect(bob.all('joined')).toHaveLength(1)
    world.open(b, `${name}.new`)
    world.settle()
    expect(world.answers(b)).toEqual(['new on n2'])
  })

  it('5: the last member of one node who leaves ends the room for nobody else (livekit#4316)', () => {
    const { world, name } = opened({ frameRate: 10, ttlMs: 1_000 })
    const [a, b, c] = three(world)
    const [bob, cid] = [client(b, 'bob'), client(c, 'cid')]
    for (const peer of [bob, cid]) peer.join(name)
    world.advance(500)
    const log = bob.all('joined')[0]?.log ?? 0
    bob.send({ type: 'leave', call: bob.call(), log })
    pass(world, 20_000, cid)
    expect(a.node.meeting(name)?.members.map(({ user }) => user)).toEqual(['cid'])
    expect(framesOf(cid.heard).length).toBeGreaterThan(190)
    expect(cid.all('ended')).toEqual([])
  })

  it('6: a registrar that ends between its grant and the start leaves one room (orleans#10082)', () => {
    for (const isProof of [true, false]) {
      const world = settled(4)
      const [a, b, c] = three(world)
      const name = world.nameOf(c)
      world.cut.add(way(c, a))
      world.open(a, name)
      world.settle()
      world.kill(c, isProof)
      for (const { node } of [a, b, world.nodes[3] as Harness])
        if (!isProof) node.inlet.gone(c.node.incarnation, world.now)
      world.open(b, name)
      world.advance(2_000)
      const answers = [...world.answers(a), ...world.answers(b)]
      const [owner = ''] = world.whereIs(name)
      expect(world.whereIs(name)).toHaveLength(1)
      expect(new Set(answers)).toEqual(new Set([owner, `new on ${owner}`]))
    }
  })

  it('7: a peer that is dead is not tried again and again (orleans#10261)', () => {
    const { world, name } = opened({ frameRate: 10 })
    const [a, b, c] = three(world)
    for (const h of [a, b, c]) client(h, `at ${h.node.id}`).join(name)
    world.advance(1_000)
    const bytes = (): number =>
      [a, b].reduce(
        (sum, h) => sum + [...(world.sent.get(h) ?? [])].reduce((all, [, size]) => all + size, 0),
        0,
      )
    world.kill(c, false)
    world.advance(10_000)
    // One packet with each beat of its link, and nothing else while it is merely silent: less than 2 KiB a second.
    const before = bytes()
    world.advance(10_000)
    const perSecond = (bytes() - before) / 10
    for (const h of [a, b]) h.node.inlet.gone(c.node.incarnation, world.now)
    world.advance(1_000)
    const after = bytes()
    world.advance(10_000)
    expect(perSecond).toBeLessThan((bytes() - after) / 10 + 2_048)
    expect([a, b].map(({ node }) => node.peering?.links.bytes)).toEqual([0, 0])
  })

  it('8: inputs in each millisecond of a hand-over are in one frame each, in order (akka.net#8501)', () => {
    const { world, name } = opened({ frameRate: 20, inputsPerSecond: 10_000, inputBurst: 1_000 })
    const [a, b, c] = three(world)
    const players = [client(a, 'ann'), client(b, 'bob'), client(c, 'cid')]
    for (const player of players) player.join(name)
    world.advance(500)
    const logs = players.map((player) => player.all('joined')[0]?.log ?? 0)
    for (let ms = 1; ms <= 300; ms++) {
      if (ms === 50) a.node.drain(world.now, world.now + 10_000)
      // Its own client is sent elsewhere in time.
      players.slice(1).forEach((player, at) => player.input(logs[at + 1] ?? 0, ms, text(`${ms}`)))
      world.advance(1)
    }
    world.advance(2_000)
    expect(world.whereIs(name)).not.toContain('n1')
    for (const player of players.slice(1)) {
      const refused = player.all('nack').map(({ seq }) => seq)
      for (const slot of [1, 2]) {
        const framed = inputsOf(player).flatMap((input) =>
          input.startsWith(`${slot} `) ? [Number(input.slice(2))] : [],
        )
        expect(framed).toEqual([...new Set(framed)].toSorted((one, other) => one - other))
        if (player === players[slot]) expect([...framed, ...refused].length).toBe(300)
      }
    }
  })

  it.each([2, 3])(
    '10: of %i owners of one name one is left, and all members are there (syn#44, horde#186)',
    (count) => {
      const world = settled(5)
      const [a, b, c, d, e] = world.nodes as [Harness, Harness, Harness, Harness, Harness]
      const name = world.nameOf(c)
      const owners = [a, b, d].slice(0, count)
      const members: Roamer[] = []
      const mends: (() => void)[] = []
      owners.forEach((owner, at) => {
        world.open(owner, name, { frameRate: 10 })
        world.advance(500)
        expect(world.answers(owner)).toEqual([`new on ${owner.node.id}`])
        for (let n = 0; n <= at; n++) {
          const member = new Roamer(world, `${owner.node.id} ${n}`, owner)
          member.join(name)
          members.push(member)
        }
        roam(world, members, 500)
        if (at === count - 1) return
        // It is cut off, and forgotten in a new view once it has been silent for long.
        mends.push(isolate(world, owner))
        world.kill(at === 0 ? e : world.start(), true)
        roam(world, members, 4_000)
      })
      const worlds = owners.map(({ node }) => node.meeting(name)?.epoch)
      expect(new Set(worlds).size).toBe(count)
      for (const mend of mends) mend()
      roam(world, members, 6_000)
      // Most members were present there.
      const last = owners.at(-1) as Harness
      expect(world.whereIs(name)).toEqual([last.node.id])
      expect(members.map((member) => member.seat(name)?.world)).toEqual(members.map(() => worlds.at(-1)))
      expect(last.node.meeting(name)?.members.filter(({ away }) => !away)).toHaveLength(members.length)
      for (const member of members) expect(member.heard).toEqual([])
      const heads = members.map((member) => member.frames.get(name)?.at(-1) ?? 0)
      expect(Math.max(...heads) - Math.min(...heads)).toBeLessThan(3)
    },
  )

  it('11: a node that was replaced haunts no presence (phoenix_pubsub#136, phoenix#2255)', () => {
    for (const hasProof of [true, false]) {
      const world = settled(3)
      const [, b, c] = three(world)
      client(b, 'ann')
      world.advance(500)
      world.kill(b, hasProof)
      const anew = world.start('n2')
      world.advance(6_000)
      const homes = [three(world)[0], c, anew]
      const home = homes.find(({ node }) => node.incarnation === c.node.peering?.homeOf('ann'))
      expect(home?.node.peering?.whereabouts('ann')).toEqual({ isComplete: true, places: [] })
      for (const { node } of homes) expect(node.cluster?.peers).toHaveLength(2)
    }
  })

  it('12: nobody stays connected through a replica to an owner that is dead (rivet actors#3040)', () => {
    const { world, name } = opened({ frameRate: 10 })
    const [a, b] = three(world)
    const bob = client(b, 'bob')
    bob.join(name)
    world.advance(500)
    world.kill(a, true)
    world.advance(1_000)
    expect(bob.closed).toBe(4452)
    // Where the owner is only silent, whoever asks is not kept waiting for long.
    const { world: other, name: silent } = opened()
    const [owner, node] = three(other)
    other.kill(owner, false)
    const cat = client(node, 'cat')
    cat.join(silent)
    other.advance(6_000)
    expect(cat.all('failed')).toMatchObject([{ error: 'BUSY' }])
  })

  it('12: a position in a room that was opened anew on another node is not continued (centrifuge-go#160)', () => {
    const { world, name } = opened({ frameRate: 10 })
    const [a, b, c] = three(world)
    const bob = client(b, 'bob')
    bob.join(name)
    world.advance(1_000)
    const [old] = bob.all('joined')
    a.node.closeMeeting(name, a.now)
    world.settle()
    world.open(c, name, { frameRate: 10 })
    world.advance(100)
    const from = bob.heard.length
    bob.join(name, { world: old?.world ?? 0, next: 2 })
    world.advance(1_000)
    const joined = bob.heard.slice(from).find((message) => message.type === 'joined')
    expect(joined).toMatchObject({ recovered: false, reason: 'NEW_EPOCH' })
    expect(framesOf(bob.heard.slice(from))[0]?.number).toBe(1)
  })
})
