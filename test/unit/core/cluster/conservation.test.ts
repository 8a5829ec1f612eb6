import { expect, it } from 'vitest'
import { Random } from '../../../../src/testing/index.ts'
import { bytes, type Harness, type Peer, text, wish } from '../harness.ts'
import { settled } from './world.ts'

/** What one node still has of others, of users and of meetings; nothing of it is to be left when everybody has gone. */
function left({ node }: Harness): Record<string, unknown> {
  const names = [
    'mesh',
    'grace',
    'link',
    'claim',
    'question',
    'search',
    'catchUp',
    'digest',
    'frame',
    'ttl',
    'reveal',
  ]
  return {
    mesh: node.peering?.mesh.size,
    links: node.peering?.links.bytes,
    questions: node.peering?.questions.size,
    homes: node.peering?.homes.size,
    names: node.cluster?.remembered,
    meetings: node.logs.of.meeting,
    users: node.logs.of.user,
    timers: [...node.timersByName.keys()].filter((name) => names.includes(name)),
    isBusy: node.deadline(0) <= 0,
  }
}

const nothing = {
  mesh: { replicas: 0, members: 0, hosted: { replicas: 0, members: 0 } },
  links: 0,
  questions: 0,
  homes: 0,
  names: 0,
  meetings: 0,
  users: 0,
  timers: [],
  isBusy: false,
}

const ROOMS = ['r1', 'r2', 'r3', 'r4']

it.each([1, 2, 3])('Nothing is left on any node when everybody has gone (seed %i)', (seed) => {
  const random = new Random(seed)
  const world = settled(3, {
    sessionKeepMs: 5_000,
    linkBytes: 60_000,
    linkWindow: 10_000,
    catchUpBytes: 20_000,
  })
  const peers = new Set<Peer>()
  const node = (): Harness => random.pick(world.nodes)
  const acts: (() => void)[] = [
    () => world.open(node(), random.pick(ROOMS), { frameRate: 20, ttlMs: 2_000, inputsPerSecond: 100 }),
    () => node().node.closeMeeting(random.pick(ROOMS), world.now),
    () => void peers.add(node().connect(`u${random.int(1, 4)}`, { window: 0 })),
    () => {
      const room = random.pick([...ROOMS, 'nowhere', world.nodes[0]?.node.nameMeeting() ?? ''])
      if (peers.size > 0) random.pick([...peers]).join(room, { spectator: random.chance(0.5) })
    },
    () => {
      const peer = random.pick([...peers, null])
      for (const { log } of peer?.all('joined') ?? []) peer?.input(log, random.int(1, 50), bytes(200))
    },
    () => {
      const peer = random.pick([...peers, null])
      const topics = Array.from({ length: random.int(1, 3) }, () => wish(`t${random.int(1, 4)}`))
      peer?.send({ type: 'subscribe', call: random.int(1_000, 2 ** 30), topics })
    },
    () =>
      node().node.publish(
        `t${random.int(1, 4)}`,
        text('x'.repeat(random.int(1, 500))),
        'k',
        false,
        world.now,
      ),
    () => {
      const [a, b] = [node(), node()]
      const question = { user: 'u1', name: 'n', data: text('x') }
      if (a !== b)
        a.node.peering?.questions.ask([b.node.incarnation], 'push', question, world.now + 2_000, () => {})
    },
    () => {
      const [a, b] = [node(), node()]
      if (a !== b) world.cut.add(`${a.node.incarnation} ${b.node.incarnation}`)
    },
    () => world.cut.clear(),
    () => world.cut.clear(),
    () => {
      const peer = random.pick([...peers, null])
      if (peer === null) return
      peers.delete(peer)
      if (peer.closed === null) peer.hangUp(random.chance(0.5))
    },
  ]
  let replicas = 0
  // What is joined has to be open and somebody has to be there, more often than not.
  acts.push(...acts.slice(0, 1), ...acts.slice(2, 6), ...acts.slice(2, 5))
  for (let n = 0; n < 300; n++) {
    random.pick(acts)()
    for (const each of world.nodes) replicas += each.node.peering?.mesh.size.replicas ?? 0
    world.advance(random.int(0, 300))
    for (const peer of peers) if (peer.closed !== null) peers.delete(peer)
  }
  expect(replicas).toBeGreaterThan(100)
  world.cut.clear()
  for (const peer of peers) peer.hangUp(true)
  world.advance(30_000)
  for (const room of ROOMS) for (const each of world.nodes) each.node.closeMeeting(room, each.now)
  world.advance(10_000)
  expect(world.nodes.map(left)).toEqual([nothing, nothing, nothing])
})
