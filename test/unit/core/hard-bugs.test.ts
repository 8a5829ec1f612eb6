import { describe, expect, it } from 'vitest'
import { type Codec, jsonCodec, binaryCodec, type ServerMessage } from '../../../src/protocol/index.ts'
import { bytes, framesOf, grant, Harness, type Peer, publicationsOf, text, textOf } from './harness.ts'
import { alive, Wanderer } from './wanderer.ts'

/*
 * Bugs that others shipped, each with the answer this node gives. Real sockets have theirs in
 * test/integration/server/hard-bugs.test.ts; what concerns the client alone is in test/unit/client.
 */

const HEARTBEAT = 7_000
const KEEP = 60_000

/** What is left of everybody once all sessions, and the meetings nobody is in, have had their time. */
function leftovers(h: Harness): number[] {
  h.advance(KEEP + 300_000)
  const { connections, sessions, meetingCount, timers } = h.node
  return [connections, sessions, meetingCount, timers]
}

const inputs = (messages: readonly ServerMessage[]): unknown[] =>
  framesOf(messages).flatMap((frame) => frame.inputs)
const upTo = (count: number): string[] => Array.from({ length: count }, (_, n) => `${n + 1}`)

/** A node with meeting `m`, in which somebody else keeps the clock running, and a client in it and in topic `t`. */
function world(): { h: Harness; other: Peer; client: Wanderer } {
  const h = new Harness()
  h.node.openMeeting('m', {}, h.now)
  const client = new Wanderer(h, 'ann')
  const other = h.connect('bob')
  h.seat(other, 'm')
  return { h, other, client }
}

describe('An old socket', () => {
  it.each<[string, (old: Peer) => void]>([
    ['is lost', (old) => old.hangUp()],
    ['says that it leaves for good', (old) => old.hangUp(true)],
    ['drains', (old) => old.drain()],
    [
      'sends on',
      (old) =>
        old.send({ type: 'leave', call: 9_999, log: 1 }, { type: 'ack', bytes: 0, received: 0, seen: [] }),
    ],
    ['sends nonsense', (old) => old.raw(Uint8Array.of(0xff))],
  ])('hard bug 1: that %s after the takeover does not freeze the live one', (_, late) => {
    for (const stalled of [false, true]) {
      const { h, other, client } = world()
      const old = client.peer
      old.transport.accepts = !stalled
      alive(h, 1_000, old, other)
      client.listen()
      client.connect()
      expect(old.closed).toBe(4404)
      late(old)
      alive(h, 120_000, client.peer, other)
      late(old)
      h.publish('t', 'new')
      h.node.push('ann', 'x', text('pushed'))
      alive(h, 100_000, client.peer, other)
      client.listen()
      expect([client.peer.closed, client.texts, client.pushes]).toEqual([null, ['new'], ['pushed']])
      expect(client.frames).toEqual(Array.from({ length: client.frames.length }, (_, n) => n + 1))
      expect(client.frames.length).toBeGreaterThanOrEqual(221 * 20)
      expect(h.node.meeting('m')?.members.map(({ user, away }) => [user, away])).toEqual([
        ['ann', false],
        ['bob', false],
      ])
      expect([h.node.connections, h.node.sessions, h.node.stats.connectionsClosed]).toEqual([2, 2, 1])
    }
  })

  it('hard bug 6: what was missed comes at one reconnect, and at no other', () => {
    const { h, other, client } = world()
    let count = 0
    for (let round = 1; round <= 6; round++) {
      client.listen()
      client.peer.hangUp()
      for (let n = 0; n < 3; n++) {
        count++
        h.node.push('ann', 'x', text(`${count}`))
        h.publish('t', `${count}`)
        alive(h, 200, other)
      }
      client.connect()
      expect(client.pushes).toEqual(upTo(count))
      // Once more, with nothing missed.
      client.peer.hangUp()
      client.connect()
    }
    expect([client.pushes, client.texts]).toEqual([upTo(count), upTo(count)])
    expect(client.frames).toEqual(Array.from({ length: client.frames.length }, (_, n) => n + 1))
    expect(client.recovered).toEqual([false, ...Array.from({ length: 12 }, () => true)])
  })

  it('hard bug 7: a first ping time-out does not spoil the recoveries after it', () => {
    const { h, other, client } = world()
    for (let round = 1; round <= 4; round++) {
      const opened = h.now
      alive(h, 2 * HEARTBEAT - 1, other)
      expect(client.peer.closed).toBe(null)
      alive(h, 1, other)
      expect([client.peer.transport.closed?.reason, h.now - opened]).toEqual(['SILENT', 2 * HEARTBEAT])
      client.listen()
      h.publish('t', `${round}`)
      alive(h, 20_000, other)
      client.connect()
      expect(client.recovered.at(-1)).toBe(true)
      expect(client.texts).toEqual(upTo(round))
    }
    // Longer than a session is kept: what was set for the connections before concerns this one no more.
    alive(h, 3 * KEEP, client.peer, other)
    expect(client.peer.closed).toBe(null)
  })
})

describe('A slow reader', () => {
  it('hard bug 8: misses what a topic dropped, is told so, and gets what follows in order', () => {
    const h = new Harness()
    h.node.defineTopics('*', { entries: 2, bytes: 10_000, ageMs: 60_000 })
    const peer = h.connect('ann')
    h.listen(peer, 't')
    for (let round = 0; round < 3; round++) {
      peer.transport.accepts = false
      for (const n of ['a', 'b', 'c', 'd', 'e']) {
        h.publish('t', `${n}${round}`)
        h.settle()
      }
      peer.drain()
      h.settle()
      const messages = peer.take()
      expect(messages.map(({ type }) => type)).toEqual(['publications', 'gap', 'publications'])
      expect(messages[1]).toMatchObject({ from: 5 * round + 2, to: 5 * round + 4, reason: 'SLOW' })
      expect(publicationsOf(messages).map(({ data }) => textOf(data))).toEqual([
        `a${round}`,
        `d${round}`,
        `e${round}`,
      ])
    }
  })

  it('hard bug 8: a call or an input that found no room holds up none behind it', () => {
    const h = new Harness({ upstreamMessages: 4 })
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const peer = h.connect('ann')
    const { log } = h.seat(peer, 'm')
    for (let round = 0; round < 3; round++) {
      for (let n = 1; n <= 6; n++) peer.input(log, 10 * round + n)
      h.settle()
      const messages = peer.take()
      const refused = messages.flatMap((message) => (message.type === 'nack' ? [message.seq] : []))
      const framed = framesOf(messages).flatMap(({ inputs }) => inputs.map(({ seq }) => seq))
      const [one, two, three, four, five, six] = [1, 2, 3, 4, 5, 6].map((n) => 10 * round + n)
      expect([framed, refused]).toEqual([
        [one, two, three, four],
        [five, six],
      ])
      for (let n = 0; n < 6; n++) peer.request(`r${n}`)
      h.settle()
      expect(peer.takeOf('failed').map(({ error }) => error)).toEqual(['BUSY', 'BUSY'])
    }
    expect(h.application.requests).toHaveLength(12)
  })

  it.each([
    ['the socket drains and then credit comes', ['drain', 'ack']],
    ['credit comes and then the socket drains', ['ack', 'drain']],
    ['it drains again without need', ['drain', 'drain', 'ack', 'drain']],
  ])('hard bug 9: goes on whichever way it is released: %s', (_, steps) => {
    const h = new Harness()
    const peer = h.connect('ann', { window: 2_000 })
    h.listen(peer, 't')
    for (let round = 0; round < 4; round++) {
      peer.transport.accepts = false
      h.node.publish('t', bytes(3_000), '', false, h.now)
      h.settle()
      h.publish('t', `waits ${round}`)
      h.settle()
      expect(publicationsOf(peer.take())).toHaveLength(1)
      for (const step of steps) {
        if (step === 'drain') peer.drain()
        else peer.ack(peer.received)
        h.settle()
      }
      expect(peer.takeTexts()).toEqual([`waits ${round}`])
      // Released while nothing waited, it is not stuck either.
      h.publish('t', `at once ${round}`)
      h.settle()
      expect(peer.takeTexts()).toEqual([`at once ${round}`])
      peer.ack(peer.received)
    }
  })

  it('hard bug 9: that never drains is given up, and what waited for it is released', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't')
    peer.transport.accepts = false
    h.publish('t', 'x')
    h.advance(2 * HEARTBEAT)
    expect([peer.transport.closed?.reason, h.node.subscribers('t'), h.node.connections]).toEqual([
      'SILENT',
      0,
      0,
    ])
  })
})

describe('A socket that is closed while the node waits for an answer', () => {
  it.each([false, true])('hard bug 10: ends nothing but itself (closed for good: %s)', (final) => {
    const h = new Harness()
    h.node.openMeeting('m', {}, h.now)
    h.node.askFirst(true)
    h.slowTokens = true
    const verifying = h.open()
    verifying.hello('ann')
    verifying.hangUp(final)
    h.authenticate(true)
    const peer = h.open()
    peer.hello('ann')
    h.authenticate(true)
    h.settle()
    // A ticket to verify, a handler, a question, and something behind it.
    peer.send({ type: 'refresh', call: peer.call(), token: 'ann' })
    peer.request('slow')
    peer.join('m')
    peer.subscribe('t')
    const writer = h.open()
    writer.hello('bob')
    h.authenticate(true)
    writer.publish('u', text('may I?'))
    h.settle()
    expect([h.application.asked.length, h.application.requests.length]).toEqual([1, 1])
    expect(h.application.questions.map(({ action }) => action)).toEqual(['join', 'publish'])
    for (const gone of [peer, writer]) gone.hangUp(final)
    h.authenticate(true)
    for (const question of h.application.questions) h.node.handleAuthorized(question, true, h.now)
    for (const call of h.application.requests)
      h.node.handleReply(call, { ok: true, value: text('too late') }, h.now)
    h.settle()
    expect(h.node.meeting('m')?.members).toEqual([])
    // What a client sent that means to come back is done; one that left for good is not waited for.
    expect([h.node.subscribers('t'), h.node.topicHistory('u', 9).length]).toEqual([0, final ? 0 : 1])
    // The timer is that of topic u, which keeps its publication for an hour.
    expect(leftovers(h)).toEqual([0, 0, 0, final ? 0 : 1])
  })
})

describe('Connections that never get through the handshake', () => {
  it('hard bug 11: leave nothing behind, and the business never hears of them', () => {
    const h = new Harness()
    h.application.grants.set('bad', null)
    h.application.grants.set('old', grant('ann', { expires: 1 }))
    h.slowTokens = true
    const peers = Array.from({ length: 600 }, (_, n) => {
      const peer = h.open()
      const kinds = [
        () => {},
        () => peer.hello('ann'),
        () => peer.hello('bad'),
        () => peer.hello('old'),
        () => peer.raw(Uint8Array.of(0xff, n & 255)),
        () => peer.join('m'),
        () => (peer.hello('ann'), peer.hangUp()),
        () => peer.hangUp(),
      ]
      kinds[n % kinds.length]?.()
      return peer
    })
    // Of those whose token is verified some are late, some are never answered, and most wait for their turn.
    h.application.asked.splice(0, 30)
    h.advance(5_000)
    h.authenticate(true)
    h.settle()
    expect([h.node.connections, h.node.sessions, h.node.timers]).toEqual([0, 0, 0])
    expect([h.application.presence, h.node.stats.sessionsOpened]).toEqual([[], 0])
    // Only those who said hello may come back: that they were not verified is the node's fault.
    for (const [n, code] of [4401, 4455, 4455, 4455, 4400, 4401].entries())
      expect(new Set(peers.filter((_, at) => at % 8 === n).map(({ closed }) => closed))).toEqual(
        new Set([code]),
      )
  })
})

describe('A room', () => {
  it('hard bug 12: is neither leaked nor closed to its player by a bad attempt to come back', () => {
    const h = new Harness()
    h.application.grants.set('bad', null)
    h.application.grants.set('old', grant('ann', { expires: 1 }))
    h.node.openMeeting('m', { capacity: 1 }, h.now)
    const ann = h.connect('ann')
    const { slot, world } = h.seat(ann, 'm')
    ann.hangUp()
    for (const token of ['bad', 'old', 'eve', '']) {
      const thief = h.open()
      thief.hello(token, { session: ann.session, received: 0 })
      thief.join('m', { world, next: 1 })
      h.settle()
      expect([token, thief.closed]).toEqual([token, token === 'old' ? 4451 : 4401])
    }
    const back = h.connect('ann', { session: ann.session })
    back.join('m', { world, next: 1 })
    h.settle()
    expect(back.takeOf('joined')).toMatchObject([{ slot, recovered: true }])
    // Who has lost the session as well has the seat again, and keeps it when the old session expires.
    back.hangUp()
    h.settle()
    const anew = h.connect('ann', { session: 'ffffffffffffffffffffffffffffffff' })
    expect(h.seat(anew, 'm').slot).toBe(slot)
    alive(h, KEEP, anew)
    expect(h.node.meeting('m')?.members).toMatchObject([{ slot, user: 'ann', away: false }])
    anew.hangUp()
    expect(leftovers(h)).toEqual([0, 0, 0, 0])
  })

  it('hard bug 13: that is being disposed of does not live on as a zombie with whoever joins just then', () => {
    const h = new Harness()
    h.node.askFirst(true)
    const open = (): void => void h.node.openMeeting('m', { ttlMs: 1_000 }, h.now)
    const answer = (): void => {
      for (const question of h.application.questions.splice(0)) h.node.handleAuthorized(question, true, h.now)
      h.settle()
    }
    open()
    const ann = h.connect('ann')
    // The business takes its time to allow the join, and the room ends meanwhile.
    ann.join('m')
    alive(h, 1_001, ann)
    expect(h.node.meetingCount).toBe(0)
    answer()
    expect(ann.takeOf('failed')).toMatchObject([{ error: 'NOT_FOUND' }])
    // It ends and another of its name begins meanwhile: the join is to that one, whole.
    open()
    ann.join('m')
    h.settle()
    h.node.closeMeeting('m', h.now)
    open()
    answer()
    expect(ann.takeOf('joined')).toMatchObject([{ head: 0, slot: 0 }])
    expect(h.node.meeting('m')?.members).toHaveLength(1)
    // The join waits in its queue while the room is closed; and comes in the moment its time is over.
    h.node.askFirst(false)
    const bob = h.connect('bob')
    bob.join('m')
    h.node.closeMeeting('m', h.now)
    h.settle()
    expect(bob.takeOf('failed')).toMatchObject([{ error: 'NOT_FOUND' }])
    expect(ann.takeOf('ended')).toHaveLength(1)
    // Nothing is set any more but the two clients' heartbeats.
    expect([h.node.meetingCount, h.node.timers]).toEqual([0, 2])
    open()
    h.stall(1_000)
    bob.join('m')
    h.settle()
    expect(bob.takeOf('failed')).toMatchObject([{ error: 'NOT_FOUND' }])
    for (const peer of [ann, bob]) peer.hangUp()
    expect(leftovers(h)).toEqual([0, 0, 0, 0])
    expect(h.node.logs.bytes).toBe(0)
  })
})

/** Keeps each packet beside a copy of what it held when it was handed over. */
function recorded(h: Harness, user: string, codec: Codec): { peer: Peer; whole: () => boolean } {
  const peer = h.connect(user, {}, codec)
  const copies: [Uint8Array, Uint8Array][] = []
  const { transport } = peer
  const write = transport.write.bind(transport)
  transport.write = (packet) => {
    copies.push([packet.bytes, packet.bytes.slice()])
    return write(packet)
  }
  return { peer, whole: () => copies.every(([now, then]) => Buffer.compare(now, then) === 0) }
}

describe('A buffer', () => {
  it('hard bug 14: that was handed over is never written to again, and carries nobody else’s bytes', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const readers = Array.from({ length: 8 }, (_, n) =>
      recorded(h, `u${n}`, n % 2 === 0 ? binaryCodec : jsonCodec),
    )
    const logs = readers.map(({ peer }) => h.seat(peer, 'm').log)
    for (const { peer } of readers) h.listen(peer, 't')
    for (let round = 1; round <= 40; round++) {
      for (const [n, { peer }] of readers.entries()) {
        // Long and short in turn, so that a buffer used again would show the rest of what it held before.
        const secret = `secret-of-u${n}.${'#'.repeat((round * 37 * (n + 1)) % 4_000)}`
        h.node.push(`u${n}`, 'x', text(secret))
        h.node.sendTo('m', n, text(secret))
        peer.request('echo', text(secret))
        peer.input(logs[n] ?? 0, round, text('i'.repeat(round % 50)))
      }
      h.settle()
      for (const call of h.application.requests.splice(0))
        h.node.handleReply(call, { ok: true, value: call.data }, h.now)
      h.publish('t', 'p'.repeat((round * 53) % 700))
      h.settle()
    }
    expect(readers.every(({ whole }) => whole())).toBe(true)
    // What the logs keep is what went out live.
    const live = readers[0]?.peer.take() ?? []
    const late = h.connect('late')
    late.join('m')
    late.subscribe('t', { history: 100 })
    h.settle()
    const kept = late.take()
    expect(inputs(kept)).toEqual(inputs(live))
    expect(inputs(kept)).toHaveLength(8 * 40)
    expect(publicationsOf(kept)).toEqual(publicationsOf(live))
    for (const [n, { peer }] of readers.entries()) {
      const secrets = peer.transport.packets.flatMap(
        (packet) =>
          Buffer.from(packet.bytes)
            .toString('latin1')
            .match(/secret-of-u\d/g) ?? [],
      )
      expect([...new Set(secrets)]).toEqual([`secret-of-u${n}`])
      expect(secrets).toHaveLength(3 * 40)
    }
  })
})
