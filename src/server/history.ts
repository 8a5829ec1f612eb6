import type { Metric } from './api/operation.ts'
import { serverLimits } from './ground/limits.ts'

/** A value over time: one number where it has not changed, else one for each sample; null where it was not there. */
export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly values: readonly (number | null)[]
}

export interface Past {
  /** The metrics there are, with or without values. */
  readonly metrics: readonly string[]
  /** How long ago each sample was taken, in milliseconds, oldest first. */
  readonly agoMs: readonly number[]
  readonly series: readonly Series[]
}

interface Kept extends Omit<Series, 'values'> {
  /** By place in the ring; NaN where it was not there. */
  readonly ring: Float64Array
}

/**
 * A node's metrics over the last ten minutes, so that charts are full as soon as somebody looks. All that it holds is a
 * ring of numbers for each value, of which there are `serverLimits.pastSeries` at most.
 */
export class History {
  readonly #measure: () => Promise<Metric[]>
  readonly #now: () => number
  readonly #timer: NodeJS.Timeout
  readonly #series: Map<string, Kept> = new Map()
  readonly #at: Float64Array = new Float64Array(serverLimits.pastSamples)
  #metrics: readonly string[] = []
  /** Samples taken so far. */
  #count = 0

  constructor(measure: () => Promise<Metric[]>, now: () => number = () => performance.now()) {
    this.#measure = measure
    this.#now = now
    // A sample that cannot be taken is missing, and nothing else.
    const take = (): void => void this.take().catch(() => {})
    this.#timer = setInterval(take, serverLimits.pastEveryMs).unref()
  }

  /** Takes a sample. */
  async take(): Promise<void> {
    const metrics = await this.#measure()
    const place = this.#count % serverLimits.pastSamples
    for (const { ring } of this.#series.values()) ring[place] = NaN
    for (const { values } of metrics)
      for (const { name, labels, value } of values) {
        const series = this.#seriesOf(name, labels)
        if (series !== undefined) series.ring[place] = value
      }
    this.#metrics = metrics.map(({ name }) => name)
    this.#at[place] = this.#now()
    this.#count++
  }

  #seriesOf(name: string, labels: Series['labels']): Kept | undefined {
    const key = JSON.stringify([name, labels])
    let series = this.#series.get(key)
    if (series === undefined && this.#series.size < serverLimits.pastSeries) {
      series = { name, labels, ring: new Float64Array(serverLimits.pastSamples).fill(NaN) }
      this.#series.set(key, series)
    }
    return series
  }

  read(): Past {
    const kept = Math.min(this.#count, serverLimits.pastSamples)
    const places = Array.from({ length: kept }, (_, i) => (this.#count - kept + i) % serverLimits.pastSamples)
    const now = this.#now()
    return {
      metrics: this.#metrics,
      agoMs: places.map((place) => Math.round(now - (this.#at[place] as number))),
      series: Array.from(this.#series.values(), ({ name, labels, ring }) => {
        const values = places.map((place) => numberOrNull(ring[place] as number))
        return {
          name,
          labels,
          values: values.every((value) => value === values[0]) ? values.slice(0, 1) : values,
        }
      }),
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

const numberOrNull = (value: number): number | null => (Number.isNaN(value) ? null : value)
