import { describe, expect, it } from 'vitest'
import { defaultLimits, fixedLimits } from '../../../src/core/index.ts'
import type { Budget } from '../../../src/core/ground/budget.ts'
import { Space } from '../../../src/core/topic/space.ts'
import { Stamps } from '../../../src/core/topic/stamps.ts'
import { Topic } from '../../../src/core/topic/topic.ts'
import { weigh } from '../../../src/core/topic/publication.ts'
import { Account, ratesOf } from '../../../src/core/session/account.ts'
import { bytes } from './harness.ts'
import { endless } from './payers.ts'

const [ann, bob] = ['ann', 'bob'] as unknown as [Account, Account]

/** The room of a topic that keeps two entries and may have three more; what is done for it is noted in order. */
class Desk {
  readonly did: string[] = []
  round = 10
  hasWork = true
  flushes = 3
  readonly entries = { size: 0, bytes: 0, isRead: true }
  readonly topic: Topic
  readonly space: Space

  constructor() {
    const group = (name: string, conflate: boolean) => {
      const second = { name: `${name}2`, after: null }
      return {
        conflate,
        first: { name: `${name}1`, after: second },
        offer: (mark: (cursor: unknown) => void) => mark({ name }),
      }
    }
    const groups = [group('live', false), group('latest', true), group('late', false)]
    const { entries } = this
    this.topic = {
      get size() {
        return entries.size
      },
      get bytes() {
        return entries.bytes
      },
      get isRead() {
        return entries.isRead
      },
      retention: { entries: 2, bytes: 20, ageMs: 0 },
      groups: () => groups,
    } as unknown as Topic
    const named =
      (what: string) =>
      ({ name }: { name: string }): void =>
        void this.did.push(`${what} ${name}`)
    const downstream = { mark: named('marks'), hurry: named('hurries') }
    Object.defineProperty(downstream, 'round', { get: () => this.round })
    Object.defineProperty(downstream, 'flushes', { get: () => this.flushes })
    Object.defineProperty(downstream, 'hasWork', { get: () => this.hasWork })
    this.space = new Space(
      {
        ...fixedLimits,
        ...defaultLimits,
        topicPendingEntries: 3,
        topicPendingBytes: 30,
        crowdedRounds: 8,
        burstFactor: 2,
      },
      downstream as never,
      { carry: () => this.did.push('carries') } as never,
      endless(),
      (_, now) => this.did.push(`trims ${now}`),
    )
  }

  fill(size: number, bytes = 0): this {
    Object.assign(this.entries, { size, bytes })
    return this
  }

  waits(by: Account): boolean {
    return this.space.mustWait(this.topic, by)
  }

  make(isUrgent: boolean): string[] {
    this.space.make(this.topic, 7, isUrgent)
    return this.news()
  }

  news(): string[] {
    return this.did.splice(0)
  }
}

const OFFERED = ['marks live', 'marks late', 'carries']
const HURRIED = ['hurries live1', 'hurries live2', 'hurries late1', 'hurries late2']

describe('A topic', () => {
  it('has room up to its limits, of entries and of bytes', () => {
    for (const [size, bytes, isFull] of [
      [4, 49, false],
      [5, 49, true],
      [4, 50, true],
    ] as const) {
      const desk = new Desk().fill(size, bytes)
      expect([desk.waits(ann), desk.waits(ann), desk.news()]).toEqual([false, isFull, isFull ? OFFERED : []])
      expect(new Desk().fill(size, bytes).make(true).length > 0).toBe(isFull)
    }
  })

  it('that is full makes users wait, each after one more, until its readers have what there is', () => {
    const desk = new Desk().fill(5)
    expect([desk.waits(ann), desk.waits(ann), desk.waits(bob), desk.waits(bob)]).toEqual([
      false,
      true,
      false,
      true,
    ])
    expect(desk.news()).toEqual(OFFERED)
    desk.hasWork = false
    expect([desk.waits(ann), desk.news()]).toEqual([false, []])
  })

  it('is waited for so many rounds of writes, and no longer', () => {
    const desk = new Desk().fill(5)
    desk.waits(ann)
    desk.round = 17
    expect(desk.waits(ann)).toBe(true)
    desk.round = 18
    expect(desk.waits(ann)).toBe(false)
    // Then room is made, and it is waited for anew.
    expect(desk.news()).toEqual(OFFERED)
    expect(desk.make(false)).toEqual([...OFFERED, 'trims 7'])
    expect([desk.waits(ann), desk.waits(ann)]).toEqual([false, true])
  })

  it('begins anew once it has had room, nobody reads it, or a flush is complete', () => {
    const changes: Record<string, (desk: Desk) => void> = {
      room: (desk) => {
        desk.fill(4).waits(ann)
        desk.fill(5)
      },
      'no reader': (desk) => {
        desk.entries.isRead = false
        desk.waits(ann)
        desk.entries.isRead = true
      },
      'a flush': (desk) => desk.space.clear(),
      'its end': (desk) => desk.space.forget(desk.topic),
    }
    for (const [why, change] of Object.entries(changes)) {
      const desk = new Desk().fill(5)
      expect([desk.waits(ann), desk.waits(ann)]).toEqual([false, true])
      desk.news()
      change(desk)
      expect([desk.waits(ann), desk.news(), desk.waits(ann)], why).toEqual([false, OFFERED, true])
    }
    new Desk().space.clear()
  })

  it('that nobody reads makes nobody wait, and its room is made at once', () => {
    const desk = new Desk().fill(9)
    desk.entries.isRead = false
    expect([desk.waits(ann), desk.waits(ann), desk.news()]).toEqual([false, false, []])
    expect(desk.make(false)).toEqual([...OFFERED, 'trims 7'])
  })

  it('has no room made while its readers are waited for, save for a burst of the business', () => {
    const desk = new Desk().fill(5)
    expect([desk.make(false), desk.make(false), desk.make(true)]).toEqual([OFFERED, [], []])
    // Up to twice the room, of entries or of bytes.
    expect([desk.fill(7, 79).make(true), desk.fill(8).make(false)]).toEqual([[], []])
    expect(desk.make(true)).toEqual([...OFFERED, ...HURRIED, 'trims 7'])
    expect([desk.fill(7, 80).make(true), desk.waits(ann)]).toEqual([
      [...OFFERED, ...OFFERED, ...HURRIED, 'trims 7'],
      false,
    ])
    expect(desk.news()).toEqual(OFFERED)
    // Something was written since.
    desk.flushes++
    expect(desk.fill(8).make(true)).toEqual([])
    expect(new Desk().fill(4).make(true)).toEqual([])
  })
})

describe('The time of a stamp', () => {
  it('is what it was by the clock of this node, and not after now', () => {
    const stamps = new Stamps({ wallOffset: 5_000 } as never)
    expect([stamps.timeOf(7_500_000, 9_000), stamps.timeOf(7_500_000, 2_000)]).toEqual([2_500, 2_000])
  })
})

describe('A topic that a user has made', () => {
  const topicOf = (maker: Account, budget: Budget): Topic => {
    const settings = { retention: { entries: 100, bytes: 10_000, ageMs: 1e9 }, budget }
    const topic = new Topic('t', 1, 1, settings as never, maker)
    budget.enter(topic, maker.estate)
    maker.topics++
    return topic
  }

  const limits = { ...fixedLimits, ...defaultLimits }

  it('pays with what is of whoever has filled half of it, or apart from its maker’s, or alone for the business', () => {
    const budget = endless()
    const space = new Space(limits, {} as never, {} as never, budget, () => {})
    const [maker, eve, tom] = [1, 2, 3].map(() => new Account(ratesOf(limits), 'ann')) as [
      Account,
      Account,
      Account,
    ]
    const topic = topicOf(maker, budget)
    topic.hold(20_000 - topic.held)
    const payer = (): string => {
      const all = { maker: maker.estate, eve: eve.estate, tom: tom.estate, apart: maker.filled }
      const having = Object.entries(all).filter(([, { parts }]) => parts > 0)
      expect(having.map(([, { held }]) => held)).toEqual(having.map(() => 20_000))
      return having.map(([name]) => name).join()
    }
    const said = (by: Account | 'business' | null, length: number): string => {
      space.charge(topic, by, '', bytes(length))
      return payer()
    }
    const weight = weigh('', 0)
    expect([payer(), said(maker, 2_000), said(eve, 1_000)]).toEqual(['maker', 'maker', 'maker'])
    // Three thousand bytes of hers, and two of the maker's.
    expect([said(eve, 2_000 + weight), said(eve, 1_000)]).toEqual(['apart', 'eve'])
    // Nobody knows whose a publication of another node is.
    expect([said(null, 1_000), said(null, 9_000), said(null, 30_000)]).toEqual(['apart', 'apart', 'apart'])
    // What it holds no longer does not count.
    expect([said(tom, 15_000), said(tom, 15_000), said(tom, 15_000)]).toEqual(['apart', 'apart', 'tom'])
    expect([said(eve, 1), said(maker, 1), said(maker, 100_000)]).toEqual(['tom', 'tom', 'maker'])
    expect([maker.topics, said('business', 1), said(eve, 9_000), topic.maker, maker.topics]).toEqual([
      1,
      '',
      '',
      null,
      0,
    ])
    expect([topic.estate, budget.used]).toEqual([null, 20_000])
  })

  it('does not go over to one who has as many of others as anybody may make', () => {
    const budget = endless()
    const space = new Space({ ...limits, topicsPerUser: 2 }, {} as never, {} as never, budget, () => {})
    const [maker, eve] = [1, 2].map(() => new Account(ratesOf(limits), 'ann')) as [Account, Account]
    const topics = [1, 2, 3].map(() => topicOf(maker, budget))
    for (const topic of topics) space.charge(topic, eve, '', bytes(4_000))
    const ofEve = topicOf(eve, budget)
    space.charge(ofEve, eve, '', bytes(4_000))
    // What it has it keeps, and so does whoever has made it.
    for (const topic of [...topics, ofEve]) space.charge(topic, eve, '', bytes(4_000))
    expect([...topics, ofEve].map(({ estate }) => estate)).toEqual([
      eve.estate,
      eve.estate,
      maker.filled,
      eve.estate,
    ])
  })

  it('is not paid for by one who has published little to it, whatever the others have done before', () => {
    const budget = endless()
    const space = new Space(limits, {} as never, {} as never, budget, () => {})
    const [maker, eve, tom] = [1, 2, 3].map(() => new Account(ratesOf(limits), 'ann')) as [
      Account,
      Account,
      Account,
    ]
    const topic = topicOf(maker, budget)
    topic.hold(20_000 - topic.held)
    // Neither has the majority, so whoever comes next may have it.
    for (let n = 0; n < 4; n++) for (const by of [maker, eve]) space.charge(topic, by, '', bytes(4_000))
    for (let n = 0; n < 3; n++) space.charge(topic, tom, '', bytes(100))
    expect([tom.estate.parts, maker.filled.parts + maker.estate.parts + eve.estate.parts]).toEqual([0, 1])
  })
})
