import {
  closeCodes,
  type CloseReason,
  type ErrorCode,
  errors,
  type MessageOf,
  type Payload,
  RtmsError,
} from '../../protocol/index.ts'
import type { Phase } from './ports.ts'

/** What this side knows by itself. */
const words = {
  CANCELLED: 'cancelled',
  CLOSED: 'the client is closed',
  NOT_JOINED: 'the meeting was left, or has ended',
  NOT_SENT: 'nothing was sent: there was no connection in time',
  READ_ONLY: 'a spectator sends nothing',
  TIMEOUT: 'no answer came in time',
  UNKNOWN: 'the connection was lost: it may have happened',
} as const

/** An error that no node has told. */
export function ownError(code: keyof typeof words): RtmsError {
  return new RtmsError(code, words[code])
}

/** Throws TOO_LARGE. */
export function checkSize({ bytes }: Payload, most: number): void {
  if (bytes.length > most)
    throw new RtmsError('TOO_LARGE', `the data has ${bytes.length} bytes where at most ${most} are allowed`)
}

/** The error of a close code; null where the code says no more than that the connection is gone. */
export function closeError(code: number, text: string): RtmsError | null {
  const name = reasonOf(code)
  return name in errors ? new RtmsError(name as ErrorCode, text || undefined) : null
}

/** Of a close code that says no more than that the connection is not to be made again. */
export function closedError(code: number, why: string): RtmsError {
  return new RtmsError('CLOSED', why || `closed with ${code}`, { reason: reasonOf(code) })
}

function reasonOf(code: number): string {
  return Object.keys(closeCodes).find((reason) => closeCodes[reason as CloseReason] === code) ?? ''
}

/**
 * What is known of a connection that was lost or never made. A browser tells a page no more than the close code 1006,
 * and `ws` the cause.
 */
export function lostError(phase: Phase, url: string, code: number, why: string, cause: unknown): RtmsError {
  const what =
    phase === 'live'
      ? 'the connection was lost'
      : phase === 'ticket'
        ? 'getTicket failed'
        : `no connection to ${url}`
  const hint = phase === 'opening' && "check address, certificate and the node's option origins"
  const said = (cause as Error | undefined)?.message || why || hint || `closed with ${code}`
  return new RtmsError('UNREACHABLE', `${what}: ${said}`, { cause })
}

/** Whether the close code is one of RTMS's own and says more than that the connection is gone. */
export function isOwnCode(code: number): boolean {
  return code >= 4400 && code <= 4499
}

/** The error in a FAILED or a NACK. */
export function errorIn({
  error,
  message,
  retryAfter: retryAfterMs,
  reason,
}: Pick<MessageOf<'failed'>, 'error' | 'message' | 'retryAfter' | 'reason'>): RtmsError {
  return new RtmsError(error, message || undefined, { retryAfterMs, reason })
}
