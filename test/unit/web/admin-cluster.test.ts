import { describe, expect, it } from 'vitest'
import type { ClusterAnswer, ClusterNode } from '../../../web/src/admin/node/answers.ts'
import { dashboardOf, Moments } from '../../../web/src/admin/numbers/cluster.ts'
import { arc, between, liveliness, placesOf } from '../../../web/src/admin/ring/places.ts'

function node(name: string, parts: Partial<ClusterNode> = {}, busBytesIn = 0, busBytesOut = 0): ClusterNode {
  const load = { connections: 0, sessions: 0, meetings: 0, replicas: 0, topics: 0, busBytesIn, busBytesOut }
  return {
    node: name,
    incarnation: name.length,
    address: '',
    role: 'core',
    status: 'alive',
    heardMs: 0,
    load,
    draining: false,
    ...parts,
  }
}

const seen = (nodes: ClusterNode[], bytes = 0): ClusterAnswer => ({
  faults: false,
  nodes,
  bus: { up: true, traffic: [{ direction: 'in', kind: 'topics', messages: 1, bytes }] },
})

describe('The traffic of a node', () => {
  it('is what its counters rose by in the last five seconds', () => {
    const moments = new Moments()
    const later = node('a', {}, 2_000, 500)
    moments.add(seen([node('a', {}, 7, 7)]), 0)
    moments.add(seen([node('a', {}, 1_000, 100)], 100), 5_000)
    expect(moments.flow(node('a', {}, 1_000, 100))).toEqual({ in: 198.6, out: 18.6 })
    moments.add(seen([later], 350), 6_000)
    expect(moments.flow(later)).toEqual({ in: 1_000, out: 400 })
    expect(moments.speed({ direction: 'in', kind: 'topics', messages: 1, bytes: 350 })).toBe(250)
    expect(moments.speed({ direction: 'out', kind: 'topics', messages: 1, bytes: 50 })).toBe(50)
  })

  it('is unknown of one that is silent, that has told nothing, or that is seen for the first time', () => {
    const moments = new Moments()
    const unknown = { in: null, out: null }
    expect(moments.flow(node('a'))).toEqual(unknown)
    moments.add(seen([node('a'), node('bb', { load: null })]), 0)
    expect(moments.flow(node('a'))).toEqual(unknown)
    moments.add(seen([node('a'), node('bb', { load: null })]), 1_000)
    expect(moments.flow(node('a', { status: 'silent' }))).toEqual(unknown)
    expect(moments.flow(node('bb', { load: null }))).toEqual(unknown)
    expect(moments.flow(node('ccc'))).toEqual(unknown)
  })

  it('begins anew with another run of the node that answers', () => {
    const moments = new Moments()
    moments.add(seen([node('a', { incarnation: 1 })], 900), 0)
    moments.add(seen([node('a', { incarnation: 2 })], 100), 1_000)
    expect(moments.speed({ direction: 'in', kind: 'topics', messages: 1, bytes: 100 })).toBe(null)
  })
})

describe('The dashboard of another node', () => {
  it('is at its address, where that is its own', () => {
    const self = node('a', { status: 'self', address: 'ws://localhost:1/rtms?route=a' })
    const other = node('b', { address: 'ws://localhost:2/rtms?route=b' })
    expect(dashboardOf(other, [self, other])).toBe('http://localhost:2/admin/#/cluster')
    expect(dashboardOf(self, [self, other])).toBe(null)
    const secure = node('b', { address: 'wss://b.example.com/rtms' })
    expect(dashboardOf(secure, [self, secure])).toBe('https://b.example.com/admin/#/cluster')
  })

  it('is nowhere in particular behind a balancer, and for an address that is none', () => {
    const all = ['a', 'b'].map((name) => node(name, { address: `wss://rt.example.com/rtms?route=${name}` }))
    expect(all.map((each) => dashboardOf(each, all))).toEqual([null, null])
    for (const address of ['', 'nowhere', 'javascript:alert(1)', 'http://x/'])
      expect(dashboardOf(node('b', { address }), [])).toBe(null)
  })
})

describe('The picture of the cluster', () => {
  it('keeps all nodes within it and off the bus, on a phone as on a wide screen', () => {
    for (const width of [300, 360, 700, 1_400])
      for (const count of [2, 3, 4, 5, 8, 16, 64]) {
        const { nodes, bus, radius, height } = placesOf(count, width)
        expect(nodes).toHaveLength(count)
        for (const { x, y } of nodes) {
          expect(x - radius).toBeGreaterThanOrEqual(0)
          expect(x + radius).toBeLessThanOrEqual(width)
          expect(y - radius).toBeGreaterThan(0)
          expect(y + radius).toBeLessThan(height)
          expect(Math.hypot(x - bus.x, y - bus.y)).toBeGreaterThan(radius + 34)
        }
      }
  })

  it('names three nodes on a phone, and leaves the names to the table where there are too many', () => {
    expect(placesOf(3, 330).isRoomy).toBe(true)
    expect(placesOf(8, 1_000).isRoomy).toBe(true)
    expect(placesOf(64, 1_000).isRoomy).toBe(false)
  })

  it('draws lines between edges, and arcs for shares', () => {
    expect(between({ x: 0, y: 0 }, 10, { x: 100, y: 0 }, 20)).toEqual([
      { x: 10, y: 0 },
      { x: 80, y: 0 },
    ])
    expect(arc({ x: 0, y: 0 }, 10, 0)).toBe('')
    expect(arc({ x: 0, y: 0 }, 10, 0.25)).toBe('M0 -10A10 10 0 0 1 10 0')
    expect(arc({ x: 0, y: 0 }, 10, 0.75)).toBe('M0 -10A10 10 0 1 1 -10 0')
  })

  it('is livelier by the order of magnitude', () => {
    expect([null, 0, 1, 2_048, 100_000, 1e9].map((bytes) => liveliness(bytes))).toEqual([0, 0, 1, 2, 3, 4])
  })
})
