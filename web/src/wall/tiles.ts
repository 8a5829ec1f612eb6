import type { Row } from './row.ts'
import { Tile } from './tile.ts'

const FADE_MS = 140
/** Nothing changes places under a pointer that has moved lately. */
const HOLD_MS = 3_000
/** Tiles are made ready so far ahead of what is in sight. */
const AHEAD = '160px'
const steps: Readonly<Record<string, (columns: number) => number>> = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: (columns) => -columns,
  ArrowDown: (columns) => columns,
  PageUp: (columns) => -5 * columns,
  PageDown: (columns) => 5 * columns,
  Home: () => -Infinity,
  End: () => Infinity,
}

interface Listener {
  chosen(row: Row, byKey: boolean): void
  inSight(row: Row): void
  outOfSight(row: Row): void
}

/**
 * The wall of tiles. All companies are in the document, and only those in sight are drawn: of them only what has
 * changed, at most once for each repaint.
 */
export class Tiles {
  readonly #root: HTMLElement
  readonly #listener: Listener
  readonly #tiles: Tile[] = []
  #shown = 0
  readonly #bySymbol: Map<string, Tile> = new Map()
  readonly #byElement: Map<Element, Tile> = new Map()
  readonly #changed: Set<Tile> = new Set()
  readonly #flashing: Set<Tile> = new Set()
  readonly #sight: IntersectionObserver
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)')
  #focused = 0
  #selected = ''
  #fadedAt = 0
  #frame = 0
  #timer: ReturnType<typeof setTimeout> | null = null
  #pointedAt = -Infinity

  constructor(root: HTMLElement, listener: Listener) {
    this.#root = root
    this.#listener = listener
    this.#sight = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: AHEAD })
    root.addEventListener('click', (event) => this.#click(event))
    root.addEventListener('keydown', (event) => this.#key(event))
    root.addEventListener('focusin', (event) => this.#focus(event))
    root.addEventListener('pointermove', () => (this.#pointedAt = performance.now()), { passive: true })
    root.addEventListener('pointerleave', () => (this.#pointedAt = -Infinity), { passive: true })
  }

  destroy(): void {
    this.#sight.disconnect()
    cancelAnimationFrame(this.#frame)
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#root.replaceChildren()
  }

  /** Somebody is about to choose: nothing should change places now. */
  get isHeld(): boolean {
    return this.#root.contains(document.activeElement) || performance.now() - this.#pointedAt < HOLD_MS
  }

  /** Shows these companies, in this order. */
  show(rows: readonly Row[]): void {
    while (this.#tiles.length < rows.length) this.#add()
    this.#bySymbol.clear()
    for (const [i, tile] of this.#tiles.entries()) {
      const row = rows[i]
      tile.element.hidden = row === undefined
      if (row === undefined) continue
      const before = tile.row
      tile.bind(row)
      this.#bySymbol.set(row.symbol, tile)
      if (before !== row) {
        tile.element.setAttribute('aria-selected', String(row.symbol === this.#selected))
        if (tile.inSight) {
          if (before !== null) this.#listener.outOfSight(before)
          this.#listener.inSight(row)
          this.#changed.add(tile)
        }
      }
      // What is out of sight is brought up to date now and then, for those who read it rather than look.
      if (!tile.inSight && tile.isStale) tile.paint(false)
    }
    this.#shown = rows.length
    if (this.#focused >= this.#shown) this.#rove(Math.max(0, this.#shown - 1))
    this.#schedule()
  }

  changed(row: Row): void {
    const tile = this.#bySymbol.get(row.symbol)
    if (tile === undefined) return
    if (tile.inSight) {
      this.#changed.add(tile)
      this.#schedule()
    } else tile.isStale = true
  }

  rowsInSight(): Row[] {
    return this.#tiles.flatMap(({ row, inSight }) => (inSight && row !== null ? [row] : []))
  }

  /** The trail of this company, or of all, has grown. */
  trailChanged(row?: Row): void {
    const tiles = row === undefined ? this.#tiles : [this.#bySymbol.get(row.symbol)]
    for (const tile of tiles) {
      if (tile === undefined) continue
      tile.isSparkStale = true
      if (tile.inSight) this.#changed.add(tile)
    }
    this.#schedule()
  }

  select(symbol: string): void {
    for (const each of [this.#selected, symbol])
      this.#bySymbol.get(each)?.element.setAttribute('aria-selected', String(each === symbol))
    this.#selected = symbol
  }

  /** Puts the keyboard on a company, or on where it was last. */
  focus(symbol: string): void {
    const tile = this.#bySymbol.get(symbol) ?? this.#tiles[this.#focused]
    tile?.element.focus()
  }

  #add(): void {
    const tile = new Tile(this.#tiles.length)
    if (this.#tiles.length === this.#focused) tile.element.tabIndex = 0
    this.#tiles.push(tile)
    this.#byElement.set(tile.element, tile)
    this.#root.append(tile.element)
    this.#sight.observe(tile.element)
  }

  #seen(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const tile = this.#byElement.get(target)
      if (tile === undefined || tile.inSight === isIntersecting) continue
      tile.inSight = isIntersecting
      if (isIntersecting) this.#changed.add(tile)
      else tile.rest()
      if (tile.row !== null) this.#listener[isIntersecting ? 'inSight' : 'outOfSight'](tile.row)
    }
    this.#schedule()
  }

  #schedule(): void {
    if (this.#frame === 0 && this.#changed.size + this.#flashing.size > 0)
      this.#frame = requestAnimationFrame((now) => this.#draw(now))
  }

  /** One timer for all that fades, and none when nothing does. */
  #draw(now: number): void {
    this.#frame = 0
    if (now - this.#fadedAt >= FADE_MS - 8) {
      this.#fadedAt = now
      for (const tile of this.#flashing) {
        tile.fade()
        if (!tile.isFlashing) this.#flashing.delete(tile)
      }
    }
    for (const tile of this.#changed) {
      if (!tile.inSight) continue
      tile.paint(!this.#still.matches)
      if (tile.isFlashing) this.#flashing.add(tile)
    }
    this.#changed.clear()
    if (this.#flashing.size === 0 || this.#timer !== null) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#schedule()
    }, FADE_MS)
  }

  // ---- choosing

  #tileAt(event: Event): Tile | undefined {
    const element = (event.target as Element).closest('.tile')
    return element === null ? undefined : this.#byElement.get(element)
  }

  #click(event: Event): void {
    const row = this.#tileAt(event)?.row
    if (row != null) this.#listener.chosen(row, false)
  }

  #focus(event: Event): void {
    const tile = this.#tileAt(event)
    if (tile !== undefined) this.#rove(this.#tiles.indexOf(tile))
  }

  /** One tile is reached by Tab; the arrows lead to the others. */
  #rove(to: number): void {
    const before = this.#tiles[this.#focused]
    if (before !== undefined) before.element.tabIndex = -1
    this.#focused = to
    const tile = this.#tiles[to]
    if (tile !== undefined) tile.element.tabIndex = 0
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const tile = this.#tiles[this.#focused]
    if ((event.key === 'Enter' || event.key === ' ') && tile?.row != null) {
      event.preventDefault()
      this.#listener.chosen(tile.row, true)
      return
    }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    const columns = getComputedStyle(this.#root).gridTemplateColumns.split(' ').length
    const to = Math.max(0, Math.min(this.#shown - 1, this.#focused + step(columns)))
    this.#tiles[to]?.element.focus()
  }
}
