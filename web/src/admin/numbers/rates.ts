/**
 * By how much a counter has risen. One that is lower than before has begun anew from 0; null where one of them is
 * unknown.
 */
export function increase(before: number | undefined, after: number | undefined): number | null {
  if (before === undefined || after === undefined) return null
  return after >= before ? after - before : after
}

/** The same in a second; null where no time has passed. */
export function rate(before: number | undefined, after: number | undefined, ms: number): number | null {
  const by = increase(before, after)
  return by === null || ms <= 0 ? null : (by * 1000) / ms
}
