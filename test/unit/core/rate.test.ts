import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FULL, Rate } from '../../../src/core/ground/rate.ts'

describe('A token bucket', () => {
  it('gives a burst at once, then says to the millisecond when the next token comes', () => {
    const rate = new Rate(3, 1_000, 2)
    let bucket = FULL
    for (const wait of [0, 0]) {
      expect(rate.wait(bucket, 500)).toBe(wait)
      bucket = rate.take(bucket, 500)
    }
    // A third of a second is 333.3 ms: a millisecond sooner there is none.
    expect(rate.wait(bucket, 500)).toBe(334)
    expect(rate.wait(bucket, 833)).toBe(1)
    expect(rate.wait(bucket, 834)).toBe(0)
  })

  it('is full again, and no fuller, however long nothing is taken', () => {
    const rate = new Rate(1, 60_000, 2)
    const bucket = rate.take(FULL, 0)
    expect([rate.isFull(FULL, 0), rate.isFull(bucket, 59_999), rate.isFull(bucket, 60_000)]).toEqual([
      true,
      false,
      true,
    ])
    const later = rate.take(rate.take(bucket, 1e9), 1e9)
    expect(rate.wait(later, 1e9)).toBe(60_000)
  })

  it('agrees with a bucket counted in whole numbers, in any sequence of times', () => {
    const count = fc.integer({ min: 1, max: 1_000 })
    const period = fc.constantFrom(1_000, 60_000)
    const steps = fc.array(fc.oneof(fc.constant(0), fc.nat(50), fc.nat(100_000)), { maxLength: 300 })
    fc.assert(
      fc.property(
        count,
        period,
        fc.integer({ min: 1, max: 20 }),
        fc.nat(1e9),
        steps,
        (n, ms, burst, start, gaps) => {
          const rate = new Rate(n, ms, burst)
          let bucket = FULL
          let now = start
          // What is in the model's bucket, in n-ths of a token's time.
          let level = BigInt(burst * ms)
          for (const gap of gaps) {
            now += gap
            const filled = level + BigInt(gap) * BigInt(n)
            level = filled < BigInt(burst * ms) ? filled : BigInt(burst * ms)
            const missing = BigInt(ms) - level
            const wait = missing <= 0n ? 0 : Number((missing + BigInt(n) - 1n) / BigInt(n))
            expect(rate.wait(bucket, now)).toBe(wait)
            expect(rate.isFull(bucket, now)).toBe(level === BigInt(burst * ms))
            if (wait > 0) continue
            bucket = rate.take(bucket, now)
            level -= BigInt(ms)
          }
        },
      ),
    )
  })

  it('keeps its word at fractional times: whoever waits as long as told gets a token', () => {
    const time = fc.double({ min: 0, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 5 }),
        time,
        (n, burst, start) => {
          const rate = new Rate(n, 1_000, burst)
          let bucket = FULL
          let now = start
          for (let taken = 0; taken < 50; taken++) {
            now += rate.wait(bucket, now)
            expect(rate.wait(bucket, now)).toBe(0)
            bucket = rate.take(bucket, now)
          }
          expect(now - start).toBeGreaterThanOrEqual(((50 - burst) * 1_000) / n - 1e-3)
        },
      ),
    )
  })
})
