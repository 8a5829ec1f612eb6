import { language } from '../shell/language.ts'
import { colours, onColours } from './colours.ts'
import { percent } from './format.ts'
import { STEPS, stepOf } from './heat.ts'
import { changeOf, type Row, valueOf } from './row.ts'
import { prepare } from './canvas.ts'
import { sectors } from './terms.ts'
import { type Box, neighbour, shrink, treemap } from './treemap.ts'

/** A company on the map: as large as it was worth at the last close, so that places stay all day. */
export interface Cell {
  readonly row: Row
  readonly box: Box
  step: number
  label: string
}

interface Frame {
  readonly sector: string
  readonly box: Box
  readonly titled: boolean
}

const GAP = 2
const TITLE = 16
/** Of a bold capital, as a share of the size of the type. */
const LETTER = 0.72
const SMALLEST = 8.5
const LARGEST = 24

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
const weightOf = (row: Row): number => valueOf(row, row.previous)
const family = (): string => getComputedStyle(document.documentElement).fontFamily

/** All companies at a glance. A cell is drawn anew when its colour or its label has changed, and no other is. */
export class HeatMap {
  cells: Cell[] = []
  readonly #canvas: HTMLCanvasElement
  readonly #bySymbol: Map<string, Cell> = new Map()
  readonly #changed: Set<Cell> = new Set()
  readonly #size: ResizeObserver
  readonly #forgetColours: () => void
  readonly #drawn: () => void
  #frames: Frame[] = []
  #rows: readonly Row[] = []
  #weight = 0
  #width = 0
  #height = 0
  #asked = 0

  /** `drawn` is called when the cells have other places. */
  constructor(canvas: HTMLCanvasElement, drawn: () => void) {
    this.#canvas = canvas
    this.#drawn = drawn
    this.#size = new ResizeObserver(([entry]) => {
      if (entry === undefined) return
      this.#width = Math.floor(entry.contentRect.width)
      this.#height = Math.floor(entry.contentRect.height)
      this.#layOut()
    })
    this.#size.observe(canvas)
    this.#forgetColours = onColours(() => this.#drawAll())
  }

  destroy(): void {
    this.#size.disconnect()
    this.#forgetColours()
    cancelAnimationFrame(this.#asked)
  }

  /** Shows these companies. Places change when others are shown, and overnight. */
  show(rows: readonly Row[]): void {
    const weight = sum(rows.map(weightOf))
    const isSame =
      weight === this.#weight &&
      rows.length === this.#rows.length &&
      rows.every(({ symbol }) => this.#bySymbol.has(symbol))
    if (isSame) return
    this.#rows = rows
    this.#weight = weight
    this.#layOut()
  }

  changed(row: Row): void {
    const cell = this.#bySymbol.get(row.symbol)
    if (cell === undefined) return
    this.#changed.add(cell)
    if (this.#asked === 0) this.#asked = requestAnimationFrame(() => this.#draw())
  }

  at(x: number, y: number): Cell | undefined {
    return this.cells.find(
      ({ box }) => x >= box.x && y >= box.y && x < box.x + box.width && y < box.y + box.height,
    )
  }

  cell(symbol: string): Cell | undefined {
    return this.#bySymbol.get(symbol)
  }

  next(from: Cell, dx: number, dy: number): Cell {
    const boxes = this.cells.map(({ box }) => box)
    return this.cells[neighbour(boxes, this.cells.indexOf(from), dx, dy)] as Cell
  }

  #layOut(): void {
    if (this.#width === 0) return
    const bySector = new Map<string, Row[]>()
    for (const row of [...this.#rows].sort((a, b) => weightOf(b) - weightOf(a)))
      bySector.set(row.sector, [...(bySector.get(row.sector) ?? []), row])
    const groups = [...bySector]
      .map(([sector, rows]) => ({ sector, rows, weight: sum(rows.map(weightOf)) }))
      .sort((a, b) => b.weight - a.weight)
    const boxes = treemap(
      groups.map(({ weight }) => weight),
      { x: 0, y: 0, width: this.#width, height: this.#height },
    )
    this.cells = []
    this.#frames = []
    for (const [i, { sector, rows }] of groups.entries()) {
      const box = shrink(boxes[i] as Box, GAP)
      const titled = box.height > 3 * TITLE && box.width > 56
      this.#frames.push({ sector, box, titled })
      const places = treemap(rows.map(weightOf), titled ? shrink(box, 0, TITLE) : box)
      for (const [k, row] of rows.entries())
        this.cells.push({ row, box: places[k] as Box, step: NaN, label: '' })
    }
    this.#bySymbol.clear()
    for (const cell of this.cells) this.#bySymbol.set(cell.row.symbol, cell)
    this.#drawAll()
    this.#drawn()
  }

  #drawAll(): void {
    if (this.#width === 0) return
    const context = prepare(this.#canvas, this.#width, this.#height)
    if (context === null) return
    context.textBaseline = 'middle'
    context.textAlign = 'left'
    context.fillStyle = colours().muted
    context.font = `650 11.5px ${family()}`
    for (const { sector, box, titled } of this.#frames)
      if (titled) context.fillText(sectors[sector] ?? sector, box.x + 2, box.y + TITLE / 2, box.width - 4)
    for (const cell of this.cells) cell.step = NaN
    for (const cell of this.cells) this.#changed.add(cell)
    this.#draw()
  }

  #draw(): void {
    cancelAnimationFrame(this.#asked)
    this.#asked = 0
    const context = this.#canvas.getContext('2d')
    if (context === null || this.#width === 0) return
    context.textAlign = 'center'
    const font = family()
    for (const cell of this.#changed) paint(context, cell, font)
    this.#changed.clear()
  }
}

function paint(context: CanvasRenderingContext2D, cell: Cell, font: string): void {
  const { row, box } = cell
  const change = changeOf(row)
  const step = stepOf(change)
  const label = percent(change, 1)
  const { x, y, width, height } = shrink(box, 0.5)
  const size = Math.min(LARGEST, (width - 5) / (5 * LETTER), (height - 4) / 2.3)
  const alone = Math.min(LARGEST, (width - 3) / (5 * LETTER), (height - 2) / 1.15)
  const isLabelled = size >= SMALLEST
  if (step === cell.step && (!isLabelled || label === cell.label)) return
  cell.step = step
  cell.label = label
  const shade = colours().scale[step + STEPS]
  if (shade === undefined) return
  context.fillStyle = shade.fill
  context.fillRect(x, y, width, height)
  context.fillStyle = shade.ink
  const middle = x + width / 2
  if (isLabelled) {
    const isNamed = size > 15 && height > size * 4
    const top = y + height / 2 - (isNamed ? size * 1.15 : size * 0.52)
    context.font = `700 ${size}px ${font}`
    context.fillText(row.symbol, middle, top, width - 4)
    context.font = `500 ${size * 0.82}px ${font}`
    context.fillText(label, middle, top + size * 1.06, width - 4)
    if (!isNamed) return
    context.font = `400 ${Math.max(10, size * 0.58)}px ${font}`
    context.fillText(row[language], middle, top + size * 2.1, width - 6)
  } else if (alone >= SMALLEST) {
    context.font = `650 ${alone}px ${font}`
    context.fillText(row.symbol, middle, y + height / 2 + 0.5, width - 2)
  }
}
