/** Incarnations have 48 bits; the highest sixteenth of them are those of edges. */
const MOST = 2 ** 48 - 1
export const LEAST_EDGE: number = 2 ** 48 - 2 ** 44

/**
 * Whether the node of this incarnation is an edge: it serves clients near it, and owns and remembers nothing. Its
 * number says so, and not a message: so whoever has heard of a node knows, and two nodes that know the same others
 * never choose differently among them.
 */
export function isEdge(incarnation: number): boolean {
  return incarnation >= LEAST_EDGE
}

/** An incarnation, never 0, from a random number below 2^48. */
export function incarnationFrom(random: number, edge: boolean): number {
  return edge ? LEAST_EDGE + (random % (MOST + 1 - LEAST_EDGE)) : random % LEAST_EDGE || 1
}
