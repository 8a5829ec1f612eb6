import type { Account, Holding, Notice, Order } from '../../../src/demo/wall/desk.ts'

/* The visitor's money, shares and orders: what the server said last, and what was pushed since. */

export type Push = Omit<Notice, 'user'>

export function withOrder(account: Account, order: Order): Account {
  return { ...account, orders: [...account.orders.filter(({ id }) => id !== order.id), order] }
}

export function afterPush(account: Account, { event, order, cash, holding }: Push): Account {
  const others = account.holdings.filter(({ symbol }) => symbol !== holding.symbol)
  const holdings = holding.quantity === 0 ? others : [...others, holding]
  const waits = event === 'filled' && order.filled < order.quantity
  const orders = account.orders.filter(({ id }) => id !== order.id)
  return {
    cash,
    holdings: holdings.sort((a, b) => (a.symbol < b.symbol ? -1 : 1)),
    orders: waits ? [...orders, order].sort((a, b) => a.id - b.id) : orders,
  }
}

/** What holdings are worth at the prices of the moment, in cents; at what they cost where there is no price. */
export function worth(holdings: readonly Holding[], priceOf: (symbol: string) => number): number {
  return holdings.reduce(
    (sum, { symbol, quantity, cost }) => sum + (priceOf(symbol) > 0 ? priceOf(symbol) * quantity : cost),
    0,
  )
}

/** Shares that no open order to sell is going to take. */
export function free({ holdings, orders }: Account, symbol: string): number {
  const held = holdings.find((holding) => holding.symbol === symbol)?.quantity ?? 0
  return orders.reduce(
    (sum, order) =>
      order.symbol === symbol && order.side === 'sell' ? sum - (order.quantity - order.filled) : sum,
    held,
  )
}
