import { describe, expect, it } from 'vitest'
import { isAbove, partingOf, type Reign, reignOf, withReign } from '../../../src/core/meeting/reigns.ts'

const first: Reign = { term: 1, incarnation: 5, from: 1 }
const second: Reign = { term: 2, incarnation: 3, from: 10 }

describe('Reigns', () => {
  it('are ordered by term, then by incarnation', () => {
    expect([isAbove(second, first), isAbove(first, second), isAbove(first, first)]).toEqual([
      true,
      false,
      false,
    ])
    expect(isAbove({ term: 1, incarnation: 6 }, first)).toBe(true)
  })

  it('say who has sealed a frame; a lower fence never comes behind a higher one', () => {
    const both = withReign([first], second)
    expect([reignOf(both, 9), reignOf(both, 10), reignOf(both, 0)]).toEqual([first, second, first])
    expect(withReign(both, { ...first, from: 20 })).toBe(both)
    expect(reignOf([], 3)).toEqual({ term: 0, incarnation: 0 })
  })

  it('say where another log parts: at the end of a reign, or where nothing is certain behind its stable mark', () => {
    const both = [first, second]
    const log = (fence: object, next: number): number =>
      partingOf(both, { ...first, ...fence, next, stable: 4 })
    expect([log(first, 8), log(first, 10), log(first, 13)]).toEqual([8, 10, 10])
    expect(log(second, 15)).toBe(15)
    expect([log({ term: 1, incarnation: 9 }, 13), log({ term: 1, incarnation: 9 }, 3)]).toEqual([5, 3])
  })

  it('end where the next one begins, also one that has begun in frames that came nowhere else', () => {
    const third: Reign = { term: 3, incarnation: 4, from: 6 }
    const all = withReign([first, second], third)
    const parting = (fence: Reign): number => partingOf(all, { ...fence, next: 15, stable: 2 })
    expect([parting(first), parting(second), parting(third)]).toEqual([6, 6, 15])
    expect([reignOf(all, 5), reignOf(all, 6)]).toEqual([first, third])
  })

  it('of one incarnation at different terms are not the same, so a log of one parts from the others', () => {
    const log = { term: 4, incarnation: first.incarnation, next: 15, stable: 4 }
    expect(partingOf([first, second], log)).toBe(5)
  })

  it('are at most 64: the oldest are forgotten, and a lower one than the last never comes behind it', () => {
    let all: readonly Reign[] = []
    for (let term = 1; term <= 70; term++) all = withReign(all, { term, incarnation: 5, from: term })
    expect([all.length, all[0]?.term, all.at(-1)?.term]).toEqual([64, 7, 70])
    expect(withReign(all, { term: 69, incarnation: 9, from: 80 })).toBe(all)
  })
})
