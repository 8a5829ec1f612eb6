import type { TicketRequest } from '../server/index.ts'
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
  /** What `GET /api/<part>/view` tells who has this guest secret. Throws an HttpError. */
  view?(guest: string): object
  close(): void
}
