import { describe, expect, it } from 'vitest'
import type { Refusal } from '../../../src/core/index.ts'
import { framesOf, grant, Harness, type Peer, text, textOf, wish } from './harness.ts'

function refresh(peer: Peer, token: string): number {
  const call = peer.call()
  peer.send({ type: 'refresh', call, token })
  return call
}

describe('A refresh', () => {
  it('puts a new expiry in the place of the old, without a break', () => {
    const h = new Harness()
    h.application.grants.set('short', grant('ann', { expires: h.now + 3_000 }))
    h.application.grants.set('long', grant('ann', { expires: h.now + 60_000 }))
    const peer = h.connect('short')
    const call = refresh(peer, 'long')
    h.settle()
    h.authenticate()
    h.settle()
    expect(peer.take()).toEqual([{ type: 'done', call, value: (h.now + 60_000) / 1000 }])
    h.advance(5_000)
    expect(peer.closed).toBe(null)
  })

  it('with a bad token, or another user’s, is refused in the same words, and the old token stays in force', () => {
    const h = new Harness()
    h.application.grants.set('bad', null)
    h.application.grants.set('old', grant('ann', { expires: h.now }))
    h.application.grants.set('bob, old', grant('bob', { expires: h.now }))
    const peer = h.connect('ann')
    for (const [token, error] of [
      ['bad', 'UNAUTHENTICATED'],
      ['bob', 'UNAUTHENTICATED'],
      ['bob, old', 'UNAUTHENTICATED'],
      ['old', 'EXPIRED'],
    ] as const) {
      const call = refresh(peer, token)
      h.settle()
      h.authenticate()
      h.settle()
      const message = error === 'EXPIRED' ? 'the token has expired' : 'the token was refused'
      expect(peer.take()).toMatchObject([{ type: 'failed', call, error, message }])
    }
    expect(peer.closed).toBe(null)
  })

  it('ends what the new token does not allow, and nothing else', () => {
    const h = new Harness()
    h.node.openMeeting('kept', {}, h.now)
    h.node.openMeeting('lost', {}, h.now)
    h.application.grants.set(
      'less',
      grant('ann', { meetings: [{ name: 'kept', role: 'member' }], read: ['a'] }),
    )
    const [peer, other] = [h.connect('ann'), h.connect('bob')]
    h.seat(peer, 'kept')
    const { log } = h.seat(peer, 'lost')
    h.seat(other, 'lost')
    h.listen(peer, 'a')
    const topic = h.listen(peer, 'b')
    refresh(peer, 'less')
    h.settle()
    h.authenticate()
    h.settle()
    const ended = peer.takeOf('ended')
    expect(ended).toMatchObject([
      { log, error: 'FORBIDDEN' },
      { log: topic.log, error: 'FORBIDDEN' },
    ])
    h.node.publish('a', text('1'), '', false, h.now)
    h.node.publish('b', text('2'), '', false, h.now)
    h.advance(100)
    expect(peer.takeTexts()).toEqual(['1'])
    const events = framesOf(other.take()).flatMap((frame) => frame.events)
    expect(events).toContainEqual({ type: 'leave', slot: 0, reason: 'forbidden' })
  })

  it('has who was kicked before hear no more of a meeting that the new token does not allow, and of others all', () => {
    const h = new Harness()
    for (const name of ['kept', 'lost']) h.node.openMeeting(name, { frameRate: 2 }, h.now)
    h.application.grants.set('less', grant('ann', { meetings: [{ name: 'kept', role: 'member' }] }))
    const peer = h.connect('ann')
    const [kept, lost] = [h.seat(peer, 'kept'), h.seat(peer, 'lost')]
    h.advance(1_000)
    peer.take()
    for (const [name, { slot }] of [
      ['kept', kept],
      ['lost', lost],
    ] as const) {
      h.node.say(name, text('last words'))
      expect(h.node.kick(name, slot, 'out')).toBe(true)
    }
    refresh(peer, 'less')
    h.settle()
    h.authenticate()
    h.settle()
    expect(peer.takeOf('ended')).toMatchObject([{ log: lost.log, error: 'CLOSED', message: 'out' }])
    h.advance(1_000)
    const heard = peer.take()
    expect(heard.filter(({ type }) => type === 'ended')).toMatchObject([{ log: kept.log, message: 'out' }])
    expect(heard.flatMap((each) => (each.type === 'frames' ? [each.log] : []))).toEqual([kept.log])
    // What has been told needs no end any more.
    refresh(peer, 'less')
    h.settle()
    h.authenticate()
    h.settle()
    expect(peer.takeOf('ended')).toEqual([])
  })

  it('is one at a time, and ends as UNKNOWN where the connection is lost meanwhile', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    h.slowTokens = true
    const first = refresh(peer, 'ann')
    const second = refresh(peer, 'ann')
    h.settle()
    expect(peer.takeOf('failed')).toMatchObject([{ call: second, error: 'BUSY' }])
    peer.hangUp()
    h.authenticate(true)
    h.slowTokens = false
    const again = h.open()
    again.hello('ann', { session: peer.session, received: 1 })
    h.settle()
    expect(again.takeOf('failed')).toMatchObject([{ call: first, error: 'UNKNOWN' }])
  })

  it('holds for what is resumed: a seat that the new token does not allow is given up', () => {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    h.application.grants.set('less', grant('ann', { meetings: [] }))
    const peer = h.connect('ann')
    h.seat(peer, 'm')
    peer.hangUp()
    h.connect('less', { session: peer.session })
    expect(h.node.meeting('m')?.members).toEqual([])
  })
})

describe('A refresh after the wall clock was set back', () => {
  it('counts, though the token before it seems to be newer', () => {
    const h = new Harness()
    h.application.grants.set('first', grant('ann', { issued: h.now, expires: h.now + 60_000 }))
    const peer = h.connect('first')
    h.node.handleWallClock(-7_000)
    h.application.grants.set('second', grant('ann', { issued: h.now - 7_000, expires: h.now + 90_000 }))
    refresh(peer, 'second')
    h.settle()
    h.authenticate()
    h.settle()
    expect(peer.takeOf('done')).toMatchObject([{ value: (h.now + 90_000) / 1000 }])
  })
})

describe('A refresh that comes to its turn late', () => {
  it('does not put an older token in the place of the one that the client came back with', () => {
    const h = new Harness({ heartbeatMs: 60_000 })
    h.node.askFirst(true)
    const { grants } = h.application
    const expires = (seconds: number): number => h.now + seconds * 1_000
    grants.set('first', grant('ann', { issued: 1_000, expires: expires(10) }))
    grants.set('second', grant('ann', { issued: 2_000, expires: expires(17) }))
    const end = expires(20)
    grants.set('third', grant('ann', { issued: 3_000, expires: end }))
    const ann = h.connect('first')
    // What waits for the business holds up what comes behind it.
    ann.publish('t', text('x'))
    const call = refresh(ann, 'second')
    h.settle()
    ann.hangUp()
    const again = h.open()
    again.hello('third', { session: ann.session })
    h.settle()
    for (const question of h.application.questions) h.node.handleAuthorized(question, true, h.now)
    h.settle()
    h.authenticate()
    h.settle()
    expect(again.takeOf('done')).toContainEqual({ type: 'done', call, value: Math.floor(end / 1_000) })
    h.advance(19_000)
    expect(again.closed).toBe(null)
    h.advance(1_001)
    expect(again.closed).toBe(4451)
  })
})

describe('A flood', () => {
  it('of what has to be refused is answered, and then closed with 4453', () => {
    const h = new Harness({ refusalBurst: 20, refusalsPerSecond: 10 })
    const peer = h.connect('ann')
    for (let seq = 1; seq <= 20; seq++) peer.input(99, seq)
    h.settle()
    expect(peer.takeOf('nack')).toHaveLength(20)
    expect(peer.closed).toBe(null)
    h.advance(1_000)
    for (let seq = 1; seq <= 10; seq++) peer.input(99, seq)
    h.settle()
    expect(peer.closed).toBe(null)
    peer.input(99, 11)
    peer.input(99, 12)
    h.settle()
    expect(peer.closed).toBe(4453)
  })
})

describe('A flood of calls', () => {
  it('is closed with 4453 whatever is refused: subscriptions, requests, joins', () => {
    const floods: ((peer: Peer) => void)[] = [
      (peer) =>
        peer.send({
          type: 'subscribe',
          call: peer.call(),
          topics: Array.from({ length: 50 }, () => wish('a b')),
        }),
      (peer) => peer.send({ type: 'request', call: peer.call(), method: 'm', timeout: 0, data: text('') }),
      (peer) => peer.join('nowhere'),
    ]
    for (const flood of floods) {
      const h = new Harness({ refusalBurst: 100, requestsPerSession: 2, subscribesPerUserPerSecond: 10_000 })
      const peer = h.connect('ann')
      let sent = 0
      for (; sent < 200 && peer.closed === null; sent++) {
        flood(peer)
        h.settle()
        peer.take()
        peer.ack(peer.connection.sent, 0)
      }
      expect([peer.closed, sent <= 103]).toEqual([4453, true])
    }
  })
})

const refused = (): Refusal => ({ code: 'FORBIDDEN', message: 'not your turn', retryAfterMs: 0 })

describe('What a client that behaves well can meet', () => {
  /** Tight enough for a refusal each to be noticed. */
  const tight = { refusalBurst: 4, refusalsPerSecond: 1 }

  it('is no flood: cancels of calls that have ended, acks that repeat, pongs nobody asked for', () => {
    const h = new Harness(tight)
    const peer = h.connect('ann')
    for (let n = 0; n < 50; n++) {
      peer.send(
        { type: 'cancel', call: n },
        { type: 'ack', bytes: 1, received: 0, seen: [] },
        { type: 'pong', echo: n, time: 0, lateness: 0 },
      )
      peer.send({ type: 'unsubscribe', call: peer.call(), logs: [{ log: 77 }] })
      h.settle()
    }
    expect(peer.closed).toBe(null)
  })

  it('is no flood: more in one turn than its queue holds, since its socket waits meanwhile', () => {
    const h = new Harness({ ...tight, upstreamMessages: 16 })
    const peer = h.connect('ann')
    const call = (): number => peer.call()
    const data = text('x')
    peer.send(
      ...Array.from(
        { length: 200 },
        () => ({ type: 'publish', call: call(), topic: 't', key: '', tombstone: false, data }) as const,
      ),
    )
    h.settle()
    expect(peer.takeOf('failed').filter(({ error }) => error === 'BUSY')).toHaveLength(184)
    expect(peer.closed).toBe(null)
  })

  it('is no flood: inputs sent again after a reconnect, which were accepted before it', () => {
    const h = new Harness(tight)
    h.node.openMeeting('m', {}, h.now)
    const peer = h.connect('ann')
    const { log } = h.seat(peer, 'm')
    for (let seq = 1; seq <= 30; seq++) peer.input(log, seq)
    h.settle()
    peer.hangUp()
    const again = h.connect('ann', { session: peer.session })
    again.continue(10)
    again.join('m', { world: 1, next: 1 })
    for (let seq = 1; seq <= 30; seq++) again.input(log, seq)
    h.settle()
    expect(again.takeOf('nack').map(({ error }) => error)).toEqual(Array.from({ length: 30 }, () => 'STALE'))
    expect(again.closed).toBe(null)
  })

  it('is no flood: what had not come to its turn when the connection was lost', () => {
    const h = new Harness({ ...tight, sweepMessages: 1 })
    const peer = h.connect('ann')
    for (let n = 0; n < 30; n++) peer.subscribe(`t${n}`)
    peer.hangUp()
    for (let n = 0; n < 60; n++) h.sweep()
    const again = h.connect('ann', { session: peer.session })
    again.continue(50)
    again.send({ type: 'leave', call: again.call(), log: 77 })
    h.settle()
    expect(h.node.stats.callsFailed.get('subscribe')?.get('UNKNOWN')).toBe(30)
    expect(again.closed).toBe(null)
  })

  it('is one refusal: all topics of one message, which a token no longer grants', () => {
    const h = new Harness(tight)
    h.application.grants.set('ann', grant('ann', { read: [] }))
    const peer = h.connect('ann')
    const topics = Array.from({ length: 100 }, (_, n) => wish(`t${n}`))
    peer.send({ type: 'subscribe', call: peer.call(), topics })
    h.settle()
    expect(peer.takeOf('failed')).toHaveLength(100)
    expect(peer.closed).toBe(null)
  })

  it('is no flood: inputs within their rate that the business refuses', () => {
    const h = new Harness(tight)
    h.node.openMeeting('m', { inputBurst: 60 }, h.now, { kind: 'k', metadata: {}, logic: { input: refused } })
    const peer = h.connect('ann')
    const { log } = h.seat(peer, 'm')
    for (let seq = 1; seq <= 60; seq++) peer.input(log, seq)
    h.settle()
    expect(peer.takeOf('nack')).toHaveLength(60)
    expect(peer.closed).toBe(null)
    // Those over their rate are one.
    for (let seq = 61; seq <= 70; seq++) peer.input(log, seq)
    h.settle()
    expect(peer.closed).toBe(4453)
  })
})

describe('A client that nobody has verified', () => {
  it('is not read from until its token is: it cannot make the node hold much', () => {
    const h = new Harness()
    h.slowTokens = true
    const peer = h.open()
    peer.hello('ann')
    expect(peer.transport.paused).toBe(true)
    h.authenticate(true)
    expect(peer.transport.paused).toBe(false)
  })
})

describe('A client that closes for good', () => {
  it('is heard to the end: what it sent last is framed before its leave', () => {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    const [a, b] = [h.connect('ann'), h.connect('bob')]
    const { log } = h.seat(a, 'm')
    h.seat(b, 'm')
    h.advance(200)
    b.take()
    a.input(log, 1, text('last'))
    a.hangUp(true)
    h.advance(200)
    const frames = framesOf(b.take())
    const said = frames.findIndex(({ inputs }) => inputs.some(({ data }) => textOf(data) === 'last'))
    const left = frames.findIndex(({ events }) => events.some(({ type }) => type === 'leave'))
    expect(said).toBeGreaterThanOrEqual(0)
    expect(left).toBeGreaterThan(said)
  })
})

describe('A refresh whose token nobody verifies', () => {
  it('is not answered later for the one that follows', () => {
    const h = new Harness({ helloMs: 5_000 })
    const peer = h.connect('ann')
    h.slowTokens = true
    h.application.grants.set('narrow', grant('ann', { read: [], write: [] }))
    h.application.grants.set('wide', grant('ann', { read: ['*'], write: ['*'] }))
    refresh(peer, 'wide')
    h.advance(5_000)
    expect(peer.takeOf('failed')).toMatchObject([{ error: 'TIMEOUT' }])
    const again = refresh(peer, 'narrow')
    h.settle()
    expect(h.application.asked.map(({ token }) => token)).toEqual(['wide', 'narrow'])
    const late = h.application.asked.splice(1)
    h.authenticate(true)
    h.settle()
    expect(peer.takeOf('done')).toEqual([])
    h.application.asked.push(...late)
    h.authenticate(true)
    h.settle()
    expect(peer.takeOf('done')).toMatchObject([{ call: again }])
    expect(peer.connection.session?.grant).toMatchObject({ read: [], write: [] })
  })

  it('fails with TIMEOUT, and another one may follow', () => {
    const h = new Harness({ helloMs: 5_000 })
    const peer = h.connect('ann')
    h.slowTokens = true
    const call = refresh(peer, 'ann')
    h.advance(4_999)
    expect(peer.takeOf('failed')).toEqual([])
    h.advance(1)
    expect(peer.takeOf('failed')).toMatchObject([{ call, error: 'TIMEOUT' }])
    // The answer that comes now is nobody's.
    h.authenticate(true)
    h.slowTokens = false
    const again = refresh(peer, 'ann')
    h.settle()
    h.authenticate()
    h.settle()
    expect([peer.closed, peer.takeOf('done')]).toMatchObject([null, [{ call: again }]])
  })
})
