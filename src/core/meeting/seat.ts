import type { ErrorCode } from '../../protocol/errors.ts'
import { SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Bucket } from '../ground/rate.ts'
import type { Cursor } from '../log/log.ts'
import type { Refusal } from '../ports.ts'
import { Elector } from './electorate.ts'
import type { Seat as SessionSeat } from '../session/parts.ts'
import type { CursorInfo } from '../session/session-info.ts'
import type { Session } from '../session/session.ts'

/**
 * Where a member stands. Every legal move:
 *
 *   present ─connection lost→ away ─joins again, in this session or a new one→ present
 *      └──────────leaves, is kicked, expires──────┴→ leaving ─its inputs are framed→ gone
 */
export type Standing =
  | { readonly is: 'present' }
  /** `turn` rises from one that goes away to the next. */
  | { readonly is: 'away'; readonly turn: number }
  /** On its way out, behind its own inputs. */
  | { readonly is: 'leaving'; readonly reason: string; readonly wasAway: boolean }

/** Who holds a slot. */
export interface Member {
  readonly slot: number
  readonly user: string
  /** Null: a bot of the business. */
  seat: Seat | null
  standing: Standing
  /** Highest seq answered: accepted or refused. */
  seq: number
  /** Of the rate of its inputs. */
  bucket: Bucket
  /** Inputs accepted and not yet in a frame. */
  waiting: number
}

export function isAway({ standing }: Member): boolean {
  return standing.is === 'away' || (standing.is === 'leaving' && standing.wasAway)
}

/** Who decides about the seats of a room. */
export interface Host {
  readonly name: string
  readonly log: { readonly first: number; readonly next: number }
  /** The client has everything up to this frame. */
  acknowledge(seat: Seat, frame: number): void
  /** Takes an input in, or says why not. Either way its seq is answered. */
  accept(seat: Seat, message: MessageOf<'input'>, now: number): Refusal | ErrorCode | null
  /** The session lost its connection: a member keeps its slot and is away. False: a spectator is gone. */
  detach(seat: Seat): boolean
  /** The session gives up its seat. What its member sent before is framed first. */
  leave(seat: Seat, reason: string): void
}

/**
 * A session's place in a room: a member's outlives the cursor, which goes with the connection. Where its user comes
 * back in a new session, the member gets another one.
 */
export class Seat implements SessionSeat {
  readonly session: Session
  readonly member: Member | null
  /** A member's say in what is stable: another session of its user has one of its own. */
  readonly elector: Elector = new Elector()
  #turnedAway = 0
  readonly #host: Host
  cursor: Cursor | null = null

  /** `member`: null for a spectator. */
  constructor(host: Host, session: Session, member: Member | null) {
    this.#host = host
    this.session = session
    this.member = member
  }

  /** Of the meeting. */
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

  get last(): number {
    return this.member?.seq ?? 0
  }

  /** The highest seq that was refused before its turn came. */
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
}

/** A session's seat in the room with this log. */
export function seatOf(session: Session, log: number): Seat | undefined {
  // Numbers of logs are unique on the node, and this one is of a meeting.
  return session.seats.get(log) as Seat | undefined
}
