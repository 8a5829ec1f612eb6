import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import type { Demo } from '../../src/demo/index.ts'
import { launch, picture, startBuiltDemo } from './support.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

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
  const page = await context.newPage()
  pages.push(page)
  page.on('pageerror', (error) => complaints.push(`${path}: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${path}: ${message.text()}`)
  })
  await page.goto(demo.url + path)
  await page.locator('main').waitFor()
  return page
}

/** What keeps people from using a page, by axe: only what is serious. */
async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> }
    }
    const { violations } = await axe.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
  })
}

describe.each([
  ['home', '/'],
  ['battle', '/battle/?room=look'],
  ['wall', '/wall/'],
  ['inside', '/inside/'],
  ['playground', '/playground/?room=look'],
  ['admin', '/admin/'],
])('the page %s', (name, path) => {
  test.each([
    ['en', 'light', 'desktop', { width: 1280, height: 900 }],
    ['zh', 'dark', 'phone', { width: 390, height: 844, locale: 'zh-CN', dark: true }],
  ] as const)('fits, and keeps nobody out: %s, %s, %s', async (language, theme, device, look) => {
    const page = await open(path, look)
    if (name !== 'home') await page.locator('#state[data-state="connected"]').first().waitFor()
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(language === 'zh' ? 'zh-CN' : 'en')
    await picture(page, `${name}-${language}-${theme}-${device}`)
    expect(
      await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    ).toBeLessThanOrEqual(0)
    expect(await barriers(page)).toEqual([])
  })
})

describe('a battle', () => {
  test('on two phones and a desktop ends with one state in all of them, and a result for each', async () => {
    const looks = [
      { width: 1280, height: 800 },
      { width: 360, height: 740 },
      { width: 412, height: 915, locale: 'zh-CN' },
    ]
    const players: Page[] = []
    for (const look of looks) {
      const page = await open('/battle/?room=whole', look)
      await page.waitForFunction(() => window.rtmsBattle?.state !== null)
      players.push(page)
    }
    const [host] = players as [Page]
    await host.waitForFunction(() => window.rtmsBattle.state?.players.filter(({ bot }) => !bot).length === 3)
    // The room's answer comes a frame later.
    await host.locator('input[name="long"]').first().click()
    await host.waitForFunction(() => window.rtmsBattle.state?.long === false)
    await host.getByRole('button', { name: 'Start the battle' }).click()
    for (const page of players) await page.waitForFunction(() => window.rtmsBattle.state?.phase === 'battle')
    const isOver = (): Promise<boolean> => host.evaluate(() => window.rtmsBattle.state?.phase === 'over')
    let pressed = 0
    while (!(await isOver())) {
      for (const page of players) await page.keyboard.press(pressed % 5 === 0 ? 'KeyG' : 'Space')
      pressed++
    }
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
      readonly frame: number
      readonly client: Client
      readonly result: object | null
      digestAt(frame: number): string | undefined
    }
  }
}
