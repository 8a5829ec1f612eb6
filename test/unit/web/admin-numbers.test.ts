import { describe, expect, it } from 'vitest'
import { duration, Format } from '../../../web/src/admin/numbers/format.ts'
import { histogramOf, mean, quantile, since } from '../../../web/src/admin/numbers/histogram.ts'
import { gauge, History, KEPT_MS, rates } from '../../../web/src/admin/numbers/history.ts'
import { increase, rate } from '../../../web/src/admin/numbers/rates.ts'
import { Reading } from '../../../web/src/admin/numbers/reading.ts'
import { inOneLine } from '../../../web/src/admin/numbers/value.ts'
import type { Metric } from '../../../web/src/admin/node/answers.ts'

function metric(name: string, value: number, labels: Record<string, string> = {}): Metric {
  return { name, type: 'counter', values: [{ name, labels, value }] }
}

const bucket = (le: string, value: number) => ({ name: 'l_bucket', labels: { le }, value })

/** A reading of one histogram with these counts at 1 ms, 10 ms and above. */
function latenesses(low: number, middle: number, high: number, sum = 0): Reading {
  const values = [
    bucket('0.001', low),
    bucket('0.01', low + middle),
    bucket('+Inf', low + middle + high),
    { name: 'l_sum', labels: {}, value: sum },
    { name: 'l_count', labels: {}, value: low + middle + high },
  ]
  return new Reading([{ name: 'l', type: 'histogram', values }])
}

const histogram = (...counts: [number, number, number, number?]) => {
  const found = histogramOf(latenesses(...counts), 'l')
  if (found === null) throw new Error('there is no histogram')
  return found
}

describe('A rate', () => {
  it('is what a counter rose by in a second', () => {
    expect(rate(10, 30, 2_000)).toBe(10)
    expect(rate(10, 30, 0)).toBe(null)
    expect(increase(undefined, 3)).toBe(null)
  })

  it('counts from 0 where the counter began anew', () => {
    expect(increase(1_000, 4)).toBe(4)
  })
})

describe('A histogram', () => {
  it('tells of a quantile between which bounds it lies, and no more', () => {
    const of = histogram(50, 49, 1)
    expect(quantile(of, 0.5)).toEqual({ above: 0, atMost: 0.001 })
    expect(quantile(of, 0.51)).toEqual({ above: 0.001, atMost: 0.01 })
    expect(quantile(of, 0.99)).toEqual({ above: 0.001, atMost: 0.01 })
    expect(quantile(of, 1)).toEqual({ above: 0.01, atMost: Infinity })
    expect(quantile(histogram(0, 1, 0), 0)).toEqual({ above: 0.001, atMost: 0.01 })
    expect(quantile(histogram(0, 0, 0), 0.5)).toBe(null)
  })

  it('says of a time what came in it', () => {
    const between = since(histogram(5, 5, 0, 1), histogram(5, 8, 1, 3))
    expect(between).toMatchObject({ counts: [0, 3, 1], count: 4, sum: 2 })
    expect(mean(between)).toBe(0.5)
  })

  it('is all of the later one where the counting began anew', () => {
    expect(since(histogram(100, 0, 0), histogram(1, 2, 0))).toMatchObject({ counts: [1, 2, 0], count: 3 })
  })

  it('is none where the metric is not there', () => {
    expect(histogramOf(new Reading([]), 'l')).toBe(null)
  })
})

const add = (history: History, at: number, value: number, uptimeMs: number): void =>
  history.add(new Reading([metric('c', value)]), { at, time: at, uptimeMs })
const rising = (history: History) => rates(history.samples, (reading) => reading.get('c'))

describe('A history', () => {
  it('gives levels and rates', () => {
    const history = new History()
    for (const at of [0, 1_000, 2_000]) add(history, at, at, 60_000 + at)
    expect(gauge(history.samples, (reading) => reading.get('c'))).toEqual([0, 1_000, 2_000])
    expect(rising(history)).toEqual([null, 1_000, 1_000])
  })

  it('has a hole where the node was away, and where it was started anew', () => {
    const history = new History()
    add(history, 0, 0, 60_000)
    add(history, 1_000, 10, 61_000)
    add(history, 20_000, 900, 80_000)
    add(history, 21_000, 910, 81_000)
    add(history, 22_000, 3, 500)
    add(history, 23_000, 5, 1_500)
    expect(rising(history)).toEqual([null, 10, null, 10, null, 2])
    history.lose()
    add(history, 24_000, 50_000, 60_000)
    expect(history.samples.map(({ isFirst }) => isFirst)).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
      true,
    ])
  })

  it('keeps ten minutes, and gives the last of them', () => {
    const history = new History()
    for (let at = 0; at <= 2 * KEPT_MS; at += 1_000) add(history, at, at, at)
    expect(history.samples).toHaveLength(KEPT_MS / 1_000 + 1)
    expect(history.within(60_000)).toHaveLength(61)
  })

  it('takes what was never counted for 0', () => {
    const history = new History()
    history.add(new Reading([{ name: 'c', type: 'counter', values: [] }]), { at: 0, time: 0, uptimeMs: 0 })
    history.add(new Reading([metric('c', 3, { reason: 'RATE' })]), { at: 1_000, time: 0, uptimeMs: 1_000 })
    expect(rates(history.samples, (reading) => reading.total('c'))).toEqual([null, 3])
  })
})

describe('What the node remembers', () => {
  it('is read as if the page had been there', () => {
    const past = {
      metrics: ['c', 'gone'],
      agoMs: [6_000, 3_000],
      series: [
        { name: 'c', labels: { reason: 'RATE' }, values: [2, 5] },
        { name: 'level', labels: {}, values: [9] },
        { name: 'late', labels: {}, values: [null, 1] },
      ],
    }
    const [first, second] = [Reading.past(past, 0), Reading.past(past, 1)]
    expect([first, second].map((reading) => reading.total('c'))).toEqual([2, 5])
    expect([first, second].map((reading) => reading.get('level'))).toEqual([9, 9])
    expect([first, second].map((reading) => reading.get('late'))).toEqual([undefined, 1])
    expect(first.total('gone')).toBe(0)
  })
})

describe('Numbers', () => {
  const format = new Format('en-GB')

  it('are written with three digits and a unit', () => {
    expect([0, 0.254, 12.34, 1234, 123_456].map(format.short)).toEqual([
      '0',
      '0.254',
      '12.3',
      '1,234',
      '123k',
    ])
    expect([0, 1_023, 1_536, 5 * 1024 ** 3].map(format.bytes)).toEqual(['0 B', '1,023 B', '1.5 KiB', '5 GiB'])
    expect([0.5, 1_500].map(format.milliseconds)).toEqual(['0.5 ms', '1.5 s'])
    expect([0, 0.0001, 0.1234].map(format.share)).toEqual(['0 %', '< 0.1 %', '12.3 %'])
  })

  it('say of a quantile what its bucket says', () => {
    expect(format.range(null)).toBe('–')
    expect(format.range({ above: 0.001, atMost: 0.002 })).toBe('≤ 2 ms')
    expect(format.range({ above: 1, atMost: Infinity })).toBe('> 1 s')
  })

  it('say of a duration its two largest parts', () => {
    expect([0, 59_999, 3_725_000, 90_000_000].map((ms) => duration(ms, ['d', 'h', 'min', 's']))).toEqual([
      '0 s',
      '59 s',
      '1 h 2 min',
      '1 d 1 h',
    ])
  })
})

it('a payload is told in one line, however long and of whatever kind', () => {
  expect(inOneLine({ a: [1, 'x'] })).toBe('{"a":[1,"x"]}')
  expect(inOneLine(JSON.parse('['.repeat(16_000) + ']'.repeat(16_000)))).toBe('…')
  expect(inOneLine('x'.repeat(300))).toHaveLength(201)
  expect(inOneLine(new Uint8Array([1, 171]))).toBe('[2 B] 01 ab')
  expect(inOneLine(new Uint8Array(20))).toBe(`[20 B] ${'00 '.repeat(16)}…`)
})
