import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { Payload } from '../../protocol/payload.ts'

const SLOTS = SYSTEM_SLOT

/** What waits for a frame, and whose it is. */
interface Waiting {
  readonly member: { readonly slot: number; readonly waiting: number }
  readonly data: Payload
}

/**
 * What one frame takes of what waits, in order of arrival; the rest waits, fairly by member: the first of each, then
 * the second of each, so that nobody crowds out another. `perMember` entries of one member, `bytes` of payload in all
 * (but at least one entry). Where it ends in the middle of a round, `last` is the slot that came last: given as `after`
 * to the next frame, that one begins behind it.
 */
export function share<T extends Waiting>(
  waiting: readonly T[],
  perMember: number,
  bytes: number,
  after: number,
): { taken: readonly T[]; left: T[]; last: number } {
  let size = 0
  for (const { data } of waiting) size += data.bytes.length
  if (size <= bytes && waiting.every(({ member }) => member.waiting <= perMember)) {
    return { taken: waiting, left: [], last: after }
  }
  const turns = new Map<T['member'], number>()
  const order = waiting.map((entry, arrival) => {
    const turn = turns.get(entry.member) ?? 0
    turns.set(entry.member, turn + 1)
    return { entry, arrival, turn, place: (entry.member.slot - after - 1 + SLOTS) % SLOTS }
  })
  const chosen = new Set<number>()
  let room = bytes
  let last = after
  for (const { entry, arrival, turn } of order.sort((a, b) => a.turn - b.turn || a.place - b.place)) {
    if (turn >= perMember || (entry.data.bytes.length > room && chosen.size > 0)) break
    room -= entry.data.bytes.length
    chosen.add(arrival)
    last = entry.member.slot
  }
  return {
    taken: waiting.filter((_, arrival) => chosen.has(arrival)),
    left: waiting.filter((_, arrival) => !chosen.has(arrival)),
    last,
  }
}
