import type { View } from './texts.ts'
import { text } from './words.ts'
import { Feed, type Return } from './feed.ts'
import { clock } from './format.ts'
import type { HeatMap } from './heat-map.ts'
import { isListed, type Row } from './row.ts'
import { breadth, select, type Wish } from './selection.ts'
import { type Said, Trading } from './trading.ts'

const TOASTS = 4
const TOAST_MS = 6_000

declare global {
  interface Window {
    /** For whoever looks at the page from its console, and for its tests. */
    rtmsWall: Wall
  }
}

export interface Toast extends Said {
  readonly id: string
}

/** What draws rows by itself: told of each that changes. */
export interface Drawing {
  changed(row: Row): void
  /** Once a second. */
  beat(): void
}

/** The page's state: what comes from the server, and what the visitor chose. */
export class Wall {
  readonly feed: Feed
  readonly trading: Trading
  readonly drawings: Set<Drawing> = new Set()
  wish: Wish = { text: '', sector: '', order: 'value' }
  view: View = 'map'
  selected: Row | null = null
  toasts: readonly Toast[] = []
  /** Counted once a second. */
  breadth = breadth([])
  /** The map, while it is what is looked at. */
  map: HeatMap | null = null
  /** How the quotes came back the last time. */
  returned: (Return & { readonly text: string }) | null = null
  readonly #changed: () => void
  readonly #listed: Set<Row> = new Set()
  readonly #timers: Map<string, ReturnType<typeof setTimeout>> = new Map()
  #told = 0

  constructor(changed: () => void) {
    this.#changed = changed
    this.feed = new Feed({
      row: (row) => {
        for (const drawing of this.drawings) drawing.changed(row)
        if (this.#listed.has(row) || !isListed(row)) return
        this.#listed.add(row)
        changed()
      },
      beat: () => this.#beat(),
      changed,
      returned: (how) => this.#returned(how),
      moved: (node) => {
        this.trading.refresh()
        this.toast({ good: false, text: text.moved(node), id: 'moved' })
      },
    })
    this.trading = new Trading(this.feed.client, {
      changed,
      pushed: (said, order) => this.toast({ ...said, id: `order ${order.id}` }),
    })
    window.rtmsWall = this
  }

  /** How many companies there are. */
  get listed(): number {
    return this.#listed.size
  }

  #beat(): void {
    this.breadth = breadth(this.#listed)
    for (const drawing of this.drawings) drawing.beat()
    this.#changed()
  }

  #returned(how: Return): void {
    const seconds = (how.ms / 1000).toFixed(1)
    const said = how.recovered
      ? how.paused
        ? text.wentOn(seconds)
        : text.back(seconds)
      : text.anew(how.reason)
    this.returned = { ...how, text: said }
    // What was missed of trading is missing in the sparklines too.
    for (const row of this.feed.rows.values()) row.hasTrail = false
    this.toast({ good: how.recovered, text: said, id: `return ${++this.#told}` })
  }

  /** Shows it for a while; the one before with the same id makes room. */
  toast(toast: Toast): void {
    this.toasts = [...this.toasts.filter(({ id }) => id !== toast.id), toast].slice(-TOASTS)
    clearTimeout(this.#timers.get(toast.id))
    this.#timers.set(
      toast.id,
      setTimeout(() => {
        this.#timers.delete(toast.id)
        this.toasts = this.toasts.filter(({ id }) => id !== toast.id)
        this.#changed()
      }, TOAST_MS),
    )
    this.#changed()
  }

  rows(): Row[] {
    return select(this.#listed, this.wish)
  }

  choose(wish: Partial<Wish>): void {
    this.wish = { ...this.wish, ...wish }
    this.#changed()
  }

  setView(view: View): void {
    this.view = view
    this.#changed()
  }

  open(row: Row | null): void {
    if (row !== this.selected) this.trading.reply = null
    this.selected = row
    this.#changed()
  }

  priceOf(symbol: string): number {
    return this.feed.rows.get(symbol)?.last ?? 0
  }
}

export const remaining = (ms: number): string => text.left(clock(ms))
