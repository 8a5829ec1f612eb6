import { expect, it } from 'vitest'
import { runSeed } from '../../src/testing/index.ts'

const SEEDS = Number(process.env['SEEDS'] ?? 300)

it(`keeps every promise in ${SEEDS} seeded runs`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) runSeed(seed)
})

it('gives the same history for the same seed', () => {
  expect(runSeed(7).hash).toBe(runSeed(7).hash)
})
