import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { times } from '../../src/demo/battle/index.ts'
import type { Demo } from '../../src/demo/index.ts'
import { barriers, drawSeldom, launch, overflow, picture, startBuiltDemo } from './support.ts'

let demo: Demo & { readonly url: string }
let browser: Browser
const complaints: string[] = []
const pages: Page[] = []

beforeAll(async () => {
  demo = await startBuiltDemo()
  browser = await launch()
})

afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close()
  expect(complaints.splice(0)).toEqual([])
})

afterAll(async () => {
  await browser?.close()
  await demo?.close()
})

interface Look {
  readonly width: number
  readonly height: number
  readonly locale?: string
  readonly dark?: boolean
}

async function open(path: string, { width, height, locale = 'en-US', dark = false }: Look): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height },
    locale,
    colorScheme: dark ? 'dark' : 'light',
    // For the checker, which is put into the page.
    bypassCSP: true,
  })
  await drawSeldom(context)
  const page = await context.newPage()
  pages.push(page)
  page.on('pageerror', (error) => complaints.push(`${path}: ${error.message}`))
  page.on('console', (message) => {
    const isAsked = path === '/nothing-here' && message.text().includes('404')
    if (message.type() === 'error' && !isAsked) complaints.push(`${path}: ${message.text()}`)
  })
  await page.goto(demo.url + path)
  await page.locator('main').waitFor()
  return page
}

/** A battle is fought, frames are counted, and every card moves. */
async function seeHome(page: Page): Promise<void> {
  await page.locator('#stage[data-meeting="show"]').waitFor()
  const seen = (): Promise<number[]> =>
    page.evaluate(() =>
      [
        document.querySelector('#stage')?.getAttribute('data-frame'),
        document.querySelector('#sealed')?.textContent,
      ].map((text) => Number(text?.replace(',', ''))),
    )
  await expect.poll(async () => Math.min(...(await seen())), { timeout: 10_000 }).toBeGreaterThan(20)
  for (const drawn of ['rect.rise', '.strip text', 'polyline'])
    await page.locator(`.door ${drawn}`).first().waitFor({ state: 'attached' })
  // Whoever wants rest has it: the picture stands still, and the frames go on.
  const picture = (): Promise<string> =>
    page.evaluate(() => document.querySelector<HTMLCanvasElement>('#stage canvas')?.toDataURL() ?? '')
  await page.locator('#pause').click()
  const [still, [frame = 0]] = [await picture(), await seen()]
  await expect.poll(async () => (await seen())[0]).toBeGreaterThan(frame + 5)
  expect(await picture()).toBe(still)
}

describe.each([
  ['home', '/'],
  ['battle', '/battle/?room=look'],
  ['wall', '/wall/'],
  ['inside', '/inside/'],
  ['playground', '/playground/?room=look'],
  ['admin', '/admin/'],
  ['missing', '/nothing-here'],
])('the page %s', (name, path) => {
  test.each([
    ['en', 'light', 'desktop', { width: 1280, height: 900 }],
    ['zh', 'dark', 'phone', { width: 390, height: 844, locale: 'zh-CN', dark: true }],
  ] as const)('fits, and keeps nobody out: %s, %s, %s', async (language, theme, device, look) => {
    const page = await open(path, look)
    if (name !== 'missing') await page.locator('#state[data-state="connected"]').first().waitFor()
    if (name === 'home') await seeHome(page)
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(language === 'zh' ? 'zh-CN' : 'en')
    await picture(page, `${name}-${language}-${theme}-${device}`)
    expect(await overflow(page)).toBeLessThanOrEqual(0)
    // All tiles are alike, and the checker takes many times as long for all of them.
    if (name === 'wall') await page.locator('#sector').selectOption('chips')
    expect(await barriers(page)).toEqual([])
  })
})

/** Waits until so many frames have gone by, or the battle is over. */
async function frames(page: Page, count: number): Promise<void> {
  const from = await page.evaluate(() => window.rtmsBattle.frame)
  await page.waitForFunction(
    (at) => window.rtmsBattle.frame >= at || window.rtmsBattle.state?.phase === 'over',
    from + count,
  )
}

/** Everybody throws a firecracker, or guards, and lets off a rocket that is fully charged. */
async function volley(players: readonly [Page, ...Page[]], turn: number): Promise<void> {
  for (const page of players) await page.keyboard.press(turn % 3 === 2 ? 'KeyG' : 'Space')
  await frames(players[0], times.cool + 1)
  for (const page of players) await page.keyboard.down('KeyF')
  await frames(players[0], times.chargeFull + 2)
  for (const page of players) await page.keyboard.up('KeyF')
}

describe('a battle', () => {
  test('on two phones and a desktop ends with one state in all of them, and a result for each', async () => {
    // Low: the scenes are drawn without a graphics card.
    const looks = [
      { width: 900, height: 500 },
      { width: 360, height: 500 },
      { width: 412, height: 500, locale: 'zh-CN' },
    ]
    const found: Page[] = []
    for (const look of looks) {
      const page = await open('/battle/?room=whole', look)
      await page.waitForFunction(() => window.rtmsBattle?.state !== null)
      found.push(page)
    }
    const players = found as [Page, Page, Page]
    const [host, , guest] = players
    await host.waitForFunction(() => window.rtmsBattle.state?.players.filter(({ bot }) => !bot).length === 3)
    // Each page says the names of bots in its own language, and one button is the one to press.
    await host.locator('.player[data-user="Ember"]').waitFor()
    await guest.locator('.player[data-user="小炭"]').waitFor()
    for (const page of players) {
      const buttons = page.locator('.begin button:not(.quiet)')
      await buttons.first().waitFor()
      expect(await buttons.count()).toBe(1)
    }
    // The room's answer comes a frame later.
    await host.locator('input[name="long"]').first().click()
    await host.waitForFunction(() => window.rtmsBattle.state?.long === false)
    await host.getByRole('button', { name: 'Start the battle' }).click()
    for (const page of players) await page.waitForFunction(() => window.rtmsBattle.state?.phase === 'battle')
    // Nothing that is said crosses the bars and the combo.
    const edge = (name: string, side: 'top' | 'bottom'): Promise<number> =>
      host.locator(name).evaluate((element, side) => element.getBoundingClientRect()[side], side)
    const [hud, announced] = [await edge('.hud', 'bottom'), await edge('.announce', 'top')]
    expect(hud).toBeLessThanOrEqual(announced)
    const isOver = (): Promise<boolean> => host.evaluate(() => window.rtmsBattle.state?.phase === 'over')
    for (let turn = 0; !(await isOver()); turn++) await volley(players, turn)
    // Whoever is still at it does not scroll the page, nor begin another battle.
    await host.keyboard.press('Space')
    expect(await host.evaluate(() => [scrollY, window.rtmsBattle.state?.phase])).toEqual([0, 'over'])
    for (const page of players) await page.waitForFunction(() => window.rtmsBattle.result !== null)
    const frame = await host.evaluate(() => window.rtmsBattle.frame)
    const sums: unknown[] = []
    for (const page of players) {
      await page.waitForFunction((at) => window.rtmsBattle.frame >= at, frame)
      sums.push(await page.evaluate((at) => window.rtmsBattle.digestAt(at), frame))
      await picture(page, `battle-over-${page.viewportSize()?.width}`)
    }
    expect(sums[0]).toMatch(/^[0-9a-f]{8}$/)
    expect(new Set(sums).size).toBe(1)
  })
})

declare global {
  interface Window {
    rtmsBattle: {
      readonly state: {
        readonly phase: string
        readonly long: boolean
        readonly players: readonly {
          readonly bot: boolean
          readonly ready: boolean
          readonly hits: number
        }[]
      } | null
      readonly own: { readonly hits: number } | undefined
      readonly frame: number
      readonly client: Client
      readonly result: object | null
      digestAt(frame: number): string | undefined
    }
  }
}
