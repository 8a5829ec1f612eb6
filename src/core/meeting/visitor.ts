import type { MessageOf } from '../../protocol/schema.ts'
import type { Refusal } from '../ports.ts'
import { AGAIN_MS } from '../session/elsewhere.ts'
import { type Fence, isAbove } from './reigns.ts'
import type { Room } from './room.ts'
import type { Member, Occupant } from './seat.ts'

/** What a client says that it holds of a meeting; see the JOIN of PROTOCOL.md. */
export type Holding = MessageOf<'join'>['held'][number]

/** A session of another node that asks to become a member. */
export interface Visitor {
  readonly user: string
  /** The session in which it last had its seat; its own where that may have been on another node. '' for none. */
  readonly former: string
  /** What it holds of the meeting's history as the member that it was; null for nothing. */
  readonly held: Holding | null
  /** The slot that it had, also in a world from which this one has been forked; NaN for none. */
  readonly slot: number
  /** Hash of the configuration that it runs; '' where it names none. */
  readonly config: string
}

/** Makes the seat of a member; `continued`: see `Placing`. */
export type Seating = (member: Member, continued: boolean) => Occupant

/**
 * Whether the member's place is the one that a run of a client had before, in another session or on a node that has
 * ended; asked before anybody takes it.
 */
export function continues(
  { seat, slot }: Member,
  { former, held }: Pick<Visitor, 'former' | 'held'>,
): boolean {
  if (seat === null) return false
  if (former !== '' && seat.id === former) return true
  return held !== null && held.elected !== 0 && held.slot === slot && held.elected === seat.elector.elected
}

/**
 * The visitor who sends a JOIN, to a meeting of this world and fence. One that has promised a higher fence to another
 * node has no say at this one: it comes as a newcomer.
 */
export function visitorOf(
  { user, id }: { readonly user: string; readonly id: string },
  { former, config, world, held: [held] }: Pick<MessageOf<'join'>, 'former' | 'config' | 'world' | 'held'>,
  facts: { readonly world: number } & Fence,
): Visitor {
  const holds = world === facts.world && held !== undefined
  if (holds && isAbove(promiseOf(held), facts)) return { user, former: '', config, held: null, slot: NaN }
  return { user, former: former || id, config, held: holds ? held : null, slot: held?.slot ?? NaN }
}

/** Whether a client holds frames of a later owner of this world than the one that it asks. */
export function isOutrun(
  { world, held: [held] }: Pick<MessageOf<'join'>, 'world' | 'held'>,
  facts: { readonly world: number } & Fence,
): boolean {
  return held !== undefined && world === facts.world && isAbove(held, facts)
}

/**
 * Why a client gets no seat that holds frames of a later owner; null where it does. While an owner may not seal it gives
 * way as soon as it hears of the later one, which a client might only pretend.
 */
export function whyOutrun(
  { backing, room }: { readonly backing: { readonly isPaused: boolean }; readonly room: Pick<Room, 'facts'> },
  message: Pick<MessageOf<'join'>, 'world' | 'held'>,
): Refusal | null {
  return backing.isPaused && isOutrun(message, room.facts) ? OUTRUN : null
}

const OUTRUN: Refusal = {
  code: 'BUSY',
  message: 'another node goes on with this meeting; try again',
  retryAfterMs: AGAIN_MS,
}

/** The fence that a client has promised; term 0 for none. */
export function promiseOf({ promisedTerm, promisedIncarnation }: Holding): Fence {
  return { term: promisedTerm, incarnation: promisedIncarnation }
}
