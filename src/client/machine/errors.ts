import {
  closeCodes,
  type CloseReason,
  type ErrorCode,
  errors,
  type MessageOf,
  RtmsError,
} from '../../protocol/index.ts'

/** The error of a close code; null where the code says no more than that the connection is gone. */
export function closeError(code: number, text: string): RtmsError | null {
  const name = Object.keys(closeCodes).find((reason) => closeCodes[reason as CloseReason] === code)
  return (name as string) in errors ? new RtmsError(name as ErrorCode, text || undefined) : null
}

/**
 * What is known of a connection that was lost or, where `url` is given, never made. A browser tells a page nothing but
 * 1006; `ws` gives a cause.
 */
export function lostError(url: string, code: number, reason: string, cause: unknown): RtmsError {
  const what = url ? `no connection to ${url}` : 'the connection was lost'
  const why =
    cause instanceof Error
      ? cause.message
      : reason || (url && 'check the address, its certificate, and the option origins of the node')
  return new RtmsError('UNREACHABLE', `${what} (${code}${why && `: ${why}`})`, { cause })
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
