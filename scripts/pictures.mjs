// Makes the README's pictures, docs/pictures/, from the built demo in Chromium: `npm run pictures`.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { startDemo } from '../dist/demo/index.js'
import { findProgram } from './programs.mjs'

const folder = fileURLToPath(new URL('../docs/pictures/', import.meta.url))
/** The README stands beside them in the repository, and everybody who reads it loads them. */
const MOST_BYTES = 150_000
const viewport = { width: 1280, height: 800 }

/**
 * One picture a row: the page, its colours, and how its good moment comes about. In the README each has a cell of the
 * table.
 */
const pictures = [
  { name: 'battle', path: '/battle/?room=picture', colours: 'dark', reach: fight },
  { name: 'wall', path: '/wall/', colours: 'light', reach: trade },
  { name: 'inside', path: '/inside/', colours: 'light', reach: flood },
  { name: 'dashboard', path: '/admin/', colours: 'dark', reach: work },
]

/** A battle in full swing: eight fight, seven of them bots. */
async function fight(page) {
  await page.locator('#seats').fill('8')
  await page.locator('#start').click()
  await page.waitForFunction(() => window.rtmsBattle.state?.phase === 'battle')
  await page.keyboard.down('Space')
  await page.waitForTimeout(7_000)
}

/**
 * A connection that is flooded while it reads nothing: credit used up, cursors behind; and what came of the time
 * before.
 */
async function flood(page) {
  await page.locator('input[name="speed"]').last().check({ force: true })
  await page.locator('#flood').click()
  await page.locator('#story [data-what*="refused"]').first().waitFor()
  await page.locator('#stop').click()
  await page.locator('#story [data-what*="fallen"]').first().waitFor()
  await page.locator('#stop').click()
  await page.locator('#story [data-what*="gap"]').first().waitFor()
  await page.waitForTimeout(1_000)
  await page.locator('#stop').click()
  await page.locator('[data-wire="stalled"]').waitFor()
  await page.locator('#flood').click()
  await page.waitForTimeout(500)
}

/** The heat map of a day's trade, one company chosen. */
async function trade(page) {
  await page.locator('input[name=view][value=map]').check()
  await page.locator('#map[data-cells]').waitFor()
  await page.locator('#map').click({ position: { x: 60, y: 60 } })
  await page.locator('#panel').waitFor()
  await page.waitForTimeout(3_000)
}

/** A node that has something to do: a battle and the wall in other windows, for long enough to fill the charts. */
async function work(page) {
  const { origin } = new URL(page.url())
  const others = page.context()
  await (await others.newPage()).goto(`${origin}/wall/`)
  const battle = await others.newPage()
  await battle.goto(`${origin}/battle/?room=work`)
  await fight(battle)
  await page.bringToFront()
  await page.waitForTimeout(40_000)
}

async function open(browser, url, colours) {
  const context = await browser.newContext({ viewport, locale: 'en-US', colorScheme: colours })
  await context.addInitScript(() => sessionStorage.setItem('rtms.name', 'Ada'))
  const page = await context.newPage()
  await page.goto(url)
  await page.locator('#state[data-state="connected"]').waitFor()
  return page
}

/** WebP, which is a fraction of a PNG and of which the browser is asked itself. */
async function take(page) {
  const devtools = await page.context().newCDPSession(page)
  const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality: 80 })
  return Buffer.from(data, 'base64')
}

const executablePath = findProgram('chromium')
if (executablePath === undefined) throw new Error('there is no Chromium in PATH. Install it: npm run setup')
const demo = await startDemo(
  { port: 0, host: '127.0.0.1', secret: 'a secret of the pictures, 32 bytes long', admin: 'loopback' },
  fileURLToPath(new URL('../dist/web', import.meta.url)),
)
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--no-proxy-server', '--disable-background-networking'],
})
try {
  await mkdir(folder, { recursive: true })
  const wanted = process.argv.slice(2)
  for (const { name, path, colours, reach } of pictures) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const url = `http://127.0.0.1:${demo.rtms.address.port}${path}`
    const page = await open(browser, url, colours)
    await reach(page)
    await page.evaluate(() => scrollTo(0, 0))
    await page.waitForTimeout(200)
    const picture = await take(page)
    if (picture.length > MOST_BYTES)
      throw new Error(`${name}.webp has ${picture.length} bytes, over ${MOST_BYTES}: choose a calmer moment`)
    await writeFile(join(folder, `${name}.webp`), picture)
    console.log(`docs/pictures/${name}.webp  ${Math.ceil(picture.length / 1024)} KiB`)
    await page.context().close()
  }
} finally {
  await browser.close()
  await demo.close()
}
