import { RtmsError } from '../protocol/index.ts'
import type { KindHooks, Meeting, Rtms, TicketRequest } from '../server/index.ts'
import type { Guest } from './guests.ts'

/** What a guest gets of a part of the demo: what the ticket allows, and what the page is told besides. */
export interface Admission extends Pick<TicketRequest, 'meetings' | 'topics'> {
  readonly answer?: Readonly<Record<string, unknown>>
}

/** Tells the log of what went wrong where nobody asked, such as in a timer. */
export type Fault = (error: unknown) => void

/** Calls again and again, whatever the last call has met: the node may be full, or closing. Returns what ends it. */
export function every(ms: number, action: () => void, fault: Fault): () => void {
  const timer = setInterval(() => {
    try {
      action()
    } catch (error) {
      fault(error)
    }
  }, ms)
  return () => clearInterval(timer)
}

/** One page's business: what a server of its own would do. */
export interface Part {
  /** Throws an HttpError, or an RtmsError where the node is full. */
  admit(wish: unknown, guest: Guest): Promise<Admission> | Admission
  /** What `GET /api/<part>/view` tells who has this guest secret. Rejects with an HttpError. */
  view?(guest: string): Promise<object>
  close(): void
}

/** How often a node looks whether a post is still held, and how long one is held without anybody in its meeting. */
const LOOK_MS = 1_000
const HELD_MS = 86_400_000

/**
 * A post in the cluster: something that one node does for all, the one that has the meeting of this name. Whoever needs
 * it sees to it that it is held, so another node takes it over where its own has ended.
 */
export class Post {
  readonly #rtms: Rtms
  readonly #name: string
  readonly #fault: Fault
  #lookAt = 0

  /** `onCall`: what the node that holds it answers to {@link call}. */
  constructor(rtms: Rtms, name: string, fault: Fault, onCall?: KindHooks['onCall']) {
    this.#rtms = rtms
    this.#name = name
    this.#fault = fault
    rtms.meetings.define(name, { frameRate: 0, ttlMs: HELD_MS, onCall })
  }

  /** Whether this node holds it. */
  get isHere(): boolean {
    return this.#rtms.meetings.get(this.#name) !== undefined
  }

  /** Whether there are other nodes, whose visitors this one does not see. */
  get isForOthers(): boolean {
    return this.#rtms.cluster.nodes().length > 1
  }

  /** Resolves once a node holds it. */
  hold(): Promise<Meeting> {
    return this.#rtms.meetings.open(this.#name, { kind: this.#name })
  }

  /** Asks the node that holds it. */
  async call(method: string, value: unknown): Promise<unknown> {
    return (await this.hold()).call(method, value)
  }

  /** For a timer: sees to it now and then. */
  keep(): void {
    const now = performance.now()
    if (this.isHere || now < this.#lookAt) return
    this.#lookAt = now + LOOK_MS
    this.hold().catch((error: unknown) => {
      // The bus is down, or the node is stopping.
      if (!(error instanceof RtmsError)) this.#fault(error)
    })
  }
}
