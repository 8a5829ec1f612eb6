import { mkdir, writeFile } from 'node:fs/promises'
import { Session } from 'node:inspector/promises'

/**
 * Processor time of this process between two calls, and on request CPU and allocation profiles of exactly that time.
 */
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
      // Garbage counts as well: it is what the collector's time goes to.
      await this.#session.post('HeapProfiler.startSampling', {
        samplingInterval: 16_384,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true,
      })
    }
    this.#cpu = process.cpuUsage()
    this.#at = performance.now()
  }

  /** Milliseconds of processor time (user, system, both) and of real time. @param {string} [name] of the profile */
  async end(name = 'server') {
    const { user, system } = process.cpuUsage(this.#cpu)
    const wall = performance.now() - this.#at
    if (this.#session !== null) {
      const { profile: cpuProfile } = await this.#session.post('Profiler.stop')
      const { profile: heapProfile } = await this.#session.post('HeapProfiler.stopSampling')
      this.#session.disconnect()
      this.#session = null
      const folder = new URL('../results/profiles/', import.meta.url)
      await mkdir(folder, { recursive: true })
      await writeFile(new URL(`${name}.cpuprofile`, folder), JSON.stringify(cpuProfile))
      await writeFile(new URL(`${name}.heapprofile`, folder), JSON.stringify(heapProfile))
    }
    return { user: user / 1000, system: system / 1000, cpu: (user + system) / 1000, wall }
  }
}
