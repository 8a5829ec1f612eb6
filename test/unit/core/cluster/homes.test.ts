import { describe, expect, it } from 'vitest'
import { Homes, homesLimits } from '../../../../src/core/cluster/homes.ts'
import type { Place } from '../../../../src/core/cluster/question-kinds.ts'
import { View } from '../../../../src/core/cluster/view.ts'
import { LEAST_EDGE } from '../../../../src/core/ground/incarnation.ts'
import { Stats } from '../../../../src/core/ground/stats.ts'
import { Random } from '../../../../src/testing/index.ts'

/** Nodes whose messages arrive in order, or are lost when the link between two breaks. */
class Rig {
  readonly nodes: Map<number, Node> = new Map()
  readonly ways: Map<string, Uint8Array[]> = new Map()
  readonly silent: Set<number> = new Set()
  /** Nodes that take nothing, and how many messages may wait for one before its link is closed. */
  readonly stalled: Set<number> = new Set()
  window = Infinity
  now = 0
  sent = 0

  start(id: number, limits: Partial<typeof homesLimits> = {}): Node {
    const node = new Node(this, id, { ...homesLimits, ...limits })
    this.nodes.set(id, node)
    return node
  }

  /** Starts nodes that know each other. */
  static of(ids: readonly number[], limits: Partial<typeof homesLimits> = {}): Rig {
    const rig = new Rig()
    for (const id of ids) rig.start(id, limits)
    for (const node of rig.nodes.values()) for (const id of ids) node.meet(id)
    rig.settle()
    return rig
  }

  put(from: number, to: number, bytes: Uint8Array): void {
    this.sent++
    const way = `${from} ${to}`
    const known = this.ways.get(way)
    if (known === undefined) this.ways.set(way, [bytes])
    else known.push(bytes)
  }

  break(a: number, b: number): void {
    for (const way of [`${a} ${b}`, `${b} ${a}`]) this.ways.delete(way)
    this.nodes.get(a)?.homes.broken(b)
    this.nodes.get(b)?.homes.broken(a)
  }

  /** Carries the first message of one way. */
  carryOne(way: string): void {
    const [from, to] = way.split(' ').map(Number) as [number, number]
    const bytes = this.ways.get(way)?.shift()
    if (this.ways.get(way)?.length === 0) this.ways.delete(way)
    if (bytes !== undefined) this.nodes.get(to)?.homes.message(from, bytes)
  }

  settle(): void {
    for (let work = true; work;) {
      work = false
      for (const { homes } of this.nodes.values()) {
        work ||= homes.hasWork
        homes.sweep(this.now)
      }
      for (const way of Array.from(this.ways.keys())) {
        if (this.stalled.has(Number(way.split(' ')[1]))) continue
        work = true
        this.carryOne(way)
      }
    }
  }

  /** Where a user really has sessions. */
  truth(user: string): Place[] {
    return [...this.nodes.values()].flatMap(({ id, users }) => {
      const presence = users.get(user)
      return presence === undefined ? [] : [{ node: id, ...presence }]
    })
  }
}

class Node {
  readonly id: number
  readonly view: View
  readonly homes: Homes
  readonly stats: Stats = new Stats()
  readonly users: Map<string, { readonly sessions: number; readonly connected: number }> = new Map()

  constructor(rig: Rig, id: number, limits: typeof homesLimits) {
    this.id = id
    this.view = new View(id)
    this.homes = new Homes(
      id,
      {
        view: this.view,
        isSilent: (node) => rig.silent.has(node),
        users: () => this.users.keys(),
        presence: (user) => this.users.get(user) ?? { sessions: 0, connected: 0 },
        send: (node, bytes) => rig.put(id, node, bytes),
        isOpen: (node) => (rig.ways.get(`${id} ${node}`)?.length ?? 0) < rig.window,
      },
      this.stats,
      limits,
    )
  }

  meet(id: number): void {
    if (this.view.meet(id)) this.homes.renew()
  }

  lose(id: number): void {
    if (this.view.end(id)) this.homes.renew()
  }

  has(user: string, sessions: number, connected = sessions): void {
    if (sessions === 0) this.users.delete(user)
    else this.users.set(user, { sessions, connected })
    this.homes.changed(user)
  }
}

const ids = [101, 20_202, 303_303]
const homeOf = (rig: Rig, user: string): Node => {
  const [first] = rig.nodes.values()
  return rig.nodes.get((first as Node).view.registrarOf(user)) as Node
}

describe('The home of a user', () => {
  it('knows where the user has sessions, and hears of each change', () => {
    const rig = Rig.of(ids)
    const [a, b] = [rig.nodes.get(101) as Node, rig.nodes.get(20_202) as Node]
    a.has('ann', 2, 1)
    b.has('ann', 1)
    rig.settle()
    const home = homeOf(rig, 'ann')
    expect(home.homes.whereabouts('ann')).toEqual({
      isComplete: true,
      places: expect.arrayContaining([
        { node: 101, sessions: 2, connected: 1 },
        { node: 20_202, sessions: 1, connected: 1 },
      ]),
    })
    expect(home.homes.whereabouts('nobody')).toMatchObject({ places: [] })
    a.has('ann', 0)
    b.has('ann', 0)
    rig.settle()
    expect(home.homes.whereabouts('ann')).toEqual({ isComplete: true, places: [] })
    expect(home.homes.size).toBe(0)
  })

  it('is told in one small message for each change, and of nothing by a node alone', () => {
    const rig = Rig.of([101])
    const alone = rig.nodes.get(101) as Node
    alone.has('ann', 1)
    expect([alone.homes.hasWork, rig.sent]).toEqual([false, 0])
    expect(alone.homes.whereabouts('ann')).toEqual({
      isComplete: true,
      places: [{ node: 101, sessions: 1, connected: 1 }],
    })
    const two = Rig.of(ids)
    const user = Array.from({ length: 100 }, (_, n) => `u${n}`).find((name) => homeOf(two, name).id !== 101)
    two.sent = 0
    ;(two.nodes.get(101) as Node).has(user as string, 1)
    two.settle()
    expect(two.sent).toBe(1)
  })

  it('does not know while a node has not told it everything, nor where a node is silent, nor of others’ users', () => {
    const rig = Rig.of(ids, { homeUsersPerSweep: 10 })
    const [a, b] = [rig.nodes.get(101) as Node, rig.nodes.get(20_202) as Node]
    for (let n = 0; n < 95; n++) a.has(`u${n}`, 1)
    rig.settle()
    const user = [...a.users.keys()].find((name) => homeOf(rig, name) === b) as string
    const isComplete = (): boolean => b.homes.whereabouts(user).isComplete
    expect(isComplete()).toBe(true)
    const other = [...a.users.keys()].find((name) => homeOf(rig, name) === a) as string
    expect(b.homes.whereabouts(other).isComplete).toBe(false)
    rig.silent.add(303_303)
    expect(isComplete()).toBe(false)
    rig.silent.clear()
    rig.break(101, 20_202)
    expect(isComplete()).toBe(false)
    let sweeps = 0
    while (a.homes.hasWork) {
      a.homes.sweep(rig.now)
      expect(isComplete()).toBe(false)
      sweeps++
    }
    expect(sweeps).toBe(10)
    rig.settle()
    expect(isComplete()).toBe(true)
  })

  it('is no edge; where there are only edges, nobody is told of anybody', () => {
    const edges = [LEAST_EDGE, LEAST_EDGE + 7, 2 ** 48 - 1]
    const rig = Rig.of([...ids, ...edges])
    const edge = rig.nodes.get(LEAST_EDGE) as Node
    for (let n = 0; n < 100; n++) edge.has(`u${n}`, 1)
    rig.settle()
    expect(edges.map((id) => rig.nodes.get(id)?.homes.size)).toEqual([0, 0, 0])
    expect(ids.reduce((sum, id) => sum + (rig.nodes.get(id)?.homes.size ?? 0), 0)).toBe(100)
    for (const id of ids) {
      rig.nodes.delete(id)
      for (const node of rig.nodes.values()) node.lose(id)
    }
    rig.settle()
    const { sent } = rig
    edge.has('ann', 1)
    rig.settle()
    expect(rig.sent).toBe(sent)
    expect(edge.homes.whereabouts('ann')).toMatchObject({ isComplete: false })
  })

  it('is told of many users in few messages, and of what changes meanwhile behind them', () => {
    const rig = Rig.of(ids, { homeUsersPerSweep: 10, homeMessageBytes: 100 })
    const [a, b] = [rig.nodes.get(101) as Node, rig.nodes.get(20_202) as Node]
    for (let n = 0; n < 300; n++) a.has(`u${n}`, 1)
    rig.settle()
    rig.sent = 0
    b.lose(303_303)
    a.lose(303_303)
    rig.nodes.delete(303_303)
    const home = Array.from({ length: 300 }, (_, n) => `u${n}`).find(
      (user) => a.view.registrarOf(user) === 20_202,
    ) as string
    // The first users are waiting to be told, and this one goes.
    a.homes.sweep(rig.now)
    a.has(home, 0)
    rig.settle()
    const expected = [...a.users.keys()].filter((user) => a.view.registrarOf(user) === 20_202)
    expect(b.homes.size).toBe(expected.length)
    expect(b.homes.whereabouts(home)).toEqual({ isComplete: true, places: [] })
    // Each of 30 sweeps has found some of them.
    expect(rig.sent).toBeLessThan(20)
  })

  it('that was told of more users than it remembers does not know of all', () => {
    const rig = Rig.of(ids, { homeUsers: 5 })
    const a = rig.nodes.get(101) as Node
    for (let n = 0; n < 60; n++) a.has(`u${n}`, 1)
    rig.settle()
    const b = rig.nodes.get(20_202) as Node
    const user = [...a.users.keys()].find((name) => homeOf(rig, name) === b) as string
    expect([b.homes.size, b.homes.whereabouts(user).isComplete]).toEqual([5, false])
  })

  it('that takes nothing costs no work, and the others are told without it after a second', () => {
    const rig = Rig.of(ids, { homeUsersPerSweep: 100 })
    const [a, b, c] = ids.map((id) => rig.nodes.get(id)) as [Node, Node, Node]
    rig.window = 5
    for (let n = 0; n < 10_000; n++) a.users.set(`u${n}`, { sessions: 1, connected: 1 })
    const known = (node: Node): boolean => node.homes.whereabouts(userOf(node)).isComplete
    const userOf = ({ id }: Node): string => {
      for (let n = 0; ; n++) if (a.view.registrarOf(`u${n}`) === id) return `u${n}`
    }
    rig.stalled.add(b.id)
    for (const node of [b, c]) rig.break(a.id, node.id)
    rig.settle()
    expect([a.homes.hasWork, known(c)]).toEqual([false, false])
    rig.now += homesLimits.homeWaitMs
    rig.settle()
    expect([a.homes.hasWork, known(c)]).toEqual([false, true])
    // What changes meanwhile waits as well; so little is under way to it, however often that is.
    for (let n = 0; n < 1_000; n++) {
      a.has(userOf(b), (n % 2) + 1)
      rig.settle()
    }
    expect(rig.ways.get(`${a.id} ${b.id}`)).toHaveLength(5)
    rig.stalled.clear()
    rig.settle()
    expect(known(b)).toBe(true)
    expect(b.homes.whereabouts(userOf(b)).places).toEqual(rig.truth(userOf(b)))
    expect([b.homes.size + c.homes.size, a.homes.hasWork]).toEqual([
      [...a.users.keys()].filter((user) => a.view.registrarOf(user) !== a.id).length,
      false,
    ])
  })

  it('counts a message that is malformed, and takes none before a node has begun to tell', () => {
    const rig = Rig.of(ids)
    const a = rig.nodes.get(101) as Node
    for (const bytes of [[3], [3, 0, 9], [3, 1]]) a.homes.message(20_202, Uint8Array.from(bytes))
    a.homes.message(7, Uint8Array.of(3, 0, 1, 97, 1, 1))
    expect([a.stats.strangers, a.homes.size]).toEqual([3, 0])
    // More sessions of one user than there can be.
    a.homes.message(7, Uint8Array.of(3, 1, 5, 1, 97, 0x80, 0x80, 0x40, 1))
    expect([a.stats.strangers, a.homes.size]).toEqual([4, 0])
  })

  it('knows the truth again after any nodes have come and gone and any links have broken', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed)
      const rig = Rig.of(ids, { homeUsersPerSweep: random.int(1, 5) })
      let last = 404_404
      const some = <T>(all: Iterable<T>): T => random.pick([...all])
      for (let step = 0; step < 120; step++) {
        const node = some(rig.nodes.values())
        const other = some(rig.nodes.keys())
        const kind = random.int(0, 9)
        if (kind < 4) node.has(`u${random.int(0, 9)}`, random.int(0, 2))
        else if (kind < 6) node.homes.sweep(rig.now)
        else if (kind === 6 && rig.ways.size > 0) rig.carryOne(some(rig.ways.keys()))
        else if (kind === 7 && node.id !== other) rig.break(node.id, other)
        else if (kind === 8 && rig.nodes.size > 2) {
          rig.nodes.delete(node.id)
          for (const each of rig.nodes.values()) if (random.chance(0.7)) each.lose(node.id)
        } else if (kind === 9 && rig.nodes.size < 5) {
          const made = rig.start((last += 101_101), { homeUsersPerSweep: 2 })
          for (const each of rig.nodes.values()) if (random.chance(0.5)) each.meet(made.id)
        }
      }
      const living = [...rig.nodes.keys()]
      for (const each of rig.nodes.values()) {
        for (const id of each.view.living) if (!rig.nodes.has(id)) each.lose(id)
        for (const id of living) each.meet(id)
      }
      rig.settle()
      for (let n = 0; n < 10; n++) {
        const { isComplete, places } = homeOf(rig, `u${n}`).homes.whereabouts(`u${n}`)
        const byNode = (a: Place, b: Place): number => a.node - b.node
        expect([isComplete, places.toSorted(byNode)], `seed ${seed}`).toEqual([
          true,
          rig.truth(`u${n}`).toSorted(byNode),
        ])
      }
    }
  })
})
