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
  /**
   * Gives up something of the user's where nothing of the estate can be cut; null while the user has no session here.
   */
  owner: Pick<Required<Holder>, 'giveUp'> | null = null
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

  giveUp(now: number): void {
    this.owner?.giveUp(now)
  }

  /** Gives up what nobody reads, the oldest first, and then cuts the largest payers to a common size. */
  shrinkTo(bytes: number): void {
    const payers = this.#payers ?? new Set<Payer>()
    for (const payer of payers) {
      if (this.held <= bytes) return
      if (payer.isIdle) payer.shrinkTo(Math.max(0, payer.held - (this.held - bytes)))
    }
    const search = largestOf(payers, bytes / payers.size, () => this.held - bytes)
    let found = search.next()
    while (found.done !== true) found = search.next()
    const { above, size } = found.value
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
/** Payers after which a cut, and holders after which the search for the common size, goes on in the next sweep. */
const CUT_PAYERS = 2_000
const SEARCH_HOLDERS = 10_000
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
  /** The search for it. */
  #search: Generator<void, Above> | null = null
  /** Those that are above it, of which those from `at` on are still to be cut, and which of the others holds most. */
  #cutting: Cut | null = null
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
   * Whether a payer that holds `held` may hold `bytes` more: while there is room and a cut can make up for them; and
   * else up to the common size, or to an equal part of the limit until the common size is known.
   */
  admits(held: number, bytes: number): boolean {
    if (!this.isFull) return this.used + bytes <= this.limit * MOST || held + bytes <= this.#equal
    if (this.#size === null && this.#search === null) this.#find()
    return held + bytes <= (this.#size ?? this.#equal)
  }

  get #isHigh(): boolean {
    return this.used >= this.limit * CUT_FROM
  }

  /** The common size is at least an equal part of what is left. */
  get #equal(): number {
    return (this.limit * AFTER_CUT) / Math.max(1, this.#holders.size)
  }

  /** Goes on with the search for the common size. Returns who is above it; null until it is found. */
  #find(): readonly Holder[] | null {
    this.#search ??= largestOf(this.#holders, this.#equal, () => this.used - this.limit * AFTER_CUT)
    const { done, value } = this.#search.next()
    if (done !== true) return null
    this.#search = null
    this.#size = value.size
    return value.above
  }

  /**
   * When {@link enforce} may next cut; `Infinity` while there is room. What is pushed to a session without a connection
   * gives a sweep nothing else to do.
   */
  get deadline(): number {
    return this.#isHigh ? this.#notBefore : Infinity
  }

  /** Whether a cut, or what precedes it, is under way. */
  get hasWork(): boolean {
    return this.#cutting !== null || this.#search !== null
  }

  /** When the budget is nearly full, cuts every holder above the common size to that size, some in each sweep. */
  enforce(now: number): void {
    if (this.#cutting === null) {
      if (!this.#isHigh) {
        this.#size = null
        this.#search = null
        return
      }
      if (this.#search === null && now < this.#notBefore) return
      const above = this.#find()
      if (above === null) return
      this.#cutting = { above, at: 0, most: null }
    }
    if (!this.#cut(this.#cutting, this.#size ?? 0)) return
    const { most } = this.#cutting
    this.#cutting = null
    if (this.#isHigh) this.#notBefore = now + RETRY_MS
    else this.#size = null
    // The largest pays, though it has nothing that can be cut.
    if (this.isFull) most?.giveUp?.(now)
  }

  /** True: all are cut. */
  #cut(cutting: Cut, size: number): boolean {
    const { above } = cutting
    for (let payers = 0; cutting.at < above.length && payers < CUT_PAYERS; cutting.at++) {
      const holder = above[cutting.at] as Holder
      payers += holder.parts
      if (holder.held > size) {
        holder.shrinkTo(size)
        this.cuts++
      }
      if (holder.held > (cutting.most?.held ?? 0)) cutting.most = holder
    }
    return cutting.at === above.length
  }
}

/** A cut under way. */
interface Cut {
  readonly above: readonly Holder[]
  at: number
  most: Holder | null
}

/** A common size, and those that are above it. */
interface Above<H extends Holder = Holder> {
  readonly above: readonly H[]
  readonly size: number
}

/**
 * Searches for the common size to which the largest must be cut to free `excess` bytes; it is at least `size`. Whoever
 * is not above the size that would do for some is not above the one that does for all, so a few passes find it
 * (Michelot, 1986); to sort a million would take more than a second.
 */
function* largestOf<H extends Holder>(
  holders: Iterable<H>,
  size: number,
  excess: () => number,
): Generator<void, Above<H>> {
  let looked = 0
  for (let from = holders, before = -1; ;) {
    const above: H[] = []
    let sum = 0
    for (const each of from) {
      if (++looked % SEARCH_HOLDERS === 0) yield
      if (each.held <= size) continue
      above.push(each)
      sum += each.held
    }
    if (above.length === before || above.length === 0) return { above, size }
    size = Math.max(0, (sum - excess()) / above.length)
    before = above.length
    from = above
  }
}
