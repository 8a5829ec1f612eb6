import { describe, expect, it } from 'vitest'
import { Links, type LinkLimits, linkLimits } from '../../../../src/core/cluster/links.ts'
import { Stats } from '../../../../src/core/ground/stats.ts'
import { Random } from '../../../../src/testing/index.ts'

const BROKEN = 'broken'

/** Two nodes; what they put on the bus waits until it is carried or lost. */
class Pair {
  readonly heard: [string[], string[]] = [[], []]
  readonly bus: [Uint8Array[], Uint8Array[]] = [[], []]
  readonly stats: Stats = new Stats()
  readonly links: readonly [Links, Links]
  isTaken = false

  constructor(limits: Partial<LinkLimits> = {}) {
    const make = (self: 0 | 1): Links =>
      new Links(
        {
          put: (to, bytes) => {
            expect(to).toBe(2 - self)
            this.bus[self].push(bytes)
          },
          message: (from, bytes) => {
            expect(from).toBe(2 - self)
            this.heard[self].push(String(bytes[0]))
          },
          broken: () => this.heard[self].push(BROKEN),
          isTaken: () => this.isTaken,
        },
        this.stats,
        { ...linkLimits, ...limits },
      )
    this.links = [make(0), make(1)]
  }

  say(self: 0 | 1, what: number, size = 1): void {
    this.links[self].send(2 - self, new Uint8Array(size).fill(what))
  }

  /**
   * Sweeps both and carries what they put on the bus; `lost` decides about each packet. Returns the number of packets.
   */
  step(lost: () => boolean = () => false): number {
    let count = 0
    for (const self of [0, 1] as const) {
      if (this.links[self].hasWork) this.links[self].sweep(0)
      const packets = this.bus[self].splice(0)
      count += packets.length
      for (const packet of packets) if (!lost()) this.links[1 - self]?.handle(self + 1, packet, 0)
    }
    return count
  }

  beat(): void {
    for (const each of this.links) each.beat()
  }

  settle(): void {
    for (let beats = 0; beats < 40; beats++) {
      while (this.step() > 0);
      for (const each of this.links) each.confirm()
      this.beat()
    }
  }
}

const always = (): boolean => true

describe('A link between two nodes', () => {
  it('carries messages once and in order, whenever there is time for them and whatever is lost', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new Random(seed)
      const pair = new Pair({ linkWindow: 20 * 201, linkPacket: 600 })
      for (let n = 0; n < 200; n++) {
        pair.say(n % 3 === 0 ? 1 : 0, n)
        pair.isTaken = random.chance(0.5)
        pair.step(() => random.chance(0.2))
        if (n % 10 === 0) pair.beat()
      }
      pair.isTaken = false
      pair.settle()
      const numbers = Array.from({ length: 200 }, (_, n) => n)
      expect(pair.heard).toEqual([
        numbers.filter((n) => n % 3 === 0).map(String),
        numbers.filter((n) => n % 3 !== 0).map(String),
      ])
      expect(pair.stats.linksBroken).toBe(0)
    }
  })

  it('carries messages in order, several in a packet, and confirms them in one', () => {
    const pair = new Pair()
    for (let n = 1; n <= 5; n++) pair.say(0, n)
    expect(pair.step()).toBe(1)
    expect(pair.heard).toEqual([[], ['1', '2', '3', '4', '5']])
    expect([pair.links[1].isOwing, pair.step()]).toEqual([true, 0])
    pair.links[1].confirm()
    expect([pair.step(), pair.links[0].bytes, pair.links[1].isOwing]).toEqual([1, 0, false])
    expect(pair.step()).toBe(0)
    pair.beat()
    expect(pair.links[0].hasWork).toBe(false)
  })

  it('confirms with what is said next, or at once where a quarter of the window has come', () => {
    const pair = new Pair({ linkWindow: 4 * 5 * 201 })
    pair.say(0, 1)
    pair.step()
    pair.say(1, 2)
    pair.step()
    expect([pair.links[0].bytes, pair.links[1].isOwing, pair.links[0].isOwing]).toEqual([0, false, true])
    for (let n = 1; n <= 4; n++) pair.say(0, n)
    expect([pair.step(), pair.links[1].hasWork]).toEqual([1, false])
    pair.say(0, 5)
    expect([pair.step(), pair.links[0].bytes]).toEqual([2, 0])
  })

  it('sends again at the second beat what was lost, and at once what the other node misses', () => {
    const pair = new Pair()
    pair.say(0, 1)
    pair.step(always)
    pair.say(0, 2)
    expect(pair.step()).toBe(2)
    expect(pair.heard[1]).toEqual([])
    pair.step()
    expect(pair.heard[1]).toEqual(['1', '2'])
    pair.settle()

    pair.say(0, 3)
    pair.step(always)
    pair.beat()
    expect(pair.links[0].hasWork).toBe(false)
    pair.beat()
    pair.step()
    expect(pair.heard[1]).toEqual(['1', '2', '3'])
  })

  it('is not broken by a node that confirms what was never sent', () => {
    const pair = new Pair()
    pair.say(0, 1)
    pair.settle()
    // Epoch 2, expecting message 5.
    pair.links[0].handle(2, new Uint8Array([0x6c, 2, 5, 0, 7]), 0)
    expect([pair.stats.strangers, pair.stats.linksBroken]).toEqual([1, 0])
    pair.say(0, 2)
    pair.settle()
    expect(pair.heard).toEqual([[], ['1', '2']])
  })

  it('sends again what was under way when the bus went down', () => {
    const pair = new Pair()
    pair.say(0, 1)
    pair.step(always)
    pair.links[0].up()
    pair.step()
    expect(pair.heard[1]).toEqual(['1'])
  })

  it('has no more under way than its window, and one packet with each beat to a node that says nothing', () => {
    const pair = new Pair({ linkWindow: 6_000, linkPacket: 1_000 })
    for (let n = 1; n <= 50; n++) pair.say(0, n, 100)
    pair.links[0].sweep(0)
    // 300 bytes are charged for each, so 20 of them fill the window, and 10 a packet.
    expect(pair.bus[0].splice(0)).toHaveLength(2)
    for (let beats = 0; beats < 5; beats++) {
      pair.beat()
      pair.links[0].sweep(0)
      expect(pair.bus[0].splice(0)).toHaveLength(beats === 0 ? 0 : 1)
    }
    pair.settle()
    expect(pair.heard[1]).toEqual(Array.from({ length: 50 }, (_, at) => String(at + 1)))
  })

  it('breaks when too much waits; both nodes hear of it once, and go on', () => {
    const pair = new Pair({ linkBytes: 2_000 })
    pair.say(1, 7)
    for (let n = 1; n <= 10; n++) pair.say(0, n)
    expect(pair.links[0].bytes).toBe(0)
    pair.say(0, 11)
    pair.settle()
    expect(pair.heard).toEqual([[BROKEN], [BROKEN, '11']])
    pair.say(1, 8)
    pair.settle()
    expect(pair.heard[0]).toEqual([BROKEN, '8'])
    expect(pair.links[0].hasWork).toBe(false)
  })

  it('tells the other node that it broke though nothing more is said, and the first word of that was lost', () => {
    const pair = new Pair({ linkBytes: 1_000 })
    pair.say(1, 1)
    pair.settle()
    for (let n = 1; n <= 5; n++) pair.say(0, n)
    pair.step(always)
    pair.settle()
    expect(pair.heard).toEqual([['1', BROKEN], [BROKEN]])
  })

  it('refuses what is no packet, and what confirms messages that were never sent', () => {
    const pair = new Pair()
    for (const bytes of [
      [],
      [0x6c],
      [0x6c, 0, 1, 0, 1],
      [0x6c, 1, 0, 0, 1],
      [0x6c, 1, 1, 4, 1],
      [0x6c, 1, 1, 0, 0],
    ])
      pair.links[0].handle(2, Uint8Array.from(bytes), 0)
    pair.links[0].handle(2, Uint8Array.from([0x6c, 1, 2, 0, 1]), 0)
    pair.links[0].handle(2, Uint8Array.from([0x6c, 1, 1, 0, 1, 9, 1]), 0)
    expect(pair.stats.strangers).toBe(8)
    expect(pair.heard).toEqual([[], []])
  })

  it('forgets a node that has ended', () => {
    const pair = new Pair()
    pair.say(0, 1)
    pair.say(1, 2)
    pair.links[1].sweep(0)
    for (const packet of pair.bus[1].splice(0)) pair.links[0].handle(2, packet, 0)
    pair.links[0].gone(2)
    expect([pair.links[0].bytes, pair.links[0].hasWork, pair.links[0].isOwing]).toEqual([0, false, false])
  })

  it('loses, doubles and swaps nothing between two breaks, whatever the bus loses', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = new Random(seed)
      const pair = new Pair({ linkBytes: random.int(1_500, 20_000), linkWindow: 1_000, linkPacket: 500 })
      let lost = 0
      /** What each node said, with a mark where it was told of a break. */
      const said: [string[], string[]] = [[], []]
      for (let n = 0; n < 120; n++) {
        if (random.chance(0.1)) lost = random.chance(0.5) ? 0 : random.int(1, 10) / 10
        for (const self of [0, 1] as const)
          for (let more = random.int(0, 3); more > 0; more--) {
            said[self].push(String(n))
            pair.say(self, n, random.int(1, 200))
          }
        pair.step(() => random.chance(lost))
        if (random.chance(0.3)) pair.beat()
        if (random.chance(0.05)) for (const each of pair.links) each.up()
      }
      pair.settle()
      for (const self of [0, 1] as const) {
        // Each stretch between breaks is a stretch of what was said, in order, and the last one goes to its end.
        const stretches = pair.heard[self].join(' ').split(BROKEN)
        const all = ` ${(said[1 - self] as string[]).join(' ')} `
        let from = 0
        for (const stretch of stretches) {
          const words = stretch.trim()
          if (words === '') continue
          const at = all.indexOf(` ${words} `, from)
          expect(at, `seed ${seed}: ${words} in ${all}`).toBeGreaterThanOrEqual(0)
          from = at + words.length
        }
        expect(pair.links[self].bytes).toBe(0)
        if (stretches.length === 1) expect(pair.heard[self]).toEqual(said[1 - self])
      }
      expect(pair.heard[0].filter((word) => word === BROKEN).length).toBeLessThan(120)
    }
  })
})
