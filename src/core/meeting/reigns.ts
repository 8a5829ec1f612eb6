/** Identifies an owner that seals. Of two, the higher one is the later. */
export interface Fence {
  readonly term: number
  readonly incarnation: number
}

/** The highest term that another node may name. */
export const MAX_TERM: number = 2 ** 52

/** The frames that were sealed at one fence, by one node or, after a hand-over, by several in turn. */
export interface Reign extends Fence {
  /** Its first frame. */
  readonly from: number
}

/** Reigns that are remembered of a meeting. */
const MOST = 64

export function isAbove(one: Fence, other: Fence): boolean {
  return one.term > other.term || (one.term === other.term && one.incarnation > other.incarnation)
}

export function isSame(one: Fence, other: Fence): boolean {
  return one.term === other.term && one.incarnation === other.incarnation
}

/** The reign of a frame; the first one for those before it, and no fence where there are none. */
export function reignOf(reigns: readonly Reign[], frame: number): Fence {
  let found: Fence = reigns[0] ?? { term: 0, incarnation: 0 }
  for (const reign of reigns) if (reign.from <= frame) found = reign
  return found
}

/**
 * The reigns, with the next one, unless it is known: from there on, nothing is here that was sealed at an earlier fence,
 * though that may have begun later, in frames that never came here.
 */
export function withReign(reigns: readonly Reign[], next: Reign): readonly Reign[] {
  const last = reigns.at(-1)
  if (last !== undefined && !isAbove(next, last)) return reigns
  const ended = reigns.map((reign) => (reign.from > next.from ? { ...reign, from: next.from } : reign))
  return [...ended, next].slice(-MOST)
}

/**
 * Where two logs of one world part: the first frame that they may not have in common. One is given by its reigns, the
 * other by its next frame, the fence of its last one and its stable mark. Frames of one fence are the same everywhere,
 * and so is all before them. Of a fence that is not among the reigns only what is stable is certain.
 */
export function partingOf(
  reigns: readonly Reign[],
  { next, stable, ...fence }: Fence & { readonly next: number; readonly stable: number },
): number {
  const at = reigns.findIndex((reign) => isSame(reign, fence))
  if (at === -1) return Math.min(next, stable + 1)
  return Math.min(next, reigns[at + 1]?.from ?? Infinity)
}
