import { Chance } from './chance.ts'
import { listCompanies, type Listing } from './listing.ts'
import { isAuction, isTrading, momentOf, type Session, sessionAt } from './sessions.ts'

/*
 * A market that makes itself up: a random walk in which the market, a branch and the company each have a part, that
 * comes back to what a company is worth, is lively for a while where it was lively, and jumps at news.
 */

/** Of a day's trading, how far the parts move a price: standard deviations, as shares of it. */
const DAILY = { market: 0.008, sector: 0.01, own: 0.016, overnight: 0.011 }
const TRADING_S = 150
/** A price comes half the way back to its worth in so many seconds of trading. */
const HALF_BACK_S = 900
/** What news stirred up is half as much after so many seconds. */
const CALM_S = 10
/** How quickly the price takes news in, in seconds. */
const TAKE_IN_S = 1.2
/** No price moves further than this from the last close in a day. */
const DAILY_LIMIT = 0.2
const NEWS_EVERY_S = 6
/** The longest step that is taken at once. */
const STEP_MS = 1_000
/** A price is kept for the charts so often, and so many of them. */
const SAMPLE_MS = 1_000
const SAMPLES = 240
/** The same companies on every node, and after every start. */
const LISTING_SEED = 1

/** The largest companies, first the largest: symbol and value. */
export const largest = (count: number): (readonly [symbol: string, value: number])[] =>
  listCompanies(new Chance(LISTING_SEED))
    .map(({ symbol, shares, worth }) => [symbol, shares * worth] as const)
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)

export const goodNews: readonly string[] = ['results', 'contract', 'patent', 'upgrade']
export const badNews: readonly string[] = ['warning', 'recall', 'outage', 'downgrade']

/** A company as it is traded. Prices are in cents. */
export interface Stock extends Listing {
  /** Counts its changes, from 1: who sees 3 and then 7 was spared three. */
  readonly count: number
  readonly last: number
  /** The last price of the day before. */
  readonly previous: number
  readonly open: number
  readonly high: number
  readonly low: number
  /** Shares traded today. */
  readonly volume: number
}

interface Moving extends Stock {
  readonly sectorNumber: number
  /** The logarithm of its worth. */
  readonly home: number
  count: number
  last: number
  previous: number
  open: number
  high: number
  low: number
  volume: number
  /** Where the price is going: its logarithm. */
  level: number
  /** News that the price has not taken in yet. */
  pending: number
  /** How stirred up it is: 0 is calm. */
  heat: number
  readonly samples: number[]
}

/** A price as it is told: count, last, previous, open, high, low, volume, as {@link Stock} has them. */
export type Quote = readonly [
  count: number,
  last: number,
  previous: number,
  open: number,
  high: number,
  low: number,
  volume: number,
]

export const quoteOf = ({ count, last, previous, open, high, low, volume }: Stock): Quote => [
  count,
  last,
  previous,
  open,
  high,
  low,
  volume,
]

/** Something happened to a company, or to all of a sector. */
export interface News {
  readonly number: number
  /** One of {@link goodNews} or {@link badNews}; `boom` or `slump` of a sector. */
  readonly kind: string
  readonly good: boolean
  readonly symbol: string
  readonly sector: string
}

/** What a step brought about. */
export interface Moves {
  readonly changed: ReadonlySet<Stock>
  readonly news: readonly News[]
}

/** The same moves for the same seed and the same steps. */
export class Market {
  readonly stocks: readonly Stock[]
  readonly #moving: readonly Moving[]
  readonly #bySymbol: ReadonlyMap<string, Moving>
  readonly #sectors: readonly string[]
  readonly #chance: Chance
  #ms = 0
  #sampledAt = 0
  #newsCount = 0
  /** How lively the whole market is; 1 in the long run. */
  #mood = 1

  constructor(seed: number) {
    this.#chance = new Chance(seed)
    const listings = listCompanies(new Chance(LISTING_SEED))
    this.#sectors = [...new Set(listings.map(({ sector }) => sector))]
    this.#moving = listings.map((listing) => this.#list(listing))
    this.stocks = this.#moving
    this.#bySymbol = new Map(this.#moving.map((stock) => [stock.symbol, stock]))
  }

  #list(listing: Listing): Moving {
    const last = Math.max(1, Math.round(listing.worth * Math.exp(0.1 * this.#chance.normal())))
    const day = { previous: last, open: last, high: last, low: last, volume: 0 }
    const level = Math.log(last) + this.#overnight(listing.beta)
    const fixed = { sectorNumber: this.#sectors.indexOf(listing.sector), home: Math.log(listing.worth) }
    return { ...listing, ...fixed, ...day, count: 1, last, level, pending: 0, heat: 0, samples: [last] }
  }

  /** Whether no time has gone by in it. */
  get isNew(): boolean {
    return this.#ms === 0
  }

  get session(): Session {
    return sessionAt(this.#ms)
  }

  stock(symbol: string): Stock | undefined {
    return this.#bySymbol.get(symbol)
  }

  /** A stock's prices over the last minutes of trading, one a second, oldest first. */
  trail(symbol: string): readonly number[] {
    return this.#bySymbol.get(symbol)?.samples ?? []
  }

  /** Goes on where another market stood that was told of: its prices by symbol, and its session. */
  resume(
    quotes: Iterable<readonly [symbol: string, quote: Quote]>,
    session: Pick<Session, 'day' | 'phase' | 'leftMs'>,
  ): void {
    for (const [symbol, [count, last, previous, open, high, low, volume]] of quotes) {
      const stock = this.#bySymbol.get(symbol)
      if (stock === undefined) continue
      Object.assign(stock, {
        count,
        last,
        previous,
        open,
        high,
        low,
        volume,
        level: Math.log(last),
        pending: 0,
      })
      stock.samples.splice(0, Infinity, last)
    }
    this.#ms = momentOf(session)
    this.#sampledAt = this.#ms
  }

  /** Lets so many milliseconds go by. */
  advance(ms: number): Moves {
    const changed = new Set<Stock>()
    const news: News[] = []
    for (let left = ms; left > 0;) {
      const { phase, leftMs, sinceMs } = this.session
      const step = Math.min(left, leftMs, STEP_MS)
      if (isTrading(phase)) this.#trade(step / 1_000, sinceMs / 1_000, changed, news)
      this.#ms += step
      left -= step
      if (step === leftMs) this.#turn(phase, changed)
      if (isTrading(phase)) this.#sample()
    }
    return { changed, news }
  }

  /** A phase is over. */
  #turn(over: Session['phase'], changed: Set<Stock>): void {
    for (const stock of this.#moving) {
      if (over === 'closed') this.#beginDay(stock)
      else if (isAuction(over)) this.#dealAuction(stock, over === 'opening')
      else continue
      changed.add(stock)
    }
  }

  #beginDay(stock: Moving): void {
    const { last } = stock
    Object.assign(stock, { previous: last, open: last, high: last, low: last, volume: 0 })
    stock.count++
    stock.level += this.#overnight(stock.beta)
  }

  #overnight(beta: number): number {
    return DAILY.overnight * beta * this.#chance.normal()
  }

  #dealAuction(stock: Moving, opening: boolean): void {
    this.#deal(stock, 100 * (1 + Math.floor(stock.pace * 40 * this.#chance.unit())))
    if (opening) stock.open = stock.high = stock.low = stock.last
  }

  #trade(seconds: number, sinceOpen: number, changed: Set<Stock>, news: News[]): void {
    const root = Math.sqrt(seconds / TRADING_S)
    this.#mood = Math.max(
      0.5,
      this.#mood + 0.02 * (1 - this.#mood) * seconds + 0.12 * root * this.#chance.normal(),
    )
    const market = DAILY.market * this.#mood * root * this.#chance.normal()
    const shared = this.#sectors.map(() => market + DAILY.sector * root * this.#chance.normal())
    if (this.#chance.of(1 - Math.exp(-seconds / NEWS_EVERY_S))) news.push(this.#tell())

    const back = 1 - 0.5 ** (seconds / HALF_BACK_S)
    const calm = 0.5 ** (seconds / CALM_S)
    const taken = 1 - Math.exp(-seconds / TAKE_IN_S)
    // Everybody trades when the doors open.
    const rush = 1 + 1.5 * Math.exp(-sinceOpen / 6)
    for (const stock of this.#moving) {
      const own = DAILY.own * (1 + stock.heat) * root * this.#chance.normal()
      const drift = stock.pending * taken
      stock.pending -= drift
      const level = stock.level + stock.beta * (shared[stock.sectorNumber] as number) + own + drift
      stock.level = level + back * (stock.home - level)
      stock.heat *= calm
      const pace = stock.pace * rush * this.#mood * (1 + 3 * stock.heat)
      if (!this.#chance.of(1 - Math.exp(-pace * seconds))) continue
      this.#deal(stock, 100 * (1 + Math.floor(-3 * (1 + stock.heat) * Math.log(1 - this.#chance.unit()))))
      changed.add(stock)
    }
  }

  /** Some shares change hands at the price of the moment. */
  #deal(stock: Moving, quantity: number): void {
    const least = Math.max(1, Math.ceil(stock.previous * (1 - DAILY_LIMIT)))
    const most = Math.max(least, Math.floor(stock.previous * (1 + DAILY_LIMIT)))
    stock.level = Math.min(Math.log(most), Math.max(Math.log(least), stock.level))
    stock.last = Math.min(most, Math.max(least, Math.round(Math.exp(stock.level))))
    stock.high = Math.max(stock.high, stock.last)
    stock.low = Math.min(stock.low, stock.last)
    stock.volume += quantity
    stock.count++
  }

  #tell(): News {
    const number = ++this.#newsCount
    const good = this.#chance.of(0.5)
    const sign = good ? 1 : -1
    if (this.#chance.of(0.15)) {
      const sector = this.#chance.pick(this.#sectors)
      for (const stock of this.#moving) if (stock.sector === sector) this.#stir(stock, sign * 0.012, 0.8)
      return { number, kind: good ? 'boom' : 'slump', good, symbol: '', sector }
    }
    // News are of those that people know: the first half of the list.
    const stock = this.#moving[this.#chance.below(this.#moving.length / 2)] as Moving
    this.#stir(stock, sign * (0.02 + 0.04 * this.#chance.unit()), 3)
    const kind = this.#chance.pick(good ? goodNews : badNews)
    return { number, kind, good, symbol: stock.symbol, sector: stock.sector }
  }

  #stir(stock: Moving, by: number, heat: number): void {
    stock.pending += by
    stock.heat = Math.min(6, stock.heat + heat)
  }

  #sample(): void {
    if (this.#ms - this.#sampledAt < SAMPLE_MS) return
    this.#sampledAt = this.#ms
    for (const { samples, last } of this.#moving) {
      samples.push(last)
      if (samples.length > SAMPLES) samples.shift()
    }
  }
}
