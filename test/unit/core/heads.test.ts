import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ring } from '../../../src/core/ground/ring.ts'
import { Heads } from '../../../src/core/topic/heads.ts'
import { Publication } from '../../../src/core/topic/publication.ts'
import { Publisher, Publishers } from '../../../src/core/topic/publishers.ts'
import { limits } from '../../../src/protocol/limits.ts'
import { binaryCodec } from '../../../src/protocol/index.ts'
import { text } from './harness.ts'

/** The heads of a topic with its ring, which counts how often an entry is looked at. */
class Rig {
  readonly heads: Heads = new Heads()
  readonly ring: Ring<Publication>
  looked = 0

  constructor(start = 1) {
    this.ring = new Ring(start)
    const get = this.ring.get.bind(this.ring)
    this.ring.get = (position) => {
      this.looked++
      return get(position)
    }
  }

  add(publisher: Publisher, number: number): number {
    const position = this.ring.next
    const lost = this.heads.see(publisher, number, position)
    this.ring.push(new Publication(position, publisher, number, 0, '', false, text(''), 0, lost))
    return lost
  }

  drop(): void {
    this.heads.drop(this.ring.shift())
  }

  before(position: number): Record<number, number> {
    return Object.fromEntries(this.heads.before(position, this.ring))
  }
}

const [a, b, c] = [new Publisher(10, 0), new Publisher(20, 1), new Publisher(30, 2)] as const

describe('The heads of a topic', () => {
  it('say how many entries of a publisher were lost before one, none before its first', () => {
    const { heads } = new Rig()
    expect([heads.of(a), heads.see(a, 7, 1), heads.of(a)]).toEqual([undefined, 0, 7])
    expect([heads.see(a, 8, 2), heads.see(a, 12, 3), heads.see(b, 3, 4), heads.of(a)]).toEqual([0, 3, 0, 12])
  })

  it('say for each position what came before it: of one who came later, the number before its first', () => {
    const rig = new Rig()
    for (const [publisher, number] of [
      [a, 5],
      [b, 1],
      [a, 9],
      [b, 2],
    ] as const)
      rig.add(publisher, number)
    expect([1, 2, 3, 4, 5].map((position) => rig.before(position))).toEqual([
      { 10: 4, 20: 0 },
      { 10: 5, 20: 0 },
      { 10: 5, 20: 1 },
      { 10: 9, 20: 1 },
      { 10: 9, 20: 2 },
    ])
    rig.drop()
    rig.drop()
    expect(rig.before(3)).toEqual({ 10: 5, 20: 1 })
    expect(rig.before(5)).toEqual({ 10: 9, 20: 2 })
  })

  it('are the truth, however long the ring is and whatever it has dropped', () => {
    const given = fc.array(fc.constantFrom(a, b, b, c), { minLength: 1_300, maxLength: 1_700 })
    fc.assert(
      fc.property(
        given,
        fc.integer({ min: 0, max: 1_200 }),
        fc.integer({ min: 1, max: 600 }),
        (sources, drops, start) => {
          const rig = new Rig(start)
          const numbers: Record<number, number> = {}
          const truth: Record<number, number>[] = [{}]
          sources.forEach((source, at) => {
            const number = (numbers[source.incarnation] ?? 0) + 1 + (at % 3)
            numbers[source.incarnation] = number
            rig.add(source, number)
            truth.push({ ...numbers })
          })
          for (let n = 0; n < drops; n++) rig.drop()
          const { first, next } = rig.ring
          const positions = [
            first,
            first + 1,
            next - 1,
            next,
            ...[127, 128, 129, 511, 512, 513, 700, 1_024, 1_100].map((step) => start + step),
          ]
          for (const position of positions.filter((at) => at >= first && at <= next)) {
            // Of a publisher that has not come yet, its first number tells.
            const told = rig.before(position)
            for (const [incarnation, number] of Object.entries(truth[position - start] ?? {}))
              expect([position, incarnation, told[Number(incarnation)]]).toEqual([
                position,
                incarnation,
                number,
              ])
          }
        },
      ),
      { numRuns: 20 },
    )
  })

  it('tell from where a reader of another log goes on: behind all that it has had', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(a, b, c), { minLength: 1, maxLength: 1_500 }),
        fc.nat(1_300),
        fc.integer({ min: 1, max: 1_000 }),
        fc.dictionary(fc.constantFrom('10', '20', '30'), fc.nat(600)),
        (sources, drops, start, had) => {
          const rig = new Rig(start)
          for (const source of sources) rig.add(source, (rig.heads.of(source) ?? 4) + 1)
          for (let n = 0; n < Math.min(drops, sources.length); n++) rig.drop()
          const numbers = new Map(
            Object.entries(had).map(([incarnation, number]) => [Number(incarnation), number]),
          )
          const { first, next } = rig.ring
          const isHad = (source: Publisher, number: number): boolean =>
            number <= (numbers.get(source.incarnation) ?? 0)
          let at = first
          while (at < next && isHad(rig.ring.get(at).source, rig.ring.get(at).number)) at++
          const isKnown = [...numbers.keys()].every((known) =>
            sources.some(({ incarnation }) => incarnation === known),
          )
          const isLost = sources.slice(0, drops).some((source) => {
            const last = sources.slice(0, drops).filter((other) => other === source).length + 4
            return !isHad(source, last)
          })
          // The first numbers of a publisher were never there.
          const lacksFirst = [...numbers.values()].some((number) => number < 4)
          expect(rig.heads.follow(numbers, rig.ring)).toBe(isKnown && !isLost && !lacksFirst ? at : null)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('tell it from the last checkpoint before which all was had, not from the start of the ring', () => {
    const rig = new Rig()
    for (let number = 1; number <= 20_000; number++) rig.add(a, number)
    for (let n = 0; n < 100; n++) rig.drop()
    for (const had of [100, 127, 128, 129, 511, 512, 513, 10_000, 19_999, 20_000]) {
      rig.looked = 0
      expect(rig.heads.follow(new Map([[10, had]]), rig.ring)).toBe(had + 1)
      expect(rig.looked).toBeLessThanOrEqual(129)
    }
  })

  it('are found from the checkpoint before a position, not from the start of the ring', () => {
    const rig = new Rig()
    for (let number = 1; number <= 2_000; number++) rig.add(a, number)
    const cost = (position: number): number => {
      rig.looked = 0
      expect(rig.before(position)).toEqual({ 10: position - 1 })
      return rig.looked
    }
    expect([1, 2, 512, 513, 1_024, 1_030, 2_000, 2_001].map(cost)).toEqual([0, 1, 0, 1, 0, 6, 80, 0])
  })

  it('remember as many publishers as a position can hold, and of those that are forgotten nothing', () => {
    const rig = new Rig()
    const many = Array.from({ length: limits.publishers + 1 }, (_, n) => new Publisher(1_000 + n, n))
    many.slice(0, -1).forEach((publisher) => rig.add(publisher, 1))
    expect(many.filter((publisher) => rig.heads.of(publisher) === 1)).toHaveLength(limits.publishers)
    rig.add(many.at(-1) as Publisher, 1)
    expect(rig.heads.of(many[0] as Publisher)).toBeUndefined()
    expect(many.filter((publisher) => rig.heads.of(publisher) === 1)).toHaveLength(limits.publishers)
    expect(rig.heads.before(rig.ring.first, rig.ring)).toHaveLength(limits.publishers)
    expect(rig.heads.before(rig.ring.next - 1, rig.ring)).toHaveLength(limits.publishers)
    // One of the entries of the forgotten one leaves the ring.
    rig.drop()
    expect(rig.heads.of(many[0] as Publisher)).toBeUndefined()
    expect(rig.add(many[0] as Publisher, 5)).toBe(0)
  })
})

describe('What a node was told of a publisher', () => {
  it('counts as seen and not kept, unless it knows better', () => {
    const rig = new Rig()
    rig.heads.meet(a, 5)
    expect([rig.heads.of(a), rig.before(1)]).toEqual([5, { 10: 5 }])
    expect([rig.add(a, 6), rig.add(a, 8)]).toEqual([0, 1])
    rig.heads.meet(a, 99)
    expect(rig.heads.of(a)).toBe(8)
  })

  it('says whether a reader of another log lacks something', () => {
    const rig = new Rig()
    const follows = (numbers: Record<number, number>): boolean =>
      rig.heads.follow(
        new Map(Object.entries(numbers).map(([key, value]) => [Number(key), value])),
        rig.ring,
      ) !== null
    rig.heads.meet(a, 5)
    rig.add(b, 3)
    expect([follows({}), follows({ 10: 5 }), follows({ 10: 4 }), follows({ 10: 5, 20: 2 })]).toEqual([
      true,
      true,
      false,
      true,
    ])
    // Of a publisher that this log knows nothing of, nobody can say.
    expect(follows({ 10: 5, 30: 1 })).toBe(false)
    rig.add(a, 6)
    rig.drop()
    // The entry of the other one is gone: only who has had it lacks nothing.
    expect([follows({ 10: 5 }), follows({ 10: 5, 20: 2 }), follows({ 10: 5, 20: 3 })]).toEqual([
      false,
      false,
      true,
    ])
  })

  it('is forgotten once it has gone and nothing of it is kept', () => {
    const known = (isThere: number[], keeps: Publisher[], drops: number): number[] => {
      const rig = new Rig()
      rig.add(b, 1)
      rig.add(a, 1)
      for (let n = 0; n < drops; n++) rig.drop()
      rig.heads.retire(
        (incarnation) => isThere.includes(incarnation),
        (publisher) => keeps.includes(publisher),
      )
      return Object.keys(rig.before(3)).map(Number)
    }
    expect(known([10], [], 1)).toEqual([10])
    expect(known([10], [], 0)).toEqual([10, 20])
    expect(known([10, 20], [], 1)).toEqual([10, 20])
    expect(known([10], [b], 1)).toEqual([10, 20])
    expect(known([20], [], 1)).toEqual([10, 20])
    const alone = new Rig()
    alone.add(a, 1)
    alone.drop()
    alone.heads.retire(
      () => false,
      () => false,
    )
    expect(alone.heads.of(a)).toBe(1)
  })

  it('is remembered where another node, which was not heard, tells of its last entries yet', () => {
    const rig = new Rig()
    const retire = (): void =>
      rig.heads.retire(
        (incarnation) => incarnation === a.incarnation,
        () => false,
      )
    rig.add(b, 16)
    rig.add(a, 1)
    rig.drop()
    retire()
    expect([rig.before(3), rig.heads.of(b)]).toEqual([{ 10: 1 }, 16])
    // Readers of other logs go on, whether they have heard of it or not, unless they lack one of its entries.
    const follow = (numbers: [number, number][]): number | null =>
      rig.heads.follow(new Map(numbers), rig.ring)
    expect([
      follow([[10, 1]]),
      follow([
        [10, 1],
        [20, 16],
      ]),
      follow([
        [10, 1],
        [20, 15],
      ]),
    ]).toEqual([3, 3, null])
    expect([rig.add(b, 22), rig.before(4)]).toEqual([5, { 10: 1, 20: 22 }])
    // The last four that were retired.
    for (let n = 0; n < 5; n++) rig.add(new Publisher(100 + n, 5 + n), 7)
    while (rig.ring.size > 0) rig.drop()
    retire()
    expect([rig.heads.of(b), rig.before(rig.ring.next)]).toEqual([undefined, { 10: 1 }])
    const known = [100, 101, 102, 103, 104].map(
      (incarnation) =>
        follow([
          [10, 1],
          [incarnation, 7],
        ]) !== null,
    )
    expect(known).toEqual([false, true, true, true, true])
  })
})

describe('The publishers that a node knows', () => {
  it('are numbered as they come, the node itself first; a full table takes no new one', () => {
    const publishers = new Publishers(7)
    expect([publishers.size, publishers.own, publishers.of(7)]).toEqual([
      1,
      { incarnation: 7, number: 0 },
      publishers.own,
    ])
    const one = publishers.of(100)
    expect([one, publishers.of(100), publishers.of(200)?.number]).toEqual([
      { incarnation: 100, number: 1 },
      one,
      2,
    ])
    for (let n = 3; n < limits.nodePublishers; n++) publishers.of(1_000 + n)
    expect([publishers.size, publishers.of(5), publishers.of(100)]).toEqual([
      limits.nodePublishers,
      null,
      one,
    ])
  })

  it('are told from the one that a connection does not know on, in one message for all that know the same', () => {
    const publishers = new Publishers(7)
    for (const incarnation of [8, 9]) publishers.of(incarnation)
    const told = (from: number): unknown =>
      binaryCodec.decode(publishers.messageFrom(from).binary, 'server')[0]
    expect(told(1)).toEqual({
      type: 'publishers',
      first: 1,
      publishers: [{ publisher: 8 }, { publisher: 9 }],
    })
    expect(publishers.messageFrom(1)).toBe(publishers.messageFrom(1))
    expect(told(2)).toEqual({ type: 'publishers', first: 2, publishers: [{ publisher: 9 }] })
    publishers.of(10)
    expect(told(2)).toEqual({
      type: 'publishers',
      first: 2,
      publishers: [{ publisher: 9 }, { publisher: 10 }],
    })
    expect(told(1)).toMatchObject({ first: 1, publishers: { length: 3 } })
  })
})
