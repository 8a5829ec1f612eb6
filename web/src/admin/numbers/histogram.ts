import { increase } from './rates.ts'
import type { Reading } from './reading.ts'

/** How many values were at most each bound and above the one before it; the last bound is Infinity. */
export interface Histogram {
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
  readonly count: number
  readonly sum: number
}

/** From cumulative buckets, as Prometheus has them; null where the metric is not there. */
export function histogramOf(reading: Reading, name: string): Histogram | null {
  const buckets = [...reading.labelled(`${name}_bucket`)]
    .map(([le, count]) => ({ bound: le === '+Inf' ? Infinity : Number(le), count }))
    .sort((a, b) => a.bound - b.bound)
  if (buckets.length === 0) return null
  return {
    bounds: buckets.map(({ bound }) => bound),
    counts: buckets.map(({ count }, at) => count - (buckets[at - 1]?.count ?? 0)),
    count: buckets.at(-1)?.count ?? 0,
    sum: reading.get(`${name}_sum`) ?? 0,
  }
}

/** What came between two readings; all of `after` where the counting has begun anew. */
export function since(before: Histogram, after: Histogram): Histogram {
  const isSame = before.bounds.length === after.bounds.length && before.count <= after.count
  if (!isSame) return after
  const counts = after.counts.map((count, at) => increase(before.counts[at], count) ?? 0)
  return { ...after, counts, count: after.count - before.count, sum: after.sum - before.sum }
}

/** Where a quantile lies. Buckets do not tell more than that: above the one bound and at most the other. */
export interface Range {
  readonly above: number
  readonly atMost: number
}

/** The bucket that the value of rank `⌈q · count⌉` fell into; null where there are no values. */
export function quantile({ bounds, counts, count }: Histogram, q: number): Range | null {
  if (count === 0) return null
  const rank = Math.max(1, Math.ceil(q * count))
  let seen = 0
  for (const [at, atMost] of bounds.entries()) {
    seen += counts[at] ?? 0
    if (seen >= rank) return { above: bounds[at - 1] ?? 0, atMost }
  }
  return null
}

export function mean({ count, sum }: Histogram): number | null {
  return count === 0 ? null : sum / count
}
