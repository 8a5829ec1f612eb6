import { limits } from '../../protocol/limits.ts'
import { Encoded } from '../log/encoded.ts'

/** One incarnation of a node, which numbers its publications to each topic. */
export class Publisher {
  readonly incarnation: number
  /** Its number in this node's table, which stands for it on the wire. */
  readonly number: number

  constructor(incarnation: number, number: number) {
    this.incarnation = incarnation
    this.number = number
  }
}

/**
 * The publishers that this node has heard of since it started, itself first. The table only grows, so a number means
 * the same on every connection, and a connection that knows the first n needs only the rest.
 */
export class Publishers {
  readonly own: Publisher
  readonly #all: Publisher[]
  readonly #byIncarnation: Map<number, Publisher>
  /** The last PUBLISHERS made: it takes a connection from `from` known publishers to `to`. */
  #message: { readonly from: number; readonly to: number; readonly encoded: Encoded } | null = null

  constructor(incarnation: number) {
    this.own = new Publisher(incarnation, 0)
    this.#all = [this.own]
    this.#byIncarnation = new Map([[incarnation, this.own]])
  }

  get size(): number {
    return this.#all.length
  }

  /**
   * The publisher of this incarnation, added if it is new; null when it is new and the table is full. `isThere`: it is
   * not only spoken of by others; those that are get half of the table.
   */
  of(incarnation: number, isThere = true): Publisher | null {
    const known = this.#byIncarnation.get(incarnation)
    if (known !== undefined) return known
    if (this.size >= (isThere ? limits.nodePublishers : limits.nodePublishers / 2)) return null
    const made = new Publisher(incarnation, this.size)
    this.#all.push(made)
    this.#byIncarnation.set(incarnation, made)
    return made
  }

  /**
   * The PUBLISHERS message for a connection that knows the first `told`. Cached, because nearly all connections know
   * the same.
   */
  messageFrom(told: number): Encoded {
    if (this.#message?.from !== told || this.#message.to !== this.size) {
      const publishers = this.#all.slice(told).map(({ incarnation }) => ({ publisher: incarnation }))
      const encoded = Encoded.of({ type: 'publishers', first: told, publishers })
      this.#message = { from: told, to: this.size, encoded }
    }
    return this.#message.encoded
  }
}
