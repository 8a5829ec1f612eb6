import type { Chance } from './chance.ts'
import type { Market, Stock } from './market.ts'
import { isTrading, type Phase } from './sessions.ts'

/* Orders of visitors with play money: taken, filled bit by bit, kept in memory within limits. */

/** Play money of a newcomer, in cents. */
export const START_CASH = 100_000_000
/** Shares of one order. */
export const MOST_SHARES = 10_000
/** Orders of a visitor that wait, and of all visitors. */
export const OPEN_PER_USER = 20
export const OPEN_IN_ALL = 1_000
/** Visitors that are remembered: more than can have orders. Who was away longest and has none is forgotten. */
export const ACCOUNTS = 2_000
/** A part of an order is filled after so many milliseconds of trading, somewhere between the two. */
const FILL_MS = [250, 900] as const
/** At most so many shares at once. */
const LOT = 400

export interface Wish {
  readonly symbol: string
  readonly side: 'buy' | 'sell'
  readonly quantity: number
  readonly type: 'market' | 'limit'
  /** In cents; what a limit order pays at most, or takes at least. */
  readonly limit?: number | undefined
}

export interface Order extends Wish {
  readonly id: number
  readonly filled: number
}

/** What a visitor holds of a company; `cost` is what was paid for it, in cents. */
export interface Holding {
  readonly symbol: string
  readonly quantity: number
  readonly cost: number
}

export interface Account {
  readonly cash: number
  readonly holdings: readonly Holding[]
  readonly orders: readonly Order[]
}

/** Why an order is not taken. */
export type Refusal = 'symbol' | 'money' | 'shares' | 'orders' | 'busy'

/** What became of an order: a part of it was filled, or it has ended unfilled. */
export interface Notice {
  readonly user: string
  readonly event: 'filled' | 'cancelled' | 'expired' | 'money'
  readonly order: Order
  /** Shares of this part, and their price in cents; 0 where nothing was filled. */
  readonly quantity: number
  readonly price: number
  /** The money and the holding of this company after it. */
  readonly cash: number
  readonly holding: Holding
}

interface OpenOrder extends Order {
  filled: number
  readonly owner: Owner
  /** Milliseconds of trading until its next part. */
  wait: number
}

interface Owner {
  readonly user: string
  cash: number
  readonly holdings: Map<string, { quantity: number; cost: number }>
  readonly orders: Map<number, OpenOrder>
}

/** What the other side asks for on top: buyers pay a little more than the last price, sellers get a little less. */
export function priceFor(side: Wish['side'], { last }: Stock): number {
  const half = Math.max(1, Math.round(last * 0.0003))
  return side === 'buy' ? last + half : Math.max(1, last - half)
}

export class Desk {
  readonly #market: Market
  readonly #chance: Chance
  /** In the order they were last seen. */
  readonly #owners: Map<string, Owner> = new Map()
  readonly #open: Set<OpenOrder> = new Set()
  #lastId = 1_000
  #phase: Phase

  constructor(market: Market, chance: Chance) {
    this.#market = market
    this.#chance = chance
    this.#phase = market.session.phase
  }

  /** Orders that wait. */
  get open(): number {
    return this.#open.size
  }

  account(user: string): Account {
    const { cash, holdings, orders } = this.#owner(user)
    return {
      cash,
      holdings: [...holdings].map(([symbol, held]) => ({ symbol, ...held })),
      orders: [...orders.values()].map(shown),
    }
  }

  place(user: string, wish: Wish): Order | Refusal {
    const stock = this.#market.stock(wish.symbol)
    if (stock === undefined) return 'symbol'
    const owner = this.#owner(user)
    if (owner.orders.size >= OPEN_PER_USER) return 'orders'
    if (this.#open.size >= OPEN_IN_ALL) return 'busy'
    if (wish.side === 'buy') {
      const price = wish.limit ?? priceFor('buy', stock)
      if (price * wish.quantity > owner.cash - this.#reserved(owner)) return 'money'
    } else if (
      wish.quantity >
      (owner.holdings.get(wish.symbol)?.quantity ?? 0) - offered(owner, wish.symbol)
    ) {
      return 'shares'
    }
    const order = { ...wish, id: ++this.#lastId, filled: 0, owner, wait: this.#waiting() }
    this.#open.add(order)
    owner.orders.set(order.id, order)
    return shown(order)
  }

  /** Takes back what is not filled yet of an order. */
  cancel(user: string, id: number): Notice | undefined {
    const order = this.#owners.get(user)?.orders.get(id)
    return order === undefined ? undefined : this.#end(order, 'cancelled')
  }

  /** So many milliseconds have gone by in the market. */
  advance(ms: number): Notice[] {
    const { phase } = this.#market.session
    const closes = phase === 'closed' && this.#phase !== 'closed'
    this.#phase = phase
    // What is ordered at night waits for the morning.
    if (closes) return [...this.#open].map((order) => this.#end(order, 'expired'))
    if (!isTrading(phase)) return []
    return [...this.#open].flatMap((order) => this.#fill(order, ms) ?? [])
  }

  #fill(order: OpenOrder, ms: number): Notice | null {
    order.wait -= ms
    if (order.wait > 0) return null
    const stock = this.#market.stock(order.symbol) as Stock
    const price = priceFor(order.side, stock)
    if (order.limit !== undefined && (order.side === 'buy' ? price > order.limit : price < order.limit))
      return null
    const left = order.quantity - order.filled
    const quantity = Math.min(left, LOT, Math.max(50, Math.ceil(left * (0.3 + 0.5 * this.#chance.unit()))))
    const { owner } = order
    // The price has run away since the order was taken.
    if (order.side === 'buy' && price * quantity > owner.cash) return this.#end(order, 'money')
    order.filled += quantity
    order.wait = this.#waiting()
    if (order.side === 'buy') this.#buy(owner, order.symbol, quantity, price)
    else this.#sell(owner, order.symbol, quantity, price)
    if (order.filled === order.quantity) this.#drop(order)
    return notice('filled', order, quantity, price)
  }

  #buy(owner: Owner, symbol: string, quantity: number, price: number): void {
    const held = owner.holdings.get(symbol) ?? { quantity: 0, cost: 0 }
    owner.cash -= quantity * price
    owner.holdings.set(symbol, { quantity: held.quantity + quantity, cost: held.cost + quantity * price })
  }

  #sell(owner: Owner, symbol: string, quantity: number, price: number): void {
    const held = owner.holdings.get(symbol) ?? { quantity: 0, cost: 0 }
    owner.cash += quantity * price
    const left = held.quantity - quantity
    if (left === 0) owner.holdings.delete(symbol)
    else owner.holdings.set(symbol, { quantity: left, cost: Math.round((held.cost * left) / held.quantity) })
  }

  #end(order: OpenOrder, event: 'cancelled' | 'expired' | 'money'): Notice {
    this.#drop(order)
    return notice(event, order, 0, 0)
  }

  #drop(order: OpenOrder): void {
    this.#open.delete(order)
    order.owner.orders.delete(order.id)
  }

  /** What open orders to buy may still cost. */
  #reserved(owner: Owner): number {
    let sum = 0
    for (const { side, symbol, quantity, filled, limit } of owner.orders.values())
      if (side === 'buy')
        sum += (quantity - filled) * (limit ?? priceFor('buy', this.#market.stock(symbol) as Stock))
    return sum
  }

  #waiting(): number {
    return FILL_MS[0] + (FILL_MS[1] - FILL_MS[0]) * this.#chance.unit()
  }

  #owner(user: string): Owner {
    const owner = this.#owners.get(user) ?? {
      user,
      cash: START_CASH,
      holdings: new Map(),
      orders: new Map(),
    }
    this.#owners.delete(user)
    this.#owners.set(user, owner)
    if (this.#owners.size > ACCOUNTS)
      for (const other of this.#owners.values())
        if (other !== owner && other.orders.size === 0) {
          this.#owners.delete(other.user)
          break
        }
    return owner
  }
}

/** Shares that open orders to sell will take. */
function offered(owner: Owner, symbol: string): number {
  let sum = 0
  for (const order of owner.orders.values())
    if (order.side === 'sell' && order.symbol === symbol) sum += order.quantity - order.filled
  return sum
}

function shown({ id, symbol, side, quantity, type, limit, filled }: OpenOrder): Order {
  return { id, symbol, side, quantity, type, limit, filled }
}

function notice(event: Notice['event'], order: OpenOrder, quantity: number, price: number): Notice {
  const { user, cash, holdings } = order.owner
  const holding = { symbol: order.symbol, ...(holdings.get(order.symbol) ?? { quantity: 0, cost: 0 }) }
  return { user, event, order: shown(order), quantity, price, cash, holding }
}
