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

/*
 * The beast, seen from the front, in its own units: it stands on (0, 0) and is about 560 wide and 470 high. What it
 * does is in its pose; nothing here decides anything.
 */

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
export const BEAST_WIDTH = 600
export const BEAST_HEIGHT = 500

const GOLD = '#ffc94d'

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
  head(ctx, pose)
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

function head(ctx: Ctx, pose: Pose): void {
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
