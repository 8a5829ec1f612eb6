import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram } from '../../scripts/programs.mjs'
import { Child } from './child.mjs'
import { sleep } from './clock.mjs'
import { freePort } from './free-port.mjs'

/* Three nodes, each a process, with NATS between them and HAProxy in front, as `deploy/` has it. */

export const NODES = ['rtms-0', 'rtms-1', 'rtms-2']
const READY_MS = 30_000

function program(name) {
  const file = findProgram(name)
  if (file === undefined) throw new Error(`${name} is missing: npm run setup`)
  return file
}

export class Fleet {
  /** By name. @type {Map<string, Child>} */
  nodes = new Map()
  #folder = mkdtempSync(join(tmpdir(), 'rtms-fleet-'))
  #programs = []
  #settings
  #ports = new Map()
  #nats
  #natsArgs

  static async start({ dist, frameRate }) {
    const fleet = new Fleet()
    await fleet.#start(dist, frameRate)
    return fleet
  }

  async #start(dist, frameRate) {
    const [natsPort, port] = [await freePort(), await freePort()]
    for (const name of NODES) this.#ports.set(name, await freePort())
    this.url = `ws://127.0.0.1:${port}/rtms`
    this.#natsArgs = ['-a', '127.0.0.1', '-p', String(natsPort)]
    this.startNats()
    this.#settings = {
      dist,
      frameRate,
      nats: `nats://127.0.0.1:${natsPort}`,
      publicUrl: `${this.url}?route={node}`,
    }
    await Promise.all(NODES.map((name) => this.startNode(name)))
    let text = readFileSync(
      fileURLToPath(new URL('../../deploy/haproxy/haproxy.cfg', import.meta.url)),
      'utf8',
    )
    text = text.replace('bind :80\n', `bind 127.0.0.1:${port}\n`).replace('100000', '20000')
    for (const [name, at] of this.#ports) text = text.replaceAll(`${name}:7788`, `127.0.0.1:${at}`)
    const file = join(this.#folder, 'haproxy.cfg')
    writeFileSync(file, text)
    this.#run(program('haproxy'), ['-db', '-f', file])
    await this.#until(
      async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.ok === true,
    )
    await this.whole()
  }

  #run(file, args) {
    const child = spawn(file, args, { stdio: 'ignore' })
    this.#programs.push(child)
    return child
  }

  async #until(holds) {
    const end = performance.now() + READY_MS
    while (!(await holds())) {
      if (performance.now() > end) throw new Error('the nodes are not ready in time')
      await sleep(200)
    }
  }

  /** Starts a node, for the first time or anew, on the port that it has in the balancer's file. */
  async startNode(name) {
    const child = new Child('servers/fleet.mjs')
    this.nodes.set(name, child)
    await child.call('start', { ...this.#settings, name, port: this.#ports.get(name) })
  }

  /** Waits until each node knows all others. */
  async whole() {
    for (const node of this.nodes.values())
      await this.#until(async () => (await node.call('known')) === NODES.length)
  }

  node(name) {
    return this.nodes.get(name)
  }

  /** Starts NATS, for the first time or anew, on the same port. */
  startNats() {
    this.#nats = this.#run(program('nats-server'), this.#natsArgs)
  }

  /** SIGKILL ends NATS as a crash does; SIGSTOP and SIGCONT halt it, and let it go on. */
  signalNats(name) {
    this.#nats.kill(name)
  }

  /** What a node answers to a question for its health, at its own port: a status of HTTP, 0 where it does not answer. */
  async healthOf(name, timeoutMs = 2_000) {
    const url = `http://127.0.0.1:${this.#ports.get(name)}/healthz`
    const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch(() => null)
    await answer?.text().catch(() => {})
    return answer?.status ?? 0
  }

  /** Memory of a node that is resident, in MiB. */
  memoryOf(name) {
    const status = readFileSync(`/proc/${this.node(name).pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024
  }

  /** The frames of each meeting that a node has sealed in one go, as the nodes tell that run. */
  async seals() {
    const seals = new Map()
    for (const node of this.nodes.values())
      for (const { name, ends } of await node.call('seals'))
        seals.set(name, [...(seals.get(name) ?? []), ...ends])
    return seals
  }

  /** Processor time of each process so far, in milliseconds. */
  async usage() {
    const used = {}
    for (const [name, node] of this.nodes) used[name] = await node.call('usage')
    for (const { spawnfile, pid } of this.#programs) {
      const [, fields] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')
      const [user, system] = fields.split(' ').slice(11, 13).map(Number)
      // In hundredths of a second.
      used[basename(spawnfile)] = (user + system) * 10
    }
    return used
  }

  async stop() {
    await Promise.all([...this.nodes.values()].map((node) => node.stop()))
    for (const each of this.#programs) each.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/**
 * How late the first frame was on each new node, in milliseconds. `seals`: by meeting, the first and last frame that a
 * node has sealed in one go.
 */
export function latenessOf(seals, tickMs) {
  const late = []
  for (const ends of seals.values()) {
    const runs = ends.toSorted((a, b) => a.first.frame - b.first.frame)
    for (const [at, { first }] of runs.entries()) {
      if (at === 0) continue
      const { last } = runs[at - 1]
      late.push(first.at - last.at - tickMs * (first.frame - last.frame))
    }
  }
  return late
}

/** The largest number of these times within any second. */
export function mostInASecond(times) {
  const sorted = times.toSorted((a, b) => a - b)
  let most = 0
  for (let from = 0, to = 0; to < sorted.length; to++) {
    while (sorted[to] - sorted[from] >= 1_000) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}
