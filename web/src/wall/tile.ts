import { language } from '../shell/language.ts'
import { money, percent, wayOf } from './format.ts'
import { changeOf, type Row } from './row.ts'
import { SPARK_HEIGHT, SPARK_WIDTH, sparkPath } from './spark.ts'

/** How strongly a new price shows at first; each step takes one off. */
export const FLASH = 3

function part(parent: HTMLElement, name: string): Text {
  const element = document.createElement('span')
  element.className = name
  const text = document.createTextNode('')
  element.append(text)
  parent.append(element)
  return text
}

const SVG = 'http://www.w3.org/2000/svg'

/** Not a canvas for each: a browser has a layer for every canvas, and hundreds of them cost more than the drawing. */
function spark(parent: HTMLElement): SVGPathElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', `0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`)
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(SVG, 'path')
  svg.append(path)
  parent.append(svg)
  return path
}

/**
 * A place on the wall, in which a company is shown. Another company may take it; what did not change is not touched.
 */
export class Tile {
  readonly element: HTMLElement
  row: Row
  /** Its trail has grown since it was drawn. Once a second is enough for a shape; the price is told in figures. */
  isSparkStale = true
  #flash = 0
  #way = ''
  #last = 0
  readonly #symbol: Text
  readonly #name: Text
  readonly #price: Text
  readonly #change: Text
  readonly #spark: SVGPathElement

  constructor(row: Row) {
    const element = document.createElement('div')
    element.className = 'tile'
    element.setAttribute('role', 'option')
    element.setAttribute('aria-selected', 'false')
    this.#symbol = part(element, 'symbol')
    this.#price = part(element, 'price')
    this.#name = part(element, 'name')
    this.#change = part(element, 'change')
    this.#spark = spark(element)
    this.element = element
    this.row = row
  }

  get isFlashing(): boolean {
    return this.#flash > 0
  }

  bind(row: Row): void {
    this.row = row
    this.isSparkStale = true
    this.#setFlash(0)
    this.#last = row.last
    this.#symbol.data = row.symbol
    this.#name.data = row[language]
    this.element.dataset['symbol'] = row.symbol
    this.element.id = `tile-${row.symbol}`
  }

  /** Shows the latest. `flashes`: a price that moved lights up. */
  paint(flashes: boolean): void {
    const { row } = this
    const change = changeOf(row)
    set(this.#price, money(row.last))
    set(this.#change, percent(change))
    set(this.#name, row[language])
    const way = wayOf(change)
    if (way !== this.#way) this.element.dataset['way'] = this.#way = way
    if (this.isSparkStale) {
      this.#spark.setAttribute('d', sparkPath(row))
      this.isSparkStale = false
    }
    if (flashes && row.last !== this.#last) this.#setFlash(FLASH)
    this.#last = row.last
  }

  fade(): void {
    if (this.#flash > 0) this.#setFlash(this.#flash - 1)
  }

  #setFlash(level: number): void {
    if (level === this.#flash) return
    this.#flash = level
    if (level === 0) delete this.element.dataset['flash']
    else this.element.dataset['flash'] = String(level)
  }
}

function set(text: Text, data: string): void {
  if (text.data !== data) text.data = data
}
