import { describe, expect, it } from 'vitest'
import type { MeetingLogic } from '../../../../src/core/index.ts'
import type { SeatMachine } from '../../../../src/client/machine/index.ts'
import { closeCodes } from '../../../../src/protocol/index.ts'
import { LINK } from '../../../../src/core/cluster/links.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import { bytes, type Harness, type Peer, text, textOf } from '../harness.ts'
import { rest, roam, Roamer } from './roamer.ts'
import { settled, type World } from './world.ts'

const nodesOf = (world: World): [a: Harness, b: Harness, c: Harness] =>
  world.nodes as [Harness, Harness, Harness]

const sessions = (world: World): number[] => world.living.map(({ node }) => node.sessions)

/** The session of a client, as its next node is to find it. */
function comesTo(client: Roamer, h: Harness): void {
  client.leads = () => h
}

/** The session of a client goes to a node, and back to another one before it is welcomed there. */
function comesAndGoesBack(world: World, client: Roamer, h: Harness, back: Harness): void {
  comesTo(client, h)
  for (let n = 0; h.node.stats.sessionsTaken === 0; n++) {
    expect(n).toBeLessThan(1_000)
    roam(world, [client], 5)
  }
  client.cut()
  comesTo(client, back)
  rest(world, [client], 2_000)
}

describe('A session', () => {
  it('goes on at another node: pushes that were not acknowledged, calls and id', () => {
    const world = settled(3)
    const [a, b] = nodesOf(world)
    const ann = new Roamer(world, 'ann', a)
    roam(world, [ann], 100)
    const { id } = ann.session
    a.node.push('ann', 'one', text('1'))
    roam(world, [ann], 100)
    ann.cut()
    a.node.push('ann', 'two', text('2'))
    a.node.push('ann', 'three', text('3'))
    comesTo(ann, b)
    rest(world, [ann], 3_000)
    expect(ann.nodes).toEqual(['n1', 'n2'])
    expect(ann.heard).toEqual(['push one', 'push two', 'push three'])
    expect(ann.resumes).toEqual([true])
    expect(ann.session.id).toBe(id)
    expect(sessions(world)).toEqual([0, 1, 0])
    expect([a.node.stats.sessionsGiven, b.node.stats.sessionsTaken]).toEqual([1, 1])
    // What is pushed later reaches it once, and comes from the node where it is now.
    a.node.push('ann', 'lost', text('4'))
    expect(b.node.push('ann', 'four', text('5'))).toBe(1)
    roam(world, [ann], 100)
    expect(ann.heard.slice(3)).toEqual(['push four'])
  })

  it('gets the answers to requests that its last node was asked, and comes back to that node', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const ann = new Roamer(world, 'ann', a)
    roam(world, [ann], 100)
    ann.request('r1')
    roam(world, [ann], 50)
    const [request] = a.application.requests
    ann.cut()
    comesTo(ann, b)
    rest(world, [ann], 2_000)
    expect(ann.resumes).toEqual([true])
    if (request === undefined) throw new Error('not asked')
    a.node.handleReply(request, { ok: true, value: text('yes') }, a.now)
    roam(world, [ann], 100)
    expect(ann.ends.get('r1')).toBe(1)
    ann.cut()
    comesTo(ann, a)
    rest(world, [ann], 2_000)
    expect([ann.nodes, ann.resumes]).toEqual([
      ['n1', 'n2', 'n1'],
      [true, true],
    ])
    ann.request('r2')
    roam(world, [ann], 50)
    const [, second] = a.application.requests
    expect(second?.call).toBeGreaterThan(request.call)
    expect(sessions(world)).toEqual([1, 0])
  })

  it('knows its log numbers where it comes back before it was anywhere else, and not how its JOINs have ended', () => {
    for (const wants of [true, false]) {
      const world = settled(2)
      const [a, b] = nodesOf(world)
      world.open(a, 'm', { frameRate: 20 })
      world.settle()
      const ann = new Roamer(world, 'ann', a)
      roam(world, [ann], 100)
      ann.join('m')
      ann.step()
      ann.step()
      world.advance(5)
      // The answer is on its way to her.
      expect(a.node.meeting('m')?.members).toHaveLength(1)
      ann.cut()
      ann.machine.followers.leave(ann.seat('m') as SeatMachine)
      if (wants) ann.join('m')
      comesAndGoesBack(world, ann, b, a)
      roam(world, [ann], 200)
      expect([ann.nodes, ann.resumes]).toEqual([['n1', 'n1'], [true]])
      expect(ann.seat('m')?.log === 0).toBe(!wants)
      const members = wants ? [{ slot: 0, user: 'ann', away: false }] : []
      expect(a.node.meeting('m')?.members).toMatchObject(members)
    }
  })

  it('knows that an input was refused where it comes back before it was anywhere else, though not why', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const input: MeetingLogic['input'] = (_, __, data) =>
      textOf(data) === 'no' ? { code: 'FORBIDDEN', message: '', retryAfterMs: 0 } : data
    world.open(a, 'm', { frameRate: 20 }, { input })
    world.settle()
    const ann = new Roamer(world, 'ann', a)
    roam(world, [ann], 100)
    ann.join('m')
    roam(world, [ann], 100)
    ann.input('m', 'no')
    ann.step()
    ann.step()
    world.advance(5)
    // The refusal is on its way to her.
    expect([a.node.stats.inputsRefused.size, ann.ends.size]).toEqual([1, 0])
    ann.cut()
    comesAndGoesBack(world, ann, b, a)
    ann.input('m', 'yes')
    roam(world, [ann], 200)
    expect([ann.nodes, ann.resumes]).toEqual([['n1', 'n1'], [true]])
    expect(ann.ends.get('no')).toBe('UNKNOWN')
    expect(ann.inputs).toEqual(['yes'])
    expect(ann.seat('m')?.unanswered).toBe(0)
  })

  it('is another one where its node has ended, or nobody knows it, or it is another user’s', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    const ann = new Roamer(world, 'ann', a)
    roam(world, [ann], 100)
    const { id } = ann.session
    world.kill(a, true)
    comesTo(ann, b)
    rest(world, [ann], 6_000)
    expect(ann.resumes).toEqual([false])
    expect(ann.session.id).not.toBe(id)
    const bob = c.open()
    bob.hello('bob', { session: ann.session.id })
    c.authenticate()
    world.advance(2_000)
    expect(bob.take()).toMatchObject([{ type: 'welcome', resumed: false, reason: 'NOT_FOUND' }])
    expect(sessions(world)).toEqual([1, 1])
    roam(world, [ann], 500)
    expect(ann.phases.at(-1)).toBe('live')
  })

  it('keeps its seat: no frame is missed, no input doubled, what was said to it alone comes', () => {
    const world = settled(3)
    const [a, b] = nodesOf(world)
    world.open(a, 'm', { frameRate: 20 })
    world.open(a, 'other', { frameRate: 20 })
    world.settle()
    const ann = new Roamer(world, 'ann', a)
    ann.join('other')
    ann.join('m')
    roam(world, [ann], 500)
    let sent = 0
    roam(world, [ann], 300, (at) => {
      if (at % 50 === 0) ann.input('m', `i${++sent}`)
    })
    const slotOf = (name: string): number => a.node.meeting(name)?.members[0]?.slot ?? -1
    a.node.sendTo('m', slotOf('m'), text('heard'))
    roam(world, [ann], 50)
    expect(ann.direct).toEqual(['m: heard'])
    a.node.sendTo('m', slotOf('m'), text('to m'))
    ann.cut(true)
    a.node.sendTo('other', slotOf('other'), text('to other'))
    for (let n = 0; n < 5; n++) ann.input('m', `i${++sent}`)
    comesTo(ann, b)
    roam(world, [ann], 3_000)
    expect([ann.nodes, ann.resumes]).toEqual([['n1', 'n2'], [true]])
    for (const name of ['m', 'other']) {
      const frames = ann.frames.get(name) ?? []
      expect(frames).toEqual(Array.from({ length: frames.length }, (_, n) => (frames[0] ?? 0) + n))
      expect(frames.length).toBeGreaterThan(50)
    }
    expect(ann.gaps).toEqual([])
    expect(ann.inputs).toEqual(Array.from({ length: sent }, (_, n) => `i${n + 1}`))
    expect(ann.direct.toSorted()).toEqual(['m: heard', 'm: to m', 'other: to other'])
    expect(a.node.meeting('m')?.members).toMatchObject([{ slot: 0, user: 'ann', away: false }])
  })

  it('is charged to its user, and refused where there is no room for it', () => {
    const world = settled(2, { logBytes: 100_000 })
    const [a, b] = nodesOf(world)
    const ann = new Roamer(world, 'ann', a)
    roam(world, [ann], 100)
    ann.cut()
    for (let n = 0; n < 20; n++) a.node.push('ann', `p${n}`, text('x'.repeat(1_000)))
    comesTo(ann, b)
    let most = 0
    roam(world, [ann], 3_000, () => (most = Math.max(most, b.node.logs.of.user)))
    expect(ann.heard.length).toBe(20)
    expect(most).toBeGreaterThan(20_000)
    expect(a.node.logs.of.user).toBeLessThan(most - 20_000)
    rest(world, [ann], 120_000)
    ann.machine.close()
    rest(world, [ann], 1_000)
    expect([a.node.logs.of.user, b.node.logs.of.user]).toEqual([0, 0])
    expect([a.node.sessions, b.node.sessions]).toEqual([0, 0])
  })
})

describe('A client that comes to a node', () => {
  it('has its connection to the last one closed there, where that is open still', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const old = a.connect('ann')
    const peer = comesFor(b, 'ann', old.session)
    world.advance(500)
    expect(peer.all('welcome')).toMatchObject([{ resumed: true, session: old.session }])
    expect(old.closed).toBe(closeCodes.REPLACED)
    expect(sessions(world)).toEqual([0, 1])
  })
})

/** Sessions of so many users at a node that are away, each with so many bytes that their clients have yet to get. */
function away(world: World, h: Harness, users: number, size: number): string[] {
  return Array.from({ length: users }, (_, n) => {
    const peer = h.connect(`u${n}`)
    const { session } = peer
    for (let left = size; left > 0; left -= 30_000) h.node.push(`u${n}`, 'p', bytes(Math.min(left, 30_000)))
    peer.hangUp()
    world.settle()
    return session
  })
}

/** A client comes to a node and asks for a session. */
function comesFor(h: Harness, user: string, session: string): Peer {
  const peer = h.open()
  peer.hello(user, { session, window: 0 })
  return peer
}

describe('Sessions with much that was not acknowledged', () => {
  const limits = { linkBytes: 1_000_000, linkWindow: 100_000 }

  it('go one after the other where many are asked for at once: the link to the other node holds', () => {
    const world = settled(2, limits)
    const [a, b] = nodesOf(world)
    const ids = away(world, a, 60, 60_000)
    const peers = ids.map((id, n) => comesFor(b, `u${n}`, id))
    for (let ms = 0; ms < 400; ms += 10) world.advance(10)
    expect([a.node.stats.linksBroken, b.node.stats.linksBroken]).toEqual([0, 0])
    expect(peers.map((peer) => peer.all('welcome')[0]?.resumed)).toEqual(ids.map(() => true))
    expect(peers.map((peer) => peer.all('push').length)).toEqual(ids.map(() => 2))
    expect(sessions(world)).toEqual([0, 60])
  })

  it('stay where they are while the link takes nothing, and are given up by who has waited in vain', () => {
    const world = settled(2, limits)
    const [a, b] = nodesOf(world)
    const ids = away(world, a, 10, 60_000)
    // What the other node has of them is not confirmed.
    world.cut.add(`${b.node.incarnation} ${a.node.incarnation}`)
    a.node.peering?.links.send(b.node.incarnation, new Uint8Array(150_000))
    world.cut.clear()
    world.lostKinds.add(LINK)
    world.settle()
    world.lostKinds.clear()
    expect(a.node.peering?.links.isOpen(b.node.incarnation)).toBe(false)
    world.cut.add(`${a.node.incarnation} ${b.node.incarnation}`)
    const peers = ids.map((id, n) => comesFor(b, `u${n}`, id))
    world.settle()
    expect(sessions(world)[0]).toBe(10)
    world.advance(6_500)
    expect(peers.map((peer) => peer.all('welcome')[0]?.resumed)).toEqual(ids.map(() => false))
    expect(sessions(world)).toEqual([10, 10])
    world.cut.clear()
    world.advance(2_000)
    // Nobody wants them any more.
    expect(sessions(world)).toEqual([10, 10])
    expect(a.node.peering?.passing.hasWork).toBe(false)
  })

  it('are handed over by a node that drains as the link takes them', () => {
    const world = settled(2, limits)
    const [a, b] = nodesOf(world)
    const ids = away(world, a, 40, 60_000)
    world.advance(2_000)
    a.node.drain(a.now, a.now + 10_000)
    world.advance(9_000)
    expect(a.node.stats.linksBroken).toBe(0)
    expect(sessions(world)).toEqual([0, 40])
    expect(ids.every((id, n) => comesFor(b, `u${n}`, id).closed === null)).toBe(true)
    world.settle()
    expect(b.node.stats.sessionsResumed).toBe(40)
  })

  it('are paid for by their user, who waits before one goes on again', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const [id = ''] = away(world, a, 1, 900_000)
    const refused: Peer[] = []
    let refusedBy = a
    for (let n = 0; n < 200 && refused.length === 0; n++) {
      refusedBy = n % 2 === 0 ? b : a
      const peer = comesFor(refusedBy, 'u0', id)
      world.settle()
      if (peer.closed !== null) refused.push(peer)
    }
    // A user has half a second of work at once, at each of the nodes.
    expect(a.node.stats.sessionsTaken + b.node.stats.sessionsTaken).toBeLessThan(70)
    expect(refused[0]?.closed).toBe(4453)
    const [goodbye] = refused[0]?.all('goodbye') ?? []
    expect(goodbye?.retryAfter).toBeGreaterThan(0)
    expect(goodbye?.retryAfter).toBeLessThan(5_000)
    // Nothing is done for a client that has to wait: its session stays where it is.
    expect(refused[0]?.all('welcome')).toEqual([])
    expect(sessions(world)).toEqual(refusedBy === b ? [1, 0] : [0, 1])
    // There it goes on at once: nothing has to be fetched, though that node has had as much to do with it.
    const there = comesFor(refusedBy === b ? a : b, 'u0', id)
    world.settle()
    expect(there.all('welcome')).toMatchObject([{ resumed: true }])
    there.hangUp()
    // Others are not concerned, and the session is still there once the user has waited.
    expect(a.connect('ann').closed).toBeNull()
    world.advance(goodbye?.retryAfter ?? 0)
    const again = [a, b].map((h) => comesFor(h, 'u0', id))
    world.advance(100)
    expect(again.map((peer) => peer.all('welcome')[0]?.resumed)).toContain(true)
  })

  it('have room here for what was said to them alone, too, or end', () => {
    const world = settled(2, { logBytes: 100_000 })
    const [, b] = nodesOf(world)
    const said = [{ number: 1, meeting: 'm', data: bytes(30_000) }]
    const state = { id: 'x', user: 'ann', calls: 0, first: 1, entries: [], said }
    for (let n = 0; n < 6; n++) b.node.push('nobody', 'p', bytes(10))
    const taken: boolean[] = []
    for (let n = 0; n < 6; n++)
      b.node.peering?.passing.answerers.keep(
        { ...state, id: `x${n}` },
        (kept) => taken.push(kept === true),
        1,
        b.now,
      )
    expect(taken.filter((each) => each).length).toBeLessThan(4)
    expect(b.node.logs.of.user).toBeLessThan(130_000)
  })

  it('are not more than there can be connections, besides those of clients here', () => {
    const world = settled(2, { connections: 3 })
    const [, b] = nodesOf(world)
    const keep = (id: string): boolean => {
      let kept = false
      const state = { id, user: id, calls: 0, first: 1, entries: [], said: [] }
      b.node.peering?.passing.answerers.keep(state, (answer) => (kept = answer === true), 1, b.now)
      return kept
    }
    expect(Array.from({ length: 8 }, (_, n) => keep(`x${n}`)).filter((kept) => kept)).toHaveLength(6)
    world.advance(b.limits.sessionKeepMs + 1_000)
    expect(keep('y')).toBe(true)
  })
})

describe('A node that drains', () => {
  const drain = (h: Harness, ms = 10_000): void => h.node.drain(h.now, h.now + ms)

  it('has its clients move by themselves, their sessions with them: nobody is closed', () => {
    const world = settled(3, {}, 'members')
    const [a, b, c] = nodesOf(world)
    world.open(a, 'm', { frameRate: 20 })
    world.settle()
    const clients = Array.from({ length: 12 }, (_, n) => new Roamer(world, `u${n}`, a))
    clients.slice(0, 3).forEach((client) => client.join('m'))
    clients[3]?.join('m', true)
    roam(world, clients, 500)
    clients.forEach((_, n) => a.node.push(`u${n}`, 'before', text('1')))
    drain(a)
    roam(world, clients, 9_000)
    expect(a.node.draining).toMatchObject({ state: 'drained', progress: { sessions: 0, connections: 0 } })
    for (const client of clients) {
      expect(client.nodes.length).toBe(2)
      expect(client.phases).toEqual(['ticket', 'opening', 'greeting', 'live', 'greeting', 'live'])
      expect(client.resumes).toEqual([true])
      expect(client.heard).toEqual(['push before'])
      expect(client.gaps).toEqual([])
    }
    const owner = [b, c].find(({ node }) => node.meeting('m') !== undefined)
    for (const client of clients.slice(0, 4)) {
      expect(client.nodes[1]).toBe(owner?.node.id)
      const frames = client.frames.get('m') ?? []
      expect(frames).toEqual(Array.from({ length: frames.length }, (_, n) => (frames[0] ?? 0) + n))
    }
    // The others are spread.
    expect(Math.abs(b.node.connections - c.node.connections)).toBeLessThanOrEqual(5)
    expect(a.node.stats.moves.get('asked')).toBe(12)
  })

  it('closes those that cannot move, and hands over the sessions of those that are away', () => {
    const world = settled(3)
    const [a, b] = nodesOf(world)
    const ann = new Roamer(world, 'ann', a)
    const bob = new Roamer(world, 'bob', a)
    roam(world, [ann, bob], 100)
    // The other nodes cannot be reached by their addresses for a while.
    let isOpen = false
    for (const each of [ann, bob]) each.leads = () => (isOpen ? b : null)
    bob.cut()
    a.node.push('bob', 'while away', text('x'))
    drain(a, 20_000)
    roam(world, [ann], 6_000)
    expect(a.node.draining.progress).toMatchObject({ connections: 0, sessions: 0 })
    world.kill(a, false)
    rest(world, [], 3_000)
    isOpen = true
    rest(world, [ann, bob], 8_000)
    expect([ann.resumes, bob.resumes]).toEqual([[true], [true]])
    expect(bob.heard).toEqual(['push while away'])
  })
})

describe('A client that looks for its session', () => {
  /** Users of node `a` whose homes are `a`, `b` and `c`, with their sessions; each comes to `b` when it is called. */
  function usersOf(world: World): (() => Peer)[] {
    const [a, b, c] = nodesOf(world)
    const users = [a, b, c].map((home) => {
      const user = world.nameOf(home, 'user')
      const { id } = a.connect(user).connection.session as Session
      return (): Peer => {
        const peer = b.open()
        peer.hello(user, { session: id })
        return peer
      }
    })
    world.advance(1_000)
    return users
  }

  const welcomes = (peers: readonly Peer[]): unknown[] =>
    peers.map((peer) => peer.take().map((message) => message.type === 'welcome' && message.resumed))

  it('gets it from a node that is so busy that it takes seconds', () => {
    const world = settled(3)
    const users = usersOf(world)
    world.lostKinds.add(LINK)
    const peers = users.map((come) => come())
    world.advance(3_000)
    expect(welcomes(peers)).toEqual([[], [], []])
    world.lostKinds.clear()
    world.advance(1_000)
    expect(welcomes(peers)).toEqual([[true], [true], [true]])
  })

  it('waits for a node only until that misses heartbeats, and not at all for one that is silent', () => {
    const world = settled(3)
    const users = usersOf(world)
    world.kill(world.nodes[0] as Harness, false)
    const early = users.map((come) => come())
    world.advance(1_000)
    expect(welcomes(early)).toEqual([[], [], []])
    world.advance(1_000)
    expect(welcomes(early)).toEqual([[false], [false], [false]])
    const later = users.map((come) => come())
    world.advance(1_000)
    expect(welcomes(later)).toEqual([[false], [false], [false]])
    const late = users.map((come) => come())
    world.advance(0)
    expect(welcomes(late)).toEqual([[false], [false], [false]])
  })

  it('is not kept waiting by its home where its node drains', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    const user = world.nameOf(c, 'user')
    const { id } = a.connect(user).connection.session as Session
    const other = world.nameOf(c, 'other')
    const { id: ofC } = c.connect(other).connection.session as Session
    world.advance(1_000)
    a.node.drain(world.now, world.now + 20_000)
    world.settle()
    const peers = [b.open(), b.open()]
    peers[1]?.hello(other, { session: ofC })
    world.settle()
    world.cut.add(`${c.node.incarnation} ${b.node.incarnation}`)
    peers[0]?.hello(user, { session: id })
    world.settle()
    expect(welcomes(peers)).toEqual([[true], [true]])
  })
})
