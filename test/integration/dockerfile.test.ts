import { execFile, spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../free-port.ts'
import { root, run } from './packed.ts'

/*
 * What the Dockerfile says, done without Docker: its copies into an empty folder, its build, its command and its
 * health check. What only Docker can tell (the base image, the user) is not tried here.
 */

const execute = promisify(execFile)

interface Instruction {
  readonly name: string
  readonly text: string
}

let stages: Instruction[][]
let folder: string

beforeAll(async () => {
  const lines = (await readFile(join(root, 'Dockerfile'), 'utf8')).replaceAll('\\\n', '').split('\n')
  stages = []
  for (const line of lines) {
    const [, name, text] = /^([A-Z]+) (.*)$/.exec(line) ?? []
    if (name === undefined || text === undefined) continue
    if (name === 'FROM') stages.push([])
    stages.at(-1)?.push({ name, text })
  }
  folder = await mkdtemp(join(tmpdir(), 'rtms-docker-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const textsOf = (stage: number, name: string): string[] =>
  (stages[stage] ?? []).flatMap((instruction) => (instruction.name === name ? [instruction.text] : []))

it('copies only what the checkout has and .dockerignore lets through, and builds from that', async () => {
  const ignore = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n')
  const build = join(folder, 'build')
  await mkdir(build)
  for (const text of textsOf(0, 'COPY')) {
    const sources = text.split(' ').slice(0, -1)
    for (const source of sources) {
      expect(ignore).toContain(`!${source}`)
      await cp(join(root, source), join(build, source), { recursive: true })
    }
  }
  expect(textsOf(0, 'RUN')).toEqual([
    'npm ci --ignore-scripts',
    // Without --save-prod it would be a development dependency again, and left out; the lock file has its version.
    'npm run build && npm prune --omit=dev --ignore-scripts   && npm install --omit=dev --no-save --save-prod --ignore-scripts @nats-io/transport-node',
  ])
  // What `npm ci` would bring is here already.
  await symlink(join(root, 'node_modules'), join(build, 'node_modules'))
  await run(build, 'npm', 'run', 'build')
}, 240_000)

it('runs the node as its command says, healthy by its own check, and ended by its stop signal', async () => {
  const image = join(folder, 'image')
  await mkdir(image)
  for (const text of textsOf(1, 'COPY')) {
    const [from, source = '', target = ''] = text.split(' ')
    expect(from).toBe('--from=build')
    const made = join(folder, source)
    if (target === './node_modules') await symlink(join(root, 'node_modules'), join(image, target))
    else await cp(made, join(image, target === './' ? 'package.json' : target), { recursive: true })
  }
  expect(textsOf(1, 'USER')).toEqual(['node'])
  const env = {
    ...process.env,
    PORT: String(await freePort()),
    RTMS_SECRET: 'a secret of the tests, long enough',
  }
  const words = (name: string): string[] => JSON.parse(textsOf(1, name)[0] ?? '[]') as string[]
  const [command = '', ...args] = [...words('ENTRYPOINT'), ...words('CMD')]
  const child = spawn(command, args, { cwd: image, env, stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('close', resolve))
  const [, check = '[]'] = /CMD (\[.*\])/.exec(textsOf(1, 'HEALTHCHECK')[0] ?? '') ?? []
  const [program = '', ...options] = JSON.parse(check) as string[]
  const healthy = (): Promise<boolean> =>
    execute(program, options, { env }).then(
      () => true,
      () => false,
    )
  await expect.poll(healthy, { timeout: 20_000 }).toBe(true)
  child.kill(textsOf(1, 'STOPSIGNAL')[0] as NodeJS.Signals)
  expect(await ended).toBe(0)
  expect(await healthy()).toBe(false)
}, 60_000)
