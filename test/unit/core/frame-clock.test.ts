import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameClock } from '../../../src/core/meeting/frame-clock.ts'

const rates = fc.constantFrom(1, 2, 3, 7, 10, 20, 30, 60)
const times = fc.integer({ min: 0, max: 10_000_000 })

function running(rate: number, number: number, now: number, next = 1): FrameClock {
  const clock = new FrameClock(rate, number, now)
  clock.run(next, now)
  return clock
}

describe('A frame clock', () => {
  it('has no frame due before it runs and after it has stopped, and says how long it stood', () => {
    const clock = new FrameClock(20, 0, 1_000)
    expect([clock.isRunning, clock.due(1), clock.origin]).toEqual([
      false,
      Infinity,
      { start: 0, startFrame: 1 },
    ])
    expect(clock.run(1, 1_730)).toBe(730)
    expect([clock.isRunning, clock.due(1)]).toEqual([true, 1_750])
    clock.stop(2_000)
    expect([clock.isRunning, clock.due(7), clock.origin]).toEqual([
      false,
      Infinity,
      { start: 0, startFrame: 1 },
    ])
    expect(clock.run(8, 2_100)).toBe(100)
    expect(clock.origin).toMatchObject({ start: 2_150, startFrame: 8 })
    // A clock that runs did not stand.
    expect(clock.run(9, 2_300)).toBe(0)
  })

  it('makes the next frame due within one interval, and never now or before', () => {
    fc.assert(
      fc.property(
        rates,
        fc.nat(1_000),
        times,
        fc.integer({ min: 1, max: 1_000 }),
        (rate, number, now, next) => {
          const due = running(rate, number, now, next).due(next)
          expect(due).toBeGreaterThan(now)
          expect(due).toBeLessThanOrEqual(now + 1_000 / rate + 1e-6)
        },
      ),
    )
  })

  it('goes on at equal intervals, from the origin that its members are told', () => {
    const clock = running(8, 3, 500, 41)
    const { start, startFrame } = clock.origin
    expect(startFrame).toBe(41)
    for (let frame = 41; frame < 60; frame++) expect(clock.due(frame)).toBe(start + (frame - 41) * 125)
  })

  it('slips over the beats that are late: the frame is then due within one interval', () => {
    const clock = running(10, 0, 0)
    expect(clock.due(1)).toBe(100)
    expect([clock.slip(1, 99), clock.due(1)]).toEqual([0, 100])
    // Nor does it turn back for a frame that is due long after.
    expect([clock.slip(9, 99), clock.due(1)]).toEqual([0, 100])
    expect([clock.slip(1, 100), clock.due(1)]).toEqual([1, 200])
    expect([clock.slip(1, 450), clock.due(1)]).toEqual([3, 500])
    clock.stop(500)
    expect(clock.slip(1, 900)).toBe(0)
  })

  it('without a rate has everything due at once, and nothing to slip to', () => {
    const clock = new FrameClock(0, 5, 10)
    expect(clock.interval).toBe(0)
    clock.run(1, 20)
    expect([clock.due(1), clock.due(9), clock.origin]).toEqual([0, 0, { start: 0, startFrame: 1 }])
  })

  it('spreads meetings of one rate over the interval, however many there are', () => {
    for (const count of [2, 10, 100, 1_000]) {
      const phases = Array.from({ length: count }, (_, number) => running(20, number, 0).due(1) % 50)
      phases.sort((a, b) => a - b)
      const distances = phases.map((phase, i) => ((phases[i + 1] ?? (phases[0] as number) + 50) - phase) / 50)
      // The golden ratio leaves gaps of at most three sizes; none is larger than twice the even share.
      expect(Math.max(...distances) * count).toBeLessThan(2.1)
    }
  })
})
