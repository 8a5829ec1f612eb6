import { describe, expect, it } from 'vitest'
import { MemoryBus, type MemoryPort } from '../../../src/bus/memory.ts'
import { type Bus, busListener } from '../../../src/core/index.ts'
import { Harness, type Peer, publicationsOf, textOf } from './harness.ts'

/** Nodes on one memory bus, all at one time. */
class World {
  readonly bus: MemoryBus = new MemoryBus(() => {})
  readonly nodes: Harness[] = []

  constructor(count: number, limits: ConstructorParameters<typeof Harness>[0] = {}) {
    for (let n = 0; n < count; n++) {
      const h = new Harness(limits, { incarnation: n + 1 })
      const port: MemoryPort = this.bus.connect(
        n + 1,
        busListener((call) => call(h.node, h.now)),
      )
      const methods = ['hears', 'publish', 'send', 'subscribe', 'unsubscribe'] as const
      for (const method of methods)
        Object.assign(h.bus, { [method]: port[method] satisfies Bus[typeof method] })
      this.nodes.push(h)
    }
    this.settle()
  }

  /** Sweeps and delivers until nothing happens any more. */
  settle(): void {
    for (let n = 0; n < 6; n++) {
      for (const h of this.nodes) h.settle()
      this.bus.deliver()
    }
    for (const h of this.nodes) h.settle()
  }

  advance(ms: number): void {
    for (const h of this.nodes) h.advance(ms)
    this.settle()
  }
}

/** What a reader has heard: texts, and `gap`. */
const heard = (peer: Peer): string[] =>
  peer.take().flatMap((message) => {
    if (message.type === 'gap') return [`gap ${message.reason}`]
    return message.type === 'publications' ? publicationsOf([message]).map(({ data }) => textOf(data)) : []
  })

function say(world: World, node: Harness, ...texts: string[]): void {
  for (const each of texts) {
    node.publish('t', each)
    world.settle()
  }
}

describe('When the bus is back', () => {
  function readOn(world: World): [a: Harness, b: Harness, reader: Peer] {
    const [a, b] = world.nodes as [Harness, Harness]
    const reader = b.connect('ann')
    b.listen(reader, 't')
    world.settle()
    return [a, b, reader]
  }

  it('a node that was cut off says again what it has published, and nobody gets anything twice', () => {
    const world = new World(3)
    const [a, , reader] = readOn(world)
    const own = a.connect('bob')
    a.listen(own, 't')
    say(world, a, '1', '2')
    world.bus.cut(1)
    say(world, a, '3', '4')
    expect(heard(reader)).toEqual(['1', '2'])
    world.bus.restore(1)
    world.settle()
    say(world, a, '5')
    expect(heard(reader)).toEqual(['3', '4', '5'])
    expect(heard(own)).toEqual(['1', '2', '3', '4', '5'])
  })

  it('what is not kept any more is a hole that readers are told of, without waiting for another publication', () => {
    const world = new World(2)
    for (const { node } of world.nodes) node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    const [a, , reader] = readOn(world)
    say(world, a, '1')
    world.bus.cut(1)
    say(world, a, '2', '3')
    world.bus.restore(1)
    world.settle()
    expect(heard(reader)).toEqual(['1', 'gap BUS', '3'])
  })

  it('a reader whose node was cut off gets the last publications too', () => {
    const world = new World(3)
    const [a, , reader] = readOn(world)
    say(world, a, '1')
    world.bus.cut(2)
    say(world, a, '2')
    world.advance(14_000)
    expect(heard(reader)).toEqual(['1'])
    world.bus.restore(2)
    world.settle()
    expect(heard(reader)).toEqual(['2'])
  })

  it('what got lost before the outage was noticed is made up for', () => {
    let isLost = false
    const world = new World(2)
    const bus = new MemoryBus(
      () => {},
      () => (isLost ? 'lost' : 'arrives'),
    )
    Object.assign(world, { bus, nodes: [] })
    for (const incarnation of [1, 2]) {
      const h = new Harness({}, { incarnation })
      const port = bus.connect(
        incarnation,
        busListener((call) => call(h.node, h.now)),
      )
      for (const method of ['hears', 'publish', 'send', 'subscribe'] as const)
        Object.assign(h.bus, { [method]: port[method] })
      world.nodes.push(h)
    }
    world.settle()
    const [a, , reader] = readOn(world)
    say(world, a, '1')
    isLost = true
    say(world, a, '2')
    world.advance(10_000)
    bus.cut(1)
    isLost = false
    bus.restore(1)
    world.settle()
    expect(heard(reader)).toEqual(['1', '2'])
  })

  it('nothing is said of what was published long before', () => {
    const world = new World(2)
    const [a, b] = world.nodes as [Harness, Harness]
    say(world, a, 'old')
    world.advance(20_000)
    const reader = b.connect('ann')
    b.listen(reader, 't')
    world.settle()
    for (const node of [1, 2]) world.bus.cut(node)
    world.settle()
    for (const node of [1, 2]) world.bus.restore(node)
    world.settle()
    expect(heard(reader)).toEqual([])
  })

  it('very many topics are seen to a thousand at a time', () => {
    const world = new World(2, { topicPendingEntries: 100 })
    const [a, b] = world.nodes as [Harness, Harness]
    for (let n = 0; n < 2_500; n++) a.publish(`t${n}`, 'x')
    world.settle()
    let published = 0
    const publish = a.bus.publish.bind(a.bus)
    a.bus.publish = (subject, bytes) => {
      published++
      publish(subject, bytes)
    }
    a.node.inlet.down(a.now)
    a.node.inlet.back(0)
    const counts = [1, 2, 3].map(() => {
      a.node.sweep(a.now)
      return published
    })
    expect(counts).toEqual([1_000, 2_000, 2_500])
    expect(a.node.deadline(a.now)).toBeGreaterThan(a.now)
    expect(b.node.topics).toBe(0)
  })

  it('a question that is not one, and one of a topic that is not kept, change nothing', () => {
    const world = new World(1)
    const [a] = world.nodes as [Harness]
    a.publish('t', '1')
    a.settle()
    const strange = [[], [0x74], [0x74, 1, 9], [0x73, 1, 1, 0x74]]
    for (const bytes of strange) a.node.inlet.sent(Uint8Array.from(bytes), 8, a.now)
    a.node.inlet.sent(Uint8Array.of(0x74, 1, 1, 0x75), 8, a.now)
    a.settle()
    expect([a.node.stats.strangers, a.node.topics]).toEqual([4, 1])
  })
})
