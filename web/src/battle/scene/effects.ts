import { type Ctx, clamp, easeOut, fillEllipse, glow, TAU } from './paint.ts'

/*
 * Sparks, paper, smoke, rings and numbers. For the eye alone: nothing of it is in the state, and each window has its
 * own.
 */

/** More of them would only cost. */
const MOST = 420
const MOST_TEXTS = 24

interface Bit {
  kind: 'spark' | 'paper' | 'smoke' | 'ring' | 'star'
  x: number
  y: number
  vx: number
  vy: number
  age: number
  life: number
  size: number
  colour: string
  turn: number
}

interface Word {
  text: string
  x: number
  y: number
  age: number
  life: number
  size: number
  colour: string
}

const random = (low: number, high: number): number => low + Math.random() * (high - low)
const fires = ['#fff1b8', '#ffd25c', '#ff9d2e', '#ff5a2e']
const papers = ['#e5262f', '#ff4a4a', '#c3131f', '#ffcb5c']
const oneOf = (list: readonly string[]): string => list[Math.floor(Math.random() * list.length)] ?? '#ffffff'

export class Effects {
  /** Fewer of everything, for who does not want motion. */
  calm = false
  /** 0 to 1: what the machine can draw in time. */
  amount = 1
  #bits: Bit[] = []
  #words: Word[] = []

  clear(): void {
    this.#bits = []
    this.#words = []
  }

  #add(bit: Partial<Bit> & Pick<Bit, 'kind' | 'x' | 'y' | 'life' | 'size' | 'colour'>): void {
    if (this.#bits.length >= (this.calm ? 60 : MOST * this.amount)) return
    this.#bits.push({ vx: 0, vy: 0, age: 0, turn: random(0, TAU), ...bit })
  }

  /** A bang at a place; `force` 1 is a firecracker's. */
  bang(x: number, y: number, force: number): void {
    const amount = Math.round((this.calm ? 4 : 12) * force * this.amount)
    this.#add({ kind: 'ring', x, y, life: 0.35, size: 36 * force, colour: '#ffe9a8' })
    for (let i = 0; i < amount; i++) {
      const turn = random(0, TAU)
      const speed = random(60, 330) * Math.sqrt(force)
      const v = { vx: Math.cos(turn) * speed, vy: Math.sin(turn) * speed - 60 }
      this.#add({
        kind: 'spark',
        x,
        y,
        ...v,
        life: random(0.25, 0.6),
        size: random(1.2, 2.6),
        colour: oneOf(fires),
      })
    }
    for (let i = 0; i < amount / 2; i++)
      this.#add({
        kind: 'paper',
        x,
        y,
        vx: random(-170, 170),
        vy: random(-220, 40),
        life: random(0.8, 1.6),
        size: random(3, 6),
        colour: oneOf(papers),
      })
    for (let i = 0; i < 2 * force; i++)
      this.#add({
        kind: 'smoke',
        x: x + random(-10, 10),
        y: y + random(-10, 10),
        vx: random(-14, 14),
        vy: random(-36, -12),
        life: random(0.6, 1.1),
        size: random(10, 22) * force,
        colour: '#e8d8e8',
      })
  }

  trail(x: number, y: number): void {
    if (this.calm) return
    this.#add({
      kind: 'spark',
      x,
      y,
      vx: random(-30, 30),
      vy: random(10, 60),
      life: random(0.15, 0.35),
      size: random(1, 2.2),
      colour: oneOf(fires),
    })
  }

  /** Breath from the nostrils. */
  steam(x: number, y: number, side: number): void {
    if (this.calm) return
    this.#add({
      kind: 'smoke',
      x,
      y,
      vx: side * random(30, 80),
      vy: random(-30, 10),
      life: random(0.4, 0.8),
      size: random(8, 15),
      colour: '#ffd6c2',
    })
  }

  ring(x: number, y: number, size: number, colour: string): void {
    this.#add({ kind: 'ring', x, y, life: 0.5, size, colour })
  }

  stars(x: number, y: number): void {
    for (let i = 0; i < 7; i++)
      this.#add({
        kind: 'star',
        x,
        y,
        vx: random(-120, 120),
        vy: random(-170, -30),
        life: random(0.5, 0.9),
        size: random(4, 7),
        colour: '#ffe36b',
      })
  }

  /** A firework high up. */
  firework(x: number, y: number, size: number): void {
    const colour = oneOf(['#ff6b6b', '#ffd166', '#7ae5a0', '#6ec6ff', '#d9a2ff', '#ffffff'])
    const count = this.calm ? 10 : 34
    for (let i = 0; i < count; i++) {
      const turn = (i / count) * TAU
      const speed = size * random(0.75, 1.1)
      this.#add({
        kind: 'spark',
        x,
        y,
        vx: Math.cos(turn) * speed,
        vy: Math.sin(turn) * speed,
        life: random(0.8, 1.5),
        size: random(1.2, 2.4),
        colour,
      })
    }
  }

  say(text: string, x: number, y: number, size: number, colour: string, life = 0.9): void {
    if (this.#words.length >= MOST_TEXTS) this.#words.shift()
    this.#words.push({ text, x, y, age: 0, life, size, colour })
  }

  /** Moves everything on by so many seconds. */
  move(dt: number): void {
    for (const bit of this.#bits) {
      bit.age += dt
      bit.x += bit.vx * dt
      bit.y += bit.vy * dt
      if (bit.kind === 'spark') bit.vy += 260 * dt
      else if (bit.kind === 'star') bit.vy += 420 * dt
      else if (bit.kind === 'paper') {
        bit.vx *= 1 - 1.6 * dt
        bit.vy = Math.min(bit.vy + 300 * dt, 90)
        bit.turn += dt * 7
      }
    }
    this.#bits = this.#bits.filter(({ age, life }) => age < life)
    for (const word of this.#words) word.age += dt
    this.#words = this.#words.filter(({ age, life }) => age < life)
  }

  paint(ctx: Ctx): void {
    for (const bit of this.#bits) if (bit.kind === 'smoke') this.#smoke(ctx, bit)
    ctx.globalCompositeOperation = 'lighter'
    ctx.lineCap = 'round'
    for (const bit of this.#bits) {
      if (bit.kind === 'spark') this.#spark(ctx, bit)
      else if (bit.kind === 'ring') this.#ring(ctx, bit)
    }
    ctx.globalCompositeOperation = 'source-over'
    for (const bit of this.#bits) if (bit.kind === 'paper' || bit.kind === 'star') this.#scrap(ctx, bit)
    ctx.globalAlpha = 1
    for (const word of this.#words) this.#word(ctx, word)
    ctx.globalAlpha = 1
  }

  #smoke(ctx: Ctx, { x, y, age, life, size, colour }: Bit): void {
    const share = age / life
    glow(ctx, x, y, size * (0.7 + share), colour, 0.22 * (1 - share))
  }

  #spark(ctx: Ctx, { x, y, vx, vy, age, life, size, colour }: Bit): void {
    ctx.globalAlpha = clamp(1 - age / life)
    ctx.strokeStyle = colour
    ctx.lineWidth = size
    ctx.beginPath()
    ctx.moveTo(x, y)
    ctx.lineTo(x - vx * 0.04, y - vy * 0.04)
    ctx.stroke()
  }

  #ring(ctx: Ctx, { x, y, age, life, size, colour }: Bit): void {
    const share = easeOut(age / life)
    ctx.globalAlpha = 1 - share
    ctx.strokeStyle = colour
    ctx.lineWidth = 1 + 7 * (1 - share)
    ctx.beginPath()
    ctx.arc(x, y, size * share, 0, TAU)
    ctx.stroke()
    if (age < 0.09) {
      ctx.fillStyle = '#fff6d8'
      fillEllipse(ctx, x, y, size * 0.34, size * 0.34)
    }
  }

  #scrap(ctx: Ctx, { kind, x, y, age, life, size, colour, turn }: Bit): void {
    ctx.globalAlpha = clamp(2 * (1 - age / life))
    ctx.fillStyle = colour
    ctx.save()
    ctx.translate(x, y)
    ctx.rotate(turn)
    if (kind === 'paper') {
      ctx.scale(1, Math.cos(turn * 1.7))
      ctx.fillRect(-size / 2, -size / 2, size, size * 0.7)
    } else {
      ctx.beginPath()
      for (let k = 0; k < 10; k++) {
        const r = k % 2 === 0 ? size : size * 0.42
        ctx.lineTo(Math.sin((k / 10) * TAU) * r, -Math.cos((k / 10) * TAU) * r)
      }
      ctx.fill()
    }
    ctx.restore()
  }

  #word(ctx: Ctx, { text, x, y, age, life, size, colour }: Word): void {
    const share = age / life
    const scale = share < 0.15 ? 0.6 + (share / 0.15) * 0.5 : 1.1 - 0.1 * clamp((share - 0.15) * 6)
    ctx.globalAlpha = clamp(3 * (1 - share))
    ctx.font = `800 ${Math.round(size * scale)}px system-ui, 'Noto Sans CJK SC', sans-serif`
    ctx.textAlign = 'center'
    ctx.textBaseline = 'middle'
    ctx.lineJoin = 'round'
    ctx.lineWidth = size * 0.22
    ctx.strokeStyle = 'rgb(60 6 20 / 85%)'
    const at = y - 46 * easeOut(share)
    ctx.strokeText(text, x, at)
    ctx.fillStyle = colour
    ctx.fillText(text, x, at)
  }
}
