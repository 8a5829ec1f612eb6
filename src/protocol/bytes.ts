import { RtmsError } from './errors.ts'
import { MAX_UINT } from './limits.ts'

// Made on first use, so that a runtime without them can be given them after this module was loaded.
let madeEncoder: TextEncoder | undefined
let decoder: TextDecoder | undefined

function encoder(): TextEncoder {
  return (madeEncoder ??= new TextEncoder())
}

/** The only error that a decoder throws: PROTOCOL. */
export function malformed(what: string): RtmsError {
  return new RtmsError('PROTOCOL', what)
}

/** Throws PROTOCOL when `count` exceeds `max`. */
export function checkCount(count: number, max: number, what: string): void {
  if (count > max) throw malformed(`${count} ${what} where at most ${max} are allowed`)
}

/** Bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i) as number
    if (point >= 0x80) length += point < 0x800 ? 1 : 2
    // A surrogate pair: two UTF-16 units, four bytes.
    if (point > 0xffff) i++
  }
  return length
}

/** `text` as UTF-8; a lone surrogate becomes U+FFFD. */
export function utf8Encode(text: string): Uint8Array {
  return encoder().encode(text)
}

/** Decodes UTF-8. Throws PROTOCOL when the bytes are not UTF-8. */
export function utf8Decode(bytes: Uint8Array): string {
  // Short ASCII, the usual case for names, is several times faster without a call into the decoder; to spread an array
  // of bytes costs several times as much as to apply it.
  return bytes.length <= 32 && isAscii(bytes)
    ? String.fromCharCode.apply(null, bytes as unknown as number[])
    : decodeAny(bytes)
}

/** Throws PROTOCOL when the bytes are not UTF-8. */
export function checkUtf8(bytes: Uint8Array): void {
  if (!isAscii(bytes)) decodeAny(bytes)
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] as number) >= 0x80) return false
  return true
}

function decodeAny(bytes: Uint8Array): string {
  try {
    decoder ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return decoder.decode(bytes)
  } catch {
    throw malformed('text that is not UTF-8')
  }
}

/** Number of bytes that {@link Writer.uint} writes for `value`. */
export function uintLength(value: number): number {
  let length = 1
  while (value >= 0x80) {
    value = Math.floor(value / 0x80)
    length++
  }
  return length
}

const NONE: Uint8Array = new Uint8Array(0)

/**
 * The same bytes as a plain array: the `slice` of a Node.js Buffer returns a view, where that of a plain one copies.
 */
export function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array
    ? bytes
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * Appends to a growing buffer. The result of {@link Writer.finish} belongs to the caller and never changes. A writer
 * can be reset and reused, which saves growing the buffer again; synchronous code can share one.
 */
export class Writer {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  #reserve(count: number): number {
    const at = this.#length
    const end = at + count
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    this.#length = end
    return at
  }

  byte(value: number): void {
    const at = this.#reserve(1)
    this.#bytes[at] = value
  }

  /** An unsigned integer up to 2^53 − 1 as LEB128: seven bits a byte, lowest first. */
  uint(value: number): void {
    while (value >= 0x80) {
      this.byte((value % 0x80) | 0x80)
      value = Math.floor(value / 0x80)
    }
    this.byte(value)
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length)
    this.#bytes.set(bytes, at)
  }

  bytes(bytes: Uint8Array): void {
    this.uint(bytes.length)
    this.raw(bytes)
  }

  /** Appends what another writer has written. */
  append(other: Writer): void {
    const at = this.#reserve(other.#length)
    const bytes = this.#bytes
    // Most are short, and then a loop is faster than making a view.
    if (other.#length > 64) bytes.set(other.#bytes.subarray(0, other.#length), at)
    else for (let i = 0; i < other.#length; i++) bytes[at + i] = other.#bytes[i] as number
  }

  text(text: string): void {
    const length = utf8Length(text)
    this.uint(length)
    this.utf8(text, length)
  }

  /** Writes `text` as UTF-8 without a length prefix. `length`: its bytes in UTF-8. */
  utf8(text: string, length: number): void {
    const at = this.#reserve(length)
    if (length === text.length) for (let i = 0; i < length; i++) this.#bytes[at + i] = text.charCodeAt(i)
    else encoder().encodeInto(text, this.#bytes.subarray(at, at + length))
  }

  /** Returns the bytes written, for the caller to keep, and empties the writer. */
  finish(): Uint8Array {
    const bytes = this.#bytes
    const length = this.#length
    this.#length = 0
    if (length < bytes.length) return bytes.slice(0, length)
    // The buffer is exactly full: hand it over instead of copying.
    this.#bytes = NONE
    return bytes
  }

  /** Discards what was written after the first `length` bytes. */
  reset(length = 0): void {
    this.#length = length
  }
}

/**
 * Reads from {@link plain} bytes it does not own. Never reads outside [start, end), and never allocates by a length
 * that the data only claims.
 */
export class Reader {
  readonly #bytes: Uint8Array
  #at: number
  readonly #end: number

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get left(): number {
    return this.#end - this.#at
  }

  byte(): number {
    return this.#bytes[this.#pass(1)] as number
  }

  uint(): number {
    let value = this.byte()
    if (value < 0x80) return value
    value &= 0x7f
    for (let scale = 0x80; ; scale *= 0x80) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (Math.max(value, scale) > MAX_UINT) throw malformed('an integer above 2^53 - 1')
      if (byte >= 0x80) continue
      if (byte === 0) throw malformed('an overlong integer')
      return value
    }
  }

  #pass(length: number): number {
    if (length > this.left) throw malformed('the packet ends too early')
    const at = this.#at
    this.#at += length
    return at
  }

  /** A copy of the next `length` bytes, for the caller to keep: a view would keep all of the packet in memory. */
  copy(length: number): Uint8Array {
    return this.#bytes.slice(this.#pass(length), this.#at)
  }

  /** A view of the next `length` bytes. */
  raw(length: number): Uint8Array {
    return this.#bytes.subarray(this.#pass(length), this.#at)
  }

  bytes(limit: number): Uint8Array {
    const length = this.uint()
    checkCount(length, limit, 'bytes')
    return this.raw(length)
  }

  text(limit: number): string {
    return utf8Decode(this.bytes(limit))
  }

  /** A reader of the next `length` bytes. */
  part(length: number): Reader {
    return new Reader(this.#bytes, this.#pass(length), this.#at)
  }

  /** Throws PROTOCOL when bytes are left over. */
  finish(): void {
    if (this.#at !== this.#end) throw malformed(`${this.left} bytes too many`)
  }
}
