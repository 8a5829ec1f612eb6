import { type ErrorCode, errors, errorTexts, RtmsError } from '../../protocol/index.ts'

/**
 * The refusal in what the business threw, with a text and a wait that the wire can carry. Null for any other error, and
 * for one whose fields cannot be read.
 */
export function refusalIn(error: unknown): RtmsError | null {
  try {
    if (!(error instanceof RtmsError)) return null
    // Each is read once: it may be something else the next time.
    const { retryAfterMs } = error
    const { code, message, reason }: Record<'code' | 'message' | 'reason', unknown> = error
    if (!isCode(code)) return null
    const wait = Number.isFinite(retryAfterMs) ? Math.max(0, Math.round(retryAfterMs)) : 0
    return new RtmsError(code, message === code ? errorTexts[code] : String(message), {
      retryAfterMs: Math.min(wait, Number.MAX_SAFE_INTEGER),
      reason: typeof reason === 'string' ? reason : '',
    })
  } catch {
    return null
  }
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errors, code)
}
