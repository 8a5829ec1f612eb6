import { describe, expect, it } from 'vitest'
import type { Harness, Peer } from '../harness.ts'
import { View } from '../../../../src/core/cluster/view.ts'
import { settled, World } from './world.ts'

const three = (world: World): [Harness, Harness, Harness] => world.nodes as [Harness, Harness, Harness]

/** What a peer has heard: kinds of messages, errors with their texts. */
const heard = (peer: Peer): string[] =>
  peer
    .take()
    .map((message) => (message.type === 'failed' ? `${message.error}: ${message.message}` : message.type))

describe('A meeting in a cluster', () => {
  it('is opened by the node that asks first, and the others are told which one that is', () => {
    const world = settled(3)
    const [a, b, c] = three(world)
    for (const registrar of [a, b, c]) {
      const name = world.nameOf(registrar)
      for (const node of [a, b, c]) world.open(node, name)
      world.settle()
      const answers = [a, b, c].map((node) => world.answers(node)).flat()
      const [owner, ...more] = world.whereIs(name)
      expect(more).toEqual([])
      expect(answers.filter((answer) => answer === `new on ${owner}`)).toHaveLength(1)
      expect(answers.filter((answer) => answer === owner)).toHaveLength(2)
    }
  })

  it('has a higher fence each time that it is opened, on whichever node', () => {
    const world = settled(3)
    const [a, b] = three(world)
    const terms: number[] = []
    for (let n = 0; n < 6; n++) {
      const h = n % 2 === 0 ? a : b
      // Fences of other names: a node gives one higher than all of its own.
      for (let more = 0; more < n; more++) world.open(h, h.node.nameMeeting())
      world.open(h, 'lobby')
      world.settle()
      expect(world.whereIs('lobby')).toEqual([h.node.id])
      const peer = h.connect('ann')
      terms.push(h.seat(peer, 'lobby').term)
      h.node.closeMeeting('lobby', h.now)
      world.settle()
    }
    expect(terms).toEqual(terms.toSorted((one, other) => one - other))
    expect(new Set(terms).size).toBe(6)
  })

  it('may be closed and opened again at once, by the same node', () => {
    const world = settled(3)
    const [a] = three(world)
    for (const registrar of world.nodes) {
      const names = ['x', 'y', 'z'].map((prefix) => world.nameOf(registrar, prefix))
      for (const name of names) world.open(a, name)
      world.settle()
      expect(world.answers(a)).toEqual(names.map(() => 'new on n1'))
      // The registrar has confirmed nothing of the first one when the others follow.
      for (const name of names) {
        a.node.closeMeeting(name, a.now)
        world.open(a, name)
      }
      world.settle()
      expect(world.answers(a)).toEqual(names.map(() => 'new on n1'))
      for (const name of names) a.node.closeMeeting(name, a.now)
      world.settle()
      for (const name of names) world.open(world.nodes[1] as Harness, name)
      world.settle()
      for (const name of names) expect(world.whereIs(name)).toEqual(['n2'])
      for (const name of names) world.nodes[1]?.node.closeMeeting(name, a.now)
      world.settle()
    }
  })

  it('is free again where its name was granted to another node meanwhile, which never heard of that', () => {
    const world = settled(4)
    const [a, b, c] = three(world)
    const d = world.nodes[3] as Harness
    const [from, to, registrar] = [a, b, c].map(({ node }) => node.incarnation) as [number, number, number]
    const name = world.nameOf(c)
    world.open(b, name)
    world.settle()
    // Nobody hears its owner, and the registrar, which does not know of it in a new view, waits for it for a lease.
    const cut = [`${to} ${from}`, `${to} ${registrar}`, `${from} ${to}`, `${registrar} ${to}`]
    for (const way of cut) world.cut.add(way)
    world.kill(d, true)
    world.advance(3_600)
    world.cut.add(`${registrar} ${from}`)
    world.open(a, name)
    world.settle()
    for (const way of cut) world.cut.delete(way)
    world.advance(550)
    world.cut.clear()
    world.advance(500)
    expect([world.answers(b), world.answers(a), world.whereIs(name)]).toEqual([['new on n2'], ['n2'], ['n2']])
    b.node.closeMeeting(name, b.now)
    world.settle()
    expect(world.living.map(({ node }) => node.cluster?.remembered)).toEqual([0, 0, 0])
    world.open(c, name)
    world.settle()
    expect(world.answers(c)).toEqual(['new on n3'])
  })

  it('is free for the others when it has ended by itself', () => {
    const world = settled(3)
    const [a, b, c] = three(world)
    const name = world.nameOf(c)
    a.node.claimMeeting({ name }, { ttlMs: 100 }, world.now)
    world.advance(50)
    expect(world.whereIs(name)).toEqual(['n1'])
    world.advance(100)
    world.open(b, name)
    world.settle()
    expect([world.answers(a), world.answers(b)]).toEqual([['new on n1'], ['new on n2']])
  })

  it('is opened once for all calls of one node that come while its name is claimed', () => {
    const world = settled(3)
    const [a, , c] = three(world)
    const name = world.nameOf(c)
    for (let n = 0; n < 3; n++) world.open(a, name)
    a.node.findMeeting({ name }, world.now)
    world.settle()
    expect(world.answers(a)).toEqual(['new on n1', 'n1', 'n1', 'n1'])
  })

  it('is found wherever it is asked for, and nowhere when it has ended', () => {
    const world = settled(3)
    const [a, b, c] = three(world)
    const name = world.nameOf(b)
    const find = (): string[] => {
      for (const h of [a, b, c]) h.node.findMeeting({ name }, world.now)
      world.settle()
      return [a, b, c].flatMap((h) => world.answers(h))
    }
    expect(find()).toEqual(['nowhere', 'nowhere', 'nowhere'])
    world.open(a, name)
    world.settle()
    world.answers(a)
    expect(find()).toEqual(['n1', 'n1', 'n1'])
    a.node.closeMeeting(name, a.now)
    world.settle()
    expect(find()).toEqual(['nowhere', 'nowhere', 'nowhere'])
  })

  it('is not opened where the node may not have it, and its name is free then', () => {
    const world = settled(3)
    const [a, b, c] = three(world)
    const name = world.nameOf(c)
    a.node.claimMeeting({ name }, { config: '\ud800' }, world.now)
    a.node.claimMeeting({ name: 'not a name' }, {}, world.now)
    world.settle()
    expect(world.answers(a)).toEqual(['BAD_NAME', 'BAD_NAME'])
    world.open(b, name)
    world.settle()
    expect(world.answers(b)).toEqual(['new on n2'])
  })

  it('is refused with what to do where the bus is down, and can be opened when it is back', () => {
    const world = settled(3)
    const [a] = three(world)
    world.bus.cut(a.node.incarnation)
    world.settle()
    world.open(a, 'lobby')
    world.advance(999)
    expect(a.application.answers).toEqual([])
    world.advance(1)
    const [{ outcome } = {}] = a.application.answers
    expect(outcome).toMatchObject({ ok: false, error: { code: 'BUSY', retryAfterMs: 1_000 } })
    expect(String(outcome?.ok === false && outcome.error.message)).toMatch(/lobby.*bus is down.*try again/)
    a.application.answers.length = 0
    // Those made before go on, and one that needs no claim can be opened.
    world.open(a, a.node.nameMeeting())
    expect(world.answers(a)).toEqual(['new on n1'])
    world.bus.restore(a.node.incarnation)
    world.settle()
    world.open(a, 'lobby')
    world.settle()
    expect(world.answers(a)).toEqual(['new on n1'])
  })

  it('that a node has made up a name for is known by its name to all, without a question', () => {
    const world = settled(3)
    const [a, b, c] = three(world)
    const name = a.node.nameMeeting()
    world.open(a, name)
    expect(world.answers(a)).toEqual(['new on n1'])
    world.bus.cut(b.node.incarnation)
    b.node.findMeeting({ name }, world.now)
    world.open(b, name)
    c.node.findMeeting({ name: c.node.nameMeeting() }, world.now)
    expect([world.answers(b), world.answers(c)]).toEqual([['n1', 'n1'], ['nowhere']])
    expect(a.node.nameMeeting()).not.toBe(name)
    // When the node has ended, it is a name like any other.
    world.bus.restore(b.node.incarnation)
    world.kill(a, true)
    world.open(c, name)
    world.advance(2_000)
    expect([world.answers(c), world.whereIs(name)]).toEqual([['new on n3'], ['n3']])
  })
})

describe('A node that ends', () => {
  it('gives its names back: at once with a goodbye or proof', () => {
    for (const how of ['leave', 'kill'] as const) {
      const world = settled(3)
      const [a, b, c] = three(world)
      const names = [a, b, c].map((h) => world.nameOf(h))
      for (const name of names) world.open(a, name)
      world.settle()
      if (how === 'leave') world.leave(a)
      else world.kill(a, true)
      for (const name of names) world.open(b, name)
      world.settle()
      expect(world.answers(b)).toEqual(names.map(() => 'new on n2'))
      for (const name of names) world.open(c, name)
      world.settle()
      expect(world.answers(c)).toEqual(names.map(() => 'n2'))
    }
  })

  it('and is merely silent keeps them, and the others look for proof with each beat', () => {
    const world = settled(3)
    const [a, b, c] = three(world)
    const name = world.nameOf(b)
    world.open(a, name)
    world.settle()
    world.kill(a, false)
    world.advance(1_000)
    expect(c.watch.probed).toEqual([])
    world.advance(2_000)
    expect(c.watch.probed.length).toBeGreaterThan(2)
    expect(c.watch.probed[0]).toEqual({ node: a.node.incarnation, health: 'http://n1/healthz' })
    world.open(c, name)
    world.settle()
    expect(world.answers(c)).toEqual(['n1'])
    for (const h of [b, c]) h.node.inlet.gone(a.node.incarnation, world.now)
    world.open(c, name)
    world.settle()
    expect(world.answers(c)).toEqual(['new on n3'])
  })

  it('while another one does not hear the bus leaves that one no reason to take all others for silent', () => {
    const world = settled(4)
    const [a, b, c, d] = world.nodes as [Harness, Harness, Harness, Harness]
    // Its registrar is the same with and without the node that ends.
    let name = ''
    for (let n = 0; name === ''; n++) {
      const [before, after] = [world.nodes, [a, b, c]].map((nodes) => {
        const view = new View(a.node.incarnation)
        for (const { node } of nodes) view.meet(node.incarnation)
        return view.registrarOf(`m.${n}`)
      })
      if (before === a.node.incarnation && after === a.node.incarnation) name = `m.${n}`
    }
    world.open(b, name)
    world.settle()
    // The bus is gone for a while, and a node ends meanwhile. Others hear the bus again a little later than the first.
    for (const h of world.nodes) world.bus.cut(h.node.incarnation)
    world.advance(5_000)
    world.kill(d, true)
    for (const h of [a, c]) world.bus.restore(h.node.incarnation)
    world.settle()
    world.open(c, name)
    world.open(a, name)
    world.advance(800)
    expect(world.whereIs(name)).toEqual(['n2'])
    world.bus.restore(b.node.incarnation)
    world.settle()
    expect([world.answers(a), world.answers(c), world.whereIs(name)]).toEqual([['n2'], ['n2'], ['n2']])
    // A process that stood still has heard nothing either.
    a.stall(10_000)
    world.now = a.now
    for (const h of [b, c]) h.now = a.now
    for (const { node } of [b, c]) expect(a.node.cluster?.isSilent(node.incarnation)).toBe(false)
    a.settle()
    for (const { node } of [b, c]) expect(a.node.cluster?.isSilent(node.incarnation)).toBe(false)
  })

  it('and is started anew under its name has ended, as soon as nobody waits for its word, and not before', () => {
    const world = settled(3)
    const [a, b, c] = three(world)
    const name = world.nameOf(a, 'x')
    // Two nodes of one name, a mistake, are two nodes.
    const twin = world.start('n2')
    world.advance(10_000)
    for (const h of [a, b, c]) expect(h.node.cluster?.peers).toHaveLength(3)
    world.kill(twin, true)
    world.kill(a, false)
    world.advance(10_000)
    world.open(b, name)
    world.advance(1_000)
    expect(world.answers(b)).toEqual(['BUSY'])
    const anew = world.start('n1')
    world.advance(500)
    for (const h of [b, c, anew]) expect(h.node.cluster?.peers).toHaveLength(2)
    world.open(b, name)
    world.settle()
    expect(world.answers(b)).toEqual(['new on n2'])
  })

  it('answers what waits for the others, and opens nothing any more', () => {
    const world = settled(3)
    const [a, , c] = three(world)
    const name = world.nameOf(c)
    world.open(a, name)
    a.node.drain(world.now)
    world.settle()
    expect(world.answers(a)).toEqual(['DRAINING'])
    world.open(a, name)
    expect(world.answers(a)).toEqual(['DRAINING'])
    // The name was given back.
    world.open(c, name)
    world.settle()
    expect(world.answers(c)).toEqual(['new on n3'])
    const b = world.nodes[1] as Harness
    world.cut.add(`${b.node.incarnation} ${c.node.incarnation}`)
    world.open(b, `${name}x`)
    b.node.findMeeting({ name }, world.now)
    world.leave(b)
    expect(world.answers(b).at(-1)).toMatch('BUSY')
  })
})

describe('A JOIN', () => {
  it('to a meeting of another node is served here, and what waits behind it goes on', () => {
    const world = settled(3)
    const [a, b, c] = three(world)
    const name = world.nameOf(c)
    world.open(a, name)
    world.settle()
    const ann = b.connect('ann')
    ann.join(name)
    ann.request('behind')
    world.settle()
    expect(heard(ann)[0]).toBe('joined')
    expect(b.application.requests).toHaveLength(1)
    const bob = a.connect('bob')
    a.seat(bob, name)
  })

  it('to one that nobody has open is NOT_FOUND, and has it opened where the business wants that', () => {
    const world = settled(3)
    const [a, b] = three(world)
    const ann = b.connect('ann')
    ann.join('lobby')
    world.settle()
    expect(heard(ann)).toEqual(['NOT_FOUND: no meeting lobby is open here'])
    for (const h of [a, b]) h.node.openOnDemand(true)
    // Both businesses are asked, and both open it: one of them finds that the other has it.
    const bob = a.connect('bob')
    ann.join('lobby')
    bob.join('lobby')
    world.settle()
    for (const h of [a, b]) {
      expect(h.application.missing).toHaveLength(1)
      world.open(h, 'lobby')
    }
    world.settle()
    const [owner] = world.whereIs('lobby')
    expect(owner).toBeDefined()
    for (const h of [a, b])
      for (const missing of h.application.missing.splice(0)) h.node.handleMissing(missing, world.now)
    world.settle()
    expect(world.whereIs('lobby')).toHaveLength(1)
    for (const peer of [ann, bob]) expect(heard(peer)[0]).toBe('joined')
  })

  it('that the business declines is NOT_FOUND, once', () => {
    const world = settled(2)
    const [a] = three(world)
    a.node.openOnDemand(true)
    const ann = a.connect('ann')
    for (let n = 0; n < 2; n++) {
      ann.join('lobby')
      world.settle()
      for (const missing of a.application.missing.splice(0)) a.node.handleMissing(missing, world.now)
      world.settle()
      expect([heard(ann), a.application.missing]).toEqual([['NOT_FOUND: no meeting lobby is open here'], []])
    }
  })

  it('that the cluster cannot place in time may be tried again, and what waits behind it goes on', () => {
    const world = settled(3)
    const [a, b] = three(world)
    const name = world.nameOf(b)
    const ann = a.connect('ann')
    world.bus.cut(a.node.incarnation)
    ann.join(name)
    ann.request('behind')
    // A second for the registrar, and one for all nodes.
    world.advance(1_900)
    expect([heard(ann), a.application.requests]).toEqual([[], []])
    world.advance(100)
    expect(heard(ann)).toEqual([`BUSY: the cluster has not said in time which node has ${name}; try again`])
    expect(a.application.requests).toHaveLength(1)
  })

  it('is not waited for when its session ends, and nothing of it is left', () => {
    const world = settled(2)
    const [a, b] = three(world)
    const name = world.nameOf(b)
    world.bus.cut(a.node.incarnation)
    const ann = a.connect('ann')
    ann.join(name)
    world.settle()
    expect(a.node.timersByName.get('search')).toBe(1)
    ann.hangUp(true)
    world.advance(2_500)
    expect(a.node.timersByName.get('search')).toBeUndefined()
    expect([a.node.sessions, a.node.logs.of.user]).toEqual([0, 0])
  })

  it('is asked about once, whoever waits for the same meeting', () => {
    const world = settled(2)
    const [a, b] = three(world)
    const name = world.nameOf(b)
    world.open(b, name)
    world.settle()
    const peers = ['ann', 'bob', 'cid', 'dan'].map((user) => a.connect(user))
    const before = a.node.stats.searches.get('found') ?? 0
    for (const peer of peers) peer.join(name)
    world.settle()
    for (const peer of peers) expect(heard(peer)).toContain('joined')
    expect(a.node.stats.searches.get('found')).toBe(before + 1)
  })
})

describe('A JOIN to a meeting whose node is only about to open it', () => {
  /** The registrar has granted the name to n1, and the grant was lost. */
  const granted = (): { world: World; name: string; heal: () => void } => {
    const world = settled(3)
    const [a, , c] = three(world)
    const name = world.nameOf(c)
    // Between two beats: the claim is made anew with the second one.
    world.advance(250)
    const way = `${c.node.incarnation} ${a.node.incarnation}`
    world.cut.add(way)
    world.open(a, name)
    world.settle()
    return { world, name, heal: () => world.cut.delete(way) }
  }

  it('waits until it is open', () => {
    const { world, name, heal } = granted()
    const [, b] = three(world)
    const ann = b.connect('ann')
    ann.join(name)
    world.advance(300)
    expect(heard(ann)).toEqual([])
    heal()
    world.advance(600)
    expect(world.whereIs(name)).toEqual(['n1'])
    expect(heard(ann)[0]).toBe('joined')
  })

  it('may be tried again where it could not be opened in time', () => {
    const { world, name } = granted()
    const [a, b] = three(world)
    const ann = b.connect('ann')
    ann.join(name)
    world.advance(1_000)
    expect(world.answers(a)).toEqual(['BUSY'])
    expect(ann.all('failed')).toMatchObject([{ error: 'BUSY', retryAfter: 1_000 }])
  })

  it('is led on where another node has it by then', () => {
    const { world, name, heal } = granted()
    const [a, b, c] = three(world)
    const ann = b.connect('ann')
    ann.join(name)
    world.settle()
    // The registrar is started anew, and does not know of the grant.
    world.kill(c, true)
    world.open(b, `${name}x`)
    heal()
    world.settle()
    world.advance(600)
    const [owner = ''] = world.whereIs(name)
    expect(world.answers(a)).toEqual([`new on ${owner}`])
    expect(heard(ann)[0]).toBe('joined')
  })

  it('leaves nothing behind where its node ends meanwhile', () => {
    const { world, name, heal } = granted()
    const [a, b] = three(world)
    b.connect('ann').join(name)
    world.settle()
    world.kill(b, true)
    heal()
    world.advance(600)
    expect(world.whereIs(name)).toEqual(['n1'])
    expect(a.node.peering?.mesh.size.hosted.replicas).toBe(0)
  })

  it('is BUSY for a call as well', () => {
    const { world, name, heal } = granted()
    const [a, b] = three(world)
    const told: string[] = []
    const ask = (): void => {
      const { questions } = b.node.peering as NonNullable<typeof b.node.peering>
      questions.ask([a.node.incarnation], 'meeting', { name }, world.now + 400, (_, ending) =>
        told.push(ending.by === 'refused' ? ending.refused.code : ending.by),
      )
      world.settle()
    }
    ask()
    heal()
    world.advance(900)
    ask()
    expect(told).toEqual(['BUSY', 'answer'])
  })
})

describe('A JOIN that comes to a node which does not have the meeting any more', () => {
  it('finds it where it was opened since', () => {
    const world = settled(3)
    const [a, b, c] = three(world)
    const name = world.nameOf(c)
    world.open(a, name)
    world.settle()
    const way = `${b.node.incarnation} ${a.node.incarnation}`
    world.cut.add(way)
    const ann = b.connect('ann')
    ann.join(name)
    world.settle()
    a.node.closeMeeting(name, a.now)
    world.settle()
    world.open(c, name)
    world.settle()
    world.cut.delete(way)
    world.advance(1_500)
    expect(world.whereIs(name)).toEqual(['n3'])
    expect(heard(ann)[0]).toBe('joined')
  })

  it('has it opened where the business wants that, as where nobody has had it', () => {
    const world = settled(3)
    const [a, b, c] = three(world)
    const name = world.nameOf(c)
    world.open(a, name)
    world.settle()
    b.node.openOnDemand(true)
    // The registrar does not hear that it was closed.
    world.cut.add(`${a.node.incarnation} ${c.node.incarnation}`)
    a.node.closeMeeting(name, a.now)
    world.settle()
    const ann = b.connect('ann')
    ann.join(name)
    world.settle()
    expect(b.application.missing).toMatchObject([{ name }])
    expect(heard(ann)).toEqual([])
  })

  it('by a name that this node has made up is NOT_FOUND', () => {
    const world = settled(2)
    const [a, b] = three(world)
    const name = a.node.nameMeeting()
    const ann = b.connect('ann')
    ann.join(name)
    world.settle()
    expect(heard(ann)).toEqual([`NOT_FOUND: no meeting ${name} is open here`])
  })
})

describe('A cluster', () => {
  it('has one owner of each name, whatever is opened, closed, cut off, killed and started meanwhile', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const world = settled(3)
      world.hasProof = true
      let state = seed
      const random = (below: number): number => {
        state = (state * 48_271) % 2_147_483_647
        return state % below
      }
      for (let n = 0; n < 60; n++) {
        const h = world.living[random(world.living.length)] as Harness
        const name = ['lobby', 'arena', 'market'][random(3)] as string
        const luck = random(100)
        if (luck < 60) world.open(h, name)
        else if (luck < 80) h.node.closeMeeting(name, h.now)
        else if (luck < 84 && world.living.length > 2) world.kill(h, true)
        else if (luck < 88 && world.living.length > 2) world.leave(h)
        else if (luck < 94 && world.living.length < 5) world.start()
        else if (luck < 97) world.bus.cut(h.node.incarnation)
        else for (const each of world.living) world.bus.restore(each.node.incarnation)
        if (random(3) > 0) world.settle()
        if (random(4) === 0) world.advance(random(800))
        for (const each of ['lobby', 'arena', 'market']) expect(world.whereIs(each).length).toBeLessThan(2)
      }
      for (const each of world.living) world.bus.restore(each.node.incarnation)
      world.advance(10_000)
      for (const h of world.living) {
        for (const name of ['lobby', 'arena', 'market']) h.node.closeMeeting(name, h.now)
        world.answers(h)
      }
      world.settle()
      for (const h of world.living) world.open(h, 'lobby')
      world.settle()
      expect(world.whereIs('lobby')).toHaveLength(1)
      expect(
        world.living.flatMap((h) => world.answers(h)).filter((answer) => answer.startsWith('new')),
      ).toHaveLength(1)
    }
  })
})
