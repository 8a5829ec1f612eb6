import type { Search } from '../../core/index.ts'
import { Pace } from '../ground/pace.ts'

/** Runs searches of long lists, and the like, a little in each turn of the event loop: nobody waits for them. */
export class Searches {
  readonly #pace: Pace<() => void>
  #last = 0

  /** `now` is for tests. */
  constructor(now?: () => number) {
    // A step does not throw: its search's promise rejects.
    this.#pace = new Pace(
      (step) => step(),
      () => {},
      now,
    )
  }

  /** Rejects with what the search throws. */
  run<T>(search: Search<T>): Promise<T> {
    const payer = String(++this.#last)
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          const { done = false, value } = search.next()
          if (done) resolve(value as T)
          else this.#pace.add(step, payer)
        } catch (error) {
          reject(error)
        }
      }
      step()
    })
  }
}
