import { type ErrorCode, type ErrorDetails, errorNames, RtmsError } from '../protocol/index.ts'
import type { Ticket } from './machine/index.ts'
import type { ConnectOptions, TicketResponse } from './options.ts'

/** `cause`: what `getTicket` has returned or thrown. */
export function noTicket(code: ErrorCode, why: string | number, cause: unknown): RtmsError {
  return new RtmsError(code, `getTicket failed: ${why}`, { cause })
}

/**
 * The ticket that `getTicket` gives, or why it gives none, which may pass. Throws what it throws, and what the business
 * says in a response.
 */
export async function ticketOf(options: ConnectOptions): Promise<Ticket | RtmsError> {
  let ticket = (await options.getTicket()) as Ticket & TicketResponse
  if ((ticket as Partial<TicketResponse> | null)?.json) {
    const response = ticket
    if (!response.ok) {
      const { status } = response
      // Of a copy, so that the page can read it too.
      const body = status < 500 && (await (response.clone?.() ?? response).json().catch(() => {}))
      const error = (body as { error?: ErrorDetails & Pick<RtmsError, 'code' | 'message'> } | null)?.error
      if (error && errorNames.includes(error.code))
        throw new RtmsError(error.code, error.message, { ...error, cause: response })
      return noTicket([401, 403].includes(status) ? 'UNAUTHENTICATED' : 'UNREACHABLE', status, response)
    }
    ticket = (await response.json()) as typeof ticket
  }
  return typeof ticket?.url === 'string' &&
    typeof ticket.token === 'string' &&
    typeof ticket.expiresAt === 'number' &&
    // The year 5138: a later one is in milliseconds.
    ticket.expiresAt < 1e11
    ? ticket
    : noTicket(
        'UNAUTHENTICATED',
        'it must return { url, token, expiresAt in seconds }: see its cause',
        ticket,
      )
}
