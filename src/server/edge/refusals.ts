import type { RefusedBy } from '../../core/index.ts'
import type { Logger } from '../ground/logger.ts'

const EVERY_MS = 60_000

const limitOf: { readonly [by in RefusedBy]: string } = {
  connections: 'limits.connections',
  handshakes: 'limits.handshakes',
  address: 'limits.connectionsPerAddress',
  rate: 'limits.connectsPerAddressPerSecond',
}

/** Tells the log of connections that were turned away: of each kind once a minute at most, however many there are. */
export class Refusals {
  readonly #logger: Logger
  readonly #kinds: Map<RefusedBy, { told: number; count: number }> = new Map()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** `now` is in monotonic milliseconds; `address` is '' where it is not known. */
  note(by: RefusedBy, address: string, now: number): void {
    const kind = this.#kinds.get(by) ?? { told: -Infinity, count: 0 }
    this.#kinds.set(by, kind)
    kind.count++
    if (now - kind.told < EVERY_MS) return
    const details = { limit: limitOf[by], address, count: kind.count }
    this.#logger.warn(details, 'connections were turned away; count is how many since this was last said')
    kind.told = now
    kind.count = 0
  }
}
