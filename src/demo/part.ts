import type { TicketRequest } from '../server/index.ts'
import type { Guest } from './guests.ts'

/** What a guest gets of a part of the demo: what the ticket allows, and what the page is told besides. */
export interface Admission extends Pick<TicketRequest, 'meetings' | 'topics'> {
  readonly answer?: Readonly<Record<string, unknown>>
}

/** One page's business: what a server of its own would do. */
export interface Part {
  /** Throws an HttpError, or an RtmsError where the node is full. */
  admit(wish: unknown, guest: Guest): Promise<Admission> | Admission
  /** What `GET /api/<part>/view` tells who has this guest secret. Throws an HttpError. */
  view?(guest: string): object
  close(): void
}
