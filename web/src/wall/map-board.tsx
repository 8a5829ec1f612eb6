import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { language } from '../shell/language.ts'
import { colours } from './colours.ts'
import { brief, money, percent, wayOf } from './format.ts'
import { FULL, STEPS } from './heat.ts'
import { Handling } from './handling.tsx'
import { type Cell, HeatMap } from './heat-map.ts'
import { changeOf, type Row, valueOf } from './row.ts'
import { sectors } from './terms.ts'
import type { BoardProps } from './tile-board.tsx'
import type { Box } from './treemap.ts'
import { text } from './words.ts'

const moves: Readonly<Record<string, readonly [dx: number, dy: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** All companies at a glance, to look at rather than to read. */
export function MapBoard({ wall, choose }: BoardProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const made = useRef<HeatMap | null>(null)
  const [at, setAt] = useState('')
  const [pointed, setPointed] = useState(false)
  const [focused, setFocused] = useState(false)
  const [, redraw] = useState(0)
  useEffect(() => {
    const map = new HeatMap(canvas.current as HTMLCanvasElement, () => redraw((count) => count + 1))
    made.current = wall.map = map
    const drawing = {
      changed: (row: Row) => map.changed(row),
      beat: () => map.show(wall.rows()),
    }
    wall.drawings.add(drawing)
    map.show(wall.rows())
    return () => {
      wall.drawings.delete(drawing)
      map.destroy()
      wall.map = null
    }
  }, [])
  const { text: typed, sector } = wall.wish
  useLayoutEffect(() => made.current?.show(wall.rows()), [typed, sector, wall.listed])

  const map = made.current
  const cell = map?.cell(at) ?? map?.cells[0]
  const cellUnder = ({ currentTarget, clientX, clientY }: MouseEvent): Cell | undefined => {
    const { left, top } = (currentTarget as Element).getBoundingClientRect()
    return map?.at(clientX - left, clientY - top)
  }
  const key = (event: KeyboardEvent): void => {
    const move = moves[event.key]
    if (map === null || cell === undefined) return
    if (move !== undefined) setAt(map.next(cell, ...move).row.symbol)
    else if (event.key === 'Enter' || event.key === ' ') choose(cell.row, true)
    else return
    event.preventDefault()
  }
  return (
    <>
      <div
        class="map"
        id="map"
        role="listbox"
        tabIndex={0}
        aria-label={text.mapLabel}
        aria-describedby="board-help"
        aria-activedescendant={cell === undefined ? undefined : `cell-${cell.row.symbol}`}
        data-cells={map?.cells.length ?? 0}
        onKeyDown={key}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
        onPointerMove={(event) => {
          if (event.pointerType === 'touch') return
          const under = cellUnder(event)
          setPointed(under !== undefined)
          if (under !== undefined) setAt(under.row.symbol)
        }}
        onPointerLeave={() => setPointed(false)}
        onClick={(event) => {
          const under = cellUnder(event)
          if (under === undefined) return
          setAt(under.row.symbol)
          choose(under.row, false)
        }}
      >
        <canvas ref={canvas} aria-hidden="true" />
        {cell !== undefined && (
          <Peek
            key={cell.row.symbol}
            cell={cell}
            shown={pointed || focused}
            selected={cell.row === wall.selected}
            width={canvas.current?.clientWidth ?? 0}
            height={canvas.current?.clientHeight ?? 0}
          />
        )}
      </div>
      <div class="under-map">
        <Legend />
        <p class="hint" id="board-help">
          {text.mapHelp} <Handling />
        </p>
      </div>
    </>
  )
}

const px = (value: number | undefined): string => (value === undefined ? '' : `${value}px`)
const place = ({ x, y, width, height }: Omit<Box, 'height'> & Partial<Box>) => ({
  left: px(x),
  top: px(y),
  width: px(width),
  height: px(height),
})

const PEEK_WIDTH = 232
const PEEK_HEIGHT = 132

/** Which company the pointer or the keyboard is on, and what there is to know of it. */
function Peek({
  cell: { row, box },
  shown,
  selected,
  width,
  height,
}: {
  readonly cell: Cell
  readonly shown: boolean
  readonly selected: boolean
  readonly width: number
  readonly height: number
}) {
  const change = changeOf(row)
  const right = box.x + box.width + 8
  const left = right + PEEK_WIDTH <= width ? right : Math.max(0, box.x - PEEK_WIDTH - 8)
  const top = Math.max(0, Math.min(box.y, height - PEEK_HEIGHT))
  return (
    <div
      class="at"
      role="option"
      id={`cell-${row.symbol}`}
      aria-selected={selected}
      data-shown={shown || undefined}
      data-symbol={row.symbol}
    >
      <i class="outline" style={place(box)} />
      <div class="peek" style={place({ x: left, y: top, width: Math.min(PEEK_WIDTH, width) })}>
        <p>
          <strong>{row.symbol}</strong> <span>{row[language]}</span>
        </p>
        <p class="number" data-way={wayOf(change)}>
          {money(row.last)} <span class="change">{percent(change)}</span>
        </p>
        <p class="hint">
          {sectors[row.sector]} · {text.marketValue} {brief((valueOf(row, row.last) * 1e6) / 100, language)} ·{' '}
          {text.volume} {brief(row.volume, language)}
        </p>
      </div>
    </div>
  )
}

function Legend() {
  const shades = colours().scale
  return (
    <div class="legend" role="img" aria-label={text.legend}>
      <span>{percent(-FULL, 1)}</span>
      <div>
        {shades.map(({ fill }, i) => (
          <i key={i} style={{ background: fill }} title={percent(((i - STEPS) / STEPS) * FULL, 1)} />
        ))}
      </div>
      <span>{percent(FULL, 1)}</span>
    </div>
  )
}
