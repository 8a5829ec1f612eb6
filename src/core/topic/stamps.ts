import { fixedLimits, type NodeConfig } from '../ground/config.ts'

/** The stamps of a node's publications: a hybrid logical clock, in microseconds since 1970. */
export class Stamps {
  readonly #config: NodeConfig
  #last = 0

  constructor(config: NodeConfig) {
    this.#config = config
  }

  /** The next stamp: above every stamp that this node has given or seen. */
  next(now: number): number {
    return (this.#last = Math.max(this.#last + 1, this.#at(now)))
  }

  /** The latest stamp that another node may have given by now. */
  latest(now: number): number {
    return this.#at(now + fixedLimits.stampAheadMs)
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
