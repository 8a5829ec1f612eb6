import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Client, State } from '../../src/client/index.ts'
import type { Demo } from '../../src/demo/index.ts'
import type { Wish } from '../../src/demo/wall/desk.ts'
import { LISTED } from '../../src/demo/wall/listing.ts'
import { Proxy } from './proxy.ts'
import { barriers, launch, picture, startBuiltDemo } from './support.ts'

interface Row {
  readonly symbol: string
  readonly count: number
  readonly last: number
}

declare global {
  interface Window {
    rtmsWall: {
      readonly listed: number
      readonly trading: { place(wish: Wish): Promise<void> }
      readonly feed: {
        readonly client: Client
        readonly state: State
        readonly session: { readonly node: string } | null
        readonly rows: ReadonlyMap<string, Row>
        readonly latest: number
        readonly meter: { readonly made: number; readonly received: number }
      }
      readonly returned: { readonly recovered: boolean; readonly paused: boolean } | null
      readonly map: {
        readonly cells: readonly {
          readonly row: Row
          readonly box: {
            readonly x: number
            readonly y: number
            readonly width: number
            readonly height: number
          }
        }[]
      } | null
    }
  }
}

let demo: Demo & { readonly url: string }
let browser: Browser
let proxy: Proxy
let proxied = ''
const complaints: string[] = []
const pages: Page[] = []

beforeAll(async () => {
  demo = await startBuiltDemo()
  browser = await launch()
  proxy = new Proxy(demo.rtms.address.port)
  proxied = await proxy.listen()
})

afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close()
  expect(complaints.splice(0)).toEqual([])
})

afterAll(async () => {
  await browser?.close()
  await proxy?.close()
  await demo?.close()
})

interface Look {
  readonly lang?: 'en' | 'zh'
  readonly phone?: boolean
  /** Fingers alone, without a pointer that hovers. */
  readonly fingers?: boolean
  readonly dark?: boolean
  readonly url?: string
  readonly view?: 'map' | 'tiles'
}

/** The wall, once every company is on it. */
async function open({
  lang = 'en',
  phone = false,
  fingers = false,
  dark = false,
  url = demo.url,
  view = 'tiles',
}: Look = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: phone ? { width: 360, height: 740 } : { width: 1280, height: 900 },
    hasTouch: phone,
    isMobile: fingers,
    colorScheme: dark ? 'dark' : 'light',
    bypassCSP: true,
  })
  const page = await context.newPage()
  pages.push(page)
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // A browser complains by itself of a server that it cannot reach.
    const isOurs = !message.text().includes('net::ERR_')
    if (isOurs && (message.type() === 'error' || message.type() === 'warning'))
      complaints.push(message.text())
  })
  await page.goto(`${url}/wall/?lang=${lang}`)
  await page.locator(`#shown[data-shown="${LISTED}"]`).waitFor()
  // The map is what comes first.
  await page.locator('#map').waitFor()
  if (view === 'tiles') await page.locator('input[name=view][value=tiles]').check()
  return page
}

/** Waits until prices have moved again, on the tiles that are in sight. */
async function moves(page: Page): Promise<void> {
  const shown = (): Promise<string[]> => page.locator('.tile .price').allTextContents()
  const before = await shown()
  await expect
    .poll(async () => (await shown()).filter((price, i) => price !== before[i]).length)
    .toBeGreaterThan(5)
}

/** How far behind the server's last quote what the page has is, in milliseconds. */
const lag = (page: Page): Promise<number> => page.evaluate(() => Date.now() - window.rtmsWall.feed.latest)

const symbols = (page: Page): Promise<string[]> => page.locator('.tile .symbol').allTextContents()

// First, while the market trades: a day of it is over sooner than all of these tests.
describe('an order', () => {
  test('is placed by the keyboard, filled by push, and changes the account', async () => {
    const page = await open()
    const cash = async (): Promise<number> => Number(await page.locator('#account').getAttribute('data-cash'))
    const before = await cash()
    // At night nothing is filled.
    await page.locator('#day[data-phase=morning], #day[data-phase=afternoon]').waitFor()
    await page.locator('#tiles').focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowRight')
    const chosen = await page.locator('.tile[data-active]').getAttribute('data-symbol')
    await page.keyboard.press('Enter')
    await page.locator(`#panel[data-symbol="${chosen}"]`).waitFor()
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('quantity')
    await page.keyboard.press('ControlOrMeta+a')
    await page.keyboard.type('40')
    await page.keyboard.press('Enter')
    await page.locator('#reply[data-good=true]', { hasText: 'was taken in' }).waitFor()
    await page
      .locator('.toast', { hasText: `${chosen} at` })
      .first()
      .waitFor()
    await page.locator(`[data-holding="${chosen}"][data-quantity="40"]`).waitFor()
    expect(await page.locator('#orders li').count()).toBe(0)
    expect(await cash()).toBeLessThan(before)
    expect(await barriers(page, '.side')).toEqual([])

    // More than is there cannot be sold; a limit that is far away waits, and is taken back.
    await page.locator('input[name=side][value=sell]').check()
    await page.locator('#quantity').fill('500')
    await page.locator('#place').click()
    await page.locator('#reply[data-good=false]', { hasText: 'so many shares' }).waitFor()
    await page.getByRole('button', { name: 'All', exact: true }).click()
    await page.locator('input[name=type][value=limit]').check()
    await page.locator('#limit').fill('9999')
    await page.locator('#place').click()
    await page.locator('#orders li').waitFor()
    await page.getByRole('button', { name: /^Cancel order/ }).click()
    await page.locator('.toast', { hasText: 'is cancelled' }).waitFor()
    await expect.poll(() => page.locator('#orders li').count()).toBe(0)
    await page.keyboard.press('Escape')
  })
})

describe('the tiles', () => {
  test('move, stay fresh, and cost what the figures say', async () => {
    const page = await open()
    expect(await page.locator('.tile').first().getAttribute('aria-setsize')).toBe(String(LISTED))
    await moves(page)
    await expect.poll(() => lag(page)).toBeLessThan(1_000)
    await page.locator('.tile[data-flash]').first().waitFor()
    // Who asked for rest sees new prices without a flash.
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await page.locator('.tile[data-flash]').first().waitFor({ state: 'detached' })
    await moves(page)
    expect(await page.locator('.tile[data-flash]').count()).toBe(0)
    await page.locator('input[name=pace][value="1"]').check()
    // At one a second, most of what the market makes is left out.
    await expect
      .poll(async () => parseInt((await page.locator('[data-figure=spared] dd').textContent()) ?? '', 10), {
        timeout: 10_000,
      })
      .toBeGreaterThan(35)
    await moves(page)
    // Only those that are looked at are there, and the others come as the list scrolls.
    const there = page.locator('.tile')
    expect(await there.count()).toBeGreaterThan(20)
    expect(await there.count()).toBeLessThan(100)
    await page.locator('#tiles').focus()
    await page.keyboard.press('End')
    await page.locator(`.tile[data-active][aria-posinset="${LISTED}"]`).waitFor()
    expect(await there.count()).toBeLessThan(100)
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThan(2_000)
  })

  test('are found by symbol, name and sector, and stand in the order chosen', async () => {
    const page = await open({ lang: 'zh' })
    const shown = page.locator('#shown')
    await page.locator('#sector').selectOption('chips')
    await expect.poll(() => shown.getAttribute('data-shown')).toBe('45')
    await page.locator('#order').selectOption('symbol')
    const sorted = await symbols(page)
    expect(sorted).toEqual([...sorted].sort())
    const [first = ''] = sorted
    const name = (await page.locator('.tile .name').first().textContent()) ?? ''
    for (const typed of [first.toLowerCase(), name]) {
      await page.locator('#search').fill(typed)
      await expect.poll(() => symbols(page)).toEqual([first])
    }
    await page.locator('#search').fill('zzzz')
    await page.getByRole('button', { name: '显示全部' }).click()
    await expect.poll(() => shown.getAttribute('data-shown')).toBe(String(LISTED))
    await page.locator('#order').selectOption('rise')
    const areInOrder = async (): Promise<boolean> => {
      const changes = await page.locator('.tile .change').allTextContents()
      const values = changes.slice(0, 12).map((text) => parseFloat(text.replace('−', '-')))
      return values.every((value, i) => i === 0 || value <= (values[i - 1] as number) + 0.3)
    }
    // Prices go on moving, and places change every two seconds.
    await expect.poll(areInOrder, { timeout: 10_000 }).toBe(true)
  })

  test('can be left unread for a while, and the market goes on', async () => {
    const page = await open()
    await moves(page)
    await page.locator('#pause').click()
    await page.locator('.wall[data-flow=paused]').waitFor()
    const paused = await page.evaluate(() => window.rtmsWall.feed.meter)
    await page.locator('#halt').filter({ hasText: 'Paused for 2 s' }).waitFor()
    expect(await page.evaluate(() => window.rtmsWall.feed.meter.received)).toBe(paused.received)
    await page.locator('#pause').click()
    await page.locator('.wall[data-flow=live]').waitFor()
    expect(await page.evaluate(() => window.rtmsWall.returned)).toMatchObject({
      recovered: true,
      paused: true,
    })
    await page.locator('.toast', { hasText: 'Going on after' }).waitFor()
    // All that the market made meanwhile is told of by its latest values.
    await page.waitForFunction((made) => window.rtmsWall.feed.meter.made > made + 1_000, paused.made)
  })
})

describe('what is said below the wall', () => {
  test.each([
    ['en', false, 'Arrow keys move, Enter opens a company.'],
    ['en', true, 'Tap a company to open it.'],
    ['zh', true, '轻点一家公司即可打开。'],
  ] as const)('is about keys or, for fingers, about taps: %s, %s', async (lang, fingers, words) => {
    for (const view of ['map', 'tiles'] as const) {
      const page = await open({ lang, phone: fingers, fingers, view })
      const help = page.locator('#board-help')
      await help.getByText(words).waitFor()
      expect(await help.locator('span:visible').allTextContents()).toEqual([words])
      if (view === 'map') await picture(page, `wall-help-${lang}-${fingers ? 'phone' : 'desktop'}`)
    }
  })
})

describe('the heat map', () => {
  test('draws every company, and opens one by the keyboard or a finger', async () => {
    const page = await open({ phone: true, lang: 'zh', dark: true, view: 'map' })
    await page.locator(`#map[data-cells="${LISTED}"]`).waitFor()
    const { area, blank } = await page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#map canvas')
      const context = canvas?.getContext('2d')
      const cells = window.rtmsWall.map?.cells ?? []
      if (canvas == null || context == null) throw new Error('there is no canvas')
      const ratio = canvas.width / canvas.clientWidth
      const { data, width } = context.getImageData(0, 0, canvas.width, canvas.height)
      return {
        area:
          cells.reduce((sum, { box }) => sum + box.width * box.height, 0) /
          (canvas.clientWidth * canvas.clientHeight),
        blank: cells.filter(({ box }) => {
          const x = Math.floor((box.x + box.width / 2) * ratio)
          const y = Math.floor((box.y + box.height / 2) * ratio)
          return data[4 * (y * width + x) + 3] !== 255
        }).length,
      }
    })
    expect(blank).toBe(0)
    expect(area).toBeGreaterThan(0.8)

    const active = (): Promise<string | null> => page.locator('#map').getAttribute('aria-activedescendant')
    await page.locator('#map').focus()
    const first = await active()
    await page.keyboard.press('ArrowRight')
    await expect.poll(active).not.toBe(first)
    const second = (await active())?.replace('cell-', '') ?? ''
    await page.keyboard.press('Enter')
    await page.locator(`#panel[data-symbol="${second}"]`).waitFor()
    expect(await barriers(page, 'main')).toEqual([])
    await picture(page, 'wall-map-panel-phone')
    await page.keyboard.press('Escape')
    await page.locator('#panel').waitFor({ state: 'detached' })
    await page.locator('#map').tap({ position: { x: 60, y: 60 } })
    await page.locator('#panel').waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThan(3_500)

    // Red is up where Chinese is read, and green is for who wants it.
    const rising = (): Promise<string> =>
      page.locator('.breadth .up').evaluate((element) => getComputedStyle(element).color)
    const red = await rising()
    await page.locator('input[name=rise][value=green]').check()
    expect([red, await rising()]).toEqual(['rgb(255, 128, 120)', 'rgb(79, 208, 138)'])
  })
})

describe('a lost connection', () => {
  test('is said, sends no order, and comes back with the latest of every price', async () => {
    const page = await open({ url: proxied })
    await moves(page)
    await page.locator('.tile').first().click()
    await page.locator('#panel').waitFor()
    proxy.cut()
    await page.locator('#state[data-state=disconnected]').waitFor()
    await page.locator('#halt', { hasText: 'No connection' }).waitFor()
    await page.locator('#place').click()
    await page.locator('#reply[data-good=false]', { hasText: 'the order was not sent' }).waitFor()
    proxy.mend()
    await page.waitForFunction(() => window.rtmsWall.returned !== null)
    expect(await page.evaluate(() => window.rtmsWall.returned)).toMatchObject({
      recovered: true,
      paused: false,
    })
    await page.locator('.toast', { hasText: 'recovered' }).waitFor()
    await page.locator('.wall[data-flow=live]').waitFor()
    // What the page has is what the server would tell a newcomer.
    await expect
      .poll(async () => {
        const latest = new Map(
          demo.rtms.topics.latest('wall.quotes').map(({ key, data }) => [key, (data as number[])[1]]),
        )
        const rows = await page.evaluate(() =>
          [...window.rtmsWall.feed.rows.values()].map(({ symbol, last }) => [symbol, last] as const),
        )
        return rows.filter(([symbol, last]) => latest.get(symbol) !== last).length
      })
      .toBeLessThan(120)
    await expect.poll(() => lag(page)).toBeLessThan(1_000)
    expect(await page.evaluate(() => window.rtmsWall.feed.rows.size)).toBe(LISTED)
  })
})
