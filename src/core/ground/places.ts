import { fixedLimits } from './config.ts'
import { Heap, type Ranked } from './heap.ts'
import { Queue } from './queue.ts'

/** The items of a payer that wait for a place. */
class Line<T> implements Ranked {
  readonly payer: string
  /** The oldest first. */
  readonly items: Queue<T, true> = new Queue()
  /** Whether its payer is remembered neither for a turn nor for a place. */
  isNew: boolean
  /** The number of its payer's last turn; of one that comes anew, of its coming. */
  at: number
  /** No two turns have the same number. */
  readonly order = 0
  index = -1

  constructor(payer: string, isNew: boolean, at: number) {
    this.payer = payer
    this.isNew = isNew
    this.at = at
  }
}

/** After so many payers that came anew, one that had a turn has another, so ever new ones keep nobody out. */
const ANEW_IN_A_ROW = 8

/**
 * This share of the places is for payers who seldom ask: without a turn among as many as `SELDOM` times all places. Where
 * everything takes long, places come free in bursts, and whoever asks in between would wait for the next one.
 */
const SPARE = 1 / 16
const SELDOM = 8

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
 * A limited number of places. Items that find none wait in their payer's line, and a free place goes to the payer whose
 * last turn was longest ago, to one that comes anew before all others: where everybody asks for all they may, that is
 * round robin, and whoever asks for less has the next place. A few are kept for those who seldom ask.
 */
export class Places<T> {
  readonly #host: PlacesHost<T>
  readonly #lines: Map<string, Line<T>> = new Map()
  /** The lines of payers that come anew, and of the others; those that hold their share are in neither. */
  readonly #anew: Heap<Line<T>> = new Heap()
  readonly #turns: Heap<Line<T>> = new Heap()
  /** Places that each payer holds. */
  readonly #held: Map<string, number> = new Map()
  /** The last turns of payers while places are scarce, the earliest first. */
  #recent: Queue<string, number> = new Queue()
  readonly #mostRecent: number
  /** Places that payers who ask often may have. */
  readonly #often: number
  /** Items inside of payers who seldom ask. */
  readonly #seldom: Set<T> = new Set()
  #taken = 0
  /** Counts turns, and payers that came anew. */
  #count = 0
  /** Turns of payers that came anew, in a row. */
  #row = 0
  /** Whether places are being given away: one that comes free meanwhile is given away by the same loop. */
  #isGiving = false

  constructor(host: PlacesHost<T>, recentPayers: number = fixedLimits.recentPayers) {
    this.#host = host
    this.#mostRecent = recentPayers
    this.#often = Math.ceil(host.most * (1 - SPARE))
  }

  /** Places that are taken. */
  get taken(): number {
    return this.#taken
  }

  /** Gives the item a place, now or when its turn comes. */
  wait(item: T): void {
    const payer = this.#host.payer(item)
    let line = this.#lines.get(payer)
    if (line === undefined) {
      const last = this.#recent.get(payer)
      line = new Line(payer, last === undefined && !this.#held.has(payer), last ?? ++this.#count)
      this.#lines.set(payer, line)
      if (!this.#isSated(payer)) this.#join(line)
    }
    line.items.set(item, true)
    this.#next()
  }

  /** Takes an item out of its line. Has no effect on one that does not wait. */
  withdraw(item: T): void {
    const payer = this.#host.payer(item)
    const line = this.#lines.get(payer)
    if (line === undefined) return
    line.items.delete(item)
    if (line.items.size > 0) return
    this.#lines.delete(payer)
    this.#leave(line)
  }

  /** Gives back the place of an item that entered. */
  release(item: T): void {
    this.#free(item)
    this.#next()
  }

  #isSated(payer: string): boolean {
    return (this.#held.get(payer) ?? 0) >= this.#host.share
  }

  #join(line: Line<T>): void {
    const lines = line.isNew ? this.#anew : this.#turns
    lines.set(line)
  }

  #leave(line: Line<T>): void {
    const lines = line.isNew ? this.#anew : this.#turns
    lines.delete(line)
  }

  #free(item: T): void {
    const payer = this.#host.payer(item)
    this.#seldom.delete(item)
    const held = (this.#held.get(payer) ?? 0) - 1
    if (held > 0) this.#held.set(payer, held)
    else this.#held.delete(payer)
    this.#taken--
    const line = this.#lines.get(payer)
    if (line !== undefined) this.#join(line)
  }

  /**
   * Gives free places away. Who enters may be done at once, and must not have the next one enter inside its own call.
   */
  #next(): void {
    if (this.#isGiving) return
    this.#isGiving = true
    try {
      while (this.#taken < this.#host.most) {
        const old = this.#oldest
        const areNew = this.#row < ANEW_IN_A_ROW || old === undefined
        const line = (areNew ? this.#anew.first : undefined) ?? old
        if (line === undefined) break
        this.#row = line.isNew ? this.#row + 1 : 0
        this.#enter(line)
      }
    } finally {
      this.#isGiving = false
    }
    if (this.#taken === 0 && this.#recent.size > 0) this.#recent = new Queue()
  }

  /** The line whose turn it is of those that do not come anew, where they have places left. */
  get #oldest(): Line<T> | undefined {
    const line = this.#turns.first
    const areLeft = this.#taken - this.#seldom.size < this.#often
    return line !== undefined && (areLeft || this.#asksSeldom(line)) ? line : undefined
  }

  #asksSeldom(line: Line<T>): boolean {
    return line.isNew || this.#count - line.at > SELDOM * this.#host.most
  }

  /** The payer's oldest item has a place. */
  #enter(line: Line<T>): void {
    const { payer, items } = line
    const item = items.oldest as T
    items.delete(item)
    if (this.#asksSeldom(line)) this.#seldom.add(item)
    this.#taken++
    this.#held.set(payer, (this.#held.get(payer) ?? 0) + 1)
    this.#leave(line)
    line.isNew = false
    line.at = ++this.#count
    this.#remember(payer, line.at)
    if (items.size === 0) this.#lines.delete(payer)
    else if (!this.#isSated(payer)) this.#join(line)
    if (!this.#host.enter(item)) this.#free(item)
  }

  /** While half of the places are free, nobody waits, and turns do not count. */
  #remember(payer: string, turn: number): void {
    if (this.#taken * 2 <= this.#host.most) return
    this.#recent.set(payer, turn)
    if (this.#recent.size > this.#mostRecent) this.#recent.delete(this.#recent.oldest as string)
  }
}
