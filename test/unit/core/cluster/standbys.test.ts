import { describe, expect, it } from 'vitest'
import { decodeDatagram } from '../../../../src/core/cluster/datagrams.ts'
import type { Peer } from '../../../../src/core/cluster/peer.ts'
import { Standbys } from '../../../../src/core/cluster/standbys.ts'
import { View } from '../../../../src/core/cluster/view.ts'
import { LEAST_EDGE } from '../../../../src/core/ground/incarnation.ts'

type Told = Partial<Pick<Peer, 'isDraining'>> & { readonly meetings?: number; readonly isSilent?: boolean }

/** A node with meetings that want a standby, and what it knows of the others. */
function nodeOf(
  self: number,
  others: Map<number, Told>,
  names: readonly string[],
  guests: Readonly<Record<string, readonly { readonly node: number; readonly isConnected: boolean }[]>> = {},
) {
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
    hosting: { of: ({ name }: { readonly name: string }) => guests[name] ?? [] } as never,
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

describe('A node that keeps copies of a meeting', () => {
  const [one, two, three] = [11_000, 22_000, 33_000]
  const threeOthers = (): Map<number, Told> => new Map([one, two, three].map((node) => [node, {}]))

  /** Where each meeting is kept after a beat. */
  function beat({ standbys, kept }: ReturnType<typeof nodeOf>): Record<string, number> {
    kept.clear()
    standbys.beat()
    return Object.fromEntries([...kept].flatMap(([node, names]) => names.map((name) => [name, node])))
  }

  it('is one that has a copy anyway and is heard', () => {
    const guests = {
      a: [
        { node: one, isConnected: false },
        { node: two, isConnected: true },
      ],
      b: [{ node: three, isConnected: true }],
    }
    expect(beat(nodeOf(1, threeOthers(), ['a', 'b'], guests))).toEqual({ a: two, b: three })
    const others = threeOthers().set(two, { isSilent: true }).set(three, { isDraining: true })
    expect(beat(nodeOf(1, others, ['a', 'b'], guests))).toEqual({ a: one, b: one })
  })

  it('is another one once it cannot be any more, and none where there is none', () => {
    const others = threeOthers()
    const names = Array.from({ length: 40 }, (_, n) => `m${n}`)
    const desk = nodeOf(1, others, names)
    const before = beat(desk)
    expect(new Set(Object.values(before))).toEqual(new Set([one, two, three]))
    others.set(two, { isSilent: true })
    const after = beat(desk)
    for (const name of names)
      if (before[name] === two) expect([one, three]).toContain(after[name])
      else expect(after[name]).toBe(before[name])
    others.set(one, { isSilent: true }).set(three, { isSilent: true })
    expect(beat(desk)).toEqual({})
    others.set(three, {})
    expect(new Set(Object.values(beat(desk)))).toEqual(new Set([three]))
  })

  it('is told of a batch of names at a time, and of none once no meeting wants a copy', () => {
    const names = Array.from({ length: 1_500 }, (_, n) => `m${n}`)
    const desk = nodeOf(1, new Map([[one, {}]]), names)
    expect(Object.keys(beat(desk))).toEqual(names)
    for (const name of names) desk.open.delete(name)
    expect(beat(desk)).toEqual({})
    for (const name of names.slice(0, 3)) desk.open.set(name, { name, options: { standby: 1 } })
    desk.open.set('plain', { name: 'plain', options: { standby: 0 } })
    expect(Object.keys(beat(desk))).toEqual(names.slice(0, 3))
  })

  it('counts what it keeps already, until that has ended', () => {
    const others = new Map<number, Told>([one, two].map((node) => [node, { meetings: 0 }]))
    const first = Array.from({ length: 30 }, (_, n) => `first ${n}`)
    // All of these are at one of the two.
    const guests = Object.fromEntries(first.map((name) => [name, [{ node: one, isConnected: true }]]))
    const desk = nodeOf(1, others, first, guests)
    beat(desk)
    const later = Array.from({ length: 20 }, (_, n) => `later ${n}`)
    for (const name of later) desk.open.set(name, { name, options: { standby: 1 } })
    const kept = beat(desk)
    expect(later.filter((name) => kept[name] === two)).toHaveLength(20)
    for (const name of [...first, ...later.slice(1)]) desk.open.delete(name)
    beat(desk)
    for (const name of later)
      desk.open.set(`again ${name}`, { name: `again ${name}`, options: { standby: 1 } })
    const again = Object.values(beat(desk))
    expect(again.filter((node) => node === one).length).toBeGreaterThan(5)
    expect(again.filter((node) => node === two).length).toBeGreaterThan(5)
  })
})
