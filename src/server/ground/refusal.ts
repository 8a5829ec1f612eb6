import { errors, errorTexts, RtmsError } from '../../protocol/index.ts'

/**
 * The refusal in what the business threw, with a text and a wait that the wire can carry. Null for any other error, and
 * for one whose fields cannot be read.
 */
export function refusalIn(error: unknown): RtmsError | null {
  try {
    if (!(error instanceof RtmsError) || !Object.hasOwn(errors, error.code)) return null
    const { code, retryAfterMs } = error
    const { message, reason }: Record<'message' | 'reason', unknown> = error
    const wait = Number.isFinite(retryAfterMs) ? Math.max(0, Math.round(retryAfterMs)) : 0
    return new RtmsError(code, message === code ? errorTexts[code] : String(message), {
      retryAfterMs: Math.min(wait, Number.MAX_SAFE_INTEGER),
      reason: typeof reason === 'string' ? reason : '',
    })
  } catch {
    return null
  }
}
