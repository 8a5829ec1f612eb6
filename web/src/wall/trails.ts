import type { Client } from 'rtms/client'
import { type Row, TRAIL } from './row.ts'

/** The server answers at most so many symbols, and prices in all, at a time. */
const SYMBOLS = 60
const LONG = 240
const GATHER_MS = 60

type Trails = Readonly<Record<string, readonly number[]>>

/** Asks the server for what prices were before this page looked: only for companies that are in sight. */
export class TrailLoader {
  readonly #client: Client
  readonly #drawn: (row: Row) => void
  readonly #wanted: Set<Row> = new Set()
  #asking = false

  constructor(client: Client, drawn: (row: Row) => void) {
    this.#client = client
    this.#drawn = drawn
  }

  want(row: Row): void {
    if (row.hasTrail) return
    this.#wanted.add(row)
    if (this.#asking) return
    this.#asking = true
    setTimeout(() => void this.#ask(), GATHER_MS)
  }

  forget(row: Row): void {
    this.#wanted.delete(row)
  }

  async #ask(): Promise<void> {
    while (this.#wanted.size > 0) {
      const rows = [...this.#wanted].slice(0, SYMBOLS)
      for (const row of rows) this.#wanted.delete(row)
      try {
        const symbols = rows.map(({ symbol }) => symbol)
        const trails = await this.#client.request<Trails>('wall.trails', { symbols, points: TRAIL })
        for (const row of rows) {
          row.trail = [...(trails[row.symbol] ?? [])]
          row.hasTrail = true
          this.#drawn(row)
        }
      } catch {
        // A sparkline that begins later is no reason to say anything; it is asked for again when it is next in sight.
      }
    }
    this.#asking = false
  }

  /** The price of one company over the last four minutes of trading, one a second. */
  async long({ symbol }: Row, signal: AbortSignal): Promise<number[]> {
    const trails = await this.#client.request<Trails>(
      'wall.trails',
      { symbols: [symbol], points: LONG },
      { signal },
    )
    return [...(trails[symbol] ?? [])]
  }
}
