import { changeOf, isListed, type Row, valueOf } from './row.ts'

/* Which companies are shown, and in which order. */

export const orders = ['value', 'rise', 'fall', 'move', 'volume', 'price', 'symbol'] as const
export type Order = (typeof orders)[number]

export interface Wish {
  /** What symbol or name, in either language, must contain. */
  readonly text: string
  /** A sector, or '' for all. */
  readonly sector: string
  readonly order: Order
}

const compare: Readonly<Record<Order, (a: Row, b: Row) => number>> = {
  value: (a, b) => valueOf(b, b.last) - valueOf(a, a.last),
  rise: (a, b) => changeOf(b) - changeOf(a),
  fall: (a, b) => changeOf(a) - changeOf(b),
  move: (a, b) => Math.abs(changeOf(b)) - Math.abs(changeOf(a)),
  volume: (a, b) => b.volume - a.volume,
  price: (a, b) => b.last - a.last,
  symbol: () => 0,
}

/** Equal ones stand by symbol, so that nothing changes places for no reason. */
export function select(rows: Iterable<Row>, { text, sector, order }: Wish): Row[] {
  const wanted = text.trim().toLowerCase()
  const better = compare[order]
  return [...rows]
    .filter((row) => isListed(row) && (sector === '' || row.sector === sector) && matches(row, wanted))
    .sort((a, b) => better(a, b) || (a.symbol < b.symbol ? -1 : 1))
}

function matches({ symbol, en, zh }: Row, wanted: string): boolean {
  return (
    wanted === '' ||
    symbol.toLowerCase().includes(wanted) ||
    en.toLowerCase().includes(wanted) ||
    zh.includes(wanted)
  )
}

/** How many rose and fell since the last close. */
export function breadth(rows: Iterable<Row>): {
  readonly up: number
  readonly down: number
  readonly flat: number
} {
  let [up, down, flat] = [0, 0, 0]
  for (const row of rows) {
    if (!isListed(row)) continue
    if (row.last > row.previous) up++
    else if (row.last < row.previous) down++
    else flat++
  }
  return { up, down, flat }
}
