import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { spendHidden, spendSuspended, World } from '../browser/away.ts'

let world: World

beforeAll(async () => {
  world = await World.open()
})

afterEach(() => world.clear())
afterAll(() => world?.close())

describe('a window that was away', () => {
  test('suspended with its browser for a minute comes back with every frame, none twice', async () => {
    await spendSuspended(world, 60_000)
  })

  test('hidden for six minutes, and cut off meanwhile, comes back with every frame, none twice', async () => {
    // Chromium throttles to a timer a minute after five of them.
    await spendHidden(world, 360_000)
  })
})
