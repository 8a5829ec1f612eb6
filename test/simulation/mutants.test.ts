import { describe, expect, it } from 'vitest'
import { runSeed, SeedFailure } from '../../src/testing/index.ts'
import { accessMutants } from './mutants-access.ts'
import { leakMutants } from './mutants-leaks.ts'
import { worldMutants } from './mutants-world.ts'
import { meetingMutants } from './mutants-meetings.ts'
import { reachMutants } from './mutants-reach.ts'
import { deliveryMutants } from './mutants.ts'

/** Seeds tried on each mutant. The same ones run clean without it: `seeds.test.ts` runs them. */
const SEEDS = 300

/** What broke until one of these invariants did, by the first seed that did it, from the seed `from` on and around. */
async function findFailures(invariants: readonly string[], from: number): Promise<string[]> {
  const found: string[] = []
  for (let tried = 0; tried < SEEDS; tried++) {
    try {
      await runSeed(((from + tried - 1) % SEEDS) + 1)
    } catch (error) {
      if (!(error instanceof SeedFailure)) throw error
      found.push(error.invariant)
      if (invariants.includes(error.invariant)) break
    }
  }
  return found
}

describe('the simulator catches a planted bug:', () => {
  for (const { name, breaks, from = 1, plant } of [
    ...deliveryMutants,
    ...meetingMutants,
    ...accessMutants,
    ...leakMutants,
    ...worldMutants,
    ...reachMutants,
  ]) {
    it(name, async () => {
      const remove = plant()
      try {
        expect(breaks).toContain((await findFailures(breaks, from)).at(-1))
      } finally {
        remove()
      }
    })
  }
})
