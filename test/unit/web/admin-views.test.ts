import { describe, expect, it } from 'vitest'
import { areaPath, linePath, nearest, niceTop } from '../../../web/src/admin/chart/plot.ts'
import { Feed } from '../../../web/src/admin/follow/feed.ts'
import type { Session } from '../../../web/src/admin/node/answers.ts'
import { changes, isStalled, mostBehind } from '../../../web/src/admin/numbers/sessions.ts'
import { addressOf, type Route, routeOf } from '../../../web/src/admin/route.ts'

describe('A chart', () => {
  const box = { width: 100, height: 10, from: 0, to: 10, top: 10 }
  const samples = [0, 1, 2, 3].map((at) => ({ at, isFirst: false }))

  it('draws a line from point to point', () => {
    expect(linePath(box, samples, [0, 5, 10, 10])).toBe('M0 10L10 5L20 0L30 0')
    expect(areaPath(box, samples, [0, 5, 10, 10])).toBe('M0 10L0 10L10 5L20 0L30 0L30 10Z')
  })

  it('leaves a hole where nothing is known, and before a sample that nothing leads to', () => {
    expect(linePath(box, samples, [0, null, 10, 10])).toBe('M-1 10h2M20 0L30 0')
    const broken = samples.map((sample, at) => ({ ...sample, isFirst: at === 2 }))
    expect(linePath(box, broken, [0, 0, 0, 0])).toBe('M0 10L10 10M20 10L30 10')
  })

  it('has a round number on top', () => {
    expect([0, 3, 21, 260, 999].map((value) => niceTop(value, 1))).toEqual([1, 5, 25, 500, 1_000])
    expect([0, 700_000].map((value) => niceTop(value, 1024, true))).toEqual([1024, 2 ** 20])
  })

  it('is read at the nearest sample', () => {
    expect([-5, 1.4, 99].map((at) => nearest(samples, at))).toEqual([0, 1, 3])
    expect(nearest([], 0)).toBe(-1)
  })
})

const line = (text: string) => ({ kind: 'input', at: '', who: '', text }) as const
const texts = (feed: Feed) => feed.lines.map(({ text }) => text)
const newFeed = (): Feed => new Feed((count) => `${count} more`)

describe('A feed', () => {
  it('has the newest on top', () => {
    const feed = newFeed()
    feed.add(line('a'), 0)
    feed.add(line('b'), 1)
    expect(texts(feed)).toEqual(['b', 'a'])
  })

  it('takes so many a second and says how many it left out', () => {
    const feed = newFeed()
    for (let count = 0; count < 100; count++) feed.add(line(String(count)), 10)
    expect([feed.seen, feed.lines.length]).toEqual([100, 40])
    feed.tick(999)
    expect(feed.lines).toHaveLength(40)
    feed.tick(1_000)
    expect(texts(feed)[0]).toBe('60 more')
    feed.add(line('next'), 1_001)
    expect(texts(feed)[0]).toBe('next')
  })

  it('stands still when told to, and counts on', () => {
    const feed = newFeed()
    feed.add(line('a'), 0)
    feed.pause(true)
    feed.add(line('b'), 1)
    expect([texts(feed), feed.held, feed.seen]).toEqual([['a'], 1, 2])
    feed.pause(false)
    feed.add(line('c'), 2)
    expect([texts(feed), feed.held]).toEqual([['c', 'a'], 0])
  })

  it('keeps no more than can be read', () => {
    const feed = newFeed()
    for (let count = 0; count < 1_000; count++) feed.add(line(String(count)), count * 1_000)
    expect(feed.lines).toHaveLength(200)
  })
})

describe('An address', () => {
  it.each<[string, Route]>([
    ['#/', { view: 'overview' }],
    ['#/meetings', { view: 'meetings', search: '' }],
    ['#/topics?q=stock+a%26b', { view: 'topics', search: 'stock a&b' }],
    ['#/meetings/battle-1', { view: 'meeting', name: 'battle-1' }],
    ['#/users/a%2Fb%3F%23%20%E5%B9%B4', { view: 'user', name: 'a/b?# 年' }],
  ])('%s names a view, and is named by it', (address, route) => {
    expect(routeOf(address)).toEqual(route)
    expect(addressOf(route)).toBe(address)
  })

  it('that names nothing is the overview', () => {
    for (const hash of ['', '#', '#/unheard-of', '#/constructor/x', '#/users/'])
      expect(routeOf(hash)).toEqual({ view: 'overview' })
    expect(routeOf('#/topics/%E0%A4')).toEqual({ view: 'topic', name: '%E0%A4' })
  })
})

describe('The sessions of a user', () => {
  const session: Session = {
    node: 'rtms-0',
    user: 'u',
    connected: true,
    meetings: [{ name: 'm', slot: 0 }],
    topics: ['a'],
    subscriptions: 1,
    cursors: [
      { of: 'meeting', name: 'm', position: 5, first: 1, next: 9 },
      { of: 'topic', name: 'a', position: 9, first: 9, next: 9 },
    ],
    requests: 0,
    waiting: { messages: 0, bytes: 0 },
    unacknowledgedBytes: 10,
    window: 100,
  }

  it('tell how far behind they are, and whether they are written to', () => {
    expect(mostBehind(session)).toBe(4)
    expect(isStalled(session)).toBe(false)
    expect(isStalled({ ...session, unacknowledgedBytes: 100 })).toBe(true)
    expect(isStalled({ ...session, unacknowledgedBytes: 100, window: 0 })).toBe(false)
  })

  it('tell what has changed from one look to the next', () => {
    expect(changes([session], [session])).toEqual([])
    const later: Session = {
      ...session,
      meetings: [],
      topics: ['a', 'b'],
      requests: 2,
      unacknowledgedBytes: 100,
    }
    expect(changes([session], [later, { ...session, connected: false, meetings: [], topics: [] }])).toEqual([
      { type: 'came', count: 2 },
      { type: 'left', name: 'm' },
      { type: 'subscribed', name: 'b' },
      { type: 'requests', count: 2 },
      { type: 'stalled' },
    ])
    expect(changes([later], [session])).toContainEqual({ type: 'unsubscribed', name: 'b' })
    const gone = { ...session, connected: false, topics: [] }
    expect(changes([session], [gone])).toEqual([{ type: 'connected', count: 0 }])
  })
})
