import { mkdir, writeFile } from 'node:fs/promises'
import { Session } from 'node:inspector/promises'

/** Processor time of this process between two calls, and on request a CPU profile of exactly that time. */
export class Meter {
  #cpu = process.cpuUsage()
  #at = 0
  /** @type {Session | null} */
  #session = null

  /** @param {{ profile?: boolean }} [options] */
  async begin({ profile = false } = {}) {
    if (profile) {
      this.#session = new Session()
      this.#session.connect()
      await this.#session.post('Profiler.enable')
      await this.#session.post('Profiler.setSamplingInterval', { interval: 200 })
      await this.#session.post('Profiler.start')
    }
    this.#cpu = process.cpuUsage()
    this.#at = performance.now()
  }

  /** Milliseconds of processor time (user, system, both) and of real time. @param {string} [name] of the profile */
  async end(name = 'server') {
    const { user, system } = process.cpuUsage(this.#cpu)
    const wall = performance.now() - this.#at
    if (this.#session !== null) {
      const { profile } = await this.#session.post('Profiler.stop')
      this.#session.disconnect()
      this.#session = null
      const folder = new URL('../results/profiles/', import.meta.url)
      await mkdir(folder, { recursive: true })
      await writeFile(new URL(`${name}.cpuprofile`, folder), JSON.stringify(profile))
    }
    return { user: user / 1000, system: system / 1000, cpu: (user + system) / 1000, wall }
  }
}
