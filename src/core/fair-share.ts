import type { Payload } from '../protocol/payload.ts'

/** What waits for a frame, and whose it is. */
interface Waiting {
  readonly member: { readonly waiting: number }
  readonly data: Payload
}

/**
 * What one frame takes of what waits, in order of arrival; the rest waits, fairly by member: the first of each, then
 * the second of each, so that nobody crowds out another. `perMember` entries of one member, `bytes` of payload in all
 * (but at least one entry).
 */
export function share<T extends Waiting>(
  waiting: readonly T[],
  perMember: number,
  bytes: number,
): { taken: readonly T[]; left: T[] } {
  let size = 0
  for (const { data } of waiting) size += data.bytes.length
  if (size <= bytes && waiting.every(({ member }) => member.waiting <= perMember)) {
    return { taken: waiting, left: [] }
  }
  const turns = new Map<T['member'], number>()
  const order = waiting.map((entry, arrival) => {
    const turn = turns.get(entry.member) ?? 0
    turns.set(entry.member, turn + 1)
    return { entry, arrival, turn }
  })
  const chosen = new Set<number>()
  let room = bytes
  for (const { entry, arrival, turn } of order.sort((a, b) => a.turn - b.turn || a.arrival - b.arrival)) {
    if (turn >= perMember || (entry.data.bytes.length > room && chosen.size > 0)) break
    room -= entry.data.bytes.length
    chosen.add(arrival)
  }
  return {
    taken: waiting.filter((_, arrival) => chosen.has(arrival)),
    left: waiting.filter((_, arrival) => !chosen.has(arrival)),
  }
}
