import {
  isKey,
  isName,
  isPattern,
  isUser,
  keyWords,
  limits,
  nameWords,
  patternWords,
  type Payload,
  payloadLength,
  RtmsError,
  toLatePayload,
  toPayload,
  userWords,
} from '../../protocol/index.ts'
import { show } from './show.ts'

/** Whether it is an object of JSON. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

type NameCode = 'BAD_NAME' | 'BAD_TOPIC'

/** Throws BAD_NAME where `user` cannot name a user. */
export function checkUser(user: unknown): asserts user is string {
  if (typeof user !== 'string' || !isUser(user)) throw new RtmsError('BAD_NAME', userWords(user))
}

/** Throws BAD_NAME where `key` cannot be the key of a publication. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || !isKey(key)) throw new RtmsError('BAD_NAME', keyWords('key', key))
}

/** Throws `code` where `pattern` can stand for no `what`. */
export function checkPattern(what: string, pattern: unknown, code: NameCode): asserts pattern is string {
  if (typeof pattern !== 'string' || !isPattern(pattern))
    throw new RtmsError(code, patternWords(what, pattern))
}

/** Throws `code` where `name` cannot name a `what`. */
export function checkName(what: string, name: unknown, code: NameCode): asserts name is string {
  if (typeof name !== 'string' || !isName(name)) throw new RtmsError(code, nameWords(what, name))
}

/**
 * Throws a TypeError where `handler` is no function, such as a slip in the name of an import: an `authorize` that is
 * never called would let everybody in.
 */
export function checkHandler(what: string, handler: unknown): void {
  if (typeof handler !== 'function')
    throw new TypeError(`${what} needs a function, and ${typeof handler} was given`)
}

/** Throws a TypeError where an option of `tickets.issue` is no list: one name alone is the usual slip. */
export function checkList(option: string, list: unknown, example: string): void {
  if (!Array.isArray(list))
    throw new TypeError(`${option} of tickets.issue is ${show(list)}; expected an array such as ${example}`)
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
