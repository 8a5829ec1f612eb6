import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LISTED } from '../../../src/demo/wall/listing.ts'
import { badNews, goodNews, Market, quoteOf, type Stock } from '../../../src/demo/wall/market.ts'
import {
  DAY_MS,
  isTrading,
  momentOf,
  type Phase,
  sessionAt,
  timetable,
} from '../../../src/demo/wall/sessions.ts'

/** Milliseconds from the beginning of a day to that of a phase. */
function startOf(phase: Phase): number {
  let at = 0
  for (const [name, ms] of timetable) {
    if (name === phase) return at
    at += ms
  }
  throw new Error(`there is no ${phase}`)
}

/** Everything about a stock that people see. */
const shown = ({ symbol, count, last, previous, open, high, low, volume }: Stock) =>
  `${symbol} ${count} ${last} ${previous} ${open} ${high} ${low} ${volume}`
const picture = (market: Market): string[] => market.stocks.map(shown)

const sum = (list: readonly number[]): number => list.reduce((all, each) => all + each, 0)

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 })

describe('what is listed', () => {
  test('more than 500 companies, each with a symbol and a name of its own in both languages', () => {
    const { stocks } = new Market(1)
    expect(LISTED).toBeGreaterThanOrEqual(520)
    expect(stocks).toHaveLength(LISTED)
    for (const name of ['symbol', 'en', 'zh'] as const)
      expect(new Set(stocks.map((stock) => stock[name])).size, name).toBe(LISTED)
    for (const { symbol, zh } of stocks) {
      expect(symbol).toMatch(/^[A-Z]{5}$/)
      expect(zh).toMatch(/^\p{Script=Han}{3,7}$/u)
    }
  })

  test('twelve sectors of 45, in each of which a few are large and many small', () => {
    const { stocks } = new Market(1)
    const sectors = new Map<string, Stock[]>()
    for (const stock of stocks) sectors.set(stock.sector, [...(sectors.get(stock.sector) ?? []), stock])
    expect(sectors.size).toBe(12)
    for (const members of sectors.values()) {
      const sizes = members.map(({ shares, worth }) => shares * worth).sort((a, b) => b - a)
      expect(members).toHaveLength(45)
      expect((sizes[0] as number) / (sizes[40] as number)).toBeGreaterThan(5)
    }
  })
})

describe('a market that takes over from another one', () => {
  test('lists the same companies, and goes on from its prices at its hour', () => {
    const before = new Market(1)
    before.advance(DAY_MS + startOf('afternoon') + 1_500)
    const after = new Market(2)
    after.advance(500)
    after.resume(
      before.stocks.map((stock) => [stock.symbol, quoteOf(stock)]),
      before.session,
    )
    expect(picture(after)).toEqual(picture(before))
    expect(after.session).toEqual(before.session)
    expect(after.stocks.map(({ en, sector, shares }) => [en, sector, shares])).toEqual(
      before.stocks.map(({ en, sector, shares }) => [en, sector, shares]),
    )
    after.advance(1_000)
    for (const [i, stock] of after.stocks.entries()) {
      const { last, count } = before.stocks[i] as Stock
      expect(stock.count).toBeGreaterThanOrEqual(count)
      expect(Math.abs(stock.last / last - 1)).toBeLessThan(0.06)
    }
    // A symbol that it does not list is passed over.
    expect(() => after.resume([['NOONE', [1, 1, 1, 1, 1, 1, 1]]], after.session)).not.toThrow()
  })
})

describe('the day', () => {
  test('finds the moment of a session', () => {
    for (const at of [0, 1, 5_999, 6_000, 100_000, DAY_MS - 1, DAY_MS, 7 * DAY_MS + 81_000])
      expect(momentOf(sessionAt(at))).toBe(at)
  })

  test('goes through its phases and begins again', () => {
    let at = 0
    for (const [phase, ms] of [...timetable, ...timetable]) {
      const day = at < DAY_MS ? 1 : 2
      expect(sessionAt(at)).toEqual({ day, phase, leftMs: ms, sinceMs: 0 })
      expect(sessionAt(at + ms - 1)).toEqual({ day, phase, leftMs: 1, sinceMs: ms - 1 })
      at += ms
    }
  })

  test('nothing moves at lunch, during an auction and at night', () => {
    for (const phase of ['opening', 'lunch', 'closing', 'closed'] as const) {
      const market = new Market(3)
      market.advance(startOf(phase))
      const before = picture(market)
      const moves = market.advance(market.session.leftMs - 1)
      expect(moves, phase).toEqual({ changed: new Set(), news: [] })
      expect(picture(market), phase).toEqual(before)
    }
  })

  test('an auction ends with one deal of everybody, and the first one makes the day’s opening price', () => {
    const market = new Market(4)
    const dealt = market.advance(startOf('morning'))
    expect(dealt.changed.size).toBe(LISTED)
    for (const { last, open, high, low, volume } of market.stocks) {
      expect([open, high, low]).toEqual([last, last, last])
      expect(volume).toBeGreaterThan(0)
    }
    market.advance(startOf('closing') - startOf('morning'))
    expect(market.advance(startOf('closed') - startOf('closing')).changed.size).toBe(LISTED)
  })

  test('a new day begins where the last one ended, with nothing traded', () => {
    const market = new Market(5)
    market.advance(DAY_MS - 1)
    const closes = market.stocks.map(({ last }) => last)
    const moves = market.advance(1)
    expect(market.session).toMatchObject({ day: 2, phase: 'opening' })
    expect(moves.changed.size).toBe(LISTED)
    for (const [i, { last, previous, open, volume }] of market.stocks.entries())
      expect([last, previous, open, volume]).toEqual([closes[i], closes[i], closes[i], 0])
  })
})

describe('the walk', () => {
  test('is the same for the same seed and steps, and another for another seed', () => {
    fc.assert(
      fc.property(seeds, fc.array(fc.integer({ min: 1, max: 15_000 }), { maxLength: 3 }), (seed, steps) => {
        const [one, other, another] = [new Market(seed), new Market(seed), new Market(seed + 1)]
        for (const ms of steps) expect(one.advance(ms).news).toEqual(other.advance(ms).news)
        expect(picture(one)).toEqual(picture(other))
        expect(picture(one)).not.toEqual(picture(another))
      }),
      { numRuns: 3 },
    )
  })

  test('stays within a fifth of the last close, between the low and the high, in whole cents', () => {
    fc.assert(
      fc.property(seeds, fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 3 }), (seed, steps) => {
        const market = new Market(seed)
        for (const ms of steps) {
          market.advance(ms)
          for (const { last, previous, open, high, low, volume } of market.stocks) {
            for (const price of [last, open, high, low, volume])
              expect(Number.isSafeInteger(price)).toBe(true)
            expect(low).toBeGreaterThan(0)
            expect(low).toBeLessThanOrEqual(Math.min(last, open))
            expect(high).toBeGreaterThanOrEqual(Math.max(last, open))
            expect(high / previous).toBeLessThanOrEqual(1.2)
            expect(low / previous).toBeGreaterThanOrEqual(0.8)
          }
        }
      }),
      { numRuns: 3 },
    )
  })

  test('comes back to what a company is worth, over three days', () => {
    const market = new Market(6)
    market.advance(3 * DAY_MS)
    const ratios = market.stocks.map(({ last, worth }) => last / worth)
    expect(Math.min(...ratios)).toBeGreaterThan(0.4)
    expect(Math.max(...ratios)).toBeLessThan(2.5)
  })

  test('counts each change by one, and trade only ever grows in a day', () => {
    const market = new Market(7)
    market.advance(startOf('morning'))
    let before = new Map(market.stocks.map((stock) => [stock, { ...stock }]))
    for (let i = 0; i < 25; i++) {
      const { changed } = market.advance(50)
      for (const stock of market.stocks) {
        const was = before.get(stock) as Stock
        expect(stock.count).toBe(was.count + (changed.has(stock) ? 1 : 0))
        if (changed.has(stock)) expect(stock.volume).toBeGreaterThan(was.volume)
        else expect(shown(stock)).toBe(shown(was))
      }
      before = new Map(market.stocks.map((stock) => [stock, { ...stock }]))
    }
  })

  test('brings hundreds of changes a second, most of them of a few dozen stocks', () => {
    const market = new Market(8)
    market.advance(startOf('morning') + 20_000)
    const counts = new Map<Stock, number>()
    for (let i = 0; i < 200; i++)
      for (const stock of market.advance(50).changed) counts.set(stock, (counts.get(stock) ?? 0) + 1)
    const sorted = [...counts.values()].sort((a, b) => b - a)
    expect(sum(sorted) / 10).toBeGreaterThan(400)
    expect(sum(sorted) / 10).toBeLessThan(3_000)
    expect(sum(sorted.slice(0, 60)) / sum(sorted)).toBeGreaterThan(0.33)
  })

  test('news stirs its company up: its price moves the way the news goes, further than others do', () => {
    let [theirs, others, right, seen] = [0, 0, 0, 0]
    const market = new Market(10)
    while (seen < 10) {
      const [news] = market.advance(250).news
      if (news === undefined || news.symbol === '') continue
      expect(news.good ? goodNews : badNews).toContain(news.kind)
      const before = market.stocks.map(({ last }) => last)
      market.advance(4_000)
      // News at the end of a session is taken in later.
      if (!isTrading(market.session.phase)) continue
      for (const [i, stock] of market.stocks.entries()) {
        const move = stock.last / (before[i] as number) - 1
        if (stock.symbol !== news.symbol) others += Math.abs(move) / (LISTED - 1)
        else {
          theirs += Math.abs(move)
          if (news.good ? move > 0 : move < 0) right++
        }
      }
      seen++
    }
    expect(theirs / others).toBeGreaterThan(3)
    expect(right / seen).toBeGreaterThanOrEqual(0.8)
  })

  test('a price is kept each second of trading, for four minutes at most', () => {
    const market = new Market(9)
    const { symbol } = market.stocks[0] as Stock
    expect(market.trail(symbol)).toHaveLength(1)
    market.advance(startOf('morning') + 10_000)
    expect(market.trail(symbol).length).toBeGreaterThanOrEqual(10)
    const traded = market.trail(symbol).length
    market.advance(startOf('lunch') - market.session.sinceMs - startOf('morning'))
    expect(market.trail(symbol).length).toBeGreaterThan(traded)
    market.advance(DAY_MS + 80_000)
    expect(market.trail(symbol)).toHaveLength(240)
    expect(market.trail('NOBODY')).toEqual([])
  })
})
