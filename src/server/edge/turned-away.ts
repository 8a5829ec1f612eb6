import type { RefusedBy } from '../../core/index.ts'
import type { Logger } from '../ground/logger.ts'
import { Seldom } from '../ground/seldom.ts'

const limitOf: { readonly [by in RefusedBy]: string } = {
  connections: 'limits.connections',
  handshakes: 'limits.handshakes',
  address: 'limits.connectionsPerAddress',
  rate: 'limits.connectsPerAddressPerSecond',
}

/** Logs refused connections: each kind at most once a minute, however many there are. */
export class TurnedAway {
  readonly #logger: Logger
  readonly #kinds: { readonly [by in RefusedBy]: Seldom } = {
    connections: new Seldom(),
    handshakes: new Seldom(),
    address: new Seldom(),
    rate: new Seldom(),
  }

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** `now` is in monotonic milliseconds; `address` is '' where it is not known. */
  note(by: RefusedBy, address: string, now: number): void {
    const count = this.#kinds[by].note(now)
    if (count === 0) return
    const details = { limit: limitOf[by], address, count }
    this.#logger.warn(details, 'connections were turned away; count is how many since this was last said')
  }
}
