import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { build as bundle } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { publint } from 'publint'
import { build, createLogger } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch } from '../browser/support.ts'
import { freePort } from '../free-port.ts'
import { Consumer, root, run, ServerProgram } from './packed.ts'

/* The package as others get it: packed, installed into an empty folder, and used there. */

/** Installing asks the registry, and a bundle, a compiler and a browser take their time on a busy machine. */
const LONG_MS = 240_000
const tsc = join(root, 'node_modules/.bin/tsc')
const entries = ['server', 'client', 'lockstep', 'react', 'nats', 'protocol', 'testing']

/** What the blocks of the docs leave to their readers. */
const ofReaders = `
  declare const Rtms: typeof import('rtms/server').Rtms
  declare const rtms: import('rtms/server').Rtms
  declare const httpServer: import('node:http').Server
  declare const server: import('node:http').Server
  declare function reload(): void
  declare const secret: string
  declare const app: {
    post(
      path: string,
      answer: (
        req: { user: { id: string }; headers: { host?: string } },
        res: { json(value: unknown): void },
      ) => unknown,
    ): void
    use(
      ...mounted: [path: string, answer: Middleware] | [answer: Middleware]
    ): void
  }
  type Middleware = (
    req: import('node:http').IncomingMessage,
    res: import('node:http').ServerResponse,
    next: () => void,
  ) => unknown
  declare const quote: unknown
  declare const rulesHash: string
  declare const db: { games: { find(name: string): Promise<{ seats: number } | null> } }
  declare const url: string
  declare const token: string
  declare const peer: import('rtms/testing').SocketPeer
  declare function expect(value: unknown): { toMatchObject(expected: object): void }
  declare const order: unknown
  declare function place(user: string, data: unknown, signal?: AbortSignal): Promise<string>
  declare function isFair(move: unknown): boolean
  declare const scores: Map<string, Record<number, number>>
  interface Answer { readonly points: number }

  declare const client: import('rtms/client').Client
  declare function apply(input: unknown): void
  declare function show(slot: number, data: unknown): void
  declare function draw(quote: unknown): void
  declare function note(text: string): void
  declare function drawAt(thing: unknown, place: number): void
  declare const now: number
  type Board = Record<number, number>
  declare function count(
    board: Board,
    frame: Pick<import('rtms/client').Frame, 'events' | 'inputs'>,
  ): void
  interface Things { readonly things: readonly { readonly was: number; readonly at: number }[] }
  declare const game: import('rtms/lockstep').Lockstep<Things>
  declare const isCheck: typeof import('rtms/lockstep').isCheck
  declare function play(
    client: import('rtms/client').Client,
    name: string,
  ): Promise<{
    readonly room: import('rtms/client').Meeting
    readonly game: import('rtms/lockstep').Lockstep<unknown>
  }>
  declare function toast(order: unknown): void

  interface Hit { readonly hit: number }
  type Frame<T> = import('rtms/client').Frame<T>
  declare const useReducer: typeof import('react').useReducer
  declare const useMeeting: typeof import('rtms/react').useMeeting
  declare const useTopic: typeof import('rtms/react').useTopic
  declare module 'express'
`

let consumer: Consumer
let browser: Browser
let readme: string
const servers: ServerProgram[] = []

beforeAll(async () => {
  readme = await readFile(join(root, 'README.md'), 'utf8')
  consumer = await Consumer.create(
    '@nats-io/transport-node',
    'express',
    'react',
    'react-dom',
    '@types/node',
    '@types/react',
    '@types/react-dom',
  )
  browser = await launch()
}, LONG_MS)

afterAll(async () => {
  for (const server of servers) await server.stop()
  await browser?.close()
  await consumer?.remove()
})

/** A folder below the consumer's, where what it installed is found. */
async function folderOf(name: string, files: Record<string, string>): Promise<string> {
  const folder = join(consumer.folder, name)
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  return folder
}

async function serve(folder: string): Promise<ServerProgram> {
  const server = await ServerProgram.start(folder, await freePort())
  servers.push(server)
  return server
}

async function openPage(url: string, complaints: string[]): Promise<Page> {
  const page = await (await browser.newContext()).newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  await page.goto(url)
  return page
}

/** What one says in a room of the examples, both read, in the same order. */
async function expectRoom(url: string): Promise<void> {
  const complaints: string[] = []
  const pages = [await openPage(url, complaints), await openPage(url, complaints)] as const
  for (const [index, page] of pages.entries()) {
    await page.locator('input').fill(`words ${index}`)
    await page.locator('input').press('Enter')
    await page.getByText(`words ${index}`).waitFor()
  }
  const texts = await Promise.all(
    pages.map(async (page) => {
      await page.getByText('words 1').waitFor()
      return page.locator('p').textContent()
    }),
  )
  expect(texts[0]).toMatch(/^[01]: words 0[01]: words 1$/)
  expect(texts[1]).toBe(texts[0])
  // The browser asks for an icon, which a page this small does not have.
  expect(complaints.filter((text) => !text.includes('404'))).toEqual([])
  for (const page of pages) await page.context().close()
}

describe('the packed package', { timeout: LONG_MS }, () => {
  it('follows the rules of packages', async () => {
    const tarball = (await readFile(consumer.tarball)).buffer
    const { messages } = await publint({ pack: { tarball }, strict: true, level: 'suggestion' })
    expect(messages).toEqual([])
  })

  it('has types for every entry that match what runs', async () => {
    const tarball = createPackageFromTarballData(new Uint8Array(await readFile(consumer.tarball)))
    const result = await checkPackage(tarball)
    if (result.types === false) throw new Error('the package has no types')
    expect(Object.keys(result.entrypoints)).toEqual(
      expect.arrayContaining(entries.map((name) => `./${name}`)),
    )
    // ESM only: what is older than `exports` finds nothing, and CommonJS loads it by Node's require(esm).
    const problems = result.problems.filter(
      (problem) =>
        problem.kind !== 'CJSResolvesToESM' &&
        !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
    )
    expect(problems).toEqual([])
  })

  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('type-checks in a strict project with module %s and resolution %s', async (module, moduleResolution) => {
    const options = {
      module,
      moduleResolution,
      target: 'es2022',
      lib: ['es2023', 'dom'],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    }
    const folder = await folderOf(`types-${moduleResolution}`, {
      'package.json': '{ "type": "module" }',
      'tsconfig.json': JSON.stringify({ compilerOptions: options, include: ['main.ts'] }),
      'main.ts': `
        import { connect, type Meeting, RtmsError } from 'rtms/client'
        import { limits } from 'rtms/protocol'
        import { useMeeting, useTopic } from 'rtms/react'
        import { Rtms, type Ticket } from 'rtms/server'
        import { runSeed } from 'rtms/testing'

        const rtms: Rtms = await Rtms.start({ port: 0, secret: 'x'.repeat(limits.name) })
        const ticket: Ticket = await rtms.tickets.issue({ user: 'u', meetings: ['m'] })
        const client = connect({ getTicket: () => ticket })
        const meeting: Meeting<{ hit: number }> = await client.join<{ hit: number }>('m')
        meeting.onFrame(({ inputs }) => inputs.map(({ data }) => data.hit.toFixed()))
        // @ts-expect-error an input of another shape
        void meeting.send({ miss: 1 })
        export const hooks = () => [useMeeting<number>('m').slot?.toFixed(), useTopic<number>('t').latest?.toFixed()]
        export const isRtms = (error: unknown) => error instanceof RtmsError && error.code === 'FULL'
        console.log((await runSeed(1)).hash.length)
      `,
    })
    expect(await run(folder, tsc, '-p', '.')).toBe('')
  })

  it('has every file that its documents lead to', async () => {
    const folder = join(consumer.folder, 'node_modules/rtms')
    const names = (await readdir(folder, { recursive: true })).filter((name) => !name.startsWith('dist'))
    const missing: string[] = []
    let count = 0
    for (const name of names.filter((each) => each.endsWith('.md'))) {
      const prose = (await readFile(join(folder, name), 'utf8')).replaceAll(/```.*?```/gs, '')
      for (const [, path = ''] of prose.matchAll(/\]\(([^)#\s:]+)(?:#[^)]*)?\)/g)) {
        count++
        if (!names.includes(join(dirname(name), path).replace(/\/$/, ''))) missing.push(`${name}: ${path}`)
      }
    }
    expect(missing).toEqual([])
    expect(count).toBeGreaterThan(100)
  })

  it('is what README.md and docs/ say: every block of code type-checks', async () => {
    const files: Record<string, string> = {}
    const docs = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md'))
    for (const page of ['README.md', ...docs.map((name) => `docs/${name}`)]) {
      const text = await readFile(join(root, page), 'utf8')
      for (const [at, [, kind, block]] of [...text.matchAll(/```(js|ts|tsx)\n([^]*?)```/g)].entries())
        files[`${page.replace('/', '-')}-${at + 1}.${kind}`] = `${block}\nexport {}\n`
    }
    expect(Object.keys(files).length).toBeGreaterThan(10)
    const options = {
      module: 'nodenext',
      target: 'es2022',
      lib: ['es2023', 'dom'],
      jsx: 'react-jsx',
      types: ['node'],
      strict: true,
      checkJs: true,
      // The blocks of JavaScript name no types.
      noImplicitAny: false,
      noEmit: true,
    }
    const folder = await folderOf('docs', {
      'package.json': '{ "type": "module" }',
      'tsconfig.json': JSON.stringify({ compilerOptions: options, include: ['*'] }),
      'readers.d.ts': ofReaders,
      ...files,
    })
    expect(await run(folder, tsc, '-p', '.')).toBe('')
  })

  it('is bundled for a page without anything of Node', async () => {
    const folder = await folderOf('bundle', {
      'index.html': '<script type="module" src="main.js"></script>',
      'main.js': `
        import { createElement } from 'react'
        import { connect } from 'rtms/client'
        import { RtmsProvider } from 'rtms/react'
        window.made = createElement(RtmsProvider, { client: connect({ getTicket: () => fetch('/ticket') }) })
      `,
    })
    const warnings: string[] = []
    const customLogger = createLogger('silent')
    customLogger.warn = (text) => void warnings.push(text)
    await build({ root: folder, configFile: false, customLogger, build: { assetsDir: '.', minify: false } })
    // What is external is told as a warning.
    expect(warnings).toEqual([])
  })

  it('is bundled for a server, as an ES module and as CommonJS, and runs without the package', async () => {
    const folder = await folderOf('bundled', {
      'main.js': `
        import { connect } from 'rtms/client'
        import { Rtms } from 'rtms/server'
        const keys = ['a-key-of-the-tests-which-is-long-enough']
        Rtms.start({ port: 0, host: '127.0.0.1', secret: keys[0], api: { keys }, admin: 'key' }).then(async (rtms) => {
          await rtms.meetings.open('m')
          const client = connect({ getTicket: () => rtms.tickets.issue({ user: 'u', meetings: ['m'] }) })
          const meeting = await client.join('m')
          await meeting.send('an input')
          const headers = { authorization: 'Bearer ' + keys[0] }
          const ask = (path) => fetch('http://127.0.0.1:' + rtms.address.port + path, { headers })
          const { version } = await (await ask('/rtms/v1/info')).json()
          console.log('framed', version, (await ask('/rtms/v1/openapi.json')).status, (await ask('/admin/')).status)
          client.close()
          await rtms.close()
        })
      `,
    })
    // As docs/runtimes.md says: what the package depends on is CommonJS, which asks for Node's modules by require.
    const banner =
      "import { createRequire as from } from 'node:module'; const require = from(import.meta.url);"
    const alone = await mkdtemp(join(tmpdir(), 'rtms-bundled-'))
    for (const [format, file] of [
      ['esm', 'main.mjs'],
      ['cjs', 'main.cjs'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop
      const { warnings } = await bundle({
        entryPoints: [join(folder, 'main.js')],
        outfile: join(alone, file),
        bundle: true,
        platform: 'node',
        format,
        logLevel: 'silent',
        ...(format === 'esm' ? { banner: { js: banner } } : {}),
      })
      expect(warnings).toEqual([])
      // oxlint-disable-next-line no-await-in-loop
      expect(await run(alone, process.execPath, file)).toBe('framed bundled 200 404\n')
    }
    await rm(alone, { recursive: true })
  })

  it('gives components that a server renders hooks for the browser', async () => {
    const list = "console.log(Object.keys(await import('rtms/react')).join())"
    const names = await run(consumer.folder, process.execPath, '--input-type=module', '-e', list)
    const resolve = [
      '--conditions=react-server',
      '--input-type=module',
      '-e',
      "console.log(import.meta.resolve('rtms/react'))",
    ]
    const file = (await run(consumer.folder, process.execPath, ...resolve)).trim()
    const text = await readFile(new URL(file), 'utf8')
    expect(text).toMatch(/^(?:\/\/.*\n)*'use client'/)
    for (const name of names.trim().split(',')) expect(text).toContain(name)
  })

  it('runs in plain Node, as an ES module and by require', async () => {
    const use = `
      Rtms.start({ port: 0, host: '127.0.0.1', secret: 'x'.repeat(32) }).then(async (rtms) => {
        await rtms.meetings.open('m')
        const client = connect({ getTicket: () => rtms.tickets.issue({ user: 'u', meetings: ['m'] }) })
        const meeting = await client.join('m')
        meeting.onFrame(async ({ inputs }) => {
          if (inputs.length === 0) return
          console.log('framed', inputs[0].data)
          client.close()
          await rtms.close()
        })
        void meeting.send('an input')
      })`
    const folder = await folderOf('node', {
      'module.mjs': `import { Rtms } from 'rtms/server'\nimport { connect } from 'rtms/client'\n${use}`,
      'common.cjs': `const { Rtms } = require('rtms/server')\nconst { connect } = require('rtms/client')\n${use}`,
    })
    for (const file of ['module.mjs', 'common.cjs'])
      expect(await run(folder, process.execPath, file)).toBe('framed an input\n')
    const all = entries.map((entry) => `require('rtms/${entry}')`).join('; ')
    expect(await run(folder, process.execPath, '-e', all)).toBe('')
    const command = join(consumer.folder, 'node_modules/.bin/rtms')
    expect(await run(folder, command, '--version')).toMatch(/^\d+\.\d+\.\d+/)
  })
})

/** The blocks of the README in a language. */
const blocksOf = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text]) => text as string,
  )

describe('the examples', { timeout: LONG_MS }, () => {
  it("the README's lines alone make a room in an Express app, and examples/express is the same", async () => {
    const files = { 'server.mjs': blocksOf('js')[0] ?? '', 'public/index.html': blocksOf('html')[0] ?? '' }
    for (const [file, text] of Object.entries(files))
      expect(await readFile(join(root, 'examples/express', file), 'utf8')).toBe(text)
    // The folder in which it was installed, as the README says.
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(consumer.folder, file)), { recursive: true })
      await writeFile(join(consumer.folder, file), text)
    }
    const server = await serve(consumer.folder)
    await expectRoom(server.url)
    expect(server.printed).toBe('')
  })

  it('a chat takes no more lines than with Socket.IO, and tells who comes late what was said', async () => {
    const text = await readFile(join(root, 'docs/chat.md'), 'utf8')
    const blocks = [...text.matchAll(/```(?:js|html)( socket\.io)?\n([^]*?)```/g)]
    const files = (theirs: boolean): string[] =>
      blocks.filter(([, mark]) => (mark !== undefined) === theirs).map(([, , block = '']) => block)
    const lines = (theirs: boolean): number =>
      files(theirs).reduce(
        (sum, block) => sum + block.split('\n').filter((line) => line.trim() !== '').length,
        0,
      )
    expect(text).toContain(`| lines | ${lines(true)} | ${lines(false)} |`)
    expect(lines(false)).toBeLessThanOrEqual(lines(true))

    const [program = '', page = ''] = files(false)
    const folder = await folderOf('chat', { 'server.mjs': program, 'public/index.html': page })
    // The page's modules are served from the folder that the package was installed in.
    await symlink(join(consumer.folder, 'node_modules'), join(folder, 'node_modules'))
    const server = await serve(folder)
    const complaints: string[] = []
    const ann = await openPage(server.url, complaints)
    await ann.locator('input').fill('hello')
    await ann.locator('input').press('Enter')
    await ann.getByText('hello').waitFor()
    const bob = await openPage(server.url, complaints)
    await bob.getByText('hello').waitFor()
    await bob.locator('input').fill('hi')
    await bob.locator('input').press('Enter')
    await ann.getByText('hi').waitFor()
    expect(complaints.filter((text) => !text.includes('404'))).toEqual([])
    expect(server.printed).toBe('')
  })

  it('examples/relay is a room in thirty lines', async () => {
    const text = await readFile(join(root, 'examples/relay/server.mjs'), 'utf8')
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(30)
    // In the checkout, where the package is found by its own name.
    const server = await serve(join(root, 'examples/relay'))
    await expectRoom(server.url)
    // Nothing but the page and the client's modules, and nothing falls over.
    for (const path of [
      '/rtms/client/../../package.json',
      '/rtms/server/index.js',
      '/rtms/client/no.js',
      '//',
    ])
      expect(await (await fetch(server.url + path)).text()).toMatch(/^(?:<!doctype html>|$)/)
    expect((await fetch(`${server.url}/ticket`)).status).toBe(200)
  })

  it('examples/react type-checks, is built by Vite and shared by two windows', async () => {
    const folder = join(consumer.folder, 'react')
    await cp(join(root, 'examples/react'), folder, { recursive: true })
    expect(await readFile(join(folder, 'src/main.tsx'), 'utf8')).toContain(blocksOf('tsx')[0])
    expect(await run(folder, tsc, '-p', '.')).toBe('')
    await build({ root: folder, logLevel: 'error', configFile: join(folder, 'vite.config.js') })
    const server = await serve(folder)
    const complaints: string[] = []
    const pages = [await openPage(server.url, complaints), await openPage(server.url, complaints)] as const
    const [ann, bob] = pages
    for (const page of pages) await page.getByRole('button', { name: '0 damage by 2' }).waitFor()
    await ann.getByRole('button').click()
    await bob.getByRole('button').click()
    for (const page of pages) {
      await page.getByRole('button', { name: '6 damage by 2' }).waitFor()
      await page.getByText('connected', { exact: true }).waitFor()
      await page.locator('output', { hasText: /^\d+/ }).waitFor()
    }
    await bob.context().close()
    await ann.getByRole('button', { name: '6 damage by 1' }).waitFor()
    expect(complaints.filter((text) => !text.includes('404'))).toEqual([])

    // Under Vite's own server, which leads tickets and the socket to the other one.
    const port = await freePort()
    const vite = spawn(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), '--port', `${port}`], {
      cwd: folder,
      env: { ...process.env, PORT: new URL(server.url).port },
    })
    try {
      const dev = `http://localhost:${port}`
      await expect
        .poll(() => fetch(dev).then((response) => response.status, String), { timeout: 20_000 })
        .toBe(200)
      const page = await openPage(dev, complaints)
      await page.getByText('connected', { exact: true }).waitFor()
      await page.locator('output', { hasText: /^\d+/ }).waitFor()
      expect(complaints.filter((text) => !text.includes('404'))).toEqual([])
    } finally {
      vite.kill()
    }
  })
})
