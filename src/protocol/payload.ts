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
 * Makes a payload from a value: any array of bytes (`Uint8Array` and the like, `DataView`, `ArrayBuffer`) is sent as
 * bytes, anything else as JSON text. Throws a `TypeError` for what would not arrive as it is, with its place in the
 * value.
 */
export function toPayload(value: unknown): Payload {
  return copyOf(value) ?? { text: true, bytes: utf8Encode(jsonOf(value)) }
}

/** Like {@link toPayload}, for a payload that may never be written. */
export function toLatePayload(value: unknown): Payload {
  return copyOf(value) ?? new LateText(jsonOf(value))
}

/** The type of a value by its own account, which holds across realms: `instanceof` knows only this one's classes. */
function typeOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

/**
 * Bytes as a payload; null for anything else. Copies, because the caller may reuse its buffer at once. Not with
 * `slice`, which returns a view for a Node.js Buffer.
 */
function copyOf(value: unknown): Payload | null {
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value
    return { text: false, bytes: new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength)) }
  }
  if (!/^(Shared)?ArrayBuffer$/.test(typeOf(value))) return null
  return { text: false, bytes: new Uint8Array(new Uint8Array(value as ArrayBuffer)) }
}

/** Whether JSON would refuse it, leave it out, or turn it into something else in silence. */
function isStrange(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return /^(bigint|function|symbol)$/.test(typeof value)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === Array.prototype) return false
  if (ArrayBuffer.isView(value)) return true
  return !('toJSON' in value) && !/^(Object|Array|Number|String|Boolean)$/.test(typeOf(value))
}

/** Whether nothing in it is strange. It has no cycle. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'string') return true
  if (typeof value === 'number') return Number.isFinite(value)
  // Much faster than by its keys.
  if (Array.isArray(value)) return value.every(isPlain)
  if (isStrange(value)) return false
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return true
  for (const key in value) if (!isPlain((value as Record<string, unknown>)[key])) return false
  return true
}

function nameOf(value: unknown): string {
  return typeof value === 'number' ? String(value) : `of type ${typeOf(value)}`
}

function jsonOf(value: unknown): string {
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch {
    // What is below says more.
  }
  if (json !== undefined && isPlain(value)) return json
  const places = new Map<unknown, string>()
  JSON.stringify({ value }, function (this: Record<string, unknown>, key) {
    // Without `toJSON`, which has been called on what `JSON.stringify` hands over.
    const each = this[key]
    const holder = places.get(this)
    const place = holder ? `${holder}.${key}` : key
    if (isStrange(each)) throw new TypeError(`${place} is ${nameOf(each)}, which cannot be sent`)
    places.set(each, place)
    return each
  })
  throw new TypeError(`${typeof value} cannot be sent: it has no JSON form; send null or bytes`)
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
