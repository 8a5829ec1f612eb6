import { describe, test } from 'vitest'
import { inWorld, spendHidden, spendSuspended } from '../away/away.ts'

describe.concurrent('a window that was away', () => {
  test(
    'suspended with its browser for a minute comes back with every frame, none twice',
    inWorld((world) => spendSuspended(world, 60_000)),
  )

  test(
    'hidden for six minutes, and cut off meanwhile, comes back with every frame, none twice',
    // Chromium throttles to a timer a minute after five of them.
    inWorld((world) => spendHidden(world, 360_000)),
  )
})
