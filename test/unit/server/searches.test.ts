import { expect, it } from 'vitest'
import type { Search } from '../../../src/core/index.ts'
import { Searches } from '../../../src/server/business/searches.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

let now = 0

/** A search of so many steps of 3 ms; `log` gets its name at each. */
function* slow(name: string, steps: number, log: string[]): Search<string> {
  for (let step = 0; step < steps; step++) {
    now += 3
    log.push(name)
    yield
  }
  return name
}

function* failing(): Search<never> {
  yield
  throw new Error('boom')
}

it('Long searches take turns, and others have theirs in between', async () => {
  const searches = new Searches(() => now)
  const log: string[] = []
  const both = Promise.all([searches.run(slow('a', 4, log)), searches.run(slow('b', 2, log))])
  expect(log).toEqual(['a', 'b'])
  await turn()
  // No more than begins within 4 ms.
  expect(log).toEqual(['a', 'b', 'a', 'b'])
  expect(await both).toEqual(['a', 'b'])
  expect(log.slice(4)).toEqual(['a', 'a'])
})

it('What needs one step is found at once, and what a search throws is told', async () => {
  const searches = new Searches()
  const log: string[] = []
  expect(await searches.run(slow('short', 0, log))).toBe('short')
  await expect(searches.run(failing())).rejects.toThrow('boom')
})
