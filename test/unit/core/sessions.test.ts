import { describe, expect, it } from 'vitest'
import { weights } from '../../../src/core/ground/weights.ts'
import { jsonCodec, type MessageType, type ServerMessage } from '../../../src/protocol/index.ts'
import { framesOf, grant, Harness, type Peer, publicationsOf, text, textOf, wish } from './harness.ts'

/** Connects anew under a session and returns everything that comes. */
function resume(
  h: Harness,
  user: string,
  session: string,
  received: number,
): { peer: Peer; messages: ServerMessage[] } {
  const peer = h.open()
  peer.hello(user, { session, received })
  h.settle()
  return { peer, messages: peer.take() }
}

const texts = (messages: readonly ServerMessage[]): string[] =>
  messages.flatMap((message) => (message.type === 'push' ? [textOf(message.data)] : []))
const types = (messages: readonly ServerMessage[]): MessageType[] => messages.map(({ type }) => type)

describe('A connection', () => {
  it('is closed with 4401 where no hello comes in time', () => {
    const h = new Harness()
    const peer = h.open()
    h.advance(4_999)
    expect(peer.closed).toBe(null)
    h.advance(1)
    expect(peer.take()).toMatchObject([{ type: 'goodbye', code: 4401 }])
    expect(peer.closed).toBe(4401)
    expect(h.node.connections).toBe(0)
  })

  it('has its time for a hello again where the node was late itself', () => {
    const h = new Harness()
    const [quick, mute] = [h.open(), h.open()]
    h.stall(60_000)
    h.settle()
    expect([quick.closed, mute.closed]).toEqual([null, null])
    quick.hello('ann')
    h.settle()
    expect(quick.take()).toMatchObject([{ type: 'welcome' }])
    h.advance(4_999)
    expect(mute.closed).toBe(null)
    h.advance(1)
    expect(mute.closed).toBe(4401)
  })

  it('is closed with 4455, to come again, where its token is not verified in time', () => {
    const h = new Harness()
    h.slowTokens = true
    const peer = h.open()
    peer.hello('ann')
    h.advance(5_000)
    expect(peer.closed).toBe(4455)
    h.authenticate(true)
    h.advance(1_000)
    expect(h.node.sessions).toBe(0)
    expect(peer.take()).toMatchObject([{ type: 'goodbye', retryAfter: expect.any(Number) as number }])
  })

  it('is closed with 4401 where the first message is another', () => {
    const h = new Harness()
    for (const type of ['ping', 'leave'] as const) {
      const peer = h.open()
      peer.send(type === 'ping' ? { type, time: 1 } : { type, call: 1, log: 1 })
      expect(peer.closed).toBe(4401)
    }
    expect(h.application.asked).toEqual([])
  })

  it('is closed with 4401 where its token is refused, and with 4451 where a fresh one would do', () => {
    const h = new Harness({}, { wallOffset: 1_000_000 })
    h.application.grants.set('bad', null)
    h.application.grants.set('old', grant('ann', { expires: h.now + 1_000_000 }))
    for (const [token, code] of [
      ['bad', 4401],
      ['old', 4451],
    ] as const) {
      const peer = h.open()
      peer.hello(token)
      expect(peer.take()).toMatchObject([{ type: 'goodbye', code }])
    }
    expect(h.node.sessions).toBe(0)
  })

  it('is closed with 4400 for another version, a second hello, a malformed packet, a message of the server', () => {
    const h = new Harness()
    const old = h.open()
    old.hello('ann', { version: 2 })
    expect(old.take()).toMatchObject([
      { code: 4400, reason: expect.stringContaining('version 1') as string, least: 1, most: 1 },
    ])
    const twice = h.connect('ann')
    twice.hello('ann')
    const early = h.open()
    h.slowTokens = true
    early.hello('ann')
    early.hello('ann')
    h.slowTokens = false
    const broken = h.connect('ann')
    broken.raw(Uint8Array.of(0xff, 1))
    const wrong = h.connect('ann')
    wrong.send({ type: 'done', call: 1, value: 0 } as never)
    expect([twice, early, broken, wrong].map(({ closed }) => closed)).toEqual([4400, 4400, 4400, 4400])
    expect(h.node.connections).toBe(0)
  })

  it('of a malformed packet handles nothing', () => {
    const h = new Harness()
    const peer = h.connect('ann', {}, jsonCodec)
    peer.raw('[{"type":"request","call":1,"method":"m","timeout":0,"data":{"text":""}},{"type":"ping"}]')
    h.settle()
    expect(h.application.requests).toEqual([])
    expect(peer.closed).toBe(4400)
  })

  it('gets its welcome first, and then what it asked for behind its hello', () => {
    const h = new Harness()
    h.slowTokens = true
    h.node.openMeeting('m', {}, h.now)
    const peer = h.open()
    peer.hello('ann')
    peer.send({ type: 'ping', time: 3 })
    peer.join('m')
    peer.request('r')
    h.advance(100)
    expect(peer.take()).toEqual([])
    h.authenticate(true)
    h.settle()
    const messages = peer.take()
    expect(types(messages).slice(0, 3)).toEqual(['welcome', 'pong', 'joined'])
    expect(h.application.requests).toMatchObject([{ call: 2, method: 'r' }])
  })

  it('may have so many messages wait behind its hello, and no more', () => {
    const h = new Harness({ helloMessages: 3 })
    h.slowTokens = true
    const peer = h.open()
    peer.hello('ann')
    for (let n = 0; n < 3; n++) peer.request('r')
    expect(peer.closed).toBe(null)
    peer.request('r')
    expect(peer.closed).toBe(4453)
  })

  it('is refused with FULL where the node has no room', () => {
    const h = new Harness({ connections: 2 })
    const [a, b] = [h.connect('a'), h.connect('b')]
    expect(h.open().closed).toBe(4455)
    a.hangUp()
    expect(h.connect('c').closed).toBe(null)
    expect(b.closed).toBe(null)
  })

  it('is closed with 4400 for an ack of more than was sent', () => {
    const h = new Harness()
    const bytes = h.connect('ann')
    bytes.ack(bytes.received)
    expect(bytes.closed).toBe(null)
    bytes.ack(bytes.received + 1)
    expect(bytes.closed).toBe(4400)
    const entries = h.connect('ann')
    entries.ack(0, 1)
    expect(entries.closed).toBe(4400)
  })

  it('ignores an ack that is lower than one before', () => {
    const h = new Harness()
    const peer = h.connect('ann', { window: 100 })
    h.node.push('ann', 'x', text('x'.repeat(200)))
    h.settle()
    peer.ack(peer.received, 1)
    peer.ack(0, 0)
    h.node.push('ann', 'x', text('y'))
    h.settle()
    expect(texts(peer.take())).toEqual(['x'.repeat(200), 'y'])
  })
})

describe('Silence', () => {
  it('is not that of a client whose bytes come, though no packet is whole yet', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    for (let n = 0; n < 20; n++) {
      h.advance(5_000)
      h.node.handleBytes(peer.connection, h.now)
    }
    expect([peer.closed, types(peer.take())]).toEqual([null, Array.from({ length: 14 }, () => 'ping')])
    h.advance(13_999)
    expect(peer.closed).toBe(null)
    h.advance(1)
    expect(peer.closed).toBe(1001)
  })

  it('ends whoever sends bytes and no hello', () => {
    const h = new Harness()
    const peer = h.open()
    for (let n = 0; n < 10; n++) {
      h.advance(500)
      h.node.handleBytes(peer.connection, h.now)
    }
    expect(peer.closed).toBe(4401)
  })

  it('of the client brings a ping after a heartbeat, and the end after two, without a goodbye', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    h.advance(6_999)
    expect(peer.take()).toEqual([])
    h.advance(1)
    expect(types(peer.take())).toEqual(['ping'])
    h.advance(6_999)
    expect(peer.closed).toBe(null)
    h.advance(1)
    expect(peer.transport.closed).toEqual({ code: 1001, reason: 'SILENT' })
    expect(types(peer.take())).not.toContain('goodbye')
    expect([h.node.connections, h.node.sessions]).toEqual([0, 1])
  })

  it('is not held against a client where the node itself was late: it has a heartbeat more', () => {
    const h = new Harness()
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    h.stall(60_000)
    h.settle()
    expect([ann.closed, bob.closed]).toEqual([null, null])
    expect([ann.takeOf('ping').length, bob.takeOf('ping').length]).toEqual([1, 1])
    ann.send({ type: 'pong', echo: 0, time: 0, lateness: 0 })
    h.advance(h.limits.heartbeatMs)
    expect([ann.closed, bob.closed]).toEqual([null, 1001])
  })

  it('ends at its time also where a sum and its difference round to different sides', () => {
    // Found by the simulator (seed 1770): lastHeard + 6000 = now, and yet now - lastHeard < 6000.
    const heartbeatMs = 3_000
    let lastHeard = 10_000.1
    while (lastHeard + 2 * heartbeatMs - lastHeard >= 2 * heartbeatMs) lastHeard += 0.1
    const h = new Harness({ heartbeatMs })
    h.now = lastHeard
    const peer = h.connect('ann')
    h.advance(2 * heartbeatMs + 1)
    expect(peer.closed).toBe(1001)
  })

  it('of the node, too, brings a ping: it sends something at least every heartbeat', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    for (let second = 0; second < 60; second++) {
      h.advance(1_000)
      peer.send({ type: 'pong', echo: 0, time: 0, lateness: 0 })
    }
    expect(peer.closed).toBe(null)
    const times = peer.transport.writes.map(({ at }) => at)
    times.slice(1).forEach((at, n) => expect(at - (times[n] ?? 0)).toBeLessThanOrEqual(8_000.001))
    expect(times.length).toBeGreaterThanOrEqual(7)
  })

  it('is none where there is traffic: no ping is sent', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    for (let second = 0; second < 60; second++) {
      h.advance(1_000)
      peer.send({ type: 'ping', time: second })
    }
    h.settle()
    expect(types(peer.take())).toEqual(Array.from({ length: 60 }, () => 'pong'))
  })
})

describe('A session', () => {
  it('outlives its connection: what it was not acknowledged to have comes again, in order', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    for (let n = 1; n <= 3; n++) h.node.push('ann', 'x', text(`${n}`))
    h.settle()
    peer.ack(0, 1)
    peer.hangUp()
    h.node.push('ann', 'x', text('4'))
    h.advance(1_000)
    const { messages } = resume(h, 'ann', peer.session, 2)
    expect(messages[0]).toMatchObject({
      type: 'welcome',
      resumed: true,
      received: 2,
      reason: '',
      session: peer.session,
    })
    expect(texts(messages)).toEqual(['3', '4'])
    expect(h.node.stats.sessionsResumed).toBe(1)
    expect([...h.node.stats.sessionResumes]).toEqual([['recovered', 1]])
  })

  it('says in its welcome what of its log is lost', () => {
    const h = new Harness({ sessionLogEntries: 5 })
    const peer = h.connect('ann')
    peer.hangUp()
    for (let n = 1; n <= 8; n++) h.node.push('ann', 'x', text(`${n}`))
    const { messages } = resume(h, 'ann', peer.session, 0)
    expect(messages[0]).toMatchObject({
      resumed: true,
      received: 3,
      reason: 'RETENTION',
    })
    expect(texts(messages)).toEqual(['4', '5', '6', '7', '8'])
    expect([...h.node.stats.sessionResumes]).toEqual([['LOST', 1]])
  })

  it('keeps so many bytes of its log', () => {
    const h = new Harness({ sessionLogBytes: 3 * (weights.bytes + weights.place + 320) })
    const peer = h.connect('ann')
    peer.hangUp()
    for (let n = 1; n <= 8; n++) h.node.push('ann', 'x', text('y'.repeat(300)))
    const { messages } = resume(h, 'ann', peer.session, 0)
    expect(texts(messages)).toHaveLength(3)
  })

  it('is another one where the node does not have it, and says so', () => {
    const h = new Harness()
    const { messages } = resume(h, 'ann', 'unheard-of', 9)
    expect(messages[0]).toMatchObject({ resumed: false, received: 0, calls: 0 })
    expect([...h.node.stats.sessionResumes]).toEqual([['NOT_FOUND', 1]])
    expect(messages[0]).toMatchObject({ reason: 'NOT_FOUND' })
  })

  it('has one connection: a second one takes it over', () => {
    const h = new Harness()
    const first = h.connect('ann')
    h.node.openMeeting('m', {}, h.now)
    h.seat(first, 'm')
    const { peer, messages } = resume(h, 'ann', first.session, 1)
    expect(first.take()).toMatchObject([{ type: 'goodbye', code: 4404 }])
    expect(first.closed).toBe(4404)
    expect(messages[0]).toMatchObject({ resumed: true })
    first.hangUp(true)
    h.node.push('ann', 'x', text('hi'))
    h.settle()
    expect(texts(peer.take())).toEqual(['hi'])
    expect(h.node.sessions).toBe(1)
  })

  it('is not cut off on its new connection for what the old one was too slow for', () => {
    const h = new Harness({ sessionLogEntries: 4 })
    const ann = h.connect('ann')
    ann.transport.accepts = false
    h.node.push('ann', 'x', text('1'))
    h.settle()
    for (let n = 0; n < 8; n++) h.node.push('ann', 'x', text('1'))
    const again = h.open()
    again.hello('ann', { session: ann.session, received: 0 })
    h.settle()
    expect([ann.closed, again.closed]).toEqual([4404, null])
  })

  it('may join and subscribe at once to all that its welcome allows', () => {
    const h = new Harness()
    const { meetingsPerSession, subscriptionsPerSession } = h.limits
    for (let n = 0; n < meetingsPerSession; n++) h.node.openMeeting(`m${n}`, { frameRate: 1 }, h.now)
    const ann = h.connect('ann')
    for (let n = 0; n < meetingsPerSession; n++) ann.join(`m${n}`)
    const topics = Array.from({ length: subscriptionsPerSession }, (_, n) => wish(`${'t'.repeat(50)}${n}`))
    ann.send({ type: 'subscribe', call: ann.call(), topics })
    h.settle()
    expect(ann.closed).toBe(null)
    const answers: MessageType[] = []
    for (let n = 0; n < 20; n++) {
      answers.push(...ann.take().map(({ type }) => type))
      ann.ack(ann.connection.sent, 0)
      h.settle()
    }
    expect(answers.filter((type) => type === 'joined')).toHaveLength(meetingsPerSession)
    expect(answers.filter((type) => type === 'subscribed')).toHaveLength(subscriptionsPerSession)
  })

  it('whose wall clock is set lives as long as its token says by the new one', () => {
    const h = new Harness({}, { wallOffset: 1_000_000 })
    h.application.grants.set('short', grant('ann', { expires: h.now + 1_000_000 + 60_000 }))
    const ann = h.connect('short')
    h.node.handleWallClock(1_050_000)
    h.advance(9_999)
    expect(ann.closed).toBe(null)
    h.advance(2)
    expect(ann.closed).toBe(4451)
    h.application.grants.set('short', grant('ann', { expires: h.now + 1_000_000 + 60_000 }))
    h.node.handleWallClock(1_000_000)
    expect(h.connect('short').closed).toBe(null)
  })

  it('whose client claims to have more than it was sent is not held up for it', () => {
    const h = new Harness({ sessionLogEntries: 40 })
    const ann = h.connect('ann')
    ann.transport.accepts = false
    h.node.push('ann', 'x', text('x'))
    h.settle()
    for (let n = 0; n < 20; n++) h.node.push('ann', 'x', text('x'))
    ann.publish('t', text('a'))
    h.settle()
    ann.hangUp()
    const again = h.connect('ann', { session: ann.session, received: 100 })
    h.advance(100)
    expect(again.connection.session?.upstream.size).toBe(0)
  })

  it('of another user is not given: 4401, and its owner is not disturbed', () => {
    const h = new Harness()
    const ann = h.connect('ann')
    const thief = h.open()
    thief.hello('eve', { session: ann.session })
    expect(thief.closed).toBe(4401)
    expect(ann.closed).toBe(null)
    expect(h.node.sessions).toBe(1)
  })

  it('is kept for a while without a connection, and then ends: its members leave', () => {
    const h = new Harness({ sessionKeepMs: 10_000 })
    h.node.openMeeting('m', {}, h.now)
    const [a, b] = [h.connect('ann'), h.connect('bob')]
    h.seat(a, 'm')
    h.seat(b, 'm')
    b.hangUp()
    h.advance(9_900)
    a.send({ type: 'pong', echo: 0, time: 0, lateness: 0 })
    expect(h.node.sessions).toBe(2)
    h.advance(200)
    expect(h.node.sessions).toBe(1)
    const events = a.takeFrames().flatMap((frame) => frame.events)
    expect(events).toContainEqual({ type: 'leave', slot: 1, reason: 'expired' })
    expect(resume(h, 'bob', b.session, 0).messages[0]).toMatchObject({ resumed: false })
  })

  it('is kept anew from each loss of a connection on', () => {
    const h = new Harness({ sessionKeepMs: 10_000 })
    let peer = h.connect('ann')
    for (let n = 0; n < 5; n++) {
      peer.hangUp()
      h.advance(8_000)
      peer = h.connect('ann', { session: peer.session })
      h.advance(5_000)
    }
    expect(h.node.stats.sessionsResumed).toBe(5)
    expect(h.node.stats.sessionsEnded).toBe(0)
  })

  it('ends at once where the client closes it for good: its members have left', () => {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    const [a, b] = [h.connect('ann'), h.connect('bob')]
    h.seat(a, 'm')
    h.seat(b, 'm')
    b.request('r')
    h.settle()
    b.hangUp(true)
    expect(h.node.sessions).toBe(1)
    expect(h.application.ended).toMatchObject([{ why: 'CLOSED' }])
    h.advance(100)
    const events = a.takeFrames().flatMap((frame) => frame.events)
    expect(events).toContainEqual({ type: 'leave', slot: 1, reason: 'left' })
    expect(h.node.push('bob', 'x', text('1'))).toBe(0)
  })

  it('is closed with 4451 when its token expires, and can be resumed with a fresh one', () => {
    const h = new Harness({}, { wallOffset: 5_000_000 })
    h.application.grants.set('short', grant('ann', { expires: h.now + 5_000_000 + 3_000 }))
    const peer = h.open()
    peer.hello('short')
    h.settle()
    expect(peer.takeOf('welcome')).toMatchObject([{ expires: Math.floor((h.now + 5_003_000) / 1000) }])
    h.advance(2_999)
    expect(peer.closed).toBe(null)
    h.advance(1)
    expect(peer.take()).toMatchObject([{ type: 'goodbye', code: 4451 }])
    expect(peer.closed).toBe(4451)
    expect(h.node.sessions).toBe(1)
  })

  it('whose token is replaced on resuming lives by the new one', () => {
    const h = new Harness()
    h.application.grants.set('short', grant('ann', { expires: h.now + 3_000 }))
    h.application.grants.set('long', grant('ann', { expires: h.now + 30_000, read: [] }))
    const first = h.connect('short')
    const second = h.connect('long', { session: first.session })
    h.advance(4_000)
    expect(second.closed).toBe(null)
    second.subscribe('t')
    h.settle()
    expect(second.takeOf('failed')).toMatchObject([{ error: 'FORBIDDEN' }])
  })

  it('is refused with FULL where the user has too many; resuming one is not another', () => {
    const h = new Harness({ sessionsPerUser: 2 })
    const first = h.connect('ann')
    h.connect('ann')
    const third = h.open()
    third.hello('ann')
    expect(third.closed).toBe(4455)
    expect(h.connect('ann', { session: first.session }).closed).toBe(null)
    expect(h.connect('bob').closed).toBe(null)
  })

  it('makes room where its user has too many: the one goes that has been away for longest', () => {
    const h = new Harness({ sessionsPerUser: 3 })
    h.node.openMeeting('m', {}, h.now)
    const seated = h.connect('ann')
    h.seat(seated, 'm')
    const second = h.connect('ann')
    const live = h.connect('ann')
    seated.hangUp()
    h.advance(10)
    second.hangUp()
    h.application.presence.length = 0
    const fourth = h.connect('ann')
    // The second: the first keeps a seat.
    expect(h.application.presence).toEqual(['ann FULL, over', 'ann came'])
    expect(h.node.sessions).toBe(3)
    const fifth = h.connect('ann')
    expect(h.application.presence.slice(2)).toEqual(['ann FULL, over', 'ann came'])
    expect([live.closed, fourth.closed, fifth.closed]).toEqual([null, null, null])
    const sixth = h.open()
    sixth.hello('ann')
    expect(sixth.closed).toBe(4455)
    expect(h.node.meeting('m')?.members).toEqual([])
    const { messages } = resume(h, 'ann', fifth.session, 0)
    expect(messages[0]).toMatchObject({ resumed: true })
  })

  it('is there after any number of reloads in a minute, and has its seat again', () => {
    const h = new Harness()
    h.node.openMeeting('m', { joinsPerMinute: 1 }, h.now)
    for (let reload = 0; reload < 100; reload++) {
      const peer = h.connect('ann')
      expect(h.seat(peer, 'm')).toMatchObject({ slot: 0 })
      peer.hangUp()
      h.advance(100)
    }
    expect(h.node.sessions).toBe(32)
    expect(h.node.meeting('m')?.members).toHaveLength(1)
  })

  it('tells which calls it has accepted, and does not take them twice', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    peer.request('a')
    peer.request('b')
    h.settle()
    peer.hangUp()
    const { peer: again, messages } = resume(h, 'ann', peer.session, 0)
    expect(messages[0]).toMatchObject({ calls: 2 })
    for (const call of [2, 3]) again.send({ type: 'request', call, method: 'c', timeout: 0, data: text('') })
    h.settle()
    expect(h.application.requests.map(({ method }) => method)).toEqual(['a', 'b', 'c'])
    for (const call of h.application.requests)
      h.node.handleReply(call, { ok: true, value: text(call.method) }, h.now)
    h.settle()
    expect(again.takeOf('reply').map(({ call }) => call)).toEqual([1, 2, 3])
  })

  it('fails a join and a subscribe whose connection is gone when their turn comes', () => {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    const peer = h.connect('ann')
    peer.join('m')
    peer.subscribe('t')
    peer.hangUp()
    h.settle()
    expect(h.node.subscribers('t')).toBe(0)
    expect(h.node.meeting('m')?.members).toEqual([])
    const { messages } = resume(h, 'ann', peer.session, 0)
    expect(messages.slice(1)).toMatchObject([
      { type: 'failed', call: 1, error: 'UNKNOWN' },
      { type: 'failed', call: 2, error: 'UNKNOWN' },
    ])
  })

  it('reads no log after a loss until it asks to: cursors go with the connection', () => {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    const peer = h.connect('ann')
    h.seat(peer, 'm')
    h.listen(peer, 't')
    peer.hangUp()
    expect(h.node.subscribers('t')).toBe(0)
    h.publish('t', 'x')
    const { peer: again } = resume(h, 'ann', peer.session, 2)
    h.advance(500)
    const messages = again.take()
    expect([framesOf(messages), publicationsOf(messages)]).toEqual([[], []])
  })
})

describe('A push', () => {
  it('reaches each session of the user, connected or kept, and says how many', () => {
    const h = new Harness()
    const [a, b] = [h.connect('ann'), h.connect('ann')]
    const c = h.connect('bob')
    b.hangUp()
    expect(h.node.push('ann', 'x', text('1'))).toBe(2)
    expect(h.node.push('nobody', 'x', text('1'))).toBe(0)
    h.settle()
    expect(texts(a.take())).toEqual(['1'])
    expect(c.take()).toEqual([])
    expect(texts(resume(h, 'ann', b.session, 0).messages)).toEqual(['1'])
    expect(h.node.stats.pushes).toBe(2)
  })
})

describe('A node that drains', () => {
  it('closes every connection with 4454 and takes nothing new', () => {
    const h = new Harness()
    const live = h.connect('ann')
    h.slowTokens = true
    const verifying = h.open()
    verifying.hello('bob')
    const fresh = h.open()
    h.node.drain(h.now)
    const waits = new Set<number>()
    for (const peer of [live, verifying, fresh]) {
      const [goodbye] = peer.take()
      if (goodbye?.type !== 'goodbye') throw new Error('no goodbye')
      expect(goodbye.code).toBe(4454)
      waits.add(goodbye.retryAfter)
      expect(peer.closed).toBe(4454)
    }
    // Spread over the reconnect window, so that they do not come back together.
    expect(waits.size).toBe(3)
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(h.limits.reconnectMinMs)
    expect(Math.max(...waits)).toBeLessThanOrEqual(h.limits.reconnectMaxMs)
    expect(h.open().closed).toBe(4454)
    expect(h.node.openMeeting('m', {}, h.now)).toBe('DRAINING')
    h.authenticate(true)
    h.advance(1_000)
    expect([h.node.connections, h.node.sessions]).toEqual([0, 1])
  })
})
