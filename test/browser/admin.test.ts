import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { mutable } from '../bus/mutable.ts'
import { inProcess } from '../../src/bus/in-process.ts'
import { type Client, connect } from '../../src/client/node.ts'
import { Rtms, type RtmsOptions } from '../../src/server/index.ts'
import { barriers, launch, overflow, picture } from './support.ts'

const KEY = 'a-key-for-tests-which-is-long-enough'
const secret = 'a secret of the tests, 32 bytes long'

let browser: Browser
let closers: (() => unknown)[] = []
const complaints: string[] = []

beforeAll(async () => {
  browser = await launch()
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  expect(complaints.splice(0)).toEqual([])
})

afterAll(() => browser?.close())

async function start(options: Partial<RtmsOptions> = {}): Promise<Rtms> {
  const rtms = await Rtms.start({ port: 0, host: '127.0.0.1', secret, admin: 'loopback', ...options })
  closers.push(() => rtms.close({ timeoutMs: 500 }))
  return rtms
}

/** A client that is connected and may do everything. */
async function visit(rtms: Rtms, user: string): Promise<Client> {
  const client = connect({
    getTicket: () => rtms.tickets.issue({ user, meetings: ['*'], topics: { read: ['*'], write: ['*'] } }),
  })
  closers.push(() => client.close())
  const isThere = new Promise<void>((resolve) => {
    client.onState((state) => state === 'connected' && resolve())
  })
  client.subscribe('wall', () => {})
  await isThere
  return client
}

/** The dashboard at a view, in a window of its own. */
async function open(rtms: Rtms, view = '', options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    // What moves all the time is drawn without a graphics card.
    reducedMotion: 'reduce',
    ...options,
  })
  closers.push(() => context.close())
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text())
  })
  await page.goto(`http://127.0.0.1:${rtms.address.port}/admin/${view}`)
  return page
}

const state = (page: Page, name: string): Promise<void> =>
  page.locator(`#state[data-state="${name}"]`).waitFor()

/** What a chart is read as, once it says so. */
async function reads(page: Page, chart: string, pattern: RegExp): Promise<void> {
  await page.waitForFunction(
    ([chart, pattern]) =>
      new RegExp(pattern).test(
        document.querySelector(`[role=slider][aria-label="${chart}"]`)?.getAttribute('aria-valuetext') ?? '',
      ),
    [chart, pattern.source] as const,
  )
}

describe('The dashboard', () => {
  test('shows how the node does, and moves with what it does', async () => {
    const rtms = await start({ nodeId: 'node-1' })
    const page = await open(rtms)
    await state(page, 'connected')
    await page.getByText('node-1').waitFor()
    await reads(page, 'Connections', /Connections 0/)
    const client = await visit(rtms, 'u1')
    const room = await rtms.meetings.open('room', { frameRate: 20 })
    const meeting = await client.join(room.name)
    const busy = setInterval(() => {
      void meeting.send({ at: 1 }).catch(() => {})
      rtms.topics.publish('wall', 1)
    }, 20)
    closers.push(() => clearInterval(busy))
    await reads(page, 'Connections', /Connections 1/)
    await reads(page, 'Messages', /in [1-9][\d.]*\/s, out [1-9]/)
    await reads(page, 'Frames and inputs', /frames sealed [12]\d?(?:\.\d)?\/s, inputs in frames [1-9]/)
    await page.getByRole('region', { name: 'Frame lateness' }).getByText('99th percentile').waitFor()

    // Every chart is read at the moment that the keys have chosen in one.
    const messages = page.getByRole('slider', { name: 'Messages' })
    await messages.focus()
    await page.keyboard.press('Home')
    await reads(page, 'Packets', /in –, out –/)
    await page.keyboard.press('Escape')
    await reads(page, 'Packets', /in [1-9]/)
    const figure = page.locator('figure', { has: messages })
    await figure.getByText('As a table').click()
    await figure.getByRole('cell', { name: /\/s$/ }).first().waitFor()

    // Whoever comes later sees what was before: the page itself asks once a second.
    await expect.poll(() => rtms.past().agoMs.length, { timeout: 20_000 }).toBeGreaterThan(4)
    const later = await open(rtms)
    const samples = (name: string): Promise<number> =>
      later
        .getByRole('slider', { name, exact: true })
        .evaluate((slider) => Number(slider.getAttribute('aria-valuemax')))
    await later.getByRole('slider', { name: 'Messages' }).waitFor()
    expect(await samples('Messages')).toBeGreaterThan(2)
    // Cards of a row are of one height, and their charts at one.
    const heights = await later
      .locator('.charts')
      .first()
      .locator('.chart')
      .evaluateAll((charts) =>
        charts.map((chart) => [
          chart.getBoundingClientRect().height,
          chart.querySelector('.plot')?.getBoundingClientRect().top,
        ]),
      )
    expect(new Set(heights.map(String)).size).toBe(1)
    // On a phone, groups are folded but for the first, and nothing of them is drawn.
    await later.setViewportSize({ width: 390, height: 844 })
    await later.reload()
    await later.getByRole('slider', { name: 'Connections', exact: true }).waitFor()
    expect(await later.locator('details.group[open]').count()).toBe(1)
    await later.getByText('Traffic', { exact: true }).click()
    await later.getByRole('slider', { name: 'Messages' }).waitFor()
  })

  test('follows a meeting, kicks a member and closes it, and asks before it does', async () => {
    const rtms = await start()
    await rtms.meetings.open('duel.7', { frameRate: 20, metadata: { level: 3 } })
    const [ada, bo] = [await visit(rtms, 'ada'), await visit(rtms, 'bo')]
    const seat = await ada.join('duel.7')
    const other = await bo.join('duel.7')
    const ended = (meeting: typeof seat): Promise<unknown> => new Promise((resolve) => meeting.onEnd(resolve))
    const [kicked, closed] = [ended(seat), ended(other)]

    const page = await open(rtms, '#/meetings')
    await page.getByRole('searchbox').fill('DUEL')
    await page.getByRole('link', { name: 'duel.7' }).click()
    expect(page.url()).toMatch(/#\/meetings\/duel\.7$/)
    await page.getByRole('button', { name: 'Follow' }).click()
    await page.getByText('following', { exact: true }).waitFor()
    const feed = page.getByRole('list', { name: 'Frames as they happen' })
    await seat.send({ hit: 41 })
    await feed.getByText('{"hit":41}').waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await seat.send({ hit: 42 })
    await page.getByText('1 came while paused').waitFor()
    await page.getByRole('button', { name: 'Go on' }).click()

    const kick = page.getByRole('button', { name: 'Kick ada' })
    await kick.click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('may join again').waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    expect(rtms.meetings.get('duel.7')?.members).toHaveLength(2)
    await kick.click()
    await dialog.getByRole('button', { name: 'Kick' }).click()
    await kicked
    await page.getByText('ada was kicked.').waitFor()
    await feed.getByText('left').waitFor()
    await kick.waitFor({ state: 'detached' })

    await page.getByRole('button', { name: 'Close the meeting' }).click()
    await dialog.getByRole('button', { name: 'Close the meeting' }).click()
    await closed
    await page.getByText('No meeting of this name is open.').waitFor()
    await page.getByText('The meeting is over.').waitFor()
    expect(await rtms.meetings.list()).toEqual([])
  })

  test('publishes to a topic, removes a key, and follows it', async () => {
    const rtms = await start()
    const client = await visit(rtms, 'u1')
    const heard: unknown[] = []
    client.subscribe('stock.1', (data, { key, removed }) => heard.push([key, removed, data]))
    const page = await open(rtms, '#/topics')
    await page.getByLabel('Open any topic by name').fill('stock.1')
    await page.getByRole('button', { name: 'Open' }).click()
    await page.getByRole('button', { name: 'Follow' }).click()
    await page.getByText('following', { exact: true }).waitFor()

    const form = page.getByRole('form', { name: 'Publish' })
    const publish = form.getByRole('button', { name: 'Publish' })
    await form.getByLabel('Value').fill('{"price":')
    await publish.click()
    await form.getByText('That is not JSON').waitFor()
    await form.getByLabel('Value').fill('{"price": 7}')
    await form.getByLabel('Key').fill('last')
    await publish.click()
    await form.getByText('Published.').waitFor()
    await page.getByRole('list', { name: 'Publications as they happen' }).getByText('{"price":7}').waitFor()
    await page.getByRole('region', { name: 'Latest values' }).getByText('{"price":7}').first().waitFor()
    await form.getByRole('button', { name: 'Remove the key' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove the key' }).click()
    await form.getByText('The key last was removed.').waitFor()
    await expect
      .poll(() => heard)
      .toEqual([
        ['last', false, { price: 7 }],
        ['last', true, null],
      ])
  })

  test('shows where a user stands as it changes, pushes, and disconnects for good', async () => {
    const rtms = await start()
    await rtms.meetings.open('room')
    const client = await visit(rtms, 'a/b 年')
    const pushed = new Promise((resolve) => client.onPush('hello', resolve))
    const closed = new Promise<string>((resolve) => {
      client.onState((state) => state === 'closed' && resolve(state))
    })
    const page = await open(rtms, '#/sessions')
    await page.getByRole('link', { name: 'a/b 年' }).click()
    await page.getByRole('heading', { name: 'a/b 年' }).waitFor()
    await page.getByRole('link', { name: 'wall' }).waitFor()
    await client.join('room')
    await page.getByText('joined room').waitFor()
    const form = page.getByRole('form', { name: 'Push' })
    await form.getByLabel('Name').fill('hello')
    await form.getByLabel('Text').check()
    await form.getByLabel('Value').fill('you there')
    await form.getByRole('button', { name: 'Push' }).click()
    expect(await pushed).toBe('you there')
    await form.getByText('Pushed to 1 session.').waitFor()
    await page.getByRole('button', { name: 'Disconnect for good' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Disconnect for good' }).click()
    await closed
    await page.getByText('It closed 1 connection').waitFor()
    await page.getByText('has no session.').waitFor()
  })

  test('asks for a key where it must, says why, and keeps it in this window only', async () => {
    const rtms = await start({ admin: 'key', api: { keys: [KEY] } })
    const page = await open(rtms)
    await page.getByText('opens its dashboard only to who has a key').waitFor()
    expect(await barriers(await open(rtms, '', { bypassCSP: true }))).toEqual([])
    const enter = async (key: string): Promise<void> => {
      await page.getByRole('textbox', { name: 'Key' }).fill(key)
      await page.getByRole('button', { name: 'Open' }).click()
    }
    await enter('not the key')
    await page.getByText('not one of the node’s keys').waitFor()
    await enter(KEY)
    await state(page, 'connected')
    await page.reload()
    await state(page, 'connected')
    expect(
      await page.evaluate(() => location.href + JSON.stringify(localStorage) + document.cookie),
    ).not.toContain(KEY)
    await page.getByRole('button', { name: 'Lock' }).click()
    await page.getByRole('textbox', { name: 'Key' }).waitFor()
    expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain(KEY)
  })

  test('does not take a browser behind a proxy on this machine for one on this machine', async () => {
    const rtms = await start()
    const page = await open(rtms, '', { extraHTTPHeaders: { 'x-forwarded-for': '203.0.113.7' } })
    await page.getByText('A proxy has passed your request on').waitFor()
    await page.getByText('This node has no keys').waitFor()
  })

  test('says when the node is away, comes back by itself, and draws no line across', async () => {
    const rtms = await start()
    const { port } = rtms.address
    const page = await open(rtms, '#/')
    await reads(page, 'Connections', /Connections 0/)
    await rtms.close({ timeoutMs: 0 })
    await page.getByText('The node has not answered since').waitFor()
    await state(page, 'disconnected')
    await start({ port, nodeId: 'the-next' })
    await state(page, 'connected')
    await page.getByText('the-next').waitFor()
    const line = page
      .locator('figure', { has: page.getByRole('slider', { name: 'Connections' }) })
      .locator('path.line')
    expect(await line.first().getAttribute('d')).toMatch(/^M[^M]+M[^M]+$/)
  })

  test('shows all nodes of a cluster and where a meeting is, on a phone too', async () => {
    const bus = inProcess()
    const { connector, mute } = mutable(bus)
    const publicUrl = 'ws://{host}:{port}/rtms?route={node}'
    const [a, b] = (await Promise.all([
      ...['node-a', 'node-b'].map((nodeId) => start({ nodeId, bus, publicUrl })),
      start({ nodeId: 'node-c', bus: connector, publicUrl }),
    ])) as [Rtms, Rtms, Rtms]
    await b.meetings.open('battle.1')
    await visit(b, 'u1')
    const looks: BrowserContextOptions[] = [
      { viewport: { width: 1280, height: 900 }, reducedMotion: 'no-preference' },
      { viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
    ]
    for (const [at, options] of looks.entries()) {
      const page = await open(a, '#/cluster', { ...options, bypassCSP: true })
      await page.getByRole('img', { name: '3 nodes' }).waitFor()
      await page.getByRole('searchbox', { name: 'Where is the meeting' }).fill('battle.1')
      await page.getByRole('status').getByText('battle.1 is on node-b').waitFor()
      await page.locator('svg .node.owner', { hasText: 'node-b' }).waitFor()
      await page.locator('svg .node.self', { hasText: 'node-a' }).waitFor()
      const row = page
        .getByRole('region', { name: 'The nodes' })
        .getByRole('row', { name: /^node-b alive Drain node-b 1 1 1 / })
      await row.getByRole('link', { name: 'Dashboard of node-b' }).waitFor()
      expect(await overflow(page)).toBe(0)
      expect(await barriers(page)).toEqual([])
      await picture(page, `admin-cluster-${at}`)
    }
    // Lists say on which node each entry is, and whose part is missing.
    mute()
    for (const [view, entry] of [
      ['meetings', /^battle\.1 node-b /],
      ['sessions', /^u1 node-b /],
    ] as const) {
      const page = await open(a, `#/${view}`)
      await page.getByRole('row', { name: entry }).waitFor()
      await page.getByRole('status').getByText('No answer from node-c').waitFor()
      await picture(page, `admin-cluster-${view}`)
    }
    const page = await open(a, '#/topics')
    await page.getByRole('status').getByText('No answer from node-c').waitFor()
  })

  test('cuts a node off and drains it, asks before it does, and tells what becomes of its meeting', async () => {
    const bus = inProcess()
    const [a, b] = (await Promise.all(
      ['node-a', 'node-b', 'node-c'].map((nodeId) => start({ nodeId, bus, faults: true })),
    )) as [Rtms, Rtms, Rtms]
    await b.meetings.open('battle.1')
    const page = await open(a, '#/cluster')
    await page.getByRole('img', { name: '3 nodes' }).waitFor()
    const log = page.getByRole('list', { name: 'What happens' })
    const told = (who: string, what: string): Promise<void> =>
      log.getByRole('listitem').filter({ hasText: who }).getByText(what).waitFor()
    const press = async (button: string, yes: string): Promise<void> => {
      await page.getByRole('button', { name: button, exact: true }).click()
      await page.getByRole('dialog').getByRole('button', { name: yes, exact: true }).click()
    }
    await page.getByRole('button', { name: 'Kill node-b', exact: true }).click()
    await page.getByRole('dialog').getByText('as by kill -9').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()

    await press('Cut node-b off', 'Cut off')
    await page.getByText('node-b is cut off for 15 seconds.').waitFor()
    await told('node-b', 'was not heard for three seconds')
    await page.locator('svg .node.silent', { hasText: 'node-b' }).waitFor()
    expect(b.cluster.bus().isUp).toBe(false)
    await picture(page, 'admin-cluster-cut')
    // Sooner than by itself.
    await b.cluster.cut('node-b', { ms: 1 })
    await told('node-b', 'is heard again')

    await press('Drain node-b', 'Drain')
    await told('battle.1', 'handed over by node-b')
    await page.locator('svg .flight.handover', { hasText: 'battle.1' }).waitFor()
    await picture(page, 'admin-cluster-drained')
    await told('node-b', 'is empty')
    await b.close({ timeoutMs: 0 })
    await told('node-b', 'has ended')
    await page.locator('svg .node.ended', { hasText: 'node-b' }).waitFor()
    await picture(page, 'admin-cluster-ended')
    // Who comes later is told of the meeting as well.
    const phone = await open(a, '#/cluster', {
      viewport: { width: 390, height: 844 },
      locale: 'zh-CN',
      colorScheme: 'dark',
      bypassCSP: true,
    })
    await phone.getByRole('listitem').filter({ hasText: 'battle.1' }).getByText('移交').waitFor()
    expect(await overflow(phone)).toBe(0)
    expect(await barriers(phone)).toEqual([])
    await picture(phone, 'admin-cluster-log-phone')
  })

  test('fits a phone and keeps nobody out, in both languages, in every view', async () => {
    const rtms = await start()
    await rtms.meetings.open('room', { metadata: { level: 3 } })
    const client = await visit(rtms, 'u1')
    await client.join('room')
    // A name as long as one may be, without a place to break it.
    const { name } = await rtms.meetings.open('W'.repeat(255))
    await client.join(name)
    rtms.topics.publish('wall', { price: 1 }, { key: 'last' })
    const looks: [string, BrowserContextOptions][] = [
      ['en-light', { viewport: { width: 360, height: 740 } }],
      ['zh-dark', { viewport: { width: 390, height: 844 }, locale: 'zh-CN', colorScheme: 'dark' }],
    ]
    const views = {
      cluster: 'rtms serve --nodes 3',
      meetings: 'room',
      'meetings/room': 'u1',
      topics: 'wall',
      'topics/wall': '{"price":1}',
      sessions: 'u1',
      'users/u1': 'wall',
    }
    for (const [look, options] of looks) {
      const page = await open(rtms, '', { ...options, reducedMotion: 'reduce', bypassCSP: true })
      for (const [view, shown] of Object.entries(views)) {
        await page.evaluate((view) => (location.hash = `#/${view}`), view)
        await page.locator('main').getByText(shown).first().waitFor()
        if (look === 'zh-dark') await picture(page, `admin-${view.replace('/', '-')}`)
        expect([view, await overflow(page)]).toEqual([view, 0])
        // What the lists are made of, the others have too.
        if (look === 'zh-dark' || view.includes('/')) expect(await barriers(page)).toEqual([])
      }
    }
  })
})
