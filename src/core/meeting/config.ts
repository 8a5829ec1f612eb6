import type { Refusal } from '../ports.ts'

/**
 * Why a client with this configuration may not join a meeting that has the other one; null where it may, as where either
 * is '', which stands for none.
 */
export function mismatch(given: string, held: string): Refusal | null {
  if (given === '' || held === '' || given === held) return null
  const message = `the client has the configuration "${given}", the meeting has "${held}"`
  return { code: 'CONFIG_MISMATCH', message, retryAfterMs: 0 }
}
