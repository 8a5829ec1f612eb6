import { describe, expect, test } from 'vitest'
import { afterPush, free, type Push, withOrder, worth } from '../../../web/src/wall/account.ts'
import {
  changeOf,
  isListed,
  name,
  newRow,
  quote,
  type Row,
  sample,
  TRAIL,
} from '../../../web/src/wall/row.ts'
import { breadth, orders, select, type Wish } from '../../../web/src/wall/selection.ts'

function company(symbol: string, en: string, zh: string, sector: string, last: number, volume = 0): Row {
  const row = newRow(symbol)
  name(row, [en, zh, sector, 10])
  quote(row, [1, last, 1_000, 1_000, 1_100, 900, volume])
  return row
}

const rows = [
  company('BAVEL', 'Bavel Circuits', '巴维芯片', 'chips', 1_050, 300),
  company('KOZOR', 'Kozor Tea', '科佐茶业', 'foods', 900, 500),
  company('LATEK', 'Latek Photonics', '拉泰光电', 'chips', 990, 100),
  company('QIVEL', 'Qivel Toys', '奇维玩具', 'shops', 1_000, 200),
]
const all: Wish = { text: '', sector: '', order: 'symbol' }
const shown = (wish: Partial<Wish>): string[] => select(rows, { ...all, ...wish }).map(({ symbol }) => symbol)

describe('a row', () => {
  test('knows which way its price went, and what it was spared', () => {
    const row = newRow('BAVEL')
    expect(isListed(row)).toBe(false)
    expect(quote(row, [7, 100, 100, 100, 100, 100, 0])).toBe(0)
    expect(row.way).toBe(0)
    name(row, ['Bavel', '巴维', 'chips', 5])
    expect(isListed(row)).toBe(true)
    expect(quote(row, [12, 110, 100, 100, 110, 100, 0])).toBe(5)
    expect(row.way).toBe(1)
    expect(changeOf(row)).toBeCloseTo(0.1)
    quote(row, [13, 105, 100, 100, 110, 100, 0])
    expect(row.way).toBe(-1)
    // Another market: its count begins again.
    expect(quote(row, [2, 105, 100, 100, 110, 100, 0])).toBe(0)
  })

  test('remembers the last prices only', () => {
    const row = company('BAVEL', 'Bavel', '巴维', 'chips', 1_000)
    for (let i = 0; i < TRAIL + 5; i++) {
      row.last = i
      sample(row)
    }
    expect(row.trail).toHaveLength(TRAIL)
    expect([row.trail[0], row.trail.at(-1)]).toEqual([5, TRAIL + 4])
  })
})

describe('what is shown', () => {
  test('is found by symbol or name in either language, and by sector', () => {
    expect(shown({ text: 'vel' })).toEqual(['BAVEL', 'QIVEL'])
    expect(shown({ text: ' tea ' })).toEqual(['KOZOR'])
    expect(shown({ text: '光电' })).toEqual(['LATEK'])
    expect(shown({ sector: 'chips' })).toEqual(['BAVEL', 'LATEK'])
    expect(shown({ sector: 'chips', text: 'vel' })).toEqual(['BAVEL'])
    expect(shown({ text: 'nothing' })).toEqual([])
  })

  test('stands in the order that was chosen, equal ones by symbol', () => {
    expect(orders.map((order) => [order, shown({ order })])).toEqual([
      ['value', ['BAVEL', 'QIVEL', 'LATEK', 'KOZOR']],
      ['rise', ['BAVEL', 'QIVEL', 'LATEK', 'KOZOR']],
      ['fall', ['KOZOR', 'LATEK', 'QIVEL', 'BAVEL']],
      ['move', ['KOZOR', 'BAVEL', 'LATEK', 'QIVEL']],
      ['volume', ['KOZOR', 'BAVEL', 'QIVEL', 'LATEK']],
      ['price', ['BAVEL', 'QIVEL', 'LATEK', 'KOZOR']],
      ['symbol', ['BAVEL', 'KOZOR', 'LATEK', 'QIVEL']],
    ])
  })

  test('is counted by which way it went; what is not listed is neither', () => {
    expect(breadth([...rows, newRow('EMPTY')])).toEqual({ up: 1, down: 2, flat: 1 })
  })
})

describe('the account', () => {
  const order = { id: 7, symbol: 'BAVEL', side: 'buy', quantity: 100, type: 'market', filled: 0 } as const
  const empty = { cash: 10_000, holdings: [], orders: [] }
  const push: Push = {
    event: 'filled',
    order: { ...order, filled: 60 },
    quantity: 60,
    price: 50,
    cash: 7_000,
    holding: { symbol: 'BAVEL', quantity: 60, cost: 3_000 },
  }

  test('follows an order from taken to filled', () => {
    const placed = withOrder(empty, order)
    expect(placed.orders).toEqual([order])
    const half = afterPush(placed, push)
    expect(half).toEqual({ cash: 7_000, holdings: [push.holding], orders: [push.order] })
    const done = afterPush(half, { ...push, order: { ...order, filled: 100 }, cash: 5_000 })
    expect(done.orders).toEqual([])
    expect(worth(done.holdings, () => 60)).toBe(3_600)
    expect(worth(done.holdings, () => 0)).toBe(3_000)
  })

  test('forgets what was sold, and orders that ended', () => {
    const held = { ...empty, holdings: [push.holding], orders: [order] }
    const sold = afterPush(held, {
      ...push,
      event: 'cancelled',
      holding: { symbol: 'BAVEL', quantity: 0, cost: 0 },
    })
    expect(sold).toEqual({ cash: 7_000, holdings: [], orders: [] })
  })

  test('knows which shares are not offered yet', () => {
    const held = { ...empty, holdings: [push.holding] }
    const selling = withOrder(held, { ...order, side: 'sell', quantity: 50, filled: 10 })
    expect([free(held, 'BAVEL'), free(selling, 'BAVEL'), free(selling, 'KOZOR')]).toEqual([60, 20, 0])
  })
})
