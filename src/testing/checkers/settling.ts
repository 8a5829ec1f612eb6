import { type ClientFacts, type Observer, type RestingClient, violate } from '../observer.ts'

/** Rounding of a request's time-out to whole milliseconds, on either side. */
const ROUNDING_MS = 1
/** After this long with a connection, in milliseconds, nothing that waits for the node still waits. */
const ANSWERED_MS = 3_000

interface Promised {
  readonly made: number
  readonly by: number
}

interface Heard {
  /** Listeners of the stream. */
  readonly listeners: Set<number>
  event: string
  /** Listeners that have not been told of the event yet. */
  readonly owed: Set<number>
}

/**
 * I24 Settling: each promise of the public client settles within its time-out, and at once when the client is closed. A
 * listener is told of each event once, in order; of none that was under way when it was added, and of none after it was
 * removed.
 */
export class SettlingChecker implements Observer {
  readonly #now: () => number
  /** By client, then promise. */
  readonly #promises: Map<number, Map<string, Promised>> = new Map()
  /** By client, then stream. */
  readonly #streams: Map<number, Map<string, Heard>> = new Map()

  constructor(now: () => number) {
    this.#now = now
  }

  promised({ id }: ClientFacts, promise: string, by: number): void {
    const promises = this.#promises.get(id) ?? new Map<string, Promised>()
    this.#promises.set(id, promises.set(promise, { made: this.#now(), by }))
  }

  settled(client: ClientFacts, promise: string): void {
    const promises = this.#promises.get(client.id)
    const promised = promises?.get(promise)
    if (promised === undefined) return violate('I24', `${promise} has settled twice`)
    this.#inTime(client, promise, promised)
    promises?.delete(promise)
  }

  #inTime({ id }: ClientFacts, promise: string, { made, by }: Promised): void {
    if (this.#now() > by + ROUNDING_MS)
      violate('I24', `${promise} of client ${id}, made at ${made}, has not settled by ${by}`)
  }

  quit({ id }: ClientFacts): void {
    const promises = this.#promises.get(id) ?? new Map<string, Promised>()
    for (const [promise, { made }] of promises) promises.set(promise, { made, by: this.#now() })
  }

  killed({ id }: ClientFacts): void {
    this.#promises.delete(id)
    this.#streams.delete(id)
  }

  // ---- listeners

  #of({ id }: ClientFacts, stream: string): Heard {
    const streams = this.#streams.get(id) ?? new Map<string, Heard>()
    this.#streams.set(id, streams)
    const known = streams.get(stream)
    if (known !== undefined) return known
    const heard: Heard = { listeners: new Set(), event: '', owed: new Set() }
    streams.set(stream, heard)
    return heard
  }

  listening(client: ClientFacts, stream: string, listener: number): void {
    this.#of(client, stream).listeners.add(listener)
  }

  deaf(client: ClientFacts, stream: string, listener: number): void {
    const { listeners, owed } = this.#of(client, stream)
    listeners.delete(listener)
    owed.delete(listener)
  }

  event(client: ClientFacts, stream: string, event: string): void {
    const heard = this.#of(client, stream)
    this.#allTold(client, stream, heard)
    heard.event = event
    for (const listener of heard.listeners) heard.owed.add(listener)
  }

  told(client: ClientFacts, stream: string, listener: number, event: string): void {
    const heard = this.#of(client, stream)
    const of = `listener ${listener} of ${stream} at client ${client.id}`
    if (!heard.listeners.has(listener))
      violate('I24', `${of} was told of ${event} before it could be removed, or after it was`)
    if (!heard.owed.delete(listener)) violate('I24', `${of} was told twice of ${event}, or of one before it`)
    if (event !== heard.event) violate('I24', `${of} was told of ${event} when it was ${heard.event}`)
  }

  over({ id }: ClientFacts, stream: string): void {
    this.#streams.get(id)?.delete(stream)
  }

  #allTold({ id }: ClientFacts, stream: string, { event, owed }: Heard): void {
    for (const listener of owed)
      violate('I24', `listener ${listener} of ${stream} at client ${id} was never told of ${event}`)
  }

  rest(_nodes: readonly unknown[], clients: readonly RestingClient[]): void {
    const settled = new Map(clients.filter(({ settled }) => settled).map((client) => [client.id, client]))
    for (const [id, promises] of this.#promises) {
      const client = settled.get(id)
      for (const [promise, promised] of promises) {
        const now = this.#now()
        if (now > promised.by + ROUNDING_MS)
          violate('I24', `${promise} of client ${id} has not settled by ${promised.by}`)
        if (client === undefined) continue
        if (now - Math.max(promised.made, client.liveSince) > ANSWERED_MS && promised.by === Infinity)
          violate('I24', `${promise} of client ${id} never settles`)
      }
    }
    for (const client of clients)
      for (const [stream, heard] of this.#streams.get(client.id) ?? []) this.#allTold(client, stream, heard)
  }
}
