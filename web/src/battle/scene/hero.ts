import { type Ctx, clamp, fillEllipse, glow, heart, lerp, shape, TAU, vertical } from './paint.ts'

/* A fighter: a child in a padded coat, about 74 units high, standing on (0, 0) and looking up at the beast. */

export interface Look {
  readonly t: number
  readonly colour: string
  readonly own: boolean
  readonly bot: boolean
  readonly gone: boolean
  /** 0 to 1, fading. */
  readonly threw: number
  readonly hurt: number
  readonly cheer: number
  /** 0 to 1, of a rocket; below 0 none. */
  readonly charge: number
  /** 0 to 1: how much of the guard is left. */
  readonly guard: number
  readonly down: boolean
  readonly spared: boolean
  readonly hat: number
}

export const HERO_HEIGHT = 84

export function paintHero(ctx: Ctx, look: Look): void {
  const { t, down, hurt, own, cheer } = look
  ctx.save()
  ctx.globalAlpha = look.gone ? 0.35 : look.spared && Math.sin(t * 26) > 0 ? 0.55 : 1
  ctx.fillStyle = 'rgb(10 4 26 / 40%)'
  fillEllipse(ctx, 0, 1, 24, 6)
  if (own) {
    ctx.strokeStyle = '#ffd76a'
    ctx.lineWidth = 2
    ctx.beginPath()
    ctx.ellipse(0, 1, 29, 8.5, 0, 0, TAU)
    ctx.stroke()
  }
  const hop = cheer > 0 ? Math.abs(Math.sin(t * 7)) * 14 * cheer : Math.sin(t * 2.6 + look.hat) * 0.8
  if (down) {
    ctx.translate(0, -20)
    ctx.rotate(-1.42)
    ctx.translate(0, 40)
  } else {
    ctx.translate(hurt * Math.sin(t * 60) * 4, -hop)
    ctx.rotate(hurt * -0.14)
  }
  legs(ctx)
  arm(ctx, look, -1)
  coat(ctx, look)
  face(ctx, look)
  arm(ctx, look, 1)
  ctx.restore()
  if (look.guard > 0 && !down) shield(ctx, look)
}

function legs(ctx: Ctx): void {
  ctx.fillStyle = '#2b1740'
  for (const x of [-9, 9]) {
    ctx.beginPath()
    ctx.roundRect(x - 6, -16, 12, 15, 4)
    ctx.fill()
  }
  ctx.fillStyle = '#13091f'
  for (const x of [-10, 10]) fillEllipse(ctx, x, -2, 9, 4)
}

function coat(ctx: Ctx, { colour }: Look): void {
  ctx.fillStyle = colour
  shape(
    ctx,
    [-19, -12],
    [-24, -30, -18, -44, 0, -45],
    [18, -44, 24, -30, 19, -12],
    [10, -7, -10, -7, -19, -12],
  )
  ctx.fill()
  ctx.fillStyle = 'rgb(0 0 0 / 16%)'
  shape(ctx, [3, -45], [18, -44, 24, -30, 19, -12], [14, -9, 8, -8, 4, -8], [10, -20, 10, -34, 3, -45])
  ctx.fill()
  ctx.fillStyle = '#fff4dc'
  ctx.beginPath()
  ctx.roundRect(-20, -15, 40, 6, 3)
  ctx.roundRect(-14, -47, 28, 6, 3)
  ctx.fill()
  ctx.fillStyle = '#c2182b'
  for (const y of [-36, -27]) fillEllipse(ctx, 0, y, 2.6, 2.6)
}

function face(ctx: Ctx, { hat, t, hurt, cheer, bot, colour }: Look): void {
  ctx.save()
  ctx.translate(0, -62)
  ctx.fillStyle = '#2a1420'
  fillEllipse(ctx, 0, -2, 22, 21)
  ctx.fillStyle = bot ? '#dfe6f2' : '#ffdcb8'
  fillEllipse(ctx, 0, 2, 19.5, 17.5)
  if (hat % 3 === 0) tigerHat(ctx)
  else if (hat % 3 === 1) buns(ctx, colour)
  else cap(ctx)
  if (bot) antenna(ctx, t)
  const blink = Math.sin(t * 1.1 + hat * 1.7) > 0.985
  ctx.fillStyle = '#26101c'
  for (const x of [-7.5, 7.5]) {
    if (hurt > 0.2) {
      ctx.fillRect(x - 4, 2, 8, 2)
      ctx.fillRect(x - 1, -1, 2, 8)
    } else if (blink || cheer > 0.4) ctx.fillRect(x - 3.5, 3, 7, 1.8)
    else {
      fillEllipse(ctx, x, 3, 2.9, 3.9)
      ctx.fillStyle = '#ffffff'
      fillEllipse(ctx, x - 1, 1.4, 1.1, 1.1)
      ctx.fillStyle = '#26101c'
    }
  }
  ctx.fillStyle = bot ? 'rgb(80 150 255 / 55%)' : 'rgb(255 106 96 / 55%)'
  for (const x of [-12.5, 12.5]) fillEllipse(ctx, x, 8.5, 3.6, 2.4)
  ctx.fillStyle = '#9c2231'
  if (cheer > 0.4 || hurt > 0.2) fillEllipse(ctx, 0, 11, 3.6, hurt > 0.2 ? 4 : 3)
  else {
    ctx.beginPath()
    ctx.arc(0, 8.4, 4, 0.15 * Math.PI, 0.85 * Math.PI)
    ctx.fill()
  }
  ctx.restore()
}

function tigerHat(ctx: Ctx): void {
  ctx.fillStyle = '#f3912b'
  ctx.beginPath()
  ctx.arc(0, -3, 22.5, 1.02 * Math.PI, 1.98 * Math.PI)
  ctx.fill()
  for (const x of [-15, 15]) {
    ctx.fillStyle = '#f3912b'
    fillEllipse(ctx, x, -21, 7, 7)
    ctx.fillStyle = '#fff0cf'
    fillEllipse(ctx, x, -20.5, 3.6, 3.6)
  }
  ctx.strokeStyle = '#6b2413'
  ctx.lineWidth = 2
  ctx.beginPath()
  for (const y of [-20, -15.5, -11]) {
    ctx.moveTo(-5, y)
    ctx.lineTo(5, y)
  }
  ctx.moveTo(0, -20)
  ctx.lineTo(0, -11)
  ctx.stroke()
}

function buns(ctx: Ctx, colour: string): void {
  ctx.fillStyle = '#2a1420'
  for (const x of [-17, 17]) fillEllipse(ctx, x, -18, 8.5, 8.5)
  ctx.beginPath()
  ctx.arc(0, -2, 21, 1.05 * Math.PI, 1.95 * Math.PI)
  ctx.fill()
  ctx.strokeStyle = colour
  ctx.lineWidth = 3
  for (const x of [-14, 14]) {
    ctx.beginPath()
    ctx.arc(x, -14, 5.5, 0.2, Math.PI - 0.2)
    ctx.stroke()
  }
}

function cap(ctx: Ctx): void {
  ctx.fillStyle = '#b5172a'
  ctx.beginPath()
  ctx.arc(0, -4, 21.5, 1.0 * Math.PI, 2.0 * Math.PI)
  ctx.fill()
  ctx.fillStyle = '#ffd267'
  ctx.beginPath()
  ctx.roundRect(-22, -8, 44, 5.5, 2.5)
  ctx.fill()
  fillEllipse(ctx, 0, -27, 4.5, 4.5)
}

function antenna(ctx: Ctx, t: number): void {
  ctx.strokeStyle = '#8fa3c4'
  ctx.lineWidth = 2
  ctx.beginPath()
  ctx.moveTo(0, -22)
  ctx.lineTo(0, -36)
  ctx.stroke()
  ctx.fillStyle = Math.sin(t * 3) > 0 ? '#6ff0ff' : '#3aa4c4'
  fillEllipse(ctx, 0, -38, 3.6, 3.6)
}

function arm(ctx: Ctx, { colour, threw, charge, cheer, t, down }: Look, side: 1 | -1): void {
  const up = down
    ? 0
    : cheer > 0
      ? 0.75 + Math.sin(t * 9 + side) * 0.2
      : side === 1
        ? Math.max(threw, charge >= 0 ? 0.92 : 0)
        : 0.06
  ctx.save()
  ctx.translate(side * 17, -38)
  ctx.rotate(side * lerp(-0.35, -2.7, up))
  ctx.fillStyle = colour
  ctx.beginPath()
  ctx.roundRect(-6, -2, 12, 20, 6)
  ctx.fill()
  ctx.fillStyle = '#ffdcb8'
  fillEllipse(ctx, 0, 20, 5.5, 5.5)
  if (side === 1 && charge >= 0 && !down) rocketInHand(ctx, charge, t)
  ctx.restore()
}

function rocketInHand(ctx: Ctx, charge: number, t: number): void {
  ctx.save()
  ctx.translate(0, 22)
  ctx.rotate(Math.PI)
  ctx.scale(1 + charge * 0.35, 1 + charge * 0.35)
  rocket(ctx)
  ctx.globalCompositeOperation = 'lighter'
  glow(
    ctx,
    0,
    0,
    24 + charge * 30 + Math.sin(t * 30) * 3,
    charge >= 1 ? '#fff2a8' : '#ff9a2e',
    0.35 + charge * 0.6,
  )
  ctx.restore()
}

/** A rocket that points up; also what flies. */
export function rocket(ctx: Ctx): void {
  ctx.fillStyle = '#8a5a2b'
  ctx.fillRect(-1, 4, 2, 26)
  ctx.fillStyle = vertical(ctx, -12, 12, '#ff5a4a', '#a5101f')
  ctx.beginPath()
  ctx.roundRect(-5, -12, 10, 24, 2)
  ctx.fill()
  ctx.fillStyle = '#ffd35e'
  ctx.fillRect(-5, -6, 10, 3)
  ctx.fillRect(-5, 5, 10, 3)
  shape(ctx, [-6, -12], [-3, -18, -1, -22, 0, -23], [1, -22, 3, -18, 6, -12])
  ctx.fill()
}

export function cracker(ctx: Ctx): void {
  ctx.fillStyle = vertical(ctx, -8, 8, '#ff4c42', '#b0101f')
  ctx.beginPath()
  ctx.roundRect(-4, -9, 8, 18, 2)
  ctx.fill()
  ctx.fillStyle = '#ffd35e'
  ctx.fillRect(-4, -5, 8, 2)
  ctx.fillRect(-4, 4, 8, 2)
}

/** Red paper with 福, fortune, hung upside down as is the custom: it has arrived. */
function shield(ctx: Ctx, { guard, t }: Look): void {
  ctx.save()
  ctx.translate(0, -44)
  ctx.globalCompositeOperation = 'lighter'
  glow(ctx, 0, 0, 62, '#ffbf4a', 0.35 + 0.35 * guard)
  ctx.globalCompositeOperation = 'source-over'
  ctx.save()
  ctx.rotate(Math.PI / 4)
  ctx.fillStyle = '#d81e2c'
  ctx.strokeStyle = '#ffd267'
  ctx.lineWidth = 3
  ctx.beginPath()
  ctx.roundRect(-25, -25, 50, 50, 4)
  ctx.fill()
  ctx.stroke()
  ctx.restore()
  ctx.rotate(Math.PI)
  ctx.fillStyle = '#ffe08a'
  ctx.font = "700 31px 'STKaiti', 'KaiTi', 'Noto Serif CJK SC', 'Songti SC', serif"
  ctx.textAlign = 'center'
  ctx.textBaseline = 'middle'
  ctx.fillText('福', 0, 1)
  ctx.rotate(Math.PI)
  ctx.strokeStyle = `rgb(255 233 160 / ${0.55 + 0.3 * Math.sin(t * 14)})`
  ctx.lineWidth = 2.5
  ctx.beginPath()
  ctx.arc(0, 0, 42, -Math.PI / 2, -Math.PI / 2 + TAU * clamp(guard))
  ctx.stroke()
  ctx.restore()
}

/** Hearts and a name, over and under a fighter. Not scaled with it, so that they stay legible. */
export function paintLabel(
  ctx: Ctx,
  x: number,
  top: number,
  bottom: number,
  given: { readonly name: string; readonly hearts: number; readonly own: boolean; readonly width: number },
): void {
  const size = 9
  for (let i = 0; given.hearts >= 0 && i < 3; i++) {
    heart(ctx, x + (i - 1) * (size + 3), top, size)
    ctx.fillStyle = i < given.hearts ? '#ff4d5e' : 'rgb(20 8 30 / 60%)'
    ctx.fill()
    ctx.strokeStyle = 'rgb(255 255 255 / 75%)'
    ctx.lineWidth = 0.8
    ctx.stroke()
  }
  if (given.width < 34) return
  ctx.font = `${given.own ? 700 : 500} 12px system-ui, 'Noto Sans CJK SC', sans-serif`
  ctx.textAlign = 'center'
  ctx.textBaseline = 'top'
  const name = fitted(ctx, given.name, given.width)
  ctx.lineJoin = 'round'
  ctx.lineWidth = 3.5
  ctx.strokeStyle = 'rgb(18 8 36 / 80%)'
  ctx.strokeText(name, x, bottom)
  ctx.fillStyle = given.own ? '#ffe08a' : '#ffffff'
  ctx.fillText(name, x, bottom)
}

const widths = new Map<string, string>()

function fitted(ctx: Ctx, name: string, width: number): string {
  const key = `${name}\n${Math.round(width)}`
  const known = widths.get(key)
  if (known !== undefined) return known
  let letters = Array.from(name)
  while (letters.length > 1 && ctx.measureText(`${letters.join('')}…`).width > width)
    letters = letters.slice(0, -1)
  const shown = letters.length === Array.from(name).length ? name : `${letters.join('')}…`
  if (widths.size > 200) widths.clear()
  widths.set(key, shown)
  return shown
}
