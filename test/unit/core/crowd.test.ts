import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { Crowd } from '../../../src/core/door/crowd.ts'

it('A crowd knows the first in its longest line, whoever comes and goes', () => {
  const step = fc.record({
    comes: fc.boolean(),
    address: fc.constantFrom('a', 'b', 'c', ''),
    which: fc.nat(30),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const crowd = new Crowd<number>()
      const waiting: { address: string; item: number }[] = []
      for (const [item, { comes, address, which }] of steps.entries()) {
        if (comes) {
          crowd.add(address, item)
          waiting.push({ address, item })
        } else {
          const [gone] = waiting.splice(which % (waiting.length || 1), 1)
          crowd.delete(gone?.address ?? address, gone?.item ?? -1)
          crowd.delete(address, -1)
        }
        const lengths = ['a', 'b', 'c', ''].map(
          (name) => waiting.filter((each) => each.address === name).length,
        )
        expect(crowd.longest).toBe(Math.max(...lengths))
        expect(crowd.size).toBe(waiting.length)
        expect(crowd.of(address)).toBe(lengths[['a', 'b', 'c', ''].indexOf(address)])
        expect(crowd.firstOf(address)).toBe(waiting.find((each) => each.address === address)?.item)
        const first = waiting.find((each) => each.item === crowd.first)
        if (waiting.length === 0) expect(crowd.first).toBeUndefined()
        else {
          const line = waiting.filter((each) => each.address === first?.address)
          expect([line.length, line[0]]).toEqual([crowd.longest, first])
        }
      }
    }),
  )
})
