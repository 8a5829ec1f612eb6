/**
 * What ports threw. A fault costs the connection or the call it was about, and nobody else anything; whoever drives the
 * node hears of it from the sweep.
 */
export class Faults {
  #first: { readonly error: unknown } | null = null

  get hasAny(): boolean {
    return this.#first !== null
  }

  note(error: unknown): void {
    this.#first ??= { error }
  }

  /** Calls a port. What it throws is noted. */
  contain(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.note(error)
    }
  }

  /** The same port, where what these methods throw is noted. */
  guard<P extends object>(port: P, methods: readonly (keyof P & string)[]): P {
    const guarded = Object.create(port) as Record<string, unknown>
    for (const method of methods) {
      guarded[method] = (...args: unknown[]): void =>
        this.contain(() => (port[method] as (...given: unknown[]) => void).apply(port, args))
    }
    return guarded as P
  }

  /** Throws the first fault since the last time. */
  throwFirst(): void {
    const first = this.#first
    this.#first = null
    if (first !== null) throw first.error
  }
}
