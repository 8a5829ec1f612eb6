import { describe, expect, it } from 'vitest'
import { RtmsError } from '../../../src/protocol/index.ts'
import type { Budget } from '../../../src/core/ground/budget.ts'
import { type Publication, weigh } from '../../../src/core/topic/publication.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'
import { endless } from './payers.ts'
import { Listening, MANY_UNHEARD, MOST_UNHEARD_BYTES } from '../../../src/core/topic/listening.ts'
import { grant, Harness, type Peer, text, textOf } from './harness.ts'

/** What there is to hear of a topic: its data, or `—`, behind how many there were before. */
function heardOf({ node, now }: Harness, topic = 't'): string[] {
  const all: string[] = []
  for (let heard = node.listening.next(topic, now); heard !== null; heard = node.listening.next(topic, now))
    all.push(`${heard.before} ${heard.entry === null ? '—' : textOf(heard.entry.data)}`)
  return all
}

describe('A business that decides about publications', () => {
  it('is told who publishes what, and its payload takes the place of the other', () => {
    const h = new Harness()
    const asked: string[] = []
    h.application.decide = ({ user, topic, key, tombstone, data }) => {
      asked.push([user, topic, key, tombstone, textOf(data)].join(' '))
      return text(`${user}: ${textOf(data)}`)
    }
    const ann = h.connect('ann')
    ann.publish('t', text('hello'), { key: 'k' })
    h.settle()
    const kept = h.node.topicLatest('t').map(({ data }) => textOf(data))
    expect([asked, kept]).toEqual([['ann t k false hello'], ['ann: hello']])
  })

  it('refuses with its own code and words, which does not count as a flood', () => {
    const h = new Harness()
    h.application.decide = () => new RtmsError('RATE', 'One word a minute.', { retryAfterMs: 60_000 })
    const ann = h.connect('ann')
    for (let n = 0; n < 200; n++) {
      ann.publish('t', text('x'))
      h.settle()
      h.now += 100
    }
    const refused = ann.takeOf('failed')
    expect(refused).toHaveLength(200)
    expect(refused[0]).toMatchObject({ error: 'RATE', message: 'One word a minute.', retryAfter: 60_000 })
    expect([h.node.connections, h.node.topics]).toEqual([1, 0])
  })

  it('is not asked about what the ticket does not allow, nor about its own', () => {
    const h = new Harness()
    let count = 0
    h.application.decide = ({ data }) => {
      count++
      return data
    }
    h.application.grants.set('ann', grant('ann', { write: ['u'] }))
    const ann = h.connect('ann')
    ann.publish('t', text('x'))
    h.node.publish('t', text('x'), '', false, h.now)
    h.settle()
    expect([count, ann.takeOf('failed').map(({ error }) => error)]).toEqual([0, ['FORBIDDEN']])
  })
})

const say = (h: Harness, ...words: readonly string[]): void => {
  for (const word of words) h.node.publish('t', text(word), '', false, h.now)
}

describe('A business that listens to a topic', () => {
  it('hears what it and clients publish from then on, in order', () => {
    const h = new Harness()
    const ann = h.connect('ann')
    say(h, '0')
    h.settle()
    expect(h.node.listening.begin('t', h.now)).toBe(0)
    say(h, '1')
    ann.publish('t', text('2'))
    h.settle()
    h.node.publish('other', text('3'), '', false, h.now)
    expect([heardOf(h), heardOf(h, 'other')]).toEqual([['0 1', '1 2'], []])
    h.node.listening.end('t', h.now)
    say(h, '4')
    h.settle()
    expect([h.application.news, heardOf(h)]).toEqual([['t', 't'], []])
  })

  it('is told that there is something to hear, again once it has heard all', () => {
    const h = new Harness()
    h.node.listening.begin('t', h.now)
    say(h, '0', '1')
    expect(h.application.news).toEqual(['t'])
    h.node.listening.next('t', h.now)
    say(h, '2')
    expect(h.application.news).toEqual(['t'])
    heardOf(h)
    say(h, '3')
    expect([h.application.news, heardOf(h)]).toEqual([['t', 't'], ['3 3']])
  })

  it('is told once more how many there were, where it begins again', () => {
    const h = new Harness()
    h.node.listening.begin('t', h.now)
    say(h, '0', '1')
    expect([h.node.listening.begin('t', h.now), heardOf(h)]).toEqual([2, ['0 0', '1 1']])
    h.node.listening.end('t', h.now)
    h.node.listening.end('t', h.now)
    expect(h.node.listening.begin('t', h.now)).toBe(0)
  })

  it('wants it of other nodes for as long as it or a client reads it', () => {
    const h = new Harness()
    h.node.listening.begin('t', h.now)
    const ann = h.connect('ann')
    h.listen(ann, 't')
    expect(h.bus.interest).toEqual(['+t'])
    h.node.listening.end('t', h.now)
    expect(h.bus.interest).toEqual(['+t'])
    ann.hangUp(true)
    h.settle()
    expect(h.bus.interest).toEqual(['+t', '-t'])
    h.node.listening.begin('t', h.now)
    h.node.listening.end('t', h.now)
    expect(h.bus.interest).toEqual(['+t', '-t', '+t', '-t'])
  })

  it('keeps the topic, however long nobody publishes to it', () => {
    const h = new Harness()
    h.node.listening.begin('t', h.now)
    h.advance(3_600_000)
    expect(h.node.topics).toBe(1)
    say(h, '1')
    expect(heardOf(h)).toEqual(['0 1'])
  })

  it('hears all of what is published at once, whatever the topic keeps', () => {
    const h = new Harness({ topicPendingEntries: 10 })
    h.node.defineTopics('t', { entries: 0, bytes: 0, ageMs: 0 })
    h.node.listening.begin('t', h.now)
    const words = Array.from({ length: 5_000 }, (_, n) => `${n}`)
    say(h, ...words)
    h.settle()
    expect(h.node.topicHistory('t', 10)).toEqual([])
    expect(heardOf(h)).toEqual(words.map((word) => `${word} ${word}`))
  })

  it('loses the oldest where more waits for it than may, and the numbers say how many', () => {
    const h = new Harness()
    h.node.defineTopics('t', { entries: 0, bytes: 0, ageMs: 0 })
    h.node.listening.begin('t', h.now)
    const before = h.node.logs.of.topic
    const data = 'x'.repeat(32_768)
    const most = Math.floor(MOST_UNHEARD_BYTES / weigh('', data.length))
    say(h, ...Array.from({ length: most + 3 }, () => data))
    h.settle()
    // The topic itself has the latest one.
    const itself = weigh('', data.length) + 2_000
    expect(h.node.logs.of.topic - before).toBeLessThan(MOST_UNHEARD_BYTES + itself)
    expect(h.node.listening.next('t', h.now)?.before).toBe(3)
    expect(heardOf(h)).toHaveLength(most - 1)
    // What is heard weighs nothing any more.
    expect(h.node.logs.of.topic - before).toBeLessThan(itself)
  })

  it('gives up what it has yet to hear where a full node cuts it, and hears that it is lost', () => {
    const h = new Harness({ logBytes: 400_000 })
    h.node.defineTopics('t', { entries: 0, bytes: 0, ageMs: 0 })
    h.node.listening.begin('t', h.now)
    for (let n = 0; n < 60; n++) {
      say(h, 'x'.repeat(10_000))
      h.settle()
    }
    expect(h.node.logs.bytes).toBeLessThan(400_000)
    const [first = '', ...rest] = heardOf(h)
    const lost = Number(first.split(' ')[0])
    expect(lost).toBeGreaterThan(20)
    expect([rest.length, rest.at(-1)?.split(' ')[0]]).toEqual([59 - lost, '59'])
  })

  it('holds nothing once it listens no more, whatever it had yet to hear', () => {
    const h = new Harness()
    h.node.defineTopics('t', { entries: 0, bytes: 0, ageMs: 0 })
    say(h, '0')
    h.settle()
    const { bytes } = h.node.logs
    h.node.listening.begin('t', h.now)
    say(h, '1', '2', '3')
    h.settle()
    expect(h.node.logs.bytes).toBeGreaterThan(bytes)
    h.node.listening.end('t', h.now)
    expect(h.node.logs.bytes).toBe(bytes)
  })
})

/** Some sweeps: as long as somebody waits, the node is never done. */
function sweep(h: Harness): void {
  for (let n = 0; n < 20; n++) h.sweep()
}

describe('Users who publish more than the business has heard', () => {
  const setup = (): { h: Harness; publish: (user: Peer, count: number) => void } => {
    const h = new Harness()
    h.node.listening.begin('t', h.now)
    const publish = (user: Peer, count: number): void => {
      for (let n = 0; n < count; n++) user.publish('t', text(`${n}`))
      sweep(h)
    }
    return { h, publish }
  }
  /** How many publications the node has taken. */
  const taken = ({ node }: Harness): number => node.stats.publications

  it('wait until it has heard some of them, and others may publish as many as they would have if all had the same', () => {
    const { h, publish } = setup()
    const [ann, bob, cid] = [h.connect('ann'), h.connect('bob'), h.connect('cid')]
    publish(ann, 200)
    expect(taken(h)).toBe(MANY_UNHEARD)
    publish(bob, 200)
    expect(taken(h)).toBe(MANY_UNHEARD * 1.5)
    publish(cid, 200)
    const most = MANY_UNHEARD * 1.5 + Math.floor(MANY_UNHEARD / 3)
    expect(taken(h)).toBe(most)
    // One fewer is too many still.
    h.node.listening.next('t', h.now)
    sweep(h)
    expect(taken(h)).toBe(most)
    for (let n = 0; n < 50; n++) {
      heardOf(h)
      sweep(h)
    }
    expect([taken(h), heardOf(h)]).toEqual([600, []])
  })

  it('have shares of what is unheard now, whatever was heard of others before', () => {
    const { h, publish } = setup()
    const [ann, bob, cid, dan] = ['ann', 'bob', 'cid', 'dan'].map((user) => h.connect(user)) as Peer[]
    publish(ann as Peer, 100)
    publish(dan as Peer, 1)
    heardOf(h)
    // The business itself is none of those who share.
    say(h, 'x')
    publish(bob as Peer, 200)
    const before = taken(h)
    expect(before).toBe(102 + MANY_UNHEARD)
    publish(cid as Peer, 200)
    expect(taken(h)).toBe(before + MANY_UNHEARD / 2)
    publish(ann as Peer, 200)
    expect(taken(h)).toBe(before + MANY_UNHEARD / 2 + Math.floor(MANY_UNHEARD / 3))
  })

  it('do not wait before there are many in all, however few of them are of others', () => {
    const { h, publish } = setup()
    publish(h.connect('bob'), 10)
    publish(h.connect('ann'), 200)
    expect(taken(h)).toBe(MANY_UNHEARD)
  })

  it('have one taken each, however many they are', () => {
    const { h, publish } = setup()
    say(h, ...Array.from({ length: MANY_UNHEARD }, (_, n) => `${n}`))
    const users = Array.from({ length: MANY_UNHEARD + 10 }, (_, n) => h.connect(`u${n}`))
    for (const user of users.slice(0, -10)) publish(user, 1)
    const before = taken(h)
    for (const user of users.slice(-10)) publish(user, 2)
    expect(taken(h)).toBe(before + 10)
  })

  it('lose those that wait where they close their connections for good', () => {
    const { h } = setup()
    for (let n = 0; n < 5; n++) {
      const ann = h.connect('ann')
      for (let word = 0; word < 100; word++) ann.publish('t', text(`${word}`))
      ann.hangUp(true)
    }
    expect(taken(h)).toBe(MANY_UNHEARD)
    const bob = h.connect('bob')
    for (let word = 0; word < 10; word++) bob.publish('t', text(`${word}`))
    bob.hangUp(true)
    expect(taken(h)).toBe(MANY_UNHEARD + 10)
  })

  it('pay for what is heard of them, and so do other nodes and the business', () => {
    const { h, publish } = setup()
    expect(['t', 'none'].map((name) => h.node.listening.payersOf(name, h.now))).toEqual([[''], ['']])
    publish(h.connect('ann'), 1)
    say(h, '1')
    publish(h.connect('bob'), 1)
    const node = `node ${h.node.incarnation}`
    for (const [first, all] of [
      ['user ann', ['user ann', node, 'user bob']],
      [node, [node, 'user bob']],
      ['user bob', ['user bob']],
      ['', ['']],
    ] as const) {
      const payers = h.node.listening.payersOf('t', h.now)
      expect([payers[0], [...new Set(payers)].toSorted()]).toEqual([first, all.toSorted()])
      h.node.listening.next('t', h.now)
    }
  })

  it('do not wait where they publish to another topic, and the business never does', () => {
    const { h, publish } = setup()
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    publish(ann, 200)
    say(h, 'one', 'more')
    for (let n = 0; n < 10; n++) bob.publish('u', text('x'))
    sweep(h)
    expect(taken(h)).toBe(MANY_UNHEARD + 2 + 10)
  })

  it('go on where it listens no more', () => {
    const { h, publish } = setup()
    publish(h.connect('ann'), 200)
    h.node.listening.end('t', h.now)
    sweep(h)
    expect(taken(h)).toBe(200)
  })
})

describe('What is lost at the end', () => {
  /** A topic of which as much may be unheard as `room` says. */
  function setup(room: { admits: boolean }) {
    const topic = { name: 't', expected: 0, subscribers: 0 } as Topic
    const heard: string[] = []
    const budget = { ledgers: endless().ledgers, enter() {}, leave() {}, admits: () => room.admits }
    const listening = new Listening(budget as unknown as Budget, {
      get: () => topic,
      use() {},
      left() {},
      stamp: () => 5,
      heard: (name) => heard.push(name),
    })
    listening.begin('t', 0)
    const add = (parts: { lost?: number; isHole?: boolean; stamp?: number } = {}, isOld = false): void =>
      listening.hear(
        topic,
        {
          lost: 0,
          isHole: false,
          weight: 100,
          stamp: 1,
          source: { incarnation: 1 },
          ...parts,
        } as Publication,
        isOld,
      )
    const next = (): unknown => {
      const told = listening.next('t', 0)
      return told && [told.before, told.entry !== null]
    }
    return { heard, add, next }
  }

  it('is told once, with what follows it where that comes first', () => {
    const { heard, add, next } = setup({ admits: true })
    add()
    add({ lost: 2, isHole: true })
    expect([next(), next(), next(), heard]).toEqual([[0, true], [3, false], null, ['t']])
    add({ lost: 1, isHole: true })
    add({ lost: 1 })
    expect([next(), next(), heard]).toEqual([[5, true], null, ['t', 't', 't']])
  })

  it('counts what a full node has no room for', () => {
    const room = { admits: false }
    const { heard, add, next } = setup(room)
    add()
    add()
    expect([heard, next(), next()]).toEqual([['t'], [2, false], null])
    room.admits = true
    add()
    expect([next(), next()]).toEqual([[2, true], null])
  })

  it('is nothing that another node has kept from before, and all from the moment on at which it began', () => {
    const { heard, add, next } = setup({ admits: true })
    add({ stamp: 4 }, true)
    expect([heard, next()]).toEqual([[], null])
    add({ stamp: 4 })
    add({ stamp: 5 }, true)
    expect([next(), next(), next()]).toEqual([[0, true], [1, true], null])
  })
})

it('A topic has no reader but the business where nobody has subscribed, or is about to', () => {
  const topicOf = (name: string, parts: object = {}): Topic =>
    ({ name, expected: 0, subscribers: 0, ...parts }) as Topic
  const budget = { ledgers: endless().ledgers, enter() {}, leave() {}, admits: () => true }
  const topic = topicOf('t')
  let found: Topic | null = topic
  const listening = new Listening(budget as unknown as Budget, {
    get: () => found,
    use() {},
    left() {},
    stamp: () => 0,
    heard() {},
  })
  expect(listening.begin('t', 0)).toBe(0)
  expect(listening.isAlone(topic)).toBe(true)
  for (const other of [
    topicOf('t', { expected: 2 }),
    topicOf('t', { expected: 1, subscribers: 1 }),
    topicOf('u', { expected: 1 }),
    topicOf('u', { expected: 2 }),
    topicOf('u', { expected: 1, subscribers: 1 }),
  ])
    expect(listening.isAlone(other)).toBe(false)
  listening.end('t', 0)
  expect(listening.isAlone(topicOf('t', { expected: 1 }))).toBe(false)
  found = null
  expect(listening.begin('v', 0)).toBe('LIMIT')
})
