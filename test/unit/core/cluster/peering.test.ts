import { describe, expect, it } from 'vitest'
import type { QuestionEnding } from '../../../../src/core/index.ts'
import type { KindName, QuestionOf } from '../../../../src/core/cluster/question-kinds.ts'
import { CLUSTER } from '../../../../src/core/cluster/messages.ts'
import type { Payload } from '../../../../src/protocol/index.ts'
import { Random } from '../../../../src/testing/index.ts'
import { grant as grantOf, type Harness, text } from '../harness.ts'
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

/** Asks other nodes to push to a user. */
function push(h: Harness, nodes: readonly Harness[]): QuestionEnding<number>[] {
  const endings: QuestionEnding<number>[] = []
  const question = { user: 'ann', name: 'n', data: text('x') }
  const targets = nodes.map(({ node }) => node.incarnation)
  h.node.peering?.questions.ask(targets, 'push', question, h.now + 2_000, (_, ending) => endings.push(ending))
  return endings
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
    for (const other of [a, b]) {
      world.cut.add(`${c.node.incarnation} ${other.node.incarnation}`)
      world.cut.add(`${other.node.incarnation} ${c.node.incarnation}`)
    }
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
    const ask = <K extends KindName>(kind: K, question: QuestionOf<K>): unknown => {
      let told: unknown = 'nothing yet'
      const deadline = world.now + 5_000
      a.node.peering?.questions.ask([b.node.incarnation], kind, question, deadline, (_, ending) => {
        told =
          ending.by === 'answer' ? ending.answer : ending.by === 'refused' ? ending.refused.code : ending.by
      })
      world.settle()
      return told
    }
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
    expect(ask('disconnect', { user: 'bob', text: 'later', final: false })).toBe(1)
    expect(ask('disconnect', { user: 'eve', text: 'later', final: false })).toBe(0)
    expect(ask('successions', { withinMs: 1_000 })).toEqual([])
    expect([ask('drain', { timeoutMs: 0 }), b.application.drains]).toMatchObject([{ state: 'serving' }, []])
    expect([ask('drain', { timeoutMs: 7 }), b.application.drains]).toMatchObject([{ state: 'draining' }, [7]])
    b.node.drain(world.now, world.now + 10_000)
    expect(ask('drain', { timeoutMs: 0 })).toMatchObject({ state: expect.stringMatching('drain') as string })
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
