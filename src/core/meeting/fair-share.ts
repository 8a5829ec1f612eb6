import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { Payload } from '../../protocol/payload.ts'

const SLOTS = SYSTEM_SLOT

/** An input that waits for a frame. */
interface Waiting {
  readonly member: { readonly slot: number; readonly waiting: number }
  readonly data: Payload
}

/**
 * Chooses the waiting inputs that one frame takes. Fair by member: the first input of each, then the second of each,
 * and so on, so that no member crowds out another. Takes at most `perMember` inputs of one member and `bytes` of
 * payload in all, but at least one input. Returns both parts in order of arrival. `last`: the slot that was served
 * last; passed as `after` for the next frame, the rotation goes on behind it.
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
