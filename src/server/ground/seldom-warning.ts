import type { Logger } from './logger.ts'
import { Seldom } from './seldom.ts'

/** A warning about what may happen often: one line a minute, which says how many occurrences it stands for. */
export class SeldomWarning {
  readonly #seldom: Seldom = new Seldom()
  readonly #logger: Logger
  readonly #message: string

  constructor(logger: Logger, message: string) {
    this.#logger = logger
    this.#message = `${message}; count is how many since this was last said`
  }

  /** One more occurrence, at `now` in monotonic milliseconds. */
  note(now: number, details: object = {}): void {
    const count = this.#seldom.note(now)
    if (count > 0) this.#logger.warn({ ...details, count }, this.#message)
  }
}
