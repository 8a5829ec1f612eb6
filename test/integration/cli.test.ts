import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

/* The built command, as a user runs it. */

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const running: ChildProcess[] = []

interface Run {
  readonly child: ChildProcess
  /** Everything printed so far, of both streams. */
  text(): string
  readonly ended: Promise<number | null>
}

function rtms(args: string[], env: Record<string, string> = {}): Run {
  const { RTMS_SECRET: _, PORT: __, ...rest } = process.env
  const child = spawn(process.execPath, [main, ...args], { env: { ...rest, ...env } })
  running.push(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += String(chunk)))
  return { child, text: () => text, ended: new Promise((resolve) => child.on('close', resolve)) }
}

async function printed(run: Run, pattern: RegExp): Promise<RegExpExecArray> {
  await expect.poll(() => run.text(), { timeout: 10_000 }).toMatch(pattern)
  return pattern.exec(run.text()) as RegExpExecArray
}

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

describe('rtms', () => {
  it.each([
    [[], 'a command is missing'],
    [['sing'], 'there is no command "sing"'],
    [['serve', '--loud'], 'rtms serve --help'],
    [['serve', '--dev', '--port', 'x'], 'a port is a number from 0 to 65535'],
    [['serve'], 'openssl rand -hex 32'],
    [['serve', '--secret', 'short'], 'at least 32 bytes'],
  ])('called as %j says what is wrong and exits with 2', async (args, message) => {
    const run = rtms(args)
    expect(await run.ended).toBe(2)
    expect(run.text()).toContain(message)
  })

  it('prints help for each command, and its version', async () => {
    for (const [args, text] of [
      [['--help'], 'Commands:'],
      [['serve', '--help'], '--port'],
      [['--version'], '0.1.0'],
    ] as const) {
      const run = rtms([...args])
      expect(await run.ended).toBe(0)
      expect(run.text()).toContain(text)
    }
  })

  it('serves the demo, says loudly that guests get in, and closes in good order on SIGTERM', async () => {
    const run = rtms(['serve', '--dev', '--port', '0'])
    const [, url] = await printed(run, /Open (http:\/\/\S+)/)
    expect(run.text()).toContain('DEVELOPMENT MODE')
    expect(await (await fetch(url as string)).text()).toContain('<title>')
    const ticket = await fetch(`${url}/api/playground/ticket`, { method: 'POST', body: '{}' })
    expect(await ticket.json()).toMatchObject({
      token: expect.any(String),
      url: expect.stringContaining('route='),
    })
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    expect(run.text()).toContain('Closed')
  })

  it('takes its port from PORT, and names a free one to try where it is in use', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => blocker.once('listening', resolve))
    const { port } = blocker.address() as AddressInfo
    const run = rtms(['serve', '--dev'], { PORT: String(port) })
    expect(await run.ended).toBe(2)
    expect(run.text()).toContain(`port ${port} is in use already`)
    blocker.close()
  })

  it('without --dev is a bare node', async () => {
    const run = rtms(['serve', '--port', '0', '--host', '127.0.0.1'], { RTMS_SECRET: 'x'.repeat(32) })
    const [, url] = await printed(run, /listens at (http:\/\/\S+)\./)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect((await fetch(`${url}/api/playground/ticket`, { method: 'POST', body: '{}' })).status).toBe(404)
  })
})
