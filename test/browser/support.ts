import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { type Demo, startDemo } from '../../src/cli/demo.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

// No proxy of the environment, no QUIC and no service of the browser's maker: these tests need one local port.
const browserArgs = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-proxy-server',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** What the page shows to tests; declared where it is made, in web/src/main.ts. */
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

/** Headless, with a profile of its own that goes with it. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), args: browserArgs, headless: true })
}

/** The demo as `rtms serve --dev` runs it, on a free port. */
export async function startBuiltDemo(): Promise<Demo & { readonly url: string }> {
  const pages = join(root, 'dist/web')
  if (!existsSync(join(pages, 'index.html')))
    throw new Error(
      'the browser tests need the pages in dist/web, and they are not built. Build them: npm run build',
    )
  const demo = await startDemo(
    { port: 0, host: '127.0.0.1', secret: 'a secret of the tests, 32 bytes long' },
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
  async open({ name, room, width = 1280, height = 900, dark = false }: WindowOptions): Promise<Page> {
    const context = await this.#browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? 'dark' : 'light',
    })
    await context.addInitScript((given) => sessionStorage.setItem('rtms.name', given), name)
    const page = await context.newPage()
    this.#pages.push(page)
    page.on('pageerror', (error) => this.complaints.push(`${name}: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        this.complaints.push(`${name}: ${message.text()}`)
    })
    await page.goto(`${this.#url}/?${new URLSearchParams({ room })}`)
    await page.waitForFunction(() => window.rtmsDemo?.frames > 0)
    return page
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

/** A picture of the whole page for people to look at, in `.artifacts/` of the checkout. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(join(root, '.artifacts'), { recursive: true })
  await page.screenshot({ path: join(root, '.artifacts', `${name}.png`), fullPage: true })
}
