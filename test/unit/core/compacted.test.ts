import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixedLimits } from '../../../src/core/ground/config.ts'
import { Compacted } from '../../../src/core/topic/compacted.ts'
import { Publication } from '../../../src/core/topic/publication.ts'
import { Publisher } from '../../../src/core/topic/publishers.ts'
import { text } from './harness.ts'

const sources = [new Publisher(10, 0), new Publisher(20, 1)] as const

interface Forgotten {
  readonly key: string
  readonly position: number
}

/** What a compacted log must know, told from its whole history. */
class Model {
  readonly ring: Publication[] = []
  readonly dropped: Publication[] = []
  /** The latest entries, oldest first. */
  latest: Publication[] = []
  /** All that was ever forgotten, in order. */
  readonly forgotten: Forgotten[] = []
  /** Keys that are remembered only together, by their highest positions. */
  readonly blurred: Set<string> = new Set()
  /** Forgotten keys that are remembered each, oldest first. */
  #known: string[] = []

  get(key: string): Publication | undefined {
    return this.latest.find((entry) => entry.key === key)
  }

  put(entry: Publication): Publication | null {
    this.ring.push(entry)
    const current = this.get(entry.key)
    if (current !== undefined) {
      const isOlder =
        entry.stamp < current.stamp ||
        (entry.stamp === current.stamp && entry.source.incarnation < current.source.incarnation)
      if (isOlder) return null
    }
    this.latest = [...this.latest.filter((each) => each !== current), entry]
    this.#known = this.#known.filter((key) => key !== entry.key)
    return current ?? null
  }

  forget(which: (entry: Publication) => boolean): Publication | null {
    const found = this.latest.find(which)
    if (found === undefined) return null
    const { key, position } = found
    this.latest = this.latest.filter((entry) => entry !== found)
    this.forgotten.push({ key, position })
    this.#known.push(key)
    if (this.#known.length > fixedLimits.forgottenKeys) this.blurred.add(this.#known.shift() as string)
    return found
  }

  drop(): Publication | undefined {
    const entry = this.ring.shift()
    if (entry !== undefined) this.dropped.push(entry)
    return entry
  }

  hasDropped(keys: ReadonlySet<string>, from: number): boolean {
    return this.dropped.some(({ key, position }) => keys.has(key) && position >= from)
  }

  hasForgotten(keys: ReadonlySet<string> | null, from: number): boolean {
    return this.forgotten.some(
      ({ key, position }) =>
        position >= from && (keys === null || (keys.has(key) && this.get(key) === undefined)),
    )
  }

  hasChanged(keys: ReadonlySet<string>, from: number): boolean {
    return (
      this.latest.some(({ key, position }) => keys.has(key) && position >= from) ||
      this.hasForgotten(keys, from)
    )
  }
}

/** A compacted log beside its model: every answer is compared. */
class Both {
  readonly compacted: Compacted = new Compacted()
  readonly model: Model = new Model()
  position = 0
  /** The most entries that it has held. */
  #most = 0

  put(key: string, tombstone: boolean, stamp: number, source: Publisher = sources[0]): void {
    this.position++
    const data = text('x'.repeat(this.position % 7))
    const entry = new Publication(this.position, source, 1, stamp, key, tombstone, data, 0, 0)
    const before = this.model.get(key)
    expect(this.compacted.put(entry)).toBe(this.model.put(entry))
    this.#most = Math.max(this.#most, this.model.latest.length)
    const isLatest = this.model.get(key) === entry
    expect(entry.slot >= 0).toBe(isLatest)
    if (isLatest && before !== undefined) expect(before.slot).toBe(-1)
  }

  /** Removes a key, and forgets it. */
  remove(key: string): void {
    this.position++
    this.#most = Math.max(this.#most, this.model.latest.length + 1)
    const entry = new Publication(this.position, sources[0], 1, this.position, key, true, text(''), 0, 0)
    for (const of of [this.compacted, this.model]) {
      of.put(entry)
      of.forget(({ tombstone }) => tombstone)
    }
  }

  forget(): void {
    expect(this.compacted.forget()).toBe(this.model.forget(({ tombstone }) => tombstone))
  }

  forgetOldest(): void {
    const forgotten = this.compacted.forgetOldest()
    expect(forgotten).toBe(this.model.forget(() => true))
    if (forgotten !== null) expect(forgotten.slot).toBe(-1)
  }

  drop(): void {
    const entry = this.model.drop()
    if (entry !== undefined) this.compacted.drop(entry)
  }

  /** What it holds. */
  check(keys: readonly string[]): void {
    const { compacted, model } = this
    expect(compacted.latest()).toEqual(model.latest.filter(({ tombstone }) => !tombstone))
    expect(compacted.size).toBe(model.latest.filter(({ key }) => key !== '').length)
    for (const key of keys) {
      const entry = model.get(key)
      expect(compacted.get(key)).toBe(entry)
      expect(compacted.has(key)).toBe(entry !== undefined)
      expect(compacted.weightOf(key)).toBe(entry === undefined || entry.tombstone ? 0 : entry.weight)
    }
    const slots = Array.from({ length: compacted.slots }, (_, slot) => compacted.at(slot))
    expect(slots.filter((entry) => entry !== null)).toEqual(model.latest)
    slots.forEach((entry, slot) => {
      if (entry !== null) expect(entry.slot).toBe(slot)
    })
    // Holes cost a reader time, so there are few of them.
    expect(slots.length).toBeLessThanOrEqual(2 * this.#most + 16)
  }

  /** What it knows of the past, which must be the truth. */
  checkPast(keys: readonly string[]): void {
    const { compacted, model, position } = this
    const sets = [new Set(keys), ...keys.map((key) => new Set([key]))]
    const allFrom = (of: Compacted | Model): readonly unknown[] =>
      Array.from({ length: position + 1 }, (_, before) => {
        const from = before + 1
        const each = sets.map((set) => [
          of.hasDropped(set, from),
          of.hasForgotten(set, from),
          of.hasChanged(set, from),
        ])
        return [of.hasForgotten(null, from), each]
      })
    expect(allFrom(compacted)).toEqual(allFrom(model))
    expect(sets.map((set) => compacted.hasDropped(set, 0))).toEqual(
      sets.map((set) => model.hasDropped(set, 0)),
    )
  }

  /** A key of which not everything is known may be told of a loss that was another such key's, and never too few. */
  checkBlurred(keys: readonly string[], froms: readonly number[]): void {
    const { compacted, model } = this
    const wrong: string[] = []
    for (const from of froms.filter((each) => each > 0)) {
      const blurred = {
        dropped: model.hasDropped(model.blurred, from),
        forgotten: model.forgotten.some(({ key, position }) => position >= from && model.blurred.has(key)),
      }
      for (const key of keys) {
        const one = new Set([key])
        const isHeld = model.get(key) !== undefined
        const dropped = { told: compacted.hasDropped(one, from), truth: model.hasDropped(one, from) }
        const forgotten = { told: compacted.hasForgotten(one, from), truth: model.hasForgotten(one, from) }
        if (dropped.truth && !dropped.told) wrong.push(`a drop of ${key} at ${from} or later is not told`)
        if (dropped.told && !dropped.truth && !blurred.dropped)
          wrong.push(`no drop of ${key} at ${from} or later`)
        if (forgotten.truth && !forgotten.told)
          wrong.push(`a removal of ${key} at ${from} or later is not told`)
        // It is asked from position 1 on.
        if (from > 0 && forgotten.told && !forgotten.truth && (isHeld || !blurred.forgotten))
          wrong.push(`no removal of ${key} at ${from} or later`)
      }
    }
    expect(wrong).toEqual([])
  }
}

const names = ['', 'a', 'b', 'c', 'd', 'e']
const step = fc.record({
  what: fc.constantFrom(
    'put',
    'put',
    'put',
    'put',
    'remove',
    'remove',
    'forget',
    'forgetOldest',
    'drop',
    'drop',
  ),
  key: fc.nat(names.length - 1),
  /** How far its stamp lies behind the latest one. */
  late: fc.constantFrom(0, 0, 0, 1, 2),
  source: fc.constantFrom(...sources),
})

function run(
  both: Both,
  { what, key, late, source }: typeof step extends fc.Arbitrary<infer T> ? T : never,
): void {
  const name = names[key] as string
  if (what === 'forget' || what === 'forgetOldest' || what === 'drop') both[what]()
  else both.put(name, what === 'remove' && name !== '', both.position + 1 - late, source)
}

const upTo = (position: number): unknown =>
  [1, 3, 4, 5, 6].map((from) => [from <= position, from <= position])

describe('A compacted log', () => {
  it('knows the latest entry of each key, what was forgotten and what was dropped', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const both = new Both()
        for (const each of steps) run(both, each)
        both.check(names)
        both.checkPast([...names, 'never'])
      }),
      { numRuns: 150 },
    )
  })

  it('never says too little of keys that it remembers only together', () => {
    const before = fc.record({ forgotten: fc.integer({ min: -6, max: 6 }), dropped: fc.nat(40) })
    fc.assert(
      fc.property(before, fc.array(step, { maxLength: 40 }), ({ forgotten, dropped }, steps) => {
        const both = new Both()
        const count = fixedLimits.forgottenKeys + forgotten
        const others = Array.from({ length: count }, (_, n) => `other${n}`)
        for (const key of [...names.slice(1), ...others]) both.remove(key)
        for (let n = 0; n < dropped; n++) both.drop()
        const froms = [1, 3, 6, 12, 30, count - 1, count, both.position]
        for (const each of steps) run(both, each)
        both.check(names)
        const keys = [...names, 'never', ...others.slice(0, 12), ...others.slice(-8)]
        both.checkBlurred(keys, [...froms, both.position - 5, both.position, both.position + 1])
      }),
      { numRuns: 10 },
    )
  })

  it('finds the first slot at or after a position, holes included', () => {
    const both = new Both()
    for (const key of ['a', 'b', 'c', 'b', 'd']) both.put(key, false, both.position + 1)
    const { compacted } = both
    expect([0, 1, 2, 3, 4, 5, 6].map((position) => compacted.slotOf(position))).toEqual([0, 0, 1, 2, 3, 4, 5])
    expect([0, 1, 2, 3, 4].map((slot) => compacted.at(slot)?.position ?? null)).toEqual([1, null, 3, 4, 5])
  })

  it('has few holes, however often its keys change; without keys it has none', () => {
    const both = new Both()
    const rounds = 200
    for (let n = 0; n < rounds; n++) {
      for (const [key, tombstone] of [
        ['a', false],
        ['b', n % 5 === 0],
        ['c', n % 3 === 0],
      ] as const)
        both.put(key, tombstone, both.position + 1)
      both.check(['a', 'b', 'c'])
      expect(both.compacted.slots).toBeLessThanOrEqual(2 * 3 + 16)
      if (n % 15 === 10) both.forget()
    }
    const keyless = new Both()
    for (let n = 0; n < 10; n++) keyless.put('', false, keyless.position + 1)
    expect(keyless.compacted.slots).toBe(1)
  })

  it('forgets a removal that is older than all its holes', () => {
    const both = new Both()
    both.put('a', true, 1)
    both.put('b', true, 2)
    for (let n = 0; n < 100; n++) both.put(n % 2 === 0 ? 'c' : 'd', false, 3 + n)
    both.forget()
    both.put('e', true, 200)
    for (let n = 0; n < 100; n++) both.put(n % 2 === 0 ? 'c' : 'd', false, 300 + n)
    for (let n = 0; n < 3; n++) both.forget()
    both.check(['a', 'b', 'c', 'd', 'e'])
    both.checkPast(['a', 'b', 'c', 'e'])
  })

  it('knows what was dropped of a key that was forgotten and comes back', () => {
    const both = new Both()
    both.put('a', false, 1)
    both.drop()
    both.put('b', false, 2)
    both.forgetOldest()
    both.put('a', false, 3)
    both.checkPast(['a', 'b', 'never'])
    both.forgetOldest()
    both.forgetOldest()
    both.put('a', false, 4)
    both.drop()
    both.checkPast(['a', 'b', 'never'])
  })

  it('remembers the latest of its forgotten keys each, and of the others the highest positions', () => {
    const both = new Both()
    for (const key of ['a', 'b', 'c', 'b', 'a']) both.put(key, key === 'c', both.position + 1)
    for (let n = 0; n < 5; n++) both.drop()
    // The removal of c at 3, then b at 4, then a at 5.
    both.forget()
    both.forgetOldest()
    both.forgetOldest()
    const { compacted } = both
    const never = new Set(['never'])
    const told = (): unknown =>
      [1, 3, 4, 5, 6].map((from) => [compacted.hasForgotten(never, from), compacted.hasDropped(never, from)])
    for (let n = 3; n < fixedLimits.forgottenKeys; n++) both.remove(`k${n}`)
    expect(told()).toEqual(upTo(0))
    both.remove('one more')
    expect(told()).toEqual(upTo(3))
    both.remove('and another')
    expect(told()).toEqual(upTo(4))
    // A key that comes back leaves its place to another.
    both.put('a', false, both.position + 1)
    both.remove('a third')
    expect(told()).toEqual(upTo(4))
    both.remove('a fourth')
    expect(compacted.hasForgotten(never, 6)).toBe(true)
  })

  it('keeps the highest positions of keys that were forgotten out of order', () => {
    const both = new Both()
    for (const [key, tombstone] of [
      ['a', false],
      ['b', true],
    ] as const)
      both.put(key, tombstone, both.position + 1)
    both.drop()
    both.drop()
    both.forget()
    both.forgetOldest()
    for (let n = 0; n < fixedLimits.forgottenKeys; n++) both.remove(`k${n}`)
    const never = new Set(['never'])
    const told = [1, 2, 3].map((from) => [
      both.compacted.hasForgotten(never, from),
      both.compacted.hasDropped(never, from),
    ])
    expect(told).toEqual([
      [true, true],
      [true, true],
      [false, false],
    ])
  })

  it('forgets the oldest entry at a cost that does not grow with what was forgotten before', () => {
    const compacted = new Compacted()
    const at = compacted.at.bind(compacted)
    let looked = 0
    compacted.at = (slot) => {
      looked++
      return at(slot)
    }
    const count = 2_000
    for (let n = 1; n <= count; n++)
      compacted.put(new Publication(n, sources[0], n, n, `k${n}`, n % 2 === 0, text(''), 0, 0))
    for (let n = 0; n < count / 2; n++) compacted.forget()
    expect(compacted.forget()).toBeNull()
    for (let n = 0; n < count / 2; n++) compacted.forgetOldest()
    expect(compacted.forgetOldest()).toBeNull()
    expect(looked).toBeLessThan(4 * count)
  })
})
