import type { Grant, Outcome } from '../ports.ts'

/** One text for every token that is missing, malformed, forged or another user's, so as not to reveal which. */
export const refusals = {
  UNAUTHENTICATED: 'the token was refused',
  EXPIRED: 'the token has expired',
} as const

/** Why a token is refused at this wall time; null when it is accepted. A fresh token cures only EXPIRED. */
export function refusalOf(outcome: Outcome<Grant>, wallNow: number): keyof typeof refusals | null {
  if (!outcome.ok) return outcome.error.code === 'EXPIRED' ? 'EXPIRED' : 'UNAUTHENTICATED'
  const { expires } = outcome.value
  return expires > 0 && expires <= wallNow ? 'EXPIRED' : null
}
