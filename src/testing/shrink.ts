import { clusterParts } from './cluster/plan.ts'
import { runClusterSeed } from './cluster/simulate.ts'
import { faultKinds, traits } from './scenario.ts'
import { SeedFailure } from './seed-run.ts'
import { runSeed } from './simulate.ts'

/** Times with faults that are tried, longest first, in milliseconds. */
const FAULTY_MS = [4_000, 2_000, 1_000, 500, 150, 0]
const MAX_CLIENTS = 6

/**
 * Shrinks a failure: a shorter time with faults, fewer clients, faults and traits, as long as the same invariant is
 * violated. `trying` is called before each run.
 */
export async function shrink(failure: SeedFailure, trying: () => void = () => {}): Promise<SeedFailure> {
  let best = failure
  const attempt = async (smaller: SeedFailure['smaller']): Promise<boolean> => {
    trying()
    const found = await failureOf({ seed: best.seed, isCluster: best.isCluster, smaller })
    if (found?.invariant !== best.invariant) return false
    best = found
    return true
  }
  for (const faulty of FAULTY_MS) if (!(await attempt({ ...best.smaller, faulty }))) break
  for (let clients = 1; clients < MAX_CLIENTS; clients++)
    if (await attempt({ ...best.smaller, clients })) break
  for (const part of failure.isCluster ? clusterParts : [...traits, ...faultKinds])
    await attempt({ ...best.smaller, without: [...(best.smaller.without ?? []), part] })
  return best
}

async function failureOf({
  seed,
  isCluster,
  smaller,
}: Pick<SeedFailure, 'seed' | 'isCluster' | 'smaller'>): Promise<SeedFailure | null> {
  try {
    await (isCluster ? runClusterSeed(seed, { smaller }) : runSeed(seed, { smaller }))
    return null
  } catch (error) {
    if (error instanceof SeedFailure) return error
    throw error
  }
}
