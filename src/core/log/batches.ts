import { encodeMessage } from '../../protocol/binary.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { nowhere, type Position } from '../../protocol/schema.ts'
import type { Payer } from '../ground/budget.ts'
import { fixedLimits } from '../ground/config.ts'
import { weights } from '../ground/weights.ts'
import { Encoded } from './encoded.ts'

/** A GAP: stands in for entries that a reader will not get. */
export class Gap extends Encoded {
  readonly reason: ErrorCode
  /** Number of positions skipped; 0 when what is missing is unknown, or when part of it still follows. */
  readonly skipped: number

  constructor(log: number, from: number, to: number, position: Position, reason: ErrorCode) {
    super(encodeMessage({ type: 'gap', log, from, to, position, reason }))
    this.reason = reason
    this.skipped = position === nowhere ? to - from : Math.max(0, position.at - from)
  }
}

/** A batch of the entries `from` … `to` − 1. */
export interface CachedBatch {
  readonly batch: Encoded
  readonly from: number
  readonly to: number
}

/**
 * Batches by their first position, held on behalf of a payer until the log grows, or until a flush has passed that
 * needed none of them. Nearly always all cursors stand at the same position, so the latest batch is kept apart from the
 * map.
 */
export class BatchCache {
  readonly #payer: Payer
  readonly #warm: WarmCaches
  #last: CachedBatch | null = null
  #others: Map<number, CachedBatch> | null = null
  /** What the payer was charged. */
  #charged = 0
  /** Whether it is in the list of warm caches, and whether it was needed since the last flush. */
  #isWarm = false
  #isNeeded = false

  constructor(payer: Payer, warm: WarmCaches) {
    this.#payer = payer
    this.#warm = warm
  }

  get(from: number): CachedBatch | undefined {
    this.#isNeeded = true
    if (this.#last?.from === from) return this.#last
    return this.#others?.get(from)
  }

  set(from: number, batch: Encoded, to: number): void {
    if (this.#last !== null) (this.#others ??= new Map()).set(this.#last.from, this.#last)
    this.#last = { batch, from, to }
    this.#isNeeded = true
    this.#charge(weights.batch + batch.binary.length)
    if (this.#charged > fixedLimits.batchBytes) this.#dropOldest()
    if (this.#isWarm) return
    this.#isWarm = true
    this.#warm.add(this)
  }

  #dropOldest(): void {
    for (const from of this.#others?.keys() ?? []) {
      this.#others?.delete(from)
      this.#weigh()
      if (this.#charged <= fixedLimits.batchBytes) return
    }
  }

  #charge(bytes: number): void {
    this.#charged += bytes
    this.#payer.hold(bytes)
  }

  /** Charges what the batches weigh by now: their readers may have needed further forms. */
  #weigh(): void {
    let bytes = this.#last === null ? 0 : weights.batch + this.#last.batch.held
    for (const { batch } of this.#others?.values() ?? []) bytes += weights.batch + batch.held
    this.#charge(bytes - this.#charged)
  }

  /** A flush is over. Returns whether the cache still holds something: a reader that waits may need it. */
  settle(isComplete: boolean): boolean {
    if (isComplete || !this.#isNeeded) this.clear()
    else this.#weigh()
    this.#isNeeded = false
    this.#isWarm = this.#last !== null
    return this.#isWarm
  }

  clear(): void {
    if (this.#last === null) return
    this.#last = null
    this.#others = null
    this.#charge(-this.#charged)
  }
}

/** The caches of a node that hold batches. */
export class WarmCaches {
  #caches: BatchCache[] = []

  add(cache: BatchCache): void {
    this.#caches.push(cache)
  }

  /** A flush is over. `isComplete`: no reader waits for the next one. */
  settle(isComplete: boolean): void {
    const caches = this.#caches
    let kept = 0
    for (const cache of caches) if (cache.settle(isComplete)) caches[kept++] = cache
    while (caches.length > kept) caches.pop()
  }
}
