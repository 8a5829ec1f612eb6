import { limits } from '../../protocol/limits.ts'
import type { Position } from '../../protocol/schema.ts'
import type { Ring } from '../ground/ring.ts'
import type { Publication } from './publication.ts'
import type { Publisher } from './publishers.ts'

/** The latest numbers of one publisher in a topic. */
interface Head {
  /** Its last number seen. */
  number: number
  /** Its last number dropped from the ring. */
  dropped: number
  /** Its first number seen. */
  readonly first: number
  /** Its node has ended, and nothing of it is kept: no position names it. */
  isRetired: boolean
}

/** Positions from one checkpoint to the next. */
const CHECKPOINT = 128

/** So many retired publishers are remembered: another node, which was not heard, may tell of their last entries yet. */
const RETIRED = 4

/** The publishers of a topic: the last number of each, now and before any position of the ring. */
export class Heads {
  readonly #heads: Map<Publisher, Head> = new Map()
  /** The last number of each publisher before a position, for every {@link CHECKPOINT}th position of the ring. */
  #checkpoints: Map<number, ReadonlyMap<Publisher, number>> | null = null

  /**
   * The last number seen of a publisher; undefined when none was seen, or the publisher was forgotten for newer ones.
   */
  of(publisher: Publisher): number | undefined {
    return this.#heads.get(publisher)?.number
  }

  /** The last number of each publisher before `position`, which must be in the ring or at its end. */
  before(position: number, ring: Ring<Publication>): Position['numbers'] {
    const heads = [...this.#heads].filter(([, { isRetired }]) => !isRetired)
    if (position === ring.next) return heads.map(([{ incarnation }, { number }]) => [incarnation, number])
    let at = position - (position % CHECKPOINT)
    const known = this.#checkpoints?.get(at)
    if (known === undefined) at = ring.first
    const numbers = new Map(
      heads.map(([publisher, { dropped }]) => [publisher, known?.get(publisher) ?? dropped]),
    )
    for (; at < position; at++) {
      const { source, number } = ring.get(at)
      if (numbers.has(source)) numbers.set(source, number)
    }
    return Array.from(numbers, ([{ incarnation }, number]) => [incarnation, number])
  }

  /**
   * Retires publishers that are not there any more and of whom nothing is kept, in the ring or, as `keeps` says, as a
   * latest value.
   */
  retire(isThere: (incarnation: number) => boolean, keeps: (publisher: Publisher) => boolean): void {
    if (this.#heads.size < 2) return
    const retired: Publisher[] = []
    for (const [publisher, head] of this.#heads) {
      const { number, dropped } = head
      head.isRetired ||= dropped >= number && !isThere(publisher.incarnation) && !keeps(publisher)
      if (head.isRetired) retired.push(publisher)
    }
    for (const publisher of retired.slice(0, -RETIRED)) this.#heads.delete(publisher)
  }

  /** A publisher has used the numbers up to this one, and nothing of them is kept. */
  meet(publisher: Publisher, number: number): void {
    if (this.#heads.has(publisher)) return
    this.#meet(publisher, number + 1)
    const head = this.#heads.get(publisher) as Head
    head.number = number
  }

  /**
   * The position of the first entry that a reader of another log of the topic, who has had these numbers, has not had;
   * null where it lacks something that is not in the ring. A publisher of whom it knows nothing has begun after it
   * stood there.
   */
  follow(numbers: ReadonlyMap<number, number>, ring: Ring<Publication>): number | null {
    let known = 0
    for (const [{ incarnation }, { first, dropped, isRetired }] of this.#heads) {
      const number = numbers.get(incarnation)
      if (number !== undefined) known++
      else if (isRetired) continue
      if (dropped > (number ?? first - 1)) return null
    }
    if (known !== numbers.size) return null
    const has = (publisher: Publisher, number: number): boolean =>
      number <= (numbers.get(publisher.incarnation) ?? (this.#heads.get(publisher)?.first ?? 1) - 1)
    let at = this.#reached(ring, has)
    for (; at < ring.next; at++) {
      const { source, number } = ring.get(at)
      if (!has(source, number)) break
    }
    return at
  }

  /** The last checkpoint before which a reader has had everything, or the beginning of the ring. */
  #reached(ring: Ring<Publication>, has: (publisher: Publisher, number: number) => boolean): number {
    const whole = (at: number): boolean => {
      for (const [publisher, number] of this.#checkpoints?.get(at * CHECKPOINT) ?? [])
        if (!has(publisher, number)) return false
      return true
    }
    // Bisection: before `low` everything was had.
    let low = Math.ceil(ring.first / CHECKPOINT) - 1
    let high = Math.floor((ring.next - 1) / CHECKPOINT) + 1
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (whole(middle)) low = middle
      else high = middle
    }
    return Math.max(ring.first, low * CHECKPOINT)
  }

  /** A publisher's entry arrives at a position. Returns how many of its entries were lost just before. */
  see(publisher: Publisher, number: number, position: number): number {
    if (position % CHECKPOINT === 0) this.#mark(position)
    const head = this.#heads.get(publisher)
    if (head === undefined) {
      this.#meet(publisher, number)
      return 0
    }
    const lost = number - head.number - 1
    head.number = number
    head.isRetired = false
    return lost
  }

  /** Makes a checkpoint before the entry at a position. */
  #mark(position: number): void {
    const numbers = new Map<Publisher, number>()
    for (const [publisher, { number, isRetired }] of this.#heads)
      if (!isRetired) numbers.set(publisher, number)
    this.#checkpoints ??= new Map()
    this.#checkpoints.set(position, numbers)
  }

  /**
   * Adds a publisher. Every restart of a node makes a new one, so the oldest are forgotten beyond what a position can
   * hold.
   */
  #meet(publisher: Publisher, number: number): void {
    for (const oldest of this.#heads.keys()) {
      if (this.#heads.size < limits.publishers) break
      this.#heads.delete(oldest)
    }
    this.#heads.set(publisher, { number, dropped: number - 1, first: number, isRetired: false })
  }

  /** The oldest entry was dropped from the ring. */
  drop({ source, number, position }: Publication): void {
    const head = this.#heads.get(source)
    if (head !== undefined) head.dropped = number
    if (position % CHECKPOINT === 0) this.#checkpoints?.delete(position)
  }
}
