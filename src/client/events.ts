/** Calls each listener. One that throws is reported to the runtime; the others are still called. */
export class Listeners<A extends readonly unknown[]> {
  readonly #listeners: Set<(...args: A) => void> = new Set()
  readonly #report: (error: unknown) => void

  constructor(report: (error: unknown) => void) {
    this.#report = report
  }

  get size(): number {
    return this.#listeners.size
  }

  /** Returns the function that removes the listener. Without a listener, it does nothing. */
  add(listener: ((...args: A) => void) | undefined): () => void {
    if (listener === undefined) return () => {}
    // A wrapper of its own, so that adding the same listener twice makes two listeners.
    const own = (...args: A): void => listener(...args)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  emit(...args: A): void {
    // One that is added meanwhile hears the next event, and one that is removed not even this one.
    for (const listener of Array.from(this.#listeners)) {
      if (!this.#listeners.has(listener)) continue
      try {
        listener(...args)
      } catch (error) {
        // An error of an application's listener goes to the runtime and must not stop the packet being handled.
        this.#report(error)
      }
    }
  }
}
