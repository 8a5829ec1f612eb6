import { describe, expect, it } from 'vitest'
import { linked, LinkParts } from '../../../../src/core/cluster/link-messages.ts'
import { Stats } from '../../../../src/core/ground/stats.ts'
import { Timers } from '../../../../src/core/ground/timers.ts'

/** Nodes 1 and 2; what they put on the bus waits until it is carried or lost. */
class Pair {
  readonly timers: readonly [Timers, Timers] = [new Timers(), new Timers()]
  readonly stats: Stats = new Stats()
  readonly met: readonly [Set<number>, Set<number>] = [new Set([2]), new Set([1])]
  readonly heard: string[] = []
  readonly bus: { to: number; bytes: Uint8Array }[] = []
  readonly nodes: readonly [LinkParts, LinkParts]

  constructor() {
    const make = (self: 0 | 1): LinkParts => {
      const parts = new LinkParts(this.timers[self], this.stats, {
        put: (to, bytes) => this.bus.push({ to, bytes }),
        isThere: (node) => this.met[self].has(node),
        isTaken: () => false,
      })
      for (const [name, code] of Object.entries(linked))
        parts.add(code, {
          message: (from, bytes) => this.heard.push(`${name} ${from} ${bytes[1]}`),
          broken: (node) => this.heard.push(`${name} ${node} broken`),
        })
      return parts
    }
    this.nodes = [make(0), make(1)]
  }

  /** Returns the number of packets. */
  carry(isLost = false): number {
    for (const node of this.nodes) node.sweep(0)
    const packets = this.bus.splice(0)
    for (const { to, bytes } of packets) if (!isLost) this.nodes[(to - 1) as 0 | 1].handle(3 - to, bytes, 0)
    return packets.length
  }

  beat(times: number): void {
    for (let n = 1; n <= times; n++) {
      for (const timers of this.timers) timers.run(n * 500)
      this.carry()
      this.carry()
    }
  }
}

describe('The parts of a node that talk over links', () => {
  it('each hear what is for them, and a message for none is counted as a stranger', () => {
    const pair = new Pair()
    for (const code of [1, 2, 3, 9]) pair.nodes[0].send(2, Uint8Array.of(code, 40 + code))
    pair.carry()
    expect(pair.heard).toEqual(['mesh 1 41', 'questions 1 42', 'homes 1 43'])
    expect(pair.stats.strangers).toBe(1)
  })

  it('are sent again what was lost, and a node whose messages are all confirmed has no timer', () => {
    const pair = new Pair()
    pair.nodes[0].send(2, Uint8Array.of(1, 7))
    pair.carry(true)
    expect(pair.timers[0].size).toBe(1)
    // The third carries the confirmation, which has waited for a message to go with.
    pair.beat(4)
    expect(pair.heard).toEqual(['mesh 1 7'])
    expect(pair.timers.map(({ size }) => size)).toEqual([0, 0])
    expect(pair.nodes[0].bytes).toBe(0)
  })

  it('confirm what has come 20 ms later where they have nothing to say, and not again where they had', () => {
    const pair = new Pair()
    pair.nodes[0].send(2, Uint8Array.of(1, 7))
    expect(pair.carry()).toBe(1)
    expect([pair.nodes[0].bytes > 0, pair.timers[1].next]).toEqual([true, 20])
    pair.timers[1].run(20)
    expect([pair.carry(), pair.nodes[0].bytes]).toEqual([1, 0])

    pair.nodes[0].send(2, Uint8Array.of(1, 8))
    pair.carry()
    pair.nodes[1].send(1, Uint8Array.of(1, 9))
    expect([pair.carry(), pair.nodes[0].bytes]).toEqual([1, 0])
    pair.timers[1].run(40)
    expect([pair.nodes[1].hasWork, pair.carry()]).toEqual([false, 0])
  })

  it('hear nothing of a node that is not there, until it is met', () => {
    const pair = new Pair()
    pair.met[1].clear()
    for (const code of [1, 2]) pair.nodes[0].send(2, Uint8Array.of(code, 40 + code))
    pair.carry()
    pair.beat(2)
    expect(pair.heard).toEqual([])
    pair.met[1].add(1)
    pair.beat(3)
    expect(pair.heard).toEqual(['mesh 1 41', 'questions 1 42'])
  })

  it('keep nothing for a node that is not there', () => {
    const pair = new Pair()
    pair.nodes[0].send(3, Uint8Array.of(1, 7))
    expect([pair.nodes[0].hasWork, pair.nodes[0].bytes]).toEqual([false, 0])
  })

  it('are all told when a link breaks', () => {
    const pair = new Pair()
    for (let n = 0; n < 18; n++) pair.nodes[0].send(2, new Uint8Array(1_000_000).fill(1))
    pair.carry()
    expect(pair.heard).toContain('mesh 2 broken')
    expect(pair.heard).toContain('homes 2 broken')
  })
})
