import type { Row } from './row.ts'
import { Tile } from './tile.ts'

const FADE_MS = 140
/** Nothing changes places under a pointer that has moved lately. */
const HOLD_MS = 3_000
/** Lines of tiles that are made ready above and below what is in sight. */
const AHEAD = 2
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
 * The wall of tiles: a list that scrolls by itself. Only the tiles in sight are in the document, and of them only what
 * has changed is drawn, at most once for each repaint.
 */
export class Tiles {
  readonly #root: HTMLElement
  /** As tall as all of them; what is above those in sight is its padding. */
  readonly #all: HTMLElement
  readonly #listener: Listener
  #rows: readonly Row[] = []
  /** Those in the document. */
  readonly #tiles: Map<string, Tile> = new Map()
  readonly #spare: Tile[] = []
  readonly #changed: Set<Tile> = new Set()
  readonly #flashing: Set<Tile> = new Set()
  readonly #size: ResizeObserver
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)')
  #columns = 1
  /** From one line to the next, in pixels. */
  #pitch = 1
  #active = ''
  #selected = ''
  #fadedAt = 0
  #frame = 0
  #timer: ReturnType<typeof setTimeout> | null = null
  #pointedAt = -Infinity

  constructor(root: HTMLElement, listener: Listener) {
    this.#root = root
    this.#listener = listener
    this.#all = document.createElement('div')
    this.#all.setAttribute('role', 'presentation')
    root.replaceChildren(this.#all)
    this.#size = new ResizeObserver(() => this.#measure())
    this.#size.observe(root)
    root.addEventListener('scroll', () => this.#layOut(), { passive: true })
    root.addEventListener('click', (event) => this.#click(event))
    root.addEventListener('keydown', (event) => this.#key(event))
    root.addEventListener('pointermove', () => (this.#pointedAt = performance.now()), { passive: true })
    root.addEventListener('pointerleave', () => (this.#pointedAt = -Infinity), { passive: true })
  }

  destroy(): void {
    this.#size.disconnect()
    cancelAnimationFrame(this.#frame)
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#root.replaceChildren()
  }

  /** Somebody is about to choose: nothing should change places now. */
  get isHeld(): boolean {
    return this.#root === document.activeElement || performance.now() - this.#pointedAt < HOLD_MS
  }

  /** Shows these companies, in this order. */
  show(rows: readonly Row[]): void {
    this.#rows = rows
    if (!rows.some(({ symbol }) => symbol === this.#active)) this.#active = rows[0]?.symbol ?? ''
    this.#layOut()
  }

  changed(row: Row): void {
    const tile = this.#tiles.get(row.symbol)
    if (tile === undefined) return
    this.#changed.add(tile)
    this.#schedule()
  }

  rowsInSight(): Row[] {
    return Array.from(this.#tiles.values(), ({ row }) => row)
  }

  /** The trail of this company, or of all, has grown. */
  trailChanged(row?: Row): void {
    const tiles = row === undefined ? this.#tiles.values() : [this.#tiles.get(row.symbol)]
    for (const tile of tiles) {
      if (tile === undefined) continue
      tile.isSparkStale = true
      this.#changed.add(tile)
    }
    this.#schedule()
  }

  select(symbol: string): void {
    for (const each of [this.#selected, symbol])
      this.#tiles.get(each)?.element.setAttribute('aria-selected', String(each === symbol))
    this.#selected = symbol
  }

  #measure(): void {
    const { gridTemplateColumns, gridAutoRows, rowGap } = getComputedStyle(this.#all)
    this.#columns = gridTemplateColumns.split(' ').length
    this.#pitch = parseFloat(gridAutoRows) + parseFloat(rowGap)
    this.#layOut()
  }

  /** Puts into the document what is in sight. A company keeps its tile for as long as it is. */
  #layOut(): void {
    const { scrollTop, clientHeight } = this.#root
    const lines = Math.ceil(this.#rows.length / this.#columns)
    const first = Math.max(0, Math.min(Math.floor(scrollTop / this.#pitch) - AHEAD, lines))
    const last = Math.ceil((scrollTop + clientHeight) / this.#pitch) + AHEAD
    this.#all.style.height = `${lines * this.#pitch}px`
    this.#all.style.paddingBlockStart = `${first * this.#pitch}px`
    const begin = first * this.#columns
    const shown = this.#rows.slice(begin, last * this.#columns)
    const symbols = new Set(shown.map(({ symbol }) => symbol))
    for (const [symbol, tile] of this.#tiles) if (!symbols.has(symbol)) this.#drop(tile)
    let at = this.#all.firstElementChild
    for (const [i, row] of shown.entries()) {
      const { element } = this.#tiles.get(row.symbol) ?? this.#make(row)
      element.setAttribute('aria-posinset', String(begin + i + 1))
      element.setAttribute('aria-setsize', String(this.#rows.length))
      if (element === at) at = at.nextElementSibling
      else this.#all.insertBefore(element, at)
    }
    this.#mark()
    this.#schedule()
  }

  #make(row: Row): Tile {
    const tile = this.#spare.pop() ?? new Tile(row)
    tile.bind(row)
    tile.element.setAttribute('aria-selected', String(row.symbol === this.#selected))
    this.#tiles.set(row.symbol, tile)
    this.#changed.add(tile)
    this.#listener.inSight(row)
    return tile
  }

  #drop(tile: Tile): void {
    this.#tiles.delete(tile.row.symbol)
    this.#changed.delete(tile)
    this.#flashing.delete(tile)
    this.#spare.push(tile)
    this.#listener.outOfSight(tile.row)
    tile.element.remove()
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

  /** The list has the focus; it says which of its companies the keys are on. */
  #mark(): void {
    this.#all.querySelector('[data-active]')?.removeAttribute('data-active')
    const tile = this.#tiles.get(this.#active)
    if (tile === undefined) this.#root.removeAttribute('aria-activedescendant')
    else {
      tile.element.dataset['active'] = ''
      this.#root.setAttribute('aria-activedescendant', tile.element.id)
    }
  }

  #click(event: Event): void {
    const symbol = (event.target as Element).closest<HTMLElement>('.tile')?.dataset['symbol'] ?? ''
    const tile = this.#tiles.get(symbol)
    if (tile === undefined) return
    this.#active = symbol
    this.#mark()
    this.#listener.chosen(tile.row, false)
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const from = this.#rows.findIndex(({ symbol }) => symbol === this.#active)
    const row = this.#rows[from]
    if ((event.key === 'Enter' || event.key === ' ') && row !== undefined) {
      event.preventDefault()
      this.#listener.chosen(row, true)
      return
    }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    const to = Math.max(0, Math.min(this.#rows.length - 1, from + step(this.#columns)))
    this.#active = this.#rows[to]?.symbol ?? ''
    const top = Math.floor(to / this.#columns) * this.#pitch
    const { scrollTop, clientHeight } = this.#root
    this.#root.scrollTop = Math.max(top + this.#pitch - clientHeight, Math.min(top, scrollTop))
    this.#layOut()
  }
}
