import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Box, neighbour, shrink, treemap } from '../../../web/src/wall/treemap.ts'

const within: Box = { x: 10, y: 20, width: 800, height: 500 }
const area = ({ width, height }: Box): number => width * height
const overlap = (a: Box, b: Box): number =>
  Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)) *
  Math.max(0, Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y))

const weights = fc
  .array(fc.double({ min: 0.01, max: 1_000, noNaN: true }), { minLength: 1, maxLength: 60 })
  .map((list) => list.sort((a, b) => b - a))

describe('a treemap', () => {
  test('gives each weight its share of the area, and nothing twice', () => {
    fc.assert(
      fc.property(weights, (list) => {
        const boxes = treemap(list, within)
        const all = list.reduce((sum, weight) => sum + weight, 0)
        expect(boxes).toHaveLength(list.length)
        for (const [i, box] of boxes.entries()) {
          expect(area(box) / area(within)).toBeCloseTo((list[i] as number) / all, 6)
          expect(overlap(box, within)).toBeCloseTo(area(box), 3)
          for (const other of boxes.slice(i + 1)) expect(overlap(box, other)).toBeLessThan(1e-3)
        }
      }),
    )
  })

  test('makes boxes that are nearly square where it can', () => {
    const boxes = treemap(
      Array.from({ length: 45 }, (_, i) => 1 / (1 + i / 9)),
      within,
    )
    for (const { width, height } of boxes) expect(Math.max(width / height, height / width)).toBeLessThan(3)
  })

  test('is the example of the paper', () => {
    const boxes = treemap([6, 6, 4, 3, 2, 2, 1], { x: 0, y: 0, width: 6, height: 4 })
    const shown = boxes.map(({ x, y, width, height }) =>
      [x, y, width, height].map((n) => Number(n.toFixed(2))),
    )
    expect(shown).toEqual([
      [0, 0, 3, 2],
      [0, 2, 3, 2],
      [3, 0, 1.71, 2.33],
      [4.71, 0, 1.29, 2.33],
      [3, 2.33, 1.2, 1.67],
      [4.2, 2.33, 1.2, 1.67],
      [5.4, 2.33, 0.6, 1.67],
    ])
  })

  test('has nothing to show of nothing, and no box of less than nothing', () => {
    expect(treemap([], within)).toEqual([])
    expect(shrink({ x: 0, y: 0, width: 3, height: 3 }, 2)).toEqual({ x: 2, y: 2, width: 0, height: 0 })
  })
})

describe('the arrow keys', () => {
  const [size, columns] = [10, 4]
  const boxes = Array.from({ length: 12 }, (_, i) => ({
    x: (i % columns) * size,
    y: Math.floor(i / columns) * size,
    width: size,
    height: size,
  }))

  test('lead to the box next to this one, and nowhere over the edge', () => {
    expect(neighbour(boxes, 5, 1, 0)).toBe(6)
    expect(neighbour(boxes, 5, -1, 0)).toBe(4)
    expect(neighbour(boxes, 5, 0, -1)).toBe(1)
    expect(neighbour(boxes, 5, 0, 1)).toBe(9)
    expect(neighbour(boxes, 3, 1, 0)).toBe(3)
    expect(neighbour(boxes, 0, 0, -1)).toBe(0)
  })

  test('reach every box of a treemap', () => {
    fc.assert(
      fc.property(weights, (list) => {
        const map = treemap(list, within)
        const reached = new Set([0])
        const ways = [
          [1, 0],
          [-1, 0],
          [0, 1],
          [0, -1],
        ] as const
        for (const from of reached) for (const [dx, dy] of ways) reached.add(neighbour(map, from, dx, dy))
        expect(reached.size).toBe(list.length)
      }),
    )
  })
})
