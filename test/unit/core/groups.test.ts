import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Timers } from '../../../src/core/ground/timers.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import { type TopicCursor, wishOf } from '../../../src/core/topic/cursor.ts'
import { Group, ladder, Rungs } from '../../../src/core/topic/groups.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'
import { append, cursorAt, topicOf, trim } from './topic-rig.ts'

function members({ first }: Group): TopicCursor[] {
  const all: TopicCursor[] = []
  for (let cursor = first; cursor !== null; cursor = cursor.after) all.push(cursor)
  return all
}

const kind = ({ hz, wish }: TopicCursor): string =>
  `${hz} ${wish.conflate} ${!wish.conflate && wish.policy === 2}`

describe('The readers of a topic', () => {
  it('are grouped by rung, by conflating or not and by strictness, whoever comes and goes', () => {
    const step = fc.record({
      what: fc.constantFrom('add', 'add', 'leave', 'publish', 'read', 'offer'),
      n: fc.nat(30),
      hz: fc.constantFrom(0, 5),
      conflate: fc.boolean(),
      policy: fc.nat(2),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const topic = topicOf([{ number: 1 }])
        const all: TopicCursor[] = []
        /** What each group was last offered, and how many of its members had not read it by then. */
        const offered = new Map<string, { to: number; behind: number }>()
        let number = 1
        for (const { what, n, hz, conflate, policy } of steps) {
          const one = all[n % (all.length || 1)]
          if (what === 'add') {
            const cursor = cursorAt(topic, Math.max(1, topic.next - (n % 3)), { conflate, policy, hz })
            if (!all.some((each) => kind(each) === kind(cursor)))
              offered.set(kind(cursor), { to: topic.next, behind: 0 })
            topic.add(cursor)
            all.push(cursor)
          } else if (what === 'leave' && one !== undefined) {
            topic.leave(one, 0)
            all.splice(all.indexOf(one), 1)
            expect(one.marked).toBe(false)
            if (!all.some((each) => kind(each) === kind(one))) offered.delete(kind(one))
          } else if (what === 'publish') append(topic, { number: ++number })
          else if (what === 'read' && one !== undefined) one.position = topic.next
          else if (what === 'offer') {
            for (const group of topic.groups()) {
              const marked: TopicCursor[] = []
              group.offer((cursor) => marked.push(cursor))
              const own = all.filter((each) => kind(each) === kind(group.first as TopicCursor))
              expect(new Set(marked)).toEqual(new Set(own.filter(({ position }) => position !== topic.next)))
              expect(marked).toHaveLength(new Set(marked).size)
              const state = offered.get(kind(own[0] as TopicCursor))
              if (state === undefined) throw new Error('no group')
              state.behind = own.filter(({ position }) => position < state.to).length
              state.to = topic.next
            }
          }
          const groups = [...topic.groups()]
          expect(groups).toHaveLength(new Set(all.map(kind)).size)
          for (const group of groups) {
            const [first, ...others] = members(group)
            if (first === undefined) throw new Error('an empty group')
            const own = all.filter((each) => kind(each) === kind(first))
            expect(new Set([first, ...others])).toEqual(new Set(own))
            expect([group.size, others.length + 1]).toEqual([own.length, own.length])
            expect([group.hz, group.conflate, group.strict]).toEqual([
              first.hz,
              first.wish.conflate,
              !first.wish.conflate && first.wish.policy === 2,
            ])
            expect({ to: group.offered, behind: group.behind }).toEqual(offered.get(kind(first)))
          }
          const behind = groups.reduce((sum, group) => sum + group.behind, 0)
          expect([topic.isRead, topic.subscribers]).toEqual([all.length > 0, all.length])
          expect(topic.behind).toBe(all.length === 0 ? 0 : Math.min(1, behind / all.length))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('of one group leave in any order', () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const topic = topicOf([{ number: 1 }])
      const cursors = [1, 1, 1].map((at) => cursorAt(topic, at))
      for (const cursor of cursors) topic.add(cursor)
      const [group] = topic.groups()
      const left = new Set(cursors)
      for (const at of order) {
        const cursor = cursors[at] as TopicCursor
        topic.leave(cursor, 0)
        left.delete(cursor)
        expect(new Set(members(group as Group))).toEqual(left)
      }
      expect(topic.isRead).toBe(false)
    }
  })

  it('share the options that most of them have, pay for the keys that they name, and say where they stand', () => {
    const keys = new Set(['a', 'b'])
    for (const conflate of [false, true])
      for (const policy of [0, 1, 2]) {
        expect(wishOf(conflate, policy, null)).toBe(wishOf(conflate, policy, null))
        expect(wishOf(conflate, policy, null)).toEqual({ conflate, policy, keys: null })
        expect(wishOf(conflate, policy, keys)).toEqual({ conflate, policy, keys })
      }
    const topic = topicOf([{ number: 1 }, { number: 2 }])
    const [plain, some] = [cursorAt(topic, 2), cursorAt(topic, 1, { keys })]
    expect([plain.weight, some.weight]).toEqual([
      weights.subscription,
      weights.subscription + 2 * (weights.key + 1),
    ])
    expect([plain.name, plain.place]).toEqual([
      't',
      { of: 'topic', name: 't', position: 2, first: 1, next: 3 },
    ])
    topic.add(plain)
    plain.end(0)
    expect(topic.isRead).toBe(false)
  })

  it('of a group that has lost its last member are offered nothing', () => {
    const topic = topicOf([{ number: 1 }])
    const cursor = cursorAt(topic, 1)
    topic.add(cursor)
    const [group] = topic.groups()
    topic.leave(cursor, 0)
    const marked: TopicCursor[] = []
    group?.offer((each) => marked.push(each))
    expect(marked).toEqual([])
  })

  it('hold back what their group was not yet offered, unless it conflates', () => {
    const sizes = [{ conflate: true }, { conflate: false }, { hz: 5 }].map((parts) => {
      const topic = topicOf([{ number: 1 }, { number: 2 }], { keep: 0 })
      topic.add(cursorAt(topic, 3, parts))
      for (const number of [3, 4, 5]) append(topic, { number })
      const before = (trim(topic), topic.size)
      const [group] = topic.groups()
      group?.offer(() => {})
      trim(topic)
      return [before, topic.size]
    })
    expect(sizes).toEqual([
      [0, 0],
      [3, 0],
      [3, 0],
    ])
    // The group that is furthest behind counts.
    const topic = topicOf([{ number: 1 }], { keep: 0 })
    topic.add(cursorAt(topic, 2, { hz: 1 }))
    append(topic, { number: 2 })
    topic.add(cursorAt(topic, 3, { hz: 5 }))
    append(topic, { number: 3 })
    trim(topic)
    expect(topic.size).toBe(2)
  })

  it('that are strict have fallen where an entry they want was dropped before they read it', () => {
    const topic = topicOf([], { keep: 2 })
    for (const [number, key] of [
      [1, 'a'],
      [2, 'b'],
      [3, 'a'],
      [4, 'b'],
    ] as const)
      append(topic, { number, key })
    const strict = { policy: 2 } as const
    const cursors = {
      fallen: cursorAt(topic, 2, strict),
      atTheStart: cursorAt(topic, 3, strict),
      skips: cursorAt(topic, 2, { policy: 0 }),
      conflates: cursorAt(topic, 2, { policy: 2, conflate: true }),
      takesValues: cursorAt(topic, 0, { ...strict, values: true }),
      wantsB: cursorAt(topic, 2, { ...strict, keys: new Set(['b']) }),
      wantsA: cursorAt(topic, 2, { ...strict, keys: new Set(['a']) }),
      elsewhere: cursorAt(topic, 1, { ...strict, hz: 5 }),
    }
    for (const cursor of Object.values(cursors)) topic.add(cursor)
    const fallen = (): string[] => {
      const found = new Set<TopicCursor>()
      topic.eachFallen((cursor) => found.add(cursor))
      return Object.entries(cursors).flatMap(([name, cursor]) => (found.has(cursor) ? [name] : []))
    }
    expect(fallen()).toEqual([])
    // Where nobody is behind, the groups hold nothing back.
    for (const group of topic.groups()) group.offer(() => {})
    trim(topic)
    expect([topic.first, fallen()]).toEqual([3, ['fallen', 'wantsB', 'elsewhere']])
  })
})

interface Rig {
  readonly timers: Timers
  readonly flushed: [Group, number][]
  readonly rungs: Rungs
  readonly group: (hz: number) => Group
  readonly run: (now: number) => void
}

function rig(): Rig {
  const topic: Topic = topicOf([{ number: 1 }])
  const timers = new Timers()
  const flushed: [Group, number][] = []
  let clock = 0
  const rungs = new Rungs(timers, (group) => flushed.push([group, clock]))
  const group = (hz: number): Group => {
    const made = new Group(1)
    made.add(cursorAt(topic, 1, { hz }))
    return made
  }
  const run = (now: number): void => {
    clock = now
    timers.run(now)
  }
  return { timers, flushed, rungs, group, run }
}

describe('The rungs', () => {
  it('flush a group without a rung at once, and one with a rung at the next multiple of its interval', () => {
    for (const hz of ladder) {
      const { timers, flushed, rungs, group, run } = rig()
      const [free, held] = [group(0), group(hz)]
      rungs.news(free, 1_234.5)
      expect(flushed.map(([each]) => each)).toEqual([free])
      rungs.news(held, 1_234.5)
      const interval = 1_000 / hz
      const due = Math.ceil(1_234.5 / interval) * interval
      expect([timers.next, held.due]).toEqual([due, true])
      run(due - 0.01)
      expect(flushed).toHaveLength(1)
      run(due)
      expect([flushed.at(-1), held.due, timers.size]).toEqual([[held, due], false, 0])
      // News at the very moment of a flush wait for the next one.
      rungs.news(held, due)
      expect(timers.next).toBeGreaterThan(due + interval * 0.99)
      expect(timers.next).toBeLessThan(due + interval * 1.01)
    }
  })

  it('always flush later than the news came, however the time is rounded', () => {
    const { timers, flushed, rungs, group, run } = rig()
    const one = group(60)
    let now = 0
    for (let n = 1; n <= 3_000; n++) {
      rungs.news(one, now)
      const { next } = timers
      if (!(next > now && next < now + 1_000 / 30)) throw new Error(`${next} after ${now}`)
      run((now = next))
    }
    expect(flushed).toHaveLength(3_000)
  })

  it('flush each group once, with the others of its rung, however often there are news', () => {
    const { timers, flushed, rungs, group, run } = rig()
    const [one, two, other] = [group(5), group(5), group(10)]
    for (const [at, news] of [
      [10, one],
      [20, two],
      [30, one],
      [40, other],
      [150, two],
    ] as const)
      rungs.news(news, at)
    expect(timers.counts).toEqual(new Map([['rung', 2]]))
    run(100)
    run(200)
    expect(flushed).toEqual([
      [other, 100],
      [one, 200],
      [two, 200],
    ])
    rungs.news(two, 210)
    run(400)
    expect(flushed.slice(3)).toEqual([[two, 400]])
  })

  it('flush in the next interval a group that has news while its rung is flushed', () => {
    const timers = new Timers()
    const topic = topicOf([{ number: 1 }])
    const times: number[] = []
    const group = new Group(1)
    group.add(cursorAt(topic, 1, { hz: 10 }))
    const rungs: Rungs = new Rungs(timers, () => {
      times.push(timers.next)
      if (times.length < 3) rungs.news(group, 100 * times.length)
    })
    rungs.news(group, 50)
    for (const now of [100, 200, 300, 400]) timers.run(now)
    expect(times).toHaveLength(3)
  })
})
