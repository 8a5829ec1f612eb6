import {
  isName,
  isUser,
  limits,
  type Payload,
  payloadLength,
  RtmsError,
  toLatePayload,
  toPayload,
} from '../../protocol/index.ts'

/** Whether it is an object of JSON. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Throws BAD_NAME where `user` cannot name a user. */
export function checkUser(user: unknown): asserts user is string {
  if (typeof user === 'string' && isUser(user)) return
  throw new RtmsError('BAD_NAME', 'a user must be 1 to 255 bytes of UTF-8 without control characters')
}

/** The rule for a name, for people. */
export const nameRule = '1 to 255 bytes, segments joined by single dots, without white space, * > and $'

/** Throws `code` where `name` cannot name a `what`. */
export function checkName(
  what: string,
  name: unknown,
  code: 'BAD_NAME' | 'BAD_TOPIC',
): asserts name is string {
  if (typeof name === 'string' && isName(name)) return
  throw new RtmsError(code, `the name of a ${what} must be ${nameRule}`)
}

/**
 * Throws a TypeError where `handler` is no function, such as a slip in the name of an import: an `authorize` that is
 * never called would let everybody in.
 */
export function checkHandler(what: string, handler: unknown): void {
  if (typeof handler !== 'function')
    throw new TypeError(`${what} needs a function, and ${typeof handler} was given`)
}

/** The payload of a value, of at most so many bytes. Throws TOO_LARGE, or a TypeError for what has no JSON form. */
export function payloadOf(value: unknown, most: number = limits.payload): Payload {
  return checkLength(toPayload(value), most)
}

/** The same, for a payload that may never be written: encodes it late. */
export function latePayloadOf(value: unknown): Payload {
  return checkLength(toLatePayload(value), limits.payload)
}

function checkLength(data: Payload, most: number): Payload {
  const length = payloadLength(data)
  if (length <= most) return data
  throw new RtmsError('TOO_LARGE', `the payload has ${length} bytes where at most ${most} are allowed`)
}

/** Returns how many items a list may have. Throws a RangeError for what is no such number. */
export function checkLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 0) return limit
  throw new RangeError(`limit is ${String(limit)}; expected an integer of at least 0`)
}
