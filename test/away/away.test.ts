import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { connected, expectSame, frameCount, inWorld, spendHidden, spendSuspended } from './away.ts'

/* The lengths of the losses are the point of these tests, so they run side by side. Longer ones: `npm run test:long`. */
describe.concurrent('a window that was away', () => {
  test(
    'without a network for ten seconds comes back with every frame, none twice',
    inWorld(async (world) => {
      const witness = await world.near.open({ name: 'Ada', room: 'cut' })
      const visitor = await world.far.open({ name: 'Ben', room: 'cut' })
      await expectSame(witness, visitor)
      world.proxy.cut()
      await visitor.waitForFunction(() => window.rtmsDemo.state !== 'connected')
      const before = await frameCount(visitor)
      await wait(10_000)
      expect(await frameCount(visitor)).toBe(before)
      world.proxy.mend()
      await connected(visitor)
      await expectSame(witness, visitor)
      expect(world.demo.rtms.stats.sessionsResumed).toBeGreaterThan(0)
    }),
  )

  test(
    'frozen by its browser for twenty seconds comes back with every frame, none twice',
    inWorld(async (world) => {
      const witness = await world.near.open({ name: 'Ada', room: 'frozen' })
      const visitor = await world.far.open({ name: 'Ben', room: 'frozen' })
      await expectSame(witness, visitor)
      const devtools = await visitor.context().newCDPSession(visitor)
      await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
      // Longer than the node waits for a silent client.
      await wait(20_000)
      await devtools.send('Page.setWebLifecycleState', { state: 'active' })
      await connected(visitor)
      await expectSame(witness, visitor)
    }),
  )

  test(
    'suspended with its browser for twenty seconds comes back with every frame, none twice',
    inWorld(async (world) => {
      await spendSuspended(world, 20_000)
    }),
  )

  test(
    'hidden, throttled to a timer a minute and cut off meanwhile, comes back with every frame',
    inWorld(async (world) => {
      // Chromium throttles so after five minutes; here after five seconds.
      await spendHidden(world, 40_000, '--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/5')
    }),
  )
})
