import { setTimeout as wait } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { expect, vi } from 'vitest'
import type { Demo } from '../../src/demo/index.ts'
import { Proxy } from '../browser/proxy.ts'
import { checksumAt, launch, PlainBrowser, startBuiltDemo, Visitors } from '../browser/support.ts'

/*
 * Windows that were away. A witness with a good connection shows what there was to see: the checksum covers every
 * frame from the first on, so that equal checksums afterwards mean no frame missing and none doubled.
 */

class World {
  readonly demo: Demo & { readonly url: string }
  readonly proxy: Proxy
  /** Visitors beside the node, and behind the proxy. */
  readonly near: Visitors
  readonly far: Visitors
  readonly #browser: Browser

  private constructor(demo: Demo & { readonly url: string }, browser: Browser, proxy: Proxy, url: string) {
    this.demo = demo
    this.#browser = browser
    this.proxy = proxy
    this.near = new Visitors(browser, demo.url)
    this.far = new Visitors(browser, url)
  }

  static async open(): Promise<World> {
    const demo = await startBuiltDemo()
    const proxy = new Proxy(demo.rtms.address.port)
    return new World(demo, await launch(), proxy, await proxy.listen())
  }

  async close(): Promise<void> {
    await this.#browser.close()
    await this.proxy.close()
    await this.demo.close()
  }
}

/** A test in a world of its own. */
export const inWorld = (run: (world: World) => Promise<void>) => async (): Promise<void> => {
  const world = await World.open()
  try {
    await run(world)
  } finally {
    await world.close()
  }
}

/** `expect.poll` does not know which of several concurrent tests it belongs to. */
const eventually = (timeout: number, check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout, interval: 50 })

export async function frameCount(page: Page): Promise<number> {
  return page.evaluate(() => window.rtmsDemo.frames)
}

/** Both windows have seen the same up to a frame that the witness reaches only now. */
export async function expectSame(witness: Page, visitor: Page): Promise<void> {
  const frame = (await frameCount(witness)) + 20
  expect(await checksumAt(visitor, frame)).toBe(await checksumAt(witness, frame))
  expect(await visitor.evaluate(() => window.rtmsDemo.first)).toBe(1)
}

export function connected(page: Page): Promise<unknown> {
  return page.waitForFunction(() => window.rtmsDemo.state === 'connected', undefined, { timeout: 20_000 })
}

/**
 * How long before a hidden tab is looked at again it is cut off, and for how long: by then its timers are throttled for
 * good.
 */
const CUT_BEFORE_MS = 20_000
const CUT_MS = 10_000

/**
 * A tab behind another one, for so long: throttled to hardly a timer a minute, which is checked, and cut off towards
 * the end, when it has been so for a while. When it is looked at again it has every frame.
 */
export async function spendHidden(world: World, ms: number, ...flags: string[]): Promise<void> {
  const witness = await world.near.open({ name: 'Ada', room: 'hidden' })
  const browser = await PlainBrowser.launch(...flags)
  try {
    const visitor = await browser.context.newPage()
    // Nothing of it is painted before it is hidden. A page that was is throttled after a minute, and no flag changes
    // that.
    await visitor.addInitScript(() => {
      requestAnimationFrame(() => {
        document.documentElement.hidden = true
      })
    })
    await world.far.enter(visitor, 'Ben', 'hidden')
    await visitor.evaluate(() => {
      const ticks: number[] = []
      Object.assign(window, { ticks })
      setInterval(() => ticks.push(performance.now()), 100)
    })
    const before = await browser.context.newPage()
    await before.bringToFront()
    await visitor.waitForFunction(() => document.visibilityState === 'hidden', undefined, { polling: 500 })
    await wait(ms - CUT_BEFORE_MS)
    const { sessionsResumed } = world.demo.rtms.stats
    world.proxy.cut()
    await eventually(5_000, async () =>
      expect(await visitor.evaluate(() => window.rtmsDemo.state)).not.toBe('connected'),
    )
    await wait(CUT_MS)
    world.proxy.mend()
    await wait(CUT_BEFORE_MS - CUT_MS)
    const ticks = await visitor.evaluate((last) => {
      const since = performance.now() - last
      return (window as unknown as { ticks: number[] }).ticks.filter((at) => at > since).length
    }, 15_000)
    // 150 where nothing throttles, 15 in any hidden tab; now it is one a minute.
    expect(ticks).toBeLessThan(5)
    expect(await visitor.evaluate(() => document.visibilityState)).toBe('hidden')
    await visitor.bringToFront()
    await connected(visitor)
    expect(world.demo.rtms.stats.sessionsResumed).toBe(sessionsResumed + 1)
    await expectSame(witness, visitor)
  } finally {
    await browser.close()
  }
}

/** A browser whose every process stands still, as on a machine that sleeps. */
export async function spendSuspended(world: World, ms: number): Promise<void> {
  const witness = await world.near.open({ name: 'Ada', room: 'suspended' })
  const browser = await PlainBrowser.launch()
  try {
    const visitor = await browser.context.newPage()
    await world.far.enter(visitor, 'Ben', 'suspended')
    await expectSame(witness, visitor)
    browser.suspend()
    const { sessionsResumed } = world.demo.rtms.stats
    await wait(ms)
    browser.wake()
    // It believes itself connected until it has looked.
    await eventually(20_000, () => expect(world.demo.rtms.stats.sessionsResumed).toBe(sessionsResumed + 1))
    await connected(visitor)
    await expectSame(witness, visitor)
  } finally {
    await browser.close()
  }
}
