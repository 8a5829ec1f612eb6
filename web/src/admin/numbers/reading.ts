import type { Metric, Past } from '../node/answers.ts'

/** All metrics at one moment, by the names of their values and one label. */
export class Reading {
  readonly #values: Map<string, Map<string, number>> = new Map()

  constructor(metrics: readonly Metric[]) {
    for (const { name, values } of metrics) {
      // What has labels and counted nothing yet is 0, not unknown.
      if (values.length === 0) this.#values.set(name, new Map())
      for (const { name, labels, value } of values) {
        const [label] = Object.values(labels)
        const known = this.#values.get(name) ?? new Map<string, number>()
        known.set(label === undefined ? '' : String(label), value)
        this.#values.set(name, known)
      }
    }
  }

  /** As it was at a sample of the past. */
  static past({ metrics, series }: Past, at: number): Reading {
    const values = series.flatMap(({ name, labels, values }) => {
      const value = values.length === 1 ? values[0] : values[at]
      return value === null || value === undefined ? [] : [{ name, labels, value }]
    })
    return new Reading([
      ...metrics.map((name) => ({ name, type: 'gauge' as const, values: [] })),
      { name: '', type: 'gauge', values },
    ])
  }

  /** The value of a metric without labels, or with this one. */
  get(name: string, label = ''): number | undefined {
    return this.#values.get(name)?.get(label)
  }

  /** By label. */
  labelled(name: string): Iterable<readonly [label: string, value: number]> {
    return this.#values.get(name) ?? []
  }

  /** Of all labels together. A counter that has counted nothing yet has none. */
  total(name: string): number | undefined {
    const values = this.#values.get(name)
    if (values === undefined) return undefined
    let sum = 0
    for (const value of values.values()) sum += value
    return sum
  }
}
