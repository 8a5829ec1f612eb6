import { encodeMessage } from '../../protocol/binary.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { nowhere, type Position } from '../../protocol/schema.ts'
import { Encoded } from './encoded.ts'

/** What stands in the place of entries that a reader will not get. */
export class Gap extends Encoded {
  readonly reason: ErrorCode
  /** How many positions it passes over: 0 where nobody knows what is missing, or where some of it follows. */
  readonly skipped: number

  constructor(log: number, from: number, to: number, position: Position, reason: ErrorCode) {
    super(encodeMessage({ type: 'gap', log, from, to, position, reason }))
    this.reason = reason
    this.skipped = position === nowhere ? to - from : Math.max(0, position.at - from)
  }
}

/** A batch and the position behind it. */
export interface CachedBatch {
  readonly batch: Encoded
  readonly from: number
  readonly to: number
}

/**
 * Batches by the position they begin at, forgotten when the log grows. Nearly always all cursors stand at one place,
 * so the last one is kept apart.
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
