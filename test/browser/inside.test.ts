import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Demo } from '../../src/demo/index.ts'
import { barriers, launch, overflow, picture, startBuiltDemo } from './support.ts'

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
  readonly lang?: 'en' | 'zh'
  readonly still?: boolean
}

/** A visitor in a lab of its own, once frames and entries arrive. */
async function open({ lang = 'en', still = false }: Look = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    colorScheme: 'light',
    reducedMotion: still ? 'reduce' : 'no-preference',
    bypassCSP: true,
  })
  const page = await context.newPage()
  pages.push(page)
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // A browser complains by itself of what is sent before it tells that the node has closed the socket.
    const isOurs = !message.text().includes('already in CLOSING or CLOSED')
    if (isOurs && (message.type() === 'error' || message.type() === 'warning'))
      complaints.push(message.text())
  })
  await page.goto(`${demo.url}/inside/?lang=${lang}`)
  await told(page, 'connected')
  await page.waitForFunction(
    () => Number(document.querySelector('[data-log=topic]')?.getAttribute('data-head')) > 10,
  )
  return page
}

/** Waits until the story has a line of this kind, the latest one, and says what is in it. */
async function told(page: Page, kind: string, timeout = 30_000): Promise<Record<string, number>> {
  const line = page.locator(`#story li[data-kind="${kind}"]`).first()
  await line.waitFor({ timeout })
  return JSON.parse((await line.getAttribute('data-what')) ?? '{}') as Record<string, number>
}

async function figure(page: Page, name: string): Promise<number> {
  return Number(await page.locator(`[data-figure="${name}"] dd`).textContent())
}

/** The session of the only visitor, as the node has it. */
async function session() {
  const [only] = (await demo.rtms.users.list()).filter(({ connected }) => connected)
  if (only === undefined) throw new Error('nobody is connected')
  return only
}

async function choose(page: Page, name: string, value: string | number): Promise<void> {
  await page.locator(`input[name=${name}][value="${value}"]`).check()
  await told(page, name)
}

describe('the switches', () => {
  test('who stops reading uses up the credit, and is told exactly what was skipped', async () => {
    const page = await open()
    await choose(page, 'speed', 100)
    const { creditStalls } = demo.rtms.stats
    await page.locator('#stop').click()
    const stalled = await told(page, 'stalled')
    expect(stalled['bytes']).toBeGreaterThanOrEqual(stalled['window'] as number)
    expect(demo.rtms.stats.creditStalls).toBeGreaterThan(creditStalls)
    expect((await session()).unacknowledgedBytes).toBeGreaterThanOrEqual((await session()).window)
    await page.locator('.picture[data-wire=stalled]').waitFor()
    await told(page, 'fallen')
    const cursor = (await session()).cursors.find(({ of }) => of === 'topic')
    expect(cursor?.position).toBeLessThan(cursor?.first as number)
    await picture(page, 'inside-stalled')

    await page.locator('#stop').click()
    const gap = await told(page, 'gap')
    expect(gap['from']).toBe(cursor?.position)
    await expect.poll(() => figure(page, 'told')).toBe((gap['to'] as number) - (gap['from'] as number) + 1)
    await told(page, 'flowing')
    expect((await session()).unacknowledgedBytes).toBeLessThan((await session()).window)
    expect(await figure(page, 'silent')).toBe(0)
  })

  test('a reader that conflates gets the latest values in the place of what it missed', async () => {
    const page = await open()
    await choose(page, 'policy', 'conflate')
    await choose(page, 'speed', 100)
    await page.locator('#stop').click()
    await told(page, 'fallen')
    await page.locator('#stop').click()
    const left = await told(page, 'conflated')
    expect(left['to']).toBeGreaterThan(left['from'] as number)
    expect(await figure(page, 'conflated')).toBeGreaterThan(0)
    expect(await figure(page, 'told')).toBe(0)
    expect(await figure(page, 'silent')).toBe(0)
  })

  test('a reader that wants to be disconnected is told SLOW and comes back', async () => {
    const page = await open()
    await choose(page, 'policy', 'disconnect')
    await choose(page, 'speed', 100)
    await page.locator('#stop').click()
    // It is not asked: the node need not wait until it reads again.
    await expect.poll(() => demo.rtms.stats.connectionsLost.get('SLOW') ?? 0, { timeout: 20_000 }).toBe(1)
    await page.locator('#stop').click()
    expect(await told(page, 'goodbye')).toEqual({ kind: 'goodbye', reason: 'SLOW' })
    await told(page, 'rejoined')
    await page.locator('#state[data-state=connected]').waitFor()
    expect(await figure(page, 'silent')).toBe(0)
  })

  test('who was cut off resumes where it stood, and misses nothing', async () => {
    const page = await open()
    const { sessionsResumed } = demo.rtms.stats
    await page.locator('#cut').click()
    await told(page, 'lost')
    expect((await demo.rtms.users.list()).every(({ connected }) => !connected)).toBe(true)
    const read = Number(await page.locator('[data-log=topic]').getAttribute('data-read'))
    await picture(page, 'inside-cut')
    const back = await told(page, 'recovered')
    expect(demo.rtms.stats.sessionsResumed).toBe(sessionsResumed + 1)
    expect(back['from']).toBe(read + 1)
    await told(page, 'rejoined')
    // Five seconds of the feed came after it.
    await page.waitForFunction(
      (at) => Number(document.querySelector('[data-log=topic]')?.getAttribute('data-read')) > at + 100,
      read,
    )
    expect(await figure(page, 'silent')).toBe(0)
    expect(await figure(page, 'told')).toBe(0)
  })

  test('of a flood what is over the limit is refused, each input once', async () => {
    const page = await open()
    const { inputsFramed } = demo.rtms.stats
    await page.locator('#flood').click()
    const refused = await told(page, 'refused')
    const framed = await told(page, 'framed')
    expect(framed['count']).toBeGreaterThanOrEqual(60)
    expect(demo.rtms.stats.inputsFramed).toBeGreaterThanOrEqual(inputsFramed + (framed['count'] as number))
    expect((await figure(page, 'framed')) + (await figure(page, 'refused'))).toBe(300)
    expect(refused['count']).toBeGreaterThan(0)
    await page.locator('#story li[data-what*=RATE]').waitFor()
    // No more than eight of a member in a frame.
    expect((framed['to'] as number) - (framed['from'] as number)).toBeGreaterThanOrEqual(7)
  })
})

describe('the tour', () => {
  test('breaks the connection in every way within half a minute, and nothing is missing in silence', async () => {
    const page = await open()
    await page.locator('#break').click()
    await page.locator('.tour [aria-current=step]').waitFor()
    expect(await page.locator('#cut').isDisabled()).toBe(true)
    await page.locator('.tour[data-at=done]').waitFor({ timeout: 30_000 })
    for (const kind of ['refused', 'framed', 'stalled', 'fallen', 'gap', 'lost', 'recovered'])
      await told(page, kind, 1_000)
    expect(await page.locator('[data-figure=silent][data-none] dd').textContent()).toBe('0')
    await page.locator('.tour [role=status]', { hasText: 'nothing is missing in silence' }).waitFor()
    expect(await page.locator('#cut').isDisabled()).toBe(false)
  })
})

describe('the page', () => {
  test.each(['en', 'zh'] as const)(
    'can be read by everybody, on a desktop and a phone, in another theme on each: %s',
    async (lang) => {
      const page = await open({ lang })
      await page.locator('#flood').click()
      await told(page, 'framed')
      // Each theme on each device in one of the languages: what differs between those is the words.
      const [desktop, phone] = lang === 'en' ? (['light', 'dark'] as const) : (['dark', 'light'] as const)
      for (const [device, width, height, theme] of [
        ['desktop', 1280, 900, desktop],
        ['phone', 390, 844, phone],
      ] as const) {
        await page.setViewportSize({ width, height })
        const look = `${lang}-${device}-${theme}`
        await page.emulateMedia({ colorScheme: theme })
        await picture(page, `inside-${look}`)
        expect([look, await overflow(page)]).toEqual([look, 0])
        expect([look, ...(await barriers(page))]).toEqual([look])
      }
    },
  )

  test('is used by the keyboard alone', async () => {
    const page = await open({ still: true })
    await page.locator('#stop').focus()
    await page.keyboard.press('Space')
    await page.locator('#stop[aria-pressed=true]').waitFor()
    await page.keyboard.press('Enter')
    await page.locator('#stop[aria-pressed=false]').waitFor()
    for (const id of ['cut', 'flood']) {
      await page.keyboard.press('Tab')
      expect(await page.evaluate(() => document.activeElement?.id)).toBe(id)
    }
    await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowRight')
    expect(await told(page, 'speed')).toEqual({ kind: 'speed', speed: 100 })
    await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowRight')
    expect(await told(page, 'policy')).toEqual({ kind: 'policy', policy: 'conflate' })
    // Nothing flies about for who asked for rest.
    expect(await page.locator('.dot').count()).toBe(0)
  })
})

describe('the view', () => {
  test('is for who has the lab’s secret', async () => {
    for (const authorization of ['', 'Bearer x', `Bearer ${'a'.repeat(22)}`]) {
      const response = await fetch(`${demo.url}/api/inside/view`, { headers: { authorization } })
      expect(response.status).toBe(404)
    }
  })
})
