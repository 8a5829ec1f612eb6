/** What differs between kinds of places. */
export interface PlacesHost<T> {
  /** Places in all, and how many of them one payer may hold at a time. */
  readonly most: number
  readonly share: number
  /** The party that an item is charged to. */
  payer(item: T): string
  /** The item has a place. False: it is no longer wanted, and its place goes to the next. */
  enter(item: T): boolean
}

/**
 * A limited number of places. Items that find none wait in their payer's line, and payers take turns (round robin), so
 * whoever brings many items delays nobody else by more than one of them.
 */
export class Places<T> {
  readonly #host: PlacesHost<T>
  /** The lines of payers that may take another place, the next turn first. */
  readonly #turns: Map<string, Set<T>> = new Map()
  /** The lines of payers that hold their share. */
  readonly #sated: Map<string, Set<T>> = new Map()
  /** Places that each payer holds. */
  readonly #held: Map<string, number> = new Map()
  #taken = 0

  constructor(host: PlacesHost<T>) {
    this.#host = host
  }

  /** Places that are taken. */
  get taken(): number {
    return this.#taken
  }

  /** Gives the item a place, now or when its turn comes. */
  wait(item: T): void {
    const payer = this.#host.payer(item)
    const lines = this.#isSated(payer) ? this.#sated : this.#turns
    const line = lines.get(payer)
    if (line === undefined) lines.set(payer, new Set([item]))
    else line.add(item)
    this.#next()
  }

  /** Takes an item out of its line. Has no effect on one that does not wait. */
  withdraw(item: T): void {
    const payer = this.#host.payer(item)
    for (const lines of [this.#turns, this.#sated]) {
      const line = lines.get(payer)
      if (line?.delete(item) === true && line.size === 0) lines.delete(payer)
    }
  }

  /** Gives back the place of an item that entered. */
  release(item: T): void {
    this.#free(this.#host.payer(item))
    this.#next()
  }

  #isSated(payer: string): boolean {
    return (this.#held.get(payer) ?? 0) >= this.#host.share
  }

  #free(payer: string): void {
    const held = (this.#held.get(payer) ?? 0) - 1
    if (held > 0) this.#held.set(payer, held)
    else this.#held.delete(payer)
    this.#taken--
    const line = this.#sated.get(payer)
    if (line === undefined) return
    this.#sated.delete(payer)
    this.#turns.set(payer, line)
  }

  /** Gives free places away: to the oldest item of each payer in turn. */
  #next(): void {
    for (const [payer, line] of this.#turns) {
      if (this.#taken >= this.#host.most) return
      this.#turns.delete(payer)
      const [item] = line as Set<T> & Iterable<T>
      line.delete(item as T)
      this.#taken++
      this.#held.set(payer, (this.#held.get(payer) ?? 0) + 1)
      // The payer moves behind the others, and the loop comes to it again.
      if (line.size > 0) (this.#isSated(payer) ? this.#sated : this.#turns).set(payer, line)
      if (!this.#host.enter(item as T)) this.#free(payer)
    }
  }
}
