import { describe, expect, it } from 'vitest'
import { runSeed, SeedFailure } from '../../src/testing/index.ts'
import { mutants } from './mutants.ts'

/** Seeds tried on each mutant; the first to fail has caught it. */
const SEEDS = 60

function findFailure(): SeedFailure | null {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      runSeed(seed)
    } catch (error) {
      if (error instanceof SeedFailure) return error
      throw error
    }
  }
  return null
}

describe('the simulator catches a planted bug:', () => {
  for (const mutant of mutants) {
    it(mutant.name, () => {
      const remove = mutant.plant()
      let failure: SeedFailure | null
      try {
        failure = findFailure()
      } finally {
        remove()
      }
      expect(failure, `${SEEDS} seeds ran clean`).not.toBeNull()
      expect(mutant.breaks).toContain(failure?.invariant)
    })
  }

  it('and every seed tried runs clean without it', () => {
    expect(findFailure()).toBeNull()
  })
})
