/* A company on the wall, as the topics tell of it. Prices are in cents. */

/** Prices of a sparkline, one a second of trading. */
export const TRAIL = 50

export interface Row {
  readonly symbol: string
  en: string
  zh: string
  sector: string
  /** Millions of shares. */
  shares: number
  /** The market's count of its changes; 0 before the first price. */
  count: number
  last: number
  previous: number
  open: number
  high: number
  low: number
  volume: number
  /** Which way the last price went: 1, -1, or 0 before it went anywhere. */
  way: number
  /** The price over the last minute of trading, oldest first. */
  trail: number[]
  /** Whether the trail begins with what the server remembers. */
  hasTrail: boolean
}

export type Company = readonly [en: string, zh: string, sector: string, shares: number]
export type Quote = readonly [
  count: number,
  last: number,
  previous: number,
  open: number,
  high: number,
  low: number,
  volume: number,
]

export function newRow(symbol: string): Row {
  return {
    symbol,
    en: '',
    zh: '',
    sector: '',
    shares: 0,
    count: 0,
    last: 0,
    previous: 0,
    open: 0,
    high: 0,
    low: 0,
    volume: 0,
    way: 0,
    trail: [],
    hasTrail: false,
  }
}

/** Both topics have told of it. */
export const isListed = (row: Row): boolean => row.sector !== '' && row.count > 0

export function name(row: Row, [en, zh, sector, shares]: Company): void {
  Object.assign(row, { en, zh, sector, shares })
}

/** Takes a quote in; returns how many changes the market has made since the last one that was seen. */
export function quote(row: Row, [count, last, previous, open, high, low, volume]: Quote): number {
  const made = row.count === 0 ? 0 : Math.max(0, count - row.count)
  if (row.count > 0 && last !== row.last) row.way = last > row.last ? 1 : -1
  Object.assign(row, { count, last, previous, open, high, low, volume })
  return made
}

/** A second of trading has gone by. */
export function sample(row: Row): void {
  row.trail.push(row.last)
  if (row.trail.length > TRAIL) row.trail.splice(0, row.trail.length - TRAIL)
}

/** The change since the last close, as a share of it. */
export const changeOf = ({ last, previous }: Row): number => (previous > 0 ? last / previous - 1 : 0)

/** What the whole company is worth, in millions of cents; `price` is the last close where it should stand still. */
export const valueOf = ({ shares }: Row, price: number): number => shares * price
