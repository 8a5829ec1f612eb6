import { checkCount, checkUtf8, malformed, Reader, type Writer } from './bytes.ts'
import { errorNames, type ErrorCode } from './errors.ts'
import { limits } from './limits.ts'
import type { Payload } from './payload.ts'
import type { Fields, Kind, Position } from './schema.ts'

type Scalar = Exclude<Kind, object>

interface Form {
  write(w: Writer, value: never): void
  read(r: Reader): unknown
}

function textForm(limit: number): Form {
  return { write: (w, value: string) => w.text(value), read: (r) => r.text(limit) }
}

const bytesForm: Form = { write: (w, value: Uint8Array) => w.bytes(value), read: (r) => r.bytes(Infinity) }

/** The binary form of each kind of field. */
const scalars: { [K in Scalar]: Form } = {
  uint: { write: (w, value: number) => w.uint(value), read: (r) => r.uint() },
  bool: { write: (w, value: boolean) => w.byte(value ? 1 : 0), read: readBool },
  name: textForm(limits.name),
  wish: textForm(Infinity),
  reason: textForm(limits.reason),
  token: textForm(limits.token),
  bytes: bytesForm,
  payload: { write: writePayload, read: readPayload },
  error: { write: writeWhy, read: (r) => toError(r.uint()) },
  why: { write: writeWhy, read: readWhy },
  position: { write: writePosition, read: readPosition },
  frames: bytesForm,
  publications: { write: (w, value: Uint8Array) => w.raw(value), read: (r) => r.raw(r.left) },
}

function readBool(r: Reader): boolean {
  const byte = r.byte()
  if (byte > 1) throw malformed('a boolean above 1')
  return byte === 1
}

/** A code from a later minor version of the protocol becomes UNKNOWN: it says at least that something failed. */
function toError(code: number): ErrorCode {
  if (code === 0) throw malformed('error code 0 is none')
  return (errorNames[code - 1] ?? 'UNKNOWN') as ErrorCode
}

/** '' is not in the table, and so is written as 0. */
function writeWhy(w: Writer, value: ErrorCode | ''): void {
  w.uint(errorNames.indexOf(value) + 1)
}

function readWhy(r: Reader): ErrorCode | '' {
  const code = r.uint()
  return code === 0 ? '' : toError(code)
}

export function writePayload(w: Writer, payload: Payload): void {
  const { bytes, text } = payload
  w.uint(bytes.length * 2 + (text ? 1 : 0))
  w.raw(bytes)
}

export function readPayload(r: Reader): Payload {
  const head = r.uint()
  const text = head % 2 === 1
  return readData(r, (head - (text ? 1 : 0)) / 2, text)
}

/** Passes over a payload, of which nothing is needed but that it is one. */
export function passPayload(r: Reader): void {
  const head = r.uint()
  const isText = head % 2 === 1
  const length = (head - (isText ? 1 : 0)) / 2
  checkCount(length, limits.payload, 'bytes of payload')
  if (isText) checkUtf8(r.raw(length))
  else r.part(length)
}

/** Reads a payload of `length` bytes. */
export function readData(r: Reader, length: number, text: boolean): Payload {
  checkCount(length, limits.payload, 'bytes of payload')
  const bytes = r.copy(length)
  if (text) checkUtf8(bytes)
  return { text, bytes }
}

function writePosition(w: Writer, { epoch, at, numbers }: Position): void {
  w.uint(epoch)
  w.uint(at)
  w.uint(numbers.length)
  for (const [publisher, number] of numbers) {
    w.uint(publisher)
    w.uint(number)
  }
}

function readPosition(r: Reader): Position {
  const epoch = r.uint()
  const at = r.uint()
  const count = r.uint()
  checkCount(count, limits.publishers, 'publishers')
  const numbers: [number, number][] = []
  for (let i = 0; i < count; i++) numbers.push([r.uint(), r.uint()])
  return { epoch, at, numbers }
}

/** Writes the fields of a struct in the order of the schema. */
export function writeFields(w: Writer, fields: Fields, struct: object): void {
  const values = struct as Record<string, unknown>
  for (const name in fields) writeField(w, fields[name] as Kind, values[name])
}

function writeField(w: Writer, kind: Kind, value: unknown): void {
  if (typeof kind === 'string') return scalars[kind].write(w, value as never)
  const list = value as readonly object[]
  w.uint(list.length)
  for (const item of list) writeFields(w, kind.list, item)
}

export function isZero(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : value === 0 || value === '' || value === false
}

/** Writes a tail up to the last field that is not zero. Fields of bytes never count as zero. */
export function writeTail(w: Writer, tail: Fields, struct: object): void {
  const values = struct as Record<string, unknown>
  let end = w.length
  for (const name in tail) {
    writeField(w, tail[name] as Kind, values[name])
    if (!isZero(values[name])) end = w.length
  }
  w.reset(end)
}

/** Reads the fields of a struct into `into`. Throws PROTOCOL when they are malformed. */
export function readFields(r: Reader, fields: Fields, into: object): void {
  const values = into as Record<string, unknown>
  for (const name in fields) values[name] = readField(r, fields[name] as Kind)
}

function readField(r: Reader, kind: Kind): unknown {
  if (typeof kind === 'string') return scalars[kind].read(r)
  const count = r.uint()
  checkCount(count, limits[kind.max], kind.max)
  const list: object[] = []
  for (let i = 0; i < count; i++) {
    const item = {}
    readFields(r, kind.list, item)
    list.push(item)
  }
  return list
}

/** Reads a tail into `into`; missing fields get their zero value. Throws PROTOCOL when a field is malformed. */
export function readTail(r: Reader, tail: Fields, into: object): void {
  const values = into as Record<string, unknown>
  for (const name in tail) {
    const kind = tail[name] as Kind
    values[name] = r.left > 0 ? readField(r, kind) : zeroOf(kind)
  }
}

/**
 * A reader of zero bytes, which decode to the zero value of every kind except `error`, which has none, and the kinds
 * that are already encoded.
 */
export function zeros(): Reader {
  return new Reader(new Uint8Array(16))
}

export function zeroOf(kind: Kind): unknown {
  return readField(zeros(), kind)
}
