import { type ErrorCode, errorTexts, RtmsError } from '../../protocol/index.ts'
import { refusalIn } from '../ground/refusal.ts'

/** The HTTP status of each code; any other code is answered with 500. */
const statuses: Partial<Record<ErrorCode, number>> = {
  PROTOCOL: 400,
  BAD_TOPIC: 400,
  BAD_NAME: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  STALE: 409,
  FULL: 409,
  LIMIT: 409,
  TOO_LARGE: 413,
  RATE: 429,
  UNSUPPORTED: 501,
  BUSY: 503,
  CLOSED: 503,
  DRAINING: 503,
  UNKNOWN: 504,
}

export function statusOf(code: ErrorCode): number {
  return statuses[code] ?? 500
}

/** An error with its own HTTP status and headers. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly error: RtmsError
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: ErrorCode,
    message: string = errorTexts[code],
    {
      status = statusOf(code),
      headers = {},
    }: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    const error = new RtmsError(code, message)
    super(error.message)
    this.error = error
    this.status = status
    this.headers = headers
  }
}

/** What the caller is told of an error; null for one that is the server's own fault. */
export function knownError(error: unknown): ApiError | null {
  if (error instanceof ApiError) return error
  const refusal = refusalIn(error)
  if (refusal !== null) return new ApiError(refusal.code, refusal.message)
  // Parsed JSON can need more stack to write than there is.
  if (error instanceof RangeError && error.message.includes('call stack'))
    return new ApiError('PROTOCOL', 'the body is nested too deeply')
  return null
}

export interface ErrorBody {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly retry: RtmsError['retry'] }
}

export function errorBody({ code, message, retry }: RtmsError): ErrorBody {
  return { error: { code, message, retry } }
}
