import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { digest, type State } from '../../src/demo/battle/index.ts'
import { freePorts } from '../free-port.ts'
import { drawSeldom, launch, picture } from './support.ts'

/*
 * A battle that two browsers fight while its node is killed, drained and cut off the bus: by the buttons of the
 * dashboard, in what `npm run cluster` runs, through HAProxy.
 */

const ROOM = 'duo'
const names = ['rtms-0', 'rtms-1', 'rtms-2'] as const
const complaints: string[] = []
let script: ChildProcess
let said = ''
let port: number
let browsers: Browser[]

beforeAll(async () => {
  port = await freePorts(4)
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const env = { ...process.env, PORT: String(port), AWAY: '2' }
  script = spawn(process.execPath, ['scripts/cluster.mjs'], { cwd: root, env, stdio: 'pipe' })
  for (const stream of [script.stdout, script.stderr])
    stream?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  browsers = await Promise.all([launch(), launch()])
  const isUp = (): void => expect(said).toContain('Ctrl-C ends all of it')
  await vi.waitFor(isUp, { timeout: 60_000, interval: 100 })
})

afterEach(() => expect(complaints.splice(0)).toEqual([]))

afterAll(async () => {
  await Promise.all(browsers?.map((browser) => browser.close()) ?? [])
  if (script === undefined || script.exitCode !== null) return
  // Not killed: it ends the programs that it has started.
  script.kill('SIGTERM')
  await once(script, 'exit')
})

async function open(browser: Browser, url: string, width = 480): Promise<Page> {
  // Low: the scene is drawn without a graphics card.
  const viewport = { width, height: 400 }
  const context = await browser.newContext({ viewport, locale: 'en-US', reducedMotion: 'reduce' })
  await drawSeldom(context)
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(url)
  return page
}

/** What a node answers that the balancer chooses. */
async function ask<T>(path: string, body?: object): Promise<T> {
  const [, key = ''] = /RTMS_KEY=(\w+)/.exec(said) ?? []
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const post = body && { method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(`http://localhost:${port}/rtms/v1${path}`, { headers, ...post })
  if (body !== undefined) expect(answer.status).toBe(200)
  return (await answer.json()) as T
}

async function owner(): Promise<string> {
  let found: string | null = null
  const look = async (): Promise<boolean> => {
    found = (await ask<{ owner?: string | null }>(`/meetings/battle.${ROOM}/nodes`)).owner ?? null
    return found !== null
  }
  await expect.poll(look, { timeout: 20_000 }).toBe(true)
  return found as unknown as string
}

/** The dashboard of a node, with the log of what happens. */
async function dashboard(node: string): Promise<Page> {
  const at = port + 1 + names.indexOf(node as (typeof names)[number])
  const page = await open(browsers[0] as Browser, `http://localhost:${at}/admin/#/cluster`, 1_280)
  await page.locator('svg .node').nth(1).waitFor()
  return page
}

/** Presses one of the buttons for a node, and confirms it. */
async function strike(page: Page, action: string, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click()
  await page.getByRole('dialog').getByRole('button', { name: action, exact: true }).click()
}

/** Waits until each has hit the beast once more, and finds both in the same state a second later, as the server is. */
async function goOn(players: readonly [Page, Page]): Promise<void> {
  // A battle may be lost meanwhile, by chance: nobody hits any more then, and the frames go on.
  const hits = (page: Page): Promise<number> =>
    page.evaluate(() =>
      window.rtmsBattle.state?.phase === 'over' ? Infinity : (window.rtmsBattle.own?.hits ?? -1),
    )
  for (const page of players) {
    const before = await hits(page)
    const hit = async (): Promise<number> => {
      await page.keyboard.press('Space')
      return hits(page)
    }
    if (before < Infinity) await expect.poll(hit, { timeout: 20_000, interval: 300 }).toBeGreaterThan(before)
  }
  const frames = await Promise.all(players.map((page) => page.evaluate(() => window.rtmsBattle.frame)))
  const at = Math.max(...frames) + 20
  const digests = players.map(async (page) => {
    await page.waitForFunction((frame) => window.rtmsBattle.frame >= frame, at)
    return page.evaluate((frame) => window.rtmsBattle.digestAt(frame), at)
  })
  const [one, other] = await Promise.all(digests)
  expect(one).toMatch(/^[0-9a-f]{8}$/)
  expect(other).toBe(one)
  const state = await players[0].evaluate(() =>
    window.rtmsBattle.client.request<State>('battle.state', { meeting: 'battle.duo' }),
  )
  await players[1].waitForFunction((frame) => window.rtmsBattle.frame >= frame, state.frame)
  expect(await players[1].evaluate((frame) => window.rtmsBattle.digestAt(frame), state.frame)).toBe(
    digest(state),
  )
  for (const page of players) expect(await page.locator('.problem').count()).toBe(0)
}

const otherThan = (...nodes: readonly string[]): string => names.find((name) => !nodes.includes(name)) ?? ''

/** Waits until a dashboard's log has a line. */
const happens = (page: Page, text: string): Promise<void> =>
  page.getByRole('list', { name: 'What happens' }).getByText(text).first().waitFor({ timeout: 40_000 })

test('two browsers in a battle end with one state when its node is killed, then drained, then cut off', async () => {
  const [first, second] = browsers as [Browser, Browser]
  const url = `http://localhost:${port}/battle/?room=${ROOM}`
  const ann = await open(first, url)
  await ann.waitForFunction(() => window.rtmsBattle?.frame > 0)
  const killed = await owner()
  // On another node, by choice.
  const ben = await open(second, `${url}&node=${otherThan(killed)}`)
  await ben.waitForFunction(() => window.rtmsBattle?.frame > 0)
  await ben.locator('#ready').click()
  await ann.waitForFunction(() => window.rtmsBattle.state?.players.some(({ ready }) => ready))
  await ann.locator('#ready').click()
  const players = [ann, ben] as const
  for (const page of players)
    await page.waitForFunction(() => window.rtmsBattle.state?.phase === 'battle', null, { timeout: 20_000 })
  await goOn(players)

  const watcher = await dashboard(otherThan(killed))
  await strike(watcher, 'Kill', `Kill ${killed}`)
  await happens(watcher, `revived: ${killed} has ended`)
  await picture(watcher, 'survival-killed')
  await goOn(players)

  // It is started anew, so that there is somewhere to go to.
  await happens(watcher, 'is there again, started anew')
  const drained = await owner()
  await strike(watcher, 'Drain', `Drain ${drained}`)
  await happens(watcher, `handed over by ${drained}`)
  await picture(watcher, 'survival-drained')
  await goOn(players)

  // One is on the node that is cut off, the other one is not: the room goes on for who is with it.
  const cut = await owner()
  await ben.goto(`${url}&node=${otherThan(cut, drained)}`)
  await goOn(players)
  const other = await dashboard(otherThan(cut))
  // As the button does, which takes longer.
  await ask(`/nodes/${cut}/cut`, { ms: 5_000 })
  await happens(other, 'was not heard for three seconds')
  await ben.locator('#stalled').waitFor()
  await picture(other, 'survival-cut')
  await happens(other, 'is heard again')
  await goOn(players)
}, 240_000)
