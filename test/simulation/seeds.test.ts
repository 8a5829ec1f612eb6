import { describe, expect, it } from 'vitest'
import { runSeed, sometimes } from '../../src/testing/index.ts'

const SEEDS = Number(process.env['SEEDS'] ?? 200)
const BLOCK = 50
/** What is too rare for so few seeds: `npm run simulate` looks for everything in 1,000. */
const rare = new Set(['goodbye:4453', 'node refused input:READ_ONLY', 'fault:application.openMissing throws'])

describe('a node, its clients and what may befall them', () => {
  const counts = new Map<string, number>()

  for (let first = 1; first <= SEEDS; first += BLOCK) {
    const last = Math.min(first + BLOCK - 1, SEEDS)
    it(`keep every promise in the runs of seeds ${first} to ${last}`, async () => {
      for (let seed = first; seed <= last; seed++)
        for (const [kind, count] of (await runSeed(seed)).counts)
          counts.set(kind, (counts.get(kind) ?? 0) + count)
    })
  }

  it('meet in them nearly everything that can happen', () => {
    expect(sometimes.filter((kind) => !counts.has(kind) && !rare.has(kind))).toEqual([])
  })

  it('have the same history for the same seed', async () => {
    for (const seed of [7, 8, 9]) expect((await runSeed(seed)).hash).toBe((await runSeed(seed)).hash)
    expect((await runSeed(7)).hash).not.toBe((await runSeed(8)).hash)
  })
})
