import { describe, expect, it } from 'vitest'
import { Sealings } from '../../../src/core/meeting/sealings.ts'

describe('When frames were sealed', () => {
  it('is known to a tenth of a second: never later than they were', () => {
    const sealings = new Sealings()
    expect(sealings.before(1)).toBe(-Infinity)
    for (let frame = 1; frame <= 10; frame++) sealings.sealed(frame, 1_000 + 50 * frame)
    expect([0, 1, 2, 3, 4, 10, 99].map((frame) => sealings.before(frame))).toEqual([
      -Infinity,
      1_050,
      1_050,
      1_150,
      1_150,
      1_450,
      1_450,
    ])
  })

  it('is known of the last six seconds, longer than a lease, and forgotten before', () => {
    const sealings = new Sealings()
    for (let frame = 1; frame <= 65; frame++) sealings.sealed(frame, 100 * frame)
    expect([1, 2, 65].map((frame) => sealings.before(frame))).toEqual([-Infinity, 200, 6_500])
  })
})
