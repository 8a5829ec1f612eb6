import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Demo } from '../../src/demo/index.ts'
import {
  checksumAt,
  lastFrame,
  launch,
  overflow,
  picture,
  placeOf,
  seePlace,
  startBuiltDemo,
  Visitors,
} from './support.ts'

let demo: Demo & { readonly url: string }
let browser: Browser
let visitors: Visitors

beforeAll(async () => {
  demo = await startBuiltDemo()
  browser = await launch()
  visitors = new Visitors(browser, demo.url)
})

afterEach(async () => {
  await visitors?.closeAll()
  expect(visitors.complaints.splice(0)).toEqual([])
})

afterAll(async () => {
  await browser?.close()
  await demo?.close()
})

function ask(body: string): Promise<Response> {
  return fetch(`${demo.url}/api/playground/ticket`, { method: 'POST', body })
}

/** Clicks the field at a share of its width and height. */
async function tap(page: Page, across: number, down: number): Promise<void> {
  await page.locator('#field').scrollIntoViewIfNeeded()
  const box = await page.locator('#field').boundingBox()
  if (box === null) throw new Error('the field is not on the page')
  await page.mouse.click(box.x + box.width * across, box.y + box.height * down)
}

/** Waits until a window shows somebody elsewhere than `before`, and says where. */
async function moved(page: Page, name: string, before: { x: number; y: number }) {
  await page.locator(`.dot[data-user="${name}"]:not([data-place="${before.x},${before.y}"])`).waitFor()
  return placeOf(page, name)
}

describe('a meeting', () => {
  test('two windows in a room see each other’s moves, in the same frames', async () => {
    const ada = await visitors.open({ name: 'Ada', room: 'pair' })
    const ben = await visitors.open({ name: 'Ben', room: 'pair' })
    for (const page of [ada, ben])
      for (const name of ['Ada', 'Ben']) await page.locator(`#members li:has-text("${name}")`).waitFor()

    const before = await placeOf(ada, 'Ada')
    await tap(ada, 0.25, 0.75)
    const tapped = await moved(ada, 'Ada', before)
    expect(Math.abs(tapped.x - 250)).toBeLessThan(30)
    expect(Math.abs(tapped.y - 750)).toBeLessThan(30)
    await seePlace(ben, 'Ada', tapped)

    const { x, y } = await placeOf(ben, 'Ben')
    await ben.locator('#field').press('ArrowRight')
    await seePlace(ben, 'Ben', { x: x + 25, y })
    await seePlace(ada, 'Ben', { x: x + 25, y })

    expect(await ada.locator('.dot').count()).toBe(2)
    const frame = await lastFrame(ada)
    expect(await checksumAt(ben, frame)).toBe(await checksumAt(ada, frame))
    expect(await checksumAt(ben, frame + 20)).toBe(await checksumAt(ada, frame + 20))
  })

  test('who comes late gets every frame from the first, and stands where the others see them', async () => {
    const ada = await visitors.open({ name: 'Ada', room: 'late' })
    const ben = await visitors.open({ name: 'Ben', room: 'late' })
    const before = await placeOf(ada, 'Ada')
    await tap(ada, 0.8, 0.2)
    const place = await moved(ada, 'Ada', before)
    await checksumAt(ada, 60)

    const cleo = await visitors.open({ name: 'Cleo', room: 'late' })
    await seePlace(cleo, 'Ada', place)
    const frame = (await lastFrame(ada)) + 1
    const sums = await Promise.all([ada, ben, cleo].map((page) => checksumAt(page, frame)))
    expect(new Set(sums).size).toBe(1)
    expect(await cleo.evaluate(() => window.rtmsDemo.first)).toBe(1)
    expect(await cleo.evaluate(() => window.rtmsDemo.frames)).toBeGreaterThanOrEqual(frame)
    for (const early of [1, 30, 60]) expect(await checksumAt(cleo, early)).toBe(await checksumAt(ada, early))
  })

  test('who goes to another room leaves this one', async () => {
    const ada = await visitors.open({ name: 'Ada', room: 'leaving' })
    const ben = await visitors.open({ name: 'Ben', room: 'leaving' })
    await ada.locator('#members li:has-text("Ben")').waitFor()
    await ben.goto(`${demo.url}/playground/?room=elsewhere`)
    await ada.locator('#members li:has-text("Ben")').waitFor({ state: 'detached' })
    // Chromium complains of a page that is closed while it connects.
    await ben.locator('#members li:has-text("Ben")').waitFor()
    // Whoever is alone has a ghost for company.
    await ada.locator('.dot.ghost').waitFor()
    await expect.poll(() => ada.locator('.dot').count()).toBe(2)
  })

  test('rooms are apart', async () => {
    const ada = await visitors.open({ name: 'Ada', room: 'here' })
    await visitors.open({ name: 'Ben', room: 'there' })
    await checksumAt(ada, (await lastFrame(ada)) + 10)
    expect(await ada.locator('#members li').allTextContents()).toEqual(['Adayou', 'Ghost'])
  })
})

describe('the market', () => {
  test('the price moves', async () => {
    const page = await visitors.open({ name: 'Ada', room: 'price' })
    await page.locator('#price:not(:text("–"))').waitFor()
    const first = await page.locator('#price').textContent()
    await page.waitForFunction((was) => document.querySelector('#price')?.textContent !== was, first)
    expect(Number(await page.locator('#price').textContent())).toBeGreaterThan(0)
  })

  test('an order is answered, and its fill is pushed to who placed it and nobody else', async () => {
    const ada = await visitors.open({ name: 'Ada', room: 'orders' })
    const ben = await visitors.open({ name: 'Ben', room: 'orders' })
    await ada.locator('#quantity').fill('7')
    await ada.locator('#place').click()
    await ada.locator('#reply:has-text("7 at")').waitFor()
    const [id] = /A-\d+/.exec((await ada.locator('#reply').textContent()) ?? '') ?? ['']
    await ada.locator(`#filled li:has-text("${id} is filled: 7 at")`).waitFor()
    expect(await ben.locator('#filled li').count()).toBe(0)
  })

  test('an order in Chinese', async () => {
    const page = await visitors.open({ name: '阿达', room: 'orders', locale: 'zh-CN' })
    await page.locator('#place:has-text("下单")').click()
    await page.locator('#reply:has-text("10 份")').waitFor()
    await page.locator('#filled li:has-text("已成交")').waitFor()
  })

  test('an order the server refuses is explained', async () => {
    const page = await visitors.open({ name: 'Ada', room: 'orders' })
    // Past the form's own check, as another client would be.
    await page.locator('#order').evaluate((form) => form.setAttribute('novalidate', ''))
    await page.locator('#quantity').fill('5000')
    await page.locator('#place').click()
    await page.locator('#reply.failed:has-text("whole number from 1 to 1000")').waitFor()
  })
})

describe('the page', () => {
  test('nothing overflows sideways, on a desktop and a phone, in both themes', async () => {
    const page = await visitors.open({ name: 'Ada', room: 'look' })
    await visitors.open({ name: 'Ben', room: 'look' })
    await visitors.open({ name: 'W'.repeat(24), room: 'look' })
    const before = await placeOf(page, 'Ada')
    await tap(page, 0.999, 0.97)
    await moved(page, 'Ada', before)
    await page.locator('#place').click()
    await page.locator('#filled li').waitFor()
    await page.waitForFunction(
      () => (document.querySelector('#line polyline')?.getAttribute('points') ?? '').split(' ').length > 15,
    )
    for (const [device, width, height] of [
      ['desktop', 1280, 900],
      ['phone', 390, 844],
    ] as const) {
      await page.setViewportSize({ width, height })
      for (const theme of ['light', 'dark'] as const) {
        const look = `${device}-${theme}`
        await page.emulateMedia({ colorScheme: theme })
        await picture(page, look)
        expect([look, await overflow(page)]).toEqual([look, 0])
      }
    }
  })

  test('a room that cannot be is explained, and the page stops asking', async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(`${demo.url}/playground/?room=no%20such%2Froom`)
    await page.locator('#problem:has-text("room must be")').waitFor()
    await page.waitForFunction(() => window.rtmsDemo.state === 'closed')
    await context.close()
  })

  test('is used by the keyboard alone', async () => {
    const page = await visitors.open({ name: 'Ada', room: 'keys' })
    const tabTo = async (selector: string): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        await page.keyboard.press('Tab')
        if (await page.locator(selector).evaluate((element) => element === document.activeElement)) return
      }
      throw new Error(`the tab key does not reach ${selector}`)
    }
    const { x, y } = await placeOf(page, 'Ada')
    await tabTo('#field')
    await page.keyboard.press('Shift+ArrowRight')
    await seePlace(page, 'Ada', { x: x + 100, y })
    await tabTo('#quantity')
    await page.keyboard.press('Enter')
    await page.locator('#filled li').waitFor()
  })

  test('a row of key strokes counts each, however fast', async () => {
    const page = await visitors.open({ name: 'Ada', room: 'strokes' })
    const { x, y } = await placeOf(page, 'Ada')
    for (let i = 0; i < 8; i++) await page.locator('#field').press('ArrowRight')
    await seePlace(page, 'Ada', { x: x + 200, y })
  })

  test('the calls it names are the ones it makes', async () => {
    const page = await visitors.open({ name: 'Ada', room: 'calls' })
    const calls = await page.locator('.call').allTextContents()
    expect(calls).toHaveLength(4)
    // All of it can be unfolded, and copied.
    for (const [at, call] of calls.entries()) {
      await page.locator('.code summary').nth(at).click()
      const shown = (await page.locator('.code pre').nth(at).innerText()).replaceAll(/<[^>]+>\(/g, '(')
      expect(shown).toContain(call.replace(', …)', ','))
      await page.locator('.code .copy').nth(at).click()
      await page
        .locator('.code .copy', { hasText: /Copied|Ctrl/ })
        .first()
        .waitFor()
    }
    expect(await overflow(page)).toBe(0)
    const code = ['room.ts', 'market.tsx']
      .map((file) => readFileSync(new URL(`../../web/src/playground/${file}`, import.meta.url), 'utf8'))
      .join('')
      // In the code the calls name their types.
      .replaceAll(/<\w+>\(\s*/g, '(')
    for (const call of calls) expect(code).toContain(call.replace(', …)', ','))
  })

  test('a reload makes nobody twice', async () => {
    const page = await visitors.open({ name: 'Ada', room: 'reload' })
    await page.reload()
    await page.waitForFunction(() => window.rtmsDemo?.frames > 0)
    await page.locator('#count:text-is("2")').waitFor()
    expect(await page.locator('#members li:has-text("Ada")').count()).toBe(1)
  })
})

describe('the demo’s HTTP', () => {
  test('a ticket names its user, meeting and address', async () => {
    const response = await ask('{"name": "Ada", "room": "http"}')
    expect(response.status).toBe(200)
    const ticket = (await response.json()) as Record<string, unknown>
    expect(ticket).toMatchObject({ meeting: 'demo.http', user: expect.stringMatching(/^Ada~[0-9a-f]{12}$/) })
    expect(ticket['url']).toMatch(`${demo.url.replace('http', 'ws')}/rtms?route=`)
  })

  test('who brings back what it was given is the same user, another name aside', async () => {
    const first = (await (await ask('{"name": "Ada"}')).json()) as { user: string; guest: string }
    const again = (await (await ask(`{"name": "Ada", "guest": "${first.guest}"}`)).json()) as { user: string }
    expect(again.user).toBe(first.user)
    expect(((await (await ask('{"name": "Ada"}')).json()) as { user: string }).user).not.toBe(first.user)
  })

  test.each([
    ['no JSON', 'name=Ada', 400, 'must be JSON'],
    ['no object', '"Ada"', 400, 'JSON object'],
    ['an empty name', '{"name": " "}', 400, 'name must be'],
    ['a name of another kind', '{"name": 7}', 400, 'name must be'],
    ['a control character in the name', '{"name": "A\\u0000"}', 400, 'name must be'],
    ['a room with a space', '{"room": "a b"}', 400, 'room must be'],
    ['a room with a dot', '{"room": "a.b"}', 400, 'room must be'],
    ['a made-up guest', '{"guest": "x"}', 400, 'guest must be'],
    ['too much', JSON.stringify({ name: 'x'.repeat(5_000) }), 413, '4096 bytes'],
    ['far too much', JSON.stringify({ name: 'x'.repeat(2_000_000) }), 413, '4096 bytes'],
  ])('a ticket is refused for %s', async (_case, body, status, message) => {
    const response = await ask(body)
    expect(response.status).toBe(status)
    expect(((await response.json()) as { error: string }).error).toContain(message)
  })

  test('tickets are asked for with POST', async () => {
    const response = await fetch(`${demo.url}/api/playground/ticket`)
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
  })

  test('pages come with a policy that allows no foreign and no inline script', async () => {
    const response = await fetch(demo.url)
    expect(response.status).toBe(200)
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'self'")
    expect(policy).not.toContain('unsafe')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test.each([
    '/nothing',
    '/api',
    '/api/ticket',
    '/api/nothing/ticket',
    '/../package.json',
    '/%2e%2e/cli/main.js',
    '/assets/',
  ])('there is nothing at %s', async (path) => {
    const response = await fetch(demo.url + path)
    expect(response.status).toBe(404)
    expect(await response.text()).toContain('Not found')
  })

  test('pages are for reading', async () => {
    expect((await fetch(demo.url, { method: 'POST' })).status).toBe(405)
  })
})
