import { type Client, connect, type Position, type RtmsError, type Socket, type State } from 'rtms/client'
import type { News } from '../../../src/demo/wall/market.ts'
import { isTrading, type Session } from '../../../src/demo/wall/sessions.ts'
import { getTicket } from '../shell/guest.ts'
import { chosenNode } from '../shell/nodes.tsx'
import { Meter } from './meter.ts'
import { type Company, name, newRow, type Quote, quote, type Row, sample } from './row.ts'

/** Quotes a second at most, as RTMS rounds them anyway; the market itself moves 20 times a second. */
export const paces = [1, 2, 5, 10, 20] as const
const QUOTES = 'wall.quotes'
const NEWS_KEPT = 30
const BEAT_MS = 1_000

/** How the quotes came back after they had stopped. */
export interface Return {
  readonly recovered: boolean
  readonly reason: string
  /** How long nothing came. */
  readonly ms: number
  readonly paused: boolean
}

interface Listener {
  /** A price, or something else of a row, is new. */
  row(row: Row): void
  /** Once a second: trails have grown, figures are new. */
  beat(): void
  /** Anything that is not about one row. */
  changed(): void
  returned(how: Return): void
  /** Another node runs the market from now on. */
  moved(node: string): void
}

/** The wall's connection, and everything that comes by it without being asked for. */
export class Feed {
  readonly client: Client
  readonly rows = new Map<string, Row>()
  readonly meter = new Meter()
  session: (Pick<Session, 'day' | 'phase' | 'leftMs'> & { readonly node: string }) | null = null
  news: readonly News[] = []
  problem: unknown = null
  paused = false
  hz = 5
  /** When quotes stopped coming, by performance.now(); null while they come. */
  stoppedAt: number | null = null
  /** The moment of the last quote, in milliseconds since 1970 by the server's clock. */
  latest = 0
  readonly #listener: Listener
  #since: Position | undefined
  #unsubscribe = (): void => {}
  #wasPaused = false

  constructor(listener: Listener) {
    this.#listener = listener
    this.client = connect({
      getTicket: () => getTicket('wall', { node: chosenNode() }),
      socket: (url, protocols) => this.#socket(url, protocols),
      maxBackoffMs: 3_000,
    })
    this.client.onState((state, error) => this.#stateChanged(state, error))
    this.#readCompanies()
    this.#readQuotes()
    this.#readSession()
    this.#readNews()
    setInterval(() => this.#beat(), BEAT_MS)
  }

  get state(): State {
    return this.client.state
  }

  get isTrading(): boolean {
    return this.session !== null && isTrading(this.session.phase)
  }

  #row(symbol: string): Row {
    let row = this.rows.get(symbol)
    if (row === undefined) this.rows.set(symbol, (row = newRow(symbol)))
    return row
  }

  #readCompanies(): void {
    this.client.subscribe<Company>(
      'wall.companies',
      (company, { key }) => {
        name(this.#row(key), company)
        this.#listener.row(this.#row(key))
      },
      { conflate: true, onError: this.#fail },
    )
  }

  #readQuotes(): void {
    this.#unsubscribe = this.client.subscribe<Quote>(
      QUOTES,
      (data, { key, time }) => {
        const row = this.#row(key)
        this.meter.quote(quote(row, data))
        this.latest = time
        this.#listener.row(row)
      },
      {
        conflate: true,
        maxHz: this.hz,
        ...(this.#since === undefined ? {} : { since: this.#since }),
        onSubscribed: ({ recovered, reason }) => this.#subscribed(recovered, reason),
        // Keys may have been removed unheard; those that are there follow.
        onGap: () => {
          for (const row of this.rows.values()) row.count = 0
        },
        onError: this.#fail,
      },
    )
  }

  #subscribed(recovered: boolean, reason: string): void {
    if (this.stoppedAt === null) return
    const ms = performance.now() - this.stoppedAt
    this.stoppedAt = null
    this.#listener.returned({ recovered, reason, ms, paused: this.#wasPaused })
    this.#wasPaused = false
  }

  #readSession(): void {
    this.client.subscribe<NonNullable<Feed['session']>>(
      'wall.session',
      (session) => {
        const moved = this.session !== null && session.node !== this.session.node
        this.session = session
        if (moved) this.#listener.moved(session.node)
        this.#listener.changed()
      },
      { conflate: true, onError: this.#fail },
    )
  }

  #readNews(): void {
    this.client.subscribe<News>(
      'wall.news',
      (news) => {
        this.news = [news, ...this.news].slice(0, NEWS_KEPT)
        this.#listener.changed()
      },
      {
        history: NEWS_KEPT,
        // They come again then, from the oldest one that is kept.
        onSubscribed: ({ recovered }) => {
          if (!recovered) this.news = []
        },
        onError: this.#fail,
      },
    )
  }

  #stateChanged(state: State, error: RtmsError | null): void {
    if (state === 'connected') this.problem = null
    else {
      this.#stop()
      if (state === 'closed' && error !== null) this.problem = error
    }
    this.#listener.changed()
  }

  #stop(): void {
    // At first there is nothing that could stop.
    if (this.meter.received === 0) return
    this.stoppedAt ??= performance.now()
    this.meter.interrupt()
  }

  readonly #fail = (error: RtmsError): void => {
    this.problem = error
    this.#listener.changed()
  }

  #beat(): void {
    const flows = this.state === 'connected' && !this.paused
    if (flows && this.isTrading) for (const row of this.rows.values()) if (row.count > 0) sample(row)
    if (flows && this.stoppedAt === null) this.meter.tick(performance.now())
    this.#listener.beat()
  }

  #socket(url: string, protocols: string[]): Socket {
    const socket = new WebSocket(url, protocols)
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
      this.meter.bytes += data.byteLength
    })
    return socket as unknown as Socket
  }

  // ---- what a visitor may set

  setPace(hz: number): void {
    if (hz === this.hz) return
    this.hz = hz
    this.meter.forget()
    if (!this.paused) {
      this.#leave()
      this.#readQuotes()
    }
    this.#listener.changed()
  }

  /** The server keeps the place: what goes on later begins where this has stopped. */
  togglePause(): void {
    this.paused = !this.paused
    if (this.paused) {
      this.#leave()
      this.#stop()
      this.#wasPaused = true
    } else this.#readQuotes()
    this.#listener.changed()
  }

  #leave(): void {
    this.#since = this.client.position(QUOTES) ?? this.#since
    this.#unsubscribe()
  }
}
