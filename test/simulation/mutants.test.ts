import { describe, expect, it } from 'vitest'
import { runClusterSeed, runSeed, SeedFailure } from '../../src/testing/index.ts'
import { accessMutants } from './mutants-access.ts'
import { clusterMutants } from './mutants-cluster.ts'
import { handoverMutants } from './mutants-handover.ts'
import { leakMutants } from './mutants-leaks.ts'
import { worldMutants } from './mutants-world.ts'
import { meetingMutants } from './mutants-meetings.ts'
import { meshMutants } from './mutants-mesh.ts'
import { reachMutants } from './mutants-reach.ts'
import { comesBack, recallMutants } from './mutants-recall.ts'
import { revivalMutants } from './mutants-revival.ts'
import type { Mutant } from './plant.ts'
import { deliveryMutants } from './mutants.ts'

/** Seeds tried on each mutant. The same ones run clean without it: `npm run simulate` runs them and many more. */
const SEEDS = 300

/** What broke until one of these invariants did, by the first seed that did it, from the seed `from` on and around. */
async function findFailures(
  run: typeof runSeed,
  invariants: readonly string[],
  from: number,
): Promise<string[]> {
  const found: string[] = []
  for (let tried = 0; tried < SEEDS; tried++) {
    try {
      await run(((from + tried - 1) % SEEDS) + 1)
    } catch (error) {
      if (!(error instanceof SeedFailure)) throw error
      found.push(error.invariant)
      if (invariants.includes(error.invariant)) break
    }
  }
  return found
}

function catches(run: typeof runSeed, mutants: readonly Mutant[]): void {
  for (const { name, breaks, from = 1, plant } of mutants)
    it(name, async () => {
      const remove = plant()
      try {
        expect(breaks).toContain((await findFailures(run, breaks, from)).at(-1))
      } finally {
        remove()
      }
    })
}

describe('the simulator catches a planted bug:', () => {
  catches(runSeed, [
    ...deliveryMutants,
    ...meetingMutants,
    ...accessMutants,
    ...leakMutants,
    ...worldMutants,
    ...reachMutants,
  ])
})

describe('the simulator catches a planted bug of the cluster:', () => {
  catches(runClusterSeed, [...clusterMutants, ...meshMutants, ...handoverMutants, ...revivalMutants])
})

describe('a meeting does not come back from what its members have kept where one of them lies, with a planted bug:', () => {
  it.each(recallMutants)('$name', ({ lie, plant }) => {
    const undo = [lie()]
    try {
      expect(comesBack()).toBe(true)
      undo.push(plant())
      expect(comesBack()).toBe(false)
    } finally {
      for (const each of undo.toReversed()) each()
    }
  })
})
