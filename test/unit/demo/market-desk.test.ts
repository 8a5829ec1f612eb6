import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Chance } from '../../../src/demo/wall/chance.ts'
import {
  ACCOUNTS,
  Desk,
  MOST_SHARES,
  type Notice,
  OPEN_IN_ALL,
  OPEN_PER_USER,
  type Order,
  priceFor,
  START_CASH,
  type Wish,
} from '../../../src/demo/wall/desk.ts'
import { Market, type Stock } from '../../../src/demo/wall/market.ts'
import { checkCancel, checkOrder, checkTrails } from '../../../src/demo/wall/wishes.ts'

/** A desk in the middle of a morning, and the cheapest and the dearest company. */
function setUp(seed = 1) {
  const market = new Market(seed)
  market.advance(20_000)
  const byPrice = [...market.stocks].sort((a, b) => a.last - b.last)
  const desk = new Desk(market, new Chance(seed))
  const [cheap, dear] = [byPrice[0] as Stock, byPrice.at(-1) as Stock]
  return { market, desk, cheap, dear }
}

const buy = ({ symbol }: Stock, quantity: number): Wish => ({ symbol, side: 'buy', quantity, type: 'market' })
const sell = (stock: Stock, quantity: number): Wish => ({ ...buy(stock, quantity), side: 'sell' })

const phaseOf = (market: Market): string => market.session.phase

/** Lets time pass for the market and the desk; returns what the desk had to say. */
function pass({ market, desk }: { market: Market; desk: Desk }, ms: number): Notice[] {
  const notices: Notice[] = []
  for (let at = 0; at < ms; at += 50) {
    market.advance(50)
    notices.push(...desk.advance(50))
  }
  return notices
}

describe('an order', () => {
  test('is filled in parts, each at the price of its moment, and the parts add up', () => {
    const world = setUp()
    const { desk, cheap } = world
    const order = desk.place('ada', buy(cheap, 1_500)) as Order
    expect(order).toMatchObject({ symbol: cheap.symbol, quantity: 1_500, filled: 0 })
    const parts = pass(world, 10_000)
    expect(parts.length).toBeGreaterThan(3)
    expect(parts.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(1_500)
    expect(parts.map(({ order }) => order.filled).at(-1)).toBe(1_500)
    expect(new Set(parts.map(({ user, event, order }) => `${user} ${event} ${order.id}`))).toEqual(
      new Set([`ada filled ${order.id}`]),
    )
    const paid = parts.reduce((sum, { quantity, price }) => sum + quantity * price, 0)
    expect(desk.account('ada')).toEqual({
      cash: START_CASH - paid,
      holdings: [{ symbol: cheap.symbol, quantity: 1_500, cost: paid }],
      orders: [],
    })
    expect(parts.at(-1)).toMatchObject({ cash: START_CASH - paid, holding: { quantity: 1_500, cost: paid } })
    expect(desk.open).toBe(0)
  })

  test('with a limit waits until the price is there', () => {
    const world = setUp()
    const { desk, cheap, market } = world
    const limit = cheap.last - 1
    desk.place('ada', { ...buy(cheap, 10), type: 'limit', limit })
    for (let i = 0; i < 1_000 && desk.open > 0; i++) {
      market.advance(50)
      for (const { event, price } of desk.advance(50)) {
        expect(event).toBe('filled')
        expect(price).toBeLessThanOrEqual(limit)
        expect(price).toBe(priceFor('buy', cheap))
      }
      if (priceFor('buy', cheap) > limit) expect(desk.open).toBe(1)
    }
  })

  test('can be taken back by who placed it and by nobody else', () => {
    const { desk, cheap } = setUp()
    const { id } = desk.place('ada', { ...buy(cheap, 10), type: 'limit', limit: 1 }) as Order
    expect(desk.cancel('ben', id)).toBeUndefined()
    expect(desk.open).toBe(1)
    expect(desk.cancel('ada', id)).toMatchObject({ user: 'ada', event: 'cancelled', order: { id } })
    expect(desk.cancel('ada', id)).toBeUndefined()
    expect(desk.account('ada').orders).toEqual([])
  })

  test('rests at lunch, ends when the market closes, and waits for the morning when placed at night', () => {
    const world = setUp()
    const { desk, cheap, market } = world
    while (phaseOf(market) !== 'lunch') market.advance(1_000)
    desk.place('ada', buy(cheap, 10))
    expect(pass(world, market.session.leftMs - 50)).toEqual([])
    expect(pass(world, 2_000)).toMatchObject([{ event: 'filled', quantity: 10 }])

    desk.place('ada', { ...buy(cheap, 10), type: 'limit', limit: 1 })
    while (phaseOf(market) !== 'closing') market.advance(1_000)
    expect(pass(world, market.session.leftMs)).toMatchObject([{ event: 'expired', quantity: 0 }])

    desk.place('ada', buy(cheap, 10))
    expect(pass(world, market.session.leftMs)).toEqual([])
    expect(phaseOf(market)).toBe('opening')
    expect(pass(world, market.session.leftMs + 2_000)).toMatchObject([{ event: 'filled', quantity: 10 }])
  })

  test('is refused for what does not exist, what cannot be paid and what is not held', () => {
    const world = setUp()
    const { desk, cheap, dear } = world
    expect(desk.place('ada', { ...buy(cheap, 1), symbol: 'NOONE' })).toBe('symbol')
    expect(desk.place('ada', sell(cheap, 1))).toBe('shares')
    expect(desk.place('ada', buy(dear, 10_000))).toBe('money')
    const most = Math.floor(START_CASH / priceFor('buy', dear))
    expect(desk.place('ada', buy(dear, most))).toMatchObject({ filled: 0 })
    // What an order may still cost is not there for another one.
    expect(desk.place('ada', buy(dear, 1 + Math.floor(most / 10)))).toBe('money')

    expect(desk.place('ben', buy(cheap, 10))).toMatchObject({ filled: 0 })
    pass(world, 2_000)
    expect(desk.place('ben', sell(cheap, 6))).toMatchObject({ filled: 0 })
    expect(desk.place('ben', sell(cheap, 6))).toBe('shares')
  })

  test('an order whose price has run away ends before it costs more than there is', () => {
    const world = setUp()
    const { desk, dear, market } = world
    const most = Math.floor(START_CASH / priceFor('buy', dear))
    desk.place('ada', buy(dear, most))
    const notices = pass(world, 20_000)
    expect(['filled', 'money']).toContain(notices.at(-1)?.event)
    expect(desk.account('ada').cash).toBeGreaterThanOrEqual(0)
    expect(desk.open).toBe(0)
    expect(market.stock(dear.symbol)).toBe(dear)
  })

  test('what is sold comes off the holding, at its share of the cost', () => {
    const world = setUp()
    const { desk, cheap } = world
    desk.place('ada', buy(cheap, 300))
    pass(world, 5_000)
    const [{ cost } = { cost: 0 }] = desk.account('ada').holdings
    desk.place('ada', sell(cheap, 100))
    pass(world, 3_000)
    expect(desk.account('ada').holdings).toEqual([
      { symbol: cheap.symbol, quantity: 200, cost: Math.round((cost * 2) / 3) },
    ])
    desk.place('ada', sell(cheap, 200))
    pass(world, 5_000)
    expect(desk.account('ada').holdings).toEqual([])
  })
})

describe('the desk', () => {
  test('never makes money or shares out of nothing, whatever is ordered', () => {
    const wishes = fc.record({
      user: fc.constantFrom('ada', 'ben'),
      stock: fc.nat(3),
      side: fc.constantFrom('buy' as const, 'sell' as const),
      quantity: fc.integer({ min: 1, max: MOST_SHARES }),
      limit: fc.option(fc.double({ min: 0.95, max: 1.05, noNaN: true }), { nil: undefined }),
      cancel: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(wishes, { minLength: 1, maxLength: 12 }), (orders) => {
        const world = setUp()
        const { desk, market } = world
        const cash = new Map([
          ['ada', START_CASH],
          ['ben', START_CASH],
        ])
        const shares = new Map<string, number>()
        const note = ({ user, order, quantity, price }: Notice): void => {
          const sign = order.side === 'buy' ? 1 : -1
          const key = `${user} ${order.symbol}`
          cash.set(user, (cash.get(user) as number) - sign * quantity * price)
          shares.set(key, (shares.get(key) ?? 0) + sign * quantity)
        }
        for (const { user, stock, side, quantity, limit, cancel } of orders) {
          const { symbol, last } = market.stocks[stock] as Stock
          const wish =
            limit === undefined
              ? { symbol, side, quantity, type: 'market' as const }
              : { symbol, side, quantity, type: 'limit' as const, limit: Math.round(last * limit) }
          const placed = desk.place(user, wish)
          if (cancel && typeof placed !== 'string') desk.cancel(user, placed.id)
          pass(world, 500).forEach(note)
        }
        pass(world, 3_000).forEach(note)
        for (const user of ['ada', 'ben']) {
          const account = desk.account(user)
          expect(account.cash).toBe(cash.get(user))
          expect(account.cash).toBeGreaterThanOrEqual(0)
          for (const { symbol, quantity } of account.holdings) {
            expect(quantity).toBe(shares.get(`${user} ${symbol}`))
            expect(quantity).toBeGreaterThan(0)
          }
        }
      }),
      { numRuns: 6 },
    )
  })

  test('takes so many orders of one visitor, and of all', () => {
    const { desk, cheap } = setUp()
    const wish: Wish = { ...buy(cheap, 1), type: 'limit', limit: 1 }
    for (let i = 0; i < OPEN_PER_USER; i++) expect(desk.place('ada', wish)).toMatchObject({ filled: 0 })
    expect(desk.place('ada', wish)).toBe('orders')
    for (let i = OPEN_PER_USER; i < OPEN_IN_ALL; i++)
      expect(desk.place(`user ${i}`, wish)).toMatchObject({ filled: 0 })
    expect(desk.place('ben', wish)).toBe('busy')
  })

  test('forgets who was away longest, but never who has an order that waits', () => {
    const world = setUp()
    const { desk, cheap } = world
    desk.place('first', { ...buy(cheap, 1), type: 'limit', limit: 1 })
    desk.place('second', buy(cheap, 1))
    pass(world, 2_000)
    expect(desk.account('second').holdings).toHaveLength(1)
    for (let i = 0; i < ACCOUNTS; i++) desk.account(`user ${i}`)
    expect(desk.account('first').orders).toHaveLength(1)
    expect(desk.account('second').holdings).toEqual([])
  })
})

describe('what clients ask for', () => {
  const order = { symbol: 'BAVEL', side: 'buy', quantity: 1, type: 'market' }

  test('is taken as it is meant', () => {
    expect(checkOrder(order)).toEqual(order)
    expect(checkOrder({ ...order, type: 'limit', limit: 100 })).toMatchObject({ limit: 100 })
    expect(checkCancel({ id: 7 })).toEqual({ id: 7 })
    expect(checkTrails({ symbols: ['BAVEL'], points: 240 })).toEqual({ symbols: ['BAVEL'], points: 240 })
  })

  test.each([
    [checkOrder, null, 'An order is'],
    [checkOrder, { ...order, type: 'wish' }, 'An order is'],
    [checkOrder, { ...order, type: 'limit' }, 'Expected "limit"'],
    [checkOrder, { ...order, type: 'limit', limit: 1.5 }, 'limit must be'],
    [checkOrder, { ...order, quantity: 0 }, 'quantity must be'],
    [checkOrder, { ...order, quantity: MOST_SHARES + 1 }, 'quantity must be'],
    [checkOrder, { ...order, quantity: 1.5 }, 'quantity must be'],
    [checkOrder, { ...order, quantity: '1' }, 'quantity must be'],
    [checkOrder, { ...order, side: 'hold' }, 'side must be'],
    [checkOrder, { ...order, symbol: '__proto__' }, 'symbol must be'],
    [checkCancel, 7, 'To cancel'],
    [checkTrails, { symbols: [], points: 1 }, 'symbols must be'],
    [checkTrails, { symbols: Array.from({ length: 65 }, () => 'BAVEL'), points: 1 }, 'symbols must be'],
    [checkTrails, { symbols: ['BAVEL'], points: 241 }, 'points must be'],
    [checkTrails, { symbols: Array.from({ length: 64 }, () => 'BAVEL'), points: 240 }, 'at most 3000'],
  ])('and refused otherwise: %o', (check, data, message) => {
    expect(() => check(data)).toThrow(message)
  })
})
