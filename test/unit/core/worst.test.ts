import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Worst } from '../../../src/core/ground/worst.ts'

describe('The worst of the last seconds', () => {
  it('is the largest value of the running second and of those before it', () => {
    const worst = new Worst(2)
    expect(worst.at(0)).toBe(0)
    worst.note(5, 100)
    worst.note(3, 900)
    expect([worst.at(999), worst.at(1_999), worst.at(2_000)]).toEqual([5, 5, 0])
  })

  it('agrees with a list of all values', () => {
    const value = fc.tuple(fc.nat(9_000), fc.nat(1_000))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(value), (seconds, values) => {
        const worst = new Worst(seconds)
        const all: { readonly second: number; readonly value: number }[] = []
        let now = 0
        for (const [gap, value] of values) {
          now += gap
          const second = Math.floor(now / 1000)
          const recent = all.filter((each) => each.second > second - seconds).map((each) => each.value)
          expect(worst.at(now)).toBe(Math.max(0, ...recent))
          worst.note(value, now)
          all.push({ second, value })
        }
      }),
    )
  })
})
