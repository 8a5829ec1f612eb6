import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import axe from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { type Demo, startDemo } from '../../src/demo/index.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Features that are off: those that Playwright turns off, as Chromium heeds the last such list alone, and the address
 * bar's popups, which take half of the processor time of a new window and which nobody sees here.
 */
const featuresOff = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxFullPopup',
]

// No proxy of the environment, no QUIC and no service of the browser's maker: these tests need one local port.
const browserArgs = [
  `--disable-features=${featuresOff.join(',')}`,
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-proxy-server',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** What the page shows to tests; declared where it is made, in web/src/playground/main.tsx. */
interface DemoState {
  readonly frames: number
  readonly first: number
  readonly state: string
  checksumAt(frame: number): string | undefined
}

declare global {
  interface Window {
    rtmsDemo: DemoState
  }
}

function findChromium(): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin']
  for (const file of folders.map((folder) => join(folder, 'chromium'))) {
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not in this folder.
    }
  }
  throw new Error('the browser tests need Chromium, and there is none in PATH. Install it: npm run setup')
}

/**
 * Has the pages of a context draw ten times a second at most: without a graphics card, sixty times take a processor for
 * each page that moves, and the frames of a game come twenty times a second anyway.
 */
export async function drawSeldom(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    window.requestAnimationFrame = (draw) => window.setTimeout(() => draw(performance.now()), 100)
    window.cancelAnimationFrame = (id) => clearTimeout(id)
  })
}

/** Headless, with a profile of its own that goes with it. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), args: browserArgs, headless: true })
}

/**
 * A browser as people run it, with one window: a tab behind another is hidden, its timers are throttled, and the whole
 * browser can stand still as on a machine that sleeps. Under the tools' own defaults no tab is ever hidden.
 */
export class PlainBrowser {
  readonly context: BrowserContext
  readonly #browser: Browser
  readonly #process: ChildProcess
  readonly #profile: string

  private constructor(browser: Browser, process: ChildProcess, profile: string) {
    this.#browser = browser
    this.#process = process
    this.#profile = profile
    this.context = browser.contexts()[0] as BrowserContext
  }

  static async launch(...flags: string[]): Promise<PlainBrowser> {
    const profile = mkdtempSync(join(tmpdir(), 'rtms-browser-'))
    const own = ['--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`]
    // A process group of its own, so that all its processes can be stopped at once.
    const child = spawn(findChromium(), [...browserArgs, ...own, ...flags, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    })
    const endpoint = await new Promise<string>((resolve, reject) => {
      let said = ''
      child.stderr.on('data', (text: Buffer) => {
        said += text.toString()
        const url = /listening on (ws:\S+)/.exec(said)?.[1]
        if (url !== undefined) resolve(url)
      })
      child.on('exit', () => reject(new Error(`Chromium ended: ${said}`)))
    })
    const browser = await chromium.connectOverCDP(endpoint, { noDefaults: true })
    return new PlainBrowser(browser, child, profile)
  }

  suspend(): void {
    process.kill(-(this.#process.pid as number), 'SIGSTOP')
  }

  wake(): void {
    process.kill(-(this.#process.pid as number), 'SIGCONT')
  }

  async close(): Promise<void> {
    this.wake()
    await this.#browser.close()
    const gone = new Promise((resolve) => this.#process.once('exit', resolve))
    process.kill(-(this.#process.pid as number), 'SIGKILL')
    await gone
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

/** The demo as `rtms serve --dev` runs it, on a free port. */
export async function startBuiltDemo(): Promise<Demo & { readonly url: string }> {
  const pages = join(root, 'dist/web')
  if (!existsSync(join(pages, 'index.html')))
    throw new Error(
      'the browser tests need the pages in dist/web, and they are not built. Build them: npm run build',
    )
  const demo = await startDemo(
    { port: 0, host: '127.0.0.1', secret: 'a secret of the tests, 32 bytes long', admin: 'loopback' },
    pages,
  )
  return { ...demo, url: `http://127.0.0.1:${demo.rtms.address.port}` }
}

export interface WindowOptions {
  readonly name: string
  readonly room: string
  readonly width?: number
  readonly height?: number
  readonly dark?: boolean
  readonly locale?: string
}

/** Windows of one browser, each a visitor with cookies and storage of its own. */
export class Visitors {
  /** What the pages' consoles complained of: errors, and whatever the Content-Security-Policy has blocked. */
  readonly complaints: string[] = []
  readonly #browser: Browser
  readonly #url: string
  readonly #pages: Page[] = []

  constructor(browser: Browser, url: string) {
    this.#browser = browser
    this.#url = url
  }

  /** Opens the demo in a new window and waits until it is in the room. */
  async open({
    name,
    room,
    width = 1280,
    height = 900,
    dark = false,
    locale = 'en-US',
  }: WindowOptions): Promise<Page> {
    const context = await this.#browser.newContext({
      viewport: { width, height },
      locale,
      colorScheme: dark ? 'dark' : 'light',
    })
    await context.addInitScript((given) => sessionStorage.setItem('rtms.name', given), name)
    const page = await context.newPage()
    this.#pages.push(page)
    await this.enter(page, name, room)
    return page
  }

  /** Opens the demo in a tab that is there and waits until it is in the room. */
  async enter(page: Page, name: string, room: string): Promise<void> {
    page.on('pageerror', (error) => this.complaints.push(`${name}: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        this.complaints.push(`${name}: ${message.text()}`)
    })
    await page.goto(`${this.#url}/playground/?${new URLSearchParams({ room })}`)
    await page.waitForFunction(() => window.rtmsDemo?.frames > 0)
  }

  async closeAll(): Promise<void> {
    for (const page of this.#pages.splice(0)) await page.context().close()
  }
}

/** The checksum of a frame, waited for. */
export async function checksumAt(page: Page, frame: number): Promise<string> {
  await page.waitForFunction((at) => window.rtmsDemo.frames + window.rtmsDemo.first > at, frame)
  const checksum = await page.evaluate((at) => window.rtmsDemo.checksumAt(at), frame)
  if (checksum === undefined)
    throw new Error(`the page does not keep the checksum of frame ${frame} any more`)
  return checksum
}

/** The last frame a window has received. */
export function lastFrame(page: Page): Promise<number> {
  return page.evaluate(() => window.rtmsDemo.first + window.rtmsDemo.frames - 1)
}

/** Where a window shows the dot of somebody: x and y, 0–1000. */
export async function placeOf(page: Page, name: string): Promise<{ x: number; y: number }> {
  const place = await page.locator(`.dot[data-user="${name}"]`).getAttribute('data-place')
  const [x = NaN, y = NaN] = (place ?? '').split(',').map(Number)
  return { x, y }
}

/** Waits until a window shows somebody's dot at a place. */
export async function seePlace(page: Page, name: string, { x, y }: { x: number; y: number }): Promise<void> {
  await page.locator(`.dot[data-user="${name}"][data-place="${x},${y}"]`).waitFor()
}

/**
 * What keeps people from using a page, or the part of it that a selector names, by axe: only what is serious. The page
 * must have been opened with `bypassCSP`.
 */
export async function barriers(page: Page, part?: string): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(
    (part) =>
      (window as unknown as { axe: typeof axe }).axe.run(part ?? document, {
        // Nothing else is looked at, and most of the time would go into describing it.
        resultTypes: ['violations'],
      }),
    part,
  )
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}

/** By how many pixels a page is wider than its window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

/**
 * With `PICTURES` in the environment, a picture of the whole page for people to look at, in `.artifacts/` of the
 * checkout. All of them together take the tests a minute.
 */
export async function picture(page: Page, name: string): Promise<void> {
  if (process.env['PICTURES'] === undefined) return
  mkdirSync(join(root, '.artifacts'), { recursive: true })
  await page.screenshot({ path: join(root, '.artifacts', `${name}.png`), fullPage: true })
}
