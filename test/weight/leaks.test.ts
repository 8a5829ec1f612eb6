import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { Crowd } from '../../src/core/door/crowd.ts'
import { Places } from '../../src/core/ground/places.ts'
import { Queue } from '../../src/core/ground/queue.ts'

/*
 * Classes that keep something by name: after very many names have come and gone, nothing of them is left. What they
 * answer says nothing of it, so the heap is weighed.
 */

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heap(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

const COUNT = 100_000
/** Less than a few bytes for each of them. */
const NOTHING = 1_000_000

/** Bytes that are held after `COUNT` calls, and were not after the first thousand. */
function growth(step: (n: number) => void): number {
  for (let n = 0; n < 1_000; n++) step(n)
  const before = heap()
  for (let n = 0; n < COUNT; n++) step(1_000 + n)
  return heap() - before
}

describe('Nothing is left', () => {
  it('of addresses whose newcomers have gone', () => {
    const crowd = new Crowd<number>()
    crowd.add('stays', -1)
    const grown = growth((n) => {
      const address = `2001:db8::${n}`
      crowd.add(address, n)
      crowd.add(address, -n - 2)
      crowd.delete(address, n)
      crowd.delete(address, -n - 2)
    })
    expect([crowd.size, crowd.longest, grown < NOTHING]).toEqual([1, 1, true])
  })

  it('of payers who have given their places back', () => {
    const entered: string[] = []
    const places = new Places<string>({
      most: 2,
      share: 1,
      payer: (item) => item,
      enter: (item) => entered.push(item) > 0,
    })
    places.wait('stays')
    const grown = growth((n) => {
      for (const payer of [`user ${n}`, `next ${n}`, `late ${n}`]) places.wait(payer)
      places.withdraw(`late ${n}`)
      places.release(`user ${n}`)
      places.release(`next ${n}`)
      entered.length = 0
    })
    expect(grown).toBeLessThan(NOTHING)
  })

  it('of entries that came and went behind the oldest of a queue', () => {
    const queue = new Queue<number, string>()
    queue.set(-1, 'stays')
    const grown = growth((n) => {
      if (queue.oldest !== -1) throw new Error('not the oldest')
      queue.set(n, `${n}`)
      queue.delete(n)
    })
    expect([queue.size, queue.oldest]).toEqual([1, -1])
    expect(grown).toBeLessThan(NOTHING)
  })
})
