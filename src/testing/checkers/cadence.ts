import type { RawFrame } from '../../client/machine/index.ts'
import type { MeetingEvent, ServerMessage } from '../../protocol/index.ts'
import type { SealedFrame } from '../../core/index.ts'
import { type ClientFacts, type Observer, type Phase, violate } from '../observer.ts'
import { forget } from './forget.ts'
import type { Rooms } from './rooms.ts'

/** The most milliseconds of empty frames that may be sent together. */
const COALESCED_MS = 250
/** Time for the best link and a write, in milliseconds. */
const DELIVERY_MS = 50
/** Tolerance for rounding in sums of intervals. */
const ROUNDING_MS = 0.001

/**
 * I6 Cadence: frames are numbered without a hole and, on a healthy run, sealed and delivered at most two ticks apart.
 */
export class CadenceChecker implements Observer {
  readonly #now: () => number
  readonly #rooms: Rooms
  readonly #sealed: Map<number, { readonly number: number; readonly at: number }> = new Map()
  /** When each reader got its last frame, or joined. */
  readonly #delivered: Map<string, number> = new Map()
  #well = false
  #wellSince = 0

  constructor(rooms: Rooms, now: () => number) {
    this.#now = now
    this.#rooms = rooms
  }

  phase(phase: Phase): void {
    this.#well = phase === 'well'
    this.#wellSince = this.#now()
  }

  /** Whichever node seals it: the meeting may be handed over. */
  sealed(_node: number, meeting: string, world: number, { number, events }: SealedFrame): void {
    const key = world
    const last = this.#sealed.get(key) ?? { number: 0, at: this.#now() }
    if (number !== last.number + 1)
      violate('I6', `frame ${number} of ${meeting} was sealed after frame ${last.number}`)
    const spacing = this.#now() - Math.max(last.at, this.#wellSince)
    const tick = this.#rooms.tickOf(meeting)
    if (this.#well && !isRestart(events) && spacing > 2 * tick + ROUNDING_MS)
      violate('I6', `frame ${number} of ${meeting} was sealed ${spacing} ms after the one before`)
    this.#sealed.set(key, { number, at: this.#now() })
  }

  /** A new world begins like any meeting: its clock waits for a reader. */
  undone(_node: number, _meeting: string, world: number, number: number): void {
    if (number === 0) this.#sealed.delete(world)
    else this.#sealed.set(world, { number, at: this.#now() })
  }

  /** A new world or another seat: the count starts again. */
  down(client: ClientFacts, _connection: number, message: ServerMessage): void {
    if (message.type === 'joined') this.#delivered.set(`${client.id} ${message.meeting}`, this.#now())
  }

  joining(client: ClientFacts, meeting: string): void {
    this.#delivered.delete(`${client.id} ${meeting}`)
  }

  left(client: ClientFacts, meeting: string): void {
    this.#delivered.delete(`${client.id} ${meeting}`)
  }

  disconnected(client: ClientFacts): void {
    forget(this.#delivered, `${client.id} `)
  }

  /** A reader did not wait for frames that were reported as missing. */
  frameGap(client: ClientFacts, meeting: string): void {
    this.#delivered.set(`${client.id} ${meeting}`, this.#now())
  }

  frame(client: ClientFacts, meeting: string, _world: number, frame: RawFrame): void {
    const key = `${client.id} ${meeting}`
    const last = Math.max(this.#delivered.get(key) ?? Infinity, this.#wellSince)
    const allowed =
      2 * this.#rooms.tickOf(meeting) + COALESCED_MS + DELIVERY_MS + this.#rooms.delayOf(client, meeting)
    const silence = this.#now() - last
    this.#delivered.set(key, this.#now())
    if (this.#well && client.prompt && silence > allowed)
      violate(
        'I6',
        `client ${client.id} got frame ${frame.number} of ${meeting} ${silence} ms after the one before`,
      )
  }
}

/** The clock stood still while the meeting was empty. */
function isRestart(events: readonly MeetingEvent[]): boolean {
  return events.some(({ type }) => type === 'resume')
}
