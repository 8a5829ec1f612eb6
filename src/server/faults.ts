import { isMainThread } from 'node:worker_threads'
import type { BusConnector } from '../bus/connector.ts'
import { Severable } from '../bus/severable.ts'
import type { Logger } from './ground/logger.ts'

/** The wait before a fault, in milliseconds: whoever has asked for it is answered first. */
const WAIT_MS = 100

/** Faults on demand, for trying out what the cluster does about them: see the option `faults`. */
export class Faults {
  readonly bus: Severable
  readonly #logger: Logger
  #timer: NodeJS.Timeout | undefined

  constructor(bus: BusConnector, logger: Logger) {
    this.bus = new Severable(bus)
    this.#logger = logger
  }

  /**
   * In a moment, cuts the node off the bus for so many milliseconds; for 0, ends its process as `kill -9` does, or its
   * thread, where it runs in one of its own.
   */
  strike(cutMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (cutMs === 0) return kill()
      this.#logger.warn({ ms: cutMs }, 'cut off the bus for a while, as was asked for')
      this.bus.cut(cutMs)
    }, WAIT_MS)
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}

function kill(): void {
  if (isMainThread) process.kill(process.pid, 'SIGKILL')
  else process.exit(1)
}
