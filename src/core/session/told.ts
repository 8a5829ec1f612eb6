import { utf8Length } from '../../protocol/bytes.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { limits, MAX_UINT } from '../../protocol/limits.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Refusal } from '../ports.ts'

/** What the wire tells of a refusal. */
export type Told = Pick<MessageOf<'failed'>, 'error' | 'message' | 'retryAfter' | 'reason'>

/** A refusal as it goes over the wire. */
export function toldOf({ code, message, retryAfterMs, reason = '' }: Refusal): Told {
  return {
    error: code,
    message: shorten(message),
    retryAfter: wholeWait(retryAfterMs),
    reason: shorten(reason),
  }
}

/** A refusal by the node; without a message, its code says it all. */
export function plainly(error: ErrorCode, message = ''): Told {
  return { error, message, retryAfter: 0, reason: '' }
}

/** A wait named by the business, in milliseconds, made a whole number that fits the wire; NaN becomes 0. */
export function wholeWait(retryAfterMs: number): number {
  return Math.round(Math.min(Math.max(retryAfterMs, 0), MAX_UINT)) || 0
}

/** Cuts a message to what a `reason` field can carry, without splitting a character. */
export function shorten(message: string): string {
  // Each of 1,000 refused topics has one, and hardly any is too long.
  if (message.length * 3 <= limits.reason || utf8Length(message) <= limits.reason) return message
  // Twice the limit, because a character may be a surrogate pair.
  const characters = Array.from(message.slice(0, 2 * limits.reason)).slice(0, limits.reason)
  while (utf8Length(characters.join('')) > limits.reason) characters.pop()
  return characters.join('')
}
