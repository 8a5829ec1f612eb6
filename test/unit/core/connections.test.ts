import { describe, expect, it } from 'vitest'
import { binaryCodec } from '../../../src/protocol/index.ts'
import { Harness, text } from './harness.ts'

describe('The counters of connections', () => {
  it('tell packets, bytes and messages that came in, and connections that came and went', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    const { stats } = h.node
    const { packetsIn, bytesIn, messagesIn } = stats
    const packet = binaryCodec.encode([
      { type: 'ping', time: 1 },
      { type: 'leave', call: 1, log: 7 },
    ])
    peer.raw(packet)
    expect([stats.packetsIn - packetsIn, stats.bytesIn - bytesIn, stats.messagesIn - messagesIn]).toEqual([
      1,
      packet.length,
      2,
    ])
    peer.raw(new Uint8Array([255, 255]))
    expect([stats.packetsIn - packetsIn, stats.messagesIn - messagesIn, peer.closed]).toEqual([2, 2, 4400])
    // What comes on a connection that is closed already is not looked at.
    peer.raw(packet)
    expect([stats.packetsIn - packetsIn, stats.connectionsOpened, stats.connectionsClosed]).toEqual([2, 1, 1])
    peer.hangUp()
    expect([stats.connectionsClosed, Object.fromEntries(stats.connectionsLost)]).toEqual([1, { PROTOCOL: 1 }])
  })

  it('tell who waits for credit or for its socket, and what has yet to be acknowledged', () => {
    const h = new Harness()
    const [free, narrow, stuck] = [
      h.connect('a', { window: 0 }),
      h.connect('b', { window: 100 }),
      h.connect('c', { window: 5_000 }),
    ]
    for (const peer of [narrow, stuck]) peer.ack(peer.received)
    h.settle()
    expect(h.node.waiting).toEqual({ upstreamBytes: 0, stalled: 0, unacknowledgedBytes: 0 })
    stuck.transport.accepts = false
    for (const user of ['a', 'b', 'c']) h.node.push(user, 'p', text('x'.repeat(200)))
    h.settle()
    const each = free.transport.packets.at(-1)?.bytes.length ?? 0
    expect(each).toBeGreaterThan(200)
    expect(h.node.waiting).toMatchObject({ stalled: 2, unacknowledgedBytes: 2 * each })
    narrow.ack(narrow.received)
    stuck.drain()
    h.settle()
    expect(h.node.waiting).toMatchObject({ stalled: 0, unacknowledgedBytes: each })
  })
})

describe('A PING', () => {
  it('is answered with the time of the node and the worst lateness of its frames, in whole microseconds', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 10 }, h.now)
    const peer = h.connect('ann')
    h.advance(1_000.4)
    h.stall(30)
    h.sweep()
    const due = h.node.stats.lateness(h.now)
    peer.send({ type: 'ping', time: 77 })
    h.settle()
    const [pong] = peer.takeOf('pong')
    expect(pong).toEqual({
      type: 'pong',
      echo: 77,
      time: Math.round(h.now * 1_000),
      lateness: Math.round(due * 1_000),
    })
    expect(h.now % 1).not.toBe(0)
  })

  it('too many, while nothing is read, closes the connection: one above the limit, no earlier', () => {
    const h = new Harness({ controlMessages: 3 })
    const peer = h.connect('ann')
    peer.transport.accepts = false
    h.node.push('ann', 'p', text('x'))
    h.settle()
    for (let n = 0; n < 3; n++) peer.send({ type: 'ping', time: n })
    h.settle()
    expect(peer.closed).toBeNull()
    peer.send({ type: 'ping', time: 3 })
    expect(peer.closed).toBe(4450)
  })

  it('is sent after a heartbeat of silence, once, and two of them are the end', () => {
    const h = new Harness({ heartbeatMs: 1_000 })
    const peer = h.connect('ann')
    const begun = h.now
    const pings = (): number => peer.takeOf('ping').length
    h.advance(999)
    expect(pings()).toBe(0)
    h.advance(1)
    const [ping] = peer.takeOf('ping')
    expect(ping).toEqual({ type: 'ping', time: Math.round(h.now * 1_000) })
    h.advance(999)
    expect([pings(), peer.closed, h.now - begun]).toEqual([0, null, 1_999])
    h.advance(1)
    expect([peer.closed, peer.transport.closed]).toMatchObject([1001, { code: 1001 }])
  })

  it('does not pile up for a client that reads nothing at the moment', () => {
    const h = new Harness({ heartbeatMs: 1_000 })
    const peer = h.connect('ann')
    peer.transport.accepts = false
    h.node.push('ann', 'p', text('x'))
    h.settle()
    for (let n = 0; n < 5; n++) {
      h.advance(900)
      peer.send({ type: 'pong', echo: 0, time: 0, lateness: 0 })
    }
    expect(peer.connection.control.length).toBeLessThanOrEqual(1)
    peer.drain()
    h.settle()
    expect(peer.takeOf('ping').length).toBeLessThanOrEqual(1)
  })
})

/** How a welcome connection ends that says nothing while the node stands still. */
const closedWhenSilent = (late: number): number | null => {
  const h = new Harness({ heartbeatMs: 1_000, readyLatenessMs: 100 })
  const peer = h.connect('ann')
  h.stall(2_000 + late)
  h.settle()
  return peer.closed
}

/** How a connection ends that has said no HELLO when the node comes back. */
const closedWithoutHello = (late: number): number | null => {
  const h = new Harness({ helloMs: 1_000, readyLatenessMs: 100 })
  const peer = h.open()
  h.stall(1_000 + late)
  h.settle()
  return peer.closed
}

describe('A connection that says nothing', () => {
  it('has its time again only where the node was late beyond what is ready', () => {
    expect([0, 100, 100.5].map(closedWithoutHello)).toEqual([4401, 4401, null])
  })

  it('once it is welcome, is given up two heartbeats after its last byte, later where the node was late', () => {
    expect([0, 100, 100.5].map(closedWhenSilent)).toEqual([1001, 1001, null])
    const h = new Harness({ heartbeatMs: 1_000 })
    const [fed, mute] = [h.connect('ann'), h.connect('bob')]
    const unknown = h.open()
    for (let n = 0; n < 4; n++) {
      h.advance(700)
      h.node.handleBytes(fed.connection, h.now)
      h.node.handleBytes(unknown.connection, h.now)
    }
    expect([fed.closed, mute.closed]).toEqual([null, 1001])
    h.advance(3_000)
    expect(unknown.closed).toBe(4401)
  })
})

describe('A WELCOME', () => {
  it('says from where on the session log comes, and how much of it was lost is counted', () => {
    const h = new Harness({ sessionLogEntries: 3 })
    const peer = h.connect('ann')
    const welcomes = (session: string, received: number): unknown => {
      const next = h.open()
      next.hello('ann', { session, received, window: 10 })
      h.settle()
      const [welcome] = next.takeOf('welcome')
      next.hangUp()
      return welcome
    }
    peer.hangUp()
    for (let n = 0; n < 5; n++) h.node.push('ann', 'p', text(`${n}`))
    expect(welcomes(peer.session, 2)).toMatchObject({ resumed: true, reason: '', received: 2, window: 10 })
    expect(welcomes(peer.session, 1)).toMatchObject({ resumed: true, reason: 'RETENTION', received: 2 })
    expect([h.node.stats.sessionEntriesLost, Object.fromEntries(h.node.stats.sessionResumes)]).toEqual([
      1,
      { recovered: 1, LOST: 1 },
    ])
    expect(welcomes('gone', 3)).toMatchObject({ resumed: false, reason: 'NOT_FOUND', received: 0 })
    expect(welcomes('', 0)).toMatchObject({ resumed: false, reason: '', received: 0 })
    expect(Object.fromEntries(h.node.stats.sessionResumes)).toEqual({ recovered: 1, LOST: 1, NOT_FOUND: 1 })
  })
})
