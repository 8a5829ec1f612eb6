import { colours } from './colours.ts'
import { changeOf, type Row } from './row.ts'
import { wayOf } from './format.ts'

/** Fits a canvas to the screen's points. Returns its context, with one unit a CSS pixel. */
export function prepare(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  const ratio = Math.min(devicePixelRatio, 2)
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)]
  const context = canvas.getContext('2d')
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across
    canvas.height = down
  } else context?.clearRect(0, 0, width, height)
  context?.setTransform(ratio, 0, 0, ratio, 0, 0)
  return context
}

/** Gives back what a canvas out of sight holds. */
export function release(canvas: HTMLCanvasElement): void {
  if (canvas.width > 0) canvas.width = canvas.height = 0
}

/** The last minute of a price, small: the shape is all it tells. */
export function drawSpark(
  canvas: HTMLCanvasElement,
  row: Row,
  width: number,
  height: number,
  slots: number,
): void {
  const context = prepare(canvas, width, height)
  if (context === null || row.trail.length === 0) return
  const { rise, fall, muted } = colours()
  const way = wayOf(changeOf(row))
  const points = [...row.trail, row.last]
  const low = Math.min(...points)
  const high = Math.max(...points)
  // A price that hardly moves is a flat line, not noise blown up to the full height.
  const span = Math.max(high - low, row.last * 0.004)
  const middle = (low + high) / 2
  const step = width / slots
  const begin = width - (points.length - 1) * step
  const path = new Path2D()
  for (const [i, price] of points.entries())
    path.lineTo(begin + i * step, height / 2 - ((price - middle) / span) * (height - 4))
  context.strokeStyle = way === 'up' ? rise : way === 'down' ? fall : muted
  context.fillStyle = context.strokeStyle
  context.lineWidth = 1.25
  context.lineJoin = 'round'
  context.stroke(path)
  path.lineTo(width, height)
  path.lineTo(begin, height)
  context.globalAlpha = 0.13
  context.fill(path)
  context.globalAlpha = 1
}
