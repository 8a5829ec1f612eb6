import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { Payload } from '../../protocol/payload.ts'

const SLOTS = SYSTEM_SLOT

/** An input that waits for a frame. */
interface Waiting {
  readonly member: { readonly slot: number; readonly waiting: number }
  readonly data: Payload
}

/** Both parts of the waiting inputs in order of arrival, and the slot that was served last. */
interface Shared<T> {
  readonly taken: readonly T[]
  readonly left: T[]
  readonly last: number
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
): Shared<T> {
  let size = 0
  for (const { data } of waiting) size += data.bytes.length
  if (size <= bytes && waiting.every(({ member }) => member.waiting <= perMember)) {
    return { taken: waiting, left: [], last: after }
  }
  const chosen = new Set<T>()
  let room = bytes
  let last = after
  for (const round of roundsOf(waiting, perMember)) {
    for (let place = 0; place < SLOTS; place++) {
      const slot = (after + 1 + place) % SLOTS
      const entry = round[slot]
      if (entry === undefined) continue
      if (entry.data.bytes.length > room && chosen.size > 0) return divide(waiting, chosen, last)
      room -= entry.data.bytes.length
      chosen.add(entry)
      last = slot
    }
  }
  return divide(waiting, chosen, last)
}

/** The first input of each slot, the second of each, and so on: `count` rounds at most. */
function roundsOf<T extends Waiting>(waiting: readonly T[], count: number): (T | undefined)[][] {
  const rounds: (T | undefined)[][] = []
  const turns = new Uint32Array(SLOTS)
  for (const entry of waiting) {
    const { slot } = entry.member
    const turn = turns[slot] as number
    if (turn >= count) continue
    turns[slot] = turn + 1
    const round = (rounds[turn] ??= Array.from<T | undefined>({ length: SLOTS }))
    round[slot] = entry
  }
  return rounds
}

function divide<T>(waiting: readonly T[], chosen: ReadonlySet<T>, last: number): Shared<T> {
  const taken: T[] = []
  const left: T[] = []
  for (const entry of waiting) (chosen.has(entry) ? taken : left).push(entry)
  return { taken, left, last }
}
