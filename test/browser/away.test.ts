import { setTimeout as wait } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Demo } from '../../src/cli/demo.ts'
import { Proxy } from './proxy.ts'
import { checksumAt, launch, startBuiltDemo, Visitors } from './support.ts'

/*
 * Windows that were away. A witness with a good connection shows what there was to see: the checksum covers every
 * frame from the first on, so that equal checksums afterwards mean no frame missing and none doubled.
 */

let demo: Demo & { readonly url: string }
let browser: Browser
let proxy: Proxy
let near: Visitors
let far: Visitors

beforeAll(async () => {
  demo = await startBuiltDemo()
  browser = await launch()
  proxy = new Proxy(demo.rtms.address.port)
  near = new Visitors(browser, demo.url)
  far = new Visitors(browser, await proxy.listen())
})

afterEach(async () => {
  proxy.mend()
  await far.closeAll()
  await near.closeAll()
})

afterAll(async () => {
  await browser?.close()
  await proxy?.close()
  await demo?.close()
})

async function frameCount(page: Page): Promise<number> {
  return page.evaluate(() => window.rtmsDemo.frames)
}

/** Both windows have seen the same up to a frame that the witness reaches only now. */
async function expectSame(witness: Page, visitor: Page): Promise<void> {
  const frame = (await frameCount(witness)) + 20
  expect(await checksumAt(visitor, frame)).toBe(await checksumAt(witness, frame))
  expect(await visitor.evaluate(() => window.rtmsDemo.first)).toBe(1)
}

describe('a window that was away', () => {
  test('without a network for ten seconds comes back with every frame, none twice', async () => {
    const witness = await near.open({ name: 'Ada', room: 'cut' })
    const visitor = await far.open({ name: 'Ben', room: 'cut' })
    await expectSame(witness, visitor)
    proxy.cut()
    await visitor.waitForFunction(() => window.rtmsDemo.state !== 'connected')
    const before = await frameCount(visitor)
    // The length of the loss is the point of this test.
    await wait(10_000)
    expect(await frameCount(visitor)).toBe(before)
    proxy.mend()
    await visitor.waitForFunction(() => window.rtmsDemo.state === 'connected', undefined, { timeout: 20_000 })
    await expectSame(witness, visitor)
    expect(demo.rtms.stats.sessionsResumed).toBeGreaterThan(0)
  })

  test('frozen by its browser for twenty seconds comes back with every frame, none twice', async () => {
    const witness = await near.open({ name: 'Ada', room: 'frozen' })
    const visitor = await far.open({ name: 'Ben', room: 'frozen' })
    await expectSame(witness, visitor)
    const devtools = await visitor.context().newCDPSession(visitor)
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
    // Longer than the node waits for a silent client.
    await wait(20_000)
    await devtools.send('Page.setWebLifecycleState', { state: 'active' })
    await visitor.waitForFunction(() => window.rtmsDemo.state === 'connected', undefined, { timeout: 20_000 })
    await expectSame(witness, visitor)
  })
})
