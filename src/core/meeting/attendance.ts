import type { MeetingEvent } from '../../protocol/schema.ts'

/** A member, in the form of JOINED. */
export interface Attendee {
  readonly slot: number
  readonly user: string
  readonly away: boolean
}

/** The members of a meeting as of some frame, derived from the events of its log. */
export class Attendance {
  readonly #members: Map<number, Attendee & { away: boolean }> = new Map()

  get list(): Attendee[] {
    return Array.from(this.#members.values(), (member) => ({ ...member }))
  }

  /** These are the members now. */
  set(members: readonly Attendee[]): void {
    this.#members.clear()
    for (const member of members) this.#members.set(member.slot, { ...member })
  }

  apply(events: readonly MeetingEvent[]): void {
    for (const event of events) {
      if (event.type === 'join') {
        const { slot, user } = event
        this.#members.set(slot, { slot, user, away: false })
      } else if (event.type === 'leave') this.#members.delete(event.slot)
      else if (event.type === 'away' || event.type === 'back') {
        const member = this.#members.get(event.slot)
        if (member !== undefined) member.away = event.type === 'away'
      }
    }
  }
}
