import { LEAST_EDGE } from '../core/ground/incarnation.ts'
import { Random } from './random.ts'

/** The extremes of an incarnation of a node that is no edge. */
const LEAST = 1
const MOST = LEAST_EDGE - 1
const HALF = 2 ** 24
/**
 * Two nodes differ by more: their epochs are their incarnations and the numbers of their logs. In the world, where all
 * are random, fewer than one pair in a thousand million is so close.
 */
const APART = 2 ** 17

/**
 * The incarnations of a run's nodes, which real nodes draw at random: some of them extremes, some with half of their
 * bits in common with another one.
 */
export class Incarnations {
  readonly #drawn: number[] = []

  /** `seed`: of this one. */
  draw(seed: number): number {
    const random = new Random(seed)
    for (;;) {
      const incarnation = this.#any(random)
      if (incarnation < LEAST || incarnation > MOST) continue
      if (this.#drawn.some((other) => Math.abs(other - incarnation) < APART)) continue
      this.#drawn.push(incarnation)
      return incarnation
    }
  }

  #any(random: Random): number {
    const dice = random.unit()
    const [high, low] = [random.int(0, HALF - 1), random.int(0, HALF - 1)]
    if (dice < 0.1) return random.pick([LEAST, MOST])
    const other = this.#drawn.length > 0 && dice < 0.4 ? random.pick(this.#drawn) : null
    if (other === null) return high * HALF + low
    return dice < 0.25 ? Math.floor(other / HALF) * HALF + low : high * HALF + (other % HALF)
  }
}
