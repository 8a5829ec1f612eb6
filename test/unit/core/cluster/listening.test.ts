import { describe, expect, it } from 'vitest'
import { MANY_UNHEARD, UNHEARD_MS } from '../../../../src/core/topic/listening.ts'
import { type Harness, text, textOf } from '../harness.ts'
import { heard, listen, put, say } from './topic-readers.ts'
import { settled, type World } from './world.ts'

/* What the business of a node hears of topics in a cluster. */

const nodesOf = (world: World): [Harness, Harness, Harness] => world.nodes as [Harness, Harness, Harness]

/** What the business of a node has heard since it was last asked, behind how many there were before. */
function news({ node, now }: Harness): string[] {
  const all: string[] = []
  for (let next = node.listening.next('t', now); next !== null; next = node.listening.next('t', now))
    all.push(`${next.before} ${next.entry === null ? '—' : textOf(next.entry.data)}`)
  return all
}

describe('A business of a cluster that listens to a topic', () => {
  it('hears what is published on every node from then on, and nothing older, whoever keeps it', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    say(world, a, 'old')
    put(world, c, 'k=old')
    world.advance(5)
    b.node.listening.begin('t', b.now)
    world.settle()
    world.advance(5)
    say(world, a, '1')
    say(world, c, '2')
    say(world, b, '3')
    c.connect('ann').publish('t', text('4'))
    world.settle()
    world.advance(5_000)
    expect(news(b)).toEqual(['0 1', '1 2', '2 3', '3 4'])
    expect(news(a)).toEqual([])
  })

  it('takes nothing from a client that reads the same: it begins with the latest values all the same', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    put(world, a, 'x=1', 'y=1')
    world.advance(5)
    b.node.listening.begin('t', b.now)
    world.settle()
    const reader = b.connect('ann')
    expect(listen(world, reader, 't')).toMatchObject({ keyed: true })
    expect(heard(reader)).toEqual(['x=1', 'y=1'])
    put(world, a, 'x=2')
    expect([heard(reader), news(b)]).toEqual([['x=2'], ['0 2']])
    b.node.handleClose(reader.connection, true, b.now)
    world.settle()
    put(world, a, 'y=2')
    expect(news(b)).toEqual(['1 2'])
    b.node.listening.end('t', b.now)
    put(world, a, 'y=3')
    expect(news(b)).toEqual([])
  })

  it('is told what was lost on the bus where nobody keeps it, and gets what somebody does', () => {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    for (const { node } of world.nodes) node.defineTopics('t', { entries: 1, bytes: 10_000, ageMs: 60_000 })
    b.node.listening.begin('t', b.now)
    world.settle()
    say(world, a, '1')
    world.isLost = () => true
    a.publish('t', '2')
    world.settle()
    a.publish('t', '3')
    world.settle()
    world.isLost = () => false
    world.advance(10_000)
    expect(news(b)).toEqual(['0 1', '2 3'])
  })
})

describe('Users of another node who publish more than a business hears', () => {
  /** Node `b` listens to `t`; users of `a` publish. */
  function setup() {
    const world = settled(2)
    const [a, b] = nodesOf(world)
    b.node.listening.begin('t', b.now)
    world.settle()
    const publish = (user: string, count: number): void => {
      const peer = a.connect(user)
      for (let n = 0; n < count; n++) {
        peer.publish('t', text(user))
        if (n % 100 === 99) world.settle()
      }
      world.settle()
    }
    return { world, a, b, publish }
  }

  it('lose those that have waited for long where somebody else is to be heard', () => {
    const { world, a, b, publish } = setup()
    publish('eve', 1_000)
    publish('ann', 2)
    a.publish('t', 'the business')
    world.settle()
    world.advance(UNHEARD_MS - 5)
    expect([b.node.listening.payersOf('t', b.now)[0], b.node.listening.next('t', b.now)?.before]).toEqual([
      'far eve',
      0,
    ])
    world.advance(10)
    const left = news(b)
    expect(left.map((each) => each.split(' ')[1])).toEqual([
      ...Array.from({ length: MANY_UNHEARD - 3 }, () => 'eve'),
      'ann',
      'ann',
      'the',
    ])
    // The numbers say how many are lost.
    expect([left[0], left.at(-1)]).toEqual([`${1_003 - MANY_UNHEARD} eve`, '1002 the business'])
  })

  it('lose nothing where nobody else is, nor where they have no more than their share', () => {
    const { world, b, publish } = setup()
    publish('eve', 1_000)
    world.advance(60_000)
    expect(news(b)).toHaveLength(1_000)
    for (let n = 0; n < 2 * MANY_UNHEARD; n++) publish(`u${n}`, 1)
    world.advance(60_000)
    expect(news(b)).toHaveLength(MANY_UNHEARD)
  })

  it('lose nothing for somebody who has chosen a name that is hashed like theirs', () => {
    const { world, b, publish } = setup()
    // By 32 bits of FNV-1a, for which another name is found in a moment.
    publish('evebcea62l', 1_000)
    publish('ann', 1)
    const [first, ...others] = b.node.listening.payersOf('t', b.now)
    expect([first, new Set(others)]).toEqual(['far evebcea62l', new Set(['far evebcea62l', 'far ann'])])
    world.advance(UNHEARD_MS + 5)
    expect(news(b).at(-1)).toBe('1000 ann')
  })

  it('have turns of their own, whatever node they are at', () => {
    const world = settled(3)
    const [a, b, c] = nodesOf(world)
    b.node.listening.begin('t', b.now)
    world.settle()
    const payers: unknown[] = []
    for (const [node, user] of [
      [a, 'eve'],
      [c, 'eve'],
      [a, 'ann'],
    ] as const) {
      node.connect(user).publish('t', text(user))
      world.settle()
      payers.push(b.node.listening.payersOf('t', b.now)[0])
      expect(news(b)).toHaveLength(1)
    }
    expect([payers[0] === payers[1], payers[1] === payers[2]]).toEqual([true, false])
  })
})
