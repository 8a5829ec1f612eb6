import type { Metric, Past, Series } from './api/operation.ts'
import { serverLimits } from './ground/limits.ts'
import type { Outside } from './ground/outside.ts'

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
  readonly #outside: Pick<Outside, 'now' | 'after'>
  #cancel: () => void = () => {}
  readonly #series: Map<string, Kept> = new Map()
  readonly #at: Float64Array = new Float64Array(serverLimits.pastSamples)
  #metrics: readonly string[] = []
  /** Samples taken so far. */
  #count = 0

  constructor(measure: () => Promise<Metric[]>, outside: Pick<Outside, 'now' | 'after'>) {
    this.#measure = measure
    this.#outside = outside
    this.#wait()
  }

  #wait(): void {
    this.#cancel = this.#outside.after(serverLimits.pastEveryMs, () => {
      this.#wait()
      // A sample that cannot be taken is missing, and that is all.
      this.take().catch(() => {})
    })
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
    this.#at[place] = this.#outside.now()
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
    const now = this.#outside.now()
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
    this.#cancel()
  }
}

const numberOrNull = (value: number): number | null => (Number.isNaN(value) ? null : value)
