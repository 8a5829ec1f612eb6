import type { RawFrame } from '../../client/machine/index.ts'
import { type SealedFrame } from '../../core/index.ts'
import { type ServerMessage, SYSTEM_SLOT } from '../../protocol/index.ts'
import type { ClientFacts, Observer } from '../observer.ts'
import type { MeetingPlan } from '../scenario.ts'

/** A client's place in a meeting. */
export interface Place {
  readonly world: number
  readonly slot: number
}

/** The reign of a world's first owner, which no frame tells; the others are named by their fences. */
const FIRST = ''

function reignOf({ term, incarnation }: { readonly term: number; readonly incarnation: number }): string {
  return `${term} ${incarnation}`
}

/** State of meetings that several checkers share. It must come before them. */
export class Rooms implements Observer {
  readonly #now: () => number
  readonly #plans: ReadonlyMap<string, MeetingPlan>
  /**
   * When each frame was sealed, by the reign as well: an owner that is cut off may have frames of which another one has
   * sealed others since, and shows those that it has.
   */
  readonly #sealed: Map<string, number> = new Map()
  /** The reign of each frame that was sealed last, of what each node seals, and of what each client reads. */
  readonly #reigns: Map<string, string> = new Map()
  /** Those that begin with a frame, by world. */
  readonly #later: Set<string> = new Set()
  readonly #spectators: Set<string> = new Set()
  /** The slot of each client in each meeting and world. */
  readonly #slots: Map<string, number> = new Map()
  /** Places by client and connection, then by log; by client alone: those of its last connection. */
  readonly #places: Map<string, Map<number, Place>> = new Map()

  constructor(meetings: readonly MeetingPlan[], now: () => number) {
    this.#now = now
    this.#plans = new Map(meetings.map((plan) => [plan.name, plan]))
  }

  sealed(node: number, meeting: string, world: number, { number, events }: SealedFrame): void {
    const room = `${meeting} ${world}`
    let reign = this.#reigns.get(`node ${node} ${room}`) ?? FIRST
    for (const event of events) {
      if (event.type === 'owner') reign = this.#reigns.get(`frame ${room} ${number - 1}`) ?? FIRST
      if (event.type !== 'epoch') continue
      reign = reignOf(event)
      this.#later.add(`${room} ${reign}`)
    }
    this.#reigns.set(`node ${node} ${room}`, reign).set(`frame ${room} ${number}`, reign)
    this.#sealed.set(`${room} ${number} ${reign}`, this.#now())
  }

  frame({ id }: ClientFacts, meeting: string, world: number, { events }: RawFrame): void {
    for (const event of events)
      if (event.type === 'epoch') this.#reigns.set(`client ${id} ${meeting} ${world}`, reignOf(event))
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    if (message.type !== 'joined') return
    this.#slots.set(`${client.id} ${message.meeting} ${message.world}`, message.slot)
    const held = reignOf({ term: message.heldTerm, incarnation: message.heldIncarnation })
    this.#reigns.set(`client ${client.id} ${message.meeting} ${message.world}`, held)
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

  /** When a frame was sealed that a client reads, if the business was told. */
  sealedAt({ id }: ClientFacts, meeting: string, world: number, frame: number): number | undefined {
    const room = `${meeting} ${world}`
    const read = this.#reigns.get(`client ${id} ${room}`) ?? FIRST
    const reign = this.#later.has(`${room} ${read}`) ? read : FIRST
    return this.#sealed.get(`${room} ${frame} ${reign}`)
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
