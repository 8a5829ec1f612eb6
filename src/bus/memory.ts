import type { Bus } from '../core/index.ts'

/** Receives a message that another node published. */
export type BusListener = (topic: string, bytes: Uint8Array) => void

/**
 * A bus inside one process: the default for a single node, and the bus of the simulator. `connect` gives each node its
 * port. Published messages wait until `deliver` is called, because a port must not call back into the core.
 */
export class MemoryBus {
  readonly #subscribers: Map<string, Set<BusListener>> = new Map()
  #pending: { readonly from: BusListener; readonly topic: string; readonly bytes: Uint8Array }[] = []
  /** Called when the first message starts to wait for `deliver`. */
  readonly #wake: () => void

  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** Makes the port of one node; messages from other nodes go to `listener`. */
  connect(listener: BusListener): Bus {
    const hears = (topic: string): boolean => {
      const listeners = this.#subscribers.get(topic)
      return listeners !== undefined && !(listeners.size === 1 && listeners.has(listener))
    }
    return {
      hears,
      publish: (topic, bytes) => {
        if (!hears(topic)) return
        if (this.#pending.push({ from: listener, topic, bytes }) === 1) this.#wake()
      },
      subscribe: (topic) => {
        const listeners = this.#subscribers.get(topic)
        if (listeners === undefined) this.#subscribers.set(topic, new Set([listener]))
        else listeners.add(listener)
      },
      unsubscribe: (topic) => {
        const listeners = this.#subscribers.get(topic)
        listeners?.delete(listener)
        if (listeners?.size === 0) this.#subscribers.delete(topic)
      },
    }
  }

  /** Delivers all waiting messages in order of publication, to every subscribed node except the publisher. */
  deliver(): void {
    const pending = this.#pending
    this.#pending = []
    for (const { from, topic, bytes } of pending) {
      for (const listener of this.#subscribers.get(topic) ?? []) if (listener !== from) listener(topic, bytes)
    }
  }
}
