import { describe, expect, it } from 'vitest'
import { encodeCluster } from '../../../../src/core/cluster/messages.ts'
import { View } from '../../../../src/core/cluster/view.ts'
import { type Node, Rig } from './rig.ts'

/** Nodes that know each other. */
function settled(count: number): { readonly rig: Rig; readonly nodes: readonly Node[] } {
  const rig = new Rig()
  const nodes = Array.from({ length: count }, () => rig.start())
  rig.run(5_000)
  return { rig, nodes }
}

/** A name whose registrar is this node where these are there. */
function nameOf(registrar: Node, all: readonly Node[]): string {
  const view = new View(registrar.id)
  for (const { id } of all) view.meet(id)
  for (let n = 0; ; n++) if (view.registrarOf(`room.${n}`) === registrar.id) return `room.${n}`
}

describe('A name', () => {
  it('is given to whoever asks first, within one round trip, and the others are told who has it', () => {
    const { rig, nodes } = settled(3)
    const [a, b, c] = nodes as [Node, Node, Node]
    const name = nameOf(c, nodes)
    a.claim(name)
    rig.run(1)
    b.claim(name)
    rig.run(1)
    expect(a.endings).toEqual([{ by: 'grant', term: 1 }])
    rig.run(1)
    expect(b.endings).toEqual([{ by: 'taken', owner: a.id, term: 1 }])
    c.claim(name)
    expect(c.endings).toEqual([{ by: 'taken', owner: a.id, term: 1 }])
  })

  it('is free when its owner has closed it, and its next fence is higher', () => {
    const { rig, nodes } = settled(3)
    const [a, b] = nodes as [Node, Node]
    a.claim('lobby')
    rig.run(5)
    a.close('lobby')
    rig.run(5)
    b.claim('lobby')
    rig.run(5)
    expect(a.endings).toEqual([{ by: 'grant', term: 1 }])
    expect(b.endings).toEqual([{ by: 'grant', term: 2 }])
  })

  it('has a higher fence where a node goes on with an earlier meeting, which knew of none but finds the name', () => {
    const { rig, nodes } = settled(3)
    for (const by of nodes) {
      // Whoever its registrar is: none of the others is told what it has granted.
      const name = nameOf(by, nodes)
      const [a, b] = nodes.filter((node) => node !== by) as [Node, Node]
      for (const opener of [a, a, by]) {
        opener.claim(name)
        rig.run(5)
        opener.close(name)
        rig.run(5)
      }
      const granted = by.endings.at(-1)
      b.find(name)
      rig.run(5)
      by.find(name)
      if (granted?.by !== 'grant') throw new Error('it was not granted')
      for (const { endings } of [b, by])
        expect(endings.at(-1)).toEqual({ by: 'taken', owner: 0, term: granted.term })
      for (const node of [b, by]) {
        expect(node.cluster.nextTerm()).toBe(granted.term + 1)
        expect(node.cluster.nextTerm(granted.term + 9)).toBe(granted.term + 9)
      }
    }
  })

  it('is found where it is open, or nowhere, and is not reserved by looking for it', () => {
    const { rig, nodes } = settled(3)
    const [a, b, c] = nodes as [Node, Node, Node]
    for (const node of nodes) node.find('lobby')
    rig.run(5)
    for (const { endings } of nodes) expect(endings).toEqual([{ by: 'taken', owner: 0, term: 0 }])
    b.claim('lobby')
    rig.run(5)
    expect(b.endings.at(-1)).toEqual({ by: 'grant', term: 1 })
    for (const node of [a, c]) node.find('lobby')
    rig.run(5)
    for (const { endings } of [a, c]) expect(endings.at(-1)).toEqual({ by: 'taken', owner: b.id, term: 1 })
    expect(nodes.map(({ cluster }) => cluster.remembered).reduce((sum, count) => sum + count)).toBe(1)
  })

  it('moves with its owner’s word when a node comes that is its registrar from now on', () => {
    const { rig, nodes } = settled(2)
    const [a, b] = nodes as [Node, Node]
    const newcomer = 2 ** 40
    const name = nameOf({ id: newcomer } as Node, nodes)
    a.claim(name)
    rig.run(5)
    const c = rig.start(newcomer)
    rig.run(5)
    b.claim(name)
    rig.run(5)
    expect(b.endings).toEqual([{ by: 'taken', owner: a.id, term: 1 }])
    expect([a, b, c].map(({ cluster }) => cluster.remembered)).toEqual([0, 0, 1])
  })

  it('is not given on what was said when the same nodes were the cluster before', () => {
    const rig = new Rig()
    const [a, b] = [rig.start(), rig.start()]
    rig.run(5_000)
    // It falls to `a` while there are two nodes, and to `c` while that one is there.
    const newcomer = 2 ** 40
    const view = new View(a.id)
    view.meet(b.id)
    const larger = new View(newcomer)
    for (const { id } of [a, b]) larger.meet(id)
    let n = 0
    while (view.registrarOf(`r${n}`) !== a.id || larger.registrarOf(`r${n}`) !== newcomer) n++
    const name = `r${n}`
    const end = (node: Node): void => {
      node.isAlive = false
      for (const other of [a, b]) other.act(() => other.cluster.gone(node.id, rig.clock.now))
    }
    // From now on, what `b` says reaches `a` late: first that it owns nothing, when the two are alone again.
    rig.slow.set(`${b.id} ${a.id}`, 900)
    const d = rig.start()
    rig.run(50)
    end(d)
    const c = rig.start(newcomer)
    rig.run(50)
    b.claim(name)
    rig.run(50)
    expect(b.endings).toEqual([{ by: 'grant', term: 1 }])
    end(c)
    a.claim(name)
    rig.run(990)
    expect(rig.twins()).toEqual([])
    expect(a.endings).toEqual([{ by: 'taken', owner: b.id, term: 1 }])
  })

  it('cannot be claimed without the bus, and is claimed when it is back', () => {
    const { rig, nodes } = settled(2)
    const [a] = nodes as [Node, Node]
    a.act(() => a.cluster.down(rig.clock.now))
    a.claim('lobby')
    rig.run(900)
    a.act(() => a.cluster.up(rig.clock.now))
    rig.run(5)
    expect(a.endings).toEqual([{ by: 'grant', term: 1 }])
    a.act(() => a.cluster.down(rig.clock.now))
    a.claim('arena')
    rig.run(1_001)
    expect(a.endings.at(-1)).toEqual({ by: 'late' })
    expect(a.cluster.peers).toHaveLength(1)
  })
})

/** A node named `box` has ended without a word, and nobody proves it. */
function boxed(): { rig: Rig; a: ReturnType<Rig['start']> } {
  const rig = new Rig()
  rig.probe = () => {}
  const [a, box] = [rig.start(), rig.start(undefined, 'box')]
  rig.run(4_000)
  box.isAlive = false
  return { rig, a }
}

describe('Nodes', () => {
  it('that start at the same time know each other at once, and open nothing before they are sure of it', () => {
    const rig = new Rig()
    const [a, b] = [rig.start(), rig.start()]
    rig.run(10)
    expect(a.cluster.view).toBe(b.cluster.view)
    a.claim('lobby')
    rig.run(2_980)
    expect(a.endings).toEqual([])
    rig.run(20)
    expect(a.endings).toMatchObject([{ by: 'grant' }])
    const c = rig.start()
    c.act(() => c.cluster.down(rig.clock.now))
    c.claim('arena')
    rig.run(3_999)
    expect(c.endings).toEqual([])
    rig.run(1)
    expect(c.endings).toEqual([{ by: 'late' }])
  })

  it('that are spoken to before anybody has introduced itself do not take themselves to be alone for a lease', () => {
    const rig = new Rig()
    const a = rig.start()
    const seq = { view: 1, round: 1, echo: 0, seq: 1, isFirst: true, isLast: true, claimed: 0, term: 1 }
    const holdings = [{ name: 'lobby', owns: true, stands: false }]
    const hear = (): void =>
      a.act(() => a.cluster.handle(4_711, encodeCluster({ type: 'holds', ...seq, holdings }), rig.clock.now))
    rig.run(2_900)
    a.claim('lobby')
    hear()
    rig.run(2_999)
    expect([a.cluster.isSettled, a.endings]).toEqual([false, []])
    rig.run(1)
    expect([a.cluster.isSettled, a.endings]).toEqual([true, [{ by: 'grant', term: 1 }]])
    // Who settles without the bus would open what others have.
    const other = new Rig()
    const b = other.start()
    b.act(() => b.cluster.down(other.clock.now))
    b.act(() => b.cluster.handle(4_711, encodeCluster({ type: 'held', echo: 1, seq: 1 }), other.clock.now))
    other.run(5_000)
    expect(b.cluster.isSettled).toBe(false)
  })

  it('that have stood still as they started hear first what was said meanwhile', () => {
    const rig = new Rig()
    rig.probe = () => {}
    const a = rig.start()
    rig.run(4_000)
    a.claim('lobby')
    rig.cut.add(`${a.id} ${2 ** 40}`)
    const b = rig.start(2 ** 40)
    rig.run(10)
    b.claim('lobby')
    rig.cut.clear()
    // What arrives waits in the socket, behind the timers.
    b.isAlive = false
    rig.run(3_000)
    b.isAlive = true
    b.act(() => b.timers.run(rig.clock.now))
    expect([b.cluster.isSettled, b.endings]).toEqual([false, []])
    rig.run(600)
    expect(b.endings).toEqual([{ by: 'taken', owner: a.id, term: 1 }])
    // Nor does one that nobody speaks to wait for ever.
    const other = new Rig()
    const c = other.start()
    c.isAlive = false
    other.run(3_100)
    c.isAlive = true
    c.act(() => c.timers.run(other.clock.now))
    other.run(2_999)
    expect(c.cluster.isSettled).toBe(false)
    other.run(1)
    expect(c.cluster.isSettled).toBe(true)
  })

  it('that say goodbye are waited for by nobody', () => {
    const { rig, nodes } = settled(3)
    const [a, b, c] = nodes as [Node, Node, Node]
    const name = nameOf(c, nodes)
    c.act(() => c.cluster.leave(rig.clock.now))
    c.isAlive = false
    rig.run(5)
    expect(a.cluster.peers.map(({ incarnation }) => incarnation)).toEqual([b.id])
    a.claim(name)
    rig.run(5)
    expect(a.endings).toMatchObject([{ by: 'grant' }])
  })

  it('that are silent keep their place, and after a lease nobody waits for their word', () => {
    const { rig, nodes } = settled(3)
    const [a, b, c] = nodes as [Node, Node, Node]
    for (const other of [a, b]) rig.cut.add(`${c.id} ${other.id}`)
    rig.start()
    rig.run(2_000)
    const name = nameOf(a, rig.nodes)
    b.claim(name)
    rig.run(500)
    expect(b.endings).toEqual([])
    rig.run(1_500)
    b.claim(name)
    rig.run(10)
    expect(b.endings.at(-1)).toMatchObject({ by: 'grant' })
    expect(a.cluster.peers.map(({ incarnation }) => incarnation)).toContain(c.id)
    expect(a.cluster.isSilent(c.id)).toBe(true)
  })

  it('that one knows only from another are proven to have ended where they have, as any', () => {
    const { rig, nodes } = settled(2)
    const [a, b] = nodes as [Node, Node]
    // A newcomer hears of a node only from one that it meets later, and which knows no more of its end.
    rig.cut.add(`${b.id} ${a.id}`)
    b.isAlive = false
    const c = rig.start()
    rig.run(1_000)
    expect(c.cluster.peer(b.id)).toMatchObject({ id: 'n1', health: `health ${b.id}` })
    a.isAlive = false
    rig.run(5_000)
    expect(c.cluster.peers).toEqual([])
  })

  it('that are silent have ended where a later run of the same name is heard, and nobody need prove it', () => {
    const { rig, a } = boxed()
    const later = rig.start(undefined, 'box')
    rig.run(4_000)
    expect(a.cluster.peers.map(({ incarnation }) => incarnation)).toEqual([later.id])
  })

  it('that are silent have not ended because others tell of an earlier run of the same name', () => {
    const { rig, a } = boxed()
    const c = rig.start()
    const told = `${a.id} ${c.id}`
    rig.cut.add(told)
    const later = rig.start(undefined, 'box')
    rig.cut.add(`${a.id} ${later.id}`)
    rig.run(2)
    rig.cut.add(`${later.id} ${c.id}`)
    rig.run(1_000)
    // It is introduced to the run that has ended a second after it has heard the one that has not.
    rig.cut.delete(told)
    rig.run(1_000)
    rig.cut.add(told)
    expect(c.cluster.peers.map(({ id }) => id).filter((id) => id === 'box')).toHaveLength(2)
    rig.run(3_000)
    expect(c.cluster.nodes.has(later.id)).toBe(true)
  })

  it('count with nobody of whom they have heard nothing by which its end could be found out', () => {
    const { rig, nodes } = settled(2)
    const [a] = nodes as [Node]
    const claim = encodeCluster({ type: 'claim', view: 1, echo: 1, id: 1, opens: true, name: 'lobby' })
    a.act(() => a.cluster.handle(4_711, claim, rig.clock.now))
    expect(a.cluster.peers).toHaveLength(1)
  })

  it('agree on who is there, though what they said of it was lost', () => {
    const { rig, nodes } = settled(3)
    const [a, b, c] = nodes as [Node, Node, Node]
    c.isAlive = false
    // Only one has proof, and nothing that it says arrives for a while.
    for (const way of [`${a.id} ${b.id}`, `${b.id} ${a.id}`]) rig.cut.add(way)
    a.act(() => a.cluster.gone(c.id, rig.clock.now))
    rig.run(1_000)
    rig.cut.clear()
    rig.probe = () => {}
    // The first word that each has for the other is lost as well.
    rig.weather = { delay: [1, 1], loss: 0.9 }
    rig.run(1_000)
    rig.weather = { delay: [1, 1], loss: 0 }
    rig.run(2_000)
    for (const { cluster } of [a, b]) expect(cluster.peers).toHaveLength(1)
  })

  it('take what is not a message of theirs for a stranger’s', () => {
    const { rig, nodes } = settled(2)
    const [a, b] = nodes as [Node, Node]
    const messages = [[], [99], [0, 1], [2, 1, 1, 1, 255], [5, 1, 1, 1, 1, 1, 1, 1, 1, 200, 1]]
    for (const bytes of [...messages, ...messages.map((message) => [0x63, ...message])])
      a.act(() => a.cluster.handle(b.id, Uint8Array.from(bytes), rig.clock.now))
    expect(a.stats.strangers).toBe(10)
  })
})

/** Two nodes that know each other, and one that is new, which the first of them does not hear. */
function apart(): { readonly rig: Rig; readonly nodes: readonly [Node, Node, Node] } {
  const { rig, nodes } = settled(2)
  const [a, b] = nodes as [Node, Node]
  const newcomer = 2 ** 40
  for (const way of [`${a.id} ${newcomer}`, `${newcomer} ${a.id}`]) rig.cut.add(way)
  return { rig, nodes: [a, b, rig.start(newcomer)] }
}

const commonOf = ({ cluster }: Node): number[] =>
  cluster.acquaintance.common.map(({ incarnation }) => incarnation)

describe('A node that is new', () => {
  it('is known to all once each of the others has said that it knows the same nodes', () => {
    const { rig, nodes } = apart()
    const [a, b, c] = nodes
    rig.run(10)
    expect([b.cluster.peers.length, commonOf(b)]).toEqual([2, [a.id]])
    expect(a.cluster.nodes.has(c.id)).toBe(false)
    // It is told with the next heartbeat of that one.
    rig.run(500)
    expect(a.cluster.nodes.has(c.id)).toBe(true)
    expect(commonOf(b)).toEqual([a.id, c.id])
    // It knows that itself only of those that it hears.
    expect(commonOf(c)).toEqual([])
  })

  it('is known to all that are heard, where one is not heard for a lease', () => {
    const { rig, nodes } = apart()
    const [a, b, c] = nodes
    for (const way of [`${a.id} ${b.id}`, `${b.id} ${a.id}`]) rig.cut.add(way)
    rig.run(2_400)
    expect(commonOf(b)).toEqual([a.id])
    rig.run(700)
    expect(commonOf(b)).toEqual([a.id, c.id])
  })

  it('keeps nobody from being known to all who was before it came', () => {
    const { rig, nodes } = apart()
    const [a, b, c] = nodes
    rig.run(1_000)
    // Only one node hears it, and tells the others of it.
    const next = c.id + 1
    for (const { id } of [b, c]) for (const way of [`${next} ${id}`, `${id} ${next}`]) rig.cut.add(way)
    const d = rig.start(next)
    rig.run(600)
    expect(b.cluster.nodes.has(next)).toBe(true)
    expect(commonOf(b)).toEqual([a.id, c.id])
    expect(d.cluster.nodes.living.size).toBe(4)
  })
})

describe('Registrars', () => {
  it('have equal shares, and a node that goes moves no name but its own', () => {
    const view = new View(2 ** 33 + 7)
    for (let n = 1; n < 10; n++) view.meet(n * 7_919 * 2 ** 20 + n)
    const names = Array.from({ length: 10_000 }, (_, n) => `room.${n}`)
    const before = names.map((name) => view.registrarOf(name))
    const shares = new Map<number, number>()
    for (const node of before) shares.set(node, (shares.get(node) ?? 0) + 1)
    expect(shares.size).toBe(10)
    for (const share of shares.values()) expect(Math.abs(share - 1_000)).toBeLessThan(150)
    const [gone] = before as [number]
    view.end(gone)
    names.forEach((name, at) => {
      if (before[at] !== gone) expect(view.registrarOf(name)).toBe(before[at])
    })
  })
})

describe('A large cluster', () => {
  const COUNT = 40

  it('meets nodes that start at once in a few views, and each of them tells each other once in a view', () => {
    const rig = new Rig()
    for (let n = 0; n < COUNT; n++) rig.start()
    rig.run(5_000)
    const [first] = rig.nodes as [Node]
    expect(rig.nodes.every(({ cluster }) => cluster.view === first.cluster.view)).toBe(true)
    // Ten heartbeats of each, and at most two tellings with their confirmations, and a few introductions.
    const pairs = COUNT * (COUNT - 1)
    expect(rig.sent).toBeLessThan(pairs * 18)
    first.claim('lobby')
    rig.run(5)
    expect(first.endings).toEqual([{ by: 'grant', term: 1 }])
  })

  it('lets a few of its nodes introduce one that is new', () => {
    const rig = new Rig()
    for (let n = 0; n < COUNT; n++) rig.start()
    rig.run(5_000)
    const newcomer = rig.start()
    rig.bytes.clear()
    rig.run(400)
    expect(newcomer.cluster.peers).toHaveLength(COUNT)
    // An introduction names all nodes, so it is far longer than all else that one sends to another here.
    const introduced = [...rig.bytes].filter(
      ([way, bytes]) => way.endsWith(` ${newcomer.id}`) && bytes > COUNT * 10,
    )
    expect(introduced.length).toBeGreaterThan(0)
    expect(introduced.length).toBeLessThanOrEqual(3)
  })

  it('is introduced by all others where the few cannot be heard', () => {
    const rig = new Rig()
    for (let n = 0; n < COUNT; n++) rig.start()
    rig.run(5_000)
    const [deaf, silent] = rig.nodes as [Node, Node]
    // Cut off from one node, it hears of that one's end from the others alone.
    silent.isAlive = false
    for (const node of rig.living)
      if (node !== deaf) node.act(() => node.cluster.gone(silent.id, rig.clock.now))
    for (const node of rig.nodes.slice(2))
      if (node.cluster.nodes.isNear(node.id, deaf.id, 3)) rig.cut.add(`${node.id} ${deaf.id}`)
    expect(rig.cut.size).toBe(3)
    expect(deaf.cluster.nodes.has(silent.id)).toBe(true)
    rig.run(2_000)
    expect(deaf.cluster.nodes.has(silent.id)).toBe(false)
  })
})
