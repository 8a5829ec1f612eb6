import type { RefusedBy } from '../../core/index.ts'
import type { Logger } from '../ground/logger.ts'
import { Seldom } from '../ground/seldom.ts'

const limitOf: { readonly [by in RefusedBy]: string } = {
  connections: 'limits.connections',
  handshakes: 'limits.handshakes',
  address: 'limits.connectionsPerAddress',
  rate: 'limits.connectsPerAddressPerSecond',
}

/** Longest origin that is logged, in characters. */
const ORIGIN_LENGTH = 255

/** Logs refused connections: each kind at most once a minute, however many there are. */
export class TurnedAway {
  readonly #logger: Logger
  readonly #kinds: { readonly [by in RefusedBy]: Seldom } = {
    connections: new Seldom(),
    handshakes: new Seldom(),
    address: new Seldom(),
    rate: new Seldom(),
  }

  readonly #origins: Seldom = new Seldom()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** A page of `origin` may not connect; a browser tells its user nothing of why. `host`: the one it has asked. */
  noteOrigin(origin: string, host: string, now: number): void {
    const count = this.#origins.note(now)
    if (count === 0) return
    this.#logger.warn(
      { origin: origin.slice(0, ORIGIN_LENGTH), host, count },
      'a page was refused for its origin: name it in the option `origins` to let it connect; count is how many since this was last said',
    )
  }

  /** `now` is in monotonic milliseconds; `address` is '' where it is not known. */
  note(by: RefusedBy, address: string, now: number): void {
    const count = this.#kinds[by].note(now)
    if (count === 0) return
    const details = { limit: limitOf[by], address, count }
    this.#logger.warn(details, 'connections were turned away; count is how many since this was last said')
  }
}
