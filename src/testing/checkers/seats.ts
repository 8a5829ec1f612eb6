import type { SealedFrame } from '../../core/index.ts'
import type { MeetingEvent } from '../../protocol/index.ts'
import { type Observer, violate } from '../observer.ts'

interface Seat {
  readonly user: string
  away: boolean
  /** Its user joined anew while it was away, so it was leaving after inputs that waited for a frame. */
  passedOver: 'no' | 'for nothing' | 'behind inputs'
}

/** Coming back: a user who joins while a seat of theirs is away gets that seat and no other. */
export class SeatChecker implements Observer {
  /** By world, then slot. */
  readonly #rooms: Map<number, Map<number, Seat>> = new Map()

  sealed(_node: number, meeting: string, world: number, { events, inputs }: SealedFrame): void {
    const seats = this.#rooms.get(world) ?? new Map<number, Seat>()
    this.#rooms.set(world, seats)
    for (const event of events) this.#apply(seats, meeting, event)
    for (const { slot } of inputs) {
      const seat = seats.get(slot)
      if (seat?.passedOver === 'for nothing') seat.passedOver = 'behind inputs'
    }
  }

  /** What happened in frames that are lost has not. */
  undone(_node: number, _meeting: string, world: number): void {
    this.#rooms.delete(world)
  }

  #apply(seats: Map<number, Seat>, meeting: string, event: MeetingEvent): void {
    if (event.type === 'join') {
      for (const seat of seats.values())
        if (seat.user === event.user && seat.away && seat.passedOver === 'no') seat.passedOver = 'for nothing'
      seats.set(event.slot, { user: event.user, away: false, passedOver: 'no' })
      return
    }
    if (!('slot' in event)) return
    const seat = seats.get(event.slot)
    if (seat === undefined) return
    if (seat.passedOver === 'for nothing' || (seat.passedOver !== 'no' && event.type === 'back'))
      violate('seats', `${seat.user} joined ${meeting} anew although slot ${event.slot} of theirs was away`)
    if (event.type === 'leave') seats.delete(event.slot)
    else seat.away = event.type === 'away'
  }
}
