/** Hands an error that nobody listens for to the runtime. */
export function report(error: unknown): void {
  setTimeout(() => {
    throw error
  })
}

/** Calls each listener; one that throws is reported to the runtime and disturbs nobody else. */
export class Listeners<A extends readonly unknown[]> {
  readonly #listeners: Set<(...args: A) => void> = new Set()

  get size(): number {
    return this.#listeners.size
  }

  /** Returns the function that removes the listener. Nothing listens for who gave none. */
  add(listener: ((...args: A) => void) | undefined): () => void {
    if (listener === undefined) return () => {}
    // A function of its own, so that adding the same listener twice makes two.
    const own = (...args: A): void => listener(...args)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  emit(...args: A): void {
    for (const listener of this.#listeners) {
      try {
        listener(...args)
      } catch (error) {
        // What an application's listener throws belongs to the application, not to the packet under way.
        report(error)
      }
    }
  }
}
