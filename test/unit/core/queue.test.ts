import * as fc from 'fast-check'
import { afterEach, expect, it, vi } from 'vitest'
import { Queue } from '../../../src/core/ground/queue.ts'

afterEach(() => void vi.restoreAllMocks())

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
  const before = process.cpuUsage().user
  for (let n = 0; n < 50_000; n++) {
    if (queue.oldest !== n) throw new Error(`${queue.oldest} instead of ${n}`)
    queue.delete(n)
    queue.set(50_000 + n, null)
  }
  // A plain map takes several seconds of a processor for it.
  expect((process.cpuUsage().user - before) / 1_000).toBeLessThan(1_500)
})

it('A walk through a queue begins anew after 16 changes more than there are entries, and none begins unasked', () => {
  const begun = vi.spyOn(Map.prototype, 'keys')
  const queue = new Queue<number, null>()
  const changeBehind = (changes: number): void => {
    for (let n = 0; n < changes; n += 2) {
      queue.set(n + 100, null)
      queue.delete(n + 100)
    }
  }
  for (let n = 0; n < 5; n++) queue.set(n, null)
  changeBehind(100)
  // What is not there is no change either.
  for (let n = 0; n < 100; n++) queue.delete(-1)
  expect([begun.mock.calls.length, queue.oldest, begun.mock.calls.length]).toEqual([0, 0, 1])
  for (let n = 0; n < 100; n++) queue.delete(-1)
  changeBehind(20)
  expect([begun.mock.calls.length, queue.oldest]).toEqual([1, 0])
  changeBehind(2)
  expect([begun.mock.calls.length, queue.oldest]).toEqual([2, 0])
  changeBehind(20)
  expect(begun).toHaveBeenCalledTimes(2)
  changeBehind(2)
  expect([begun.mock.calls.length, queue.oldest]).toEqual([3, 0])
})
