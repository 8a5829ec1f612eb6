import { type Ctx, fillEllipse, glow, TAU, vertical } from './paint.ts'

/* Lanterns on strings, and the couplets at both sides. */

const SPRITE = 128

/** A lantern, painted once. */
function lanternSprite(): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = SPRITE * 2
  canvas.height = SPRITE * 2
  const ctx = canvas.getContext('2d')
  if (ctx === null) return canvas
  ctx.scale(2, 2)
  ctx.translate(SPRITE / 2, 0)
  glow(ctx, 0, 54, 62, '#ff5a2e', 0.55)
  const light = ctx.createRadialGradient(0, 56, 4, 0, 54, 36)
  light.addColorStop(0, '#ffd27a')
  light.addColorStop(0.45, '#f4442e')
  light.addColorStop(1, '#a80f1f')
  ctx.fillStyle = light
  fillEllipse(ctx, 0, 54, 32, 27)
  ctx.strokeStyle = 'rgb(255 196 92 / 55%)'
  ctx.lineWidth = 1
  for (const rx of [9, 20, 28]) {
    ctx.beginPath()
    ctx.ellipse(0, 54, rx, 27, 0, 0, TAU)
    ctx.stroke()
  }
  ctx.fillStyle = vertical(ctx, 22, 34, '#ffe08a', '#c98a1b')
  ctx.fillRect(-13, 24, 26, 7)
  ctx.fillRect(-13, 77, 26, 7)
  ctx.strokeStyle = '#ffcf5c'
  ctx.lineWidth = 1.6
  ctx.beginPath()
  ctx.moveTo(0, 8)
  ctx.lineTo(0, 24)
  for (const x of [-6, -2, 2, 6]) {
    ctx.moveTo(x * 0.6, 84)
    ctx.lineTo(x, 110)
  }
  ctx.stroke()
  return canvas
}

let sprite: HTMLCanvasElement | null = null

/** A string of lanterns from one side to the other; they swing with time. */
export function paintLanterns(ctx: Ctx, width: number, top: number, size: number, t: number): void {
  sprite ??= lanternSprite()
  const count = Math.max(3, Math.min(9, Math.floor(width / (size * 1.9))))
  const sag = size * 0.55
  const lineAt = (share: number): number => top + sag * 4 * share * (1 - share)
  ctx.strokeStyle = 'rgb(255 200 120 / 50%)'
  ctx.lineWidth = 1.5
  ctx.beginPath()
  ctx.moveTo(0, top)
  ctx.quadraticCurveTo(width / 2, top + sag * 2, width, top)
  ctx.stroke()
  for (let i = 0; i < count; i++) {
    const share = (i + 0.5) / count
    // Smaller towards the middle, where they would hang in the beast's face.
    const scale = 0.62 + 0.38 * Math.abs(share - 0.5) * 2
    ctx.save()
    ctx.translate(share * width, lineAt(share) - 6 * scale)
    ctx.rotate(Math.sin(t * 1.3 + i * 1.7) * 0.1)
    ctx.scale((size / SPRITE) * 1.25 * scale, (size / SPRITE) * 1.25 * scale)
    ctx.drawImage(sprite, -SPRITE / 2, 0, SPRITE, SPRITE)
    ctx.restore()
  }
}

/** Two lines by Wang Anshi (1021–1086): firecrackers end the year, spring wind warms the wine. */
const couplets = ['爆竹声中一岁除', '春风送暖入屠苏'] as const

/** Red paper with golden writing, hanging at both sides. */
export function paintCouplets(ctx: Ctx, width: number, top: number, height: number, t: number): void {
  const w = height / 7.2
  couplets.forEach((line, side) => {
    ctx.save()
    ctx.translate(side === 0 ? width - w * 0.95 : w * 0.95, top)
    ctx.rotate(Math.sin(t * 0.8 + side * 2) * 0.012)
    ctx.fillStyle = vertical(ctx, 0, height, '#d7262f', '#9c1020')
    ctx.fillRect(-w / 2, 0, w, height)
    ctx.strokeStyle = '#f2bf55'
    ctx.lineWidth = 2
    ctx.strokeRect(-w / 2 + 4, 4, w - 8, height - 8)
    ctx.fillStyle = '#ffd978'
    ctx.font = `700 ${w * 0.66}px 'STKaiti', 'KaiTi', 'Noto Serif CJK SC', 'Songti SC', serif`
    ctx.textAlign = 'center'
    ctx.textBaseline = 'middle'
    const step = (height - w * 0.4) / line.length
    Array.from(line).forEach((letter, i) => ctx.fillText(letter, 0, w * 0.2 + step * (i + 0.5)))
    ctx.restore()
  })
}
