import { type SealedFrame } from '../../core/index.ts'
import { type ServerMessage, SYSTEM_SLOT } from '../../protocol/index.ts'
import type { ClientFacts, Observer } from '../observer.ts'
import type { MeetingPlan } from '../scenario.ts'

/** A client's place in a meeting. */
export interface Place {
  readonly world: number
  readonly slot: number
}

/** State of meetings that several checkers share. It must come before them. */
export class Rooms implements Observer {
  readonly #now: () => number
  readonly #plans: ReadonlyMap<string, MeetingPlan>
  readonly #sealed: Map<string, number> = new Map()
  readonly #spectators: Set<string> = new Set()
  /** The slot of each client in each meeting and world. */
  readonly #slots: Map<string, number> = new Map()
  /** Places by client and connection, then by log; by client alone: those of its last connection. */
  readonly #places: Map<string, Map<number, Place>> = new Map()

  constructor(meetings: readonly MeetingPlan[], now: () => number) {
    this.#now = now
    this.#plans = new Map(meetings.map((plan) => [plan.name, plan]))
  }

  sealed(_node: number, meeting: string, world: number, { number }: SealedFrame): void {
    this.#sealed.set(`${meeting} ${world} ${number}`, this.#now())
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    if (message.type !== 'joined') return
    this.#slots.set(`${client.id} ${message.meeting} ${message.world}`, message.slot)
    for (const key of [`${client.id} ${connection}`, `${client.id}`]) {
      const places = this.#places.get(key) ?? new Map<number, Place>()
      this.#places.set(key, places.set(message.log, { world: message.world, slot: message.slot }))
    }
    const seat = `${client.id} ${message.meeting}`
    if (message.slot === SYSTEM_SLOT) this.#spectators.add(seat)
    else this.#spectators.delete(seat)
  }

  /** The meeting that a log number means on a connection. Entries that a session log still holds come before JOINED. */
  placeOf({ id }: ClientFacts, connection: number, log: number): Place | undefined {
    return this.#places.get(`${id} ${connection}`)?.get(log) ?? this.#places.get(`${id}`)?.get(log)
  }

  slotOf(client: ClientFacts, meeting: string, world: number): number | undefined {
    return this.#slots.get(`${client.id} ${meeting} ${world}`)
  }

  /** When a frame was sealed, if the business was told. */
  sealedAt(meeting: string, world: number, frame: number): number | undefined {
    return this.#sealed.get(`${meeting} ${world} ${frame}`)
  }

  /** Milliseconds from frame to frame; `Infinity` without a clock. */
  tickOf(meeting: string): number {
    return 1000 / (this.#plans.get(meeting)?.options.frameRate ?? 20)
  }

  /** The age from which this client may see frames, in milliseconds. */
  delayOf(client: ClientFacts, meeting: string): number {
    if (!this.#spectators.has(`${client.id} ${meeting}`)) return 0
    return this.#plans.get(meeting)?.options.spectatorDelayMs ?? 0
  }
}
