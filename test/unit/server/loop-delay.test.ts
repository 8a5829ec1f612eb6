import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LoopDelay } from '../../../src/server/ground/loop-delay.ts'

/** In milliseconds, as it is sampled. */
const RESOLUTION = 10

interface Histogram {
  count: number
  isOn: boolean
  worst: number
  percentile: (percent: number) => number
  disable(): boolean
}

/** Those that were begun, in order. */
const histograms: Histogram[] = []

function begin(): Histogram {
  const histogram: Histogram = {
    count: 0,
    isOn: true,
    worst: 0,
    percentile: (percent) => ((histogram.worst * percent) / 100 + RESOLUTION) * 1e6,
    disable: () => !(histogram.isOn = false),
  }
  histograms.push(histogram)
  return histogram
}

/** The loop has stood still for so many milliseconds. */
function stall(ms: number): void {
  for (const each of histograms)
    if (each.isOn) Object.assign(each, { count: each.count + 1, worst: Math.max(each.worst, ms) })
}

describe('The delay of the event loop', () => {
  beforeEach(() => {
    histograms.length = 0
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is told for half a minute at least and a minute at most, however often it is read', () => {
    const delay = new LoopDelay(begin)
    const read = (quantile = 1): number => Math.round(delay.quantile(quantile) * 1e6) / 1e6
    expect(read()).toBe(0)
    stall(400)
    expect([read(), read(0.5), read()]).toEqual([0.4, 0.2, 0.4])
    vi.advanceTimersByTime(29_999)
    expect(read()).toBe(0.4)
    vi.advanceTimersByTime(1)
    // The second one has run as long.
    expect(read()).toBe(0.4)
    stall(100)
    vi.advanceTimersByTime(29_999)
    expect(read()).toBe(0.4)
    vi.advanceTimersByTime(1)
    expect(read()).toBe(0.1)
    vi.advanceTimersByTime(30_000)
    expect(read()).toBe(0)
    expect(histograms.filter(({ isOn }) => isOn)).toHaveLength(2)
    delay.close()
    expect(histograms.some(({ isOn }) => isOn)).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is never below nothing', () => {
    const delay = new LoopDelay(begin)
    stall(-3)
    expect(delay.quantile(1)).toBe(0)
    delay.close()
  })
})
