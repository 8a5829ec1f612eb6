import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ring } from '../../../src/core/ground/ring.ts'

describe('A ring', () => {
  it('gives each item the next position, from the first one it was made with', () => {
    const ring = new Ring<string>(5)
    expect([ring.first, ring.next, ring.size]).toEqual([5, 5, 0])
    expect(ring.push('a')).toBe(5)
    expect(ring.push('b')).toBe(6)
    expect([ring.first, ring.next, ring.size]).toEqual([5, 7, 2])
    expect([ring.get(5), ring.get(6)]).toEqual(['a', 'b'])
  })

  it('keeps positions when the oldest goes and when it empties', () => {
    const ring = new Ring<number>(1)
    ring.push(10)
    expect(ring.shift()).toBe(10)
    expect([ring.first, ring.next, ring.size]).toEqual([2, 2, 0])
    expect(ring.push(20)).toBe(2)
    expect(ring.get(2)).toBe(20)
  })

  it('finds every item wherever it stands while it grows', () => {
    const ring = new Ring<number>(1)
    for (let n = 0; n < 3; n++) ring.push(n)
    ring.shift()
    for (let position = 4; position < 1_000; position++) ring.push(position)
    for (let position = 4; position < 1_000; position++) expect(ring.get(position)).toBe(position)
  })

  it('behaves like an array with an offset, whatever is pushed and shifted', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.array(fc.oneof({ weight: 3, arbitrary: fc.nat() }, { weight: 2, arbitrary: fc.constant(null) })),
        (first, operations) => {
          const ring = new Ring<number>(first)
          const model: number[] = []
          let offset = first
          for (const item of operations) {
            if (item !== null) {
              expect(ring.push(item)).toBe(offset + model.length)
              model.push(item)
            } else if (model.length > 0) {
              expect(ring.shift()).toBe(model.shift())
              offset++
            }
            expect([ring.first, ring.next, ring.size]).toEqual([offset, offset + model.length, model.length])
            model.forEach((value, at) => expect(ring.get(offset + at)).toBe(value))
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

it('A ring gives the room back that it no longer needs', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const ring = new Ring<number>(1)
  const weigh = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = weigh()
  for (let n = 0; n < 1_000_000; n++) ring.push(n)
  while (ring.size > 10) ring.shift()
  expect(weigh() - before).toBeLessThan(1_000_000)
  expect(Array.from({ length: 10 }, (_, n) => ring.get(ring.first + n))).toEqual(
    Array.from({ length: 10 }, (_, n) => 999_990 + n),
  )
})
