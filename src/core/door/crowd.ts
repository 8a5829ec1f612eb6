/** Waiting items by address: who waits longest at the address where most wait, without a search. */
export class Crowd<T> {
  /** The items of each address, the longest waiting first. */
  readonly #lines: Map<string, Set<T>> = new Map()
  /** The addresses with a line of this length. */
  readonly #byLength: Map<number, Set<string>> = new Map()
  #longest = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Length of the longest line. */
  get longest(): number {
    return this.#longest
  }

  /** Number of items of an address. */
  of(address: string): number {
    return this.#lines.get(address)?.size ?? 0
  }

  /** The first in the longest line. */
  get first(): T | undefined {
    const [address] = this.#byLength.get(this.#longest) ?? []
    return address === undefined ? undefined : this.firstOf(address)
  }

  /** The first in the line of an address. */
  firstOf(address: string): T | undefined {
    const [item] = this.#lines.get(address) ?? []
    return item
  }

  add(address: string, item: T): void {
    const line = this.#lines.get(address) ?? new Set()
    this.#lines.set(address, line.add(item))
    this.#size++
    this.#move(address, line.size - 1, line.size)
  }

  /** Has no effect where the item does not wait. */
  delete(address: string, item: T): void {
    const line = this.#lines.get(address)
    if (line?.delete(item) !== true) return
    if (line.size === 0) this.#lines.delete(address)
    this.#size--
    this.#move(address, line.size + 1, line.size)
  }

  #move(address: string, from: number, to: number): void {
    const left = this.#byLength.get(from)
    if (left?.delete(address) === true && left.size === 0) this.#byLength.delete(from)
    const joined = this.#byLength.get(to)
    if (joined !== undefined) joined.add(address)
    else if (to > 0) this.#byLength.set(to, new Set([address]))
    // A line grows and shrinks by one, so the longest one does as well.
    if (to > this.#longest || !this.#byLength.has(this.#longest)) this.#longest = to
  }
}
