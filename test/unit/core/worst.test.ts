import { describe, expect, it } from 'vitest'
import { Worst } from '../../../src/core/ground/worst.ts'

describe('The worst of the last seconds', () => {
  it('is kept for as many whole seconds as it was made for', () => {
    const worst = new Worst(2)
    worst.note(70, 1_000)
    worst.note(50, 1_999)
    worst.note(10, 2_000)
    expect([2_000, 2_999, 3_000, 3_999, 4_000].map((at) => worst.at(at))).toEqual([70, 70, 10, 10, 0])
  })

  it('is 0 before anything was noted, and after a long silence', () => {
    const worst = new Worst(5)
    expect(worst.at(12_345_678)).toBe(0)
    worst.note(3, 12_345_678)
    expect(worst.at(99_999_999)).toBe(0)
  })
})
