import { type Client, connect } from 'rtms/client'
import type { Figures } from '../../../src/demo/home.ts'
import { getTicket } from '../shell/guest.ts'
import { chosenNode } from '../shell/nodes.tsx'

/** Points of a line, and frames of the strip. */
const POINTS = 60
const FRAMES = 7

type Company = readonly [symbol: string, value: number]

interface Told {
  readonly first: Figures
  readonly last: Figures
}

/** What the first page shows of its node: everything on one connection, none of it asked for again and again. */
export class Live {
  readonly client: Client
  companies: readonly Company[] = []
  /** Since the last close, by symbol. */
  readonly changes: Map<string, number> = new Map()
  prices: readonly number[] = []
  /** Numbers of the latest frames of the battle. */
  frames: readonly number[] = []
  /** Messages a second. */
  rates: readonly number[] = []
  readonly #changed: () => void
  readonly #told: Map<string, Told> = new Map()

  constructor(changed: () => void) {
    this.#changed = changed
    this.client = connect({
      getTicket: async () => {
        const ticket = await getTicket<{ companies: readonly Company[] }>('home', { node: chosenNode() })
        this.companies = ticket.companies
        this.#readQuotes()
        return ticket
      },
      maxBackoffMs: 3_000,
    })
    this.client.onState(changed)
    this.client.subscribe<{ price: number }>('demo.price', ({ price }) => this.#price(price), {
      conflate: true,
      maxHz: 5,
    })
    this.client.subscribe<Figures>('home.figures', (figures, { key, removed }) => {
      if (removed) this.#told.delete(key)
      else this.#figures(key, figures)
    })
  }

  /** Frames of all nodes since this page came. */
  get sealed(): number {
    return this.#sum(({ first, last }) => last.frames - first.frames)
  }

  get connections(): number {
    return this.#sum(({ last }) => last.connections)
  }

  get meetings(): number {
    return this.#sum(({ last }) => last.meetings)
  }

  frame(number: number): void {
    this.frames = [...this.frames, number].slice(-FRAMES)
    this.#changed()
  }

  #sum(of: (told: Told) => number): number {
    let sum = 0
    for (const told of this.#told.values()) sum += of(told)
    return sum
  }

  #price(price: number): void {
    this.prices = [...this.prices, price].slice(-POINTS)
    this.#changed()
  }

  #figures(node: string, last: Figures): void {
    const before = this.#told.get(node)
    // A node that was started anew counts from 0.
    const first = before === undefined || last.frames < before.last.frames ? last : before.first
    this.#told.set(node, { first, last })
    if (before !== undefined)
      this.rates = [...this.rates, Math.max(0, last.messages - before.last.messages)].slice(-POINTS)
    this.#changed()
  }

  #readQuotes(): void {
    if (this.changes.size > 0) return
    const keys = this.companies.map(([symbol]) => symbol)
    for (const symbol of keys) this.changes.set(symbol, 0)
    this.client.subscribe<readonly [count: number, last: number, previous: number]>(
      'wall.quotes',
      ([, last, previous], { key }) => {
        this.changes.set(key, last / previous - 1)
        this.#changed()
      },
      { conflate: true, maxHz: 1, keys },
    )
  }
}
