import { Listeners } from '../client/events.ts'
import type { Client } from '../client/index.ts'

/** What the components of one client share: opened for the first of them, closed after the last. */
export abstract class Store<S, L extends { changed(): void } = { changed(): void }> {
  protected readonly listeners: Listeners<[(listener: L) => void]> = new Listeners()
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
  /** The state as it is now, a new object. */
  protected abstract compute(): S

  /** Listeners hear of it once for all that one packet brings. */
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
      // A component that StrictMode, or a move in the tree, mounts again in the same turn finds all as it was.
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

/** Of each client by what they are about, which the client can have once, and by the options they have it with. */
const stores: WeakMap<Client, Map<string, Map<string, Closable>>> = new WeakMap()

/** The store of this subject and options, where a component uses it. */
export function findStore<T>(client: Client, subject: string, options: string): T | undefined {
  return stores.get(client)?.get(subject)?.get(options) as T | undefined
}

/** The store of this subject and options; only for effects, since it makes one. */
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
    // A component whose options have changed has let go of the store it had a moment ago.
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
