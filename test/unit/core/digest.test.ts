import { describe, expect, it } from 'vitest'
import { type FixedLimits, fixedLimits } from '../../../src/core/ground/config.ts'
import { Timers } from '../../../src/core/ground/timers.ts'
import type { Bus } from '../../../src/core/ports.ts'
import { Carrier, topicOf } from '../../../src/core/topic/carrier.ts'
import { decodeDiffusion, decodeHeads } from '../../../src/core/topic/diffusion.ts'
import { Publication } from '../../../src/core/topic/publication.ts'
import { Publisher, type Publishers } from '../../../src/core/topic/publishers.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'
import { text } from './harness.ts'

const [own, other] = [new Publisher(77, 0), new Publisher(78, 1)]

/** A topic with the publications of this node and of another one. */
class Published {
  readonly name: string
  readonly #entries: Publication[] = []
  carried = 1
  #last = 0

  constructor(name: string) {
    this.name = name
  }

  get next(): number {
    return this.#entries.length + 1
  }

  get lastOwn(): Publication | undefined {
    return this.#entries.findLast(({ source }) => source === own)
  }

  from(at: number): Publication[] {
    return this.#entries.slice(at - 1)
  }

  head(): number {
    return this.#last
  }

  add(source: Publisher, value = 'x', cameAt = 0): void {
    if (source === own) this.#last++
    const number = source === own ? this.#last : 9
    this.#entries.push(new Publication(this.next, source, number, number, '', false, text(value), cameAt, 0))
  }
}

/** What is published on the bus: `a: 1 2` for the numbers of publications, `quiet: a1 b2` for a digest. */
class Desk {
  readonly timers: Timers = new Timers()
  readonly published: string[] = []
  isHeard = true
  readonly carrier: Carrier

  constructor(limits: Partial<FixedLimits> = {}, hasPeers = true) {
    const bus = {
      hears: () => this.isHeard,
      publish: (subject: string, bytes: Uint8Array) => {
        const topic = topicOf(subject)
        const words =
          topic === null
            ? decodeHeads(bytes)?.map(({ name, number }) => `${name}${number}`)
            : decodeDiffusion(bytes)?.map(({ number }) => number)
        this.published.push(`${topic ?? 'quiet'}: ${words?.join(' ')}`)
      },
    } as unknown as Bus
    const all = { ...fixedLimits, ...limits } as FixedLimits
    this.carrier = new Carrier(bus, { own } as unknown as Publishers, this.timers, all, () => hasPeers)
  }

  carry(topic: Published, now: number): void {
    this.carrier.now = now
    this.carrier.carry(topic as unknown as Topic)
  }

  news(now?: number): string[] {
    if (now !== undefined) this.timers.run(now)
    return this.published.splice(0)
  }
}

const publish = (desk: Desk, topic: Published, now: number): void => {
  topic.add(own)
  desk.carry(topic, now)
}

describe('A node carries to the others', () => {
  it('what it has published itself, once, where another one may listen', () => {
    const [desk, a] = [new Desk(), new Published('a')]
    for (const source of [own, other, own]) a.add(source)
    desk.carry(a, 0)
    desk.carry(a, 0)
    a.add(other)
    desk.carry(a, 0)
    expect(desk.news()).toEqual(['a: 1 2'])
    desk.isHeard = false
    publish(desk, a, 0)
    desk.isHeard = true
    publish(desk, a, 0)
    expect(desk.news()).toEqual(['a: 4'])
  })

  it('very large ones in several messages, none of them empty', () => {
    const size = new Publication(1, own, 1, 1, '', false, text('x'.repeat(1_000)), 0, 0).size
    const [desk, a] = [new Desk({ busBytes: 2 * size }), new Published('a')]
    for (let n = 0; n < 6; n++) a.add(own, 'x'.repeat(1_000))
    desk.carry(a, 0)
    expect(desk.news()).toEqual(['a: 1 2', 'a: 3 4', 'a: 5 6'])
    a.add(own, 'x'.repeat(1_000))
    desk.carry(a, 0)
    expect(desk.news()).toEqual(['a: 7'])
  })
})

describe('A node that has published nothing to a topic for a while', () => {
  it('says its last number again after one second and after four, and never without others', () => {
    const [desk, a] = [new Desk(), new Published('a')]
    publish(desk, a, 500)
    expect([desk.news(), desk.timers.next]).toEqual([['a: 1'], 1_500])
    expect([desk.news(1_499), desk.news(1_500), desk.timers.next]).toEqual([[], ['quiet: a1'], 2_500])
    expect([desk.news(2_500), desk.news(3_500), desk.news(4_500)]).toEqual([[], [], ['quiet: a1']])
    expect(desk.timers.size).toBe(0)
    const alone = new Desk({}, false)
    publish(alone, a, 0)
    expect(alone.timers.size).toBe(0)
  })

  it('counts anew from the next one, of which it tells as of the first', () => {
    const [desk, a] = [new Desk(), new Published('a')]
    publish(desk, a, 0)
    publish(desk, a, 600)
    expect([desk.timers.next, desk.news().length]).toEqual([1_000, 2])
    expect([desk.news(1_000), desk.news(2_000)]).toEqual([[], ['quiet: a2']])
    publish(desk, a, 2_500)
    desk.news()
    // The second time of the one before does not come any more.
    expect([desk.news(3_000), desk.news(4_000), desk.news(5_000)]).toEqual([[], ['quiet: a3'], []])
    expect([desk.news(6_000), desk.news(7_000), desk.timers.size]).toEqual([[], ['quiet: a3'], 0])
  })

  it('tells of all of them in one digest a second, so many in each message', () => {
    const desk = new Desk({ busTopics: 2 })
    for (const [at, name] of ['a', 'b', 'c'].entries()) publish(desk, new Published(name), at)
    desk.news()
    publish(desk, new Published('late'), 900)
    expect(desk.news(1_000)).toEqual(['late: 1', 'quiet: a1'])
    expect(desk.news(2_000)).toEqual(['quiet: b1 c1', 'quiet: late1'])
  })
})

describe('A node whose bus is back', () => {
  it('says the last numbers of topics to which it has published since it may have been down', () => {
    const desk = new Desk({ busBlindMs: 100, busTopics: 2 })
    const topics = [899, 900, 1_000].map((cameAt, at) => {
      const topic = new Published(`t${at}`)
      topic.add(own, 'x', cameAt)
      return topic
    })
    const foreign = new Published('foreign')
    foreign.add(other, 'x', 1_000)
    const all = [...topics, foreign] as unknown as Topic[]
    expect(desk.carrier.hasWork).toBe(false)
    desk.carrier.sweep()
    desk.carrier.back(all, 1_000)
    expect(desk.carrier.hasWork).toBe(true)
    const sweeps = Array.from({ length: 3 }, () => {
      desk.carrier.sweep()
      return [desk.news(), desk.carrier.hasWork]
    })
    expect(sweeps).toEqual([
      [['quiet: t11'], true],
      [['quiet: t21'], true],
      [[], false],
    ])
  })

  it('makes up for a second outage from the first one on, as long as it has not seen to all topics', () => {
    const desk = new Desk({ busBlindMs: 100 })
    const a = new Published('a')
    a.add(own, 'x', 950)
    const all = [a] as unknown as Topic[]
    desk.carrier.back(all, 1_000)
    desk.carrier.back(all, 5_000)
    desk.carrier.sweep()
    expect(desk.news()).toEqual(['quiet: a1'])
    desk.carrier.back(all, 5_000)
    desk.carrier.back(all, 1_000)
    desk.carrier.sweep()
    expect([desk.news(), desk.carrier.hasWork]).toEqual([['quiet: a1'], false])
    desk.carrier.back(all, 5_000)
    desk.carrier.sweep()
    expect(desk.news()).toEqual([])
  })
})
