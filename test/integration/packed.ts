import { execFile, type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'

const execute = promisify(execFile)
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** Runs a program to its end; resolves with all it printed, rejects with it where the program fails. */
export async function run(folder: string, command: string, ...args: string[]): Promise<string> {
  try {
    const { stdout, stderr } = await execute(command, args, { cwd: folder })
    return stdout + stderr
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
  }
}

/** A server program that is told a free port by PORT and answers HTTP there. */
export class ServerProgram {
  readonly url: string
  readonly #child: ChildProcess
  #printed = ''

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.url = `http://localhost:${port}`
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#printed += String(chunk)))
  }

  static async start(folder: string, port: number): Promise<ServerProgram> {
    const env = {
      ...process.env,
      PORT: String(port),
      RTMS_SECRET: 'a secret of the tests, which is long enough',
    }
    const program = new ServerProgram(spawn(process.execPath, ['server.mjs'], { cwd: folder, env }), port)
    const answers = (): Promise<unknown> =>
      fetch(program.url).then(
        (response) => response.status,
        () => program.#printed,
      )
    await expect.poll(answers, { timeout: 20_000 }).toBe(200)
    return program
  }

  /** Complaints and all. */
  get printed(): string {
    return this.#printed
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.on('close', resolve))
    this.#child.kill('SIGKILL')
    await ended
  }
}

/** The version of a development dependency, so that what is installed elsewhere is what npm has at hand. */
async function pinned(name: string): Promise<string> {
  const text = await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8')
  return `${name}@${(JSON.parse(text) as { version: string }).version}`
}

/** An empty folder with the packed package installed in it, as `npm install rtms` does, and others next to it. */
export class Consumer {
  readonly folder: string
  readonly tarball: string

  private constructor(folder: string, tarball: string) {
    this.folder = folder
    this.tarball = tarball
  }

  static async create(...others: string[]): Promise<Consumer> {
    const folder = await mkdtemp(join(tmpdir(), 'rtms-consumer-'))
    const [packed] = JSON.parse(
      await run(root, 'npm', 'pack', '--silent', '--json', '--pack-destination', folder),
    ) as [{ filename: string }]
    const tarball = join(folder, packed.filename)
    const packages = await Promise.all(others.map(pinned))
    const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--silent']
    await run(folder, 'npm', 'init', '--yes', '--silent')
    await run(folder, 'npm', 'install', ...quiet, tarball, ...packages)
    return new Consumer(folder, tarball)
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
