/* Numbers for people. What is negative has a true minus, and what is a change always has a sign. */

type Tongue = 'en' | 'zh'

/** Cents as money: `1,234.50`. */
export function money(cents: number): string {
  const whole = Math.abs(Math.trunc(cents / 100))
  const rest = String(Math.abs(Math.round(cents)) % 100).padStart(2, '0')
  return `${cents < 0 ? '−' : ''}${grouped(whole)}.${rest}`
}

/** Cents as money gained or lost: `+12.00`, `−3.50`, `0.00`. */
export const gain = (cents: number): string => (cents > 0 ? `+${money(cents)}` : money(cents))

/** A share as a change in percent: `+1.25%`, `−0.40%`; what rounds to nothing is `0.00%`. */
export function percent(share: number, digits = 2): string {
  const text = (Math.abs(share) * 100).toFixed(digits)
  return `${Number(text) === 0 ? '' : share > 0 ? '+' : '−'}${text}%`
}

/** Which way a change went, at the same rounding as {@link percent}. */
export function wayOf(share: number): 'up' | 'down' | 'flat' {
  const hundredths = Math.round(Math.abs(share) * 10_000)
  return hundredths === 0 ? 'flat' : share > 0 ? 'up' : 'down'
}

const units: Readonly<Record<Tongue, readonly (readonly [size: number, name: string])[]>> = {
  en: [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ],
  zh: [
    [1e12, '万亿'],
    [1e8, '亿'],
    [1e4, '万'],
  ],
}

/** A large number, briefly, in the units of the language: `12.3M`, `1230万`. */
export function brief(value: number, tongue: Tongue): string {
  const unit = units[tongue].find(([size]) => value >= size)
  if (unit === undefined) return String(Math.round(value))
  const shown = value / unit[0]
  return `${shown.toFixed(shown < 10 ? 2 : shown < 100 ? 1 : 0)}${unit[1]}`
}

/** A whole number with its thousands set apart. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Bytes in a second. */
export function bytes(value: number): string {
  return value < 10_000 ? `${(value / 1000).toFixed(1)} kB/s` : `${Math.round(value / 1000)} kB/s`
}

/** Milliseconds as minutes and seconds, rounded up: `1:05`. */
export function clock(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** What somebody typed as a price, in cents; null where it is none. */
export function readMoney(typed: string): number | null {
  const cleaned = typed.replaceAll(/[,，\s]/g, '').replace('。', '.')
  if (!/^\d{1,7}(\.\d{0,2})?$/.test(cleaned)) return null
  const cents = Math.round(Number(cleaned) * 100)
  return cents > 0 ? cents : null
}
