import { report } from '../client/connect.ts'
import { Listeners } from '../client/events.ts'
import type { Client } from '../client/index.ts'

/** A resource that the components of one client share: opened for the first of them, closed after the last. */
export abstract class Store<S, L extends { changed(): void } = { changed(): void }> {
  protected readonly listeners: Listeners<[(listener: L) => void]> = new Listeners(report)
  readonly #ended: () => void
  #state: S
  #isOpen = false
  #isDirty = false

  constructor(empty: S, ended: () => void) {
    this.#state = empty
    this.#ended = ended
  }

  /** The same object until something has changed. */
  get state(): S {
    return this.#state
  }

  protected abstract open(): void
  protected abstract close(): void
  /** Returns the current state as a new object. */
  protected abstract compute(): S

  /** Notifies listeners once for all changes of one packet. */
  protected changed(): void {
    if (this.#isDirty) return
    this.#isDirty = true
    queueMicrotask(() => {
      this.#isDirty = false
      if (!this.#isOpen) return
      this.#state = this.compute()
      this.listeners.emit((listener) => listener.changed())
    })
  }

  attach(listener: L): () => void {
    const remove = this.listeners.add((call) => call(listener))
    if (!this.#isOpen) {
      this.#isOpen = true
      this.open()
    }
    return () => {
      remove()
      // Closing waits for the end of the turn: a component that StrictMode, or a move in the tree, mounts again in the
      // same turn finds the store open.
      queueMicrotask(() => this.closeIfIdle())
    }
  }

  /** For {@link takeStore}. */
  closeIfIdle(): void {
    if (!this.#isOpen || this.listeners.size > 0) return
    this.#isOpen = false
    this.#ended()
    this.close()
  }
}

interface Closable {
  closeIfIdle(): void
}

/** The stores of each client by subject, which a client can have once, and by their options. */
const stores: WeakMap<Client, Map<string, Map<string, Closable>>> = new WeakMap()

/** The store of this subject and options if a component uses it. */
export function findStore<T>(client: Client, subject: string, options: string): T | undefined {
  return stores.get(client)?.get(subject)?.get(options) as T | undefined
}

/** The store of this subject and options. Call it only in effects, since it makes a missing store. */
export function takeStore<T extends Closable>(
  client: Client,
  subject: string,
  options: string,
  make: (ended: () => void) => T,
): T {
  let subjects = stores.get(client)
  if (subjects === undefined) stores.set(client, (subjects = new Map()))
  let variants = subjects.get(subject)
  if (variants === undefined) subjects.set(subject, (variants = new Map()))
  let store = variants.get(options)
  if (store === undefined) {
    // A component whose options changed has just released its former store.
    for (const other of variants.values()) other.closeIfIdle()
    const [bySubject, byOptions] = [subjects, variants]
    store = make(() => {
      byOptions.delete(options)
      if (byOptions.size === 0 && bySubject.get(subject) === byOptions) bySubject.delete(subject)
    })
    subjects.set(subject, variants)
    variants.set(options, store)
  }
  return store as T
}
