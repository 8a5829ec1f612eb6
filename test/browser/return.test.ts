import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { launch, PlainBrowser } from './support.ts'

/*
 * Players who come back: a page that is loaded anew, closed or shown again, a server that is killed and started anew,
 * and a node that is gone. The room has two places.
 */

/** What room.html tells of itself. */
interface Room {
  readonly heard: string[]
  readonly states: string[]
  readonly frames: number
  readonly tickets: number
  readonly slot: number
  readonly ended: string
  readonly shown: boolean[]
  send(data: string): Promise<number>
}

const roomOf = (page: Page): Promise<Omit<Room, 'send'>> =>
  page.evaluate(() => JSON.parse(JSON.stringify((window as unknown as { room: Room }).room)) as Room)

interface Facts {
  readonly asked: number
  readonly resumed: number
  readonly members: string[]
}

/** A node in a process of its own. */
class Node {
  readonly port: number
  #process: ChildProcess | null = null

  constructor(port: number) {
    this.port = port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const script = fileURLToPath(new URL('room-server.mjs', import.meta.url))
    const child = spawn(process.execPath, [script, String(this.port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#process = child
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve())
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)))
    })
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    this.#process = null
    if (child === null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }

  async facts(): Promise<Facts> {
    return (await (await fetch(`${this.url}/facts`)).json()) as Facts
  }
}

const nodes: Node[] = []
let browser: Browser
let pages: Page[] = []

async function startNode(): Promise<Node> {
  const node = new Node(await freePort())
  nodes.push(node)
  await node.start()
  return node
}

/** Waits until a page is in the room and hears it. */
async function isIn(page: Page): Promise<void> {
  await page.waitForFunction(() => (window as unknown as { room?: Room }).room?.frames, undefined, {
    timeout: 10_000,
  })
}

async function visit(url: string, user: string, query: Record<string, string> = {}): Promise<Page> {
  const context = await browser.newContext()
  const page = await context.newPage()
  pages.push(page)
  await page.goto(`${url}/?${new URLSearchParams({ user, ...query })}`)
  await isIn(page)
  return page
}

const say = (page: Page, text: string): Promise<number> =>
  page.evaluate((data) => (window as unknown as { room: Room }).room.send(data), text)

const hears = (page: Page, text: string): Promise<unknown> =>
  page.waitForFunction((data) => (window as unknown as { room: Room }).room.heard.includes(data), text, {
    timeout: 10_000,
  })

beforeAll(async () => {
  browser = await launch()
})

afterEach(async () => {
  for (const page of pages) await page.context().close()
  pages = []
  for (const node of nodes.splice(0)) await node.stop('SIGKILL')
})

afterAll(() => browser?.close())

describe('a page', () => {
  test('that is loaded anew is back at once, in the same seat, one entry, and nobody is asked', async () => {
    const node = await startNode()
    const ann = await visit(node.url, 'ann')
    const ben = await visit(node.url, 'ben')
    const { slot } = await roomOf(ann)
    const { asked } = await node.facts()
    for (let round = 0; round < 3; round++) {
      await ann.reload()
      await isIn(ann)
      expect(await node.facts()).toMatchObject({ asked, members: ['ann', 'ben'] })
      expect((await roomOf(ann)).slot).toBe(slot)
    }
    await say(ann, 'here again')
    await hears(ben, 'here again')
  })

  test('that is closed is away at once, and keeps its seat for a while', async () => {
    const node = await startNode()
    const ann = await visit(node.url, 'ann')
    await visit(node.url, 'ben')
    await ann.close()
    // Far sooner than silence would tell.
    await expect
      .poll(async () => (await node.facts()).members, { timeout: 2_000 })
      .toEqual(['ann (away)', 'ben'])
  })

  test('that comes back from the back-forward cache goes on with its session, and has missed nothing', async () => {
    const node = await startNode()
    const plain = await PlainBrowser.launch()
    try {
      const ann = await plain.context.newPage()
      await ann.goto(`${node.url}/?user=ann`)
      await isIn(ann)
      const ben = await visit(node.url, 'ben')
      await ann.goto(`${node.url}/elsewhere`)
      await expect
        .poll(async () => (await node.facts()).members, { timeout: 2_000 })
        .toEqual(['ann (away)', 'ben'])
      await say(ben, 'while you were away')
      // No page is loaded that could be waited for.
      await ann.goBack({ waitUntil: 'commit' })
      await ann.waitForFunction(() => (window as unknown as { room?: Room }).room?.shown.at(-1))
      // The same page, not one that was loaded anew.
      expect((await roomOf(ann)).shown).toEqual([false, true])
      await hears(ann, 'while you were away')
      const { resumed, asked, members } = await node.facts()
      expect([resumed, asked, members]).toEqual([1, 2, ['ann', 'ben']])
      const { tickets, ended } = await roomOf(ann)
      expect([tickets, ended]).toEqual([1, ''])
      await say(ann, 'thank you')
      await hears(ben, 'thank you')
    } finally {
      await plain.close()
    }
  })
})

describe('a server', () => {
  test.each([
    ['a fresh ticket', 'ann', 'ben'],
    // As with the README's server, which knows no users.
    ['a fresh ticket, though each names another user', '', ''],
  ])(
    'that is killed and started anew has everybody back within seconds: %s opens the room',
    async (_, first, second) => {
      const node = await startNode()
      const ann = await visit(node.url, first)
      const ben = await visit(node.url, second)
      await node.stop('SIGKILL')
      await ann.waitForFunction(
        () => (window as unknown as { room: Room }).room.states.at(-1) !== 'connected',
      )
      await node.start()
      await expect.poll(async () => (await node.facts()).members.length, { timeout: 15_000 }).toBe(2)
      await say(ann, 'after the restart')
      await hears(ben, 'after the restart')
      for (const page of [ann, ben]) expect((await roomOf(page)).ended).toBe('')
    },
  )
})

/** The business: it names the node that is to be used, and asks it for the ticket. */
async function business(use: () => Node): Promise<Server & { readonly url: string }> {
  const server = createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    fetch(`${use().url}${request.url}`)
      .then(async (answer) => response.end(await answer.text()))
      .catch(() => response.writeHead(503).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(server, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

describe('a node that is gone', () => {
  test.each([
    ['SIGTERM', 5_000],
    ['SIGKILL', 15_000],
  ] as const)(
    '%s: the clients are on the next one soon, which the business names',
    async (signal, within) => {
      const [first, second] = [await startNode(), await startNode()]
      let current = first
      const server = await business(() => current)
      try {
        // The page comes from the node that stays.
        const ann = await visit(second.url, 'ann', { business: server.url })
        expect((await first.facts()).members).toEqual(['ann'])
        current = second
        await first.stop(signal)
        await expect.poll(async () => (await second.facts()).members, { timeout: within }).toEqual(['ann'])
        await say(ann, 'on the other node')
        await hears(ann, 'on the other node')
        expect(await roomOf(ann)).toMatchObject({ ended: '', tickets: 2 })
      } finally {
        server.close()
      }
    },
  )
})
