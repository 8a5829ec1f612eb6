import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { Queue } from '../../../src/core/ground/queue.ts'

it('A queue knows its oldest entry, whatever was set, moved and deleted', () => {
  const step = fc.tuple(fc.constantFrom('set', 'delete', 'shift', 'look'), fc.nat(12))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const queue = new Queue<number, string>()
      const model = new Map<number, string>()
      for (const [what, key] of steps) {
        if (what === 'set') {
          queue.set(key, `${key}`)
          model.delete(key)
          model.set(key, `${key}`)
        } else if (what === 'delete') {
          queue.delete(key)
          model.delete(key)
        } else {
          const [oldest] = model.keys()
          expect(queue.oldest).toBe(oldest)
          if (what === 'shift' && oldest !== undefined) {
            queue.delete(oldest)
            model.delete(oldest)
          }
        }
        expect([queue.size, queue.get(key)]).toEqual([model.size, model.get(key)])
      }
    }),
  )
})

it('Taking the oldest and adding another costs the same however many there are', () => {
  const queue = new Queue<number, null>()
  for (let n = 0; n < 50_000; n++) queue.set(n, null)
  const begun = performance.now()
  for (let n = 0; n < 50_000; n++) {
    if (queue.oldest !== n) throw new Error(`${queue.oldest} instead of ${n}`)
    queue.delete(n)
    queue.set(50_000 + n, null)
  }
  // A plain map takes several seconds for it.
  expect(performance.now() - begun).toBeLessThan(1_500)
})
