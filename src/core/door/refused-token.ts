import type { Grant, Outcome } from '../ports.ts'

/** One text for every token that is missing, malformed, forged or another user's: it tells nobody which. */
export const refusals = {
  UNAUTHENTICATED: 'the token was refused',
  EXPIRED: 'the token has expired',
} as const

/** Why a token is not taken at this wall time; null where it is. A fresh one helps against EXPIRED alone. */
export function refusalOf(outcome: Outcome<Grant>, wallNow: number): keyof typeof refusals | null {
  if (!outcome.ok) return outcome.error.code === 'EXPIRED' ? 'EXPIRED' : 'UNAUTHENTICATED'
  const { expires } = outcome.value
  return expires > 0 && expires <= wallNow ? 'EXPIRED' : null
}
