import type { ErrorCode } from '../../protocol/errors.ts'
import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Budget } from '../ground/budget.ts'
import type { Limits } from '../ground/config.ts'
import type { Bucket } from '../ground/rate.ts'
import { weights } from '../ground/weights.ts'
import type { Cursor } from '../log/log.ts'
import type { Refusal } from '../ports.ts'
import { Elector } from './electorate.ts'
import type { Seat as SessionSeat } from '../session/parts.ts'
import type { CursorInfo } from '../session/session-info.ts'
import type { Session } from '../session/session.ts'

/**
 * The standing of a member. Every legal move:
 *
 *   present ─connection lost→ away ─joins again, in this session or a new one→ present
 *      └──────────leaves, is kicked, expires──────┴→ leaving ─its inputs are framed→ gone
 */
export type Standing =
  | { readonly is: 'present' }
  /** `turn` rises with each member that goes away, so it orders them by how long they have been away. */
  | { readonly is: 'away'; readonly turn: number }
  /** The member leaves once its waiting inputs are framed. */
  | { readonly is: 'leaving'; readonly reason: string; readonly wasAway: boolean }

/** The session that has a member's place, on this node or on another. */
export interface Occupant {
  /** The id of the session. */
  readonly id: string
  /** The member's vote on which frames are stable. A reloaded page has one of its own. */
  elector: Elector
  /** Nobody has come for it since the meeting's node ended, nor promised anything: another client of the user may. */
  readonly isVacant?: boolean
  /** Sends data to this member alone. */
  direct(data: Payload): void
  /** The seat has ended: tells the client why, after the frames before `upTo`. */
  evict(message: string, upTo?: number): void
}

/** The holder of a slot. */
export interface Member {
  readonly slot: number
  readonly user: string
  /** Null for a bot. */
  seat: Occupant | null
  standing: Standing
  /** Highest seq answered: accepted or refused. */
  seq: number
  /** Limits the rate of its inputs. */
  bucket: Bucket
  /** Number of inputs accepted and not yet in a frame. */
  waiting: number
}

export function isAway({ standing }: Member): boolean {
  return standing.is === 'away' || (standing.is === 'leaving' && standing.wasAway)
}

/** What seats a session in a room: its owner or, on another node, whoever speaks for the owner there. */
export interface Host {
  readonly name: string
  readonly log: { readonly first: number; readonly next: number }
  /** The client has acknowledged everything up to this frame. */
  acknowledge(seat: Seat, frame: number): void
  /** Accepts an input, or returns why it is refused. Either way its seq is answered. */
  accept(seat: Seat, message: MessageOf<'input'>, now: number): Refusal | ErrorCode | null
  /**
   * The session lost its connection. True: the member keeps its slot and is away. False: the spectator's seat has
   * ended.
   */
  detach(seat: Seat): boolean
  /** The session gives up its seat. The member's waiting inputs are framed first. */
  leave(seat: Seat, reason: string): void
  /** Sends data to the seat alone. */
  direct(seat: Seat, data: Payload): void
  /** The seat has ended: tells the client why, after the frames before `upTo`. */
  evict(seat: Seat, message: string, upTo?: number): void
}

/**
 * A session's seat in a room. A member's seat outlives the cursor, which ends with the connection. When the user comes
 * back in a new session, the member gets a new seat.
 */
export class Seat implements SessionSeat, Occupant {
  readonly session: Session
  #member: Member | null
  elector: Elector = new Elector()
  #turnedAway = 0
  #host: Host
  cursor: Cursor | null = null

  /** `member`: null for a spectator. */
  constructor(host: Host, session: Session, member: Member | null) {
    this.#host = host
    this.session = session
    this.#member = member
  }

  /** Null for a spectator. */
  get member(): Member | null {
    return this.#member
  }

  /** The meeting was handed over to or from another node: another host seats the session from now on. */
  move(host: Host, member: Member | null): void {
    this.#host = host
    this.#member = member
  }

  get id(): string {
    return this.session.id
  }

  /** Name of the meeting. */
  get name(): string {
    return this.#host.name
  }

  get slot(): number {
    return this.member?.slot ?? SYSTEM_SLOT
  }

  get place(): CursorInfo | null {
    if (this.cursor === null) return null
    const { name, log } = this.#host
    return { of: 'meeting', name, position: this.cursor.position, first: log.first, next: log.next }
  }

  get weight(): number {
    return this.member === null ? weights.spectator : weights.member
  }

  get last(): number {
    return this.member?.seq ?? 0
  }

  /** The highest seq that was refused on arrival. */
  get turnedAway(): number {
    return this.#turnedAway
  }

  turnAway(seq: number): void {
    this.#turnedAway = Math.max(this.#turnedAway, seq)
  }

  seen(frame: number): void {
    if (frame > this.elector.acked && this.member !== null) this.#host.acknowledge(this, frame)
  }

  accept(message: MessageOf<'input'>, now: number): Refusal | ErrorCode | null {
    return this.#host.accept(this, message, now)
  }

  detach(): boolean {
    return this.#host.detach(this)
  }

  end(reason: string): void {
    this.#host.leave(this, reason)
  }

  direct(data: Payload): void {
    this.#host.direct(this, data)
  }

  evict(message: string, upTo?: number): void {
    this.#host.evict(this, message, upTo)
  }
}

/** Why a session may not take a seat, or take it again, in the room with this log number; null where it may. */
export function whyNoSeat(
  session: Session,
  log: number,
  spectator: boolean,
  limits: Limits,
  budget: Budget,
): Refusal | ErrorCode | null {
  if (session.outlet === null) return 'UNKNOWN'
  const seat = session.seats.get(log)
  if (seat !== undefined && (seat.slot === SYSTEM_SLOT) !== spectator) {
    const message = 'it is in this meeting in another role; leave it first'
    return { code: 'LIMIT', message, retryAfterMs: 0 }
  }
  if (seat !== undefined) return null
  const weight = spectator ? weights.spectator : weights.member
  const isAllowed =
    session.seats.size < limits.meetingsPerSession && budget.admits(session.payer.held, weight)
  return isAllowed ? null : 'LIMIT'
}

/** A session's seat in the room with this log number. */
export function seatOf(session: Session, log: number): Seat | undefined {
  // Log numbers are unique on the node, and this one belongs to a meeting.
  return session.seats.get(log) as Seat | undefined
}
