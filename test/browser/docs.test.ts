import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Demo } from '../../src/demo/index.ts'
import { barriers, launch, overflow, startBuiltDemo } from './support.ts'

let demo: Demo & { readonly url: string }
let browser: Browser
const complaints: string[] = []

beforeAll(async () => {
  demo = await startBuiltDemo()
  browser = await launch()
})

afterAll(async () => {
  await browser?.close()
  await demo?.close()
})

async function open(path: string, width: number, dark = false): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme: dark ? 'dark' : 'light',
    bypassCSP: true,
  })
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(`${path}: ${error.message}`))
  page.on('console', (message) => message.type() === 'error' && complaints.push(`${path}: ${message.text()}`))
  await page.goto(demo.url + path)
  await page.getByRole('searchbox').or(page.getByRole('combobox')).waitFor()
  return page
}

it.each([
  ['on a phone, in the dark', 390, true],
  ['on a desk', 1_360, false],
])('The docs fit, and anybody can read them, %s', async (_, width, dark) => {
  for (const path of ['/docs/', '/docs/limits/', '/docs/topics/']) {
    // oxlint-disable-next-line no-await-in-loop
    const page = await open(path, width, dark)
    // oxlint-disable-next-line no-await-in-loop
    expect([path, await overflow(page), await barriers(page)]).toEqual([path, 0, []])
    // oxlint-disable-next-line no-await-in-loop
    await page.context().close()
  }
  expect(complaints).toEqual([])
})

it('The search finds a section by a part of a name, and Enter opens it', async () => {
  const page = await open('/docs/topics/', 390)
  await page.keyboard.press('/')
  await page.keyboard.type('spectator delay')
  await page.getByRole('option', { name: /^Spectators/ }).waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL('**/docs/meetings/#spectators')
  await page.getByRole('button', { name: 'Chapters' }).click()
  await page.getByRole('link', { name: 'Errors', exact: true }).click()
  await page.getByRole('heading', { name: 'Errors', exact: true }).waitFor()
  await page.context().close()
  expect(complaints).toEqual([])
})
