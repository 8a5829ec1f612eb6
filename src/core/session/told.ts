import { utf8Length } from '../../protocol/bytes.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { limits, MAX_UINT } from '../../protocol/limits.ts'
import { nameFault } from '../../protocol/name-faults.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Refusal } from '../ports.ts'

/** What the wire tells of a refusal. */
export type Told = Pick<MessageOf<'failed'>, 'error' | 'message' | 'retryAfter' | 'reason'>

/** Of the sign that something was cut off. */
const ELLIPSIS_BYTES = 3

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

/** Why a user may not do this with a topic, where the ticket does not allow it or no topic can have this name. */
export function denied(result: unknown, what: string, topic: string): string | undefined {
  if (result === 'BAD_TOPIC') return misnamed('topic', topic)
  return result === 'FORBIDDEN' ? `the ticket does not let this user ${what} ${topic}` : undefined
}

/** What is wrong with the name of a `what`. */
export const misnamed = (what: string, name: string): string => `the name of the ${what}: ${nameFault(name)}`

/** More inputs came than the meeting allows: a refusal by the node, though it has a wait. */
export class TooFast implements Refusal {
  readonly code = 'RATE'
  readonly message = ''
  readonly retryAfterMs: number

  constructor(retryAfterMs: number) {
    this.retryAfterMs = retryAfterMs
  }
}

/** Whether the business has refused it, as part of normal play. */
export function isByBusiness(refusal: Refusal | ErrorCode): refusal is Refusal {
  return typeof refusal === 'object' && !(refusal instanceof TooFast)
}

/** A wait named by the business, in milliseconds, made a whole number that fits the wire; NaN becomes 0. */
export function wholeWait(retryAfterMs: number): number {
  return Math.round(Math.min(Math.max(retryAfterMs, 0), MAX_UINT)) || 0
}

/** Cuts a message to what a `reason` field can carry: between words where it can, and never within a character. */
export function shorten(message: string): string {
  // Each of 1,000 refused topics has one, and hardly any is too long.
  if (message.length * 3 <= limits.reason || utf8Length(message) <= limits.reason) return message
  // Twice the limit, because a character may be a surrogate pair.
  const characters = Array.from(message.slice(0, 2 * limits.reason)).slice(0, limits.reason)
  while (utf8Length(characters.join('')) > limits.reason - ELLIPSIS_BYTES) characters.pop()
  const words = characters.lastIndexOf(' ')
  // A long word, or a text without spaces, is cut within.
  if (words > characters.length / 2) characters.length = words
  return `${characters.join('')}…`
}
