/** Smallest capacity allocated, in items; an empty ring that has grown beyond it is released. */
const SMALL = 4

/** A growing circular buffer whose items keep their absolute position. Every log is built on one. */
export class Ring<T> {
  #items: (T | undefined)[] = []
  #first: number
  #next: number

  constructor(first: number) {
    this.#first = first
    this.#next = first
  }

  /** Position of the oldest item kept. */
  get first(): number {
    return this.#first
  }

  /** Position the next item will get. */
  get next(): number {
    return this.#next
  }

  get size(): number {
    return this.#next - this.#first
  }

  /** The item at a position in [first, next). */
  get(position: number): T {
    return this.#items[position & (this.#items.length - 1)] as T
  }

  push(item: T): number {
    if (this.size === this.#items.length) this.#grow()
    const position = this.#next++
    this.#items[position & (this.#items.length - 1)] = item
    return position
  }

  /** Drops the oldest item and returns it. The ring must not be empty. */
  shift(): T {
    const at = this.#first++ & (this.#items.length - 1)
    const item = this.#items[at] as T
    this.#items[at] = undefined
    if (this.#first === this.#next && this.#items.length > SMALL) this.#items = []
    return item
  }

  /** Lengths are powers of two, so that a mask turns a position into an index. */
  #grow(): void {
    const grown = Array.from<T | undefined>({ length: Math.max(SMALL, this.#items.length * 2) })
    for (let position = this.#first; position < this.#next; position++) {
      grown[position & (grown.length - 1)] = this.get(position)
    }
    this.#items = grown
  }
}
