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

  /** Whether the node that has numbered the log of this epoch can be asked, or ended when at least `count` others had. */
  isBehind(count: number, epoch: number): boolean {
    for (const [node, end] of this.#ends) if (isLogOf(epoch, node)) return end > count
    return false
  }
}

/** Whether a node has numbered a log of this epoch. */
function isLogOf(epoch: number, node: number): boolean {
  return epoch > node && epoch < node + 2 ** 32
}
