import { describe, expect, it } from 'vitest'
import { heard, listen, say } from './cluster/topic-readers.ts'
import { settled, type World } from './cluster/world.ts'
import type { Harness, Peer } from './harness.ts'

const idOf = ({ node }: Harness): number => node.incarnation

function readOn(world: World): [a: Harness, b: Harness, reader: Peer] {
  const [a, b] = world.nodes as [Harness, Harness]
  const reader = b.connect('ann')
  listen(world, reader, 't')
  return [a, b, reader]
}

describe('When the bus is back', () => {
  it('a node that was cut off says what it has published, and nobody gets anything twice', () => {
    const world = settled(3)
    const [a, , reader] = readOn(world)
    const own = a.connect('bob')
    listen(world, own, 't')
    say(world, a, '1', '2')
    world.bus.cut(idOf(a))
    say(world, a, '3', '4')
    expect(heard(reader)).toEqual(['1', '2'])
    world.bus.restore(idOf(a))
    world.settle()
    say(world, a, '5')
    expect(heard(reader)).toEqual(['3', '4', '5'])
    expect(heard(own)).toEqual(['1', '2', '3', '4', '5'])
  })

  it('what is not kept any more is a hole that readers are told of, without waiting for another publication', () => {
    const world = settled(2)
    for (const { node } of world.nodes) node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    const [a, , reader] = readOn(world)
    say(world, a, '1')
    world.bus.cut(idOf(a))
    say(world, a, '2', '3')
    world.bus.restore(idOf(a))
    world.settle()
    expect(heard(reader)).toEqual(['1', 'gap BUS', '3'])
  })

  it('a reader whose node was cut off gets the last publications too', () => {
    const world = settled(3)
    const [a, b, reader] = readOn(world)
    say(world, a, '1')
    world.bus.cut(idOf(b))
    say(world, a, '2')
    world.advance(13_000)
    expect(heard(reader)).toEqual(['1'])
    world.bus.restore(idOf(b))
    world.advance(1_000)
    expect(heard(reader)).toEqual(['2'])
  })

  it('what got lost before the outage was noticed is made up for', () => {
    const world = settled(2)
    const [a, b, reader] = readOn(world)
    say(world, a, '1')
    world.isLost = () => true
    say(world, a, '2')
    world.advance(10_000)
    world.bus.cut(idOf(a))
    world.isLost = () => false
    world.bus.restore(idOf(a))
    world.advance(1_000)
    expect(heard(reader)).toEqual(['1', '2'])
    expect(b.node.topic('t')).toMatchObject({ publications: 2 })
  })

  it('nothing is said of what was published long before', () => {
    const world = settled(2)
    const [a, b] = world.nodes as [Harness, Harness]
    say(world, a, 'old')
    world.advance(20_000)
    const reader = b.connect('ann')
    listen(world, reader, 't')
    for (const node of [a, b]) world.bus.cut(idOf(node))
    world.settle()
    for (const node of [a, b]) world.bus.restore(idOf(node))
    world.advance(1_000)
    expect(heard(reader)).toEqual([])
  })

  it('very many topics are seen to a thousand at a time', () => {
    const world = settled(2, { topicPendingEntries: 100 })
    const [a, b] = world.nodes as [Harness, Harness]
    for (let n = 0; n < 2_500; n++) a.publish(`t${n}`, 'x')
    world.settle()
    let published = 0
    const { inlet } = b.node
    const message = inlet.message.bind(inlet)
    inlet.message = (subject, bytes, from, now) => {
      if (subject === 'q/') published++
      message(subject, bytes, from, now)
    }
    a.node.inlet.down(a.now)
    a.node.inlet.back(a.now)
    const counts = [1, 2, 3].map(() => {
      a.node.sweep(a.now)
      world.bus.deliver()
      return published
    })
    expect(counts).toEqual([1, 2, 3])
    expect(b.node.topics).toBe(0)
  })

  it('a digest that is malformed is counted, and one of topics that nobody reads changes nothing', () => {
    const [a] = settled(1).nodes as [Harness]
    a.publish('t', '1')
    a.settle()
    for (const bytes of [[1], [1, 0x74], [9, 0x74, 1]])
      a.node.inlet.message('q/', Uint8Array.from(bytes), 8, a.now)
    a.node.inlet.message('q/', Uint8Array.of(1, 0x74, 9, 1, 0x75, 9), 8, a.now)
    a.settle()
    expect([a.node.stats.strangers, a.node.topics]).toEqual([3, 1])
  })
})
