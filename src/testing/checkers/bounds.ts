import { type ClientMessage, limits } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'

/** The largest GOODBYE, in either encoding, in bytes. */
const GOODBYE_BYTES = 2 * limits.reason + 256

/**
 * I13 Bounds: before a write, less than a window is unacknowledged, except for one GOODBYE as a connection's last
 * write; no write exceeds its size limit.
 */
export class CreditChecker implements Observer {
  readonly #windows: Map<string, number> = new Map()
  readonly #acknowledged: Map<string, number> = new Map()
  /** Connections that were written to beyond their window. */
  readonly #ended: Set<string> = new Set()
  readonly #largestWrite: number

  /** `writeBytes`: the node's limit; a write may go over it by one page and one message. */
  constructor(writeBytes: number) {
    this.#largestWrite = writeBytes + 2 * limits.payload + 4_096
  }

  up(client: ClientFacts, connection: number, message: ClientMessage): void {
    if (message.type === 'hello') this.#windows.set(`${client.id} ${connection}`, message.window)
    if (message.type === 'ack') this.#acknowledged.set(`${client.id} ${connection}`, message.bytes)
  }

  write(client: ClientFacts, connection: number, size: number, written: number): void {
    const here = `${client.id} ${connection}`
    const window = this.#windows.get(here) ?? 0
    const outstanding = written - size - (this.#acknowledged.get(here) ?? 0)
    const isBeyond = window > 0 && outstanding >= window
    if (this.#ended.has(here) || (isBeyond && size > GOODBYE_BYTES)) {
      violate(
        'I13',
        `client ${client.id} was written to with ${outstanding} of ${window} bytes unacknowledged`,
      )
    }
    if (isBeyond) this.#ended.add(here)
    if (size > this.#largestWrite) violate('I13', `a write of ${size} bytes`)
  }
}
