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

/** What is cut as one. */
interface Holder {
  /** Bytes held, at what they weigh (see `weights`). */
  readonly held: number
  /** Number of payers in it. */
  readonly parts: number
  /** Gives up what it can, oldest first, until it holds at most `bytes`. */
  shrinkTo(bytes: number): void
  /** Gives up something that cannot be cut. */
  giveUp?(now: number): void
}

/** One that pays for the bytes which are held on its behalf, and gives some of them up when it holds too many. */
export abstract class Payer implements Holder {
  held = 0
  readonly parts: number = 1
  /** What it is part of, together with others; null when it stands for itself. */
  estate: Estate | null = null
  readonly #ledger: Ledger

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** What its holder holds: it and all that is cut together with it. */
  get total(): number {
    return this.estate?.held ?? this.held
  }

  /** Whether nobody reads it. */
  get isIdle(): boolean {
    return false
  }

  /** More is held; or less, where `bytes` is negative. */
  hold(bytes: number): void {
    this.held += bytes
    this.#ledger.bytes += bytes
    if (this.estate !== null) this.estate.held += bytes
  }

  abstract shrinkTo(bytes: number): void
}

/**
 * The topics and meetings that are there because of one user. They are cut as one, and what they hold together counts:
 * otherwise a user who makes many small things would leave next to nothing to everybody else.
 */
export class Estate implements Holder {
  held = 0
  /** Null for the many users who have made nothing. */
  #payers: Set<Payer> | null = null

  get parts(): number {
    return this.#payers?.size ?? 0
  }

  add(payer: Payer): void {
    this.#payers = (this.#payers ?? new Set()).add(payer)
    payer.estate = this
    this.held += payer.held
  }

  remove(payer: Payer): void {
    this.#payers?.delete(payer)
    payer.estate = null
    this.held -= payer.held
  }

  /** Gives up what nobody reads, the oldest first, and then cuts the largest payers to a common size. */
  shrinkTo(bytes: number): void {
    const payers = this.#payers ?? new Set<Payer>()
    for (const payer of payers) {
      if (this.held <= bytes) return
      if (payer.isIdle) payer.shrinkTo(Math.max(0, payer.held - (this.held - bytes)))
    }
    const { above, size } = largestOf(payers, this.held, bytes)
    for (const payer of above) {
      if (this.held <= bytes) return
      payer.shrinkTo(size)
    }
  }
}

/**
 * The share of the limit from which a sweep cuts, so that what comes between two sweeps is seldom refused; and the
 * share that a cut leaves, so that one cut lasts for a while.
 */
const CUT_FROM = 0.95
const AFTER_CUT = 0.9
/** The share of the limit above which nothing lifts what is held: it is what one cut can free. */
const MOST = 2 - AFTER_CUT
/** Payers after which a cut goes on in the next sweep. */
const CUT_PAYERS = 2_000
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
  readonly #holders: Set<Holder> = new Set()
  /** The common size, while the budget is full; null until it is needed. */
  #size: number | null = null
  /** Holders that are still to be cut, largest first. */
  #cutting: { readonly above: readonly Holder[]; at: number } | null = null
  #notBefore = -Infinity
  /** Number of holders cut so far, and of latest values that topics have given up. */
  cuts = 0
  valuesDropped = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Takes a payer in: for itself, or as a part of an estate. */
  enter(payer: Payer, estate: Estate | null = null): void {
    estate?.add(payer)
    this.#holders.add(estate ?? payer)
  }

  /** The payer is gone. */
  leave(payer: Payer): void {
    const { estate } = payer
    if (estate === null) this.#holders.delete(payer)
    else {
      estate.remove(payer)
      if (estate.parts === 0) this.#holders.delete(estate)
    }
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
   * Whether a payer that holds `held` may hold `bytes` more: while there is room, where a cut can make up for them; and
   * else up to the common size, which is that of the largest while nobody has to be cut.
   */
  admits(held: number, bytes: number): boolean {
    if (!this.isFull && this.used + bytes <= this.limit * MOST) return true
    this.#size ??= this.#measure().size
    return held + bytes <= this.#size
  }

  get #isHigh(): boolean {
    return this.used >= this.limit * CUT_FROM
  }

  #measure(): Above {
    return largestOf(this.#holders, this.used, this.limit * AFTER_CUT)
  }

  /**
   * When {@link enforce} may next cut; `Infinity` while there is room. What is pushed to a session without a connection
   * gives a sweep nothing else to do.
   */
  get deadline(): number {
    return this.#isHigh ? this.#notBefore : Infinity
  }

  /** Whether a cut is under way. */
  get hasWork(): boolean {
    return this.#cutting !== null
  }

  /** When the budget is nearly full, cuts every holder above the common size to that size, some in each sweep. */
  enforce(now: number): void {
    if (this.#cutting === null) {
      if (!this.#isHigh) this.#size = null
      if (!this.#isHigh || now < this.#notBefore) return
      const { above, size } = this.#measure()
      this.#size = size
      this.#cutting = { above, at: 0 }
    }
    if (!this.#cut(this.#cutting, this.#size ?? 0)) return
    const { above } = this.#cutting
    this.#cutting = null
    if (this.#isHigh) this.#notBefore = now + RETRY_MS
    else this.#size = null
    // The largest pays, though it has nothing that can be cut.
    if (this.isFull) largestIn(above)?.giveUp?.(now)
  }

  /** True: all are cut. */
  #cut(cutting: { readonly above: readonly Holder[]; at: number }, size: number): boolean {
    const { above } = cutting
    for (let payers = 0; cutting.at < above.length && payers < CUT_PAYERS; cutting.at++) {
      const holder = above[cutting.at] as Holder
      payers += holder.parts
      if (holder.held <= size) continue
      holder.shrinkTo(size)
      this.cuts++
    }
    return cutting.at === above.length
  }
}

function largestIn(holders: readonly Holder[]): Holder | undefined {
  return holders.reduce<Holder | undefined>(
    (most, each) => (each.held > (most?.held ?? 0) ? each : most),
    undefined,
  )
}

/** A common size, and those that are above it, largest first. */
interface Above<H extends Holder = Holder> {
  readonly above: readonly H[]
  readonly size: number
}

/** The common size to which the largest must be cut for all to hold `target` instead of `held`. */
function largestOf<H extends Holder>(holders: ReadonlySet<H>, held: number, target: number): Above<H> {
  if (held <= target) return { above: [], size: largestIn([...holders])?.held ?? 0 }
  // The common size is at least an equal part of what is left, so whoever is below that need not be sorted.
  const equal = target / holders.size
  const largest = Array.from(holders).filter((each) => each.held > equal)
  largest.sort((a, b) => b.held - a.held)
  const size = sizeOf(largest, held - target)
  return { above: largest.filter((each) => each.held > size), size }
}

/** The common size to which payers (largest first) must be cut to free `excess` bytes. */
function sizeOf(largest: readonly Holder[], excess: number): number {
  let above = 0
  for (let count = 1; count <= largest.length; count++) {
    above += (largest[count - 1] as Holder).held
    const size = (above - excess) / count
    if (size >= (largest[count]?.held ?? 0)) return Math.max(0, size)
  }
  return 0
}
