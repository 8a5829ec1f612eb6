import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { Balancer } from '../bus/balancer.ts'
import { NatsServer } from '../bus/nats-server.ts'
import { freePort, freePorts } from '../free-port.ts'
import { endAll, type Run, rtms } from '../integration/cli-support.ts'
import { drawSeldom, launch, picture } from './support.ts'

/* The demo on three nodes, each a process, with NATS between them and HAProxy in front, as people meet it. */

const KEY = 'k'.repeat(32)
const names = ['rtms-0', 'rtms-1', 'rtms-2'] as const
const nodes = new Map<string, Run>()
const complaints: string[] = []
const pages: Page[] = []
let nats: NatsServer
let balancer: Balancer
let browser: Browser
let first: number
let url: string

beforeAll(async () => {
  nats = await NatsServer.start()
  const port = await freePort()
  first = await freePorts(3)
  url = `http://localhost:${port}`
  const env = {
    RTMS_SECRET: 's'.repeat(32),
    RTMS_CLUSTER_SECRET: 'c'.repeat(32),
    RTMS_API_KEY: KEY,
    RTMS_NATS: nats.url,
    RTMS_PUBLIC_URL: `ws://localhost:${port}/rtms?route={node}`,
  }
  for (const [n, name] of names.entries())
    nodes.set(name, rtms(['serve', '--dev', '--node-id', name, '--port', String(first + n)], env))
  for (const run of nodes.values())
    // eslint-disable-next-line no-await-in-loop
    await vi.waitFor(() => expect(run.text()).toContain('RTMS is up'), { timeout: 60_000, interval: 100 })
  const ports = names.map((_, n) => first + n)
  ;[balancer, browser] = await Promise.all([Balancer.start('haproxy', ports, port), launch()])
})

afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close()
  expect(complaints.splice(0)).toEqual([])
})

afterAll(async () => {
  await browser?.close()
  endAll()
  await Promise.all([balancer?.stop(), nats?.kill()])
})

/** A page of a visitor of its own; `node`: the node that the visitor chooses, whatever the ticket says. */
async function open(path: string, node?: string): Promise<Page> {
  // Small: the scene is drawn without a graphics card.
  const viewport = { width: 480, height: 700 }
  const context = await browser.newContext({ viewport, locale: 'en-US', reducedMotion: 'reduce' })
  await drawSeldom(context)
  const page = await context.newPage()
  pages.push(page)
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // A browser complains by itself of a server that it cannot reach.
    const isOurs = !/net::ERR_|WebSocket connection/.test(message.text())
    if (isOurs && message.type() === 'error') complaints.push(message.text())
  })
  const chosen = node === undefined ? '' : `${path.includes('?') ? '&' : '?'}node=${node}`
  await page.goto(`${url}${path}${chosen}`)
  return page
}

const others = (...not: readonly string[]): string[] => names.filter((name) => !not.includes(name))

test('friends on two nodes fight one battle: the same frames, and each sees what the other does', async () => {
  const ann = await open('/battle/?room=pals')
  await ann.waitForFunction(() => window.rtmsBattle?.frame > 0)
  const home = await ann.locator('#node').inputValue()
  const [elsewhere = '', third = ''] = others(home)
  const ben = await open('/battle/?room=pals', elsewhere)
  await ben.waitForFunction(() => window.rtmsBattle?.frame > 0)
  expect(await ben.locator('#node').inputValue()).toBe(elsewhere)

  // Both are in one room, and it begins when both are ready.
  await ben.locator('#ready').click()
  await ann.waitForFunction(() => window.rtmsBattle.state?.players.some(({ ready }) => ready))
  await ann.locator('#ready').click()
  for (const page of [ann, ben])
    await page.waitForFunction(() => window.rtmsBattle.state?.phase === 'battle', null, { timeout: 20_000 })
  for (const page of [ann, ben]) await page.keyboard.press('Space')
  const bothHit = (): boolean =>
    (window.rtmsBattle.state?.players.filter(({ bot, hits }) => !bot && hits > 0).length ?? 0) === 2
  for (const page of [ann, ben]) await page.waitForFunction(bothHit)

  const frame = await ann.evaluate(() => window.rtmsBattle.frame)
  await ben.waitForFunction((at) => window.rtmsBattle.frame >= at, frame)
  const digests = [ann, ben].map((page) => page.evaluate((at) => window.rtmsBattle.digestAt(at), frame))
  const [one, other] = await Promise.all(digests)
  expect(one).toMatch(/^[0-9a-f]{8}$/)
  expect(other).toBe(one)
  // The server's own state of the room, asked on the node that does not have it.
  const state = await ben.evaluate(() =>
    window.rtmsBattle.client.request<{ frame: number }>('battle.state', { meeting: 'battle.pals' }),
  )
  expect(state.frame).toBeGreaterThanOrEqual(frame)
  await picture(ben, 'cluster-battle')

  // The third node's dashboard says so.
  const dashboard = await open('/')
  await dashboard.goto(
    `http://localhost:${first + names.indexOf(third as 'rtms-0')}/admin/#/cluster?q=battle.pals`,
  )
  await dashboard.getByRole('status').getByText(`battle.pals is on ${home}`).waitFor()
  await dashboard.locator('svg .node.owner', { hasText: home }).waitFor()
  await dashboard.getByRole('status').getByText(elsewhere).waitFor()
  await picture(dashboard, 'cluster-dashboard')
})

test('the dashboard stays on one node behind the balancer', async () => {
  const page = await open('/admin/')
  const answers: string[] = []
  page.on('response', (response) => {
    if (!response.url().includes('/v1/info')) return
    const read = response.json() as Promise<{ node?: string }>
    read.then(({ node }) => node !== undefined && answers.push(node)).catch(() => {})
  })
  await page.getByRole('textbox', { name: 'Key' }).fill(KEY)
  await page.keyboard.press('Enter')
  await expect.poll(() => answers.length).toBeGreaterThanOrEqual(4)
  expect(new Set(answers).size).toBe(1)
  await page.locator('.nodes .name', { hasText: answers[0] ?? '' }).waitFor()
})

/** The wall, once every company is on it. */
async function openWall(node?: string): Promise<Page> {
  const page = await open('/wall/', node)
  await page.waitForFunction(() => window.rtmsWall?.listed === 540 && window.rtmsWall.feed.session !== null)
  return page
}

const marketOf = (page: Page): Promise<string> =>
  page.evaluate(() => window.rtmsWall.feed.session?.node ?? '')

const quotesOf = (page: Page): Promise<[symbol: string, count: number, last: number][]> =>
  page.evaluate(() => [...window.rtmsWall.feed.rows.values()].map((row) => [row.symbol, row.count, row.last]))

/** Waits until prices have moved. */
async function moves(page: Page): Promise<void> {
  const made = await page.evaluate(() => window.rtmsWall.feed.meter.made)
  await page.waitForFunction((before) => window.rtmsWall.feed.meter.made > before + 100, made)
}

test('readers on any node see the same prices, order there, and hear of it; the wall outlives its node', async () => {
  // Tickets of whoever comes lead to all nodes. One that is late for a while is passed over.
  const routes = new Set<string | null>()
  const route = async (): Promise<ReadonlySet<string | null>> => {
    const answer = await fetch(`${url}/api/wall/ticket`, { method: 'POST', body: '{"name":"Eve"}' })
    return routes.add(new URL(((await answer.json()) as { url: string }).url).searchParams.get('route'))
  }
  await expect.poll(route, { timeout: 20_000 }).toEqual(new Set(names))

  const any = await openWall()
  const market = await marketOf(any)
  const [one = '', other = ''] = others(market)
  const [ann, ben] = [await openWall(one), await openWall(other)]
  expect(await ann.locator('#where').textContent()).toContain(market.replace('-', '\u2011'))
  for (const page of [ann, ben]) await moves(page)
  const told = new Map((await quotesOf(ann)).map(([symbol, count, last]) => [`${symbol} ${count}`, last]))
  const same = (await quotesOf(ben)).filter(([symbol, count]) => told.has(`${symbol} ${count}`))
  expect(same.length).toBeGreaterThan(100)
  for (const [symbol, count, last] of same) expect(told.get(`${symbol} ${count}`)).toBe(last)

  // The order goes to the market's node, the push comes to the visitor's.
  await ann.evaluate(() =>
    window.rtmsWall.trading.place({ symbol: 'BAVEL', side: 'buy', quantity: 10, type: 'market' }),
  )
  await ann.locator('.toast', { hasText: 'BAVEL at' }).waitFor({ timeout: 40_000 })

  // Two of them read on other nodes than the one that goes, one on that very node.
  const cleo = await openWall(market)
  const before = new Map((await quotesOf(ben)).map(([symbol, count, last]) => [symbol, { count, last }]))
  nodes.get(market)?.child.kill('SIGKILL')
  await ben.waitForFunction((gone) => window.rtmsWall.feed.session?.node !== gone, market)
  await cleo.waitForFunction(
    (gone) => window.rtmsWall.feed.state === 'connected' && window.rtmsWall.feed.client.node !== gone,
    market,
  )
  for (const page of [ann, ben, cleo]) await moves(page)
  expect(await marketOf(cleo)).toBe(await marketOf(ben))
  // Prices went on from where they were.
  for (const [symbol, count, last] of await quotesOf(ben)) {
    const was = before.get(symbol)
    expect(count).toBeGreaterThanOrEqual(was?.count ?? Infinity)
    expect(Math.abs(last / (was?.last ?? 0) - 1)).toBeLessThan(0.2)
  }
  const back = await openWall()
  expect(others(market)).toContain(await back.locator('#node').inputValue())
})
