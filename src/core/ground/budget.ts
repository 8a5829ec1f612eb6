/** What holds memory on behalf of somebody: all sessions of one user, one topic, or one meeting. */
export type PayerKind = 'user' | 'topic' | 'meeting'

/** The bytes of all payers of one kind. */
export interface Ledger {
  bytes: number
}

/** What is held on behalf of all payers, and what was done to stay within the limit. */
export interface Holdings {
  readonly bytes: number
  readonly of: Readonly<Record<PayerKind, number>>
  readonly limit: number
  /** Payers cut so far, and latest values that topics have given up. */
  readonly cuts: number
  readonly valuesDropped: number
}

/** One that pays for the bytes which are held on its behalf, and gives some of them up when it holds too many. */
export abstract class Payer {
  /** Bytes held, at what they weigh (see `weights`). */
  held = 0
  readonly #ledger: Ledger

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** More is held; or less, where `bytes` is negative. */
  hold(bytes: number): void {
    this.held += bytes
    this.#ledger.bytes += bytes
  }

  /** Gives up what it can, oldest first, until it holds at most `bytes`. */
  abstract shrinkTo(bytes: number): void
}

/**
 * The share of the limit from which a sweep cuts, so that what comes between two sweeps is seldom refused; and the
 * share that a cut leaves, so that one cut lasts for a while.
 */
const CUT_FROM = 0.95
const AFTER_CUT = 0.9
/** Wait before another try after a cut that could not make room, in milliseconds. */
const RETRY_MS = 1_000

/**
 * The memory of a node: what all its payers hold, against one limit. Close to the limit, the largest payers are cut to
 * a common size; whoever is below that size loses nothing, and may still grow up to it when the limit is reached.
 */
export class Budget {
  readonly limit: number
  readonly ledgers: Readonly<Record<PayerKind, Ledger>> = {
    user: { bytes: 0 },
    topic: { bytes: 0 },
    meeting: { bytes: 0 },
  }
  readonly #payers: () => Iterable<Payer>
  /** The common size, while the budget is full; null until it is needed. */
  #share: number | null = null
  #notBefore = -Infinity
  /** Number of payers cut so far, and of latest values that topics have given up. */
  cuts = 0
  valuesDropped = 0

  constructor(limit: number, payers: () => Iterable<Payer>) {
    this.limit = limit
    this.#payers = payers
  }

  get used(): number {
    const { user, topic, meeting } = this.ledgers
    return user.bytes + topic.bytes + meeting.bytes
  }

  get holdings(): Holdings {
    const { used, ledgers, limit, cuts, valuesDropped } = this
    const of = { user: ledgers.user.bytes, topic: ledgers.topic.bytes, meeting: ledgers.meeting.bytes }
    return { bytes: used, of, limit, cuts, valuesDropped }
  }

  get isFull(): boolean {
    return this.used >= this.limit
  }

  /**
   * Whether a payer that holds `held` may hold `bytes` more: always while there is room, and else up to the common
   * size.
   */
  admits(held: number, bytes: number): boolean {
    if (!this.isFull) return true
    this.#share ??= this.#measure().share
    return held + bytes <= this.#share
  }

  /**
   * When {@link enforce} may next cut; `Infinity` while there is room. What is pushed to a session without a connection
   * gives a sweep nothing else to do.
   */
  get deadline(): number {
    return this.#isHigh ? this.#notBefore : Infinity
  }

  /** When the budget is nearly full, cuts every payer above the common size to that size. */
  enforce(now: number): void {
    if (!this.#isHigh) this.#share = null
    else if (now >= this.#notBefore) this.#cut(now)
  }

  get #isHigh(): boolean {
    return this.used >= this.limit * CUT_FROM
  }

  #cut(now: number): void {
    const { largest, share } = this.#measure()
    for (const payer of largest) {
      if (payer.held <= share) break
      payer.shrinkTo(share)
      this.cuts++
    }
    this.#share = this.#isHigh ? share : null
    if (this.#isHigh) this.#notBefore = now + RETRY_MS
  }

  /** The common size that would leave nine tenths of the limit, and the payers that may be above it, largest first. */
  #measure(): { readonly largest: readonly Payer[]; readonly share: number } {
    const target = this.limit * AFTER_CUT
    const all = [...this.#payers()]
    // The common size is at least an equal part of what is left, so whoever is below that need not be sorted.
    const equal = target / all.length
    const largest = all.filter(({ held }) => held > equal).sort((a, b) => b.held - a.held)
    return { largest, share: sizeOf(largest, this.used - target) }
  }
}

/** The common size to which payers (largest first) must be cut to free `excess` bytes. */
function sizeOf(largest: readonly Payer[], excess: number): number {
  let above = 0
  for (let count = 1; count <= largest.length; count++) {
    above += (largest[count - 1] as Payer).held
    const size = (above - excess) / count
    if (size >= (largest[count]?.held ?? 0)) return Math.max(0, size)
  }
  return 0
}
