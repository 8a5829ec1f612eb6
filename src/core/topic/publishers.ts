import { limits } from '../../protocol/limits.ts'
import { Encoded } from '../log/encoded.ts'

/** A node that publishes: one of its lives, which numbers its publications to each topic. */
export class Publisher {
  readonly incarnation: number
  /** Its number in this node's table, by which the wire names it. */
  readonly number: number

  constructor(incarnation: number, number: number) {
    this.incarnation = incarnation
    this.number = number
  }
}

/**
 * The publishers that this node has heard of since it was started, itself first. The table only grows, so a number
 * means the same on every connection, and a connection that was told of the first n need only be told of the rest.
 */
export class Publishers {
  readonly own: Publisher
  readonly #all: Publisher[]
  readonly #byIncarnation: Map<number, Publisher>
  /** What a connection that knows `from` publishers has to be told, and how many it knows then. */
  #message: { readonly from: number; readonly to: number; readonly encoded: Encoded } | null = null

  constructor(incarnation: number) {
    this.own = new Publisher(incarnation, 0)
    this.#all = [this.own]
    this.#byIncarnation = new Map([[incarnation, this.own]])
  }

  get size(): number {
    return this.#all.length
  }

  /** The publisher of this incarnation; null for a further one where the table is full. */
  of(incarnation: number): Publisher | null {
    const known = this.#byIncarnation.get(incarnation)
    if (known !== undefined) return known
    if (this.size >= limits.nodePublishers) return null
    const made = new Publisher(incarnation, this.size)
    this.#all.push(made)
    this.#byIncarnation.set(incarnation, made)
    return made
  }

  /** PUBLISHERS for a connection that was told of the first `told`; nearly always all were told of the same. */
  messageFrom(told: number): Encoded {
    if (this.#message?.from !== told || this.#message.to !== this.size) {
      const publishers = this.#all.slice(told).map(({ incarnation }) => ({ publisher: incarnation }))
      const encoded = Encoded.of({ type: 'publishers', first: told, publishers })
      this.#message = { from: told, to: this.size, encoded }
    }
    return this.#message.encoded
  }
}
