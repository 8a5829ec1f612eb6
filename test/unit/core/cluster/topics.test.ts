import { describe, expect, it } from 'vitest'
import type { MessageOf, Position, ServerMessage } from '../../../../src/protocol/index.ts'
import { Harness, positionAfter } from '../harness.ts'
import { heard, listen, put, say } from './topic-readers.ts'
import { settled, type World } from './world.ts'

const nodesOf = (world: World): [Harness, Harness, Harness] => world.nodes as [Harness, Harness, Harness]

/** Nodes that keep one publication of a topic. */
function keepingOne(count: number): World {
  const world = settled(count)
  for (const { node } of world.nodes) node.defineTopics('*', { entries: 1, bytes: 10_000, ageMs: 60_000 })
  return world
}

describe('The first reader of a topic on a node', () => {
  it('gets the latest values that were published on another node before', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    put(world, a, 'x=1', 'y=1', 'x=2')
    world.advance(1)
    put(world, c, 'z=1', 'y=2')
    world.advance(1)
    const reader = b.connect('ann')
    expect(listen(world, reader, 't')).toMatchObject({ keyed: true, recovered: false })
    expect(heard(reader)).toEqual(['x=2', 'z=1', 'y=2'])
    put(world, a, 'x=3')
    put(world, c, 'z=2')
    expect(heard(reader)).toEqual(['x=3', 'z=2'])
    const conflating = b.connect('bob')
    listen(world, conflating, 't', { conflate: true })
    expect(heard(conflating)).toEqual(['y=2', 'x=3', 'z=2'])
  })

  it('gets values that have left the ring of the node that has them, and no gap before them', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    for (const { node } of world.nodes) node.defineTopics('*', { entries: 2, bytes: 10_000, ageMs: 60_000 })
    put(world, a, 'x=1', 'y=1', 'z=1', 'z=2', 'z=3', 'z=4')
    const reader = b.connect('ann')
    listen(world, reader, 't', { keys: [{ key: 'x' }, { key: 'z' }] })
    expect(heard(reader)).toEqual(['x=1', 'z=4'])
    const plain = b.connect('bob')
    listen(world, plain, 't')
    expect(heard(plain)).toEqual(['x=1', 'y=1', 'z=4'])
  })

  it('may have the history that was published elsewhere, in the order of its time', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    say(world, a, 'a1')
    world.advance(5)
    say(world, c, 'c1')
    world.advance(5)
    say(world, a, 'a2')
    const reader = b.connect('ann')
    listen(world, reader, 't', { history: 10 })
    expect(heard(reader)).toEqual(['a1', 'c1', 'a2'])
    const now = b.connect('bob')
    listen(world, now, 't')
    expect(heard(now)).toEqual([])
  })

  it('misses nothing that is published while the others are asked', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    put(world, a, 'x=1', 'y=1')
    const reader = b.connect('ann')
    reader.subscribe('t')
    b.sweep()
    a.publish('t', '2', 'x')
    a.settle()
    world.settle()
    put(world, a, 'y=2')
    expect(heard(reader)).toEqual(['y=1', 'x=2', 'y=2'])
  })

  it('waits at most 300 ms, and gets what is late when it comes', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    put(world, a, 'x=1')
    world.isLost = () => true
    const reader = b.connect('ann')
    reader.subscribe('t')
    world.advance(299)
    expect(reader.heard.some(({ type }) => type === 'subscribed')).toBe(false)
    world.advance(1)
    expect(reader.heard.some(({ type }) => type === 'subscribed')).toBe(true)
    world.isLost = () => false
    world.advance(2_000)
    put(world, a, 'x=2')
    expect(heard(reader)).toEqual(['x=1', 'x=2'])
  })

  it('is not forgotten over what is missing for an earlier one, who has gone', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const earlier = b.connect('ann')
    listen(world, earlier, 't')
    say(world, a, '1')
    b.node.handleClose(earlier.connection, true, b.now)
    world.settle()
    // It was under way when the reader left, and those before it are lost.
    const twin = new Harness({}, { incarnation: a.node.incarnation })
    for (const text of ['1', '2', '3']) {
      twin.publish('t', text)
      twin.settle()
    }
    b.hear('t', twin.bus.published.at(-1)?.bytes ?? new Uint8Array(), a.node.incarnation)
    const reader = b.connect('bob')
    reader.subscribe('t')
    world.advance(300)
    expect(reader.heard.some(({ type }) => type === 'subscribed')).toBe(true)
  })

  it('does not wait for a node that is silent, nor where there is none', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    world.kill(a, false)
    world.advance(3_500)
    const reader = b.connect('ann')
    listen(world, reader, 't')
    const [alone] = settled(1).nodes as [Harness]
    alone.listen(alone.connect('ann'), 't')
  })

  it('leaves nothing behind when it has gone before the others have answered', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    put(world, a, 'x=1')
    const reader = b.connect('ann')
    reader.subscribe('t')
    b.sweep()
    b.node.handleClose(reader.connection, true, b.now)
    world.settle()
    world.advance(70_000)
    expect([b.node.topics, b.node.sessions]).toEqual([0, 0])
  })

  it('gets what a node that has ended had published, from nodes that keep it', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    listen(world, c.connect('cid'), 't')
    put(world, a, 'x=1', 'y=1')
    world.kill(a, true)
    const reader = b.connect('ann')
    listen(world, reader, 't')
    expect(heard(reader)).toEqual(['x=1', 'y=1'])
  })

  it('costs a node without readers nothing for what is published', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    listen(world, b.connect('ann'), 't')
    let count = 0
    const { inlet } = c.node
    const message = inlet.message.bind(inlet)
    inlet.message = (subject, bytes, from, now) => {
      if (subject === 't/t') count++
      message(subject, bytes, from, now)
    }
    for (let n = 0; n < 50; n++) say(world, a, `${n}`)
    expect([count, c.node.topics]).toEqual([0, 0])
  })
})

describe('A publication that the bus has lost', () => {
  it('is fetched when the next one shows that it is missing, before that one is delivered', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const reader = b.connect('ann')
    listen(world, reader, 't')
    say(world, a, '1')
    world.isLost = () => true
    say(world, a, '2', '3')
    world.isLost = () => false
    say(world, a, '4')
    expect(heard(reader)).toEqual(['1', '2', '3', '4'])
  })

  it('and was the last one is noticed within two seconds', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const reader = b.connect('ann')
    listen(world, reader, 't')
    say(world, a, '1')
    world.isLost = () => true
    say(world, a, '2')
    world.isLost = () => false
    world.advance(2_000)
    expect(heard(reader)).toEqual(['1', '2'])
  })

  it('and so was the digest is noticed within five seconds; then nothing more is said of the topic', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const reader = b.connect('ann')
    listen(world, reader, 't')
    say(world, a, '1')
    world.isLost = () => true
    say(world, a, '2')
    world.advance(2_500)
    world.isLost = () => false
    world.advance(2_500)
    expect(heard(reader)).toEqual(['1', '2'])
    world.advance(2_000)
    expect(a.node.timersByName.get('digest')).toBeUndefined()
  })

  it('and is not kept is told as a gap', () => {
    const world = keepingOne(2)
    const [a, b] = nodesOf(world)
    const reader = b.connect('ann')
    listen(world, reader, 't')
    say(world, a, '1')
    world.isLost = () => true
    say(world, a, '2', '3')
    world.isLost = () => false
    say(world, a, '4')
    expect(heard(reader)).toEqual(['1', 'gap BUS', '4'])
  })

  it('is a gap where the nodes that tell of an ended one keep parts that do not join', () => {
    const world = settled(4)
    const [a, b, c] = nodesOf(world)
    const d = world.nodes[3] as Harness
    for (const { node } of world.nodes) node.defineTopics('*', { entries: 2, bytes: 10_000, ageMs: 60_000 })
    const early = c.connect('cid')
    listen(world, early, 't')
    say(world, a, '1', '2')
    c.node.handleClose(early.connection, true, c.now)
    world.settle()
    say(world, a, '3', '4', '5')
    listen(world, d.connect('dan'), 't')
    world.kill(a, true)
    const reader = b.connect('ann')
    listen(world, reader, 't', { history: 10 })
    expect(heard(reader)).toEqual(['1', '2', 'gap BUS', '4', '5'])
  })

  it('and was the first of its publisher is fetched as well', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    const reader = b.connect('ann')
    listen(world, reader, 't')
    world.isLost = () => true
    say(world, a, '1')
    world.isLost = () => false
    say(world, a, '2')
    expect(heard(reader)).toEqual(['1', '2'])
  })

  it('is told as a gap at the end, though nothing follows it', () => {
    const world = keepingOne(3)
    const [a, b, c] = nodesOf(world)
    const reader = b.connect('ann')
    listen(world, reader, 't')
    listen(world, a.connect('abe'), 't')
    say(world, a, '1')
    world.isLost = () => true
    say(world, a, '2')
    world.isLost = () => false
    world.advance(1)
    say(world, c, 'c1')
    world.advance(5_000)
    expect(heard(reader)).toEqual(['1', 'c1', 'gap BUS'])
  })
})

describe('Publications that nobody keeps any more', () => {
  it('take no room from those that are kept', () => {
    const world = keepingOne(3)
    const [a, b, c] = nodesOf(world)
    const earlier = b.connect('ann')
    listen(world, earlier, 't')
    listen(world, a.connect('abe'), 't')
    say(world, a, 'a1')
    b.node.handleClose(earlier.connection, true, b.now)
    world.advance(1)
    say(world, a, 'a2')
    world.advance(1)
    say(world, c, 'c1')
    const later = b.connect('bob')
    listen(world, later, 't', { history: 1 })
    expect(heard(later)).toEqual(['c1'])
  })
})

describe('A reader that moves to another node', () => {
  /** Where a reader on a node stands that has heard this. */
  function standOf(
    node: Harness,
    subscribed: MessageOf<'subscribed'>,
    messages: readonly ServerMessage[],
  ): Position {
    const publishers = [node.node.incarnation]
    for (const message of messages)
      if (message.type === 'publishers')
        for (const [at, { publisher }] of message.publishers.entries())
          publishers[message.first + at] = publisher
    return positionAfter(subscribed, messages, publishers)
  }

  function listenSince(world: World, b: Harness, since: Position): object {
    const again = b.connect('ann')
    const answer = listen(world, again, 't', { since })
    return { ...answer, texts: heard(again) }
  }

  it('goes on where it stood, though nobody read the topic there', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    const reader = a.connect('ann')
    const subscribed = listen(world, reader, 't')
    say(world, a, 'a1')
    say(world, c, 'c1')
    const since = standOf(a, subscribed, reader.heard)
    world.advance(1)
    say(world, c, 'c2')
    say(world, a, 'a2')
    expect(listenSince(world, b, since)).toMatchObject({ recovered: true, reason: '', texts: ['c2', 'a2'] })
  })

  it('is told that it cannot go on where something is kept nowhere any more', () => {
    const world = keepingOne(2)
    const [a, b] = nodesOf(world)
    const reader = a.connect('ann')
    const subscribed = listen(world, reader, 't')
    say(world, a, '1')
    const since = standOf(a, subscribed, reader.take())
    say(world, a, '2', '3')
    expect(listenSince(world, b, since)).toMatchObject({ recovered: false, reason: 'NEW_EPOCH' })
  })
})

describe('A publisher that has ended', () => {
  it('is in no position any more once nothing of it is kept', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    for (const { node } of world.nodes) node.defineTopics('*', { entries: 10, bytes: 10_000, ageMs: 5_000 })
    const reader = b.connect('ann')
    listen(world, reader, 't')
    say(world, a, 'a1')
    world.advance(1)
    say(world, c, 'c1')
    world.kill(a, true)
    const publishers = (): number[] =>
      listen(world, b.connect('bob'), 't').position.numbers.map(([publisher]) => publisher)
    expect(publishers()).toHaveLength(2)
    world.advance(7_000)
    expect(publishers()).toEqual([c.node.incarnation])
  })
})
