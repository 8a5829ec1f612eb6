import { describe, expect, it } from 'vitest'
import type { QuestionEnding } from '../../../../src/core/index.ts'
import { LINK } from '../../../../src/core/cluster/links.ts'
import { MESH } from '../../../../src/core/cluster/datagrams.ts'
import type { AnswerOf, Claimant, KindName, QuestionOf } from '../../../../src/core/cluster/question-kinds.ts'
import { CLUSTER } from '../../../../src/core/cluster/messages.ts'
import { Writer } from '../../../../src/protocol/bytes.ts'
import { limits, type Payload } from '../../../../src/protocol/index.ts'
import { Random } from '../../../../src/testing/index.ts'
import { grant as grantOf, type Harness, text, textOf } from '../harness.ts'
import { settled, type World } from './world.ts'

const nodesOf = (world: World): [Harness, Harness, Harness] => world.nodes as [Harness, Harness, Harness]

/** What is known of a user at the user's home. */
function known(world: World, user: string): { isComplete: boolean; where: string[] } {
  const [any] = world.living as [Harness]
  const home = world.living.find(({ node }) => node.incarnation === any.node.peering?.homeOf(user)) as Harness
  const { isComplete, places } = home.node.peering?.whereabouts(user) ?? { isComplete: false, places: [] }
  const idOf = (node: number): string =>
    world.nodes.find((h) => h.node.incarnation === node)?.node.id ?? 'nowhere'
  return { isComplete, where: places.map(({ node, sessions }) => `${idOf(node)} ${sessions}`).toSorted() }
}

/** Messages between two nodes are lost, both ways. */
function cutBetween(world: World, one: Harness, other: Harness): void {
  world.cut.add(`${one.node.incarnation} ${other.node.incarnation}`)
  world.cut.add(`${other.node.incarnation} ${one.node.incarnation}`)
}

/** Asks other nodes to push to a user. */
function push(h: Harness, nodes: readonly Harness[]): QuestionEnding<number>[] {
  const endings: QuestionEnding<number>[] = []
  const question = { user: 'ann', name: 'n', data: text('x') }
  const targets = nodes.map(({ node }) => node.incarnation)
  h.node.peering?.questions.ask(targets, 'push', question, h.now + 2_000, (_, ending) => endings.push(ending))
  return endings
}

/** What one node answers another one, within `ms`; the code of a refusal, or how else the question has ended. */
function askedOf<K extends KindName>(
  world: World,
  from: Harness,
  to: Harness,
  kind: K,
  question: QuestionOf<K>,
  ms = 0,
): unknown {
  let told: unknown = 'nothing yet'
  const deadline = world.now + 5_000
  from.node.peering?.questions.ask([to.node.incarnation], kind, question, deadline, (_, ending) => {
    told = ending.by === 'answer' ? ending.answer : ending.by === 'refused' ? ending.refused.code : ending.by
  })
  world.advance(ms)
  return told
}

describe('Where a user is', () => {
  it('is known at the home from the first session to the last', () => {
    const world = settled(3)
    const [a, b] = nodesOf(world)
    const first = a.connect('ann')
    b.connect('ann')
    b.connect('ann')
    world.settle()
    expect(known(world, 'ann')).toEqual({ isComplete: true, where: ['n1 1', 'n2 2'] })
    a.node.handleClose(first.connection, true, a.now)
    world.settle()
    expect(known(world, 'ann')).toEqual({ isComplete: true, where: ['n2 2'] })
    expect(known(world, 'bob')).toEqual({ isComplete: true, where: [] })
  })

  it('is not known in a partition, and known again after it', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    a.connect('ann')
    world.settle()
    for (const other of [a, b]) cutBetween(world, c, other)
    world.advance(4_000)
    expect([a, b, c].map((h) => h.node.peering?.whereabouts('ann').isComplete)).toEqual([false, false, false])
    c.connect('ann')
    world.cut.clear()
    world.advance(3_000)
    expect(known(world, 'ann')).toEqual({ isComplete: true, where: ['n1 1', 'n3 1'] })
  })

  it('is known though a node tells of it before it is met, and another ends meanwhile', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    world.kill(c, false)
    // The new node meets the others and tells them at once; they do not meet it yet.
    world.mute.add('n4')
    world.lostKinds.add(CLUSTER)
    const d = world.start('n4')
    const users = Array.from({ length: 8 }, (_, n) => `u${n}`)
    for (const user of users) d.connect(user)
    world.advance(1_000)
    for (const { node } of [a, b]) node.inlet.gone(c.node.incarnation, world.now)
    world.settle()
    world.mute.clear()
    world.lostKinds.clear()
    world.advance(2_000)
    expect(users.map((user) => known(world, user))).toEqual(
      users.map(() => ({ isComplete: true, where: ['n4 1'] })),
    )
  })

  it('is known whatever nodes come and go, and however much the bus loses', () => {
    for (let seed = 1; seed <= 4; seed++) {
      const random = new Random(seed)
      const world = settled(3)
      for (let n = 0; n < 30; n++) random.pick(world.living).connect(`u${random.int(0, 5)}`)
      world.isLost = () => random.chance(0.3)
      world.start()
      for (let n = 0; n < 10; n++) random.pick(world.living).connect(`u${random.int(0, 5)}`)
      world.advance(2_000)
      world.kill(random.pick(world.living), true)
      world.isLost = () => false
      world.advance(6_000)
      for (let n = 0; n < 6; n++) {
        const truth = world.living.flatMap(({ node }) => {
          const { sessions } = node.presence(`u${n}`)
          return sessions > 0 ? [`${node.id} ${sessions}`] : []
        })
        expect(known(world, `u${n}`), `seed ${seed}`).toEqual({ isComplete: true, where: truth.toSorted() })
      }
    }
  })
})

describe('A push on another node', () => {
  it('reaches the sessions there, once, however much the bus loses', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const peer = b.connect('ann')
    const random = new Random(3)
    world.isLost = () => random.chance(0.4)
    const endings = [1, 2, 3].map(() => push(a, [b]))
    world.advance(1_900)
    world.isLost = () => false
    world.advance(3_000)
    expect(peer.all('push')).toHaveLength(3)
    for (const [ending] of endings) expect(['answer', 'deadline']).toContain(ending?.by)
  })

  it('ends once where the node ends before it answers', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const endings = push(a, [b])
    world.kill(b, true)
    world.advance(3_000)
    expect(endings).toEqual([{ by: 'gone' }])
  })
})

describe('A revocation', () => {
  const revoke = (h: Harness, user: string, until: number): void => void h.node.revoke({ user }, until, h.now)

  it('is known to a node that starts, and to one that was cut off', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    world.bus.cut(b.node.incarnation)
    world.settle()
    revoke(a, 'ann', 5_000)
    world.advance(4_000)
    world.bus.restore(b.node.incarnation)
    world.advance(100)
    expect(b.node.revokedUntil('ann')).toBe(5_000)
    const c = world.start()
    world.advance(2_000)
    expect(c.node.revokedUntil('ann')).toBe(5_000)
  })

  it('is told once: after an outage of the bus, a node tells what it has not told yet', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    for (let n = 0; n < 1_500; n++) revoke(a, `user ${n}`, 5_000)
    /** What the first node sends while the second one has no bus, and asks again afterwards. */
    const outage = (meanwhile = (): void => {}): number => {
      world.bus.cut(b.node.incarnation)
      world.settle()
      meanwhile()
      const before = world.sent.get(a)?.get(LINK) ?? 0
      world.bus.restore(b.node.incarnation)
      world.advance(1_000)
      return (world.sent.get(a)?.get(LINK) ?? 0) - before
    }
    expect(outage()).toBeGreaterThan(10_000)
    expect(outage(() => revoke(a, 'late', 6_000))).toBeLessThan(2_000)
    expect(['user 1499', 'late'].map((user) => b.node.revokedUntil(user))).toEqual([5_000, 6_000])
  })

  it('is asked for until it is told, however long a node that is heard takes to answer', () => {
    const world = settled(1)
    const [a] = world.nodes as [Harness]
    revoke(a, 'ann', 5_000)
    world.lostKinds.add(LINK)
    const b = world.start()
    world.advance(12_000)
    expect(b.node.revokedUntil('ann')).toBe(0)
    world.lostKinds.clear()
    world.advance(5_500)
    expect(b.node.revokedUntil('ann')).toBe(5_000)
  })

  it('is asked for again when the link to a node broke, with which word of it may have been lost', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    revoke(a, 'ann', 5_000)
    world.advance(1_000)
    expect(b.node.revokedUntil('ann')).toBe(0)
    // A packet of a later epoch, as from the first node.
    const w = new Writer()
    for (const part of [LINK, 2, 1, 2, 1]) w.uint(part)
    b.node.inlet.sent(w.finish(), a.node.incarnation, b.now)
    world.advance(1_000)
    expect(b.node.revokedUntil('ann')).toBe(5_000)
  })

  it('of too many is refused to the node that tells of one more', () => {
    const world = settled(2, { revocations: 1 })
    const [a, b] = nodesOf(world)
    revoke(b, 'ann', 5_000)
    const told = { ofUser: true, name: 'bob', until: 5_000, leftMs: 60_000 }
    expect(askedOf(world, a, b, 'revoke', told)).toBe('LIMIT')
  })

  it('that a node could not tell all the others before it ended is known to all that are left', () => {
    for (const how of ['leave', 'kill'] as const) {
      const world = settled(3)
      const [a, b, c] = nodesOf(world)
      revoke(b, 'bob', 4_000)
      world.cut.add(`${a.node.incarnation} ${c.node.incarnation}`)
      const told = { ofUser: true, name: 'ann', until: 5_000, leftMs: 60_000 }
      revoke(a, 'ann', 5_000)
      const others = [b, c].map(({ node }) => node.incarnation)
      a.node.peering?.questions.ask(others, 'revoke', told, a.now + 2_000, () => {})
      world.settle()
      expect([b, c].map(({ node }) => node.revokedUntil('ann'))).toEqual([5_000, 0])
      if (how === 'leave') world.leave(a)
      else world.kill(a, true)
      world.advance(1_000)
      expect([b, c].map(({ node }) => node.revokedUntil('ann'))).toEqual([5_000, 5_000])
    }
  })

  it('that only one node heard of before the one that made it ended is known to those that never met that one', () => {
    const world = settled(2)
    const [b, c] = world.nodes as [Harness, Harness]
    for (const { node } of [b, c]) world.bus.cut(node.incarnation)
    const a = world.start()
    cutBetween(world, a, c)
    revoke(a, 'ann', 5_000)
    for (const { node } of [b, c]) world.bus.restore(node.incarnation)
    world.settle()
    expect([b, c].map(({ node }) => node.revokedUntil('ann'))).toEqual([5_000, 0])
    world.kill(a, true)
    world.advance(1_000)
    expect([b, c].map(({ node }) => node.revokedUntil('ann'))).toEqual([5_000, 5_000])
  })

  it('ends the sessions it covers when it comes late, and no others', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    b.application.grants.set('old', { ...grantOf('ann'), issued: 4_000 })
    b.application.grants.set('new', { ...grantOf('ann'), issued: 6_000 })
    const old = b.connect('old')
    const fresh = b.connect('new')
    const told = { ofUser: true, name: 'ann', until: 5_000, leftMs: 60_000 }
    const answers: unknown[] = []
    a.node.peering?.questions.ask([b.node.incarnation], 'revoke', told, a.now + 2_000, (_, ending) =>
      answers.push(ending),
    )
    world.settle()
    expect(answers).toEqual([{ by: 'answer', answer: 1 }])
    expect([old.transport.closed?.code, fresh.transport.closed]).toEqual([4402, null])
  })

  it('is told page by page where there are very many', () => {
    const world = settled(1)
    const [a] = world.nodes as [Harness]
    for (let n = 0; n < 2_500; n++) revoke(a, `u${n}`, 5_000)
    const b = world.start()
    world.advance(3_000)
    expect([0, 999, 1_000, 2_499].map((n) => b.node.revokedUntil(`u${n}`))).toEqual([
      5_000, 5_000, 5_000, 5_000,
    ])
  })
})

describe('A call to a meeting of another node', () => {
  it('is answered by the business there: a value, a refusal, or that the meeting is not open', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    b.node.claimMeeting({ name: 'm' }, {}, b.now)
    world.settle()
    const endings: QuestionEnding<Payload | null>[] = []
    const call = (name: string, method: string): void => {
      const question = { name, method, data: text('x') }
      a.node.peering?.questions.ask([b.node.incarnation], 'call', question, a.now + 2_000, (_, ending) =>
        endings.push(ending),
      )
      world.settle()
    }
    call('m', 'score')
    call('m', 'refuse')
    call('none', 'score')
    b.tolerant = true
    b.application.callMeeting = () => {
      throw new Error('boom')
    }
    call('m', 'score')
    expect(endings).toEqual([
      { by: 'answer', answer: text('m score x') },
      { by: 'refused', refused: { code: 'FORBIDDEN', message: 'x' } },
      { by: 'answer', answer: null },
      { by: 'refused', refused: { code: 'HANDLER_FAILED', message: expect.any(String) } },
    ])
  })
})

describe('A fault that another node asks for', () => {
  it('befalls a node that allows it, and is refused by one that does not', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const endings: QuestionEnding<boolean>[] = []
    const strike = (): void => {
      const nodes = [b.node.incarnation]
      a.node.peering?.questions.ask(nodes, 'fail', { cutMs: 7 }, a.now + 2_000, (_, ending) =>
        endings.push(ending),
      )
      world.settle()
    }
    strike()
    b.application.fail = () => false
    strike()
    b.tolerant = true
    b.application.fail = () => {
      throw new Error('boom')
    }
    strike()
    const refused = { by: 'refused', refused: { code: 'FORBIDDEN', message: expect.any(String) } }
    expect([b.application.faults, endings]).toEqual([[7], [{ by: 'answer', answer: true }, refused, refused]])
  })
})

describe('What a node is asked by another one', () => {
  /** Two nodes; a meeting and a reader of a topic at the second, and what that answers. */
  function asked() {
    const world = settled(2)
    const [a, b] = world.nodes as [Harness, Harness]
    const name = world.nameOf(b)
    world.open(b, name, { frameRate: 0 })
    const bob = b.connect('bob')
    world.settle()
    bob.join(name)
    bob.subscribe('t')
    world.settle()
    const ask = <K extends KindName>(kind: K, question: QuestionOf<K>): unknown =>
      askedOf(world, a, b, kind, question)
    return { world, a, b, bob, name, ask }
  }

  it('about a meeting, it answers where it has it, and null where nobody has', () => {
    const { ask, name, bob, b } = asked()
    expect(ask('meeting', { name })).toMatchObject({ name, members: [{ user: 'bob' }] })
    expect(ask('meeting', { name: 'nowhere' })).toBeNull()
    expect([ask('part', { meeting: name }), ask('part', { meeting: 'nowhere' })]).toEqual([2, 0])
    expect(ask('sendTo', { name, slot: 0, data: text('hey') })).toBe(true)
    expect(ask('sendTo', { name, slot: 7, data: text('hey') })).toBe(false)
    expect(bob.all('direct')).toHaveLength(1)
    expect(ask('kick', { name, slot: 7, message: 'no' })).toBe(false)
    expect(ask('kick', { name, slot: 0, message: 'rude' })).toBe(true)
    expect(bob.all('ended')).toMatchObject([{ message: 'rude' }])
    expect([ask('close', { name, message: 'over' }), b.node.meeting(name)]).toEqual([true, undefined])
    for (const kind of ['kick', 'sendTo', 'close'] as const)
      expect(ask(kind, { name, slot: 0, message: '', data: text('x') })).toBeNull()
  })

  it('about users, topics and what it has, it answers for itself', () => {
    const { ask, name, b, world } = asked()
    expect(ask('subscribers', { topic: 't' })).toBe(1)
    expect(ask('sessions', { user: '', limit: 9 })).toMatchObject([{ user: 'bob' }])
    expect(ask('sessions', { user: 'eve', limit: 9 })).toEqual([])
    const page = { count: 9, after: '', contains: '' }
    expect(ask('topics', page)).toMatchObject([{ name: 't' }])
    expect(ask('meetings', { ...page, ofKind: false, kind: '' })).toMatchObject([{ name }])
    expect(ask('meetings', { ...page, ofKind: true, kind: 'k' })).toEqual([])
    expect(ask('disconnect', { user: 'bob', session: 'no such', text: 'later', final: false })).toBe(0)
    expect(ask('disconnect', { user: 'bob', session: '', text: 'later', final: false })).toBe(1)
    expect(ask('disconnect', { user: 'eve', session: '', text: 'later', final: false })).toBe(0)
    expect(ask('successions', { withinMs: 1_000 })).toEqual([])
    expect([ask('drain', { timeoutMs: 0 }), b.application.drains]).toMatchObject([{ state: 'serving' }, []])
    expect([ask('drain', { timeoutMs: 7 }), b.application.drains]).toMatchObject([{ state: 'draining' }, [7]])
    b.node.drain(world.now, world.now)
    world.advance(100)
    const left = { meetings: 0, connections: 0, sessions: 0 }
    expect(ask('drain', { timeoutMs: 0 })).toMatchObject({ state: 'drained', ...left })
    expect(ask('drain', { timeoutMs: 7 })).toMatchObject({ state: 'drained' })
  })

  it('about who owns a meeting, it says what decides between two owners, and stops where it is told to', () => {
    const { ask, name, b, world } = asked()
    const ann = b.connect('ann')
    ann.join(name, { spectator: true })
    b.node.addBot(name, 'robot')
    world.settle()
    const { epoch = 0, frame = 0 } = b.node.meeting(name) ?? {}
    const claimant = ask('claimant', { name }) as Claimant
    // Neither bots nor spectators count.
    expect(claimant).toMatchObject({ world: epoch, present: 1, isPaused: false, next: frame + 1 })
    expect(ask('claimant', { name: 'nowhere' })).toBeNull()
    const { term, incarnation } = claimant
    const frames = { name, world: epoch, term, incarnation, from: 1 }
    expect(ask('frames', frames)).toMatchObject({ owns: true, stands: false, next: frame + 1 })
    expect(ask('frames', { ...frames, name: 'nowhere' })).toBeNull()
    expect(ask('takes', { name, world: epoch, term, incarnation })).toBe(true)
    expect(ask('takes', { name, world: epoch, term: 0, incarnation })).toBe(false)
    // Another reign is none of its business, and a lower fence does not supersede it.
    expect(ask('depose', { name, world: epoch, term: term + 1, incarnation })).toBe(true)
    expect(ask('supersede', { name, world: epoch, term, incarnation })).toBe(true)
    expect(b.node.meeting(name)?.epoch).toBe(epoch)
    expect(ask('supersede', { name, world: epoch, term: term + 1, incarnation: 1 })).toBe(true)
    expect([b.node.meeting(name), b.node.stats.meetingsDeposed]).toEqual([undefined, 1])
  })

  it('and it deposes itself of the reign that it was asked to give up', () => {
    const { ask, name, b } = asked()
    const { world, term, incarnation } = ask('claimant', { name }) as Claimant
    expect(ask('depose', { name, world, term, incarnation })).toBe(true)
    expect([b.node.meeting(name), b.node.stats.meetingsDeposed]).toEqual([undefined, 1])
  })

  it('about a topic, it tells what it keeps of its own and of nodes that have ended, who are not there to tell', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    b.connect('bob').subscribe('t')
    world.advance(1_000)
    b.publish('t', 'own')
    c.publish('t', 'other')
    world.settle()
    const kept = (): string[] => {
      const wants = [{ topic: 't', from: 0, heads: [] }]
      const [topic] = askedOf(world, a, b, 'kept', wants) as AnswerOf<'kept'>
      return topic?.entries.map(({ data }) => textOf(data)) ?? []
    }
    expect(kept()).toEqual(['own'])
    world.kill(c, true)
    expect(kept()).toEqual(['own', 'other'])
  })

  it('about a user of whom it is the home, it tells where that user is', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const user = ['u0', 'u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7'].find(
      (name) => a.node.peering?.homeOf(name) === b.node.incarnation,
    )
    a.connect(user ?? '')
    world.settle()
    const { incarnation: node } = a.node
    expect(askedOf(world, a, b, 'whereabouts', { user: user ?? '' })).toEqual({
      isComplete: true,
      places: [{ node, sessions: 1, connected: 1 }],
    })
  })

  it('for a list of very many, it looks at them a little in each sweep, and answers once it has seen all', () => {
    const { a, b, world } = asked()
    for (let n = 0; n < 3_000; n++) b.publish(`x${n}`, 'x')
    const page = { count: 2, after: '', contains: 'x299' }
    expect(askedOf(world, a, b, 'topics', page, 100)).toMatchObject([{ name: 'x299' }, { name: 'x2990' }])
  })

  it('it tells a meeting whose metadata cannot be told without them', () => {
    const { ask, b, world } = asked()
    const loop: Record<string, unknown> = {}
    loop['loop'] = loop
    b.node.claimMeeting({ name: b.node.nameMeeting() }, {}, world.now, {
      kind: '',
      metadata: loop,
      logic: null,
    })
    world.settle()
    const page = { count: 9, after: '', contains: '', ofKind: false, kind: '' }
    expect(ask('meetings', page)).toContainEqual(
      expect.objectContaining({ metadata: { error: 'It has no JSON form.' } }),
    )
  })

  it('it answers BUSY where a thousand lists are under way', () => {
    const { a, b, world } = asked()
    const ends: string[] = []
    const page = { count: 9, after: '', contains: '' }
    for (let n = 0; n < 1_002; n++)
      a.node.peering?.questions.ask([b.node.incarnation], 'topics', page, world.now + 5_000, (_, ending) =>
        ends.push(ending.by === 'refused' ? ending.refused.code : ending.by),
      )
    world.settle()
    world.advance(100)
    expect(ends).toHaveLength(1_002)
    expect(ends.filter((end) => end === 'BUSY').length).toBeGreaterThan(0)
    expect(ends.filter((end) => end === 'answer').length).toBeGreaterThanOrEqual(1_000)
  })
})

describe('A question about a meeting that is between two nodes', () => {
  it('is BUSY while the node that is asked claims its name, and answered once it does no more', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const name = world.nameOf(a)
    world.lostKinds.add(CLUSTER)
    world.open(b, name)
    expect(askedOf(world, a, b, 'meeting', { name })).toBe('BUSY')
    world.lostKinds.clear()
    world.advance(1_100)
    // In all that time the registrar has not said whether it may.
    expect([world.answers(b), askedOf(world, a, b, 'meeting', { name })]).toEqual([['BUSY'], null])
  })

  it('goes to the node that it was handed over to, which is BUSY until it begins', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    const name = world.nameOf(b)
    world.open(b, name, { frameRate: 20 })
    world.settle()
    b.connect('bob').join(name)
    world.advance(500)
    b.node.peering?.mesh.handover.begin(world.now)
    world.settle()
    // The last frames do not come, without which the new owner cannot begin.
    world.lostKinds.add(MESH)
    world.advance(60)
    const isTaking = (h: Harness): boolean => h.node.peering?.mesh.handover.isTaking(name) === true
    const [heir, other] = isTaking(a) ? [a, c] : [c, a]
    expect([isTaking(heir), world.whereIs(name)]).toEqual([true, []])
    expect([heir, b].map((asked) => askedOf(world, other, asked, 'meeting', { name }))).toEqual([
      'BUSY',
      'BUSY',
    ])
    world.lostKinds.clear()
    world.advance(1_000)
    expect(world.whereIs(name)).toEqual([heir.node.id])
    const call = (method: string): unknown =>
      askedOf(world, other, b, 'call', { name, method, data: text('x') })
    expect(askedOf(world, other, b, 'meeting', { name })).toMatchObject({ name, members: [{ user: 'bob' }] })
    expect([call('score'), call('refuse')]).toEqual([text(`${name} score x`), 'FORBIDDEN'])
    // Who has it finds it nowhere else.
    expect(askedOf(world, heir, b, 'meeting', { name })).toBeNull()
    cutBetween(world, b, heir)
    expect(askedOf(world, other, b, 'meeting', { name }, 1_400)).toBe('nothing yet')
    expect(askedOf(world, other, b, 'close', { name, message: '' }, 1_500)).toBe('UNKNOWN')
  })
})

describe('A search for a meeting of which its registrar has not said where it is', () => {
  const search = (world: World, h: Harness, name: string): (number | null)[] => {
    const found: (number | null)[] = []
    h.node.peering?.search(name, world.now, (node) => found.push(node))
    return found
  }

  it('ends at once where there is no other node', () => {
    const world = settled(1)
    const [a] = world.nodes as [Harness]
    world.open(a, 'm')
    world.settle()
    expect(search(world, a, 'm')).toEqual([null])
  })

  it('finds its owner as soon as that has answered, and nobody where there is none, once', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    world.open(b, 'm')
    world.settle()
    // The third one does not answer.
    cutBetween(world, a, c)
    const [found, nowhere] = [search(world, a, 'm'), search(world, a, 'none')]
    world.settle()
    expect([found, nowhere]).toEqual([[b.node.incarnation], []])
    world.advance(990)
    expect(nowhere).toEqual([])
    world.advance(10)
    expect([found, nowhere]).toEqual([[b.node.incarnation], [null]])
  })

  it('does not wait for a node that is silent', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    for (const other of [a, b]) cutBetween(world, c, other)
    world.advance(4_000)
    const nowhere = search(world, a, 'none')
    world.settle()
    expect(nowhere).toEqual([null])
  })

  it('passes over nodes that only read along, and finds the one that is about to go on with it', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    world.open(a, 'm', { frameRate: 20 })
    world.settle()
    const reader = b.connect('bob', { window: 0 })
    reader.join('m', { spectator: true })
    world.advance(500)
    const partOf = (h: Harness): unknown => h.node.peering?.partOf('m')
    expect([a, b, c].map(partOf)).toEqual(['owner', 'replica', 'nothing'])
    const found = search(world, c, 'm')
    world.settle()
    expect(found).toEqual([a.node.incarnation])
    // Who has neither does not keep it from being found nowhere.
    world.isLost = () => true
    world.kill(a, false)
    b.node.inlet.gone(a.node.incarnation, world.now)
    c.node.inlet.gone(a.node.incarnation, world.now)
    world.isLost = () => false
    expect([partOf(b), partOf(c)]).toEqual(['heir', 'nothing'])
    expect(askedOf(world, c, b, 'part', { meeting: 'm' })).toBe(3)
    const heir = search(world, c, 'm')
    world.settle()
    expect(heir).toEqual([b.node.incarnation])
  })
})

describe('The address of another node that a client is told', () => {
  /** Whether a client of a node is asked to move to another one, and the URL that it is told. */
  function movedTo(world: World, from: Harness, to: number): readonly [boolean | undefined, string[]] {
    const peer = from.connect('ann')
    const { session } = peer.connection
    const isAsked = session !== null && from.node.peering?.moves.ask(session, to)
    world.settle()
    return [isAsked, peer.all('move').map(({ url }) => url)]
  }

  it('is what that node has told, or what the host makes of it', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    expect(movedTo(world, a, b.node.incarnation)).toEqual([true, ['ws://n2/rtms']])
    world.urlOf = ({ id }, host) => `wss://${host}/${id}`
    expect(movedTo(world, a, b.node.incarnation)).toEqual([true, ['wss://host/n2']])
  })

  it('is none of a node that is unknown or silent', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    expect(movedTo(world, a, 4_711)).toEqual([false, []])
    cutBetween(world, a, b)
    world.advance(4_000)
    expect(movedTo(world, a, b.node.incarnation)).toEqual([false, []])
    world.cut.clear()
    world.advance(600)
    expect(movedTo(world, a, b.node.incarnation)).toEqual([true, ['ws://n2/rtms']])
  })

  it('is none where it is longer than a client reads', () => {
    const world = settled(1)
    const [a] = world.nodes as [Harness]
    const room = limits.name - 'ws:///rtms'.length
    const [long, longer] = [room, room + 1].map((length) => world.start('n'.repeat(length)))
    world.advance(4_000)
    const asked = [long, longer].map((h) => movedTo(world, a, h?.node.incarnation ?? 0)[0])
    expect(asked).toEqual([true, false])
  })
})

describe('Questions of a node that closes', () => {
  it('end with that, once', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    cutBetween(world, a, b)
    const endings = push(a, [b])
    a.node.leave(world.now)
    expect(endings).toEqual([{ by: 'close' }])
    world.advance(5_000)
    expect(endings).toHaveLength(1)
  })
})
