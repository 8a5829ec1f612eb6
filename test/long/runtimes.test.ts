import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Consumer, run } from '../integration/packed.ts'

/* The packed package in every runtime that docs/runtimes.md names: each one serves clients in all of them. */

const execute = promisify(execFile)

const server = `
import { Rtms } from 'rtms/server'

const rtms = await Rtms.start({ port: 0, host: '127.0.0.1', secret: 'a secret of the tests, which is long enough' })
rtms.meetings.onMissing(() => ({ frameRate: 20 }))
rtms.onRequest('push', ({ user, data }) => rtms.users.push(user, 'pushed', data))
const topics = { read: ['news'], write: ['news'] }
console.log(JSON.stringify(await rtms.tickets.issue({ user: 'ann', meetings: ['room'], topics })))
// The end of its input asks it to close: Windows knows no SIGTERM.
process.stdin.on('end', () => rtms.close({ timeoutMs: 1_000 })).resume()
`

const client = `
import { connect } from 'rtms/client'

const client = connect({ getTicket: () => JSON.parse(process.argv.at(-1)) })
const heard = (listen) => new Promise((resolve) => listen(resolve))
const published = heard((done) => client.subscribe('news', done))
const pushed = heard((done) => client.onPush('pushed', done))
const room = await client.join('room')
const framed = heard((done) => room.onFrame(({ inputs }) => inputs.length > 0 && done(inputs[0].data)))
await room.send({ hit: 3 })
// Many of the slices that a server reads.
const bytes = Uint8Array.from({ length: 16_000 }, (_, at) => at)
await client.publish('news', bytes)
const sessions = await client.request('push', 'a push')
const isSame = (await published).every((byte, at) => byte === bytes[at])
console.log(JSON.stringify([await framed, isSame, sessions, await pushed]))
client.close()
`

/** The name of a runtime, the package that brings its program, and how that runs a script. */
const runtimes: readonly (readonly [name: string, ...command: string[]])[] = [
  ['Node 20', process.execPath],
  ['Node 22', 'node_modules/node22/bin/node'],
  ['Node 24', 'node_modules/node24/bin/node'],
  ['Bun', 'node_modules/.bin/bun'],
  ['Deno', 'node_modules/.bin/deno', 'run', '--allow-all'],
]

let consumer: Consumer

beforeAll(async () => {
  consumer = await Consumer.create()
  const { platform, arch } = process
  const node = (major: number): string =>
    `node${major}@npm:node-${platform === 'win32' ? 'win' : platform}-${arch}@${major}`
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--silent']
  await run(consumer.folder, 'npm', 'install', ...quiet, node(22), node(24), 'bun@1', 'deno@2')
  await writeFile(join(consumer.folder, 'server.mjs'), server)
  await writeFile(join(consumer.folder, 'client.mjs'), client)
}, 600_000)

afterAll(() => consumer?.remove())

/** A server in a runtime, and the ticket that it gives. */
async function serve([program = '', ...options]: readonly string[]): Promise<{
  readonly child: ChildProcess
  readonly ticket: string
  readonly complaints: string[]
}> {
  const child = spawn(program, [...options, 'server.mjs'], { cwd: consumer.folder })
  const complaints: string[] = []
  child.stderr.on('data', (chunk: Buffer) => complaints.push(String(chunk)))
  const [ticket] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'close').then(() => Promise.reject(new Error(complaints.join('')))),
  ])) as [string]
  return { child, ticket, complaints }
}

describe.each(runtimes)('A server on %s', (_, ...command) => {
  it('serves clients on all runtimes, ends when it is closed, and nobody complains', async () => {
    const { child, ticket, complaints } = await serve(command)
    const ended = once(child, 'close')
    try {
      for (const [name, program = '', ...options] of runtimes) {
        // oxlint-disable-next-line no-await-in-loop
        const { stdout, stderr } = await execute(program, [...options, 'client.mjs', ticket], {
          cwd: consumer.folder,
          timeout: 60_000,
        })
        expect([name, stdout, stderr]).toEqual([name, '[{"hit":3},true,1,"a push"]\n', ''])
      }
      child.stdin?.end()
      expect(await ended).toEqual([0, null])
      expect(complaints).toEqual([])
    } finally {
      child.kill('SIGKILL')
    }
  })
})
