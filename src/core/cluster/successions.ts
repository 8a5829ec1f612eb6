import { Ring } from '../ground/ring.ts'

/** Those that are remembered: a node that drains hands over 32 meetings at a time, and whoever watches asks each second. */
const KEPT = 256

/**
 * How a node came to go on with a meeting of another one: that one handed it over; it had ended, and the same world goes
 * on; or it had ended, and a new world began with the frames that were left.
 */
export const successionKinds = ['handover', 'revival', 'fork'] as const

/** A meeting that this node goes on with, and which was another one's before. */
export interface Succession {
  readonly meeting: string
  /** The node before, by incarnation. */
  readonly from: number
  readonly how: (typeof successionKinds)[number]
  /** The first frame of this node. */
  readonly frame: number
}

/** A succession as others are told of it. */
export interface ToldSuccession extends Succession {
  readonly agoMs: number
}

/** The meetings that this node has gone on with lately, for whoever watches the cluster. */
export class Successions {
  readonly #log: Ring<Succession & { readonly at: number }> = new Ring(0)

  note(succession: Succession, now: number): void {
    this.#log.push({ ...succession, at: now })
    if (this.#log.size > KEPT) this.#log.shift()
  }

  /** Those of the last `withinMs`, the oldest first. */
  told(withinMs: number, now: number): ToldSuccession[] {
    const told: ToldSuccession[] = []
    for (let position = this.#log.first; position < this.#log.next; position++) {
      const { at, ...succession } = this.#log.get(position)
      if (now - at <= withinMs) told.push({ ...succession, agoMs: Math.round(now - at) })
    }
    return told
  }
}
