import { describe, expect, it } from 'vitest'
import { Ends } from '../../../src/core/topic/ends.ts'

describe('In which order other nodes have ended', () => {
  it('is known of those that were met: one that can be asked ends behind all that have ended', () => {
    const ends = new Ends()
    for (const node of [1, 2, 3]) ends.met(node)
    ends.ended(1)
    ends.ended(2)
    expect(ends.count).toBe(2)
    const behind = (count: number): boolean[] => [1, 2, 3, 4].map((node) => ends.isBehind(count, node))
    expect([0, 1, 2].map(behind)).toEqual([
      [true, true, true, false],
      [false, true, true, false],
      [false, false, true, false],
    ])
  })

  it('counts the end of a node once, until it is met again', () => {
    const ends = new Ends()
    ends.met(1)
    ends.ended(1)
    // It has ended, where it was silent before.
    ends.ended(1)
    expect(ends.count).toBe(1)
    ends.met(1)
    expect(ends.isBehind(9, 1)).toBe(true)
    ends.ended(1)
    expect([ends.count, ends.isBehind(1, 1), ends.isBehind(2, 1)]).toEqual([2, true, false])
  })

  it('is remembered of the last thousand, and of all that can be asked', () => {
    const ends = new Ends()
    for (let node = 1; node <= 1_001; node++) ends.ended(node)
    ends.met(5_000)
    expect([1, 2, 1_001].map((node) => ends.isBehind(0, node))).toEqual([false, true, true])
    for (let node = 2_000; node < 4_000; node++) ends.ended(node)
    expect([1_001, 2_999, 3_000, 5_000].map((node) => ends.isBehind(0, node))).toEqual([
      false,
      false,
      true,
      true,
    ])
  })
})
