import {
  type Ctx,
  clamp,
  fillEllipse,
  glow,
  lerp,
  mirrored,
  type Point,
  shape,
  TAU,
  vertical,
} from './paint.ts'

/* The beast's face and what it shows: see the beast for its units. */

export interface Pose {
  /** Seconds, for whatever moves by itself. */
  readonly t: number
  /** All 0 to 1. */
  readonly open: number
  readonly crouch: number
  readonly rage: number
  readonly stun: number
  /** Whether the jewel on its brow, its weak spot, shines. */
  readonly jewel: number
  readonly pawLeft: number
  readonly pawRight: number
  /** Of a hit, fading. */
  readonly hit: number
  /** Where it looks, −1 to 1. */
  readonly look: Point
}

/** Middle of the head, for what is thrown at it. */
export const HEAD: Point = { x: 0, y: -235 }
export const MOUTH: Point = { x: 0, y: -150 }

export const GOLD = '#ffc94d'

export function paintHead(ctx: Ctx, pose: Pose): void {
  ctx.save()
  ctx.translate(HEAD.x, HEAD.y)
  mirrored(ctx, () => ear(ctx, pose.t))
  jaw(ctx, pose.open)
  const skin = ctx.createRadialGradient(0, -60, 20, 0, 0, 160)
  skin.addColorStop(0, pose.rage > 0.5 ? '#ff5138' : '#f5473f')
  skin.addColorStop(0.65, '#cf1f2e')
  skin.addColorStop(1, '#8e0f29')
  ctx.fillStyle = skin
  shape(
    ctx,
    [0, -118],
    [80, -122, 140, -70, 138, -6],
    [140, 44, 108, 74, 62, 78],
    [30, 82, -30, 82, -62, 78],
    [-108, 74, -140, 44, -138, -6],
    [-140, -70, -80, -122, 0, -118],
  )
  ctx.fill()
  mirrored(ctx, (side) => {
    cheek(ctx)
    eye(ctx, pose, side)
  })
  muzzle(ctx, pose)
  mirrored(ctx, () => brow(ctx, pose))
  horns(ctx)
  jewel(ctx, pose)
  ctx.restore()
  if (pose.stun > 0.3) dizzy(ctx, pose.t)
}

function ear(ctx: Ctx, t: number): void {
  ctx.save()
  ctx.translate(112, -74)
  ctx.rotate(0.5 + Math.sin(t * 2.3) * 0.05)
  ctx.fillStyle = '#b3182c'
  shape(ctx, [-26, 20], [-30, -30, 0, -66, 22, -84], [44, -40, 40, 0, 22, 26])
  ctx.fill()
  ctx.fillStyle = '#ff9d5c'
  shape(ctx, [-10, 12], [-14, -20, 4, -46, 17, -60], [28, -30, 24, 0, 12, 16])
  ctx.fill()
  ctx.restore()
}

function cheek(ctx: Ctx): void {
  ctx.strokeStyle = GOLD
  ctx.lineWidth = 5
  ctx.beginPath()
  for (let a = 0; a < 7.6; a += 0.25)
    ctx.lineTo(104 + Math.cos(a + 0.4) * (24 - a * 2.7), 34 + Math.sin(a + 0.4) * (24 - a * 2.7))
  ctx.stroke()
}

function eye(ctx: Ctx, { stun, rage, look, crouch, t }: Pose, side: 1 | -1): void {
  const [x, y] = [58, -26]
  ctx.fillStyle = '#3c0718'
  fillEllipse(ctx, x, y, 44, 38, -0.12)
  const white = ctx.createRadialGradient(x, y, 4, x, y, 38)
  white.addColorStop(0, rage > 0.5 ? '#fff3b0' : '#ffffff')
  white.addColorStop(1, rage > 0.5 ? '#ff9a1f' : '#ffe3a1')
  ctx.fillStyle = white
  fillEllipse(ctx, x, y, 37, 31, -0.12)
  if (stun > 0.3) {
    ctx.strokeStyle = '#5a0d20'
    ctx.lineWidth = 5
    ctx.beginPath()
    for (let a = 0; a < 14; a += 0.35)
      ctx.lineTo(x + Math.cos(a + t * 7) * (2 + a * 1.7), y + Math.sin(a + t * 7) * (2 + a * 1.55))
    ctx.stroke()
    return
  }
  // The drawing is mirrored, what it looks at is not.
  const px = x + clamp(look.x * side, -1, 1) * 13
  const py = y + clamp(look.y, -1, 1) * 9
  ctx.fillStyle = rage > 0.5 ? '#d4120c' : '#b4540a'
  fillEllipse(ctx, px, py, 18, 19)
  ctx.fillStyle = '#170309'
  fillEllipse(ctx, px, py, 6 + crouch * -2, 16)
  ctx.fillStyle = '#ffffff'
  fillEllipse(ctx, px - 6 * side, py - 8, 5, 5)
}

function brow(ctx: Ctx, { t, rage, crouch, stun }: Pose): void {
  ctx.save()
  ctx.translate(58, -62 + stun * -12)
  ctx.rotate(lerp(-0.16, 0.2, clamp(crouch + rage * 0.6)) - stun * 0.4)
  const flick = Math.sin(t * 3) * 3
  ctx.fillStyle = vertical(ctx, -40, 12, '#fff2b8', '#ffb52e')
  shape(
    ctx,
    [-50, 14],
    [-40, -10, -6, -22, 16, -16],
    [26, -30, 44, -40, 66, -46 + flick],
    [60, -28, 66, -20, 78, -14 + flick],
    [58, -6, 50, 4, 40, 10],
    [10, 0, -22, 6, -50, 14],
  )
  ctx.fill()
  ctx.restore()
}

/** Below the muzzle: opens for a roar. */
function jaw(ctx: Ctx, open: number): void {
  const drop = 18 + open * 78
  const width = 76 + open * 16
  // The beard hangs from it.
  for (const x of [-52, -26, 0, 26, 52]) {
    ctx.fillStyle = vertical(ctx, drop + 60, drop + 136, '#ffb52e', '#fff3c4')
    shape(
      ctx,
      [x - 20, drop + 52],
      [x - 22, drop + 90, x - 6, drop + 104, x * 1.1, drop + 130 - Math.abs(x) * 0.5],
      [x + 8, drop + 104, x + 22, drop + 90, x + 20, drop + 52],
    )
    ctx.fill()
  }
  ctx.fillStyle = '#a3142a'
  shape(
    ctx,
    [-width, 36],
    [-width - 4, drop + 66, -44, drop + 92, 0, drop + 92],
    [44, drop + 92, width + 4, drop + 66, width, 36],
  )
  ctx.fill()
  ctx.fillStyle = '#2b0312'
  shape(
    ctx,
    [-width + 12, 40],
    [-width + 12, drop + 52, -36, drop + 74, 0, drop + 74],
    [36, drop + 74, width - 12, drop + 52, width - 12, 40],
  )
  ctx.fill()
  ctx.fillStyle = '#ff6b7d'
  fillEllipse(ctx, 0, drop + 50, 38, 12 + open * 12)
  ctx.fillStyle = '#fffaf0'
  for (const side of [-1, 1]) {
    const x = side * (width - 24)
    shape(
      ctx,
      [x - 11, drop + 56],
      [x - 8, drop + 36, x - 2, drop + 22, x, drop + 18],
      [x + 2, drop + 22, x + 8, drop + 36, x + 11, drop + 56],
    )
    ctx.fill()
  }
}

function muzzle(ctx: Ctx, { t, open, rage }: Pose): void {
  const lift = open * -8
  ctx.save()
  ctx.translate(0, lift)
  // Fangs come from under the lip.
  ctx.fillStyle = '#fffaf0'
  for (const side of [-1, 1]) {
    const x = side * 46
    shape(
      ctx,
      [x - 14, 66],
      [x - 12, 92, x - side * 6 - 3, 106, x - side * 5, 112],
      [x + 6, 104, x + 13, 88, x + 14, 66],
    )
    ctx.fill()
  }
  for (const x of [-18, 0, 18]) {
    shape(ctx, [x - 8, 70], [x - 7, 80, x - 3, 86, x, 86], [x + 3, 86, x + 7, 80, x + 8, 70])
    ctx.fill()
  }
  ctx.fillStyle = vertical(ctx, 16, 84, '#ffd9a0', '#f09a52')
  shape(
    ctx,
    [0, 22],
    [44, 4, 90, 24, 90, 54],
    [90, 78, 54, 86, 30, 82],
    [14, 80, 6, 74, 0, 68],
    [-6, 74, -14, 80, -30, 82],
    [-54, 86, -90, 78, -90, 54],
    [-90, 24, -44, 4, 0, 22],
  )
  ctx.fill()
  ctx.fillStyle = 'rgb(120 40 20 / 55%)'
  for (const side of [-1, 1])
    for (const [x, y] of [
      [34, 50],
      [50, 58],
      [62, 46],
    ] as const)
      fillEllipse(ctx, side * x, y, 3.2, 3.2)
  ctx.fillStyle = vertical(ctx, -8, 36, '#5c0d24', '#25040f')
  shape(ctx, [-40, 8], [-36, -14, 36, -14, 40, 8], [44, 26, 16, 38, 0, 38], [-16, 38, -44, 26, -40, 8])
  ctx.fill()
  ctx.fillStyle = 'rgb(255 200 190 / 55%)'
  fillEllipse(ctx, -10, -1, 14, 4, -0.15)
  ctx.fillStyle = rage > 0.5 ? '#ff7a1f' : '#000000'
  fillEllipse(ctx, -18, 18, 7, 5, 0.4)
  fillEllipse(ctx, 18, 18, 7, 5, -0.4)
  // Whiskers, like gold wire.
  ctx.strokeStyle = GOLD
  ctx.lineWidth = 6
  for (const side of [-1, 1]) {
    const wave = Math.sin(t * 1.6 + side) * 12
    ctx.beginPath()
    ctx.moveTo(side * 72, 52)
    ctx.bezierCurveTo(side * 130, 40, side * 160, 92 + wave, side * 214, 62 + wave)
    ctx.bezierCurveTo(side * 236, 50 + wave, side * 228, 28 + wave, side * 208, 34 + wave)
    ctx.stroke()
  }
  ctx.restore()
}

function horns(ctx: Ctx): void {
  mirrored(ctx, () => {
    ctx.fillStyle = vertical(ctx, -200, -90, '#fff6d8', '#d99a2b')
    shape(ctx, [44, -100], [64, -140, 100, -150, 108, -206], [140, -160, 124, -110, 84, -88])
    ctx.fill()
    ctx.strokeStyle = 'rgb(130 70 10 / 50%)'
    ctx.lineWidth = 3
    for (const [x, y] of [
      [62, -106],
      [80, -124],
      [98, -148],
    ] as const) {
      ctx.beginPath()
      ctx.moveTo(x, y)
      ctx.quadraticCurveTo(x + 20, y + 2, x + 26, y + 14)
      ctx.stroke()
    }
  })
}

/** The weak spot: a red jewel on the brow, in gold. */
function jewel(ctx: Ctx, { jewel: shine, t }: Pose): void {
  const pulse = shine * (0.75 + 0.25 * Math.sin(t * 9))
  ctx.fillStyle = vertical(ctx, -124, -56, '#ffe9a6', '#c98a1b')
  shape(
    ctx,
    [0, -136],
    [20, -116, 34, -104, 34, -86],
    [32, -66, 12, -56, 0, -46],
    [-12, -56, -32, -66, -34, -86],
    [-34, -104, -20, -116, 0, -136],
  )
  ctx.fill()
  ctx.fillStyle = vertical(
    ctx,
    -110,
    -64,
    shine > 0 ? '#ffb0a0' : '#ff6a5e',
    shine > 0 ? '#ff2a1a' : '#a30d1e',
  )
  fillEllipse(ctx, 0, -88, 17, 20)
  ctx.fillStyle = 'rgb(255 255 255 / 80%)'
  fillEllipse(ctx, -5, -96, 5, 6)
  if (pulse > 0) {
    ctx.globalCompositeOperation = 'lighter'
    glow(ctx, 0, -88, 120, '#ff3c22', pulse)
    ctx.globalCompositeOperation = 'source-over'
  }
}

function dizzy(ctx: Ctx, t: number): void {
  for (let i = 0; i < 5; i++) {
    const turn = t * 3 + (i / 5) * TAU
    const x = HEAD.x + Math.cos(turn) * 150
    const y = HEAD.y - 150 + Math.sin(turn) * 34
    ctx.save()
    ctx.translate(x, y)
    ctx.rotate(turn)
    ctx.fillStyle = '#ffe55c'
    ctx.beginPath()
    for (let k = 0; k < 10; k++) {
      const r = k % 2 === 0 ? 20 : 8
      ctx.lineTo(Math.sin((k / 10) * TAU) * r, -Math.cos((k / 10) * TAU) * r)
    }
    ctx.fill()
    ctx.restore()
  }
}
