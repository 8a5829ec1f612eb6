import { expect, it } from 'vitest'
import { search } from './search.ts'

it('Two living nodes never have one name open, whatever comes, goes, is late or lost', () => {
  let opened = 0
  let crashes = 0
  let taken = 0
  for (let seed = 1; seed <= 300; seed++) {
    const life = search(seed)
    opened += life.opened
    crashes += life.crashes
    taken += life.taken
  }
  expect(opened).toBeGreaterThan(3_000)
  expect(taken).toBeGreaterThan(1_000)
  expect(crashes).toBeGreaterThan(300)
})
