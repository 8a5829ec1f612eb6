import type { Player, State } from '../../../../src/demo/battle/index.ts'
import { BEAST_HEIGHT, BEAST_WIDTH } from './beast.ts'
import { HEAD } from './face.ts'
import { HERO_HEIGHT } from './hero.ts'
import { clamp, lerp, noise, type Point } from './paint.ts'

/** Edges of the canvas that the page has put something on, in pixels. */
export interface Insets {
  readonly top: number
  readonly bottom: number
  readonly left: number
}

export interface Place extends Point {
  readonly scale: number
  /** How wide its name may be. */
  readonly room: number
}

/** Who is on the snow. */
export function fightersOf({ phase, players }: State): Player[] {
  return phase === 'battle' ? players.filter(({ fighting }) => fighting) : players.slice(0, 10)
}

/** Where everything is, for one size of the canvas. */
export class Layout {
  readonly width: number
  readonly height: number
  readonly insets: Insets
  /** Where the mountains' feet are. */
  readonly horizon: number
  readonly beastScale: number
  /** Where the beast stands. */
  readonly #beast: Point
  readonly #heroFoot: number
  readonly #free: number

  constructor(width: number, height: number, insets: Insets) {
    this.width = width
    this.height = height
    this.insets = insets
    this.#free = width - insets.left
    this.#heroFoot = height - insets.bottom - 26
    this.horizon = Math.round(lerp(insets.top, this.#heroFoot, 0.66))
    const foot = this.horizon + (this.#heroFoot - this.horizon) * 0.26
    this.#beast = { x: insets.left + this.#free / 2, y: foot }
    this.beastScale = Math.min(this.#free / BEAST_WIDTH, (foot - insets.top - 12) / BEAST_HEIGHT, 1.25)
  }

  onBeast({ x, y }: Point): Point {
    return { x: this.#beast.x + x * this.beastScale, y: this.#beast.y + y * this.beastScale }
  }

  /** Where on the beast something hits: spread out, the same for the same shot. */
  target(seed: number): Point {
    return this.onBeast({ x: (noise(seed, 1) - 0.5) * 230, y: HEAD.y + 40 + (noise(seed, 2) - 0.5) * 190 })
  }

  placeOf(state: State, id: number): Place | null {
    const fighters = fightersOf(state)
    const index = fighters.findIndex((player) => player.id === id)
    return index < 0 ? null : this.place(index, fighters.length)
  }

  /** Where a fighter stands, and how large. With many on a narrow screen, in two rows. */
  place(index: number, count: number): Place {
    const width = Math.min(this.#free - 16, 1_100)
    const rows = count > 5 && width < 620 ? 2 : 1
    const inRow = Math.ceil(count / rows)
    const row = rows === 1 ? 0 : index % 2
    const room = width / inRow
    const at = rows === 1 ? index : Math.floor(index / 2)
    const shift = rows === 2 ? (row === 0 ? 0.35 : 0.65) : 0.5
    const tall = (this.#heroFoot - this.horizon) / (HERO_HEIGHT * (rows === 1 ? 1.5 : 1.9))
    return {
      x: this.#beast.x - width / 2 + room * (at + shift),
      y: this.#heroFoot - row * HERO_HEIGHT * 0.62,
      scale: clamp(Math.min(room / 58, tall), 0.4, 1.25),
      room: rows === 2 ? room * 0.9 : room - 6,
    }
  }
}
