import { rate } from './rates.ts'
import type { Reading } from './reading.ts'

/** What was read at one moment. */
export interface Sample {
  /** Milliseconds of a clock that only goes on. */
  readonly at: number
  /** Milliseconds since 1970, to tell people. */
  readonly time: number
  readonly reading: Reading
  /** Nothing is known of the time before it: the node was away, or was started anew. */
  readonly isFirst: boolean
}

/** How long the page remembers. */
export const KEPT_MS = 10 * 60_000
/** Two readings further apart have a hole between them: the node, or this page, was not there. */
const HOLE_MS = 8_000

/** The readings of the last minutes. */
export class History {
  #samples: Sample[] = []
  #uptimeMs = Infinity

  get samples(): readonly Sample[] {
    return this.#samples
  }

  get latest(): Sample | undefined {
    return this.#samples.at(-1)
  }

  /** The node did not answer: what comes next may be another one's. */
  lose(): void {
    this.#uptimeMs = Infinity
  }

  /** `uptimeMs` tells whether it is still the same process. */
  add(reading: Reading, { at, time, uptimeMs }: { at: number; time: number; uptimeMs: number }): void {
    const before = this.latest
    const isOther = uptimeMs < this.#uptimeMs
    this.#uptimeMs = uptimeMs
    const isFirst = before === undefined || isOther || at - before.at > HOLE_MS
    this.#samples.push({ at, time, reading, isFirst })
    const from = this.#samples.findIndex((sample) => at - sample.at <= KEPT_MS)
    if (from > 0) this.#samples.splice(0, from)
  }

  /** The samples of the last `ms`, and before them the one that their rates begin with. */
  within(ms: number): readonly Sample[] {
    const { latest } = this
    if (latest === undefined) return []
    const from = this.#samples.findIndex((sample) => latest.at - sample.at <= ms)
    return this.#samples.slice(Math.max(0, from))
  }
}

/** What is drawn: null is a hole. */
export type Points = readonly (number | null)[]

/** A value as it was in each sample. */
export function gauge(samples: readonly Sample[], read: (reading: Reading) => number | undefined): Points {
  return samples.map(({ reading }) => read(reading) ?? null)
}

/** What a counter rose by in a second, in each sample since the one before. */
export function rates(samples: readonly Sample[], read: (reading: Reading) => number | undefined): Points {
  return samples.map((sample, at) => {
    const before = samples[at - 1]
    if (before === undefined || sample.isFirst) return null
    // A label that has never been counted is not there yet.
    return rate(read(before.reading) ?? 0, read(sample.reading), sample.at - before.at)
  })
}
