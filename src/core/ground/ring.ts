/** Smallest capacity allocated, in items; an empty ring that has grown beyond it is released. */
const SMALL = 4
/** A ring gives half of its capacity back when it needs no more than one of so many places. */
const SPARSE = 8

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
    const { length } = this.#items
    if (this.size === length) this.#resize(Math.max(SMALL, length * 2))
    const position = this.#next++
    this.#items[position & (this.#items.length - 1)] = item
    return position
  }

  /** Drops the oldest item and returns it. The ring must not be empty. */
  shift(): T {
    const at = this.#first++ & (this.#items.length - 1)
    const item = this.#items[at] as T
    this.#items[at] = undefined
    const { length } = this.#items
    if (length > SMALL && this.size * SPARSE <= length) this.#resize(this.size === 0 ? 0 : length / 2)
    return item
  }

  /** Lengths are powers of two, so that a mask turns a position into an index. */
  #resize(length: number): void {
    const items = Array<T | undefined>(length).fill(undefined)
    for (let position = this.#first; position < this.#next; position++)
      items[position & (length - 1)] = this.get(position)
    this.#items = items
  }
}
