/**
 * Calls each listener, for one event after the other: what a listener causes is told when all have heard of what came
 * before. A listener that throws is reported to the runtime; the others are still called.
 */
export class Listeners<A extends readonly unknown[]> {
  readonly #listeners: Set<(...args: A) => void> = new Set()
  readonly #report: (error: unknown) => void
  /** Those to call next, each with the event it is called for. */
  readonly #calls: (readonly [listener: (...args: A) => void, event: () => A])[] = []

  constructor(report: (error: unknown) => void) {
    this.#report = report
  }

  get size(): number {
    return this.#listeners.size
  }

  /** Returns the function that removes the listener. */
  add(listener: (...args: A) => void): () => void {
    // A wrapper of its own, so that adding the same listener twice makes two listeners.
    const own = (...args: A): void => listener(...args)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  emit(...args: A): void {
    this.tell(() => args)
  }

  /** `event` is called for each listener, so that none gets an object that another one has changed. */
  tell(event: () => A): void {
    const calls = this.#calls
    const isNested = calls.length > 0
    // One that is added meanwhile hears the next event, and one that is removed not even this one.
    for (const listener of this.#listeners) calls.push([listener, event])
    if (isNested) return
    for (let call = calls.shift(); call !== undefined; call = calls.shift()) {
      const [listener, of] = call
      try {
        if (this.#listeners.has(listener)) listener(...of())
      } catch (error) {
        // An error of an application's listener goes to the runtime and must not stop the packet being handled.
        this.#report(error)
      }
    }
  }
}
