import { encodeMessage } from '../../protocol/binary.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { nowhere, type Position } from '../../protocol/schema.ts'
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
 * Batches by their first position; cleared when the log grows. Nearly always all cursors stand at the same position, so
 * the latest batch is kept apart from the map.
 */
export class BatchCache {
  #last: CachedBatch | null = null
  #others: Map<number, CachedBatch> | null = null

  get(from: number): CachedBatch | undefined {
    if (this.#last?.from === from) return this.#last
    return this.#others?.get(from)
  }

  set(from: number, batch: Encoded, to: number): void {
    if (this.#last !== null) (this.#others ??= new Map()).set(this.#last.from, this.#last)
    this.#last = { batch, from, to }
  }

  clear(): void {
    this.#last = null
    this.#others = null
  }
}
