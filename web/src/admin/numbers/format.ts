import type { Range } from './histogram.ts'

/** How numbers are written; `locale` is that of the page. */
export class Format {
  readonly #whole: Intl.NumberFormat
  readonly #short: Intl.NumberFormat
  readonly #fine: Intl.NumberFormat
  readonly #clock: Intl.DateTimeFormat

  constructor(locale: string) {
    this.#whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 })
    this.#short = new Intl.NumberFormat(locale, { notation: 'compact', maximumSignificantDigits: 3 })
    this.#fine = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 })
    this.#clock = new Intl.DateTimeFormat(locale, { timeStyle: 'medium', hourCycle: 'h23' })
  }

  /** Every digit. */
  readonly whole = (value: number): string => this.#whole.format(value)

  /** Three digits: 0.25, 12.5, 1,234, 12.3K. */
  readonly short = (value: number): string => {
    if (Math.abs(value) >= 10_000) return this.#short.format(value)
    return Math.abs(value) >= 100 ? this.#whole.format(value) : this.#fine.format(value)
  }

  readonly bytes = (value: number): string => {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
    let at = 0
    let left = value
    while (Math.abs(left) >= 1024 && at < units.length - 1) {
      left /= 1024
      at++
    }
    const shown = at === 0 || Math.abs(left) >= 100 ? this.#whole.format(left) : this.#fine.format(left)
    return `${shown} ${units[at]}`
  }

  readonly milliseconds = (value: number): string =>
    value >= 1_000 ? `${this.#fine.format(value / 1000)} s` : `${this.#fine.format(value)} ms`

  readonly percent = (share: number): string => `${this.#fine.format(share * 100)} %`

  /** To a tenth of a per cent, and never 0 for what is more. */
  readonly share = (share: number): string =>
    share > 0 && share < 0.0005 ? `< ${this.percent(0.001)}` : this.percent(Math.round(share * 1000) / 1000)

  readonly clock = (time: number): string => this.#clock.format(time)

  /** Where a quantile lies, of seconds: `≤ 2 ms`, `> 1 s`. */
  readonly range = (range: Range | null): string => {
    if (range === null) return '–'
    if (range.atMost === Infinity) return `> ${this.milliseconds(range.above * 1000)}`
    return `≤ ${this.milliseconds(range.atMost * 1000)}`
  }
}

/** `3 d 4 h`, `12 min 5 s`: the two largest parts; `units` are of a day, an hour, a minute and a second. */
export function duration(ms: number, units: readonly [string, string, string, string]): string {
  const seconds = Math.floor(ms / 1000)
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), units[0]],
    [Math.floor(seconds / 3_600) % 24, units[1]],
    [Math.floor(seconds / 60) % 60, units[2]],
    [seconds % 60, units[3]],
  ]
  const from = parts.findIndex(([count]) => count > 0)
  if (from < 0) return `0 ${units[3]}`
  return parts
    .slice(from, from + 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}
