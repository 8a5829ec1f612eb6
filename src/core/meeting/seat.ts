import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Cursor } from '../log/log.ts'
import type { Refusal } from '../ports.ts'
import type { Seat } from '../session/parts.ts'
import type { CursorInfo } from '../session/session-info.ts'
import type { Session } from '../session/session.ts'

/** A meeting, as far as its seats go. */
export interface Seating {
  readonly name: string
  readonly log: { readonly first: number; readonly next: number }
  accept(seat: MeetingSeat, input: MessageOf<'input'>, now: number): Refusal | ErrorCode | null
  detach(seat: MeetingSeat): boolean
  leave(seat: MeetingSeat, reason: string): void
}

/** What a session has of a meeting. */
export class MeetingSeat implements Seat {
  readonly session: Session
  readonly slot: number
  cursor: Cursor | null = null
  readonly #meeting: Seating

  constructor(meeting: Seating, session: Session, slot: number) {
    this.#meeting = meeting
    this.session = session
    this.slot = slot
  }

  get name(): string {
    return this.#meeting.name
  }

  get place(): CursorInfo | null {
    if (this.cursor === null) return null
    const { name, log } = this.#meeting
    return { of: 'meeting', name, position: this.cursor.position, first: log.first, next: log.next }
  }

  accept(input: MessageOf<'input'>, now: number): Refusal | ErrorCode | null {
    return this.#meeting.accept(this, input, now)
  }

  detach(): boolean {
    return this.#meeting.detach(this)
  }

  end(reason: string): void {
    this.#meeting.leave(this, reason)
  }
}
