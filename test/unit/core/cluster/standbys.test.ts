import { describe, expect, it } from 'vitest'
import { decodeDatagram } from '../../../../src/core/cluster/mesh-messages.ts'
import type { Peer } from '../../../../src/core/cluster/peer.ts'
import { Standbys, type StandbysHost } from '../../../../src/core/cluster/standbys.ts'
import type { NodeLoad } from '../../../../src/core/index.ts'
import { load } from './rig.ts'

interface Node extends Pick<Peer, 'incarnation' | 'isDraining' | 'load'> {
  isSilent: boolean
}

/** The standbys of a node with so many meetings, and the others as they are set. */
class Desk {
  readonly nodes: Node[] = []
  meetings: string[] = []
  /** How many times somebody looked at what a node has. */
  looks = 0
  /** Nodes that have a replica anyway, by meeting. */
  readonly guests: Map<string, { node: number; isConnected: boolean }[]> = new Map()
  /** The meetings that each node is to keep, as it was told with the last beat. */
  told: Map<number, string[]> = new Map()
  readonly #standbys: Standbys

  constructor(nodes: readonly number[], meetings: number) {
    for (const incarnation of nodes) this.add(incarnation)
    this.meetings = Array.from({ length: meetings }, (_, n) => `m${n}`)
    const owner = (name: string) => ({ name, options: { standby: 1 } })
    this.#standbys = new Standbys({
      meetings: () => ({
        standbys: this.meetings.length,
        all: () => this.meetings.map((name) => owner(name)),
        get: (name: string) => (this.meetings.includes(name) ? owner(name) : undefined),
      }),
      cluster: {
        peers: this.nodes,
        peer: (node: number) => this.nodes.find(({ incarnation }) => incarnation === node),
        isSilent: (node: number) => this.nodes.some((each) => each.incarnation === node && each.isSilent),
      },
      hosting: { of: ({ name }: { name: string }) => this.guests.get(name) ?? [] },
      put: (node: number, bytes: Uint8Array) => this.#note(node, bytes),
    } as unknown as StandbysHost)
  }

  add(incarnation: number, has: Partial<NodeLoad> = {}): Node {
    const look = (): void => void this.looks++
    const node = {
      incarnation,
      isDraining: false,
      isSilent: false,
      get load() {
        look()
        return { ...load, meetings: 0, replicas: 0, ...has }
      },
    }
    this.nodes.push(node)
    return node
  }

  #note(node: number, bytes: Uint8Array): void {
    const keep = decodeDatagram(bytes)
    if (keep?.type !== 'keep') throw new Error('not a KEEP')
    this.told.set(node, [...(this.told.get(node) ?? []), ...keep.meetings.map(({ name }) => name)])
  }

  beat(): Record<number, number> {
    this.told = new Map()
    this.#standbys.beat()
    return Object.fromEntries(Array.from(this.told, ([node, names]) => [node, names.length]))
  }
}

describe('The nodes that keep copies of meetings', () => {
  it('have as many each, with what they have besides, and stay the same', () => {
    const desk = new Desk([1, 2], 60)
    desk.add(3, { meetings: 20, replicas: 10 })
    expect(desk.beat()).toEqual({ 1: 30, 2: 30 })
    const before = desk.told
    expect(desk.beat()).toEqual({ 1: 30, 2: 30 })
    expect(desk.told).toEqual(before)
    desk.meetings = [...desk.meetings, ...Array.from({ length: 12 }, (_, n) => `later ${n}`)]
    expect(desk.beat()).toEqual({ 1: 34, 2: 34, 3: 4 })
  })

  it('are chosen anew where one cannot be any more: all its meetings in one beat, with one look at each node', () => {
    const desk = new Desk([1, 2, 3], 3_000)
    expect(desk.beat()).toEqual({ 1: 1_000, 2: 1_000, 3: 1_000 })
    expect(desk.looks).toBeLessThan(20)
    ;(desk.nodes[0] as Node).isSilent = true
    desk.looks = 0
    expect(desk.beat()).toEqual({ 2: 1_500, 3: 1_500 })
    expect(desk.looks).toBeLessThan(20)
    ;(desk.nodes as { isDraining: boolean }[])[1]!.isDraining = true
    expect(desk.beat()).toEqual({ 3: 3_000 })
    ;(desk.nodes[2] as Node).isSilent = true
    expect(desk.beat()).toEqual({})
  })

  it('are those that have a copy anyway, and not one that is silent', () => {
    const desk = new Desk([1, 2], 2)
    desk.guests.set('m0', [
      { node: 1, isConnected: false },
      { node: 2, isConnected: true },
    ])
    desk.guests.set('m1', [{ node: 2, isConnected: true }])
    expect(desk.beat()).toEqual({ 2: 2 })
    ;(desk.nodes[1] as Node).isSilent = true
    expect(desk.beat()).toEqual({ 1: 2 })
  })

  it('are told a batch of names at a time, and nothing where no meeting wants one', () => {
    const desk = new Desk([1], 1_500)
    expect(desk.beat()).toEqual({ 1: 1_500 })
    desk.meetings = []
    expect(desk.beat()).toEqual({})
    // Chosen anew, by what there is then.
    desk.add(2)
    desk.meetings = ['m0', 'm1']
    expect(desk.beat()).toEqual({ 1: 1, 2: 1 })
  })

  it('forget a meeting that has ended', () => {
    const desk = new Desk([1, 2], 2)
    expect(desk.beat()).toEqual({ 1: 1, 2: 1 })
    desk.meetings = ['m1']
    desk.beat()
    desk.meetings = ['m1', 'm2', 'm3']
    expect(desk.beat()).toEqual({ 1: 2, 2: 1 })
  })
})
