import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { freePort } from '../free-port.ts'

const reachable = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    // The server speaks first.
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
  })

/** Debian's nats-server as a child process, on the loopback. */
export class NatsServer {
  readonly port: number
  readonly #config: string
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'rtms-nats-'))
  #process: ChildProcess | null = null

  /** `config`: what its configuration file has besides the port. */
  constructor(port: number, config = '') {
    this.port = port
    this.#config = join(this.#folder, 'nats.conf')
    writeFileSync(this.#config, `host: 127.0.0.1\nport: ${port}\n${config}`)
  }

  static async start(config = ''): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), config)
    await server.start()
    return server
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    this.#process = spawn('/usr/sbin/nats-server', ['-c', this.#config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let log = ''
    this.#process.stderr?.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4_000)))
    for (let tries = 0; tries < 200; tries++) {
      if (this.#process.exitCode !== null) break
      // eslint-disable-next-line no-await-in-loop
      if (await reachable(this.port)) return
      // eslint-disable-next-line no-await-in-loop
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`nats-server does not start:\n${log}`)
  }

  async kill(): Promise<void> {
    const child = this.#process
    this.#process = null
    if (child === null || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** Stops the process, as a machine does that hangs. It has stopped when the promise resolves. */
  async hang(): Promise<void> {
    this.#process?.kill('SIGSTOP')
    const stat = `/proc/${this.#process?.pid}/stat`
    // Behind the name, which is in brackets.
    await vi.waitFor(() => expect(readFileSync(stat, 'utf8')).toMatch(/\) T /), 5_000)
  }

  goOn(): void {
    this.#process?.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
