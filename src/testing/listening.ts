import type { ClientFacts, Observer } from './observer.ts'
import type { Random } from './random.ts'

/** The error that a listener throws on the simulator's behalf. */
export class ListenerFault extends Error {
  constructor() {
    super('a listener threw, as the simulator wants it to')
  }
}

/** One kind of event of a client, with listeners that come and go beside the one that stays. */
export class Stream {
  readonly #client: ClientFacts
  readonly #name: string
  readonly #observer: Observer
  readonly #add: (told: (event: string) => void) => () => void
  readonly #whim: () => void
  readonly #listeners: Map<number, () => void> = new Map()
  #last = 0
  #isOver = false

  /** `add` adds a listener to the client. `whim` is what a listener does once it was told. */
  constructor(
    client: ClientFacts,
    name: string,
    observer: Observer,
    add: (told: (event: string) => void) => () => void,
    whim: () => void,
  ) {
    this.#client = client
    this.#name = name
    this.#observer = observer
    this.#add = add
    this.#whim = whim
  }

  get size(): number {
    return this.#listeners.size
  }

  /** Called by the listener that stays, which is the first to be told. */
  event(event: string): void {
    this.#observer.event?.(this.#client, this.#name, event)
  }

  listen(): void {
    if (this.#isOver) return
    const listener = ++this.#last
    const remove = this.#add((event) => {
      this.#observer.told?.(this.#client, this.#name, listener, event)
      this.#whim()
    })
    this.#listeners.set(listener, remove)
    this.#observer.listening?.(this.#client, this.#name, listener)
  }

  /** Removes any of the listeners that come and go. */
  drop(random: Random): void {
    if (this.#listeners.size > 0) this.#remove(random.pick([...this.#listeners.keys()]))
  }

  #remove(listener: number): void {
    this.#listeners.get(listener)?.()
    this.#listeners.delete(listener)
    this.#observer.deaf?.(this.#client, this.#name, listener)
  }

  /** Removes all of them. */
  silence(): void {
    for (const listener of this.#listeners.keys()) this.#remove(listener)
    this.#isOver = true
  }

  /** The client has nothing more to tell. */
  over(): void {
    this.#isOver = true
    this.#listeners.clear()
    this.#observer.over?.(this.#client, this.#name)
  }
}
