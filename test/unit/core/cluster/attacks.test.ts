import { describe, expect, it } from 'vitest'
import type { Cluster } from '../../../../src/core/cluster/cluster.ts'
import { costs } from '../../../../src/core/ground/work.ts'
import { keptOf, type Want } from '../../../../src/core/topic/kept.ts'
import type { Topic } from '../../../../src/core/topic/topic.ts'
import type { MessageOf } from '../../../../src/protocol/index.ts'
import { bytes, type Harness, type Peer, wish } from '../harness.ts'
import { topicOf } from '../topic-rig.ts'
import { Rogue } from './rogue.ts'
import { heard } from './topic-readers.ts'
import { settled, type World } from './world.ts'

/*
 * What a client with a ticket, or a node that is broken, may do to the others: each was tried first on code that did
 * not hold it back.
 */

type Pair = readonly [Harness, Harness]

const client = (h: Harness, user: string): Peer => h.connect(user, { window: 0 })

/** Two nodes, and a meeting on the first, whose name one of them remembers. */
function meeting(
  parts: Parameters<World['open']>[2] = {},
  limits: Parameters<typeof settled>[1] = {},
  registrar: 0 | 1 = 0,
) {
  const world = settled(2, limits)
  const [a, b] = world.nodes as unknown as Pair
  const name = world.nameOf(world.nodes[registrar] as Harness)
  world.open(a, name, { frameRate: 20, inputsPerSecond: 1_000, ...parts })
  world.settle()
  expect(world.answers(a)).toEqual(['new on n1'])
  return { world, a, b, name }
}

/** Joins and returns the number of the log. */
function join(world: World, peer: Peer, name: string, spectator = false): number {
  peer.join(name, { spectator })
  world.settle()
  const joined = peer.all('joined').at(-1)
  if (joined === undefined) throw new Error('not joined')
  return joined.log
}

/** What one node says no longer arrives at another. */
function deafen(world: World, from: Harness, to: Harness): void {
  world.cut.add(`${from.node.incarnation} ${to.node.incarnation}`)
}

describe('A user who watches many meetings of another node', () => {
  it('has few of their frames where these take long, and one that somebody else watches has all of them', () => {
    const world = settled(2)
    const [a, b] = world.nodes as unknown as Pair
    const names = Array.from({ length: 40 }, (_, n) => `m${n}`)
    const sealed = new Map<string, number>()
    for (const name of names)
      world.open(
        a,
        name,
        { frameRate: 10 },
        {
          frame: () => {
            a.hookTime += 4e6
            sealed.set(name, (sealed.get(name) ?? 0) + 1)
          },
        },
      )
    const [eve, ann] = [client(b, 'eve'), client(b, 'ann')]
    for (const name of names) join(world, eve, name, true)
    join(world, ann, 'm39', true)
    sealed.clear()
    for (const until = world.now + 10_000; world.now < until;) {
      // Each sweep takes as long as its hooks, and 20 ms more.
      const before = a.hookTime
      for (const { node } of [a, b]) node.sweep(world.now)
      world.bus.deliver()
      world.now += 20 + (a.hookTime - before) / 1e6
      a.now = b.now = world.now
    }
    expect(sealed.get('m39')).toBeGreaterThan(80)
    expect(Math.max(...names.slice(0, -1).map((name) => sealed.get(name) ?? 0))).toBeLessThan(30)
    expect(Math.min(...names.map((name) => sealed.get(name) ?? 0))).toBeGreaterThan(2)
  })
})

describe('A member whose inputs have to go to another node', () => {
  it('cannot make its node hold inputs that are larger than the meeting takes', () => {
    const { world, a, b, name } = meeting()
    const bob = client(b, 'bob')
    const log = join(world, bob, name)
    deafen(world, a, b)
    const before = b.node.logs.of.user
    for (let seq = 1; seq <= 40; seq++) {
      bob.input(log, seq, bytes(32_000))
      world.settle()
    }
    expect(bob.all('nack').map(({ error }) => error)).toEqual(Array.from({ length: 40 }, () => 'TOO_LARGE'))
    expect(b.node.logs.of.user - before).toBeLessThan(40_000)
    expect(b.node.peering?.links.bytes).toBe(0)
  })

  it('breaks no link by leaving while the other node does not answer', () => {
    const { world, a, b, name } = meeting(
      { capacity: 100, inputBytes: 4_096 },
      { linkBytes: 1_000_000, linkWindow: 50_000 },
    )
    const peers = Array.from({ length: 20 }, (_, n) => client(b, `u${n}`))
    const logs = peers.map((peer) => join(world, peer, name))
    deafen(world, a, b)
    for (const [n, peer] of peers.entries()) {
      for (let seq = 1; seq <= 20; seq++) peer.input(logs[n] as number, seq, bytes(4_000))
      world.settle()
    }
    for (const peer of peers) peer.hangUp(true)
    world.settle()
    expect(b.node.stats.linksBroken).toBe(0)
    expect(b.node.peering?.links.bytes).toBeLessThan(600_000)
    world.cut.clear()
    world.advance(30_000)
    expect(a.node.meeting(name)?.members).toEqual([])
    expect(b.node.peering?.links.bytes).toBe(0)
    expect(b.node.logs.of.user).toBe(0)
  })

  it('acknowledges no frame that there is not, also where its node goes on with the meeting', () => {
    const { world, a, b, name } = meeting()
    join(world, client(a, 'ann'), name)
    const eve = client(b, 'eve')
    const log = join(world, eve, name)
    const acknowledge = (frame: number): void =>
      eve.send({ type: 'ack', bytes: 0, received: 0, seen: [{ log, frame }] })
    acknowledge(Number.MAX_SAFE_INTEGER)
    world.advance(500)
    a.node.peering?.mesh.handover.begin(world.now)
    world.advance(500)
    expect(world.whereIs(name)).toEqual(['n2'])
    expect(b.node.meeting(name)?.stable).toBeLessThan(3)
    acknowledge(10)
    world.advance(100)
    expect(b.node.meeting(name)?.stable).toBe(10)
  })

  it('fills no link with acknowledgements that nobody takes, and the last ones arrive', () => {
    const { world, a, b, name } = meeting({}, { linkWindow: 5_000 })
    const bob = client(b, 'bob')
    const log = join(world, bob, name)
    world.advance(1_000)
    deafen(world, a, b)
    for (let frame = 1; frame <= 1_000; frame++) {
      bob.send({ type: 'ack', bytes: 0, received: 0, seen: [{ log, frame }] })
      b.settle()
    }
    expect(b.node.peering?.links.bytes).toBeLessThan(6_000)
    world.cut.clear()
    world.advance(3_000)
    expect(a.node.meeting(name)?.stable).toBeGreaterThanOrEqual(20)
  })
})

describe('A replica that has ended', () => {
  it('is known to have, though the other node was slow to learn that it had begun', () => {
    const { world, a, b, name } = meeting({ ttlMs: 40_000 }, {}, 1)
    deafen(world, b, a)
    const bob = client(b, 'bob')
    bob.join(name, { spectator: true })
    world.advance(20_000)
    expect(b.node.peering?.mesh.size.replicas).toBe(0)
    world.cut.clear()
    world.advance(3_000)
    expect(a.node.peering?.mesh.size.hosted.replicas).toBe(0)
    world.advance(60_000)
    expect(a.node.meeting(name)).toBeUndefined()
  })

  it('is known to have where the meeting is another one by now, which ends when nobody is there', () => {
    const { world, a, b, name } = meeting({}, { linkBytes: 100_000 })
    const bob = client(b, 'bob')
    join(world, bob, name, true)
    world.advance(200)
    deafen(world, a, b)
    a.node.closeMeeting(name, a.now)
    a.node.peering?.links.send(b.node.incarnation, new Uint8Array(200_000))
    world.open(a, name, { frameRate: 20, ttlMs: 10_000 })
    world.settle()
    world.cut.clear()
    world.advance(3_000)
    expect(bob.all('ended')).toHaveLength(1)
    expect(b.node.peering?.mesh.size.replicas).toBe(0)
    expect(a.node.peering?.mesh.size.hosted.replicas).toBe(0)
    world.advance(30_000)
    expect(a.node.meeting(name)).toBeUndefined()
  })
})

describe('A reader that comes and goes', () => {
  it('costs the other nodes no walk through topics of which it has everything', () => {
    const topic = topicOf(Array.from({ length: 300 }, (_, n) => ({ number: n + 1, key: `k${n}` })))
    let looked = 0
    const counted = {
      isEmpty: false,
      first: topic.first,
      next: topic.next,
      positionAt: (at: number) => topic.positionAt(at),
      *kept(position: number) {
        for (const each of topic.kept(position)) {
          looked++
          yield each
        }
      },
    } as unknown as Topic
    const ask = (want: Want, most = 1_000_000): ReturnType<typeof keptOf> =>
      keptOf(
        [want],
        () => counted,
        () => true,
        most,
      )
    const seen = [{ source: 1, number: 300 }]
    expect(ask({ topic: 't', from: 0, heads: seen })).toEqual([{ entries: [], next: 0, heads: seen }])
    expect(looked).toBe(0)
    const nearly = [{ source: 1, number: 299 }]
    expect(ask({ topic: 't', from: 0, heads: nearly })[0]?.entries).toHaveLength(1)
    expect(looked).toBe(300)
    // What is looked at has its place in the answer, so one question does not take for ever.
    looked = 0
    const [first] = ask({ topic: 't', from: 0, heads: nearly }, 1_600)
    expect(first).toMatchObject({ entries: [], heads: [] })
    expect(looked).toBeLessThan(110)
    expect(ask({ topic: 't', from: first?.next ?? 0, heads: nearly })[0]?.entries).toHaveLength(1)
  })
})

describe('A SUBSCRIBE to several topics that nobody has read on its node', () => {
  it('misses nothing of one that was told while it waits for another', () => {
    const world = settled(2)
    const [a, b] = world.nodes as unknown as Pair
    for (let n = 0; n < 40; n++) a.publish('large', 'x'.repeat(30_000), `k${n}`)
    world.settle()
    const ann = client(b, 'ann')
    ann.send({ type: 'subscribe', call: 50, topics: [wish('t'), wish('large')] })
    for (let n = 0; ann.all('subscribed').length === 0; n++) {
      for (const h of world.living) h.settle()
      world.bus.deliver()
      if (n === 6) a.publish('t', '1', 'x')
      expect(n).toBeLessThan(100)
    }
    world.settle()
    expect(heard(ann).filter((each) => each.startsWith('x'))).toEqual(['x=1'])
  })
})

describe('A node that the others count as ended though it lives', () => {
  it('is told so, as it is its turn to begin anew; one that has ended is told nothing', () => {
    const world = settled(3)
    const [a, b, c] = world.nodes as [Harness, Harness, Harness]
    a.node.inlet.gone(c.node.incarnation, world.now)
    world.advance(2_000)
    expect(b.node.cluster?.peers).toHaveLength(1)
    expect([a, b, c].map(({ watch }) => watch.expulsions > 0)).toEqual([false, false, true])
    world.leave(c)
    const { expulsions } = c.watch
    world.advance(2_000)
    expect(c.watch.expulsions).toBe(expulsions)
  })
})

describe('A spectator of a meeting with a long history on another node', () => {
  it('pays for what its node fetches, and waits before it may make it fetch more', () => {
    const limits = { workMsPerUserPerSecond: 1, userBurstSeconds: 1 }
    const { world, a, b, name } = meeting({ frameRate: 0, inputBytes: 4_096 }, limits)
    const ann = client(a, 'ann')
    const log = join(world, ann, name)
    for (let seq = 1; seq <= 300; seq++) {
      ann.input(log, seq, bytes(4_000))
      world.advance(50)
    }
    const eve = client(b, 'eve')
    join(world, eve, name, true)
    eve.join('another')
    world.settle()
    expect(eve.all('failed')).toMatchObject([{ error: 'RATE' }])
    expect(eve.all('failed')[0]?.retryAfter).toBeGreaterThan(2_000)
  })
})

describe('A crowd that waits for the same answer of other nodes', () => {
  /** How many at a time were served in the sweeps of a node, while messages arrive. */
  const served = (world: World, h: Harness, count: () => number): number[] => {
    const seen: number[] = []
    const note = (act: () => void): void => {
      const before = count()
      act()
      if (count() > before) seen.push(count() - before)
    }
    for (let round = 0; round < 20; round++) {
      for (const other of world.living)
        while (other.node.deadline(other.now) <= other.now)
          if (other === h) note(() => h.sweep())
          else other.sweep()
      note(() => world.bus.deliver())
    }
    return seen
  }

  it('gets a few of its subscriptions in each sweep', () => {
    const world = settled(2, { sweepWork: 10 * costs.subscription })
    const [, b] = world.nodes as unknown as Pair
    const peers = Array.from({ length: 50 }, (_, n) => client(b, `u${n}`))
    for (const peer of peers) peer.subscribe('t')
    const seen = served(world, b, () => b.node.subscribers('t'))
    expect(b.node.subscribers('t')).toBe(50)
    expect(Math.max(...seen)).toBeLessThanOrEqual(10)
    for (const peer of peers) peer.hangUp(true)
    world.advance(1_000)
    expect(b.node.logs.of.user).toBe(0)
  })

  it('gets a few of its seats in each sweep', () => {
    const { world, a, b, name } = meeting({}, { sweepWork: 20 * costs.seat }, 1)
    world.advance(1_000)
    deafen(world, a, b)
    const peers = Array.from({ length: 50 }, (_, n) => client(b, `u${n}`))
    for (const peer of peers) peer.join(name, { spectator: true })
    world.settle()
    world.cut.clear()
    const joined = (): number => peers.filter((peer) => peer.connection.session?.seats.size === 1).length
    const seen: number[] = []
    for (let ms = 0; ms < 3_000; ms += 100) {
      seen.push(...served(world, b, joined))
      world.now += 100
      for (const h of world.living) h.now = world.now
    }
    expect([joined(), peers[0]?.all('failed')]).toEqual([50, []])
    expect(Math.max(...seen)).toBeLessThanOrEqual(10)
    expect(a.node.meeting(name)?.spectators).toBe(50)
  })
})

describe('A user who has other nodes asked for a long history', () => {
  it('pays for it, though the session that asked has left before it came', () => {
    const limits = { workMsPerUserPerSecond: 1, userBurstSeconds: 1 }
    const { world, a, b, name } = meeting({ frameRate: 0, inputBytes: 4_096 }, limits, 1)
    const ann = client(a, 'ann')
    const log = join(world, ann, name)
    for (let seq = 1; seq <= 300; seq++) {
      ann.input(log, seq, bytes(4_000))
      world.advance(50)
    }
    const eve = client(b, 'eve')
    eve.join(name, { spectator: true })
    for (const h of [b, a, b]) {
      h.settle()
      world.bus.deliver()
    }
    eve.hangUp(true)
    world.settle()
    const again = client(b, 'eve')
    again.join('another')
    world.settle()
    expect(again.all('failed')).toMatchObject([{ error: 'RATE' }])
    // The frames that come later are for all who read them.
    const bob = client(b, 'bob')
    join(world, bob, name, true)
    for (let seq = 301; seq <= 400; seq++) {
      ann.input(log, seq, bytes(4_000))
      world.advance(50)
    }
    bob.join('another')
    world.settle()
    expect(bob.all('failed')).toMatchObject([{ error: 'NOT_FOUND' }])
  })
})

describe('A node of the cluster that is broken', () => {
  it('leaves nothing behind that it says after its end was proven', () => {
    const { world, a, b, name } = meeting()
    const rogue = new Rogue(world)
    rogue.meet()
    const follow = { type: 'follow', meeting: name, world: 0, next: 1, readers: 1, spectators: 1 } as const
    rogue.mesh(a, { ...follow, replica: 5 })
    expect(a.node.meeting(name)?.spectators).toBe(1)
    for (const { node } of [a, b]) node.inlet.gone(rogue.incarnation, world.now)
    rogue.links.gone(a.node.incarnation)
    rogue.mesh(a, { ...follow, replica: 6 })
    world.advance(b.limits.sessionKeepMs + 1_000)
    expect(a.node.peering?.mesh.size.hosted.replicas).toBe(0)
    expect(a.node.meeting(name)?.spectators).toBe(0)
    expect(a.node.timersByName.has('link')).toBe(false)
  })

  it('has one replica of a meeting, however many it asks for, and frames for many others go out in turns', () => {
    const { world, a, name } = meeting()
    const rogue = new Rogue(world)
    rogue.meet()
    const follow = { type: 'follow', meeting: name, world: 0, next: 1, readers: 1, spectators: 1 } as const
    rogue.mesh(a, ...Array.from({ length: 500 }, (_, n) => ({ ...follow, replica: n + 1 })))
    expect(a.node.peering?.mesh.size.hosted.replicas).toBe(1)
    expect(a.node.meeting(name)?.spectators).toBe(1)
  })

  it('makes nobody meet any number of nodes that are not there', () => {
    const world = settled(2)
    const [a, b] = world.nodes as unknown as Pair
    const rogue = new Rogue(world)
    rogue.meet()
    const living = Array.from({ length: 3_000 }, (_, n) => ({
      node: 2 ** 42 + n,
      id: '',
      address: '',
      health: '',
    }))
    rogue.send(a, { type: 'introduction', isSettled: true, ended: [], living })
    world.bus.deliver()
    expect(a.node.cluster?.peers).toHaveLength(1_000)
    // What it has to tell all of them, it tells each once.
    expect(a.node.peering?.links.bytes).toBeLessThan(1_000_000)
    rogue.send(a, {
      type: 'introduction',
      isSettled: true,
      ended: living.map(({ node }) => node),
      living: [],
    })
    world.bus.deliver()
    expect(a.node.cluster?.peers).toHaveLength(2)
    world.settle()
    expect(a.node.peering?.links.bytes).toBeLessThan(10_000)
    expect(b.node.cluster?.peers).toHaveLength(2)
  })

  it('leaves terms to those that come after it, and gets no more names than are remembered for it', () => {
    const world = settled(1)
    const [a] = world.nodes as [Harness]
    const rogue = new Rogue(world)
    rogue.meet()
    const held = rogue.told.findLast(({ message }) => message.type === 'holds')?.message
    const { view = 0, round = 0 } = held?.type === 'holds' ? held : {}
    const parts = { view, round: 1, echo: round, isFirst: true, isLast: true, claimed: 0, holdings: [] }
    rogue.send(a, { type: 'holds', ...parts, seq: 1, term: 2 ** 53 - 1 })
    world.settle()
    expect(a.node.stats.strangers).toBe(1)
    // The highest that can be read: terms go on above it.
    rogue.send(a, { type: 'holds', ...parts, seq: 1, term: 2 ** 52 })
    world.settle()
    expect(rogue.told.some(({ message }) => message.type === 'held')).toBe(true)
    // The node that is broken is a registrar as well.
    const { nodes } = a.node.cluster as Cluster
    let n = 0
    while (nodes.registrarOf(`r${n}`) !== a.node.incarnation) n++
    world.open(a, `r${n}`)
    world.settle()
    expect(world.answers(a)).toEqual(['new on n1'])
  })

  it('does not make a silent node heard by speaking of it', () => {
    const world = settled(3)
    const [a, b, c] = world.nodes as [Harness, Harness, Harness]
    world.kill(c, false)
    world.advance(4_000)
    expect(a.node.cluster?.isSilent(c.node.incarnation)).toBe(true)
    const rogue = new Rogue(world)
    rogue.meet()
    const silent = { node: c.node.incarnation, id: 'n3', address: '', health: '' }
    rogue.send(a, { type: 'introduction', isSettled: true, ended: [], living: [silent] })
    world.settle()
    expect(a.node.cluster?.isSilent(c.node.incarnation)).toBe(true)
    expect(b.node.cluster?.isSilent(c.node.incarnation)).toBe(true)
  })

  it('cannot fill a node with what it says it keeps of a topic, or publishes before it has said so', () => {
    const world = settled(2, { catchUpBytes: 100_000 })
    const [, b] = world.nodes as unknown as Pair
    const rogue = new Rogue(world)
    rogue.meet()
    const ann = client(b, 'ann')
    ann.subscribe('t')
    world.settle()
    rogue.carry()
    expect(ann.all('subscribed')).toEqual([])
    // It is asked, and answers without end.
    rogue.keep(b, 300, 1_000)
    expect(b.node.topic('t')?.publications).toBeGreaterThan(50)
    world.advance(400)
    expect(ann.all('subscribed')).toHaveLength(1)
  })
})

describe('A node that drains while nobody wants what it has', () => {
  it('looks at a few of its meetings at a time, and offers each of them again in the end', () => {
    const world = settled(2)
    const [a, b] = world.nodes as unknown as Pair
    b.application.adopt = () => null
    let looks = 0
    const metadata = {
      toJSON: () => {
        looks++
        return {}
      },
    }
    for (let n = 0; n < 600; n++)
      a.node.claimMeeting({ name: a.node.nameMeeting() }, {}, world.now, { kind: '', metadata, logic: null })
    world.settle()
    expect(a.node.meetingCount).toBe(600)
    looks = 0
    a.node.peering?.mesh.handover.begin(world.now)
    world.settle()
    expect(looks).toBeLessThan(5_000)
    world.advance(900)
    const { handoversRefused: refused } = a.node.stats
    expect(refused).toBeGreaterThanOrEqual(600)
    expect(looks).toBeLessThan(20_000)
    world.advance(2_000)
    expect(a.node.stats.handoversRefused).toBeGreaterThanOrEqual(refused + 600)
    b.application.adopt = ({ kind, metadata: given }) => ({ kind, metadata: given, logic: null })
    world.advance(5_000)
    expect([a.node.meetingCount, b.node.meetingCount]).toEqual([0, 600])
  })
})

describe('A client that says it holds frames which nobody has sealed', () => {
  it('reads from the first one, like any other, and is written to no more than that', () => {
    const { world, a, name } = meeting()
    const ann = client(a, 'ann')
    join(world, ann, name)
    world.advance(500)
    const joined = ann.all('joined').at(-1) as MessageOf<'joined'>
    const holding = { slot: 0, elected: 1, term: 2 ** 40, incarnation: 1, seen: 0, stable: 2 ** 50 }
    const held = [{ ...holding, promisedTerm: 0, promisedIncarnation: 0 }]
    const eve = client(a, 'eve')
    const before = a.node.stats.bytesOut
    eve.join(name, { world: joined.world, next: 2 ** 52, held })
    world.settle()
    expect(eve.all('joined')).toMatchObject([{ reason: 'PROTOCOL', next: 1, recovered: false }])
    expect(a.node.stats.bytesOut - before).toBeLessThan(2_000)
  })
})
