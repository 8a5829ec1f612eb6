import type { Limits } from '../ground/limits.ts'
import { ApiError } from './errors.ts'

interface Kept {
  /** Hash of the request's body: the same key with another body is an error. */
  readonly body: string
  readonly answer: string
  readonly at: number
}

/** Bytes that each kept answer costs besides its text. */
const OVERHEAD = 200

/**
 * Kept answers to repeatable requests, by Idempotency-Key. Bounded: the oldest are forgotten first. A failed request
 * had no effect, so its answer is not kept.
 */
export class Repeats {
  readonly #limits: Pick<Limits, 'apiRepeats' | 'apiRepeatMs' | 'apiRepeatBytes'>
  readonly #now: () => number
  /** Oldest first. */
  readonly #kept: Map<string, Kept> = new Map()
  readonly #running: Map<string, { readonly body: string; readonly answer: Promise<string> }> = new Map()
  #bytes = 0

  /** `now` returns monotonic milliseconds. */
  constructor(limits: Pick<Limits, 'apiRepeats' | 'apiRepeatMs' | 'apiRepeatBytes'>, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  /**
   * Runs `run`, or returns the first answer where the same request came before. Rejects with STALE for a known key with
   * another body.
   */
  async once(
    key: string,
    body: string,
    run: () => Promise<string>,
  ): Promise<{ readonly answer: string; readonly isReplay: boolean }> {
    this.#forgetOld()
    const before = this.#kept.get(key) ?? this.#running.get(key)
    if (before === undefined) return { answer: await this.#run(key, body, run), isReplay: false }
    if (before.body === body) return { answer: await before.answer, isReplay: true }
    throw new ApiError('STALE', 'this Idempotency-Key was used for another body; make one for each request')
  }

  async #run(key: string, body: string, run: () => Promise<string>): Promise<string> {
    const running = run()
    this.#running.set(key, { body, answer: running })
    try {
      const answer = await running
      this.#kept.set(key, { body, answer, at: this.#now() })
      this.#bytes += answer.length + OVERHEAD
      this.#forgetOld()
      return answer
    } finally {
      this.#running.delete(key)
    }
  }

  #forgetOld(): void {
    const { apiRepeats, apiRepeatMs, apiRepeatBytes } = this.#limits
    const now = this.#now()
    for (const [key, { answer, at }] of this.#kept) {
      const isTooMuch = this.#kept.size > apiRepeats || this.#bytes > apiRepeatBytes
      if (!isTooMuch && now - at < apiRepeatMs) return
      this.#kept.delete(key)
      this.#bytes -= answer.length + OVERHEAD
    }
  }
}
