import { expect, it } from 'vitest'
import { Requests } from '../../src/core/up/requests.ts'
import { runSeed, SeedFailure, shrink } from '../../src/testing/index.ts'
import { replace } from './plant.ts'

async function failureOf(seed: number, smaller = {}): Promise<SeedFailure> {
  try {
    await runSeed(seed, { smaller })
  } catch (error) {
    if (error instanceof SeedFailure) return error
  }
  throw new Error('the planted bug was not noticed')
}

it('a failure is made smaller as long as the same promise is broken, and says how to replay it', async () => {
  const remove = replace(Requests.prototype, 'reply', () => () => {
    throw new Error('planted')
  })
  try {
    const found = await failureOf(3)
    let tried = 0
    const { invariant, smaller, message } = await shrink(found, () => tried++)
    expect([invariant, smaller.clients, smaller.faulty]).toEqual(['I20', 1, 0])
    expect(smaller.without).toEqual(expect.arrayContaining(['hostiles', 'limits', 'reset', 'restart-node']))
    expect(tried).toBeGreaterThan(10)
    expect(message).toContain('npm run simulate -- --seed 3 --without hostiles,')
    expect((await failureOf(3, smaller)).message).toBe(message)
  } finally {
    remove()
  }
})
