import { randomInt } from 'node:crypto'
import { RtmsError } from '../../protocol/index.ts'
import type { Rtms } from '../../server/index.ts'
import { every, type Fault, type Part, Post } from '../part.ts'
import { Chance } from './chance.ts'
import { Desk, type Notice } from './desk.ts'
import { Market, type News, type Quote, quoteOf, type Stock } from './market.ts'
import type { Session } from './sessions.ts'
import { checkCancel, checkOrder, checkTrails } from './wishes.ts'

/* The wall: a market of 540 companies that moves while somebody looks, and orders with play money. */

const TICK_MS = 50
/** What visitors do not see: so much of the first day is over when the first of them comes. */
const WARM_UP_MS = 110_000
const SESSION_EVERY_TICKS = 20
/** For readers on other nodes: topics without one here are forgotten after a while. */
const INTRODUCE_EVERY_TICKS = 400
/** From this pressure on, so many ticks at most go by before prices are told again. */
const HIGH_PRESSURE = 0.6
const REST_TICKS = 20

/** By symbol: the names of the company, its sector, millions of shares. */
const COMPANIES = 'wall.companies'
/** By symbol. */
const QUOTES = 'wall.quotes'
const SESSION = 'wall.session'
const NEWS = 'wall.news'
/** Whoever holds it runs the market, and takes orders. */
const FLOOR = 'wall.floor'

export function wall(rtms: Rtms, fault: Fault): Part {
  const seed = randomInt(2 ** 31)
  const market = new Market(seed)
  const desk = new Desk(market, new Chance(seed + 1))
  const handlers = handlersOf(rtms, market, desk, fault)
  const floor = new Post(rtms, FLOOR, fault, ({ method, data }) => {
    const { user, wish } = data as { user: string; wish: unknown }
    return handlers[method as keyof typeof handlers](user, wish)
  })
  const board = new Board(rtms, market, floor)
  rtms.topics.define(NEWS, { entries: 50, bytes: 65_536, ageMs: 3_600_000 })
  /** Whether this node's market is the one that the wall shows. */
  let isOurs = false
  const advance = (): void => {
    const watched = board.isWatched
    if (!watched && desk.open === 0) return
    floor.keep()
    isOurs &&= floor.isHere
    if (!floor.isHere) return
    if (!isOurs) begin(rtms, market)
    isOurs = true
    const { changed, news } = market.advance(TICK_MS)
    for (const notice of desk.advance(TICK_MS)) tell(rtms, notice, fault)
    if (watched) board.show(changed, news)
  }
  const stop = every(TICK_MS, advance, fault)
  const unregister = Object.keys(handlers).map((method) =>
    rtms.onRequest(method, ({ user, data }) => floor.call(method, { user, wish: data })),
  )
  return {
    async admit() {
      await floor.hold()
      // No meeting: readers of a topic are as well off on any node.
      return { topics: { read: ['wall.*'] } }
    },
    close() {
      stop()
      for (const each of unregister) each()
    },
  }
}

/**
 * The market of this node is the wall's from now on. It goes on from the prices that readers here have, if another node
 * had it before.
 */
function begin(rtms: Rtms, market: Market): void {
  const [told] = rtms.topics.latest(SESSION)
  const quotes = rtms.topics.latest(QUOTES).map(({ key, data }) => [key, data as Quote] as const)
  if (told !== undefined && quotes.length > 0) market.resume(quotes, told.data as Session)
  else if (market.isNew) market.advance(WARM_UP_MS)
}

/** Tells the topics what moves. What cannot be told now is told later, by then the latest of it. */
class Board {
  readonly #rtms: Rtms
  readonly #market: Market
  readonly #floor: Post
  readonly #unsent: Set<Stock> = new Set()
  #wasWatched = false
  #shown = 0
  #tick = 0
  #rest = 0
  #phase = ''

  constructor(rtms: Rtms, market: Market, floor: Post) {
    this.#rtms = rtms
    this.#market = market
    this.#floor = floor
  }

  /**
   * Who reads no quotes for a while and stays with the session is still there: the market goes on. So it does for who
   * may read on another node.
   */
  get isWatched(): boolean {
    const topics = [QUOTES, SESSION].map((name) => this.#rtms.topics.get(name))
    const watched =
      topics.some((topic) => (topic?.subscribers ?? 0) > 0) || (this.#floor.isHere && this.#floor.isForOthers)
    this.#wasWatched &&= watched
    return watched
  }

  show(changed: ReadonlySet<Stock>, news: readonly News[]): void {
    for (const stock of changed) this.#unsent.add(stock)
    try {
      const isDue = this.#floor.isForOthers && this.#shown++ % INTRODUCE_EVERY_TICKS === 0
      if (!this.#wasWatched || isDue) this.#introduce()
      this.#wasWatched = true
      this.#showSession()
      for (const each of news) this.#rtms.topics.publish(NEWS, each)
      if (this.#rest-- <= 0) this.#showQuotes()
    } catch (error) {
      if (!(error instanceof RtmsError)) throw error
      this.#rest = REST_TICKS
    }
  }

  /** Nobody looked for a while: the node may have forgotten these topics, and prices may have moved. */
  #introduce(): void {
    this.#phase = ''
    for (const stock of this.#market.stocks) {
      const { symbol, en, zh, sector, shares } = stock
      this.#rtms.topics.publish(COMPANIES, [en, zh, sector, shares], { key: symbol })
      this.#unsent.add(stock)
    }
  }

  #showSession(): void {
    const { day, phase, leftMs } = this.#market.session
    if (phase === this.#phase && ++this.#tick % SESSION_EVERY_TICKS !== 0) return
    this.#phase = phase
    this.#rtms.topics.publish(SESSION, { day, phase, leftMs, node: this.#rtms.node })
  }

  #showQuotes(): void {
    let pressure = 0
    for (const stock of this.#unsent) {
      pressure = this.#rtms.topics.publish(QUOTES, quoteOf(stock), { key: stock.symbol })
      this.#unsent.delete(stock)
    }
    this.#rest = pressure >= HIGH_PRESSURE ? Math.round(pressure * REST_TICKS) : 0
  }
}

/** What a visitor may ask for: answered on the node that has the market. */
function handlersOf(rtms: Rtms, market: Market, desk: Desk, fault: Fault) {
  return {
    'wall.account': (user: string) => desk.account(user),
    'wall.order': (user: string, wish: unknown) => {
      const placed = desk.place(user, checkOrder(wish))
      return typeof placed === 'string' ? { refused: placed } : { order: placed }
    },
    'wall.cancel': (user: string, wish: unknown) => {
      const notice = desk.cancel(user, checkCancel(wish).id)
      // Every window of the user hears of it, the one that asks too.
      if (notice !== undefined) tell(rtms, notice, fault)
      return { cancelled: notice !== undefined }
    },
    'wall.trails': (_: string, wish: unknown) => {
      const { symbols, points } = checkTrails(wish)
      return Object.fromEntries(symbols.map((symbol) => [symbol, market.trail(symbol).slice(-points)]))
    },
  }
}

function tell(rtms: Rtms, { user, ...notice }: Notice, fault: Fault): void {
  rtms.users.push(user, 'wall.order', notice).catch(fault)
}
