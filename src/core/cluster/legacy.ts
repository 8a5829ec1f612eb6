import type { Owner } from '../meeting/owner.ts'
import { writeLegacy } from './heritage.ts'

/** A meeting that was handed over, and what its owner told last: it has forgotten its members. */
export interface Retired {
  readonly owner: Owner
  readonly legacy: string
}

/** Stands for bots, to compare them. */
export function keyOf(bots: readonly { readonly slot: number; readonly from: number }[]): string {
  return bots.map(({ slot, from }) => `${slot}@${from}`).join()
}

/**
 * What a node needs, besides the frames, to go on with a meeting whose owner has ended; '' where the business of its
 * kind cannot go on without the state that ends with the node.
 */
export function legacyOf(owner: Owner, now: number): string {
  const { logic } = owner.business
  if (logic !== null && logic.revive === undefined) return ''
  const { options, electorate, roster, intake } = owner.state(now)
  const { kind, metadata } = owner.business
  const seqs = new Map(roster.seqs.entries())
  for (const { slot, seq } of roster.members) seqs.set(slot, seq)
  // What waits for a frame is not in the log.
  for (const { slot, seq } of intake.inputs) seqs.set(slot, Math.min(seqs.get(slot) ?? 0, seq - 1))
  return writeLegacy({ options, kind, metadata, seqs: [...seqs] }, electorate)
}
