/** An `AbortSignal` that counts those who listen to it. */
export class CountedSignal {
  readonly #listeners: Set<() => void> = new Set()
  #aborted = false
  #reason: unknown

  get listeners(): number {
    return this.#listeners.size
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  /** For those who ask for the runtime's own. */
  get signal(): AbortSignal {
    return this as unknown as AbortSignal
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener)
  }

  /** As in a browser, nobody listens any longer to what happens once. */
  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    for (const listener of this.#listeners) listener()
  }
}
