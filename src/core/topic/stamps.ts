import { fixedLimits, type NodeConfig } from '../ground/config.ts'

/**
 * The stamps of a node's publications: a hybrid logical clock, in microseconds since 1970.
 *
 * A node whose wall clock was ahead for a while stamps too late, and the others refuse that. Once its clock is right
 * again, it begins anew from there: otherwise they would refuse whatever it publishes until that time comes.
 */
export class Stamps {
  readonly #config: NodeConfig
  #last = 0
  /** The latest stamp that counts: one above it comes from a clock that was wrong, this node's own included. */
  trusted: number = Infinity

  constructor(config: NodeConfig) {
    this.#config = config
  }

  /** The next stamp: above every stamp that this node has given or seen, and that counts. */
  next(now: number): number {
    if (this.#last > this.latest(now)) this.#last = 0
    return (this.#last = Math.max(this.#last + 1, this.#at(now)))
  }

  /** The latest stamp that another node may have given by now. */
  latest(now: number): number {
    return (this.trusted = this.#at(now + fixedLimits.stampAheadMs))
  }

  /** When a stamp was given, in monotonic milliseconds by this node's clock: not after `now`. */
  timeOf(stamp: number, now: number): number {
    return Math.min(now, stamp / 1000 - this.#config.wallOffset)
  }

  see(stamp: number): void {
    this.#last = Math.max(this.#last, stamp)
  }

  #at(now: number): number {
    return Math.floor((now + this.#config.wallOffset) * 1000)
  }
}
