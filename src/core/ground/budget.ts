/** A log whose ring can be cut short. */
export interface Ringed {
  /** Bytes of the ring. */
  readonly bytes: number
  /** Drops the oldest entries until the ring has at most `bytes`, as far as it can. */
  trimTo(bytes: number): void
}

/** The share of the limit that a cut leaves, so that one cut lasts for a while. */
const AFTER_CUT = 0.9
/** Wait before another try after a cut that could not make room, in milliseconds. */
const RETRY_MS = 1_000

/**
 * Counts the bytes of all logs of a node against a limit. Above it the largest rings are cut first; if that is not
 * enough, new entries are refused.
 */
export class Budget {
  readonly limit: number
  #used = 0
  #notBefore = -Infinity
  /** Number of rings cut so far. */
  cuts = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get used(): number {
    return this.#used
  }

  get isFull(): boolean {
    return this.#used >= this.limit
  }

  add(bytes: number): void {
    this.#used += bytes
  }

  /** When the budget is full, cuts every ring above a common size to that size. */
  enforce(rings: () => Iterable<Ringed>, now: number): void {
    if (!this.isFull || now < this.#notBefore) return
    const all = [...rings()].filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes)
    const size = sizeOf(all, this.#used - this.limit * AFTER_CUT)
    for (const ring of all) {
      if (ring.bytes <= size) break
      ring.trimTo(size)
      this.cuts++
    }
    if (this.isFull) this.#notBefore = now + RETRY_MS
  }
}

/**
 * The common size to which `rings` (largest first) must be cut to free `excess` bytes; 0 when even that is not enough.
 */
function sizeOf(rings: readonly Ringed[], excess: number): number {
  let above = 0
  for (let count = 1; count <= rings.length; count++) {
    above += (rings[count - 1] as Ringed).bytes
    const size = (above - excess) / count
    if (size >= (rings[count]?.bytes ?? 0)) return Math.max(0, size)
  }
  return 0
}
