import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** Interval at which the delay is sampled, in milliseconds. */
const RESOLUTION_MS = 10
/** How long what is read goes back at least, in milliseconds; and twice as long at most. */
const WINDOW_MS = 30_000

type Histogram = Pick<IntervalHistogram, 'count' | 'percentile' | 'disable'>

/** The delay of the event loop in the last half minute to a minute, whoever reads it and however often. */
export class LoopDelay {
  /** Two that overlap: the older one is read, and gives way to the newer one. */
  #older: Histogram
  #newer: Histogram
  readonly #begin: () => Histogram
  readonly #turns: NodeJS.Timeout = setInterval(() => this.#turn(), WINDOW_MS).unref()

  /** `begin` is for tests. */
  constructor(begin: () => Histogram = measure) {
    this.#begin = begin
    this.#older = begin()
    this.#newer = begin()
  }

  #turn(): void {
    this.#older.disable()
    this.#older = this.#newer
    this.#newer = this.#begin()
  }

  /** In seconds; 0 where nothing was sampled yet. */
  quantile(quantile: number): number {
    const seconds = this.#older.count === 0 ? 0 : this.#older.percentile(quantile * 100) / 1e9
    // The measured value is the time between two samples.
    return Math.max(0, seconds - RESOLUTION_MS / 1000)
  }

  close(): void {
    clearInterval(this.#turns)
    for (const each of [this.#older, this.#newer]) each.disable()
  }
}

function measure(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return histogram
}
