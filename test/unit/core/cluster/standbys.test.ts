import { describe, expect, it } from 'vitest'
import { decodeDatagram } from '../../../../src/core/cluster/mesh-messages.ts'
import type { Peer } from '../../../../src/core/cluster/peer.ts'
import { Standbys } from '../../../../src/core/cluster/standbys.ts'
import { View } from '../../../../src/core/cluster/view.ts'
import { LEAST_EDGE } from '../../../../src/core/ground/incarnation.ts'

type Told = Partial<Pick<Peer, 'isDraining'>> & { readonly meetings?: number; readonly isSilent?: boolean }

/** A node with meetings that want a standby, and what it knows of the others. */
function nodeOf(self: number, others: ReadonlyMap<number, Told>, names: readonly string[]) {
  const nodes = new View(self)
  for (const node of others.keys()) nodes.meet(node)
  const peers = new Map<number, Peer>()
  for (const [incarnation, { meetings = 20, isDraining = false }] of others) {
    const load = {
      connections: 0,
      sessions: 0,
      meetings,
      replicas: 0,
      topics: 0,
      busBytesIn: 0,
      busBytesOut: 0,
    }
    if (incarnation !== self)
      peers.set(incarnation, { incarnation, heard: 0, load, isDraining, id: 'n', address: '', health: '' })
  }
  const open = new Map(names.map((name) => [name, { name, options: { standby: 1 } }]))
  const kept = new Map<number, string[]>()
  const standbys = new Standbys({
    meetings: () =>
      ({ standbys: open.size, all: () => open.values(), get: (name: string) => open.get(name) }) as never,
    cluster: {
      nodes,
      peers: [...peers.values()],
      peer: (node: number) => peers.get(node),
      isSilent: (node: number) => others.get(node)?.isSilent === true,
    } as never,
    hosting: { of: () => [] },
    put: (node, bytes) => {
      const message = decodeDatagram(bytes)
      if (message?.type !== 'keep') throw new Error('not a KEEP')
      kept.set(node, [...(kept.get(node) ?? []), ...message.meetings.map(({ name }) => name)])
    },
  })
  return { standbys, kept, open }
}

const among = (count: number): Map<number, Told> =>
  new Map(Array.from({ length: count }, (_, n) => [(n + 1) * 7_654_321, {}]))

describe('The standbys of many nodes that choose at once', () => {
  it('are spread over all of them, though each node sees the same loads', () => {
    const others = among(100)
    const held = new Map<number, number>()
    for (const self of others.keys()) {
      const names = Array.from({ length: 20 }, (_, n) => `room.${self}.${n}`)
      const { standbys, kept } = nodeOf(self, others, names)
      standbys.beat()
      for (const [node, all] of kept) held.set(node, (held.get(node) ?? 0) + all.length)
    }
    const counts = [...others.keys()].map((node) => held.get(node) ?? 0)
    expect(counts.reduce((sum, count) => sum + count)).toBe(2_000)
    // 20 on the average.
    expect(Math.max(...counts)).toBeLessThan(50)
    expect(Math.min(...counts)).toBeGreaterThan(2)
  })

  it('are rather where there is less, and never on an edge, a silent node or one that drains', () => {
    const [full, draining, silent, edge, good, empty] = [
      11_000,
      22_000,
      33_000,
      LEAST_EDGE + 5,
      44_000,
      55_000,
    ]
    const others = new Map<number, Told>([
      [full, { meetings: 10_000 }],
      [draining, { isDraining: true }],
      [silent, { isSilent: true }],
      [edge, { meetings: 0 }],
      [good, {}],
      [empty, { meetings: 0 }],
    ])
    const names = Array.from({ length: 300 }, (_, n) => `room.${n}`)
    const { standbys, kept, open } = nodeOf(1, others, names)
    standbys.beat()
    expect([...kept.keys()].every((node) => [full, good, empty].includes(node))).toBe(true)
    const before = new Map([...kept].map(([node, all]) => [node, all.length]))
    const [some = 0, more = 0] = [before.get(good), before.get(empty)]
    expect(before.get(full) ?? 0).toBeLessThan(10)
    expect(some).toBeGreaterThan(100)
    expect(more).toBeGreaterThan(100)
    // They stay where they are, and what has closed is not kept any more.
    for (const name of names.slice(0, 150)) open.delete(name)
    const rest = new Map([...kept].map(([node, all]) => [node, all.filter((name) => open.has(name))]))
    kept.clear()
    standbys.beat()
    expect(kept).toEqual(rest)
  })
})
