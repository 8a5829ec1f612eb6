/* Small things that all of the drawing uses. */

export type Ctx = CanvasRenderingContext2D
export const TAU: number = Math.PI * 2

export interface Point {
  readonly x: number
  readonly y: number
}

export const clamp = (value: number, low = 0, high = 1): number => Math.max(low, Math.min(high, value))
export const lerp = (from: number, to: number, share: number): number => from + (to - from) * share
/** 0 to 1, quick at first. */
export const easeOut = (share: number): number => 1 - (1 - clamp(share)) ** 3

/** 0 to 1, the same for the same numbers: for things that should look random and stay where they are. */
export function noise(a: number, b = 0): number {
  const x = Math.sin(a * 127.1 + b * 311.7) * 43_758.5453
  return x - Math.floor(x)
}

/** The fighters' colours: far apart from one another and from the night. */
const colours = [
  '#ffb703',
  '#4cc9f0',
  '#7ae582',
  '#ff8fab',
  '#c77dff',
  '#ff9e5e',
  '#e9f56b',
  '#8ecae6',
  '#f7c8a0',
  '#b8b8ff',
] as const

export const colourOf = (id: number): string => colours[(id - 1) % colours.length] ?? colours[0]

export function ellipse(ctx: Ctx, x: number, y: number, rx: number, ry: number, turn = 0): void {
  ctx.beginPath()
  ctx.ellipse(x, y, Math.max(0, rx), Math.max(0, ry), turn, 0, TAU)
}

export function fillEllipse(ctx: Ctx, x: number, y: number, rx: number, ry: number, turn = 0): void {
  ellipse(ctx, x, y, rx, ry, turn)
  ctx.fill()
}

/** A soft round light. */
export function glow(ctx: Ctx, x: number, y: number, radius: number, colour: string, alpha: number): void {
  if (alpha <= 0 || radius <= 0) return
  const light = ctx.createRadialGradient(x, y, 0, x, y, radius)
  light.addColorStop(0, colour)
  light.addColorStop(1, 'transparent')
  ctx.globalAlpha = clamp(alpha)
  ctx.fillStyle = light
  ctx.fillRect(x - radius, y - radius, radius * 2, radius * 2)
  ctx.globalAlpha = 1
}

export function vertical(ctx: Ctx, top: number, bottom: number, ...stops: string[]): CanvasGradient {
  const gradient = ctx.createLinearGradient(0, top, 0, bottom)
  stops.forEach((stop, i) => gradient.addColorStop(i / (stops.length - 1), stop))
  return gradient
}

/** A closed shape through points and the two handles before each. */
export function shape(ctx: Ctx, start: readonly [number, number], ...curves: (readonly number[])[]): void {
  ctx.beginPath()
  ctx.moveTo(start[0], start[1])
  for (const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] of curves) ctx.bezierCurveTo(a, b, c, d, e, f)
  ctx.closePath()
}

/** Draws twice, the second time mirrored left to right. */
export function mirrored(ctx: Ctx, draw: (side: 1 | -1) => void): void {
  for (const side of [1, -1] as const) {
    ctx.save()
    ctx.scale(side, 1)
    draw(side)
    ctx.restore()
  }
}

export function heart(ctx: Ctx, x: number, y: number, size: number): void {
  const s = size / 2
  ctx.beginPath()
  ctx.moveTo(x, y + s)
  ctx.bezierCurveTo(x - s * 2, y - s * 0.3, x - s * 0.9, y - s * 1.5, x, y - s * 0.5)
  ctx.bezierCurveTo(x + s * 0.9, y - s * 1.5, x + s * 2, y - s * 0.3, x, y + s)
  ctx.closePath()
}
