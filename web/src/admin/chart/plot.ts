import type { Points } from '../numbers/history.ts'

/**
 * The lowest round number that is not below a value, and at least `least`: 1, 2, 2.5 or 5 times a power of ten; of
 * bytes (`binary`) a power of two.
 */
export function niceTop(value: number, least: number, binary = false): number {
  const wanted = Math.max(value, least)
  if (binary) return 2 ** Math.ceil(Math.log2(wanted))
  const power = 10 ** Math.floor(Math.log10(wanted))
  const step = [1, 2, 2.5, 5, 10].find((step) => step * power >= wanted - 1e-9) ?? 10
  return step * power
}

/** The largest value of all series, 0 where there is none. */
export function highest(series: readonly Points[]): number {
  let top = 0
  for (const points of series) for (const value of points) if (value !== null && value > top) top = value
  return top
}

/** A box to draw into, from time `from` to `to` and from 0 to `top`. */
export interface Box {
  readonly width: number
  readonly height: number
  readonly from: number
  readonly to: number
  readonly top: number
}

const round = (value: number): number => Math.round(value * 10) / 10

export function xOf({ width, from, to }: Box, at: number): number {
  return round(((at - from) / (to - from)) * width)
}

export function yOf({ height, top }: Box, value: number): number {
  return round(height - (Math.min(value, top) / top) * height)
}

/** The runs of points without a hole between them, as places in the box. `isFirst`: nothing leads to this one. */
function runs(
  box: Box,
  samples: readonly { readonly at: number; readonly isFirst: boolean }[],
  points: Points,
): [x: number, y: number][][] {
  const all: [number, number][][] = []
  let run: [number, number][] | null = null
  for (const [index, { at, isFirst }] of samples.entries()) {
    const value = points[index] ?? null
    if (isFirst || value === null) run = null
    if (value === null) continue
    if (run === null) all.push((run = []))
    run.push([xOf(box, at), yOf(box, value)])
  }
  return all
}

type Timed = readonly { readonly at: number; readonly isFirst: boolean }[]

/** The line, with a gap where there is a hole. A single point is a short stroke. */
export function linePath(box: Box, samples: Timed, points: Points): string {
  return runs(box, samples, points)
    .map((run) => {
      const [first] = run
      if (first !== undefined && run.length === 1) return `M${first[0] - 1} ${first[1]}h2`
      return `M${run.map(([x, y]) => `${x} ${y}`).join('L')}`
    })
    .join('')
}

/** What is below the line. */
export function areaPath(box: Box, samples: Timed, points: Points): string {
  return runs(box, samples, points)
    .filter((run) => run.length > 1)
    .map((run) => {
      const [first, last] = [run[0]?.[0] ?? 0, run.at(-1)?.[0] ?? 0]
      return `M${first} ${box.height}L${run.map(([x, y]) => `${x} ${y}`).join('L')}L${last} ${box.height}Z`
    })
    .join('')
}

/** The index of the sample nearest to a time; -1 where there is none. */
export function nearest(samples: readonly { readonly at: number }[], at: number): number {
  let best = -1
  let least = Infinity
  for (const [index, sample] of samples.entries()) {
    const distance = Math.abs(sample.at - at)
    if (distance < least) [best, least] = [index, distance]
  }
  return best
}
