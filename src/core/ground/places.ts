import { Queue } from './queue.ts'

/** The items of a payer that wait, the oldest first. */
type Line<T> = Queue<T, true>

/** After so many payers that came anew, one that waits again has its turn, so ever new ones keep nobody out. */
const FRESH_IN_A_ROW = 8

/** What differs between kinds of places. */
export interface PlacesHost<T> {
  /** Places in all, and how many of them one payer may hold at a time. */
  readonly most: number
  readonly share: number
  /** The party that an item is charged to; the same each time. */
  payer(item: T): string
  /** The item has a place. False: it is no longer wanted, and its place goes to the next. */
  enter(item: T): boolean
}

/**
 * A limited number of places. Items that find none wait in their payer's line, and payers take turns (round robin). One
 * who comes anew and holds no place is served before the others: whoever asks for little hardly waits, however many
 * others ask for all they may.
 */
export class Places<T> {
  readonly #host: PlacesHost<T>
  /** The lines of payers that held no place when they came and have had no turn since, the oldest first. */
  readonly #fresh: Queue<string, Line<T>> = new Queue()
  /**
   * The lines of the others, the next turn first. One that has become empty stays until its turn, so that nobody comes
   * anew by asking for one thing at a time.
   */
  readonly #turns: Queue<string, Line<T>> = new Queue()
  /** The lines of payers that hold their share. */
  readonly #sated: Queue<string, Line<T>> = new Queue()
  /** Places that each payer holds. */
  readonly #held: Map<string, number> = new Map()
  #taken = 0
  /** Turns of fresh payers in a row. */
  #row = 0
  /** Whether places are being given away: one that comes free meanwhile is given away by the same loop. */
  #isGiving = false

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
    let line = this.#sated.get(payer) ?? this.#turns.get(payer) ?? this.#fresh.get(payer)
    if (line === undefined) {
      line = new Queue()
      const lines = this.#isSated(payer) ? this.#sated : this.#held.has(payer) ? this.#turns : this.#fresh
      lines.set(payer, line)
    }
    line.set(item, true)
    this.#next()
  }

  /** Takes an item out of its line. Has no effect on one that does not wait. */
  withdraw(item: T): void {
    const payer = this.#host.payer(item)
    for (const lines of [this.#fresh, this.#turns, this.#sated]) {
      const line = lines.get(payer)
      line?.delete(item)
      if (line?.size === 0 && lines !== this.#turns) lines.delete(payer)
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

  /**
   * Gives free places away. Who enters may be done at once, and must not have the next one enter inside its own call.
   */
  #next(): void {
    if (this.#isGiving) return
    this.#isGiving = true
    try {
      this.#give()
    } finally {
      this.#isGiving = false
    }
  }

  /** To the oldest item of each payer in turn. */
  #give(): void {
    while (this.#taken < this.#host.most) {
      const areFresh = this.#fresh.size > 0 && (this.#row < FRESH_IN_A_ROW || this.#turns.size === 0)
      const lines = areFresh ? this.#fresh : this.#turns
      const payer = lines.oldest
      if (payer === undefined) return
      const line = lines.get(payer) as Line<T>
      lines.delete(payer)
      const item = line.oldest
      // Nobody's turn is used up by a line that has become empty.
      if (item === undefined) continue
      this.#row = areFresh ? this.#row + 1 : 0
      line.delete(item)
      this.#taken++
      this.#held.set(payer, (this.#held.get(payer) ?? 0) + 1)
      if (!this.#isSated(payer)) this.#turns.set(payer, line)
      else if (line.size > 0) this.#sated.set(payer, line)
      if (!this.#host.enter(item)) this.#free(payer)
    }
  }
}
