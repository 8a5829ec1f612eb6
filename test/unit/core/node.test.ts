import { describe, expect, it } from 'vitest'
import { bytes, Harness, text, textOf } from './harness.ts'

/** The names of two topics behind `after`. */
function topicsOf(h: Harness, after: string): string[] {
  const search = h.node.topicPage({ count: 2, after })
  for (;;) {
    const step = search.next()
    if (step.done === true) return step.value.map(({ name }) => name)
  }
}

describe('What a node tells of itself', () => {
  it('is its topics, page by page in order of name, and one by name', () => {
    const h = new Harness()
    const ann = h.connect('ann')
    for (const name of ['c', 'a', 'b']) h.listen(ann, name)
    h.listen(h.connect('bob'), 'b')
    h.publish('b', 'x'.repeat(10), 'key')
    h.publish('b', 'y')
    h.settle()
    expect(topicsOf(h, '')).toEqual(['a', 'b'])
    expect(topicsOf(h, 'b')).toEqual(['c'])
    expect(h.node.topic('b')).toMatchObject({ name: 'b', subscribers: 2, keys: 1, publications: 2, kept: 2 })
    expect([h.node.topic('none'), h.node.subscribers('b'), h.node.subscribers('none')]).toEqual([
      undefined,
      2,
      0,
    ])
    expect(h.node.topicHistory('b', 1).map(({ data }) => textOf(data))).toEqual(['y'])
    expect([h.node.topicHistory('none', 9), h.node.topicLatest('none')]).toEqual([[], []])
  })

  it('is the frames that a meeting keeps', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const peer = h.connect('ann')
    const { log } = h.seat(peer, 'm')
    for (let seq = 1; seq <= 3; seq++) {
      peer.input(log, seq)
      h.settle()
    }
    const numbers = (name: string, from: number, to: number): number[] =>
      [...h.node.meetingHistory(name, from, to)].map(({ number }) => number)
    expect([numbers('m', 2, 4), numbers('m', 0, 99), numbers('none', 0, 9)]).toEqual([
      [2, 3],
      [1, 2, 3, 4],
      [],
    ])
  })

  it('is its sessions, the oldest first, of all or of one user, and no more than asked for', () => {
    const h = new Harness()
    const peers = ['ann', 'bob', 'ann', 'cid'].map((user) => h.connect(user))
    peers[2]?.request('r')
    h.settle()
    peers[3]?.hangUp()
    const users = (limit: number, user?: string): string[] =>
      h.node.sessionList(limit, user).map((each) => each.user)
    expect([users(9), users(2), users(0), users(9, 'ann'), users(1, 'ann'), users(9, 'none')]).toEqual([
      ['ann', 'bob', 'ann', 'cid'],
      ['ann', 'bob'],
      [],
      ['ann', 'ann'],
      ['ann'],
      [],
    ])
    expect(h.node.sessionList(9).map(({ requests, connected }) => [requests, connected])).toEqual([
      [0, true],
      [0, true],
      [1, true],
      [0, false],
    ])
    expect([h.node.requestsOpen, h.node.presence('ann')]).toEqual([1, { sessions: 2, connected: 2 }])
    expect([h.node.push('ann', 'p', text('x')), h.node.push('none', 'p', text('x'))]).toEqual([2, 0])
    expect(h.node.stats.pushes).toBe(2)
  })

  it('is what waits upward, and how many timers it has of each kind', () => {
    const h = new Harness()
    expect([h.node.timers, h.node.deadline(h.now)]).toEqual([0, Infinity])
    const peers = [h.connect('ann'), h.connect('bob')]
    for (const peer of peers) peer.request('r', text('x'.repeat(100)))
    const { upstreamBytes } = h.node.waiting
    expect(upstreamBytes).toBeGreaterThan(200)
    expect(h.node.deadline(h.now)).toBe(h.now)
    const { sweeps } = h.node.stats
    h.sweep()
    expect([h.node.stats.sweeps - sweeps, h.node.waiting.upstreamBytes]).toEqual([1, 0])
    h.settle()
    expect(h.node.timers).toBe(4)
    expect(Object.fromEntries(h.node.timersByName)).toEqual({ heartbeat: 2, request: 2 })
    expect(h.node.deadline(h.now)).toBe(h.now + Math.min(h.limits.heartbeatMs, h.limits.requestMs))
  })
})

describe('A full node', () => {
  it.each(['user', 'topic', 'meeting'] as const)('has a %s pay that holds the most', (kind) => {
    const h = new Harness({
      logBytes: 100_000,
      meetingLogBytes: 1_000_000,
      sessionLogBytes: 1_000_000,
      sessionLogEntries: 10_000,
    })
    h.node.defineTopics('*', { entries: 10_000, bytes: 10_000_000, ageMs: 1e9 })
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    h.connect('ann').hangUp()
    const bot = h.node.addBot('m', 'bot')
    if (typeof bot === 'string') throw new Error(bot)
    for (let n = 0; n < 200; n++) {
      if (kind === 'topic') h.node.publish('t', bytes(800), '', false, h.now)
      else if (kind === 'user') h.node.push('ann', 'p', bytes(800))
      else bot.send(bytes(250))
      h.settle()
    }
    expect(h.node.logs.cuts).toBeGreaterThan(0)
    expect(h.node.logs.bytes).toBeLessThan(100_000)
    expect(h.node.logs.of[kind]).toBeGreaterThan(50_000)
  })
})

it('A session whose log is behind goes on with what it has sent once its client takes its answers', () => {
  const h = new Harness({ sessionLogEntries: 8 })
  const peer = h.connect('ann')
  peer.transport.accepts = false
  h.node.push('ann', 'p', text('x'))
  h.settle()
  for (let n = 0; n < 3; n++) h.node.push('ann', 'p', text('x'))
  peer.request('r')
  h.settle()
  expect(h.application.requests).toEqual([])
  peer.drain()
  h.settle()
  expect(h.application.requests).toHaveLength(1)
})
