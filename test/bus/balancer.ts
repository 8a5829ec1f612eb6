import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { inProcess } from '../../src/bus/in-process.ts'
import type { Rtms, RtmsOptions } from '../../src/server/index.ts'
import { start } from '../integration/server/peer.ts'
import { freePort } from '../free-port.ts'

/** The nodes rtms-0, rtms-1 and rtms-2, which know one another. */
export async function threeNodes(options: Partial<RtmsOptions>): Promise<Rtms[]> {
  const bus = inProcess()
  // A balancer passes over a node that is late, as it may be on a machine that is busy with other tests.
  const limits = { readyLatenessMs: 60_000 }
  const nodes = await Promise.all(
    [0, 1, 2].map((n) => start({ bus, nodeId: `rtms-${n}`, limits, ...options })),
  )
  const knowAll = (): boolean => nodes.every((rtms) => rtms.cluster.nodes().length === 3)
  await expect.poll(knowAll, { timeout: 10_000 }).toBe(true)
  return nodes
}

export const portsOf = (nodes: readonly Rtms[]): number[] => nodes.map(({ address }) => address.port)

const deploy = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url)), 'utf8')

/** The file with each of its addresses replaced by one of this machine. Fails where one is not in it. */
function placed(text: string, places: Readonly<Record<string, string>>): string {
  return Object.entries(places).reduce((placed, [from, to]) => {
    if (!placed.includes(from)) throw new Error(`there is no ${from} in it`)
    return placed.replaceAll(from, to)
  }, text)
}

interface Kind {
  /** Its file in `deploy/`, and what it says of where it listens. */
  readonly file: string
  readonly listens: string
  readonly args: (file: string, folder: string) => string[]
  /** Changes of the file for a run in a folder of its own. */
  readonly adapt?: (text: string, folder: string) => string
}

export const kinds: Readonly<Record<'haproxy' | 'nginx', Kind>> = {
  haproxy: {
    file: 'haproxy/haproxy.cfg',
    listens: 'bind :80\n',
    args: (file) => ['-db', '-f', file],
  },
  nginx: {
    file: 'nginx/nginx.conf',
    listens: 'listen 80;',
    args: (file, folder) => ['-p', folder, '-c', file, '-e', 'stderr', '-g', 'daemon off;'],
    // Where it is installed it has folders of its own, which take a user's rights.
    adapt: (text, folder) =>
      text.replace(
        'http {',
        `pid ${folder}/pid;\nhttp {\naccess_log off;\n${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
          .map((name) => `${name}_temp_path ${folder}/${name};\n`)
          .join('')}`,
      ),
  },
}

/** A load balancer with its file of `deploy/`, in front of nodes of this machine. */
export class Balancer {
  readonly port: number
  readonly #process: ChildProcess
  readonly #folder: string
  #log = ''

  private constructor(port: number, folder: string, program: string, args: string[]) {
    this.port = port
    this.#folder = folder
    this.#process = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-4_000)))
  }

  /** `nodes`: the port of each node, rtms-0 first. Resolves as soon as it answers for one of them. */
  static async start(name: keyof typeof kinds, nodes: readonly number[], port?: number): Promise<Balancer> {
    const { file, listens, args, adapt = (text) => text } = kinds[name]
    const own = port ?? (await freePort())
    const folder = mkdtempSync(join(tmpdir(), `rtms-${name}-`))
    const places: Record<string, string> = {
      [listens]: listens.replace(/:?80/, `127.0.0.1:${own}`),
      ...Object.fromEntries(nodes.map((at, n) => [`rtms-${n}:7788`, `127.0.0.1:${at}`])),
    }
    const config = join(folder, 'config')
    writeFileSync(config, adapt(placed(deploy(file), places), folder))
    const balancer = new Balancer(own, folder, `/usr/sbin/${name}`, args(config, folder))
    await balancer.#answers()
    return balancer
  }

  async #answers(): Promise<void> {
    for (let tries = 0; tries < 300; tries++) {
      if (this.#process.exitCode !== null) break
      // eslint-disable-next-line no-await-in-loop
      const status = await fetch(`http://127.0.0.1:${this.port}/readyz`).then(
        (answer) => answer.status,
        () => 0,
      )
      if (status === 200) return
      // eslint-disable-next-line no-await-in-loop
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const log = this.#log
    await this.stop()
    throw new Error(`it does not answer:\n${log}`)
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      this.#process.kill('SIGTERM')
      await once(this.#process, 'exit')
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
