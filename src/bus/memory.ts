import type { Bus } from '../core/index.ts'

/** Takes what another node published. */
export type BusListener = (topic: string, bytes: Uint8Array) => void

/**
 * A bus inside one process: the default of a single node, and the one of the simulator. `connect` gives each node
 * its port. What is published waits in `pending` until `deliver` is called, so that no port calls back.
 */
export class MemoryBus {
  readonly #subscribers: Map<string, Set<BusListener>> = new Map()
  #pending: { readonly from: BusListener; readonly topic: string; readonly bytes: Uint8Array }[] = []
  /** Called when something waits to be delivered. */
  readonly #wake: () => void

  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** The port of a node whose messages from others go to `listener`. */
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

  /** Hands everything that waits to the nodes that subscribe, except to its publisher, in order of publication. */
  deliver(): void {
    const pending = this.#pending
    this.#pending = []
    for (const { from, topic, bytes } of pending) {
      for (const listener of this.#subscribers.get(topic) ?? []) if (listener !== from) listener(topic, bytes)
    }
  }
}
