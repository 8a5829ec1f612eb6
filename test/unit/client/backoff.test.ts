import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Backoff } from '../../../src/client/machine/backoff.ts'
import { welcomeOf } from './rig.ts'

/** The least and the greatest wait that comes next, of a backoff that went through `run`. */
function rangeAfter(run: (backoff: Backoff) => void, longest = 30_000): [number, number] {
  const [least, greatest] = [0, 1].map((chance) => {
    const backoff = new Backoff(() => chance, longest)
    run(backoff)
    return backoff.next()
  })
  return [least as number, greatest as number]
}

const fail = (times: number) => (backoff: Backoff) => {
  for (let i = 0; i < times; i++) backoff.next()
}

const forgiven = (backoff: Backoff): void => {
  fail(5)(backoff)
  backoff.forgive()
}

const once = (backoff: Backoff): void => {
  backoff.goodbye(5_000)
  backoff.next()
}

const soon = (chance: number): number => {
  const backoff = new Backoff(() => chance, 30_000)
  backoff.welcomed(welcomeOf({ reconnectMin: 80 }))
  return backoff.soon()
}

describe('The wait before an attempt', () => {
  it('begins between 200 ms and 2 s, and its upper end doubles with each failure, up to the longest', () => {
    const ranges = [0, 1, 2, 3, 4, 5, 60, 2_000].map((times) => rangeAfter(fail(times)))
    expect(ranges).toEqual([
      [200, 2_000],
      [200, 4_000],
      [200, 8_000],
      [200, 16_000],
      [200, 30_000],
      [200, 30_000],
      [200, 30_000],
      [200, 30_000],
    ])
  })

  it('is drawn evenly over its whole range, so the clients of a lost node come back spread out', () => {
    const chances = Array.from({ length: 1_000 }, (_, i) => i / 1_000)
    const waits = chances.map((chance) => new Backoff(() => chance, 30_000).next())
    for (let tenth = 0; tenth < 10; tenth++) {
      const from = 200 + 180 * tenth
      expect(waits.filter((wait) => wait >= from && wait < from + 180)).toHaveLength(100)
    }
  })

  it('is within the range that the welcome named, and begins there again after each welcome', () => {
    const welcome = welcomeOf({ reconnectMin: 50, reconnectMax: 700 })
    expect(rangeAfter((backoff) => backoff.welcomed(welcome))).toEqual([50, 700])
    const again = (backoff: Backoff): void => {
      backoff.welcomed(welcome)
      fail(3)(backoff)
      backoff.welcomed(welcome)
    }
    expect(rangeAfter(again)).toEqual([50, 700])
  })

  it('is the least one where the longest is shorter', () => {
    expect(rangeAfter(() => {}, 100)).toEqual([200, 200])
    expect(rangeAfter(() => {}, 500)).toEqual([200, 500])
  })

  it('begins anew where the failures before say nothing', () => {
    expect(rangeAfter(forgiven)).toEqual([200, 2_000])
  })

  it('is at least what the node asked for, with the same spread, for one attempt', () => {
    expect(rangeAfter((backoff) => backoff.goodbye(5_000))).toEqual([5_000, 6_800])
    expect(rangeAfter((backoff) => backoff.goodbye(100))).toEqual([200, 2_000])
    expect(rangeAfter(once)).toEqual([200, 4_000])
  })

  it('where it is to be short, lies between nothing and the least wait', () => {
    expect([0, 0.5, 1].map(soon)).toEqual([0, 40, 80])
  })

  it('is neither negative nor above the longest and what was asked for, whatever happened', () => {
    const step = fc.oneof(
      fc.constant((backoff: Backoff) => void backoff.next()),
      fc.constant((backoff: Backoff) => backoff.forgive()),
      fc.nat(60_000).map((ms) => (backoff: Backoff) => backoff.goodbye(ms)),
      fc.tuple(fc.nat(5_000), fc.nat(5_000)).map(
        ([reconnectMin, more]) =>
          (backoff: Backoff) =>
            backoff.welcomed(welcomeOf({ reconnectMin, reconnectMax: reconnectMin + more })),
      ),
    )
    fc.assert(
      fc.property(fc.array(step), fc.double({ min: 0, max: 0.999, noNaN: true }), (steps, chance) => {
        const backoff = new Backoff(() => chance, 30_000)
        for (const each of steps) each(backoff)
        const wait = backoff.next()
        expect(wait).toBeGreaterThanOrEqual(0)
        expect(wait).toBeLessThan(90_000)
        expect(backoff.next()).toBeLessThanOrEqual(30_000)
      }),
    )
  })
})
