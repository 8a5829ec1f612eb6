import type { RawFrame } from '../../client/machine/index.ts'
import { type ClientFacts, type Observer, type Phase, violate } from '../observer.ts'
import type { Rooms } from './rooms.ts'

/** Time for the best link and a write, in milliseconds. */
const DELIVERY_MS = 50
const COALESCED_MS = 250
/** The assumed tick of a meeting without a clock, in milliseconds. */
const NO_TICK_MS = 50

/** I14 Slow isolation: while others do not read, a client that keeps up gets each non-empty frame within a tick. */
export class SlowChecker implements Observer {
  readonly #rooms: Rooms
  readonly #now: () => number
  /** When the first client got each frame. */
  readonly #first: Map<string, number> = new Map()
  readonly #joined: Map<string, number> = new Map()
  #well = false

  constructor(rooms: Rooms, now: () => number) {
    this.#rooms = rooms
    this.#now = now
  }

  phase(phase: Phase): void {
    this.#well = phase === 'well'
  }

  joining(client: ClientFacts, meeting: string): void {
    this.#joined.set(`${client.id} ${meeting}`, this.#now())
  }

  frame(client: ClientFacts, meeting: string, world: number, { number, events, inputs }: RawFrame): void {
    if (!this.#well || events.length + inputs.length === 0) return
    const now = this.#now()
    const key = `${client.node} ${meeting} ${world} ${number}`
    const first = this.#rooms.sealedAt(client, meeting, world, number) ?? this.#first.get(key) ?? now
    this.#first.set(key, first)
    // A client that has just joined is catching up.
    if (!client.prompt || now < (this.#joined.get(`${client.id} ${meeting}`) ?? 0) + 1_000) return
    const tick = this.#rooms.tickOf(meeting)
    const delay = this.#rooms.delayOf(client, meeting)
    // Delayed frames become visible to spectators while empty frames are being sent together.
    const later = delay > 0 ? delay + COALESCED_MS : 0
    const allowed = (tick === Infinity ? NO_TICK_MS : tick) + DELIVERY_MS + later
    if (now - first > allowed)
      violate('I14', `client ${client.id} got frame ${number} of ${meeting} ${now - first} ms late`)
  }
}
