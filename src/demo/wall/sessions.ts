/* The market's day, sped up: three minutes stand for one. */

export type Phase = 'opening' | 'morning' | 'lunch' | 'afternoon' | 'closing' | 'closed'

/** What follows what, and for how many milliseconds. */
export const timetable: readonly (readonly [phase: Phase, ms: number])[] = [
  ['opening', 6_000],
  ['morning', 75_000],
  ['lunch', 8_000],
  ['afternoon', 75_000],
  ['closing', 6_000],
  ['closed', 8_000],
]

/** How long a day is, in milliseconds. */
export const DAY_MS: number = timetable.reduce((sum, [, ms]) => sum + ms, 0)

/** Prices move in these phases only; at the end of an auction everything trades once. */
export const isTrading = (phase: Phase): boolean => phase === 'morning' || phase === 'afternoon'
export const isAuction = (phase: Phase): boolean => phase === 'opening' || phase === 'closing'

/** Where a moment stands in its day. */
export interface Session {
  readonly day: number
  readonly phase: Phase
  /** Milliseconds until the next phase, more than 0. */
  readonly leftMs: number
  /** Milliseconds since this phase began. */
  readonly sinceMs: number
}

/** The moment at which a session stands, in milliseconds since the first day began. */
export function momentOf({ day, phase, leftMs }: Pick<Session, 'day' | 'phase' | 'leftMs'>): number {
  const at = timetable.findIndex(([name]) => name === phase)
  return (day - 1) * DAY_MS + timetable.slice(0, at + 1).reduce((sum, [, ms]) => sum + ms, 0) - leftMs
}

/** The session at a moment, in milliseconds since the first day began. */
export function sessionAt(ms: number): Session {
  const day = Math.floor(ms / DAY_MS)
  let since = ms - day * DAY_MS
  for (const [phase, length] of timetable) {
    if (since < length) return { day: day + 1, phase, leftMs: length - since, sinceMs: since }
    since -= length
  }
  throw new RangeError(`${ms} is not a moment of the market`)
}
