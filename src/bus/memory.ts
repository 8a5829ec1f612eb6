import type { Bus } from '../core/index.ts'

/** Receives a message that another node published. */
export type BusListener = (topic: string, bytes: Uint8Array) => void

/**
 * A bus inside one process: the default for a single node, and the bus of the simulator. `connect` gives each node its
 * port. Published messages wait until `deliver` is called, because a port must not call back into the core.
 */
export class MemoryBus {
  /** The listeners of each topic; of nearly all there is one. */
  readonly #subscribers: Map<string, BusListener | readonly BusListener[]> = new Map()
  #pending: { readonly from: BusListener; readonly topic: string; readonly bytes: Uint8Array }[] = []
  /** Called when the first message starts to wait for `deliver`. */
  readonly #wake: () => void

  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** Makes the port of one node; messages from other nodes go to `listener`. */
  connect(listener: BusListener): Bus {
    const hears = (topic: string): boolean => (this.#subscribers.get(topic) ?? listener) !== listener
    return {
      hears,
      publish: (topic, bytes) => {
        if (!hears(topic)) return
        if (this.#pending.push({ from: listener, topic, bytes }) === 1) this.#wake()
      },
      subscribe: (topic) => {
        const listeners = this.#listeners(topic)
        if (!listeners.includes(listener)) this.#set(topic, [...listeners, listener])
      },
      unsubscribe: (topic) => {
        this.#set(
          topic,
          this.#listeners(topic).filter((each) => each !== listener),
        )
      },
    }
  }

  #listeners(topic: string): readonly BusListener[] {
    const known = this.#subscribers.get(topic) ?? []
    return typeof known === 'function' ? [known] : known
  }

  #set(topic: string, listeners: readonly BusListener[]): void {
    const [only] = listeners
    if (only === undefined) this.#subscribers.delete(topic)
    else this.#subscribers.set(topic, listeners.length === 1 ? only : listeners)
  }

  /** Delivers all waiting messages in order of publication, to every subscribed node except the publisher. */
  deliver(): void {
    const pending = this.#pending
    this.#pending = []
    for (const { from, topic, bytes } of pending) {
      for (const listener of this.#listeners(topic)) if (listener !== from) listener(topic, bytes)
    }
  }
}
