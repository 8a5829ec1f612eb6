import { GOLD, HEAD, paintHead, type Pose } from './face.ts'
import { type Ctx, fillEllipse, lerp, mirrored, shape, TAU, vertical } from './paint.ts'

/*
 * The beast, seen from the front, in its own units: it stands on (0, 0) and is about 560 wide and 470 high. What it
 * does is in its pose; nothing here decides anything.
 */

export const BEAST_WIDTH = 550
export const BEAST_HEIGHT = 500

export function paintBeast(ctx: Ctx, pose: Pose): void {
  const { t, rage, crouch, hit } = pose
  const breath = Math.sin(t * (rage > 0.5 ? 4 : 2))
  ctx.save()
  ctx.lineJoin = 'round'
  ctx.lineCap = 'round'
  ctx.fillStyle = 'rgb(12 4 24 / 45%)'
  fillEllipse(ctx, 0, -2, 255, 30)
  tail(ctx, t, rage)
  // It crouches as a whole, and breathes.
  ctx.scale(1 + crouch * 0.05 + hit * 0.02, 1 - crouch * 0.08 + breath * 0.008 - hit * 0.02)
  body(ctx, rage)
  mirrored(ctx, () => hindPaw(ctx))
  ctx.save()
  ctx.translate(Math.sin(t * 0.9) * 4 + hit * Math.sin(t * 70) * 7, breath * 3 + crouch * 26)
  ctx.rotate(pose.stun * Math.sin(t * 5) * 0.07 + Math.sin(t * 0.7) * 0.012)
  mane(ctx, t, 1, rage)
  mane(ctx, t, 0, rage)
  paintHead(ctx, pose)
  ctx.restore()
  paw(ctx, -1, pose.pawLeft)
  paw(ctx, 1, pose.pawRight)
  ctx.restore()
}

function tail(ctx: Ctx, t: number, rage: number): void {
  ctx.save()
  ctx.translate(150, -110)
  ctx.rotate(0.25 + Math.sin(t * 1.8) * 0.12)
  for (const [size, colour] of [
    [1, rage > 0.5 ? '#ff4d1c' : '#e2631c'],
    [0.72, '#ffae34'],
    [0.42, '#ffe28a'],
  ] as const) {
    ctx.fillStyle = colour
    const s = size
    shape(
      ctx,
      [-30 * s, 20],
      [20 * s, -40 * s, 60 * s, -60 * s, 58 * s, -130 * s],
      [90 * s, -100 * s, 96 * s, -150 * s, 150 * s, -185 * s],
      [140 * s, -120 * s, 170 * s, -110 * s, 140 * s, -60 * s],
      [120 * s, -10 * s, 60 * s, 30 * s, -30 * s, 20],
    )
    ctx.fill()
  }
  ctx.restore()
}

function body(ctx: Ctx, rage: number): void {
  const fur = ctx.createRadialGradient(0, -190, 30, 0, -120, 230)
  fur.addColorStop(0, rage > 0.5 ? '#d0202a' : '#b3202f')
  fur.addColorStop(0.6, '#7c1029')
  fur.addColorStop(1, '#3f0a23')
  ctx.fillStyle = fur
  shape(
    ctx,
    [-215, -20],
    [-250, -150, -170, -270, 0, -270],
    [170, -270, 250, -150, 215, -20],
    [150, 5, -150, 5, -215, -20],
  )
  ctx.fill()
  ctx.strokeStyle = 'rgb(255 170 80 / 30%)'
  ctx.lineWidth = 3
  for (let row = 0; row < 4; row++) {
    for (let i = -3; i <= 3; i++) {
      const x = i * 52 + (row % 2) * 26
      const y = -60 - row * 34
      if (Math.abs(x) < 92 || Math.abs(x) > 206 - row * 12) continue
      ctx.beginPath()
      ctx.arc(x, y, 18, 0.15 * Math.PI, 0.85 * Math.PI)
      ctx.stroke()
    }
  }
  // A pale belly, ringed.
  ctx.fillStyle = vertical(ctx, -150, 0, '#f2a65a', '#c75b39')
  fillEllipse(ctx, 0, -52, 88, 62)
  ctx.strokeStyle = 'rgb(130 30 30 / 35%)'
  for (const y of [-80, -54, -28]) {
    ctx.beginPath()
    ctx.ellipse(0, y - 16, 78, 18, 0, 0.2 * Math.PI, 0.8 * Math.PI)
    ctx.stroke()
  }
}

function hindPaw(ctx: Ctx): void {
  ctx.fillStyle = vertical(ctx, -70, 5, '#8d1530', '#560c25')
  fillEllipse(ctx, 186, -26, 62, 34)
  claws(ctx, 186, -4, 40)
}

function claws(ctx: Ctx, x: number, y: number, spread: number): void {
  ctx.fillStyle = '#fff3d6'
  for (const at of [-1, 0, 1]) {
    const cx = x + at * spread * 0.72
    shape(
      ctx,
      [cx - 10, y - 8],
      [cx - 8, y + 8, cx - 2, y + 14, cx, y + 15],
      [cx + 2, y + 14, cx + 8, y + 8, cx + 10, y - 8],
    )
    ctx.fill()
  }
}

function paw(ctx: Ctx, side: 1 | -1, raise: number): void {
  ctx.save()
  ctx.translate(side * lerp(112, 190, raise), lerp(-30, -210, raise))
  ctx.rotate(side * raise * 0.5)
  ctx.scale(1 + raise * 0.35, 1 + raise * 0.35)
  ctx.fillStyle = vertical(ctx, -60, 40, '#d8323a', '#8c1430')
  shape(ctx, [-50, 10], [-62, -40, -40, -82, 0, -82], [40, -82, 62, -40, 50, 10], [40, 34, -40, 34, -50, 10])
  ctx.fill()
  ctx.fillStyle = GOLD
  shape(ctx, [-42, -46], [-30, -66, 30, -66, 42, -46], [30, -52, -30, -52, -42, -46])
  ctx.fill()
  ctx.strokeStyle = 'rgb(70 8 26 / 55%)'
  ctx.lineWidth = 4
  for (const x of [-17, 17]) {
    ctx.beginPath()
    ctx.moveTo(x, -8)
    ctx.lineTo(x * 1.1, 22)
    ctx.stroke()
  }
  claws(ctx, 0, 22, 44)
  ctx.restore()
}

/** Locks like flames around the head: the outer ring (1) and the inner one (0). */
function mane(ctx: Ctx, t: number, ring: 0 | 1, rage: number): void {
  const count = ring === 1 ? 19 : 17
  for (let i = 0; i < count; i++) {
    const turn = (i / count) * TAU + (ring === 1 ? 0.16 : 0)
    const sway = Math.sin(t * (2 + rage * 3) + i * 1.9) * (7 + rage * 6)
    const length = (ring === 1 ? 104 : 66) * (1 + 0.16 * Math.sin(i * 2.4) + rage * 0.12)
    const width = ring === 1 ? 29 : 26
    ctx.save()
    ctx.translate(HEAD.x + Math.sin(turn) * 122, HEAD.y + 8 - Math.cos(turn) * 104)
    ctx.rotate(turn)
    const lock = ctx.createLinearGradient(0, 0, 0, -length)
    if (ring === 1) {
      lock.addColorStop(0, '#a3161f')
      lock.addColorStop(0.6, rage > 0.5 ? '#ff3b16' : '#e4501b')
      lock.addColorStop(1, '#ff9a2b')
    } else {
      lock.addColorStop(0, '#e06a14')
      lock.addColorStop(0.7, '#ffb52e')
      lock.addColorStop(1, '#fff0a8')
    }
    ctx.fillStyle = lock
    shape(
      ctx,
      [-width, 18],
      [-width * 1.25, -length * 0.4, -width * 0.3 + sway, -length * 0.62, sway * 1.8 + 6, -length],
      [width * 0.55 + sway, -length * 0.62, width * 1.3, -length * 0.35, width, 18],
    )
    ctx.fill()
    ctx.restore()
  }
}
