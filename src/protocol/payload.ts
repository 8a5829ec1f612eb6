import { utf8Decode, utf8Encode } from './bytes.ts'

/**
 * What an application sends: bytes, or text in UTF-8. RTMS forwards a payload and never looks into it.
 * `bytes` is read-only by agreement: it may be a view of a received packet.
 */
export interface Payload {
  readonly text: boolean
  readonly bytes: Uint8Array
}

/** A payload from a value of the application: a `Uint8Array` is sent as bytes, anything else as JSON text. */
export function toPayload(value: unknown): Payload {
  // Not `slice`, which for a Buffer of Node is a view: the caller may write to its buffer again at once.
  if (value instanceof Uint8Array) return { text: false, bytes: new Uint8Array(value) }
  const json = JSON.stringify(value) as string | undefined
  if (json === undefined)
    throw new TypeError(`${typeof value} cannot be sent: it has no JSON form; send null or bytes`)
  return { text: true, bytes: utf8Encode(json) }
}

/**
 * The value a payload carries: bytes as a `Uint8Array`, text parsed as JSON.
 * Text that is not JSON (another library may send it) is returned as the string it is.
 */
export function fromPayload(payload: Payload): unknown {
  if (!payload.text) return payload.bytes
  const text = utf8Decode(payload.bytes)
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
