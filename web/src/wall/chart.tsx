import { useEffect, useRef, useState } from 'preact/hooks'
import { language } from '../shell/language.ts'
import { type Colours, colours, onColours } from './colours.ts'
import { changeOf, type Row } from './row.ts'
import { money, wayOf } from './format.ts'
import { prepare } from './canvas.ts'
import type { TrailLoader } from './trails.ts'
import type { Wall } from './wall.ts'
import { text } from './words.ts'

const HEIGHT = 170
const RIGHT = 58
const POINTS = 240
/** Fewer do not fill the width. */
const LEAST = 60

/** The price of one company over the last minutes of trading, up to this moment. */
export function Chart({
  wall,
  row,
  trails,
}: {
  readonly wall: Wall
  readonly row: Row
  readonly trails: TrailLoader
}) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [failed, setFailed] = useState(false)
  // After a break the server knows what this page missed.
  const returns = wall.returned
  useEffect(() => {
    let points: number[] = []
    let asked = 0
    const draw = (): void => {
      asked = 0
      if (canvas.current !== null) paint(canvas.current, row, points)
    }
    const schedule = (): void => void (asked ||= requestAnimationFrame(draw))
    const drawing = {
      changed: (changed: Row) => changed === row && schedule(),
      beat: () => {
        if (!wall.feed.isTrading || wall.feed.stoppedAt !== null || points.length === 0) return
        points = [...points.slice(1 - POINTS), row.last]
        schedule()
      },
    }
    const gone = new AbortController()
    const load = async (): Promise<void> => {
      try {
        points = await trails.long(row, gone.signal)
        setFailed(false)
        schedule()
      } catch {
        if (!gone.signal.aborted) setFailed(true)
      }
    }
    void load()
    const size = new ResizeObserver(schedule)
    size.observe(canvas.current as HTMLCanvasElement)
    const forget = onColours(schedule)
    wall.drawings.add(drawing)
    return () => {
      gone.abort()
      wall.drawings.delete(drawing)
      size.disconnect()
      forget()
      cancelAnimationFrame(asked)
    }
  }, [row, returns])
  return (
    <>
      <canvas ref={canvas} class="chart" id="chart" role="img" aria-label={text.chart(row[language])} />
      {failed && <p class="hint">{text.noChart}</p>}
    </>
  )
}

function paint(canvas: HTMLCanvasElement, row: Row, before: readonly number[]): void {
  const width = canvas.clientWidth
  const context = prepare(canvas, width, HEIGHT)
  if (context === null || before.length === 0) return
  const points = [...before, row.last]
  const low = Math.min(...points)
  const high = Math.max(...points)
  const span = Math.max(high - low, row.last * 0.004)
  const middle = (low + high) / 2
  const inner = width - RIGHT
  const y = (price: number): number => HEIGHT / 2 - ((price - middle) / span) * (HEIGHT - 28)
  const scheme = colours()
  grid(context, scheme, [high, middle, low], y, width)
  const way = wayOf(changeOf(row))
  const colour = way === 'up' ? scheme.rise : way === 'down' ? scheme.fall : scheme.muted
  // The last close, where it is in sight: above it the day has been good.
  if (y(row.previous) > 6 && y(row.previous) < HEIGHT - 6) {
    context.setLineDash([2, 4])
    context.strokeStyle = scheme.muted
    line(context, 0, y(row.previous), inner)
    context.setLineDash([])
  }
  const step = (inner - 4) / Math.max(LEAST, points.length - 1)
  const path = trace(points, step, y)
  const end = (points.length - 1) * step
  context.strokeStyle = context.fillStyle = colour
  context.lineWidth = 1.6
  context.lineJoin = 'round'
  context.stroke(path)
  context.beginPath()
  context.arc(end, y(row.last), 3, 0, 2 * Math.PI)
  context.fill()
  path.lineTo(end, HEIGHT)
  path.lineTo(0, HEIGHT)
  context.globalAlpha = 0.12
  context.fill(path)
  context.globalAlpha = 1
}

function trace(points: readonly number[], step: number, y: (price: number) => number): Path2D {
  const path = new Path2D()
  for (const [i, price] of points.entries()) path.lineTo(i * step, y(price))
  return path
}

function grid(
  context: CanvasRenderingContext2D,
  { line: grey, muted }: Colours,
  prices: readonly number[],
  y: (price: number) => number,
  width: number,
): void {
  context.font = `11px ${getComputedStyle(document.documentElement).fontFamily}`
  context.textBaseline = 'middle'
  context.textAlign = 'right'
  context.fillStyle = muted
  context.strokeStyle = grey
  context.lineWidth = 1
  for (const price of new Set(prices)) {
    line(context, 0, y(price), width - RIGHT)
    context.fillText(money(price), width - 2, y(price))
  }
}

function line(context: CanvasRenderingContext2D, x: number, y: number, to: number): void {
  context.beginPath()
  context.moveTo(x, Math.round(y) + 0.5)
  context.lineTo(to, Math.round(y) + 0.5)
  context.stroke()
}
