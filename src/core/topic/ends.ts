/** So many nodes that have ended are remembered. */
const KEPT = 1_000

/** In which order other nodes have ended, or could not be asked any more. */
export class Ends {
  /** Infinity for those that can be asked. */
  readonly #ends: Map<number, number> = new Map()
  /** How many there were so far. */
  count = 0

  met(node: number): void {
    this.#ends.set(node, Infinity)
  }

  ended(node: number): void {
    // One that fell silent has told nothing since.
    if ((this.#ends.get(node) ?? Infinity) < Infinity) return
    this.#ends.set(node, ++this.count)
    for (const [other, end] of this.#ends) if (end <= this.count - KEPT) this.#ends.delete(other)
  }

  /** Whether a node can be asked, or ended when at least `count` others had. */
  isBehind(count: number, node: number): boolean {
    return (this.#ends.get(node) ?? 0) > count
  }
}
