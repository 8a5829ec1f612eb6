import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'

/** A seeded generator with the few distributions that scenarios need. */
export class Random {
  readonly #generator: RandomGenerator

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(spread(seed))
  }

  /** An integer in [from, to]. */
  int(from: number, to: number): number {
    return uniformInt(this.#generator, from, to)
  }

  /** A number in [0, 1). */
  unit(): number {
    return uniformFloat64(this.#generator)
  }

  chance(probability: number): boolean {
    return this.unit() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)] as T
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.int(0, 255))
  }
}

/**
 * Spreads the bits of a seed, because consecutive seeds would start with nearly the same numbers (the finaliser of
 * MurmurHash3).
 */
function spread(seed: number): number {
  let bits = seed ^ (seed >>> 16)
  bits = Math.imul(bits, 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
