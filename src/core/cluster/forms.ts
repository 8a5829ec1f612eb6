import { checkCount, malformed, Reader, Writer } from '../../protocol/bytes.ts'
import { limits } from '../../protocol/limits.ts'
import type { Payload } from '../../protocol/payload.ts'
import { readPayload, writePayload } from '../../protocol/struct.ts'

/** How a value is written into a message between nodes. `read` throws when the bytes are malformed. */
export interface Form<T> {
  write(w: Writer, value: T): void
  read(r: Reader): T
}

export const uint: Form<number> = { write: (w, value) => w.uint(value), read: (r) => r.uint() }

/** An integer from `least` to `most`; `what` it is, for the error. */
export function within(least: number, most: number, what: string): Form<number> {
  return {
    write: (w, value) => w.uint(value),
    read: (r) => {
      const number = r.uint()
      if (number < least || number > most) throw malformed(what)
      return number
    },
  }
}

export const bool: Form<boolean> = {
  write: (w, value) => w.byte(value ? 1 : 0),
  read: (r) => {
    const byte = r.byte()
    if (byte > 1) throw malformed('a boolean')
    return byte === 1
  },
}

/** Text of at most `most` bytes. */
export function text(most: number): Form<string> {
  return { write: (w, value) => w.text(value), read: (r) => r.text(most) }
}

export const name: Form<string> = text(limits.name)

export const bytes: Form<Uint8Array> = {
  write: (w, value) => w.bytes(value),
  // Not a part of a packet, which it would keep.
  read: (r) => r.bytes(Infinity).slice(),
}

export const payload: Form<Payload> = { write: writePayload, read: readPayload }

/** Bytes of any length, a copy. */
export const blob: Form<Uint8Array> = {
  write: (w, value) => w.bytes(value),
  read: (r) => r.bytes(Infinity).slice(),
}

export function nullable<T>(form: Form<T>): Form<T | null> {
  return {
    write: (w, value) => {
      bool.write(w, value !== null)
      if (value !== null) form.write(w, value)
    },
    read: (r) => (bool.read(r) ? form.read(r) : null),
  }
}

/** A value with a JSON form, which nodes of one version exchange; its shape is not checked. */
export function json<T>(): Form<T> {
  return {
    write: (w, value) => w.text(JSON.stringify(value)),
    read: (r) => JSON.parse(r.text(Infinity)) as T,
  }
}

/**
 * Items in all lists of a message: many times what any of them has. Items of a byte or two weigh a hundred times that,
 * and one message of a node that is broken must not hold up others with millions of them.
 */
const MOST_ITEMS = 131_072
const itemsOf: WeakMap<Reader, number> = new WeakMap()

/** Of `most` items at the most. */
export function list<T>(item: Form<T>, most: number = Infinity): Form<readonly T[]> {
  return {
    write: (w, values) => {
      w.uint(values.length)
      for (const value of values) item.write(w, value)
    },
    read: (r) => {
      const count = r.uint()
      const before = itemsOf.get(r) ?? 0
      // Each item has a byte at least, so a length that is only claimed allocates nothing.
      checkCount(count, Math.min(most, r.left, MOST_ITEMS - before), 'items')
      itemsOf.set(r, before + count)
      return Array.from({ length: count }, () => item.read(r))
    },
  }
}

/** The fields of an object, in the order given. */
export function struct<T extends object>(fields: { readonly [F in keyof T]: Form<T[F]> }): Form<T> {
  const entries = Object.entries(fields) as [keyof T, Form<T[keyof T]>][]
  return {
    write: (w, value) => {
      for (const [field, form] of entries) form.write(w, value[field])
    },
    read: (r) => {
      const value: Partial<T> = {}
      for (const [field, form] of entries) value[field] = form.read(r)
      return value as T
    },
  }
}

/**
 * How messages of several types are written: `code` (one byte), the place of the type in `forms` (one byte), the rest.
 */
export function messages<M extends { readonly type: string }>(
  code: number,
  forms: { readonly [T in M['type']]: Form<Omit<Extract<M, { readonly type: T }>, 'type'>> },
): {
  encode: (message: M) => Uint8Array
  /** Null where it is malformed. */
  decode: (bytes: Uint8Array) => M | null
} {
  const types = Object.keys(forms) as M['type'][]
  const formOf = (type: M['type']): Form<object> => forms[type]
  return {
    encode: (message) => {
      const w = new Writer()
      w.byte(code)
      w.byte(types.indexOf(message.type))
      formOf(message.type).write(w, message)
      return w.finish()
    },
    decode: (bytes) => {
      try {
        const r = new Reader(bytes)
        if (r.byte() !== code) return null
        const type = types[r.byte()]
        if (type === undefined) return null
        const message = { type, ...formOf(type).read(r) }
        r.finish()
        return message as M
      } catch {
        return null
      }
    },
  }
}
