/** A bug that somebody might write, planted by a switch. `plant` returns what takes it out again. */
export interface Mutant {
  readonly name: string
  /** The invariants one of which has to notice it. */
  readonly breaks: readonly string[]
  /** The seed to begin with: the first that met it when it was written, so the search is short; 1 unless given. */
  readonly from?: number
  readonly plant: () => () => void
}

/** Puts another method in the place of one of a class, and gives it back. */
export function replace<C extends object, K extends keyof C>(
  prototype: C,
  method: K,
  by: (original: C[K]) => C[K],
): () => void {
  const original = prototype[method]
  prototype[method] = by(original)
  return () => {
    prototype[method] = original
  }
}

/** Every nth time. */
export function every(n: number): () => boolean {
  let count = 0
  return () => ++count % n === 0
}
