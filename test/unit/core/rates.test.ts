import { describe, expect, it } from 'vitest'
import { defaultLimits, fixedLimits } from '../../../src/core/index.ts'
import { Account, ratesOf } from '../../../src/core/session/account.ts'
import type { ClientMessage, ErrorCode } from '../../../src/protocol/index.ts'
import { Harness, type Peer, text, wish } from './harness.ts'

/** Ten a second of everything, and a burst of twenty. */
const TEN = {
  publishesPerUserPerSecond: 10,
  subscribesPerUserPerSecond: 10,
  joinsPerUserPerSecond: 10,
  requestsPerUserPerSecond: 10,
  refreshesPerUserPerSecond: 10,
  userBurstSeconds: 2,
}

/** What became of the calls since the last look: 'ok', or the error. */
function outcomes(h: Harness, peer: Peer): (ErrorCode | 'ok')[] {
  h.settle()
  return peer
    .take()
    .filter(({ type }) => ['done', 'failed', 'joined', 'subscribed'].includes(type))
    .map((message) => (message.type === 'failed' ? message.error : 'ok'))
}

const count = (all: readonly string[], what: string): number => all.filter((each) => each === what).length

describe('The rates of a user', () => {
  const kinds: { readonly [kind: string]: (peer: Peer, h: Harness, user: string) => void } = {
    publish: (peer) => peer.publish('t', text('x')),
    subscribe: (peer) => peer.subscribe('t'),
    join: (peer) => peer.join('m'),
    refresh: (peer, h, token) => {
      peer.send({ type: 'refresh', call: peer.call(), token })
      h.settle()
      h.authenticate()
    },
  }

  it.each(Object.entries(kinds))('hold for %s: the excess is refused with RATE and the wait', (_, send) => {
    const h = new Harness(TEN)
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const peer = h.connect('ann')
    for (let n = 0; n < 25; n++) send(peer, h, 'ann')
    h.settle()
    const refused = peer.heard.filter((message) => message.type === 'failed')
    const all = outcomes(h, peer)
    expect([count(all, 'ok'), count(all, 'RATE')]).toEqual([20, 5])
    expect(refused).toHaveLength(5)
    expect(refused[0]).toMatchObject({ retryAfter: 100 })
    // The others go on as ever, and so does the user after the wait.
    const bob = h.connect('bob')
    send(bob, h, 'bob')
    expect(outcomes(h, bob)).toEqual(['ok'])
    h.advance(99)
    send(peer, h, 'ann')
    h.advance(1)
    send(peer, h, 'ann')
    expect(outcomes(h, peer)).toEqual(['RATE', 'ok'])
  })

  it('hold for requests, answered or not', () => {
    const h = new Harness(TEN)
    const peer = h.connect('ann')
    for (let n = 0; n < 25; n++) {
      const call = peer.request('m')
      peer.send({ type: 'cancel', call })
    }
    h.settle()
    expect(h.application.requests).toHaveLength(20)
    expect(peer.takeOf('failed').map(({ error }) => error)).toEqual([
      ...Array.from({ length: 20 }, () => 'CANCELLED'),
      ...Array.from({ length: 5 }, () => 'RATE'),
    ])
  })

  it('count each topic, and one SUBSCRIBE may exceed them: the user waits the longer', () => {
    const h = new Harness(TEN)
    const peer = h.connect('ann')
    const topics = Array.from({ length: 50 }, (_, n) => wish(`t${n}`))
    peer.send({ type: 'subscribe', call: peer.call(), topics })
    expect(count(outcomes(h, peer), 'ok')).toBe(50)
    peer.subscribe('t')
    h.settle()
    // 30 more than the burst, and one: 3.1 s.
    expect(peer.takeOf('failed')).toMatchObject([{ error: 'RATE', retryAfter: 3_100 }])
    // Every topic of a SUBSCRIBE is answered.
    peer.send({ type: 'subscribe', call: peer.call(), topics: topics.slice(0, 3) })
    h.settle()
    expect(peer.takeOf('failed').map(({ index }) => index)).toEqual([0, 1, 2])
    h.advance(3_100)
    peer.subscribe('t')
    expect(outcomes(h, peer)).toEqual(['ok'])
  })

  it('let a wall of 500 topics load at once, and reload as often as a hand can', () => {
    const h = new Harness()
    const topics = Array.from({ length: 500 }, (_, n) => wish(`t${n}`))
    for (let reload = 0; reload < 33; reload++) {
      const peer = h.connect('ann')
      peer.send({ type: 'subscribe', call: peer.call(), topics })
      expect(count(outcomes(h, peer), 'ok')).toBe(500)
      peer.hangUp()
      h.advance(1_800)
    }
  })

  it('are those of all sessions together, and coming back gives no fresh ones', () => {
    const h = new Harness(TEN)
    const peers = [h.connect('ann'), h.connect('ann')]
    for (const peer of peers) for (let n = 0; n < 15; n++) peer.publish('t', text('x'))
    const all = peers.flatMap((peer) => outcomes(h, peer))
    expect([count(all, 'ok'), count(all, 'RATE')]).toEqual([20, 10])
    for (const peer of peers) peer.hangUp(true)
    expect(h.node.sessions).toBe(0)
    h.advance(100)
    const again = h.connect('ann')
    for (let n = 0; n < 5; n++) again.publish('t', text('x'))
    expect(outcomes(h, again)).toEqual(['ok', 'RATE', 'RATE', 'RATE', 'RATE'])
  })

  it('hold for what a client leaves in its queue when it closes for good', () => {
    const h = new Harness(TEN)
    for (let n = 0; n < 5; n++) {
      const peer = h.connect('ann')
      for (let m = 0; m < 10; m++) peer.publish('t', text('x'))
      peer.hangUp(true)
      h.settle()
    }
    expect(h.node.stats.publications).toBe(20)
  })

  it('are asked before the business is', () => {
    const h = new Harness(TEN)
    h.node.askFirst(true)
    const peer = h.connect('ann')
    for (let n = 0; n < 25; n++) {
      peer.subscribe('t')
      h.settle()
      for (const question of h.application.questions.splice(0)) h.node.handleAuthorized(question, true, h.now)
    }
    const all = outcomes(h, peer)
    expect([count(all, 'ok'), count(all, 'RATE')]).toEqual([20, 5])
  })

  it('are no flood for whoever is a little too fast, and one for whoever never waits', () => {
    const h = new Harness({ ...TEN, refusalBurst: 10, refusalsPerSecond: 1, excessFactor: 10 })
    const peer = h.connect('ann')
    for (let n = 0; n < 120; n++) peer.publish('t', text('x'))
    h.settle()
    expect(peer.closed).toBe(null)
    peer.publish('t', text('x'))
    h.settle()
    expect(peer.closed).toBe(4453)
    // Another session of the same user has no fresh allowance of them either.
    const again = h.connect('ann')
    again.publish('t', text('x'))
    h.settle()
    expect(again.closed).toBe(4453)
  })

  it.each([true, false])(
    'are remembered of no more idle users than the limit, who leave for good: %s',
    (final) => {
      const h = new Harness({ ...TEN, userBurstSeconds: 1, idleUsers: 3, sessionKeepMs: 10 })
      const spend = (user: string): string[] => {
        const peer = h.connect(user)
        for (let n = 0; n < 11; n++) peer.publish('t', text('x'))
        const told = outcomes(h, peer)
        peer.hangUp(final)
        h.stall(11)
        h.settle()
        return told
      }
      const fresh = [...Array.from({ length: 10 }, () => 'ok'), 'RATE']
      for (const user of ['a', 'b', 'c', 'd', 'e']) expect(spend(user)).toEqual(fresh)
      // Who came last is remembered, and who came first has been forgotten.
      expect(spend('e')).not.toEqual(fresh)
      expect(spend('a')).toEqual(fresh)
    },
  )

  it('are forgotten only when there is nothing to remember', () => {
    const account = new Account(ratesOf({ ...defaultLimits, ...fixedLimits, ...TEN }), 'ann')
    const message: ClientMessage = {
      type: 'publish',
      call: 1,
      topic: 't',
      key: '',
      tombstone: false,
      data: text(''),
    }
    expect(account.isSpotless(0)).toBe(true)
    account.take(message, 0)
    expect([99, 100].map((now) => account.isSpotless(now))).toEqual([false, true])
    account.topics = 1
    expect(account.isSpotless(100)).toBe(false)
  })
})

describe('The shares of a user', () => {
  it('bound the topics that are there for one user, whatever becomes of its sessions', () => {
    const h = new Harness({ topicsPerUser: 3, sessionKeepMs: 1_000, topicIdleMs: 5_000 })
    const ann = h.connect('ann')
    ann.publish('a1', text('x'))
    ann.subscribe('a2')
    ann.subscribe('a3')
    ann.publish('a4', text('x'))
    ann.subscribe('a5')
    expect(outcomes(h, ann)).toEqual(['ok', 'ok', 'ok', 'LIMIT', 'LIMIT'])
    // The topics of others are none of hers.
    h.publish('b', 'x')
    ann.publish('b', text('x'))
    ann.publish('a1', text('x'))
    const bob = h.connect('bob')
    bob.publish('b2', text('x'))
    expect([outcomes(h, ann), outcomes(h, bob)].flat()).toEqual(['ok', 'ok', 'ok'])
    ann.hangUp(true)
    const again = h.connect('ann')
    again.publish('a4', text('x'))
    expect(outcomes(h, again)).toEqual(['LIMIT'])
    h.advance(10_000)
    expect(h.node.topics).toBe(0)
    for (const name of ['a6', 'a7', 'a8', 'a9']) again.publish(name, text('x'))
    expect(outcomes(h, again)).toEqual(['ok', 'ok', 'ok', 'LIMIT'])
  })

  it('bound the requests of one user, which are BUSY beyond', () => {
    const h = new Harness({ requestsPerUser: 3, requestsPerSession: 2 })
    const [one, two] = [h.connect('ann'), h.connect('ann')]
    for (const peer of [one, two]) for (let n = 0; n < 2; n++) peer.request('m')
    h.settle()
    expect(two.takeOf('failed')).toMatchObject([{ error: 'BUSY' }])
    expect(one.takeOf('failed')).toEqual([])
    h.connect('bob').request('m')
    h.settle()
    expect(h.application.requests).toHaveLength(4)
    for (const peer of [one, two]) peer.hangUp(true)
    const again = h.connect('ann')
    again.request('m')
    h.settle()
    expect(again.takeOf('failed')).toEqual([])
  })
})
