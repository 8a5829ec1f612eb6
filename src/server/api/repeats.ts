import { Crowd } from '../../core/index.ts'
import type { Limits } from '../ground/limits.ts'
import { ApiError } from './errors.ts'

interface Kept {
  readonly key: string
  /** The number of the API's key that asked. */
  readonly payer: string
  /** Hash of the request's body: the same key with another body is an error. */
  readonly body: string
  readonly answer: string
  readonly at: number
}

/** Bytes that each kept answer costs besides its text. */
const OVERHEAD = 300

/**
 * Kept answers to repeatable requests, by Idempotency-Key. Bounded: where there are too many, the oldest is forgotten of
 * the caller who has most, so nobody loses theirs by another's crowd. A failed request had no effect, so its answer is
 * not kept.
 */
export class Repeats {
  readonly #limits: Pick<Limits, 'apiRepeats' | 'apiRepeatMs' | 'apiRepeatBytes'>
  readonly #now: () => number
  /** Oldest first. */
  readonly #kept: Map<string, Kept> = new Map()
  readonly #running: Map<string, { readonly body: string; readonly answer: Promise<string> }> = new Map()
  readonly #crowd: Crowd<Kept> = new Crowd()
  #bytes = 0

  /** `now` returns monotonic milliseconds. */
  constructor(limits: Pick<Limits, 'apiRepeats' | 'apiRepeatMs' | 'apiRepeatBytes'>, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  /**
   * Runs `run`, or returns the first answer where the same request of this payer came before. Rejects with STALE for a
   * known key with another body.
   */
  async once(
    payer: string,
    key: string,
    body: string,
    run: () => Promise<string>,
  ): Promise<{ readonly answer: string; readonly isReplay: boolean }> {
    this.#forgetOld()
    const before = this.#kept.get(key) ?? this.#running.get(key)
    if (before === undefined) return { answer: await this.#run(payer, key, body, run), isReplay: false }
    if (before.body === body) return { answer: await before.answer, isReplay: true }
    throw new ApiError('STALE', 'this Idempotency-Key was used for another body; make one for each request')
  }

  async #run(payer: string, key: string, body: string, run: () => Promise<string>): Promise<string> {
    const running = run()
    this.#running.set(key, { body, answer: running })
    try {
      const answer = await running
      const kept = { key, payer, body, answer, at: this.#now() }
      this.#kept.set(key, kept)
      this.#crowd.add(payer, kept)
      this.#bytes += answer.length + OVERHEAD
      this.#makeRoom()
      return answer
    } finally {
      this.#running.delete(key)
    }
  }

  #forgetOld(): void {
    const now = this.#now()
    for (const kept of this.#kept.values()) {
      if (now - kept.at < this.#limits.apiRepeatMs) return
      this.#forget(kept)
    }
  }

  #makeRoom(): void {
    const { apiRepeats, apiRepeatBytes } = this.#limits
    while (this.#kept.size > apiRepeats || this.#bytes > apiRepeatBytes) {
      const { first } = this.#crowd
      if (first === undefined) return
      this.#forget(first)
    }
  }

  #forget(kept: Kept): void {
    this.#kept.delete(kept.key)
    this.#crowd.delete(kept.payer, kept)
    this.#bytes -= kept.answer.length + OVERHEAD
  }
}
