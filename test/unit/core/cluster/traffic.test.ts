import { describe, expect, it } from 'vitest'
import { Links } from '../../../../src/core/cluster/links.ts'
import { decodeCluster, encodeCluster, type Heartbeat } from '../../../../src/core/cluster/messages.ts'
import { loadOf } from '../../../../src/core/index.ts'
import { Stats } from '../../../../src/core/ground/stats.ts'
import { textPayload } from '../../../../src/testing/index.ts'
import type { Harness } from '../harness.ts'
import { listen } from './topic-readers.ts'
import { settled } from './world.ts'

/* What a node tells the others of itself, and what it counts of the bus. */

const heartbeat: Heartbeat = {
  type: 'heartbeat',
  view: 7,
  id: 'a',
  address: 'ws://a/rtms',
  health: 'http://a/healthz',
  isSettled: true,
  leaves: false,
  isDraining: false,
  load: {
    connections: 1,
    sessions: 2,
    meetings: 3,
    replicas: 4,
    topics: 5,
    busBytesIn: 6,
    busBytesOut: 2 ** 50,
  },
}

describe('A heartbeat', () => {
  it('brings the load of its node, and nothing that is cut short', () => {
    const bytes = encodeCluster(heartbeat)
    expect(decodeCluster(bytes)).toEqual(heartbeat)
    for (let length = 0; length < bytes.length; length++)
      expect(decodeCluster(bytes.subarray(0, length))).toBeNull()
  })

  it('lets every node know how much there is on each', () => {
    const world = settled(3)
    const [a, b, c] = world.nodes as [Harness, Harness, Harness]
    a.connect('ann')
    a.connect('bob')
    world.open(a, 'lobby')
    world.advance(1_000)
    for (const other of [b, c]) {
      const load = other.node.cluster?.peer(a.node.incarnation)?.load
      expect(load).toMatchObject({ connections: 2, sessions: 2, meetings: 1, replicas: 0, topics: 0 })
      expect(load?.busBytesOut).toBeGreaterThan(0)
      expect(load?.busBytesOut).toBeLessThanOrEqual(loadOf(a.node).busBytesOut)
    }
  })
})

describe('The traffic of the bus', () => {
  it('is counted by what it is about, and what one node sends the others receive', () => {
    const world = settled(3)
    const [a, b, c] = world.nodes as [Harness, Harness, Harness]
    const reader = b.connect('ann')
    listen(world, reader, 'news')
    const before = b.node.stats.busIn.get('topics') ?? { messages: 0, bytes: 0 }
    const { messages, bytes } = before
    a.node.publish('news', textPayload('x'.repeat(1_000)), '', false, a.now)
    world.settle()
    const after = b.node.stats.busIn.get('topics')
    expect(after?.messages).toBe(messages + 1)
    expect(after?.bytes).toBeGreaterThan(bytes + 1_000)
    expect(after?.bytes).toBeLessThan(bytes + 1_100)
    expect(a.node.stats.busOut.get('topics')).toEqual(after)
    const sent = (h: Harness): number => h.node.stats.busOut.get('nodes')?.messages ?? 0
    const got = (h: Harness): number => h.node.stats.busIn.get('nodes')?.messages ?? 0
    expect(got(c)).toBeGreaterThan(0)
    // Heartbeats go to two, everything else to one.
    expect(got(a) + got(b) + got(c)).toBeGreaterThan(sent(a) + sent(b) + sent(c))
    expect(a.node.stats.busOut.has('other')).toBe(false)
  })

  it('of another sort is counted as such, and costs nothing else', () => {
    const world = settled(2)
    const [, b] = world.nodes as [Harness, Harness]
    const { strangers } = b.node.stats
    const deaf = { message() {}, sent() {}, down() {}, back() {}, gone() {} }
    world.bus.connect(99, deaf).send(b.node.incarnation, Uint8Array.of(255, 1, 2))
    world.settle()
    expect(b.node.stats.busIn.get('other')).toEqual({ messages: 1, bytes: 3 })
    expect(b.node.stats.strangers).toBe(strangers + 1)
  })

  it('counts each link that breaks', () => {
    const stats = new Stats()
    const host = { put: () => {}, message: () => {}, broken: () => {}, isTaken: () => false }
    const links = new Links(host, stats, { linkBytes: 1_000, linkWindow: 1_000, linkPacket: 100 })
    links.send(2, new Uint8Array(500))
    expect(stats.linksBroken).toBe(0)
    links.send(2, new Uint8Array(500))
    expect(stats.linksBroken).toBe(1)
  })
})
