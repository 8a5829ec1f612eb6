import type { BusListener } from '../core/index.ts'
import type { BusConnector, BusPort, BusReports } from './connector.ts'

/** A bus that its node can be cut off from for a while, as by a fault of its network. For trying out. */
export class Severable implements BusConnector {
  readonly #bus: BusConnector
  #listener: BusListener | null = null
  /** Ends the cut; undefined: there is none. */
  #mending: NodeJS.Timeout | undefined
  /** Whether the bus behind it carries messages. */
  #isUp = false
  #dropped = 0

  constructor(bus: BusConnector) {
    this.#bus = bus
  }

  /** For one node. */
  connect(incarnation: number, listener: BusListener, reports: BusReports): BusPort {
    this.#listener = listener
    const port = this.#bus.connect(incarnation, this.#filtered(listener), reports)
    const counted = (): void => void this.#dropped++
    const dropped = (): number => port.stats.dropped + this.#dropped
    return {
      stats: {
        get dropped() {
          return dropped()
        },
        get strangers() {
          return port.stats.strangers
        },
      },
      hears: (subject) => port.hears(subject),
      isCrowded: () => port.isCrowded?.() === true,
      publish: this.#unlessCut((subject: string, bytes: Uint8Array) => port.publish(subject, bytes), counted),
      send: this.#unlessCut((node: number, bytes: Uint8Array) => port.send(node, bytes), counted),
      subscribe: (subject) => port.subscribe(subject),
      unsubscribe: (subject) => port.unsubscribe(subject),
      listens: async (node) => this.#mending !== undefined || (await port.listens?.(node)) !== false,
      close: () => {
        clearTimeout(this.#mending)
        this.#listener = null
        return port.close()
      },
    }
  }

  /** `dropped`: called instead during a cut. */
  #unlessCut<T extends unknown[]>(call: (...args: T) => void, dropped: () => void = () => {}) {
    return (...args: T): void => {
      if (this.#mending === undefined) call(...args)
      else dropped()
    }
  }

  #filtered(listener: BusListener): BusListener {
    return {
      message: this.#unlessCut((subject: string, bytes: Uint8Array, from: number) =>
        listener.message(subject, bytes, from),
      ),
      sent: this.#unlessCut((bytes: Uint8Array, from: number) => listener.sent(bytes, from)),
      // Proof is proof, and is not told twice.
      gone: (node) => listener.gone(node),
      down: () => {
        this.#isUp = false
        if (this.#mending === undefined) listener.down()
      },
      back: () => {
        this.#isUp = true
        if (this.#mending === undefined) listener.back()
      },
    }
  }

  /** Nothing gets through for so many milliseconds from now on. The node is told, as of a connection that is lost. */
  cut(ms: number): void {
    if (this.#listener === null) return
    const isFirst = this.#mending === undefined
    clearTimeout(this.#mending)
    this.#mending = setTimeout(() => {
      this.#mending = undefined
      if (this.#isUp) this.#listener?.back()
    }, ms)
    if (isFirst && this.#isUp) this.#listener.down()
  }
}
