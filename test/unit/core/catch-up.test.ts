import { describe, expect, it } from 'vitest'
import type { FixedLimits } from '../../../src/core/ground/config.ts'
import { Stats } from '../../../src/core/ground/stats.ts'
import { Timers } from '../../../src/core/ground/timers.ts'
import { fixedLimits } from '../../../src/core/index.ts'
import { CatchUp, type KeptAnswer, noPeers } from '../../../src/core/topic/catch-up.ts'
import { encodeDiffusion, encodeHeads } from '../../../src/core/topic/diffusion.ts'
import { type HeadOf, type Kept, type KeptEntry, keptOf, type Want } from '../../../src/core/topic/kept.ts'
import { type Publication, weigh } from '../../../src/core/topic/publication.ts'
import { Publishers } from '../../../src/core/topic/publishers.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'
import { limits } from '../../../src/protocol/limits.ts'
import { text } from './harness.ts'
import { publishers, topicOf, trim } from './topic-rig.ts'

interface Asked {
  readonly node: number
  readonly wants: readonly Want[]
  readonly deadline: number
  readonly ended: (answer: KeptAnswer, now: number) => void
}

/** A publication that another node keeps; its stamp is ten times its number unless given. */
function kept(source: number, number: number, parts: Partial<KeptEntry> = {}): KeptEntry {
  const nothing = { isOld: false, key: '', tombstone: false, data: text('x') }
  return { source, number, stamp: number * 10, ...nothing, ...parts }
}

function answer(entries: readonly KeptEntry[], parts: Partial<Kept> = {}): Kept {
  return { entries, next: 0, heads: [], ...parts }
}

/** What one entry of these tests weighs while it waits. */
const WEIGHT = weigh('', 1)

/** Topics of node 1 that catch up with others; what is put into their logs is noted in order, and what is lost. */
class Desk {
  now = 1_000
  readonly timers: Timers = new Timers()
  readonly stats: Stats = new Stats()
  readonly publishers: Publishers = new Publishers(1)
  readonly topics: Map<string, Topic> = new Map()
  readonly log: string[] = []
  readonly asked: Asked[] = []
  readonly peers: number[]
  readonly silent: Set<number> = new Set()
  readonly ended: Set<number> = new Set()
  readonly catchUp: CatchUp

  constructor(limits: Partial<FixedLimits> = {}, ...peers: number[]) {
    this.peers = peers
    this.catchUp = new CatchUp(
      this.publishers,
      this.timers,
      this.stats,
      { ...fixedLimits, ...limits },
      {
        others: {
          peers: () => this.peers.filter((node) => !this.silent.has(node)),
          reaches: (node) => !this.silent.has(node),
          isThere: (node) => !this.ended.has(node),
          ask: (node, wants, deadline, ended) => this.asked.push({ node, wants, deadline, ended }),
        },
        get: (name) => this.topics.get(name),
        take: (topic, source, entry, missing, now) => {
          const { number, stamp, key, tombstone, data } = entry
          if (source === null || number <= topic.head(source)) return
          const lost = missing === null ? '' : ` (${missing})`
          const what = data.bytes.length === 0 ? 'hole to ' : ''
          this.log.push(`${what}${source.incarnation}.${number}${lost}`)
          topic.append(source, number, stamp, key, tombstone, data, now, now, missing)
        },
      },
    )
    for (const node of peers) this.catchUp.met(node, [])
    this.catchUp.sweep(this.now)
  }

  /** With what node 2 has published. */
  isWhole(topic: Topic): boolean {
    return this.catchUp.isWhole(topic, 2)
  }

  topic(name = 't', isRead = true): Topic {
    const topic = topicOf()
    Object.defineProperty(topic, 'name', { value: name })
    if (isRead) {
      topic.expected = 1
      this.catchUp.alone(topic)
    }
    this.topics.set(name, topic)
    return topic
  }

  begin(topic: Topic): void {
    this.catchUp.begin(topic, () => this.log.push('ready'), this.now)
  }

  /** Asks, and returns the questions. */
  ask(): string[] {
    const from = this.asked.length
    this.catchUp.sweep(this.now)
    return this.asked
      .slice(from)
      .map(
        ({ node, wants }) =>
          `${node}: ${wants.map((want) => `${want.topic} ${want.from} ${headsOf(want.heads)}`.trim()).join(', ')}`,
      )
  }

  /** The last question to a node is answered. */
  tell(node: number, ...answers: Kept[]): string[] {
    const { ended } = this.asked.findLast((each) => each.node === node) as Asked
    ended(answers, this.now)
    return this.heard()
  }

  publish(from: number, ...numbers: number[]): string[] {
    const entries = numbers.map((number) => ({
      number,
      stamp: number * 10,
      key: '',
      tombstone: false,
      data: text('x'),
    }))
    this.catchUp.published('t', encodeDiffusion(entries as unknown as Publication[]), from, this.now)
    return this.heard()
  }

  quiet(from: number, number: number, name = 't'): void {
    this.catchUp.quiet(encodeHeads([{ name, number }]), from, this.now)
  }

  heard(): string[] {
    return this.log.splice(0)
  }

  pass(ms: number): string[] {
    this.now += ms
    this.timers.run(this.now)
    return this.heard()
  }
}

const headsOf = (heads: readonly HeadOf[]): string =>
  heads.map(({ source, number }) => `${source}.${number}`).join(' ')

describe('The first reader of a topic', () => {
  it('begins when all nodes have told what they keep, which comes in order of its time', () => {
    const desk = new Desk({}, 2, 3)
    const topic = desk.topic()
    expect([desk.catchUp.hasPeers, desk.isWhole(topic), desk.catchUp.hasWork]).toEqual([true, true, false])
    desk.begin(topic)
    expect([desk.isWhole(topic), desk.catchUp.hasWork]).toEqual([false, true])
    expect([desk.ask(), desk.ask(), desk.catchUp.hasWork]).toEqual([['2: t 0', '3: t 0'], [], false])
    expect(desk.asked.map(({ deadline }) => deadline - desk.now)).toEqual([5_000, 5_000])
    const same = kept(3, 9, { stamp: 15 })
    expect(desk.tell(3, answer([kept(3, 8, { stamp: 11 }), same]))).toEqual([])
    expect(desk.isWhole(topic)).toBe(false)
    expect(desk.tell(2, answer([kept(2, 1, { stamp: 10 }), kept(2, 2, { stamp: 15 })]))).toEqual([
      '2.1 (0)',
      '3.8 (0)',
      '2.2 (0)',
      '3.9 (0)',
      'ready',
    ])
    expect([desk.isWhole(topic), desk.catchUp.hasWork, desk.ask()]).toEqual([true, false, []])
  })

  it('waits so long at most, and what is late comes when it is told', () => {
    const desk = new Desk({ firstValuesMs: 300, keptMs: 5_000 }, 2, 3)
    const topic = desk.topic()
    desk.begin(topic)
    desk.ask()
    desk.tell(3, answer([kept(3, 1)]))
    expect([desk.pass(299), desk.pass(1)]).toEqual([[], ['3.1 (0)', 'ready']])
    expect(desk.tell(2, answer([kept(2, 1), kept(2, 2)], { next: 7 }))).toEqual([])
    expect([desk.ask(), desk.tell(2, answer([kept(2, 3)]))]).toEqual([
      ['2: t 7 3.1'],
      ['2.1 (0)', '2.2 (0)', '2.3 (0)'],
    ])
    expect(desk.isWhole(topic)).toBe(true)
  })

  it('waits for nobody for ever: what was told by then is taken', () => {
    const desk = new Desk({ firstValuesMs: 300, keptMs: 5_000 }, 2)
    const topic = desk.topic()
    desk.begin(topic)
    desk.ask()
    desk.pass(300)
    desk.tell(2, answer([kept(2, 1)], { next: 7 }))
    desk.publish(2, 3)
    expect([desk.pass(4_999), desk.isWhole(topic)]).toEqual([[], false])
    // Of the second nobody has told anything.
    expect([desk.pass(1), desk.isWhole(topic)]).toEqual([['2.1 (0)', '2.3'], false])
    expect([desk.ask(), desk.timers.size]).toEqual([[], 0])
  })

  it('that comes while one is waited for already waits as long as it would anyhow', () => {
    const desk = new Desk({ firstValuesMs: 300, fillMs: 1_000 }, 2)
    const topic = desk.topic()
    desk.publish(2, 1)
    desk.publish(2, 3)
    desk.heard()
    desk.now += 100
    desk.begin(topic)
    expect([desk.pass(299), desk.pass(1)]).toEqual([[], ['ready']])
    expect([desk.ask(), desk.tell(2, answer([kept(2, 2)]))]).toEqual([['2: t 0 2.1'], ['2.2', '2.3']])
  })

  it('waits on while more is found to be missing', () => {
    const desk = new Desk({}, 2)
    const topic = desk.topic()
    desk.begin(topic)
    desk.catchUp.met(2, [topic])
    desk.ask()
    expect(desk.tell(2, answer([kept(2, 1)]))).toEqual(['2.1 (0)', 'ready'])
  })

  it('of one topic does not wait for another one', () => {
    const desk = new Desk({ firstValuesMs: 300 }, 2)
    desk.begin(desk.topic('s'))
    desk.now += 100
    desk.begin(desk.topic('t'))
    expect(desk.ask()).toEqual(['2: s 0, t 0'])
    expect([desk.pass(200), desk.pass(99), desk.pass(1)]).toEqual([['ready'], [], ['ready']])
  })

  it('that leaves is waited for no more: nothing that is told later counts', () => {
    const desk = new Desk({}, 2)
    const topic = desk.topic()
    desk.begin(topic)
    desk.begin(desk.topic('s'))
    desk.catchUp.drop(topic)
    desk.catchUp.drop(topic)
    expect([desk.ask(), desk.isWhole(topic)]).toEqual([['2: s 0'], false])
    const late = new Desk({}, 2)
    const other = late.topic()
    late.begin(other)
    late.ask()
    late.catchUp.drop(other)
    expect([late.tell(2, answer([kept(2, 1)], { next: 4 })), late.ask(), late.pass(10_000)]).toEqual([
      [],
      [],
      [],
    ])
  })

  it('does not wait for a node that ends, cannot be asked, or does not answer', () => {
    const desk = new Desk({}, 2, 3)
    desk.begin(desk.topic())
    desk.ask()
    desk.tell(2, answer([kept(2, 1)]))
    desk.catchUp.gone(3, desk.now)
    expect(desk.heard()).toEqual(['2.1 (0)', 'ready'])
    desk.catchUp.gone(3, desk.now)
    const silent = new Desk({}, 2)
    silent.begin(silent.topic())
    silent.silent.add(2)
    expect([silent.ask(), silent.heard(), silent.catchUp.hasWork]).toEqual([[], ['ready'], false])
    const mute = new Desk({}, 2)
    mute.begin(mute.topic())
    mute.ask()
    mute.asked[0]?.ended(null, mute.now)
    // It is asked again, because it can be reached.
    expect([mute.heard(), mute.ask()]).toEqual([[], ['2: t 0']])
  })
})

describe('What comes late', () => {
  /** A topic whose readers have begun, and nodes 2 and 3 that have yet to tell. */
  function late(limits: Partial<FixedLimits> = {}): Desk {
    const desk = new Desk({ firstValuesMs: 300, ...limits }, 2, 3)
    desk.begin(desk.topic())
    desk.ask()
    expect(desk.pass(300)).toEqual(['ready'])
    return desk
  }

  it('is taken as soon as a node has told all, without waiting for another one', () => {
    const desk = late()
    expect(desk.tell(3, answer([kept(3, 1)]))).toEqual(['3.1 (0)'])
    expect(desk.tell(2, answer([kept(2, 1)]))).toEqual(['2.1 (0)'])
  })

  it('is told by its own node: what another one says of its last number waits', () => {
    const desk = late()
    expect(desk.tell(2, answer([], { heads: [{ source: 3, number: 5 }] }))).toEqual([])
    expect(desk.tell(3, answer([kept(3, 5)]))).toEqual(['3.5 (0)'])
    const other = late()
    other.publish(3, 1)
    other.tell(2, answer([kept(2, 1)], { heads: [{ source: 3, number: 5 }] }))
    expect(other.tell(3, answer([]))).toEqual(['3.1', 'hole to 3.5'])
  })
})

describe('What is published while a topic catches up', () => {
  it('comes behind what was told, in the order in which it came', () => {
    const desk = new Desk({}, 2, 3)
    desk.begin(desk.topic())
    desk.ask()
    expect([desk.publish(3, 1), desk.publish(2, 3, 4), desk.publish(4, 1)]).toEqual([[], [], []])
    desk.tell(3, answer([]))
    expect(desk.tell(2, answer([kept(2, 1), kept(2, 2), kept(2, 3)]))).toEqual([
      '2.1 (0)',
      '2.2 (0)',
      '2.3 (0)',
      '3.1',
      '2.4',
      '4.1',
      'ready',
    ])
  })

  it('waits, once its readers have begun, only where its own node has yet to tell', () => {
    const desk = new Desk({ firstValuesMs: 300 }, 2, 3)
    desk.begin(desk.topic())
    desk.ask()
    desk.publish(2, 2)
    desk.publish(3, 1)
    desk.tell(3, answer([]))
    expect(desk.pass(300)).toEqual(['3.1', 'ready'])
    expect([desk.publish(3, 2), desk.publish(2, 3)]).toEqual([['3.2'], []])
    expect(desk.tell(2, answer([kept(2, 1)]))).toEqual(['2.1 (0)', '2.2', '2.3'])
  })

  it('is this node’s own, or to a topic that it does not have, or cannot be read: nothing comes of it', () => {
    const desk = new Desk({}, 2)
    expect(desk.publish(2, 1)).toEqual([])
    desk.topic()
    expect(desk.publish(1, 1)).toEqual([])
    desk.catchUp.published('t', Uint8Array.of(255), 2, desk.now)
    expect([desk.heard(), desk.stats.strangers]).toEqual([[], 1])
    expect(desk.publish(2, 1)).toEqual(['2.1'])
  })

  it('has so much room of a topic, to the byte, and what is beyond it is lost', () => {
    const size = encodeDiffusion([
      { number: 1, stamp: 10, key: '', tombstone: false, data: text('x') } as unknown as Publication,
    ]).length
    for (const [bytes, expected] of [
      [2 * size, ['2.1', '2.2']],
      [2 * size - 1, ['2.1']],
    ] as const) {
      const desk = new Desk({ heldBytes: bytes }, 2)
      desk.begin(desk.topic())
      desk.ask()
      for (const number of [1, 2, 3]) desk.publish(2, number)
      expect(desk.tell(2, answer([]))).toEqual([...expected, 'ready'])
      // There is room again.
      desk.publish(2, 7)
      expect(desk.ask()).toHaveLength(1)
      expect(desk.tell(2, answer([]))).toEqual(['2.7'])
    }
  })

  it('has so much room of all topics together, what was told counted as well', () => {
    const begun = (most: number): Desk => {
      const desk = new Desk({ catchUpBytes: most }, 2, 3)
      desk.begin(desk.topic())
      desk.ask()
      desk.tell(3, answer([kept(3, 1)]))
      for (const number of [1, 2]) desk.publish(2, number)
      return desk
    }
    expect(begun(3 * WEIGHT).tell(2, answer([]))).toEqual(['3.1 (0)', '2.1', '2.2', 'ready'])
    const full = begun(3 * WEIGHT - 1)
    expect(full.tell(2, answer([]))).toEqual(['3.1 (0)', '2.1', 'ready'])
    // All of it is given back.
    const topic = full.topics.get('t') as Topic
    for (let round = 0; round < 4; round++) {
      full.begin(topic)
      full.ask()
      full.publish(2, 10 + 2 * round, 11 + 2 * round)
      if (round % 2 === 0) full.catchUp.drop(topic)
      else {
        full.tell(2, answer([]))
        expect(full.tell(3, answer([]))).toEqual([`2.${10 + 2 * round}`, `2.${11 + 2 * round}`, 'ready'])
      }
      full.tell(2, answer([]))
      full.tell(3, answer([]))
    }
  })
})

describe('Publications that are missing', () => {
  it('are asked for from their node, and those behind them wait so long', () => {
    const desk = new Desk({ fillMs: 1_000 }, 2)
    desk.topic()
    expect(desk.publish(2, 1, 2)).toEqual(['2.1', '2.2'])
    expect(desk.publish(2, 3)).toEqual(['2.3'])
    expect([desk.publish(2, 6), desk.ask()]).toEqual([[], ['2: t 0 2.3']])
    expect(desk.tell(2, answer([kept(2, 4), kept(2, 5), kept(2, 6)]))).toEqual(['2.4', '2.5', '2.6'])
    desk.publish(2, 8)
    expect([desk.pass(999), desk.pass(1)]).toEqual([[], ['2.8']])
  })

  it('are lost where their node cannot be asked', () => {
    const desk = new Desk({}, 2)
    desk.topic()
    desk.silent.add(2)
    expect([desk.publish(2, 5), desk.ask()]).toEqual([['2.5'], []])
  })

  it('come out when a node that has fallen quiet tells its last number', () => {
    const desk = new Desk({}, 2)
    desk.topic()
    desk.publish(2, 1)
    desk.heard()
    desk.quiet(2, 1)
    expect(desk.ask()).toEqual([])
    desk.quiet(2, 2)
    expect(desk.ask()).toEqual(['2: t 0 2.1'])
    desk.quiet(2, 3)
    expect(desk.tell(2, answer([kept(2, 2)], { heads: [{ source: 2, number: 3 }] }))).toEqual([
      '2.2',
      'hole to 2.3',
    ])
    expect(desk.ask()).toEqual([])
  })

  it('are lost where a node that has told its last number does not keep them, as it has forgotten the topic', () => {
    const desk = new Desk({}, 2)
    desk.topic()
    desk.publish(2, 1)
    desk.heard()
    desk.quiet(2, 3)
    desk.ask()
    expect(desk.tell(2, answer([]))).toEqual(['hole to 2.3'])
    expect(desk.ask()).toEqual([])
  })

  it('are asked for once more where a node tells its last number after it was asked, and answers without', () => {
    const desk = new Desk({}, 2)
    desk.topic()
    desk.publish(2, 1)
    desk.quiet(2, 2)
    desk.ask()
    desk.quiet(2, 3)
    desk.heard()
    expect(desk.tell(2, answer([], { heads: [{ source: 2, number: 2 }] }))).toEqual([])
    expect(desk.ask()).toEqual(['2: t 0 2.1'])
    const heads = [{ source: 2, number: 3 }]
    expect(desk.tell(2, answer([kept(2, 2), kept(2, 3)], { heads }))).toEqual(['2.2', '2.3'])
  })

  it('are asked for again where the answer to that takes too long, and no longer than until it comes', () => {
    const desk = new Desk({ fillMs: 1_000 }, 2)
    desk.topic()
    desk.publish(2, 1)
    desk.publish(2, 3)
    desk.ask()
    desk.quiet(2, 4)
    desk.heard()
    expect(desk.pass(1_000)).toEqual(['2.3'])
    expect([desk.tell(2, answer([])), desk.ask()]).toEqual([[], ['2: t 0 2.3']])
    expect(desk.tell(2, answer([]))).toEqual(['hole to 2.4'])
    expect([desk.pass(5_000), desk.ask()]).toEqual([[], []])
  })

  it('are not asked for where nobody reads, the topic is unknown, or the digest cannot be read', () => {
    const desk = new Desk({}, 2)
    desk.topic('t', false)
    desk.quiet(2, 3)
    desk.quiet(2, 3, 'unknown')
    desk.catchUp.quiet(Uint8Array.of(9), 2, desk.now)
    expect([desk.ask(), desk.stats.strangers]).toEqual([[], 1])
  })
})

describe('A topic has all that a node has published', () => {
  /** Whether it has what node 2 has. */
  const whole = (...steps: ((desk: Desk, topic: Topic) => void)[]): boolean => {
    const desk = new Desk({}, 2, 3)
    const topic = desk.topic()
    for (const step of steps) step(desk, topic)
    return desk.isWhole(topic)
  }
  const begin = (desk: Desk, topic: Topic): void => {
    desk.begin(topic)
    desk.ask()
  }
  const told =
    (...nodes: number[]) =>
    (desk: Desk): void => {
      for (const node of nodes) desk.tell(node, answer([]))
    }
  const end =
    (node: number) =>
    (desk: Desk): void => {
      desk.silent.add(node)
      desk.catchUp.gone(node, desk.now)
    }
  const hear =
    (node: number) =>
    (desk: Desk): void => {
      desk.silent.delete(node)
      desk.catchUp.met(node, [])
      desk.ask()
    }

  it('where that node is there, or ended while the topic was read here', () => {
    expect(whole(begin, told(2, 3))).toBe(true)
    expect(whole(begin, told(2, 3), end(2))).toBe(true)
    expect(whole(begin, told(2, 3), end(3), end(2))).toBe(true)
    expect(whole(begin, end(3), told(2), end(2))).toBe(true)
  })

  it('but not where it ended before, or before it had told, or is not known at all', () => {
    expect(whole(end(2), begin, told(3))).toBe(false)
    expect(whole(begin, told(3), end(2))).toBe(false)
    expect(whole(begin, end(2), told(3))).toBe(false)
    expect(whole(begin, told(2, 3), end(2), begin, told(3))).toBe(false)
    const desk = new Desk({}, 3)
    expect(desk.isWhole(desk.topic())).toBe(false)
    expect(desk.catchUp.isWhole(desk.topic())).toBe(true)
  })

  it('and of one that fell silent and ended, only where the topic was read here before that', () => {
    expect(whole(begin, told(2, 3), end(2), end(2))).toBe(true)
    expect(whole(end(2), begin, told(3), end(2))).toBe(false)
    expect(whole(end(2), begin, told(3), hear(2))).toBe(true)
  })

  it('of the last thousand that ended', () => {
    const ends = (count: number) => (desk: Desk) => {
      for (let node = 0; node < count; node++) desk.catchUp.gone(10 + node, desk.now)
    }
    expect(whole(begin, told(2, 3), end(2), ends(999))).toBe(true)
    expect(whole(begin, told(2, 3), end(2), ends(1_000))).toBe(false)
  })
})

describe('A node that is met, or heard again', () => {
  it('is asked about all topics that are read here, some at a time', () => {
    const desk = new Desk({ busTopics: 2 })
    const all = ['a', 'b', 'c', 'd'].map((name) => desk.topic(name, name !== 'b'))
    desk.catchUp.met(2, all)
    expect([desk.catchUp.hasWork, desk.isWhole(all[0] as Topic)]).toEqual([true, false])
    expect([desk.ask(), desk.catchUp.hasWork]).toEqual([['2: a 0, c 0'], false])
    desk.tell(2, answer([]), answer([]))
    expect([desk.catchUp.hasWork, desk.isWhole(all[0] as Topic)]).toEqual([true, false])
    expect([desk.ask(), desk.isWhole(all[0] as Topic)]).toEqual([['2: d 0'], true])
    expect(desk.isWhole(all[3] as Topic)).toBe(false)
    desk.tell(2, answer([]))
    expect([desk.ask(), desk.catchUp.hasWork]).toEqual([[], false])
  })

  it('has as long for each as for any question', () => {
    const desk = new Desk({ keptMs: 5_000 })
    const topic = desk.topic()
    desk.catchUp.met(2, [topic])
    desk.ask()
    expect([desk.pass(4_999), desk.isWhole(topic)]).toEqual([[], false])
    expect([desk.pass(1), desk.isWhole(topic)]).toEqual([[], true])
  })

  it('that keeps no topic that is read here is asked nothing', () => {
    const desk = new Desk()
    desk.catchUp.met(2, [desk.topic('t', false)])
    expect([desk.ask(), desk.catchUp.hasWork]).toEqual([[], false])
  })

  it('is asked about so many topics at a time, whoever wants them', () => {
    const desk = new Desk({ busTopics: 2 }, 2)
    for (const name of ['a', 'b', 'c']) desk.begin(desk.topic(name))
    expect(desk.ask()).toEqual(['2: a 0, b 0'])
    expect([desk.tell(2, answer([]), answer([])), desk.ask()]).toEqual([['ready', 'ready'], ['2: c 0']])
  })

  it('is asked again about the topics that its answer had no room for', () => {
    const desk = new Desk()
    const [s, t] = [desk.topic('s'), desk.topic('t')]
    desk.catchUp.met(2, [s, t])
    desk.ask()
    expect([desk.tell(2, answer([kept(2, 1)])), desk.ask()]).toEqual([['2.1 (0)'], ['2: t 0']])
  })
})

describe('What a node tells', () => {
  it('has no gap before the first of a publisher, nor behind what has left the ring', () => {
    const desk = new Desk({}, 2)
    desk.begin(desk.topic())
    desk.ask()
    // The third has left the ring, as all before the sixth that are not the latest of their key.
    const old = kept(2, 3, { isOld: true, key: 'k' })
    expect(desk.tell(2, answer([old, kept(2, 6), kept(2, 9)]))).toEqual([
      '2.3 (0)',
      '2.6 (0)',
      '2.9 (2)',
      'ready',
    ])
  })

  it('lacks what this node has missed of a publisher whom it has heard before', () => {
    const desk = new Desk({}, 2)
    const topic = desk.topic()
    desk.publish(2, 1)
    desk.heard()
    desk.begin(topic)
    desk.ask()
    expect(desk.tell(2, answer([kept(2, 4), kept(2, 5)]))).toEqual(['2.4', '2.5', 'ready'])
  })

  it('goes on in further answers as if it were one', () => {
    const desk = new Desk({ firstValuesMs: 300 }, 2)
    desk.begin(desk.topic())
    desk.ask()
    desk.tell(2, answer([kept(2, 3, { isOld: true, key: 'k' })], { next: 5 }))
    expect(desk.pass(300)).toEqual(['2.3 (0)', 'ready'])
    desk.quiet(2, 6)
    expect(desk.ask()).toEqual(['2: t 5 2.3'])
    // The publisher is new here as long as its node has more to tell.
    expect(desk.tell(2, answer([kept(2, 6)]))).toEqual(['2.6 (2)'])
    desk.publish(2, 9)
    desk.ask()
    expect(desk.tell(2, answer([kept(2, 8)]))).toEqual(['2.8', '2.9'])
  })

  it('ends with the last numbers of publishers: what nobody keeps of them is lost', () => {
    const desk = new Desk({}, 2)
    const topic = desk.topic()
    desk.begin(topic)
    desk.ask()
    const heads = [
      { source: 2, number: 5 },
      { source: 9, number: 7 },
      { source: 1, number: 3 },
    ]
    desk.publish(2, 8)
    expect(desk.tell(2, answer([kept(2, 4)], { heads }))).toEqual(['2.4 (0)', '2.8', 'ready'])
    const nine = desk.publishers.of(9)
    expect([nine && topic.head(nine), topic.head(desk.publishers.own)]).toEqual([7, 0])
  })

  it('begins with what nobody keeps, of those of whom nothing is told', () => {
    const desk = new Desk({}, 2)
    const topic = desk.topic()
    desk.publish(2, 1)
    desk.heard()
    desk.begin(topic)
    desk.ask()
    const heads = [{ source: 2, number: 4 }]
    expect(desk.tell(2, answer([kept(3, 1)], { heads }))).toEqual(['hole to 2.4', '3.1 (0)', 'ready'])
  })

  it('does not make a gap of what was published meanwhile, by one who is new here', () => {
    const desk = new Desk({}, 2)
    const topic = desk.topic()
    desk.begin(topic)
    desk.ask()
    desk.publish(2, 8)
    expect(desk.tell(2, answer([], { heads: [{ source: 2, number: 5 }] }))).toEqual(['2.8', 'ready'])
    expect(Array.from(topic.from(1), ({ number, lost }) => `${number} ${lost}`)).toEqual(['8 0'])
  })

  it('that was put into the log early leaves its room to others, but for the last of each publisher', () => {
    const desk = new Desk({ catchUpBytes: 3 * WEIGHT - 1 }, 2)
    desk.begin(desk.topic())
    desk.ask()
    const told = [kept(2, 1), kept(2, 2), kept(2, 3)]
    expect(desk.tell(2, answer(told, { next: 9 }))).toEqual(['2.1 (0)', '2.2 (0)', '2.3 (0)'])
    for (const number of [4, 5]) desk.publish(2, number)
    desk.ask()
    expect(desk.tell(2, answer([]))).toEqual(['2.4', 'ready'])
  })

  it('says of a publisher of whom nothing is kept that what comes next follows without a gap', () => {
    const desk = new Desk({}, 2)
    const topic = desk.topic()
    desk.begin(topic)
    desk.ask()
    desk.tell(2, answer([], { heads: [{ source: 2, number: 5 }] }))
    expect([topic.next, desk.publish(2, 6), desk.ask()]).toEqual([1, ['2.6'], []])
  })

  it('is put into the log at once beyond the room for it, as far as it has come', () => {
    for (const [most, expected] of [
      [2 * WEIGHT, []],
      [2 * WEIGHT - 1, ['2.1 (0)', '2.2 (0)']],
    ] as const) {
      const desk = new Desk({ catchUpBytes: most }, 2, 3)
      desk.begin(desk.topic())
      desk.ask()
      expect(desk.tell(2, answer([kept(2, 1), kept(2, 2)], { next: 9 }))).toEqual(expected)
      desk.ask()
      const rest = [...desk.tell(2, answer([kept(2, 4)])), ...desk.tell(3, answer([kept(3, 1)]))]
      expect([...expected, ...rest].filter((each) => each !== 'ready').sort()).toEqual([
        '2.1 (0)',
        '2.2 (0)',
        '2.4 (1)',
        '3.1 (0)',
      ])
    }
  })

  it('of several nodes about one that has ended is taken once', () => {
    const desk = new Desk({}, 2, 3)
    desk.ended.add(9)
    desk.begin(desk.topic())
    desk.ask()
    desk.tell(2, answer([kept(9, 1), kept(9, 2)], { heads: [{ source: 9, number: 2 }] }))
    expect(desk.tell(3, answer([kept(9, 2), kept(9, 3)], { heads: [{ source: 9, number: 3 }] }))).toEqual([
      '9.1 (0)',
      '9.2 (0)',
      '9.3 (0)',
      'ready',
    ])
  })
})

it('A node alone has nobody to ask', () => {
  expect([[...noPeers.peers()], noPeers.reaches(2), noPeers.isThere(2)]).toEqual([[], false, true])
  expect(new Desk().catchUp.hasPeers).toBe(false)
})

describe('What a node keeps of a topic', () => {
  const ownAlone = (source: number): boolean => source === 1
  const all = (): boolean => true
  const want = (heads: HeadOf[] = [], from = 0, topic = 't'): Want => ({ topic, from, heads })

  /** Publisher 1 has published four, publisher 2 two; the first, of a key, has left the ring. */
  function topicWith(): Topic {
    const topic = topicOf(
      [
        { number: 1, key: 'a' },
        { number: 2 },
        { publisher: 2, number: 1 },
        { number: 3, key: 'b', tombstone: true },
        { publisher: 2, number: 2 },
        { number: 4 },
      ],
      { keep: 4 },
    )
    trim(topic)
    return topic
  }

  const tell = (
    wants: readonly Want[],
    tells: (source: number) => boolean = all,
    most = 1_000,
    topic = topicWith(),
  ): string[] =>
    keptOf(wants, (name) => (name === 't' ? topic : undefined), tells, most).map(
      ({ entries, next, heads }) =>
        `${entries.map(({ source, number, isOld }) => `${source}.${number}${isOld ? ' old' : ''}`).join()} → ${next} [${headsOf(heads)}]`,
    )

  it('is told in order, what has left the ring marked, with the last numbers', () => {
    expect(tell([want()])).toEqual(['1.1 old,2.1,1.3,2.2,1.4 → 0 [1.4 2.2]'])
    const [first] = keptOf([want()], () => topicWith(), all, 1_000)[0]?.entries ?? []
    expect(first).toEqual({
      source: 1,
      number: 1,
      stamp: 10,
      isOld: true,
      key: 'a',
      tombstone: false,
      data: text('1'),
    })
  })

  it('is told as far as the asker has not seen it', () => {
    const heads = [
      { source: 1, number: 3 },
      { source: 2, number: 1 },
    ]
    expect(tell([want(heads)])).toEqual(['2.2,1.4 → 0 [1.4 2.2]'])
    expect(tell([want([{ source: 2, number: 2 }])])).toEqual(['1.1 old,1.3,1.4 → 0 [1.4 2.2]'])
  })

  it('is only what the node answers for', () => {
    expect(tell([want()], ownAlone)).toEqual(['1.1 old,1.3,1.4 → 0 [1.4]'])
  })

  it('is not looked at where the asker has all of it, save for the last numbers', () => {
    const heads = [{ source: 1, number: 4 }]
    expect(tell([want(heads)], ownAlone, 1)).toEqual([' → 0 [1.4]'])
    expect(tell([want(heads)], all, 1_000)).toEqual(['2.1,2.2 → 0 [1.4 2.2]'])
  })

  it('goes on from a position, where an answer had no room for more', () => {
    expect(tell([want()], all, 67)).toEqual(['1.1 old,2.1 → 4 []'])
    expect(tell([want()], all, 68)).toEqual(['1.1 old,2.1,1.3 → 5 []'])
    expect(tell([want([], 4)])).toEqual(['1.3,2.2,1.4 → 0 [1.4 2.2]'])
  })

  it('costs something to be looked at though the asker has it', () => {
    const heads = [
      { source: 1, number: 3 },
      { source: 2, number: 1 },
    ]
    expect(tell([want(heads)], all, 48)).toEqual([' → 5 []'])
    expect(tell([want(heads)], all, 49)).toEqual(['2.2 → 6 []'])
  })

  it('is looked at all the same where there are more publishers than an answer can name', () => {
    for (const [count, expected] of [
      [limits.publishers - 1, 0],
      [limits.publishers, 2],
    ] as const) {
      const topic = topicOf(Array.from({ length: count }, (_, n) => ({ publisher: 100 + n, number: 1 })))
      const heads = Array.from({ length: count }, (_, n) => ({ source: 100 + n, number: 1 }))
      const [{ next } = { next: -1 }] = keptOf([want(heads)], () => topic, all, 1)
      expect(next, `${count} publishers`).toBe(expected)
    }
  })

  it('is nothing for a topic that it does not have, or to which nothing was ever published', () => {
    expect(tell([want([], 0, 'other'), want()])).toEqual([' → 0 []', '1.1 old,2.1,1.3,2.2,1.4 → 0 [1.4 2.2]'])
    expect(tell([want()], all, 1_000, topicOf())).toEqual([' → 0 []'])
  })

  it('is left out where topics before it have taken all the room', () => {
    expect(tell([want(), want()], all, 200)).toHaveLength(2)
    expect(tell([want(), want()], all, 33)).toEqual(['1.1 old → 3 []'])
    expect(tell([want()], all, 0)).toEqual([])
  })

  it('says nothing of holes', () => {
    const topic = topicWith()
    const two = publishers.of(2)
    if (two === null) throw new Error('no publisher')
    topic.append(two, 7, 70, '', false, text('7'), 0, 0, 4)
    expect(tell([want()], all, 1_000, topic)[0]).toMatch(/2\.7 → 0 \[1\.4 2\.7\]$/)
  })
})
