import { describe, expect, it } from 'vitest'
import { defaultRetention, type Limits, type Retention } from '../../../src/core/ground/config.ts'
import { Timers } from '../../../src/core/ground/timers.ts'
import { Aging } from '../../../src/core/topic/aging.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'

interface Parts {
  isEmpty: boolean
  isRead: boolean
  size: number
  touched: number
  retention: Retention
}

/** Three topics are looked at in one turn, turns are ten or, where there are more, two milliseconds apart. */
class Desk {
  readonly timers: Timers = new Timers()
  readonly trimmed: string[] = []
  readonly forgotten: string[] = []
  readonly aging: Aging

  constructor() {
    const limits = { sessionKeepMs: 100, topicIdleMs: 1_000, agingTopics: 3, agingMs: 10, agingAgainMs: 2 }
    this.aging = new Aging(
      limits as Limits,
      this.timers,
      (topic) => this.trimmed.push(topic.name),
      (topic) => {
        this.forgotten.push(topic.name)
        this.aging.drop(topic)
      },
    )
  }

  topic(name: string, parts: Partial<Parts> = {}): Topic & Parts {
    const all = { name, isEmpty: false, isRead: false, size: 1, touched: 0, retention: defaultRetention }
    return Object.assign(all, parts) as unknown as Topic & Parts
  }

  /** The turn at this time. Returns which topics were looked at. */
  turn(now: number): string[] {
    this.timers.run(now)
    this.aging.run(now)
    return this.trimmed.splice(0)
  }
}

describe('Topics are looked at for their age', () => {
  it('in turns, the first of which comes a while after the first topic', () => {
    const desk = new Desk()
    desk.aging.watch(desk.topic('a'), 5)
    desk.aging.watch(desk.topic('b'), 9)
    expect(desk.timers.next).toBe(15)
    desk.aging.run(15)
    expect([desk.trimmed, desk.turn(15), desk.timers.next]).toEqual([[], ['a', 'b'], 25])
    // Once in each turn.
    desk.aging.run(16)
    expect(desk.trimmed).toEqual([])
  })

  it('so many in each turn, and soon again where there are more', () => {
    const desk = new Desk()
    for (const name of ['a', 'b', 'c', 'd']) desk.aging.watch(desk.topic(name), 0)
    expect([desk.turn(10), desk.timers.next]).toEqual([['a', 'b', 'c'], 12])
    expect([desk.turn(12), desk.timers.next]).toEqual([['d', 'a', 'b'], 14])
    const three = new Desk()
    for (const name of ['a', 'b', 'c']) three.aging.watch(three.topic(name), 0)
    expect([three.turn(10), three.timers.next]).toEqual([['a', 'b', 'c'], 20])
  })

  it('until nobody has used them for their time; the business may have said to keep what is in them for longer', () => {
    const desk = new Desk()
    const kept: Retention = { ...defaultRetention, ageMs: 3_000 }
    const brief: Retention = { ...defaultRetention, ageMs: 10 }
    desk.aging.watch(desk.topic('plain', { touched: 5 }), 5)
    desk.aging.watch(desk.topic('kept', { touched: 5, retention: kept }), 5)
    desk.aging.watch(desk.topic('brief', { touched: 5, retention: brief }), 5)
    desk.turn(1_004)
    expect(desk.forgotten).toEqual([])
    desk.turn(1_014)
    expect(desk.forgotten).toEqual(['plain', 'brief'])
    desk.turn(3_004)
    expect(desk.forgotten).toHaveLength(2)
    desk.turn(3_014)
    expect([desk.forgotten, desk.timers.size]).toEqual([['plain', 'brief', 'kept'], 0])
  })

  it('and while they are read as long as there is something in them, however old they are', () => {
    const desk = new Desk()
    const topic = desk.topic('a', { isRead: true })
    desk.aging.watch(topic, 0)
    expect([desk.turn(5_000), desk.forgotten]).toEqual([['a'], []])
    topic.size = 0
    expect([desk.turn(5_010), desk.turn(5_020), desk.forgotten, desk.timers.size]).toEqual([['a'], [], [], 0])
    // With an entry it comes again.
    topic.size = 1
    desk.aging.watch(topic, 6_000)
    expect([desk.timers.next, desk.turn(6_010)]).toEqual([6_010, ['a']])
  })
})

describe('A topic without entries that nobody reads', () => {
  it('is kept for a while, in which its reader may come back', () => {
    const desk = new Desk()
    const [a, b] = [desk.topic('a', { isEmpty: true }), desk.topic('b', { isEmpty: true })]
    desk.aging.watch(a, 0)
    desk.aging.watch(b, 20)
    expect([desk.timers.next, desk.aging.idlest]).toEqual([10, a])
    expect([desk.turn(99), desk.forgotten]).toEqual([[], []])
    desk.turn(109)
    expect([desk.forgotten, desk.aging.idlest]).toEqual([['a'], b])
    desk.aging.use(b)
    expect(desk.aging.idlest).toBe(undefined)
    desk.turn(200)
    expect([desk.forgotten, desk.timers.size]).toEqual([['a'], 0])
  })

  it('counts as one that is looked at: so many in each turn, and the others soon', () => {
    const desk = new Desk()
    for (const name of ['a', 'b', 'c', 'd']) desk.aging.watch(desk.topic(name, { isEmpty: true }), 0)
    desk.aging.watch(desk.topic('e'), 0)
    expect([desk.turn(150), desk.forgotten, desk.timers.next]).toEqual([[], ['a', 'b', 'c'], 152])
    expect([desk.turn(152), desk.forgotten, desk.timers.next]).toEqual([['e'], ['a', 'b', 'c', 'd'], 162])
  })
})
