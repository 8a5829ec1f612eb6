import { utf8Decode, utf8Encode, utf8Length } from './bytes.ts'

/**
 * Data of an application: bytes, or text in UTF-8. RTMS forwards a payload and never looks into it. `bytes` is
 * read-only by agreement, and holds no more memory than its length.
 */
export interface Payload {
  readonly text: boolean
  readonly bytes: Uint8Array
}

/**
 * Text that is encoded only when it is written. Much of what is published is never read, and an array of bytes costs
 * more to allocate and to collect than the JSON itself.
 */
export class LateText implements Payload {
  readonly text = true
  readonly json: string
  /** Length in bytes of UTF-8. */
  readonly length: number

  constructor(json: string) {
    this.json = json
    this.length = utf8Length(json)
  }

  get bytes(): Uint8Array {
    return utf8Encode(this.json)
  }
}

/** Length of a payload in bytes. */
export function payloadLength(payload: Payload): number {
  return payload instanceof LateText ? payload.length : payload.bytes.length
}

/**
 * Makes a payload from a value: a `Uint8Array` is sent as bytes, anything else as JSON text. Throws a `TypeError` for a
 * value without a JSON form.
 */
export function toPayload(value: unknown): Payload {
  return value instanceof Uint8Array ? copyOf(value) : { text: true, bytes: utf8Encode(jsonOf(value)) }
}

/** Like {@link toPayload}, for a payload that may never be written. */
export function toLatePayload(value: unknown): Payload {
  return value instanceof Uint8Array ? copyOf(value) : new LateText(jsonOf(value))
}

/**
 * Copies, because the caller may reuse its buffer at once. Not with `slice`, which returns a view for a Node.js Buffer.
 */
function copyOf(bytes: Uint8Array): Payload {
  return { text: false, bytes: new Uint8Array(bytes) }
}

function jsonOf(value: unknown): string {
  const json = JSON.stringify(value) as string | undefined
  if (json === undefined)
    throw new TypeError(`${typeof value} cannot be sent: it has no JSON form; send null or bytes`)
  return json
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
