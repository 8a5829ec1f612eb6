import type { RefusedBy } from '../../core/index.ts'
import type { Logger } from '../ground/logger.ts'
import { SeldomWarning } from '../ground/seldom-warning.ts'

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
  readonly #kinds: { readonly [by in RefusedBy]: SeldomWarning }
  readonly #origins: SeldomWarning

  constructor(logger: Logger) {
    const ofKind = (): SeldomWarning => new SeldomWarning(logger, 'connections were turned away')
    this.#kinds = { connections: ofKind(), handshakes: ofKind(), address: ofKind(), rate: ofKind() }
    this.#origins = new SeldomWarning(
      logger,
      'a page was refused for its origin: name it in the option `origins` to let it connect',
    )
  }

  /** A page of `origin` may not connect; a browser tells its user nothing of why. `host`: the one it has asked. */
  noteOrigin(origin: string, host: string, now: number): void {
    this.#origins.note(now, { origin: origin.slice(0, ORIGIN_LENGTH), host })
  }

  /** `now` is in monotonic milliseconds; `address` is '' where it is not known. */
  note(by: RefusedBy, address: string, now: number): void {
    this.#kinds[by].note(now, { limit: limitOf[by], address })
  }
}
