import type { Reader, Writer } from './bytes.ts'
import { checkCount, checkUtf8, malformed } from './bytes.ts'
import { errorName, errors, type ErrorCode } from './errors.ts'
import { limits } from './limits.ts'
import type { Payload } from './payload.ts'
import { type Fields, type Kind, nowhere, type Position } from './schema.ts'

type Scalar = Exclude<Kind, object>

/** The binary form of each kind of field. */
const scalars: { [K in Scalar]: { write(w: Writer, value: never): void; read(r: Reader): unknown } } = {
  uint: { write: (w, value: number) => w.uint(value), read: (r) => r.uint() },
  bool: { write: (w, value: boolean) => w.byte(value ? 1 : 0), read: readBool },
  name: { write: (w, value: string) => w.text(value), read: (r) => r.text(limits.name) },
  wish: { write: (w, value: string) => w.text(value), read: (r) => r.text(r.left) },
  reason: { write: (w, value: string) => w.text(value), read: (r) => r.text(limits.reason) },
  token: { write: (w, value: string) => w.text(value), read: (r) => r.text(limits.token) },
  bytes: { write: (w, value: Uint8Array) => w.bytes(value), read: (r) => r.bytes(r.left) },
  payload: { write: writePayload, read: readPayload },
  error: { write: (w, value: ErrorCode) => w.uint(errors[value].code), read: (r) => toError(r.uint()) },
  why: { write: (w, value: ErrorCode | '') => w.uint(value === '' ? 0 : errors[value].code), read: readWhy },
  position: { write: writePosition, read: readPosition },
  frames: { write: (w, value: Uint8Array) => w.bytes(value), read: (r) => r.bytes(r.left) },
  publications: { write: (w, value: Uint8Array) => w.raw(value), read: (r) => r.raw(r.left) },
}

function readBool(r: Reader): boolean {
  const byte = r.byte()
  if (byte > 1) throw malformed('a boolean above 1')
  return byte === 1
}

/** A code that only a later minor of the protocol knows says at least that something failed. */
function toError(code: number): ErrorCode {
  if (code === 0) throw malformed('error code 0 is none')
  return errorName(code) ?? 'UNKNOWN'
}

function readWhy(r: Reader): ErrorCode | '' {
  const code = r.uint()
  return code === 0 ? '' : toError(code)
}

export function writePayload(w: Writer, payload: Payload): void {
  w.uint(payload.bytes.length * 2 + (payload.text ? 1 : 0))
  w.raw(payload.bytes)
}

export function readPayload(r: Reader): Payload {
  const head = r.uint()
  const text = head % 2 === 1
  const length = (head - (text ? 1 : 0)) / 2
  checkCount(length, limits.payload, 'bytes of payload')
  const bytes = r.raw(length)
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
  for (const name in fields) {
    const kind = fields[name] as Kind
    const value = values[name]
    if (typeof kind === 'string') scalars[kind].write(w, value as never)
    else {
      const list = value as readonly object[]
      w.uint(list.length)
      for (const item of list) writeFields(w, kind.list, item)
    }
  }
}

/** What a field of each kind is where its sender left it out. */
const zeros: { readonly [K in Scalar]: unknown } = {
  uint: 0,
  bool: false,
  name: '',
  wish: '',
  reason: '',
  token: '',
  bytes: new Uint8Array(0),
  payload: { text: false, bytes: new Uint8Array(0) },
  error: 'UNKNOWN',
  why: '',
  position: nowhere,
  frames: new Uint8Array(0),
  publications: new Uint8Array(0),
}

export function zeroOf(kind: Kind): unknown {
  return typeof kind === 'string' ? zeros[kind] : []
}

export function zerosOf(fields: Fields): object {
  return Object.fromEntries(Object.entries(fields).map(([name, kind]) => [name, zeroOf(kind)]))
}

export function isZero(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : value === 0 || value === '' || value === false
}

/** What of a tail is sent: all up to the last field that is not zero. Kinds of bytes are always sent. */
export function givenOf(tail: Fields, struct: object): Fields {
  const names = Object.keys(tail)
  const values = struct as Record<string, unknown>
  let count = names.length
  while (count > 0 && isZero(values[names[count - 1] as string])) count--
  return count === names.length ? tail : Object.fromEntries(Object.entries(tail).slice(0, count))
}

/** Reads what there is of the fields of a tail into `into`; what is missing gets its zero value. Throws PROTOCOL. */
export function readTail(r: Reader, tail: Fields, into: object): void {
  const values = into as Record<string, unknown>
  for (const name in tail) {
    const kind = tail[name] as Kind
    if (r.left > 0) readFields(r, { [name]: kind }, into)
    else values[name] = zeroOf(kind)
  }
}

/** Reads the fields of a struct into `into`. Throws PROTOCOL. */
export function readFields(r: Reader, fields: Fields, into: object): void {
  const values = into as Record<string, unknown>
  for (const name in fields) {
    const kind = fields[name] as Kind
    if (typeof kind === 'string') values[name] = scalars[kind].read(r)
    else {
      const count = r.uint()
      checkCount(count, limits[kind.max], name)
      const list: object[] = []
      for (let i = 0; i < count; i++) {
        const item = {}
        readFields(r, kind.list, item)
        list.push(item)
      }
      values[name] = list
    }
  }
}
