import { type Ctx, fillEllipse, glow, noise, TAU, vertical } from './paint.ts'

/*
 * What does not move: sky, moon, mountains, the village, the snow. Painted once for each size of the canvas.
 */

export interface Ground {
  readonly width: number
  readonly height: number
  /** Where the mountains' feet are, and where the beast stands. */
  readonly horizon: number
}

export function paintBackdrop(ctx: Ctx, { width, height, horizon }: Ground): void {
  ctx.fillStyle = vertical(ctx, 0, horizon, '#070b25', '#1b1140', '#4a1548', '#a02c45', '#ee7b4a')
  ctx.fillRect(0, 0, width, horizon + 2)
  stars(ctx, width, horizon)
  moon(ctx, width, horizon)
  for (let i = 0; i < 4; i++)
    cloud(ctx, width * (0.12 + 0.27 * i), horizon * (0.3 + 0.18 * noise(i, 9)), Math.min(width, 900) * 0.075)
  ridge(ctx, width, horizon, horizon * 0.42, 1, '#331040')
  ridge(ctx, width, horizon, horizon * 0.28, 2, '#260c36')
  village(ctx, width, horizon)
  snow(ctx, width, height, horizon)
}

function stars(ctx: Ctx, width: number, horizon: number): void {
  const count = Math.round((width * horizon) / 4_500)
  for (let i = 0; i < count; i++) {
    const y = noise(i, 2) ** 1.6 * horizon * 0.75
    ctx.globalAlpha = (0.25 + 0.75 * noise(i, 3)) * (1 - y / horizon)
    ctx.fillStyle = noise(i, 4) < 0.2 ? '#ffdca8' : '#ffffff'
    fillEllipse(ctx, noise(i, 1) * width, y, 0.4 + noise(i, 5), 0.4 + noise(i, 5))
  }
  ctx.globalAlpha = 1
}

function moon(ctx: Ctx, width: number, horizon: number): void {
  const r = Math.min(width, horizon) * 0.11
  const x = width * 0.83
  const y = horizon * 0.3
  glow(ctx, x, y, r * 4.5, '#ffdf9e', 0.42)
  const light = ctx.createRadialGradient(x - r * 0.3, y - r * 0.3, r * 0.1, x, y, r)
  light.addColorStop(0, '#fffbea')
  light.addColorStop(1, '#ffd98f')
  ctx.fillStyle = light
  fillEllipse(ctx, x, y, r, r)
  ctx.fillStyle = 'rgb(214 160 92 / 28%)'
  for (const [dx, dy, size] of [
    [-0.35, 0.1, 0.22],
    [0.25, -0.3, 0.15],
    [0.2, 0.4, 0.19],
    [-0.1, -0.5, 0.1],
  ] as const)
    fillEllipse(ctx, x + dx * r, y + dy * r, size * r, size * r * 0.8)
}

/** An auspicious cloud: curls upon a drawn-out base. */
function cloud(ctx: Ctx, x: number, y: number, size: number): void {
  ctx.save()
  ctx.translate(x, y)
  ctx.strokeStyle = 'rgb(255 214 150 / 26%)'
  ctx.fillStyle = 'rgb(255 190 140 / 7%)'
  ctx.lineWidth = Math.max(1, size * 0.035)
  ctx.lineCap = 'round'
  for (const [dx, dy, r] of [
    [-0.75, 0, 0.42],
    [0, -0.28, 0.6],
    [0.75, 0.02, 0.36],
  ] as const) {
    fillEllipse(ctx, dx * size, dy * size, r * size, r * size)
    ctx.beginPath()
    for (let a = 0; a < 9; a += 0.2) {
      const reach = r * size * (1 - a / 10)
      ctx.lineTo(dx * size + Math.cos(a + 2.8) * reach, dy * size + Math.sin(a + 2.8) * reach)
    }
    ctx.stroke()
  }
  ctx.beginPath()
  ctx.moveTo(-1.9 * size, 0.42 * size)
  ctx.quadraticCurveTo(-1 * size, 0.36 * size, 0, 0.42 * size)
  ctx.quadraticCurveTo(1 * size, 0.5 * size, 2 * size, 0.4 * size)
  ctx.stroke()
  ctx.restore()
}

function ridge(ctx: Ctx, width: number, foot: number, rise: number, seed: number, colour: string): void {
  const steps = 14
  ctx.beginPath()
  ctx.moveTo(0, foot + 2)
  for (let i = 0; i <= steps; i++) {
    const peak = foot - rise * (0.35 + 0.65 * noise(i, seed * 7)) * (i % 2 === 0 ? 1 : 0.55)
    ctx.lineTo((i / steps) * width, peak)
  }
  ctx.lineTo(width, foot + 2)
  ctx.closePath()
  ctx.fillStyle = vertical(ctx, foot - rise, foot, colour, '#6e2048')
  ctx.fill()
}

function village(ctx: Ctx, width: number, horizon: number): void {
  const unit = Math.max(26, Math.min(width / 16, 54))
  const count = Math.ceil(width / (unit * 1.5)) + 1
  for (let i = 0; i < count; i++) {
    const x = i * unit * 1.5 + (noise(i, 21) - 0.5) * unit * 0.6
    // The middle is the beast's.
    const side = Math.min(1, Math.abs(x / width - 0.5) * 2)
    const size = unit * (0.55 + 0.5 * side + 0.2 * noise(i, 22))
    house(ctx, x, horizon + 3, size, noise(i, 23) < 0.28)
  }
}

function house(ctx: Ctx, x: number, foot: number, size: number, tall: boolean): void {
  const floors = tall ? 3 : 1
  for (let floor = 0; floor < floors; floor++) {
    const w = size * (1 - floor * 0.22)
    const y = foot - floor * size * 0.62
    ctx.fillStyle = '#14081f'
    ctx.fillRect(x - w * 0.36, y - size * 0.46, w * 0.72, size * 0.46)
    ctx.fillStyle = '#ffc25c'
    for (const at of [-0.2, 0.06]) ctx.fillRect(x + w * at, y - size * 0.3, w * 0.14, size * 0.16)
    ctx.fillStyle = '#0d0518'
    ctx.beginPath()
    ctx.moveTo(x - w * 0.68, y - size * 0.5)
    ctx.quadraticCurveTo(x - w * 0.36, y - size * 0.5, x - w * 0.2, y - size * 0.76)
    ctx.lineTo(x + w * 0.2, y - size * 0.76)
    ctx.quadraticCurveTo(x + w * 0.36, y - size * 0.5, x + w * 0.68, y - size * 0.5)
    ctx.quadraticCurveTo(x, y - size * 0.36, x - w * 0.68, y - size * 0.5)
    ctx.fill()
    ctx.strokeStyle = 'rgb(255 244 240 / 55%)'
    ctx.lineWidth = Math.max(1, size * 0.045)
    ctx.beginPath()
    ctx.moveTo(x - w * 0.2, y - size * 0.765)
    ctx.lineTo(x + w * 0.2, y - size * 0.765)
    ctx.stroke()
  }
}

function snow(ctx: Ctx, width: number, height: number, horizon: number): void {
  ctx.fillStyle = vertical(ctx, horizon, height, '#d98a86', '#8a5f93', '#433a72', '#1c1b42')
  ctx.fillRect(0, horizon, width, height - horizon)
  const depth = height - horizon
  for (let i = 0; i < 5; i++) {
    const y = horizon + depth * (0.06 + 0.19 * i)
    ctx.fillStyle = `rgb(255 236 240 / ${0.1 - i * 0.014})`
    ctx.beginPath()
    ctx.moveTo(0, y)
    for (let s = 1; s <= 6; s++) {
      const x = (s / 6) * width
      ctx.quadraticCurveTo(x - width / 12, y - depth * 0.07 * (noise(i, s) - 0.3), x, y)
    }
    ctx.lineTo(width, y + depth * 0.2)
    ctx.quadraticCurveTo(width / 2, y + depth * 0.1, 0, y + depth * 0.22)
    ctx.fill()
  }
  // Scraps of red paper, as the morning after finds them.
  for (let i = 0; i < width / 9; i++) {
    const near = noise(i, 31)
    ctx.save()
    ctx.translate(noise(i, 32) * width, horizon + depth * (0.12 + 0.86 * near))
    ctx.rotate(noise(i, 33) * TAU)
    ctx.fillStyle = noise(i, 34) < 0.75 ? 'rgb(226 48 52 / 70%)' : 'rgb(255 203 92 / 65%)'
    ctx.fillRect(0, 0, 2 + 4 * near, 1 + 2 * near)
    ctx.restore()
  }
}
