import { type Payload, toPayload } from '../../protocol/index.ts'
import { isThenable } from '../ground/thenable.ts'

/**
 * What a hook wants done with data on its way. Undefined: pass it on; null: drop it; else what takes its place. Throws
 * like {@link encoded}, and for a promise.
 */
export function replacement(hook: string, answer: unknown, most: number): Payload | null | undefined {
  if (answer === undefined || answer === true) return undefined
  if (answer === null || answer === false) return null
  return encoded(hook, atOnce(answer), most)
}

/** The payload of what a hook or schema returned. Throws where that cannot be sent, or is larger than `most` bytes. */
export function encoded(what: string, value: unknown, most: number): Payload {
  const data = toPayload(value)
  if (data.bytes.length <= most) return data
  throw new RangeError(`${what} returned ${data.bytes.length} bytes where at most ${most} are allowed`)
}

const OF_A_HOOK =
  'the hook returned a promise; hooks are synchronous: begin what takes time and do not wait for it'

/** Anything but a promise: what a hook may return, which is not waited for. */
export type AtOnce =
  | void
  | null
  | undefined
  | boolean
  | number
  | string
  | (object & { readonly then?: never })

/**
 * Throws, and says why, where an answer is a promise, which nobody would await. Its rejection must not end the process.
 */
export function atOnce<T>(answer: T, why: string = OF_A_HOOK): Exclude<T, PromiseLike<unknown>> {
  if (!isThenable(answer)) return answer as Exclude<T, PromiseLike<unknown>>
  Promise.resolve(answer).catch(() => {})
  throw new TypeError(why)
}
