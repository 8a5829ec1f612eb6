import { describe, expect, it } from 'vitest'
import { type Message, type MessageType, jsonCodec } from '../../../src/protocol/index.ts'
import { bytes, framesOf, Harness, Peer, publicationsOf, text, textOf } from './harness.ts'

const types = (messages: readonly Message[]): MessageType[] => messages.map(({ type }) => type)

/** Meetings, topics and pushes at once for one reader. */
function busy(h: Harness, peer: Peer): void {
  h.node.openMeeting('m', { frameRate: 0 }, h.now)
  const { log } = h.seat(peer, 'm')
  h.listen(peer, 't')
  h.publish('t', 'p')
  peer.input(log, 1)
  h.node.push('ann', 'x', text('1'))
  peer.send({ type: 'ping', time: 5 })
}

const last = (peer: Peer): unknown => peer.transport.packets.at(-1)

describe('What goes down', () => {
  it('goes in one write per connection and sweep: the connection, the session log, frames, topics', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    busy(h, peer)
    h.sweep()
    const packets = peer.takePackets()
    expect(packets.map(types)).toEqual([['pong', 'push', 'frames', 'publications']])
  })

  it('is the same in JSON', () => {
    const h = new Harness()
    const peer = h.connect('ann', {}, jsonCodec)
    busy(h, peer)
    h.sweep()
    expect(peer.takePackets().map(types)).toEqual([['pong', 'push', 'frames', 'publications']])
    expect(peer.transport.packets.every((packet) => packet.text)).toBe(true)
  })

  it('is one shared packet for all whose write is the same', () => {
    const h = new Harness()
    const peers = [1, 2, 3, 4].map((n) => h.connect(`u${n}`))
    const readers = [h.connect('j1', {}, jsonCodec), h.connect('j2', {}, jsonCodec)]
    for (const peer of [...peers, ...readers]) h.listen(peer, 't')
    h.publish('t', 'hello')
    h.settle()
    for (const peer of peers) expect(last(peer)).toBe(last(peers[0] as Peer))
    expect(last(readers[1] as Peer)).toBe(last(readers[0] as Peer))
    expect(last(readers[0] as Peer)).not.toBe(last(peers[0] as Peer))
  })

  it('is never written while the client has a window or more unacknowledged', () => {
    const h = new Harness()
    const peer = h.connect('ann', { window: 10_000 })
    h.listen(peer, 't')
    let acknowledged = 0
    for (let round = 0; round < 60; round++) {
      for (let n = 0; n < 5; n++) h.node.publish('t', bytes(700), '', false, h.now)
      const before = peer.received
      h.settle()
      let outstanding = before - acknowledged
      for (const { size } of peer.transport.writes.slice(
        peer.transport.writes.length - (peer.received > before ? 1 : 0),
      )) {
        expect(outstanding).toBeLessThan(10_000)
        outstanding += size
      }
      if (round % 7 === 6) {
        acknowledged += Math.floor((peer.received - acknowledged) / 2)
        peer.ack(acknowledged)
        h.settle()
      }
    }
    peer.ack(peer.received)
    h.settle()
    peer.ack(peer.received)
    h.settle()
    expect(h.node.stats.creditStalls).toBeGreaterThan(0)
    const entries = publicationsOf(peer.take())
    expect(entries.at(-1)?.number).toBe(300)
  })

  it('has the window both sides agree on: the smaller wish, or none', () => {
    const h = new Harness({ window: 50_000 })
    const windowOf = (wish: number): number => {
      const peer = h.open()
      peer.hello(`u${wish}`, { window: wish })
      h.settle()
      return peer.takeOf('welcome')[0]?.window ?? -1
    }
    expect([0, 10, 50_000, 1_000_000].map(windowOf)).toEqual([0, 10, 50_000, 50_000])
  })

  it('is not written to a socket that has stopped, and all of it once that drains', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't')
    peer.transport.accepts = false
    h.publish('t', '1')
    h.settle()
    expect(peer.takeTexts()).toEqual(['1'])
    for (let n = 2; n <= 5; n++) {
      h.publish('t', `${n}`)
      h.node.push('ann', 'x', text(`${n}`))
      h.advance(100)
    }
    expect(peer.take()).toEqual([])
    expect(h.node.stats.socketStalls).toBe(1)
    peer.drain()
    h.settle()
    const messages = peer.take()
    expect(types(messages)).toEqual(['push', 'push', 'push', 'push', 'publications'])
    expect(publicationsOf(messages).map(({ data }) => textOf(data))).toEqual(['2', '3', '4', '5'])
  })

  it('costs nothing while it waits: the work list holds no connection that is stopped', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't')
    peer.transport.accepts = false
    h.publish('t', '1')
    h.settle()
    h.publish('t', '2')
    h.settle()
    const { sweeps } = h.node.stats
    expect(h.node.deadline(h.now)).toBeGreaterThan(h.now)
    h.advance(500)
    expect(h.node.stats.sweeps - sweeps).toBeLessThanOrEqual(1)
  })

  it('is bounded per write: what is over comes in the next', () => {
    const h = new Harness({ sessionLogBytes: 10_000_000 })
    const peer = h.connect('ann')
    for (let n = 0; n < 100; n++) h.node.push('ann', 'x', bytes(10_000))
    h.sweep()
    expect(peer.transport.writes.at(-1)?.size).toBeGreaterThanOrEqual(65_536)
    expect(peer.transport.writes.at(-1)?.size).toBeLessThan(65_536 + 33_000)
    h.settle()
    expect(peer.takeOf('push')).toHaveLength(100)
    for (const { size } of peer.transport.writes) expect(size).toBeLessThan(131_072)
  })

  it('of a log never goes before its JOINED or SUBSCRIBED, however much a client of JSON has to be told before', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const writer = h.connect('writer')
    const { log } = h.seat(writer, 'm')
    writer.input(log, 1)
    h.publish('t', 'before')
    h.settle()
    const peer = h.connect('ann', { window: 0 }, jsonCodec)
    // More than one write may take, by the work that they make, and less by far in bytes.
    for (let n = 0; n < 500; n++) h.node.push('ann', 'x', text('1'))
    peer.join('m')
    peer.send({
      type: 'subscribe',
      call: 2,
      topics: [
        {
          topic: 't',
          since: { epoch: 0, at: 0, numbers: [] },
          history: 5,
          conflate: false,
          maxHz: 0,
          policy: 0,
          keys: [],
        },
      ],
    })
    h.settle()
    const order = types(peer.takePackets().flat()).filter((type) => type !== 'push')
    expect(order).toEqual(['joined', 'subscribed', 'frames', 'publications'])
  })

  it('leaves room for live topics beside a long catch-up of frames', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 0, inputBytes: 4_096, inputsPerSecond: 1e6, inputBurst: 255 }, h.now)
    const writer = h.connect('writer')
    const { log } = h.seat(writer, 'm')
    for (let seq = 1; seq <= 200; seq++) {
      writer.input(log, seq, bytes(4_000))
      h.settle()
    }
    const peer = h.connect('ann')
    h.listen(peer, 't')
    peer.join('m')
    h.publish('t', 'live')
    h.sweep()
    const [first = []] = peer.takePackets()
    expect(types(first)).toEqual(['joined', 'frames', 'publications'])
    h.settle()
    expect(framesOf([...first, ...peer.take()]).at(-1)?.number).toBe(202)
  })

  it('over the budget of a sweep waits its turn in the next one, and nobody starves', () => {
    const h = new Harness({ sweepBytes: 20_000 })
    const peers = Array.from({ length: 10 }, (_, n) => h.connect(`u${n}`))
    for (const peer of peers) h.listen(peer, 't')
    for (const peer of peers) peer.transport.writes.length = 0
    // More each sweep than its budget can carry.
    const served: number[] = []
    for (let round = 0; round < 20; round++) {
      h.node.publish('t', bytes(5_000), '', false, h.now)
      h.sweep()
      peers.forEach((peer, n) => {
        served.push(...peer.transport.writes.splice(0).map(() => n))
      })
    }
    const counts = peers.map((_, n) => served.filter((which) => which === n).length)
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(Math.max(...counts) - 1)
    h.settle()
    for (const peer of peers) expect(publicationsOf(peer.take())).toHaveLength(20)
  })

  it('to a connection of many logs takes turns between them', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    for (const topic of ['a', 'b', 'c']) h.listen(peer, topic)
    peer.transport.accepts = false
    h.publish('a', 'x')
    h.settle()
    for (const topic of ['a', 'b', 'c'])
      for (let n = 0; n < 6; n++) h.node.publish(topic, bytes(10_000), '', false, h.now)
    h.settle()
    peer.take()
    peer.drain()
    h.settle()
    const packets = peer.takePackets()
    const logs = packets.map((packet) => packet.map((message) => 'log' in message && message.log))
    expect(new Set(logs.flat().slice(0, 3)).size).toBe(3)
    expect(publicationsOf(packets.flat())).toHaveLength(18)
  })

  it('ends with a GOODBYE behind all that was said before', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    peer.send({ type: 'ping', time: 1 })
    h.node.push('ann', 'x', text('1'))
    h.node.drain(h.now)
    expect(peer.take()).toMatchObject([{ type: 'pong' }, { type: 'push' }, { type: 'goodbye', code: 4454 }])
    expect(peer.closed).toBe(4454)
  })

  it('ends with a GOODBYE though the socket has stopped: it follows what the socket still holds', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    peer.transport.accepts = false
    h.node.push('ann', 'x', text('1'))
    h.settle()
    peer.take()
    peer.send({ type: 'ping', time: 1 })
    h.node.drain(h.now)
    // The pong would have needed credit.
    expect(peer.take()).toMatchObject([{ type: 'goodbye', code: 4454 }])
    expect(peer.closed).toBe(4454)
  })

  it('ends with a GOODBYE though the credit is used up, whatever the reason', () => {
    const reasons: Record<number, (h: Harness, peer: Peer) => void> = {
      4400: (_, peer) => peer.hello('ann'),
      4402: (h) => void h.node.revoke({ user: 'ann' }, 1e15, h.now),
      4404: (h, peer) => h.connect('ann', { session: peer.session }),
      4450: (h) => {
        for (let n = 0; n < 40; n++) h.node.push('ann', 'x', text(`${n}`))
      },
      4451: (h) => h.node.disconnect('ann', 'new rights', false, h.now),
      4453: (_, peer) => {
        for (let n = 0; n < 40; n++) peer.send({ type: 'leave', call: peer.call(), log: 77 })
      },
      4454: (h) => h.node.drain(h.now),
    }
    for (const [code, close] of Object.entries(reasons)) {
      const h = new Harness({ sessionLogEntries: 32, refusalBurst: 4, refusalsPerSecond: 1 })
      const peer = h.connect('ann', { window: 1_000 })
      h.node.push('ann', 'x', bytes(2_000))
      h.settle()
      peer.take()
      expect(peer.connection.hasCredit).toBe(false)
      close(h, peer)
      h.settle()
      expect(peer.take()).toMatchObject([{ type: 'goodbye', code: Number(code) }])
      expect(peer.closed).toBe(Number(code))
    }
  })

  it('is given up where unsent entries of the session log would have to go: SLOW, and nothing after it', () => {
    const h = new Harness({ sessionLogEntries: 10 })
    const peer = h.connect('ann', { window: 1_000 })
    peer.transport.accepts = false
    h.node.push('ann', 'x', text('0'))
    h.settle()
    peer.drain()
    expect(peer.takeOf('push')).toHaveLength(1)
    for (let n = 1; n <= 11; n++) h.node.push('ann', 'x', text(`${n}`))
    // The GOODBYE is written, the entries are not: something before them is lost.
    h.sweep()
    expect(peer.take()).toMatchObject([{ type: 'goodbye', code: 4450 }])
    expect(peer.closed).toBe(4450)
    h.advance(1_000)
    expect(peer.take()).toEqual([])
  })

  it('of a log that would be overwritten before a live reader was offered it goes out first', () => {
    const h = new Harness({ topicPendingEntries: 50, burstFactor: 1 })
    const peer = h.connect('ann')
    h.node.defineTopics('*', { entries: 0, bytes: 0, ageMs: 0 })
    h.listen(peer, 't')
    for (let n = 1; n <= 500; n++) h.publish('t', `${n}`)
    expect(peer.transport.packets.length).toBeGreaterThan(5)
    h.settle()
    const messages = peer.take()
    expect(types(messages)).not.toContain('gap')
    expect(publicationsOf(messages).map(({ number }) => number)).toEqual(
      Array.from({ length: 500 }, (_, n) => n + 1),
    )
  })

  it('of large entries, too, reaches a reader that takes everything, however much comes between two sweeps', () => {
    const h = new Harness()
    const peer = h.connect('ann')
    h.listen(peer, 't')
    for (let n = 1; n <= 100; n++) h.node.publish('t', bytes(30_000), '', false, h.now)
    h.settle()
    const messages = peer.take()
    expect(types(messages)).not.toContain('gap')
    expect(publicationsOf(messages)).toHaveLength(100)
  })

  it('answers a flood of pings from a client that reads nothing by closing, not by keeping their pongs', () => {
    const h = new Harness()
    const peer = h.connect('ann', { window: 1 })
    for (let packet = 0; packet < 100 && peer.closed === null; packet++) {
      peer.send(...Array.from({ length: 1_000 }, (_, n) => ({ type: 'ping', time: n }) as const))
      h.settle()
    }
    expect(peer.closed).toBe(4450)
  })
})
